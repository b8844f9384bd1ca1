import { assert, describe, it } from "@effect/vitest"
import { Context, Data, Effect, Fiber, Layer } from "effect"
import { readFileSync } from "node:fs"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import * as FakeConnection from "../FakeConnection.ts"
import { serve } from "../httpServer.ts"
import { collect } from "../listen.ts"
import { indexOf, play, sourceOf } from "../numbers.ts"
import { mixed, shown } from "../samples.ts"

class Expired extends Data.TaggedError("Expired")<{ readonly url: string }> {}

class Catalogue extends Context.Service<Catalogue, { readonly find: Effect.Effect<AudioSource.AudioSource> }>()(
  "test/Catalogue"
) {}

describe("AudioSource.unwrap", () => {
  it.effect("finds its source at each opening, with the services that this requires", () =>
    Effect.gen(function*() {
      let found = 0
      const catalogue = Layer.succeed(Catalogue, {
        find: Effect.sync(() => AudioSource.fromFrames(mixed(++found, 5)))
      })
      const lazy = AudioSource.unwrap(Effect.flatMap(Catalogue, ({ find }) => find), { name: "a song" })
      assert.deepStrictEqual([lazy.name, found], ["a song", 0])
      for (const seed of [1, 2]) {
        const { frames } = yield* collect(lazy).pipe(Effect.provide(catalogue))
        assert.deepStrictEqual(shown(frames), shown(mixed(seed, 5)))
      }
    }))

  it.effect("releases what its effect acquired when the opening's scope closes", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const lazy: AudioSource.AudioSource = AudioSource.unwrap(Effect.as(
        Effect.acquireRelease(Effect.sync(() => log.push("open")), () => Effect.sync(() => log.push("closed"))),
        AudioSource.fromFrames(mixed(1, 5))
      ))
      yield* Effect.scoped(Effect.andThen(lazy.open, Effect.sync(() => log.push("played"))))
      assert.deepStrictEqual(log, ["open", "played", "closed"])
    }))

  it.effect("fails with the failure of its effect as that of the source, without secrets", () =>
    Effect.gen(function*() {
      const gone = VoiceError.make(
        new VoiceError.SourceFailed({ source: "x", kind: "NotFound", positionMs: 0, detail: "it is gone" })
      )
      assert.strictEqual(yield* Effect.flip(AudioSource.unwrap(Effect.fail(gone)).open), gone)
      const cases = [
        [new Error("no luck with https://host/a?token=secret"), "no luck with https://host/a"],
        [new Expired({ url: "https://host/b?token=secret" }), "Expired (url: \"https://host/b\")"],
        ["nothing there", "nothing there"]
      ] as const
      for (const [error, detail] of cases) {
        const { reason } = yield* Effect.flip(AudioSource.unwrap(Effect.fail(error), { name: "a song" }).open)
        assert.deepInclude(reason, { _tag: "SourceFailed", source: "a song", kind: "Failed", detail })
      }
      const broken = AudioSource.unwrap(Effect.succeed(AudioSource.fromBytes(new Uint8Array(0), { name: "inner" })))
      assert.deepInclude((yield* Effect.flip(broken.open)).reason, { source: "inner", kind: "Empty" })
    }).pipe(Effect.scoped))

  it.effect("runs again for a seek, and leaves the track as it is if it fails then", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      let tries = 0
      const lazy = AudioSource.unwrap(
        Effect.suspend(() => ++tries === 3 ? Effect.fail("expired") : Effect.succeed(sourceOf(100)))
      )
      const track = yield* fake.play(lazy)
      yield* play(fake, 20)
      yield* track.seek(1_000)
      const { reason } = yield* Effect.flip(track.seek(1_900))
      assert.deepInclude(reason, { _tag: "SourceFailed", kind: "Failed", detail: "expired" })
      yield* play(fake, 60)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.deepStrictEqual(fake.taken.map(indexOf).slice(20), Array.from({ length: 50 }, (_, i) => 50 + i))
      assert.strictEqual(tries, 3)
    }))

  it.effect("fails the track, not its caller, if its effect dies", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const thrown = [new Error("no such song"), undefined, new Error("not at https://host/a?token=secret")]
      const lazy = AudioSource.unwrap(
        Effect.suspend(() => {
          const defect = thrown.shift()
          return defect === undefined ? Effect.succeed(sourceOf(100)) : Effect.die(defect)
        }),
        { name: "a song" }
      )
      const failed = { _tag: "SourceFailed", source: "a song", kind: "Failed" } as const
      const [first] = thrown
      const { reason } = yield* Effect.flip(fake.play(lazy))
      assert.deepInclude(reason, { ...failed, detail: "no such song", cause: first })
      const track = yield* fake.play(lazy)
      yield* play(fake, 20)
      const sought = (yield* Effect.flip(track.seek(1_000))).reason
      assert.deepInclude(sought, { ...failed, detail: "not at https://host/a" })
      assert.notProperty(sought, "cause")
      yield* play(fake, 90)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
    }))

  for (const file of ["chirp.opus.ogg", "chirp.opus.webm", "chirp.flac", "chirp.mp3"]) {
    it.live(`runs again if its URL has expired when the connection breaks, and continues there: ${file}`, () =>
      Effect.gen(function*() {
        const body = readFileSync(new URL(`../files/${file}`, import.meta.url))
        const server = yield* serve({ body, cuts: [Math.round(body.length / 2), Infinity] })
        let found = 0
        const lazy = AudioSource.unwrap(Effect.sync(() => AudioSource.fromUrl(`${server.url}&at=${++found}`)))
        // the first responses contain the sound and, for Ogg, its end
        server.conduct.status = [...file.endsWith(".ogg") ? [200] : [], 200, 403]
        const played = yield* collect(lazy)
        const whole = yield* collect(AudioSource.fromBytes(body))
        assert.deepStrictEqual([played.end, found], ["Done", 2], played.message)
        assert.deepStrictEqual(shown(played.frames), shown(whole.frames))
        assert.strictEqual(played.pcm.length, whole.pcm.length)
        // a resampler that lacks the following samples is off in its last ones
        const off = played.pcm.filter((sample, i) => Math.abs(sample - (whole.pcm[i] ?? NaN)) > 0.001)
        assert.isAtMost(off.length, 48)
      }))
  }

  it.live("does not run again and again if that does not help", () =>
    Effect.gen(function*() {
      const body = readFileSync(new URL("../files/chirp.opus.webm", import.meta.url))
      const server = yield* serve({ body, cuts: Array.from({ length: 9 }, () => 20_000) })
      let found = 0
      const lazy = AudioSource.unwrap(Effect.sync(() => AudioSource.fromUrl(`${server.url}&at=${++found}`)))
      server.conduct.status = [200, 403, 200, 403, 403, 403]
      const played = yield* collect(lazy)
      assert.deepStrictEqual([played.end, found], ["Unreadable", 2])
    }))

  it.effect("is interrupted when its opening is interrupted", () =>
    Effect.gen(function*() {
      let isInterrupted = false
      const hanging = AudioSource.unwrap(Effect.onInterrupt(Effect.never, () =>
        Effect.sync(() => {
          isInterrupted = true
        })))
      const fiber = yield* Effect.forkChild(Effect.scoped(hanging.open), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.isTrue(isInterrupted)
    }))
})
