/**
 * The demo's conversation: the bot says something, a scripted guest answers, and the bot records what it heard of the answer.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as AudioSource from "../../audio/AudioSource.ts"
import type { Participant } from "../../emulator/Emulator.ts"
import * as OpusDecoder from "../../OpusDecoder.ts"
import type { UserId } from "../../protocol/Identifier.ts"
import * as Energy from "../../receive/utterance/Energy.ts"
import * as Utterances from "../../receive/Utterances.ts"
import type * as VoiceError from "../../VoiceError.ts"
import type * as VoiceSession from "../../VoiceSession.ts"

/**
 * The current levels of the two, in dBFS.
 *
 * @category models
 * @since 0.1.0
 */
export interface Levels {
  readonly bot: number
  readonly guest: number
}

/**
 * What the bot has heard.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  /** The answer as the bot heard it. */
  readonly utterances: ReadonlyArray<Utterances.Utterance>
  /** How long after the guest began the bot noticed it, in milliseconds; `undefined` if it never did. */
  readonly noticedMs: number | undefined
}

/** The lowest level: silence. */
const quiet = -120

/** An answer ends when the guest is silent for longer than a breath. */
const silence = "600 millis"

/** How long to wait for what the guest has said. */
const patienceSteps = 60
const step = "50 millis"

/**
 * All frames of a file. Fails with `SourceFailed`, and with `Unsupported` if it is not Opus.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = (path: string): Effect.Effect<ReadonlyArray<AudioSource.OpusFrame>, VoiceError.VoiceError> =>
  AudioSource.readFrames(AudioSource.fromFile(path))

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)

/** The level of what the guest has heard of the bot since the last call. */
const hearing = Effect.fnUntraced(function*(guest: Participant, bot: UserId) {
  const decoder = yield* (yield* OpusDecoder.OpusDecoder).make({ channels: 1, rate: 8_000 })
  let seen = (yield* guest.heard).length
  return Effect.gen(function*() {
    const heard = yield* guest.heard
    let loudest = quiet
    for (const { payload, silence, userId } of heard.slice(seen)) {
      if (userId !== bot || silence) continue
      loudest = Math.max(loudest, Energy.level(yield* decoder.decode(payload)))
    }
    seen = heard.length
    return loudest
  })
})

/** The level of what the bot has heard of everybody since the last call. */
const listening = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession) {
  let loudest = quiet
  yield* session.receive.mixed({ rate: 8_000, channels: 1 }).pipe(
    Stream.runForEach(({ pcm }) =>
      Effect.sync(() => {
        loudest = Math.max(loudest, Energy.level(pcm))
      })
    ),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  return Effect.sync(() => {
    const level = loudest
    loudest = quiet
    return level
  })
})

/**
 * Lets the bot speak and the guest answer. `show` is called every tenth of a second with the levels.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hold = Effect.fnUntraced(function*(options: {
  readonly session: VoiceSession.VoiceSession
  readonly guest: Participant
  readonly question: string
  readonly answer: ReadonlyArray<AudioSource.OpusFrame>
  readonly show: (levels: Levels) => Effect.Effect<void>
}) {
  const { guest, session, show } = options
  const utterances: Array<Utterances.Utterance> = []
  let started: number | undefined
  let open = 0
  yield* Utterances.events(session, { silence, users: (userId) => userId === guest.userId }).pipe(
    Stream.runForEach((event) =>
      Effect.map(nowMs, (now) => {
        if (event._tag === "Started") {
          started ??= now
          open++
        }
        if (event._tag === "Ended" || event._tag === "Discarded") open--
        if (event._tag === "Ended") utterances.push(event.utterance)
      })
    ),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  const levels = Effect.all({ bot: yield* hearing(guest, session.userId), guest: yield* listening(session) })
  yield* Effect.sleep("100 millis").pipe(
    Effect.andThen(Effect.flatMap(levels, show)),
    Effect.forever,
    Effect.ignore,
    Effect.forkScoped
  )
  const track = yield* session.play(AudioSource.fromFile(options.question))
  yield* track.awaitEnd
  const beganMs = yield* nowMs
  yield* guest.speak(options.answer)
  const isHeard = () => open === 0 && utterances.length > 0
  for (let i = 0; i < patienceSteps && !isHeard(); i++) yield* Effect.sleep(step)
  const result: Answer = { utterances, noticedMs: started === undefined ? undefined : started - beganMs }
  return result
}, Effect.scoped)

/**
 * The answer as an Ogg Opus file, with the packets exactly as heard.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = ({ utterances }: Answer): Uint8Array =>
  Utterances.toOgg(
    { opus: utterances.flatMap(({ opus }) => opus) },
    { tags: { TITLE: "The answer", COMMENT: "Heard by the bot of the effect-discord-voice demo" } }
  )
