import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as SoundEffect from "../src/SoundEffect.ts"

const complete = (effects: ReadonlyArray<SoundEffect.SoundEffect>) => SoundEffect.complete(effects)

/** The message with which a list is refused, which the compiler may also reject. */
const refusal = (effects: unknown) =>
  Effect.gen(function*() {
    // input from a program without types, or from a file
    const error = yield* Effect.flip(complete(effects as ReadonlyArray<SoundEffect.SoundEffect>))
    assert(error.reason._tag === "Unsupported")
    return error.reason.message
  })

describe("SoundEffect", () => {
  it.effect("fills in defaults for what was left out", () =>
    Effect.gen(function*() {
      const wanted = [{ _tag: "Echo", delayMs: 200, level: undefined }, { _tag: "Tremolo" }] as const
      assert.deepStrictEqual(yield* complete(wanted), [
        { _tag: "Echo", delayMs: 200, level: 0.5, decay: 0.5 },
        { _tag: "Tremolo", hz: 2, depth: 0.5 }
      ])
      // it is idempotent: what is complete stays as it is
      const once = yield* complete([{ _tag: "Karaoke" }, { _tag: "Equalizer", bands: [{ hz: 100, gainDb: 3 }] }])
      assert.deepStrictEqual(yield* complete(once), once)
      assert.deepStrictEqual(structuredClone(once), once)
      assert.deepStrictEqual(yield* complete([]), [])
    }))

  it.effect("refuses unknown effects and invalid or out-of-range values, and says where", () =>
    Effect.gen(function*() {
      const band = { hz: 100, gainDb: 0 }
      assert.strictEqual(
        yield* refusal([{ _tag: "Tremolo" }, { _tag: "Equalizer", bands: [band, { hz: 1, gainDb: 0 }] }]),
        "This list of sound effects is not supported: expected a value between 20 and 20000 at effects[1].bands[1].hz."
      )
      assert.strictEqual(
        yield* refusal([{ _tag: "Timescale", rate: 2 }]),
        "This list of sound effects is not supported: expected no excess property at effects[0].rate."
      )
      assert.strictEqual(
        yield* refusal([{ _tag: "timescale", speed: 2 }]),
        "This list of sound effects is not supported: expected an effect whose _tag is Equalizer, LowPass, HighPass, Tremolo, Vibrato, " +
          "Rotation, Karaoke, ChannelMix, Distortion, Echo, Compressor or Timescale at effects[0]."
      )
      for (const { fields: { _tag } } of SoundEffect.SoundEffect.members) {
        assert.include(yield* refusal([{}]), _tag.schema.literal)
      }
      const wrong: ReadonlyArray<unknown> = [
        [{ _tag: "Echo", more: () => 1 }],
        [{ _tag: "Equalizer", bands: [{ ...band, gain: 2 }] }],
        undefined,
        "Echo",
        [{}],
        [{ _tag: "Reverb" }],
        [{ _tag: "LowPass" }],
        [{ _tag: "LowPass", hz: NaN }],
        [{ _tag: "LowPass", hz: "100" }],
        [{ _tag: "HighPass", hz: 100, q: 0 }],
        [{ _tag: "Equalizer", bands: Array.from({ length: 32 }, () => band) }],
        [{ _tag: "Tremolo", hz: 0 }],
        [{ _tag: "Vibrato", depth: 1.1 }],
        [{ _tag: "Rotation", hz: Infinity }],
        [{ _tag: "Karaoke", width: 0 }],
        [{ _tag: "ChannelMix", leftToLeft: -1.1 }],
        [{ _tag: "Distortion", driveDb: 49 }],
        [{ _tag: "Echo", decay: 1 }],
        [{ _tag: "Compressor", ratio: 0.5 }],
        [{ _tag: "Timescale", speed: 0.4 }],
        [{ _tag: "Timescale" }, { _tag: "Tremolo" }, { _tag: "Timescale" }],
        Array.from({ length: 17 }, () => ({ _tag: "Tremolo" }))
      ]
      for (const effects of wrong) {
        assert.match(yield* refusal(effects), /^This list of sound effects is not supported: /)
      }
    }))

  it.effect("converts Lavalink's gains to an equalizer, and limits gains out of range", () =>
    Effect.gen(function*() {
      const gains = [0.25, 0, -0.25, 1, -7, 100]
      const { bands } = SoundEffect.lavalinkEqualizer(gains)
      assert.deepStrictEqual(bands.map(({ hz }) => hz), [25, 63, 100, 160, 250])
      const rounded = bands.map(({ gainDb }) => Math.round(gainDb * 100) / 100)
      assert.deepStrictEqual(rounded, [6.02, -40, 13.98, -40, 13.98])
      yield* complete([SoundEffect.lavalinkEqualizer(Array.from({ length: 20 }, () => -0.25))])
      assert.deepStrictEqual(SoundEffect.lavalinkEqualizer([]).bands, [])
    }))
})
