/** Files that other players play to their end, and files that are made to do harm. */
import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as ByteSource from "../../src/audio/ByteSource.ts"
import * as FlacReader from "../../src/audio/format/FlacReader.ts"
import * as WebmReader from "../../src/audio/matroska/WebmReader.ts"
import * as Container from "../../src/audio/source/Container.ts"
import * as Resampler from "../../src/audio/source/Resampler.ts"
import { collect } from "./listen.ts"
import { concat, element, readPages, writePage } from "./samples.ts"
import { signal, signalToNoise, wav16 } from "./signal.ts"

const path = (name: string) => fileURLToPath(new URL(`files/${name}`, import.meta.url))
const bytesOf = (name: string) => new Uint8Array(readFileSync(path(name)))
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

const vorbis = bytesOf("chirp.vorbis.ogg")
/** The same Ogg stream with another serial number, and therefore with other checksums. */
const renumbered = (bytes: Uint8Array, serial: number): Uint8Array =>
  concat(...readPages(bytes).map((page) => writePage({ ...page, serial })))

const chirp = wav16(signal(44_100, 3), 44_100)

/** A private folder for temporary files, since other tests create some at the same time. */
const ownTemporary = Effect.acquireRelease(
  Effect.sync(() => {
    const before = process.env["TMPDIR"]
    const folder = mkdtempSync(join(tmpdir(), "oddities-"))
    process.env["TMPDIR"] = folder
    return { before, folder }
  }),
  ({ before, folder }) =>
    Effect.sync(() => {
      if (before === undefined) delete process.env["TMPDIR"]
      else process.env["TMPDIR"] = before
      rmSync(folder, { recursive: true })
    })
).pipe(Effect.map(({ folder }) => folder))

const played = (bytes: Uint8Array) => collect(AudioSource.fromBytes(bytes, { ffmpeg: false }))

