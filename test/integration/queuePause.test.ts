import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as TrackQueue from "../../src/audio/TrackQueue.ts"
import type * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

interface Paused {
  readonly queue: TrackQueue.TrackQueue
  readonly guest: Emulator.Participant
}

const queued = (program: (paused: Paused) => Effect.Effect<void>, options?: TrackQueue.QueueOptions) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby")
    const queue = yield* TrackQueue.make(session, options)
    yield* program({ queue, guest })
    yield* Effect.orDie(queue.awaitIdle)
    yield* Effect.sleep("1 second")
    yield* Rig.blameless
    const heard = yield* guest.heard
    return { heard, sound: yield* Hearing.decode(heard) }
  })).pipe(Effect.provide(Rig.memory()))

const audio = (heard: ReadonlyArray<Emulator.HeardFrame>) =>
  heard.filter(({ payload }) => !OpusPacket.isSilence(payload)).map(({ payload }) => payload)

/** How much is heard within some seconds, after what was mixed ahead. */
const heardIn = (guest: Emulator.Participant) =>
  Effect.gen(function*() {
    yield* Effect.sleep("300 millis")
    const { length } = audio(yield* guest.heard)
    yield* Effect.sleep("20 seconds")
    return audio(yield* guest.heard).length - length
  })

describe("a paused queue", () => {
  it.effect("stays silent through skips, back and additions, and then plays on bit for bit where it was", () =>
    Effect.gen(function*() {
      const [first, second, third] = [Rig.frames(150, 1), Rig.frames(60, 2), Rig.frames(50, 3)]
      const { heard, sound } = yield* queued(({ guest, queue }) =>
        Effect.gen(function*() {
          yield* queue.add(AudioSource.fromFrames(first))
          yield* queue.add(AudioSource.fromFrames(second))
          yield* Effect.sleep("1 second")
          yield* queue.pause
          assert.isTrue((yield* queue.contents).paused)
          assert.strictEqual(yield* heardIn(guest), 0)
          yield* queue.skip
          assert.strictEqual((yield* queue.contents).current?.state._tag, "Paused")
          assert.strictEqual(yield* heardIn(guest), 0)
          yield* queue.skip
          yield* queue.add(AudioSource.fromFrames(third))
          assert.strictEqual(yield* heardIn(guest), 0)
          yield* queue.back
          assert.strictEqual((yield* queue.contents).current?.state._tag, "Paused")
          assert.strictEqual(yield* heardIn(guest), 0)
          yield* queue.resume
          assert.isFalse((yield* queue.contents).paused)
        })
      )
      const played = audio(heard)
      const count = played.length - second.length - third.length
      assert.isAtLeast(count, 45)
      assert.isAtMost(count, 60)
      assert.deepStrictEqual(played, Rig.payloads([...first.slice(0, count), ...second, ...third]))
      assert.isAtMost(sound.gaps.length, 1)
    }))

  it.effect("pauses an entry that is still being opened, and can be paused from the start", () =>
    Effect.gen(function*() {
      const frames = Rig.frames(50, 1)
      const slow = AudioSource.unwrap(Effect.delay(Effect.succeed(AudioSource.fromFrames(frames)), "2 seconds"))
      for (const paused of [true, false]) {
        const { heard } = yield* queued(({ guest, queue }) =>
          Effect.gen(function*() {
            const adding = yield* Effect.forkChild(queue.add(slow), { startImmediately: true })
            yield* Effect.sleep("1 second")
            if (!paused) yield* queue.pause
            yield* Fiber.join(adding)
            assert.strictEqual(yield* heardIn(guest), 0)
            yield* queue.resume
          }), { paused })
        assert.deepStrictEqual(audio(heard), Rig.payloads(frames))
      }
    }))

  it.effect("holds both tracks of a crossfade, which then continues", () =>
    Effect.gen(function*() {
      // ahead of the crossfade, when the second track is open, and in it
      for (const at of ["1500 millis", "2400 millis"] as const) {
        const { sound } = yield* queued(({ guest, queue }) =>
          Effect.gen(function*() {
            yield* queue.add(Hearing.pcm(Hearing.sine(440), 3_000))
            yield* queue.add(Hearing.pcm(Hearing.sine(1_000), 3_000))
            yield* Effect.sleep(at)
            yield* queue.pause
            assert.strictEqual(yield* heardIn(guest), 0)
            yield* queue.resume
          }), { crossfade: "1 second" })
        const power = (sample: number) =>
          Math.hypot(Hearing.levelOf(sound.left, 440, sample, 1_920), Hearing.levelOf(sound.left, 1_000, sample, 1_920))
        const loud = Array.from({ length: Math.floor(sound.left.length / 1_920) - 1 }, (_, i) => power(i * 1_920))
          .filter((level) => level > 0.2)
        // five seconds in steps of 40 ms, of which the pause takes two edges
        assert.closeTo(loud.length, 125, 4, at)
        assert.isAtLeast(loud.filter((level) => Math.abs(level - 0.3) < 0.04).length, loud.length - 4, at)
      }
    }))

  it.effect("also resumes a track that was paused directly", () =>
    Effect.gen(function*() {
      const frames = Rig.frames(80, 1)
      const { heard } = yield* queued(({ guest, queue }) =>
        Effect.gen(function*() {
          yield* queue.add(AudioSource.fromFrames(frames))
          yield* (yield* queue.current)?.pause ?? assert.fail("nothing plays")
          assert.strictEqual(yield* heardIn(guest), 0)
          yield* queue.resume
        })
      )
      assert.deepStrictEqual(audio(heard), Rig.payloads(frames))
    }))
})
