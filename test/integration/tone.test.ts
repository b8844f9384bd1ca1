import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as Time from "../../src/testing/Time.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"

const rate = 48_000
const left = 440
const right = 1_250

/** Two seconds of stereo, with a different tone in each ear. */
const tone = Int16Array.from({ length: 2 * 2 * rate }, (_, i) => {
  const hertz = i % 2 === 0 ? left : right
  return Math.round(8_000 * Math.sin((2 * Math.PI * hertz * (i >> 1)) / rate))
})

/** The power of one frequency in one channel (Goertzel). */
const power = (pcm: Int16Array, channel: 0 | 1, hertz: number): number => {
  const coefficient = 2 * Math.cos((2 * Math.PI * hertz) / rate)
  let before = 0
  let last = 0
  for (let i = channel; i < pcm.length; i += 2) {
    const next = (pcm[i] ?? 0) + coefficient * last - before
    before = last
    last = next
  }
  return last * last + before * before - coefficient * last * before
}

const loudest = (pcm: Int16Array, channel: 0 | 1): number => {
  const candidates = Array.from({ length: 400 }, (_, i) => 10 * (i + 1))
  const powers = candidates.map((hertz) => power(pcm, channel, hertz))
  return candidates[powers.indexOf(Math.max(...powers))] ?? 0
}

const codecs = {
  "libopus-wasm": Layer.merge(OpusEncoder.layer, OpusDecoder.layer),
  opusscript: Layer.merge(OpusEncoder.layerOpusScript, OpusDecoder.layerOpusScript)
}

describe("a tone", () => {
  for (const [name, codec] of Object.entries(codecs)) {
    it.effect(`is encoded by ${name}, crosses the wire, and is found again in each ear`, () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* discord.join({ user: "guest", channel: "lobby" })
        yield* Effect.gen(function*() {
          const session = yield* VoiceSession.join({
            guildId: yield* discord.guild("guild"),
            channelId: yield* discord.channel("lobby")
          })
          const track = yield* session.play(AudioSource.fromPcm(tone, { channels: 2, rate }))
          assert.strictEqual((yield* track.awaitEnd)._tag, "Finished")
        }).pipe(
          Effect.scoped,
          Effect.provide([discord.layerVoice("bot"), codec]),
          Effect.tapCause(Effect.logError),
          Effect.forkScoped({ startImmediately: true })
        )
        yield* Time.advance("5 seconds")
        const heard = yield* guest.awaitFrames(100)
        const decoder = yield* OpusDecoder.OpusDecoder.use((service) => service.make())
        const pcm: Array<number> = []
        for (const { payload } of heard) pcm.push(...yield* decoder.decode(payload))
        const middle = Int16Array.from(pcm.slice(rate, 3 * rate))
        assert.strictEqual(loudest(middle, 0), left)
        assert.strictEqual(loudest(middle, 1), right)
        assert.deepStrictEqual(yield* discord.violations, [])
        assert.deepStrictEqual(yield* discord.advice, [])
      }).pipe(Effect.provide([codec, Emulator.layerMemory({ network: { latencyMs: 1 } })])))
  }
})
