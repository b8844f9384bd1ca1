/** Matroska with codecs other than Opus and Vorbis, as ffmpeg writes it. */
import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as ByteSource from "../../src/audio/ByteSource.ts"
import * as Container from "../../src/audio/source/Container.ts"
import { collect } from "./listen.ts"
import {
  ascii,
  blockBody,
  cluster,
  concat,
  ebml,
  element,
  noise,
  packet,
  segment,
  simpleBlock,
  trackEntry,
  tracks
} from "./samples.ts"
import { signal, signalToNoise, wav16 } from "./signal.ts"

const seconds = 3

const run = (input: Uint8Array, ...args: ReadonlyArray<string>): Uint8Array => {
  const all = ["-v", "error", "-i", "pipe:0", "-f", "matroska", ...args, "pipe:1"]
  const { status, stderr, stdout } = spawnSync(ffmpeg, all, { input, maxBuffer: 64 * 1024 * 1024 })
  assert.strictEqual(status, 0, stderr.toString())
  return new Uint8Array(stdout)
}

const made = (rate: number, ...args: ReadonlyArray<string>) => run(wav16(signal(rate, seconds), rate), ...args)

/**
 * The signal-to-noise ratio to reach, and by how many samples at its rate the sound is late, which the container does
 * not state.
 */
const cases: ReadonlyArray<
  readonly [name: string, rate: number, decibels: number, late: number, args: ReadonlyArray<string>]
> = [
  ["AAC", 44_100, 40, 1024, ["-c:a", "aac", "-b:a", "128k", "-aac_pns", "0"]],
  ["MP3", 44_100, 25, 1105, ["-c:a", "libmp3lame", "-b:a", "128k"]],
  ["MP3", 22_050, 25, 1105, ["-c:a", "libmp3lame", "-b:a", "64k"]],
  ["MP2", 48_000, 25, 481, ["-c:a", "mp2", "-b:a", "256k"]],
  ["FLAC", 44_100, 80, 0, ["-c:a", "flac"]],
  ["FLAC", 48_000, 80, 0, ["-c:a", "flac", "-sample_fmt", "s32"]],
  ["u8", 48_000, 30, 0, ["-c:a", "pcm_u8"]],
  ["s16le", 44_100, 80, 0, ["-c:a", "pcm_s16le"]],
  ["s24le", 48_000, 80, 0, ["-c:a", "pcm_s24le"]],
  ["s16be", 48_000, 80, 0, ["-c:a", "pcm_s16be"]],
  ["f32le", 48_000, 80, 0, ["-c:a", "pcm_f32le"]]
]

const play = (bytes: Uint8Array, seekMs?: number) =>
  collect(AudioSource.fromBytes(bytes, { ffmpeg: false }), seekMs === undefined ? {} : { seekMs })