describe("audio oddities", () => {
  it.live(
    "an unrecognized file is given to ffmpeg, and fails with UnknownFormat if ffmpeg does not recognize it either",
    () =>
      Effect.gen(function*() {
        const options = { ffmpeg: { command: ffmpeg } }
        const stream = made(chirp, "-c:a", "mp2", "-f", "mpegts")
        const heard = yield* collect(AudioSource.fromBytes(stream, options))
        assert.strictEqual(heard.end, "Done")
        assert.closeTo(lengthMs(heard), 3_000, 100)
        for (const ffmpegOption of [options, { ffmpeg: { command: "no-such-program" } }, { ffmpeg: false as const }]) {
          const noise = Uint8Array.from({ length: 5_000 }, (_, i) => (i * 7919 + (i >> 3) * 31) & 0x7f)
          const { end } = yield* collect(AudioSource.fromBytes(noise, ffmpegOption))
          assert.include(end, "UnknownFormat")
        }
      })
  )

  it.live("a stream that breaks is reported as that, and not as an unknown format", () =>
    Effect.gen(function*() {
      const noise = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919 + (i >> 3) * 31) & 0x7f)
      const broken = Stream.concat(Stream.make(noise), Stream.fail(new Error("the line is gone")))
      const { end, message } = yield* collect(AudioSource.fromStream(broken, { ffmpeg: { command: ffmpeg } }))
      assert.strictEqual(end, "Failed")
      assert.include(message, "the line is gone")
    }))

  it.live("input that ffmpeg has to seek in is kept in a temporary file, which is removed again", () =>
    Effect.gen(function*() {
      const folder = yield* ownTemporary
      // the index of this file is at its end
      const bytes = bytesOf("chirp.alac.m4a")
      const pieces = Array.from(
        { length: Math.ceil(bytes.length / 5_000) },
        (_, i) => bytes.slice(5_000 * i, 5_000 * (i + 1))
      )
      const options = { ffmpeg: { command: ffmpeg } }
      let kept: ReadonlyArray<string> = []
      const looking = (source: AudioSource.AudioSource): AudioSource.AudioSource => ({
        ...source,
        open: Effect.tap(source.open, () => Effect.sync(() => kept = readdirSync(folder)))
      })
      for (
        const source of [
          AudioSource.fromBytes(bytes, options),
          AudioSource.fromStream(Stream.fromIterable(pieces), options)
        ]
      ) {
        const result = yield* collect(looking(source))
        assert.strictEqual(result.end, "Done")
        assert.isAbove(signalToNoise(result.pcm, 0.5), 60)
        assert.lengthOf(kept, 1)
        assert.deepStrictEqual(readdirSync(folder), [])
      }
    }).pipe(Effect.scoped))

  it.live("the channels of AAC end up on the correct side", () =>
    Effect.gen(function*() {
      const names = ["FL", "FR", "FC", "LFE", "BL", "BR"]
      for (const [index, name] of names.entries()) {
        const gains = names.map((_, i) => `c${i}=${i === index ? 1 : 0}*c0`).join("|")
        const bytes = made(chirp, "-af", `pan=5.1|${gains}`, "-c:a", "aac", "-b:a", "384k", "-f", "adts")
        const { pcm } = yield* played(bytes)
        const level = (side: number) => Math.sqrt(pcm.reduce((sum, x, i) => i % 2 === side ? sum + x * x : sum, 0))
        const [left, right] = [level(0), level(1)]
        const sum = left + right
        const expected = name === "LFE" ? undefined : name === "FC" ? 0.5 : name.endsWith("L") ? 1 : 0
        if (expected === undefined) assert.isBelow(sum, 5, name)
        else assert.closeTo(left / sum, expected, 0.1, name)
      }
    }))

  it.live("Vorbis chained after Vorbis plays to its end, however it is cut into chunks", () =>
    Effect.gen(function*() {
      const one = yield* played(vorbis)
      const chain = concat(vorbis, renumbered(vorbis, 7))
      for (const size of [256, 4_096, 65_536, chain.length]) {
        const pieces: Array<Uint8Array> = []
        for (let at = 0; at < chain.length; at += size) pieces.push(chain.slice(at, at + size))
        const both = yield* collect(AudioSource.fromStream(Stream.fromIterable(pieces), { ffmpeg: false }))
        assert.strictEqual(both.end, "Done")
        assert.closeTo(both.pcm.length, 2 * one.pcm.length, 96)
      }
    }))

  it.live("Vorbis seeks to the sample on its last page, too, even if that page ends before its last sample", () =>
    Effect.gen(function*() {
      const seconds = 12
      const bytes = made(wav16(signal(44_100, seconds), 44_100), "-c:a", "libvorbis", "-q:a", "10", "-f", "ogg")
      const pages = readPages(bytes)
      const last = pages.at(-1)
      assert.isDefined(last)
      for (const less of [0, 1_500]) {
        const cut = concat(...[...pages.slice(0, -1), { ...last, granule: last.granule - BigInt(less) }].map(writePage))
        for (let atMs = 1_000 * seconds - 900; atMs < 1_000 * seconds - 100; atMs += 170) {
          const heard = yield* collect(AudioSource.fromBytes(cut, { ffmpeg: false }), { seekMs: atMs })
          assert.closeTo(lengthMs(heard), 1_000 * (seconds - less / 44_100) - atMs, 0.1)
          assert.isAbove(signalToNoise(heard.pcm, seconds, Math.round(atMs * 48), 48), 35, `${atMs} ms, ${less} less`)
        }
      }
    }))

  it.live("Vorbis is complete after a seek to its beginning", () =>
    Effect.gen(function*() {
      for (const bytes of [vorbis, bytesOf("chirp.vorbis.webm")]) {
        const whole = yield* played(bytes)
        for (const seekMs of [0, 7]) {
          const { pcm } = yield* collect(AudioSource.fromBytes(bytes, { ffmpeg: false }), { seekMs })
          const rest = whole.pcm.subarray(96 * seekMs)
          assert.strictEqual(pcm.length, rest.length)
          assert.isTrue(pcm.every((sample, i) => Math.abs(sample - (rest[i] ?? 0)) < 1e-4), `${seekMs} ms`)
        }
      }
    }))

  it.live("Vorbis in WebM seeks by what was already read, since its clusters do not state sample positions", () =>
    Effect.gen(function*() {
      const seconds = 12
      const bytes = made(wav16(signal(44_100, seconds), 44_100), "-c:a", "libvorbis", "-q:a", "10", "-f", "webm")
      let bytesRead = 0
      const counted = ByteSource.ofRandomAccess("counted", {
        size: bytes.length,
        read: (start, end) =>
          Effect.sync(() => {
            const part = bytes.subarray(start, end)
            bytesRead += part.length
            return part
          })
      })
      const opened = yield* Container.open(counted, () => assert.fail("it is known"))
      assert(opened.format === "pcm" && opened.seek !== undefined)
      yield* Effect.ignore(Effect.forever(opened.pull))
      bytesRead = 0
      const landedMs = yield* opened.seek(9_000)
      const samples = yield* opened.pull
      assert.isAbove(signalToNoise(samples, seconds, Math.round(landedMs * 48), 10), 35)
      // a cluster lasts for five seconds
      assert.isBelow(bytesRead, bytes.length / 2)
    }).pipe(Effect.scoped))

  it.live("sound that begins late in an MP4 is preceded by silence", () =>
    Effect.gen(function*() {
      const late = made(
        chirp,
        "-af",
        "asetpts=PTS+3/TB",
        "-c:a",
        "aac",
        "-f",
        "mp4",
        "-movflags",
        "frag_keyframe+empty_moov+delay_moov"
      )
      const result = yield* played(late)
      assert.strictEqual(result.end, "Done")
      assert.closeTo(lengthMs(result), 6_000, 150)
      assert.isTrue(result.pcm.subarray(0, 96 * 2_800).every((sample) => sample === 0))
      assert.isTrue(result.pcm.subarray(96 * 3_200).some((sample) => Math.abs(sample) > 0.1))
    }))

  it.live("MP3 and FLAC in MP4 play, and seek to the sample", () =>
    Effect.gen(function*() {
      const fragmented = ["-strict", "-2", "-f", "mp4", "-movflags", "frag_keyframe+empty_moov+delay_moov"]
      const cases = [
        [["-c:a", "libmp3lame", "-b:a", "128k"], 1105, 25],
        [["-c:a", "libmp3lame", "-b:a", "64k", "-ar", "22050"], 1105 * 2, 25],
        [["-c:a", "flac"], 0, 80],
        [["-c:a", "flac", "-sample_fmt", "s32"], 0, 80]
      ] as const
      for (const [args, late, decibels] of cases) {
        const bytes = made(chirp, ...args, ...fragmented)
        const whole = yield* played(bytes)
        assert.deepStrictEqual([whole.end, whole.message], ["Done", ""])
        // fragments come before it is known that the first samples are not part of the sound
        const at = lengthMs(whole) > 3_010 ? -late * 48_000 / 44_100 : 0
        assert.closeTo(lengthMs(whole), 3_000 - at / 48, 60)
        assert.isAbove(signalToNoise(whole.pcm, 3, at, 4_800), decibels, args.join(" "))
        for (const seekMs of [10, 1_234.5]) {
          const { pcm } = yield* collect(AudioSource.fromBytes(bytes, { ffmpeg: false }), { seekMs })
          const rest = whole.pcm.subarray(2 * Math.round(48 * seekMs))
          assert.strictEqual(pcm.length, rest.length)
          assert.isTrue(pcm.every((sample, i) => Math.abs(sample - (rest[i] ?? 0)) < 2e-3), `${seekMs} ms`)
        }
      }
      // the bits per sample in the description of FLAC
      const wide = made(chirp, "-c:a", "flac", ...fragmented)
      const info = Buffer.from(wide).indexOf("dfLa") + 4 + 8
      wide.set([(wide[info + 12] ?? 0) | 1, (wide[info + 13] ?? 0) | 0xf0], info + 12)
      assert.strictEqual((yield* played(wide)).end, "Unsupported")
    }))

  it.live("an MP4 whose edit list begins after its end has no sound, and no negative duration", () =>
    Effect.gen(function*() {
      for (const name of ["chirp-fast.m4a", "chirp.m4a", "chirp.opus.mp4"]) {
        const bytes = bytesOf(name)
        // after the version, the flags and the number of edits: the first edit's length, then its start
        new DataView(bytes.buffer).setInt32(Buffer.from(bytes).indexOf("elst") + 16, 10_000_000)
        const { durationMs, end, pcm } = yield* played(bytes)
        assert.deepStrictEqual([end, pcm.length, durationMs], ["Done", 0, 0], name)
      }
    }))

  it.live("a WAV that states 2 GiB because its writer did not know its size has its real length", () =>
    Effect.gen(function*() {
      for (const size of [0x7ffff000, 0x7fffffff, 0x80000000]) {
        const bytes = wav16(signal(44_100, 1), 44_100).slice()
        new DataView(bytes.buffer, bytes.byteOffset).setUint32(40, size, true)
        const result = yield* played(bytes)
        assert.strictEqual(result.end, "Done")
        assert.closeTo(lengthMs(result), 1_000, 1)
        assert.closeTo(result.durationMs ?? 0, 1_000, 1)
      }
    }))

  it.live("an ID3v2 tag before a format with tags of its own is skipped, seekable or streamed", () =>
    Effect.gen(function*() {
      const size = 20_000
      const id3 = Buffer.concat([Buffer.from([0x49, 0x44, 0x33, 4, 0, 0, 0, 1, 28, 32]), Buffer.alloc(size)])
      assert.strictEqual((1 << 14) + (28 << 7) + 32, size)
      for (const name of ["chirp.vorbis.ogg", "chirp.vorbis.webm", "chirp.m4a", "chirp.flac", "wav"]) {
        const bytes = name === "wav" ? chirp : bytesOf(name)
        const file = concat(id3, bytes)
        const plain = yield* played(bytes)
        const pieces = [file.slice(0, 7_000), file.slice(7_000, 30_000), file.slice(30_000)]
        for (
          const source of [
            AudioSource.fromBytes(file, { ffmpeg: false }),
            AudioSource.fromStream(Stream.fromIterable(pieces), { ffmpeg: false })
          ]
        ) {
          const whole = yield* collect(source)
          assert.deepStrictEqual([whole.end, whole.pcm.length], ["Done", plain.pcm.length], name)
        }
        const { durationMs, pcm } = yield* collect(AudioSource.fromBytes(file, { ffmpeg: false }), { seekMs: 700 })
        assert.strictEqual(durationMs, plain.durationMs)
        assert.strictEqual(pcm.length, plain.pcm.length - 96 * 700)
      }
    }))

  it.live("FLAC followed by a tag or zeros is complete", () =>
    Effect.gen(function*() {
      const bytes = bytesOf("chirp.flac")
      const whole = yield* played(bytes)
      const tag = concat(Buffer.from("APETAGEX"), new Uint8Array(24).fill(1))
      for (
        const trailer of [
          tag,
          new Uint8Array(9),
          new Uint8Array(100_000),
          concat(Buffer.from("TAG"), new Uint8Array(125))
        ]
      ) {
        const result = yield* played(concat(bytes, trailer))
        assert.strictEqual(result.end, "Done")
        assert.deepStrictEqual(result.pcm.length, whole.pcm.length)
      }
    }))

  describe("hostile", () => {
    it("endlessly nested elements are rejected without taking long", () => {
      const reader = WebmReader.make()
      const file = bytesOf("chirp.opus.webm")
      const cluster = Buffer.from(file).indexOf(Buffer.from([0x1f, 0x43, 0xb6, 0x75]))
      reader.push(file.slice(0, cluster))
      assert.isUndefined(reader.problem())
      // a block group of unknown size in another, again and again
      reader.push(
        concat(element("1f43b675", new Uint8Array(0), "unknown"), Buffer.alloc(100_000, Buffer.from([0xa0, 0xff])))
      )
      assert.strictEqual(reader.problem()?.kind, "Corrupt")
    })

    it("data after the last sample of a FLAC is not kept", () => {
      const reader = FlacReader.make()
      reader.push(bytesOf("chirp.flac"))
      reader.push(Buffer.from("TAG and what not"))
      const before = process.memoryUsage().arrayBuffers
      const more = new Uint8Array(1_000_000).fill(0x55)
      for (let i = 0; i < 50; i++) reader.push(more)
      reader.end()
      assert.isUndefined(reader.problem())
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 20_000_000)
    })

    it("resamplers for many odd rates leave no tables behind", () => {
      const before = process.memoryUsage().arrayBuffers
      for (let rate = 100_003; rate < 100_063; rate++) Resampler.make(rate, 1)
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 80_000_000)
    })
  })
})
