/**
 * ffmpeg, for formats that this process does not decode, and on request.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VoiceError } from "../../VoiceError.ts"
import * as Bounds from "../Bounds.ts"
import * as ByteSource from "../ByteSource.ts"
import type { OpenPcm } from "../OpenSource.ts"
import * as ChildProcess from "../process/ChildProcess.ts"
import * as FfmpegGuard from "../process/FfmpegGuard.ts"
import * as Ffprobe from "../process/Ffprobe.ts"
import * as Spool from "../process/Spool.ts"
import type * as Container from "./Container.ts"
import * as RawPcm from "./RawPcm.ts"

/**
 * How ffmpeg is called.
 *
 * @category models
 * @since 0.1.0
 */
export interface FfmpegOptions {
  /** The program. Default "ffmpeg", on the PATH. */
  readonly command?: string | undefined
  /** Arguments before the input, which say how to read it, such as `["-re"]`, or `["-f", "s16le", "-ar", "8000"]`. */
  readonly inputArgs?: ReadonlyArray<string> | undefined
  /** Arguments after the input: filters and the like, such as `["-af", "atempo=1.25"]`. */
  readonly args?: ReadonlyArray<string> | undefined
  /**
   * How many milliseconds of the input are in one millisecond of output, if `args` change it: 1.25 for
   * `["-af", "atempo=1.25"]`. If it is given, `args` are assumed to keep all of the input, and the duration is known. Default
   * 1.
   */
  readonly speed?: number | undefined
  /**
   * The program that reports the duration and the tags of a file or an HTTP URL, once for all openings, while ffmpeg starts.
   * `false` for none. Default: `ffprobe` next to `command`, if it is there.
   */
  readonly ffprobe?: string | false | undefined
  /** Milliseconds between the request to end and the end by force. Default 2000. */
  readonly killAfterMs?: number | undefined
}

/** What to do if ffmpeg is missing. */
const hint = "install ffmpeg, or set its path in the option `command`"

/** How ffmpeg is run. */
interface Run extends FfmpegOptions {
  /** The environment. Default: the variables of this process. */
  readonly env?: ChildProcess.Command["env"]
}

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

const commandOf = (input: string, options: Run, fromMs: number): ChildProcess.Command => ({
  command: options.command ?? "ffmpeg",
  env: options.env,
  args: argsOf(input, options, fromMs),
  killAfterMs: options.killAfterMs
})

/**
 * The ffprobe that belongs to an ffmpeg, by its name.
 *
 * @internal
 */
export const besides = (command: string): string | undefined => {
  const beside = command.replace(/ffmpeg(?=[^/\\]*$)/i, "ffprobe")
  return beside === command ? undefined : beside
}

/** What to ask about an input, if anything. */
const inquire = (input: string, options: Run): Ffprobe.Inquiry => {
  const { args = [], env, ffprobe, inputArgs = [], speed } = options
  const command = ffprobe ?? besides(options.command ?? "ffmpeg")
  const inquiry = Ffprobe.make(
    command === undefined || command === false ? undefined : { command, inputArgs, input, env }
  )
  // their effect on the length is unknown
  return args.length > 0 && speed === undefined ? Ffprobe.withoutDuration(inquiry) : inquiry
}

/** The output, with the given speed. */
const atSpeed = <E, R>(options: FfmpegOptions, opening: Effect.Effect<OpenPcm, E, R>) =>
  Effect.flatMap(
    Bounds.speed(options.speed ?? 1),
    (speed) => Effect.map(opening, (opened): OpenPcm => ({ ...opened, speed }))
  )

