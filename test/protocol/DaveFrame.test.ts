import { assert, describe, it } from "@effect/vitest"
import { Result, type Schema } from "effect"
import * as DaveFrame from "../../src/protocol/DaveFrame.ts"

const bytes = (hex: string) => Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16))

const succeed = <A>(result: Result.Result<A, DaveFrame.FrameError>): A => {
  if (Result.isFailure(result)) assert.fail(result.failure.message)
  return result.success
}

const failure = <A>(result: Result.Result<A, DaveFrame.FrameError>): DaveFrame.FrameError => {
  if (Result.isSuccess(result)) assert.fail("expected a failure")
  return result.failure
}

describe("vectors", () => {
  const client: Record<string, readonly [wire: Uint8Array, frame: DaveFrame.ClientFrame]> = {
    "Key Package": [bytes("1a 0001 0002"), { op: 26, keyPackage: bytes("00010002") }],
    "Commit Welcome": [bytes("1c 0001 0001 ff"), { op: 28, payload: bytes("00010001ff") }],
    "nothing but the opcode": [bytes("1a"), { op: 26, keyPackage: new Uint8Array(0) }]
  }
  for (const [name, [wire, frame]] of Object.entries(client)) {
    it(`client: ${name}`, () => {
      assert.deepStrictEqual(succeed(DaveFrame.encodeClient(frame)), wire)
      assert.deepStrictEqual(succeed(DaveFrame.decodeClient(wire)), frame)
    })
  }

  const server: Record<string, readonly [wire: Uint8Array, frame: DaveFrame.ServerFrame]> = {
    "External Sender": [
      bytes("0000 19 4041 04"),
      { op: 25, seq: 0, externalSender: bytes("404104") }
    ],
    "Proposals, append": [
      bytes("0102 1b 00 0a0b"),
      { op: 27, seq: 0x0102, operation: "append", payload: bytes("0a0b") }
    ],
    "Proposals, revoke": [
      bytes("ffff 1b 01 20"),
      { op: 27, seq: 0xffff, operation: "revoke", payload: bytes("20") }
    ],
    "Announce Commit Transition": [
      bytes("0003 1d 0000 0001 0001"),
      { op: 29, seq: 3, transitionId: 0, commit: bytes("00010001") }
    ],
    "Welcome": [
      bytes("8000 1e fedc 0002"),
      { op: 30, seq: 0x8000, transitionId: 0xfedc, welcome: bytes("0002") }
    ]
  }
  for (const [name, [wire, frame]] of Object.entries(server)) {
    it(`server: ${name}`, () => {
      assert.deepStrictEqual(succeed(DaveFrame.encodeServer(frame)), wire)
      assert.deepStrictEqual(succeed(DaveFrame.decodeServer(wire)), frame)
      for (const version of [8, 9] as const) {
        assert.deepStrictEqual(succeed(DaveFrame.encodeServer(frame, version)), wire)
      }
      // as serenity-voice-model 0.3 reads them on version 4
      for (const version of [4, 5, 6, 7] as const) {
        assert.deepStrictEqual(succeed(DaveFrame.encodeServer(frame, version)), wire.subarray(2))
      }
    })
  }

  it("reads a frame in the middle of a Node Buffer as plain views of it", () => {
    const pool = Buffer.from("ffff00031d000100aaff", "hex")
    const frame = succeed(DaveFrame.decodeServer(pool.subarray(2, 9)))
    assert.deepStrictEqual(frame, { op: 29, seq: 3, transitionId: 1, commit: bytes("00aa") })
    if (frame.op !== 29) assert.fail()
    assert.isFalse(Buffer.isBuffer(frame.commit))
    assert.strictEqual(frame.commit.buffer, pool.buffer)
  })
})

describe("round trip", () => {
  const clientSchema: Schema.Codec<DaveFrame.ClientFrame, unknown> = DaveFrame.ClientFrame
  it.prop("keeps client frames", [clientSchema], ([frame]) => {
    assert.deepStrictEqual(succeed(DaveFrame.decodeClient(succeed(DaveFrame.encodeClient(frame)))), frame)
  }, { arbitrary: { runs: 500 } })

  const serverSchema: Schema.Codec<DaveFrame.ServerFrame, unknown> = DaveFrame.ServerFrame
  it.prop("keeps server frames", [serverSchema], ([frame]) => {
    assert.deepStrictEqual(succeed(DaveFrame.decodeServer(succeed(DaveFrame.encodeServer(frame)))), frame)
  }, { arbitrary: { runs: 500 } })
})

