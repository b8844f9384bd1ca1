/**
 * The properties of a webhook (Discord docs, Resources, Webhook).
 *
 * @since 0.1.0
 */
import { invalidForm, ofText, type Problem } from "../http/FormProblems.ts"
import type { RestResponse } from "../http/RestAnswer.ts"
import type { Json } from "../objects/DiscordObject.ts"

/** The maximum length of its name. */
const longestName = 80

/** Discord does not allow any of these in the name of a webhook (Discord docs, Create Webhook). */
const forbidden = ["clyde", "discord"]

/**
 * What is wrong with a name with which a webhook writes.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemsOf = (path: string, name: unknown, isRequired = false): ReadonlyArray<Problem> => {
  const found = typeof name === "string" ? forbidden.find((word) => name.toLowerCase().includes(word)) : undefined
  return [
    ...ofText(path, name, { least: 1, most: longestName, isRequired }),
    ...(found === undefined
      ? []
      : [{ path, code: "USERNAME_INVALID_CONTAINS", message: `Username cannot contain "${found}"` }])
  ]
}

/**
 * The new name, absent if the webhook keeps its name; or what is wrong.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = ({ name }: Json, isNew: boolean): { readonly name?: string } | RestResponse => {
  const problems = problemsOf("name", name, isNew)
  if (problems.length > 0) return invalidForm(...problems)
  return typeof name === "string" ? { name: name.trim() } : {}
}
