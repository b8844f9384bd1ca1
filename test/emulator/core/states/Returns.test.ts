import { assert, describe, it } from "@effect/vitest"
import * as FaultRules from "../../../../src/emulator/core/faults/FaultRules.ts"
import type { Profile } from "../../../../src/emulator/core/Profile.ts"
import { atOnceMs, patience } from "../../../../src/emulator/core/states/Returns.ts"
import * as Harness from "../Harness.ts"

/** A world in which missing heartbeats have no effect. */
const make = (profile: Partial<Profile> = {}) =>
  Harness.make({ profile: { ...profile, gatewayHeartbeatTolerance: 1e9 } })

/** Kicks the client once a minute. After each kick it comes back after the given time, or not at all (`undefined`). */
const play = (
  h: Harness.Harness,
  returns: ReadonlyArray<number | undefined>,
  kick: () => void = () => void h.core.kick(h.bot.id)
) => {
  const client = h.login()
  let now = 0
  const to = (ms: number) => h.core.advance(now = ms)
  for (const afterMs of returns) {
    const startMs = now
    h.join(client, h.lobby)
    to(startMs + 50_000)
    kick()
    if (afterMs !== undefined) {
      to(startMs + 50_000 + afterMs)
      h.join(client, h.lobby)
    }
    to(startMs + 60_000)
  }
}

const thrice = [0, 100, 4_999]

describe("a client that is kicked", () => {
  it("and comes back at once, again and again, gets advice once", () => {
    assert.strictEqual(patience, thrice.length)
    const h = make()
    play(h, [...thrice, ...thrice])
    assert.deepStrictEqual(h.advice(), ["return-after-kick"])
    assert.deepStrictEqual(h.violations(), [])
  })

  it("may come back once or twice, or any number of times if it waits", () => {
    const late = atOnceMs + 1
    for (
      const returns of [
        [0, 0],
        [undefined, 0, 0],
        [0, 0, undefined, 0, 0],
        [0, 0, late, 0, 0],
        [late, late, late, late, late]
      ]
    ) {
      const h = make()
      play(h, returns)
      assert.deepStrictEqual(h.advice(), [], JSON.stringify(returns))
    }
  })

  it("is judged by when its events were delivered", () => {
    const h = make({ voiceEventDelayMs: 3_000, voiceEventGapMs: 500 })
    play(h, [8_000, 8_000, 8_000])
    assert.deepStrictEqual(h.advice(), ["return-after-kick"])
  })

  it("has its earlier returns forgotten after ten minutes", () => {
    const h = make()
    const client = h.login()
    for (let i = 0; i < 6; i++) {
      h.join(client, h.lobby)
      h.core.advance(i * 700_000 + 1)
      h.core.kick(h.bot.id)
      h.join(client, h.lobby)
    }
    assert.deepStrictEqual(h.advice(), [])
  })

  it("is told apart from clients that are only closed or moved, that leave, or that lose their session", () => {
    const closed = make()
    play(closed, thrice, () => void closed.core.kick(closed.bot.id, undefined, "close"))
    assert.deepStrictEqual(closed.advice(), [])

    const moved = make()
    play(moved, thrice, () => void moved.core.moveUser(moved.bot.id, moved.other))
    assert.deepStrictEqual(moved.advice(), [])

    const left = make()
    const client = left.login()
    for (let i = 0; i < 10; i++) {
      left.join(client, left.lobby)
      left.join(client, null)
    }
    assert.deepStrictEqual(left.advice(), [])

    const dropped = make()
    for (let i = 0; i < 10; i++) {
      dropped.join(dropped.login(), dropped.lobby)
      dropped.core.dropGatewaySession(dropped.bot.id)
    }
    assert.deepStrictEqual(dropped.advice(), [])
  })

  it("is not blamed if a fault kept the kick from it", () => {
    const h = make()
    h.core.addFault(FaultRules.make({ point: "gateway-out", op: "VOICE_STATE_UPDATE" }, undefined, "drop", () => {}))
    play(h, thrice)
    assert.deepStrictEqual(h.advice(), [])
    assert.strictEqual(h.core.counters().get("tampered:return-after-kick"), 1)
  })
})
