/**
 * Playback of Ogg Vorbis whose first page ends earlier than its packets do, and of one stream chained after another.
 */
import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as ByteSource from "../../src/audio/ByteSource.ts"
import type { Packet } from "../../src/audio/format/PacketReader.ts"
import * as PacketSource from "../../src/audio/format/PacketSource.ts"
import * as OggReader from "../../src/audio/ogg/OggReader.ts"
import * as Decoders from "../../src/audio/source/Decoders.ts"
import { collect } from "./listen.ts"
import { concat, type Page, readPages, writePage } from "./samples.ts"
import { levelOf, signalToNoise } from "./signal.ts"

const whole = new Uint8Array(readFileSync(new URL("files/chirp.vorbis.ogg", import.meta.url)))

const vorbis = readPages(whole)

const fileOf = (pages: ReadonlyArray<Page>): Uint8Array => concat(...pages.map(writePage))

/** The same file, with its sound beginning the given number of samples later. */
const trimmed = (less: number, serial?: number): Uint8Array =>
  fileOf(vorbis.map((page, i) => ({
    ...page,
    serial: serial ?? page.serial,
    granule: i < 2 ? page.granule : page.granule - BigInt(less)
  })))

const play = (bytes: Uint8Array, seekMs?: number) =>
  collect(AudioSource.fromBytes(bytes, { ffmpeg: false }), seekMs === undefined ? {} : { seekMs })

/** Allows for small differences from resampling. */
const isSame = (heard: Float32Array, expected: Float32Array): boolean =>
  heard.length === expected.length && heard.every((sample, i) => Math.abs(sample - (expected[i] ?? 0)) < 2e-3)

describe("Ogg Vorbis that is trimmed at its start", () => {
  it.live("begins after the trim, and is as long as its last page says", () =>
    Effect.gen(function*() {
      const all = yield* play(whole)
      for (const trim of [1, 10, 100]) {
        // 147 samples at 44.1 kHz are 160 at 48 kHz
        const heard = yield* play(trimmed(147 * trim))
        assert.strictEqual(heard.end, "Done")
        assert.closeTo(heard.durationMs ?? 0, 3_000 - 147 * trim / 44.1, 0.001)
        assert.strictEqual(heard.pcm.length, all.pcm.length - 2 * 160 * trim)
        assert.isAbove(signalToNoise(heard.pcm, 3, 160 * trim, 48), 35)
      }
    }))

  it.live("sounds the same from a stream of chunks that cannot seek", () =>
    Effect.gen(function*() {
      const bytes = trimmed(14_700)
      const expected = yield* play(bytes)
      for (const size of [777, 16_384]) {
        const pieces: Array<Uint8Array> = []
        for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size))
        const heard = yield* collect(AudioSource.fromStream(Stream.fromIterable(pieces), { ffmpeg: false }))
        assert.strictEqual(heard.end, "Done")
        assert.isTrue(isSame(heard.pcm, expected.pcm))
      }
    }))

  it.live("seeks by positions after the trim", () =>
    Effect.gen(function*() {
      const bytes = trimmed(14_700)
      const expected = yield* play(bytes)
      for (const seekMs of [0, 7, 500, 1_234.5, 2_500]) {
        const { pcm, soughtMs } = yield* play(bytes, seekMs)
        assert.closeTo(soughtMs ?? -1, seekMs, 0.02)
        assert.isTrue(isSame(pcm, expected.pcm.subarray(2 * Math.round(seekMs * 48))), `${seekMs} ms`)
      }
    }))

  it.live("is also trimmed if it follows another stream in the same file", () =>
    Effect.gen(function*() {
      const first = yield* play(whole)
      const second = yield* play(trimmed(14_700))
      const chain = yield* play(
        concat(whole, trimmed(14_700, 7), fileOf(vorbis.map((page) => ({ ...page, serial: 8 }))))
      )
      assert.strictEqual(chain.end, "Done")
      assert.closeTo(chain.pcm.length, 2 * first.pcm.length + second.pcm.length, 4)
      assert.isAbove(signalToNoise(chain.pcm.subarray(first.pcm.length), 3, 16_000), 35)
      assert.isAbove(signalToNoise(chain.pcm.subarray(first.pcm.length + second.pcm.length), 3), 35)
    }))

  it.live("keeps its start if the first page is also the last one, which states where the sound ends", () =>
    Effect.gen(function*() {
      const [identification, comments, audio] = vorbis
      assert.isDefined(audio)
      assert.isDefined(identification)
      assert.isDefined(comments)
      const short = { ...audio, flags: 4 }
      const all = yield* play(fileOf([identification, comments, short]))
      const cut = yield* play(fileOf([identification, comments, { ...short, granule: short.granule - 14_700n }]))
      assert.strictEqual(cut.pcm.length, all.pcm.length - 32_000)
      // except for what a resampler needs to know of the following samples
      const length = cut.pcm.length - 100
      assert.isTrue(isSame(cut.pcm.subarray(0, length), all.pcm.subarray(0, length)))
    }))
})

