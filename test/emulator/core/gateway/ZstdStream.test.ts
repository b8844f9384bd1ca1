import { assert, describe, it } from "@effect/vitest"
import { constants, zstdDecompressSync } from "node:zlib"
import * as ZstdStream from "../../../../src/emulator/core/gateway/ZstdStream.ts"

const decompress = (chunks: ReadonlyArray<Uint8Array>) =>
  zstdDecompressSync(Buffer.concat(chunks), { finishFlush: constants.ZSTD_e_flush }).toString("utf8")

describe("ZstdStream", () => {
  it("writes one frame in which each message can be read as soon as it arrives", () => {
    const write = ZstdStream.make()
    const texts = ["{}", "", "ä".repeat(100_000), "x".repeat(128 * 1024), "last"]
    const chunks = texts.map(write)
    for (const [i] of texts.entries()) {
      assert.strictEqual(decompress(chunks.slice(0, i + 1)), texts.slice(0, i + 1).join(""))
    }
  })
})
