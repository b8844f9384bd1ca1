import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import type { Packet as ReadPacket, PacketReader } from "../../../src/audio/format/PacketReader.ts"
import * as OggReader from "../../../src/audio/ogg/OggReader.ts"
import {
  ascii,
  concat,
  longPacket,
  mixed,
  ogg,
  opusHead,
  opusTags,
  type Packet,
  packet,
  pagesOf,
  readPackets,
  readPages,
  shown,
  writePage
} from "../samples.ts"

const run = (bytes: Uint8Array, chunk = bytes.length): { reader: PacketReader; frames: Array<ReadPacket> } => {
  const reader = OggReader.make()
  const frames: Array<ReadPacket> = []
  for (let offset = 0; offset < bytes.length; offset += chunk) {
    reader.push(bytes.slice(offset, offset + chunk))
    frames.push(...reader.take())
  }
  reader.end()
  frames.push(...reader.take())
  return { reader, frames }
}

const outcome = (bytes: Uint8Array, chunk?: number) => {
  const { frames, reader } = run(bytes, chunk)
  return { frames: shown(frames), kind: reader.problem()?.kind, detail: reader.problem()?.detail }
}

const well = (packets: ReadonlyArray<Packet>) => ({ frames: shown(packets), kind: undefined, detail: undefined })

const Chunk = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 3000 })))
const Segments = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 255 })))
const Seed = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1000 })))

