import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import * as ByteSource from "../../../src/audio/ByteSource.ts"
import * as Mp4Fragments from "../../../src/audio/mp4/Mp4Fragments.ts"
import * as Container from "../../../src/audio/source/Container.ts"
import { collect } from "../listen.ts"
import { ascii, concat } from "../samples.ts"
import { signal, wav16 } from "../signal.ts"

const rate = 44_100
const seconds = 20

interface Box {
  readonly type: string
  readonly bytes: Uint8Array
}

const boxesOf = (file: Uint8Array): ReadonlyArray<Box> => {
  const found: Array<Box> = []
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  for (let at = 0; at < file.length;) {
    const size = view.getUint32(at)
    found.push({
      type: Buffer.from(file.subarray(at + 4, at + 8)).toString("latin1"),
      bytes: file.subarray(at, at + size)
    })
    at += size
  }
  return found
}

const box = (type: string, body: Uint8Array) => {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(body.length + 8)
  return concat(size, ascii(type), body)
}

/** An index exactly as ISO 14496-12, 8.16.3, defines it. */
const sidx = (
  entries: ReadonlyArray<readonly [bytes: number, duration: number]>,
  options: { readonly wide?: boolean; readonly skip?: number; readonly nested?: boolean } = {}
) => {
  const head = Buffer.alloc(options.wide === true ? 32 : 24)
  head[0] = options.wide === true ? 1 : 0
  head.writeUInt32BE(1, 4)
  head.writeUInt32BE(rate, 8)
  if (options.wide === true) head.writeBigUInt64BE(BigInt(options.skip ?? 0), 20)
  else head.writeUInt32BE(options.skip ?? 0, 16)
  head.writeUInt16BE(entries.length, head.length - 2)
  const body = entries.map(([bytes, duration]) => {
    const entry = Buffer.alloc(12)
    entry.writeUInt32BE(bytes + (options.nested === true ? 0x8000_0000 : 0))
    entry.writeUInt32BE(duration, 4)
    entry.writeUInt32BE(0x9000_0000, 8)
    return entry
  })
  return box("sidx", concat(head, ...body))
}

/** Fragments of a second each, as they are streamed: without any index. */
const made = (): { readonly head: Uint8Array; readonly fragments: ReadonlyArray<Uint8Array> } => {
  const args = ["-c:a", "aac", "-b:a", "192k", "-aac_pns", "0", "-frag_duration", "1000000"]
  const flags = ["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4"]
  const { stdout } = spawnSync(ffmpeg, ["-v", "error", "-i", "pipe:0", ...args, ...flags, "pipe:1"], {
    input: wav16(signal(rate, seconds), rate),
    maxBuffer: 64 * 1024 * 1024
  })
  const boxes = boxesOf(new Uint8Array(stdout)).filter(({ type }) => type !== "mfra")
  const first = boxes.findIndex(({ type }) => type === "moof")
  const fragments: Array<Uint8Array> = []
  for (let i = first; i < boxes.length; i += 2) {
    assert.deepStrictEqual([boxes[i]?.type, boxes[i + 1]?.type], ["moof", "mdat"])
    fragments.push(concat(boxes[i]?.bytes ?? new Uint8Array(0), boxes[i + 1]?.bytes ?? new Uint8Array(0)))
  }
  return { head: concat(...boxes.slice(0, first).map(({ bytes }) => bytes)), fragments }
}

const { fragments, head } = made()
// each packet has 1,024 samples, and each fragment has as many packets as its `trun` box says
const durationOf = (fragment: Uint8Array) => {
  const at = Buffer.from(fragment).indexOf("trun")
  return 1_024 * new DataView(fragment.buffer, fragment.byteOffset).getUint32(at + 8)
}
const entries = fragments.map((fragment) => [fragment.length, durationOf(fragment)] as const)
const plain = concat(head, ...fragments)

/** A source that counts the bytes read from it. */
const counted = (bytes: Uint8Array) => {
  const count = { bytes: 0 }
  const source = ByteSource.ofRandomAccess("counted", {
    size: bytes.length,
    read: (start, end) =>
      Effect.sync(() => {
        const part = bytes.subarray(start, end)
        count.bytes += part.length
        return part
      })
  })
  return { count, source }
}

const open = (source: ByteSource.ByteSource) => Container.open(source, () => assert.fail("it is known"))
const played = (bytes: Uint8Array, seekMs?: number) =>
  collect(
    { name: "bytes", open: open(ByteSource.memory(bytes, "bytes")) },
    seekMs === undefined ? {} : { seekMs }
  )

// the file has to be larger than what is read from it at once
const padding = box("free", new Uint8Array(200_000))
const padded = (index: Uint8Array) => concat(head, index, ...fragments.flatMap((fragment) => [fragment, padding]))
const paddedEntries = entries.map(([bytes, duration]) => [bytes + padding.length, duration] as const)

