/**
 * A queue: each song crossfades into the next one, which is opened ahead of time. You can show and change what is
 * waiting. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Stream } from "effect"
import { AudioSource, TrackQueue, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

const song = new URL("song.ogg", import.meta.url)

const jukebox = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const queue = yield* TrackQueue.make(session, { crossfade: "500 millis" })
  yield* queue.events.pipe(
    Stream.runForEach((event) =>
      event._tag === "Started" ? Effect.log(`now playing ${event.entry.name}`) : Effect.void
    ),
    Effect.forkScoped
  )

  yield* queue.add(AudioSource.fromFile(song))
  const again = yield* queue.add(AudioSource.fromFile(song))
  yield* queue.add(AudioSource.fromFrames([], { name: "an empty source" }))
  yield* queue.remove(again.id)
  yield* queue.add(AudioSource.fromFile(song), { at: 0 })

  yield* Effect.sleep("1 second")
  const { current, upcoming } = yield* queue.contents
  yield* Effect.log(`${current?.entry.name} at ${Math.round(current?.positionMs ?? 0)} ms, ${upcoming.length} waiting`)
  yield* queue.skip
  yield* queue.awaitIdle
  return (yield* queue.contents).history.map(({ name }) => name)
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const history = yield* jukebox(where).pipe(Effect.provide(discord.layerVoice("bot")))
  assert.deepEqual(history, ["song.ogg", "song.ogg", "an empty source"])
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
