import { assert, describe, it } from "@effect/vitest"
import type { FaultPoint, FaultSubject } from "../../../../src/emulator/core/CoreContext.ts"
import * as FaultRules from "../../../../src/emulator/core/faults/FaultRules.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"

const bot = UserId.make("1")
const other = UserId.make("2")

const subject = (point: FaultPoint, op: number | string | undefined, options: Partial<FaultSubject> = {}) => ({
  point,
  op,
  userId: bot,
  frame: "{}",
  index: 0,
  ...options
})

const make = (when: FaultRules.When, what: FaultRules.What = "drop", userId: UserId | undefined = bot) => {
  const random = Random.make(5)
  let hits = 0
  const fault = FaultRules.make(when, userId, what, () => hits++)
  return { ask: (s: FaultSubject) => fault(s, random), hits: () => hits }
}

const dropped = { _tag: "Drop" } as const

describe("FaultRules.make", () => {
  it("matches by point, user and opcode, with one value or several", () => {
    const { ask, hits } = make({ point: ["voice-out", "gateway-out"], op: [2, "READY"] })
    assert.deepStrictEqual(ask(subject("voice-out", 2)), dropped)
    assert.deepStrictEqual(ask(subject("gateway-out", "READY")), dropped)
    assert.isUndefined(ask(subject("voice-in", 2)))
    assert.isUndefined(ask(subject("voice-out", 4)))
    assert.isUndefined(ask(subject("voice-out", undefined)))
    assert.isUndefined(ask(subject("voice-out", 2, { userId: other })))
    assert.isUndefined(ask(subject("voice-out", 2, { userId: undefined })))
    assert.strictEqual(hits(), 2)
  })

  it("matches requests by a pattern of their path", () => {
    const { ask } = make({ point: "rest", op: ["POST /channels/:/messages", "GET /users/@me"] }, { status: 429 })
    const refused = { _tag: "Refuse", status: 429, retryAfterMs: 1_000 } as const
    assert.deepStrictEqual(ask(subject("rest", "POST /channels/123/messages")), refused)
    assert.deepStrictEqual(ask(subject("rest", "GET /users/@me")), refused)
    assert.isUndefined(ask(subject("rest", "GET /channels/123/messages")))
    assert.isUndefined(ask(subject("rest", "POST /channels/123/messages/4")))
    assert.isUndefined(ask(subject("rest", "POST /channels/:")))
  })

  it("matches messages without a user only if the rule names no user", () => {
    const fault = FaultRules.make({ point: "voice-out" }, undefined, "drop", () => {})
    assert.deepStrictEqual(fault(subject("voice-out", 8, { userId: undefined }), Random.make(1)), dropped)
  })

  it("counts what the other conditions match, from 1", () => {
    const list = (when: Omit<FaultRules.When, "point" | "op">) => {
      const { ask } = make({ point: "voice-out", op: 2, ...when })
      const answers: Array<boolean> = []
      for (let i = 0; i < 5; i++) {
        ask(subject("voice-out", 4))
        answers.push(ask(subject("voice-out", 2, { index: i })) !== undefined)
      }
      return answers.flatMap((hit, index) => hit ? [index + 1] : [])
    }
    assert.deepStrictEqual(list({}), [1, 2, 3, 4, 5])
    assert.deepStrictEqual(list({ nth: 3 }), [3])
    assert.deepStrictEqual(list({ from: 3 }), [3, 4, 5])
    assert.deepStrictEqual(list({ to: 2 }), [1, 2])
    assert.deepStrictEqual(list({ from: 2, to: 4 }), [2, 3, 4])
    assert.deepStrictEqual(list({ test: ({ index }) => index % 2 === 1 }), [2, 4])
    assert.deepStrictEqual(list({ test: ({ index }) => index % 2 === 1, nth: 2 }), [4])
  })

  it("applies a rate at random", () => {
    const { ask, hits } = make({ point: "datagram-in", rate: 0.25 })
    for (let i = 0; i < 4_000; i++) ask(subject("datagram-in", "rtp"))
    assert.isTrue(hits() > 850 && hits() < 1_150, `${hits()}`)
    const never = make({ point: "datagram-in", rate: 0 })
    assert.isUndefined(never.ask(subject("datagram-in", "rtp")))
  })

  it("returns the action of the rule", () => {
    const answer = (what: FaultRules.What) => make({ point: "rest" }, what).ask(subject("rest", "GET /gateway"))
    assert.deepStrictEqual(answer({ delayMs: 5 }), { _tag: "Delay", ms: 5 })
    assert.deepStrictEqual(answer({ duplicate: 2 }), { _tag: "Duplicate", copies: 2 })
    assert.deepStrictEqual(answer({ holdBehind: 3 }), { _tag: "Hold", behind: 3, ms: 1_000 })
    assert.deepStrictEqual(answer({ cut: "after" }), { _tag: "Terminate", at: "after" })
    assert.deepStrictEqual(answer({ close: 4006 }), { _tag: "Close", code: 4006, reason: "", at: undefined })
    assert.deepStrictEqual(answer({ replaceWith: "x" }), { _tag: "Replace", frame: "x" })
    assert.deepStrictEqual(answer({ replaceWith: (frame) => `${frame}!` }), { _tag: "Replace", frame: "{}!" })
    const late = answer({ delayMs: 100, jitterMs: 50 })
    assert.isTrue(late?._tag === "Delay" && late.ms > 100 && late.ms < 150)
  })

  it("corrupts one bit of a copy, or turns text into invalid JSON", () => {
    const bytes = Uint8Array.from({ length: 40 }, (_, i) => i)
    const spoilt = make({ point: "datagram-in" }, "corrupt").ask(subject("datagram-in", "rtp", { frame: bytes }))
    assert.deepStrictEqual(bytes[39], 39)
    if (spoilt?._tag !== "Replace" || typeof spoilt.frame === "string") return assert.fail("no bytes")
    const turned = Array.from(spoilt.frame, (byte, i) => byte ^ i).filter((difference) => difference !== 0)
    assert.lengthOf(turned, 1)
    assert.strictEqual((turned[0] ?? 0) & ((turned[0] ?? 0) - 1), 0)
    const { ask } = make({ point: "voice-out" }, "corrupt")
    const frame = JSON.stringify({ op: 2, d: { text: "some text", list: [1, 2] } })
    for (let i = 0; i < 100; i++) {
      const text = ask(subject("voice-out", 2, { frame }))
      if (text?._tag !== "Replace") return assert.fail("not replaced")
      const { frame: broken } = text
      assert.throws(() => JSON.parse(String(broken)))
    }
  })
})

