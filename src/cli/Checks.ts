/**
 * The checks of the doctor as the command line prints them: a line for a person, or an object for a program.
 *
 * @since 0.1.0
 */
import * as Check from "../doctor/Check.ts"

/** A check for a program: every field is present. */
const event = ({ detail, facts, group, isRequired, name, remedy, status }: Check.Check) => ({
  event: "check",
  group,
  name,
  status,
  required: isRequired,
  detail,
  remedy: remedy ?? null,
  facts
})

/**
 * @category combinators
 * @since 0.1.0
 */
export const text = (check: Check.Check, json: boolean): string =>
  json ? JSON.stringify(event(check)) : Check.line(check)
