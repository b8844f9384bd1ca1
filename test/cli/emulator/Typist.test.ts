import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Typist from "../../../src/cli/emulator/Typist.ts"
import type * as Emulator from "../../../src/emulator/Emulator.ts"

const form: Emulator.Modal = { customId: "form", title: "Ask", components: [] }

/** A command whose reply is its own name and that has buttons. "ask" has no reply and opens a form. */
const command = (name: string): Emulator.Command => {
  const reply = { content: name, attachments: [], embeds: [], components: [], ephemeral: false, edited: false }
  return {
    replies: Effect.succeed([reply]),
    reply: name === "ask" ? Effect.never : Effect.succeed(reply),
    acknowledged: Effect.void,
    until: () => Effect.never,
    opened: Effect.succeed(name === "ask" ? form : undefined),
    modal: name === "ask" ? Effect.succeed(form) : Effect.never,
    press: (customId) => Effect.succeed(command(`${name} ${customId}`)),
    submit: (values) => Effect.succeed(command(`${name} ${Object.values(values).join()}`))
  }
}

const make = () =>
  Typist.make({
    command: ({ name }) => Effect.sync(() => command(name)),
    menu: ({ name }) => Effect.sync(() => command(`${name} of a menu`))
  })

const contents = (typed: Typist.Typed | undefined) => typed?.replies.map(({ content }) => content)

describe("Typist", () => {
  it.effect("gives each command a number, by which it can be read and pressed", () =>
    Effect.gen(function*() {
      const typist = make()
      const play = yield* typist.type({ name: "play" }, 1000)
      const skip = yield* typist.type({ name: "skip" }, 1000)
      assert.deepStrictEqual([play.command, skip.command], [1, 2])
      const chosen = yield* typist.choose({ name: "Greet", on: { user: "guest" } }, 1000)
      assert.deepStrictEqual([chosen.command, contents(chosen)], [3, ["Greet of a menu"]])
      const pressed = yield* typist.press(1, "pause", {}, 1000)
      assert.deepStrictEqual([pressed?.command, contents(pressed)], [4, ["play pause"]])
      assert.deepStrictEqual(contents(yield* typist.read(2, undefined, 1000)), ["skip"])
      assert.isUndefined(yield* typist.read(5, undefined, 1000))
      assert.isUndefined(yield* typist.press(0, "pause", {}, 1000))
    }))

  it.effect("returns the form that the bot opens, and sends it", () =>
    Effect.gen(function*() {
      const typist = make()
      const ask = yield* typist.type({ name: "ask" }, 1000)
      assert.deepInclude(ask, { command: 1, modal: form })
      const sent = yield* typist.submit(1, { song: "x" }, 1000)
      assert.deepStrictEqual([sent?.command, contents(sent)], [2, ["ask x"]])
      assert.isUndefined(sent?.modal)
      assert.isUndefined(yield* typist.submit(3, {}, 1000))
    }))

  it.effect("forgets commands that can no longer be answered, except for those used last", () =>
    Effect.gen(function*() {
      const typist = make()
      const typed = (count: number) => Effect.forEach(Array(count), () => typist.type({ name: "play" }, 1000))
      yield* typed(300)
      yield* TestClock.adjust("899 seconds")
      yield* typed(1)
      // The buttons of the first one are still being pressed.
      assert.isDefined(yield* typist.press(1, "pause", {}, 1000))
      assert.isDefined(yield* typist.read(2, undefined, 1000))
      yield* TestClock.adjust("1 second")
      const last = yield* typist.type({ name: "play" }, 1000)
      assert.strictEqual(last.command, 303)
      assert.isUndefined(yield* typist.read(3, undefined, 1000))
      assert.isDefined(yield* typist.read(1, undefined, 1000))
      assert.isDefined(yield* typist.read(2, undefined, 1000))
      assert.isDefined(yield* typist.read(300, undefined, 1000))
      yield* TestClock.adjust("1 hour")
      yield* typed(100)
      assert.isUndefined(yield* typist.read(303, undefined, 1000))
      assert.isUndefined(yield* typist.press(1, "pause", {}, 1000))
      assert.isDefined(yield* typist.read(403, undefined, 1000))
      assert.isDefined(yield* typist.read(304, undefined, 1000))
    }))
})
