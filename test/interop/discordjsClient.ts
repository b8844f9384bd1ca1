/** An unmodified client of discord.js, logged in to the emulator. */
import { Client, Events, GatewayIntentBits, type Guild, type GuildMember, type VoiceState } from "discord.js"
import { Effect, Redacted } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type * as Gateway from "../../src/Gateway.ts"

/** One that is ready; it ends with the scope. `prepare` is run before it logs in. */
export const client = Effect.fnUntraced(function*(prepare: (client: Client) => void = () => {}) {
  const discord = yield* Emulator.Emulator
  const { token } = yield* discord.user("bot")
  const made = yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Client({
        intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
        rest: { api: discord.urls.rest.replace(/\/v\d+$/, ""), version: "10" }
      })
    ),
    (one) => Effect.promise(() => one.destroy())
  )
  prepare(made)
  yield* Effect.callback<void>((resume) => {
    made.once(Events.ClientReady, () => resume(Effect.void))
    made.login(Redacted.value(token)).catch((error: unknown) => resume(Effect.die(error)))
  }).pipe(Effect.timeout("20 seconds"))
  return made
})

/** What adapters do not tell: what becomes of the connection of each shard. */
export const lifecycle = (client: Client) => (listener: Gateway.LifecycleListener) => {
  const tell = (what: Gateway.Lifecycle) => (shard: number) =>
    listener(what, (guildId) => client.guilds.cache.get(guildId)?.shardId === shard)
  const [ready, resume, reconnecting] = [tell("NewSession"), tell("Resumed"), tell("Lost")]
  client.on(Events.ShardReady, ready).on(Events.ShardResume, resume).on(Events.ShardReconnecting, reconnecting)
  return () => {
    client.off(Events.ShardReady, ready).off(Events.ShardResume, resume).off(Events.ShardReconnecting, reconnecting)
  }
}

/** How somebody is shown, whose voice state discord.js has. */
const occupant = (state: VoiceState): Gateway.AdapterOccupant => ({
  userId: state.id,
  channelId: state.channelId,
  selfMute: state.selfMute,
  selfDeaf: state.selfDeaf,
  mute: state.serverMute,
  deaf: state.serverDeaf,
  suppress: state.suppress,
  video: state.selfVideo,
  streaming: state.streaming,
  bot: state.member?.user.bot,
  name: state.member?.displayName
})

/** Who is in voice, and when that changes: of others than us adapters tell nothing. */
export const occupants = (client: Client): Gateway.AdapterOccupants => ({
  of: (guildId) => client.guilds.cache.get(guildId)?.voiceStates.cache.map(occupant),
  watch: (listener) => {
    const tell = (state: VoiceState) => listener(state.guild.id, occupant(state))
    const changed = (_: VoiceState, state: VoiceState) => tell(state)
    // comes with the intent GuildMembers
    const renamed = (_: unknown, { voice }: GuildMember) => voice.channelId === null ? undefined : tell(voice)
    const anew = (guild: Guild) => listener(guild.id)
    client.on(Events.VoiceStateUpdate, changed)
    client.on(Events.GuildMemberUpdate, renamed)
    client.on(Events.GuildAvailable, anew)
    return () => {
      client.off(Events.VoiceStateUpdate, changed)
      client.off(Events.GuildMemberUpdate, renamed)
      client.off(Events.GuildAvailable, anew)
    }
  }
})
