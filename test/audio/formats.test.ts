import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect, Stream } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { collect, type Played } from "./listen.ts"
import { levelOf, signalToNoise } from "./signal.ts"

const path = (name: string) => fileURLToPath(new URL(`files/${name}`, import.meta.url))
const bytesOf = (name: string) => new Uint8Array(readFileSync(path(name)))

/** The name, the length in seconds, and the signal-to-noise ratio in dB that the codec must reach. */
const decoded: ReadonlyArray<readonly [name: string, seconds: number, decibels: number]> = [
  ["chirp.flac", 1, 85],
  ["chirp-24.flac", 0.5, 85],
  ["chirp.mp3", 3, 25],
  ["chirp-vbr.mp3", 3, 25],
  ["chirp.m4a", 3, 55],
  ["chirp-fast.m4a", 3, 55],
  ["chirp.vorbis.ogg", 3, 35],
  ["chirp.vorbis.webm", 3, 35]
]

const opus = ["chirp.opus.ogg", "chirp.opus.webm", "chirp.opus.mp4"]

const tags = { title: "A Chirp", artist: "The Tests", album: "Files" }

const without = (played: Played) => [played.end, played.durationMs, played.tags]

describe("formats", () => {
  describe("decoded", () => {
    it.live.each(decoded)(
      "%s decodes to the sound that was encoded, from its first sample on",
      ([name, seconds, decibels]) =>
        Effect.gen(function*() {
          const played = yield* collect(AudioSource.fromFile(path(name)))
          assert.strictEqual(played.end, "Done")
          assert.isAtMost(Math.abs(played.pcm.length / 96 - 1000 * seconds), 20, "length")
          assert.isAtMost(Math.abs((played.durationMs ?? 0) - 1000 * seconds), 20, "duration")
          assert.isAbove(signalToNoise(played.pcm, seconds), decibels)
          assert.deepInclude(played.tags, tags)
        })
    )

    it.live.each(decoded)("%s seeks to the sample", ([name, seconds, decibels]) =>
      Effect.gen(function*() {
        for (const atMs of [seconds * 700.5, 10]) {
          const played = yield* collect(AudioSource.fromFile(path(name)), { seekMs: atMs })
          const at = played.soughtMs ?? -1
          assert.isAtMost(Math.abs(at - atMs), 0.5 / 48 + 1e-9)
          assert.isAbove(signalToNoise(played.pcm, seconds, Math.round(at * 48), at < 1 ? 480 : 48), decibels - 5)
        }
      }))

    it.live.each(decoded.filter((_, i) => i % 2 === 0))(
      "%s decodes identically from a stream of chunks that cannot seek",
      ([name]) =>
        Effect.gen(function*() {
          const bytes = bytesOf(name)
          const whole = yield* collect(AudioSource.fromBytes(bytes))
          for (const size of [1009]) {
            const pieces: Array<Uint8Array> = []
            for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size))
            const played = yield* collect(AudioSource.fromStream(Stream.fromIterable(pieces)))
            assert.strictEqual(played.end, "Done")
            assert.strictEqual(played.pcm.length, whole.pcm.length)
            assert.isTrue(Buffer.from(played.pcm.buffer).equals(Buffer.from(whole.pcm.buffer)))
          }
        })
    )

    it.live.each(decoded)(
      "%s seeks back and forth while it is being read",
      ([name, seconds, decibels]) =>
        Effect.scoped(Effect.gen(function*() {
          const opened = yield* AudioSource.fromFile(path(name)).open
          assert(opened.format === "pcm" && opened.seek !== undefined)
          yield* opened.pull
          for (const share of [0.7, 0.2]) {
            const landedMs = yield* opened.seek(seconds * 1_000 * share)
            const samples = yield* opened.pull
            // a short piece can be noisier than the whole
            assert.isAbove(signalToNoise(samples, seconds, Math.round(landedMs * 48), 10), decibels - 5)
          }
        }))
    )

    it.live("AAC in ADTS decodes after the delay of its encoder, which ADTS does not state", () =>
      Effect.gen(function*() {
        const played = yield* collect(AudioSource.fromFile(path("chirp.aac")))
        assert.strictEqual(played.end, "Done")
        assert.isAbove(signalToNoise(played.pcm, 3, -1024 * 48_000 / 44_100, 4000), 40)
        assert.isAtMost(Math.abs(played.pcm.length / 96 - 3000), 50)
      }))

    it.live("HE-AAC v2 plays, and what its decoder makes far too loud is silenced", () =>
      Effect.gen(function*() {
        const played = yield* collect(AudioSource.fromFile(path("tone.he2.aac")))
        assert.strictEqual(played.end, "Done")
        assert.closeTo(played.pcm.length / 96, 3_200, 50)
        // the chirp reaches the replicated band after 2.6 s
        assert.closeTo(levelOf(played.pcm.subarray(0.5 * 96_000, 2.5 * 96_000)), 0.2, 0.02)
        assert.isTrue(played.pcm.every((sample) => Math.abs(sample) < 0.5))
        assert.closeTo(levelOf(played.pcm.subarray(3.02 * 96_000, 3.06 * 96_000)), 0.2, 0.02)
      }))
  })

  describe("passed through", () => {
    it.live("Opus is the same in Ogg, WebM and MP4, with its tags", () =>
      Effect.gen(function*() {
        const [first, ...others] = yield* Effect.forEach(opus, (name) => collect(AudioSource.fromFile(path(name))))
        assert.strictEqual(first?.frames.length, 151)
        for (const played of [first, ...others]) {
          assert.strictEqual(played?.end, "Done")
          assert.deepStrictEqual(played?.frames, first?.frames)
          assert.isAtMost(Math.abs((played?.durationMs ?? 0) - 3000), 20)
          assert.deepInclude(played?.tags, tags)
        }
      }))

    it.live.each(opus)("%s: a seek returns the frame that contains the position", (name) =>
      Effect.gen(function*() {
        const whole = yield* collect(AudioSource.fromFile(path(name)))
        for (const atMs of [0, 19.9, 20, 1234, 2999, 100]) {
          const played = yield* collect(AudioSource.fromFile(path(name)), { seekMs: atMs })
          const index = Math.floor(atMs / 20)
          assert.strictEqual(played.soughtMs, index * 20)
          assert.deepStrictEqual(played.frames, whole.frames.slice(index))
        }
        const behind = yield* collect(AudioSource.fromFile(path(name)), { seekMs: 100_000 })
        assert.deepStrictEqual([behind.end, behind.frames.length, behind.soughtMs], ["Done", 0, 3_020])
      }))
  })

  describe("damaged", () => {
    const names = [...decoded.map(([name]) => name), "chirp.aac", ...opus]

    it.live.each(names)("%s cut short plays what is there, and is Truncated", (name) =>
      Effect.gen(function*() {
        const bytes = bytesOf(name)
        const whole = yield* collect(AudioSource.fromBytes(bytes))
        for (const share of [0.6]) {
          const cut = yield* collect(
            AudioSource.fromBytes(bytes.slice(0, Math.floor(bytes.length * share)), { ffmpeg: false })
          )
          assert.strictEqual(cut.end, "Truncated", cut.message)
          // an MP4 with its index at the end cannot be played without it
          const isLost = name === "chirp.m4a" || name === "chirp.opus.mp4"
          if (isLost) assert.strictEqual(cut.pcm.length + cut.frames.length, 0)
          else {
            assert.isAbove(
              cut.pcm.length + cut.frames.length,
              (share - 0.35) * (whole.pcm.length + whole.frames.length)
            )
            assert.isAbove(cut.positionMs ?? 0, 0)
          }
        }
      }))

    it.live.each(names)(
      "%s: a seek beyond the end finds nothing, and ends as playing to the end does",
      (name) =>
        Effect.gen(function*() {
          const bytes = bytesOf(name)
          const whole = yield* collect(AudioSource.fromBytes(bytes), { seekMs: 100_000 })
          assert.deepStrictEqual([whole.end, whole.pcm.length, whole.frames.length], ["Done", 0, 0])
          const cut = AudioSource.fromBytes(bytes.subarray(0, bytes.length * 0.6))
          const played = yield* collect(cut)
          const sought = yield* collect(cut, { seekMs: 100_000 })
          assert.deepStrictEqual([sought.end, sought.pcm.length, sought.frames.length], ["Truncated", 0, 0])
          assert.strictEqual(sought.positionMs, played.positionMs)
          // if it can be opened at all
          assert.strictEqual(sought.soughtMs === undefined, played.frames.length + played.pcm.length === 0)
        })
    )

    it.live.each(names)(
      "%s with an overwritten part ends with a typed error, or plays",
      (name) =>
        Effect.gen(function*() {
          const ends = new Set<string>()
          for (let seed = 0; seed < 2; seed++) {
            const bytes = bytesOf(name)
            for (let i = 0; i < 400; i++) {
              bytes[Math.floor(bytes.length * (0.35 + 0.4 * seed)) + i] = (seed * 7919 + i * 104_729) >> 3
            }
            const { end } = yield* collect(AudioSource.fromBytes(bytes, { ffmpeg: false }))
            ends.add(end)
          }
          for (const end of ends) assert.include(["Done", "Corrupt", "Truncated", "Unsupported"], end)
          // only formats without a checksum can mistake it for sound
          if (/flac|ogg/.test(name)) assert.notInclude([...ends], "Done")
        })
    )
  })

  describe("ffmpeg", () => {
    it.live("decodes a format that the library cannot, and seeks in it", () =>
      Effect.gen(function*() {
        const source = AudioSource.fromFile(path("chirp.alac.m4a"), { ffmpeg: { command: ffmpeg } })
        const played = yield* collect(source)
        assert.strictEqual(played.end, "Done", played.message)
        assert.isAbove(signalToNoise(played.pcm, 0.5), 60)
        const sought = yield* collect(source, { seekMs: 200 })
        assert.strictEqual(sought.soughtMs, 200)
        assert.isAbove(signalToNoise(sought.pcm, 0.5, 9600), 60)
        const fromBytes = yield* collect(
          AudioSource.fromStream(Stream.make(bytesOf("chirp.alac.m4a")), { ffmpeg: { command: ffmpeg } })
        )
        assert.include(["Done", "Failed"], fromBytes.end)
      }))

    it.live("can be chosen explicitly, with filters", () =>
      Effect.gen(function*() {
        const source = AudioSource.fromFfmpeg(path("chirp.flac"), { command: ffmpeg, args: ["-af", "atempo=2"] })
        assert.strictEqual(source.name, "chirp.flac")
        const played = yield* collect(source)
        assert.strictEqual(played.end, "Done", played.message)
        assert.isAtMost(Math.abs(played.pcm.length / 96 - 500), 30)
      }))

    it.live("fails with what ffmpeg said", () =>
      Effect.gen(function*() {
        const played = yield* collect(AudioSource.fromFfmpeg(path("make.ts"), { command: ffmpeg }))
        assert.deepStrictEqual([played.end, played.pcm.length], ["Failed", 0])
        assert.match(played.message, /exit code 1; it printed: .*Invalid data/)
      }))

    it.live("is reported as missing in one clear sentence", () =>
      Effect.gen(function*() {
        const options = { ffmpeg: { command: "no-such-ffmpeg" } }
        const played = yield* collect(AudioSource.fromFile(path("chirp.alac.m4a"), options))
        assert.strictEqual(
          played.message,
          "The audio source chirp.alac.m4a failed (Unsupported): the MP4 contains ALAC, not Opus, AAC, MP3, FLAC or PCM; " +
            "ffmpeg could decode it, but no-such-ffmpeg was not found on the PATH."
        )
        const page = yield* collect(AudioSource.fromBytes(Buffer.from("<!DOCTYPE html><title>x</title>"), options))
        assert.strictEqual(
          page.message,
          "The audio source bytes failed (Unsupported): it is a web page or a document, not audio."
        )
        const chosen = yield* collect(AudioSource.fromFfmpeg("x.mp3", { command: "no-such-ffmpeg" }))
        assert.deepStrictEqual(without(chosen), ["NotFound", undefined, {}])
        assert.match(chosen.message, /no-such-ffmpeg was not found on the PATH: install ffmpeg/)
      }))
  })
})
