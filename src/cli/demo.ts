/**
 * The command `demo`: starts an emulator of Discord, lets a bot join a channel and play a file over real sockets, and compares
 * what a listener in that channel hears. Then the two talk to each other. It does not need an account, a token or a network.
 *
 * @since 0.1.0
 */
import { Argument, Command, Flag } from "effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import * as AudioSource from "../audio/AudioSource.ts"
import type * as Track from "../audio/Track.ts"
import * as Emulator from "../emulator/Emulator.ts"
import * as OpusDecoder from "../OpusDecoder.ts"
import { EncryptionMode } from "../protocol/EncryptionMode.ts"
import * as OpusPacket from "../protocol/OpusPacket.ts"
import { VoiceVersion } from "../protocol/VoicePayload.ts"
import * as VoiceSession from "../VoiceSession.ts"
import * as Asset from "./Asset.ts"
import * as Comparison from "./demo/Comparison.ts"
import * as Conversation from "./demo/Conversation.ts"
import * as Display from "./demo/Display.ts"
import * as Encryption from "./demo/Encryption.ts"
import * as Recording from "./demo/Recording.ts"
import * as Setting from "./demo/Setting.ts"
import * as Tap from "./demo/Tap.ts"
import * as Outputs from "./Outputs.ts"

/**
 * The demo failed. The details have been printed.
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

const settings = {
  file: Argument.String("file").pipe(
    Argument.optional,
    Argument.withDescription(
      "An audio file: Opus is passed through, other formats are decoded and encoded (default: music that comes with the package)"
    )
  ),
  mode: Flag.Literals("mode", EncryptionMode.literals).pipe(
    Flag.optional,
    Flag.withDescription("Encryption mode (default: the one that the client prefers)")
  ),
  voiceVersion: Flag.ChoiceWithValue(
    "voice-version",
    VoiceVersion.literals.map((version) => [String(version), version] as const)
  ).pipe(
    Flag.optional,
    Flag.withDescription("Version of the voice gateway, 1 to 9 (default: 8)")
  ),
  record: Flag.String("record").pipe(
    Flag.optional,
    Flag.withDescription(
      "Write what the listener heard to this file (default: a file in the folder for temporary files)"
    )
  ),
  answer: Flag.String("answer").pipe(
    Flag.optional,
    Flag.withDescription(
      "An Opus file that the listener answers with (default: some speech, or nothing if you play a file)"
    )
  ),
  recordAnswer: Flag.String("record-answer").pipe(
    Flag.optional,
    Flag.withDescription(
      "Write what the bot heard of the answer to this file (default: a file in the folder for temporary files)"
    )
  )
}

interface Paths {
  readonly file: string
  readonly record: string
  /** `undefined` means that there is no conversation. */
  readonly answer: string | undefined
  readonly recordAnswer: string
}

/** How long to wait for late packets. */
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
      return `starved: the source delivered nothing for ${Math.round(end.silentMs)} ms`
    default:
      return end._tag.toLowerCase()
  }
}

/** Redraws the line on a terminal; prints it elsewhere. */
const draw = Effect.gen(function*() {
  const terminal = yield* Terminal.Terminal
  const interactive = yield* (yield* Stdio.Stdio).stdoutIsTerminal
  return {
    interactive,
    line: (make: (columns?: number) => string) =>
      interactive
        ? Effect.flatMap(terminal.columns, (columns) => Effect.ignore(terminal.display(Display.redraw(make(columns)))))
        : Console.log(make()),
    end: interactive ? Effect.ignore(terminal.display("\n")) : Effect.void
  }
})

/** The bot says something and the listener answers; both are displayed meanwhile. */
const converse = Effect.fnUntraced(function*(
  session: VoiceSession.VoiceSession,
  guest: Emulator.Participant,
  answer: ReadonlyArray<AudioSource.OpusFrame>
) {
  const { end, interactive, line } = yield* draw
  yield* Console.log("Now the bot says something, and the listener answers")
  let calls = 0
  const show = (levels: Conversation.Levels) =>
    // elsewhere than on a terminal, one line per second is enough
    interactive || calls++ % 10 === 0
      ? line((columns) => Display.meterLine({ bot: levels.bot, listener: levels.guest }, columns))
      : Effect.void
  const heard = yield* Conversation.hold({ session, guest, question: Asset.question, answer, show })
  yield* end
  return heard
})

