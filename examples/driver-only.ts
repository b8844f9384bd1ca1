/**
 * The driver on its own: one record of credentials in, one live connection out. A program that already has the two
 * voice events of a main gateway (a bot in another process, or a controller of many bots) needs nothing else of this
 * package. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Redacted, Stream } from "effect"
import { type ChannelId, FrameRing, Gateway, type GuildId, Voice, VoiceDriver } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const drive = Effect.fnUntraced(function*(info: VoiceDriver.ConnectionInfo) {
  const driver = yield* VoiceDriver.VoiceDriver
  const connection = yield* driver.connect(info, { phaseTimeoutMs: 5_000 })
  const events = yield* connection.events

  const ring = FrameRing.make({ capacityBytes: 65_536 })
  for (const { data, samples } of yield* tone.frames(1)) ring.write(data, samples)
  ring.end()
  yield* connection.attach(ring)
  yield* events.pipe(Stream.takeUntil(({ _tag }) => _tag === "TrackDrained"), Stream.runDrain)

  return { ...connection.established, ...yield* connection.statistics }
}, Effect.scoped)

/** Does what a Discord library does: asks to join a channel, and puts the two answers together. */
const record = Effect.fnUntraced(function*(guildId: GuildId, channelId: ChannelId) {
  const gateway = yield* Gateway.Gateway
  const userId = yield* gateway.userId
  const events = yield* gateway.subscribe
  yield* gateway.updateVoiceState({ guild_id: guildId, channel_id: channelId, self_mute: false, self_deaf: false })
  const answers = yield* events.pipe(
    Stream.filter((event) => event._tag !== "VoiceState" || event.state.user_id === userId),
    Stream.take(2),
    Stream.runCollect
  )
  const state = answers.find((event) => event._tag === "VoiceState")?.state
  const server = answers.find((event) => event._tag === "VoiceServer")?.server
  if (state === undefined || !server?.endpoint) return yield* Effect.die(new Error("There is no voice server yet."))
  return new VoiceDriver.ConnectionInfo({
    endpoint: server.endpoint,
    serverId: guildId,
    channelId,
    userId,
    sessionId: Redacted.make(state.session_id),
    token: Redacted.make(server.token)
  })
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const guildId = yield* discord.guild("guild")
  const channelId = yield* discord.channel("lobby")

  const { mode, packetsSent, version } = yield* record(guildId, channelId).pipe(
    Effect.flatMap((info) => Effect.provide(drive(info), Voice.layer)),
    Effect.provide(discord.layerGateway("bot"))
  )

  yield* Effect.log(`${packetsSent} packets sent, version ${version}, ${mode}`)
  assert.equal((yield* guest.awaitFrames(50)).length, 50)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
