import { assert, describe, it } from "@effect/vitest"
import type { Happening } from "../../../src/emulator/core/Observers.ts"
import * as Observers from "../../../src/emulator/core/Observers.ts"
import * as Harness from "./Harness.ts"

describe("Observers", () => {
  it("are told until they are removed, and the same function can observe twice", () => {
    const observers = Observers.make()
    const told: Array<string> = []
    const observer = ({ _tag }: Happening) => void told.push(_tag)
    const h = Harness.make()
    const happening: Happening = { _tag: "LoggedIn", userId: h.bot.id }
    const first = observers.observe(observer)
    const second = observers.observe(observer)
    observers.tell(happening)
    first()
    first()
    observers.tell(happening)
    second()
    observers.tell(happening)
    assert.deepStrictEqual(told, ["LoggedIn", "LoggedIn", "LoggedIn"])
  })

  it("of a core hear of logins, joins, moves, leaves, voice connections and verdicts", () => {
    const h = Harness.make()
    const told: Array<Happening> = []
    h.core.observe((happening) => told.push(happening))
    const userId = h.bot.id
    const guest = h.core.createUser({ name: "guest" })
    const client = h.login()
    h.join(client, h.lobby)
    h.hooks.onJoined?.(userId, h.guildId)
    h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    h.core.moveUser(userId, h.other)
    h.core.kick(guest.id)
    client.disconnect(1000)
    h.connect("v=6")
    const where = { guildId: h.guildId }
    assert.deepStrictEqual(told.slice(0, -1), [
      { _tag: "LoggedIn", userId },
      { _tag: "Joined", userId, ...where, channelId: h.lobby },
      { _tag: "VoiceConnected", userId, ...where },
      { _tag: "Joined", userId: guest.id, ...where, channelId: h.lobby },
      { _tag: "Moved", userId, ...where, from: h.lobby, channelId: h.other },
      { _tag: "VoiceEnded", userId, ...where, code: 4014 },
      { _tag: "Left", userId: guest.id, ...where, channelId: h.lobby },
      { _tag: "Left", userId, ...where, channelId: h.other },
      { _tag: "VoiceEnded", userId, ...where, code: 4014 },
      { _tag: "LoggedOut", userId }
    ])
    const last = told.at(-1)
    assert.strictEqual(last?._tag === "Verdict" ? last.verdict.code : undefined, "unknown-version")
  })
})
