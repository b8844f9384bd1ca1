/**
 * A bot on a stage. It starts in the audience, where nobody hears it, and asks to speak. A moderator invites it, and it
 * plays. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Fiber, Stream } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** Waits until the bot can be heard. */
const untilHeard = (session: VoiceSession.VoiceSession) =>
  Effect.gen(function*() {
    const events = yield* session.events
    const isHeard = ({ serverMute, suppress }: VoiceSession.Restrictions) => !serverMute && !suppress
    if (isHeard(yield* session.restrictions)) return
    yield* events.pipe(
      Stream.filter((event) => event._tag === "Restricted" && isHeard(event.restrictions)),
      Stream.runHead
    )
  }).pipe(Effect.scoped)

const bot = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guildId = yield* discord.guild("guild")
  const session = yield* VoiceSession.join({ guildId, channelId: yield* discord.channel("stage") })
  const guest = yield* discord.join({ user: "guest", channel: "stage" })

  const waiting = yield* Effect.forkChild(untilHeard(session), { startImmediately: true })
  yield* Effect.log("in the audience", yield* session.restrictions)
  yield* session.setStage("request")
  yield* discord.faults.suppressUser("bot", false)
  yield* Fiber.join(waiting)
  yield* Effect.log("now a speaker")

  const track = yield* session.play(AudioSource.fromFile(new URL("song.ogg", import.meta.url)))
  assert.equal((yield* guest.awaitFrames(25)).length >= 25, true)
  yield* track.stop
}).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* Effect.provide(bot, discord.layerVoice("bot"))
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
