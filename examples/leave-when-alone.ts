/**
 * A bot that pauses while nobody is there to hear it, goes on when somebody comes back, and leaves when nobody has for a
 * while. Other bots do not count.
 */
import { NodeRuntime } from "@effect/platform-node"
import { type Duration, Effect, Fiber, Stream } from "effect"
import { AudioSource, TrackQueue, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** Whether one of them is a human. Of whom nobody has said it, is taken for one. */
const isHuman = (members: ReadonlyMap<string, VoiceSession.Member>) =>
  Array.from(members.values()).some(({ bot }) => bot !== true)

/** Pauses it while it is not heard, and leaves it paused afterwards where somebody else had paused it. */
const whileHeard = (queue: TrackQueue.TrackQueue) => {
  let isOurs = false
  return Effect.fnUntraced(function*(isHeard: boolean) {
    if (isHeard) return yield* isOurs ? queue.resume : Effect.void
    isOurs = !(yield* queue.contents).paused
    yield* queue.pause
  })
}

/** Pauses a queue while nobody is there to hear it, and ends when that has been so for a time, or with the session. */
const untilAlone = (session: VoiceSession.VoiceSession, queue: TrackQueue.TrackQueue, patience: Duration.Input) =>
  session.memberChanges.pipe(
    Stream.map(isHuman),
    Stream.changes,
    // also what was added meanwhile
    Stream.tap(whileHeard(queue)),
    Stream.switchMap((isHeard) => isHeard ? Stream.never : Stream.fromEffect(Effect.sleep(patience))),
    Stream.runHead
  )

/** A minute would be long for an example. */
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
  yield* Effect.log("alone for too long, and leaving")
}).pipe(Effect.scoped)

const heardBy = ({ heard }: Emulator.Participant) =>
  Effect.map(heard, (frames) => frames.filter(({ silence }) => !silence).length)

/** A guest comes, hears the bot, and goes. */
const visit = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  yield* guest.awaitFrames(25)
  yield* Effect.log("a guest hears it, and goes")
}).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* discord.createUser({ name: "another-bot", bot: true })
  const other = yield* discord.join({ user: "another-bot", channel: "lobby" })
  const playing = yield* Effect.forkChild(Effect.provide(bot, discord.layerVoice("bot")))
  yield* visit
  // what was mixed ahead is heard first
  yield* Effect.sleep("1 second")
  const before = yield* heardBy(other)
  yield* Effect.sleep("100 millis")
  assert.equal(yield* heardBy(other), before, "it is paused")
  yield* visit
  yield* Fiber.join(playing)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
