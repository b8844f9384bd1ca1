import { assert, describe, it } from "@effect/vitest"
import type { FloatCodec } from "../../src/codec/FloatCodec.ts"
import * as Heard from "../../src/mixer/Heard.ts"
import * as Mix from "../../src/mixer/Mix.ts"
import * as PcmRing from "../../src/mixer/PcmRing.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import * as FakeCodec from "./fakeCodec.ts"
import { inputOf } from "./inputs.ts"

const pcmOf = (value: number, samples: number) => {
  const ring = PcmRing.make(Math.max(20, samples / 48))
  ring.write(new Float32Array(samples * 2).fill(value), 0)
  ring.end()
  return ring
}

/** A ring of Opus whose frames all have this sample value, and an input that reads from it. */
const opusOf = (input: number, value: number, frames: number) => {
  const ring = FrameRing.make()
  for (let i = 0; i < frames; i++) ring.write(FakeCodec.packetOf(value), 960)
  assert(ring.buffer instanceof SharedArrayBuffer)
  return { ring, input: { ...inputOf(input, pcmOf(0, 1)), format: "opus", ring: ring.buffer } } as const
}

const make = async (lookahead = 0, codec = FakeCodec.make(lookahead)) => {
  const ring = FrameRing.make()
  const heard = Heard.makeBuffer()
  const broken: Array<string> = []
  assert(ring.buffer instanceof SharedArrayBuffer)
  const mix = await Mix.make(
    codec,
    { ring: ring.buffer, heard, encoder: {}, aheadMs: 60 },
    (detail) => broken.push(detail)
  )
  // until this is taken, the mix is as far ahead as it may be: inputs that are added now begin together
  ring.write(Uint8Array.of(0), 2_880)
  const into = new Uint8Array(FrameRing.maxFrameBytes)
  /** Takes all frames until the mix ends: the first, the middle and the last sample of each, in hundredths. */
  const all = (): ReadonlyArray<ReadonlyArray<number>> => {
    const frames: Array<ReadonlyArray<number>> = []
    ring.discard()
    for (let i = 0; i < 1_000 && !ring.isDrained(); i++) {
      mix.fill()
      if (ring.read(into, 0) >= 0) frames.push([...into.subarray(0, 3)])
    }
    return frames
  }
  /** Takes the frames that are there. */
  const taken = (): ReadonlyArray<ReadonlyArray<number>> => {
    const frames: Array<ReadonlyArray<number>> = []
    while (ring.read(into, 0) >= 0) frames.push([...into.subarray(0, 3)])
    return frames
  }
  return { mix, ring, heard: Heard.reader(heard), broken, all, taken, codec }
}

