import { assert, describe, it } from "@effect/vitest"
import { constants, inflateSync } from "node:zlib"
import * as ZlibStream from "../../../../src/emulator/core/gateway/ZlibStream.ts"

describe("ZlibStream", () => {
  it("writes one zlib stream in which each message ends with the flush marker", () => {
    const write = ZlibStream.make()
    const texts = ["{}", "", "ä".repeat(100_000), "last"]
    const chunks = texts.map(write)
    for (const chunk of chunks) {
      assert.deepStrictEqual(Array.from(chunk.subarray(-4)), [0x00, 0x00, 0xff, 0xff])
    }
    const inflated = inflateSync(Buffer.concat(chunks), { finishFlush: constants.Z_SYNC_FLUSH }).toString("utf8")
    assert.strictEqual(inflated, texts.join(""))
  })

  it("writes a complete zlib stream with checksum for a single message", () => {
    for (const text of ["", "{}", "ä".repeat(100_000)]) {
      assert.strictEqual(inflateSync(ZlibStream.whole(text)).toString("utf8"), text)
    }
  })
})
