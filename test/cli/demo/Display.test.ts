import { assert, describe, it } from "@effect/vitest"
import * as Display from "../../../src/cli/demo/Display.ts"
import { UserId } from "../../../src/protocol/Identifier.ts"

const progress: Display.Progress = {
  positionMs: 3512,
  durationMs: 14_000,
  packetsSent: 176,
  roundTripMs: 1.26,
  latenessP50Ms: 0.42,
  latenessP99Ms: 1.18
}

const comparison = {
  sent: 700,
  heard: 700,
  foreign: 0,
  repeated: 0,
  largestGapMs: 23.44,
  delayP50Ms: 0.3,
  delayP99Ms: 1.2,
  delayMaxMs: 4.44,
  ratioDb: undefined,
  intact: true
}

describe("Display", () => {
  it("formats times", () => {
    const times = [0, 99, 100, 59_999, 62_300, 3_600_000, 36_061_900, -5].map(Display.time)
    assert.deepStrictEqual(times, [
      "0:00.0",
      "0:00.0",
      "0:00.1",
      "0:59.9",
      "1:02.3",
      "1:00:00.0",
      "10:01:01.9",
      "0:00.0"
    ])
  })

  it("formats a progress line", () => {
    assert.strictEqual(
      Display.progressLine(progress),
      "[#####---------------] 0:03.5 / 0:14.0  176 packets  heartbeat 1.3 ms  late p50 0.4 ms, p99 1.2 ms"
    )
    assert.strictEqual(
      Display.progressLine({ ...progress, durationMs: undefined, roundTripMs: undefined }),
      "0:03.5  176 packets  heartbeat -  late p50 0.4 ms, p99 1.2 ms"
    )
    assert.match(Display.progressLine({ ...progress, positionMs: 99_999 }), /^\[#{20}\] 1:39\.9/)
  })

  it("truncates a line to the width of the terminal, and overwrites the previous one", () => {
    assert.strictEqual(Display.progressLine(progress, 31), "[#####---------------] 0:03.5 ")
    assert.strictEqual(Display.progressLine(progress, 0), Display.progressLine(progress))
    assert.strictEqual(Display.redraw("abc"), "\rabc\u001B[K")
  })

  it("summarizes a successful run", () => {
    assert.strictEqual(
      Display.summary({
        comparison,
        end: "finished",
        privacy: { bot: "1".repeat(30), listener: "1".repeat(30) },
        recording: "/tmp/heard.ogg",
        answer: undefined,
        objections: []
      }),
      [
        "  track      finished",
        "  heard      700 of 700 frames, bit-exact",
        "  gap        23.4 ms at most between two frames",
        "  delay      p50 0.3 ms, p99 1.2 ms, at most 4.4 ms at the listener",
        "  privacy    the listener saw the same code",
        "  recording  /tmp/heard.ogg"
      ].join("\n")
    )
  })

  it("summarizes a failed run", () => {
    const text = Display.summary({
      comparison: { ...comparison, heard: 690, foreign: 2, repeated: 1, intact: false },
      end: "failed",
      privacy: { bot: "1".repeat(30), listener: undefined },
      recording: undefined,
      answer: undefined,
      objections: ["violation nonce-repeated: twice"]
    })
    assert.include(text, "690 of 700 frames, not intact: 10 missing or changed, 2 that nobody sent, 1 more than once")
    assert.include(text, "  objection  violation nonce-repeated: twice")
    assert.notInclude(text, "recording")
    assert.include(text, "the listener saw another code")
    const nothing = { ...comparison, sent: 0, heard: 0 }
    assert.include(
      Display.summary({
        comparison: nothing,
        end: "failed",
        privacy: undefined,
        recording: undefined,
        answer: undefined,
        objections: []
      }),
      "0 of 0 frames, nothing was sent"
    )
  })

  it("describes how the call is encrypted", () => {
    const members = [UserId.make("1")]
    const membership = { epoch: 1, privacyCode: "012345678901234567890123456789", members }
    assert.strictEqual(
      Display.encryptionLine({ version: 1, membership, transitioning: false }),
      "End-to-end encrypted (DAVE 1), voice privacy code 01234 56789 01234 56789 01234 56789"
    )
    assert.match(Display.encryptionLine({ version: 1, transitioning: true }), /no group yet/)
    assert.strictEqual(Display.encryptionLine({ version: 0, transitioning: false }), "Not end-to-end encrypted")
  })

  it("shows the level of each speaker", () => {
    assert.strictEqual(
      Display.meterLine({ bot: -30, listener: -120 }),
      "bot [##########----------] -30 dB   listener [--------------------]   - dB"
    )
    assert.strictEqual(Display.meterLine({ bot: 0 }), "bot [####################]   0 dB")
    assert.strictEqual(Display.meterLine({ bot: -30 }, 11), "bot [#####")
  })

  it("summarizes the answer that was heard", () => {
    const answer = { utterances: 1, durationMs: 3_240, noticedMs: 85.4, path: "/tmp/answer.ogg" }
    const text = (changes: Partial<Display.AnswerSummary>) =>
      Display.summary({
        comparison,
        end: "finished",
        privacy: undefined,
        recording: undefined,
        objections: [],
        answer: { ...answer, ...changes }
      })
    assert.include(
      text({}),
      "  answer     3.2 s of speech in 1 utterance, noticed after 85 ms\n  answer     /tmp/answer.ogg"
    )
    assert.include(text({ utterances: 2 }), "in 2 utterances")
    assert.include(text({ utterances: 0, path: undefined }), "  answer     nothing was heard")
  })
})
