/**
 * A session that lives through what an emulated Discord does to it: a cut connection, another voice server, a move. It says
 * what it is doing meanwhile, and ends with a name for why.
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

/** Waits until the session is in another state than it is, and then in this one. */
const until = (session: VoiceSession.VoiceSession, tag: VoiceSession.State["_tag"]) =>
  session.changes.pipe(
    Stream.dropWhile((state) => state._tag === tag),
    Stream.filter((state) => state._tag === tag),
    Stream.runHead
  )

/** Three attempts in a row at most, a tenth of a second apart. */
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
