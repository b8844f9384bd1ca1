import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Redacted, Schema } from "effect"
import * as Emulator from "../../../src/emulator/Emulator.ts"
import * as RestFetch from "../../../src/emulator/shell/RestFetch.ts"
import * as Gateway from "../../../src/Gateway.ts"
import { ChannelId } from "../../../src/protocol/Identifier.ts"
import * as Time from "../../../src/testing/Time.ts"
import * as Harness from "../core/Harness.ts"
import * as Sounds from "../core/sounds.ts"

describe("RestFetch", () => {
  it.effect("answers a gateway client in this process as the REST API does, including faults and delays", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const [guildId, lobby] = [yield* discord.guild("guild"), yield* discord.channel("lobby")]
      yield* Effect.gen(function*() {
        const gateway = yield* Gateway.Gateway
        yield* Time.advance("1 second")
        yield* gateway.userId
        const asked = Effect.fnUntraced(function*(channelId: ChannelId) {
          const before = yield* Clock.currentTimeMillis
          const fiber = yield* (gateway.obstacle?.(guildId, channelId) ?? Effect.die("it cannot be asked")).pipe(
            Effect.flatMap((found) =>
              Effect.map(Clock.currentTimeMillis, (now) => [found, Math.floor((now - before) / 1_000)] as const)
            ),
            Effect.forkChild({ startImmediately: true })
          )
          yield* Time.advance("5 seconds")
          return yield* Fiber.join(fiber)
        })
        assert.deepStrictEqual(yield* asked(lobby), [undefined, 0])
        assert.strictEqual((yield* discord.counters).get("rest"), 3)
        assert.deepStrictEqual(yield* asked(ChannelId.make("1")), ["UnknownChannel", 0])
        yield* discord.faults.deny("bot", "lobby", { view: true })
        assert.deepStrictEqual(yield* asked(lobby), ["ViewChannel", 0])
        yield* discord.faults.deny("bot", "lobby", {})

        const op = `GET /channels/${lobby}`
        yield* discord.faults.when({ point: "rest", op, nth: 1 }, { replaceWith: JSON.stringify({ type: 0 }) })
        assert.deepStrictEqual(yield* asked(lobby), ["NotVoice", 0])
        yield* discord.faults.when({ point: "rest", op, nth: 1 }, { replaceWith: "no JSON" })
        assert.deepStrictEqual(yield* asked(lobby), [undefined, 0])
        yield* discord.faults.when({ point: "rest", op, nth: 1 }, { delayMs: 3_000 })
        yield* discord.faults.deny("bot", "lobby", { connect: true })
        assert.deepStrictEqual(yield* asked(lobby), ["Connect", 3])
        // Without an answer, the client does not know the obstacle.
        yield* discord.faults.when({ point: "rest", op, nth: 1 }, "drop")
        assert.deepStrictEqual(yield* asked(lobby), [undefined, 0])
        assert.deepStrictEqual(yield* asked(lobby), ["Connect", 0])
      }).pipe(Effect.provide(discord.layerGateway("bot")))
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  /** Registers a command and removes it. The removal is answered without a body. */
  const registered = (
    ask: typeof globalThis.fetch,
    rest: string,
    bot: { readonly id: string; readonly token: string }
  ) =>
    Effect.promise(async () => {
      const headers = { authorization: `Bot ${bot.token}` }
      const commands = `${rest}/applications/${bot.id}/commands`
      const made = await ask(commands, {
        method: "POST",
        headers,
        body: JSON.stringify({ name: "play", description: "plays" })
      })
      assert.deepStrictEqual([made.status, made.headers.get("content-type")], [201, "application/json"])
      const { id } = Schema.decodeUnknownSync(Schema.Struct({ id: Schema.String }))(await made.json())
      const gone = await ask(`${commands}/${id}`, { method: "DELETE", headers })
      // Libraries parse whatever is labeled as JSON.
      assert.deepStrictEqual([gone.status, gone.headers.get("content-type"), await gone.text()], [204, null, ""])
    })

  it.effect("labels an answer as JSON only if it has a body", () =>
    Effect.gen(function*() {
      const { bot, core } = Harness.make()
      const ask = yield* RestFetch.make({ call: (f) => Effect.sync(() => f(core)) })
      yield* registered(ask, "https://discord.test/api/v10", bot)
    }))

  /** Sends a file, and downloads it from where it is served. */
  const kept = Effect.fnUntraced(function*(ask: typeof globalThis.fetch) {
    const discord = yield* Emulator.Emulator
    const { token } = yield* discord.user("bot")
    const channel = yield* discord.channel("lobby")
    const data = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251)
    const send = (body: FormData | string) =>
      Effect.promise(async () => {
        const answer = await ask(`${discord.urls.rest}/channels/${channel}/messages`, {
          method: "POST",
          headers: { authorization: `Bot ${Redacted.value(token)}` },
          body
        })
        return [answer.status, answer.headers.get("content-type"), await answer.json()] as const
      })
    const sendFiles = (...sizes: ReadonlyArray<number>) => {
      const form = new FormData()
      for (const [i, size] of sizes.entries()) {
        form.set(`files[${i}]`, new Blob([new Uint8Array(size), data]), "cover.png")
      }
      return send(form)
    }
    assert.strictEqual((yield* sendFiles(0))[0], 200)
    // A single file, all files together, and the JSON.
    const tooLarge = [413, "application/json", { code: 40005, message: "Request entity too large" }] as const
    assert.deepStrictEqual(yield* sendFiles(11_000_000), tooLarge)
    assert.deepStrictEqual(yield* sendFiles(9_000_000, 9_000_000, 9_000_000), tooLarge)
    assert.deepStrictEqual(yield* send(JSON.stringify({ content: "x", nonce: "x".repeat(65_536) })), tooLarge)
    const chat = yield* discord.chat()
    const part = new Uint8Array(9_000_000)
    const refused = yield* Effect.flip(chat.write("", { files: [1, 2, 3].map((i) => ({ name: `${i}`, data: part })) }))
    assert.include(refused.message, "the files of a message can have at most 26214400 bytes in total")
    const [message, ...others] = yield* chat.messages
    assert.lengthOf(others, 0)
    const url = message?.attachments[0]?.url ?? ""
    const read = (init?: RequestInit) =>
      Effect.promise(async () => {
        const answer = await ask(url, init)
        const header = ["content-type", "content-length", "content-range"].map((name) => answer.headers.get(name))
        return [answer.status, header, new Uint8Array(await answer.arrayBuffer())]
      })
    assert.deepStrictEqual(yield* read(), [200, ["image/png", "300000", null], data])
    assert.deepStrictEqual(yield* read({ method: "HEAD" }), [200, ["image/png", "300000", null], new Uint8Array()])
    assert.deepStrictEqual(yield* read({ headers: { range: "bytes=10-19" } }), [
      206,
      ["image/png", "10", "bytes 10-19/300000"],
      data.slice(10, 20)
    ])
    assert.deepStrictEqual(yield* read({ headers: { range: "bytes=300000-" } }), [
      416,
      [null, "0", "bytes */300000"],
      new Uint8Array()
    ])
    const { origin } = new URL(url)
    const none = yield* Effect.promise(async () => (await ask(`${origin}/attachments/1/2/x.png`)).status)
    assert.strictEqual(none, 404)
    const sound = yield* discord.createSound({ name: "yay", data: Sounds.ogg(1) })
    const served = yield* Effect.promise(async () => {
      const answer = await ask(`${origin}/soundboard-sounds/${sound}`)
      return Buffer.from(await answer.arrayBuffer())
    })
    assert.deepStrictEqual(served, Buffer.from(Sounds.ogg(1)))
  })

  it.effect("accepts files and serves them", () =>
    Effect.gen(function*() {
      const { fetch: ask } = yield* Emulator.Emulator
      yield* kept(ask)
    }).pipe(Effect.provide(Emulator.layerMemory())))

  it.live("accepts files and serves them on loopback as well", () => kept(fetch).pipe(Effect.provide(Emulator.layer())))

  it.live("labels an answer as JSON only if it has a body on loopback as well", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { id, token } = yield* discord.user("bot")
      yield* registered(fetch, discord.urls.rest, { id, token: Redacted.value(token) })
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))
})
