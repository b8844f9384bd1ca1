import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect } from "effect"
import type { Header, Packet } from "../../../src/audio/format/PacketReader.ts"
import type { PacketSource } from "../../../src/audio/format/PacketSource.ts"
import * as DecodedSource from "../../../src/audio/source/DecodedSource.ts"
import * as OpusSource from "../../../src/audio/source/OpusSource.ts"

const headerOf = (codec: "opus" | "pcm"): Header => ({
  codec,
  rate: 48_000,
  channels: 1,
  setup: [],
  sampleFormat: codec === "pcm" ? "u8" : undefined,
  delay: 0,
  total: undefined,
  warmUp: 0,
  tags: {}
})

/** Numbered packets of 20 ms, with a gap of three seconds between the second and the third. */
const withGap = (codec: "opus" | "pcm", live: boolean): PacketSource => {
  const packets = [0, 960, 145_920, 146_880].map((start, i): Packet => ({
    data: codec === "opus" ? Uint8Array.of(0xf8, i) : new Uint8Array(960).fill(192),
    samples: 960,
    start,
    offset: -1
  }))
  return {
    name: "it",
    header: headerOf(codec),
    durationMs: undefined,
    live,
    pull: Effect.suspend(() => {
      const pulled = packets.splice(0, 4)
      return pulled.length === 0 ? Cause.done() : Effect.succeed(pulled)
    }),
    seek: undefined
  }
}

describe("a gap in a source", () => {
  it.effect.each([[false, 3_080], [true, 80]] as const)(
    "is filled with silence unless the source is live (live: %s)",
    ([live, ms]) =>
      Effect.scoped(Effect.gen(function*() {
        const opus = yield* OpusSource.make(withGap("opus", live))
        let samples = 0
        const numbers: Array<number> = []
        yield* Effect.ignore(Effect.forever(Effect.map(opus.pull, (frames) => {
          for (const frame of frames) {
            samples += frame.samples
            if (frame.data.length === 2) numbers.push(frame.data[1] ?? -1)
          }
        })))
        assert.deepStrictEqual([samples / 48, numbers], [ms, [0, 1, 2, 3]])
        const { pull } = yield* DecodedSource.open(withGap("pcm", live))
        let heard = 0
        yield* Effect.ignore(Effect.forever(Effect.map(pull, ({ length }) => {
          heard += length / 2
        })))
        assert.strictEqual(heard / 48, ms)
      }))
  )
})
