import { assert, describe, it } from "@effect/vitest"
import * as Invites from "../../../../src/emulator/core/guilds/Invites.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import * as ChannelRoutes from "../../../../src/emulator/core/rest/ChannelRoutes.ts"
import * as InviteRoutes from "../../../../src/emulator/core/rest/InviteRoutes.ts"
import * as World from "../../../../src/emulator/core/World.ts"
import { ChannelId, GuildId, UserId } from "../../../../src/protocol/Identifier.ts"

describe("invitations", () => {
  it("are removed when they have expired", () => {
    const world = World.make(Random.make(1))
    const guildId = GuildId.make("100")
    World.addGuild(world, { id: guildId, name: "guild" })
    const channel = World.addChannel(world, {
      id: ChannelId.make("101"),
      guildId,
      name: "lobby",
      kind: "voice",
      e2ee: "optional",
      userLimit: 0,
      bitrate: 64_000
    })
    const user = World.addUser(world, {
      id: UserId.make("102"),
      name: "bot",
      bot: true,
      moderator: true,
      privilegedIntents: false,
      token: "token",
      guilds: undefined
    })
    let nowMs = 0
    const wall = () => nowMs
    const invites = Invites.make(world, { sessions: () => [], dispatch: () => {} }, { write: () => {} }, wall)
    const routes = InviteRoutes.make(
      { world, invites, wall },
      () => ({ status: 404, body: undefined }),
      ChannelRoutes.inChannel(world)
    )
    const create = routes.find(({ method, path }) => method === "POST" && path === "/channels/:/invites")
    for (let i = 0; i < 10; i++) {
      const answer = create?.run({
        user,
        ids: [channel?.id ?? ""],
        query: new URLSearchParams(),
        body: { max_age: 60, unique: true },
        items: [],
        reason: undefined,
        files: []
      })
      assert.strictEqual(answer?.status, 200)
      nowMs += 60_000
    }
    assert.strictEqual(world.invites.size, 1)
  })
})
