/** MP4 with an index that counts time in other units than samples. */
import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect } from "effect"
import * as Mediabunny from "mediabunny"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { collect } from "./listen.ts"
import { concat } from "./samples.ts"
import { signal, signalToNoise, wav16 } from "./signal.ts"

const rate = 44_100

const made = (...args: ReadonlyArray<string>): Uint8Array => {
  const all = ["-v", "error", "-i", "pipe:0", ...args, "pipe:1"]
  const options = { input: wav16(signal(rate, 3), rate), maxBuffer: 64 * 1024 * 1024 }
  return new Uint8Array(spawnSync(ffmpeg, all, options).stdout)
}

const played = (bytes: Uint8Array) => collect(AudioSource.fromBytes(bytes, { ffmpeg: false }))
const lengthMs = ({ pcm }: { readonly pcm: Float32Array }) => pcm.length / 96

const boxes = new Set(["moov", "trak", "mdia", "minf", "stbl"])
/** The same boxes with times in milliseconds, each packet's time being rounded. The media data precedes them. */
const inMilliseconds = (bytes: Uint8Array, samples: number): Uint8Array => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length;) {
    const size = view.getUint32(at)
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString("latin1")
    let body = bytes.slice(at + 8, at + size)
    if (boxes.has(type)) body = new Uint8Array(inMilliseconds(body, samples))
    if (type === "mdhd") {
      const count = Math.round(view.getUint32(at + 24) / samples)
      new DataView(body.buffer).setUint32(12, 1_000)
      new DataView(body.buffer).setUint32(16, Math.round(count * samples / rate * 1_000))
    }
    if (type === "stts") {
      let count = 0
      for (let i = 0; i < view.getUint32(at + 12); i++) count += view.getUint32(at + 16 + 8 * i)
      body = new Uint8Array(8 + 8 * count)
      const times = new DataView(body.buffer)
      times.setUint32(4, count)
      const timeOf = (i: number) => Math.round(i * samples / rate * 1_000)
      for (let i = 0; i < count; i++) {
        times.setUint32(8 + 8 * i, 1)
        times.setUint32(12 + 8 * i, timeOf(i + 1) - timeOf(i))
      }
    }
    const head = new Uint8Array(8)
    new DataView(head.buffer).setUint32(0, 8 + body.length)
    head.set(Buffer.from(type, "latin1"), 4)
    parts.push(head, body)
    at += size
  }
  return concat(...parts)
}

const pack = (codec: "mp3" | "aac" | "flac", file: Uint8Array, samples: number) =>
  Effect.promise(async () => {
    const input = new Mediabunny.Input({
      formats: Mediabunny.ALL_FORMATS,
      source: new Mediabunny.BufferSource(file)
    })
    const track = await input.getPrimaryAudioTrack()
    if (track === null) return assert.fail("there is a track")
    const config = await track.getDecoderConfig()
    const target = new Mediabunny.BufferTarget()
    const output = new Mediabunny.Output({ format: new Mediabunny.Mp4OutputFormat({ fastStart: false }), target })
    const source = new Mediabunny.EncodedAudioPacketSource(codec)
    output.addAudioTrack(source)
    await output.start()
    let count = 0
    for await (const { data } of new Mediabunny.EncodedPacketSink(track).packets()) {
      const packet = new Mediabunny.EncodedPacket(data, "key", count++ * samples / rate, samples / rate)
      await source.add(packet, config === null ? {} : { decoderConfig: config })
    }
    await output.finalize()
    return new Uint8Array(target.buffer ?? new ArrayBuffer(0))
  })

describe("MP4", () => {
  it.live("MP3, FLAC and AAC play without gaps in an MP4 whose times are not counted in samples", () =>
    Effect.gen(function*() {
      const cases = [
        ["mp3", made("-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", "0", "-f", "mp3"), 1152],
        ["aac", new Uint8Array(readFileSync(new URL("files/chirp.m4a", import.meta.url))), 1024],
        ["flac", made("-c:a", "flac", "-frame_size", "1152", "-f", "flac"), 1152]
      ] as const
      for (const [codec, file, samples] of cases) {
        const bytes = yield* pack(codec, file, samples)
        const whole = yield* played(bytes)
        assert.deepStrictEqual([whole.end, whole.message], ["Done", ""], codec)
        const rounded = yield* played(inMilliseconds(bytes, samples))
        assert.deepStrictEqual([rounded.end, rounded.message], ["Done", ""], codec)
        assert.closeTo(lengthMs(rounded), lengthMs(whole), 1)
        const length = Math.min(rounded.pcm.length, whole.pcm.length) - 96 * 5
        for (let i = 0; i < length; i++) {
          if (Math.abs((rounded.pcm[i] ?? 0) - (whole.pcm[i] ?? 0)) > 1e-4) assert.fail(`${codec}: ${i / 96} ms`)
        }
      }
    }))
})

