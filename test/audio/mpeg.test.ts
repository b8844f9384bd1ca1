/**
 * MP3 and AAC as other programs have assembled them: concatenated files, with tags between them, and parts of files.
 */
import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as AdtsReader from "../../src/audio/format/AdtsReader.ts"
import * as Mp3Reader from "../../src/audio/format/Mp3Reader.ts"
import { collect } from "./listen.ts"
import { concat, noise } from "./samples.ts"
import { levelOf, signal, wav16 } from "./signal.ts"

const bytesOf = (name: string) => new Uint8Array(readFileSync(fileURLToPath(new URL(`files/${name}`, import.meta.url))))
const lengthMs = ({ pcm }: { readonly pcm: Float32Array }) => pcm.length / 96

/** What ffmpeg makes of an input. */
const made = (input: Uint8Array, ...args: ReadonlyArray<string>): Uint8Array => {
  const { status, stderr, stdout } = spawnSync(ffmpeg, ["-v", "error", "-i", "pipe:0", ...args, "pipe:1"], {
    input,
    maxBuffer: 64 * 1024 * 1024
  })
  assert.strictEqual(status, 0, stderr.toString())
  return new Uint8Array(stdout)
}

const mp3 = bytesOf("chirp.mp3")
const chirp = wav16(signal(44_100, 3), 44_100)

const played = (bytes: Uint8Array) => collect(AudioSource.fromBytes(bytes, { ffmpeg: false }))

