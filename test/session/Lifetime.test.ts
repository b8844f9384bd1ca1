import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { ChannelId, GuildId } from "../../src/protocol/Identifier.ts"
import * as Lifetime from "../../src/session/Lifetime.ts"
import type { State } from "../../src/session/State.ts"
import * as VoiceError from "../../src/VoiceError.ts"

const guildId = GuildId.make("10")
const channelId = ChannelId.make("20")

const connecting: State = { _tag: "Connecting", endpoint: "voice.example", channelId }

const error = VoiceError.make(new VoiceError.CallEnded({ guildId, channelId }))

/** A lifetime, and the scope that it ends with. */
const rig = Effect.gen(function*() {
  const scope = yield* Scope.fork(yield* Effect.scope)
  return { scope, life: yield* Scope.provide(Lifetime.make(channelId), scope) }
})

describe("Lifetime", () => {
  it.effect("shows what the session is doing, until its end", () =>
    Effect.gen(function*() {
      const { life } = yield* rig
      const watching = yield* Effect.forkChild(Stream.runCollect(life.changes), { startImmediately: true })
      life.show(connecting)
      assert.deepStrictEqual(life.state(), connecting)
      assert.isFalse(life.isOver())
      yield* life.end(error)
      assert.isTrue(life.isOver())
      const states: ReadonlyArray<State> = [{ _tag: "Joining", channelId }, connecting, { _tag: "Closed", error }]
      assert.deepStrictEqual(yield* Fiber.join(watching), states)
      assert.deepStrictEqual(yield* Stream.runCollect(life.changes), [{ _tag: "Closed", error }])
    }))

  it.effect("ends once, and shows nothing else afterwards", () =>
    Effect.gen(function*() {
      const { life } = yield* rig
      yield* life.end()
      yield* life.end(error)
      life.show(connecting)
      assert.deepStrictEqual(life.state(), { _tag: "Closed" })
    }))

  it.effect("allows no operation after the end, even if it was created before", () =>
    Effect.gen(function*() {
      const { life } = yield* rig
      const doing = life.live("Singing", Effect.succeed("la"))
      assert.strictEqual(yield* doing, "la")
      yield* life.end()
      const { reason } = yield* Effect.flip(doing)
      assert.deepInclude(reason, { _tag: "NotConnected", operation: "Singing" })
    }))

  for (
    const [name, end, expected] of [
      ["succeeds when we left", undefined, Exit.void],
      ["fails with the reason of any other end", error, Exit.fail(error)]
    ] as const
  ) {
    it.effect(`is awaited until the scope has closed, which ${name}`, () =>
      Effect.gen(function*() {
        const { life, scope } = yield* rig
        const waiting = yield* Effect.forkChild(Effect.exit(life.awaitClosed), { startImmediately: true })
        const released: Array<boolean> = []
        yield* Scope.addFinalizer(scope, Effect.sync(() => released.push(waiting.pollUnsafe() === undefined)))
        yield* life.end(end)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(yield* Fiber.join(waiting), expected)
        assert.deepStrictEqual(released, [true])
      }))
  }

  it.effect("dies of a defect, whatever it ends with", () =>
    Effect.gen(function*() {
      const { life, scope } = yield* rig
      life.die(Cause.die("broken"))
      yield* life.end(error)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Effect.exit(life.awaitClosed), Exit.die("broken"))
    }))
})
