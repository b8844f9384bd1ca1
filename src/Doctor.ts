/**
 * Tests what a voice connection needs of the machine and of the installed packages: codecs encode and decode, ciphers seal
 * and open, the engine of end-to-end encryption makes keys, threads start, datagrams come back, and the accuracy of the beat
 * is measured. Nothing leaves the machine, and nothing fails: the report says what does not work.
 *
 * The command `effect-discord-voice doctor` prints the same report.
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
 * The options of {@link examine}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The ffmpeg program, as in the option `ffmpeg` of a source. Default "ffmpeg", on the PATH. */
  readonly ffmpeg?: string | undefined
  /** How long the beat is measured, a minute at most. Default 1 second. */
  readonly beat?: Duration.Input | undefined
}

/**
 * The result of {@link examine}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly checks: ReadonlyArray<Check>
  /** Whether everything is there that every voice connection needs. */
  readonly isFit: boolean
}

/**
 * Whether a check found something that prevents every voice connection.
 *
 * @category guards
 * @since 0.1.0
 */
export const isObstacle = ({ isRequired, status }: Check): boolean => isRequired && status === "missing"

/**
 * Runs the checks one after another and emits each when it is done; they take about two seconds in all. Interruption leaves
 * nothing behind.
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
    // the report has what a service would log
    Stream.mapEffect((made) => Effect.provide(made, Logger.layer([]))),
    Stream.flattenIterable
  )

/**
 * Runs all checks. Never fails.
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
   * Formats a check as one line, with a second line that says what to do, if there is anything.
   *
   * @category combinators
   * @since 0.1.0
   */
  line
} from "./doctor/Check.ts"

/**
 * Summarizes the checks in a sentence.
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
 * Formats a report as text, to be logged or sent to someone who helps. It contains versions and paths, and no secrets.
 *
 * @category combinators
 * @since 0.1.0
 */
export const format = ({ checks }: Report): string => [...checks.map(line), verdict(checks)].join("\n")
