import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect } from "effect"
import { readFileSync } from "node:fs"
import * as ByteSource from "../../../src/audio/ByteSource.ts"
import * as AdtsReader from "../../../src/audio/format/AdtsReader.ts"
import type { Header, Packet } from "../../../src/audio/format/PacketReader.ts"
import * as PacketSource from "../../../src/audio/format/PacketSource.ts"
import * as OggReader from "../../../src/audio/ogg/OggReader.ts"
import * as DecodedSource from "../../../src/audio/source/DecodedSource.ts"

const header: Header = {
  codec: "pcm",
  rate: 48_000,
  channels: 1,
  setup: [],
  sampleFormat: "u8",
  delay: 0,
  total: undefined,
  warmUp: 0,
  tags: {}
}

/** How many elements were copied from this array, and from arrays made from it. */
let copied = 0
class Counted<A> extends Array<A> {
  override slice(from?: number, to?: number): Array<A> {
    const part = super.slice(from, to)
    copied += part.length
    return part
  }
}

/** HE-AAC, for which a decoder delivers twice the sample rate that the header states. */
const heAac = readFileSync(new URL("../files/tone.he2.aac", import.meta.url))

const vorbis = readFileSync(new URL("../files/chirp.vorbis.ogg", import.meta.url))

/** All samples from a position on, with a header that states how much of it is sound. */
const heard = (told: Partial<Header>, fromMs?: number, isBegun = true) =>
  Effect.scoped(Effect.gen(function*() {
    const packets = yield* PacketSource.open(ByteSource.memory(heAac, "it"), AdtsReader.make())
    const { pull, seek } = yield* DecodedSource.open({ ...packets, header: { ...packets.header, ...told } })
    if (fromMs !== undefined) {
      // the first samples reveal how many there are
      if (isBegun) yield* pull
      assert.strictEqual(yield* seek?.(fromMs) ?? Effect.undefined, fromMs)
    }
    const samples: Array<number> = []
    yield* Effect.ignore(Effect.forever(Effect.map(pull, (more) => void samples.push(...more))))
    return { samples, rate: packets.header.rate }
  }))

const difference = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number =>
  Math.sqrt(a.reduce((sum, sample, i) => sum + (sample - (b[i] ?? 0)) ** 2, 0) / a.length)

