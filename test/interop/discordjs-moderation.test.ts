import { assert, describe, it } from "@effect/vitest"
import { ChannelType, Client, Events, GatewayIntentBits, type Guild } from "discord.js"
import { Effect, Redacted } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as DiscordJs from "./discordjsClient.ts"

const world = Emulator.layer({
  world: { channels: [{ name: "music", kind: "text" }], users: [{ name: "bot", bot: true, moderator: true }] }
})

const guildOf = (client: Client): Guild => {
  const guild = client.guilds.cache.first()
  if (guild === undefined) throw new Error("There is no guild.")
  return guild
}

describe("a bot on discord.js that moderates", () => {
  it.live("bans a member who is in voice, and lets it in again", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const events: Array<string> = []
      const client = yield* DiscordJs.client((client) => {
        client.on(Events.GuildBanAdd, ({ user }) => events.push(`ban ${user.username}`))
        client.on(Events.GuildBanRemove, ({ user }) => events.push(`unban ${user.username}`))
        client.on(Events.GuildMemberRemove, ({ user }) => events.push(`gone ${user.username}`))
        client.on(Events.VoiceStateUpdate, (_, { channelId, id }) => events.push(`voice ${id} ${channelId}`))
      }, [GatewayIntentBits.GuildMembers, GatewayIntentBits.GuildModeration, GatewayIntentBits.GuildMessages])
      const guild = guildOf(client)
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const chat = yield* discord.chat("music")
      yield* chat.write("buy this", { user: "guest" })
      const { userId: id } = guest
      yield* Effect.promise(async () => {
        await guild.members.fetch()
        await guild.bans.create(id, { reason: "too loud, für uns", deleteMessageSeconds: 3_600 })
        const ban = await guild.bans.fetch({ user: id, force: true })
        assert.deepStrictEqual([ban.user.username, ban.reason], ["guest", "too loud, für uns"])
        assert.deepStrictEqual((await guild.bans.fetch()).map(({ user }) => user.id), [id])
      })
      yield* DiscordJs.seen(() => events.find((event) => event === `voice ${id} null`))
      assert.deepStrictEqual(yield* chat.messages, [])
      assert.strictEqual(
        (yield* Effect.flip(discord.join({ user: "guest", channel: "lobby" }))).reason._tag,
        "NotJoinable"
      )
      assert.strictEqual((yield* Effect.flip(discord.faults.addToGuild("guest"))).reason._tag, "NothingToDo")
      yield* Effect.promise(async () => {
        await guild.bans.remove(id)
        assert.strictEqual(await DiscordJs.codeOf(guild.bans.remove(id)), 10026)
        const { bannedUsers } = await guild.bans.bulkCreate([id])
        assert.deepStrictEqual(bannedUsers, [id])
        await guild.bans.remove(id)
      })
      yield* discord.faults.addToGuild("guest")
      yield* discord.join({ user: "guest", channel: "lobby" })
      yield* DiscordJs.seen(() => events.filter((event) => event === "unban guest").length === 2 ? true : undefined)
      assert.includeMembers(events, ["ban guest", "gone guest"])
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(world)))

  it.live("creates an invite and revokes it", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const events: Array<string> = []
      const client = yield* DiscordJs.client((client) => {
        client.on(Events.InviteCreate, ({ code, inviter }) => events.push(`${code} by ${inviter?.username}`))
        client.on(Events.InviteDelete, ({ code }) => events.push(`${code} is gone`))
      }, [GatewayIntentBits.GuildInvites])
      const guild = guildOf(client)
      const channel = guild.channels.cache.find((one) => one.type === ChannelType.GuildVoice)
      if (channel?.type !== ChannelType.GuildVoice) throw new Error("There is no voice channel.")
      const code = yield* Effect.promise(async () => {
        const invite = await channel.createInvite({ maxAge: 600, maxUses: 2, unique: true })
        assert.deepStrictEqual([invite.maxAge, invite.maxUses, invite.channelId], [600, 2, channel.id])
        assert.deepStrictEqual((await channel.fetchInvites()).map((one) => one.code), [invite.code])
        assert.deepStrictEqual((await guild.invites.fetch()).map((one) => one.code), [invite.code])
        const found = await client.fetchInvite(invite.code)
        assert.deepStrictEqual([found.guild?.id, found.channel?.name], [guild.id, "lobby"])
        assert.closeTo(found.expiresTimestamp ?? 0, Date.now() + 600_000, 60_000)
        await invite.delete()
        assert.strictEqual(await DiscordJs.codeOf(client.fetchInvite(invite.code)), 10006)
        return invite.code
      })
      yield* DiscordJs.seen(() => events.find((event) => event === `${code} is gone`))
      assert.deepStrictEqual(events, [`${code} by bot`, `${code} is gone`])
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(world)))

  it.live("knows the guild's owner, finds members, and renames only those below it", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* DiscordJs.client(() => {}, [GatewayIntentBits.GuildMembers])
      const guild = guildOf(client)
      const { id } = yield* discord.createUser({ name: "guest" })
      const { id: peer } = yield* discord.createUser({ name: "peer", moderator: true })
      yield* Effect.promise(async () => {
        const owner = await guild.fetchOwner()
        assert.deepStrictEqual([owner.id, owner.user.username], [guild.ownerId, "owner of guild"])
        assert.isTrue(owner.permissions.has("Administrator"))
        assert.deepStrictEqual((await guild.members.fetch({ query: "gue", limit: 5 })).map((one) => one.id), [id])
        assert.deepStrictEqual((await guild.members.fetch({ user: [id, peer] })).size, 2)
        assert.strictEqual((await guild.members.fetch({ query: "", limit: 1 })).size, 1)
        const guest = await guild.members.fetch(id)
        assert.isTrue(guest.manageable && !owner.manageable)
        assert.strictEqual((await guest.setNickname("DJ")).nickname, "DJ")
        assert.strictEqual(await DiscordJs.codeOf(owner.setNickname("boss")), 50013)
        assert.strictEqual(await DiscordJs.codeOf((await guild.members.fetch(peer)).setNickname("mate")), 50013)
        assert.strictEqual(await DiscordJs.codeOf(owner.kick()), 50013)
        assert.strictEqual(await DiscordJs.codeOf(guild.bans.create(owner.id)), 50013)
      })
      const chat = yield* discord.chat("music")
      assert.strictEqual((yield* chat.write("hello", { user: "owner of guild" })).user, "owner of guild")
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(world)))

  it.live("edits the guild, and shows that it is typing", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const events: Array<string> = []
      const client = yield* DiscordJs.client((client) => {
        client.on(Events.GuildUpdate, (before, after) => events.push(`${before.name} is ${after.name}`))
      })
      const { token } = yield* discord.createUser({ name: "other", bot: true })
      const other = new Client({
        intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessageTyping],
        rest: { api: discord.urls.rest.replace(/\/v\d+$/, ""), version: "10" }
      })
      yield* Effect.addFinalizer(() => Effect.promise(() => other.destroy()))
      other.on(Events.TypingStart, ({ channel, user }) => events.push(`${user.username} in ${channel.id}`))
      yield* Effect.promise(async () => {
        const isReady = new Promise((resolve) => other.once(Events.ClientReady, resolve))
        await other.login(Redacted.value(token))
        await isReady
      })
      const guild = guildOf(client)
      const lobby = yield* discord.channel("lobby")
      const music = yield* discord.channel("music")
      yield* Effect.promise(async () => {
        const edited = await guild.edit({ name: "the band", afkChannel: lobby, afkTimeout: 60, systemChannel: music })
        assert.deepStrictEqual(
          [edited.name, edited.afkChannelId, edited.afkTimeout, edited.systemChannelId],
          ["the band", lobby, 60, music]
        )
        assert.isNull((await guild.setAFKChannel(null)).afkChannelId)
        assert.strictEqual(await DiscordJs.codeOf(guild.setName("x")), 50035)
        assert.strictEqual(await DiscordJs.codeOf(guild.setAFKChannel(music)), 50024)
        const channel = await client.channels.fetch(music)
        if (channel?.isSendable()) await channel.sendTyping()
      })
      yield* DiscordJs.seen(() => events.find((event) => event === `bot in ${music}`))
      assert.include(events, "guild is the band")
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(world)))

  it.live("manages emoji of the guild and of its application", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const events: Array<string> = []
      const client = yield* DiscordJs.client((client) => {
        client.on(Events.GuildEmojiCreate, ({ name }) => events.push(`+${name}`))
        client.on(Events.GuildEmojiUpdate, (_, { name }) => events.push(`=${name}`))
        client.on(Events.GuildEmojiDelete, ({ name }) => events.push(`-${name}`))
      }, [GatewayIntentBits.GuildExpressions])
      const guild = guildOf(client)
      const attachment = Buffer.from("iVBORw0KGgo=", "base64")
      yield* Effect.promise(async () => {
        const emoji = await guild.emojis.create({ attachment, name: "skip" })
        assert.deepStrictEqual((await guild.emojis.fetch()).map(({ name }) => name), ["skip"])
        assert.strictEqual((await guild.emojis.edit(emoji, { name: "skipped" })).name, "skipped")
        assert.strictEqual(await DiscordJs.codeOf(guild.emojis.create({ attachment, name: "no name" })), 50035)
        await emoji.delete()
        assert.strictEqual(await DiscordJs.codeOf(guild.emojis.fetch(emoji.id, { force: true })), 10014)
        const own = await client.application?.emojis.create({ attachment, name: "pause" })
        assert.deepStrictEqual((await client.application?.emojis.fetch())?.map(({ id }) => id), [own?.id])
      })
      yield* DiscordJs.seen(() => events.length === 3 ? true : undefined)
      assert.deepStrictEqual(events, ["+skip", "=skipped", "-skipped"])
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(world)))
})
