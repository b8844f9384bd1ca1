import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as Hearing from "../../src/testing/Hearing.ts"
import * as Rig from "../integration/rig.ts"

const tone = (frequency: number, duration: `${number} ${"millis" | "seconds"}`) =>
  AudioSource.encoded(AudioSource.tone({ frequency, duration }))

/** A tone of one second as it was heard, from the given arrival time and timestamp on. */
const heard = (frequency: number, options: Partial<Hearing.Frame> = {}) =>
  AudioSource.readFrames(tone(frequency, "1000 millis")).pipe(
    Effect.provide(OpusEncoder.layer),
    Effect.map((frames) =>
      frames.map(({ data }, i): Hearing.Frame => ({
        ssrc: 1,
        payload: data,
        ...options,
        timestamp: ((options.timestamp ?? 0) + 960 * i) >>> 0,
        arrivalMs: (options.arrivalMs ?? 0) + 20 * i
      }))
    )
  )

/** The level of a tone of `AudioSource.tone` with its default gain. */
const toneDb = Effect.map(Effect.flatMap(heard(440), Hearing.decode), (sound) => sound.part(200, 800).level)

describe("Hearing", () => {
  it.effect("measures the level and the pitch of a tone", () =>
    Effect.gen(function*() {
      const sound = yield* Hearing.decode(yield* heard(440))
      assert.isAtLeast(sound.durationMs, 1_000)
      assert.isAtMost(sound.durationMs, 1_020)
      const middle = sound.part(200, 800)
      assert.strictEqual(middle.durationMs, 600)
      assert.closeTo(middle.pitch ?? 0, 440, 0.5)
      assert.closeTo(middle.levelAt(440), middle.level, 0.3)
      assert.isBelow(middle.levelAt(460), middle.level - 40)
      const samples = Float32Array.from({ length: 96_000 }, (_, i) => Math.sin((2 * Math.PI * 100 * (i >> 1)) / 48_000))
      assert.closeTo(new Hearing.Sound(samples).level, -3.01, 0.01)
      assert.closeTo(new Hearing.Sound(samples).levelAt(100), -3.01, 0.01)
    }))

  it("is silent, with -120 dB and no pitch, if nothing was heard", () => {
    for (const sound of [new Hearing.Sound(new Float32Array()), new Hearing.Sound(new Float32Array(9_600))]) {
      assert.deepStrictEqual([sound.level, sound.levelAt(440), sound.pitch], [-120, -120, undefined])
    }
  })

  it("can be cut from either end, within its bounds", () => {
    const sound = new Hearing.Sound(Float32Array.from({ length: 96 * 10 }, (_, i) => i))
    const firstOf = (part: Hearing.Sound) => [part.pcm[0], part.durationMs]
    assert.deepStrictEqual(firstOf(sound.part(2, 5)), [192, 3])
    assert.deepStrictEqual(firstOf(sound.part(-3)), [672, 3])
    assert.deepStrictEqual(firstOf(sound.part(-30, -8)), [0, 2])
    assert.deepStrictEqual(firstOf(sound.part(8, 50)), [768, 2])
    assert.strictEqual(sound.part(5, 2).durationMs, 0)
  })

  it.effect("is silent where frames are missing, and sorts frames that are late, duplicated or out of order", () =>
    Effect.gen(function*() {
      const frames = yield* heard(440, { timestamp: 0xffff_fe00 })
      const [a, b, ...others] = frames.toSpliced(20, 10).map((frame, i) =>
        Object.assign(frame, { arrivalMs: frame.arrivalMs + (i % 3) * 30 })
      )
      assert.isDefined(a)
      assert.isDefined(b)
      const sound = yield* Hearing.decode([a, ...others, b, b])
      assert.isAtLeast(sound.durationMs, 1_000)
      assert.isAtMost(sound.durationMs, 1_020)
      assert.strictEqual(sound.part(410, 590).level, -120)
      assert.isAbove(sound.part(200, 390).levelAt(440), (yield* toneDb) - 1)
      assert.isAbove(sound.part(650, 900).levelAt(440), (yield* toneDb) - 1)
    }))

  it.effect("places a sender that started over by arrival time", () =>
    Effect.gen(function*() {
      const again = yield* heard(440, { timestamp: 7, arrivalMs: 2_000 })
      const sound = yield* Hearing.decode([...(yield* heard(440, { timestamp: 5_000_000 })), ...again])
      assert.closeTo(sound.durationMs, 3_010, 12)
      assert.strictEqual(sound.part(1_050, 1_950).level, -120)
    }))

  it.effect("hears several senders at once, each at its time", () =>
    Effect.gen(function*() {
      const other = yield* heard(660, { ssrc: 2, timestamp: 99, arrivalMs: 500 })
      const sound = yield* Hearing.decode([...(yield* heard(440)), ...other])
      assert.closeTo(sound.durationMs, 1_510, 12)
      const levels = (
        from: number,
        to: number
      ) => [sound.part(from, to).levelAt(440), sound.part(from, to).levelAt(660)]
      const [alone = 0, none = 0] = levels(200, 480)
      const [under = 0, over = 0] = levels(600, 980)
      assert.closeTo(alone, yield* toneDb, 1)
      assert.isBelow(none, alone - 40)
      assert.closeTo(under, alone, 1)
      assert.closeTo(over, alone, 1)
    }))

  it.effect("shows that a bot ducks its music under speech", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* session.play(AudioSource.tone({ frequency: 440 }))
      yield* Effect.sleep("1 second")
      const speech = yield* session.play(AudioSource.tone({ frequency: 880, duration: "1 second" }), {
        duck: { gain: 0.25 }
      })
      yield* speech.awaitEnd
      yield* Effect.sleep("2 seconds")
      const sound = yield* Hearing.decode(yield* guest.heard)
      const before = sound.part(200, 800)
      const meanwhile = sound.part(1_450, 1_850)
      assert.isBelow(meanwhile.levelAt(440), before.levelAt(440) - 8)
      assert.isAbove(meanwhile.levelAt(880), meanwhile.levelAt(440))
      assert.closeTo(sound.part(-700).levelAt(440), before.levelAt(440), 1)
    })).pipe(Effect.provide(Rig.memory())))
})
