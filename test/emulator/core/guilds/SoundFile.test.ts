import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as SoundFile from "../../../../src/emulator/core/guilds/SoundFile.ts"
import * as Sounds from "../sounds.ts"

const read = (data: Uint8Array) => {
  const file = SoundFile.read(data)
  return typeof file === "string" ? file : file.contentType
}

describe("SoundFile", () => {
  it("recognizes Ogg and MP3 by their content, and nothing else", () => {
    assert.strictEqual(read(readFileSync(new URL("../../../../examples/song.ogg", import.meta.url))), "audio/ogg")
    assert.strictEqual(read(Sounds.ogg(1)), "audio/ogg")
    assert.strictEqual(read(Sounds.vorbis(1)), "audio/ogg")
    assert.strictEqual(read(Sounds.mp3(10)), "audio/mpeg")
    assert.strictEqual(read(Sounds.mp3(10, { tag: 1_000 })), "audio/mpeg")
    for (const text of ["RIFF....WAVE", "", "O", "\xff\xfb", "ÿûÿÿ"]) {
      assert.strictEqual(read(Buffer.from(text, "latin1")), "wrong-type", text)
    }
    const data = Sounds.ogg(1)
    assert.deepStrictEqual(SoundFile.read(data), { contentType: "audio/ogg", data: new Uint8Array(data) })
  })

  it("accepts sounds of at most 5.2 seconds", () => {
    assert.strictEqual(read(Sounds.ogg(5.2)), "audio/ogg")
    assert.strictEqual(read(Sounds.ogg(5.21)), "too-long")
    assert.strictEqual(read(Sounds.vorbis(5.2)), "audio/ogg")
    assert.strictEqual(read(Sounds.vorbis(5.21, 8_000)), "too-long")
    // 199 frames of 1152 samples, 26 ms each.
    assert.strictEqual(read(Sounds.mp3(199)), "audio/mpeg")
    assert.strictEqual(read(Sounds.mp3(200)), "too-long")
    assert.strictEqual(read(Sounds.mp3(199, { tag: 300, table: "Xing" })), "audio/mpeg")
    assert.strictEqual(read(Sounds.mp3(199, { isLower: true })), "audio/mpeg")
    assert.strictEqual(read(Sounds.mp3(200, { isLower: true })), "too-long")
  })

  it("refuses files without a duration", () => {
    assert.strictEqual(read(Sounds.ogg(0)), "no-duration")
    assert.strictEqual(read(Sounds.vorbis(1, 0)), "no-duration")
    assert.strictEqual(read(Sounds.ogg(1).subarray(0, 27)), "no-duration")
    assert.strictEqual(read(Sounds.ogg(1).subarray(0, 20)), "no-duration")
    assert.strictEqual(read(Buffer.from("ID3")), "no-duration")
    assert.strictEqual(read(Sounds.mp3(1, { tag: 500 }).subarray(0, 100)), "no-duration")
  })

  it("accepts files of at most 512 KiB", () => {
    const largest = Sounds.ogg(1, 500_000)
    const file = Buffer.concat([largest, new Uint8Array(SoundFile.most.bytes - largest.length)])
    assert.strictEqual(read(file), "audio/ogg")
    assert.strictEqual(read(Buffer.concat([file, new Uint8Array(1)])), "too-large")
  })
})
