/**
 * A bot that pauses while nobody hears it, goes on when somebody comes back, and leaves when nobody has come back for a
 * while. Other bots do not count. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { type Duration, Effect, Fiber, Stream } from "effect"
import { AudioSource, TrackQueue, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** Whether any of the members is human. A member of whom this is not known counts as human. */
const hasHuman = (members: ReadonlyMap<string, VoiceSession.Member>) =>
  Array.from(members.values()).some(({ bot }) => bot !== true)

/** Pauses the queue while nobody hears it. A queue that somebody else has paused stays paused. */
const whileHeard = <R, A>(queue: TrackQueue.TrackQueue<R, A>) => {
  let isOurs = false
  return Effect.fnUntraced(function*(isHeard: boolean) {
    if (isHeard) return yield* isOurs ? queue.resume : Effect.void
    isOurs = !(yield* queue.contents).paused
    yield* queue.pause
  })
}

/** Pauses the queue while nobody hears it, and ends when that has lasted for `patience`, or with the session. */
const untilAlone = <R, A>(
  session: VoiceSession.VoiceSession,
  queue: TrackQueue.TrackQueue<R, A>,
  patience: Duration.Input
) =>
  session.memberChanges.pipe(
    Stream.map(hasHuman),
    Stream.changes,
    // this also holds tracks that are added in the meantime
    Stream.tap(whileHeard(queue)),
    Stream.switchMap((isHeard) => isHeard ? Stream.never : Stream.fromEffect(Effect.sleep(patience))),
    Stream.runHead
  )

/** Short for an example. A real bot would wait for a minute or more. */
const patience = "3 seconds"

const bot = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const session = yield* VoiceSession.join({
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("lobby")
  })
  const queue = yield* TrackQueue.make(session)
  yield* queue.add(AudioSource.tone({ frequency: 220 }))
  yield* untilAlone(session, queue, patience)
  yield* Effect.log("alone for too long, leaving")
}).pipe(Effect.scoped)

const heardBy = ({ heard }: Emulator.Participant) =>
  Effect.map(heard, (frames) => frames.filter(({ silence }) => !silence).length)

/** A guest joins, hears the bot, and leaves. */
const visit = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  yield* guest.awaitFrames(25)
  yield* Effect.log("a guest hears the bot, and leaves")
}).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* discord.createUser({ name: "another-bot", bot: true })
  const other = yield* discord.join({ user: "another-bot", channel: "lobby" })
  const playing = yield* Effect.forkChild(Effect.provide(bot, discord.layerVoice("bot")))
  yield* visit
  // sound that was already mixed is still heard
  yield* Effect.sleep("1 second")
  const before = yield* heardBy(other)
  yield* Effect.sleep("100 millis")
  assert.equal(yield* heardBy(other), before, "it is paused")
  yield* visit
  yield* Fiber.join(playing)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
