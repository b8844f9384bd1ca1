import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, type Scope, Stream } from "effect"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as TrackQueue from "../../src/audio/TrackQueue.ts"
import type { AudioClock } from "../../src/AudioClock.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type { Mixer } from "../../src/Mixer.ts"
import * as Station from "../../src/Station.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import { collect } from "../audio/listen.ts"
import * as Hearing from "../mixer/hearing.ts"
import { isVoiced } from "./playingTo.ts"
import * as Rig from "./rig.ts"

const frame = 960

const finished = { _tag: "Finished" } as const

const song = AudioSource.fromFile(fileURLToPath(new URL("../../examples/song.ogg", import.meta.url)))

/** Runs a program whose bot plays to a guest, on virtual time, and returns what the guest heard. */
const playing = <A, E>(
  program: (
    session: VoiceSession.VoiceSession,
    guest: Effect.Success<ReturnType<typeof Rig.guest>>
  ) => Effect.Effect<A, E, AudioClock | Emulator.Emulator | Mixer | Scope.Scope>
) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby")
    const value = yield* program(session, guest)
    yield* Effect.sleep("1 second")
    const heard = yield* guest.heard
    yield* Rig.blameless
    return { value, packets: heard.filter(isVoiced).map(({ payload }) => payload), sound: yield* Hearing.decode(heard) }
  })).pipe(Effect.provide(Rig.memory()))

describe("from and until", () => {
  it.effect("select what is heard, frame for frame, of a list and of a file", () =>
    Effect.gen(function*() {
      const frames = Rig.frames(200)
      const { frames: all } = yield* collect(song)
      const { packets, sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const list = AudioSource.fromFrames(frames)
          const first = yield* session.play(list, { from: "1 second", until: "2 seconds", loop: 1 })
          const second = yield* session.play(song, { from: 1_010, until: "1500 millis", after: first })
          const ends = [yield* first.awaitEnd, yield* second.awaitEnd]
          return [...ends, yield* first.position, yield* second.position]
        })
      )
      assert.deepStrictEqual(value, [finished, finished, 2_000, 1_500])
      const part = Rig.payloads(frames.slice(50, 100))
      assert.deepStrictEqual(
        packets.map((packet) => new Uint8Array(packet)),
        [...part, ...part, ...Rig.payloads(all.slice(50, 75)).map((packet) => new Uint8Array(packet))]
      )
      assert.deepStrictEqual(sound.gaps, [])
    }))

  it.effect("select what is mixed, to the sample", () =>
    Effect.gen(function*() {
      for (const seekable of [true, false]) {
        const { packets, sound, value } = yield* playing((session) =>
          Effect.gen(function*() {
            const track = yield* session.play(
              Hearing.pcm(Hearing.music, 5_000, { seekable }),
              { from: 1_010, until: 2_025.5 }
            )
            return [yield* track.awaitEnd, yield* track.position]
          })
        )
        assert.deepStrictEqual(value, [finished, 2_025.5])
        // 1015.5 ms
        assert.lengthOf(packets, 51)
        const expected = (at: number) => at < 48 * 1_015.5 ? Hearing.music(at + 48 * 1_010) : 0
        // it fades in within 5 ms
        assert.isAbove(Hearing.ratio(sound.left, expected, frame, frame * 49), 30)
        assert.isAbove(Hearing.ratio(sound.left, expected, frame * 50, frame), 12)
        assert.isBelow(Math.abs(sound.left[48 * 1_016 + 96] ?? 1), 0.03)
      }
    }))

  it.effect("let a crossfade begin before the given end", () =>
    Effect.gen(function*() {
      const { sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const first = yield* session.play(Hearing.pcm(Hearing.sine(440), 60_000), { until: "3 seconds" })
          const second = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 60_000), {
            from: "50 seconds",
            until: "53 seconds",
            after: first,
            crossfade: "1 second"
          })
          return [yield* first.awaitEnd, yield* second.awaitEnd]
        })
      )
      assert.deepStrictEqual(value, [finished, finished])
      assert.deepStrictEqual(sound.gaps, [])
      assert.closeTo(sound.left.length / 48 - 100, 5_000, 100)
      for (let at = 95; at < 155; at += 4) {
        const [low, high] = [440, 1_000].map((hz) => Hearing.levelOf(sound.left, hz, at * frame, frame * 2))
        assert.closeTo(Math.hypot(low ?? 0, high ?? 0), 0.3, 0.03, `frame ${at}`)
      }
    }))

  it.effect("apply to the entries of a queue, which opens the next one in time", () =>
    Effect.gen(function*() {
      const lists = [Rig.frames(3_000, 1), Rig.frames(3_000, 2)]
      const { packets, sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const queue = yield* TrackQueue.make(session, { openAhead: "2 seconds" })
          const opened: Array<number> = []
          const began = yield* Clock.currentTimeMillis
          const [first, second] = lists.map((list): AudioSource.AudioSource => {
            const source = AudioSource.fromFrames(list)
            const note = Effect.map(Clock.currentTimeMillis, (now) => void opened.push(now - began))
            return { ...source, open: Effect.andThen(note, source.open) }
          })
          assert.isDefined(first)
          assert.isDefined(second)
          yield* queue.add(first, { from: "10 seconds", until: "15 seconds" })
          yield* queue.add(second, { until: "1 second" })
          yield* queue.add(second, { from: NaN })
          yield* queue.add(second, { from: "2 seconds", until: "1 second" })
          yield* queue.add(second, { from: "59 seconds" })
          yield* queue.awaitIdle
          const { failures, history } = yield* queue.contents
          assert.deepStrictEqual(failures.map(({ error }) => error.reason._tag), ["Unsupported", "Unsupported"])
          assert.lengthOf(history, 3)
          return opened
        })
      )
      assert.deepStrictEqual(
        packets,
        [[0, 500, 750], [1, 0, 50], [1, 2_950, 3_000]].flatMap(([list = 0, from, until]) =>
          Rig.payloads(lists[list] ?? []).slice(from, until)
        )
      )
      assert.deepStrictEqual(sound.gaps, [])
      assert.closeTo(value[1] ?? 0, 3_000, 250)
    }))

  it.effect("apply to what a station plays", () =>
    Effect.gen(function*() {
      const frames = Rig.frames(200)
      const { packets } = yield* playing((session) =>
        Effect.gen(function*() {
          const station = yield* Station.make()
          yield* session.play(station.source, { starveTimeout: "1 hour" })
          const track = yield* station.play(AudioSource.fromFrames(frames), { from: "1 second", until: "3 seconds" })
          yield* track.awaitEnd
        })
      )
      assert.deepStrictEqual(packets, Rig.payloads(frames.slice(50, 150)))
    }))
})