describe("Mp4Fragments", () => {
  it.live("a file opens and seeks by the index before its fragments, without being read completely", () =>
    Effect.gen(function*() {
      const whole = yield* played(plain)
      for (
        const index of [
          sidx(paddedEntries),
          sidx(paddedEntries, { wide: true }),
          concat(sidx(paddedEntries, { skip: 16 }), box("free", new Uint8Array(8)))
        ]
      ) {
        const bytes = padded(index)
        const { count, source } = counted(bytes)
        const opened = yield* open(source)
        assert(opened.format === "pcm" && opened.seek !== undefined)
        assert.strictEqual(opened.durationMs, whole.durationMs)
        assert.isBelow(count.bytes, 0.5 * bytes.length)
        count.bytes = 0
        const landedMs = yield* opened.seek(11_111)
        const samples = yield* opened.pull
        const at = 2 * Math.round(landedMs * 48)
        assert.isTrue(samples.every((sample, i) => Math.abs(sample - (whole.pcm[at + i] ?? 0)) < 2e-3))
        assert.isBelow(count.bytes, 0.3 * bytes.length)
      }
    }).pipe(Effect.scoped))

  it.live("the sound is the same with an index as without", () =>
    Effect.gen(function*() {
      const whole = yield* played(plain)
      const sought = yield* played(plain, 7_000)
      for (const bytes of [concat(head, sidx(entries), ...fragments), padded(sidx(paddedEntries, { wide: true }))]) {
        const indexed = yield* played(bytes)
        assert.deepStrictEqual([indexed.end, indexed.durationMs], ["Done", whole.durationMs])
        assert.isTrue(Buffer.from(indexed.pcm.buffer).equals(Buffer.from(whole.pcm.buffer)))
        const indexedSought = yield* played(bytes, 7_000)
        assert.strictEqual(indexedSought.pcm.length, sought.pcm.length)
      }
    }), 30_000)

  it.live("an index that is wrong or covers too much does not affect the sound", () =>
    Effect.gen(function*() {
      const whole = yield* played(plain)
      const [first = [0, 0] as const, second = [0, 0] as const, ...rest] = entries
      const shifted = [[first[0] + 100, first[1]], [second[0] - 100, second[1]], ...rest] as const
      const wrong: ReadonlyArray<Uint8Array> = [
        sidx(entries.slice(0, -1)),
        sidx([...entries, first]),
        sidx([]),
        sidx(entries, { nested: true }),
        sidx(entries, { skip: 7 }),
        sidx(entries).subarray(0, 33),
        box("sidx", new Uint8Array(0)),
        // durations that do not match the fragments
        sidx(entries.map(([bytes], i) => [bytes, i === 0 ? 1_000_000_000 : 1]))
      ]
      for (const [i, index] of wrong.entries()) {
        const size = Buffer.alloc(4)
        size.writeUInt32BE(index.length)
        const { durationMs, end, pcm } = yield* played(concat(head, size, index.subarray(4), ...fragments))
        assert.deepStrictEqual([end, durationMs, pcm.length], ["Done", whole.durationMs, whole.pcm.length], `${i}`)
      }
      // offsets where no fragment begins: it plays, or says why not
      const { end } = yield* played(concat(head, sidx(shifted), ...fragments), 1_500)
      assert.include(["Done", "Corrupt", "Truncated"], end)
    }), 60_000)

  it.live("a file that is cut short plays what is there, and is Truncated", () =>
    Effect.gen(function*() {
      const bytes = concat(head, sidx(entries), ...fragments)
      const whole = yield* played(plain)
      for (const share of [0.4, 0.73]) {
        const { end, pcm } = yield* played(bytes.subarray(0, Math.floor(share * bytes.length)))
        assert.strictEqual(end, "Truncated")
        assert.isAbove(pcm.length, (share - 0.1) * whole.pcm.length)
      }
    }))

  it.effect("the generated index is read after the file's end, but not after a file that has become shorter", () =>
    Effect.gen(function*() {
      const bytes = concat(head, sidx(entries), ...fragments)
      const size = bytes.length
      let left = size
      const read = (start: number, end: number) => Effect.sync(() => bytes.slice(start, Math.min(end, left)))
      const { random } = yield* Mp4Fragments.indexed(ByteSource.ofRandomAccess("it", { size, read }))
      if (random === undefined) return assert.fail("it can be read at any place")
      const index = yield* random.read(size, random.size)
      assert.strictEqual(index.length, random.size - size)
      for (const [start, end] of [[size - 5, size + 7], [size, size + 7], [size + 3, size + 7]] as const) {
        const expected = concat(bytes.subarray(start), index.subarray(Math.max(0, start - size), end - size))
        assert.deepStrictEqual(yield* random.read(start, end), expected)
      }
      left = size - 2
      assert.deepStrictEqual(yield* random.read(size - 5, size + 7), bytes.slice(size - 5, left))
    }))

  it.effect("an index is not read from a box that is too long", () =>
    Effect.gen(function*() {
      const { count, source } = counted(concat(head, box("sidx", new Uint8Array(800_000)), ...fragments))
      assert.strictEqual((yield* Mp4Fragments.indexed(source)).random?.size, source.random?.size)
      assert.isAtMost(count.bytes, 131_072)
    }))
})
