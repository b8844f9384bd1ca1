import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect } from "effect"
import { readFileSync } from "node:fs"
import * as ByteSource from "../../../src/audio/ByteSource.ts"
import * as AdtsReader from "../../../src/audio/format/AdtsReader.ts"
import type { Header, Packet } from "../../../src/audio/format/PacketReader.ts"
import * as PacketSource from "../../../src/audio/format/PacketSource.ts"
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

/** How many of its elements, and of those of the lists that are made of it, were copied. */
let copied = 0
class Counted<A> extends Array<A> {
  override slice(from?: number, to?: number): Array<A> {
    const part = super.slice(from, to)
    copied += part.length
    return part
  }
}

/** HE-AAC, of which a decoder gives twice the rate that its header tells. */
const heAac = readFileSync(new URL("../files/tone.he2.aac", import.meta.url))

/** All of it from a place on, where its header tells how much of it is sound. */
const heard = (told: Partial<Header>, fromMs?: number) =>
  Effect.scoped(Effect.gen(function*() {
    const packets = yield* PacketSource.open(ByteSource.memory(heAac, "it"), AdtsReader.make())
    const { pull, seek } = yield* DecodedSource.open({ ...packets, header: { ...packets.header, ...told } })
    if (fromMs !== undefined) {
      // with its first samples it is known how many there are
      yield* pull
      assert.strictEqual(yield* seek?.(fromMs) ?? Effect.undefined, fromMs)
    }
    const samples: Array<number> = []
    yield* Effect.ignore(Effect.forever(Effect.map(pull, (more) => void samples.push(...more))))
    return { samples, rate: packets.header.rate }
  }))

const difference = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number =>
  Math.sqrt(a.reduce((sum, sample, i) => sum + (sample - (b[i] ?? 0)) ** 2, 0) / a.length)

describe("DecodedSource", () => {
  it.effect("counts in samples of the header where a decoder gives twice as many", () =>
    Effect.gen(function*() {
      const whole = yield* heard({})
      const { rate } = whole
      // what is left out in front is left out in time, too
      const cut = yield* heard({ delay: rate / 10, total: 2 * rate })
      assert.strictEqual(cut.samples.length, 2 * 2 * 48_000)
      const expected = whole.samples.slice(2 * 4_800)
      assert.isBelow(difference(cut.samples.slice(0, -4_800), expected), 0.01)
      for (const [delayMs, fromMs] of [[0, 500], [0, 1_500], [100, 1_500], [1_000, 500]] as const) {
        const { samples } = yield* heard({ delay: Math.round(rate * delayMs / 1_000) }, fromMs)
        const rest = whole.samples.slice(2 * 48 * (delayMs + fromMs))
        assert.strictEqual(samples.length, rest.length)
        // what is decoded in front is enough for the first of it to be right
        assert.isBelow(difference(samples.slice(0, 960), rest.slice(0, 960)), 0.001, `from ${fromMs} ms`)
        assert.isBelow(difference(samples, rest), 0.01, `from ${fromMs} ms`)
      }
    }))

  it.effect("takes time for packets by their number, however many there are at once, and however short", () =>
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
})
