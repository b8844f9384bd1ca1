/**
 * A queue that survives a restart. What is playing, its position, what is waiting and what was played are kept in a
 * JSON file, and the next start goes on from there. Here the program is stopped in the middle of the second song and
 * started again. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Fiber, Schedule, Schema } from "effect"
import { AudioSource, TrackQueue, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** What is needed to play an entry again. */
const Wish = Schema.Struct({ file: Schema.String })
type Wish = typeof Wish.Type

const Stored = Schema.fromJsonString(TrackQueue.Stored(Wish))

const store = (queue: TrackQueue.TrackQueue<never, Wish>, path: string) =>
  Effect.map(queue.contents, (contents) => {
    // replace the file in one step, so that it is always complete
    writeFileSync(`${path}.new`, Schema.encodeSync(Stored)(contents))
    renameSync(`${path}.new`, path)
  })

const sourceOf = ({ file }: Wish) => AudioSource.fromFile(new URL(file, import.meta.url))

/** The queue of the program before, or a new one. */
const queueOf = Effect.fnUntraced(
  function*(session: VoiceSession.VoiceSession, path: string, first: ReadonlyArray<Wish>) {
    if (existsSync(path)) {
      const stored = yield* Schema.decodeEffect(Stored)(readFileSync(path, "utf8"))
      return yield* TrackQueue.restore(session, stored, ({ data }) => data && { source: sourceOf(data) })
    }
    const queue = yield* TrackQueue.make<never, Wish>(session)
    for (const wish of first) yield* queue.add(sourceOf(wish), { data: wish })
    return queue
  }
)

const jukebox = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, path: string, first: ReadonlyArray<Wish>) {
  const session = yield* VoiceSession.join(where)
  const queue = yield* queueOf(session, path, first)
  // store the queue before it is gone
  yield* Effect.addFinalizer(() => store(queue, path))
  // and store it regularly, in case there is no time for that
  yield* Effect.forkScoped(Effect.repeat(store(queue, path), Schedule.spaced("5 seconds")))
  yield* queue.awaitIdle
  return (yield* queue.contents).history.length
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "restart-example-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  const path = join(folder, "queue.json")
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const song = { file: "song.ogg" }
  const run = jukebox(where, path, [song, song, song]).pipe(Effect.provide(discord.layerVoice("bot")))

  const started = yield* Effect.forkScoped(run)
  const { durationMs = 0 } = yield* sourceOf(song).open
  const frames = Math.ceil(durationMs / 20)
  yield* guest.awaitFrames(frames + 50)
  yield* Fiber.interrupt(started)
  const stored = yield* Schema.decodeEffect(Stored)(readFileSync(path, "utf8"))
  yield* Effect.log(stored)
  assert.equal(stored.history.length, 1)
  assert.equal(stored.upcoming.length, 1)
  assert.ok((stored.current?.positionMs ?? 0) >= 900)

  assert.equal(yield* run, 3)
  const heard = (yield* guest.heard).filter(({ silence }) => !silence)
  yield* Effect.log(`Heard ${heard.length} packets of three songs with ${frames} each`)
  // the packet that was sent while the program ended may be heard twice
  assert.ok(heard.length >= 3 * frames && heard.length <= 3 * frames + 2)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
