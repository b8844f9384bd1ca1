import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { createEncoder } from "libopus-wasm"
import * as Mediabunny from "mediabunny"
import { OggOpusDecoder } from "ogg-opus-decoder"
import * as OggReader from "../../../src/audio/ogg/OggReader.ts"
import * as OggWriter from "../../../src/audio/ogg/OggWriter.ts"
import { ascii, concat, longPacket, mixed, type Packet, packet, readPackets, readPages, shown } from "../samples.ts"

const readByUs = (file: Uint8Array): Array<Packet> => {
  const reader = OggReader.make()
  reader.push(file)
  reader.end()
  assert.strictEqual(reader.problem(), undefined)
  return reader.take()
}

const readByMediabunny = async (file: Uint8Array): Promise<Array<Uint8Array>> => {
  const input = new Mediabunny.Input({ formats: [Mediabunny.OGG], source: new Mediabunny.BufferSource(file) })
  const track = await input.getPrimaryAudioTrack()
  const packets: Array<Uint8Array> = []
  if (track !== null) {
    for await (const { data } of new Mediabunny.EncodedPacketSink(track).packets()) packets.push(data)
  }
  return packets
}

const decode = async (file: Uint8Array) => {
  const decoder = new OggOpusDecoder()
  await decoder.ready
  const decoded = await decoder.decodeFile(file)
  decoder.free()
  return decoded
}

/** A tone in frames of 20 ms. */
const tone = async (count: number, channels: 1 | 2 = 2): Promise<Array<Packet>> => {
  const encoder = await createEncoder({ channels, bitrate: 96_000 })
  const packets = Array.from({ length: count }, (_, index) => {
    const pcm = new Int16Array(960 * channels)
    for (let i = 0; i < pcm.length; i++) {
      pcm[i] = 8000 * Math.sin(2 * Math.PI * 440 * (index * 960 + Math.floor(i / channels)) / 48_000)
    }
    return { data: encoder.encode(pcm).slice(), samples: 960 }
  })
  encoder.free()
  return packets
}

const Seed = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1000 })))

