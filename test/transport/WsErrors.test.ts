import { assert, describe, it } from "@effect/vitest"
import * as WsErrors from "../../src/transport/WsErrors.ts"

const coded = (code?: unknown) => Object.assign(new Error("by the test"), code === undefined ? {} : { code })

describe("WsErrors", () => {
  it("tells why a WebSocket could not be opened", () => {
    const kinds = [
      "ECONNREFUSED",
      "ETIMEDOUT",
      "CERT_HAS_EXPIRED",
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "UNABLE_TO_GET_ISSUER",
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "ERR_SSL_WRONG_VERSION_NUMBER",
      "EPROTO",
      "HOSTNAME_MISMATCH",
      "ECONNRESET",
      "ENOTFOUND",
      7,
      undefined
    ].map((code) => WsErrors.openKind(coded(code)))
    assert.deepStrictEqual(kinds, [
      "Refused",
      "TimedOut",
      ...Array.from({ length: 8 }, () => "Tls" as const),
      "Failed",
      "Failed",
      "Failed",
      "Failed"
    ])
  })

  it("knows the close code for a message that breaks the protocol, and for nothing else", () => {
    const answers = [
      "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
      "WS_ERR_INVALID_UTF8",
      "WS_ERR_TOO_MANY_BUFFERED_PARTS",
      "WS_ERR_EXPECTED_FIN",
      "ECONNRESET",
      undefined
    ].map((code) => WsErrors.answeredWith(coded(code)))
    assert.deepStrictEqual(answers, [1009, 1007, 1008, 1002, undefined, undefined])
  })
})