describe("MP3 and AAC", () => {
  describe("MP3", () => {
    it.live("of two concatenated files plays to its end", () =>
      Effect.gen(function*() {
        const both = yield* played(concat(mp3, mp3))
        assert.strictEqual(both.end, "Done")
        assert.closeTo(lengthMs(both), 6_000, 120)
      }))

    it.live("of concatenated files with tags at their ends plays to its end", () =>
      Effect.gen(function*() {
        const id3v1 = concat(Buffer.from("TAG"), new Uint8Array(125))
        const ape = Buffer.alloc(32 + 20_000, 0xff)
        ape.write("APETAGEX")
        ape.writeUInt32LE(20_000, 12)
        ape.writeUInt32LE(0xa0000000, 20)
        const one = yield* played(mp3)
        const cases: ReadonlyArray<readonly [files: number, ...parts: ReadonlyArray<Uint8Array>]> = [
          [2, mp3, id3v1, mp3],
          [2, mp3, ape, id3v1, mp3, ape, id3v1],
          [1, mp3, id3v1, Buffer.from("something else, of any length")],
          [1, mp3, ape.subarray(0, 9_000)],
          [1, mp3, ape.subarray(0, 12)],
          [1, mp3, id3v1.subarray(0, 60)]
        ]
        for (const [files, ...parts] of cases) {
          const result = yield* played(concat(...parts))
          assert.strictEqual(result.end, "Done")
          assert.closeTo(lengthMs(result), files * lengthMs(one), 120)
        }
      }))

    it.live("with a frame count of zero plays to its end", () =>
      Effect.gen(function*() {
        const bytes = mp3.slice()
        const at = Buffer.from(bytes).indexOf("Info") === -1
          ? Buffer.from(bytes).indexOf("Xing")
          : Buffer.from(bytes).indexOf("Info")
        bytes.fill(0, at + 8, at + 12)
        const result = yield* played(bytes)
        assert.strictEqual(result.end, "Done")
        assert.closeTo(lengthMs(result), 3_000, 60)
      }))

    it.live("of constant bitrate is as long as its frames, whatever tags follow them", () =>
      Effect.gen(function*() {
        const cbr = made(
          chirp,
          "-c:a",
          "libmp3lame",
          "-b:a",
          "128k",
          "-write_xing",
          "0",
          "-id3v2_version",
          "0",
          "-f",
          "mp3"
        )
        const { durationMs } = yield* played(cbr)
        assert.closeTo(durationMs ?? 0, 3_000, 80)
        const id3v1 = concat(Buffer.from("TAG"), new Uint8Array(125))
        const part = (flags: number) => {
          const bytes = Buffer.alloc(32)
          bytes.write("APETAGEX")
          bytes.writeUInt32LE(9_032, 12)
          bytes.writeUInt32LE(flags, 20)
          return bytes
        }
        const body = new Uint8Array(9_000)
        const whole = concat(part(0xa0000000), body, part(0x80000000))
        for (
          const tags of [
            id3v1,
            whole,
            concat(whole, id3v1),
            concat(body, part(0)),
            concat(body, part(0), id3v1)
          ]
        ) {
          const tagged = yield* played(concat(cbr, tags))
          assert.deepStrictEqual([tagged.end, tagged.durationMs], ["Done", durationMs])
        }
      }))

    it.live("plays mono and stereo files one after the other, in either order", () =>
      Effect.gen(function*() {
        const { left, right } = signal(44_100, 3)
        const onRight = wav16({ left: new Float32Array(left.length), right }, 44_100)
        const args = ["-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", "0", "-f", "mp3"]
        const stereo = made(onRight, ...args)
        const mono = made(chirp, "-ac", "1", ...args)
        const level = ({ pcm }: { readonly pcm: Float32Array }, from: number, to: number) =>
          levelOf(pcm.subarray(96 * from, 96 * to))
        for (const [first, second] of [[mono, stereo], [stereo, mono]] as const) {
          const both = yield* played(concat(first, second))
          assert.strictEqual(both.end, "Done")
          const [one, other] = [yield* played(first), yield* played(second)]
          assert.closeTo(level(both, 500, 2_500) / level(one, 500, 2_500), 1, 0.01)
          // the two channels, one of them silent, are now mixed into one, each half as loud
          const expected = first === mono ? Math.SQRT1_2 : 1
          assert.closeTo(level(both, 3_500, 5_500) / level(other, 500, 2_500), expected, 0.03)
        }
      }))

    it.live("without a frame count states no duration if its bitrate varies", () =>
      Effect.gen(function*() {
        const vbr = made(chirp, "-c:a", "libmp3lame", "-q:a", "2", "-write_xing", "0", "-f", "mp3")
        const cbr = made(chirp, "-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", "0", "-f", "mp3")
        assert.isUndefined((yield* played(vbr)).durationMs)
        const sought = yield* collect(AudioSource.fromBytes(vbr, { ffmpeg: false }), { seekMs: 2_000 })
        assert.strictEqual(sought.soughtMs, 2_000)
        assert.closeTo(lengthMs(sought), 1_000, 80)
        assert.closeTo((yield* played(cbr)).durationMs ?? 0, 3_000, 80)
      }))
  })

  it.live("a tag after AAC, or between concatenated AAC files, is skipped", () =>
    Effect.gen(function*() {
      const aac = bytesOf("chirp.aac")
      const id3v1 = concat(Buffer.from("TAG"), new Uint8Array(125))
      const ape = Buffer.alloc(32 + 300)
      ape.write("APETAGEX")
      ape.writeUInt32LE(300, 12)
      ape.writeUInt32LE(0xa0000000, 20)
      const one = yield* played(aac)
      const cases: ReadonlyArray<readonly [files: number, ...parts: ReadonlyArray<Uint8Array>]> = [
        [1, aac, id3v1],
        [1, aac, ape],
        [1, aac, ape.subarray(0, 20)],
        [1, aac, ape, id3v1],
        [1, aac, id3v1.subarray(0, 5)],
        [1, aac, new Uint8Array(1_000)],
        [2, aac, id3v1, aac, ape]
      ]
      for (const [files, ...parts] of cases) {
        const result = yield* played(concat(...parts))
        assert.deepStrictEqual([result.end, result.pcm.length / one.pcm.length], ["Done", files])
      }
      const { end } = yield* played(concat(aac, Buffer.from("something else")))
      assert.strictEqual(end, "Corrupt")
    }))

  for (const [name, make] of [["chirp.mp3", Mp3Reader.make], ["chirp.aac", AdtsReader.make]] as const) {
    it(`zeros end ${name} only if at most a tag follows`, () => {
      const read = (...pieces: ReadonlyArray<Uint8Array>) => {
        const reader = make()
        for (const piece of pieces) reader.push(piece)
        reader.end()
        return { packets: reader.take(), end: reader.problem()?.kind }
      }
      const bytes = bytesOf(name)
      const whole = read(bytes)
      assert.isUndefined(whole.end)
      const at = whole.packets[60]?.offset ?? 0
      for (const count of [1, 2, 300]) {
        const damaged = bytes.slice()
        damaged.fill(0, at, at + count)
        const { end, packets } = read(damaged)
        assert.deepStrictEqual([packets.length, end], [whole.packets.length - 1, undefined])
      }
      const sound = bytes.subarray(at)
      const zeros = new Uint8Array(400)
      const id3v1 = concat(Buffer.from("TAG"), new Uint8Array(125))
      const id3 = Buffer.concat([Buffer.from("ID3\x04\0\0\0\0\0\x20"), Buffer.alloc(32)])
      const lyrics = concat(Buffer.from("LYRICSBEGIN"), new Uint8Array(200))
      const one = whole.packets.length
      const cases: ReadonlyArray<
        readonly [end: string | undefined, count: number, ...parts: ReadonlyArray<Uint8Array>]
      > = [
        [undefined, one, zeros],
        [undefined, one, zeros, id3v1],
        [undefined, one, zeros, lyrics],
        [undefined, 2 * one - 60, zeros, id3, sound],
        [undefined, 2 * one - 60, zeros, id3v1, sound, zeros],
        [undefined, 2 * one - 60, zeros, sound],
        ["Corrupt", one, new Uint8Array(70_000), sound],
        // the first MP3 frame states how many there are
        [name === "chirp.mp3" ? undefined : "Corrupt", one, zeros, Buffer.from("something else")],
        // after the real end, a chunk may begin with anything
        [undefined, one, lyrics, Uint8Array.of(0xff, 0xfb, 0x90, 0x44), new Uint8Array(9)]
      ]
      for (const [index, [end, count, ...parts]] of cases.entries()) {
        const file = concat(bytes, ...parts)
        const pieces = Array.from(
          { length: Math.ceil(file.length / 977) },
          (_, i) => file.slice(977 * i, 977 * (i + 1))
        )
        for (const result of [read(file), read(bytes, ...parts), read(...pieces)]) {
          assert.deepStrictEqual([result.packets.length, result.end], [count, end], `${index}`)
        }
      }
    })
  }

  for (const [name, make] of [["chirp.mp3", Mp3Reader.make], ["chirp.aac", AdtsReader.make]] as const) {
    it(`junk in ${name} is skipped up to the next frame that is followed by another`, () => {
      const bytes = bytesOf(name)
      const read = (file: Uint8Array, piece: number) => {
        const reader = make()
        for (let at = 0; at < file.length; at += piece) reader.push(file.slice(at, at + piece))
        reader.end()
        const packets = reader.take()
        return {
          packets,
          data: packets.map(({ data }) => Buffer.from(data).toString("hex")),
          end: reader.problem()?.kind
        }
      }
      const whole = read(bytes, bytes.length)
      const offset = (index: number) => whole.packets[index]?.offset ?? 0
      // similar headers, of frames that nothing follows
      const header = Buffer.from(bytes.subarray(offset(60), offset(60) + 7))
      const headers = Buffer.alloc(3_000, Buffer.concat([Buffer.alloc(5, 0x55), header]))
      // letters that a tag begins with, among others
      const id3 = Uint8Array.of(0x49, 0x44, 0x33, 4, 0, 0, 0x10, 0x90, 0, 0)
      const chance = concat(noise(5, 20), Buffer.from("TAG"), noise(6, 200), id3, noise(7, 200))
      const junk = [
        noise(1, 1),
        noise(2, 700),
        noise(3, 60_000),
        headers,
        Buffer.from("TAX and what else is in it"),
        chance
      ]
      const expected = (lost: number) => whole.data.filter((_, i) => i < 60 || i >= 60 + lost)
      for (const piece of [bytes.length + 100_000, 997, 13]) {
        for (const [index, between] of junk.entries()) {
          const put = read(concat(bytes.subarray(0, offset(60)), between, bytes.subarray(offset(60))), piece)
          assert.isUndefined(put.end, `${index}`)
          assert.deepStrictEqual(put.data, expected(0), `${index}`)
          const over = bytes.slice()
          over.set(between.subarray(0, 900), offset(60))
          const lost = whole.packets.filter((packet) =>
            packet.offset >= offset(60) && packet.offset < offset(60) + Math.min(900, between.length)
          ).length
          const overwritten = read(over, piece)
          assert.deepStrictEqual([overwritten.data, overwritten.end], [expected(lost), undefined], `${index}`)
          assert.isTrue(
            overwritten.packets.every(({ samples, start }, i, all) =>
              all[i + 1]?.start === undefined ||
              all[i + 1]?.start === start + samples
            )
          )
        }
        const cut = read(concat(bytes.subarray(0, offset(60) + 100), bytes.subarray(offset(63) + 50)), piece)
        // the frame that is cut takes the bytes after it for its own
        assert.deepStrictEqual([cut.data.length, cut.data.slice(61), cut.end], [
          whole.data.length - 3,
          whole.data.slice(64),
          undefined
        ])
        const far = read(concat(bytes.subarray(0, offset(60)), noise(4, 66_000), bytes.subarray(offset(60))), piece)
        assert.deepStrictEqual([far.data, far.end], [whole.data.slice(0, 60), "Corrupt"])
      }
    })
  }

  it("the last frames of MP3 and AAC are found after a false header that claims a frame beyond the end", () => {
    const cases = [
      ["chirp.mp3", Mp3Reader.make, 2, Uint8Array.of(0xff, 0xfb, 0xe0, 0x44)],
      ["chirp.aac", AdtsReader.make, 5, undefined]
    ] as const
    for (const [name, make, count, claim] of cases) {
      const bytes = bytesOf(name)
      const reader = make()
      reader.push(bytes)
      const packets = reader.take()
      const at = packets.at(-count)?.offset ?? 0
      const header = bytes.slice(at, at + 7)
      header[3] = (header[3] ?? 0) | 3
      header[4] = header[5] = 0xff
      const damaged = make()
      damaged.push(concat(bytes.subarray(0, at), noise(1, 300), claim ?? header, bytes.subarray(at)))
      damaged.end()
      assert.deepStrictEqual(damaged.take().map(({ data }) => data), packets.map(({ data }) => data), name)
      assert.isUndefined(damaged.problem(), name)
    }
  })

  it("the last frame of MP3 and AAC is found after junk by the end or the tag that follows it", () => {
    const id3v1 = concat(Buffer.from("TAG"), new Uint8Array(125))
    for (const [name, make] of [["chirp.mp3", Mp3Reader.make], ["chirp.aac", AdtsReader.make]] as const) {
      const reader = make()
      reader.push(bytesOf(name))
      reader.end()
      const packets = reader.take()
      const last = packets.at(-1)?.offset ?? 0
      const bytes = bytesOf(name)
      for (const behind of [id3v1, new Uint8Array(0)]) {
        const damaged = make()
        damaged.push(concat(bytes.subarray(0, last), noise(1, 300), bytes.subarray(last), behind))
        damaged.end()
        assert.deepStrictEqual([damaged.take().length, damaged.problem()], [packets.length, undefined])
      }
    }
  })

  it.live("MP3 of free bitrate is reported as such", () =>
    Effect.gen(function*() {
      const { packets } = (() => {
        const reader = Mp3Reader.make()
        reader.push(mp3)
        return { packets: reader.take() }
      })()
      const free = concat(...packets.map(({ data }) => {
        const frame = data.slice()
        frame[2] = (frame[2] ?? 0) & 0x0f
        return frame
      }))
      for (
        const bytes of [
          free,
          free.subarray(0, 3_000),
          concat(Buffer.from("ID3\x04\0\0\0\0\0\x20"), new Uint8Array(32), free)
        ]
      ) {
        const { end, message } = yield* played(bytes)
        assert.strictEqual(end, "Unsupported")
        assert.match(message, /it is MP3 with a free bitrate/)
      }
      const alone = packets[9]?.data.slice() ?? new Uint8Array(0)
      alone[2] = (alone[2] ?? 0) & 0x0f
      // a single such header is found by chance
      assert.strictEqual((yield* played(concat(alone, mp3.subarray(packets[10]?.offset)))).end, "Done")
    }))

  it.live("damaged MP3 and AAC plays on, without loud noise", () =>
    Effect.gen(function*() {
      for (const name of ["chirp.mp3", "chirp-vbr.mp3", "chirp.aac"]) {
        for (let seed = 0; seed < 4; seed++) {
          const bytes = bytesOf(name)
          bytes.set(noise(seed, [3, 30, 400, 1_000][seed % 4] ?? 0), Math.floor(bytes.length * (0.1 + 0.2 * seed)))
          const result = yield* played(bytes)
          assert.strictEqual(result.end, "Done", result.message)
          assert.closeTo(lengthMs(result), 3_000, 500)
          assert.isTrue(result.pcm.every((sample) => Math.abs(sample) < 8))
        }
      }
    }), 30_000)

  it.live("a tag between frames of MP3 and AAC is skipped, however the file is cut into chunks", () =>
    Effect.gen(function*() {
      const id3 = Buffer.concat([Buffer.from("ID3\x04\0\0\0\0\0\x20"), Buffer.alloc(32)])
      for (const name of ["chirp.mp3", "chirp.aac"]) {
        const bytes = bytesOf(name)
        const one = yield* played(bytes)
        const file = concat(bytes, id3, bytes)
        for (let cut = 0; cut < 12; cut++) {
          const at = bytes.length + cut
          const pieces = Stream.make(file.slice(0, at), file.slice(at))
          const result = yield* collect(AudioSource.fromStream(pieces, { ffmpeg: false }))
          assert.strictEqual(result.end, "Done", `${name}, ${cut}`)
          assert.closeTo(lengthMs(result), 2 * lengthMs(one), 120, `${name}, ${cut}`)
        }
      }
    }))

  it.live("frames of MP3 and AAC are found in the middle of a file, whatever precedes them", () =>
    Effect.gen(function*() {
      for (const name of ["chirp.mp3", "chirp.aac"]) {
        const bytes = bytesOf(name)
        for (const at of [1_001, 1_500, 2_777]) {
          for (const front of ["", "<", "{", "\0\0\0\0"]) {
            const result = yield* played(concat(Buffer.from(front), bytes.subarray(at)))
            assert.strictEqual(result.end, "Done", `${name} from ${at} behind ${JSON.stringify(front)}`)
            assert.isAbove(lengthMs(result), 2_700)
          }
        }
      }
    }))
})
