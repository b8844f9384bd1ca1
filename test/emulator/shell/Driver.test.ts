import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { MessageChannel } from "node:worker_threads"
import type { Core } from "../../../src/emulator/core/Core.ts"
import type { Output } from "../../../src/emulator/core/CoreContext.ts"
import * as Timers from "../../../src/emulator/core/Timers.ts"
import * as Driver from "../../../src/emulator/shell/Driver.ts"

/** The part of a core that a driver uses. */
const makeCore = () => {
  const log: Array<string> = []
  const timers = Timers.make(0)
  let emit: (output: Output) => void = () => {}
  let clockMs = () => NaN
  const core = {
    advance: (nowMs: number) => {
      log.push(`advance ${nowMs}`)
      timers.advance(nowMs)
    },
    nextDueMs: timers.nextDueMs
  }
  return {
    log,
    timers,
    at: (atMs: number, name: string) => timers.at(atMs, () => log.push(`${name} ${timers.now()}`)),
    emit: (text: string) => emit({ _tag: "Text", connection: 1, text }),
    clockMs: () => clockMs(),
    make: (options: Parameters<Driver.DriverOptions["core"]>[0]) => {
      emit = options.emit
      clockMs = options.clockMs
      // The driver calls nothing else.
      return core as unknown as Core
    }
  }
}

