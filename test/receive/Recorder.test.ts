import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as Recorder from "../../src/receive/Recorder.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "../integration/rig.ts"
import * as Kit from "./record/kit.ts"

const codecs = Layer.merge(OpusDecoder.layer, OpusEncoder.layer)
const memory = (options?: Emulator.MemoryOptions) => Layer.merge(Rig.memory(options), codecs)

const recordable = (session: VoiceSession.VoiceSession): Recorder.Session => ({
  ...session,
  receive: { participants: Effect.succeed([]) }
})

const start = (
  session: VoiceSession.VoiceSession,
  disk: Kit.Disk,
  options?: Partial<Recorder.Options<never, never>>
) =>
  Recorder.start(recordable(session), { folder: "/recording", ...options }).pipe(
    Effect.provideService(Recorder.Storage, disk)
  )

describe("Recorder", () => {
  it.effect("lays the files of all users side by side, to 2.5 ms", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const bob = yield* discord.join({ user: "bob", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const disk = Kit.disk()
      const recording = yield* start(session, disk)
      // the same clicks, from tracks that begin at different times
      const second = 48_000
      const early = yield* Kit.clicks(200, [second, 2 * second, 3 * second])
      const late = yield* Kit.clicks(150, [second - 37_296, 2 * second - 37_296, 3 * second - 37_296])
      yield* Effect.sleep("203 millis")
      yield* Effect.forkScoped(ada.speak(early))
      yield* Effect.sleep("777 millis")
      yield* bob.speak(late)
      yield* Effect.sleep("1537 millis")
      const manifest = yield* recording.stop

      assert.strictEqual(manifest.state, "complete")
      assert.deepStrictEqual(manifest.users.map(({ userId }) => userId), [ada.userId, bob.userId])
      const length = Math.round(manifest.durationMs * 48)
      const places: Array<ReadonlyArray<number>> = []
      for (const { file, gaps, packets } of manifest.users) {
        const bytes = disk.file(file?.name ?? "")
        assert.strictEqual(file?.bytes, bytes.length)
        const { errors, left, samples } = yield* Kit.decode(bytes)
        assert.deepStrictEqual(errors, [])
        assert.closeTo(samples, length, 5)
        const { packets: demuxed, seconds } = yield* Kit.demux(bytes)
        assert.closeTo(seconds, length / 48_000, 0.01)
        for (const [i, { at, samples }] of demuxed.entries()) {
          const next = demuxed[i + 1]
          if (next !== undefined) assert.strictEqual(next.at, at + samples)
        }
        assert.deepStrictEqual([gaps.length, packets.lost, packets.late], [0, 0, 0])
        places.push(Kit.clicksIn(left))
      }
      const [ofAda = [], ofBob = []] = places
      assert.lengthOf(ofAda, 3)
      ofAda.forEach((at, i) => {
        assert.closeTo(at, (203 + 1) * 48 + (i + 1) * second, 130)
        assert.isAtMost(Math.abs(at - (ofBob[i] ?? 0)), 120)
      })
      const { left, samples } = yield* Kit.decode(disk.file("mixed.ogg"))
      assert.closeTo(samples, length, 5)
      Kit.clicksIn(left).forEach((at, i) => assert.closeTo(at, ofAda[i] ?? 0, 130))
      yield* Rig.blameless
    })).pipe(Effect.provide(memory())), 60_000)
})
