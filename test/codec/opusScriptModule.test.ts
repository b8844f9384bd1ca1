import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { moveStack } from "../../src/codec/opusScriptModule.ts"
import { fromHex } from "../vectors/hex.ts"

const binary = readFileSync(
  createRequire(import.meta.url).resolve("opusscript/build/opusscript_native_wasm.wasm")
)

describe("moveStack", () => {
  it("changes only the bytes of the stack pointer", () => {
    const moved = moveStack(binary) ?? new Uint8Array(0)
    assert.strictEqual(moved.length, binary.length)
    const changed = [...binary.keys()].filter((i) => moved[i] !== binary[i])
    assert.isTrue(changed.length >= 1 && changed.length <= 3)
    assert.isAtMost((changed.at(-1) ?? 0) - (changed[0] ?? 0), 2)
  })

  it.each([
    ["nothing", ""],
    ["no globals", "0061736d 01000000 05 03 010001"],
    ["two globals", "0061736d 01000000 06 10 02 7f0141b0d8070b 7f0141b0d8070b 00"],
    ["an address of another length", "0061736d 01000000 06 07 01 7f0141b0580b"],
    ["a constant global", "0061736d 01000000 06 08 01 7f0041b0d8070b"],
    ["a section cut off", "0061736d 01000000 06"]
  ])("returns undefined for a module with %s", (_, hex) => assert.isUndefined(moveStack(fromHex(hex))))
})
