import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect } from "effect"
import type { Header, Packet } from "../../../src/audio/format/PacketReader.ts"
import type { PacketSource } from "../../../src/audio/format/PacketSource.ts"
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

describe("DecodedSource", () => {
  it.effect("takes time for packets by their number, however many there are at once, and however short", () =>
    Effect.scoped(Effect.gen(function*() {
      const count = 20_000
      const packets = new Counted<Packet>()
      for (let i = 0; i < count; i++) packets.push({ data: Uint8Array.of(i), samples: 1, start: i, offset: -1 })
      let pulled = false
      const source: PacketSource = {
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
