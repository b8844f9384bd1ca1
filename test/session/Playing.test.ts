import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Scope } from "effect"
import type * as AudioSource from "../../src/audio/AudioSource.ts"
import type { EncoderOptions } from "../../src/codec/options.ts"
import * as Mixer from "../../src/Mixer.ts"
import type { Command } from "../../src/mixer/messages.ts"
import * as Playing from "../../src/session/Playing.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as FakeConnection from "../audio/FakeConnection.ts"
import { play, sourceOf } from "../audio/numbers.ts"

/** What plays on a connection, the encoder options of each of its mixes, and the commands that they got. */
const rig = Effect.gen(function*() {
  const fake = yield* FakeConnection.make
  const real = yield* Effect.provide(Mixer.Mixer, Mixer.layer)
  const encoders: Array<EncoderOptions | undefined> = []
  const commands: Array<Command> = []
  const mixer: Mixer.Mixer["Service"] = {
    ...real,
    open: (options) => {
      encoders.push(options?.encoder)
      return Effect.map(real.open(options), (mixing) => ({
        ...mixing,
        command: (command) => {
          commands.push(command)
          mixing.command(command)
        }
      }))
    }
  }
  const playing = yield* Playing.make(fake.connection, mixer, { bitrate: 32_000, fec: true, complexity: 3 })
  return { commands, encoders, fake, playing }
})

