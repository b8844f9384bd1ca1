import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Reader } from "../../../src/cli/wire/Reading.ts"
import * as Text from "../../../src/cli/wire/Text.ts"
import * as WireLog from "../../../src/WireLog.ts"

/** Reads a message from a voice server of this version. */
const said = (message: unknown, version = 8) => {
  const reader = new Reader()
  reader.read({ kind: "open", at: 0, socket: "voice 1", remote: `wss://voice.example/?v=${version}` })
  return reader.read({ kind: "message", at: 1, socket: "voice 1", direction: "in", bytes: 1, message })
}

const saidBinary = (hex: string) =>
  new Reader().read({ kind: "binary", at: 1, socket: "voice 1", direction: "in", bytes: hex.length / 2, hex })

describe("Reader", () => {
  it("finds nothing in known messages", () => {
    const line = said({ op: 8, d: { v: 8, heartbeat_interval: 13_750 } })
    assert.strictEqual(line.title, "op 8 Hello")
    assert.deepStrictEqual(line.findings, [])
    assert.deepStrictEqual(said({ op: 8, d: { heartbeat_interval: 41_250 } }, 4).findings, [])
    assert.deepStrictEqual(said({ op: 6, d: { t: 5 }, seq: 3 }).findings, [])
  })

  it("finds unknown opcodes, fields and values", () => {
    assert.deepStrictEqual(said({ op: 42, d: {} }).findings, ["an unknown opcode: 42"])
    assert.deepStrictEqual(
      said({ op: 8, d: { v: 8, heartbeat_interval: 13_750, mood: { is: "new" } } }).findings,
      ["an unknown field of op 8: d.mood"]
    )
    const [finding] = said({ op: 8, d: { heartbeat_interval: "soon" } }).findings
    assert.match(finding ?? "", /^not as its schema: .*heartbeat_interval/)
    assert.strictEqual(said({ d: {} }).title, "a message without opcode")
    assert.deepStrictEqual(saidBinary("00012a00").findings, ["an unknown binary opcode: 42"])
    assert.match(saidBinary("00011d").findings[0] ?? "", /^a binary message that cannot be read/)
    assert.strictEqual(saidBinary("00011d0001").title, "op 29 MLS Announce Commit Transition")
  })

  it("finds unknown fields within lists", () => {
    const stream = { type: "video", rid: "100", quality: 100, active: false, ssrc: 1, rtx_ssrc: 2, colour: "red" }
    const ready = { ssrc: 1, ip: "10.0.0.1", port: 1, modes: [], experiments: [], streams: [stream, stream] }
    assert.deepStrictEqual(said({ op: 2, d: ready }).findings, ["an unknown field of op 2: d.streams[].colour"])
  })

  it("explains close codes", () => {
    const line = new Reader().read({
      kind: "closed",
      at: 1,
      socket: "voice 1",
      code: 4006,
      reason: "Session is no longer valid."
    })
    assert.strictEqual(line.title, "is closed with 4006")
    assert.match(line.findings[0] ?? "", /^SessionInvalid: /)
    const usual = new Reader().read({ kind: "closed", at: 1, socket: "gateway 1", code: 1000, reason: "" })
    assert.deepStrictEqual(usual.findings, [])
  })

  it("reports a socket that could not be opened, with the reason", () => {
    const line = new Reader().read({ kind: "refused", at: 1, socket: "voice 1", detail: "ECONNREFUSED" })
    assert.deepStrictEqual([line.detail, line.findings], ["ECONNREFUSED", ["it could not be opened"]])
  })

  it("reports an incomplete log", () => {
    const line = new Reader().read({ kind: "full", at: 1 })
    assert.strictEqual(line.title, "the log is full")
    assert.deepStrictEqual(line.findings, ["what follows was not written"])
  })

  it("checks the main gateway by its own opcodes, and only the parts of a message that are present", () => {
    const reader = new Reader()
    const read = (message: unknown) =>
      reader.read({ kind: "message", at: 1, socket: "gateway 1", direction: "in", bytes: 1, message }).findings
    assert.deepStrictEqual(read({ op: 0, t: "MESSAGE_CREATE", s: 3 }), [])
    assert.deepStrictEqual(read({ op: 0, t: "READY", s: 1, d: { v: 10 } }), [])
    assert.deepStrictEqual(read({ op: 42 }), ["an unknown opcode: 42"])
    assert.match(read({ op: 0, t: "VOICE_SERVER_UPDATE", s: 3, d: { endpoint: 7 } })[0] ?? "", /^not as its schema/)
  })

  it.prop("reads and prints any entry", [Schema.Array(WireLog.Entry)], ([entries]) => {
    const reader = new Reader()
    for (const entry of entries) {
      const line = reader.read(entry)
      assert.isNotEmpty(Text.text(line, 160))
      // A terminal would obey control characters.
      assert.notMatch(Text.text(line, Infinity).replaceAll("\n", ""), /\p{Cc}/u)
      assert.doesNotThrow(() => JSON.parse(Text.json(line)))
    }
  })
})