describe("Driver", () => {
  it.effect("advances the core to the clock before each input", () =>
    Effect.gen(function*() {
      const core = makeCore()
      yield* TestClock.adjust("5 seconds")
      const driver = yield* Driver.make({ core: core.make, deliver: () => {} })
      driver.run(() => core.log.push("one"))
      yield* TestClock.adjust("1500 millis")
      driver.run(() => core.log.push("two"))
      assert.deepStrictEqual(core.log, ["advance 5000", "one", "advance 6500", "two"])
      assert.strictEqual(driver.nowMs(), 6500)
    }))

  it.effect("runs actions when they are due, including those that become due before the next one awaited", () =>
    Effect.gen(function*() {
      const core = makeCore()
      const driver = yield* Driver.make({ core: core.make, deliver: () => {} })
      const times: Array<readonly [string, number]> = []
      const at = (atMs: number, name: string) => core.timers.at(atMs, () => times.push([name, driver.nowMs()]))
      // Let it wait with nothing due first.
      yield* Effect.yieldNow
      driver.run(() => at(1000, "late"))
      yield* Effect.yieldNow
      yield* TestClock.adjust("100 millis")
      driver.run(() => {
        at(250.5, "early")
        at(20_000, "never")
      })
      yield* Effect.yieldNow
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(times, [["early", 250.5], ["late", 1000]])
    }))

  it.live("runs actions on the live clock, and never too early", () =>
    Effect.gen(function*() {
      const core = makeCore()
      const driver = yield* Driver.make({ core: core.make, deliver: () => {} })
      driver.run(() => {
        core.at(1.25, "one")
        core.at(12.75, "two")
      })
      while (core.log.filter((line) => /^(one|two)/.test(line)).length < 2) yield* Effect.sleep("1 millis")
      assert.isAtLeast(driver.nowMs(), 12.75)
      const advances = core.log.slice(0, core.log.findIndex((line) => line.startsWith("two")))
      const last = advances.toReversed().find((line) => line.startsWith("advance"))
      assert.isAtLeast(Number(last?.split(" ")[1]), 12.75)
    }))

  it.effect("runs actions that were due during a stall after the inputs that arrived meanwhile", () =>
    Effect.gen(function*() {
      let nowMs = 0
      const clock = yield* Clock.Clock
      const standing: Clock.Clock = {
        ...clock,
        monotonicTimeNanosUnsafe: () => BigInt(nowMs) * 1_000_000n,
        sleep: () => Effect.never
      }
      const read: Array<() => void> = []
      const core = makeCore()
      const driver = yield* Driver.make({
        core: core.make,
        deliver: () => {},
        afterInputs: (run) => void read.push(run)
      }).pipe(Effect.provideService(Clock.Clock, standing))
      driver.run(() => {
        core.at(100, "first")
        core.at(150, "second")
        core.at(1_000, "later")
      })
      core.log.length = 0
      // Being a little late is normal for a timer.
      nowMs = 110
      driver.run(() => core.log.push("in time"))
      nowMs = 400
      driver.run(() => core.log.push(`from the socket at ${core.clockMs()}`))
      driver.run(() => core.log.push("and another"))
      assert.lengthOf(read, 1)
      read.shift()?.()
      driver.run(() => core.log.push("new"))
      assert.deepStrictEqual(core.log.filter((line) => !line.startsWith("advance")), [
        "first 100",
        "in time",
        "from the socket at 400",
        "and another",
        "second 150",
        "new"
      ])
      const advances = core.log.filter((line) => line.startsWith("advance")).map((line) => Number(line.split(" ")[1]))
      assert.deepStrictEqual(advances, advances.toSorted((a, b) => a - b))
      assert.strictEqual(advances.at(-1), 400)
    }))

  it.live("also runs inputs first on the live clock, when the timer is what is late", () =>
    Effect.gen(function*() {
      const core = makeCore()
      const driver = yield* Driver.make({
        core: core.make,
        deliver: () => {},
        afterInputs: (run) => void setImmediate(run)
      })
      driver.run(() => core.at(driver.nowMs() + 20, "due"))
      yield* Effect.sleep("1 millis")
      const until = performance.now() + 100
      while (performance.now() < until);
      const { port1, port2 } = new MessageChannel()
      // Runs between timers and immediates, as a read from a socket does.
      yield* Effect.callback<void>((resume) => {
        port2.once("message", () => {
          driver.run(() => core.log.push("input"))
          resume(Effect.void)
        })
        port1.postMessage(undefined)
      })
      port1.close()
      while (!core.log.some((line) => line.startsWith("due"))) yield* Effect.sleep("1 millis")
      const seen = core.log.filter((line) => !line.startsWith("advance")).map((line) => line.split(" ")[0])
      assert.deepStrictEqual(seen, ["input", "due"])
    }))

  it.effect("runs an input that comes from within the core after the current one", () =>
    Effect.gen(function*() {
      const core = makeCore()
      const driver: Driver.Driver = yield* Driver.make({
        core: core.make,
        deliver: () => driver.run(() => core.log.push("inner"))
      })
      driver.run(() => {
        core.emit("x")
        core.log.push("outer")
      })
      assert.deepStrictEqual(core.log, ["advance 0", "outer", "advance 0", "inner"])
    }))

  it.effect("returns the core's answer, and waits while the core is busy", () =>
    Effect.gen(function*() {
      const core = makeCore()
      const context = yield* Effect.context<never>()
      const driver: Driver.Driver = yield* Driver.make({
        core: core.make,
        deliver: () =>
          void Effect.runForkWith(context)(
            Effect.map(driver.call(() => "answer"), (answer) => core.log.push(answer))
          )
      })
      const result = yield* driver.call(() => {
        core.emit("x")
        core.log.push("outer")
        return 7
      })
      assert.strictEqual(result, 7)
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.deepStrictEqual(core.log.filter((line) => !line.startsWith("advance")), ["outer", "answer"])
    }))

  it.effect("logs a defect, and continues with the next input", () =>
    Effect.gen(function*() {
      const messages: Array<unknown> = []
      const core = makeCore()
      const driver = yield* Driver.make({ core: core.make, deliver: () => {} }).pipe(
        Effect.provide(Logger.layer([Logger.make(({ message }) => messages.push(message))]))
      )
      driver.run(() => {
        throw new Error("a bug")
      })
      driver.run(() => core.log.push("next"))
      assert.include(core.log, "next")
      const exit = yield* Effect.exit(driver.call(() => 1))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.include(String(messages), "The emulator is broken")
    }))

  it.effect("survives an exception in the delivery of an output", () =>
    Effect.gen(function*() {
      const core = makeCore()
      const driver = yield* Driver.make({
        core: core.make,
        deliver: () => {
          throw new Error("no such socket")
        }
      }).pipe(Effect.provide(Logger.layer([])))
      driver.run(() => {
        core.emit("x")
        core.log.push("went on")
      })
      assert.include(core.log, "went on")
      const exit = yield* Effect.exit(driver.call(() => 1))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }))

  it.effect("does nothing after its scope has closed", () =>
    Effect.gen(function*() {
      const core = makeCore()
      const scope = yield* Scope.make()
      const driver = yield* Scope.provide(Driver.make({ core: core.make, deliver: () => core.log.push("out") }), scope)
      driver.run(() => core.at(1000, "due"))
      yield* Scope.close(scope, Exit.void)
      driver.run(() => core.log.push("input"))
      core.emit("x")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(core.log, ["advance 0"])
      const exit = yield* Effect.exit(driver.call(() => 1))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }))
})
