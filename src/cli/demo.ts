/**
 * The command `demo`: starts an emulator of Discord, lets a bot join a channel and play a file over real sockets, and
 * measures what a listener in that channel hears. It needs no account, no token and no network.
 *
 * @since 0.1.0
 */
import { Argument, Command, Flag } from "effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../audio/AudioSource.ts"
import type * as Track from "../audio/Track.ts"
import * as Emulator from "../emulator/Emulator.ts"
import { EncryptionMode } from "../protocol/EncryptionMode.ts"
import * as OpusPacket from "../protocol/OpusPacket.ts"
import { VoiceVersion } from "../protocol/VoicePayload.ts"
import * as VoiceSession from "../VoiceSession.ts"
import * as Comparison from "./demo/Comparison.ts"
import * as Display from "./demo/Display.ts"
import * as Encryption from "./demo/Encryption.ts"
import * as Recording from "./demo/Recording.ts"
import * as Setting from "./demo/Setting.ts"
import * as Tap from "./demo/Tap.ts"

/**
 * The demo did not go well. What happened was printed before.
 *
 * @category errors
 * @since 0.1.0
 */
export class DemoFailed extends Schema.TaggedError<DemoFailed>("effect-discord-voice/cli/DemoFailed")("DemoFailed", {
  detail: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
  override get message(): string {
    return this.detail
  }
}

/**
 * The music that is played when no file is named, fourteen seconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const music: string = fileURLToPath(new URL("./assets/music.ogg", import.meta.url))

const settings = {
  file: Argument.String("file").pipe(
    Argument.optional,
    Argument.withDescription("Opus in Ogg, WebM or Matroska; default some music that comes with the package")
  ),
  mode: Flag.Literals("mode", EncryptionMode.literals).pipe(
    Flag.optional,
    Flag.withDescription("Encryption mode; default what the client prefers")
  ),
  voiceVersion: Flag.ChoiceWithValue(
    "voice-version",
    VoiceVersion.literals.map((version) => [String(version), version] as const)
  ).pipe(
    Flag.optional,
    Flag.withDescription("Version of the voice gateway, 1 to 9; default 8")
  ),
  record: Flag.String("record").pipe(
    Flag.optional,
    Flag.withDescription("Write what the listener heard to this file; default one in the folder for temporary files")
  )
}

/** Late packets are waited for so long. */
const patience = "2 seconds"

const progressOf = (session: VoiceSession.VoiceSession, track: Track.Track) =>
  Effect.map(
    Effect.all([track.position, session.statistics]),
    ([positionMs, statistics]): Display.Progress => ({
      positionMs,
      durationMs: track.durationMs,
      packetsSent: statistics.packetsSent,
      roundTripMs: statistics.roundTripMs,
      latenessP50Ms: statistics.latenessP50Ms,
      latenessP99Ms: statistics.latenessP99Ms
    })
  )

const describeEnd = (end: Track.TrackEnd): string => {
  switch (end._tag) {
    case "Failed":
      return end.error.message
    case "Starved":
      return `starved: the source gave nothing for ${Math.round(end.silentMs)} ms`
    default:
      return end._tag.toLowerCase()
  }
}

/** Joins, plays to the end and leaves. */
const perform = Effect.fnUntraced(function*(
  where: VoiceSession.JoinOptions,
  tap: Tap.Tap,
  profile: string,
  awaitFrames: (count: number) => Effect.Effect<unknown>
) {
  const terminal = yield* Terminal.Terminal
  const interactive = yield* (yield* Stdio.Stdio).stdoutIsTerminal
  const session = yield* VoiceSession.join(where)
  const state = yield* session.state
  const track = yield* session.play(tap.source)
  yield* Console.log(
    `Playing ${track.name} in an emulator of Discord (${profile})` +
      (state._tag === "Ready" ? `: voice gateway v${state.version}, ${state.mode}` : "")
  )
  const e2ee = yield* Encryption.settled(session)
  yield* Console.log(Display.encryptionLine(e2ee))
  const show = Effect.flatMap(progressOf(session, track), (progress) =>
    interactive
      ? Effect.flatMap(
        terminal.columns,
        (columns) => terminal.display(Display.redraw(Display.progressLine(progress, columns)))
      )
      : Console.log(Display.progressLine(progress)))
  // A connection that is lost ends the track, and is reported by it; there is nothing more to show then.
  yield* Effect.sleep(interactive ? "100 millis" : "5 seconds").pipe(
    Effect.andThen(show),
    Effect.forever,
    Effect.ignore,
    Effect.forkScoped
  )
  const end = yield* Effect.raceFirst(track.awaitEnd, Effect.andThen(session.awaitClosed, track.awaitEnd))
  const voiced = tap.frames().filter(({ data }) => !OpusPacket.isSilence(data)).length
  yield* Effect.timeoutOption(awaitFrames(voiced), patience)
  yield* show
  if (interactive) yield* terminal.display("\n")
  return { end, e2ee }
}, Effect.scoped)

const run = Effect.fnUntraced(function*(
  options: { readonly file: string; readonly record: string },
  setting: Setting.Setting
) {
  const discord = yield* Emulator.Emulator
  const bot = yield* discord.user("bot")
  const listener = yield* discord.join({ user: "listener", channel: setting.channel })
  const tap = Tap.make(AudioSource.fromFile(options.file))
  const where: VoiceSession.JoinOptions = {
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel(setting.channel),
    version: setting.version,
    ...setting.modes === undefined ? {} : { modes: setting.modes }
  }
  let listenerCode: string | undefined
  const awaitFrames = (count: number) =>
    Effect.andThen(listener.awaitFrames(count), listener.e2ee).pipe(
      Effect.map((membership) => {
        listenerCode = membership?.privacyCode
      })
    )
  const { e2ee, end } = yield* perform(where, tap, setting.profile.name, awaitFrames).pipe(
    Effect.provide(discord.layerVoice("bot"))
  )
  const heard = (yield* listener.heard).filter(({ userId }) => userId === bot.id)
  const comparison = Comparison.compare(tap.frames(), heard)
  const path = resolve(options.record)
  const write = Effect.fnUntraced(function*() {
    const files = yield* FileSystem.FileSystem
    const title = `${basename(options.file)} as it was heard`
    yield* files.writeFile(path, Recording.encode(heard, { title, channels: tap.channels() }))
    return path
  })
  // what was measured is worth more than the file: it is shown even if that cannot be written
  const recording = heard.length === 0 ? undefined : yield* write().pipe(
    Effect.catch((error) => Effect.as(Console.error(`No recording at ${path}: ${error.message}`), undefined))
  )
  const verdicts = [...yield* discord.violations, ...yield* discord.advice]
  const objections = verdicts.map(({ code, message, severity }) => `${severity} ${code}: ${message}`)
  yield* Console.log(Display.summary({
    comparison,
    end: describeEnd(end),
    privacy: e2ee.version === 0 ? undefined : { bot: e2ee.membership?.privacyCode, listener: listenerCode },
    recording,
    objections
  }))
  if (end._tag !== "Finished" || Comparison.exitCode(comparison) !== 0) {
    return yield* new DemoFailed({ detail: "The listener did not hear all of the source." })
  }
  if (recording === undefined) return yield* new DemoFailed({ detail: "The recording could not be written." })
}, Effect.scoped)

/**
 * `demo [FILE] [--mode MODE] [--voice-version N] [--record PATH]`. The exit code is 0 only if the listener heard every frame
 * of the source intact; the silence that closes it does not count.
 *
 * @category commands
 * @since 0.1.0
 */
export const demoCommand = Command.make("demo", settings, (options) => {
  const setting = Setting.make(Option.getOrUndefined(options.mode), Option.getOrUndefined(options.voiceVersion))
  const paths = {
    file: Option.getOrElse(options.file, () => music),
    record: Option.getOrElse(options.record, () => join(tmpdir(), "effect-discord-voice-demo.ogg"))
  }
  return run(paths, setting).pipe(
    Effect.provide(Emulator.layer({ profile: setting.profile })),
    Effect.catch((error) =>
      Effect.andThen(
        error._tag === "DemoFailed" ? Effect.void : Console.error(error.message),
        Effect.fail(error._tag === "DemoFailed" ? error : new DemoFailed({ detail: error.message }))
      )
    )
  )
}).pipe(
  Command.withDescription("Play a file through an emulator of Discord, and measure what a listener hears"),
  Command.withExamples([
    { command: "effect-discord-voice demo", description: "Play some music" },
    {
      command: "effect-discord-voice demo song.ogg --record heard.ogg",
      description: "Play a file and keep what was heard"
    },
    {
      command: "effect-discord-voice demo --mode xsalsa20_poly1305 --voice-version 4",
      description: "The same in the Discord of 2022"
    }
  ])
)