describe("FaultRules.makeDatagrams", () => {
  const tally = (options: FaultRules.DatagramFaults, point: FaultPoint = "datagram-in", userId = bot) => {
    const random = Random.make(9)
    let hits = 0
    const fault = FaultRules.makeDatagrams(options, bot, () => hits++)
    const counts = new Map<string, number>()
    for (let i = 0; i < 2_000; i++) {
      const tag = fault(subject(point, "rtp", { frame: new Uint8Array(40), userId }), random)?._tag ?? "none"
      counts.set(tag, (counts.get(tag) ?? 0) + 1)
    }
    assert.strictEqual(hits, 2_000 - (counts.get("none") ?? 0))
    return (tag: string) => (counts.get(tag) ?? 0) / 2_000
  }

  it("does nothing by default, and affects only datagrams of the user in the given direction", () => {
    assert.strictEqual(tally({})("none"), 1)
    assert.strictEqual(tally({ loss: 1 })("Drop"), 1)
    assert.strictEqual(tally({ loss: 1 }, "datagram-out")("Drop"), 1)
    assert.strictEqual(tally({ loss: 1, direction: "out" })("none"), 1)
    assert.strictEqual(tally({ loss: 1, direction: "in" }, "datagram-out")("none"), 1)
    assert.strictEqual(tally({ loss: 1 }, "voice-in")("none"), 1)
    assert.strictEqual(tally({ loss: 1 }, "datagram-in", other)("none"), 1)
  })

  it("applies each fault with its probability, and delays the rest", () => {
    const share = tally({ loss: 0.2, corrupt: 0.2, duplicate: 0.2, reorder: 0.2, delayMs: 10 })
    const expected = [["Drop", 0.2], ["Replace", 0.16], ["Duplicate", 0.128], ["Hold", 0.1024], ["Delay", 0.4096]]
    for (const [tag, chance] of expected) assert.approximately(share(String(tag)), Number(chance), 0.04, String(tag))
  })
})
