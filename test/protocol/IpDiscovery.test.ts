import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as IpDiscovery from "../../src/protocol/IpDiscovery.ts"
import { fromHex, toHex } from "../vectors/hex.ts"
import vectors from "../vectors/ip-discovery.json" with { type: "json" }
import { bytes, u32 } from "./arbitraries.ts"

const form = (name: string): IpDiscovery.Form => name === "70" ? "70" : "74"

const kindOf = <A>(result: Result.Result<A, IpDiscovery.IpDiscoveryError>) =>
  Result.isFailure(result) ? result.failure.kind : undefined

const forms = Arbitrary.schema(Schema.Literals(["74", "70"]))
const port = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 65535 })))
const address = Arbitrary.array(
  Arbitrary.schema(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0x21, maximum: 0x7e })))),
  { minLength: 1, maxLength: 64 }
).pipe(Arbitrary.map((codes) => String.fromCharCode(...codes)))

describe("IpDiscovery", () => {
  it.each(vectors.requests)("request: $name", (vector) => {
    const encoded = IpDiscovery.encodeRequest(vector.ssrc, form(vector.form))
    assert.strictEqual(toHex(encoded), toHex(fromHex(vector.hex)))
    const expected = Result.succeed({ form: form(vector.form), ssrc: vector.ssrc, zeroed: true })
    assert.deepStrictEqual(IpDiscovery.decodeRequest(encoded), expected)
    assert.deepStrictEqual(IpDiscovery.decodeRequest(encoded, form(vector.form)), expected)
  })

  it.each(vectors.responses)("response: $name", ({ hex, name: _, ...vector }) => {
    const response = { ssrc: vector.ssrc, address: vector.address, port: vector.port }
    assert.strictEqual(toHex(IpDiscovery.encodeResponse(response, form(vector.form))), toHex(fromHex(hex)))
    assert.deepStrictEqual(IpDiscovery.decodeResponse(fromHex(hex)), Result.succeed(response))
    assert.deepStrictEqual(IpDiscovery.decodeResponse(fromHex(hex), form(vector.form)), Result.succeed(response))
  })

  it.each(vectors.tolerated)("tolerates $name", ({ address, hex, port, ssrc }) => {
    assert.deepStrictEqual(IpDiscovery.decodeResponse(fromHex(hex)), Result.succeed({ ssrc, address, port }))
  })

  it.each(vectors.invalidResponses)("rejects: $name", ({ hex, kind }) => {
    assert.strictEqual(kindOf(IpDiscovery.decodeResponse(fromHex(hex))), kind)
  })

  it("uses the 74-byte form unless told otherwise", () => {
    assert.strictEqual(IpDiscovery.encodeRequest(1).length, 74)
    assert.strictEqual(IpDiscovery.encodeResponse({ ssrc: 1, address: "::1", port: 1 }).length, 74)
  })

  it("rejects the other form", () => {
    assert.strictEqual(kindOf(IpDiscovery.decodeRequest(IpDiscovery.encodeRequest(1, "70"), "74")), "BadLength")
    assert.strictEqual(kindOf(IpDiscovery.decodeRequest(IpDiscovery.encodeRequest(1, "74"), "70")), "BadLength")
    const response = IpDiscovery.encodeResponse({ ssrc: 1, address: "1.2.3.4", port: 5 }, "70")
    assert.strictEqual(kindOf(IpDiscovery.decodeResponse(response, "74")), "BadLength")
    assert.strictEqual(
      kindOf(IpDiscovery.decodeRequest(IpDiscovery.encodeResponse({ ssrc: 1, address: "a", port: 5 }))),
      "BadType"
    )
  })

  it("reports every byte of a request that is not zero", () => {
    for (const name of ["74", "70"] as const) {
      const first = name === "74" ? 8 : 4
      for (let offset = first; offset < Number(name); offset++) {
        const request = IpDiscovery.encodeRequest(7, name)
        request[offset] = 1
        assert.deepStrictEqual(
          IpDiscovery.decodeRequest(request),
          Result.succeed({ form: name, ssrc: 7, zeroed: false })
        )
      }
    }
  })

  it("rejects values that do not fit when it encodes", () => {
    const good = { ssrc: 1, address: "1.2.3.4", port: 1 }
    for (
      const over of [
        { ssrc: -1 },
        { ssrc: 2 ** 32 },
        { port: 0 },
        { port: 65536 },
        { port: 1.5 },
        { address: "" },
        { address: "1".repeat(65) },
        { address: "1 2" },
        { address: "é" },
        { address: "a\0b" }
      ]
    ) {
      assert.throws(() => IpDiscovery.encodeResponse({ ...good, ...over }), RangeError)
    }
    assert.throws(() => IpDiscovery.encodeRequest(-1), RangeError)
  })

  it.prop("decodes the responses that it encodes", [forms, u32, address, port], ([form, ssrc, address, port]) => {
    const response = { ssrc, address, port }
    assert.deepStrictEqual(
      IpDiscovery.decodeResponse(IpDiscovery.encodeResponse(response, form), form),
      Result.succeed(response)
    )
  })

  it.prop("gives a value or a typed failure for arbitrary bytes of the right length", [bytes(74, 70)], ([datagram]) => {
    for (const type of [1, 2]) {
      const marked = datagram.slice()
      marked.set([0, type, 0, 70])
      assert.isTrue(Result.isResult(IpDiscovery.decodeRequest(marked)))
      const result = IpDiscovery.decodeResponse(marked)
      if (Result.isSuccess(result)) {
        const again = IpDiscovery.encodeResponse(result.success, marked.length === 74 ? "74" : "70")
        assert.deepStrictEqual(IpDiscovery.decodeResponse(again), result)
      }
    }
  })
})