describe("marks", () => {
  const voiced = (guest: Effect.Success<ReturnType<typeof Rig.guest>>) =>
    Effect.map(guest.heard, (heard) => heard.filter(isVoiced).length)

  it.effect("are reached when that much was sent, also across a lost connection", () =>
    Effect.gen(function*() {
      const { value } = yield* playing((session, guest) =>
        Effect.gen(function*() {
          const track = yield* session.play(Rig.source(400))
          const told: Array<readonly [positionMs: number, frames: number]> = []
          const telling = yield* track.every("1 second").pipe(
            Stream.runForEach((positionMs) =>
              Effect.map(Effect.andThen(Effect.sleep(Rig.latencyMs), voiced(guest)), (frames) => {
                told.push([positionMs, frames])
              })
            ),
            Effect.forkScoped
          )
          assert.isTrue(yield* track.reached("2500 millis"))
          yield* Effect.sleep(Rig.latencyMs)
          assert.closeTo(yield* voiced(guest), 126, 1)
          const discord = yield* Emulator.Emulator
          yield* discord.faults.closeVoice("bot", 4006)
          assert.isTrue(yield* track.reached("5 seconds"))
          const positionMs = yield* track.position
          assert.isAtLeast(positionMs, 5_000)
          assert.isAtMost(positionMs, 5_040)
          assert.isFalse(yield* track.reached("9 seconds"))
          yield* Fiber.join(telling)
          return told
        })
      )
      assert.deepStrictEqual(value.map(([positionMs]) => positionMs), [0, 1, 2, 3, 4, 5, 6, 7, 8].map((s) => s * 1_000))
      for (const [positionMs, frames] of value.slice(0, 3)) assert.closeTo(frames, Math.max(1, positionMs / 20), 1)
    }))

  it.effect("of each track in a mix follow what is heard, not what is mixed ahead", () =>
    Effect.gen(function*() {
      const { value } = yield* playing((session, guest) =>
        Effect.gen(function*() {
          const music = yield* session.play(Hearing.pcm(Hearing.sine(440), 8_000))
          assert.isTrue(yield* music.reached("1 second"))
          yield* Effect.sleep(Rig.latencyMs)
          assert.closeTo(yield* voiced(guest), 51, 1)
          const voice = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 4_000), { from: "1 second" })
          const told: Array<number> = []
          const telling = yield* voice.every("500 millis").pipe(
            Stream.runForEach((positionMs) =>
              Effect.map(voice.position, (now) => {
                assert.closeTo(now, positionMs, 40)
                told.push(positionMs)
              })
            ),
            Effect.forkScoped
          )
          assert.isTrue(yield* voice.reached("2 seconds"))
          // what is already mixed is heard and reported
          yield* Effect.sleep("450 millis")
          yield* voice.pause
          yield* Effect.sleep("300 millis")
          const paused = yield* voice.position
          assert.isAbove(paused, 2_500)
          assert.isTrue(told.includes(2_500))
          yield* Effect.sleep("2 seconds")
          assert.strictEqual(yield* voice.position, paused)
          yield* voice.resume
          assert.isTrue(yield* voice.reached(4_000))
          assert.strictEqual(yield* voice.position, 4_000)
          yield* Fiber.join(telling)
          yield* session.interrupt
          assert.isFalse(yield* music.reached("8 seconds"))
          return told
        })
      )
      assert.deepStrictEqual(value, [1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000])
    }))
})
