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
  type Page,
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
    "returns every packet bit for bit, however it is cut into pages and chunks",
    [Seed, Segments, Chunk],
    ([seed, segments, chunk]) => {
      const packets = mixed(seed)
      const file = ogg(packets, { segments })
      assert.deepStrictEqual(outcome(file, chunk), well(packets))
      assert.deepStrictEqual(readPackets(file, 7).slice(2), packets.map(({ data }) => data))
    }
  )

  it("accepts single bytes", () => {
    const packets = mixed(1, 12)
    assert.deepStrictEqual(outcome(ogg(packets), 1), well(packets))
  })

  it("returns its own copies of packets, which later bytes do not change", () => {
    const reader = OggReader.make()
    const bytes = ogg([packet(1), packet(2)])
    reader.push(bytes)
    const frames = reader.take()
    bytes.fill(0)
    reader.push(bytes)
    assert.deepStrictEqual(shown(frames), shown([packet(1), packet(2)]))
  })

  it("knows the channels, and the duration without the pre-skip and the time before the first packet", () => {
    const file = ogg([packet(1), packet(2)], { head: opusHead({ channels: 1, preSkip: 312 }) })
    const { reader } = run(file)
    assert.strictEqual(reader.header()?.channels, 1)
    assert.strictEqual(reader.durationByTail(file, file.length), (2 * 960 - 312) / 48)
    const cut = ogg([packet(1), packet(2), packet(3)], { segments: 1, startGranule: 480_000 })
    assert.strictEqual(run(cut).reader.durationByTail(cut, cut.length), (3 * 960 - 312) / 48)
  })

  it("measures the duration up to the last packet that ends, if pages follow on which none ends", () => {
    const packets = [packet(1), longPacket(2)]
    const pages = pagesOf(packets, { segments: 1 }).slice(0, 10)
    assert.strictEqual(pages.at(-1)?.granule, -1n)
    const file = concat(...pages.map(writePage))
    assert.strictEqual(run(file).reader.durationByTail(file, file.length), (960 - 312) / 48)
  })

  it("takes its start from the first packet that ends", () => {
    const of = (pages: ReadonlyArray<Page>) => {
      const file = concat(...pages.map(writePage))
      return run(file).reader.durationByTail(file, file.length)
    }
    const packets = [longPacket(1), ...Array.from({ length: 9 }, (_, i) => packet(i))]
    const long = pagesOf(packets, { segments: 3, startGranule: 480_000 })
    assert.strictEqual(long[2]?.granule, -1n)
    assert.strictEqual(of(long), (5_760 + 9 * 960 - 312) / 48)
    const pages = pagesOf([packet(1), packet(2)], { segments: 1, startGranule: 480_000 })
    const empty = { flags: 0, granule: 0n, serial: 7, sequence: 2, lacing: [], body: new Uint8Array(0) }
    for (const page of pages.slice(2)) page.sequence++
    assert.strictEqual(of([...pages.slice(0, 2), empty, ...pages.slice(2)]), (2 * 960 - 312) / 48)
  })

  it("does not know the duration of a chained file", () => {
    const file = concat(ogg([packet(1)], { serial: 1 }), ogg([packet(2)], { serial: 2 }))
    assert.strictEqual(run(file).reader.durationByTail(file, file.length), undefined)
  })

  it("continues in a chained file, with and without end flags, with the same or another serial number", () => {
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

  it("reads the first of several Opus streams", () => {
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

  it("ignores padding after the last page", () => {
    const packets = mixed(7, 5)
    for (const padding of [new Uint8Array(1000), ascii("TAG and an old comment"), ascii("Ogg")]) {
      assert.deepStrictEqual(outcome(concat(ogg(packets), padding), 13), well(packets))
    }
  })

  it("treats a page boundary as the end, even without the end flag", () => {
    const packets = mixed(8, 10)
    assert.strictEqual(outcome(ogg(packets, { last: false })).kind, undefined)
  })

  it("is Truncated at every cut inside a page, and returns the packets before it", () => {
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

  it("is Truncated if a chained file is cut short", () => {
    const second = ogg([packet(2)])
    const result = outcome(concat(ogg([packet(1)]), second.slice(0, second.length - 1)))
    assert.deepStrictEqual([result.frames.length, result.kind], [1, "Truncated"])
  })

  it("is Corrupt for any changed byte, and returns the packets before it", () => {
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

  it("is Corrupt at a missing page", () => {
    const pages = pagesOf(mixed(9, 20), { segments: 4 })
    const file = concat(...pages.filter((_, i) => i !== 4).map(writePage))
    assert.strictEqual(outcome(file).kind, "Corrupt")
    assert.match(outcome(file).detail ?? "", /page 4 is missing/)
  })

  it("is Corrupt at a packet without a beginning or an end, even if no page is missing", () => {
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
    assert.deepStrictEqual([newStream.frames, newStream.detail], [
      shown(packets.slice(0, 2)),
      "a stream begins before the last packet of the previous one has ended"
    ])
  })

  it("joins a live stream in the middle: at any page number, and dropping half a packet first", () => {
    const packets = [longPacket(1, 1200), packet(2), packet(3)]
    const pages = pagesOf(packets, { segments: 3 })
    const later = pages.slice(3)
    assert.strictEqual((later[0]?.flags ?? 0) & 1, 1)
    for (const page of later) page.sequence += 5000
    assert.deepStrictEqual(outcome(concat(...[...pages.slice(0, 2), ...later].map(writePage))), well(packets.slice(1)))
  })

  it("joins a live stream within a packet that spans several pages", () => {
    const packets = [longPacket(1, 3_000), packet(2), packet(3)]
    const pages = pagesOf(packets, { segments: 3 })
    const within = pages.slice(3, 6)
    assert.isTrue(within.every(({ flags, granule }, i) => (flags & 1) === 1 && (i === 2 || granule === -1n)))
    assert.deepStrictEqual(
      outcome(concat(...[...pages.slice(0, 2), ...pages.slice(3)].map(writePage))),
      well(packets.slice(1))
    )
  })

  it("is Corrupt at a packet that is not Opus, and at an empty one", () => {
    for (const data of [Uint8Array.of(3), new Uint8Array(0)]) {
      const result = outcome(ogg([packet(1), { data, samples: 960 }, packet(2)]))
      assert.deepStrictEqual([result.frames, result.kind], [shown([packet(1)]), "Corrupt"])
    }
  })

  it("is Corrupt with bytes between the pages, and without comments", () => {
    const pages = pagesOf([packet(1), packet(2)], { segments: 1 }).map(writePage)
    assert.strictEqual(outcome(concat(...pages.slice(0, 3), new Uint8Array(10), ...pages.slice(3))).kind, "Corrupt")
    assert.strictEqual(outcome(ogg([packet(1)], { tags: packet(9).data })).kind, "Corrupt")
  })

  it("names each unsupported codec once, however many streams there are", () => {
    const page = (body: Uint8Array, flags: number, serial: number) =>
      writePage({ flags, granule: 0n, serial, sequence: 0, lacing: [body.length], body })
    const streams = Array.from({ length: 1_000 }, (_, i) => page(ascii(i % 2 === 0 ? "Speex   " : "?"), 2, i))
    const { detail, kind } = outcome(concat(...streams, page(ascii("x"), 0, 0)))
    assert.deepStrictEqual(
      [kind, detail],
      ["Unsupported", "the Ogg file contains Speex, an unknown codec, not Opus, Vorbis or FLAC"]
    )
  })

  it("rejects headers that are malformed or cannot be played", () => {
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

  it("reports the codecs of a link in a chained file for that link alone", () => {
    const stream = (body: Uint8Array, serial: number) =>
      writePage({ flags: 2, granule: 0n, serial, sequence: 0, lacing: [body.length], body })
    const [first = new Uint8Array(0), ...rest] = pagesOf([packet(1)], { serial: 1 }).map(writePage)
    const mixedLink = concat(stream(ascii("Speex   "), 2), stream(opusHead({ version: 16 }), 3), first, ...rest)
    const page = writePage({ flags: 0, granule: 0n, serial: 9, sequence: 1, lacing: [1], body: ascii("x") })
    assert.deepStrictEqual(outcome(concat(mixedLink, stream(ascii("fishead\0"), 9), page)), {
      frames: shown([packet(1)]),
      kind: "Unsupported",
      detail: "the Ogg file contains Skeleton, not Opus, Vorbis or FLAC"
    })
  })

  it("decodes every link after the first one that requires decoding, each without its pre-skip", () => {
    const heads = [{ gain: 256, preSkip: 1_000 }, { preSkip: 500 }, { gain: 512, preSkip: 0 }]
    const links = (from: number, first: Packet) =>
      concat(
        ...heads.slice(from).map((head, i) =>
          ogg(i === 0 ? [first] : [packet(i), packet(9)], { head: opusHead(head), serial: i })
        )
      )
    const seen = (bytes: Uint8Array) =>
      run(bytes).frames.map(({ opus, samples, start }) => [opus?.gain === undefined, samples, start])
    // The pre-skip of the first link is longer than the link: the second one begins where the pre-skip would end.
    assert.deepStrictEqual(seen(links(0, packet(1, 0))), [
      [true, 120, 0],
      [false, 960, 500],
      [true, 960, 1_460],
      [false, 960, 2_420],
      [true, 960, 3_380]
    ])
    assert.strictEqual(run(links(0, packet(1))).frames[1]?.opus?.gain, 1)
    // a first link that is passed through is heard from its first sample on
    assert.deepStrictEqual(seen(links(1, packet(1, 0))), [[true, 120, 0], [false, 960, 120], [true, 960, 1_080]])
  })

  it("knows the start of each link separately, in order to trim its end", () => {
    const link = (serial: number, startGranule: number, less: number) => {
      const pages = pagesOf([packet(1), packet(2)], {
        head: opusHead({ gain: 256 }),
        serial,
        startGranule,
        segments: 1
      })
      return concat(
        ...pages.map((page, i) =>
          writePage(i === pages.length - 1 ? { ...page, granule: page.granule - BigInt(less) } : page)
        )
      )
    }
    for (const [one, other] of [[480_000, 0], [0, 480_000], [960, 1_920]] as const) {
      const { frames } = run(concat(link(1, one, 100), link(2, other, 200)))
      assert.deepStrictEqual(frames.map(({ samples }) => samples), [960, 860, 960, 760])
    }
    // with a single page, only the amount that is to be heard can be known
    const [first, second, only] = pagesOf([packet(1), packet(2)], { head: opusHead({ gain: 256 }) })
    assert(first !== undefined && second !== undefined && only !== undefined)
    const cut = concat(...[first, second, { ...only, granule: only.granule - 100n }].map(writePage))
    assert.deepStrictEqual(run(cut).frames.map(({ samples }) => samples), [960, 860])
  })

  it("keeps at most 256 KiB of the comments, and rejects a packet longer than any Opus packet", () => {
    const comment = (text: string) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(text.length)
      return concat(length, ascii(text))
    }
    const tags = (...texts: ReadonlyArray<string>) =>
      concat(ascii("OpusTags"), new Uint8Array(4), Uint8Array.of(texts.length, 0, 0, 0), ...texts.map(comment))
    const picture = `PICTURE=${"x".repeat(400_000)}`
    const head = { tags: tags("TITLE=early", picture, "ARTIST=late"), segments: 255 }
    assert.deepStrictEqual(run(ogg([packet(1)], head)).reader.header()?.tags, { title: "early" })
    const [first, second, ...pages] = pagesOf([longPacket(1, 300_000)], { segments: 255 })
    const reader = OggReader.make()
    for (const page of [first, second, ...pages.slice(0, 2)]) if (page !== undefined) reader.push(writePage(page))
    assert.strictEqual(reader.problem()?.detail, "a packet is longer than any Opus packet")
  })

  it("is Corrupt at a page of another Ogg version", () => {
    const file = ogg([packet(1)])
    file[4] = 1
    assert.deepStrictEqual(outcome(file).detail, "an Ogg page has an unknown version")
  })

  it("continues the page numbers beyond their maximum", () => {
    const pages = pagesOf([packet(1), packet(2), packet(3)], { segments: 1 })
    for (const [i, page] of pages.slice(2).entries()) page.sequence = (0xffff_fffe + i) % 2 ** 32
    const [first, second, ...rest] = pages
    assert.deepStrictEqual(rest.map(({ sequence }) => sequence), [0xffff_fffe, 0xffff_ffff, 0])
    assert.isDefined(first)
    assert.isDefined(second)
    assert.deepStrictEqual(
      outcome(concat(...[first, second, ...rest].map(writePage))),
      well([packet(1), packet(2), packet(3)])
    )
  })

  it("states the page offset of a packet only if it is the first one on that page and began there", () => {
    const packets = [packet(1), packet(2), longPacket(3, 600), packet(4)]
    const pages = pagesOf(packets, { segments: 3 }).map(writePage)
    const at = pages.map((_, i) => pages.slice(0, i).reduce((sum, { length }) => sum + length, 0))
    // three segments each: two packets and a part of the third, then the rest of that and the last one
    assert.deepStrictEqual(run(concat(...pages)).frames.map(({ offset }) => offset), [at[2], -1, -1, -1])
    const whole = pagesOf(packets, { segments: 1 }).map(writePage)
    const offsets = run(concat(...whole)).frames.map(({ offset }) => offset)
    assert.strictEqual(offsets[1], whole.slice(0, 3).reduce((sum, { length }) => sum + length, 0))
    assert.strictEqual(offsets[2], -1)
  })

  it("treats three bytes of a page header after the end as padding, and four as a cut page", () => {
    assert.deepStrictEqual(outcome(concat(ogg([packet(1)]), ascii("Ogg"))), well([packet(1)]))
    for (const cut of ["OggS", "OggS\0"]) {
      assert.strictEqual(outcome(concat(ogg([packet(1)]), ascii(cut))).kind, "Truncated")
    }
  })

  it("removes nothing from a stream because of the next one, whatever that says about its end", () => {
    const pages = readPages(readFileSync(new URL("../files/chirp.vorbis.ogg", import.meta.url)))
    const one = concat(...pages.map(writePage))
    const before = shown(run(one).frames)
    // it begins at one hour, and ends at its beginning
    const granuleOf = (i: number, granule: bigint) => i < 2 || i === pages.length - 1 ? 0n : granule + 158_760_000n
    const second = Array.from(pages, (page, i): Page => ({ ...page, serial: 77, granule: granuleOf(i, page.granule) }))
    const file = concat(one, ...second.map(writePage))
    for (const chunk of [file.length, 1_000]) {
      const heard = shown(run(file, chunk).frames)
      assert.isTrue(before.every((frame, i) => frame === heard[i]), `in pieces of ${chunk}`)
    }
  })

  it("returns no inaudible packets, except for the first one of a Vorbis stream", () => {
    const pages = readPages(readFileSync(new URL("../files/chirp.vorbis.ogg", import.meta.url)))
    const last = pages.pop()
    assert.isDefined(last)
    const { frames, reader } = run(concat(...[...pages, { ...last, granule: last.granule - 10_000n }].map(writePage)))
    assert.isUndefined(reader.problem())
    assert.deepStrictEqual(frames.flatMap(({ samples }, i) => samples === 0 ? [i] : []), [0])
    assert.strictEqual(frames.reduce((sum, { samples }) => sum + samples, 0), 3 * 44_100 - 10_000)
  })

  it("seeks back to the first stream of a file, whatever is rejected after it", () => {
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
      // the first packet only prepares the next one
      assert.deepStrictEqual(
        again.slice(1).map(({ data, samples }) => [data, samples]),
        frames.slice(index + 1).map(({ data, samples }) => [data, samples])
      )
      assert.strictEqual(reader.problem()?.kind, kind)
    }
  })

  it("seeks back to the first Opus link, and plays the next links with the same serial number as before", () => {
    const heads = [{ gain: 256, preSkip: 100 }, { gain: 512, preSkip: 200 }, { preSkip: 300 }]
    const file = concat(...heads.flatMap((head, i) => {
      const pages = pagesOf([packet(i), packet(10 + i), packet(20 + i)], {
        head: opusHead(head),
        segments: 1,
        startGranule: 48_000 * (i + 1)
      })
      // the last page of each link is trimmed
      return pages.map((page) => writePage((page.flags & 4) === 0 ? page : { ...page, granule: page.granule - 100n }))
    }))
    const { frames, reader } = run(file)
    assert.deepStrictEqual(frames.map(({ opus }) => opus?.gain === undefined), [
      true,
      true,
      true,
      false,
      true,
      true,
      false,
      true,
      true
    ])
    for (const index of [0, 1, 2]) {
      const { offset = -1, start = -1 } = frames[index] ?? {}
      reader.restart({ offset, start })
      reader.push(file.subarray(offset))
      reader.end()
      assert.isUndefined(reader.problem())
      assert.deepStrictEqual(reader.take(), frames.slice(index))
    }
  })

  it("seeks back to a first link that is passed through, and to Vorbis that is followed by another link", () => {
    const opus = concat(...[{}, { gain: 256 }, {}].flatMap((head) => {
      const pages = pagesOf([packet(1), packet(2)], { head: opusHead(head), segments: 1 })
      return pages.map((page) => writePage((page.flags & 4) === 0 ? page : { ...page, granule: page.granule - 100n }))
    }))
    const pages = readPages(readFileSync(new URL("../files/chirp.vorbis.ogg", import.meta.url)))
    // the same headers, except for a zero byte after the last one
    const other = Array.from(pages, (page, i): Page => {
      const lacing = i === 1 ? [...page.lacing.slice(0, -1), (page.lacing.at(-1) ?? 0) + 1] : page.lacing
      return { ...page, lacing, body: i === 1 ? concat(page.body, new Uint8Array(1)) : page.body }
    })
    for (const file of [opus, concat(...[...pages, ...other].map(writePage))]) {
      const { frames, reader } = run(file)
      const { offset = -1, start = -1 } = frames[0] ?? {}
      reader.restart({ offset, start })
      reader.push(file.subarray(offset))
      const told = (list: ReadonlyArray<ReadPacket>) =>
        list.map(({ opus, samples, vorbis }) => [samples, opus?.gain, vorbis?.length])
      assert.deepStrictEqual(told(reader.take()), told(frames))
    }
  })

  it("drops half a packet when it continues at another position", () => {
    const packets = [packet(1), longPacket(2, 3_000), packet(3), packet(4)]
    const pages = pagesOf(packets, { segments: 1 })
    const written = pages.map(writePage)
    const reader = OggReader.make()
    reader.push(concat(...written.slice(0, 6)))
    assert.deepStrictEqual(shown(reader.take()), shown(packets.slice(0, 1)))
    const place = { offset: 0, start: 960 + 5_760 }
    for (const rest of [written.slice(-2), written.slice(-5)]) {
      reader.restart(place)
      reader.push(concat(...written.slice(3, 5)))
      reader.restart(place)
      reader.push(concat(...rest))
      reader.end()
      assert.isUndefined(reader.problem())
      assert.deepStrictEqual(shown(reader.take()), shown(packets.slice(2)))
    }
  })

  it("is Truncated if the last page ends inside a packet, whatever follows", () => {
    for (const gain of [0, 256]) {
      const head = opusHead({ gain })
      const pages = pagesOf([packet(1), longPacket(2, 1_200)], { head, segments: 1 }).slice(0, 6)
      assert.strictEqual(pages[5]?.granule, -1n)
      const cut = pages.map((page, i) => writePage(i === 5 ? { ...page, flags: page.flags | 4 } : page))
      for (const behind of [new Uint8Array(0), ogg([packet(3)], { head, serial: 9 })]) {
        assert.deepStrictEqual(outcome(concat(...cut, behind)), {
          frames: shown([packet(1)]),
          kind: "Truncated",
          detail: "the last packet has no end"
        })
      }
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
