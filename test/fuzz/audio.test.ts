/**
 * Damaged files of every format, through the readers: no reader throws, none goes on forever, and a file that is not
 * read to its end is reported with a reason. The mutations are those of the other parsers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as ByteSource from "../../src/audio/ByteSource.ts"
import * as AdtsReader from "../../src/audio/format/AdtsReader.ts"
import * as DcaReader from "../../src/audio/format/DcaReader.ts"
import * as FlacReader from "../../src/audio/format/FlacReader.ts"
import * as Mp3Reader from "../../src/audio/format/Mp3Reader.ts"
import * as OpusHead from "../../src/audio/format/OpusHead.ts"
import * as OpusStreams from "../../src/audio/format/OpusStreams.ts"
import type { PacketReader } from "../../src/audio/format/PacketReader.ts"
import * as Playlist from "../../src/audio/format/Playlist.ts"
import * as Tags from "../../src/audio/format/Tags.ts"
import * as Vorbis from "../../src/audio/format/Vorbis.ts"
import * as WavReader from "../../src/audio/format/WavReader.ts"
import * as Icy from "../../src/audio/http/Icy.ts"
import * as WebmReader from "../../src/audio/matroska/WebmReader.ts"
import * as Mp4Fragments from "../../src/audio/mp4/Mp4Fragments.ts"
import * as OggPage from "../../src/audio/ogg/OggPage.ts"
import * as OggReader from "../../src/audio/ogg/OggReader.ts"
import * as Ffprobe from "../../src/audio/process/Ffprobe.ts"
import { collect } from "../audio/listen.ts"
import { blockBody, ebml, element, noise, opusHead, packet, segment, trackEntry, tracks } from "../audio/samples.ts"
import { signal, wav16 } from "../audio/signal.ts"
import { fuzz, type Parser } from "./engine.ts"

const file = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../audio/files/${name}`, import.meta.url)))

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))

const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** Whether anything could be read. */
const read = (make: () => PacketReader, bytes: Uint8Array): boolean => {
  const reader = make()
  let packets = 0
  let last = -1
  const take = () => {
    for (const packet of reader.take()) {
      packets++
      assert.isAtLeast(packet.samples, 0)
      assert.isTrue(Number.isSafeInteger(packet.start), `a packet starts at ${packet.start}`)
      assert.isAtLeast(packet.start, last)
      last = packet.start
    }
  }
  for (let at = 0; at < bytes.length; at += 3000) {
    reader.push(bytes.slice(at, at + 3000))
    take()
  }
  reader.end()
  take()
  const header = reader.header()
  if (header === undefined) assert.isDefined(reader.problem(), "no header, and no word of why")
  else {
    assert.isAbove(header.rate, 0)
    assert.isAbove(header.channels, 0)
    assert.isAtLeast(header.total ?? 0, 0)
    const place = reader.placeIn?.(bytes, 0)
    reader.restart(place ?? { offset: 0, start: 0 })
    last = -Infinity
    reader.push(bytes.slice(Math.min(bytes.length, place?.offset ?? 0)))
    reader.end()
    take()
  }
  return packets > 0
}

const parser = (name: string, make: () => PacketReader, seeds: ReadonlyArray<Uint8Array>): Parser => ({
  name,
  covers: [],
  input: "bytes",
  seeds,
  run: (bytes) => read(make, bytes)
})

/** Repairs the checksums of pages, without which damage inside them would never be read. */
const sealed = (bytes: Uint8Array): Uint8Array => {
  const file = Uint8Array.from(bytes)
  const view = new DataView(file.buffer)
  for (let at = 0; at + OggPage.headerBytes <= file.length; at++) {
    if (!OggPage.isCapture(file, at, file.length)) continue
    const body = at + OggPage.headerBytes + (file[at + 26] ?? 0)
    const end = file.subarray(at + OggPage.headerBytes, body).reduce((sum, length) => sum + length, body)
    if (end > file.length) continue
    view.setUint32(at + 22, OggPage.checksum(file, at, end), true)
    at = end - 1
  }
  return file
}

