import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer, Option, Redacted, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Emulator from "../../../src/emulator/Emulator.ts"
import * as Gateway from "../../../src/Gateway.ts"

const memory = Emulator.layerMemory()

/** Makes a REST request as the bot. */
const say = Effect.fnUntraced(function*(method: string, path: string, body: unknown) {
  const discord = yield* Emulator.Emulator
  const { token } = yield* discord.user("bot")
  const answer = yield* discord.rest({
    method,
    path: `/channels/${yield* discord.channel("lobby")}${path}`,
    authorization: `Bot ${Redacted.value(token)}`,
    body: JSON.stringify(body)
  })
  return { ...(typeof answer.body === "object" ? answer.body : {}) } as { readonly [key: string]: unknown }
})

describe("Chat", () => {
  it.effect("shows what users and bots have written, in its current state", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const chat = yield* discord.chat()
      const written = yield* chat.write("!play", { user: "somebody" })
      assert.deepInclude(written, {
        user: "somebody",
        content: "!play",
        replyTo: undefined,
        reactions: [],
        reactors: {},
        type: 0
      })
      yield* chat.react(written.id, "👎", { user: "somebody" })
      yield* chat.react(written.id, "👎", { user: "somebody", takeBack: true })
      const waiting = yield* Effect.forkChild(
        chat.until((messages) => messages.find(({ edited, user }) => user === "bot" && edited)),
        { startImmediately: true }
      )
      const { id } = yield* say("POST", "/messages", {
        content: "Playing",
        message_reference: { message_id: written.id }
      })
      yield* say("PUT", `/messages/${written.id}/reactions/${encodeURIComponent("✅")}/@me`, {})
      yield* say("PATCH", `/messages/${id}`, { content: "Paused" })
      yield* chat.react(written.id, "✅")
      assert.deepInclude(yield* Fiber.join(waiting), { content: "Paused", replyTo: written.id })
      assert.deepStrictEqual((yield* chat.messages).map(({ content, reactions }) => [content, reactions]), [
        ["!play", ["✅"]],
        ["Paused", []]
      ])
      const reactors = (yield* chat.messages).map((message) => [message.type, message.reactors])
      assert.deepStrictEqual(reactors, [[0, { "✅": ["bot", "guest"] }], [19, {}]])
      assert.deepStrictEqual(yield* (yield* discord.chat("secure")).messages, [])
      const failure = yield* Effect.flip(chat.write(""))
      assert.strictEqual(failure.message, "Chatting in \"lobby\" failed: the message is empty.")
      assert.strictEqual((yield* Effect.flip(discord.chat("nowhere"))).reason._tag, "UnknownName")
    }).pipe(Effect.provide(memory)))

  it.effect("presses buttons if the bot is logged in", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const chat = yield* discord.chat()
      const components = [{ type: 1, components: [{ type: 2, style: 1, custom_id: "skip" }] }]
      yield* say("POST", "/messages", { content: "Now playing", components })
      assert.include((yield* Effect.flip(chat.press("skip"))).message, "is not logged in")
      assert.include((yield* Effect.flip(chat.press("stop"))).message, "\"stop\"")
      yield* Effect.gen(function*() {
        yield* (yield* Gateway.Gateway).userId
        const { subscribe } = yield* Gateway.Dispatches
        const dispatches = yield* subscribe
        const command = yield* discord.command({ name: "play" })
        const created = yield* Stream.runHead(Stream.filter(dispatches, ({ t }) => t === "INTERACTION_CREATE"))
        const { id, token } = yield* Schema.decodeUnknownEffect(
          Schema.Struct({ id: Schema.String, token: Schema.String })
        )(Option.getOrThrow(created).d)
        const path = `/interactions/${id}/${token}/callback`
        yield* discord.rest({ method: "POST", path, authorization: undefined, body: JSON.stringify({ type: 5 }) })
        yield* command.acknowledged
        // A deferred answer is not a message yet.
        assert.deepStrictEqual((yield* chat.messages).map(({ content }) => content), ["Now playing"])
        const pressed = yield* chat.press("skip", { user: "somebody" })
        assert.deepStrictEqual(yield* pressed.replies, [])
      }).pipe(Effect.scoped, Effect.provide(discord.layerGateway("bot")))
    }).pipe(Effect.provide(memory)))

  it.effect("stops waiting when the channel is deleted", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const chat = yield* discord.chat()
      yield* chat.write("x")
      const waiting = yield* Effect.forkChild(Effect.flip(chat.until(() => undefined)), { startImmediately: true })
      yield* discord.faults.deleteChannel("lobby")
      assert.include((yield* Fiber.join(waiting)).message, "the channel no longer exists; there was: guest \"x\".")
      assert.deepStrictEqual(yield* chat.messages, [])
    }).pipe(Effect.provide(memory)))

  it.effect("lists the messages and the last refused request when nothing comes in time", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const chat = yield* discord.chat()
      const late = yield* Effect.forkChild(Effect.flip(chat.until(() => undefined, { timeout: "5 seconds" })), {
        startImmediately: true
      })
      yield* TestClock.adjust("4 seconds")
      const waiting = yield* Effect.forkChild(Effect.flip(chat.until(() => undefined, { timeout: "2 minutes" })), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      const failure = yield* Fiber.join(late)
      assert.strictEqual(failure.reason._tag, "MessageFailed")
      assert.strictEqual(
        failure.message,
        "Chatting in \"lobby\" failed: the expected message did not appear within 5s; there was no message."
      )
      for (const content of ["one", "two"]) yield* chat.write(content, { user: "somebody" })
      const { id } = yield* say("POST", "/messages", { content: "Looking", embeds: [{ title: "A song" }] })
      yield* say("PATCH", `/messages/${id}`, { content: "x".repeat(90) })
      yield* chat.write("", { files: [{ name: "a.mp3", data: Uint8Array.of(1) }] })
      yield* say("PUT", `/pins/${id}`, {})
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(
        (yield* Fiber.join(waiting)).message,
        "Chatting in \"lobby\" failed: the expected message did not appear within 2m; there was: 4 messages, the last " +
          `of them: somebody "two"; bot "${
            "x".repeat(80)
          }…" an embed "A song" edited; guest the file "a.mp3". The last ` +
          "refused request, 119000 ms earlier, was PUT /channels/:/pins/: of \"bot\": 403 50013 Missing Permissions."
      )
      assert.strictEqual((yield* discord.counters).get("rest-refused:50013"), 1)
    }).pipe(Effect.provide(memory)))

  it.effect("stops waiting when the emulator closes, and dies if its predicate throws", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const discord = Context.get(yield* Layer.buildWithScope(memory, scope), Emulator.Emulator)
      const chat = yield* discord.chat()
      const waiting = yield* Effect.forkChild(Effect.flip(chat.until(() => undefined)), { startImmediately: true })
      const broken = yield* Effect.exit(chat.until(() => {
        throw new Error("said by the test")
      }))
      assert.isTrue(Exit.isFailure(broken) && Cause.hasDies(broken.cause))
      yield* Scope.close(scope, Exit.void)
      assert.include((yield* Fiber.join(waiting)).message, "the emulator has closed")
    }))
})
