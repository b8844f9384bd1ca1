import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { delay, make } from "./detecting.ts"

const between = (minimum: number, maximum: number) =>
  Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum, maximum })))

describe("Detector", () => {
  it("starts as soon as three of four windows are voiced, at the first of them", () => {
    const { say, started } = make()
    say("....x...x...xx..")
    assert.lengthOf(started, 0)
    say("....................................")
    say("x..xx...............................")
    assert.lengthOf(started, 0)
    say("..xx.x")
    assert.deepStrictEqual(started, [1_000 + 880 + 20 - delay])
  })

  it("does not start with concealed audio, but continues through it", () => {
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

  it("includes the burst of a plosive that comes before", () => {
    const { ended, say, started } = make()
    say("......xx............xxxxxxxxxx")
    say(".".repeat(42))
    assert.deepStrictEqual(started, [1_060 - delay])
    assert.deepStrictEqual(ended.map(({ endMs, startMs }) => [startMs, endMs]), [[1_060 - delay, 1_300 - delay]])
  })

  it("ends after enough silence, be it heard, a pause, or time that passes", () => {
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
    // and only once, whatever follows
    passed.rest(5_000)
    passed.detector.end("left")
    assert.lengthOf(passed.ended, 1)
  })

  it("times its start by the speech if the silence before it came a longer way", () => {
    const { detector, ended, sounds } = make()
    const hear = (index: number, voiced: boolean, offMs: number) =>
      detector.hear({
        timestamp: index * 480,
        samples: 480,
        atMs: 1_000 + index * 10 + offMs,
        pcm: new Int16Array(160).fill(voiced ? 1 : 0),
        data: undefined,
        isMadeUp: false
      }, 1_010 + index * 10 + offMs)
    for (let i = 0; i < 40; i++) hear(i, false, 80)
    for (let i = 40; i < 60; i++) hear(i, true, 0)
    detector.end("left")
    const [said] = ended
    assert.isDefined(said)
    assert.strictEqual(said.startMs, 1_400 - delay)
    const before = said.pcm.indexOf(1) / 16
    assert.isAbove(before, 0)
    assert.strictEqual(said.audioStartMs, said.startMs - before)
    assert.deepStrictEqual(sounds.map(({ audioStartMs }) => audioStartMs), [said.audioStartMs])
  })

  it("reaches back at most 400 ms for its start, however often something was voiced", () => {
    const { say, started } = make()
    say("x.........".repeat(20))
    say("xxx.")
    assert.deepStrictEqual(started, [3_000 + 20 - 400 - delay])
  })

  it("adds the silence that was heard to the time in which nothing comes any more", () => {
    const { detector, ended, say } = make()
    say("x".repeat(20) + ".".repeat(20))
    detector.pass(1_400 + 199)
    assert.lengthOf(ended, 0)
    detector.pass(1_400 + 200)
    assert.deepStrictEqual(ended.map(({ endMs }) => endMs), [1_200 - delay])
  })

  it("starts no further stretch at a cut where nothing is said", () => {
    const { ended, say, started } = make({ maximum: 500 })
    say("x".repeat(49) + "." + ".".repeat(60))
    assert.deepStrictEqual(ended.map(({ endMs, reason }) => [endMs, reason]), [[1_490 - delay, "maximum"]])
    assert.lengthOf(started, 1)
  })

  for (const what of ["a pause", "a loss"] as const) {
    it(`does not join half a window before ${what} with the one after it`, () => {
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

  it("confirms once, as soon as enough was voiced, whatever pauses lie in between", () => {
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

  it("confirms no cough, whether it becomes an utterance or is discarded", () => {
    for (const [minimum, end] of [[100, "Ended"], [250, "Discarded"]] as const) {
      const { ended, say, told } = make({ minimum })
      say("x".repeat(20) + ".".repeat(40))
      assert.deepStrictEqual(told.map(({ event }) => event), ["Started", end])
      assert.isFalse(ended.some(({ confirmed }) => confirmed))
    }
  })

  it("confirms nothing that is shorter than the minimum", () => {
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

  it("starts counting again after a cut", () => {
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

  it.prop("reports of each stretch its start, maybe its confirmation, and its end, in this order", {
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

  it("ends and starts again where frames were lost on the way to it", () => {
    const { detector, ended, say, skip, started } = make()
    say("xxxxxxxxxxxxxxxxxxxx")
    skip(4_800)
    say("xxxxxxxxxxxxxxxxxxxx")
    assert.deepStrictEqual(ended.map(({ endMs }) => endMs), [1_200 - delay])
    detector.end("left")
    assert.deepStrictEqual(started, [1_000 - delay, 1_300 - delay])
    assert.deepStrictEqual(ended.map(({ endMs }) => endMs), [1_200 - delay, 1_500 - delay])
  })

  it("does not start with sound before frames that were lost on the way to it", () => {
    const { detector, ended, say, skip } = make()
    say("..x...")
    skip(960)
    say("xxxxxxxxxxxxxx")
    detector.end("left")
    assert.deepStrictEqual(ended.map(({ audioStartMs, startMs }) => [startMs, audioStartMs]), [[1_073.5, 1_073.5]])
  })

  it("does not exceed its maximum when a pause is its end", () => {
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

  it.prop("detects the same whatever the length of the frames", {
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
})
