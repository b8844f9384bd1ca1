import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ByteSource from "../../../src/audio/ByteSource.ts"
import type { PacketSource } from "../../../src/audio/format/PacketSource.ts"
import * as Mp4Source from "../../../src/audio/mp4/Mp4Source.ts"
import { packet } from "../samples.ts"
import { opusMp4, type Timed } from "./opusMp4.ts"

/** The given number of packets of 20 ms, the first one at `fromMs`. */
const run = (fromMs: number, count: number): ReadonlyArray<Timed> =>
  Array.from({ length: count }, (_, i) => ({ atMs: fromMs + 20 * i, data: packet(i).data }))

const open = (bytes: Uint8Array) => Mp4Source.open(ByteSource.memory(bytes, "it"))

/** The first sample of each packet up to the end, and that end. */
const readAll = ({ pull }: PacketSource) => {
  const starts: Array<number> = []
  return Effect.forever(Effect.map(pull, (packets) => void starts.push(...packets.map(({ start }) => start)))).pipe(
    Effect.flip,
    Effect.map((end) => ({ starts, end }))
  )
}

/** The same bytes with other values in the content of the first box of this type. */
const patched = (bytes: Uint8Array, type: string, at: number, ...values: ReadonlyArray<number>): Uint8Array => {
  const changed = bytes.slice()
  const found = Buffer.from(changed).indexOf(type)
  assert.isAbove(found, 0)
  changed.set(values, found + type.length + at)
  return changed
}

describe("Mp4Source", () => {
  it.effect("begins with its first packet after a seek before that, even if it had been read to its end", () =>
    Effect.gen(function*() {
      const source = yield* open(yield* opusMp4(run(500, 50)))
      const whole = yield* readAll(source)
      assert.deepStrictEqual([whole.starts.length, whole.starts[0], whole.end._tag], [50, 24_000, "Done"])
      yield* source.seek?.(0) ?? Effect.void
      assert.deepStrictEqual(yield* readAll(source), whole)
    }).pipe(Effect.scoped))

  it.effect("begins with the packet that holds the position, even if its times are those of a longer stream", () =>
    Effect.gen(function*() {
      for (const fromMs of [0, 15_000, 5_000_000]) {
        const source = yield* open(yield* opusMp4(run(fromMs, 100)))
        yield* source.seek?.(48 * 1_010) ?? Effect.void
        assert.strictEqual((yield* source.pull)[0]?.start, 48_000, `${fromMs}`)
      }
    }).pipe(Effect.scoped))

  it.effect("is Corrupt at a packet that is not Opus", () =>
    Effect.gen(function*() {
      // a packet that announces a frame count but lacks it
      const source = yield* open(yield* opusMp4([...run(0, 20), { atMs: 400, data: Uint8Array.of(0xff) }]))
      const { end, starts } = yield* readAll(source)
      assert.lengthOf(starts, 20)
      assert(end._tag === "VoiceError")
      assert.deepInclude(end.reason, { _tag: "SourceFailed", kind: "Corrupt", positionMs: 400 })
    }).pipe(Effect.scoped))

  it.effect("is Truncated at an empty packet", () =>
    Effect.gen(function*() {
      const source = yield* open(yield* opusMp4([...run(0, 20), { atMs: 400, data: new Uint8Array(0) }]))
      const { end, starts } = yield* readAll(source)
      assert.lengthOf(starts, 20)
      assert(end._tag === "VoiceError")
      assert.deepInclude(end.reason, { _tag: "SourceFailed", kind: "Truncated", positionMs: 400 })
    }).pipe(Effect.scoped))

  it.effect("is rejected if its Opus header is malformed, or if it has three channels and no Opus header", () =>
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
      // after six bytes, the index of its description, and eight more bytes
      const three = patched(undescribed, "Opus", 16, 0, 3)
      assert.strictEqual(
        yield* refused(three),
        "Unsupported: the MP4 has 3 channels at 48000 Hz, which is not supported"
      )
    }))
})
