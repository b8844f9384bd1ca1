/**
 * A short fuzz run of every parser: 3,000 inputs each, or fewer once 150 ms of CPU time are used up, but never fewer than
 * 300. The whole file stays below 6 s of CPU time.
 */
import { assert, describe, it } from "@effect/vitest"
import * as protocol from "../../src/protocol/index.ts"
import { fuzz, type Parser } from "./engine.ts"
import { parsers, parsersOf } from "./parsers.ts"

const inputs = 3_000
const cpuMillis = 150

describe("fuzz", () => {
  it.each(parsers)("survives mutated input: $name", (parser) => {
    const { accepted, runs } = fuzz(parser, { inputs, seed: 1, cpuMillis })
    assert.isAtLeast(runs, inputs / 10)
    assert.isAtLeast(accepted, parser.seeds.length / 2, "mutations that are all refused test nothing")
    assert.isBelow(accepted, runs, "and neither do those that are all taken")
  })

  it("covers every parser of the protocol", () => {
    const exported = Object.entries(protocol).flatMap(([name, module]) => parsersOf(name, module))
    const covered = new Set(parsers.flatMap(({ covers }) => covers))
    assert.isAtLeast(exported.length, 15)
    assert.deepStrictEqual(exported.filter((name) => !covered.has(name)), [])
  })

  it("starts from valid bytes", () => {
    for (const parser of parsers.filter(({ input }) => input === "bytes")) {
      parser.seeds.forEach((seed, index) => assert.isTrue(parser.run(seed), `${parser.name}, seed input ${index}`))
    }
  })

  const broken = (run: Parser["run"]): Parser => ({
    name: "broken",
    covers: [],
    input: "bytes",
    seeds: [Uint8Array.of(1, 2, 3)],
    run
  })

  it("finds a parser that throws and one that writes to its input, and names the input", () => {
    const thrower = broken((bytes) => {
      if (bytes.length === 2) throw new TypeError("length 2")
      return true
    })
    assert.throws(() => fuzz(thrower, { inputs, seed: 1 }), /broken broke on .*: [0-9a-f]{4}$/)
    const writer = broken((bytes) => {
      bytes[0] = 7
      return true
    })
    assert.throws(() => fuzz(writer, { inputs, seed: 1 }), /broken broke on seed input 0: 010203$/)
  })

  it("generates the same inputs for the same seed", () => {
    const record = (seed: number) => {
      const seen: Array<string> = []
      fuzz(broken((bytes) => seen.push(bytes.join()) > 0), { inputs: 200, seed })
      return seen
    }
    assert.deepStrictEqual(record(5), record(5))
    assert.notDeepEqual(record(5), record(6))
  })
})
