import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Fiber, Schedule } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as ByteSource from "../../../src/audio/ByteSource.ts"
import * as HttpTrouble from "../../../src/audio/http/HttpTrouble.ts"
import * as Reconnect from "../../../src/audio/http/Reconnect.ts"
import * as Time from "../../../src/testing/Time.ts"
import type { VoiceError } from "../../../src/VoiceError.ts"
import { frameOf, indexOf } from "../numbers.ts"

type Kind = Parameters<typeof ByteSource.failure>[1]

/**
 * A connection: the numbers of its frames and how it ends, or the failure to connect, or how long the server wants to
 * be left alone.
 */
type Connection = Kind | { readonly pauseMs: number } | {
  readonly frames: ReadonlyArray<number>
  readonly end: "Done" | Kind
  readonly pcm?: true
}

const failure = (kind: Kind) => ByteSource.failure("radio", kind, "so it is")

/**
 * A station with these connections, one after another. `openedAt` records when each one was requested, in milliseconds.
 */
const station = (connections: ReadonlyArray<Connection>, live = true) => {
  const openedAt: Array<number> = []
  const mostOpen = { now: 0, ever: 0 }
  const open = Effect.gen(function*() {
    const connection = connections[openedAt.length] ?? "Unreadable"
    openedAt.push(yield* Clock.currentTimeMillis)
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        mostOpen.now++
        mostOpen.ever = Math.max(mostOpen.ever, mostOpen.now)
      }),
      () => Effect.sync(() => void mostOpen.now--)
    )
    if (typeof connection === "string") return yield* failure(connection)
    if ("pauseMs" in connection) {
      const error = failure("Failed")
      HttpTrouble.setPause(error, connection.pauseMs)
      return yield* error
    }
    const left = [...connection.frames]
    const { end } = connection
    const next = Effect.suspend((): Effect.Effect<number, VoiceError | Cause.Done> => {
      const number = left.shift()
      if (number !== undefined) return Effect.succeed(number)
      return end === "Done" ? Cause.done() : Effect.fail(failure(end))
    })
    const base = { durationMs: undefined, tags: { of: `${openedAt.length}` }, live }
    const opened: AudioSource.OpenSource = connection.pcm === true
      ? { ...base, format: "pcm", pull: Effect.map(next, (number) => Float32Array.of(number, number)) }
      : {
        ...base,
        format: "opus",
        channels: 2,
        pull: Effect.map(next, (number): ReadonlyArray<AudioSource.OpusFrame> => [frameOf(number)])
      }
    return opened
  })
  return { open: { first: open, again: open }, openedAt, mostOpen }
}

/** Pulls to the end, however long that takes, and returns what was heard and how it ended. */
const listen = (opened: AudioSource.OpenSource) =>
  Effect.gen(function*() {
    const heard: Array<number> = []
    const one = Effect.gen(function*() {
      if (opened.format === "opus") heard.push(...(yield* opened.pull).map(indexOf))
      else heard.push((yield* opened.pull)[0] ?? NaN)
    })
    const fiber = yield* Effect.forkChild(Effect.flip(Effect.forever(one)), { startImmediately: true })
    yield* Time.advance("1 hour")
    const end = yield* Fiber.join(fiber)
    return { heard, end: Cause.isDone(end) ? "Done" : end }
  })

const kindOf = (end: unknown): unknown => {
  assert(typeof end === "object" && end !== null && "reason" in end)
  const { reason } = end
  assert(typeof reason === "object" && reason !== null && "kind" in reason)
  return reason.kind
}

/** After 100 ms, and then twice as long each time, three times in all. */
const schedule = Schedule.exponential("100 millis", 2).pipe(Schedule.upTo({ times: 3 }))

