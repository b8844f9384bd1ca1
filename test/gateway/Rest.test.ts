import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Rest from "../../src/gateway/Rest.ts"

/** The API, with the result of every request, and the requests that it gets. */
const make = (answer: () => Response) => {
  const requests: Array<object> = []
  const access: Rest.Access = {
    restUrl: "https://rest.example/api//",
    token: Redacted.make("secret-token"),
    fetch: async (url, { body, headers, method } = {}) => {
      requests.push({ url, method, body, headers: Object.fromEntries(new Headers(headers)) })
      return answer()
    }
  }
  return { access, requests }
}

const headers = {
  "authorization": "Bot secret-token",
  "user-agent": "DiscordBot (https://www.npmjs.com/package/effect-discord-voice, 0.1.0)"
}

describe("Rest", () => {
  it.effect("sends a request that reads, and gives the answer", () =>
    Effect.gen(function*() {
      const { access, requests } = make(() => Response.json({ id: "1" }, { status: 201 }))
      assert.deepStrictEqual(yield* Rest.get(access, "/channels/1"), {
        status: 201,
        body: { id: "1" },
        retryAfterMs: 0
      })
      assert.deepStrictEqual(requests, [
        { url: "https://rest.example/api/channels/1", method: "GET", body: undefined, headers }
      ])
    }))

  it.effect("sends a request that changes something, with a JSON body", () =>
    Effect.gen(function*() {
      const { access, requests } = make(() => new Response(null, { status: 204 }))
      const answer = yield* Rest.patch(access, "/guilds/1", { name: null })
      assert.deepStrictEqual(answer, { status: 204, body: undefined, retryAfterMs: 0 })
      assert.deepStrictEqual(requests, [{
        url: "https://rest.example/api/guilds/1",
        method: "PATCH",
        body: "{\"name\":null}",
        headers: { ...headers, "content-type": "application/json" }
      }])
    }))

  for (
    const [header, ms] of [
      ["0.5", 500],
      ["7", 7_000],
      ["3600", 3_600_000],
      ["86400", 3_600_000],
      ["0", 0],
      ["-7", 0],
      ["Wed, 21 Oct 2026 07:28:00 GMT", 0]
    ] as const
  ) {
    it.effect(`reports ${ms} ms to wait after "${header}"`, () =>
      Effect.gen(function*() {
        const { access } = make(() => new Response("", { status: 429, headers: { "retry-after": header } }))
        assert.strictEqual((yield* Rest.get(access, "/channels/1")).retryAfterMs, ms)
      }))
  }

  it.effect("describes a failure by its code or its kind, and shows none of its words", () =>
    Effect.gen(function*() {
      const cause = Object.assign(new Error("secret-token"), { code: "ECONNREFUSED" })
      for (
        const [thrown, told] of [
          [new TypeError("secret-token", { cause }), "the request failed with ECONNREFUSED"],
          [new TypeError("secret-token", { cause: new Error("secret-token") }), "the request failed with TypeError"],
          [new TypeError("secret-token", { cause: { code: "secret-token" } }), "the request failed with TypeError"],
          [new TypeError("secret-token"), "the request failed with TypeError"],
          [
            Object.assign(new TypeError("secret-token"), { code: "ECONNREFUSED" }),
            "the request failed with ECONNREFUSED"
          ],
          [{ name: "secret-token" }, "the request failed"]
        ] as const
      ) {
        const { access } = make(() => {
          throw thrown
        })
        assert.strictEqual(yield* Effect.flip(Rest.get(access, "/channels/1")), told)
      }
    }))

  for (
    const [status, next] of [
      [204, "resume"],
      [304, "resume"],
      [400, "stop"],
      [404, "stop"],
      [429, "resume"],
      [499, "stop"],
      [500, "resume"]
    ] as const
  ) {
    it.effect(`may ask again for the gateway, or not, after ${status}`, () =>
      Effect.gen(function*() {
        const { access } = make(() => new Response(null, { status }))
        const end = yield* Effect.flip(Rest.gatewayBot(access))
        assert.strictEqual(end.next, next)
        assert.deepInclude(end.error.reason, { _tag: "GatewayUnreachable", status })
      }))
  }

  it.effect("reports the URL without user and password", () =>
    Effect.gen(function*() {
      const { access } = make(() => new Response(null, { status: 404 }))
      const end = yield* Effect.flip(Rest.gatewayBot({ ...access, restUrl: "https://user:secret@rest.example/api" }))
      assert.deepInclude(end.error.reason, { url: "https://rest.example/api/gateway/bot" })
    }))

  it.effect("needs no more than a URL, whatever else the answer says", () =>
    Effect.gen(function*() {
      for (const limit of [null, {}, { remaining: null, reset_after: 1 }]) {
        const { access } = make(() => Response.json({ url: "wss://gateway.example", session_start_limit: limit }))
        assert.deepStrictEqual(yield* Rest.gatewayBot(access), { url: "wss://gateway.example", concurrency: 1 })
      }
    }))

  it.effect("reports how many shards may identify at a time", () =>
    Effect.gen(function*() {
      for (const [said, concurrency] of [[16, 16], [0, 1], [1.5, 1], ["16", 1]] as const) {
        const limit = { total: 1_000, remaining: 9, reset_after: 1, max_concurrency: said }
        const { access } = make(() => Response.json({ url: "wss://gateway.example", session_start_limit: limit }))
        assert.deepStrictEqual(yield* Rest.gatewayBot(access), { url: "wss://gateway.example", concurrency })
      }
    }))

  it.effect("reports in whole minutes when a session may be started again", () =>
    Effect.gen(function*() {
      const limit = { total: 1_000, remaining: 0, reset_after: 60_001 }
      const { access } = make(() => Response.json({ url: "wss://gateway.example", session_start_limit: limit }))
      const { error, next } = yield* Effect.flip(Rest.gatewayBot(access))
      assert.strictEqual(next, "stop")
      assert.include(error.message, "in 2 minutes")
    }))
})
