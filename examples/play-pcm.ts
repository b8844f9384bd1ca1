/**
 * Plays PCM: two seconds of a tone, encoded while it plays. A guest in the channel decodes what it hears. Runs against
 * the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { AudioSource, OpusDecoder, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const play = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const source = AudioSource.fromPcm(tone.pcm(2), { channels: 2, rate: 48_000 })
  const track = yield* session.play(source)
  return yield* track.awaitEnd
}, Effect.scoped)

/** The pitch in Hz: how often the wave in the left channel rises through zero in a second. */
const pitch = (pcm: Int16Array): number => {
  let rises = 0
  for (let i = 2; i < pcm.length; i += 2) if ((pcm[i - 2] ?? 0) < 0 && (pcm[i] ?? 0) >= 0) rises++
  return (rises * 96_000) / pcm.length
}

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }

  const end = yield* play(where).pipe(Effect.provide(discord.layerVoice("bot")))

  const decoder = yield* (yield* OpusDecoder.OpusDecoder).make({ channels: 2 })
  const heard = yield* guest.awaitFrames(100)
  const sound: Array<number> = []
  for (const frame of heard.slice(25, 75)) sound.push(...yield* decoder.decode(frame.payload))
  const hertz = pitch(Int16Array.from(sound))
  yield* Effect.log(
    `The track ended as ${end._tag}. The guest heard ${heard.length} frames of ${Math.round(hertz)} Hz.`
  )
  assert.equal(end._tag, "Finished")
  assert.ok(Math.abs(hertz - 440) < 5)
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusDecoder.layer]))

NodeRuntime.runMain(program)