const surround = file("surround.opus.ogg")

/** With zeros and junk between frames. */
const damaged = (bytes: Uint8Array): Uint8Array =>
  concat(bytes.subarray(0, 3000), new Uint8Array(50), bytes.subarray(3000, 6000), noise(1, 200), bytes.subarray(6000))

/** Blocks in groups, with ends cut off and a part missing between them. */
const silent = concat(
  ebml(),
  segment([
    tracks(trackEntry({ head: opusHead({ gain: 256 }) })),
    ...[0, 1, 9].map((time) => {
      const group = element(
        "a0",
        concat(element("a1", blockBody(1, 0, packet(time).data)), element("75a2", ascii("\x0f\0")))
      )
      return element("1f43b675", concat(element("e7", Uint8Array.of(time, 0)), group, group))
    })
  ])
)

/** The index of two fragments. */
const fragmented = concat(
  ascii("\0\0\0\x0cftypM4A \0\0\0\x08moov\0\0\0\x38sidx\0\0\0\0\0\0\0\x01\0\0\xac\x44\0\0\0\0\0\0\0\0\0\0\0\x02"),
  ascii("\0\0\0\x08\0\0\x04\0\x90\0\0\0\0\0\0\x08\0\0\x04\0\x90\0\0\0\0\0\0\x08moof\0\0\0\x08mdat")
)

const wav = wav16(signal(8000, 0.1), 8000)

const readers: ReadonlyArray<Parser> = [
  parser("WavReader", WavReader.make, [
    wav,
    concat(wav.subarray(0, 36), ascii("LIST\x10\0\0\0INFOINAM\x04\0\0\0name"), wav.subarray(36))
  ]),
  parser("FlacReader", FlacReader.make, [file("chirp-24.flac").slice(0, 12_000)]),
  parser("Mp3Reader", Mp3Reader.make, [
    file("chirp.mp3").slice(0, 3000),
    file("chirp-vbr.mp3").slice(0, 3000),
    damaged(file("chirp.mp3").slice(0, 9000))
  ]),
  parser("AdtsReader", AdtsReader.make, [file("chirp.aac").slice(0, 3000), damaged(file("chirp.aac").slice(0, 9000))]),
  parser("DcaReader", DcaReader.make, [
    concat(
      ascii("DCA1\x1f\0\0\0{\"info\":{\"title\":\"A\"},\"opus\":1}\x03\0\xf8\x01\x02"),
      ascii("\x01\0\xf8\x02\0\xfb\x01")
    )
  ]),
  parser("OggReader", OggReader.make, [
    file("chirp.vorbis.ogg"),
    file("chirp.opus.ogg").slice(0, 9000),
    file("surround.opus.ogg")
  ]),
  {
    ...parser("OggReader, of pages that are whole", OggReader.make, [
      file("chirp.vorbis.ogg"),
      file("chirp.opus.ogg").slice(0, 9000),
      concat(surround, surround)
    ]),
    run: (bytes) => read(OggReader.make, sealed(bytes))
  },
  parser("WebmReader", WebmReader.make, [
    file("chirp.vorbis.webm").slice(0, 7000),
    file("chirp.opus.webm").slice(0, 9000),
    silent
  ]),
  {
    name: "Mp4Fragments.indexed",
    covers: [],
    input: "bytes",
    seeds: [fragmented],
    run: (bytes) => {
      const source = ByteSource.memory(bytes, "bytes")
      const { random } = Effect.runSync(Mp4Fragments.indexed(source))
      assert.isDefined(random)
      const tail = Effect.runSync(random.read(bytes.length, random.size))
      assert.strictEqual(tail.length, random.size - bytes.length)
      return tail.length > 0
    }
  }
]

const id3 = concat(
  ascii(
    "ID3\x04\0\0\0\0\0\x3cTIT2\0\0\0\x05\0\0\x03nameTXXX\0\0\0\x08\0\0\x03my\0tag!TPE1\0\0\0\x0a\0\0\x01\xff\xfea\0b\0c\0d\0"
  ),
  new Uint8Array(6)
)

