/**
 * An agent that hums while it thinks. It cuts the hum when the first piece of the answer arrives, so that the answer
 * does not have to wait for hum that was already mixed ahead. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Clock, Effect, Stream } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)

const hum = AudioSource.fromPcm(tone.pcm(1, 220), { rate: 48_000, channels: 2, name: "hum" })

/** A language model and speech synthesis would go here. The answer comes late, and then faster than it is heard. */
const words = Stream.fromEffect(Effect.sleep("1 second")).pipe(
  Stream.drain,
  Stream.concat(Stream.range(1, 40)),
  Stream.map(() => tone.pcm(0.05, 660))
)

/** Returns how many milliseconds after its first piece the answer was heard, and how it ended. */
const agent = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const thinking = yield* session.play(hum, { loop: "forever", gain: 0.3, fadeIn: "200 millis" })
  const pieces = Stream.onFirst(words, () => session.cut([thinking]))
  const speech = yield* session.play(AudioSource.fromPcm(pieces, { rate: 48_000, channels: 2, name: "answer" }))
  yield* thinking.awaitEnd
  const firstMs = yield* nowMs
  yield* speech.reached(0)
  const tookMs = (yield* nowMs) - firstMs
  return { tookMs, end: yield* speech.awaitEnd }
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const { end, tookMs } = yield* agent(where).pipe(Effect.provide(discord.layerVoice("bot")))
  const heard = (yield* guest.heard).filter(({ silence }) => !silence)
  yield* Effect.log(`The answer was heard ${Math.round(tookMs)} ms after its first piece, which cut the hum`)
  assert.equal(end._tag, "Finished")
  // two seconds of the answer, and the hum before it
  assert.ok(heard.length >= 100, `${heard.length} frames`)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
