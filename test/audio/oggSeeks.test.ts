import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as OggReader from "../../src/audio/ogg/OggReader.ts"
import { collect } from "./listen.ts"
import { concat, mixed, ogg, pagesOf, readPages, shown, writePage } from "./samples.ts"

/** Large enough for a binary search, with packets of all durations. */
const packets = mixed(10_000, 300)

const starts = [0]
for (const { samples } of packets) starts.push((starts.at(-1) ?? 0) + samples)

const total = starts.at(-1) ?? 0

/** A file with such pages. Its last page ends 90 samples early. */
const fileOf = (segments: number, startGranule: number): Uint8Array => {
  const pages = pagesOf(packets, { segments, startGranule })
  const last = pages.pop()
  assert.isDefined(last)
  return concat(...[...pages, { ...last, granule: last.granule - 90n }].map(writePage))
}

describe("a seek in Ogg", () => {
  for (const [segments, startGranule] of [[21, 0], [56, 89_932], [195, 15_506], [250, 0]] as const) {
    it.live(`begins with the packet at the position, with ${segments} segments per page, from sample ${startGranule} on`, () =>
      Effect.gen(function*() {
        const source = AudioSource.fromBytes(fileOf(segments, startGranule), { ffmpeg: false })
        for (let at = 0; at < total; at += Math.floor(total / 40)) {
          const index = starts.findLastIndex((start) => start <= at)
          const { durationMs, end, frames, soughtMs } = yield* collect(source, { seekMs: at / 48 })
          assert.deepStrictEqual([end, shown(frames)], ["Done", shown(packets.slice(index))], `from sample ${at}`)
          assert.closeTo(soughtMs ?? -1, (starts[index] ?? 0) / 48, 0.001)
          assert.closeTo(durationMs ?? -1, (total - 90 - 312) / 48, 0.001)
        }
      }))
  }

  it("does not land on a page whose last packet continues on the next one", () => {
    const file = ogg(packets, { segments: 21 })
    const reader = OggReader.make()
    reader.push(file)
    let offset = 0
    for (const page of readPages(file)) {
      const bytes = writePage(page)
      const isWhole = page.granule >= 0n && page.lacing.at(-1) !== 255
      const place = reader.placeIn?.(file.subarray(offset, offset + bytes.length), offset)
      offset += bytes.length
      assert.deepStrictEqual(place, isWhole ? { offset, start: Number(page.granule) } : undefined)
    }
  })

  it.live("finds the packet even if the first page ends earlier than its packets do", () =>
    Effect.gen(function*() {
      const file = concat(...pagesOf(packets.slice(0, 40), { segments: 21, startGranule: -1_000 }).map(writePage))
      const whole = yield* collect(AudioSource.fromBytes(file))
      assert.strictEqual(whole.frames.length, 40)
      for (const index of [0, 1, 12, 39]) {
        const at = (starts[index] ?? 0) / 48
        const { frames, soughtMs } = yield* collect(AudioSource.fromBytes(file), { seekMs: at })
        assert.deepStrictEqual([soughtMs, shown(frames)], [at, shown(packets.slice(index, 40))], `packet ${index}`)
      }
    }))

  it("can land within a packet that spans several pages", () => {
    const pages = pagesOf(packets, { segments: 5 }).map((page) => ({ page, bytes: writePage(page) }))
    const within = pages.findIndex(({ page }) =>
      (page.flags & 1) !== 0 && page.lacing.every((length) => length === 255)
    )
    assert.isAbove(within, 0)
    const reader = OggReader.make()
    reader.push(concat(...pages.map(({ bytes }) => bytes)))
    reader.restart({ offset: 0, start: 0 })
    reader.push(concat(...pages.slice(within).map(({ bytes }) => bytes)))
    reader.end()
    assert.isUndefined(reader.problem())
    const rest = shown(reader.take())
    assert.isAbove(rest.length, 200)
    assert.deepStrictEqual(rest, shown(packets).slice(-rest.length))
  })
})
