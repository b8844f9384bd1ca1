/**
 * Where the fragments of an MP4 are, according to the index before them (`sidx`, ISO 14496-12, 8.16.3). Streamed files, as
 * from YouTube, only have that one. mediabunny (1.61) only knows the index that can be at the end (`mfra`, 8.8.9), and reads
 * a file without it from beginning to end before anything is played.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"

/** How many bytes are searched for the index: what comes before it describes the tracks, and is short if there is an index. */
const headBytes = 16_384

/** The longest possible index: 65,535 entries of 12 bytes, and what comes before them. */
const maxIndexBytes = 65_535 * 12 + 64

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** The boxes that may come before the index. */
const before = new Set(["ftyp", "styp", "moov", "free", "skip", "emsg", "prft", "uuid", "meta"])

/** Where the index begins and ends, found in the first bytes of a file. */
const find = (head: Uint8Array): { readonly from: number; readonly to: number } | undefined => {
  const view = viewOf(head)
  let at = 0
  while (at + 8 <= head.length) {
    const size = view.getUint32(at)
    const type = String.fromCharCode(...head.subarray(at + 4, at + 8))
    if (type === "sidx") return size > maxIndexBytes ? undefined : { from: at, to: at + size }
    if (size < 8 || !before.has(type)) return undefined
    at += size
  }
  return undefined
}

interface Entry {
  /** In the units of the index. */
  readonly time: number
  readonly offset: number
}

interface Index {
  readonly track: number
  readonly entries: ReadonlyArray<Entry>
}

/**
 * The fragments of a file of `size` bytes; none if the index is malformed, refers to other indexes, or does not cover the
 * whole file.
 */
const decode = (box: Uint8Array, endAt: number, size: number): Index | undefined => {
  const view = viewOf(box)
  const isWide = view.byteLength > 8 && view.getUint8(8) === 1
  const countAt = isWide ? 38 : 30
  if (box.length < countAt + 2) return undefined
  const count = view.getUint16(countAt)
  if (count === 0 || box.length < countAt + 2 + 12 * count) return undefined
  let time = isWide ? Number(view.getBigUint64(20)) : view.getUint32(20)
  let offset = endAt + (isWide ? Number(view.getBigUint64(28)) : view.getUint32(24))
  const entries: Array<Entry> = []
  for (let at = countAt + 2; entries.length < count; at += 12) {
    const bytes = view.getUint32(at)
    // with the first bit set, the entry refers to another index
    if (bytes >= 0x8000_0000 || !Number.isSafeInteger(offset) || !Number.isSafeInteger(time)) return undefined
    entries.push({ time, offset })
    offset += bytes
    time += view.getUint32(at + 4)
  }
  return offset === size ? { track: view.getUint32(12), entries } : undefined
}

const u64 = (view: DataView, at: number, value: number): void => view.setBigUint64(at, BigInt(value))

const boxHead = (view: DataView, at: number, size: number, type: string): void => {
  view.setUint32(at, size)
  for (const [i, letter] of [...type].entries()) view.setUint8(at + 4 + i, letter.charCodeAt(0))
}

const entryBytes = 19

/** The same index in the form that it has at the end of a file. */
const encode = ({ entries, track }: Index): Uint8Array => {
  const table = 24 + entryBytes * entries.length
  const size = 8 + table + 16
  const bytes = new Uint8Array(size)
  const view = viewOf(bytes)
  boxHead(view, 0, size, "mfra")
  boxHead(view, 8, table, "tfra")
  view.setUint8(16, 1)
  view.setUint32(20, track)
  view.setUint32(28, entries.length)
  for (const [i, { offset, time }] of entries.entries()) {
    const at = 32 + entryBytes * i
    u64(view, at, time)
    u64(view, at + 8, offset)
    // the first sample of the first run of the first track in it
    bytes.fill(1, at + 16, at + entryBytes)
  }
  boxHead(view, size - 16, 16, "mfro")
  view.setUint32(size - 4, size)
  return bytes
}

const behind = (random: ByteSource.RandomAccess, tail: Uint8Array): ByteSource.RandomAccess => ({
  size: random.size + tail.length,
  read: (start, end) => {
    const last = tail.subarray(Math.max(0, start - random.size), Math.max(0, end - random.size))
    if (start >= random.size) return Effect.succeed(last)
    const first = random.read(start, Math.min(end, random.size))
    if (last.length === 0) return first
    return Effect.map(first, (bytes) => {
      // nothing comes after the end of a source that has become shorter
      if (bytes.length < random.size - start) return bytes
      const both = new Uint8Array(bytes.length + last.length)
      both.set(bytes)
      both.set(last, bytes.length)
      return both
    })
  }
})

/**
 * A source that can be read at any position, with the index of its fragments at its end if it only has one before them. None
 * of its first bytes are lost.
 *
 * @category combinators
 * @since 0.1.0
 */
export const indexed = (source: ByteSource.ByteSource): Effect.Effect<ByteSource.ByteSource, VoiceError> =>
  Effect.gen(function*() {
    const { random } = source
    if (random === undefined) return source
    const [head, peeked] = yield* ByteSource.peek(source, headBytes)
    const found = find(head)
    if (found === undefined) return peeked
    const [more, again] = yield* ByteSource.peek(peeked, found.to)
    const index = decode(more.subarray(found.from, found.to), found.to, random.size)
    return index === undefined ? again : { ...again, random: behind(random, encode(index)) }
  })