const tagReaders: ReadonlyArray<Parser> = [
  {
    name: "Tags.id3",
    covers: [],
    input: "bytes",
    seeds: [id3],
    run: (bytes) => Object.keys(Tags.id3(bytes)).length > 0
  },
  {
    name: "Tags.vorbisComments",
    covers: [],
    input: "bytes",
    seeds: [ascii("\x03\0\0\0lib\x02\0\0\0\x07\0\0\0TITLE=x\x08\0\0\0ARTIST=y")],
    run: (bytes) => Object.keys(Tags.vorbisComments(bytes)).length > 0
  },
  {
    name: "Tags.riffInfo",
    covers: [],
    input: "bytes",
    seeds: [ascii("INAM\x04\0\0\0nameIART\x03\0\0\0him\0")],
    run: (bytes) => Object.keys(Tags.riffInfo(bytes)).length > 0
  },
  {
    name: "OpusHead.decode",
    covers: [],
    input: "bytes",
    seeds: [surround.subarray(28, 55)],
    run: (bytes) => {
      const head = OpusHead.decode(bytes)
      if ("kind" in head) return false
      const { channels, decoding } = head
      assert.isTrue(channels >= 1 && channels <= 8, `${channels} channels`)
      if (decoding === undefined) return true
      assert.isTrue(decoding.gain > 0 && decoding.gain < 1e7, `a gain of ${decoding.gain}`)
      assert.strictEqual(decoding.mapping.length, channels)
      for (const index of decoding.mapping) {
        assert.isTrue(index === 255 || index < decoding.streams + decoding.coupled, `channel ${index}`)
      }
      return true
    }
  },
  {
    name: "OpusStreams.split",
    covers: [],
    input: "bytes",
    seeds: [packetsOf(surround)[0] ?? new Uint8Array(0), packetsOf(surround)[5] ?? new Uint8Array(0)],
    run: (bytes) => {
      const parts = OpusStreams.split(bytes, 4)
      if (parts === undefined) return false
      assert.strictEqual(parts.length, 4)
      assert.isAtMost(parts.reduce((sum, { length }) => sum + length, 0), bytes.length)
      return OpusStreams.samples(bytes, { gain: 1, streams: 4, coupled: 2, mapping: [0] }) > 0
    }
  },
  {
    name: "Vorbis.modes",
    covers: [],
    input: "bytes",
    seeds: [setupOf(file("chirp.vorbis.webm"))],
    run: (bytes) => Vorbis.modes(bytes) !== undefined
  }
]

const base = new URL("http://host/list")

