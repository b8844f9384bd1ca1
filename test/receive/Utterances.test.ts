import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as Receive from "../../src/receive/Receive.ts"
import * as Utterances from "../../src/receive/Utterances.ts"
import * as VoiceActivity from "../../src/receive/VoiceActivity.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "../integration/rig.ts"
import * as Intake from "./intake.ts"
import * as Kit from "./record/kit.ts"
import * as Schedule from "./schedule.ts"
import * as Speech from "./speech.ts"

const codecs = Layer.merge(OpusDecoder.layer, OpusEncoder.layer)
const memory = (options?: Emulator.MemoryOptions) => Layer.merge(Rig.memory(options), codecs)

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)

/** The utterance events of a session from now on, each with the time at which it was told. */
const collect = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession, options?: Utterances.Options) {
  const told: Array<{ readonly event: Utterances.Event; readonly atMs: number }> = []
  yield* Utterances.events(session, options).pipe(
    Stream.runForEach((event) => Effect.map(nowMs, (atMs) => told.push({ event, atMs }))),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  return {
    started: () => told.filter(({ event }) => event._tag === "Started"),
    ended: () => told.flatMap(({ event }) => event._tag === "Ended" ? [event.utterance] : []),
    confirmed: () => told.filter(({ event }) => event._tag === "Confirmed"),
    discarded: () => told.filter(({ event }) => event._tag === "Discarded"),
    tags: () => told.map(({ event }) => event._tag)
  }
})

/** A decoder with a look-ahead of a whole packet: it returns the number of the packet before. */
const Behind = Layer.succeed(OpusDecoder.OpusDecoder, {
  make: ({ channels = 2, rate = 48_000 } = {}) =>
    Effect.sync(() => {
      let before = 0
      const pcm = (value: number, samples = 960) => new Int16Array(samples * rate / 48_000 * channels).fill(value)
      return {
        channels,
        rate,
        decode: (packet: Uint8Array) =>
          Effect.sync(() => {
            const last = before
            before = Math.max(0, Schedule.numberOf(packet))
            return pcm(last)
          }),
        conceal: (samples: number) => Effect.succeed(pcm(0, samples)),
        recover: (_: Uint8Array, samples: number) => Effect.succeed(pcm(0, samples))
      }
    })
})

const second = 48_000

const pauses = {
  "speech-1.ogg": [{ at: 1.25 * second, samples: 0.5 * second }, { at: 3 * second, samples: 1.3 * second }],
  "speech-2.ogg": [{ at: 0.8 * second, samples: 0.7 * second }, { at: 2.4 * second, samples: 0.5 * second }]
} as const

