import { assert, describe, it } from "@effect/vitest"
import { ChannelId } from "../../../../src/protocol/Identifier.ts"
import * as Harness from "../Harness.ts"

describe("Administration", () => {
  it("announces new guilds and channels to members, and returns the existing guild for an id that is in use", () => {
    const h = Harness.make()
    const client = h.login()
    client.take()
    const guild = h.core.createGuild({ name: "other" })
    const stage = h.core.createChannel({ guildId: guild, name: "stage", kind: "stage", e2ee: "required" })
    assert.deepStrictEqual(Harness.names(client.take()), ["GUILD_CREATE", "CHANNEL_CREATE"])
    assert.strictEqual(h.core.createGuild({ name: "again", id: guild }), guild)
    const made = h.core.snapshot().channels.find(({ id }) => id === stage)
    assert.deepInclude(made, { name: "stage", guildId: guild, e2ee: "never", userLimit: 0 })
  })

  it("denies permissions in a channel, and allows them again", () => {
    const h = Harness.make()
    const client = h.login()
    client.take()
    assert.isTrue(h.core.deny({ userId: h.bot.id, channelId: h.lobby, connect: true }))
    h.join(client, h.lobby)
    assert.deepStrictEqual(h.core.snapshot().voiceStates, [])
    assert.isTrue(h.core.deny({ userId: h.bot.id, channelId: h.lobby }))
    h.join(client, h.lobby)
    assert.strictEqual(h.core.snapshot().voiceStates.length, 1)
    assert.strictEqual(client.events("CHANNEL_UPDATE").length, 2)
    assert.isFalse(h.core.deny({ userId: h.bot.id, channelId: ChannelId.make("1"), view: true }))
  })
})