describe("Playing", () => {
  it.effect("starts no track that waits for an interrupted one", () =>
    Effect.gen(function*() {
      const { fake, playing } = yield* rig
      const track = yield* playing.play(sourceOf(1_000))
      const waiting = yield* playing.play(sourceOf(1_000), { after: track, gain: 0.5 })
      yield* play(fake, 10)
      const before = fake.log.filter((line) => line.startsWith("attach")).length
      const interrupted = yield* playing.interrupt
      assert.deepStrictEqual(interrupted.map(({ positionMs }) => positionMs), [200, 0])
      assert.deepStrictEqual(yield* playing.tracks, [])
      yield* play(fake, 5)
      assert.lengthOf(fake.log.filter((line) => line.startsWith("attach")), before)
      assert.deepStrictEqual(yield* waiting.awaitEnd, { _tag: "Stopped" })
    }))

  it.effect("starts no track whose source is still being opened when everything is interrupted", () =>
    Effect.gen(function*() {
      const { fake, playing } = yield* rig
      yield* playing.play(sourceOf(1_000))
      yield* play(fake, 5)
      const open = yield* Latch.make()
      const source = sourceOf(1_000)
      const opening = yield* Effect.forkScoped(
        playing.play({ ...source, open: Effect.andThen(open.await, source.open) }),
        { startImmediately: true }
      )
      assert.lengthOf(yield* playing.interrupt, 1)
      const before = fake.log.filter((line) => line.startsWith("attach")).length
      yield* open.open
      yield* play(fake, 5)
      const track = yield* Fiber.join(opening)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Stopped" })
      assert.lengthOf(fake.log.filter((line) => line.startsWith("attach")), before)
    }))

  it.effect("releases what a source has taken when it ends, or cannot be opened", () =>
    Effect.gen(function*() {
      const { fake, playing } = yield* rig
      let held = 0
      const holding = (open: AudioSource.AudioSource["open"]) => ({
        ...sourceOf(5),
        open: Effect.andThen(
          Effect.acquireRelease(Effect.sync(() => void held++), () => Effect.sync(() => void held--)),
          open
        )
      })
      const failed = yield* Effect.flip(playing.play(holding(VoiceError.fail(
        new VoiceError.SourceFailed({ source: "numbers", kind: "Failed", positionMs: 0, detail: "by the test" })
      ))))
      assert.strictEqual(failed.reason._tag, "SourceFailed")
      assert.strictEqual(held, 0)
      const track = yield* playing.play(holding(sourceOf(1_000).open))
      assert.strictEqual(held, 1)
      yield* play(fake, 10)
      yield* track.stop
      yield* Effect.yieldNow
      assert.strictEqual(held, 0)
    }))

  it.effect("keeps nothing of tracks that have ended or failed, and no track after its own end", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { fake, playing } = yield* Scope.provide(rig, scope)
      const failing = VoiceError.fail(
        new VoiceError.SourceFailed({ source: "numbers", kind: "Failed", positionMs: 0, detail: "by the test" })
      )
      const once = Effect.gen(function*() {
        yield* Effect.flip(playing.play({ ...sourceOf(5), open: failing }))
        const track = yield* playing.play(sourceOf(1_000))
        yield* play(fake, 2)
        yield* track.stop
        yield* play(fake, 2)
      })
      const kept = () => scope.state._tag === "Open" ? scope.state.finalizers?.size ?? 0 : 0
      yield* once
      const before = kept()
      assert.isAbove(before, 0)
      yield* Effect.repeat(once, { times: 9 })
      assert.strictEqual(kept(), before)
      yield* playing.play(sourceOf(1_000))
      assert.lengthOf(yield* playing.tracks, 1)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* playing.tracks, [])
    }))

  it.effect("encodes each mix with the latest options", () =>
    Effect.gen(function*() {
      const { encoders, playing } = yield* rig
      yield* playing.setEncoder({ bandwidth: "wideband" })
      const track = yield* playing.play(sourceOf(100), { gain: 0.5 })
      yield* playing.setEncoder({ bitrate: "auto", fec: false, dtx: true, signal: "voice", expectedLossPercent: 5 })
      yield* track.stop
      yield* playing.play(sourceOf(100), { gain: 0.5 })
      const first = { bitrate: 32_000, fec: true, complexity: 3, bandwidth: "wideband" } as const
      assert.lengthOf(encoders, 2)
      assert.deepInclude(encoders[0], first)
      assert.deepInclude(encoders[1], {
        ...first,
        bitrate: undefined,
        fec: false,
        dtx: true,
        signal: "voice",
        expectedLossPercent: 5
      })
      // omitted options stay as they are
      yield* playing.setEncoder({})
      yield* playing.interrupt
      yield* playing.play(sourceOf(100), { gain: 0.5 })
      assert.deepStrictEqual(encoders[2], encoders[1])
      const refused = yield* Effect.flip(playing.setEncoder({ complexity: 11 }))
      assert.strictEqual(refused.reason._tag, "Unsupported")
    }))

  it.effect("ducks the others by 12 dB for a voice by default, and as its options say otherwise", () =>
    Effect.gen(function*() {
      const { commands, fake, playing } = yield* rig
      for (const duck of [true, {}, { gain: 0.5, attack: 10 }, false, undefined] as const) {
        yield* playing.play(sourceOf(100), { duck, gain: 0.5 })
      }
      yield* play(fake, 2)
      const usual = { gain: 0.25, attackMs: 60, releaseMs: 400, holdMs: 300, threshold: 0.01 }
      assert.deepStrictEqual(
        commands.flatMap((command) => command._tag === "Add" ? [command.input.duck] : []),
        [usual, usual, { ...usual, gain: 0.5, attackMs: 10 }, undefined, undefined]
      )
    }))

  it.effect("rejects duck options that are out of range", () =>
    Effect.gen(function*() {
      const { playing } = yield* rig
      const odd: ReadonlyArray<Playing.DuckOptions> = [
        { gain: -0.5 },
        { gain: 2 },
        { threshold: NaN },
        { attack: -1 },
        { release: NaN },
        { hold: "Infinity" }
      ]
      for (const duck of odd) {
        const { reason } = yield* Effect.flip(playing.play(sourceOf(100), { duck }))
        assert.strictEqual(reason._tag, "Unsupported", JSON.stringify(duck))
      }
      assert.deepStrictEqual(yield* playing.tracks, [])
    }))

  it.effect("cuts no track of another connection", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* rig, yield* rig]
      yield* one.playing.play(sourceOf(100))
      const foreign = yield* other.playing.play(sourceOf(100))
      assert.deepStrictEqual(yield* one.playing.cut([foreign]), [])
      assert.lengthOf(yield* one.playing.tracks, 1)
      assert.lengthOf(yield* other.playing.tracks, 1)
    }))
})
