/** FLAC in Ogg, as ffmpeg writes it. */
import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect, Stream } from "effect"
import { spawnSync } from "node:child_process"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { collect } from "./listen.ts"
import { ascii, concat, readPages, writePage } from "./samples.ts"
import { signal, signalToNoise, wav16 } from "./signal.ts"

const made = (rate: number, seconds: number, ...args: ReadonlyArray<string>): Uint8Array => {
  const tags = ["-metadata", "title=A Chirp"]
  const all = ["-v", "error", "-i", "pipe:0", "-c:a", "flac", ...args, ...tags, "-f", "ogg", "pipe:1"]
  return new Uint8Array(spawnSync(ffmpeg, all, { input: wav16(signal(rate, seconds), rate) }).stdout)
}

const play = (bytes: Uint8Array, seekMs?: number) =>
  collect(AudioSource.fromBytes(bytes, { ffmpeg: false }), seekMs === undefined ? {} : { seekMs })

const pages = readPages(made(44_100, 3))

const fileOf = (list: typeof pages) => concat(...list.map(writePage))

describe("FLAC in Ogg", () => {
  it.live("plays the sound that was encoded, with its tags and its duration", () =>
    Effect.gen(function*() {
      for (
        const [rate, ...args] of [[44_100], [48_000, "-sample_fmt", "s32"], [96_000], [
          22_050,
          "-frame_size",
          "65535"
        ]] as const
      ) {
        const bytes = made(rate, 3, ...args)
        const whole = yield* play(bytes)
        assert.deepStrictEqual([whole.end, whole.message, whole.durationMs], ["Done", "", 3_000])
        assert.strictEqual(whole.tags["title"], "A Chirp")
        assert.strictEqual(whole.pcm.length, 3 * 96_000)
        assert.isAbove(signalToNoise(whole.pcm, 3), 75, `${rate}`)
        const pieces = Array.from({ length: Math.ceil(bytes.length / 3_001) }, (_, i) =>
          bytes.slice(3_001 * i, 3_001 * (i + 1)))
        const streamed = yield* collect(AudioSource.fromStream(Stream.fromIterable(pieces), { ffmpeg: false }))
        assert.deepStrictEqual([streamed.end, streamed.pcm.length], ["Done", whole.pcm.length])
      }
    }))

  it.live("seeks to the sample", () =>
    Effect.gen(function*() {
      const bytes = made(44_100, 12)
      assert.isAbove(bytes.length, 5 * 65_536)
      for (const seekMs of [0, 1, 2_345.6, 7_000, 11_900]) {
        const { pcm, soughtMs } = yield* play(bytes, seekMs)
        const at = Math.round(48 * seekMs)
        assert.closeTo(soughtMs ?? -1, seekMs, 0.02)
        assert.strictEqual(pcm.length, 2 * (12 * 48_000 - at))
        assert.isAbove(signalToNoise(pcm, 12, at, 48), 75, `${seekMs} ms`)
      }
    }))

  it.live("continues in another FLAC that is chained to it", () =>
    Effect.gen(function*() {
      const { durationMs, end, pcm } = yield* play(
        concat(fileOf(pages), fileOf(pages.map((page) => ({ ...page, serial: 7 }))))
      )
      assert.deepStrictEqual([end, durationMs, pcm.length], ["Done", undefined, 6 * 96_000])
      assert.isAbove(signalToNoise(pcm.subarray(3 * 96_000), 3), 75)
    }))

  it.live("keeps its own number of channels if a chained one has others", () =>
    Effect.gen(function*() {
      const mono = made(44_100, 3, "-af", "pan=mono|c0=c0")
      const left = made(44_100, 3, "-af", "pan=5.1|c0=c0|c4=c0")
      const centre = made(44_100, 3, "-af", "pan=5.1|c2=c0")
      const files = [mono, fileOf(pages), left, centre]
      for (const [i, first] of files.entries()) {
        for (const second of files) {
          const other = yield* play(second)
          const chained = concat(first, ...readPages(second).map((page) => writePage({ ...page, serial: 77 })))
          const both = yield* play(chained)
          assert.deepStrictEqual([both.end, both.pcm.length], ["Done", 6 * 96_000])
          const rest = both.pcm.subarray(3 * 96_000)
          const expected = (k: number) =>
            first === mono ? ((other.pcm[k] ?? 0) + (other.pcm[k ^ 1] ?? 0)) / 2 : other.pcm[k] ?? 0
          for (let k = 96 * 10; k < rest.length; k++) {
            if (Math.abs((rest[k] ?? 0) - expected(k)) > 2e-3) assert.fail(`${i}: sample ${k} is ${rest[k]}`)
          }
        }
      }
    }))

  it.live("plays if its metadata does not mark the last block, or marks it too early", () =>
    Effect.gen(function*() {
      const [head, comments, ...audio] = pages
      assert.isDefined(head)
      assert.isDefined(comments)
      assert.deepStrictEqual([comments.body[0], audio[0]?.body[0]], [0x84, 0xff])
      const whole = yield* play(fileOf(pages))
      const renumbered = (list: typeof pages) => fileOf(list.map((page, sequence) => ({ ...page, sequence })))
      const open = { ...comments, body: concat(Uint8Array.of(4), comments.body.subarray(1)) }
      const block = (first: number) => ({
        ...comments,
        lacing: [50],
        body: concat(Uint8Array.of(first), new Uint8Array(49))
      })
      const onOnePage = {
        ...comments,
        lacing: [...comments.lacing, 50],
        body: concat(comments.body, Uint8Array.of(6), new Uint8Array(49))
      }
      const [first, ...rest] = audio
      assert.isDefined(first)
      const withSound = {
        ...first,
        lacing: [...open.lacing, ...first.lacing],
        body: concat(open.body, first.body)
      }
      const cases = [
        [head, open, ...audio],
        [head, open, block(1), ...audio],
        [head, comments, block(6), ...audio],
        [head, comments, block(0x86), block(1), ...audio],
        [head, onOnePage, ...audio],
        ...(withSound.lacing.length > 255 ? [] : [[head, withSound, ...rest]])
      ]
      for (const [index, list] of cases.entries()) {
        const file = renumbered(list)
        const heard = yield* play(file)
        assert.deepStrictEqual([heard.end, heard.message, heard.durationMs], ["Done", "", 3_000], `${index}`)
        assert.strictEqual(heard.tags["title"], "A Chirp")
        assert.isTrue(Buffer.from(heard.pcm.buffer).equals(Buffer.from(whole.pcm.buffer)), `${index}`)
        const { pcm } = yield* play(file, 1_234)
        assert.isAbove(signalToNoise(pcm, 3, 1_234 * 48, 48), 75, `${index}`)
      }
      // that does not excuse an invalid frame in the middle
      const [, second, ...others] = audio
      assert.isDefined(second)
      const broken = { ...second, body: concat(Uint8Array.of(4), second.body.subarray(1)) }
      assert.strictEqual((yield* play(fileOf([head, open, first, broken, ...others]))).end, "Corrupt")
    }))

  it.live("is rejected if its headers are malformed, and Corrupt at a malformed frame", () =>
    Effect.gen(function*() {
      const [head, comments, ...audio] = pages
      assert.isDefined(head)
      assert.isDefined(comments)
      const withHead = (change: (body: Uint8Array) => void) => {
        const body = head.body.slice()
        change(body)
        return fileOf([{ ...head, body }, comments, ...audio])
      }
      const refused: ReadonlyArray<readonly [kind: string, file: Uint8Array]> = [
        ["Unsupported", withHead((body) => body.set([2], 5))],
        ["Corrupt", withHead((body) => body.fill(0, 17))],
        // 32 bits per sample
        ["Unsupported", withHead((body) => body.set([0x43, 0xf0], 29))],
        ["Corrupt", fileOf([head, ...audio.map((page) => ({ ...page, sequence: page.sequence - 1 }))])]
      ]
      for (const [kind, file] of refused) {
        const { end, message } = yield* play(file)
        assert.strictEqual(end, kind, message)
      }
      const [first, second, ...rest] = audio
      assert.isDefined(first)
      assert.isDefined(second)
      const broken = { ...second, body: concat(ascii("no frame"), second.body.subarray(8)) }
      const { end, pcm } = yield* play(fileOf([head, comments, first, broken, ...rest]))
      assert.strictEqual(end, "Corrupt")
      assert.isAbove(pcm.length, 0)
    }))
})