describe("Ogg Vorbis chained after Ogg Vorbis", () => {
  const path = fileURLToPath(new URL("files/chirp.vorbis.ogg", import.meta.url))
  /** The same sound, encoded differently, with its own serial number. */
  const encoded = (serial: number, ...args: ReadonlyArray<string>): Uint8Array => {
    const all = [
      "-v",
      "error",
      "-i",
      path,
      "-af",
      "atrim=end_sample=132300",
      ...args,
      "-c:a",
      "libvorbis",
      "-f",
      "ogg",
      "pipe:1"
    ]
    const pages = readPages(new Uint8Array(spawnSync(ffmpeg, all).stdout))
    return concat(...pages.map((page) => writePage({ ...page, serial })))
  }

  it.live("is decoded with its own headers, whatever its quality and channels", () =>
    Effect.gen(function*() {
      const low = encoded(7, "-q:a", "1")
      const high = encoded(8, "-q:a", "9")
      const mono = encoded(9, "-q:a", "3", "-ac", "1")
      for (const links of [[whole, low, high], [low, whole, low], [whole, mono, high], [mono, high, mono]]) {
        const each = yield* Effect.forEach(links, (link) => play(link))
        const chain = yield* play(concat(...links))
        assert.deepStrictEqual([chain.end, chain.message], ["Done", ""])
        let at = 0
        for (const [i, { pcm }] of each.entries()) {
          const heard = chain.pcm.subarray(at + 9_600, at + pcm.length - 9_600)
          const expected = pcm.subarray(9_600, pcm.length - 9_600)
          // after mono, stereo is mixed down to mono
          const isMixed = links[0] === mono && links[i] !== mono
          const same = isMixed
            ? expected.map((_, k) => ((expected[k & ~1] ?? 0) + (expected[k | 1] ?? 0)) / 2)
            : expected
          const difference = heard.map((sample, k) => sample - (same[k] ?? 0))
          assert.isBelow(levelOf(difference), 0.002, `${i} of ${links.map(({ length }) => length)}`)
          at += pcm.length
        }
        assert.closeTo(chain.pcm.length, at, 8)
      }
    }))

  it.live("is decoded the same way again after a seek back to the first stream", () =>
    Effect.gen(function*() {
      const reader = OggReader.make()
      const source = yield* PacketSource.open(ByteSource.memory(concat(whole, encoded(7, "-q:a", "1")), "it"), reader)
      const decoder = yield* Decoders.make(source.header, "it")
      const packets: Array<Packet> = []
      yield* Effect.ignore(Effect.forever(Effect.map(source.pull, (pulled) => void packets.push(...pulled))))
      const decode = (list: ReadonlyArray<Packet>) => Effect.promise(() => decoder.decode(list))
      const before = yield* decode(packets)
      assert.isUndefined(before.problem)
      yield* Effect.promise(() => decoder.reset())
      const again = yield* decode(packets.slice(0, 20))
      assert.isUndefined(again.problem)
      assert.deepStrictEqual(again.blocks, before.blocks.slice(0, again.blocks.length))
    }).pipe(Effect.scoped))
})
