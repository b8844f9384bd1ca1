/**
 * A queue: songs follow one another with a crossfade, the next one is opened ahead, and what waits can be shown and changed.
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
  yield* queue.add(AudioSource.fromFrames([], { name: "an empty one" }))
  yield* queue.remove(again.id)
  yield* queue.add(AudioSource.fromFile(song), { at: 0 })

  yield* Effect.sleep("1 second")
  const { current, upcoming } = yield* queue.contents
  yield* Effect.log(`${current?.entry.name} at ${Math.round(current?.positionMs ?? 0)} ms, ${upcoming.length} to come`)
  yield* queue.skip
  yield* queue.awaitIdle
  return (yield* queue.contents).history.map(({ name }) => name)
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const history = yield* jukebox(where).pipe(Effect.provide(discord.layerVoice("bot")))
  assert.deepEqual(history, ["song.ogg", "song.ogg", "an empty one"])
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