describe("a mix", () => {
  it("begins an input with the sample after the last one of the input that it waits for", async () => {
    const { all, heard, mix } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 1_200)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.2, 1_680), { after: 1 }) })
    // an input that waits for a missing one does not wait
    mix.command({ _tag: "Add", input: inputOf(3, pcmOf(0.4, 960), { after: 77 }) })
    const frames = all()
    assert.deepStrictEqual(frames, [[50, 50, 50], [10, 20, 20], [20, 20, 20]])
    assert.strictEqual(heard.flags(0, 2, 2), 0)
    assert.strictEqual(heard.flags(1, 1, 1), Heard.Flag.Playing | Heard.Flag.Over)
    assert.strictEqual(heard.flags(1, 2, 2), Heard.Flag.Playing)
    assert.strictEqual(heard.positionMs(1, 2), 15)
    assert.isTrue(heard.isEnded())
    assert.strictEqual(heard.successor(), 0)
  })

  it("plays several inputs one after another within a frame, without a gap", async () => {
    const { all, heard, mix } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 300)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.2, 300), { after: 1 }) })
    mix.command({ _tag: "Add", input: inputOf(3, pcmOf(0.3, 960), { after: 2 }) })
    assert.deepStrictEqual(all(), [[10, 20, 30], [30, 30, 0]])
    assert.strictEqual(heard.positionMs(0, 3), 360 / 48)
  })

  it("begins an input with the next frame if the one before it fills the last one", async () => {
    const { all, mix } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 960)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.2, 960), { after: 1 }) })
    assert.deepStrictEqual(all(), [[10, 10, 10], [20, 20, 20]])
  })

  it("makes an input wait also for the replacement of the one that it waits for", async () => {
    const { all, mix } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 1_000)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.2, 1_680), { after: 1 }) })
    mix.command({ _tag: "Add", input: inputOf(3, pcmOf(0.3, 1_200), { replaces: 1 }) })
    mix.command({ _tag: "Add", input: inputOf(4, pcmOf(0.1, 2_880), { replaces: 77 }) })
    assert.deepStrictEqual(all(), [[50, 50, 40], [40, 30, 30], [30, 30, 30]])
  })

  it("keeps an input waiting for a replacement even if the replaced input is already over", async () => {
    const { all, mix, ring } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 2_880)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.2, 960), { after: 1 }) })
    ring.discard()
    mix.fill()
    mix.command({ _tag: "Add", input: inputOf(3, pcmOf(0.3, 960), { replaces: 1 }) })
    assert.deepStrictEqual(all().map(([value]) => value), [10, 10, 30, 20])
  })

  it("ignores a replacement if the input waiting for the replaced one, or for its replacement, has begun", async () => {
    const { all, mix, ring } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 960)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.2, 9_600), { after: 1 }) })
    ring.discard()
    mix.fill()
    mix.command({ _tag: "Add", input: inputOf(3, pcmOf(0.5, 960), { replaces: 1 }) })
    mix.command({ _tag: "Add", input: inputOf(4, pcmOf(0.3, 1_920), { after: 1, replaces: 2 }) })
    mix.command({ _tag: "Add", input: inputOf(5, pcmOf(0.6, 960), { replaces: 3 }) })
    // the replaced input ends with the next frame
    assert.deepStrictEqual(all().map(([, , value]) => value), [20, 20, 20, 30, 30])
  })

  it("ignores a replacement for an input that was already over when the waiting one was added", async () => {
    const { all, mix, ring } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 960)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.2, 5 * 960)) })
    ring.discard()
    mix.fill()
    mix.command({ _tag: "Add", input: inputOf(3, pcmOf(0.3, 2 * 960), { after: 1 }) })
    mix.command({ _tag: "Add", input: inputOf(4, pcmOf(0.4, 960), { replaces: 1 }) })
    assert.deepStrictEqual(all().map(([value]) => value), [20, 20, 50, 50])
  })

  it("ignores a replacement of an ignored replacement, too", async () => {
    const { all, mix, ring } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 960)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.2, 9 * 960), { after: 1 }) })
    ring.discard()
    mix.fill()
    mix.command({ _tag: "Add", input: inputOf(3, pcmOf(0.3, 960), { replaces: 1 }) })
    ring.discard()
    mix.fill()
    mix.command({ _tag: "Add", input: inputOf(4, pcmOf(0.4, 960), { replaces: 3 }) })
    assert.deepStrictEqual([...new Set(all().map(([value]) => value))], [20])
  })

  it("feeds its encoder ahead by the encoder's lookahead", async () => {
    const { all, mix } = await make(480)
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 960)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.2, 960), { after: 1 }) })
    assert.deepStrictEqual(all(), [[10, 20, 20], [20, 0, 0]])
  })

  it("soft-clips a loud sum, and ducks for a voice by that voice's settings", async () => {
    const { all, mix } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.8, 960)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.8, 960)) })
    assert.deepStrictEqual(all(), [[100, 100, 100]])
    const ducked = await make()
    const duck = { gain: 0.5, attackMs: 20, releaseMs: 40, holdMs: 20, threshold: 0.05 }
    ducked.mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.4, 6 * 960)) })
    ducked.mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.1, 960), { duck }) })
    assert.deepStrictEqual(ducked.all(), [
      [50, 40, 30],
      [20, 20, 20],
      [20, 25, 30],
      [30, 35, 40],
      [40, 40, 40],
      [40, 40, 40]
    ])
  })

  it("plays the other inputs if one delivers samples that are not finite", async () => {
    const { all, mix } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 960)) })
    for (const [i, value] of [NaN, Infinity, -Infinity].entries()) {
      mix.command({ _tag: "Add", input: inputOf(i + 2, pcmOf(value, 960)) })
    }
    assert.deepStrictEqual(all(), [[10, 10, 10]])
  })

  it("breaks once if its codec throws", async () => {
    const { all, broken, mix, ring } = await make()
    // so loud that it is clipped to full scale
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(-1, 5 * 960), { gain: 4 }) })
    assert.deepStrictEqual(all(), [])
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.5, 960)) })
    mix.fill()
    assert.deepStrictEqual(broken, ["no sound"])
    assert.isFalse(ring.isEnded())
  })

  it("is idle when nothing comes, after a fade-out, and continues when something does", async () => {
    const { heard, mix, ring, taken } = await make()
    const pcm = PcmRing.make(100)
    pcm.write(new Float32Array(1_920).fill(0.5), 0)
    mix.command({ _tag: "Add", input: inputOf(1, pcm) })
    ring.discard()
    for (let i = 0; i < 10; i++) mix.fill()
    // the last sound fades out
    assert.deepStrictEqual(taken(), [[50, 50, 50], [50, 0, 0]])
    assert.isTrue(heard.isIdle())
    pcm.write(new Float32Array(1_920 * 2).fill(0.25), 0)
    for (let i = 0; i < 10; i++) mix.fill()
    assert.deepStrictEqual(taken().slice(-2), [[0, 25, 25], [25, 25, 25]])
    // a paused input is no longer heard, and its time does not pass
    pcm.write(new Float32Array(1_920 * 2).fill(0.25), 0)
    mix.command({ _tag: "Pause", input: 1, paused: true })
    for (let i = 0; i < 10; i++) mix.fill()
    taken()
    assert.isTrue(heard.isIdle())
    assert.isAbove(pcm.available(), 0)
    assert.isFalse(ring.isEnded())
    pcm.end()
    mix.command({ _tag: "Remove", input: 1 })
    mix.command({ _tag: "Remove", input: 77 })
    for (let i = 0; i < 10; i++) mix.fill()
    assert.isTrue(ring.isEnded())
  })

  it("hands over to Opus that is alone and unchanged, right after its own last frame", async () => {
    const { heard, mix, ring, taken } = await make(480)
    const frames = FrameRing.make()
    for (let i = 1; i <= 40; i++) frames.write(FakeCodec.packetOf(i / 100), 960)
    assert(frames.buffer instanceof SharedArrayBuffer)
    mix.command({ _tag: "Add", input: { ...inputOf(1, pcmOf(0, 1)), format: "opus", ring: frames.buffer } })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.5, 5 * 960)) })
    await new Promise(setImmediate)
    ring.discard()
    const made: Array<ReadonlyArray<number>> = []
    for (let i = 0; i < 100 && !ring.isDrained(); i++) {
      mix.fill()
      made.push(...taken())
    }
    assert.isTrue(heard.isEnded())
    assert.strictEqual(heard.successor(), 1)
    // ten frames of nothing else
    assert.lengthOf(made, 15)
    assert.strictEqual(frames.framesRead(), 15)
    // the last frame ends with the beginning of the next one
    assert.deepStrictEqual(made.slice(-2), [[14, 15, 15], [15, 16, 16]])
    assert.deepStrictEqual(made[0], [51, 52, 52])
  })

  it("hands over only to Opus that it has mixed alone for ten frames, even if another was alone before", async () => {
    const { heard, mix, ring, taken } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 50 * 960)) })
    ring.discard()
    // some 15 frames of nothing else
    for (let i = 0; i < 5; i++) {
      taken()
      mix.fill()
    }
    mix.fill()
    const opus = opusOf(2, 0.8, 40)
    mix.command({ _tag: "Add", input: opus.input })
    await new Promise(setImmediate)
    const from = ring.framesRead() - 1
    const next = FrameRing.make({ first: from })
    assert(next.buffer instanceof SharedArrayBuffer)
    mix.command({ _tag: "Cut", inputs: [1], from, ring: next.buffer })
    for (let i = 0; i < 40; i++) {
      next.discard()
      mix.fill()
    }
    assert.strictEqual(heard.successor(), 2)
    assert.strictEqual(opus.ring.framesRead(), 10)
  })

  it("hands over once the remaining input has returned to its level after ducking", async () => {
    const { heard, mix, ring, taken } = await make()
    const duck = { gain: 0.5, attackMs: 0, releaseMs: 400, holdMs: 0, threshold: 0 }
    const opus = opusOf(1, 0.4, 60)
    mix.command({ _tag: "Add", input: opus.input })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0, 960), { duck }) })
    await new Promise(setImmediate)
    ring.discard()
    const made: Array<ReadonlyArray<number>> = []
    for (let i = 0; i < 100 && !ring.isDrained(); i++) {
      mix.fill()
      made.push(...taken())
    }
    assert.strictEqual(heard.successor(), 1)
    assert.lengthOf(made, 1 + 400 / 20 + 10)
    assert.deepStrictEqual(made.at(-1), [40, 40, 40])
  })

  it("does not hand over to an input whose gain is changed just then", async () => {
    const codec = FakeCodec.make()
    // frames of 120 ms: it can hand over only every six units, and wants to mix ten first
    const { heard, mix, ring, taken } = await make(0, {
      ...codec,
      decoder: () => Promise.resolve(FakeCodec.decoderOf(5_760))
    })
    const opus = opusOf(1, 0.4, 10)
    mix.command({ _tag: "Add", input: opus.input })
    await new Promise(setImmediate)
    ring.discard()
    const made: Array<ReadonlyArray<number>> = []
    for (let i = 0; i < 60 && !ring.isDrained(); i++) {
      if (ring.framesWritten() >= 11) mix.command({ _tag: "Gain", input: 1, gain: 0.5, rampMs: 0 })
      mix.fill()
      made.push(...taken())
    }
    assert.strictEqual(heard.successor(), 0)
    assert.deepStrictEqual(made.at(30), [20, 20, 20])
  })

  it("does not begin before something comes, and fades each sound out", async () => {
    const { heard, mix, ring, taken } = await make()
    const pcm = PcmRing.make(100)
    mix.command({ _tag: "Add", input: inputOf(1, pcm) })
    ring.discard()
    for (let times = 0; times < 3; times++) {
      for (let i = 0; i < 10; i++) mix.fill()
      assert.deepStrictEqual(taken(), [])
      assert.isTrue(heard.isIdle())
      pcm.write(new Float32Array(1_920).fill(0.5), 0)
      for (let i = 0; i < 10; i++) mix.fill()
      // it fades in within 5 ms if there was silence before
      const before = times === 0 ? [[50, 50, 50]] : [[0, 0, 0], [0, 50, 50]]
      assert.deepStrictEqual(taken(), [...before, [50, 0, 0]])
    }
  })

  it("reports an input as over that is removed while it is paused", async () => {
    const { heard, mix, ring } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 9_600)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.1, 9_600), { paused: true }) })
    ring.discard()
    mix.fill()
    const units = () => ring.framesWritten()
    assert.strictEqual(heard.flags(units() - 1, 2, 2), Heard.Flag.Paused)
    mix.command({ _tag: "Remove", input: 2 })
    while (ring.next() >= 0) ring.discard()
    mix.fill()
    const flags = Array.from({ length: units() }, (_, unit) => heard.flags(unit, 2, 2))
    assert.include(flags, Heard.Flag.Over)
    assert.strictEqual(flags.at(-1), 0)
  })

  it("frees the decoder of an input that has ended while others go on", async () => {
    const { codec, mix, ring, taken } = await make()
    const opus = opusOf(1, 0.4, 2)
    opus.ring.end()
    mix.command({ _tag: "Add", input: opus.input })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.1, 20 * 960)) })
    await new Promise(setImmediate)
    assert.strictEqual(codec.open(), 2)
    ring.discard()
    for (let i = 0; i < 5; i++) {
      mix.fill()
      taken()
    }
    assert.isFalse(ring.isEnded())
    assert.strictEqual(codec.open(), 1)
  })

  it("executes commands in order, even while it waits for a decoder", async () => {
    const { all, mix } = await make()
    const frames = FrameRing.make()
    for (let i = 0; i < 4; i++) frames.write(FakeCodec.packetOf(0.8), 960)
    frames.end()
    assert(frames.buffer instanceof SharedArrayBuffer)
    mix.command({ _tag: "Add", input: { ...inputOf(1, pcmOf(0, 1)), format: "opus", ring: frames.buffer } })
    mix.command({ _tag: "Gain", input: 1, gain: 0.5, rampMs: 0 })
    await new Promise(setImmediate)
    assert.deepStrictEqual(all(), Array.from({ length: 4 }, () => [40, 40, 40]))
  })

  it("does not end while it waits for a decoder", async () => {
    const { mix, ring, taken } = await make()
    const frames = FrameRing.make()
    for (let i = 0; i < 2; i++) frames.write(FakeCodec.packetOf(0.8), 960)
    frames.end()
    assert(frames.buffer instanceof SharedArrayBuffer)
    const heard: Array<ReadonlyArray<number>> = []
    const play = () => {
      for (let i = 0; i < 10; i++) {
        heard.push(...taken())
        mix.fill()
      }
    }
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 3 * 960)) })
    ring.discard()
    mix.fill()
    mix.command({ _tag: "Add", input: { ...inputOf(2, pcmOf(0, 1)), format: "opus", ring: frames.buffer } })
    play()
    assert.isFalse(ring.isEnded())
    await new Promise(setImmediate)
    play()
    assert.deepStrictEqual(heard, [[10, 10, 10], [10, 10, 10], [10, 10, 10], [80, 80, 80], [80, 80, 80]])
    assert.isTrue(ring.isDrained())
  })

  it("keeps nothing of an input that is added after its end", async () => {
    const { all, codec, mix } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 960)) })
    assert.lengthOf(all(), 1)
    const frames = FrameRing.make()
    assert(frames.buffer instanceof SharedArrayBuffer)
    mix.command({ _tag: "Add", input: { ...inputOf(2, pcmOf(0, 1)), format: "opus", ring: frames.buffer } })
    await new Promise(setImmediate)
    // only its encoder
    assert.strictEqual(codec.open(), 1)
  })

  it("breaks only once, however often its encoder rejects settings", async () => {
    const codec = FakeCodec.make()
    const broken: Array<string> = []
    const refusing: FloatCodec = {
      ...codec,
      encoder: async (options) => ({
        ...await codec.encoder(options),
        configure: () => {
          throw new Error("not so")
        }
      })
    }
    const { buffer } = FrameRing.make()
    assert(buffer instanceof SharedArrayBuffer)
    const setup = { ring: buffer, heard: Heard.makeBuffer(), encoder: {}, aheadMs: 60 }
    const mix = await Mix.make(refusing, setup, (detail) => broken.push(detail))
    for (let i = 0; i < 2; i++) mix.command({ _tag: "Encoder", settings: { bitrate: 64_000 } })
    assert.deepStrictEqual(broken, ["not so"])
  })

  it("makes unheard frames again without the cut inputs, which fade out if they were heard before", async () => {
    const { mix, ring, taken } = await make(480)
    const frames = FrameRing.make()
    assert(frames.buffer instanceof SharedArrayBuffer)
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 9 * 960)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.2, 9 * 960)) })
    mix.command({ _tag: "Add", input: inputOf(3, pcmOf(0.4, 9 * 960), { after: 2 }) })
    ring.discard()
    mix.fill()
    assert.deepStrictEqual(taken(), [[30, 30, 30], [30, 30, 30]])
    mix.fill()
    mix.fill()
    // one that begins after the cut is not heard at all, and neither is one whose decoder is not there yet
    mix.command({ _tag: "Add", input: inputOf(4, pcmOf(0.3, 9 * 960)) })
    mix.command({ _tag: "Add", input: { ...inputOf(5, pcmOf(0, 1)), format: "opus", ring: frames.buffer } })
    mix.command({ _tag: "Add", input: inputOf(6, pcmOf(0.3, 9 * 960)) })
    const next = FrameRing.make({ first: 2 })
    assert(next.buffer instanceof SharedArrayBuffer)
    mix.command({ _tag: "Cut", inputs: [2, 3, 4, 5, 6, 77], from: 2, ring: next.buffer })
    await new Promise(setImmediate)
    assert.isTrue(ring.isEnded())
    assert.deepStrictEqual([next.framesRead(), next.framesWritten()], [2, 5])
    const into = new Uint8Array(FrameRing.maxFrameBytes)
    const made: Array<ReadonlyArray<number>> = []
    for (let i = 0; i < 20 && !next.isDrained(); i++) {
      mix.fill()
      while (next.read(into, 0) >= 0) made.push([...into.subarray(0, 3)])
    }
    assert.deepStrictEqual(made, [...Array.from({ length: 6 }, () => [10, 10, 10]), [10, 0, 0]])
    assert.isTrue(next.isDrained())
  })

  it("can still cut an input after its end, and stays ended", async () => {
    const { mix, ring } = await make()
    mix.command({ _tag: "Add", input: inputOf(1, pcmOf(0.1, 2_400)) })
    mix.command({ _tag: "Add", input: inputOf(2, pcmOf(0.2, 1_920)) })
    ring.discard()
    for (let i = 0; i < 5; i++) mix.fill()
    assert.isTrue(ring.isEnded())
    const next = FrameRing.make({ first: 1 })
    assert(next.buffer instanceof SharedArrayBuffer)
    mix.command({ _tag: "Cut", inputs: [2], from: 1, ring: next.buffer })
    const into = new Uint8Array(FrameRing.maxFrameBytes)
    const made: Array<ReadonlyArray<number>> = []
    while (next.read(into, 0) >= 0) made.push([...into.subarray(0, 3)])
    assert.deepStrictEqual(made, [[30, 10, 10], [10, 0, 0]])
    assert.isTrue(next.isDrained())
  })

  it("frees everything that it used when it is closed, and does nothing more", async () => {
    const { codec, mix, ring } = await make()
    const frames = FrameRing.make()
    assert(frames.buffer instanceof SharedArrayBuffer)
    const opus = { ...inputOf(1, pcmOf(0, 1)), format: "opus", ring: frames.buffer } as const
    mix.command({ _tag: "Add", input: opus })
    await new Promise(setImmediate)
    // its decoder only arrives after the mix was closed
    mix.command({ _tag: "Add", input: { ...opus, input: 2, slot: 2 } })
    assert.strictEqual(codec.open(), 3)
    mix.close()
    mix.close()
    await new Promise(setImmediate)
    assert.deepStrictEqual([codec.open(), codec.used()], [0, 3])
    mix.command({ _tag: "Add", input: inputOf(3, pcmOf(0.5, 960)) })
    mix.fill()
    assert.strictEqual(ring.framesWritten(), 1)
  })
})
