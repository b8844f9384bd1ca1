/**
 * The long fuzz run: 1,000,000 inputs for every parser, several minutes in total. `FUZZ_SEED` (an integer) selects
 * other inputs.
 */
import { assert, describe, it } from "@effect/vitest"
import { fuzz } from "./engine.ts"
import { parsers } from "./parsers.ts"

const seed = Number(process.env["FUZZ_SEED"] ?? "2")

describe(`fuzz with seed ${seed}`, () => {
  it.each(parsers)("survives mutated input: $name", (parser) => {
    assert.isTrue(Number.isInteger(seed), "FUZZ_SEED must be an integer")
    const { accepted, runs } = fuzz(parser, { inputs: 1_000_000, seed })
    assert.isAtLeast(runs, 1_000_000)
    assert.isAbove(accepted, parser.seeds.length)
  })
})
