/** Files with megabytes of pictures before their sound, as purchased or tagged music has them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { readFileSync } from "node:fs"
import { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as ByteSource from "../../src/audio/ByteSource.ts"
import * as Container from "../../src/audio/source/Container.ts"
import { collect } from "./listen.ts"
import { ascii, concat, noise, ogg, packet } from "./samples.ts"

const bytesOf = (name: string) => new Uint8Array(readFileSync(fileURLToPath(new URL(`files/${name}`, import.meta.url))))

const megabytes = 3
const picture = new Uint8Array(Buffer.alloc(megabytes * 1_000_000, noise(1, 4_096)))

const syncsafe = (size: number) => Uint8Array.of((size >> 21) & 127, (size >> 14) & 127, (size >> 7) & 127, size & 127)

/** An ID3v2.4 frame. */
const frame = (id: string, data: Uint8Array) => concat(ascii(id), syncsafe(data.length), Uint8Array.of(0, 0), data)

/** An ID3v2.4 tag with a footer, flagged as unsynchronised. */
const id3 = (...frames: ReadonlyArray<Uint8Array>) => {
  const body = concat(...frames)
  const head = concat(Uint8Array.of(4, 0, 0x90), syncsafe(body.length))
  return concat(ascii("ID3"), head, body, ascii("3DI"), head)
}

const tag = id3(frame("TIT2", ascii("\x03A Picture")), frame("APIC", concat(ascii("\0image/jpeg\0\x03\0"), picture)))

const played = (bytes: Uint8Array, seekMs?: number) =>
  collect(AudioSource.fromBytes(bytes, { ffmpeg: false }), seekMs === undefined ? {} : { seekMs })

const block = (type: number, data: Uint8Array) =>
  concat(Uint8Array.of(type, data.length >> 16, (data.length >> 8) & 255, data.length & 255), data)

/** FLAC with pictures and padding between its headers and its frames. */
const flacWith = (...blocks: ReadonlyArray<Uint8Array>) => {
  const flac = bytesOf("chirp.flac")
  // the stream information has 34 bytes
  const headers = 4 + 4 + 34
  return concat(flac.subarray(0, headers), ...blocks, flac.subarray(headers))
}

describe("large headers", () => {
  it.live("an ID3v2 tag of several megabytes is skipped before any format, seekable or streamed", () =>
    Effect.gen(function*() {
      for (const name of ["chirp.mp3", "chirp.aac", "chirp.flac", "chirp.opus.ogg", "chirp.m4a"]) {
        const bytes = bytesOf(name)
        const plain = yield* played(bytes)
        const whole = yield* played(concat(tag, bytes))
        assert.deepStrictEqual([whole.end, whole.message], ["Done", ""], name)
        assert.deepStrictEqual(
          [whole.pcm.length, whole.frames.length, whole.durationMs],
          [plain.pcm.length, plain.frames.length, plain.durationMs],
          name
        )
        if (name === "chirp.mp3" || name === "chirp.aac") assert.strictEqual(whole.tags["title"], "A Picture")
        const sought = yield* played(concat(tag, bytes), 700)
        const expected = yield* played(bytes, 700)
        assert.deepStrictEqual([sought.pcm.length, sought.frames.length], [
          expected.pcm.length,
          expected.frames.length
        ], name)
      }
      const pieces = Stream.make(tag.slice(0, 1_000_000), tag.slice(1_000_000), bytesOf("chirp.mp3"))
      const streamed = yield* collect(AudioSource.fromStream(pieces, { ffmpeg: false }))
      assert.deepStrictEqual([streamed.end, streamed.tags["title"]], ["Done", "A Picture"])
    }))

  it.live("a seek in FLAC does not search its pictures and padding for frames", () =>
    Effect.gen(function*() {
      const bytes = flacWith(block(6, picture), block(1, new Uint8Array(4_000_000)))
      const plain = yield* played(bytesOf("chirp.flac"), 700)
      const whole = yield* played(bytes, 700)
      assert.deepStrictEqual([whole.end, whole.pcm.length], ["Done", plain.pcm.length])
      let bytesRead = 0
      const source = ByteSource.ofRandomAccess("counted", {
        size: bytes.length,
        read: (start, end) =>
          Effect.sync(() => {
            const part = bytes.subarray(start, end)
            bytesRead += part.length
            return part
          })
      })
      const opened = yield* Container.open(source, () => assert.fail("it is known"))
      assert(opened.seek !== undefined)
      bytesRead = 0
      yield* opened.seek(700)
      assert.isBelow(bytesRead, 300_000)
    }).pipe(Effect.scoped))

  it.live("comments of several megabytes in Opus are skipped, but the tags before the picture are kept", () =>
    Effect.gen(function*() {
      const comment = (text: Uint8Array) => {
        const length = Buffer.alloc(4)
        length.writeUInt32LE(text.length)
        return concat(length, text)
      }
      const comments = [ascii("TITLE=A Picture"), concat(ascii("METADATA_BLOCK_PICTURE="), picture)]
      const count = Uint8Array.of(comments.length, 0, 0, 0)
      const tags = concat(ascii("OpusTags"), comment(ascii("us")), count, ...comments.map(comment))
      const packets = Array.from({ length: 100 }, (_, i) => packet(i))
      const { durationMs, end, frames, tags: told } = yield* played(ogg(packets, { tags, segments: 200 }))
      assert.deepStrictEqual([end, frames.length, told["title"]], ["Done", 100, "A Picture"])
      assert.closeTo(durationMs ?? 0, 2_000, 10)
      const { frames: rest } = yield* played(ogg(packets, { tags, segments: 200 }), 1_000)
      assert.strictEqual(rest.length, 50)
    }))

  it.live("an MP4 whose index claims to have gigabytes is refused before they are read", () =>
    Effect.gen(function*() {
      const box = (size: number, type: string) => {
        const head = Buffer.alloc(8)
        head.writeUInt32BE(size)
        head.write(type, 4, "latin1")
        return head
      }
      const head = concat(box(24, "ftyp"), ascii("isom\0\0\0\0isomiso2"), box(3_000_000_000, "moov"))
      const asked: Array<number> = []
      const source = ByteSource.ofRandomAccess("hollow", {
        size: 1e12,
        read: (start, end) => {
          asked.push(end - start)
          // as if a server kept sending without an end
          if (end - start > 1e9) return Effect.never
          const bytes = new Uint8Array(end - start)
          bytes.set(head.subarray(start, end))
          return Effect.succeed(bytes)
        }
      })
      const error = yield* Container.open(source, () => assert.fail("it is known")).pipe(
        Effect.flip,
        Effect.timeout("60 seconds")
      )
      assert.include(error.message, "Corrupt")
      assert.isBelow(Math.max(...asked), 1e8)
    }).pipe(Effect.scoped))

  it.live("bytes that arrive one at a time cost the same however many there are already", () =>
    Effect.gen(function*() {
      const one = Uint8Array.of(65)
      let left = 400_000
      const source = ByteSource.ofRandomAccess("dripping", { size: left, read: () => Effect.succeed(one) })
      const dripping = { ...source, next: Effect.sync(() => left-- > 0 ? one : undefined) }
      const before = process.cpuUsage()
      const [first] = yield* ByteSource.peek(dripping, 350_000)
      const { user, system } = process.cpuUsage(before)
      assert.strictEqual(first.length, 350_000)
      assert.isBelow((user + system) / 1e6, 5)
    }))
})

