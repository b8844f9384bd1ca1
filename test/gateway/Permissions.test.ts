import { assert, describe, it } from "@effect/vitest"
import * as Permissions from "../../src/gateway/Permissions.ts"

const { Administrator, Connect, MoveMembers, ViewChannel } = Permissions.Permission
const guildId = "10"
const overwrite = (id: string, { allow = 0n, deny = 0n }) => ({ id, allow, deny })

const can = (more: Partial<Permissions.Situation>) => {
  const permissions = Permissions.inChannel({
    guildId,
    ownerId: "99",
    roles: [
      { id: guildId, permissions: ViewChannel | Connect },
      { id: "20", permissions: MoveMembers },
      { id: "21", permissions: 0n },
      { id: "22", permissions: Administrator }
    ],
    userId: "1",
    memberRoles: [],
    overwrites: [],
    ...more
  })
  return [ViewChannel, Connect, MoveMembers].map((permission) => (permissions & permission) !== 0n)
}

describe("Permissions", () => {
  it("are Discord's bits", () => {
    assert.deepStrictEqual(Permissions.Permission, {
      Administrator: 0x8n,
      ViewChannel: 0x400n,
      Connect: 0x10_0000n,
      MoveMembers: 0x100_0000n
    })
  })

  it("are exactly what the roles permit if nothing is overwritten", () => {
    for (const permissions of [0n, 1n, Connect | 0xffn << 40n]) {
      const situation = { guildId, ownerId: "99", roles: [{ id: guildId, permissions }], userId: "1", memberRoles: [] }
      assert.strictEqual(Permissions.inChannel({ ...situation, overwrites: [] }), permissions)
    }
  })

  it("start with those of @everyone and of the member's own roles", () => {
    assert.deepStrictEqual(can({}), [true, true, false])
    assert.deepStrictEqual(can({ memberRoles: ["20", "21"] }), [true, true, true])
  })

  it("are complete for the owner and for administrators, whatever is overwritten", () => {
    const overwrites = [overwrite(guildId, { deny: ViewChannel }), overwrite("1", { deny: Connect })]
    assert.deepStrictEqual(can({ overwrites, userId: "99" }), [true, true, true])
    assert.deepStrictEqual(can({ overwrites, memberRoles: ["22"] }), [true, true, true])
    assert.deepStrictEqual(can({ overwrites }), [false, false, false])
  })

  it("are overwritten for @everyone, then by roles, then for the member", () => {
    const everyone = overwrite(guildId, { deny: Connect })
    const first = overwrite("20", { allow: Connect })
    const second = overwrite("21", { deny: Connect })
    const own = overwrite("1", { deny: Connect })
    const connect = (overwrites: ReadonlyArray<Permissions.Overwrite>, ...memberRoles: ReadonlyArray<string>) =>
      can({ overwrites, memberRoles })[1]
    assert.isFalse(connect([everyone]))
    // an overwrite of a role that the member does not have
    assert.isFalse(connect([first, everyone]))
    assert.isTrue(connect([first, everyone], "20"))
    // among roles, an overwrite that allows wins
    assert.isTrue(connect([first, second], "20", "21"))
    assert.isFalse(connect([second], "21"))
    assert.isFalse(connect([own, first], "20"))
    assert.isTrue(connect([second, overwrite("1", { allow: Connect })], "21"))
    assert.isTrue(connect([overwrite("2", { deny: Connect })]))
  })
})
