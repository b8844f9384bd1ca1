/**
 * A bot in many guilds, driven by commands. A session outlives the command that asked for it: it lives in a fiber of its own, one
 * for each guild, until somebody lets it leave, it ends by itself, or the program ends, when all leave at the same time.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Clock, Context, Data, Deferred, Effect, Exit, FiberMap, Layer, Semaphore } from "effect"
import {
  AudioSource,
  type ChannelId,
  type Gateway,
  type GuildId,
  type Voice,
  type VoiceError,
  VoiceSession
} from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** Somebody said `leave` while we were joining. */
class Left extends Data.TaggedError("Left")<{ readonly guildId: GuildId }> {}

type Joined = Deferred.Deferred<VoiceSession.VoiceSession, VoiceError.VoiceError | Left>

class Calls extends Context.Service<Calls, {
  /** Goes to a channel: with the session that there is in the guild, which goes on with what it plays, or with a new one. */
  readonly join: (
    where: VoiceSession.JoinOptions
  ) => Effect.Effect<VoiceSession.VoiceSession, VoiceError.VoiceError | Left>
  /** Returns when we have left. Leaving a guild in which we are not is harmless. */
  readonly leave: (guildId: GuildId) => Effect.Effect<void>
  /** The session in a guild, if there is one. */
  readonly get: (guildId: GuildId) => VoiceSession.VoiceSession | undefined
}>()("Calls") {
  static readonly layer = Layer.effect(
    Calls,
    Effect.gen(function*() {
      const voice = yield* Effect.context<Gateway.Gateway | Voice.Voice>()
      // the lives of the sessions; interrupted all together when the scope of this layer closes
      const lives = yield* FiberMap.make<GuildId>()
      const sessions = new Map<GuildId, VoiceSession.VoiceSession>()
      const locks = new Map<GuildId, Semaphore.Semaphore>()

      const live = Effect.fnUntraced(
        function*(where: VoiceSession.JoinOptions, joined: Joined) {
          const session = yield* VoiceSession.join(where)
          sessions.set(where.guildId, session)
          // before it leaves, so that nobody is given one that does
          yield* Effect.addFinalizer(() => Effect.sync(() => sessions.delete(where.guildId)))
          yield* Deferred.succeed(joined, session)
          yield* Effect.tapError(session.awaitClosed, ({ message }) => Effect.logWarning(message))
        },
        Effect.scoped,
        (life, { guildId }, joined) =>
          Effect.onExit(life, (exit) => {
            if (Exit.isSuccess(exit)) return Effect.void
            return Cause.hasInterruptsOnly(exit.cause)
              ? Deferred.fail(joined, new Left({ guildId }))
              : Deferred.failCause(joined, exit.cause)
          })
      )

      const join = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
        const { channelId, guildId } = where
        const there = sessions.get(guildId)
        if (there !== undefined && (yield* there.state)._tag !== "Closed") {
          if ((yield* there.channelId) !== channelId) yield* there.move(channelId)
          return there
        }
        // one that is ending holds the guild until it has ended: `AlreadyJoined`
        yield* FiberMap.remove(lives, guildId)
        const joined = yield* Deferred.make<VoiceSession.VoiceSession, VoiceError.VoiceError | Left>()
        yield* FiberMap.run(lives, guildId, live(where, joined))
        return yield* Deferred.await(joined)
      }, Effect.provideContext(voice))

      return {
        join: (where) =>
          Effect.suspend(() => {
            const lock = locks.get(where.guildId) ?? Semaphore.makeUnsafe(1)
            locks.set(where.guildId, lock)
            return lock.withPermit(join(where))
          }),
        leave: (guildId) => FiberMap.remove(lives, guildId),
        get: (guildId) => sessions.get(guildId)
      }
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
        const session = calls.get(command.guildId)
        if (session === undefined) return "I am in no channel"
        yield* session.play(song, { loop: "forever" })
        return "Here it comes"
      }
      case "leave":
        yield* calls.leave(command.guildId)
        return "Good bye"
    }
  },
  Effect.catchTag("VoiceError", ({ message }) => Effect.succeed(message)),
  Effect.catchTag("Left", () => Effect.succeed("Well, then not"))
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
  assert.equal((yield* calls.get(first.guildId)?.tracks ?? Effect.succeed([])).length, 1)

  // one leaves while it joins, and one is sent away: both can come again
  assert.equal(yield* handle({ _tag: "leave", guildId: first.guildId }), "Good bye")
  const [joining] = yield* Effect.all(
    [handle({ _tag: "join", ...first }), handle({ _tag: "leave", guildId: first.guildId })],
    { concurrency: "unbounded" }
  )
  assert.equal(joining, "Well, then not")
  assert.equal(yield* handle({ _tag: "join", ...first }), "Here I am")
  yield* discord.faults.deleteChannel("room of guild 0")
  yield* Effect.repeat(Effect.sleep("10 millis"), { until: () => calls.get(first.guildId) === undefined })
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
