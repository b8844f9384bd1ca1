import { assert, describe, it } from "@effect/vitest"
import * as Clients from "../../src/driver/Clients.ts"
import type * as Line from "../../src/driver/Line.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"

const [me, ann, bob] = [UserId.make("1"), UserId.make("2"), UserId.make("3")] as const

const make = () => {
  const clients = Clients.make(me)
  const onEvent = (event: Line.Event) => clients.onEvent(event)
  return { all: clients.all, onEvent, ids: () => [...clients.all.keys()] }
}

describe("Clients", () => {
  it("are the users that anything is told about, until they leave, and never the bot itself", () => {
    const { ids, onEvent } = make()
    onEvent({ _tag: "UsersConnected", userIds: [me, ann] })
    onEvent({ _tag: "Described", userId: me, flags: 0 })
    onEvent({ _tag: "Described", userId: bob, flags: 0 })
    assert.deepStrictEqual(ids(), [ann, bob])
    onEvent({ _tag: "UserDisconnected", userId: ann })
    onEvent({ _tag: "UserDisconnected", userId: bob })
    assert.deepStrictEqual(ids(), [])
    onEvent({ _tag: "Announced", userId: ann, ssrc: Ssrc.make(5) })
    onEvent({ _tag: "Speaking", userId: bob, ssrc: Ssrc.make(6), flags: 1 })
    assert.deepStrictEqual(ids(), [ann, bob])
  })

  it("keep what is told about each, detail by detail, until it is taken back", () => {
    const { all, onEvent } = make()
    onEvent({ _tag: "Described", userId: ann, flags: 2 })
    onEvent({ _tag: "UsersConnected", userIds: [ann, bob] })
    onEvent({ _tag: "Described", userId: ann, platform: 1 })
    onEvent({ _tag: "Described", userId: ann, video: true })
    assert.deepStrictEqual(all.get(ann), { flags: 2, platform: 1, video: true })
    assert.deepStrictEqual(all.get(bob), {})
    onEvent({ _tag: "Described", userId: ann, flags: null })
    onEvent({ _tag: "Described", userId: ann, video: false })
    assert.deepStrictEqual(all.get(ann), { platform: 1, video: false })
    onEvent({ _tag: "UserDisconnected", userId: ann })
    onEvent({ _tag: "UsersConnected", userIds: [ann] })
    assert.deepStrictEqual(all.get(ann), {})
  })

  it("are 100,000 at most, however many a server names", () => {
    const { ids, onEvent } = make()
    onEvent({ _tag: "UsersConnected", userIds: Array.from({ length: 120_000 }, (_, i) => UserId.make(String(10 + i))) })
    onEvent({ _tag: "Described", userId: ann, flags: 1 })
    assert.strictEqual(ids().length, 100_000)
    assert.strictEqual(ids().at(-1), ann)
  })
})
