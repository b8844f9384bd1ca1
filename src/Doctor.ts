/**
 * Tries what a voice connection needs of the machine and of what is installed: codecs encode and decode, ciphers seal and open, the
 * engine of end-to-end encryption makes keys, threads start, datagrams come back, and the beat is measured. Nothing leaves the
 * machine, and nothing fails: what does not work is said in the report.
 *
 * The command `effect-discord-voice doctor` prints the same.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { type Check, line } from "./doctor/Check.ts"
import * as Installed from "./doctor/Installed.ts"
import * as Machine from "./doctor/Machine.ts"
import * as Trials from "./doctor/Trials.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Check,
  /**
   * @category models
   * @since 0.1.0
   */
  Group,
  /**
   * @category models
   * @since 0.1.0
   */
  Subject
} from "./doctor/Check.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The program, as in the option `ffmpeg` of a source. Default "ffmpeg", on the PATH. */
  readonly ffmpeg?: string | undefined
  /** How long the beat is measured, a minute at most. Default 1 second. */
  readonly beat?: Duration.Input | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly checks: ReadonlyArray<Check>
  /** Whether nothing is missing without which no voice connection works. */
  readonly isFit: boolean
}

/**
 * What stands in the way of every voice connection.
 *
 * @category guards
 * @since 0.1.0
 */
export const isObstacle = ({ isRequired, status }: Check): boolean => isRequired && status === "missing"

/**
 * The checks one after another, as they are made; some two seconds in all. Interrupted, they leave nothing behind.
 *
 * @category constructors
 * @since 0.1.0
 */
export const checks = (options: Options = {}): Stream.Stream<Check> =>
  Stream.fromIterable<Effect.Effect<ReadonlyArray<Check>>>([
    Effect.sync(Installed.checks),
    ...Trials.trials,
    Machine.programs(options.ffmpeg ?? "ffmpeg"),
    Effect.map(Machine.udp, (check) => [check]),
    Machine.limits,
    Effect.map(Machine.beat(options.beat ?? "1 second"), (check) => [check])
  ]).pipe(
    // what a service would log is in the report
    Stream.mapEffect((made) => Effect.provide(made, Logger.layer([]))),
    Stream.flattenIterable
  )

/**
 * Makes all checks. It never fails.
 *
 * @example
 * ```ts
 * import { Doctor } from "effect-discord-voice"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const report = yield* Doctor.examine()
 *   yield* report.isFit ? Effect.logInfo(Doctor.format(report)) : Effect.logError(Doctor.format(report))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const examine = (options?: Options): Effect.Effect<Report> =>
  Effect.map(Stream.runCollect(checks(options)), (all) => ({ checks: all, isFit: !all.some(isObstacle) }))

export {
  /**
   * A check in a line, and in a second one what to do, if there is anything.
   *
   * @category combinators
   * @since 0.1.0
   */
  line
} from "./doctor/Check.ts"

/**
 * What it comes to, in a sentence.
 *
 * @category combinators
 * @since 0.1.0
 */
export const verdict = (checks: ReadonlyArray<Check>): string => {
  const obstacles = checks.filter(isObstacle).map(({ name }) => name)
  const warnings = checks.filter(({ status }) => status === "warning").map(({ name }) => name)
  const optional = checks.filter((check) => check.status === "missing" && !isObstacle(check)).map(({ name }) => name)
  return [
    obstacles.length === 0 ? "Everything that voice needs is there." : `Voice does not work: ${obstacles.join(", ")}.`,
    ...(warnings.length === 0 ? [] : [`Warnings: ${warnings.join(", ")}.`]),
    ...(optional.length === 0 ? [] : [`Missing, but optional: ${optional.join(", ")}.`])
  ].join(" ")
}

/**
 * A report as text, to be logged or sent to whoever helps: it has versions and paths, and nothing secret.
 *
 * @category combinators
 * @since 0.1.0
 */
export const format = ({ checks }: Report): string => [...checks.map(line), verdict(checks)].join("\n")
