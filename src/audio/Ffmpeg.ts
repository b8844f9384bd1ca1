/**
 * ffmpeg, for what nothing in this process decodes, and by choice.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VoiceError } from "../VoiceError.ts"
import type { OpenPcm } from "./AudioSource.ts"
import * as ByteSource from "./ByteSource.ts"
import * as ChildProcess from "./ChildProcess.ts"
import type * as Container from "./Container.ts"
import * as RawPcm from "./RawPcm.ts"
import * as Spool from "./Spool.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface FfmpegOptions {
  /** The program. Default "ffmpeg", on the PATH. */
  readonly command?: string | undefined
  /** Before the input: how it is read, such as `["-re"]`, or `["-f", "s16le", "-ar", "8000"]`. */
  readonly inputArgs?: ReadonlyArray<string> | undefined
  /** Behind the input: filters and the like, such as `["-af", "atempo=1.25"]`. */
  readonly args?: ReadonlyArray<string> | undefined
  /** Milliseconds between the request to end and the end by force. Default 2000. */
  readonly killAfterMs?: number | undefined
}

/** What to do about a missing one. */
const hint = "install ffmpeg, or say where it is"

const argsOf = (input: string, options: FfmpegOptions, fromMs: number): Array<string> => [
  "-hide_banner",
  "-nostdin",
  "-loglevel",
  "error",
  ...(fromMs > 0 ? ["-ss", (fromMs / 1000).toFixed(6)] : []),
  ...(options.inputArgs ?? []),
  "-i",
  input,
  "-map",
  "0:a:0",
  ...(options.args ?? []),
  "-f",
  "f32le",
  "-ar",
  "48000",
  "-ac",
  "2",
  "pipe:1"
]

const pcm = { format: "f32le", rate: 48_000, channels: 2 } as const

const commandOf = (input: string, options: FfmpegOptions, fromMs: number): ChildProcess.Command => ({
  command: options.command ?? "ffmpeg",
  args: argsOf(input, options, fromMs),
  killAfterMs: options.killAfterMs
})

/**
 * Has ffmpeg read something that it can open itself: a file, a URL, a device. It is started anew for a seek.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (
  input: string,
  name: string,
  options: FfmpegOptions = {}
): Effect.Effect<OpenPcm, VoiceError, Scope.Scope> =>
  RawPcm.restartable(
    (positionMs) =>
      Effect.flatMap(
        // behind the end there is nothing, and that is said nowhere
        ChildProcess.open(commandOf(input, options, positionMs), name, { hint, isSilenceFailure: positionMs === 0 }),
        (bytes) => RawPcm.open(bytes, pcm)
      )
  )

/**
 * Has ffmpeg read bytes. There is no way back in them, and so no seek.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofBytes = (
  input: ByteSource.ByteSource,
  options: FfmpegOptions = {}
): Effect.Effect<OpenPcm, VoiceError, Scope.Scope> =>
  Effect.flatMap(
    ChildProcess.open(commandOf("pipe:0", options, 0), input.name, { input, hint, isSilenceFailure: true }),
    (bytes) => RawPcm.open(bytes, pcm)
  )

/**
 * For what nothing here decodes: tries ffmpeg, on the path that the source has or on its bytes. Fails with `Unsupported`, and
 * one sentence that says both what it is and that ffmpeg is missing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fallback = (
  options: FfmpegOptions | false | undefined,
  path?: string
): Container.Fallback =>
(source, reason, format) => {
  if (options === false) return Effect.fail(ByteSource.failure(source.name, "Unsupported", reason))
  const { name } = source
  const opened = path !== undefined
    ? open(path, name, options)
    // the index of an MP4 stands at its end as often as not, where ffmpeg does not get to in a pipe
    : format === "mp4"
    ? Effect.flatMap(Spool.toFile(source), (file) => open(file, name, options))
    : ofBytes(source, options)
  return Effect.catch(opened, (error) => {
    const missing = error.reason._tag === "SourceFailed" && error.reason.kind === "NotFound"
    return Effect.fail(
      missing
        ? ByteSource.failure(
          source.name,
          "Unsupported",
          `${reason}; ffmpeg could decode it, but ${options?.command ?? "ffmpeg"} is not there, nor on the PATH`
        )
        : error
    )
  })
}
