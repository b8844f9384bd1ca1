import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as Hub from "../../src/receive/Hub.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Intake from "./intake.ts"
import * as Schedule from "./schedule.ts"

const ada = UserId.make("100000000000000001")
const over = VoiceError.make(new VoiceError.NotConnected({ operation: "Listening" }))

/** A hub at a clock that is moved by hand. */
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
  /** So many others come, say a word and leave. */
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
  it.effect("keeps what it knows of somebody who has come back, however many leave", () =>
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

  it.effect("keeps what it knows of somebody who has left while somebody listens to them alone", () =>
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

  it.effect("keeps packets without a name for a second, and for five while the WebSocket is lost", () =>
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
      // who has no name by then has it no sooner than usual
      packet(0, 3)
      advance(2_100)
      assert.strictEqual(hub.totals().unknownSenders, 2)

      tell({ _tag: "Resuming", error: lost })
      packet(1, 3)
      advance(6_000)
      assert.strictEqual(hub.totals().unknownSenders, 3)
    }))

  it.effect("gives up packets of those who send most where too many wait for a name", () =>
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
        // one that nobody ever names
        for (let i = 0; i < 8; i++) packet(8 * n + i, 2)
        advance(20)
      }
      assert.strictEqual(hub.totals().unknownSenders, 800)
      tell({ _tag: "Speaking", userId: ada, ssrc: Ssrc.make(1), flags: 1 })
      tell({ _tag: "Resumed", elapsedMs: 4_000 })
      advance(100)
      assert.deepStrictEqual(heard, Array.from({ length: 200 }, (_, n) => n))
    }))

  it.effect("knows that there is another connection, with another clock, that came while nobody listened", () =>
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
      // nothing is lost any more that would have to be waited for
      packet(4, -5_000)
      advance(1_500)
      name(4)
      assert.strictEqual(hub.totals().unknownSenders, 2)
    }))

  it.effect("takes what waited for a key before anything else came for no jitter", () =>
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

  it.effect("leaves everybody behind when the session is moved to another channel", () =>
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

  it.effect("leaves those behind who are not there any more when another connection comes, and tells of them", () =>
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

  it.effect("takes nobody for present while nobody listens", () =>
    Effect.gen(function*() {
      const { hub, listen, say } = yield* rig()
      const { leave } = yield* listen()
      say(ada)
      assert.deepStrictEqual([...hub.participants()], [ada])
      yield* leave
      assert.deepStrictEqual([...hub.participants()], [])
    }))

  it.effect("goes on for who listens to one user when whoever listened to all leaves", () =>
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

  it.effect("has packets opened of those who are listened to, whoever comes and goes", () =>
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

  it.effect("takes what was not sent while we were deaf for no loss", () =>
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

  it.effect("accounts for packets that nobody has named, and for those that nobody waits for any more", () =>
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
      // also where nothing else happens
      advance(2_100)
      assert.strictEqual(hub.totals().unknownSenders, 1)
      say(ada)
      yield* leave
      assert.deepInclude(hub.totals(), { received: 1, delivered: 0, overflowed: 1, waiting: 0 })
    }))

  it.effect("rings once for what is due at about the same time", () =>
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

  it.effect("tells who begins to listen that it is over, while another is still there", () =>
    Effect.gen(function*() {
      const { end, listen } = yield* rig()
      const told: Array<VoiceError.VoiceError> = []
      yield* listen()
      end(over)
      yield* listen({ onOver: (error) => told.push(error) })
      assert.deepStrictEqual(told, [over])
    }))

  it.effect("rings for what is due and not for what was, and calls nobody who does not listen any more", () =>
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

  it.effect("takes its alarm back at the end", () =>
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
