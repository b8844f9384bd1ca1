import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as Hub from "../../src/receive/Hub.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Intake from "./intake.ts"
import * as Schedule from "./schedule.ts"

const ada = UserId.make("100000000000000001")
const over = VoiceError.make(new VoiceError.NotConnected({ operation: "Listening" }))

/** A hub whose clock is moved by hand. */
const rig = Effect.fnUntraced(function*() {
  const hand = Intake.make()
  const clock = { nowMs: 1_000, rings: 0, clears: 0 }
  const asked = { rereads: 0 }
  let armed: { readonly atMs: number; readonly ring: () => void } | undefined
  const reread = Effect.sync(() => void asked.rereads++)
  const hub = yield* Hub.make({ ...hand.intake, reread }, {}, {
    now: () => clock.nowMs,
    set: (atMs, ring) => {
      armed = { atMs, ring }
    },
    clear: () => {
      armed = undefined
      clock.clears++
    }
  })
  const advance = (ms: number): void => {
    const toMs = clock.nowMs + ms
    while (armed !== undefined && armed.atMs <= toMs) {
      const { atMs, ring } = armed
      armed = undefined
      clock.nowMs = Math.max(clock.nowMs, atMs)
      clock.rings++
      ring()
    }
    clock.nowMs = toMs
  }
  const listen = Effect.fnUntraced(function*(listener: Partial<Hub.Listener> = {}) {
    const scope = yield* Scope.make()
    yield* Scope.provide(hub.listen(() => ({ onOver: () => {}, ...listener })), scope)
    return { leave: Scope.close(scope, Exit.void) }
  })
  const say = (userId: UserId, n = 0, ssrc = 1) =>
    hand.push({
      ssrc: Ssrc.make(ssrc),
      userId,
      sequence: n,
      timestamp: n * 960,
      payload: Schedule.opus(960, n),
      arrivalMs: clock.nowMs
    })
  /** As many other users as `count` come, say a word and leave. */
  const pass = (count: number): void => {
    for (let n = 0; n < count; n++) {
      const userId = UserId.make(String(200_000_000_000_000_000n + BigInt(n)))
      say(userId, 0, n + 10)
      hand.tell({ _tag: "UserDisconnected", userId })
    }
  }
  return { ...hand, advance, asked, clock, hub, isArmed: () => armed !== undefined, listen, pass, say }
})

