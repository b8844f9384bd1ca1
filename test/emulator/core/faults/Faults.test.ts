import { assert, describe, it } from "@effect/vitest"
import type { ConnectionId, Fault, Output } from "../../../../src/emulator/core/CoreContext.ts"
import * as Faults from "../../../../src/emulator/core/faults/Faults.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import * as Timers from "../../../../src/emulator/core/Timers.ts"
import type { UserId } from "../../../../src/protocol/Identifier.ts"

const setup = () => {
  const timers = Timers.make(0)
  const emitted: Array<Output> = []
  const ended: Array<number> = []
  const codes: Array<number> = []
  const counted: Array<string> = []
  const passed: Array<readonly [at: number, frame: string | Uint8Array]> = []
  const faults = Faults.make({
    random: Random.make(1),
    timers,
    now: timers.now,
    emit: (output) => emitted.push(output),
    count: (name) => counted.push(name),
    onEnded: (connection, code) => {
      ended.push(connection)
      codes.push(code)
    }
  })
  const send = (frame: string | Uint8Array, op: number | undefined = 1, userId: string | undefined = undefined) =>
    faults.through(
      "gateway-in",
      { userId: userId as UserId | undefined, op, frame, connection: 9 },
      (out) => passed.push([timers.now(), out])
    )
  return { timers, emitted, ended, codes, counted, passed, faults, send }
}

