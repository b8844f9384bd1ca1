import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Mediabunny from "mediabunny"
import type { PacketReader } from "../../../src/audio/format/PacketReader.ts"
import * as WebmCluster from "../../../src/audio/matroska/WebmCluster.ts"
import * as WebmReader from "../../../src/audio/matroska/WebmReader.ts"
import {
  ascii,
  blockBody,
  cluster,
  concat,
  ebml,
  element,
  info,
  mixed,
  opusHead,
  type Packet,
  packet,
  segment,
  shown,
  simpleBlock,
  trackEntry,
  tracks,
  webm
} from "../samples.ts"

const run = (bytes: Uint8Array, chunk = bytes.length): { reader: PacketReader; frames: Array<Packet> } => {
  const reader = WebmReader.make()
  const frames: Array<Packet> = []
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

const file = (parts: ReadonlyArray<Uint8Array>, entries: ReadonlyArray<Uint8Array> = [trackEntry()]) =>
  concat(ebml(), segment([info(1000), tracks(...entries), ...parts]))

const Chunk = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 3000 })))
const Seed = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1000 })))
const InCluster = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 30 })))
const Size = Schema.Literals(["known", "unknown"])

describe("WebmReader", () => {
  it.prop(
    "returns every packet bit for bit, however it is cut into clusters and chunks",
    [Seed, InCluster, Chunk, Size, Size],
    ([seed, inCluster, chunk, segmentSize, clusterSize]) => {
      const packets = mixed(seed)
      const bytes = webm(packets, {
        inCluster,
        ...segmentSize === "unknown" ? { segmentSize } : {},
        ...clusterSize === "unknown" ? { clusterSize } : {}
      })
      assert.deepStrictEqual(outcome(bytes, chunk), well(packets))
    }
  )

  it("accepts single bytes, and knows the channels and the duration", () => {
    const packets = mixed(1, 12)
    const { frames, reader } = run(webm(packets), 1)
    assert.deepStrictEqual(shown(frames), shown(packets))
    assert.strictEqual(reader.header()?.channels, 2)
    assert.strictEqual(reader.durationMs(), 1234)
  })

  for (const Format of [Mediabunny.WebMOutputFormat, Mediabunny.MkvOutputFormat]) {
    it(`reads what mediabunny writes as ${Format.name}`, async () => {
      const packets = Array.from({ length: 400 }, (_, i) => packet(i, 3, 40 + i % 200))
      const target = new Mediabunny.BufferTarget()
      const output = new Mediabunny.Output({ format: new Format(), target })
      const track = new Mediabunny.EncodedAudioPacketSource("opus")
      output.addAudioTrack(track)
      await output.start()
      for (const [i, { data }] of packets.entries()) {
        await track.add(new Mediabunny.EncodedPacket(data, "key", i * 0.02, 0.02), {
          decoderConfig: { codec: "opus", numberOfChannels: 2, sampleRate: 48_000, description: opusHead() }
        })
      }
      await output.finalize()
      const { frames, reader } = run(new Uint8Array(target.buffer ?? new ArrayBuffer(0)), 5000)
      assert.strictEqual(reader.problem(), undefined)
      assert.deepStrictEqual(shown(frames), shown(packets))
      assert.approximately(reader.durationMs() ?? 0, 8000, 20)
    })
  }

  it("agrees with mediabunny about a file made by the tests", async () => {
    const packets = mixed(3)
    const input = new Mediabunny.Input({
      formats: [Mediabunny.WEBM],
      source: new Mediabunny.BufferSource(webm(packets))
    })
    const track = await input.getPrimaryAudioTrack()
    assert.isNotNull(track)
    if (track === null) return
    const theirs: Array<Uint8Array> = []
    for await (const { data } of new Mediabunny.EncodedPacketSink(track).packets()) theirs.push(data)
    assert.deepStrictEqual(theirs, packets.map(({ data }) => data))
  })

  it("reads block groups and every lacing", () => {
    const a = packet(1, 3, 300)
    const b = packet(2, 3, 300)
    const c = packet(3, 3, 70)
    const d = packet(4, 3, 600)
    const xiph = blockBody(1, 1, Uint8Array.of(3, 255, 46, 71, 255, 255, 91), a.data, c.data, d.data, b.data)
    const fixed = blockBody(1, 2, Uint8Array.of(1), a.data, b.data)
    // 301 in two bytes, then 71 - 301 = -230 and 601 - 71 = 530, each shifted by 2^13 - 1
    const ebmlLaced = blockBody(
      1,
      3,
      Uint8Array.of(3, 0x40 | (301 >> 8), 301 & 255, 0x40 | (7961 >> 8), 7961 & 255, 0x40 | (8721 >> 8), 8721 & 255),
      a.data,
      c.data,
      d.data,
      b.data
    )
    const group = element(
      "a0",
      concat(element("9b", Uint8Array.of(20)), element("a1", fixed), element("75a2", Uint8Array.of(0)))
    )
    const bytes = file([cluster([element("a3", xiph), group, element("a3", ebmlLaced)])])
    for (const chunk of [bytes.length, 7]) {
      assert.deepStrictEqual(outcome(bytes, chunk), well([a, c, d, b, a, b, a, c, d, b]))
    }
  })

  it("is Corrupt at a lacing that does not fit", () => {
    const bodies = [
      blockBody(1, 1, Uint8Array.of(1, 255)),
      blockBody(1, 1, Uint8Array.of(1, 200), new Uint8Array(10)),
      blockBody(1, 2, Uint8Array.of(1), new Uint8Array(3)),
      blockBody(1, 3, Uint8Array.of(2, 0x81, 0x80), new Uint8Array(10)),
      blockBody(1, 3, Uint8Array.of(2, 0x00), new Uint8Array(10)),
      blockBody(1, 1)
    ]
    for (const body of bodies) {
      assert.strictEqual(outcome(file([cluster([element("a3", body)])])).kind, "Corrupt")
    }
  })

  it("restores stripped header bytes", () => {
    const packets = [packet(1), packet(2)]
    const entry = trackEntry({ stripped: packets[0]?.data.slice(0, 1) ?? new Uint8Array(0) })
    const bytes = file([cluster(packets.map(({ data }) => simpleBlock(1, data.slice(1))))], [entry])
    assert.deepStrictEqual(outcome(bytes), well(packets))
    const zlib = trackEntry({ stripped: new Uint8Array(0), algorithm: 0 })
    assert.strictEqual(outcome(file([], [zlib])).kind, "Unsupported")
  })

  it("plays the first Opus track among others, and skips large elements", () => {
    const packets = mixed(5, 6)
    const entries = [
      trackEntry({ number: 1, type: 1, codec: "V_VP9", head: null }),
      trackEntry({ number: 2, codec: "A_AAC", head: null }),
      trackEntry({ number: 3 }),
      trackEntry({ number: 4 })
    ]
    const blocks = packets.flatMap(({ data }, i) => [
      simpleBlock(1, new Uint8Array(5000)),
      simpleBlock(4, packet(i).data),
      simpleBlock(3, data)
    ])
    const bytes = file([
      element("1941a469", new Uint8Array(200_000)),
      element("ec", new Uint8Array(9)),
      cluster(blocks)
    ], entries)
    assert.deepStrictEqual(outcome(bytes, 1000), well(packets))
  })

  it("plays Opus without an identification header", () => {
    const { frames, reader } = run(file([cluster([simpleBlock(1, packet(1).data)])], [trackEntry({ head: null })]))
    assert.deepStrictEqual([shown(frames), reader.header()?.channels], [shown([packet(1)]), 2])
  })

  it("refuses unsupported codecs, document types and Opus mappings", () => {
    const cases = [
      [file([], [trackEntry({ codec: "A_AC3" })]), /AC3/],
      [file([], [trackEntry({ type: 1, codec: "V_VP8", head: null })]), /no audio track/],
      [file([], [trackEntry({ head: opusHead({ family: 2 }) })]), /family 2/],
      [concat(ebml("other"), segment([])), /type "other"/]
    ] as const
    for (const [bytes, detail] of cases) {
      assert.strictEqual(outcome(bytes).kind, "Unsupported")
      assert.match(outcome(bytes).detail ?? "", detail)
    }
  })

  const pcm = (number: number, options: Parameters<typeof trackEntry>[0] = {}) =>
    trackEntry({ number, codec: "A_PCM/INT/LIT", head: null, bits: 16, rate: 48_000, ...options })
  const mp3 = (number: number) => trackEntry({ number, codec: "A_MPEG/L3", head: null, rate: 48_000 })
  const malformed = element("ae", Uint8Array.of(0, 0, 0))

  it("prefers an Opus track, else plays the first well-formed one, and refuses an unsupported one", () => {
    const ac3 = trackEntry({ number: 1, codec: "A_AC3", head: null })
    const packed = trackEntry({ number: 1, codec: "A_MPEG/L3", head: null, stripped: Uint8Array.of(0), algorithm: 0 })
    const data = Uint8Array.of(1, 2, 3, 4)
    const chosen = (...entries: ReadonlyArray<Uint8Array>) => {
      const blocks = cluster([simpleBlock(1, data), simpleBlock(2, packet(1).data), simpleBlock(3, data)])
      const { reader } = run(file([blocks], entries))
      return reader.problem()?.kind ?? reader.header()?.codec
    }
    assert.strictEqual(chosen(ac3, trackEntry({ number: 2 })), "opus")
    assert.strictEqual(chosen(pcm(1), trackEntry({ number: 2 })), "opus")
    for (const first of [ac3, packed, trackEntry({ number: 1, codec: "A_AAC", head: null })]) {
      assert.strictEqual(chosen(first, pcm(3)), "Unsupported")
      assert.strictEqual(chosen(malformed, first, pcm(3)), "Unsupported")
    }
    assert.strictEqual(chosen(pcm(1), mp3(3)), "pcm")
    assert.strictEqual(chosen(mp3(1), pcm(3)), "mp3")
    assert.strictEqual(chosen(pcm(1), malformed), "pcm")
    assert.strictEqual(chosen(malformed, pcm(1)), "pcm")
    assert.strictEqual(chosen(trackEntry({ codec: "A_FLAC", head: null }), pcm(3)), "pcm")
    assert.strictEqual(chosen(trackEntry({ type: 1, codec: "V_VP9", head: null }), pcm(3)), "pcm")
    assert.strictEqual(chosen(malformed), "Corrupt")
  })

  it("is Corrupt at empty frames, of which a block of seven bytes could hold hundreds", () => {
    const many = element("a3", blockBody(1, 2, Uint8Array.of(255)))
    const one = simpleBlock(1, new Uint8Array(0))
    const data = Uint8Array.of(1, 2, 3, 4)
    const aac = trackEntry({ codec: "A_AAC", head: Uint8Array.of(0x12, 0x10) })
    for (const entry of [pcm(1), mp3(1), aac]) {
      for (const block of [many, one]) {
        const { frames, kind } = outcome(file([cluster([simpleBlock(1, data), block])], [entry]))
        assert.deepStrictEqual([frames.length, kind], [1, "Corrupt"])
      }
    }
    const stripped = pcm(1, { stripped: data })
    const laced = outcome(file([cluster([one, many])], [stripped]))
    assert.deepStrictEqual([laced.frames.length, laced.kind], [1, "Corrupt"])
  })

  it("continues with PCM in an appended file if the format is the same", () => {
    const data = Uint8Array.of(1, 2, 3, 4)
    const part = (entry: Uint8Array) => file([cluster([simpleBlock(1, data)])], [entry])
    const joined = (second: Uint8Array) => {
      const { frames, kind } = outcome(concat(part(pcm(1)), part(second)))
      return [frames.length, kind]
    }
    assert.deepStrictEqual(joined(pcm(1)), [2, undefined])
    assert.deepStrictEqual(joined(pcm(1, { codec: "A_PCM/INT/BIG" })), [1, "Unsupported"])
    assert.deepStrictEqual(joined(pcm(1, { bits: 8 })), [1, "Unsupported"])
    assert.deepStrictEqual(joined(pcm(1, { channels: 1 })), [1, "Unsupported"])
    assert.deepStrictEqual(joined(pcm(1, { rate: 44_100 })), [1, "Unsupported"])
  })

  it("returns to its first segment from an appended one", () => {
    const data = Uint8Array.of(1, 2, 3, 4)
    const first = file([cluster([simpleBlock(1, data)])], [pcm(1)])
    const bytes = concat(first, file([cluster([simpleBlock(2, data)])], [pcm(2)]))
    const { frames, reader } = run(bytes)
    assert.deepStrictEqual(frames.map(({ samples }) => samples), [1, 1])
    const place = reader.placeIn?.(bytes, 0)
    assert.isDefined(place)
    assert.isUndefined(reader.placeIn?.(bytes.subarray(first.length), first.length))
    reader.restart(place)
    reader.push(bytes.subarray(place.offset))
    reader.end()
    assert.isUndefined(reader.problem())
    assert.deepStrictEqual(reader.take().map(({ start }) => start), [0, 1])
  })

  it("reports the offset of its cluster with the first packet of each cluster", () => {
    const packets = [packet(1), packet(2), packet(3)]
    const bytes = webm(packets, { inCluster: 2 })
    const at = (from: number) => Buffer.from(bytes).indexOf(Uint8Array.of(0x1f, 0x43, 0xb6, 0x75), from)
    const { reader } = run(bytes)
    reader.restart({ offset: 0, start: 0 })
    const whole = WebmReader.make()
    whole.push(bytes)
    assert.deepStrictEqual(whole.take().map(({ offset }) => offset), [at(0), -1, at(at(0) + 1)])
  })

  it("has the first valid duration that a segment states", () => {
    const joined = (...durations: ReadonlyArray<number>) =>
      run(
        concat(...durations.map((ms) =>
          concat(ebml(), segment([info(ms), tracks(trackEntry()), cluster([simpleBlock(1, packet(1).data)])]))
        ))
      ).reader.durationMs()
    assert.strictEqual(joined(1_000, 2_000), 1_000)
    assert.strictEqual(joined(0, 2_000), 2_000)
    assert.isUndefined(joined(0, Number.NaN, -5, Number.POSITIVE_INFINITY))
    // in units of half a millisecond
    const scale = element("2ad7b1", Uint8Array.of(0x07, 0xa1, 0x20))
    const length = element("4489", Uint8Array.of(0x44, 0x7a, 0, 0))
    assert.strictEqual(
      run(concat(ebml(), segment([element("1549a966", concat(scale, length))]))).reader.durationMs(),
      500
    )
  })

  it("is Corrupt at a block of more than 1 MiB, before the block has arrived", () => {
    const head = file([cluster([element("a3", blockBody(1, 0), 1024 * 1024 + 1)], "unknown")])
    const reader = WebmReader.make()
    reader.push(concat(head.subarray(0, head.length), packet(1).data))
    assert.match(reader.problem()?.detail ?? "", /larger than the one that contains it/)
    const open = WebmReader.make()
    open.push(
      concat(
        ebml(),
        segment(
          [tracks(trackEntry()), cluster([element("a3", blockBody(1, 0), 1024 * 1024 + 1)], "unknown")],
          "unknown"
        ),
        packet(1).data
      )
    )
    assert.strictEqual(open.problem()?.detail, "a block of the track is too large")
  })

  it("finds a cluster whose timestamp follows a checksum, but none with a cut timestamp", () => {
    const plain = cluster([simpleBlock(1, packet(1).data)])
    const time = element("e7", Uint8Array.of(1, 2))
    const checked = element("1f43b675", concat(element("bf", new Uint8Array(4)), time, new Uint8Array(9)))
    // the size of the checksum usually takes one byte
    const short = concat(Uint8Array.of(0x1f, 0x43, 0xb6, 0x75, 0x90, 0xbf, 0x84, 1, 2, 3, 4, 0xe7, 0x82, 1, 2), checked)
    assert.deepStrictEqual(WebmCluster.first(concat(new Uint8Array(3), short)), { at: 3, time: 258 })
    assert.deepStrictEqual(WebmCluster.first(concat(new Uint8Array(5), plain)), { at: 5, time: 0 })
    // of unknown size, in eight bytes
    const open = concat(
      Uint8Array.of(0x1f, 0x43, 0xb6, 0x75, 1),
      new Uint8Array(7).fill(255),
      Uint8Array.of(0xe7, 0x88)
    )
    const late = concat(open, new Uint8Array(7), Uint8Array.of(5))
    for (let cut = 1; cut < 8; cut++) {
      assert.isUndefined(WebmCluster.first(concat(new Uint8Array(9), late.subarray(0, -cut))), `${cut}`)
    }
    assert.deepStrictEqual(WebmCluster.first(concat(new Uint8Array(9), late)), { at: 9, time: 5 })
  })

  it("is Truncated at every cut, and returns exactly the complete packets", () => {
    const packets = mixed(2, 8).filter(({ data }) => data.length < 1000)
    const bytes = webm(packets, { inCluster: 3 })
    let end = 0
    const ends = packets.map(({ data }) => end = Buffer.from(bytes).indexOf(data, end) + data.length)
    for (let cut = 1; cut < bytes.length; cut++) {
      const { frames, kind } = outcome(bytes.slice(0, cut), 997)
      assert.strictEqual(kind, "Truncated", `${cut}`)
      assert.deepStrictEqual(frames, shown(packets).slice(0, ends.filter((end) => end <= cut).length), `${cut}`)
    }
  })

  it("treats a live recording that ends between elements as complete, and one that ends inside one as cut", () => {
    const packets = mixed(2, 8)
    const bytes = webm(packets, { segmentSize: "unknown", clusterSize: "unknown" })
    assert.deepStrictEqual(outcome(bytes), well(packets))
    const cut = outcome(bytes.slice(0, -1))
    assert.deepStrictEqual([cut.frames, cut.kind], [shown(packets.slice(0, -1)), "Truncated"])
  })

  it("returns the packets of a live stream before their cluster ends", () => {
    const packets = mixed(2, 8)
    const reader = WebmReader.make()
    const bytes = webm(packets, { segmentSize: "unknown", clusterSize: "unknown" })
    reader.push(bytes.slice(0, -1))
    assert.deepStrictEqual(shown(reader.take()), shown(packets.slice(0, -1)))
  })

  it("is Corrupt if a file continues with zeros, as a broken download does", () => {
    const packets = mixed(2, 20).filter(({ data }) => data.length < 1000)
    const bytes = webm(packets, { inCluster: 4 })
    const { frames } = outcome(bytes)
    const at = Buffer.from(bytes).indexOf(packets[6]?.data ?? new Uint8Array(0)) - 12
    bytes.fill(0, at)
    const result = outcome(bytes)
    assert.strictEqual(result.kind, "Corrupt")
    assert.deepStrictEqual(result.frames, frames.slice(0, 6))
  })

  it("continues in an appended file, and ignores anything else after the end", () => {
    const [a, b] = [mixed(1, 8), mixed(2, 8)]
    assert.deepStrictEqual(outcome(concat(webm(a), webm(b))), well([...a, ...b]))
    assert.deepStrictEqual(
      outcome(concat(webm(a, { segmentSize: "unknown", clusterSize: "unknown" }), webm(b))),
      well([...a, ...b])
    )
    assert.deepStrictEqual(outcome(concat(webm(a), new Uint8Array(100))), well(a))
    assert.deepStrictEqual(outcome(concat(webm(a), ascii("the end"))), well(a))
  })

  it("is Corrupt for sizes that do not fit and for packets that are not Opus", () => {
    const blocks = [simpleBlock(1, packet(1).data)]
    const tooLarge = element("a3", blockBody(1, 0, packet(2).data), 50_000)
    const first = file([cluster([...blocks, tooLarge])])
    assert.deepStrictEqual([outcome(first).frames, outcome(first).kind], [shown([packet(1)]), "Corrupt"])
    assert.strictEqual(outcome(file([cluster([...blocks, simpleBlock(1, Uint8Array.of(3))])])).kind, "Corrupt")
    assert.strictEqual(outcome(file([cluster([...blocks, element("a3", Uint8Array.of(0x81, 0))])])).kind, "Corrupt")
    assert.strictEqual(outcome(concat(ebml(), segment([cluster(blocks)]))).kind, "Corrupt")
    assert.strictEqual(outcome(concat(ebml(), new Uint8Array(100))).kind, "Corrupt")
    assert.strictEqual(outcome(element("1a45dfa3", new Uint8Array(0), 2 ** 40)).kind, "Corrupt")
  })

  it.prop("survives any bytes", [Seed, Chunk], ([seed, chunk]) => {
    const bytes = webm(mixed(seed, 10))
    for (let i = 0; i < 5; i++) {
      const at = (seed * 7919 + i * 104_729) % bytes.length
      bytes[at] = (bytes[at] ?? 0) + 1 + i
    }
    run(bytes, chunk)
  })
})
