/**
 * A bot on a bad line. Discord's voice server reports how many of the bot's packets are lost, and the encoder adds
 * redundancy to match, from which a listener restores missing frames. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Schedule, Stream } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** Prepares the encoder for the last reported loss. */
const prepare = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession) {
  const { sentLossShare = 0 } = yield* session.statistics
  const expectedLossPercent = Math.min(30, Math.round(sentLossShare * 100))
  yield* session.setEncoder({ fec: expectedLossPercent > 0, expectedLossPercent })
  return expectedLossPercent
})

const bot = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const session = yield* VoiceSession.join({
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("lobby"),
    encoder: { application: "voip", bitrate: 32_000 }
  })
  yield* discord.join({ user: "guest", channel: "lobby" })
  yield* session.play(AudioSource.tone({ frequency: 220 }))
  // one packet in ten does not reach the server
  yield* discord.faults.when({ point: "datagram-in", op: "rtp", rate: 0.1 }, "drop")

  const prepared = yield* Stream.fromEffectSchedule(prepare(session), Schedule.spaced("1 second")).pipe(
    Stream.changes,
    Stream.tap((percent) => Effect.log(`the encoder is prepared for ${percent}% loss`)),
    Stream.takeUntil((percent) => percent > 0),
    Stream.runLast
  )
  assert.equal(prepared._tag, "Some")
}).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* Effect.provide(bot, discord.layerVoice("bot"))
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
