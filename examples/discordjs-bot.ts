/**
 * A bot on discord.js that uses this package for voice; discord.js logs in and does everything else. It needs
 * DISCORD_TOKEN, GUILD_ID and CHANNEL_ID in the environment. Set DISCORD_REST to connect it to another server than
 * Discord's; `run-discordjs-bot.ts` runs it against the emulator in this way.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Client, Events, GatewayIntentBits } from "discord.js"
import { Config, Effect, Layer, Redacted } from "effect"
import { AudioSource, ChannelId, GuildId, Voice, VoiceSession } from "effect-discord-voice"
import { once } from "node:events"
import { layerGateway } from "./discordjs-gateway.ts"

/** Logs in and returns a client that is ready. It is destroyed when the scope closes. */
const login = Effect.gen(function*() {
  const token = yield* Config.Redacted("DISCORD_TOKEN")
  const api = yield* Config.String("DISCORD_REST").pipe(Config.withDefault("https://discord.com/api"))
  const client = yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Client({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates], rest: { api } })
    ),
    (client) => Effect.promise(() => client.destroy())
  )
  yield* Effect.tryPromise(() => Promise.all([once(client, Events.ClientReady), client.login(Redacted.value(token))]))
  return client
})

const play = Effect.gen(function*() {
  const guildId = yield* Config.schema(GuildId, "GUILD_ID")
  const channelId = yield* Config.schema(ChannelId, "CHANNEL_ID")
  const session = yield* VoiceSession.join({ guildId, channelId })
  const people = Array.from((yield* session.members).values()).filter(({ bot }) => bot !== true)
  yield* Effect.log(`Playing for ${people.map(({ name, userId }) => name ?? userId).join(", ")}`)
  const track = yield* session.play(AudioSource.fromFile(new URL("song.ogg", import.meta.url)))
  const end = yield* track.awaitEnd
  if (end._tag === "Failed") return yield* end.error
  yield* Effect.log(end)
}).pipe(Effect.scoped)

const bot = Effect.gen(function*() {
  const client = yield* login
  yield* Effect.provide(play, Layer.merge(layerGateway(client), Voice.layer))
}).pipe(Effect.scoped)

NodeRuntime.runMain(bot)