describe("OggReader", () => {
  it.prop(
    "gives every packet bit for bit, however it is cut into pages and pieces",
    [Seed, Segments, Chunk],
    ([seed, segments, chunk]) => {
      const packets = mixed(seed)
      const file = ogg(packets, { segments })
      assert.deepStrictEqual(outcome(file, chunk), well(packets))
      assert.deepStrictEqual(readPackets(file, 7).slice(2), packets.map(({ data }) => data))
    }
  )

  it("takes single bytes", () => {
    const packets = mixed(1, 12)
    assert.deepStrictEqual(outcome(ogg(packets), 1), well(packets))
  })

  it("gives packets of its own, which later bytes do not change", () => {
    const reader = OggReader.make()
    const bytes = ogg([packet(1), packet(2)])
    reader.push(bytes)
    const frames = reader.take()
    bytes.fill(0)
    reader.push(bytes)
    assert.deepStrictEqual(shown(frames), shown([packet(1), packet(2)]))
  })

  it("knows the channels and the duration, without the pre-skip and the start of a cut", () => {
    const file = ogg([packet(1), packet(2)], { head: opusHead({ channels: 1, preSkip: 312 }) })
    const { reader } = run(file)
    assert.strictEqual(reader.header()?.channels, 1)
    assert.strictEqual(reader.durationByTail(file, file.length), (2 * 960 - 312) / 48)
    const cut = ogg([packet(1), packet(2), packet(3)], { segments: 1, startGranule: 480_000 })
    assert.strictEqual(run(cut).reader.durationByTail(cut, cut.length), (3 * 960 - 312) / 48)
  })

  it("knows the duration up to the last packet that ends, where pages follow on which none does", () => {
    const packets = [packet(1), longPacket(2)]
    const pages = pagesOf(packets, { segments: 1 }).slice(0, 10)
    assert.strictEqual(pages.at(-1)?.granule, -1n)
    const file = concat(...pages.map(writePage))
    assert.strictEqual(run(file).reader.durationByTail(file, file.length), (960 - 312) / 48)
  })

  it("does not know the duration of a chained file", () => {
    const file = concat(ogg([packet(1)], { serial: 1 }), ogg([packet(2)], { serial: 2 }))
    assert.strictEqual(run(file).reader.durationByTail(file, file.length), undefined)
  })

  it("plays on in a chained file, with and without the flag for the last page, of the same serial or another", () => {
    const [a, b, c] = [mixed(1, 10), mixed(2, 10), mixed(3, 10)]
    const file = concat(
      ogg(a, { serial: 1 }),
      ogg(b, { serial: 1, last: false }),
      ogg(c, { serial: 3, head: opusHead({ channels: 1 }) })
    )
    for (const chunk of [file.length, 1000, 17]) {
      assert.deepStrictEqual(outcome(file, chunk), well([...a, ...b, ...c]))
    }
  })

  it("reads the first Opus stream out of several", () => {
    const packets = mixed(4, 10)
    const mine = pagesOf(packets, { serial: 1 })
    const other = pagesOf(mixed(5, 10), { serial: 2 })
    const [vorbis] = pagesOf([], { serial: 3, head: concat(ascii("\x01vorbis"), new Uint8Array(20)) })
    assert.isDefined(vorbis)
    if (vorbis === undefined) return
    const file = concat(
      ...[vorbis, ...mine.slice(0, 1), ...other.slice(0, 2), ...mine.slice(1, 2)].map(writePage),
      ...mine.slice(2).flatMap((page, i) => [page].concat(other.slice(2 + i, 3 + i))).map(writePage)
    )
    assert.deepStrictEqual(outcome(file), well(packets))
  })

  it("skips comments of any length", () => {
    const packets = mixed(6, 5)
    for (const padding of [0, 239, 255 * 255 - 16, 300_000]) {
      const file = ogg(packets, { tags: opusTags(padding), segments: 255 })
      assert.deepStrictEqual(outcome(file, 1000), well(packets), `${padding}`)
    }
  })

  it("ignores padding behind the last page", () => {
    const packets = mixed(7, 5)
    for (const padding of [new Uint8Array(1000), ascii("TAG and an old comment"), ascii("Ogg")]) {
      assert.deepStrictEqual(outcome(concat(ogg(packets), padding), 13), well(packets))
    }
  })

  it("takes a page boundary as the end, also without the flag for the last page", () => {
    const packets = mixed(8, 10)
    assert.strictEqual(outcome(ogg(packets, { last: false })).kind, undefined)
  })

  it("says Truncated for every cut inside a page, and gives the packets before it", () => {
    const packets = [packet(1), longPacket(2), packet(3, 0, 5), packet(4)]
    const pages = pagesOf(packets, { segments: 3 }).map(writePage)
    const file = concat(...pages)
    const boundaries = new Set<number>()
    let offset = 0
    for (const page of pages) boundaries.add(offset += page.length)
    for (let cut = 1; cut < file.length; cut++) {
      const { frames, kind } = outcome(file.slice(0, cut), 997)
      assert.deepStrictEqual(frames, shown(packets.slice(0, frames.length)))
      if (!boundaries.has(cut)) assert.strictEqual(kind, "Truncated", `${cut}`)
    }
    // After the 100-byte packet and its page of one segment, the long packet runs over many pages.
    const inPacket = concat(...pages.slice(0, 6))
    assert.deepStrictEqual(outcome(inPacket), {
      frames: shown(packets.slice(0, 1)),
      kind: "Truncated",
      detail: "it ends inside a packet"
    })
  })

  it("says Truncated where a joined file is cut", () => {
    const second = ogg([packet(2)])
    const result = outcome(concat(ogg([packet(1)]), second.slice(0, second.length - 1)))
    assert.deepStrictEqual([result.frames.length, result.kind], [1, "Truncated"])
  })

  it("says Corrupt for any changed byte, and gives the packets before it", () => {
    const packets = [packet(1, 3, 20), packet(2, 3, 20), packet(3, 3, 20)]
    const pages = pagesOf(packets, { segments: 1 }).map(writePage)
    const file = concat(...pages)
    const audio = pages.slice(0, 3).reduce((sum, page) => sum + page.length, 0)
    for (let at = audio; at < file.length - (pages.at(-1)?.length ?? 0); at++) {
      const damaged = file.slice()
      damaged[at] = (damaged[at] ?? 0) ^ 0x10
      const { frames, kind } = outcome(damaged)
      // A segment length that grew can make the page reach beyond the end.
      assert.include(["Corrupt", "Truncated"], kind, `${at}`)
      assert.deepStrictEqual(frames, shown(packets.slice(0, 1)))
    }
  })

  it("says Corrupt for a missing page", () => {
    const pages = pagesOf(mixed(9, 20), { segments: 4 })
    const file = concat(...pages.filter((_, i) => i !== 4).map(writePage))
    assert.strictEqual(outcome(file).kind, "Corrupt")
    assert.match(outcome(file).detail ?? "", /page 4 is missing/)
  })

  it("says Corrupt for a packet without its beginning or its end, though no page is missing", () => {
    const packets = [packet(1), packet(2), longPacket(3, 1200)]
    const pages = pagesOf(packets, { segments: 1 })
    const numbered = (kept: typeof pages) => {
      kept.forEach((page, i) => page.sequence = i)
      return concat(...kept.map(writePage))
    }
    const noBeginning = outcome(numbered(pagesOf(packets, { segments: 1 }).filter((_, i) => i !== 4)))
    assert.deepStrictEqual([noBeginning.frames, noBeginning.detail], [
      shown(packets.slice(0, 2)),
      "a packet has no beginning"
    ])
    const other = pagesOf([packet(9)], { segments: 1 }).slice(2)
    const noEnd = outcome(numbered([...pages.slice(0, 6), ...other]))
    assert.deepStrictEqual([noEnd.frames, noEnd.kind], [shown(packets.slice(0, 2)), "Corrupt"])
    assert.strictEqual(noEnd.detail, "a packet has no end")
    const newStream = outcome(concat(numbered(pages.slice(0, 6)), ogg([packet(9)], { serial: 9 })))
    assert.deepStrictEqual([newStream.frames, newStream.kind], [shown(packets.slice(0, 2)), "Corrupt"])
  })

  it("joins a live stream in the middle: any page number, and half a packet first", () => {
    const packets = [longPacket(1, 1200), packet(2), packet(3)]
    const pages = pagesOf(packets, { segments: 3 })
    const later = pages.slice(3)
    assert.strictEqual((later[0]?.flags ?? 0) & 1, 1)
    for (const page of later) page.sequence += 5000
    assert.deepStrictEqual(outcome(concat(...[...pages.slice(0, 2), ...later].map(writePage))), well(packets.slice(1)))
  })

  it("says Corrupt for a packet that is not Opus, and for an empty one", () => {
    for (const data of [Uint8Array.of(3), new Uint8Array(0)]) {
      const result = outcome(ogg([packet(1), { data, samples: 960 }, packet(2)]))
      assert.deepStrictEqual([result.frames, result.kind], [shown([packet(1)]), "Corrupt"])
    }
  })

  it("says Corrupt for bytes between the pages, and for missing comments", () => {
    const pages = pagesOf([packet(1), packet(2)], { segments: 1 }).map(writePage)
    assert.strictEqual(outcome(concat(...pages.slice(0, 3), new Uint8Array(10), ...pages.slice(3))).kind, "Corrupt")
    assert.strictEqual(outcome(ogg([packet(1)], { tags: packet(9).data })).kind, "Corrupt")
  })

  it("names each codec that it cannot play once, however many streams there are", () => {
    const page = (body: Uint8Array, flags: number, serial: number) =>
      writePage({ flags, granule: 0n, serial, sequence: 0, lacing: [body.length], body })
    const streams = Array.from({ length: 1_000 }, (_, i) => page(ascii(i % 2 === 0 ? "Speex   " : "?"), 2, i))
    const { detail, kind } = outcome(concat(...streams, page(ascii("x"), 0, 0)))
    assert.deepStrictEqual(
      [kind, detail],
      ["Unsupported", "the Ogg file holds Speex, an unknown codec, neither Opus, Vorbis nor FLAC"]
    )
  })

  it("refuses headers that are malformed, or of what cannot be played", () => {
    const kinds = [
      [opusHead({ family: 1, channels: 2 }), "Corrupt", /channel mapping/],
      [opusHead({ family: 255, channels: 6 }), "Unsupported", /6 channels/],
      [opusHead({ version: 16 }), "Unsupported", /version 16/],
      [opusHead({ channels: 3 }), "Corrupt", /3 channels/],
      [concat(ascii("\x01vorbis"), new Uint8Array(23)), "Corrupt", /Vorbis/],
      [concat(ascii("\x7FFLAC"), new Uint8Array(23)), "Unsupported", /FLAC/],
      [ascii("something"), "Unsupported", /unknown codec/]
    ] as const
    for (const [head, kind, detail] of kinds) {
      const result = outcome(ogg([packet(1)], { head }))
      assert.strictEqual(result.kind, kind)
      assert.match(result.detail ?? "", detail)
      assert.strictEqual(result.frames.length, 0)
      const joined = outcome(concat(ogg([packet(2)]), ogg([packet(1)], { head })))
      assert.deepStrictEqual([joined.kind, joined.frames], [kind, shown([packet(2)])])
    }
  })

  it("gives no packets of which nothing is to be heard, for one of Vorbis that gives nothing begins a stream", () => {
    const pages = readPages(readFileSync(new URL("../files/chirp.vorbis.ogg", import.meta.url)))
    const last = pages.pop()
    assert.isDefined(last)
    const { frames, reader } = run(concat(...[...pages, { ...last, granule: last.granule - 10_000n }].map(writePage)))
    assert.isUndefined(reader.problem())
    assert.deepStrictEqual(frames.flatMap(({ samples }, i) => samples === 0 ? [i] : []), [0])
    assert.strictEqual(frames.reduce((sum, { samples }) => sum + samples, 0), 3 * 44_100 - 10_000)
  })

  it("goes back to the first stream of a file, whatever is refused behind it", () => {
    const vorbis = readFileSync(new URL("../files/chirp.vorbis.ogg", import.meta.url))
    for (const head of [opusHead(), opusHead({ version: 16 }), concat(ascii("\x01vorbis"), new Uint8Array(23))]) {
      const file = concat(vorbis, ogg([packet(1)], { head }))
      const { frames, reader } = run(file)
      const kind = reader.problem()?.kind
      assert.isDefined(kind)
      const index = frames.findIndex(({ offset }, i) => offset > 0 && i > 0)
      const { offset = -1, start = -1 } = frames[index] ?? {}
      reader.restart({ offset, start })
      reader.push(file.subarray(offset))
      const again = reader.take()
      // the first one only prepares the next
      assert.deepStrictEqual(
        again.slice(1).map(({ data, samples }) => [data, samples]),
        frames.slice(index + 1).map(({ data, samples }) => [data, samples])
      )
      assert.strictEqual(reader.problem()?.kind, kind)
    }
  })

  it.prop("survives any bytes", [Seed, Chunk], ([seed, chunk]) => {
    const file = ogg(mixed(seed, 10))
    for (let i = 0; i < 30; i++) {
      const at = (seed * 7919 + i * 104_729) % file.length
      file[at] = (file[at] ?? 0) + 1 + i
    }
    run(file, chunk)
  })
})
