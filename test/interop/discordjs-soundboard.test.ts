import { assert, describe, it } from "@effect/vitest"
import {
  type Client,
  Events,
  GatewayIntentBits,
  GatewayOpcodes,
  type Guild,
  Routes,
  type VoiceChannel
} from "discord.js"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as DiscordJs from "./discordjsClient.ts"

const world = Emulator.layer({ world: { users: [{ name: "bot", bot: true, moderator: true }] } })

const file = readFileSync(new URL("../../examples/song.ogg", import.meta.url))

const guildOf = (client: Client): Guild => client.guilds.cache.first() ?? assert.fail("there is a guild")

const lobbyOf = (guild: Guild): VoiceChannel => {
  const lobby = guild.channels.cache.find(({ name }) => name === "lobby")
  if (lobby?.isVoiceBased() !== true || !("sendSoundboardSound" in lobby)) return assert.fail("there is a lobby")
  return lobby
}

/** Collects what the events of sounds and effects report. */
const listening = (told: Array<string>) => (client: Client) => {
  client.on(Events.GuildSoundboardSoundCreate, ({ name, user }) => told.push(`${name} by ${user?.username}`))
  client.on(Events.GuildSoundboardSoundUpdate, (before, { name }) => told.push(`${before?.name} is ${name}`))
  client.on(Events.GuildSoundboardSoundDelete, ({ name }) => told.push(`${name} is gone`))
  client.on(
    Events.VoiceChannelEffectSend,
    ({ emoji, soundboardSound, soundId, userId }) =>
      told.push(`${userId}: ${soundboardSound?.name ?? soundId} ${emoji?.name}`)
  )
}

describe("a bot on discord.js with a soundboard", () => {
  it.live("creates sounds, finds them again, and deletes them", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const id = yield* discord.createSound({ name: "before" })
      const told: Array<string> = []
      const client = yield* DiscordJs.client(listening(told), [GatewayIntentBits.GuildExpressions])
      const guild = guildOf(client)
      assert.deepStrictEqual(guild.soundboardSounds.cache.map(({ name, soundId }) => [name, soundId]), [["before", id]])
      const yay = yield* Effect.promise(async () => {
        const defaults = await client.rest.get(Routes.soundboardDefaultSounds())
        assert.deepNestedInclude({ defaults }, { "defaults[0].name": "quack", "defaults[0].emoji_name": "🦆" })
        const made = await guild.soundboardSounds.create({ name: "yay", file, volume: 0.5, emojiName: "🎉" })
        assert.deepStrictEqual(
          [made.name, made.volume, made.emoji?.name, made.user?.username, made.available],
          ["yay", 0.5, "🎉", "bot", true]
        )
        const fetched = await guild.soundboardSounds.fetch({ soundboardSound: made.soundId, force: true })
        assert.isTrue(fetched.equals(made))
        assert.deepStrictEqual((await guild.soundboardSounds.fetch()).map(({ name }) => name), ["before", "yay"])
        const asked = await client.guilds.fetchSoundboardSounds({ guildIds: [guild.id] })
        assert.deepStrictEqual(asked.get(guild.id)?.map(({ name }) => name), ["before", "yay"])
        const { origin } = new URL(discord.urls.rest)
        const served = await fetch(`${origin}${new URL(made.url).pathname}`)
        assert.strictEqual(served.headers.get("content-type"), "audio/ogg")
        assert.deepStrictEqual(Buffer.from(await served.arrayBuffer()), file)
        assert.strictEqual((await made.edit({ name: "hooray", volume: 1 })).volume, 1)
        assert.strictEqual(
          await DiscordJs.codeOf(guild.soundboardSounds.create({ name: "y", file, volume: 2 })),
          50035
        )
        assert.strictEqual(
          await DiscordJs.codeOf(
            guild.soundboardSounds.create({ name: "text", file: Buffer.from("text"), contentType: "audio/mpeg" })
          ),
          50123
        )
        return made
      })
      yield* DiscordJs.seen(() => told.find((one) => one === "yay is hooray"))
      yield* Effect.promise(() => yay.delete("enough of it"))
      yield* DiscordJs.seen(() => told.find((one) => one === "hooray is gone"))
      assert.strictEqual(told[0], "yay by bot")
      assert.strictEqual(yield* Effect.promise(() => DiscordJs.codeOf(yay.delete())), 10097)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(world)))

  it.live("sends sounds only where it is in voice and not deaf, and receives those of others", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.createSound({ name: "yay", emoji: "🎉" })
      const told: Array<string> = []
      const client = yield* DiscordJs.client(listening(told))
      const guild = guildOf(client)
      const lobby = lobbyOf(guild)
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const yay = guild.soundboardSounds.cache.find(({ name }) => name === "yay") ??
        assert.fail("it came with the guild")
      const send = (soundId: string) => Effect.promise(() => DiscordJs.codeOf(lobby.sendSoundboardSound({ soundId })))
      assert.strictEqual(yield* send("1"), 50168)
      const { id } = yield* discord.user("bot")
      const stateIs = (isDeaf: boolean) =>
        DiscordJs.seen(() => guild.voiceStates.cache.get(id)?.selfDeaf === isDeaf ? true : undefined)
      const join = (isDeaf: boolean) =>
        Effect.sync(() =>
          guild.shard.send({
            op: GatewayOpcodes.VoiceStateUpdate,
            d: { guild_id: guild.id, channel_id: lobby.id, self_mute: false, self_deaf: isDeaf }
          })
        )
      // the way @discordjs/voice joins by default
      yield* join(true)
      yield* stateIs(true)
      assert.strictEqual(yield* send("1"), 50167)
      yield* join(false)
      yield* stateIs(false)
      assert.strictEqual(yield* send("1"), "taken")
      yield* Effect.promise(() => lobby.sendSoundboardSound(yay))
      yield* guest.sendSound("yay")
      yield* guest.sendEmoji("👍")
      const expected = [`${id}: 1 🦆`, `${id}: yay 🎉`, `${guest.userId}: yay 🎉`, `${guest.userId}: null 👍`]
      yield* DiscordJs.seen(() => told.length === expected.length ? told : undefined)
      assert.deepStrictEqual(told, expected)
      assert.deepStrictEqual((yield* guest.awaitEffects(2)).map(({ sound, userId }) => [userId, sound?.name]), [
        [id, "quack"],
        [id, "yay"]
      ])
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(world)))
})
