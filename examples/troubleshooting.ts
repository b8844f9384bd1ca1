/**
 * Collects everything about a session that bears on who hears whom, and why not, for one line of a log. Here a
 * moderator mutes the bot, which goes on playing and is heard by nobody. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Option } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

const look = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession) {
  const tracks = yield* Effect.forEach(
    yield* session.tracks,
    ({ gain, metrics, name, position, state }) =>
      Effect.all({ name: Effect.succeed(name), state, positionMs: position, gain, metrics })
  )
  return {
    state: yield* session.state,
    channelId: yield* session.channelId,
    restrictions: yield* session.restrictions,
    members: Array.from((yield* session.members).values()),
    e2ee: yield* session.e2ee,
    tracks,
    // undefined while there is no connection
    statistics: Option.getOrUndefined(yield* Effect.option(session.statistics)),
    buffers: session.receive.statistics()
  }
})

const bot = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const session = yield* VoiceSession.join({
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("lobby")
  })
  yield* session.play(AudioSource.tone({ frequency: 440 }))
  yield* guest.awaitFrames(25)
  const before = yield* look(session)
  yield* Effect.log(before)

  yield* discord.faults.muteUser("bot", { mute: true })
  yield* Effect.sleep("500 millis")
  const after = yield* look(session)
  return { before, after }
}).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const { after, before } = yield* bot.pipe(Effect.provide(discord.layerVoice("bot")))
  assert.deepEqual([before.restrictions.serverMute, after.restrictions.serverMute], [false, true])
  // everything else looks as if the bot were heard
  assert.equal(after.state._tag, "Ready")
  assert.equal(after.members.length, 1)
  assert.notEqual(after.e2ee.membership, undefined)
  assert.deepEqual(after.tracks.map(({ state }) => state._tag), ["Playing"])
  assert.ok((after.statistics?.packetsSent ?? 0) > (before.statistics?.packetsSent ?? 0))
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
