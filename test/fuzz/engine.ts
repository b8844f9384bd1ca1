/**
 * A small mutating fuzzer. It is deterministic: a parser, a seed and a count always give the same inputs, so the
 * message of a failure is enough to reproduce it.
 */
import { toHex } from "../vectors/hex.ts"

/** A parser under test. */
export interface Parser {
  readonly name: string
  /** The functions of `src/protocol` that it exercises, as `Module.function`. */
  readonly covers: ReadonlyArray<string>
  /** `text`: the input is JSON in UTF-8, and is mutated by its structure too. */
  readonly input: "bytes" | "text"
  /** Valid inputs to start from. */
  readonly seeds: ReadonlyArray<Uint8Array>
  /** Parses, checks every promise of the parser, and returns whether the input was accepted. A throw is a finding. */
  readonly run: (input: Uint8Array) => boolean
}

/** The result of a run. */
export interface Report {
  readonly runs: number
  readonly accepted: number
}

type Random = (bound: number) => number

/** mulberry32: integers from 0 to `bound - 1`. */
const makeRandom = (seed: number): Random => {
  let state = seed >>> 0
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 2 ** 32 * bound)
  }
}

const pick = <A>(random: Random, items: ReadonlyArray<A>, otherwise: A): A => items[random(items.length)] ?? otherwise

const randomBytes = (random: Random, length: number): Uint8Array => Uint8Array.from({ length }, () => random(256))

const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

const edges = [0x00, 0x01, 0x02, 0x03, 0x04, 0x0f, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xfb, 0xfc, 0xfe, 0xff]

const mutateBytes = (random: Random, input: Uint8Array, seeds: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (input.length === 0) return randomBytes(random, random(8))
  const at = random(input.length)
  const length = 1 + random(Math.min(16, input.length - at))
  const bytes = input.slice()
  switch (random(9)) {
    case 0:
      bytes[at] = (input[at] ?? 0) ^ (1 << random(8))
      return bytes
    case 1:
      bytes[at] = pick(random, edges, 0)
      return bytes
    case 2:
      bytes.fill(pick(random, edges, 0), at, at + pick(random, [2, 4, 8], 2))
      return bytes
    case 3:
      bytes[at] = (input[at] ?? 0) + random(9) - 4
      return bytes
    case 4:
      return bytes.subarray(0, at)
    case 5:
      return concat(bytes, randomBytes(random, 1 + random(8)))
    case 6:
      return concat(bytes.subarray(0, at), bytes.subarray(at + length))
    case 7:
      return concat(bytes.subarray(0, at + length), bytes.subarray(at))
    default: {
      const other = pick(random, seeds, input)
      return concat(bytes.subarray(0, at), other.subarray(random(other.length + 1)))
    }
  }
}

const values: ReadonlyArray<unknown> = [
  null,
  true,
  false,
  0,
  -1,
  1,
  1.5,
  65535,
  65536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER + 1,
  1e308,
  5e-324,
  "",
  "0",
  "18446744073709551616",
  "-1",
  "\0",
  "\ud800",
  "é😀",
  "x".repeat(300),
  [],
  [null],
  [[]],
  {},
  { op: 8 },
  { length: 32 },
  Array.from({ length: 32 }, () => 256)
]

const keys = ["op", "d", "s", "t", "seq", "v", "constructor", "__proto__", "toString", "length", ""]

/** Replaces, removes or adds one member somewhere inside; `value` is JSON that belongs to the caller. */
const mutateJson = (random: Random, value: unknown): unknown => {
  if (typeof value !== "object" || value === null || random(8) === 0) return pick(random, values, null)
  if (Array.isArray(value)) {
    const items: Array<unknown> = value.slice()
    const at = random(items.length + 1)
    if (at === items.length || random(4) === 0) items.splice(at, random(2), pick(random, values, null))
    else items[at] = mutateJson(random, items[at])
    return items
  }
  const entries = Object.entries(value)
  const at = random(entries.length + 1)
  const entry = entries[at]
  if (entry === undefined) entries.push([pick(random, keys, "op"), pick(random, values, null)])
  else if (random(4) === 0) entries.splice(at, 1)
  else entries[at] = [entry[0], mutateJson(random, entry[1])]
  return Object.fromEntries(entries)
}

const nothing = new Uint8Array(0)