describe("a station that reconnects", () => {
  it.effect("waits for the delays of the schedule, which starts over once sound has come", () =>
    Effect.gen(function*() {
      const { mostOpen, open, openedAt } = station([
        { frames: [1, 2], end: "Done" },
        "NotFound",
        "Failed",
        { frames: [3], end: "Truncated" },
        "Corrupt",
        { frames: [4, 5], end: "Unreadable" }
      ])
      const { end, heard } = yield* Effect.flatMap(Reconnect.open("radio", open, schedule), listen)
      assert.deepStrictEqual(heard, [1, 2, 3, 4, 5])
      assert.deepStrictEqual(openedAt, [0, 100, 300, 700, 800, 1_000])
      // access that was denied is not tried again
      assert.strictEqual(kindOf(end), "Unreadable")
      assert.deepStrictEqual(mostOpen, { now: 0, ever: 1 })
    }).pipe(Effect.scoped))

  it.effect("does not start the schedule over after a connection without sound", () =>
    Effect.gen(function*() {
      const silent = { frames: [], end: "Done" } as const
      const { open, openedAt } = station([{ frames: [1], end: "Done" }, silent, silent, silent, silent])
      const { end, heard } = yield* Effect.flatMap(Reconnect.open("radio", open, schedule), listen)
      assert.deepStrictEqual(heard, [1])
      assert.deepStrictEqual(openedAt, [0, 100, 300, 700])
      assert.strictEqual(kindOf(end), "Failed")
      assert.match(String(end), /the connection to the station ended/)
    }).pipe(Effect.scoped))

  it.effect("waits as long as the server asks, up to the limit of 30 seconds", () =>
    Effect.gen(function*() {
      const { open, openedAt } = station([
        { frames: [1], end: "Done" },
        { pauseMs: 5_000 },
        { pauseMs: 30 },
        { frames: [2], end: "Done" },
        { pauseMs: 30_001 },
        { frames: [3], end: "Done" }
      ])
      const { end, heard } = yield* Effect.flatMap(Reconnect.open("radio", open, schedule), listen)
      assert.deepStrictEqual(heard, [1, 2])
      assert.deepStrictEqual(openedAt, [0, 100, 5_100, 5_500, 5_600])
      assert.strictEqual(kindOf(end), "Failed")
    }).pipe(Effect.scoped))

  it.effect("fails with the last reason when the schedule is over", () =>
    Effect.gen(function*() {
      const { mostOpen, open, openedAt } = station([
        { frames: [1], end: "Truncated" },
        "Failed",
        "Failed",
        "NotFound",
        { frames: [2], end: "Done" }
      ])
      const { end, heard } = yield* Effect.flatMap(Reconnect.open("radio", open, schedule), listen)
      assert.deepStrictEqual(heard, [1])
      assert.deepStrictEqual(openedAt, [0, 100, 300, 700])
      assert.strictEqual(kindOf(end), "NotFound")
      assert.strictEqual(mostOpen.now, 0)
    }).pipe(Effect.scoped))

  it.effect("reconnects after its previous sound has been pulled, which a live source does as it arrives", () =>
    Effect.gen(function*() {
      const connections = [{ frames: [1, 2, 3], end: "Done" }, { frames: [4, 5], end: "Unreadable" }] as const
      for (
        const [isLive, expected] of [[false, [0]], [true, [0, 100]]] satisfies ReadonlyArray<[boolean, Array<number>]>
      ) {
        const { open, openedAt } = station(connections)
        const startMs = yield* Clock.currentTimeMillis
        const radio: AudioSource.AudioSource = { name: "radio", open: Reconnect.open("radio", open, schedule) }
        const opened = yield* (isLive ? AudioSource.live(radio) : radio).open
        yield* Time.advance("1 second")
        assert.deepStrictEqual(openedAt.map((ms) => ms - startMs), expected)
        assert.deepStrictEqual((yield* listen(opened)).heard, [1, 2, 3, 4, 5])
      }
    }).pipe(Effect.scoped))

  it.effect("does not change its format, and tries again instead", () =>
    Effect.gen(function*() {
      const opus = { frames: [1], end: "Done" } as const
      const pcm = { ...opus, pcm: true } as const
      for (const [one, other] of [[opus, pcm], [pcm, opus]] as const) {
        const back = station([one, other, { ...one, frames: [2], end: "Unreadable" }])
        const { heard } = yield* Effect.flatMap(Reconnect.open("radio", back.open, schedule), listen)
        assert.deepStrictEqual(heard, [1, 2])
        const gone = station([one, other, other, other])
        const { end } = yield* Effect.flatMap(Reconnect.open("radio", gone.open, schedule), listen)
        assert.strictEqual(kindOf(end), "Unsupported")
      }
      const again = station([pcm, { ...pcm, frames: [2], end: "Unreadable" }])
      const { heard } = yield* Effect.flatMap(Reconnect.open("radio", again.open, schedule), listen)
      assert.deepStrictEqual(heard, [1, 2])
    }).pipe(Effect.scoped))

  it.effect("is passed through unchanged if it is not live, and fails if it cannot be opened at all", () =>
    Effect.gen(function*() {
      const { open, openedAt } = station([{ frames: [1], end: "Done" }], false)
      const { end, heard } = yield* Effect.flatMap(Reconnect.open("file", open, schedule), listen)
      assert.deepStrictEqual([heard, end, openedAt], [[1], "Done", [0]])
      const none = station(["NotFound"])
      assert.strictEqual(kindOf(yield* Effect.flip(Reconnect.open("radio", none.open, schedule))), "NotFound")
      assert.deepStrictEqual([none.openedAt.length, none.mostOpen.now], [1, 0])
    }).pipe(Effect.scoped))
})
