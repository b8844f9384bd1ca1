/**
 * A session that survives a cut connection, a lost session, a change of the voice server and a move. It reports what it
 * is doing in the meantime, and ends with a typed reason. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Schedule, Stream } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

const states: Array<string> = []

const watch = (session: VoiceSession.VoiceSession) =>
  session.changes.pipe(
    Stream.runForEach((state) => {
      states.push(state._tag)
      return state._tag === "Reconnecting"
        ? Effect.log(`attempt ${state.attempt} in ${state.delayMs} ms: ${state.error.message}`)
        : Effect.log(state._tag)
    }),
    Effect.forkScoped
  )

/** Waits until the session enters this state; if it is in it already, until it has left it and is back. */
const until = (session: VoiceSession.VoiceSession, tag: VoiceSession.State["_tag"]) =>
  session.changes.pipe(
    Stream.dropWhile((state) => state._tag === tag),
    Stream.filter((state) => state._tag === tag),
    Stream.runHead
  )

/** At most three attempts in a row, 100 ms apart. */
const policy = { backoff: Schedule.upTo(Schedule.spaced("100 millis"), { times: 3 }) }

const stay = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guildId = yield* discord.guild("guild")
  const lobby = yield* discord.channel("lobby")
  const attic = yield* discord.createChannel({ name: "attic" })

  const session = yield* VoiceSession.join({ guildId, channelId: lobby, policy })
  yield* watch(session)
  const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))
  const track = yield* session.play(song, { loop: "forever" })

  yield* Effect.sleep("300 millis")
  yield* discord.faults.terminateVoice("bot")
  yield* until(session, "Ready")
  yield* discord.faults.closeVoice("bot", 4006)
  yield* until(session, "Ready")
  yield* discord.faults.moveServer("lobby")
  yield* until(session, "Ready")
  yield* session.move(attic)
  assert.equal(yield* session.channelId, attic)
  assert.equal((yield* track.state)._tag, "Playing")

  yield* discord.faults.kick("bot")
  const error = yield* Effect.flip(session.awaitClosed)
  yield* Effect.log(error.message)
  assert.equal(error.reason._tag, "Kicked")
  assert.ok(["Resuming", "Reconnecting", "AwaitingServer"].every((state) => states.includes(state)))
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* Effect.provide(stay, discord.layerVoice("bot"))
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
