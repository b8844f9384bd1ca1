/**
 * A check, and how a trial becomes one: whatever happens in a trial, it ends as a check.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ByteSource from "../audio/ByteSource.ts"
import { VoiceError } from "../VoiceError.ts"

/**
 * The subject area of a check.
 *
 * @category models
 * @since 0.1.0
 */
export type Group =
  | "runtime"
  | "package"
  | "opus"
  | "decoder"
  | "cipher"
  | "e2ee"
  | "thread"
  | "program"
  | "udp"
  | "clock"
  | "limit"

/**
 * What a check is about.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subject {
  readonly group: Group
  /** Unique among the checks of a report, and the same in every report. */
  readonly name: string
  /** Whether voice connections do not work at all without it. */
  readonly isRequired: boolean
}

/**
 * The result of a check. `ok`: it is present and works. `warning`: it works, but there is something to know about it.
 * `missing`: it is missing or does not work.
 *
 * @category models
 * @since 0.1.0
 */
export interface Check extends Subject {
  readonly status: "ok" | "warning" | "missing"
  /** The result in words. */
  readonly detail: string
  /** What to do about it; `undefined` if nothing has to be done. */
  readonly remedy: string | undefined
  /** The result for programs: versions, paths, and measurements with the unit in their name. */
  readonly facts: Readonly<Record<string, string | number>>
}

const widths: { readonly status: number; readonly group: number } = { status: 8, group: 8 }

/**
 * A check in one line, with a second line that says what to do, if anything.
 *
 * @category combinators
 * @since 0.1.0
 */
export const line = (check: Check): string => {
  const { detail, group, isRequired, name, remedy, status } = check
  const head = `${status.padEnd(widths.status)} ${group.padEnd(widths.group)} ${name}`
  const optional = status === "missing" && !isRequired ? " (optional)" : ""
  const rest = remedy === undefined ? "" : `\n${" ".repeat(widths.status + widths.group + 2)}${remedy}`
  return `${head}${optional}: ${detail}${rest}`
}

/**
 * The remedy for an incomplete package.
 *
 * @internal
 */
export const reinstall = "reinstall the package where it runs: npm ci --omit=dev"

/**
 * The result of a trial that succeeded, perhaps with a warning.
 *
 * @internal
 */
export interface Finding {
  readonly detail: string
  readonly facts?: Check["facts"] | undefined
  /** Makes it a warning: what to do. */
  readonly remedy?: string | undefined
}

/**
 * The time after which a trial has failed, in milliseconds.
 *
 * @internal
 */
export const patienceMs = 15_000

/**
 * A trial did not succeed.
 *
 * @internal
 */
export class Unfit {
  readonly _tag = "Unfit"
  readonly detail: string
  constructor(detail: string) {
    this.detail = detail
  }
}

/** In one line, and without an error's own remedy: a check has its own. */
const describe = (cause: unknown): string => {
  const said = cause instanceof VoiceError ? cause.reason : cause
  const text = typeof said === "object" && said !== null && "detail" in said
    ? String(said.detail)
    : ByteSource.describe(said)
  return text.replaceAll(/\s+/g, " ").trim().replace(/\.$/, "")
}

/**
 * @internal
 */
export const found = (subject: Subject, { detail, facts = {}, remedy }: Finding): Check => ({
  ...subject,
  status: remedy === undefined ? "ok" : "warning",
  detail,
  remedy,
  facts
})

/**
 * @internal
 */
export const missing = (
  subject: Subject,
  detail: string,
  remedy: string,
  facts: Check["facts"] = {}
): Check => ({ ...subject, status: "missing", detail, remedy, facts })

/**
 * Turns a failed check into a warning, for something that is not needed because an alternative works.
 *
 * @internal
 */
export const asWarning = (check: Check): Check => ({ ...check, status: "warning" })

/**
 * Runs a trial. A failure, a defect and a trial that does not end are `missing`, with this remedy.
 *
 * @internal
 */
export const attempt = (
  subject: Subject,
  remedy: string,
  trial: Effect.Effect<Finding, { readonly _tag: string }, Scope.Scope>,
  limitMs = patienceMs
): Effect.Effect<Check> =>
  trial.pipe(
    Effect.scoped,
    Effect.timeoutOrElse({
      duration: limitMs,
      orElse: () => Effect.fail(new Unfit(`it did not finish within ${limitMs / 1000} seconds`))
    }),
    Effect.map((finding) => found(subject, finding)),
    Effect.catch((error) => Effect.succeed(missing(subject, describe(error), remedy))),
    Effect.catchDefect((defect) => Effect.succeed(missing(subject, describe(defect), remedy)))
  )
