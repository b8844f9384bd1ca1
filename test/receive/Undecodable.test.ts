import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as Utterances from "../../src/receive/Utterances.ts"
import * as VoiceActivity from "../../src/receive/VoiceActivity.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Rig from "../integration/rig.ts"
import * as Speech from "./speech.ts"

const layer = Layer.mergeAll(Rig.memory(), OpusDecoder.layer, OpusEncoder.layer)

const none = VoiceError.fail(new VoiceError.CodecUnavailable({ codec: "none", detail: "there are no more" }))

const broken = VoiceError.fail(new VoiceError.EncodeFailed({ codec: "none", detail: "it takes no such packet" }))

/** The lines that `effect` logs. */
const logged = Effect.fnUntraced(
  function*<A, E, R>(effect: (lines: () => ReadonlyArray<string>) => Effect.Effect<A, E, R>) {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => {
      lines.push(String(message))
    })
    return yield* effect(() => lines).pipe(Effect.provide(Logger.layer([logger])))
  }
)

/** Decoders that cannot be made while `refused` returns true. */
const scarce = (refused: () => boolean) =>
  Effect.updateService(OpusDecoder.OpusDecoder, ({ make }) => ({ make: (options) => refused() ? none : make(options) }))

describe("a user who cannot be decoded", () => {
  it.effect("ends nothing for others, and is heard as soon as there is a decoder", () =>
    logged((lines) =>
      Rig.run(Effect.gen(function*() {
        const speech = yield* Speech.withPauses("speech-1.ogg", [])
        let isRefused = true
        const refused = scarce(() => isRefused)
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "lobby" })
        const bob = yield* discord.join({ user: "bob", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const events = yield* Rig.keep(Utterances.events(session)).pipe(refused)
        const utterances = yield* Rig.keep(session.receive.utterances()).pipe(refused)
        const ticks = yield* Rig.keep(session.receive.ticksPcm()).pipe(refused)
        const mixed = yield* Rig.keep(session.receive.mixed()).pipe(refused)
        yield* Effect.sleep("200 millis")
        yield* ada.speak(speech.frames.slice(0, 50))
        yield* Effect.sleep("1 second")
        assert.lengthOf(events, 0)
        assert.isTrue(ticks.some(({ participants }) => participants.get(ada.userId)?.kind === "concealed"))
        assert.isTrue(mixed.every(({ pcm }) => pcm.every((value) => value === 0)))
        // for events, utterances, ticks and the mix
        assert.strictEqual(session.receive.statistics().undecodable, 4 * 50)
        assert.lengthOf(lines().filter((line) => line.includes(ada.userId) && line.includes("there are no more")), 4)
        isRefused = false
        yield* bob.speak(speech.frames.slice(0, 100))
        yield* ada.speak(speech.frames.slice(0, 100))
        yield* Effect.sleep("1 second")
        const heard = new Set(utterances.map(({ userId }) => userId))
        assert.deepStrictEqual(heard, new Set([bob.userId, ada.userId]))
        assert.isTrue(events.some((event) => event._tag === "Ended" && event.userId === ada.userId))
        assert.isTrue(ticks.slice(-150).some(({ participants }) => participants.get(ada.userId)?.kind === "audio"))
        assert.isTrue(mixed.slice(-150).some(({ pcm }) => pcm.some((value) => value > 1_000)))
        assert.strictEqual(session.receive.statistics().undecodable, 4 * 50)
      }))
    ).pipe(Effect.provide(layer)))

  it.effect("ends nothing for others if no decoder accepts their packets", () =>
    Rig.run(Effect.gen(function*() {
      const speech = yield* Speech.withPauses("speech-1.ogg", [])
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const bob = yield* discord.join({ user: "bob", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const refused = Uint8Array.of(0xfc, 1, 2, 3)
      const refusing = Effect.updateService(OpusDecoder.OpusDecoder, ({ make }) => ({
        make: (options) =>
          Effect.map(make(options), (decoder) => ({
            ...decoder,
            decode: (packet: Uint8Array) => packet.length === refused.length ? broken : decoder.decode(packet)
          }))
      }))
      const utterances = yield* Rig.keep(session.receive.utterances()).pipe(refusing)
      const ticks = yield* Rig.keep(session.receive.ticksPcm()).pipe(refusing)
      yield* Effect.sleep("200 millis")
      // two frames of the same size in an odd number of bytes, which the jitter buffer knows to be invalid (RFC 6716,
      // 3.2.3)
      const none = Array.from({ length: 50 }, () => ({ data: Uint8Array.of((13 << 3) | 1, 1, 2, 3), samples: 1_920 }))
      yield* ada.speak(none)
      assert.strictEqual(session.receive.statistics().malformed, 50)
      yield* ada.speak(Array.from({ length: 50 }, () => ({ data: refused, samples: 960 })))
      yield* bob.speak(speech.frames.slice(0, 100))
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(utterances.map(({ userId }) => userId), [bob.userId])
      assert.isAbove(ticks.length, 100)
      assert.strictEqual(session.receive.statistics().undecodable, 2 * 50)
    })).pipe(Effect.provide(layer)))

  it.effect("ends nothing for others if no voice activity detector can be made", () =>
    Rig.run(Effect.gen(function*() {
      const speech = yield* Speech.withPauses("speech-1.ogg", [])
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const bob = yield* discord.join({ user: "bob", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const { make } = yield* VoiceActivity.VoiceActivity
      let isRefused = true
      const utterances = yield* Rig.keep(session.receive.utterances()).pipe(
        Effect.provideService(VoiceActivity.VoiceActivity, { make: (rate) => isRefused ? none : make(rate) })
      )
      yield* Effect.sleep("200 millis")
      yield* ada.speak(speech.frames.slice(0, 50))
      yield* Effect.sleep("500 millis")
      isRefused = false
      yield* bob.speak(speech.frames.slice(0, 100))
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(utterances.map(({ userId }) => userId), [bob.userId])
      assert.strictEqual(session.receive.statistics().undecodable, 50)
    })).pipe(Effect.provide(layer)))
})
