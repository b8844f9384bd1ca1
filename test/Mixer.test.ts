import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { codec } from "../src/codec/FloatCodec.ts"
import * as Mixer from "../src/Mixer.ts"
import * as Heard from "../src/mixer/Heard.ts"
import type { Command } from "../src/mixer/messages.ts"
import * as PcmRing from "../src/mixer/PcmRing.ts"
import * as Thread from "../src/mixer/Thread.ts"
import * as FrameRing from "../src/ring/FrameRing.ts"
import type * as VoiceError from "../src/VoiceError.ts"
import * as Hearing from "./mixer/hearing.ts"
import { inputOf } from "./mixer/inputs.ts"

const opened = Effect.fnUntraced(function*(options?: Partial<Mixer.MixOptions>) {
  const mixer = yield* Mixer.Mixer
  return yield* mixer.open({
    onBroken: (error) => {
      throw error
    },
    ...options
  })
})

/** A second of a tone, as an input. */
const play = (mixing: Mixer.Mixing, input = 1, ms = 1_000) => {
  const ring = PcmRing.make(ms)
  ring.write(Hearing.samplesOf(Hearing.sine(440), ms), 0)
  ring.end()
  mixing.command({ _tag: "Add", input: inputOf(input, ring) })
}

/** Takes what is ready. */
const drain = (ring: FrameRing.FrameRing): ReadonlyArray<Uint8Array> => {
  const frames: Array<Uint8Array> = []
  const into = new Uint8Array(FrameRing.maxFrameBytes)
  for (let length = ring.read(into, 0); length >= 0; length = ring.read(into, 0)) frames.push(into.slice(0, length))
  return frames
}

