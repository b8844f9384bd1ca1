import { assert, describe, it } from "@effect/vitest"
import { GatewayCloseCodes } from "discord-api-types/v10"
import { VoiceCloseCodes } from "discord-api-types/voice/v8"
import * as CloseCode from "../../src/protocol/CloseCode.ts"

const codesOf = (reaction: string, table: ReadonlyArray<CloseCode.CloseCode<string, string>>) =>
  table.filter((entry) => entry.reaction === reaction).map((entry) => entry.code)

const numbersOf = (codes: object) => Object.values(codes).filter((code) => typeof code === "number")

describe("voice", () => {
  it("names every code", () => {
    assert.deepStrictEqual(CloseCode.voiceTable.map(({ code, name }) => [code, name]), [
      [4001, "UnknownOpcode"],
      [4002, "PayloadRejected"],
      [4003, "NotAuthenticated"],
      [4004, "AuthenticationFailed"],
      [4005, "AlreadyAuthenticated"],
      [4006, "SessionInvalid"],
      [4009, "SessionTimedOut"],
      [4011, "ServerNotFound"],
      [4012, "UnknownProtocol"],
      [4013, "WebRtcCrashed"],
      [4014, "Disconnected"],
      [4015, "ServerCrashed"],
      [4016, "UnknownEncryptionMode"],
      [4017, "E2eeRequired"],
      [4020, "BadRequest"],
      [4021, "RateLimited"],
      [4022, "CallTerminated"]
    ])
  })

  it("assigns a reaction to every code", () => {
    assert.deepStrictEqual(codesOf("resume", CloseCode.voiceTable), [4013, 4015])
    assert.deepStrictEqual(codesOf("rejoin", CloseCode.voiceTable), [4006, 4009, 4011])
    assert.deepStrictEqual(codesOf("rejoin-once", CloseCode.voiceTable), [4001, 4002, 4003, 4004, 4005, 4020])
    assert.deepStrictEqual(codesOf("await-gateway", CloseCode.voiceTable), [4014, 4022])
    assert.deepStrictEqual(codesOf("stop", CloseCode.voiceTable), [4012, 4016, 4017, 4021])
  })

  it("finds each entry of the table", () => {
    for (const entry of CloseCode.voiceTable) assert.strictEqual(CloseCode.voice(entry.code), entry)
  })

  it("has every code that Discord documents", () => {
    for (const code of numbersOf(VoiceCloseCodes)) {
      assert.notStrictEqual(CloseCode.voice(code).name, "UnknownCloseCode", String(code))
    }
  })

  it.for([1000, 1001, 1005, 1006, 1009, 1011, 3000, 3999, 0, -1])("%d is a lost connection", (code) => {
    const entry = CloseCode.voice(code)
    assert.deepStrictEqual([entry.code, entry.name, entry.reaction], [code, "ConnectionLost", "resume"])
  })

  it.for([4000, 4007, 4008, 4010, 4018, 4019, 4023, 4999, 65535])("%d is unknown", (code) => {
    const entry = CloseCode.voice(code)
    assert.deepStrictEqual([entry.code, entry.name, entry.reaction], [code, "UnknownCloseCode", "rejoin-once"])
  })

  it("accepts any number", () => {
    assert.strictEqual(CloseCode.voice(Number.NaN).name, "UnknownCloseCode")
    assert.strictEqual(CloseCode.voice(Number.POSITIVE_INFINITY).name, "UnknownCloseCode")
  })
})

describe("gateway", () => {
  it("assigns a reaction to every code", () => {
    assert.deepStrictEqual(codesOf("resume", CloseCode.gatewayTable), [4000, 4001, 4002, 4005, 4008])
    assert.deepStrictEqual(codesOf("new-session", CloseCode.gatewayTable), [4003, 4007, 4009])
    assert.deepStrictEqual(codesOf("stop", CloseCode.gatewayTable), [4004, 4010, 4011, 4012, 4013, 4014])
  })

  it("finds each entry of the table", () => {
    for (const entry of CloseCode.gatewayTable) assert.strictEqual(CloseCode.gateway(entry.code), entry)
  })

  it("has every code that Discord documents and no other", () => {
    assert.deepStrictEqual(
      CloseCode.gatewayTable.map((entry) => entry.code),
      numbersOf(GatewayCloseCodes).toSorted((a, b) => a - b)
    )
  })

  it("accepts any number", () => {
    for (const code of [1000, 1006, 3999, 0]) {
      const entry = CloseCode.gateway(code)
      assert.deepStrictEqual([entry.code, entry.name, entry.reaction], [code, "ConnectionLost", "resume"])
    }
    for (const code of [4006, 4015, 4999]) {
      const entry = CloseCode.gateway(code)
      assert.deepStrictEqual([entry.code, entry.name, entry.reaction], [code, "UnknownCloseCode", "resume"])
    }
  })
})

it("describes every code in two sentences, with room for the code between them", () => {
  const entries = [
    ...CloseCode.voiceTable,
    ...CloseCode.gatewayTable,
    ...[1006, 4999].flatMap((code) => [CloseCode.voice(code), CloseCode.gateway(code)])
  ]
  for (const { meaning, remedy } of entries) {
    assert.match(meaning, /^[A-Z].*[^.]$/)
    assert.match(remedy, /^[A-Z].*\.$/)
  }
})