describe("OggWriter", () => {
  it.prop("writes packets that come back bit for bit", [Seed], ([seed]) => {
    const packets = mixed(seed, 30)
    const file = OggWriter.encode(packets, { serial: seed })
    assert.deepStrictEqual(shown(readByUs(file)), shown(packets))
    assert.deepStrictEqual(readPackets(file, seed).slice(2), packets.map(({ data }) => data))
  })

  it("refuses a pre-skip or a serial number that does not fit its header field", () => {
    const { data } = packet(1)
    for (const value of [-1, NaN, Infinity, 1.5, 65_536]) {
      assert.throws(() => OggWriter.encode([{ data }], { preSkip: value }), RangeError, "preSkip must be")
    }
    for (const value of [-1, NaN, Infinity, 1.5, 2 ** 32]) {
      assert.throws(() => OggWriter.encode([{ data }], { serial: value }), RangeError, "serial must be")
    }
    const [head] = readPages(OggWriter.encode([{ data }], { preSkip: 65_535, serial: 2 ** 32 - 1 }))
    assert.strictEqual(head?.serial, 2 ** 32 - 1)
  })

  it("writes packets that mediabunny reads bit for bit", async () => {
    const packets = mixed(5, 200)
    assert.deepStrictEqual(await readByMediabunny(OggWriter.encode(packets)), packets.map(({ data }) => data))
  })

  it("writes a file that an independent decoder plays at its length, in stereo and mono", async () => {
    for (const channels of [1, 2] as const) {
      const packets = await tone(130, channels)
      const { channelData, errors, samplesDecoded } = await decode(OggWriter.encode(packets, { channels }))
      assert.deepStrictEqual(errors, [])
      assert.strictEqual(channelData.length, channels)
      assert.strictEqual(samplesDecoded, 130 * 960 - 312)
      const loud = channelData[0]?.slice(24_000, 72_000) ?? new Float32Array(1)
      const power = loud.reduce((sum, sample) => sum + sample * sample, 0) / loud.length
      assert.approximately(Math.sqrt(power), 8000 / 32_768 / Math.SQRT2, 0.01)
    }
  })

  it("trims the end to the given length", async () => {
    const packets = await tone(60)
    const writer = OggWriter.make()
    const parts = packets.map((packet) => writer.add(packet) ?? new Uint8Array(0))
    const file = concat(...parts, writer.finish(55_555))
    assert.strictEqual((await decode(file)).samplesDecoded, 55_555)
    assert.deepStrictEqual(shown(readByUs(file)), shown(packets))
  })

  it("fills gaps with silence of the same length", async () => {
    const packets = await tone(20)
    const positioned = packets.map(({ data }, i) => ({ data, position: i < 10 ? i * 960 : i * 960 + 48_000 + 840 }))
    const file = OggWriter.encode(positioned)
    const frames = readByUs(file)
    assert.strictEqual(frames.reduce((sum, { samples }) => sum + samples, 0), 20 * 960 + 48_000 + 840)
    assert.deepStrictEqual(shown(frames.slice(0, 10)), shown(packets.slice(0, 10)))
    assert.deepStrictEqual(shown(frames.slice(-10)), shown(packets.slice(10)))
    const { channelData, errors, samplesDecoded } = await decode(file)
    assert.deepStrictEqual(errors, [])
    assert.strictEqual(samplesDecoded, 20 * 960 + 48_000 + 840 - 312)
    const hole = channelData[0]?.slice(10 * 960 + 2000, 10 * 960 + 47_000) ?? new Float32Array(1)
    assert.isBelow(hole.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0), 0.001)
  })

  it("adds no silence for overlapping packets, or for gaps shorter than 2.5 ms", () => {
    const positions = [0, 900, 1000, 2880 + 119]
    const file = OggWriter.encode(positions.map((position, i) => ({ data: packet(i).data, position })))
    assert.strictEqual(readByUs(file).length, 4)
  })

  it("lays out its pages as RFC 7845 specifies", () => {
    const packets = Array.from({ length: 175 }, (_, i) => packet(i))
    const pages = readPages(OggWriter.encode(packets, { preSkip: 3840, serial: 99 }))
    assert.deepStrictEqual(pages.map(({ sequence }) => sequence), pages.map((_, i) => i))
    assert.deepStrictEqual(pages.map(({ flags }) => flags), [2, 0, 0, 0, 0, 4])
    assert.deepStrictEqual(pages.map(({ granule }) => Number(granule)), [0, 0, 48_000, 96_000, 144_000, 168_000])
    assert.isTrue(pages.every(({ serial }) => serial === 99))
    assert.strictEqual(Buffer.from(pages[0]?.body ?? []).readUInt16LE(10), 3840)
  })

  it("starts a new page when the segment table is full", () => {
    const packets = Array.from({ length: 20 }, (_, i) => longPacket(i, 6000))
    const file = OggWriter.encode(packets)
    assert.isTrue(readPages(file).every(({ lacing }) => lacing.length <= 255))
    assert.deepStrictEqual(shown(readByUs(file)), shown(packets))
    const many = Array.from({ length: 300 }, (_, i) => packet(i, 0, 20))
    const table = OggWriter.encode(many)
    assert.isTrue(readPages(table).every(({ lacing }) => lacing.length <= 255))
    assert.deepStrictEqual(shown(readByUs(table)), shown(many))
  })

  it("writes comments, including ones longer than a page", async () => {
    for (const length of [10, 64_770, 65_025, 65_200, 200_000]) {
      const title = "é".repeat(length / 2)
      const file = OggWriter.encode([packet(1), packet(2)], { tags: { TITLE: title, ARTIST: "us" }, vendor: "v" })
      const input = new Mediabunny.Input({ formats: [Mediabunny.OGG], source: new Mediabunny.BufferSource(file) })
      const tags = await input.getMetadataTags()
      assert.strictEqual(tags.title, title)
      assert.strictEqual(tags.artist, "us")
      assert.strictEqual(readByUs(file).length, 2)
    }
  })

  it("leaves out packets that are not Opus, and returns undefined for them", () => {
    const writer = OggWriter.make()
    assert.isDefined(writer.add({ data: packet(1).data, position: 0 }))
    assert.isUndefined(writer.add({ data: ascii("\x03"), position: 960 }))
    assert.isUndefined(writer.add({ data: new Uint8Array(0), position: 960 }))
    assert.isDefined(writer.add({ data: packet(2).data, position: 1920 }))
    assert.strictEqual(writer.writtenSamples(), 2880)
  })

  it("writes a file without packets", () => {
    const file = OggWriter.encode([])
    assert.deepStrictEqual(readByUs(file), [])
    assert.deepStrictEqual(readPages(file).map(({ flags }) => flags), [2, 0, 4])
  })
})