describe("Mixer", () => {
  it.effect("makes frames ahead up to its limit, and ends when its inputs have ended", () =>
    Effect.gen(function*() {
      const mixing = yield* opened()
      play(mixing)
      assert.isAtLeast(mixing.ring.bufferedMs(), 40)
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(mixing.ring.bufferedMs(), 120)
      const frames: Array<Uint8Array> = []
      for (let i = 0; i < 60; i++) {
        frames.push(...drain(mixing.ring))
        yield* TestClock.adjust("20 millis")
      }
      assert.lengthOf(frames, 50)
      assert.isTrue(mixing.ring.isDrained())
      assert.isTrue(mixing.heard.isEnded())
      assert.strictEqual(mixing.heard.successor(), 0)
      assert.strictEqual(mixing.heard.positionMs(49, 1), 1_000)
      assert.strictEqual(mixing.heard.flags(49, 1, 1), Heard.Flag.Playing | Heard.Flag.Over)
      assert.strictEqual(mixing.heard.flags(49, 1, 2), 0)
      const sound = yield* Hearing.decode(frames.map((payload, i) => ({ payload, timestamp: i * 960 })))
      assert.isAbove(Hearing.ratio(sound.left, Hearing.sine(440), 960 * 2, 960 * 46), 30)
    }).pipe(Effect.scoped, Effect.provide(Mixer.layer)))

  it.effect("makes frames as far ahead as configured", () =>
    Effect.gen(function*() {
      const mixing = yield* opened()
      play(mixing)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(mixing.ring.bufferedMs(), 300)
    }).pipe(Effect.scoped, Effect.provide(Mixer.layerWith({ ahead: "300 millis" }))))

  it.effect("has room for all frames ahead, even at their greatest size", () =>
    Effect.gen(function*() {
      const mixing = yield* opened({ encoder: { bitrate: 510_000 } })
      const noise = PcmRing.make(2_000)
      let state = 1
      const next = () => (state = Math.imul(state, 48_271) % 0x7fffffff) / 0x7fffffff
      noise.write(Float32Array.from({ length: 2_000 * 96 }, next), 0)
      noise.end()
      mixing.command({ _tag: "Add", input: inputOf(1, noise) })
      yield* TestClock.adjust("600 millis")
      // up to the last one of two seconds
      for (let i = 0; i <= 70; i++) {
        assert.strictEqual(mixing.ring.bufferedMs(), 600)
        assert.isAbove(mixing.ring.next(), 1_200)
        mixing.ring.discard()
        yield* TestClock.adjust("20 millis")
      }
    }).pipe(Effect.scoped, Effect.provide(Mixer.layerWith({ ahead: "600 millis" }))))

  it.effect("limits ahead to between 60 and 600 ms, and uses 60 ms if it is not a number", () =>
    Effect.gen(function*() {
      const aheadOf = (ahead: Duration.Input) =>
        Effect.provide(Effect.map(Mixer.Mixer, ({ aheadMs }) => aheadMs), Mixer.layerWith({ ahead }))
      const inputs = ["0 millis", "59 millis", "600 millis", "601 millis", "Infinity", Number("soon")] as const
      assert.deepStrictEqual(yield* Effect.forEach(inputs, aheadOf), [60, 60, 600, 600, 600, 60])
    }))

  /** A mix that makes nothing on its own, and the commands that it receives. */
  const silent = Effect.fnUntraced(function*(isHere: boolean) {
    const commands: Array<Command> = []
    const opener = async () => ({ isHere, command: (command: Command) => void commands.push(command), close: () => {} })
    const onBroken = () => assert.fail("nothing can break")
    return { commands, mixing: yield* Mixer.openWith(120, { onBroken }, opener) }
  })

  /** Writes `written` frames to the ring, of which the driver takes `taken`. */
  const fill = (ring: FrameRing.FrameRing, written: number, taken: number) => {
    for (let i = 0; i < written; i++) ring.write(new Uint8Array(8), 960)
    for (let i = 0; i < taken; i++) ring.discard()
  }

  it.effect("cuts after what the driver has taken, or may be taking if the mix is in another thread", () =>
    Effect.gen(function*() {
      const cuts = Effect.fnUntraced(function*(isHere: boolean) {
        const { commands, mixing } = yield* silent(isHere)
        fill(mixing.ring, 6, 2)
        const first = mixing.cut([1])
        assert.strictEqual(first.ring.framesWritten(), first.from)
        // nobody has begun to read it
        fill(first.ring, 2, 0)
        const second = mixing.cut([2])
        fill(second.ring, 3, 1)
        const third = mixing.cut([3])
        fill(third.ring, 1, 1)
        // nothing comes after it
        const fourth = mixing.cut([4])
        assert.deepStrictEqual(
          commands.map((command) => command._tag === "Cut" ? [command.inputs, command.from] : []),
          [[[1], first.from], [[2], second.from], [[3], third.from], [[4], fourth.from]]
        )
        return [first, second, third, fourth].map(({ from }) => from)
      })
      assert.deepStrictEqual(yield* cuts(true), [2, 2, 3, 4])
      assert.deepStrictEqual(yield* cuts(false), [3, 3, 5, 6])
    }).pipe(Effect.scoped))

  it.effect("refuses invalid encoder settings", () =>
    Effect.gen(function*() {
      for (
        const encoder of [{ bitrate: 1 }, { complexity: 11 }, { expectedLossPercent: 101 }, { signal: "x" as "auto" }]
      ) {
        const error = yield* Effect.flip(opened({ encoder }))
        assert.strictEqual(error.reason._tag, "CodecUnavailable")
      }
    }).pipe(Effect.scoped, Effect.provide(Mixer.layer)))

  for (
    const [where, layer] of [
      ["this thread", Mixer.layer],
      ["threads", Mixer.layerThreadWith({ use: "always", threads: 2 })]
    ] as const
  ) {
    it.live(`starts 200 encoded streams in ${where}`, () =>
      Effect.gen(function*() {
        const all = yield* Effect.forEach(Array.from({ length: 200 }), () => opened(), { concurrency: 20 })
        for (const mixing of all) play(mixing, 1, 60)
        while (all.some(({ ring }) => ring.framesWritten() < 2)) yield* Effect.sleep("10 millis")
        for (const { ring } of all) assert.isAbove(ring.next(), 3)
      }).pipe(Effect.scoped, Effect.provide(layer)))
  }

  it.live("starts at least one thread, and no more than the machine has room for", () =>
    Effect.gen(function*() {
      for (const threads of [1e12, -3, 0.5]) {
        const { ring } = yield* Effect.scoped(opened()).pipe(
          Effect.provide(Mixer.layerThreadWith({ use: "always", threads }))
        )
        assert.strictEqual(ring.framesWritten(), 0)
      }
    }))

  it.live("starts the default number of threads if the given one is not a number", () =>
    Effect.gen(function*() {
      const { ring } = yield* opened()
      assert.strictEqual(ring.framesWritten(), 0)
    }).pipe(Effect.scoped, Effect.provide(Mixer.layerThreadWith({ use: "always", threads: Number("two") }))))

  it.live("uses a thread for every mix but the first one at a time", () =>
    Effect.gen(function*() {
      const workers = () => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length
      const scope = yield* Scope.make()
      const before = workers()
      yield* opened().pipe(Scope.provide(scope))
      assert.strictEqual(workers(), before)
      const second = yield* opened()
      assert.strictEqual(workers(), before + 1)
      play(second)
      while (second.ring.bufferedMs() < 100) yield* Effect.sleep("5 millis")
      yield* Scope.close(scope, Exit.void)
      // the first place is free again
      const third = yield* opened()
      play(third)
      assert.isAtLeast(third.ring.bufferedMs(), 40)
    }).pipe(Effect.scoped, Effect.provide(Mixer.layerThread)))

  it.live("gives each mix to the thread with the fewest, and starts no more threads than allowed", () =>
    Effect.gen(function*() {
      const workers = () => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length
      const before = workers()
      const counts: Array<number> = []
      for (let i = 0; i < 3; i++) {
        yield* opened()
        counts.push(workers() - before)
      }
      assert.deepStrictEqual(counts, [1, 2, 2])
    }).pipe(Effect.scoped, Effect.provide(Mixer.layerThreadWith({ use: "always", threads: 2 }))))

  it.live("ends its threads with its layer, and breaks what they still mix", () =>
    Effect.gen(function*() {
      const workers = () => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length
      const before = workers()
      const scope = yield* Effect.scope
      const errors: Array<VoiceError.VoiceError> = []
      const onBroken = (error: VoiceError.VoiceError) => void errors.push(error)
      yield* Effect.gen(function*() {
        yield* opened({ onBroken }).pipe(Scope.provide(scope))
        assert.strictEqual(workers(), before + 1)
      }).pipe(Effect.provide(Mixer.layerThreadWith({ use: "always" })))
      assert.strictEqual(workers(), before)
      assert.deepStrictEqual(errors.map(({ reason }) => reason._tag), ["EncodeFailed"])
    }).pipe(Effect.scoped))

  it.live("reports a thread that has ended, and starts another", () =>
    Effect.gen(function*() {
      const thread = Thread.make({ onUnavailable: assert.fail })
      const broken: Array<string> = []
      const setup = () => {
        const { buffer } = FrameRing.make()
        assert(buffer instanceof SharedArrayBuffer)
        return { ring: buffer, heard: Heard.makeBuffer(), encoder: {}, aheadMs: 100 }
      }
      yield* Effect.promise(() => thread.open(setup(), (detail) => void broken.push(detail)))
      const opening = thread.open(setup(), () => void broken.push("opening")).catch((cause: unknown) => cause)
      yield* Effect.promise(() => thread.close())
      assert.deepStrictEqual(broken, ["the mixing thread has ended", "opening"])
      assert.strictEqual(yield* Effect.promise(() => opening), "the mixing thread has ended")
      assert.strictEqual(thread.size(), 0)
      yield* Effect.promise(() => thread.open(setup(), () => {}))
      assert.strictEqual(thread.size(), 1)
      yield* Effect.promise(() => thread.close())
    }))

  it.live("mixes in this thread if another one cannot be started", () =>
    Effect.gen(function*() {
      const why: Array<string> = []
      const thread = Thread.make({
        onUnavailable: (detail) => why.push(detail),
        url: new URL("./nowhere/mixerWorker.js", import.meta.url)
      })
      yield* Effect.addFinalizer(() => Effect.promise(() => thread.close()))
      const rings: Array<FrameRing.FrameRing> = []
      for (let i = 0; i < 2; i++) {
        const ring = FrameRing.make()
        const { buffer } = ring
        assert(buffer instanceof SharedArrayBuffer)
        const setup = { ring: buffer, heard: Heard.makeBuffer(), encoder: {}, aheadMs: 100 }
        const { close, command } = yield* Effect.promise(() => thread.open(setup, assert.fail))
        yield* Effect.addFinalizer(() => Effect.sync(close))
        play({ ring, heard: Heard.reader(setup.heard), command, cut: () => assert.fail("nothing is cut") })
        rings.push(ring)
      }
      while (rings.some((ring) => ring.bufferedMs() < 100)) yield* Effect.sleep("5 millis")
      assert.lengthOf(why, 1)
      assert.include(why[0], "mixerWorker.js")
      assert.strictEqual(thread.size(), 2)
    }).pipe(Effect.scoped))

  it.effect("fails with EncodeFailed when its codec throws", () =>
    Effect.gen(function*() {
      const { encoder } = codec
      const spy = vi.spyOn(codec, "encoder").mockImplementation(async (options) => ({
        ...await encoder(options),
        encode: () => {
          throw new Error("it is worn out")
        }
      }))
      yield* Effect.addFinalizer(() => Effect.sync(() => spy.mockRestore()))
      const errors: Array<VoiceError.VoiceError> = []
      const mixing = yield* opened({ onBroken: (error) => void errors.push(error) })
      play(mixing)
      yield* TestClock.adjust("100 millis")
      assert.lengthOf(errors, 1)
      assert.strictEqual(errors[0]?.reason._tag, "EncodeFailed")
      assert.include(errors[0]?.message, "it is worn out")
    }).pipe(Effect.scoped, Effect.provide(Mixer.layer)))
})
