import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Detector from "../../../src/receive/utterance/Detector.ts"

const limits: Detector.Limits = { silence: 400, minimum: 100, confirm: 300, maximum: 2_000, preRoll: 200 }

interface Told {
  readonly event: "Started" | "Confirmed" | "Ended" | "Discarded"
  readonly startMs: number
  readonly atMs: number
}

/** Sound of which each window says by its first sample whether it is voiced. */
const make = (own: Partial<Detector.Limits> = {}) => {
  /** What was said, in order, with the time of the stream until which it had heard by then. */
  const told: Array<Told> = []
  const tell = (event: Told["event"], startMs: number) => void told.push({ event, startMs, atMs: 1_000 + windows * 10 })
  let windows = 0
  const started: Array<number> = []
  const sounds: Array<{ readonly audioStartMs: number; readonly pcm: Array<number> }> = []
  const ended: Array<Detector.Stretch> = []
  const discarded: Array<readonly [number, number]> = []
  const detector = Detector.make({
    rate: 16_000,
    limits: { ...limits, ...own },
    activity: (window) => {
      windows = at / 480 + ++windowsOfFrame
      return window[0] === 1
    },
    onStart: (startMs, audioStartMs) => {
      started.push(startMs)
      sounds.push({ audioStartMs, pcm: [] })
      tell("Started", startMs)
    },
    onSound: (pcm) => void sounds.at(-1)?.pcm.push(...pcm),
    onConfirm: (startMs) => tell("Confirmed", startMs),
    onEnd: (stretch) => {
      ended.push(stretch)
      tell("Ended", stretch.startMs)
    },
    onDiscard: (startMs, endMs) => {
      discarded.push([startMs, endMs])
      tell("Discarded", startMs)
    }
  })
  let at = 0
  let windowsOfFrame = 0
  /** Frames of 20 ms: a letter is 10 ms, `x` is voiced. */
  const say = (pattern: string, isMadeUp = false): void => {
    for (let i = 0; i < pattern.length; i += 2) {
      const pcm = new Int16Array(320)
      if (pattern[i] === "x") pcm.fill(1, 0, 160)
      if (pattern[i + 1] === "x") pcm.fill(1, 160)
      windowsOfFrame = 0
      detector.hear(
        {
          timestamp: at,
          samples: 960,
          atMs: 1_000 + at / 48,
          pcm,
          data: isMadeUp ? undefined : Uint8Array.of(i),
          isMadeUp
        },
        1_020 + at / 48
      )
      at += 960
    }
  }
  const rest = (ms: number): void => {
    detector.hear(
      {
        timestamp: at,
        samples: ms * 48,
        atMs: 1_000 + at / 48,
        pcm: new Int16Array(),
        data: undefined,
        isMadeUp: false
      },
      1_020 + at / 48
    )
    at += ms * 48
  }
  return { say, rest, detector, told, started, sounds, ended, discarded, skip: (samples: number) => at += samples }
}

const between = (minimum: number, maximum: number) =>
  Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum, maximum })))

/** The decoder's look-ahead. */
const delay = 6.5