const nextInput = (random: Random, parser: Parser): Uint8Array => {
  if (random(8) === 0) return randomBytes(random, random(pick(random, [4, 16, 80, 80, 1500], 16)))
  let input = pick(random, parser.seeds, nothing)
  if (parser.input === "text" && random(4) !== 0) {
    let json: unknown = JSON.parse(new TextDecoder().decode(input))
    for (let rounds = 1 + random(3); rounds > 0; rounds--) json = mutateJson(random, json)
    return new TextEncoder().encode(JSON.stringify(json))
  }
  for (let rounds = 1 + random(4); rounds > 0; rounds--) input = mutateBytes(random, input, parser.seeds)
  return input
}

const repeat = (text: string, count: number): Uint8Array => new TextEncoder().encode(text.repeat(count))

/** Inputs that are extreme rather than random, run once for each parser. */
const extremes = (parser: Parser): ReadonlyArray<Uint8Array> =>
  parser.input === "bytes"
    ? [
      nothing,
      ...[0x00, 0x80, 0x90, 0xa0, 0xbf, 0xff].flatMap((byte) =>
        [1, 2, 3, 4, 7, 8, 11, 12, 13, 70, 73, 74, 75, 255, 256, 1275, 1276, 1500, 65507].map((length) =>
          new Uint8Array(length).fill(byte)
        )
      )
    ]
    : [
      nothing,
      repeat("[", 50_000),
      concat(repeat("[", 50_000), repeat("]", 50_000)),
      concat(repeat("{\"d\":", 50_000), repeat("1", 1), repeat("}", 50_000)),
      ...[0, 1, 2, 3, 5, 8, 12, 99].flatMap((op) => [
        concat(repeat(`{"op":${op},"d":`, 1), repeat("[", 20_000), repeat("]", 20_000), repeat("}", 1)),
        concat(repeat(`{"op":${op},"d":{"x":`, 1), repeat("{\"d\":", 20_000), repeat("1", 1), repeat("}", 20_002)),
        repeat(`{"op":${op},"d":${"9".repeat(400)}}`, 1),
        repeat(`{"op":${op},"d":{"__proto__":{"op":1}},"seq":-0,"s":1e400,"t":"constructor"}`, 1)
      ]),
      repeat("\"\\ud800\"", 1),
      repeat("\ufeff{}", 1),
      repeat("null", 1)
    ]

/**
 * Runs the input in the middle of a larger buffer, sometimes as a `Uint8Array` and sometimes as a `Buffer`, because
 * that is how datagrams arrive, and checks that neither the input nor the bytes around it are written to.
 */
const runOne = (parser: Parser, input: Uint8Array, index: number, origin: string): boolean => {
  const offset = index % 5
  const memory = new Uint8Array(offset + input.length + 3).fill(0xa5)
  memory.set(input, offset)
  const before = Buffer.from(memory)
  const window = index % 2 === 0
    ? memory.subarray(offset, offset + input.length)
    : Buffer.from(memory.buffer, offset, input.length)
  try {
    const accepted = parser.run(window)
    if (!before.equals(memory)) throw new Error("the input was written to")
    return accepted
  } catch (cause) {
    throw new Error(`${parser.name} broke on ${origin}: ${toHex(input.subarray(0, 4096))}`, { cause })
  }
}

/**
 * Runs the seeds, the extremes and then `inputs` mutations. With a CPU budget it stops early once the budget is used
 * up, but not before a tenth of the inputs.
 */
export const fuzz = (
  parser: Parser,
  options: { readonly inputs: number; readonly seed: number; readonly cpuMillis?: number | undefined }
): Report => {
  const random = makeRandom(options.seed)
  const started = process.cpuUsage()
  let runs = 0
  let accepted = 0
  const one = (input: Uint8Array, origin: string) => {
    if (runOne(parser, input, runs, origin)) accepted += 1
    runs += 1
  }
  parser.seeds.forEach((input, index) => one(input, `seed input ${index}`))
  extremes(parser).forEach((input, index) => one(input, `extreme ${index}`))
  for (let index = 0; index < options.inputs; index++) {
    one(nextInput(random, parser), `input ${index} of seed ${options.seed}`)
    if (options.cpuMillis !== undefined && index % 64 === 63 && index >= options.inputs / 10) {
      const { system, user } = process.cpuUsage(started)
      if ((system + user) / 1000 > options.cpuMillis) break
    }
  }
  return { runs, accepted }
}
