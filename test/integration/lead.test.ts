/** How soon speech is heard that is generated while it plays. The figures in docs/utterances.md come from here. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import type { PlayOptions } from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)

const pieceMs = 20

/** Two seconds of speech in pieces, in real time except for the lateness of each piece. */
const spoken = Effect.fnUntraced(
  function*(lateMs: (piece: number) => number, phaseMs: number, asLive: boolean, options: PlayOptions) {
    const discord = yield* Emulator.Emulator
    const ada = yield* discord.join({ user: "ada", channel: "lobby" })
    const session = yield* Rig.join("lobby")
    yield* Effect.sleep(500 + phaseMs)
    const beganMs = yield* nowMs
    const pieces = Stream.range(1, 2_000 / pieceMs).pipe(
      Stream.mapEffect(Effect.fnUntraced(function*(piece) {
        const dueMs = beganMs + piece * pieceMs + lateMs(piece)
        yield* Effect.sleep(Math.max(0, dueMs - (yield* nowMs)))
        return new Int16Array(pieceMs * 24).fill(3_000)
      }))
    )
    const speech = AudioSource.fromPcm(pieces, { channels: 1, rate: 24_000 })
    const track = yield* session.play(asLive ? AudioSource.live(speech) : speech, options)
    yield* ada.awaitFrames(1)
    const firstMs = (yield* nowMs) - beganMs - pieceMs
    assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
    return { firstMs, ...yield* track.metrics }
  }
)

/**
 * The time from the first piece to the first packet and the number of late frames, each at the worst position within a
 * frame.
 */
const worst = Effect.fnUntraced(function*(lateMs: (piece: number) => number, options: PlayOptions, asLive = false) {
  const runs = yield* Effect.forEach(
    [0, 13, 19],
    (phaseMs) =>
      Rig.run(spoken(lateMs, phaseMs, asLive, options)).pipe(Effect.provide([Rig.memory(), OpusEncoder.layer]))
  )
  for (const { missed, sent } of runs) assert.deepStrictEqual([sent, missed], [100, 0])
  return { firstMs: Math.max(...runs.map(({ firstMs }) => firstMs)), late: Math.max(...runs.map(({ late }) => late)) }
})

/** The first pieces are on time, so that none of them delays the start. */
const upTo = (ms: number) => (piece: number) => piece <= 20 ? 0 : ms * ((piece * 7_919) % 101) / 100

/**
 * Frames of 20 ms until the first packet, and how many are late if pieces come on time, up to 40 ms late, and up to 100
 * ms late.
 */
const table = [
  ["0", { lead: 0 }, false, 2, [4, 6, 8]],
  ["40 ms", { lead: "40 millis" }, false, 3, [3, 5, 7]],
  ["80 ms", { lead: "80 millis" }, false, 5, [0, 2, 6]],
  ["default for a stream of PCM", {}, false, 7, [0, 0, 4]],
  ["120 ms", { lead: "120 millis" }, false, 7, [0, 0, 4]],
  ["200 ms", { lead: "200 millis" }, false, 11, [0, 0, 0]],
  ["default for a live source", {}, true, 5, [0, 2, 6]]
] as const

describe("the lead of speech that is generated in real time", () => {
  for (const [name, options, asLive, frames, late] of table) {
    it.effect(`delays the start and prevents late frames as documented: ${name}`, () =>
      Effect.gen(function*() {
        const [first, ...others] = yield* Effect.forEach([0, 40, 100], (ms) => worst(upTo(ms), options, asLive))
        assert.strictEqual(Math.ceil((first?.firstMs ?? 0) / 20), frames)
        assert.deepStrictEqual([first, ...others].map((run) => run?.late), [...late])
      }))
  }
})

