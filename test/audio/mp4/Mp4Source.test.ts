import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ByteSource from "../../../src/audio/ByteSource.ts"
import type { PacketSource } from "../../../src/audio/format/PacketSource.ts"
import * as Mp4Source from "../../../src/audio/mp4/Mp4Source.ts"
import { packet } from "../samples.ts"
import { opusMp4, type Timed } from "./opusMp4.ts"

/** So many packets of 20 ms, the first one at a time. */
const run = (fromMs: number, count: number): ReadonlyArray<Timed> =>
  Array.from({ length: count }, (_, i) => ({ atMs: fromMs + 20 * i, data: packet(i).data }))

const open = (bytes: Uint8Array) => Mp4Source.open(ByteSource.memory(bytes, "it"))

/** The first sample of each packet to the end, and how that came. */
const readAll = ({ pull }: PacketSource) => {
  const starts: Array<number> = []
  return Effect.forever(Effect.map(pull, (packets) => void starts.push(...packets.map(({ start }) => start)))).pipe(
    Effect.flip,
    Effect.map((end) => ({ starts, end }))
  )
}

/** The same bytes with others where a box of this type has its content. */
const patched = (bytes: Uint8Array, type: string, at: number, ...values: ReadonlyArray<number>): Uint8Array => {
  const changed = bytes.slice()
  const found = Buffer.from(changed).indexOf(type)
  assert.isAbove(found, 0)
  changed.set(values, found + type.length + at)
  return changed
}

describe("Mp4Source", () => {
  it.effect("begins with its first packet behind a seek before that, though it was read to its end", () =>
    Effect.gen(function*() {
      const source = yield* open(yield* opusMp4(run(500, 50)))
      const whole = yield* readAll(source)
      assert.deepStrictEqual([whole.starts.length, whole.starts[0], whole.end._tag], [50, 24_000, "Done"])
      yield* source.seek?.(0) ?? Effect.void
      assert.deepStrictEqual(yield* readAll(source), whole)
    }).pipe(Effect.scoped))

  it.effect("begins with the packet that holds a place, also where its times are those of a longer stream", () =>
    Effect.gen(function*() {
      for (const fromMs of [0, 15_000, 5_000_000]) {
        const source = yield* open(yield* opusMp4(run(fromMs, 100)))
        yield* source.seek?.(48 * 1_010) ?? Effect.void
        assert.strictEqual((yield* source.pull)[0]?.start, 48_000, `${fromMs}`)
      }
    }).pipe(Effect.scoped))

  it.effect("is Corrupt at a packet that is none of Opus", () =>
    Effect.gen(function*() {
      // it says that it says how many frames it has
      const source = yield* open(yield* opusMp4([...run(0, 20), { atMs: 400, data: Uint8Array.of(0xff) }]))
      const { end, starts } = yield* readAll(source)
      assert.lengthOf(starts, 20)
      assert(end._tag === "VoiceError")
      assert.deepInclude(end.reason, { _tag: "SourceFailed", kind: "Corrupt", positionMs: 400 })
    }).pipe(Effect.scoped))

  it.effect("is Truncated at a packet of no bytes", () =>
    Effect.gen(function*() {
      const source = yield* open(yield* opusMp4([...run(0, 20), { atMs: 400, data: new Uint8Array(0) }]))
      const { end, starts } = yield* readAll(source)
      assert.lengthOf(starts, 20)
      assert(end._tag === "VoiceError")
      assert.deepInclude(end.reason, { _tag: "SourceFailed", kind: "Truncated", positionMs: 400 })
    }).pipe(Effect.scoped))

  it.effect("is refused where its description of Opus is malformed, or it has more channels without one", () =>
    Effect.gen(function*() {
      const bytes = yield* opusMp4(run(0, 20))
      const refused = (changed: Uint8Array) =>
        Effect.map(
          Effect.flip(Effect.scoped(open(changed))),
          ({ reason }) => reason._tag === "SourceFailed" ? `${reason.kind}: ${reason.detail}` : reason._tag
        )
      assert.strictEqual(
        yield* refused(patched(bytes, "dOps", 1, 3)),
        "Corrupt: the Opus header has 3 channels in mapping family 0"
      )
      const undescribed = patched(bytes, "dOps", -4, ...Buffer.from("free"))
      // behind six bytes, the number of its description, and eight
      const three = patched(undescribed, "Opus", 16, 0, 3)
      assert.strictEqual(
        yield* refused(three),
        "Unsupported: the MP4 has 3 channels at 48000 Hz, which is not supported"
      )
    }))
})
