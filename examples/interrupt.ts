/**
 * An agent that can be interrupted: it falls silent within a frame, and knows how much of its sentence was heard. Over
 * music, only its voice is cut, and the music goes on. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Stream } from "effect"
import { AudioSource, Mixer, OpusEncoder, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const sentence = AudioSource.fromPcm(tone.pcm(5), { channels: 2, rate: 48_000, name: "sentence" })

const speak = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const events = yield* session.events
  yield* session.play(sentence)

  // wait until somebody begins to speak
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

const music = AudioSource.fromPcm(tone.pcm(6, 220), { channels: 2, rate: 48_000, name: "music" })

const speakOverMusic = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const song = yield* session.play(music)
  const voice = yield* session.play(sentence, { duck: true })
  // wait for a speaker's first packet, which is reported before it passes the jitter buffer
  yield* session.receive.speaking.pipe(
    Stream.filter(({ speaking }) => speaking),
    Stream.take(1),
    Stream.runDrain
  )
  const heard = yield* session.cut([voice])
  yield* Effect.forEach(
    heard,
    ({ positionMs }) => Effect.log(`they heard ${Math.round(positionMs)} ms, and the music goes on`)
  )
  const end = yield* song.awaitEnd
  return { heard: heard.map(({ positionMs }) => positionMs), end: end._tag, metrics: yield* song.metrics }
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

  const speech = yield* tone.frames(1)
  yield* Effect.forkScoped(Effect.andThen(guest.awaitFrames(150), guest.speak(speech)))
  // of two mixers, the last one is used
  const layers = Layer.merge(discord.layerVoice("bot"), Mixer.layerWith({ ahead: "80 millis" }))
  const over = yield* speakOverMusic(where).pipe(Effect.provide(layers))
  assert.equal((yield* Mixer.Mixer.pipe(Effect.provide(layers))).aheadMs, 80)
  assert.equal(over.heard.length, 1)
  assert.equal(over.end, "Finished")
  assert.equal(over.metrics.sent, 300)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
