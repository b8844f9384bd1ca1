import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Redacted } from "effect"
import * as Gateway from "../../src/Gateway.ts"
import * as RestApi from "../../src/gateway/RestApi.ts"
import * as Time from "../../src/testing/Time.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import * as Rig from "../integration/rig.ts"

interface Asked {
  readonly method: string | undefined
  readonly url: string
  readonly body: unknown
  readonly headers: Headers
}

/** The API, which answers in turn and repeats its last answer, and the requests that it got. */
const api = Effect.fnUntraced(function*(...answers: ReadonlyArray<() => Response | Promise<Response>>) {
  const asked: Array<Asked> = []
  const fetch: typeof globalThis.fetch = async (url, { body, headers, method } = {}) => {
    asked.push({ method, url: String(url), body, headers: new Headers(headers) })
    const answer = answers[Math.min(asked.length, answers.length) - 1]
    return answer === undefined ? new Response(null, { status: 204 }) : answer()
  }
  const access = { restUrl: "https://rest.example/api/v10/", token: Redacted.make("secret-token"), fetch }
  return { asked, rest: RestApi.make(access, yield* Clock.Clock) }
})

const limited = (body: object, headers: Record<string, string> = {}) => () =>
  Response.json(body, { status: 429, headers })

const failure = (asking: Effect.Effect<unknown, VoiceError>) =>
  Effect.map(Effect.flip(asking), ({ reason }) => {
    assert(reason._tag === "RestFailed")
    return reason
  })

/** A turn for promises. */
const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

