import { assert, describe, it } from "@effect/vitest"
import type { Header } from "../../../src/audio/format/PacketReader.ts"
import * as OggStream from "../../../src/audio/ogg/OggStream.ts"
import { ascii, concat, opusHead } from "../samples.ts"

/** The identification header of Vorbis with short blocks of 256 and long blocks of 2048 samples. */
const vorbisHead = (channels: number, rate = 44_100): Uint8Array => {
  const packet = new Uint8Array(30)
  packet.set(concat(ascii("\x01vorbis"), new Uint8Array(4)))
  const view = new DataView(packet.buffer)
  view.setUint8(11, channels)
  view.setUint32(12, rate, true)
  view.setUint8(28, 0xb8)
  view.setUint8(29, 1)
  return packet
}

const header: Header = {
  codec: "opus",
  rate: 48_000,
  channels: 2,
  setup: [],
  sampleFormat: undefined,
  delay: 312,
  total: undefined,
  warmUp: 0,
  tags: {}
}

/** Why the stream of this packet cannot follow the first one, if it cannot. */
const refusal = (first: Header, packet: Uint8Array): string | undefined => {
  const stream = OggStream.identify(packet, first)
  return stream !== undefined && "kind" in stream ? stream.detail : undefined
}

describe("OggStream", () => {
  it("identifies Opus and Vorbis, and names other codecs", () => {
    assert.deepInclude(OggStream.identify(opusHead()), { codec: "opus", rate: 48_000, channels: 2 })
    assert.deepInclude(OggStream.identify(vorbisHead(1)), { codec: "vorbis", rate: 44_100, channels: 1, preSkip: 0 })
    assert.deepInclude(OggStream.identify(vorbisHead(255)), { kind: "Unsupported" })
    assert.deepInclude(OggStream.identify(vorbisHead(2).subarray(0, 20)), { kind: "Corrupt" })
    assert.isUndefined(OggStream.identify(ascii("Speex   1.2")))
    assert.strictEqual(OggStream.codecName(ascii("Speex   1.2")), "Speex")
    assert.strictEqual(OggStream.codecName(new Uint8Array(0)), "an unknown codec")
  })

  it("allows only a stream to follow that can be played after the first", () => {
    assert.isUndefined(refusal(header, opusHead()))
    assert.match(refusal(header, vorbisHead(2)) ?? "", /codec or sample rate/)
    const decoding = { gain: 2, streams: 1, coupled: 1, mapping: [0, 1] }
    assert.isUndefined(refusal({ ...header, opus: decoding }, opusHead()))
    assert.isUndefined(refusal(header, opusHead({ gain: 256 })))
    const vorbis: Header = { ...header, codec: "vorbis", rate: 44_100 }
    assert.isUndefined(refusal(vorbis, vorbisHead(2)))
    assert.match(refusal(vorbis, vorbisHead(2, 48_000)) ?? "", /codec or sample rate/)
  })
})
