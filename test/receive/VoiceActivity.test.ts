import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Rate } from "../../src/OpusDecoder.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as VoiceActivity from "../../src/receive/VoiceActivity.ts"
import * as Speech from "./speech.ts"

const codecs = Layer.merge(OpusDecoder.layer, OpusEncoder.layer)

const second = 48_000

/**
 * How the detector in use judges speech with a pause of one second: the share of voiced 10 ms blocks in the speech, and
 * in the pause.
 */
const judged = Effect.fnUntraced(function*(rate: Rate) {
  const { frames, stretches } = yield* Speech.withPauses("speech-1.ogg", [{ at: 1.25 * second, samples: second }])
  const detector = yield* (yield* VoiceActivity.VoiceActivity).make(rate)
  const decoder = yield* (yield* OpusDecoder.OpusDecoder).make({ rate, channels: 1 })
  const voiced: Array<boolean> = []
  for (const { data } of frames) {
    const pcm = yield* decoder.decode(data)
    voiced.push(detector(pcm.subarray(0, rate / 100)), detector(pcm.subarray(rate / 100)))
  }
  const share = (from: number, to: number) => {
    const part = voiced.slice(Math.ceil(from / 480), Math.floor(to / 480))
    return part.filter((is) => is).length / part.length
  }
  const [first = { start: 0, end: 0 }, other = { start: 0, end: 0 }] = stretches
  return { speech: share(first.start, first.end), pause: share(first.end + 12_000, other.start - 1_000) }
}, Effect.scoped)

describe("VoiceActivity", () => {
  const layers = {
    default: Layer.empty,
    "by energy": VoiceActivity.layerEnergy({ least: -50 }),
    "of WebRTC": VoiceActivity.layerWebRtc()
  }
  for (const [name, layer] of Object.entries(layers)) {
    for (const rate of [8_000, 16_000, 24_000, 48_000] as const) {
      it.effect(`tells speech from a pause: ${name}, ${rate} Hz`, () =>
        Effect.gen(function*() {
          const { pause, speech } = yield* judged(rate)
          // the speaker also takes breaths
          assert.isAbove(speech, 0.6)
          assert.strictEqual(pause, 0)
        }).pipe(Effect.provide(Layer.merge(codecs, layer))))
    }
  }

  it.effect("accepts another threshold", () =>
    Effect.gen(function*() {
      const detector = yield* (yield* VoiceActivity.VoiceActivity).make(16_000)
      assert.isFalse(detector(new Int16Array(160).fill(1_000)))
      assert.isTrue(detector(new Int16Array(160).fill(20_000)))
    }).pipe(Effect.scoped, Effect.provide(VoiceActivity.layerEnergy({ least: -20, most: -10 }))))

  it.effect("rejects thresholds that are not finite, and a negative margin or rise", () =>
    Effect.gen(function*() {
      const none = [
        ...[NaN, Infinity, -1].flatMap((value) => [{ margin: value }, { rise: value }]),
        ...[NaN, Infinity, -Infinity].flatMap((value) => [{ least: value }, { most: value }])
      ]
      for (const options of none) {
        const { reason } = yield* Effect.flip(Effect.scoped(Layer.build(VoiceActivity.layerEnergy(options))))
        assert.strictEqual(reason._tag, "Unsupported")
        const [name = "", value] = Object.entries(options)[0] ?? []
        assert.include(reason.message, `${name} is ${value}`)
      }
    }))

  it.effect("rejects a mode that WebRTC does not have", () =>
    Effect.gen(function*() {
      for (const mode of [4, -1, NaN, 1.5]) {
        // as a program in plain JavaScript may pass it
        const layer = VoiceActivity.layerWebRtc({ mode: mode as 0 })
        const { reason } = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
        assert.strictEqual(reason._tag, "Unsupported")
      }
    }))
})
