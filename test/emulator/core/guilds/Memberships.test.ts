import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

const all = Intents.Guilds | Intents.GuildVoiceStates | Intents.GuildMembers

/** A bot in voice, and another bot that watches. */
const setup = () => {
  const h = Harness.make()
  const watcher = h.core.createUser({ name: "watcher", bot: true, privilegedIntents: true })
  const client = h.login()
  const other = h.login({ token: watcher.token, intents: all })
  h.join(client, h.lobby)
  client.take()
  other.take()
  h.happenings.length = 0
  return { h, client, other }
}

describe("Memberships", () => {
  it("removeFromGuild: sends close 4014 and GUILD_DELETE, and tells the other members", () => {
    const { client, h, other } = setup()
    assert.isTrue(h.core.removeFromGuild(h.bot.id, h.guildId))
    assert.deepStrictEqual(h.revocations().map(({ code }) => code), [4014])
    assert.deepStrictEqual(Harness.names(client.take()), ["GUILD_DELETE"])
    assert.deepStrictEqual(client.events("GUILD_DELETE"), [{ id: h.guildId }])
    assert.deepStrictEqual(Harness.names(other.take()), ["VOICE_STATE_UPDATE", "GUILD_MEMBER_REMOVE"])
    assert.deepInclude(other.events("VOICE_STATE_UPDATE").at(-1), { user_id: h.bot.id, channel_id: null })
    assert.deepInclude(other.events("GUILD_MEMBER_REMOVE").at(-1), { guild_id: h.guildId })
    // The bot receives nothing from the guild any more, and its requests are not answered.
    h.join(client, h.lobby)
    h.core.createChannel({ guildId: h.guildId, name: "new" })
    assert.deepStrictEqual(client.take(), [])
    assert.strictEqual(h.core.counters().get("voice-state-ignored:unknown-guild"), 1)
    assert.isFalse(h.core.removeFromGuild(h.bot.id))
    assert.deepStrictEqual(h.violations(), [])
  })

  it("addToGuild: sends GUILD_CREATE to the new member only, which can then join voice again", () => {
    const { client, h, other } = setup()
    assert.isFalse(h.core.addToGuild(h.bot.id))
    h.core.removeFromGuild(h.bot.id)
    client.take()
    other.take()
    assert.isTrue(h.core.addToGuild(h.bot.id, h.guildId))
    assert.deepStrictEqual(Harness.names(client.take()), ["GUILD_CREATE"])
    assert.deepStrictEqual(Harness.names(other.take()), ["GUILD_MEMBER_ADD"])
    h.join(client, h.lobby)
    assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"])
    // Joining after having been removed is not the client's fault.
    assert.deepStrictEqual(h.violations(), [])
  })

  it("setNick: sends GUILD_MEMBER_UPDATE to the member and to bots with the intent, and shows in voice states", () => {
    const { client, h, other } = setup()
    const guest = h.core.createUser({ name: "guest" })
    assert.deepInclude(other.events("GUILD_MEMBER_ADD").at(-1), { guild_id: h.guildId })
    other.take()
    assert.isTrue(h.core.setNick(guest.id, "The guest", h.guildId))
    assert.deepStrictEqual(Harness.names(other.take()), ["GUILD_MEMBER_UPDATE"])
    assert.deepStrictEqual(client.take(), [])
    assert.isTrue(h.core.setNick(h.bot.id, "DJ"))
    for (const one of [client, other]) {
      assert.deepStrictEqual(Harness.names(one.take()), ["GUILD_MEMBER_UPDATE"])
      const [update] = one.events("GUILD_MEMBER_UPDATE").slice(-1)
      assert.deepInclude(update, { guild_id: h.guildId, nick: "DJ", roles: [], mute: false })
      assert.deepInclude(update?.["user"], { id: h.bot.id, username: "bot" })
    }
    h.core.muteUser(h.bot.id, { mute: true })
    assert.deepInclude(client.events("VOICE_STATE_UPDATE").at(-1)?.["member"], { nick: "DJ" })
    h.core.setNick(h.bot.id, undefined)
    assert.deepInclude(client.events("GUILD_MEMBER_UPDATE").at(-1), { nick: null })
    // A user that is not a member, and a guild with an outage.
    h.core.removeFromGuild(guest.id)
    assert.isFalse(h.core.setNick(guest.id, "nobody"))
    h.core.setAvailable(h.guildId, false)
    client.take()
    assert.isTrue(h.core.setNick(h.bot.id, "unheard"))
    assert.deepStrictEqual(client.take(), [])
  })

  it("setAvailable: sends nothing during an outage, keeps voice, and then shows the voice states in GUILD_CREATE", () => {
    const { client, h, other } = setup()
    assert.isFalse(h.core.setAvailable(h.guildId, true))
    assert.isTrue(h.core.setAvailable(h.guildId, false))
    assert.deepStrictEqual(client.events("GUILD_DELETE"), [{ id: h.guildId, unavailable: true }])
    client.take()
    h.join(client, h.other)
    h.core.muteUser(h.bot.id, { mute: true })
    assert.deepStrictEqual(h.revocations(), [])
    h.core.moveServer(h.lobby)
    assert.deepStrictEqual(client.take(), [])
    assert.strictEqual(h.core.counters().get("voice-state-ignored:outage"), 1)
    // A bot that logs in meanwhile learns that the guild exists and is unavailable.
    const late = h.login()
    assert.deepInclude(late.events("READY").at(-1), { guilds: [{ id: h.guildId, unavailable: true }] })
    assert.deepStrictEqual(late.events("GUILD_CREATE"), [])
    assert.deepStrictEqual(late.events("GUILD_DELETE"), [{ id: h.guildId, unavailable: true }])
    other.take()
    assert.isTrue(h.core.setAvailable(h.guildId, true))
    for (const one of [client, other, late]) assert.lengthOf(one.events("GUILD_CREATE").slice(one === late ? 0 : 1), 1)
    const states = other.events("GUILD_CREATE").at(-1)?.["voice_states"]
    assert.deepInclude((Array.isArray(states) ? states : [])[0], { user_id: h.bot.id, channel_id: h.lobby, mute: true })
  })
})
