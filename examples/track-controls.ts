/**
 * Controls a track: pause, resume, seek, loop and stop, and the events that report it. A second track is an excerpt,
 * and the program reacts to the positions that it reaches. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Fiber, Stream } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))

const control = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const track = yield* session.play(song, { loop: "forever" })
  const events = yield* track.events.pipe(
    Stream.tap((event) => Effect.log(event)),
    Stream.runCollect,
    Effect.forkScoped
  )

  yield* Effect.sleep("500 millis")
  yield* track.pause
  yield* Effect.log(`paused at ${Math.round(yield* track.position)} ms`)
  yield* Effect.sleep("300 millis")
  yield* track.resume
  yield* track.seek("2500 millis")
  yield* track.loop(0)
  yield* Effect.sleep("200 millis")
  yield* track.stop
  return { end: yield* track.awaitEnd, events: (yield* Fiber.join(events)).map(({ _tag }) => _tag) }
}, Effect.scoped)

const excerpt = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const track = yield* session.play(song, { from: "1 second", until: "2500 millis" })
  const places = yield* track.every("500 millis").pipe(
    Stream.tap((positionMs) => Effect.log(`at ${positionMs} ms`)),
    Stream.runCollect,
    Effect.forkScoped
  )
  if (yield* track.reached("2 seconds")) yield* Effect.log("most of it was heard")
  return yield* Fiber.join(places)
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const { end, events } = yield* control(where).pipe(Effect.provide(discord.layerVoice("bot")))
  assert.deepEqual(events, ["Started", "Paused", "Resumed", "Sought", "Ended"])
  assert.equal(end._tag, "Stopped")
  const places = yield* excerpt(where).pipe(Effect.provide(discord.layerVoice("bot")))
  assert.deepEqual(places, [1_000, 1_500, 2_000, 2_500])
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
