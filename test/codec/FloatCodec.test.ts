import { assert, describe, it } from "@effect/vitest"
import * as FloatCodec from "../../src/codec/FloatCodec.ts"
import type { EncoderOptions, EncoderSettings } from "../../src/codec/options.ts"

/** 20 ms of something like a voice, with a little noise, on both sides. */
const voice = (frame: number): Float32Array => {
  const pcm = new Float32Array(1_920)
  let noise = frame + 1
  for (let i = 0; i < 960; i++) {
    const t = (frame * 960 + i) / 48_000
    const phase = 2 * Math.PI * (140 * t + 6 * Math.sin(2 * Math.PI * 3 * t))
    let sum = 0
    for (let k = 1; k <= 60; k++) sum += Math.sin(k * phase) / (1 + Math.abs(k - 4))
    noise = Math.imul(noise, 1_664_525) + 1_013_904_223 | 0
    pcm.fill(0.1 * sum * (0.6 + 0.4 * Math.sin(2 * Math.PI * 2.3 * t)) + noise / 2 ** 38, 2 * i, 2 * i + 2)
  }
  return pcm
}

/** Speech for 20 frames, then silence for as many. */
const sound = Array.from({ length: 40 }, (_, frame) => frame < 20 ? voice(frame) : new Float32Array(1_920))

const encoded = async (options: EncoderOptions, settings?: EncoderSettings) => {
  const encoder = await FloatCodec.codec.encoder(options)
  if (settings !== undefined) encoder.configure(settings)
  const packets = sound.map((pcm) => Buffer.from(encoder.encode(pcm)).toString("hex"))
  encoder.free()
  return packets
}

const plain: EncoderOptions = { application: "voip", bitrate: 24_000 }
const guarded: EncoderOptions = { ...plain, expectedLossPercent: 20, fec: true }

/** The settings, each in a case where it makes a difference. */
const others: ReadonlyArray<readonly [EncoderOptions, EncoderSettings & { readonly bitrate?: number }]> = [
  [plain, { bitrate: 64_000 }],
  [plain, { complexity: 0 }],
  [guarded, { fec: false }],
  [guarded, { expectedLossPercent: 0 }],
  [plain, { dtx: true }],
  [plain, { bandwidth: "narrowband" }],
  // with error correction, the signal always counts as a voice
  [plain, { signal: "music" }]
]

describe("FloatCodec", () => {
  it("encodes with its initial options, and with settings that are changed later", async () => {
    for (const [base, settings] of others) {
      const [name] = Object.keys(settings)
      const made = await encoded({ ...base, ...settings })
      assert.notDeepEqual(made, await encoded(base), name)
      assert.deepStrictEqual(await encoded(base, settings), made, name)
    }
    const usual = await encoded(plain)
    assert.notDeepEqual(await encoded({ ...plain, application: "audio" }), usual)
    assert.deepStrictEqual(await encoded(plain, {}), usual)
  })

  it("lets libopus choose the bitrate if that is set to auto", async () => {
    assert.deepStrictEqual(await encoded({ bitrate: 16_000 }, { bitrate: "auto" }), await encoded({}))
  })

  it("encodes frames without prediction only if told to", async () => {
    const encode = async (prediction: boolean | undefined) => {
      const encoder = await FloatCodec.codec.encoder({ bitrate: 96_000 })
      if (prediction !== undefined) encoder.setPrediction(prediction)
      const packets = sound.slice(0, 20).map((pcm) => encoder.encode(pcm))
      encoder.free()
      return packets
    }
    const usual = await encode(undefined)
    assert.deepStrictEqual(await encode(true), usual)
    assert.notDeepEqual(await encode(false), usual)
  })
})
