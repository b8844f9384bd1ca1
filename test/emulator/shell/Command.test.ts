import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Command from "../../../src/emulator/shell/Command.ts"
import * as Driver from "../../../src/emulator/shell/Driver.ts"
import type * as EmulatorError from "../../../src/emulator/shell/EmulatorError.ts"
import * as Harness from "../core/Harness.ts"

/** A command that a guest has typed, with functions that act as the bot. The emulator closes with the scope. */
const typed = Effect.gen(function*() {
  const h = Harness.make()
  const guest = h.core.createUser({ name: "guest" })
  const client = h.login()
  const keyboard = Command.make({
    driver: yield* Driver.make({ core: () => h.core, deliver: () => {} }),
    settle: () => Effect.void
  }, {
    userOrNew: () => Effect.succeed(guest),
    users: { find: () => Effect.succeed(h.bot), nameOf: (id) => id === h.bot.id ? "bot" : id },
    channels: { find: () => Effect.succeed({ id: h.lobby }) }
  })
  const command = yield* keyboard.command({ name: "play" })
  const { id, token }: { readonly [key: string]: unknown } = { ...client.events("INTERACTION_CREATE").at(-1) }
  const call = (method: string, path: string, body: unknown) =>
    h.core.rest({ method, path, authorization: undefined, body: JSON.stringify(body) }).status
  return {
    command,
    keyboard,
    login: () => h.login(),
    register: (...commands: ReadonlyArray<object>) =>
      assert.strictEqual(
        h.core.rest({
          method: "PUT",
          path: `/applications/${h.bot.id}/commands`,
          authorization: `Bot ${h.bot.token}`,
          body: JSON.stringify(commands)
        }).status,
        200
      ),
    refuse: () => call("PUT", `/applications/${h.bot.id}/commands`, []),
    end: () => h.core.closeGateway(h.bot.id, 4004, ""),
    open: () =>
      call("POST", `/interactions/${id}/${token}/callback`, {
        type: 9,
        data: { custom_id: "form", title: "Form", components: [{ type: 10, content: "nothing to fill in" }] }
      }),
    answer: (content: string) => call("POST", `/interactions/${id}/${token}/callback`, { type: 4, data: { content } }),
    edit: (content: string) => call("PATCH", `/webhooks/${h.bot.id}/${token}/messages/@original`, { content })
  }
})