describe("Hub", () => {
  it.effect("keeps the statistics of a user who has come back, however many others leave", () =>
    Effect.gen(function*() {
      const { hub, listen, pass, say, tell } = yield* rig()
      yield* listen()
      say(ada, 0)
      tell({ _tag: "UserDisconnected", userId: ada })
      say(ada, 1)
      pass(150)
      assert.strictEqual(hub.statistics(ada)?.received, 2)
      assert.isTrue(hub.participants().has(ada))
    }))

  it.effect("keeps the statistics of a user who has left while someone listens to that user alone", () =>
    Effect.gen(function*() {
      const { hub, listen, pass, say, tell } = yield* rig()
      yield* listen()
      const { leave } = yield* listen({ userId: ada })
      say(ada)
      tell({ _tag: "UserDisconnected", userId: ada })
      pass(150)
      assert.strictEqual(hub.statistics(ada)?.received, 1)
      yield* leave
      pass(1)
      assert.isUndefined(hub.statistics(ada))
    }))

  it.effect("keeps packets of an unnamed sender for one second, and for five while the WebSocket is lost", () =>
    Effect.gen(function*() {
      const { advance, clock, hub, listen, push, tell } = yield* rig()
      const heard: Array<number> = []
      yield* listen({ onFrame: ({ sequence }) => heard.push(sequence) })
      const packet = (n: number, ssrc = 1) =>
        push({
          ssrc: Ssrc.make(ssrc),
          sequence: n,
          timestamp: n * 960,
          payload: Schedule.opus(960, n),
          arrivalMs: clock.nowMs
        })
      const name = (ssrc = 1) => tell({ _tag: "Speaking", userId: ada, ssrc: Ssrc.make(ssrc), flags: 1 })
      packet(0)
      advance(1_100)
      name()
      assert.deepStrictEqual([heard, hub.totals().unknownSenders], [[], 1])

      const lost = VoiceError.make(new VoiceError.ConnectionLost({ code: 1006, detail: "" }))
      tell({ _tag: "Resuming", error: lost })
      for (let n = 0; n < 150; n++) {
        packet(n, 2)
        advance(20)
      }
      name(2)
      tell({ _tag: "Resumed", elapsedMs: 3_000 })
      advance(100)
      assert.deepStrictEqual(heard, Array.from({ length: 150 }, (_, n) => n))
      // a sender that is still unnamed then gets no more time than usual
      packet(0, 3)
      advance(2_100)
      assert.strictEqual(hub.totals().unknownSenders, 2)

      tell({ _tag: "Resuming", error: lost })
      packet(1, 3)
      advance(6_000)
      assert.strictEqual(hub.totals().unknownSenders, 3)
    }))

  it.effect("drops packets of the busiest unnamed sender when too many packets wait for a name", () =>
    Effect.gen(function*() {
      const { advance, clock, hub, listen, push, tell } = yield* rig()
      const heard: Array<number> = []
      yield* listen({ onFrame: ({ sequence }) => heard.push(sequence) })
      const packet = (n: number, ssrc: number) =>
        push({
          ssrc: Ssrc.make(ssrc),
          sequence: n,
          timestamp: n * 960,
          payload: Schedule.opus(960, n),
          arrivalMs: clock.nowMs
        })
      tell({
        _tag: "Resuming",
        error: VoiceError.make(new VoiceError.ConnectionLost({ code: 1006, detail: "" }))
      })
      for (let n = 0; n < 200; n++) {
        packet(n, 1)
        // a second sender that is never named
        for (let i = 0; i < 8; i++) packet(8 * n + i, 2)
        advance(20)
      }
      assert.strictEqual(hub.totals().unknownSenders, 800)
      tell({ _tag: "Speaking", userId: ada, ssrc: Ssrc.make(1), flags: 1 })
      tell({ _tag: "Resumed", elapsedMs: 4_000 })
      advance(100)
      assert.deepStrictEqual(heard, Array.from({ length: 200 }, (_, n) => n))
    }))

  it.effect("notices a new connection, with another clock, that came while nobody listened", () =>
    Effect.gen(function*() {
      const { advance, clock, connect, hub, listen, push, tell } = yield* rig()
      const packet = (ssrc: number, aheadMs: number, userId?: UserId) =>
        push({
          ssrc: Ssrc.make(ssrc),
          ...(userId === undefined ? {} : { userId }),
          sequence: 1,
          timestamp: 960,
          payload: Schedule.opus(960, 1),
          arrivalMs: clock.nowMs + aheadMs
        })
      const name = (ssrc: number) => tell({ _tag: "Speaking", userId: ada, ssrc: Ssrc.make(ssrc), flags: 1 })
      const first = yield* listen()
      packet(1, 0, ada)
      packet(2, 0)
      tell({
        _tag: "Resuming",
        error: VoiceError.make(new VoiceError.ConnectionLost({ code: 1006, detail: "" }))
      })
      yield* first.leave
      connect()
      const times: Array<number> = []
      yield* listen({ onFrame: ({ atMs }) => times.push(atMs) })
      name(2)
      packet(3, -5_000, ada)
      const startMs = clock.nowMs
      advance(1_000)
      assert.deepStrictEqual(times, [startMs])
      assert.strictEqual(hub.totals().unknownSenders, 1)
      // the outage is over, so packets wait no longer than usual
      packet(4, -5_000)
      advance(1_500)
      name(4)
      assert.strictEqual(hub.totals().unknownSenders, 2)
    }))

  it.effect("does not count time spent waiting for a decryption key as jitter", () =>
    Effect.gen(function*() {
      const { advance, clock, hub, listen, push } = yield* rig()
      const times: Array<number> = []
      yield* listen({ onFrame: ({ atMs }) => times.push(atMs) })
      const packet = (n: number, waitedMs: number) =>
        push({
          ssrc: Ssrc.make(1),
          userId: ada,
          sequence: n,
          timestamp: n * 960,
          payload: Schedule.opus(960, n),
          arrivalMs: clock.nowMs - waitedMs - 5_000,
          ...(waitedMs === 0 ? {} : { waitedMs })
        })
      for (let n = 0; n < 50; n++) packet(n, 1_000 - n * 20)
      for (let n = 50; n < 100; n++) {
        packet(n, 0)
        advance(20)
      }
      advance(100)
      assert.deepStrictEqual(times, Array.from({ length: 100 }, (_, n) => n * 20))
      assert.deepInclude(hub.statistics(ada), { jitterMs: 0, depthMs: 60 })
    }))

  it.effect("counts nobody as present after a move to another channel, but keeps statistics for a while", () =>
    Effect.gen(function*() {
      const { hub, listen, pass, say, tell } = yield* rig()
      yield* listen()
      say(ada)
      tell({ _tag: "Moved" })
      assert.deepStrictEqual([...hub.participants()], [])
      assert.isDefined(hub.statistics(ada), "they may be heard again, in the same stream")
      pass(150)
      assert.isUndefined(hub.statistics(ada))
      assert.strictEqual(hub.totals().received, 151)
    }))

  it.effect("reports members who are gone when a new connection comes, and forgets the oldest of them", () =>
    Effect.gen(function*() {
      const { connect, hub, listen, members, say, tell } = yield* rig()
      const gone: Array<UserId> = []
      yield* listen({ onGone: (userId) => gone.push(userId) })
      const userOf = (n: number) => UserId.make(String(200_000_000_000_000_000n + BigInt(n)))
      members.add(ada)
      say(ada)
      for (let n = 0; n < 150; n++) say(userOf(n), 0, n + 10)
      connect()
      assert.deepStrictEqual(gone, Array.from({ length: 150 }, (_, n) => userOf(n)))
      assert.isDefined(hub.statistics(ada))
      assert.isUndefined(hub.statistics(userOf(49)))
      assert.isDefined(hub.statistics(userOf(50)), "they may come back")
      assert.strictEqual(hub.totals().received, 151)
      connect()
      assert.lengthOf(gone, 150, "once")
      tell({ _tag: "Moved" })
      assert.strictEqual(gone.at(-1), ada)
    }))

  it.effect("counts nobody as present while nobody listens", () =>
    Effect.gen(function*() {
      const { hub, listen, say } = yield* rig()
      const { leave } = yield* listen()
      say(ada)
      assert.deepStrictEqual([...hub.participants()], [ada])
      yield* leave
      assert.deepStrictEqual([...hub.participants()], [])
    }))

  it.effect("keeps serving a listener to one user when a listener to everyone leaves", () =>
    Effect.gen(function*() {
      const { advance, hub, listen, say } = yield* rig()
      const bob = UserId.make("100000000000000002")
      const heard: Array<number> = []
      yield* listen({ userId: ada, onFrame: ({ sequence }) => heard.push(sequence) })
      const { leave } = yield* listen()
      say(ada, 0)
      say(bob, 0, 2)
      yield* leave
      assert.isUndefined(hub.statistics(bob))
      advance(20)
      say(ada, 1)
      advance(100)
      assert.deepStrictEqual(heard, [0, 1])
      assert.strictEqual(hub.statistics(ada)?.received, 2)
    }))

  it.effect("has packets opened only for the users listened to, as listeners come and go", () =>
    Effect.gen(function*() {
      const { asked, listen, readers } = yield* rig()
      const bob = UserId.make("100000000000000002")
      const only = () => Array.from(readers, (reader) => reader.only())
      yield* listen({ userId: ada })
      assert.deepStrictEqual(only(), [new Set([ada])])
      const other = yield* listen({ userId: bob })
      assert.deepStrictEqual([only(), asked.rereads], [[new Set([ada, bob])], 1])
      yield* other.leave
      assert.deepStrictEqual([only(), asked.rereads], [[new Set([ada])], 2])
    }))

  it.effect("does not count packets as lost that were not sent while the bot was deafened", () =>
    Effect.gen(function*() {
      const { advance, deafen, hub, listen, say } = yield* rig()
      yield* listen()
      say(ada, 0)
      deafen(true)
      advance(1_000)
      deafen(false)
      say(ada, 50)
      advance(100)
      assert.deepInclude(hub.statistics(ada), { delivered: 2, lost: 0 })
    }))

  it.effect("counts packets of unnamed senders, and those still waiting when the last listener leaves", () =>
    Effect.gen(function*() {
      const { advance, clock, hub, listen, push, say } = yield* rig()
      const { leave } = yield* listen()
      push({
        ssrc: Ssrc.make(5),
        sequence: 1,
        timestamp: 960,
        payload: Schedule.opus(960, 1),
        arrivalMs: clock.nowMs
      })
      // even if nothing else happens
      advance(2_100)
      assert.strictEqual(hub.totals().unknownSenders, 1)
      say(ada)
      yield* leave
      assert.deepInclude(hub.totals(), { received: 1, delivered: 0, overflowed: 1, waiting: 0 })
    }))

  it.effect("rings once for everything that is due at about the same time", () =>
    Effect.gen(function*() {
      const { advance, clock, listen, say } = yield* rig()
      let heard = 0
      yield* listen({ onFrame: () => heard++ })
      for (let n = 0; n < 30; n++) {
        say(UserId.make(String(200_000_000_000_000_000n + BigInt(n))), 0, n + 10)
        advance(1)
      }
      advance(1_000)
      assert.strictEqual(heard, 30)
      assert.isAtMost(clock.rings, 8)
    }))

  it.effect("tells a new listener that the session is over, while another listener is still there", () =>
    Effect.gen(function*() {
      const { end, listen } = yield* rig()
      const told: Array<VoiceError.VoiceError> = []
      yield* listen()
      end(over)
      yield* listen({ onOver: (error) => told.push(error) })
      assert.deepStrictEqual(told, [over])
    }))

  it.effect("rings only for what is still due, and never calls a listener that has left", () =>
    Effect.gen(function*() {
      const { advance, clock, isArmed, listen, say } = yield* rig()
      yield* listen()
      say(ada)
      advance(1_000)
      assert.isAtMost(clock.rings, 2)
      assert.isFalse(isArmed())
      let calls = 0
      const { leave } = yield* listen({
        nextMs: () => clock.nowMs + 20,
        advance: () => {
          calls++
        }
      })
      advance(1_000)
      assert.strictEqual(calls, 50)
      yield* leave
      advance(1_000)
      assert.strictEqual(calls, 50)
      assert.isFalse(isArmed())
    }))

  it.effect("cancels its alarm when its scope closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { clock, isArmed, listen, say } = yield* Scope.provide(rig(), scope)
      yield* listen()
      say(ada)
      assert.isTrue(isArmed())
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(isArmed())
      assert.strictEqual(clock.clears, 1)
    }))
})
