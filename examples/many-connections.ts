/**
 * Many connections in one process, with a layer that keeps the pauses of garbage collection shorter than a frame. Runs
 * against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { AudioSource, NewSpace, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))

const rooms = Array.from({ length: 20 }, (_, i) => ({ guild: `guild ${i}`, channel: `room ${i}` }))

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const VoiceLive = Layer.merge(discord.layerVoice("bot"), NewSpace.layerSmall)
  const playEverywhere = Effect.forEach(rooms, ({ channel, guild }) =>
    Effect.gen(function*() {
      const guest = yield* discord.join({ user: `guest of ${channel}`, channel })
      const session = yield* VoiceSession.join({
        guildId: yield* discord.guild(guild),
        channelId: yield* discord.channel(channel)
      })
      const track = yield* session.play(song)
      yield* guest.awaitFrames(10)
      const { packetsSent } = yield* session.statistics
      assert.ok(packetsSent >= 10)
      yield* track.stop
    }).pipe(Effect.scoped), { concurrency: "unbounded" })
  yield* playEverywhere.pipe(Effect.provide(VoiceLive))
  assert.deepEqual(yield* discord.violations, [])
}).pipe(
  Effect.scoped,
  Effect.provide(Emulator.layer({
    world: {
      guilds: rooms.map(({ guild }) => ({ name: guild })),
      channels: rooms.map(({ channel, guild }) => ({ name: channel, guild })),
      users: [{ name: "bot", bot: true }]
    }
  }))
)

NodeRuntime.runMain(program)
