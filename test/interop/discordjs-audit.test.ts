import { assert, describe, it } from "@effect/vitest"
import { AuditLogEvent, type Client, Events, GatewayIntentBits, type Guild } from "discord.js"
import { Effect } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as DiscordJs from "./discordjsClient.ts"

const world = Emulator.layer({ world: { users: [{ name: "bot", bot: true, moderator: true }] } })

const guildOf = (client: Client): Guild => {
  const guild = client.guilds.cache.first()
  if (guild === undefined) throw new Error("There is no guild.")
  return guild
}

/** As bots do it: when a member is out of voice, or elsewhere, they look for the newest entry of that kind. */
const whoDid = async (guild: Guild, type: AuditLogEvent.MemberDisconnect | AuditLogEvent.MemberMove) => {
  const entry = (await guild.fetchAuditLogs({ type, limit: 1 })).entries.first()
  return [entry?.executor?.username, entry?.extra.count, entry?.target]
}

describe("a bot on discord.js that reads the audit log", () => {
  it.live("learns who moved and who disconnected a member, also when it happens again", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const heard: Array<string> = []
      const client = yield* DiscordJs.client((client) => {
        client.on(Events.GuildAuditLogEntryCreate, ({ action, executorId }) => heard.push(`${action} ${executorId}`))
        client.on(Events.VoiceStateUpdate, (_, { channelId }) => heard.push(`voice ${channelId}`))
      }, [GatewayIntentBits.GuildModeration])
      const guild = guildOf(client)
      const [lobby, other] = [yield* discord.channel("lobby"), yield* discord.channel("secure")]
      const mover = yield* discord.createUser({ name: "mover" })
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      yield* discord.faults.moveUser("guest", "secure", { by: "mover" })
      yield* DiscordJs.seen(() => heard.includes(`voice ${other}`) ? true : undefined)
      yield* Effect.promise(async () => {
        const entry = (await guild.fetchAuditLogs({ type: AuditLogEvent.MemberMove })).entries.first()
        assert.deepStrictEqual(
          [entry?.executor?.username, entry?.extra.count, entry?.extra.channel.id, entry?.target],
          ["mover", 1, other, null]
        )
        assert.closeTo(entry?.createdTimestamp ?? 0, Date.now(), 60_000)
      })
      yield* discord.faults.kick("guest", { by: "mover" })
      yield* DiscordJs.seen(() => heard.includes("voice null") ? true : undefined)
      const one = yield* Effect.promise(() => whoDid(guild, AuditLogEvent.MemberDisconnect))
      assert.deepStrictEqual(one, ["mover", 1, null])
      yield* discord.join({ user: "guest", channel: "lobby" })
      yield* discord.faults.kick("guest", { by: "mover" })
      const two = yield* Effect.promise(() => whoDid(guild, AuditLogEvent.MemberDisconnect))
      assert.deepStrictEqual(two, ["mover", 2, null])
      yield* discord.join({ user: "guest", channel: "lobby" })
      yield* discord.faults.kick("guest")
      const three = yield* Effect.promise(() => whoDid(guild, AuditLogEvent.MemberDisconnect))
      assert.deepStrictEqual(three, ["owner of guild", 1, null])
      // a member who leaves on its own is in no log
      yield* (yield* discord.join({ user: "guest", channel: "lobby" })).leave
      yield* DiscordJs.seen(() => heard.filter((one) => one === `voice ${lobby}`).length === 4 ? true : undefined)
      yield* DiscordJs.seen(() => heard.at(-1) === "voice null" ? true : undefined)
      assert.deepStrictEqual(
        heard.filter((one) => !one.startsWith("voice")),
        [
          `${AuditLogEvent.MemberMove} ${mover.id}`,
          `${AuditLogEvent.MemberDisconnect} ${mover.id}`,
          `${AuditLogEvent.MemberDisconnect} ${guild.ownerId}`
        ]
      )
      assert.isString(guest.userId)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(world)))

  it.live("finds its own actions with their reasons, and what they changed", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* DiscordJs.client(() => {}, [GatewayIntentBits.GuildMembers])
      const guild = guildOf(client)
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      yield* Effect.promise(async () => {
        const member = await guild.members.fetch(guest.userId)
        await member.voice.setMute(true, "zu laut für uns")
        await member.setNickname("DJ")
        const channel = await guild.channels.create({ name: "room", reason: "a room" })
        await channel.permissionOverwrites.create(guild.roles.everyone, { SendMessages: false })
        await member.kick("bye")
        const entries = (await guild.fetchAuditLogs({ user: client.user ?? "" })).entries
        assert.deepStrictEqual(
          entries.map(({ action, actionType, reason, targetType }) => [action, actionType, targetType, reason]),
          [
            [AuditLogEvent.MemberKick, "Delete", "User", "bye"],
            [AuditLogEvent.ChannelOverwriteCreate, "Create", "Channel", null],
            [AuditLogEvent.ChannelCreate, "Create", "Channel", "a room"],
            [AuditLogEvent.MemberUpdate, "Update", "User", null],
            [AuditLogEvent.MemberUpdate, "Update", "User", "zu laut für uns"]
          ]
        )
        const [kick, , , nick, mute] = Array.from(entries.values())
        assert.strictEqual(kick?.targetId, guest.userId)
        assert.deepStrictEqual(nick?.changes, [{ key: "nick", new: "DJ" }])
        assert.deepStrictEqual(mute?.changes, [{ key: "mute", old: false, new: true }])
      })
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(world)))
})
