/**
 * A bot in many guilds, driven by commands. A session outlives the command that asked for it: each guild has one, in
 * its own fiber, until a command ends it, it ends on its own, or the program ends. All sessions then leave at the same
 * time. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Clock, Context, Effect, Exit, Layer, Stream } from "effect"
import { AudioSource, type ChannelId, type GuildId, type VoiceSession, VoiceSessions } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** What the bot keeps for each guild: here only the session, in a music bot also its queue. */
class Calls extends Context.Service<Calls, VoiceSessions.VoiceSessions<VoiceSession.VoiceSession>>()("Calls") {
  static readonly layer = Layer.effect(
    Calls,
    Effect.gen(function*() {
      const calls = yield* VoiceSessions.make((session) => Effect.succeed(session))
      // whatever ends one session, the others go on
      yield* (yield* calls.ends).pipe(
        Stream.runForEach(({ exit, guildId }) =>
          Exit.isFailure(exit) ? Effect.logWarning(`The call in guild ${guildId} has ended`, exit.cause) : Effect.void
        ),
        Effect.forkScoped
      )
      return calls
    })
  )
}

/** What users ask the bot to do, as reported by the Discord library of your choice. */
type Command =
  | { readonly _tag: "join"; readonly guildId: GuildId; readonly channelId: ChannelId }
  | { readonly _tag: "play"; readonly guildId: GuildId }
  | { readonly _tag: "leave"; readonly guildId: GuildId }

const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))

/** Performs a command and returns the reply. */
const handle = Effect.fnUntraced(
  function*(command: Command) {
    const calls = yield* Calls
    switch (command._tag) {
      case "join":
        yield* calls.join(command)
        return "I'm here"
      case "play": {
        const session = yield* calls.get(command.guildId)
        if (session === undefined) return "I'm not in a voice channel"
        yield* session.play(song, { loop: "forever" })
        return "Playing the song"
      }
      case "leave":
        yield* calls.leave(command.guildId)
        return "Goodbye"
    }
  },
  // somebody said `leave` while the bot was joining
  Effect.catchReason("VoiceError", "NotConnected", () => Effect.succeed("Joining was canceled")),
  Effect.catchTag("VoiceError", ({ message }) => Effect.succeed(message))
)

const guilds = Array.from({ length: 20 }, (_, i) => `guild ${i}`)

const commands = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const inGuild = Effect.fnUntraced(function*(name: string, channel: string) {
    return { guildId: yield* discord.guild(name), channelId: yield* discord.channel(channel) }
  })
  const places = yield* Effect.forEach(guilds, (name) => inGuild(name, `room of ${name}`))
  const [first] = places
  assert.ok(first !== undefined)
  const hall = yield* inGuild("guild 0", "hall")
  const calls = yield* Calls
  const isIn = (channelId: ChannelId) =>
    Effect.map(
      discord.snapshot,
      ({ voiceStates }) => voiceStates.some((state) => state.channelId === channelId && !state.scripted)
    )

  // join everywhere at once; guild 0 gets two commands, and the second one moves the session of the first
  const answers = yield* Effect.forEach(
    [...places, hall],
    (place) => handle({ _tag: "join", ...place }),
    { concurrency: "unbounded" }
  )
  assert.deepEqual(new Set(answers), new Set(["I'm here"]))
  yield* handle({ _tag: "play", guildId: hall.guildId })
  assert.equal(yield* isIn(hall.channelId), true)
  assert.equal(yield* isIn(first.channelId), false)
  assert.equal(yield* handle({ _tag: "join", ...first }), "I'm here")
  assert.equal((yield* (yield* calls.get(first.guildId))?.tracks ?? Effect.succeed([])).length, 1)

  // a session that is told to leave while it joins, and one whose channel is deleted: both can come back
  assert.equal(yield* handle({ _tag: "leave", guildId: first.guildId }), "Goodbye")
  const [joining] = yield* Effect.all(
    [handle({ _tag: "join", ...first }), handle({ _tag: "leave", guildId: first.guildId })],
    { concurrency: "unbounded" }
  )
  assert.equal(joining, "Joining was canceled")
  assert.equal(yield* handle({ _tag: "join", ...first }), "I'm here")
  yield* discord.faults.deleteChannel("room of guild 0")
  yield* Effect.repeat(Effect.andThen(Effect.sleep("10 millis"), calls.get(first.guildId)), {
    until: (session) => session === undefined
  })
  assert.equal(yield* handle({ _tag: "play", guildId: first.guildId }), "I'm not in a voice channel")
  assert.equal(yield* handle({ _tag: "join", ...hall }), "I'm here")

  // when the program ends, Discord answers slowly
  yield* discord.faults.delayEvents("bot", 100)
})

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const beganMs = yield* commands.pipe(
    Effect.andThen(Clock.currentTimeMillis),
    Effect.provide(Layer.provide(Calls.layer, discord.layerVoice("bot")))
  )
  const tookMs = (yield* Clock.currentTimeMillis) - beganMs
  yield* Effect.log(`${guilds.length} sessions left within ${tookMs} ms`)
  // each session waits for an answer from Discord: one after another would take two seconds
  assert.ok(tookMs < 1_500)
  assert.deepEqual((yield* discord.snapshot).voiceStates, [])
  assert.deepEqual(yield* discord.violations, [])
}).pipe(
  Effect.scoped,
  Effect.provide(Emulator.layer({
    world: {
      guilds: guilds.map((name) => ({ name })),
      channels: [
        { name: "hall", guild: "guild 0" },
        ...guilds.map((guild) => ({ name: `room of ${guild}`, guild }))
      ],
      users: [{ name: "bot", bot: true }]
    }
  }))
)

NodeRuntime.runMain(program)
