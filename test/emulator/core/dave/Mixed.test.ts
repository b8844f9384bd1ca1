import { assert, describe, it } from "@effect/vitest"
import * as Member from "../../../../src/emulator/core/dave/Member.ts"
import { today } from "../../../../src/emulator/core/Profile.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import type { HeardFrame, ParticipantHandle } from "../../../../src/emulator/core/voice/VoiceHalf.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"
import { channelId, guildId, makeWorld, opus, server } from "../voice/kit.ts"
import { type DaveClient, makeDaveClient, settle, view } from "./kit.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const make = () => {
  const world = makeWorld(today, { daveMember: Member.make })
  const guests = new Map<string, ParticipantHandle & { readonly heard: Array<HeardFrame> }>()
  const join = (user: string, e2ee = true) => {
    const handle = world.half.participants.join({ userId: UserId.make(user), guildId, channelId, server }, { e2ee })
    const heard: Array<HeardFrame> = []
    handle.onHeard((frame) => heard.push(frame))
    const guest = Object.assign(handle, { heard })
    guests.set(user, guest)
    return guest
  }
  const codes = (...clients: ReadonlyArray<DaveClient>) =>
    new Set([
      ...Array.from(guests.values(), (guest) => guest.membership()?.privacyCode),
      ...clients.map((client) => client.code())
    ])
  return { world, guests, join, codes }
}

/** Lets a client send a frame, encrypted if its channel is. */
const sayTo = (client: DaveClient, frame: Uint8Array) =>
  client.say(client.version() > 0 ? new Uint8Array(client.session().encryptOpus(Buffer.from(frame))) : frame)

describe("Members and clients", () => {
  it("are in one group and hear each other", () => {
    const { codes, join, world } = make()
    const guests = [join("8"), join("9")]
    const client = makeDaveClient(world, "1")
    client.enter()
    settle(client)
    world.wait(3_000)
    assert.strictEqual(codes(client).size, 1)
    assert.strictEqual(view(world).members.length, 3)
    sayTo(client, opus(3))
    for (const { heard } of guests) {
      assert.deepStrictEqual(heard.map(({ encrypted, payload }) => [hex(payload), encrypted]), [[hex(opus(3)), true]])
    }
    guests[0]?.speak([{ data: opus(4), samples: 960 }])
    world.wait(1_000)
    const [frame] = client.heard()
    assert.strictEqual(hex(client.session().decrypt("8", 0, Buffer.from(frame?.payload ?? []))), hex(opus(4)))
    assert.deepStrictEqual(client.errors, [])
    assert.deepStrictEqual(world.violations(), [])
  })

  it("drop encryption while a plain client is present, and encrypt again when it has left", () => {
    const { codes, guests, join, world } = make()
    join("8")
    const client = makeDaveClient(world, "1")
    client.enter()
    settle(client)
    for (let round = 0; round < 2; round++) {
      const plain = makeDaveClient(world, String(2 + round), { max: 0 })
      plain.enter()
      settle(client)
      world.wait(3_000)
      settle(client)
      assert.isUndefined(guests.get("8")?.membership())
      sayTo(client, opus(round))
      assert.deepStrictEqual(guests.get("8")?.heard.at(-1)?.payload, opus(round))
      assert.isFalse(guests.get("8")?.heard.at(-1)?.encrypted)
      guests.get("8")?.speak([{ data: opus(50 + round), samples: 960 }])
      world.wait(500)
      assert.include(plain.heard().map(({ payload }) => hex(payload)), hex(opus(50 + round)))
      plain.drop(1000)
      settle(client)
      world.wait(3_000)
      settle(client)
      assert.strictEqual(codes(client).size, 1)
      assert.match(client.code(), /^\d{30}$/)
      sayTo(client, opus(20 + round))
      assert.deepStrictEqual(guests.get("8")?.heard.at(-1)?.payload, opus(20 + round))
      assert.isTrue(guests.get("8")?.heard.at(-1)?.encrypted)
    }
    assert.deepStrictEqual(world.violations(), [])
  })

  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    "end in the same group, however slowly the clients read: %i",
    (seed) => {
      const dice = Random.make(seed)
      const { codes, guests, join, world } = make()
      const clients = ["1", "2"].map((user) => makeDaveClient(world, user))
      const entered = new Set<DaveClient>()
      for (let step = 0; step < 60; step++) {
        const client = clients[dice.int(clients.length)]
        const user = String(10 + dice.int(4))
        switch (dice.int(8)) {
          case 0: {
            const guest = guests.get(user)
            if (guest === undefined) join(user)
            else {
              guest.leave()
              guests.delete(user)
            }
            break
          }
          case 1:
            if (client !== undefined && !entered.has(client)) {
              entered.add(client)
              client.enter()
            }
            break
          case 2:
            world.wait(dice.int(1_500))
            break
          default:
            if (client !== undefined && entered.has(client)) client.step()
        }
      }
      for (const client of clients) if (!entered.has(client)) client.enter()
      for (let round = 0; round < 3; round++) {
        settle(...clients)
        world.wait(3_000)
      }
      assert.strictEqual(codes(...clients).size, 1)
      assert.match(clients[0]?.code() ?? "", /^\d{30}$/)
      assert.strictEqual(view(world).members.length, guests.size + 2)
      for (const client of clients) {
        for (const guest of guests.values()) guest.heard.length = 0
        sayTo(client, opus(seed))
        for (const { heard } of guests.values()) {
          assert.deepStrictEqual(heard.map(({ payload }) => hex(payload)), [hex(opus(seed))])
        }
      }
      assert.deepStrictEqual(world.violations(), [])
    }
  )
})
