/**
 * A complete bot that joins a voice channel, plays a file and leaves. It needs DISCORD_TOKEN, GUILD_ID and CHANNEL_ID
 * in the environment. Set DISCORD_GATEWAY and DISCORD_REST to connect it to another server than Discord's; `run-bot.ts`
 * runs it against the emulator in this way.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"
import { AudioSource, ChannelId, Gateway, GuildId, Transport, Voice, VoiceSession } from "effect-discord-voice"

const bot = Effect.gen(function*() {
  const guildId = yield* Config.schema(GuildId, "GUILD_ID")
  const channelId = yield* Config.schema(ChannelId, "CHANNEL_ID")
  const session = yield* VoiceSession.join({ guildId, channelId })
  const track = yield* session.play(AudioSource.fromFile(new URL("song.ogg", import.meta.url)))
  const end = yield* track.awaitEnd
  if (end._tag === "Failed") return yield* end.error
  yield* Effect.log(end)
}).pipe(Effect.scoped)

const GatewayLive = Gateway.layerConfig({
  token: Config.Redacted("DISCORD_TOKEN"),
  url: Config.String("DISCORD_GATEWAY").pipe(Config.withDefault(undefined)),
  restUrl: Config.String("DISCORD_REST").pipe(Config.withDefault(undefined))
}).pipe(Layer.provide(Transport.layerWebSocket))

NodeRuntime.runMain(bot.pipe(Effect.provide([Voice.layer, GatewayLive])))