/** Two seconds of live Opus in real time, and the frames that are missed. */
const live = Effect.fnUntraced(function*(phaseMs: number, isAlone: boolean, options: PlayOptions) {
  const discord = yield* Emulator.Emulator
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const session = yield* Rig.join("lobby")
  if (!isAlone) yield* session.play(AudioSource.tone({ frequency: 220, duration: "1 minute" }))
  yield* Effect.sleep(500 + phaseMs)
  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make()
  const frames = yield* Effect.forEach(
    Array.from({ length: 100 }),
    () => Effect.map(encoder.encode(new Int16Array(1_920).fill(3_000)), (data) => ({ data, samples: 960 }))
  )
  let next = 0
  const track = yield* session.play({
    name: "call",
    open: Effect.sync(() => ({
      format: "opus" as const,
      channels: 2,
      durationMs: undefined,
      seek: undefined,
      live: true,
      tags: {},
      pull: Effect.suspend(() => {
        const frame = frames[next++]
        return frame === undefined ? Cause.done() : Effect.delay(Effect.succeed([frame] as const), pieceMs)
      })
    }))
  }, options)
  const beganMs = yield* nowMs
  while ((yield* track.position) === 0) yield* Effect.sleep(1)
  const firstMs = (yield* nowMs) - beganMs
  assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
  yield* ada.awaitFrames(1)
  return { firstMs, ...yield* track.metrics }
})

describe("live Opus in real time", () => {
  for (
    const [name, isAlone, options] of [
      ["passed through", true, {}],
      ["at another gain", true, { gain: 0.5 }],
      ["next to another track", false, {}]
    ] as const
  ) {
    it.effect(`misses no frame ${name}`, () =>
      Effect.gen(function*() {
        for (const phaseMs of [0, 7, 13, 19]) {
          const { late, missed, sent } = yield* Rig.run(live(phaseMs, isAlone, options)).pipe(
            Effect.provide([Rig.memory(), OpusEncoder.layer])
          )
          assert.deepStrictEqual([sent, late, missed], [100, 0, 0], `${phaseMs} ms`)
        }
      }))
  }
})

/** A thinking sound, and speech that is generated instantly once the thinking is over. */
const thought = Effect.fnUntraced(function*(isOpus: boolean, stops: boolean, phaseMs: number) {
  yield* (yield* Emulator.Emulator).join({ user: "ada", channel: "lobby" })
  const session = yield* Rig.join("lobby")
  const tone = AudioSource.tone({ frequency: 220, duration: "1 second" })
  const hum = yield* session.play(isOpus ? yield* AudioSource.preloaded(tone) : tone, { loop: "forever" })
  const thinking = Stream.drain(Stream.fromEffect(Effect.sleep(500 + phaseMs)))
  let firstMs = 0
  const pieces = Stream.range(1, 20).pipe(
    Stream.map(() => new Int16Array(1_200).fill(3_000)),
    Stream.onFirst(Effect.fnUntraced(function*() {
      firstMs = yield* nowMs
      if (stops) yield* session.cut([hum])
    }))
  )
  const speech = AudioSource.fromPcm(Stream.concat(thinking, pieces), { channels: 1, rate: 24_000 })
  const track = yield* session.play(speech)
  while ((yield* track.position) === 0) yield* Effect.sleep(1)
  return (yield* nowMs) - firstMs
})

describe("speech after a thinking sound", () => {
  for (
    const [name, isOpus, stops, frames] of [
      ["is mixed and continues", false, false, 7],
      ["is passed through and continues", true, false, 9],
      ["is mixed and stops with the first piece of speech", false, true, 1],
      ["is passed through and stops with the first piece of speech", true, true, 1]
    ] as const
  ) {
    it.effect(`begins within ${frames} frames if the sound ${name}`, () =>
      Effect.gen(function*() {
        const waits = yield* Effect.forEach(
          [0, 7, 13, 19],
          (phaseMs) => Rig.run(thought(isOpus, stops, phaseMs)).pipe(Effect.provide([Rig.memory(), OpusEncoder.layer]))
        )
        assert.strictEqual(Math.ceil(Math.max(...waits) / 20), frames, `${waits.join(", ")} ms`)
      }))
  }
})
