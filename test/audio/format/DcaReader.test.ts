import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as DcaReader from "../../../src/audio/format/DcaReader.ts"
import { collect } from "../listen.ts"
import { ascii, concat, mixed, type Packet, packet, shown } from "../samples.ts"

const description = {
  dca: { version: 1, tool: { name: "dca", version: "1.0.0", url: "", author: "" } },
  opus: { mode: "voip", sample_rate: 48_000, frame_size: 960, abr: 64_000, vbr: true, channels: 2 },
  info: { title: "A Song", artist: "The Tests", album: "", genre: null, comments: "None", cover: null },
  extra: {}
}

const head = (json: string, length?: number): Uint8Array => {
  const text = new TextEncoder().encode(json)
  const size = Buffer.alloc(4)
  size.writeInt32LE(length ?? text.length)
  return concat(ascii("DCA1"), size, text)
}

const framed = ({ data }: Packet): Uint8Array => concat(Uint8Array.of(data.length & 255, data.length >> 8), data)

const dca = (packets: ReadonlyArray<Packet>, json: string = JSON.stringify(description)): Uint8Array =>
  concat(head(json), ...packets.map(framed))

const run = (bytes: Uint8Array, chunk = bytes.length) => {
  const reader = DcaReader.make()
  const packets: Array<Packet> = []
  for (let at = 0; at < bytes.length; at += chunk) {
    reader.push(bytes.slice(at, at + chunk))
    packets.push(...reader.take())
  }
  reader.end()
  packets.push(...reader.take())
  return { packets: shown(packets), kind: reader.problem()?.kind, header: reader.header() }
}

const Chunk = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 3000 })))
const Seed = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1000 })))

describe("DCA1", () => {
  it.prop("returns every packet bit for bit, however the file is cut into chunks", [Seed, Chunk], ([seed, chunk]) => {
    const packets = mixed(seed)
    const { header, kind, packets: found } = run(dca(packets), chunk)
    assert.deepStrictEqual([found, kind], [shown(packets), undefined])
    assert.deepInclude(header, { codec: "opus", channels: 2, delay: 0 })
    assert.deepStrictEqual(header?.tags, { title: "A Song", artist: "The Tests", comment: "None" })
  })

  it("is Truncated at every cut inside a packet, and returns the packets before it", () => {
    const packets = mixed(2, 6)
    const file = dca(packets)
    let end = dca([]).length
    const ends = [end]
    for (const one of packets) ends.push(end += framed(one).length)
    for (let cut = 4; cut < file.length; cut += 7) {
      const { kind, packets: found } = run(file.subarray(0, cut))
      const whole = ends.filter((end) => end <= cut).length - 1
      assert.deepStrictEqual(
        [kind, found],
        [ends.includes(cut) ? undefined : "Truncated", shown(packets.slice(0, Math.max(0, whole)))],
        `cut at ${cut}`
      )
    }
  })

  it("is Corrupt at an invalid packet, and returns the packets before it", () => {
    const good = packet(1)
    for (const bad of [Uint8Array.of(0, 0), Uint8Array.of(255, 255, 1), Uint8Array.of(1, 0, 3)]) {
      const { kind, packets } = run(concat(dca([good]), bad, framed(good)))
      assert.deepStrictEqual([kind, packets], ["Corrupt", shown([good])])
    }
    assert.strictEqual(run(head("{}", -1)).kind, "Corrupt")
  })

  it("plays despite an unreadable description, or one that is too long", () => {
    const good = packet(1)
    const long = JSON.stringify({ info: { title: "x", cover: "y".repeat(1_100_000) } })
    for (const json of ["", "{", "null", "[]", "{\"info\":[],\"opus\":3}", "{\"info\":{\"title\":5}}", long]) {
      const { header, kind, packets } = run(dca([good], json), 50_000)
      assert.deepStrictEqual([kind, packets, header?.tags], [undefined, shown([good]), {}], json.slice(0, 30))
    }
    assert.strictEqual(run(dca([good], "{\"opus\":{\"channels\":1}}")).header?.channels, 1)
  })

  it.live("is recognized by its first bytes, and can seek unless it is streamed", () =>
    Effect.gen(function*() {
      const packets = Array.from({ length: 200 }, (_, i) => packet(i))
      const file = dca(packets)
      const source = AudioSource.fromBytes(file, { ffmpeg: false })
      const played = yield* collect(source)
      assert.deepStrictEqual([played.end, shown(played.frames)], ["Done", shown(packets)])
      assert.deepInclude(played.tags, { title: "A Song" })
      for (const seekMs of [0, 25, 1_999, 3_000]) {
        const { frames, soughtMs } = yield* collect(source, { seekMs })
        const index = Math.floor(seekMs / 20)
        assert.deepStrictEqual([soughtMs, shown(frames)], [index * 20, shown(packets.slice(index))])
      }
      const streamed = yield* collect(AudioSource.fromStream(Stream.make(file), { ffmpeg: false }))
      assert.deepStrictEqual([streamed.end, streamed.frames.length, streamed.seekable], ["Done", 200, false])
      const none = yield* collect(AudioSource.fromBytes(ascii("DCA1"), { ffmpeg: false }))
      assert.strictEqual(none.end, "Truncated")
    }))

  it("continues counting from the offset and time of a restart", () => {
    const packets = [packet(1), packet(2)]
    const reader = DcaReader.make()
    reader.push(dca(packets))
    const places = reader.take().map(({ offset, start }) => ({ offset, start }))
    const [first, second] = places
    assert(first !== undefined && second !== undefined)
    reader.restart(second)
    reader.push(concat(...packets.map(framed)))
    const step = second.offset - first.offset
    assert.deepStrictEqual(reader.take().map(({ offset, start }) => ({ offset, start })), [
      second,
      { offset: second.offset + step, start: 2 * second.start }
    ])
  })
})