describe("DecodedSource", () => {
  it.effect("counts in samples of the header even if the decoder delivers twice as many", () =>
    Effect.gen(function*() {
      const whole = yield* heard({})
      const { rate } = whole
      // what is trimmed at the start is trimmed in time, too
      const cut = yield* heard({ delay: rate / 10, total: 2 * rate })
      assert.strictEqual(cut.samples.length, 2 * 2 * 48_000)
      const expected = whole.samples.slice(2 * 4_800)
      assert.isBelow(difference(cut.samples.slice(0, -4_800), expected), 0.01)
      const places = [[0, 500, true], [0, 1_500, true], [100, 1_500, true], [1_000, 500, true], [
        0,
        1_500,
        false
      ]] as const
      for (const [delayMs, fromMs, isBegun] of places) {
        const { samples } = yield* heard({ delay: Math.round(rate * delayMs / 1_000) }, fromMs, isBegun)
        const rest = whole.samples.slice(2 * 48 * (delayMs + fromMs))
        assert.strictEqual(samples.length, rest.length)
        // enough is decoded ahead for the first samples to be right
        assert.isBelow(difference(samples.slice(0, 960), rest.slice(0, 960)), 0.001, `from ${fromMs} ms`)
        assert.isBelow(difference(samples, rest), 0.01, `from ${fromMs} ms`)
      }
    }))

  it.effect("takes time in proportion to the number of packets, however many come at once and however short they are", () =>
    Effect.scoped(Effect.gen(function*() {
      const count = 20_000
      const packets = new Counted<Packet>()
      for (let i = 0; i < count; i++) packets.push({ data: Uint8Array.of(i), samples: 1, start: i, offset: -1 })
      let pulled = false
      const source: PacketSource.PacketSource = {
        name: "it",
        header,
        durationMs: undefined,
        live: false,
        pull: Effect.suspend(() => {
          if (pulled) return Cause.done()
          pulled = true
          return Effect.succeed(packets)
        }),
        seek: undefined
      }
      copied = 0
      const { pull } = yield* DecodedSource.open(source)
      let heard = 0
      yield* Effect.ignore(Effect.forever(Effect.tap(pull, (samples) => {
        for (let i = 0; i < samples.length; i += 2) {
          if (samples[i] !== ((heard & 255) - 128) / 128) assert.fail(`sample ${heard} is ${samples[i]}`)
          heard++
        }
        return Effect.void
      })))
      assert.strictEqual(heard, count)
      assert.isAtMost(copied, 2 * count)
    })))

  /** Half of full scale for 20 ms, beginning at the given time. */
  const loud = (atMs: number): Packet => ({
    data: new Uint8Array(960).fill(192),
    samples: 960,
    start: 48 * atMs,
    offset: -1
  })

  const of = (packets: ReadonlyArray<Packet>, live = false): PacketSource.PacketSource => {
    let waiting = [...packets]
    return {
      name: "it",
      header,
      durationMs: undefined,
      live,
      pull: Effect.suspend(() => waiting.length === 0 ? Cause.done() : Effect.succeed(waiting.splice(0))),
      seek: (sample) =>
        Effect.sync(() => {
          waiting = packets.filter(({ samples, start }) => start + samples > sample)
        })
    }
  }

  /** The lengths of sound and silence in milliseconds, from a position on, and how it ended. */
  const shapeOf = (source: PacketSource.PacketSource, fromMs = 0) =>
    Effect.scoped(Effect.gen(function*() {
      const { pull, seek } = yield* DecodedSource.open(source)
      if (fromMs > 0) yield* seek?.(fromMs) ?? Effect.void
      const shape: Array<{ readonly isLoud: boolean; ms: number }> = []
      const end = yield* Effect.flip(Effect.forever(Effect.map(pull, (samples) => {
        for (let i = 0; i < samples.length; i += 2) {
          const isLoud = samples[i] !== 0
          const last = shape.at(-1)
          if (last?.isLoud === isLoud) last.ms += 1 / 48
          else shape.push({ isLoud, ms: 1 / 48 })
        }
      })))
      const reason = end._tag === "Done" ? "Done" : end.reason
      return { shape: shape.map(({ isLoud, ms }) => `${isLoud ? "sound" : "silence"} ${ms.toFixed(2)}`), reason }
    }))

  it.effect("fills gaps with silence of the same length, except in a live source", () =>
    Effect.gen(function*() {
      for (const gapMs of [20, 2_500, 61_000]) {
        const packets = [loud(0), loud(20 + gapMs)]
        const expected = ["sound 20.00", `silence ${gapMs.toFixed(2)}`, "sound 20.00"]
        assert.deepStrictEqual(yield* shapeOf(of(packets)), { shape: expected, reason: "Done" })
        // a delay of less than two frames may still be made up
        const live = gapMs === 20 ? expected : ["sound 40.00"]
        assert.deepStrictEqual(yield* shapeOf(of(packets, true)), { shape: live, reason: "Done" })
      }
    }))

  it.effect("is Corrupt at a gap of more than an hour, at the position of the gap", () =>
    Effect.gen(function*() {
      const source = of([...Array.from({ length: 10 }, (_, i) => loud(20 * i)), loud(3_700_000)])
      for (const fromMs of [0, 150]) {
        const found = yield* shapeOf(source, fromMs)
        assert.deepStrictEqual(found.shape, [`sound ${(200 - fromMs).toFixed(2)}`])
        assert.deepInclude(found.reason, { _tag: "SourceFailed", kind: "Corrupt", positionMs: 200 })
      }
    }))

  it.effect("is Corrupt at a packet that cannot be decoded, after the sound before it", () =>
    Effect.scoped(Effect.gen(function*() {
      const packets = yield* PacketSource.open(ByteSource.memory(vorbis, "it"), OggReader.make())
      let count = 0
      let startMs = 0
      /** Replaces one packet with bytes that are not audio. */
      const damaged = (packet: Packet): Packet => {
        if (count++ !== 30) return packet
        startMs = packet.start / packets.header.rate * 1_000
        return { ...packet, data: new Uint8Array(50).fill(255) }
      }
      const opened = yield* DecodedSource.open({
        ...packets,
        pull: Effect.map(packets.pull, (pulled) => pulled.map(damaged))
      })
      let heardMs = 0
      const end = yield* Effect.flip(Effect.forever(Effect.map(opened.pull, ({ length }) => {
        heardMs += length / 96
      })))
      assert(end._tag === "VoiceError" && end.reason._tag === "SourceFailed")
      assert.strictEqual(end.reason.kind, "Corrupt")
      assert.closeTo(heardMs, startMs, 0.1)
      assert.strictEqual(end.reason.positionMs, heardMs)
    })))
})