describe("Utterances", () => {
  it.effect("rejects options that make no sense before anyone speaks", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* Rig.join("lobby")
      const wrong: ReadonlyArray<Utterances.Options> = [
        // as plain JavaScript may pass them
        { rate: 44_100 as 48_000 },
        { silence: -1 },
        { minimum: NaN },
        { confirm: -1 },
        { maximum: NaN },
        { maximum: 0 },
        { silence: "0 seconds" },
        { preRoll: Infinity },
        { capacity: 0 }
      ]
      for (const options of wrong) {
        const error = yield* Effect.flip(Stream.runDrain(Utterances.events(session, options)))
        assert.strictEqual(error.reason._tag, "Unsupported", JSON.stringify(options))
      }
    })).pipe(Effect.provide(memory())))

  for (const file of ["speech-1.ogg", "speech-2.ogg"] as const) {
    it.effect(
      `finds the stretches of speech in ${file} within 60 ms, and reports their starts early`,
      () =>
        Rig.run(Effect.gen(function*() {
          const { frames, stretches } = yield* Speech.withPauses(file, pauses[file])
          const discord = yield* Emulator.Emulator
          const ada = yield* discord.join({ user: "ada", channel: "lobby" })
          const session = yield* Rig.join("lobby")
          const { discarded, ended, started } = yield* collect(session)
          yield* Effect.sleep("300 millis")
          const startMs = (yield* nowMs) + Rig.latencyMs
          yield* ada.speak(frames)
          yield* Effect.sleep("1 second")
          const truths = stretches.map(({ end, start }) => [startMs + start / 48, startMs + end / 48] as const)
          const found = ended()
          assert.lengthOf(found, stretches.length)
          found.forEach(({ endMs, reason, startMs, userId }, i) => {
            const [start = 0, end = 0] = truths[i] ?? []
            assert.closeTo(startMs, start, 60)
            assert.closeTo(endMs, end, 60)
            assert.strictEqual(userId, ada.userId)
            assert.strictEqual(reason, "silence")
          })
          assert.lengthOf(discarded(), 0)
          started().forEach(({ atMs }, i) => assert.isAtMost(atMs - (truths[i]?.[0] ?? 0), 100))
        })).pipe(Effect.provide(memory()))
    )
  }

  it.effect(
    "confirms speech soon after it starts, but no burst of noise",
    () =>
      Rig.run(Effect.gen(function*() {
        const { frames } = yield* Speech.withPauses("speech-1.ogg", [])
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const { confirmed, ended, tags } = yield* collect(session)
        for (const milliseconds of [160, 200, 240]) {
          yield* ada.speak(yield* Speech.noise(milliseconds))
          yield* Effect.sleep("1 second")
        }
        assert.deepStrictEqual(ended().map(({ confirmed }) => confirmed), [false, false, false])
        assert.lengthOf(confirmed(), 0)
        const startMs = (yield* nowMs) + Rig.latencyMs
        yield* ada.speak(frames)
        yield* Effect.sleep("1 second")
        const [first] = confirmed()
        assert.lengthOf(confirmed(), 1)
        assert.isAtLeast((first?.atMs ?? 0) - startMs, 300)
        assert.isAtMost((first?.atMs ?? 0) - startMs, 450)
        assert.deepStrictEqual(tags().slice(-3), ["Started", "Confirmed", "Ended"])
        const last = ended().at(-1)
        assert.isTrue(last?.confirmed)
        assert.strictEqual(first?.event._tag === "Confirmed" ? first.event.startMs : undefined, last?.startMs)
      })).pipe(Effect.provide(memory()))
  )

  it.effect(
    "gives the sound, with some before and after it, as PCM and as Opus",
    () =>
      Rig.run(Effect.gen(function*() {
        const { frames } = yield* Speech.withPauses("speech-1.ogg", pauses["speech-1.ogg"])
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "secure" })
        const session = yield* Rig.join("secure")
        const { ended } = yield* collect(session, { rate: 24_000, preRoll: "100 millis" })
        // the client sends silence, so that there is something before the speech
        const quiet = yield* Kit.clicks(25, [])
        const said = [...quiet, ...frames]
        yield* ada.speak(said)
        yield* Effect.sleep("1 second")
        // nothing is kept from before a user first makes a sound
        const [, first] = ended()
        assert.isDefined(first)
        assert.closeTo(first.startMs - first.audioStartMs, 100, 1)
        assert.closeTo(first.pcm.length / 24, first.endMs - first.audioStartMs + 100, 1)
        const power = (pcm: Int16Array) => pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length
        assert.isAbove(power(first.pcm.subarray(2_400, 4_800)), 1_000 * power(first.pcm.subarray(0, 2_000)))
        const packets = first.opus.map(({ data }) => Buffer.from(data).toString("hex"))
        const sent = said.map(({ data }) => Buffer.from(data).toString("hex"))
        const from = sent.indexOf(packets[5] ?? "") - 5
        assert.deepStrictEqual(packets, sent.slice(from, from + packets.length))
        assert.isBelow(Math.abs(first.opus.length * 20 - first.pcm.length / 24), 40)
        const { errors, samples } = yield* Kit.decode(Utterances.toOgg(first))
        assert.deepStrictEqual(errors, [])
        assert.strictEqual(samples, first.opus.length * 960 - 312)
      })).pipe(Effect.provide(memory()))
  )

  it.effect(
    "ends with the last packet of a user who sends nothing in pauses, as Discord's clients do",
    () =>
      Rig.run(Effect.gen(function*() {
        const { frames } = yield* Speech.withPauses("speech-1.ogg", [])
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "lobby" })
        const bob = yield* discord.join({ user: "bob", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const { ended } = yield* collect(session, { silence: "300 millis" })
        const startMs = yield* nowMs
        yield* Effect.forkScoped(bob.speak(frames.slice(35, 60), { trailingSilence: false }))
        yield* ada.speak(frames.slice(0, 20))
        yield* Effect.sleep("2 seconds")
        yield* ada.speak(frames.slice(35, 60), { trailingSilence: false })
        yield* Effect.sleep("2 seconds")
        const found = ended()
        assert.deepStrictEqual(found.map(({ userId }) => userId), [ada.userId, bob.userId, ada.userId])
        const [first, other, second] = found
        assert.closeTo(first?.endMs ?? 0, startMs + 400, 60)
        assert.closeTo(other?.endMs ?? 0, startMs + 500, 60)
        assert.closeTo(second?.startMs ?? 0, startMs + 2_500, 60)
        assert.closeTo(second?.endMs ?? 0, startMs + 3_000, 60)
      })).pipe(Effect.provide(memory()))
  )

  it.effect(
    "cuts what is too long, discards what is too short, and ends when the user leaves",
    () =>
      Rig.run(Effect.gen(function*() {
        const { frames } = yield* Speech.withPauses("speech-2.ogg", [])
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const { discarded, ended, started } = yield* collect(session, { maximum: "1 second", minimum: "150 millis" })
        yield* ada.speak(frames.slice(0, 4))
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual([started().length, discarded().length, ended().length], [1, 1, 0])
        yield* Effect.forkScoped(ada.speak(frames.slice(0, 120)))
        yield* Effect.sleep("2600 millis")
        yield* ada.leave
        yield* Effect.sleep("350 millis")
        const found = ended()
        assert.deepStrictEqual(found.map(({ reason }) => reason), ["maximum", "maximum", "left"])
        const [first, second] = found
        assert.closeTo((second?.audioStartMs ?? 0) - (first?.audioStartMs ?? 0), (first?.pcm.length ?? 0) / 16, 1)
        assert.strictEqual(started().length, 4)
      })).pipe(Effect.provide(memory()))
  )

  it.effect(
    "ends an utterance in progress with the session, and fails with the session's reason",
    () =>
      Rig.run(Effect.gen(function*() {
        const { frames } = yield* Speech.withPauses("speech-1.ogg", [])
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const utterances: Array<Utterances.Utterance> = []
        const listening = yield* session.receive.utterances().pipe(
          Stream.runForEach((utterance) => Effect.sync(() => utterances.push(utterance))),
          Effect.forkScoped({ startImmediately: true })
        )
        yield* Effect.forkScoped(ada.speak(frames))
        yield* Effect.sleep("1 second")
        yield* discord.faults.kick("bot")
        const error = yield* Effect.flip(Fiber.join(listening))
        assert.strictEqual(error.reason._tag, "Kicked")
        assert.deepStrictEqual(utterances.map(({ reason }) => reason), ["left"])
      })).pipe(Effect.provide(memory()))
  )

  it.effect("keeps `capacity` utterances for a slow reader, and reports how many were dropped", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const { frames } = yield* Speech.withPauses("speech-1.ogg", [])
      const words = frames.slice(0, 50)
      const read: Array<Utterances.Utterance> = []
      yield* session.receive.utterances({ capacity: 3 }).pipe(
        Stream.runForEach((utterance) =>
          Effect.andThen(Effect.sleep("20 seconds"), Effect.sync(() => read.push(utterance)))
        ),
        Effect.ignore,
        Effect.forkScoped({ startImmediately: true })
      )
      const starts: Array<number> = []
      yield* Utterances.make(session).pipe(
        Stream.runForEach(({ startMs }) => Effect.sync(() => starts.push(startMs))),
        Effect.ignore,
        Effect.forkScoped({ startImmediately: true })
      )
      for (let i = 0; i < 6; i++) {
        yield* ada.speak(words)
        yield* Effect.sleep("1 second")
      }
      yield* Effect.sleep("2 minutes")
      assert.lengthOf(starts, 6)
      // the first one was being read; of the five after it, three had room
      assert.deepStrictEqual(read.map(({ startMs }) => startMs), [0, 3, 4, 5].map((i) => starts[i] ?? 0))
      assert.deepStrictEqual(read.map(({ dropped }) => dropped), [undefined, 2, undefined, undefined])
    })).pipe(Effect.provide(memory())))

  it.effect("does not split speech where the network loses packets", () =>
    Rig.run(Effect.gen(function*() {
      const { frames, stretches } = yield* Speech.withPauses("speech-1.ogg", pauses["speech-1.ogg"])
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby", e2ee: false })
      const session = yield* Rig.join("lobby")
      const { ended } = yield* collect(session)
      yield* ada.speak(frames)
      yield* Effect.sleep("2 seconds")
      assert.lengthOf(ended(), stretches.length)
    })).pipe(
      Effect.provide(memory({ profile: Rig.open, network: { latencyMs: 30, jitterMs: 40, loss: 0.05, reorder: 0.05 } }))
    ), 60_000)

  it.effect("dies of an error thrown by `users` or by the detector", () =>
    Rig.run(Effect.gen(function*() {
      const { frames } = yield* Speech.withPauses("speech-1.ogg", [])
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const thrown = new Error("thrown by the test")
      const throws = () => {
        throw thrown
      }
      const readers = yield* Effect.forEach([
        Stream.runDrain(Utterances.events(session, { users: throws })),
        Stream.runDrain(session.receive.utterances({ users: throws })),
        Stream.runDrain(Utterances.events(session)).pipe(
          Effect.provideService(VoiceActivity.VoiceActivity, { make: () => Effect.succeed(throws) })
        )
      ], (reading) => Effect.forkScoped(Effect.exit(reading), { startImmediately: true }))
      yield* Effect.sleep("300 millis")
      yield* ada.speak(frames.slice(0, 25))
      yield* Effect.sleep("1 second")
      for (const reader of readers) {
        const exit = yield* Fiber.join(reader)
        assert.strictEqual(Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, thrown)
      }
      // nobody else is affected
      assert.strictEqual((yield* session.state)._tag, "Ready")
    })).pipe(Effect.provide(memory())))

  it.effect("does not carry the end of one utterance over to the start of the next", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const found: Array<Utterances.Utterance> = []
      yield* Utterances.make({ receive, events: Effect.succeed(Stream.never) }).pipe(
        Stream.runForEach((utterance) => Effect.sync(() => found.push(utterance))),
        Effect.forkScoped({ startImmediately: true })
      )
      const userId = UserId.make("100000000000000001")
      let sequence = 0
      const say = Effect.fnUntraced(function*(from: number) {
        for (let n = from; n < from + 20; n++) {
          const payload = Schedule.opus(960, n)
          hand.push({
            ssrc: Ssrc.make(1),
            userId,
            sequence: sequence++,
            timestamp: n * 960,
            payload,
            arrivalMs: n * 20
          })
          yield* TestClock.adjust(20)
        }
      })
      yield* say(0)
      // nothing comes, not even silence
      yield* TestClock.adjust("1600 millis")
      yield* say(100)
      yield* TestClock.adjust("1 second")
      const heard = found.map(({ pcm }) => Array.from(new Set(pcm)))
      assert.deepStrictEqual(heard, [
        Array.from({ length: 19 }, (_, n) => n),
        [0, ...Array.from({ length: 19 }, (_, n) => 100 + n)]
      ])
    }).pipe(Effect.provide(
      Layer.merge(Behind, Layer.succeed(VoiceActivity.VoiceActivity, { make: () => Effect.succeed(() => true) }))
    )))

  it.effect("uses another detector if one is provided", () =>
    Rig.run(Effect.gen(function*() {
      const { frames, stretches } = yield* Speech.withPauses("speech-1.ogg", pauses["speech-1.ogg"])
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const { ended } = yield* collect(session, { silence: "350 millis" })
      const startMs = (yield* nowMs) + Rig.latencyMs
      yield* ada.speak(frames)
      yield* Effect.sleep("1 second")
      const found = ended()
      assert.lengthOf(found, stretches.length)
      found.forEach((utterance, i) => {
        const { end, start } = stretches[i] ?? { end: 0, start: 0 }
        assert.closeTo(utterance.startMs, startMs + start / 48, 60)
        // this detector reports the end of speech late
        assert.closeTo(utterance.endMs, startMs + end / 48, 150)
      })
    })).pipe(Effect.provide(Layer.merge(memory(), VoiceActivity.layerWebRtc()))))
})