describe("Command", () => {
  it.effect("stops looking once it has found what it waits for", () =>
    Effect.gen(function*() {
      const { answer, command, edit } = yield* typed
      let looks = 0
      const find = (replies: ReadonlyArray<Command.Reply>) => {
        looks++
        return replies[0]?.content
      }
      const waiting = yield* Effect.forkChild(command.until(find), { startImmediately: true })
      answer("one")
      assert.strictEqual(yield* Fiber.join(waiting), "one")
      assert.strictEqual(yield* command.until(find), "one")
      const before = looks
      edit("two")
      assert.strictEqual(looks, before)
    }))

  it.effect("mentions the last refused request if the bot has logged out, because that may be the reason", () =>
    Effect.gen(function*() {
      const { end, keyboard, refuse } = yield* typed
      refuse()
      end()
      const { message } = yield* Effect.flip(keyboard.command({ name: "play" }))
      assert.include(
        message,
        "\"bot\" is no longer logged in. The last refused request, 0 ms earlier, was PUT "
      )
      assert.include(message, "401")
    }))

  it.effect("waits until the bot is logged in and has registered it, and otherwise lists the bot's commands", () =>
    Effect.gen(function*() {
      const { end, keyboard, login, register } = yield* typed
      const late = Effect.gen(function*() {
        const waiting = yield* Effect.forkChild(Effect.flip(keyboard.awaitCommand({ name: "skip", timeout: 20 })), {
          startImmediately: true
        })
        yield* TestClock.adjust(20)
        return (yield* Fiber.join(waiting)).message
      })
      const vain = "The command \"skip\" failed: it was not available within 20ms: "
      assert.strictEqual(yield* late, `${vain}the bot has not registered it, nor any other command.`)
      register({ name: "play", description: "Plays", contexts: [1] }, { name: "stop", description: "Stops" })
      assert.strictEqual(yield* late, `${vain}the bot has not registered it; it has registered play, stop.`)
      end()
      assert.include(yield* late, "\"bot\" is no longer logged in")

      const waiting = yield* Effect.forkChild(keyboard.awaitCommand({ name: "/skip" }), { startImmediately: true })
      register({ name: "skip", description: "Skips" })
      yield* TestClock.adjust("1 second")
      assert.isUndefined(waiting.pollUnsafe())
      login()
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(waiting)
      register({ name: "skip", type: 3 }, { name: "play", description: "Plays", contexts: [1] })
      yield* keyboard.awaitCommand({ name: "skip" })
      const { message } = yield* Effect.flip(keyboard.awaitCommand({ name: "play", timeout: 0 }))
      assert.include(message, "the bot has not registered it for guilds")
    }))

  it.effect("stops waiting for its registration when the emulator closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { keyboard } = yield* Scope.provide(typed, scope)
      const waiting = yield* Effect.forkChild(Effect.flip(keyboard.awaitCommand({ name: "skip" })), {
        startImmediately: true
      })
      yield* Scope.close(scope, Exit.void)
      assert.include((yield* Fiber.join(waiting)).message, "the emulator has closed")
    }))

  it.effect("dies if its predicate throws, without affecting the bot's request", () =>
    Effect.gen(function*() {
      const { answer, command } = yield* typed
      const waiting = yield* Effect.forkChild(
        command.until(([reply]) => {
          if (reply !== undefined) throw new Error("said by the test")
          return undefined
        }),
        { startImmediately: true }
      )
      assert.strictEqual(answer("one"), 204)
      const exit = yield* Fiber.await(waiting)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.strictEqual((yield* command.reply).content, "one")
    }))

  it.effect("waits for a form, which can be sent once", () =>
    Effect.gen(function*() {
      const { command, open } = yield* typed
      assert.isUndefined(yield* command.opened)
      const said = (effect: Effect.Effect<unknown, EmulatorError.EmulatorError>) =>
        Effect.map(Effect.flip(effect), ({ message }) => message)
      assert.include(yield* said(command.submit({})), "the bot has not opened a form")
      const waiting = yield* Effect.forkChild(command.modal, { startImmediately: true })
      assert.strictEqual(open(), 204)
      assert.deepInclude(yield* Fiber.join(waiting), { customId: "form", title: "Form" })
      assert.deepInclude(yield* command.opened, { customId: "form" })
      yield* command.acknowledged
      assert.include(yield* said(command.submit({ song: "x" })), "no input \"song\"")
      assert.deepStrictEqual(yield* (yield* command.submit({})).replies, [])
      assert.include(yield* said(command.submit({})), "already submitted")
    }))

  it.effect("stops waiting for a form when the bot answers with a message", () =>
    Effect.gen(function*() {
      const { answer, command } = yield* typed
      const waiting = yield* Effect.forkChild(Effect.flip(command.modal), { startImmediately: true })
      answer("one")
      assert.include((yield* Fiber.join(waiting)).message, "answered without a form")
    }))

  it.effect("lists the bot's messages and the last refused request when nothing else comes in time", () =>
    Effect.gen(function*() {
      const { answer, command, edit } = yield* typed
      assert.strictEqual(answer(""), 400)
      assert.strictEqual(answer("one"), 204)
      const late = yield* Effect.forkChild(Effect.flip(command.until(([, reply]) => reply, { timeout: 5 })), {
        startImmediately: true
      })
      yield* TestClock.adjust(5)
      assert.strictEqual(
        (yield* Fiber.join(late)).message,
        "The command \"play\" failed: the expected answer did not arrive within 5ms; there was: bot \"one\". The last refused " +
          "request, 5 ms earlier, was POST /interactions/:/:/callback: 400 50006 Cannot send an empty message."
      )
      edit("two")
      assert.include((yield* Effect.flip(command.modal)).message, "without a form; there was: bot \"two\" edited.")
    }))

  it.effect("mentions the form that the bot has opened when there is no message", () =>
    Effect.gen(function*() {
      const { command, open } = yield* typed
      open()
      const late = yield* Effect.forkChild(Effect.flip(command.reply), { startImmediately: true })
      yield* TestClock.adjust("15 minutes")
      const { message } = yield* Fiber.join(late)
      assert.include(message, "within 15m; it opened the form \"form\"; there was no message")
    }))

  it.effect("stops waiting when the emulator closes, or has closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { answer, command } = yield* Scope.provide(typed, scope)
      const waiting = yield* Effect.forkChild(Effect.flip(command.reply), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      const said = "The command \"play\" failed: the emulator has closed."
      assert.strictEqual((yield* Fiber.join(waiting)).message, said)
      answer("too late")
      for (const wait of [command.reply, command.acknowledged, command.until(([reply]) => reply)]) {
        assert.strictEqual((yield* Effect.flip(wait)).message, said)
      }
    }))
})