setFlagsFromString("--expose-gc")
const gc: () => void = runInNewContext("gc")

const megabyte = 1024 * 1024

describe("headers of several gigabytes in a stream", () => {
  const ebml = Buffer.from(
    "1a45dfa39f4286810142f7810142f2810442f381084282847765626d42878104428581021853806701ffffffffffffff",
    "hex"
  )
  const flac = bytesOf("chirp.flac")
  const info = concat(ascii("fLaC"), Uint8Array.of(0), flac.slice(5, 42))
  const length = (bytes: number) => {
    const said = Buffer.alloc(8)
    said.writeUInt32LE(bytes)
    return said.subarray(0, 4)
  }
  const beginnings: Record<string, { readonly head: Uint8Array; readonly part: Uint8Array }> = {
    "Matroska with a hole": { head: concat(ebml, Buffer.from("ec01000000c0000000", "hex")), part: new Uint8Array(0) },
    "WAV with a list": {
      head: concat(ascii("RIFF"), length(0xffff_ffff), ascii("WAVELIST"), length(0xffff_fff0)),
      part: new Uint8Array(0)
    },
    "FLAC with pictures": { head: info, part: Uint8Array.of(6, 0x10, 0, 0) },
    "MP3 with tags": { head: new Uint8Array(0), part: concat(ascii("ID3"), Uint8Array.of(3, 0, 0, 0, 0x40, 0, 0)) }
  }
  for (const [name, { head, part }] of Object.entries(beginnings)) {
    it.live(`${name} are not kept in memory`, () =>
      Effect.gen(function*() {
        gc()
        const before = process.memoryUsage().arrayBuffers
        let most = 0
        const bytes = function*() {
          yield head
          for (let i = 1; i <= 320; i++) {
            yield part
            yield Buffer.alloc(megabyte, 32)
            if (i % 80 > 0) continue
            gc()
            most = Math.max(most, process.memoryUsage().arrayBuffers - before)
          }
        }
        const { end } = yield* collect(AudioSource.fromNodeStream(() => Readable.from(bytes()), { ffmpeg: false }))
        assert.strictEqual(end, "Truncated")
        assert.isBelow(most / megabyte, 100)
      }), 60_000)
  }
})