describe("Faults", () => {
  it("numbers requests by route, regardless of ids and tokens", () => {
    const { faults } = setup()
    const seen: Array<number> = []
    faults.add(({ index }) => void seen.push(index))
    const ask = (op: string) => faults.decide({ point: "rest", userId: undefined, op, frame: "" })
    ask("PATCH /channels/1083306088264814673/messages/1083306024648638778")
    ask("PATCH /channels/1083306088264814673/messages/1083306024648638779")
    ask("POST /interactions/1083306024648638780/0123456789abcdef0123456789abcdef/callback")
    ask("POST /interactions/1083306024648638781/fedcba9876543210fedcba9876543210/callback")
    ask("GET /gateway/bot")
    assert.deepStrictEqual(seen, [0, 1, 0, 1, 0])
  })

  it("lets everything pass without a fault, and again once the fault is removed", () => {
    const { counted, faults, passed, send } = setup()
    send("a")
    const remove = faults.add(() => ({ _tag: "Drop" }))
    send("b")
    remove()
    remove()
    send("c")
    assert.deepStrictEqual(passed.map(([, frame]) => frame), ["a", "c"])
    assert.deepStrictEqual(counted, ["fault:gateway-in:Drop"])
  })

  it("keeps messages of a kind in order on a connection, even after the fault is removed", () => {
    const { faults, passed, send, timers } = setup()
    let ms = 50
    const remove = faults.add(({ op }) => op === 1 ? { _tag: "Delay", ms } : undefined)
    send("first")
    ms = 20
    timers.advance(10)
    send("second")
    remove()
    send("third")
    send("of another kind", 2)
    assert.deepStrictEqual(passed, [[10, "of another kind"]])
    timers.advance(50)
    send("fourth")
    assert.deepStrictEqual(passed.slice(1), [[50, "first"], [50, "second"], [50, "third"], [50, "fourth"]])
  })

  it("keeps messages in order that are due at the same time", () => {
    const { faults, passed, send, timers } = setup()
    const through = (frame: string, connection: ConnectionId, then: () => void = () => {}) =>
      faults.through("gateway-in", { userId: undefined, op: 1, frame, connection }, (out) => {
        passed.push([timers.now(), out])
        then()
      })
    const remove = faults.add(() => ({ _tag: "Delay", ms: 50 }))
    through("first", 9, () => send("because of the first"))
    send("second")
    remove()
    through("on another connection", 8)
    assert.deepStrictEqual(passed, [[0, "on another connection"]])
    timers.advance(50)
    assert.deepStrictEqual(passed.slice(1).map(([, frame]) => frame), ["first", "second", "because of the first"])
  })

  it("delays on the clock and copies borrowed bytes", () => {
    const { faults, passed, send, timers } = setup()
    faults.add((subject) => subject.op === 1 ? { _tag: "Delay", ms: 50 } : undefined)
    const bytes = Uint8Array.of(1, 2)
    send(bytes)
    bytes.fill(0)
    send("through", 2)
    timers.advance(49)
    assert.deepStrictEqual(passed, [[0, "through"]])
    timers.advance(60)
    assert.deepStrictEqual(passed[1], [50, Uint8Array.of(1, 2)])
  })

  it("duplicates with separate copies, and replaces", () => {
    const { faults, passed, send } = setup()
    const remove = faults.add(() => ({ _tag: "Duplicate", copies: 2 }))
    send(Uint8Array.of(7))
    assert.strictEqual(passed.length, 3)
    assert.strictEqual(new Set(passed.map(([, frame]) => frame)).size, 3)
    remove()
    faults.add(() => ({ _tag: "Replace", frame: "other" }))
    send("one")
    assert.deepStrictEqual(passed[3], [0, "other"])
  })

  it("closes or terminates the connection instead of passing the message on", () => {
    const { emitted, ended, faults, passed, send } = setup()
    faults.add((subject) => subject.op === 1 ? { _tag: "Close", code: 4000, reason: "why" } : { _tag: "Terminate" })
    send("a", 1)
    send("b", 2)
    assert.deepStrictEqual(passed, [])
    assert.deepStrictEqual(emitted, [
      { _tag: "Close", connection: 9, code: 4000, reason: "why" },
      { _tag: "Terminate", connection: 9 }
    ])
    assert.deepStrictEqual(ended, [9, 9])
  })

  it("closes or terminates the connection after the message has passed, with `at: \"after\"`", () => {
    const { codes, emitted, ended, faults, passed, send } = setup()
    faults.add((subject) =>
      subject.op === 1
        ? { _tag: "Close", code: 4000, reason: "why", at: "after" }
        : { _tag: "Terminate", at: "after" }
    )
    send("a", 1)
    assert.deepStrictEqual(emitted, [{ _tag: "Close", connection: 9, code: 4000, reason: "why" }])
    send("b", 2)
    assert.deepStrictEqual(passed.map(([, frame]) => frame), ["a", "b"])
    assert.deepStrictEqual(emitted.at(-1), { _tag: "Terminate", connection: 9 })
    assert.deepStrictEqual(ended, [9, 9])
    assert.deepStrictEqual(codes, [4000, 1006])
  })

  it("holds a message until others of its kind have passed, or for a time limit", () => {
    const { faults, passed, send, timers } = setup()
    const remove = faults.add(({ frame }) =>
      typeof frame === "string" ? undefined : { _tag: "Hold", behind: 2, ms: 100 }
    )
    const bytes = Uint8Array.of(1)
    send(bytes)
    bytes.fill(0)
    send("other", 2)
    send("b")
    send("other user", 1, "5")
    assert.deepStrictEqual(passed.map(([, frame]) => frame), ["other", "b", "other user"])
    send("c")
    assert.deepStrictEqual(passed.slice(3), [[0, "c"], [0, Uint8Array.of(1)]])
    timers.advance(200)
    assert.lengthOf(passed, 5)

    remove()
    faults.add(({ frame }) => frame === "late" ? { _tag: "Hold", behind: 2, ms: 100 } : undefined)
    send("late")
    send("d")
    timers.advance(299)
    assert.deepStrictEqual(passed.slice(5), [[200, "d"]])
    timers.advance(300)
    assert.deepStrictEqual(passed.slice(6), [[300, "late"]])
  })

  it("numbers messages by user and opcode, and asks all faults in order", () => {
    const { faults, send } = setup()
    const seen: Array<string> = []
    const note: Fault = (subject) => {
      seen.push(`${subject.userId}/${subject.op}/${subject.index}`)
      return undefined
    }
    send("before")
    faults.add(note)
    faults.add((subject) => subject.op === 2 ? { _tag: "Drop" } : undefined)
    faults.add(note)
    send("x", 1)
    send("x", 2, "5")
    send("x", 1, "5")
    send("x", 2, "5")
    assert.deepStrictEqual(seen, [
      "undefined/1/1",
      "undefined/1/1",
      "5/2/0",
      "5/2/0",
      "5/1/0",
      "5/1/0",
      "5/2/1",
      "5/2/1"
    ])
  })

  it("adds up delays, and then applies the first other action", () => {
    const { faults, passed, send, timers } = setup()
    const remove = [
      faults.add(({ op }) => op === 1 ? { _tag: "Delay", ms: 30 } : undefined),
      faults.add(({ op }) => op === 1 ? { _tag: "Replace", frame: "other" } : undefined),
      faults.add(({ op }) => op === 1 ? { _tag: "Delay", ms: 20 } : undefined),
      faults.add(({ op }) => op === 1 ? { _tag: "Drop" } : undefined)
    ]
    send("one", 1)
    send("two", 2)
    timers.advance(49)
    assert.deepStrictEqual(passed, [[0, "two"]])
    timers.advance(50)
    assert.deepStrictEqual(passed, [[0, "two"], [50, "other"]])
    remove[1]?.()
    send("three", 1)
    timers.advance(200)
    assert.lengthOf(passed, 2)
  })
})
