/** What the description of a track says about its sound (RFC 9559, 5.1.4). */
import { assert, describe, it } from "@effect/vitest"
import type { Packet } from "../../../src/audio/format/PacketReader.ts"
import * as WebmCodec from "../../../src/audio/matroska/WebmCodec.ts"
import * as WebmTrack from "../../../src/audio/matroska/WebmTrack.ts"
import { ascii, concat, element, opusHead, packet, trackEntry } from "../samples.ts"

const entry = (fields: Partial<WebmCodec.Entry>): WebmCodec.Entry => ({
  codec: "A_OPUS",
  head: undefined,
  rate: 48_000,
  channels: 2,
  bits: 16,
  delayNs: 0,
  ...fields
})

const sound = (fields: Partial<WebmCodec.Entry>): WebmCodec.Sound => {
  const made = WebmCodec.soundOf(entry(fields))
  assert(made !== undefined && !("kind" in made), JSON.stringify(made))
  return made
}

const kindOf = (fields: Partial<WebmCodec.Entry>) => {
  const made = WebmCodec.soundOf(entry(fields))
  return made !== undefined && "kind" in made ? made.kind : made?.codec
}

const samplesOf = (fields: Partial<WebmCodec.Entry>, bytes = 4) => sound(fields).samples(new Uint8Array(bytes))

describe("WebmCodec", () => {
  it("assumes one or two channels for Opus without a header, and else follows the header", () => {
    assert.deepStrictEqual([1, 2, 6].map((channels) => sound({ channels }).channels), [1, 2, 2])
    assert.deepInclude(sound({ rate: 8_000 }), { rate: 48_000, delay: 0 })
    assert.deepInclude(sound({ head: opusHead({ channels: 1, preSkip: 312 }) }), { channels: 1, delay: 312 })
    const { data, samples }: Pick<Packet, "data" | "samples"> = packet(1, 5)
    assert.strictEqual(sound({}).samples(data), samples)
    assert.strictEqual(sound({}).placeOf?.(data, 179), 120)
    assert.strictEqual(sound({}).placeOf?.(data, 181), 240)
  })

  it("counts the samples of MPEG audio frames by their layer and, in layer III, by the rate", () => {
    assert.strictEqual(samplesOf({ codec: "A_MPEG/L1" }), 384)
    assert.strictEqual(samplesOf({ codec: "A_MPEG/L2" }), 1_152)
    for (const [rate, samples] of [[48_000, 1_152], [44_100, 1_152], [32_000, 1_152], [24_000, 576], [8_000, 576]]) {
      assert.strictEqual(samplesOf({ codec: "A_MPEG/L3", rate: rate ?? 0 }), samples)
    }
    assert.strictEqual(samplesOf({ codec: "A_MPEG/L3" }, 0), -1)
    assert.deepInclude(sound({ codec: "A_MPEG/L3", channels: 6 }), { channels: 2 })
    assert.strictEqual(sound({ codec: "A_MPEG/L3" }).placeOf?.(new Uint8Array(4), 1_800), 2_304)
  })

  it("follows the configuration of AAC, for every rate", () => {
    const rates = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350]
    for (const [index, rate] of rates.entries()) {
      const head = Uint8Array.of((2 << 3) | (index >> 1), ((index & 1) << 7) | (2 << 3))
      assert.deepInclude(sound({ codec: "A_AAC", head }), { rate, setup: [head] })
    }
    const head = Uint8Array.of(0x11, 0x90)
    // 21.333 ms at 48 kHz
    assert.strictEqual(sound({ codec: "A_AAC", head, delayNs: 21_333_333 }).delay, 1_024)
    assert.strictEqual(samplesOf({ codec: "A_AAC", head }), 1_024)
    assert.strictEqual(samplesOf({ codec: "A_AAC", head }, 0), -1)
    for (const wrong of [undefined, Uint8Array.of(0x11), Uint8Array.of(0x17, 0x90), Uint8Array.of(0xf9, 0x90)]) {
      assert.strictEqual(kindOf({ codec: "A_AAC", head: wrong }), "Unsupported", wrong?.join())
    }
  })

  it("accepts only whole PCM samples, in supported formats", () => {
    const pcm = (codec: string, bits: number) => {
      const made = WebmCodec.soundOf(entry({ codec, bits }))
      return made !== undefined && "kind" in made ? made.kind : made?.sampleFormat
    }
    assert.deepStrictEqual([8, 16, 24, 32].map((bits) => pcm("A_PCM/INT/LIT", bits)), ["u8", "s16le", "s24le", "s32le"])
    assert.deepStrictEqual([8, 16, 24, 32].map((bits) => pcm("A_PCM/INT/BIG", bits)), ["u8", "s16be", "s24be", "s32be"])
    assert.deepStrictEqual([32, 64].map((bits) => pcm("A_PCM/FLOAT/IEEE", bits)), ["f32le", "f64le"])
    assert.deepStrictEqual([0, 12].map((bits) => pcm("A_PCM/INT/LIT", bits)), ["Unsupported", "Unsupported"])
    const stereo = { codec: "A_PCM/INT/LIT", bits: 24 }
    assert.deepStrictEqual([0, 5, 6, 7, 600].map((bytes) => samplesOf(stereo, bytes)), [-1, -1, 1, -1, 100])
    const { placeOf } = sound(stereo)
    // a position within a millisecond of a multiple of the packet length counts as that multiple
    assert.deepStrictEqual([96, 104, 140, 200].map((at) => placeOf?.(new Uint8Array(600), at)), [100, 100, 100, 200])
    assert.strictEqual(placeOf?.(new Uint8Array(60_000), 5_100.4), 5_100)
  })

  it("refuses channels and rates that cannot be played, and Vorbis without exactly three headers", () => {
    for (const fields of [{ channels: 0 }, { channels: 9 }, { rate: 999 }, { rate: 768_001 }, { rate: Number.NaN }]) {
      assert.strictEqual(kindOf({ codec: "A_PCM/INT/LIT", ...fields }), "Unsupported", JSON.stringify(fields))
    }
    assert.strictEqual(kindOf({ codec: "A_PCM/INT/LIT", channels: 8, rate: 768_000 }), "pcm")
    assert.isUndefined(kindOf({ codec: "toString" }))
    const first = Buffer.alloc(30)
    first.set(ascii("\x01vorbis"))
    first[11] = 2
    first.writeUInt32LE(44_100, 12)
    first.set([0xb8, 1], 28)
    // one mode with short blocks, and the framing flag
    const modes = Uint8Array.of(0, 0, 0, 0, 0, 0x40)
    const setup = concat(ascii("\x05vorbis"), Uint8Array.of(0x55), new Uint8Array(5), modes)
    const three = concat(Uint8Array.of(2, 30, 1), first, Uint8Array.of(3), setup)
    const four = concat(Uint8Array.of(3, 30, 1, setup.length), first, Uint8Array.of(3), setup, Uint8Array.of(0))
    assert.strictEqual(kindOf({ codec: "A_VORBIS", head: three }), "vorbis")
    assert.strictEqual(kindOf({ codec: "A_VORBIS", head: four }), "Corrupt")
    assert.strictEqual(kindOf({ codec: "A_VORBIS" }), "Corrupt")
  })
})

