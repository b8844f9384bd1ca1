import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Masking from "../../../src/transport/wire/Masking.ts"

const secret = "aVerySecretThing"

const Name = Schema.Literals(["token", "session_id", "address", "member", "sdp", "d", "data", "other"])

/** JSON with a secret wherever one may be, at any depth. */
type Nested = string | number | null | ReadonlyArray<Nested> | { readonly [key: string]: Nested }
const Nested = Schema.Union([
  Schema.Finite,
  Schema.Null,
  Schema.Array(Schema.Record(Name, Schema.Finite))
])

const at = (path: ReadonlyArray<typeof Name.Type>, leaf: string): Nested =>
  path.reduceRight<Nested>((inside, name) => ({ [name]: inside, more: [1, { [name]: inside }] }), leaf)

describe("Masking", () => {
  it("keeps what explains a voice connection", () => {
    const hello = { op: 8, d: { v: 8, heartbeat_interval: 13_750 } }
    assert.deepStrictEqual(Masking.messageOf("voice", JSON.stringify(hello)), hello)
    const unknown = { op: 99, d: { anything: [1, { at: "all" }] }, seq: 4 }
    assert.deepStrictEqual(Masking.messageOf("voice", JSON.stringify(unknown)), unknown)
  })

  it("gives a secret a name that is always the same, and another secret another name", () => {
    const masked = (token: string) => Masking.messageOf("voice", JSON.stringify({ op: 0, d: { token } }))
    assert.deepStrictEqual(masked("a"), masked("a"))
    assert.notDeepEqual(masked("a"), masked("b"))
    assert.match(JSON.stringify(masked("a")), /"<token [0-9a-f]{3}>"/)
  })

  it.prop(
    "lets no token, session or address through, however deep",
    [Schema.Array(Name), Schema.Literals(["token", "session_id", "address", "member", "sdp"]), Nested],
    ([path, name, other]) => {
      const message = { op: 5, other, d: at([...path, name], secret) }
      const masked = JSON.stringify(Masking.messageOf("voice", JSON.stringify(message)))
      assert.notInclude(masked, secret)
    }
  )

  it("lets no secret through that is not text", () => {
    const message = {
      op: 4,
      d: { token: [secret], session_id: { is: secret }, media_session_id: secret, address: null }
    }
    const masked = JSON.stringify(Masking.messageOf("voice", JSON.stringify(message)))
    assert.notInclude(masked, secret)
    assert.include(masked, "\"address\":null")
  })

  it("replaces a key by zeros, which is still a key", () => {
    const message = { op: 4, d: { mode: "m", secret_key: [7, 8, 9] } }
    assert.deepStrictEqual(Masking.messageOf("voice", JSON.stringify(message)), {
      op: 4,
      d: { mode: "m", secret_key: [0, 0, 0] }
    })
    assert.deepStrictEqual(Masking.messageOf("voice", `{"secret_key":"${secret}"}`), { secret_key: "<key>" })
  })

  it("keeps nothing of text that is not a JSON object, where a secret may be anywhere", () => {
    for (const text of ["", `{"token":"${secret}`, `"${secret}"`, `["${secret}"]`, "null", "7"]) {
      assert.isUndefined(Masking.messageOf("voice", text))
    }
  })

  it("keeps the voice messages of the main gateway, and only the type of all others", () => {
    const text = JSON.stringify({ op: 0, t: "MESSAGE_CREATE", s: 7, d: { content: secret } })
    assert.deepStrictEqual(Masking.messageOf("main", text), { op: 0, t: "MESSAGE_CREATE", s: 7 })
    const state = { user_id: "1", channel_id: null, session_id: secret, member: { nick: secret } }
    assert.notInclude(
      JSON.stringify(Masking.messageOf("main", JSON.stringify({ op: 0, t: "VOICE_STATE_UPDATE", s: 8, d: state }))),
      secret
    )
    const presence = Masking.messageOf("main", JSON.stringify({ op: 3, d: { activities: [{ name: secret }] } }))
    assert.deepStrictEqual(presence, { op: 3 })
    const ready = {
      op: 0,
      t: "READY",
      s: 1,
      d: {
        v: 10,
        session_id: secret,
        user: { id: "1", username: secret },
        guilds: [{ id: "2" }],
        application: { id: secret }
      }
    }
    assert.deepStrictEqual(
      Masking.messageOf("main", JSON.stringify({ ...ready, d: { ...ready.d, session_id: "x" } })),
      {
        op: 0,
        t: "READY",
        s: 1,
        d: { v: 10, session_id: "<session 2d7>", user: { id: "1" } }
      }
    )
  })

  it("keeps where a URL goes and which version it asks for, and nothing else", () => {
    assert.strictEqual(
      Masking.urlOf(`wss://user:${secret}@voice.example:8443/path?v=8&ticket=${secret}&encoding=json#${secret}`),
      "wss://voice.example:8443/path?v=8&encoding=json"
    )
    assert.strictEqual(Masking.urlOf(secret), "<no URL>")
  })
})
