import { assert, describe, it } from "@effect/vitest"
import { type Profile, today } from "../../../../src/emulator/core/Profile.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import { guildId, makeWorld } from "../voice/kit.ts"
import { assertTogether, type DaveClient, makeDaveClient, settle } from "./kit.ts"

const most = 6

/** Clients, some without encryption, come, go, lose their connection, return, report an invalid commit and lag, in a seeded order. */
const play = (seed: number, profile: Profile = today) => {
  const world = makeWorld(profile)
  const random = Random.make(seed)
  const here: Array<DaveClient> = []
  const lost = new Set<DaveClient>()
  const trace: Array<string> = []
  let next = 1

  const pick = (): DaveClient | undefined => here[random.int(Math.max(1, here.length))]

  const act = () => {
    const choice = random.int(10)
    const client = pick()
    if (here.length < most && (client === undefined || choice < 4)) {
      const max = random.int(8) === 0 ? 0 : 1
      const joiner = makeDaveClient(world, String(next++), { max })
      trace.push(`${joiner.userId} enters${max === 0 ? " in the clear" : ""}`)
      here.push(joiner)
      return joiner.enter()
    }
    if (client === undefined) return
    if (choice === 4 || choice === 5) {
      trace.push(`${client.userId} leaves`)
      here.splice(here.indexOf(client), 1)
      if (lost.delete(client)) world.half.revocation({ userId: client.userId, guildId })({ code: 4014, reason: "" })
      else client.drop(1000)
      // The session description (op 4) is not replayed, so only clients that have it can be lost.
    } else if (choice === 6 && !lost.has(client) && client.hasSession()) {
      trace.push(`${client.userId} is lost`)
      lost.add(client)
      client.drop(1006)
    } else if (choice === 7 && lost.delete(client)) {
      trace.push(`${client.userId} is back`)
      client.comeBack()
    } else if (choice === 8 && !lost.has(client) && client.transitioned()) {
      trace.push(`${client.userId} gives up`)
      client.fail()
    } else world.wait(random.int(3_000))
  }

  const read = () => {
    for (let steps = random.int(12); steps > 0; steps--) {
      const client = pick()
      if (client !== undefined && !lost.has(client)) client.step()
    }
  }

  const check = () => {
    for (const client of lost) client.comeBack()
    lost.clear()
    settle(...here)
    world.wait(2_000)
    settle(...here)
    assert.deepStrictEqual(world.violations(), [])
    for (const client of here) assert.deepStrictEqual(client.errors, [], client.userId)
    const [view] = world.half.groups()
    const version = here.some((client) => client.max === 0) ? 0 : 1
    for (const client of here) assert.strictEqual(client.version(), version, client.userId)
    if (here.length >= 2 && version === 1) assertTogether(world, view?.epoch ?? -1, ...here)
    assert.deepStrictEqual(view?.transitions ?? [], [])
  }

  try {
    for (let rounds = 1 + random.int(2); rounds > 0; rounds--) {
      for (let actions = 2 + random.int(3); actions > 0; actions--) {
        act()
        read()
      }
      trace.push("all settle")
      check()
    }
  } catch (error) {
    throw new Error(`seed ${seed}: ${trace.join(", ")}`, { cause: error })
  }
  return world
}

describe("Orders", () => {
  it("end with all clients in one group, whatever happens in whatever order", () => {
    for (let seed = 0; seed < 100; seed++) play(seed)
  })

  it("end with all clients in one group, even if lost clients are removed at once", () => {
    for (let seed = 0; seed < 100; seed++) play(seed, { ...today, daveLostMember: "removed" })
  })
})
