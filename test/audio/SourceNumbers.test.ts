import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { collect } from "./listen.ts"

const opened = (source: AudioSource.AudioSource) =>
  Effect.scoped(source.open).pipe(
    Effect.as("opened"),
    Effect.catch(({ reason }) => Effect.succeed(`${reason._tag}: ${reason.message}`))
  )

const noTimes = [NaN, -1, Duration.millis(-5)]

describe("an invalid number", () => {
  it.effect("is refused as the duration of a silence or a tone", () =>
    Effect.gen(function*() {
      for (const duration of noTimes) {
        const pause = AudioSource.silence(duration)
        const tone = AudioSource.tone({ frequency: 440, duration })
        for (const source of [pause, tone]) assert.match(yield* opened(source), /^Unsupported: .*a duration of/)
      }
      const endless = [AudioSource.silence(), AudioSource.silence(Infinity), AudioSource.tone({ frequency: 440 })]
      for (const source of endless) assert.strictEqual(yield* opened(source), "opened")
    }))

  it.effect("is refused as the ramp of a tone", () =>
    Effect.gen(function*() {
      for (const ramp of [...noTimes, Infinity]) {
        assert.match(yield* opened(AudioSource.tone({ frequency: 440, ramp })), /^Unsupported: A ramp of/)
      }
      const tone = AudioSource.tone({ frequency: 440, duration: "1 second", ramp: "1 hour" })
      const { pcm } = yield* collect(tone)
      assert.isTrue(pcm.length > 0 && pcm.every(Number.isFinite))
    }))

  it.effect("is refused as the buffer of a live source, as are an infinite one and one over ten minutes", () =>
    Effect.gen(function*() {
      for (const buffer of [...noTimes, Infinity, "11 minutes"] as const) {
        assert.match(
          yield* opened(AudioSource.live(AudioSource.silence(20), { buffer })),
          /^Unsupported: A buffer of/
        )
      }
      assert.strictEqual(yield* opened(AudioSource.live(AudioSource.silence(20), { buffer: 0 })), "opened")
    }))

  it.effect("is refused as the time that a program gets to exit", () =>
    Effect.gen(function*() {
      const pcm = { format: "s16le", rate: 48_000, channels: 2 } as const
      for (const killAfterMs of [NaN, -1]) {
        const source = AudioSource.fromProcess({ command: process.execPath, args: ["-e", ""], killAfterMs, pcm })
        assert.match(yield* opened(source), /^Unsupported: A `killAfterMs` of/)
        const decoded = AudioSource.fromFfmpeg("song.mid", { command: process.execPath, ffprobe: false, killAfterMs })
        assert.match(yield* opened(decoded), /^Unsupported: A `killAfterMs` of/)
      }
    }))
})
