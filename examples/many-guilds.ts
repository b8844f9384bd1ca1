/**
 * A bot in many guilds, driven by commands. A session outlives the command that asked for it: it lives in a fiber of its own, one
 * for each guild, until somebody lets it leave, it ends by itself, or the program ends, when all leave at the same time.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Clock, Context, Effect, Exit, Layer, Stream } from "effect"
import { AudioSource, type ChannelId, type GuildId, type VoiceSession, VoiceSessions } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** What the bot has in each guild: the session here, in a bot with a queue that as well. */
class Calls extends Context.Service<Calls, VoiceSessions.VoiceSessions<VoiceSession.VoiceSession>>()("Calls") {
  static readonly layer = Layer.effect(
    Calls,
    Effect.gen(function*() {
      const calls = yield* VoiceSessions.make((session) => Effect.succeed(session))
      // whatever ended one, the others go on
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

/** What users say to the bot, as the Discord library of your choice tells it. */
type Command =
  | { readonly _tag: "join"; readonly guildId: GuildId; readonly channelId: ChannelId }
  | { readonly _tag: "play"; readonly guildId: GuildId }
  | { readonly _tag: "leave"; readonly guildId: GuildId }

const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))

/** Does what is asked and gives the answer. */
const handle = Effect.fnUntraced(
  function*(command: Command) {
    const calls = yield* Calls
    switch (command._tag) {
      case "join":
        yield* calls.join(command)
        return "Here I am"
      case "play": {
        const session = yield* calls.get(command.guildId)
        if (session === undefined) return "I am in no channel"
        yield* session.play(song, { loop: "forever" })
        return "Here it comes"
      }
      case "leave":
        yield* calls.leave(command.guildId)
        return "Good bye"
    }
  },
  // somebody said `leave` while we were joining
  Effect.catchReason("VoiceError", "NotConnected", () => Effect.succeed("Well, then not")),
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

  // all at once; and two of one guild, of which the second moves what the first has joined
  const answers = yield* Effect.forEach(
    [...places, hall],
    (place) => handle({ _tag: "join", ...place }),
    { concurrency: "unbounded" }
  )
  assert.deepEqual(new Set(answers), new Set(["Here I am"]))
  yield* handle({ _tag: "play", guildId: hall.guildId })
  assert.equal(yield* isIn(hall.channelId), true)
  assert.equal(yield* isIn(first.channelId), false)
  assert.equal(yield* handle({ _tag: "join", ...first }), "Here I am")
  assert.equal((yield* (yield* calls.get(first.guildId))?.tracks ?? Effect.succeed([])).length, 1)

  // one leaves while it joins, and one is sent away: both can come again
  assert.equal(yield* handle({ _tag: "leave", guildId: first.guildId }), "Good bye")
  const [joining] = yield* Effect.all(
    [handle({ _tag: "join", ...first }), handle({ _tag: "leave", guildId: first.guildId })],
    { concurrency: "unbounded" }
  )
  assert.equal(joining, "Well, then not")
  assert.equal(yield* handle({ _tag: "join", ...first }), "Here I am")
  yield* discord.faults.deleteChannel("room of guild 0")
  yield* Effect.repeat(Effect.andThen(Effect.sleep("10 millis"), calls.get(first.guildId)), {
    until: (session) => session === undefined
  })
  assert.equal(yield* handle({ _tag: "play", guildId: first.guildId }), "I am in no channel")
  assert.equal(yield* handle({ _tag: "join", ...hall }), "Here I am")

  // Discord is far away when the program ends
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
  // each waits for an answer of Discord: one after another it would be two seconds
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
