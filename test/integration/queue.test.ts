import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as TrackQueue from "../../src/audio/TrackQueue.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

const queued = (
  program: (queue: TrackQueue.TrackQueue) => Effect.Effect<void>,
  options?: TrackQueue.QueueOptions
) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby")
    const queue = yield* TrackQueue.make(session, options)
    yield* program(queue)
    yield* Effect.orDie(queue.awaitIdle)
    yield* Effect.sleep("1 second")
    yield* Rig.blameless
    const heard = yield* guest.heard
    return { heard, sound: yield* Hearing.decode(heard) }
  })).pipe(Effect.provide(Rig.memory()))

const audio = (heard: ReadonlyArray<{ readonly payload: Uint8Array }>) =>
  heard.filter(({ payload }) => !OpusPacket.isSilence(payload)).map(({ payload }) => payload)

describe("a queue in a session", () => {
  it.effect("plays Opus after Opus without a gap, bit for bit", () =>
    Effect.gen(function*() {
      const lists = [Rig.frames(60, 1), Rig.frames(70, 2), Rig.frames(50, 3)]
      const { heard, sound } = yield* queued((queue) =>
        Effect.forEach(lists, (frames) => queue.add(AudioSource.fromFrames(frames)), { discard: true })
      )
      assert.deepStrictEqual(audio(heard), Rig.payloads(lists.flat()))
      assert.deepStrictEqual(sound.gaps, [])
      assert.strictEqual(heard.findIndex(({ payload }) => OpusPacket.isSilence(payload)), 180)
    }))

  it.effect("plays PCM after PCM as if it were one source", () =>
    Effect.gen(function*() {
      const part = (fromMs: number) => Hearing.pcm((sample) => Hearing.music(sample + fromMs * 48), 1_010)
      const { sound } = yield* queued((queue) =>
        Effect.forEach([0, 1_010, 2_020], (fromMs) => queue.add(part(fromMs)), { discard: true })
      )
      assert.deepStrictEqual(sound.gaps, [])
      assert.isAbove(Hearing.ratio(sound.left, Hearing.music, 960, 48 * 3_000 - 960), 25)
    }))

  it.effect("crossfades at constant power, without a dip or a peak", () =>
    Effect.gen(function*() {
      const { sound } = yield* queued((queue) =>
        Effect.gen(function*() {
          yield* queue.add(Hearing.pcm(Hearing.sine(440), 3_000))
          yield* queue.add(Hearing.pcm(Hearing.sine(1_000), 3_000))
        }), { crossfade: "1 second" })
      const power = (at: number) =>
        Math.hypot(Hearing.levelOf(sound.left, 440, at, 1_920), Hearing.levelOf(sound.left, 1_000, at, 1_920))
      const middle = 48 * 2_500
      assert.closeTo(Hearing.levelOf(sound.left, 440, middle, 1_920), 0.3 * Math.SQRT1_2, 0.05)
      for (let at = 48 * 1_500; at < 48 * 3_500; at += 960) assert.closeTo(power(at), 0.3, 0.03, `at ${at / 48} ms`)
      assert.closeTo(sound.left.length / 48_000, 5, 0.3)
    }))

  it.effect("lets a track that is already fading in continue when another is put before it", () =>
    Effect.gen(function*() {
      const { sound } = yield* queued((queue) =>
        Effect.gen(function*() {
          yield* queue.add(Hearing.pcm(Hearing.sine(440), 2_000))
          yield* queue.add(Hearing.pcm(Hearing.sine(1_000), 3_000))
          yield* Effect.sleep("1800 millis")
          yield* queue.add(Hearing.pcm(Hearing.sine(2_000), 1_000, { name: "late" }), { at: 0 })
          yield* Effect.sleep("700 millis")
          const { current, upcoming } = yield* queue.contents
          assert.isAbove(current?.positionMs ?? 0, 1_000)
          assert.deepStrictEqual(upcoming.map(({ name }) => name), ["late"])
        }), { crossfade: "1 second" })
      for (let ms = 2_100; ms < 2_900; ms += 40) {
        assert.closeTo(Hearing.levelOf(sound.left, 1_000, ms * 48, 1_920), 0.3, 0.02, `at ${ms} ms`)
      }
    }))

  it.effect("continues without a gap after a seek to just before the end", () =>
    Effect.gen(function*() {
      const second = Rig.frames(50, 2)
      const { heard, sound } = yield* queued((queue) =>
        Effect.gen(function*() {
          yield* queue.add(AudioSource.fromFrames(Rig.frames(500, 1)))
          yield* queue.add(AudioSource.fromFrames(second))
          yield* Effect.sleep("3100 millis")
          yield* Effect.orDie((yield* queue.current)?.seek("9800 millis") ?? Effect.void)
        }), { openAhead: "500 millis" })
      assert.deepStrictEqual(audio(heard).slice(-50), Rig.payloads(second))
      assert.deepStrictEqual(sound.gaps, [])
      // the first one ended on its own, and so without closing silence
      assert.isFalse(heard.slice(0, -55).some(({ payload }) => OpusPacket.isSilence(payload)))
    }))

  it.effect("ends if everything is repeated and nothing of it can be heard", () =>
    Effect.gen(function*() {
      let opened = 0
      const { heard } = yield* queued((queue) =>
        queue.add({
          name: "short",
          open: Effect.suspend(() => {
            opened++
            return AudioSource.fromFrames(Rig.frames(50, 1)).open
          })
        }, { from: "5 seconds" }), { repeat: "all" })
      assert.deepStrictEqual(audio(heard), [])
      assert.isBelow(opened, 3)
    }), 5_000)

  it.effect("skips in the middle of a song and continues without a gap", () =>
    Effect.gen(function*() {
      const [first, second] = [Rig.frames(500, 1), Rig.frames(50, 2)]
      const { heard, sound } = yield* queued((queue) =>
        Effect.gen(function*() {
          yield* queue.add(AudioSource.fromFrames(first))
          yield* queue.add(AudioSource.fromFrames(second))
          yield* Effect.sleep("3 seconds")
          assert.strictEqual((yield* queue.skip)?.name, "frames")
        })
      )
      const packets = audio(heard)
      assert.deepStrictEqual(packets.slice(-50), Rig.payloads(second))
      assert.closeTo(packets.length - 50, 150, 15)
      assert.deepStrictEqual(sound.gaps, [])
    }))

  it.effect("neither duplicates nor replays an entry when two requests come at once", () =>
    Rig.run(Effect.gen(function*() {
      const queue = yield* TrackQueue.make(yield* Rig.join("lobby"), { repeat: "all" })
      for (const [i, name] of Array.from("abcd").entries()) {
        yield* queue.add(AudioSource.fromFrames(Rig.frames(500, i), { name }))
      }
      const shown = Effect.map(
        queue.contents,
        ({ current, history, upcoming }) =>
          [history, current === undefined ? [] : [current.entry], upcoming]
            .map((entries) => entries.map(({ name }) => name).join(""))
            .join("|")
      )
      const both = (...asked: ReadonlyArray<Effect.Effect<unknown>>) =>
        Effect.andThen(Effect.all(asked, { concurrency: "unbounded", discard: true }), shown)
      yield* queue.skip
      yield* queue.skip
      assert.strictEqual(yield* shown, "ab|c|dab")
      assert.strictEqual(yield* both(queue.back, queue.back), "|a|bcd")
      assert.strictEqual(yield* both(queue.skip, queue.skip), "a|b|cda")
      // a skip applies to what plays when it is requested
      assert.strictEqual(yield* both(queue.back, queue.skip), "|a|bcd")
      yield* queue.skip
      assert.strictEqual(yield* both(queue.skip, queue.back), "a|b|cda")
      assert.strictEqual(yield* both(queue.stop, queue.skip), "a||")
      assert.strictEqual(yield* both(queue.back, queue.stop), "||")
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("plays an entry shorter than the crossfade once, and nothing of an empty one", () =>
    Effect.gen(function*() {
      const opens = { jingle: 0, nothing: 0 }
      const counted = <R>(
        name: keyof typeof opens,
        source: AudioSource.AudioSource<R>
      ): AudioSource.AudioSource<R> => ({
        name,
        open: Effect.suspend(() => {
          opens[name]++
          return source.open
        })
      })
      const { sound } = yield* queued((queue) =>
        Effect.gen(function*() {
          const events = yield* Effect.forkScoped(
            Stream.runCollect(Stream.takeUntil(queue.events, ({ _tag }) => _tag === "Idle"))
          )
          yield* queue.add(Hearing.pcm(Hearing.sine(440), 3_000, { name: "first" }))
          yield* queue.add(counted("nothing", AudioSource.fromFrames([])))
          yield* queue.add(counted("jingle", Hearing.pcm(Hearing.sine(1_000), 600)))
          yield* queue.add(Hearing.pcm(Hearing.sine(2_000), 1_000, { name: "last" }))
          yield* Effect.orDie(queue.awaitIdle)
          const seen = (yield* Fiber.join(events)).flatMap((event) =>
            event._tag === "Started" || event._tag === "Ended" ? [`${event._tag} ${event.entry.name}`] : []
          )
          // it is reported in its turn, even though it is found out ahead
          assert.isAbove(seen.indexOf("Started nothing"), seen.indexOf("Ended first"))
          for (const name of ["first", "nothing", "jingle", "last"]) {
            assert.lengthOf(seen.filter((line) => line === `Started ${name}`), 1, name)
            assert.lengthOf(seen.filter((line) => line === `Ended ${name}`), 1, name)
          }
          const { history, upcoming } = yield* queue.contents
          assert.deepStrictEqual(upcoming, [])
          assert.sameMembers(history.map(({ name }) => name), ["first", "nothing", "jingle", "last"])
        }).pipe(Effect.scoped), { crossfade: "1500 millis" })
      assert.deepStrictEqual(opens, { jingle: 1, nothing: 1 })
      assert.isAbove(Hearing.levelOf(sound.left, 1_000, 48 * 2_950, 1_920), 0.2)
    }))

  for (const count of [1, 2, 3]) {
    it.effect(`halts when its session ends, and keeps the waiting entries: ${count} entries`, () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const queue = yield* TrackQueue.make(yield* Rig.join("lobby"))
        const events = yield* Effect.forkScoped(
          Stream.runCollect(Stream.takeUntil(queue.events, ({ _tag }) => _tag === "Halted" || _tag === "Idle"))
        )
        for (let i = 1; i <= count; i++) {
          yield* queue.add(AudioSource.fromFrames(Rig.frames(500, i), { name: `${i}` }))
        }
        const idle = yield* Effect.forkScoped(Effect.flip(queue.awaitIdle))
        yield* Effect.sleep("2 seconds")
        yield* discord.faults.kick("bot")
        assert.strictEqual((yield* Fiber.join(idle)).reason._tag, "Kicked")
        const seen = Array.from(yield* Fiber.join(events)).filter(({ _tag }) => _tag !== "Changed")
        assert.deepStrictEqual(seen.map(({ _tag }) => _tag), ["Started", "Ended", "Halted"])
        assert(seen[2]?._tag === "Halted" && seen[2].error.reason._tag === "Kicked")
        yield* Effect.sleep("10 seconds")
        const { current, failures, history, lost, upcoming } = yield* queue.contents
        assert.isUndefined(current)
        assert.strictEqual(lost?.entry.name, "1")
        assert.closeTo(lost?.positionMs ?? 0, 2_000, 100)
        assert.deepStrictEqual(failures, [])
        assert.deepStrictEqual(history.map(({ name }) => name), ["1"])
        assert.deepStrictEqual(upcoming.map(({ name }) => name), ["2", "3"].slice(0, count - 1))
        yield* queue.add(AudioSource.fromFrames([], { name: "late" }))
        assert.strictEqual((yield* Effect.flip(queue.awaitIdle)).reason._tag, "Kicked")
      })).pipe(Effect.provide(Rig.memory())))
  }

  it.effect("goes on in the next session where it was when its session was lost", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const lists = [Rig.frames(200, 1), Rig.frames(60, 2)]
      const again = ({ name }: TrackQueue.Entry) => ({
        source: AudioSource.fromFrames(lists[Number(name)] ?? [], { name })
      })
      const contents = yield* Effect.scoped(Effect.gen(function*() {
        const queue = yield* TrackQueue.make(yield* Rig.join("lobby"))
        for (const name of ["0", "1"]) yield* queue.add(again({ id: 0, name }).source)
        yield* Effect.sleep("2 seconds")
        yield* discord.faults.kick("bot")
        yield* Effect.flip(queue.awaitIdle)
        return yield* queue.contents
      }))
      yield* Effect.sleep("10 seconds")
      const queue = yield* TrackQueue.restore(yield* Rig.join("lobby"), contents, again)
      const { current, history, lost, upcoming } = yield* queue.contents
      assert.strictEqual(current?.entry.name, "0")
      assert.deepStrictEqual(history, [])
      assert.isUndefined(lost)
      assert.deepStrictEqual(upcoming.map(({ name }) => name), ["1"])
      yield* Effect.orDie(queue.awaitIdle)
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(audio(yield* guest.heard), Rig.payloads(lists.flat()))
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("halts when its session ends while nothing plays, and stays halted", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const queue = yield* TrackQueue.make(yield* Rig.join("lobby"))
      const halt = yield* Effect.forkScoped(
        Stream.runHead(Stream.filter(queue.events, ({ _tag }) => _tag === "Halted"))
      )
      yield* discord.faults.kick("bot")
      const event = Option.getOrUndefined(yield* Fiber.join(halt))
      assert(event?._tag === "Halted" && event.error.reason._tag === "Kicked")
      yield* queue.awaitIdle
      yield* queue.add(AudioSource.fromFrames([], { name: "late" }))
      assert.strictEqual((yield* Effect.flip(queue.awaitIdle)).reason._tag, "Kicked")
      assert.deepStrictEqual((yield* queue.contents).upcoming.map(({ name }) => name), ["late"])
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("changes its level in the middle of a crossfade, which continues", () =>
    Effect.gen(function*() {
      const { sound } = yield* queued((queue) =>
        Effect.gen(function*() {
          yield* queue.add(Hearing.pcm(Hearing.sine(440), 3_000))
          yield* queue.add(Hearing.pcm(Hearing.sine(1_000), 2_000))
          yield* Effect.sleep("2200 millis")
          yield* Effect.orDie(queue.setGain(0.5))
        }), { crossfade: "1 second" })
      const levels = (ms: number) =>
        [440, 1_000].map((hz) => Hearing.levelOf(sound.left, hz, 48 * ms, 1_920)) as [number, number]
      for (let ms = 2_400; ms < 3_000; ms += 50) {
        const [low, high] = levels(ms)
        assert.closeTo(Math.hypot(low, high), 0.15, 0.01, `at ${ms} ms`)
        const part = (ms + 20 - 2_000) / 1_000
        assert.closeTo(low, 0.15 * Math.cos(part * Math.PI / 2), 0.01, `at ${ms} ms`)
      }
      assert.closeTo(levels(3_500)[1], 0.15, 0.005)
    }))

  it.effect("has its own level, which later entries begin with", () =>
    Effect.gen(function*() {
      const { sound } = yield* queued((queue) =>
        Effect.gen(function*() {
          yield* queue.add(Hearing.pcm(Hearing.sine(440), 2_000))
          yield* queue.add(Hearing.pcm(Hearing.sine(440), 1_000), { gain: 2 })
          yield* queue.add(Hearing.pcm(Hearing.sine(440), 1_000))
          yield* Effect.sleep("1 second")
          for (const wrong of [queue.setGain(NaN), queue.setGain(0.5, { ramp: -1 }), queue.setCrossfade(-1)]) {
            assert.strictEqual((yield* Effect.orDie(Effect.flip(wrong))).reason._tag, "Unsupported")
            assert.strictEqual((yield* queue.contents).gain, 1)
          }
          yield* Effect.orDie(queue.setGain(0.25))
          assert.strictEqual((yield* queue.contents).gain, 0.25)
        })
      )
      const level = (ms: number) => Hearing.levelOf(sound.left, 440, 48 * ms, 9_600)
      const full = level(500)
      assert.closeTo(level(1_600) / full, 0.25, 0.02)
      assert.closeTo(level(2_400) / full, 0.5, 0.03)
      assert.closeTo(level(3_400) / full, 0.25, 0.02)
    }))
})