const others: ReadonlyArray<Parser> = [
  {
    name: "Icy.parse",
    covers: [],
    input: "bytes",
    seeds: ["StreamTitle='Artist - It's a song';StreamUrl='http://host/a';", "StreamTitle='';a='b';c='d'"].map(ascii),
    run: (bytes) => {
      const tags = Icy.parse(bytes)
      for (const [name, value] of Object.entries(tags ?? {})) {
        assert.match(name, /^\w+$/)
        assert.isTrue(value !== "" && value.length <= 4_096, value)
      }
      return tags !== undefined
    }
  },
  {
    name: "Icy.splitter",
    covers: [],
    input: "bytes",
    seeds: [concat(ascii("\x02abc\x01StreamTitle='a';def\0ghi\x02StreamTitle='b';"), new Uint8Array(16), ascii("jkl"))],
    run: ([first = 0, ...rest]) => {
      const interval = 1 + first % 64
      const bytes = Uint8Array.from(rest)
      const tags: Array<AudioSource.Tags> = []
      const whole = Icy.splitter(interval, (one) => tags.push(one))(bytes)
      assert.isAtMost(whole.length, bytes.length)
      const pieces: Array<Uint8Array> = []
      const take = Icy.splitter(interval, () => undefined)
      for (let at = 0; at < bytes.length; at += 7) pieces.push(take(bytes.subarray(at, at + 7)))
      assert.strictEqual(Buffer.compare(concat(...pieces), whole), 0)
      return tags.length > 0
    }
  },
  {
    name: "Playlist.parse",
    covers: [],
    input: "bytes",
    seeds: [
      "#EXTM3U\r\n#EXTINF:12,A \"b, c\", d\r\nhttp://host/a?b=c\r\n# x\r\nd/e.mp3\r\n",
      "[playlist]\nNumberOfEntries=2\nFile1=http://host/a\nTitle1=A\nLength1=-1\nFile2 = ../b\nVersion=2\n",
      "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"a,b\"\nlow.m3u8\n#EXT-X-ENDLIST\n",
      "<?xml version=\"1.0\"?>\n<playlist><trackList><track><title>A&amp;&#x21;</title><location>a/b</location></track>",
      "<asx version=\"3.0\"><entry><title>A</title><ref href=\"http://host/a?b&amp;c\"/></entry></asx>"
    ].map(ascii),
    run: (bytes) => {
      const { entries } = Playlist.parse(bytes)
      for (const entry of entries) {
        assert.isAbove(entry.location.trim().length, 0)
        assert.isAtMost(entry.location.length, 4_096)
        assert.notMatch(entry.location, /[\r\n]/)
        assert.notStrictEqual(entry.title, "")
        const url = Playlist.resolve(entry, base)
        if (url !== undefined) assert.include(["http:", "https:"], url.protocol)
      }
      Playlist.isPlaylist(bytes, "audio/x-mpegurl")
      return entries.length > 0
    }
  },
  {
    name: "Ffprobe.read",
    covers: [],
    input: "text",
    seeds: [ascii(
      "{\"streams\":[{\"duration\":\"1.5\",\"tags\":{\"a\":\"b\"}}],\"format\":{\"duration\":\"2\",\"tags\":{\"title\":\"x\"}}}"
    )],
    run: (bytes) => {
      const { durationMs, tags } = Ffprobe.read(new TextDecoder().decode(bytes))
      if (durationMs !== undefined) assert.isTrue(Number.isFinite(durationMs) && durationMs > 0)
      for (const value of Object.values(tags)) assert.isString(value)
      return durationMs !== undefined || Object.keys(tags).length > 0
    }
  }
]

function packetsOf(bytes: Uint8Array): ReadonlyArray<Uint8Array> {
  const reader = OggReader.make()
  reader.push(bytes)
  return reader.take().map(({ data }) => data)
}

/** The setup header is the last of three in the description of a WebM track. */
function setupOf(bytes: Uint8Array): Uint8Array {
  const reader = WebmReader.make()
  reader.push(bytes)
  return reader.header()?.setup[2] ?? new Uint8Array(0)
}

describe("audio readers", () => {
  it.each([...readers, ...tagReaders, ...others])("survive damaged input: $name", (reader) => {
    reader.seeds.forEach((seed, index) => assert.isTrue(reader.run(seed), `seed ${index}`))
    const { accepted, runs } = fuzz(reader, { inputs: 2000, seed: 1, cpuMillis: 200 })
    assert.isAtLeast(runs, 200)
    assert.isAtLeast(accepted, 1)
  })

  it.live("survive damaged MP4, through mediabunny and the decoders", () =>
    Effect.gen(function*() {
      for (const name of ["chirp-fast.m4a", "chirp.opus.mp4"]) {
        const bytes = file(name)
        const index = Buffer.from(bytes).indexOf("moov")
        for (let i = 0; i < 25; i++) {
          const damaged = bytes.slice()
          for (let k = 0; k < 4; k++) damaged[index + (i * 7919 + k * 6007) % 1800] = (i * 31 + k * 101) & 255
          const { end } = yield* collect(AudioSource.fromBytes(damaged, { ffmpeg: false }), { limitMs: 500 })
          assert.include(["Done", "Corrupt", "Truncated", "Unsupported"], end)
        }
      }
    }))
})