describe("rejects", () => {
  it("every frame that ends within its fixed fields", () => {
    const fixed = { "0000 19": 3, "0000 1b 00": 4, "0000 1d 0000": 5, "0000 1e 0000": 5 }
    for (const [hex, length] of Object.entries(fixed)) {
      const whole = bytes(hex)
      assert.strictEqual(whole.length, length)
      succeed(DaveFrame.decodeServer(whole))
      for (let end = 0; end < length; end++) {
        const error = failure(DaveFrame.decodeServer(whole.subarray(0, end)))
        assert.strictEqual(error.kind, "TooShort")
        assert.strictEqual(error.op, end < 3 ? undefined : whole[2])
      }
    }
    assert.strictEqual(failure(DaveFrame.decodeClient(new Uint8Array(0))).kind, "TooShort")
  })

  it("every opcode that does not belong to its direction", () => {
    for (let op = 0; op < 256; op++) {
      const client = DaveFrame.decodeClient(Uint8Array.of(op, 0, 0, 0))
      if (op === 26 || op === 28) assert.strictEqual(succeed(client).op, op)
      else assert.deepStrictEqual([failure(client).kind, failure(client).op], ["UnknownOp", op])

      const server = DaveFrame.decodeServer(Uint8Array.of(0, 0, op, 0, 0))
      if (op === 25 || op === 27 || op === 29 || op === 30) assert.strictEqual(succeed(server).op, op)
      else assert.deepStrictEqual([failure(server).kind, failure(server).op], ["UnknownOp", op])
    }
  })

  it("every operation but 0 and 1", () => {
    for (let operation = 2; operation < 256; operation++) {
      const error = failure(DaveFrame.decodeServer(Uint8Array.of(0, 0, 27, operation)))
      assert.strictEqual(error.kind, "UnknownOperation")
    }
  })

  it("numbers that do not fit 16 bits, when encoding", () => {
    for (const n of [-1, 65536, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const empty = new Uint8Array(0)
      const seq = failure(DaveFrame.encodeServer({ op: 25, seq: n, externalSender: empty }))
      assert.deepStrictEqual([seq.kind, seq.op], ["OutOfRange", 25])
      const commit = failure(DaveFrame.encodeServer({ op: 29, seq: 0, transitionId: n, commit: empty }))
      assert.deepStrictEqual([commit.kind, commit.op], ["OutOfRange", 29])
      const welcome = failure(DaveFrame.encodeServer({ op: 30, seq: 0, transitionId: n, welcome: empty }))
      assert.deepStrictEqual([welcome.kind, welcome.op], ["OutOfRange", 30])
    }
  })
})

describe("hostile input", () => {
  const random = (seed: number) => () => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), seed | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }

  it("never throws, and writes back byte for byte what it accepts: 20,000 frames each way", () => {
    const next = random(20261122)
    const byte = () => Math.floor(next() * 256)
    let accepted = 0
    for (let i = 0; i < 20_000; i++) {
      const frame = Uint8Array.from({ length: Math.floor(next() * 12) }, byte)
      const at = i % 2 === 0 ? 0 : 2
      if (frame.length > at && next() < 0.8) frame[at] = 24 + Math.floor(next() * 8)
      if (frame.length > 3 && next() < 0.5) frame[3] = Math.floor(next() * 3)

      const client = DaveFrame.decodeClient(frame)
      if (Result.isSuccess(client)) {
        accepted++
        assert.deepStrictEqual(succeed(DaveFrame.encodeClient(client.success)), frame)
      }
      const server = DaveFrame.decodeServer(frame)
      if (Result.isSuccess(server)) {
        accepted++
        assert.deepStrictEqual(succeed(DaveFrame.encodeServer(server.success)), frame)
      }
    }
    assert.isAbove(accepted, 2_000)
  })
})