/** Joins, plays to the end, talks with the listener if there is an answer, and leaves. */
const perform = Effect.fnUntraced(function*(
  where: VoiceSession.JoinOptions,
  tap: Tap.Tap,
  profile: string,
  listener: Emulator.Participant,
  answer: ReadonlyArray<AudioSource.OpusFrame> | undefined
) {
  const { end: endLine, interactive, line } = yield* draw
  const session = yield* VoiceSession.join(where)
  const state = yield* session.state
  const track = yield* session.play(tap.source)
  yield* Console.log(
    `Playing ${track.name} in an emulator of Discord (${profile})` +
      (state._tag === "Ready" ? `: voice gateway v${state.version}, ${state.mode}` : "")
  )
  const e2ee = yield* Encryption.settled(session)
  yield* Console.log(Display.encryptionLine(e2ee))
  const show = Effect.flatMap(
    progressOf(session, track),
    (progress) => line((columns) => Display.progressLine(progress, columns))
  )
  // A lost connection ends the track, which reports it; there is nothing more to show then.
  const showing = yield* Effect.sleep(interactive ? "100 millis" : "5 seconds").pipe(
    Effect.andThen(show),
    Effect.forever,
    Effect.ignore,
    Effect.forkScoped
  )
  const end = yield* Effect.raceFirst(track.awaitEnd, Effect.andThen(session.awaitClosed, track.awaitEnd))
  const pcm = tap.pcm()
  const voiced = pcm === undefined
    ? tap.frames().filter(({ data }) => !OpusPacket.isSilence(data)).length
    : Comparison.framesOf(pcm)
  yield* Effect.timeoutOption(listener.awaitFrames(voiced), patience)
  const listenerCode = (yield* listener.e2ee)?.privacyCode
  const heard = (yield* listener.heard).filter(({ userId }) => userId === session.userId)
  yield* Fiber.interrupt(showing)
  yield* Effect.ignore(show)
  yield* endLine
  const answered = answer === undefined || end._tag !== "Finished"
    ? undefined
    : yield* converse(session, listener, answer)
  return { answered, end, e2ee, heard, listenerCode }
}, Effect.scoped)

/** Writes a file, or says why it cannot be written: the measurements are worth more, and are shown in any case. */
const write = (to: string, bytes: () => Uint8Array) => {
  const path = resolve(to)
  return Effect.suspend(() => Outputs.write(path, bytes())).pipe(
    Effect.as(path),
    Effect.catch(({ why }) => Effect.as(Console.error(`No recording at ${path}: ${why}`), undefined))
  )
}

/** Why the demo does not start with these files: a recording would be lost, or would overwrite one of the others. */
const objection = Effect.fnUntraced(function*(
  { answer, file, record, recordAnswer }: Paths,
  asked: { readonly record: boolean; readonly recordAnswer: boolean }
) {
  if (asked.recordAnswer && answer === undefined) {
    return "--record-answer records the listener's answer, but there is none: when you play a file, name an answer with --answer."
  }
  const recordings = [
    { flag: "--record", path: record, isAsked: asked.record },
    ...answer === undefined ? [] : [{ flag: "--record-answer", path: recordAnswer, isAsked: asked.recordAnswer }]
  ]
  for (const { flag, isAsked, path } of recordings) {
    for (const read of answer === undefined ? [file] : [file, answer]) {
      if (yield* Outputs.isSame(path, read)) return `${read} would be overwritten: choose another file for ${flag}.`
    }
    // a file that nobody requested does not prevent the comparison
    const why = isAsked ? yield* Outputs.obstacle(path) : undefined
    if (why !== undefined) return `${flag} ${path}: ${why}.`
  }
  return answer !== undefined && (yield* Outputs.isSame(record, recordAnswer))
    ? `--record and --record-answer name the same file, ${record}: choose another one for one of them.`
    : undefined
})