describe("QuickTime", () => {
  it.live(
    "with PCM of any kind plays the sound that was put into it, and seeks to the sample",
    () =>
      Effect.gen(function*() {
        const kinds = [
          ["pcm_s16le", 80],
          ["pcm_s16be", 80],
          ["pcm_s24le", 80],
          ["pcm_s24be", 80],
          ["pcm_s32be", 80],
          ["pcm_f32le", 80],
          ["pcm_u8", 30],
          ["pcm_s8", 30],
          ["pcm_alaw", 25],
          ["pcm_mulaw", 25]
        ] as const
        for (const [kind, decibels] of kinds) {
          const bytes = made("-c:a", kind, "-f", "mov", "-movflags", "frag_keyframe+empty_moov+delay_moov")
          const whole = yield* played(bytes)
          assert.deepStrictEqual([whole.end, whole.message, lengthMs(whole)], ["Done", "", 3_000], kind)
          assert.isAbove(signalToNoise(whole.pcm, 3), decibels, kind)
          const { pcm } = yield* collect(AudioSource.fromBytes(bytes, { ffmpeg: false }), { seekMs: 1_234.5 })
          const rest = whole.pcm.subarray(2 * Math.round(48 * 1_234.5))
          assert.strictEqual(pcm.length, rest.length, kind)
          assert.isTrue(pcm.every((sample, i) => Math.abs(sample - (rest[i] ?? 0)) < 2e-3), kind)
        }
      }),
    60_000
  )

  for (const isEdited of [false, true]) {
    const whose = isEdited
      ? "with an edit list has the length that the list states"
      : "without an edit list has the length that iTunes states"
    it.live(`${whose}, without the delay of its encoder`, () =>
      Effect.gen(function*() {
        const file = fileURLToPath(new URL("files/chirp.m4a", import.meta.url))
        const told = "iTunSMPB= 00000000 00000400 000000A4 000000000001AEAA"
        const args = ["-i", file, "-c", "copy", "-use_editlist", isEdited ? "1" : "0", "-f", "ipod"]
        const folder = mkdtempSync(join(tmpdir(), "mp4-"))
        const path = join(folder, "it.m4a")
        yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true })))
        const named = ["-movflags", "+use_metadata_tags", "-metadata", told]
        assert.strictEqual(spawnSync(ffmpeg, ["-v", "error", ...args, ...named, path]).status, 0)
        const source = AudioSource.fromFile(path, { ffmpeg: false })
        const whole = yield* collect(source)
        // 0x1aeaa samples at 44,100 Hz are 2.5 s
        const expectedMs = isEdited ? 3_000 : 2_500
        assert.closeTo(whole.durationMs ?? 0, expectedMs, 0.1)
        assert.closeTo(lengthMs(whole), expectedMs, 0.1)
        assert.isAbove(signalToNoise(whole.pcm, 3), 40)
        const rest = yield* collect(source, { seekMs: 1_000 })
        assert.closeTo(lengthMs(rest), expectedMs - 1_000, 0.1)
        assert.isAbove(signalToNoise(rest.pcm, 3, 48_000, 48), 40)
      }).pipe(Effect.scoped))
  }

  it.live("that is cut short reports where in the sound it ends", () =>
    Effect.gen(function*() {
      const file = readFileSync(new URL("files/chirp-fast.m4a", import.meta.url))
      const cut = yield* played(new Uint8Array(file.subarray(0, Math.floor(0.7 * file.length))))
      assert.strictEqual(cut.end, "Truncated")
      assert.closeTo(cut.positionMs ?? 0, lengthMs(cut), 0.1)
    }))

  it.live("names the codec that the library does not decode", () =>
    Effect.gen(function*() {
      const fragmented = ["-f", "mov", "-movflags", "frag_keyframe+empty_moov+delay_moov"]
      const alac = made("-c:a", "alac", ...fragmented)
      assert.match((yield* played(alac)).message, /contains ALAC, not/)
      assert.match((yield* played(made("-c:a", "ac3", ...fragmented))).message, /contains AC-3, not Opus/)
      const other = Uint8Array.from(alac)
      for (let at = 0; (at = Buffer.from(other).indexOf("alac", at)) >= 0;) other.set(Buffer.from("x\"yz"), at)
      assert.include((yield* played(other)).message, `contains an unknown codec ("x\\"yz"), not`)
    }))
})
