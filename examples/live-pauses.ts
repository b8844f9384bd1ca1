/**
 * Passes pauses on to a speech recognition service while they last, as silence. A service that detects the end of a
 * turn itself has to hear that. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Queue, Stream } from "effect"
import { OpusEncoder, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const rate = 16_000

/** The service would go here. For this one, a turn ends with half a second of silence after speech. */
const makeService = () => {
  let spoken = 0
  let silent = 0
  return (pcm: Int16Array): boolean => {
    const isSilent = pcm.every((sample) => Math.abs(sample) < 100)
    if (!isSilent) spoken += pcm.length
    silent = isSilent ? silent + pcm.length : 0
    return spoken > 0 && silent >= rate / 2
  }
}

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const turns = yield* Queue.unbounded<string>()
  const listen = Effect.gen(function*() {
    const session = yield* VoiceSession.join({
      guildId: yield* discord.guild("guild"),
      channelId: yield* discord.channel("lobby")
    })
    const isOver = makeService()
    const turn = session.receive.user(ada.userId, { rate, channels: 1, pauses: "live" }).pipe(
      Stream.takeUntil(({ pcm }) => isOver(pcm)),
      Stream.runFold(() => 0, (samples, { pcm }) => samples + pcm.length)
    )
    yield* Queue.offer(turns, `a turn of ${Math.round((yield* turn) / rate * 10) / 10} s`)
  })
  yield* listen.pipe(Effect.scoped, Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
  // the bot needs a moment to connect, and another to start listening
  yield* ada.awaitHeardBy("bot")
  yield* Effect.sleep("200 millis")
  yield* ada.speak(yield* tone.frames(1))
  // ada says nothing more, and the service hears that
  const turn = yield* Queue.take(turns)
  yield* Effect.log(turn)
  assert.match(turn, /1\.\d s/)
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