describe("Matroska", () => {
  for (const [name, rate, decibels, late, args] of cases) {
    it.live(`with ${name} at ${rate} Hz plays the sound that was encoded, and seeks to the sample`, () =>
      Effect.gen(function*() {
        const bytes = made(rate, ...args)
        const at = -late * 48_000 / rate
        const whole = yield* play(bytes)
        assert.deepStrictEqual([whole.end, whole.message, whole.seekable], ["Done", "", true])
        assert.closeTo(whole.pcm.length / 96, 1_000 * seconds, 60)
        assert.isAbove(signalToNoise(whole.pcm, seconds, at, 4_000), decibels)
        for (const seekMs of [0, 1_234.5, 2_500]) {
          const { pcm } = yield* play(bytes, seekMs)
          const rest = whole.pcm.subarray(2 * Math.round(48 * seekMs))
          assert.strictEqual(pcm.length, rest.length)
          assert.isTrue(pcm.every((sample, i) => Math.abs(sample - (rest[i] ?? 0)) < 2e-3), `${seekMs} ms`)
        }
        const pieces = Array.from(
          { length: Math.ceil(bytes.length / 3_001) },
          (_, i) => bytes.slice(3_001 * i, 3_001 * (i + 1))
        )
        const streamed = yield* collect(AudioSource.fromStream(Stream.fromIterable(pieces), { ffmpeg: false }))
        assert.strictEqual(streamed.pcm.length, whole.pcm.length)
      }))
  }

  /** Adds this many bytes after each cluster, as if there were a video. ffmpeg writes no segment size into a pipe. */
  const padded = (bytes: Uint8Array, padding: number): Uint8Array => {
    const id = Buffer.from([0x1f, 0x43, 0xb6, 0x75])
    const parts: Array<Uint8Array> = []
    let from = 0
    for (let at = Buffer.from(bytes).indexOf(id); at >= 0; at = Buffer.from(bytes).indexOf(id, at + 4)) {
      parts.push(bytes.subarray(from, at), element("ec", new Uint8Array(padding)))
      from = at
    }
    return concat(...parts, bytes.subarray(from))
  }

  for (const [name, rate, , , args] of cases) {
    it.live(`with ${name} at ${rate} Hz seeks to the sample without reading everything before it`, () =>
      Effect.gen(function*() {
        const length = 8
        const file = run(wav16(signal(rate, length), rate), ...args, "-cluster_time_limit", "200")
        const bytes = padded(file, 200_000)
        assert.isAbove(bytes.length, 30 * 200_000)
        const whole = yield* play(bytes)
        assert.deepStrictEqual([whole.end, whole.message], ["Done", ""])
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
        assert(opened.format === "pcm" && opened.seek !== undefined)
        for (const seekMs of [6_543, 20, 3_210.5, 7_500, 900]) {
          bytesRead = 0
          const at = 2 * Math.round(48 * (yield* opened.seek(seekMs)))
          const samples = yield* opened.pull
          assert.isTrue(
            samples.every((sample, i) => Math.abs(sample - (whole.pcm[at + i] ?? 0)) < 2e-3),
            `${seekMs} ms`
          )
          assert.isBelow(bytesRead, 0.4 * bytes.length, `${seekMs} ms`)
        }
      }).pipe(Effect.scoped))
  }

  it.live("seeks to the sample if the sound of a cluster begins later than its picture", () =>
    Effect.gen(function*() {
      const rate = 8_000
      const u16 = (value: number) => Uint8Array.of(value >> 8, value & 255)
      // packets of 100 ms; from the second cluster on, the sound begins 600 ms after the cluster
      const clusters = Array.from({ length: 20 }, (_, i) => {
        const blocks = Array.from({ length: 20 }, (_, k) => {
          const data = Uint8Array.from({ length: rate / 10 }, (_, n) => (7 * i + 31 * k + (n >> 4)) & 255)
          const lateMs = (i === 0 ? 0 : 600) + 100 * k
          return element("a3", concat(Uint8Array.of(0x81), u16(lateMs), Uint8Array.of(0x80), data))
        })
        const parts = [
          element("e7", u16(2_000 * i - (i === 0 ? 0 : 600))),
          element("a3", blockBody(2, 0, noise(i, 200_000)))
        ]
        return element("1f43b675", concat(...parts, ...blocks))
      })
      const entry = trackEntry({ codec: "A_PCM/INT/LIT", head: null, channels: 1, rate, bits: 8 })
      const bytes = concat(ebml(), segment([tracks(entry), ...clusters]))
      const whole = yield* play(bytes)
      assert.deepStrictEqual([whole.end, whole.pcm.length], ["Done", 40 * 96_000])
      for (const seekMs of [1_000, 11_500, 11_900, 12_000, 37_700]) {
        const { pcm } = yield* play(bytes, seekMs)
        const rest = whole.pcm.subarray(96 * seekMs)
        assert.strictEqual(pcm.length, rest.length)
        assert.isTrue(pcm.every((sample, i) => Math.abs(sample - (rest[i] ?? 0)) < 2e-3), `${seekMs} ms`)
      }
    }))

  it.live("with FLAC plays on if FLAC with other channels is appended", () =>
    Effect.gen(function*() {
      const stereo = made(44_100, "-c:a", "flac")
      const mono = made(44_100, "-c:a", "flac", "-af", "pan=mono|c0=c0")
      for (const [first, second] of [[mono, stereo], [stereo, mono]] as const) {
        const both = yield* play(concat(first, second))
        const other = yield* play(second)
        assert.deepStrictEqual([both.end, both.pcm.length], ["Done", 2 * 96_000 * seconds])
        const rest = both.pcm.subarray(96_000 * seconds)
        const sideOf = (pcm: Float32Array, i: number) =>
          first === mono ? ((pcm[i] ?? 0) + (pcm[i ^ 1] ?? 0)) / 2 : pcm[i] ?? 0
        // around the joint, each sound reaches into the other
        const heard = rest.subarray(96 * 10)
        assert.isTrue(heard.every((sample, i) => Math.abs(sample - sideOf(other.pcm, i + 96 * 10)) < 2e-3))
      }
    }))

  it.live("with HE-AAC has its full length, at twice the rate of its units", () =>
    Effect.gen(function*() {
      const file = new Uint8Array(readFileSync(fileURLToPath(new URL("files/tone.he2.aac", import.meta.url))))
      const plain = yield* play(file)
      const copied = ["-c", "copy", "-bsf:a", "aac_adtstoasc"]
      // ffmpeg only gets the configuration that Matroska needs from a file in between
      const mp4 = run(file, ...copied, "-movflags", "frag_keyframe+empty_moov+delay_moov", "-f", "mp4")
      const boxed = yield* play(run(mp4, "-c", "copy"))
      assert.strictEqual(boxed.end, "Done")
      assert.closeTo(boxed.pcm.length, plain.pcm.length, 96 * 50)
    }))

  const file = (codec: string, head: Uint8Array | null, ...blocks: ReadonlyArray<Uint8Array>) =>
    concat(ebml(), segment([tracks(trackEntry({ codec, head })), cluster(blocks.map((data) => simpleBlock(1, data)))]))

  it.live("is rejected if its headers are missing or malformed, or if its codec is not supported", () =>
    Effect.gen(function*() {
      const refused: ReadonlyArray<readonly [kind: string, file: Uint8Array]> = [
        ["Unsupported", file("A_AAC", null)],
        ["Unsupported", file("A_AAC", Uint8Array.of(0x12))],
        ["Unsupported", file("A_AAC", Uint8Array.of(0x17, 0xff, 0xff, 0xff))],
        ["Unsupported", file("A_AAC", Uint8Array.of(0xff, 0xff))],
        ["Corrupt", file("A_FLAC", null)],
        ["Corrupt", file("A_FLAC", new Uint8Array(42))],
        ["Unsupported", file("A_PCM/INT/LIT", null)],
        ["Unsupported", file("A_AC3", null)],
        ["Unsupported", file("constructor", null)]
      ]
      for (const [kind, bytes] of refused) {
        const { end, message } = yield* play(bytes)
        assert.strictEqual(end, kind, message)
      }
    }))

  it.live("is Corrupt if a packet does not fit its codec", () =>
    Effect.gen(function*() {
      const bytes = made(44_100, "-c:a", "flac")
      // the first byte of a frame in the middle
      const text = Buffer.from(bytes)
      const at = text.indexOf(Buffer.from([0xff, 0xf8]), text.indexOf(Buffer.from([0xff, 0xf8]), 2_000) + 2_000)
      bytes[at] = 0
      const { end, pcm } = yield* play(bytes)
      assert.strictEqual(end, "Corrupt")
      assert.isAbove(pcm.length, 0)
    }))

  it.live("plays its Opus track, whatever track precedes it", () =>
    Effect.gen(function*() {
      const entries = [trackEntry({ number: 1, codec: "A_FLAC", head: ascii("fLaC") }), trackEntry({ number: 2 })]
      const blocks = [simpleBlock(1, Uint8Array.of(1, 2, 3)), simpleBlock(2, packet(1).data)]
      const first = made(44_100, "-c:a", "pcm_s16le")
      assert.strictEqual((yield* play(first)).frames.length, 0)
      const { end, frames } = yield* play(concat(ebml(), segment([tracks(...entries), cluster(blocks)])))
      assert.deepStrictEqual([end, frames.length], ["Done", 1])
    }))

  it.live("plays a track that does not state its rate at 8 kHz, as specified", () =>
    Effect.gen(function*() {
      const entry = trackEntry({ codec: "A_PCM/INT/LIT", head: null })
      const bits = element("e1", concat(element("9f", Uint8Array.of(2)), element("6264", Uint8Array.of(16))))
      // the track entry with sound settings that omit the rate
      const changed = element("ae", concat(entry.subarray(9, -19), bits))
      const bytes = concat(ebml(), segment([tracks(changed), cluster([simpleBlock(1, new Uint8Array(4 * 800))])]))
      const { end, message, pcm } = yield* play(bytes)
      assert.deepStrictEqual([end, message, pcm.length], ["Done", "", 9_600])
    }))
})
