import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch, Logger, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Conduit from "../../src/session/Conduit.ts"
import * as Ending from "../../src/session/Ending.ts"
import { Lazy } from "../../src/session/Lazy.ts"
import * as Lifetime from "../../src/session/Lifetime.ts"
import type { Playing } from "../../src/session/Playing.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"

const nothing = Effect.sync(() => [])
const quiet: Playing = {
  play: () => Effect.never,
  tracks: nothing,
  interrupt: nothing,
  cut: () => nothing,
  setEncoder: () => Effect.void,
  awaitEnds: Effect.void
}

describe("Ending", () => {
  it.effect("is no failure if a session is left, and nothing is logged", () => {
    const said: Array<unknown> = []
    return Effect.gen(function*() {
      const it = yield* Rig.make()
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(it.join, scope)
      yield* TestClock.adjust("1 second")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("10 seconds")
      yield* session.awaitClosed
      assert.deepStrictEqual(yield* session.state, { _tag: "Closed" })
      assert.deepStrictEqual(said, [])
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => said.push(message))])))
  })

  it.effect("reports a defect of the driver to the log and to waiting callers, and frees the guild", () => {
    const said: Array<unknown> = []
    return Effect.gen(function*() {
      let connects = 0
      const it = yield* Rig.make(
        {},
        Effect.void,
        () => ++connects === 2 ? Effect.die("a bug of the driver") : Effect.void
      )
      const session = yield* it.join
      const waiting = yield* Effect.forkChild(Effect.exit(session.awaitClosed), { startImmediately: true })
      yield* it.lose(4006)
      yield* TestClock.adjust("1 minute")
      const exit = yield* Fiber.join(waiting)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.strictEqual((yield* session.state)._tag, "Closed")
      assert.include(said.flat().join(), `The voice session in guild ${Rig.guildId} died`)
      assert.strictEqual((yield* (yield* it.join).state)._tag, "Ready")
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => said.push(message))])))
  })

  it.effect("ends every stream of a session that is left, whoever reads it", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(it.join, scope)
      const outlasting = yield* Effect.forEach([
        Stream.runDrain(Stream.unwrap(session.events)),
        Stream.runDrain(session.packets),
        Stream.runDrain(session.sent),
        Stream.runDrain(session.changes),
        Stream.runDrain(session.memberChanges)
      ], (reading) => Effect.forkScoped(Effect.exit(reading), { startImmediately: true }))
      yield* TestClock.adjust("1 second")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(outlasting.map((fiber) => fiber.pollUnsafe()?._tag), Array(5).fill("Success"))
    }))

  it.effect("is reported to those who watch a session before those who wait for it", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const it = yield* Rig.make({ policy: VoiceSession.policyNever })
      const session = yield* it.join
      yield* Effect.forkScoped(
        Effect.andThen(Effect.ignore(session.awaitClosed), Effect.sync(() => heard.push("waits"))),
        { startImmediately: true }
      )
      yield* session.changes.pipe(
        Stream.runForEach(({ _tag }) => Effect.sync(() => heard.push(_tag))),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* it.lose(4004)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(heard, ["Ready", "Closed", "waits"])
    }))

  it.effect("closes the scope of a lost session after the ends of its tracks, and not before", () =>
    Effect.gen(function*() {
      const outer = yield* Effect.scope
      const scope = yield* Scope.fork(outer)
      const lifetime = yield* Scope.provide(Lifetime.make(Rig.home), scope)
      const conduit = yield* Conduit.make(16)
      const tracksEnd = yield* Latch.make()
      const playing = new Lazy(() => ({ ...quiet, awaitEnds: tracksEnd.await }))
      const reason = VoiceError.make(new VoiceError.NotConnected({ operation: "Playing" }))
      const supervisor = yield* Effect.forkScoped(Effect.andThen(Effect.sleep("1 second"), Effect.fail(reason)))
      playing.get()
      yield* Ending.prepare({
        guildId: Rig.guildId,
        lifetime,
        parts: { conduit, playing, supervisor },
        scope,
        outer
      })
      const closed = yield* Effect.forkScoped(Effect.flip(lifetime.awaitClosed), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(lifetime.state(), { _tag: "Closed", error: reason })
      assert.isUndefined(closed.pollUnsafe())
      yield* tracksEnd.open
      assert.strictEqual(yield* Fiber.join(closed), reason)
    }))
})