describe("Detector", () => {
  it("begins with the third of four windows that are voiced", () => {
    const { say, started } = make()
    say("....x...x...xx..")
    assert.lengthOf(started, 0)
    say("....................................")
    say("x..xx...............................")
    assert.lengthOf(started, 0)
    say("..xx.x")
    assert.deepStrictEqual(started, [1_000 + 880 + 20 - delay])
  })

  it("does not begin with what is made up for what was lost, and goes on through it", () => {
    const { discarded, ended, rest, say, started } = make()
    say("xxxxxxxxxx")
    say("xxxx", true)
    say("xxxxxx")
    rest(400)
    assert.deepStrictEqual(ended.map(({ endMs, startMs }) => [startMs, endMs]), [[1_000 - delay, 1_200 - delay]])
    // the last packets before a pause were lost, which is known only when it is over
    say("xxxx", true)
    rest(5_000)
    say("xxxx")
    assert.deepStrictEqual(started.slice(1), [1_640 + 5_000 - delay])
    assert.lengthOf(discarded, 0)
  })

  it("gives the sound while it is heard, which begins as that of the utterance does", () => {
    const { ended, rest, say, sounds } = make({ preRoll: 50, maximum: 500 })
    say("........")
    say("xxxx")
    // two windows before the onset are in what was kept, and the frame at hand to its end
    assert.lengthOf(sounds[0]?.pcm ?? [], (50 + 40) * 16)
    say("xx")
    assert.lengthOf(sounds[0]?.pcm ?? [], (50 + 60) * 16)
    // a pause is told when it is over
    rest(100)
    say("xxxx")
    assert.lengthOf(sounds[0]?.pcm ?? [], (50 + 200) * 16)
    say(".".repeat(40))
    // too long: it goes on as another one
    say("xxxx".repeat(16))
    say(".".repeat(40))
    assert.isAtLeast(ended.length, 3)
    assert.strictEqual(sounds.length, ended.length)
    ended.forEach(({ audioStartMs, pcm }, i) => {
      const sound = sounds[i]
      assert.strictEqual(sound?.audioStartMs, audioStartMs)
      assert.deepStrictEqual(sound?.pcm.slice(0, pcm.length), [...pcm])
      // nothing but what was waited for
      assert.isAtMost((sound?.pcm.length ?? 0) - pcm.length, 400 * 16)
    })
  })

  it("counts the burst of a plosive in, which comes before", () => {
    const { ended, say, started } = make()
    say("......xx............xxxxxxxxxx")
    say(".".repeat(42))
    assert.deepStrictEqual(started, [1_060 - delay])
    assert.deepStrictEqual(ended.map(({ endMs, startMs }) => [startMs, endMs]), [[1_060 - delay, 1_300 - delay]])
  })

  it("ends when it was silent for so long, by what is heard, by a pause, or by time that passes", () => {
    const heard = make()
    heard.say("xxxxxxxxxxxxxxxxxxxx")
    heard.say(".".repeat(38))
    assert.lengthOf(heard.ended, 0)
    heard.say("..")
    assert.deepStrictEqual(heard.ended.map(({ endMs, reason }) => [endMs, reason]), [[1_200 - delay, "silence"]])

    const paused = make()
    paused.say("xxxxxxxxxxxxxxxxxxxx")
    paused.rest(380)
    assert.lengthOf(paused.ended, 0)
    paused.rest(20)
    assert.deepStrictEqual(paused.ended.map(({ endMs }) => endMs), [1_200 - delay])

    const passed = make()
    passed.say("xxxxxxxxxxxxxxxxxxxx")
    passed.detector.pass(1_200 + 399)
    assert.lengthOf(passed.ended, 0)
    passed.detector.pass(1_200 + 400)
    assert.deepStrictEqual(passed.ended.map(({ endMs }) => endMs), [1_200 - delay])
    // and once only, whatever comes
    passed.rest(5_000)
    passed.detector.end("left")
    assert.lengthOf(passed.ended, 1)
  })

  it("has sound before and behind, as much as there is", () => {
    const { ended, say } = make()
    say("......xxxxxxxxxxxxxx")
    say(".".repeat(40))
    const [first] = ended
    assert.strictEqual(first?.audioStartMs, 1_000 - delay)
    assert.strictEqual(first?.pcm.length, (60 + 140 + 200) * 16)
    assert.deepStrictEqual([first?.pcm[60 * 16 - 1], first?.pcm[60 * 16]], [0, 1])
    assert.lengthOf(first?.frames ?? [], 20)
  })

  it("has no more sound behind than the silence that it took to end", () => {
    const { ended, say } = make({ silence: 100 })
    say("x".repeat(20) + ".".repeat(20))
    assert.deepStrictEqual(ended.map(({ pcm }) => pcm.length), [(200 + 100) * 16])
  })

  it("has no more sound behind than that in front of a pause either, however long the pause is", () => {
    const { ended, rest, say } = make({ silence: 100 })
    say("x".repeat(20))
    rest(5_000)
    assert.deepStrictEqual(ended.map(({ pcm }) => pcm.length), [(200 + 100) * 16])
  })

  it("has all the sound before that it may have, also where that is longer than the silence that ends it", () => {
    const { detector, ended, say } = make({ silence: 100, preRoll: 300 })
    say(".".repeat(100))
    say("x".repeat(40))
    detector.end("left")
    const [first] = ended
    assert.strictEqual(first?.audioStartMs, 2_000 - 300 - delay)
    assert.strictEqual(first?.pcm.length, (300 + 400) * 16)
  })

  it("counts no more in that comes before than 400 ms, however often something was voiced", () => {
    const { say, started } = make()
    say("x.........".repeat(20))
    say("xxx.")
    assert.deepStrictEqual(started, [3_000 + 20 - 400 - delay])
  })

  it("counts what was silent before nothing came any more", () => {
    const { detector, ended, say } = make()
    say("x".repeat(20) + ".".repeat(20))
    detector.pass(1_400 + 199)
    assert.lengthOf(ended, 0)
    detector.pass(1_400 + 200)
    assert.deepStrictEqual(ended.map(({ endMs }) => endMs), [1_200 - delay])
  })

  it("begins no other one at a cut where nothing is said", () => {
    const { ended, say, started } = make({ maximum: 500 })
    say("x".repeat(49) + "." + ".".repeat(60))
    assert.deepStrictEqual(ended.map(({ endMs, reason }) => [endMs, reason]), [[1_490 - delay, "maximum"]])
    assert.lengthOf(started, 1)
  })

  for (const what of ["a pause", "a loss"] as const) {
    it(`takes half a window in front of ${what} for no part of the one behind it`, () => {
      const { detector, started } = make()
      const half = (timestamp: number, voiced: boolean) =>
        detector.hear({
          timestamp,
          samples: 240,
          atMs: 1_000 + timestamp / 48,
          pcm: new Int16Array(80).fill(voiced ? 1 : 0),
          data: undefined,
          isMadeUp: false
        }, 1_005 + timestamp / 48)
      half(0, true)
      if (what === "a pause") {
        detector.hear({
          timestamp: 240,
          samples: 4_560,
          atMs: 1_005,
          pcm: new Int16Array(),
          data: undefined,
          isMadeUp: false
        }, 1_100)
      }
      for (let i = 0; i < 20; i++) half(4_800 + i * 240, i >= 4)
      assert.deepStrictEqual(started, [1_120 - delay])
    })
  }

  it("confirms as soon as so much was voiced, whatever pauses there are, and once", () => {
    const { detector, ended, say, told } = make()
    say("xxxxxxxxxx" + ".".repeat(20) + "xxxxxxxxxx" + ".".repeat(20) + "xxxxxxxxx.")
    assert.deepStrictEqual(told.map(({ event }) => event), ["Started"])
    say("x.xxxxxxxxxxxxxxxxxxxx")
    detector.end("left")
    const startMs = 1_000 - delay
    assert.deepStrictEqual(told, [
      { event: "Started", startMs, atMs: 1_030 },
      { event: "Confirmed", startMs, atMs: 1_710 },
      { event: "Ended", startMs, atMs: 1_920 }
    ])
    assert.deepStrictEqual(ended.map(({ confirmed }) => confirmed), [true])
  })

  it("confirms no cough, whether that is an utterance or is discarded", () => {
    for (const [minimum, end] of [[100, "Ended"], [250, "Discarded"]] as const) {
      const { ended, say, told } = make({ minimum })
      say("x".repeat(20) + ".".repeat(40))
      assert.deepStrictEqual(told.map(({ event }) => event), ["Started", end])
      assert.isFalse(ended.some(({ confirmed }) => confirmed))
    }
  })

  it("confirms nothing that is shorter than it may be", () => {
    const { detector, say, told } = make({ minimum: 500 })
    say("x".repeat(48) + "..")
    assert.deepStrictEqual(told.map(({ event }) => event), ["Started"])
    say("x.")
    detector.end("left")
    assert.deepStrictEqual(told.map(({ atMs, event }) => [event, atMs]), [
      ["Started", 1_030],
      ["Confirmed", 1_510],
      ["Ended", 1_520]
    ])
  })

  it("counts anew behind a cut", () => {
    const { detector, ended, say, told } = make({ maximum: 500 })
    say("x".repeat(110))
    detector.end("left")
    assert.deepStrictEqual(told.map(({ atMs, event }) => [event, atMs - 1_000]), [
      ["Started", 30],
      ["Confirmed", 300],
      ["Ended", 500],
      ["Started", 500],
      ["Confirmed", 800],
      ["Ended", 1_000],
      ["Started", 1_000],
      ["Ended", 1_100]
    ])
    assert.deepStrictEqual(ended.map(({ confirmed }) => confirmed), [true, true, false])
  })

  it.prop("tells of each stretch that it begins, maybe that it is no cough, and how it ends, in this order", {
    limits: Schema.Struct({
      silence: between(20, 600),
      minimum: between(0, 600),
      confirm: between(0, 600),
      maximum: between(100, 3_000),
      preRoll: between(0, 300)
    }),
    story: Schema.Array(Schema.Struct({
      what: Schema.Literals(["voice", "voice", "mumble", "quiet", "quiet", "rest", "pass", "skip"]),
      frames: between(1, 40)
    }))
  }, ({ limits, story }) => {
    const { detector, ended, rest, say, skip, told } = make(limits)
    for (const { frames, what } of story) {
      if (what === "voice") say("xx".repeat(frames))
      else if (what === "mumble") say("xx.x".repeat(frames))
      else if (what === "quiet") say("..".repeat(frames))
      else if (what === "rest") rest(frames * 20)
      else if (what === "skip") skip(frames * 960)
      else detector.pass(Infinity)
    }
    detector.end("left")
    const letters = told.map(({ event }) => event[0]).join("")
    assert.match(letters, /^(?:SC?E|SD)*$/)
    let startMs: number | undefined
    for (const one of told) {
      if (one.event === "Started") startMs = one.startMs
      else assert.strictEqual(one.startMs, startMs)
    }
    assert.deepStrictEqual(told.map(({ atMs }) => atMs), told.map(({ atMs }) => atMs).toSorted((a, b) => a - b))
    const marks = [...letters.matchAll(/S(C?)E/g)].map(([, mark]) => mark === "C")
    assert.deepStrictEqual(ended.map(({ confirmed }) => confirmed), marks)
    for (const { confirmed, endMs, startMs } of ended) {
      assert.isAtLeast(endMs - startMs, limits.minimum - 0.001)
      if (confirmed) assert.isAtLeast(endMs - startMs, limits.confirm - 0.001)
    }
  })

  it("begins anew where frames were lost on the way to it", () => {
    const { detector, ended, say, skip, started } = make()
    say("xxxxxxxxxxxxxxxxxxxx")
    skip(4_800)
    say("xxxxxxxxxxxxxxxxxxxx")
    assert.deepStrictEqual(ended.map(({ endMs }) => endMs), [1_200 - delay])
    detector.end("left")
    assert.deepStrictEqual(started, [1_000 - delay, 1_300 - delay])
    assert.deepStrictEqual(ended.map(({ endMs }) => endMs), [1_200 - delay, 1_500 - delay])
  })

  it("begins with nothing that was voiced in front of what was lost on the way to it", () => {
    const { detector, ended, say, skip } = make()
    say("..x...")
    skip(960)
    say("xxxxxxxxxxxxxx")
    detector.end("left")
    assert.deepStrictEqual(ended.map(({ audioStartMs, startMs }) => [startMs, audioStartMs]), [[1_073.5, 1_073.5]])
  })

  it("is no longer than it may be where its end is a pause", () => {
    const { ended, rest, say } = make({ silence: 1_000, maximum: 1_000, preRoll: 0 })
    say("x".repeat(60))
    rest(800)
    say("x".repeat(60))
    rest(1_000)
    assert.deepStrictEqual(ended.map(({ pcm, reason }) => [pcm.length / 16, reason]), [
      [600, "maximum"],
      [600, "silence"]
    ])
  })

  it("has packets of silence no longer than the pauses around what was said", () => {
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

  it("finds what was said within one frame", () => {
    const { detector, ended, started } = make({ silence: 30, minimum: 0, preRoll: 0 })
    const pcm = new Int16Array(1_920)
    pcm.fill(1, 320, 960)
    detector.hear({ timestamp: 0, samples: 5_760, atMs: 1_000, pcm, data: undefined, isMadeUp: false }, 1_120)
    assert.deepStrictEqual(started, [1_020 - delay])
    assert.deepStrictEqual(ended.map(({ pcm }) => [...new Set(pcm), pcm.length]), [[1, 640]])
    assert.deepStrictEqual(ended.map(({ frames }) => frames.map(({ samples }) => samples)), [[1_920]])
  })

  it.prop("hears the same whatever the length of frames is", {
    pattern: Schema.Array(Schema.Literals(["xxxxx", "x", ".", ".......", ".".repeat(41)])),
    frameMs: Schema.Literals([2.5, 5, 10, 40, 60])
  }, ({ frameMs, pattern }) => {
    const letters = `${pattern.join("")}${".".repeat(60)}`.padEnd(600, ".").slice(0, 600)
    const sound = Int16Array.from(
      { length: letters.length * 160 },
      (_, i) => letters[Math.floor(i / 160)] === "x" ? 1 : 0
    )
    const [usual, other] = [make(), make()]
    usual.say(letters)
    for (let at = 0; at < sound.length; at += frameMs * 16) {
      const samples = frameMs * 48
      const pcm = sound.slice(at, at + frameMs * 16)
      const heard = { timestamp: at * 3, samples, atMs: 1_000 + at / 16, pcm, data: Uint8Array.of(1), isMadeUp: false }
      other.detector.hear(heard, 1_000 + at / 16 + frameMs)
    }
    const times = ({ discarded, ended, started }: ReturnType<typeof make>) => ({
      started,
      discarded,
      ended: ended.map(({ audioStartMs, endMs, pcm, startMs }) => ({
        audioStartMs,
        endMs,
        startMs,
        length: pcm.length
      }))
    })
    assert.deepStrictEqual(times(other), times(usual))
  })

  it.prop("cuts what is long without losing or repeating a sample", {
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

  it("leaves out of its packets what it leaves out of its sound, however long the pause before was", () => {
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
