import { assert, describe, it } from "@effect/vitest"
import * as Tags from "../../../src/audio/format/Tags.ts"
import { concat } from "../samples.ts"

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))

const frame = (id: string, body: Uint8Array, version: number): Uint8Array => {
  const header = new Uint8Array(version === 2 ? 6 : 10)
  header.set(ascii(id))
  const size = body.length
  if (version === 2) header.set([size >> 16, size >> 8, size], 3)
  else if (version === 3) header.set([size >> 24, size >> 16, size >> 8, size], 4)
  else header.set([size >> 21, (size >> 14) & 127, (size >> 7) & 127, size & 127], 4)
  return new Uint8Array(Buffer.concat([header, body]))
}

const id3 = (version: number, frames: ReadonlyArray<Uint8Array>, flags = 0): Uint8Array => {
  const body = Buffer.concat([...frames, new Uint8Array(20)])
  const size = body.length
  const header = Uint8Array.of(
    0x49,
    0x44,
    0x33,
    version,
    0,
    flags,
    size >> 21,
    (size >> 14) & 127,
    (size >> 7) & 127,
    size & 127
  )
  return new Uint8Array(Buffer.concat([header, body]))
}

describe("Tags", () => {
  it("reads ID3v2 in all versions and encodings", () => {
    const latin = ascii("\x00Caf\xe9\0")
    const wide = new Uint8Array(Buffer.concat([Uint8Array.of(1, 0xff, 0xfe), Buffer.from("Ünïcode\0", "utf16le")]))
    const big = new Uint8Array(Buffer.concat([Uint8Array.of(2), Buffer.from("Big", "utf16le").swap16()]))
    const utf8 = new Uint8Array(Buffer.from("\x03日本", "utf8"))
    assert.deepStrictEqual(
      Tags.id3(
        id3(3, [
          frame("TIT2", latin, 3),
          frame("TPE1", wide, 3),
          frame("APIC", new Uint8Array(300), 3),
          frame("TALB", big, 3)
        ])
      ),
      {
        title: "Café",
        artist: "Ünïcode",
        album: "Big"
      }
    )
    assert.deepStrictEqual(Tags.id3(id3(4, [frame("TIT2", utf8, 4), frame("TXXX", ascii("\x00Mood\0calm"), 4)])), {
      title: "日本",
      mood: "calm"
    })
    assert.deepStrictEqual(Tags.id3(id3(2, [frame("TT2", latin, 2), frame("TRK", ascii("\x003/9"), 2)])), {
      title: "Café",
      tracknumber: "3/9"
    })
    const long = ascii(`\x00${"x".repeat(200)}`)
    assert.deepStrictEqual(Tags.id3(id3(4, [frame("TIT2", long, 4), frame("TPE1", latin, 4)])).artist, "Café")
    assert.deepStrictEqual(Tags.id3(id3(3, [frame("TIT2", ascii("\x00a\xff\0b"), 3)], 0x80)), {
      title: "a\xffb".replace("\xff", "ÿ")
    })
    assert.strictEqual(Tags.id3Bytes(id3(3, []), 0), 30)
    assert.strictEqual(Tags.id3Bytes(ascii("TAG"), 0), 0)
  })

  it("reads ID3v2.4 with frame sizes as in version 3, as iTunes wrote them", () => {
    const long = ascii(`\x00${"x".repeat(200)}`)
    const plain = (id: string, body: Uint8Array) => frame(id, body, 3)
    const tag = id3(4, [
      plain("TIT2", long),
      plain("APIC", new Uint8Array(70_000).fill(7)),
      plain("TPE1", ascii("\x00me"))
    ])
    assert.deepStrictEqual(Tags.id3(tag), { title: "x".repeat(200), artist: "me" })
  })

  it("reads ID3v2.4 frames that are unsynchronised or begin with a data length", () => {
    const flagged = (id: string, body: Uint8Array, flags: number) => {
      const bytes = frame(id, body, 4)
      bytes[9] = flags
      return bytes
    }
    const wide = Buffer.concat([Uint8Array.of(1, 0xff, 0x00, 0xfe), Buffer.from("wide", "utf16le")])
    const tag = id3(4, [
      flagged("TIT2", wide, 2),
      flagged("TPE1", concat(Uint8Array.of(0, 0, 0, 3), ascii("\x00me")), 1),
      flagged("TALB", concat(Uint8Array.of(0, 0, 0, 11), wide), 3)
    ], 0x80)
    assert.deepStrictEqual(Tags.id3(tag), { title: "wide", artist: "me", album: "wide" })
  })

  it("reads RIFF tags as UTF-8, or as Latin-1 if they are not valid UTF-8", () => {
    const chunk = (id: string, value: Uint8Array) =>
      concat(ascii(id), Uint8Array.of(value.length, 0, 0, 0), value, new Uint8Array(value.length & 1))
    const bytes = concat(chunk("INAM", new Uint8Array(Buffer.from("Café"))), chunk("IART", ascii("Caf\xe9")))
    assert.deepStrictEqual(Tags.riffInfo(bytes), { title: "Café", artist: "Café" })
  })

  it("keeps the first value of each name, in lower case, within its size limits", () => {
    const tags: Tags.MutableTags = {}
    Tags.add(tags, "TITLE", "one")
    Tags.add(tags, "Title", "two")
    Tags.add(tags, "empty", " \0")
    Tags.add(tags, "picture", "x".repeat(5000))
    Tags.add(tags, "__proto__", "own")
    assert.deepStrictEqual(Object.entries(tags), [["title", "one"], ["__proto__", "own"]])
    for (let i = 0; i < 1000; i++) Tags.add(tags, `n${i}`, "v")
    assert.strictEqual(Object.keys(tags).length, 256)
  })

  it("reads truncated comments as far as they go", () => {
    const bytes = ascii("\x03\0\0\0lib\x02\0\0\0\x07\0\0\0TITLE=x\x08\0\0\0ARTIST=y")
    assert.deepStrictEqual(Tags.vorbisComments(bytes), { title: "x", artist: "y" })
    assert.deepStrictEqual(Tags.vorbisComments(bytes.subarray(0, -1)), { title: "x" })
    for (let size = 0; size < bytes.length; size++) Tags.vorbisComments(bytes.subarray(0, size))
  })
})
