import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as Receive from "../../src/receive/Receive.ts"
import * as Utterances from "../../src/receive/Utterances.ts"
import { VoiceActivity } from "../../src/receive/VoiceActivity.ts"
import { MockOpusDecoder } from "../../src/testing/index.ts"
import * as Intake from "./intake.ts"
import * as Schedule from "./schedule.ts"

/** Treats everything as speech. */
const Voiced = Layer.succeed(VoiceActivity, { make: () => Effect.succeed(() => true) })

const layers = Layer.merge(MockOpusDecoder.layer, Voiced)

const userId = UserId.make("100000000000000001")

/** A user who speaks and pauses. */
const speaker = Effect.gen(function*() {
  const hand = Intake.make()
  const receive = yield* Receive.make(hand.intake)
  let sequence = 0
  let timestamp = 0
  const say = Effect.fnUntraced(function*(frames: number) {
    for (let n = 0; n < frames; n++, sequence++, timestamp += 960) {
      const arrivalMs = Number(yield* Clock.monotonicTimeNanos) / 1e6
      const payload = Schedule.opus(960, sequence)
      hand.push({ ssrc: Ssrc.make(1), userId, sequence, timestamp, payload, arrivalMs })
      yield* TestClock.adjust(20)
    }
  })
  const pause = Effect.fnUntraced(function*(ms: number) {
    timestamp += ms * 48
    for (let passed = 0; passed < ms; passed += 20) yield* TestClock.adjust(20)
  })
  return { receive, say, pause }
})

/** What has been read of a stream that is running. */
const reading = Effect.fnUntraced(function*<R>(pcm: Stream.Stream<Int16Array, unknown, R>) {
  const read: Array<number> = []
  yield* pcm.pipe(
    Stream.runForEach((piece) => Effect.sync(() => void read.push(...piece))),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  return read
})

const rate = 16_000
const perMs = rate / 1_000

describe("live pauses", () => {
  it.effect("appear in a user's PCM while they last, and only once", () =>
    Effect.gen(function*() {
      const { pause, receive, say } = yield* speaker
      const pcmOf = (pauses?: "live") =>
        reading(Stream.map(receive.user(userId, { rate, channels: 1, pauses }), ({ pcm }) => pcm))
      const usual = yield* pcmOf()
      const live = yield* pcmOf("live")
      yield* pause(1_000)
      assert.lengthOf(live, 0)
      yield* say(20)
      yield* pause(100)
      const said = usual.length
      assert.strictEqual(said, 400 * perMs)
      yield* pause(2_900)
      assert.strictEqual(usual.length, said)
      // all but the time in which the user might still have been speaking, and the jitter buffer's depth
      assert.isAtLeast(live.length, (400 + 3_000 - 160) * perMs)
      assert.isAtMost(live.length, (400 + 3_000) * perMs)
      yield* say(20)
      yield* pause(1_000)
      assert.strictEqual(usual.length, 3_800 * perMs)
      assert.deepStrictEqual(live.slice(0, usual.length), usual)
    }).pipe(Effect.scoped, Effect.provide(layers)))

  it.effect("appear in the sound of an utterance, and change nothing else of it", () =>
    Effect.gen(function*() {
      const { pause, receive, say } = yield* speaker
      const follow = Effect.fnUntraced(function*(pauses?: "live") {
        const told: Array<Utterances.Event> = []
        const sounds: Array<ReadonlyArray<number>> = []
        const session = { receive, events: Effect.succeed(Stream.never) }
        const following = yield* Utterances.events(session, { silence: "1 second", pauses }).pipe(
          Stream.runForEach(Effect.fnUntraced(function*(event) {
            told.push(event)
            if (event._tag === "Started") sounds.push(yield* reading(event.pcm))
          })),
          Effect.forkScoped({ startImmediately: true })
        )
        return { told, sounds, following }
      })
      const usual = yield* follow()
      const live = yield* follow("live")
      yield* say(30)
      yield* pause(800)
      const lengths = [usual, live].map(({ sounds }) => (sounds[0]?.length ?? 0) / perMs)
      assert.strictEqual(lengths[0], 600)
      assert.isAtLeast(lengths[1] ?? 0, 600 + 800 - 160)
      yield* say(30)
      yield* pause(3_000)
      yield* say(30)
      yield* pause(3_000)
      const tags = ["Started", "Confirmed", "Ended"]
      for (const { told } of [usual, live]) assert.deepStrictEqual(told.map(({ _tag }) => _tag), [...tags, ...tags])
      const utterances = [usual, live].map(({ told }) =>
        told.flatMap((event) => event._tag === "Ended" ? [event.utterance] : [])
      )
      const [ofUsual = [], ofLive = []] = utterances
      ofLive.forEach(({ opus, pcm, ...rest }, i) => {
        const { opus: _, pcm: expected, ...others } = ofUsual[i] ?? {}
        assert.deepStrictEqual(rest, others)
        // and up to `preRoll` of the pause after it, which is unknown otherwise
        const length = expected?.length ?? 0
        assert.deepStrictEqual([...pcm.subarray(0, length)], [...expected ?? []])
        assert.isTrue(pcm.subarray(length).every((sample) => sample === 0))
        assert.isAtMost(pcm.length - length, 200 * perMs)
        assert.strictEqual(opus.reduce((sum, { samples }) => sum + samples, 0), pcm.length * 3)
        assert.deepStrictEqual(live.sounds[i]?.slice(0, pcm.length), [...pcm])
      })
      for (const { following } of [usual, live]) yield* Fiber.interrupt(following)
    }).pipe(Effect.scoped, Effect.provide(layers)))
})
