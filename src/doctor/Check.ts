/**
 * One thing that was looked at, and how it is tried: whatever happens in a trial, it ends as a check.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ByteSource from "../audio/ByteSource.ts"
import { VoiceError } from "../VoiceError.ts"

/**
 * What a check is about.
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
 * @category models
 * @since 0.1.0
 */
export interface Subject {
  readonly group: Group
  /** Unique among the checks of a report, and the same in every one. */
  readonly name: string
  /** Whether no voice connection works without it. */
  readonly isRequired: boolean
}

/**
 * What was found. `ok`: it is there, and works. `warning`: it works, and something should be known of it. `missing`: it is not there,
 * or does not work.
 *
 * @category models
 * @since 0.1.0
 */
export interface Check extends Subject {
  readonly status: "ok" | "warning" | "missing"
  /** What was found, in words. */
  readonly detail: string
  /** What to do about it; `undefined` where there is nothing to do. */
  readonly remedy: string | undefined
  /** The same for programs: versions, paths, and measures with their unit in their name. */
  readonly facts: Readonly<Record<string, string | number>>
}

const widths: { readonly status: number; readonly group: number } = { status: 8, group: 8 }

/**
 * A check in a line, and in a second one what to do, if there is anything.
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
 * What helps where a package is not whole.
 *
 * @internal
 */
export const reinstall = "reinstall the package where it runs: npm ci --omit=dev"

/**
 * What a trial has to say that went well, or nearly so.
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
 * A trial that takes longer has failed, in milliseconds.
 *
 * @internal
 */
export const patienceMs = 15_000

/**
 * A trial did not go well.
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

/** In one line, and without what an error says of its remedy: a check has its own. */
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
 * For what does not work, and is not needed where something else does.
 *
 * @internal
 */
export const asWarning = (check: Check): Check => ({ ...check, status: "warning" })

/**
 * Tries something. A failure, a defect and a trial without end are `missing`, with this remedy.
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