describe("WebmTrack", () => {
  const choose = (...entries: ReadonlyArray<Uint8Array>) => WebmTrack.choose(concat(...entries))
  const field = (id: string, ...values: ReadonlyArray<number>) => element(id, Uint8Array.of(...values))

  it("uses the specified defaults for fields that a track leaves out", () => {
    const bare = concat(field("d7", 1), field("83", 2), element("86", ascii("A_PCM/INT/LIT")))
    const pcm = choose(element("ae", concat(bare, element("e1", field("6264", 16)))))
    assert.deepInclude(pcm, { rate: 8_000, channels: 1, sampleFormat: "s16le" })
  })

  it("ignores encodings that do not apply to the blocks", () => {
    const encoded = (scope: number, algorithm: number) => {
      const settings = concat(field("4254", algorithm), field("4255", 9))
      const encodings = element("6d80", element("6240", concat(field("5032", scope), element("5034", settings))))
      const fields = concat(field("d7", 1), field("83", 2), element("86", ascii("A_OPUS")), encodings)
      const track = choose(element("ae", fields))
      return "kind" in track ? track.kind : track.stripped
    }
    assert.deepStrictEqual(encoded(1, 3), Uint8Array.of(9))
    assert.deepStrictEqual(encoded(3, 3), Uint8Array.of(9))
    assert.isUndefined(encoded(2, 3))
    assert.isUndefined(encoded(2, 0))
    assert.strictEqual(encoded(1, 0), "Unsupported")
  })

  it("refuses a track whose header bytes are stripped twice", () => {
    const one = element("6240", element("5034", concat(field("4254", 3), field("4255", 9))))
    const fields = concat(
      field("d7", 1),
      field("83", 2),
      element("86", ascii("A_OPUS")),
      element("6d80", concat(one, one))
    )
    assert.deepInclude(choose(element("ae", fields)), { kind: "Unsupported" })
  })

  it("allows a mono track to be followed by stereo of the same codec, except for PCM", () => {
    const header = (fields: Parameters<typeof trackEntry>[0]) => {
      const track = choose(trackEntry(fields))
      assert(!("kind" in track))
      return { track, header: WebmTrack.headerOf(track, {}) }
    }
    const opus = [1, 2].map((channels) => header({ head: opusHead({ channels }) }))
    const pcm = [1, 2].map((channels) =>
      header({ codec: "A_PCM/INT/LIT", head: null, bits: 16, channels, rate: 48_000 })
    )
    const refusal = ([first, second]: typeof opus) =>
      first === undefined || second === undefined ? "none" : WebmTrack.refusal(first.header, second.track)
    assert.isUndefined(refusal(opus))
    assert.match(refusal(pcm) ?? "", /number of channels/)
  })
})