const run = Effect.fnUntraced(function*(
  options: Paths,
  setting: Setting.Setting
) {
  const discord = yield* Emulator.Emulator
  const listener = yield* discord.join({ user: "listener", channel: "lobby" })
  const tap = Tap.make(AudioSource.fromFile(options.file))
  const where: VoiceSession.JoinOptions = {
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("lobby"),
    version: setting.version,
    ...setting.modes === undefined ? {} : { modes: setting.modes }
  }
  const said = options.answer === undefined ? undefined : yield* Conversation.read(options.answer)
  const { answered, e2ee, end, heard, listenerCode } = yield* perform(
    where,
    tap,
    setting.profile.name,
    listener,
    said
  ).pipe(Effect.provide(discord.layerVoice("bot")))
  const pcm = tap.pcm()
  const comparison = pcm === undefined
    ? Comparison.compare(tap.frames(), heard)
    : yield* OpusDecoder.OpusDecoder.pipe(
      Effect.flatMap((decoders) => decoders.make()),
      Effect.flatMap(({ decode }) => Comparison.compareSound(pcm, heard, decode)),
      Effect.provide(OpusDecoder.layer)
    )
  const title = `${basename(options.file)} as it was heard`
  const recording = heard.length === 0
    ? undefined
    : yield* write(options.record, () => Recording.encode(heard, { title, channels: tap.channels() }))
  const answer = answered === undefined ? undefined : {
    utterances: answered.utterances.length,
    durationMs: answered.utterances.reduce((sum, { endMs, startMs }) => sum + endMs - startMs, 0),
    noticedMs: answered.noticedMs,
    path: answered.utterances.length === 0
      ? undefined
      : yield* write(options.recordAnswer, () => Conversation.encode(answered))
  }
  const verdicts = [...yield* discord.violations, ...yield* discord.advice]
  const objections = verdicts.map(({ code, message, severity }) => `${severity} ${code}: ${message}`)
  yield* Console.log(Display.summary({
    comparison,
    end: describeEnd(end),
    privacy: e2ee.version === 0 ? undefined : { bot: e2ee.membership?.privacyCode, listener: listenerCode },
    answer,
    recording,
    objections
  }))
  if (end._tag !== "Finished" || Comparison.exitCode(comparison) !== 0) {
    return yield* new DemoFailed({ detail: "The listener did not hear all of the source." })
  }
  if (answer?.utterances === 0) return yield* new DemoFailed({ detail: "The bot did not hear the answer." })
  if (recording === undefined || (answer !== undefined && answer.path === undefined)) {
    return yield* new DemoFailed({ detail: "The recording could not be written." })
  }
}, Effect.scoped)

/**
 * `demo [FILE] [--mode MODE] [--voice-version N] [--record PATH] [--answer FILE] [--record-answer PATH]`. The exit code is 0
 * only if the listener heard every frame of the source intact, or what was encoded of it (the closing silence does not count),
 * and the bot heard the answer, if there was one.
 *
 * @category commands
 * @since 0.1.0
 */
export const demoCommand = Command.make("demo", settings, (options) => {
  const setting = Setting.make(Option.getOrUndefined(options.mode), Option.getOrUndefined(options.voiceVersion))
  const paths: Paths = {
    file: Option.getOrElse(options.file, () => Asset.music),
    record: Option.getOrElse(options.record, () => join(tmpdir(), "effect-discord-voice-demo.ogg")),
    answer: Option.getOrElse(options.answer, () => Option.isNone(options.file) ? Asset.answer : undefined),
    recordAnswer: Option.getOrElse(
      options.recordAnswer,
      () => join(tmpdir(), "effect-discord-voice-demo-answer.ogg")
    )
  }
  const asked = { record: Option.isSome(options.record), recordAnswer: Option.isSome(options.recordAnswer) }
  return Effect.gen(function*() {
    const why = yield* objection(paths, asked)
    if (why !== undefined) {
      yield* Console.error(why)
      return yield* new DemoFailed({ detail: why })
    }
    yield* run(paths, setting).pipe(Effect.provide(Emulator.layer({
      profile: setting.profile,
      world: { channels: [{ name: "lobby", e2ee: setting.e2ee }] }
    })))
  }).pipe(
    Effect.catch((error) =>
      Effect.andThen(
        error._tag === "DemoFailed" ? Effect.void : Console.error(error.message),
        Effect.fail(error._tag === "DemoFailed" ? error : new DemoFailed({ detail: error.message }))
      )
    )
  )
}).pipe(
  Command.withDescription("Play a file through an emulator of Discord, and check what a listener hears"),
  Command.withExamples([
    { command: "effect-discord-voice demo", description: "Play some music, then talk with a listener" },
    {
      command: "effect-discord-voice demo song.ogg --record heard.ogg",
      description: "Play a file and record what was heard"
    },
    {
      command: "effect-discord-voice demo --mode xsalsa20_poly1305 --voice-version 4",
      description: "Use the protocol of 2022"
    }
  ])
)