/**
 * Lets ffmpeg read something that it can open itself: a file, a URL, a device. A seek starts it again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (
  input: string,
  name: string,
  options: Run = {},
  inquiry = inquire(input, options)
): Effect.Effect<OpenPcm, VoiceError, Scope.Scope> => {
  const opening = RawPcm.restartable(
    (positionMs) =>
      Effect.flatMap(
        // there is nothing after the end, and ffmpeg does not report that
        ChildProcess.open(commandOf(input, options, positionMs), name, { hint, isSilenceFailure: positionMs === 0 }),
        (bytes) => RawPcm.open(bytes, pcm)
      )
  )
  return atSpeed(options, Ffprobe.told(opening, inquiry))
}

/**
 * Lets ffmpeg read bytes. They cannot be read again, so there is no seek.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofBytes = (
  input: ByteSource.ByteSource,
  options: FfmpegOptions = {}
): Effect.Effect<OpenPcm, VoiceError, Scope.Scope> =>
  atSpeed(
    options,
    Effect.flatMap(
      ChildProcess.open(commandOf("pipe:0", options, 0), input.name, { input, hint, isSilenceFailure: true }),
      (bytes) => RawPcm.open(bytes, pcm)
    )
  )

/**
 * The fallback for formats that nothing here decodes: tries ffmpeg, on the source's path or on its bytes. Fails with
 * `Unsupported`, with one sentence that says both what the format is and that ffmpeg is missing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fallback = (
  options: FfmpegOptions | false | undefined,
  path?: string
): Container.Fallback => {
  const by = (way: "file" | "pipe"): FfmpegOptions => ({
    ...(options === false ? undefined : options),
    inputArgs: FfmpegGuard.inputArgs(way, options === false ? undefined : options?.inputArgs)
  })
  const inquiry = path === undefined || options === false ? undefined : inquire(path, by("file"))
  return (source, reason, format) => {
    if (options === false) return Effect.fail(ByteSource.failure(source.name, "Unsupported", reason))
    const { name } = source
    const opened = path !== undefined
      ? open(path, name, by("file"), inquiry)
      // the index of an MP4 is often at its end, which ffmpeg cannot reach in a pipe
      : format === "mp4"
      ? Effect.flatMap(Spool.toFile(source), (file) => open(file, name, by("file")))
      : ofBytes(source, by("pipe"))
    return explained(opened, name, `${reason}; ffmpeg could decode it, but ${missing(options)}`)
  }
}

const missing = (options: FfmpegOptions | undefined): string =>
  `${options?.command ?? "ffmpeg"} was not found on the PATH`

/** Says in our own words that ffmpeg is missing. */
const explained = <A, R>(opening: Effect.Effect<A, VoiceError, R>, name: string, sentence: string) =>
  Effect.mapError(opening, (error) =>
    error.reason._tag === "SourceFailed" && error.reason.kind === "NotFound"
      ? ByteSource.failure(name, "Unsupported", sentence, { cause: error })
      : error)

const headerLines = (headers: Readonly<Record<string, string>>): string =>
  Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("")

/**
 * Lets ffmpeg play HLS: it fetches the pieces itself. Fails with `Unsupported` if there is no ffmpeg.
 *
 * @category constructors
 * @since 0.1.0
 */
export const openHls = (
  url: URL,
  name: string,
  { ffmpeg, headers = {}, live, relay }: {
    readonly ffmpeg: FfmpegOptions | false | undefined
    readonly headers: Readonly<Record<string, string>> | undefined
    readonly live: boolean
    /** The relay that it fetches through, if it may not connect itself. */
    readonly relay?: { readonly env: ChildProcess.Command["env"] } | undefined
  }
): Effect.Effect<OpenPcm, VoiceError, Scope.Scope> => {
  const what = "it is a playlist (HLS), which requires ffmpeg"
  if (ffmpeg === false) {
    return ByteSource.failure(name, "Unsupported", `${what}, but the option \`ffmpeg\` turns that off`)
  }
  const said = headerLines(headers)
  const options: Run = {
    ...ffmpeg,
    env: relay?.env,
    inputArgs: FfmpegGuard.inputArgs(relay === undefined ? "hls" : "relay", [
      ...(said === "" ? [] : ["-headers", said]),
      ...(ffmpeg?.inputArgs ?? [])
    ]),
    ...(live ? { ffprobe: false } : {})
  }
  const opened = Effect.map(
    open(url.href, name, options),
    (opened): OpenPcm => live ? { ...opened, durationMs: undefined, seek: undefined, live } : opened
  )
  return explained(opened, name, `${what}: ${missing(options)}`)
}
