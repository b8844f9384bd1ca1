import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { delay, make } from "./detecting.ts"

describe("Detector, its sound", () => {
  it("is given while it is heard, and begins where the utterance does", () => {
    const { ended, rest, say, sounds } = make({ preRoll: 50, maximum: 500 })
    say("........")
    say("xxxx")
    // two windows before the onset are among those kept, and the current frame counts to its end
    assert.lengthOf(sounds[0]?.pcm ?? [], (50 + 40) * 16)
    say("xx")
    assert.lengthOf(sounds[0]?.pcm ?? [], (50 + 60) * 16)
    // a pause is reported when it is over
    rest(100)
    say("xxxx")
    assert.lengthOf(sounds[0]?.pcm ?? [], (50 + 200) * 16)
    say(".".repeat(40))
    // too long: it continues as another one
    say("xxxx".repeat(16))
    say(".".repeat(40))
    assert.isAtLeast(ended.length, 3)
    assert.strictEqual(sounds.length, ended.length)
    ended.forEach(({ audioStartMs, pcm }, i) => {
      const sound = sounds[i]
      assert.strictEqual(sound?.audioStartMs, audioStartMs)
      assert.deepStrictEqual(sound?.pcm.slice(0, pcm.length), [...pcm])
      // nothing but the silence that was waited for
      assert.isAtMost((sound?.pcm.length ?? 0) - pcm.length, 400 * 16)
    })
  })

  it("has the same samples if pauses are not a whole number of them", () => {
    for (const samples of [4_801, 4_802, 5_003]) {
      const { ended, rest, say, sounds } = make({ maximum: 5_000 })
      for (let i = 0; i < 5; i++) {
        say("xxxx")
        rest(samples / 48)
      }
      say("xx" + ".".repeat(60))
      assert.lengthOf(ended, 1)
      const [{ pcm } = { pcm: new Int16Array() }] = ended
      assert.deepStrictEqual(sounds[0]?.pcm.slice(0, pcm.length), [...pcm], `pauses of ${samples}`)
    }
  })

  it("includes sound before and after what is said, as much as there is", () => {
    const { ended, say } = make()
    say("......xxxxxxxxxxxxxx")
    say(".".repeat(40))
    const [first] = ended
    assert.strictEqual(first?.audioStartMs, 1_000 - delay)
    assert.strictEqual(first?.pcm.length, (60 + 140 + 200) * 16)
    assert.deepStrictEqual([first?.pcm[60 * 16 - 1], first?.pcm[60 * 16]], [0, 1])
    assert.lengthOf(first?.frames ?? [], 20)
  })

  it("includes no more after what is said than the silence that it took to end", () => {
    const { ended, say } = make({ silence: 100 })
    say("x".repeat(20) + ".".repeat(20))
    assert.deepStrictEqual(ended.map(({ pcm }) => pcm.length), [(200 + 100) * 16])
  })

  it("includes no more than that before a pause either, however long the pause is", () => {
    const { ended, rest, say } = make({ silence: 100 })
    say("x".repeat(20))
    rest(5_000)
    assert.deepStrictEqual(ended.map(({ pcm }) => pcm.length), [(200 + 100) * 16])
  })

  it("includes all of `preRoll`, even if that is longer than the silence that ends it", () => {
    const { detector, ended, say } = make({ silence: 100, preRoll: 300 })
    say(".".repeat(100))
    say("x".repeat(40))
    detector.end("left")
    const [first] = ended
    assert.strictEqual(first?.audioStartMs, 2_000 - 300 - delay)
    assert.strictEqual(first?.pcm.length, (300 + 400) * 16)
  })

  it("has packets of silence no longer than the pauses around what is said", () => {
    const { ended, rest, say } = make({ preRoll: 101 })
    rest(2_000)
    say("x".repeat(40))
    rest(1_000)
    const [first] = ended
    assert.strictEqual(first?.audioStartMs, 3_000 - 101 - delay)
    assert.strictEqual(first?.pcm.length, 602 * 16)
    const frames = first?.frames ?? []
    const [before] = frames
    // in steps of 2.5 ms, which cover all of the sound
    assert.deepStrictEqual([before?.atMs, before?.samples], [3_000 - 102.5, 102.5 * 48])
    assert.deepStrictEqual([frames.length, frames.at(-1)?.samples], [22, 102.5 * 48])
  })

  it("can be found within a single frame", () => {
    const { detector, ended, started } = make({ silence: 30, minimum: 0, preRoll: 0 })
    const pcm = new Int16Array(1_920)
    pcm.fill(1, 320, 960)
    detector.hear({ timestamp: 0, samples: 5_760, atMs: 1_000, pcm, data: undefined, isMadeUp: false }, 1_120)
    assert.deepStrictEqual(started, [1_020 - delay])
    assert.deepStrictEqual(ended.map(({ pcm }) => [...new Set(pcm), pcm.length]), [[1, 640]])
    assert.deepStrictEqual(ended.map(({ frames }) => frames.map(({ samples }) => samples)), [[1_920]])
  })

  it.prop("is cut at the maximum without losing or repeating a sample", {
    maximum: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 200, maximum: 900 }))),
    frames: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 60, maximum: 200 })))
  }, ({ frames, maximum }) => {
    const { detector, ended, say } = make({ maximum, minimum: 0 })
    say("xx".repeat(frames))
    detector.end("left")
    const samples = ended.reduce((sum, { pcm }) => sum + pcm.length, 0)
    assert.strictEqual(samples, frames * 320)
    assert.isTrue(ended.slice(0, -1).every(({ reason }) => reason === "maximum"))
  })

  it("lacks the same stretches in its packets as in its samples, however long the pause before", () => {
    for (const pause of [1_000, 3_000, 8_000]) {
      const { ended, rest, say } = make()
      say("x".repeat(40) + ".".repeat(100))
      rest(pause)
      say("x".repeat(40) + ".".repeat(100))
      assert.lengthOf(ended, 2)
      for (const { frames, pcm } of ended) {
        const opus = frames.reduce((sum, { samples }) => sum + samples, 0)
        assert.closeTo(opus, 3 * pcm.length, 2 * 960)
        for (const { samples } of frames) assert.strictEqual(samples % 120, 0)
      }
      const [first] = ended[1]?.frames ?? []
      assert.closeTo((first?.atMs ?? 0) - delay, ended[1]?.audioStartMs ?? NaN, 20)
    }
  })
})
