/**
 * An agent that is spoken over: it falls silent within a frame, and knows how much of its sentence was heard.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Stream } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const sentence = AudioSource.fromPcm(tone.pcm(5), { channels: 2, rate: 48_000, name: "sentence" })

const speak = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const events = yield* session.events
  yield* session.play(sentence)

  // somebody begins to speak
  yield* events.pipe(
    Stream.filter((event) => event._tag === "Speaking" && event.flags !== 0),
    Stream.take(1),
    Stream.runDrain
  )
  const heard = yield* session.interrupt
  yield* Effect.forEach(
    heard,
    ({ positionMs, track }) => Effect.log(`they heard ${Math.round(positionMs)} ms of the ${track.name}`)
  )
  return heard.map(({ positionMs }) => positionMs)
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  yield* Effect.forkScoped(
    Effect.andThen(guest.awaitFrames(50), Effect.andThen(guest.setSpeaking(0), guest.setSpeaking(1)))
  )
  const [positionMs = 0] = yield* speak(where).pipe(Effect.provide(discord.layerVoice("bot")))
  assert.ok(positionMs >= 980 && positionMs < 1_500, `${positionMs} ms`)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