describe("Rest", () => {
  it.effect("sends requests as the bot, and gives what the answer says", () =>
    Effect.gen(function*() {
      const { asked, rest } = yield* api(() => Response.json([{ id: "1" }]), () => new Response(null, { status: 204 }))
      assert.deepStrictEqual(yield* rest.get("/guilds/1/channels"), [{ id: "1" }])
      assert.isUndefined(yield* rest.post("/channels/1/messages", { content: "hello" }))
      yield* rest.put("/channels/1/permissions/2", {}, { reason: "it is späth" })
      yield* rest.patch("/channels/1", { name: null })
      yield* rest.delete("/channels/1", { reason: "no more" })
      const form = new FormData()
      yield* rest.post("/channels/1/messages", form)
      assert.deepStrictEqual(asked.map(({ body, method, url }) => [method, url, body]), [
        ["GET", "https://rest.example/api/v10/guilds/1/channels", undefined],
        ["POST", "https://rest.example/api/v10/channels/1/messages", "{\"content\":\"hello\"}"],
        ["PUT", "https://rest.example/api/v10/channels/1/permissions/2", "{}"],
        ["PATCH", "https://rest.example/api/v10/channels/1", "{\"name\":null}"],
        ["DELETE", "https://rest.example/api/v10/channels/1", undefined],
        ["POST", "https://rest.example/api/v10/channels/1/messages", form]
      ])
      for (const { headers } of asked) assert.strictEqual(headers.get("authorization"), "Bot secret-token")
      assert.deepStrictEqual(asked.map(({ headers }) => headers.get("content-type")), [
        null,
        "application/json",
        "application/json",
        "application/json",
        null,
        null
      ])
      assert.deepStrictEqual(asked.map(({ headers }) => headers.get("x-audit-log-reason")), [
        null,
        null,
        "it%20is%20sp%C3%A4th",
        null,
        "no%20more",
        null
      ])
    }))

  it.effect("reports what Discord has refused, in its words, and shows no token", () =>
    Effect.gen(function*() {
      const { rest } = yield* api(
        () => Response.json({ message: "Unknown interaction", code: 10_062 }, { status: 404 }),
        () =>
          Response.json({ message: "Invalid Form Body", code: 50_035, errors: { name: { _errors: ["too long"] } } }, {
            status: 400
          }),
        () => new Response("<h1>Bad gateway</h1>", { status: 502 })
      )
      const expired = yield* failure(rest.post("/interactions/7/aGVsbG8/callback", { type: 5 }))
      assert.strictEqual(
        expired.message,
        "POST /interactions/7/<token>/callback failed (404, code 10062): Unknown interaction."
      )
      const invalid = yield* failure(rest.patch("/webhooks/7/aGVsbG8/messages/@original", {}))
      assert.deepStrictEqual([invalid.path, invalid.status, invalid.errorCode], [
        "/webhooks/7/<token>/messages/@original",
        400,
        50_035
      ])
      assert.include(invalid.message, "too long")
      const broken = yield* failure(rest.get("/users/@me"))
      assert.strictEqual(broken.message, "GET /users/@me failed (502): Discord refused the request.")
    }))

  it.effect("tries again when Discord says, and holds nobody else up meanwhile", () =>
    Effect.gen(function*() {
      const { asked, rest } = yield* api(
        limited({ message: "You are being rate limited.", retry_after: 1.5, global: false }),
        () => Response.json({ id: "other" }),
        // as a proxy in front of Discord says it
        () => new Response("error code: 1015", { status: 429, headers: { "retry-after": "7" } }),
        limited({}),
        () => Response.json({ id: "1" })
      )
      const asking = yield* Effect.forkChild(rest.post("/channels/1/messages", {}), { startImmediately: true })
      yield* turn
      assert.deepStrictEqual(yield* rest.get("/users/@me"), { id: "other" })
      const counts: Array<number> = []
      for (const wait of ["1499 millis", "1 millis", "6999 millis", "1 millis", "999 millis", "1 millis"] as const) {
        yield* Time.advance(wait)
        yield* turn
        counts.push(asked.length)
      }
      assert.deepStrictEqual(counts, [2, 3, 3, 4, 4, 5])
      assert.deepStrictEqual(yield* Fiber.join(asking), { id: "1" })
    }))

  it.effect("sends nothing while all requests of the bot are limited", () =>
    Effect.gen(function*() {
      const { asked, rest } = yield* api(limited({ retry_after: 2, global: true }), () => Response.json({}))
      const first = yield* Effect.forkChild(rest.get("/users/@me"), { startImmediately: true })
      yield* turn
      const second = yield* Effect.forkChild(rest.get("/gateway"), { startImmediately: true })
      yield* Time.advance("1999 millis")
      yield* turn
      assert.lengthOf(asked, 1)
      yield* Time.advance("1 millis")
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.lengthOf(asked, 3)
    }))

  it.effect("pauses requests for a minute at most, however long Discord's limit is", () =>
    Effect.gen(function*() {
      const { asked, rest } = yield* api(
        limited({ retry_after: 3_600, global: true }),
        () => Response.json({ id: "1" })
      )
      assert.strictEqual((yield* failure(rest.get("/users/@me"))).status, 429)
      const second = yield* Effect.forkChild(rest.get("/gateway"), { startImmediately: true })
      yield* Time.advance("59999 millis")
      yield* turn
      assert.lengthOf(asked, 1)
      yield* Time.advance("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(second), { id: "1" })
    }))

  it.effect("uses the header if the body gives no time", () =>
    Effect.gen(function*() {
      const { asked, rest } = yield* api(limited({ retry_after: 0 }, { "retry-after": "7" }), () => Response.json({}))
      const asking = yield* Effect.forkChild(rest.get("/users/@me"), { startImmediately: true })
      yield* turn
      yield* Time.advance("6999 millis")
      yield* turn
      assert.lengthOf(asked, 1)
      yield* Time.advance("1 millis")
      yield* Fiber.join(asking)
      assert.lengthOf(asked, 2)
    }))

  for (const [then, endMs] of [[3, 4_000], [0.5, 2_000]] as const) {
    it.effect(`waits for the longest global limit, even if another answer sets one of ${then} s meanwhile`, () =>
      Effect.gen(function*() {
        let answer = (_: Response): void => {}
        const underWay = new Promise<Response>((resolve) => {
          answer = resolve
        })
        const { asked, rest } = yield* api(
          () => underWay,
          limited({ retry_after: 2, global: true }),
          () => Response.json({})
        )
        yield* Effect.forkScoped(rest.get("/slow"), { startImmediately: true })
        yield* turn
        yield* Effect.forkScoped(rest.get("/users/@me"), { startImmediately: true })
        yield* turn
        yield* Effect.forkScoped(rest.get("/gateway"), { startImmediately: true })
        yield* Time.advance("1 second")
        answer(limited({ retry_after: then, global: true })())
        yield* turn
        assert.lengthOf(asked, 2)
        yield* Time.advance(endMs - 1_001)
        yield* turn
        assert.lengthOf(asked, 2)
        yield* Time.advance("1 millis")
        yield* turn
        assert.lengthOf(asked, 5)
      }))
  }

  it.effect("waits for a limit of one minute", () =>
    Effect.gen(function*() {
      const { rest } = yield* api(limited({ retry_after: 60 }), () => Response.json({ id: "1" }))
      const asking = yield* Effect.forkChild(rest.get("/users/@me"), { startImmediately: true })
      yield* turn
      yield* Time.advance("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(asking), { id: "1" })
    }))

  it.effect("gives up a request that is limited for long, or again and again", () =>
    Effect.gen(function*() {
      const { asked, rest } = yield* api(limited({ retry_after: 61 }))
      const long = yield* failure(rest.get("/users/@me"))
      assert.strictEqual(long.message, "GET /users/@me failed (429): Discord asks to try again in 61 s.")
      const again = yield* api(limited({ retry_after: 0 }))
      const asking = yield* Effect.forkChild(failure(again.rest.get("/users/@me")), { startImmediately: true })
      for (let i = 0; i < 10; i++) {
        yield* turn
        yield* Time.advance("1 second")
      }
      assert.strictEqual((yield* Fiber.join(asking)).status, 429)
      assert.deepStrictEqual([asked.length, again.asked.length], [1, 5])
    }))

  it.effect("rejects a path that leads out of the API, and reports why nothing could be asked", () =>
    Effect.gen(function*() {
      const { asked, rest } = yield* api()
      for (
        const path of [
          "users",
          "",
          "/../../oauth2/token",
          "/../v10x/users",
          "/channels/../../../x",
          "/%2e%2e/%2e%2e/x",
          "@evil.example/"
        ]
      ) {
        assert.include((yield* failure(rest.get(path))).message, "the path is outside the API")
      }
      for (const path of ["users", "", "https://discord.com/api/v10/users/@me"]) {
        const { message } = yield* failure(rest.get(path))
        assert.include(message, "it must begin with / and omit the API version, as in /users/@me")
      }
      assert.isEmpty(asked)
      const bare = RestApi.make(
        { restUrl: "https://rest.example", token: Redacted.make("secret-token"), fetch: () => assert.fail("asked") },
        yield* Clock.Clock
      )
      for (const path of ["users", "", "@evil.example/", ".evil.example/", ":444/x"]) {
        assert.include((yield* failure(bare.get(path))).message, "the path is outside the API")
      }
      const down = yield* api(() => Promise.reject(new TypeError("secret-token is no header")))
      assert.strictEqual(
        (yield* failure(down.rest.get("/users/@me"))).message,
        "GET /users/@me failed: the request failed with TypeError."
      )
      const silent = yield* api(() => new Promise(() => {}))
      const waiting = yield* Effect.forkChild(failure(silent.rest.get("/users/@me")), { startImmediately: true })
      yield* Time.advance("10 seconds")
      assert.include((yield* Fiber.join(waiting)).message, "no answer arrived within 10 seconds")
      const unknown = yield* Effect.flip(RestApi.make(undefined, yield* Clock.Clock).get("/users/@me"))
      assert.strictEqual(unknown.reason._tag, "GatewayFailed")
    }))

  it.effect("is provided by the library's own gateway", () =>
    Rig.run(Effect.gen(function*() {
      const rest = yield* Gateway.Rest
      const me = yield* rest.get("/users/@me")
      assert.propertyVal(me, "username", "bot")
      const refused = yield* failure(rest.get("/channels/1"))
      assert.deepStrictEqual([refused.status, refused.errorCode], [404, 10_003])
    })).pipe(Effect.provide(Rig.memory())))
})
