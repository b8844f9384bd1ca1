import { assert, describe, it } from "@effect/vitest"
import { Effect, type LogLevel } from "effect"
import type { FromDriver, ThreadOptions } from "../../src/driver/messages.ts"
import * as Served from "../../src/driver/Served.ts"
import * as Rig from "../integration/rig.ts"

/** A driver, what it has said, and a way to wait until it has said that much. */
const served = (options: ThreadOptions = {}, logLevel: LogLevel.LogLevel = "Warn") =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const said: Array<FromDriver> = []
        const driver = Served.make((message) => void said.push(message))
        driver.receive({ _tag: "Begin", options, logLevel, wire: undefined })
        return { driver, said }
      }),
      ({ driver }) => Effect.sync(driver.close)
    ),
    ({ driver, said }) => ({
      driver,
      said,
      until: (count: number) => Rig.settled(Effect.sync(() => assert.isAtLeast(said.length, count)))
    })
  )

describe("Served", () => {
  it.live("handles messages that come before its services are ready, and passes on its log", () =>
    Effect.gen(function*() {
      const { driver, said, until } = yield* served({ dave: "disabled" })
      driver.receive({ _tag: "Line", message: "early" })
      yield* until(2)
      driver.receive({ _tag: "Line", message: { _tag: "Close", id: 7 } })
      yield* until(3)
      assert.deepStrictEqual(said, [
        { _tag: "Line", message: { _tag: "Serving" } },
        { _tag: "Log", level: "Warn", text: "A message on the driver line could not be decoded" },
        { _tag: "Line", message: { _tag: "Closed", id: 7 } }
      ])
    }).pipe(Effect.scoped))

  it.live("passes on nothing below the log level of the program", () =>
    Effect.gen(function*() {
      const { driver, said, until } = yield* served({ dave: "disabled" }, "Error")
      driver.receive({ _tag: "Line", message: "what is no message" })
      driver.receive({ _tag: "Line", message: { _tag: "Close", id: 7 } })
      yield* until(2)
      assert.deepStrictEqual(said.map(({ _tag }) => _tag), ["Line", "Line"])
    }).pipe(Effect.scoped))

  it.live("reports why it has died", () =>
    Effect.gen(function*() {
      const { said, until } = yield* served(JSON.parse("{ \"crypto\": { \"preference\": 7 } }"))
      yield* until(1)
      assert.lengthOf(said, 1)
      const [last] = said
      assert(last?._tag === "Died")
      assert.include(last.detail, "not a function")
    }).pipe(Effect.scoped))
})
