import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as AudioClock from "../src/AudioClock.ts"

/** An alarm that the test moves by hand, and that can be late. */
const manualAlarm = (startMs = 0) => {
  let now = startMs
  let at = Infinity
  let ring: () => void = () => {}
  return {
    alarm: {
      now: () => now,
      set: (atMs: number, f: () => void) => {
        at = atMs
        ring = f
      },
      clear: () => {
        at = Infinity
      }
    } satisfies AudioClock.Alarm,
    /** Advances time; alarms ring when they are due. */
    run: (untilMs: number) => {
      while (at <= untilMs) {
        now = Math.max(now, at)
        at = Infinity
        ring()
      }
      now = untilMs
    },
    /** Blocks the process: time passes, but nothing rings until the end. */
    stall: (untilMs: number) => {
      now = untilMs
      if (at > now) return
      at = Infinity
      ring()
    },
    pending: () => at,
    now: () => now
  }
}

/** A sender of frames of `frameMs` that records when it was called and when it was due. */
const recorder = (clock: AudioClock.AudioClock["Service"], frameMs: number) => {
  const calls: Array<{ readonly now: number; readonly due: number }> = []
  let due = 0
  const registration = clock.register({
    onDue: (now) => {
      calls.push({ now, due })
      due += frameMs
      return due
    }
  })
  return {
    calls,
    registration,
    start: (at: number) => {
      due = registration.align(at)
      registration.schedule(due)
    }
  }
}

describe("AudioClock", () => {
  it("calls a sender on its own grid, to the millisecond", () => {
    const { alarm, run } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const sender = recorder(clock, 20)
    sender.start(0)
    run(1_020)
    assert.strictEqual(sender.calls.length, 51)
    assert.deepStrictEqual([...new Set(sender.calls.map(({ due, now }) => now - due))], [0])
  })

  it("puts few senders into few slots, far apart, and spreads many over all slots of a frame", () => {
    const slots = (count: number, leaving = 0) => {
      const { alarm, run } = manualAlarm()
      const clock = AudioClock.make(alarm)
      const senders = Array.from({ length: count }, () => recorder(clock, 20))
      for (const sender of senders) sender.start(0)
      for (const { registration } of senders.splice(0, leaving)) registration.remove()
      senders.push(...Array.from({ length: leaving }, () => recorder(clock, 20)))
      for (const sender of senders.slice(count - leaving)) sender.start(0)
      run(20)
      const perSlot = new Map<number, number>()
      for (const { calls } of senders) {
        for (const { now } of calls) perSlot.set(now, (perSlot.get(now) ?? 0) + 1)
      }
      return Array.from(perSlot.entries()).toSorted(([a], [b]) => a - b)
    }
    assert.deepStrictEqual(slots(1), [[20, 1]])
    assert.deepStrictEqual(slots(100), [[5, 32], [10, 32], [15, 4], [20, 32]])
    assert.deepStrictEqual(slots(100, 40), [[5, 32], [10, 32], [15, 4], [20, 32]], "the places of those who have left")
    assert.deepStrictEqual(slots(640).map(([, senders]) => senders), Array.from({ length: 20 }, () => 32))
    assert.deepStrictEqual(slots(1_000).map(([, senders]) => senders), Array.from({ length: 20 }, () => 50))
  })

  it.each([2.5, 5, 10, 20, 40, 60, 120])("serves frames of %d ms at their media time", (frameMs) => {
    const { alarm, run } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const sender = recorder(clock, frameMs)
    sender.start(0)
    run(1_220)
    assert.strictEqual(sender.calls.length, 1_200 / frameMs + 1)
    for (const { due, now } of sender.calls) assert.isTrue(now - due >= 0 && now - due < 1)
  })

  it("calls a sender once after a stall, and tells it how late it is", () => {
    const { alarm, run, stall } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const late: Array<number> = []
    let due = 0
    const registration = clock.register({
      onDue: (now) => {
        late.push(now - due)
        due = now - due >= 20 ? registration.align(now) : due + 20
        return due
      }
    })
    due = registration.align(0)
    registration.schedule(due)
    run(100)
    const before = late.length
    stall(3_000)
    run(3_020)
    assert.strictEqual(late.length - before, 2)
    assert.isAbove(late[before] ?? 0, 2_800)
    assert.strictEqual(late[before + 1], 0)
  })

  it("keeps due times that lie far ahead", () => {
    const { alarm, run } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const sender = recorder(clock, 100_000)
    sender.start(5_000)
    run(4_999)
    assert.strictEqual(sender.calls.length, 0)
    run(5_001)
    assert.strictEqual(sender.calls.length, 1)
  })

  it("lets senders leave, also during a beat, and then sleeps", () => {
    const { alarm, pending, run } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const other = recorder(clock, 20)
    const registration = clock.register({
      onDue: (now) => {
        other.registration.remove()
        registration.remove()
        return now + 20
      }
    })
    other.start(0)
    registration.schedule(0)
    run(500)
    assert.isAtMost(other.calls.length, 1)
    assert.strictEqual(pending(), Infinity)
    registration.remove()
  })

  it("parks a sender that returns Infinity until it is scheduled again", () => {
    const { alarm, pending, run } = manualAlarm()
    const clock = AudioClock.make(alarm)
    let calls = 0
    const registration = clock.register({
      onDue: () => {
        calls++
        return Infinity
      }
    })
    registration.schedule(10)
    run(10_000)
    assert.strictEqual(calls, 1)
    assert.strictEqual(pending(), Infinity)
    registration.schedule(10_005)
    run(10_010)
    assert.strictEqual(calls, 2)
  })

  it("calls senders on time that asked far ahead, whatever stalls in between", () => {
    for (const stallMs of [0, 1, 255, 256, 257, 5_000, 66_000, 400_000]) {
      for (const startMs of [0, 1, 255, 256, 1_000_000]) {
        const { alarm, now, pending, run, stall } = manualAlarm(startMs)
        const clock = AudioClock.make(alarm)
        const calls = new Map<number, number>()
        const times = [1, 19, 254, 255, 256, 257, 300, 511, 512, 513, 5_000, 65_279, 65_280, 65_536, 65_537, 200_000]
        for (const ms of times) {
          const due = startMs + ms
          const registration = clock.register({
            onDue: (at) => {
              assert.isFalse(calls.has(ms))
              calls.set(ms, at - due)
              return Infinity
            }
          })
          registration.schedule(due)
        }
        run(startMs + 20)
        stall(startMs + 20 + stallMs)
        const until = now()
        run(startMs + 500_000)
        assert.deepStrictEqual(Array.from(calls.keys()).toSorted((a, b) => a - b), times)
        for (const [ms, late] of calls) assert.strictEqual(late, Math.max(0, until - startMs - ms) * (ms > 20 ? 1 : 0))
        assert.strictEqual(pending(), Infinity)
      }
    }
  })

  it("calls a rescheduled sender at the new time only", () => {
    const { alarm, run } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const calls: Array<number> = []
    const registration = clock.register({
      onDue: (now) => {
        calls.push(now)
        return Infinity
      }
    })
    registration.schedule(10)
    registration.schedule(40)
    run(100)
    assert.deepStrictEqual(calls, [40])
  })

  it("ignores a sender that has left, and gives its slot away only once", () => {
    const { alarm, pending, run } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const sender = recorder(clock, 20)
    sender.start(0)
    assert.strictEqual(pending(), 20)
    sender.registration.remove()
    assert.strictEqual(pending(), Infinity)
    sender.registration.remove()
    sender.registration.schedule(40)
    assert.strictEqual(pending(), Infinity)
    run(100)
    assert.deepStrictEqual(sender.calls, [])
    assert.strictEqual(clock.register({ onDue: () => Infinity }).align(100), 120)
  })

  it("keeps a sender's slot, however often it is aligned", () => {
    const { alarm } = manualAlarm()
    const registration = AudioClock.make(alarm).register({ onDue: () => Infinity })
    assert.deepStrictEqual(new Set(Array.from({ length: 100 }, () => registration.align(1_000))), new Set([1_000]))
  })

  it("calls a sender at once if its time is in the past", () => {
    const { alarm, run } = manualAlarm()
    const sender = recorder(AudioClock.make(alarm), 20)
    sender.registration.schedule(-1)
    run(1)
    assert.strictEqual(sender.calls.length, 1)
  })

  it("wakes nobody early, however long no sender was scheduled", () => {
    const { alarm, pending, run } = manualAlarm()
    const sender = recorder(AudioClock.make(alarm), 20)
    run(1_000_000)
    sender.registration.schedule(1_000_010)
    assert.strictEqual(pending(), 1_000_010)
  })

  it("asks for one wake-up per turn, and for none later than the one it has", () => {
    const { alarm, run } = manualAlarm()
    const asked: Array<number> = []
    const clock = AudioClock.make({ ...alarm, set: (atMs, ring) => alarm.set(atMs, (asked.push(atMs), ring)) })
    const others = Array.from({ length: 3 }, () => recorder(clock, 20))
    const sender = clock.register({
      onDue: (now) => {
        others.forEach(({ registration }, i) => registration.schedule(now + 30 - i))
        return now + 20
      }
    })
    sender.schedule(10)
    others[0]?.registration.schedule(15)
    run(10)
    assert.deepStrictEqual(asked, [10, 30])
  })

  it("calls a sender in the same turn if a late sender schedules it", () => {
    const { alarm, stall } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const other = recorder(clock, 20)
    clock.register({
      onDue: () => {
        other.registration.schedule(20)
        return Infinity
      }
    }).schedule(10)
    stall(50)
    assert.strictEqual(other.calls[0]?.now, 50)
  })

  it("sets the alarm again if it rings too early", () => {
    const { alarm, pending, run } = manualAlarm()
    const rings: Array<() => void> = []
    const clock = AudioClock.make({ ...alarm, set: (atMs, ring) => alarm.set(atMs, (rings.push(ring), ring)) })
    const sender = recorder(clock, 20)
    sender.start(0)
    run(19)
    const asked = rings.length
    rings.at(-1)?.()
    assert.strictEqual(rings.length, asked + 1)
    assert.strictEqual(pending(), 20)
    run(20)
    assert.deepStrictEqual(sender.calls, [{ now: 20, due: 20 }])
  })

  it("does not call a sender before its time within the current millisecond", () => {
    const { alarm, run, stall } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const calls: Array<number> = []
    for (const due of [9, 10]) {
      clock.register({
        onDue: (now) => {
          calls.push(now)
          return Infinity
        }
      }).schedule(due)
    }
    stall(9.5)
    run(12)
    assert.deepStrictEqual(calls, [9.5, 10])
  })

  it("reads the time again when many senders are called in one slot", () => {
    const { alarm, now, run, stall } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const calls: Array<number> = []
    for (let i = 0; i < 40; i++) {
      clock.register({
        onDue: (at) => {
          calls.push(at)
          stall(now() + 0.01)
          return Infinity
        }
      }).schedule(10)
    }
    run(10)
    const read = [10, 10.16, 10.32].flatMap((ms, i) => Array.from({ length: i < 2 ? 16 : 8 }, () => ms))
    assert.deepStrictEqual(calls.map((ms) => Math.round(ms * 100) / 100), read)
  })

  /** Senders that each post a packet, and a record of what has happened. */
  const posting = (throwing: string) => {
    const { alarm, stall } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const happened: Array<string> = []
    for (const [name, due] of [["a", 10], ["b", 10], ["c", 11]] as const) {
      clock.register({
        onDue: () => {
          happened.push(`made ${name}`)
          clock.post({ deliver: () => happened.push(`sent ${name}`) }, Uint8Array.of(1), 1)
          if (name === throwing) throw new Error("broken")
          return Infinity
        }
      }).schedule(due)
    }
    return { happened, stall }
  }

  it("sends what a slot made before it calls the next slot, even if both are late", () => {
    const { happened, stall } = posting("")
    stall(15)
    assert.deepStrictEqual(happened, ["made a", "made b", "sent a", "sent b", "made c", "sent c"])
  })

  it("sends what has been made when a sender throws", () => {
    const { happened, stall } = posting("b")
    assert.throws(() => stall(15), "broken")
    assert.deepStrictEqual(happened, ["made a", "made b", "sent a", "sent b"])
  })

  it("continues with the other senders of a slot when one throws", () => {
    const { alarm, run } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const calls: Array<string> = []
    const register = (name: string, throws = false) => {
      const registration = clock.register({
        onDue: (now) => {
          calls.push(name)
          if (throws) throw new Error("broken")
          return now + 20
        }
      })
      registration.schedule(10)
      return registration
    }
    register("first")
    register("broken", true)
    register("last")
    assert.throws(() => run(10), "broken")
    assert.deepStrictEqual(calls, ["first", "broken"])
    run(30)
    assert.deepStrictEqual(calls, ["first", "broken", "last", "first"])
    run(1_000)
    assert.strictEqual(calls.filter((name) => name === "broken").length, 1)
    for (const name of ["first", "last"]) assert.strictEqual(calls.filter((call) => call === name).length, 50)
  })

  it("uses the time that a sender returns, whatever it scheduled while it ran", () => {
    const { alarm, pending, run } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const calls: Array<number> = []
    const answers = [130, 160, Infinity]
    const registration = clock.register({
      onDue: (now) => {
        calls.push(now)
        registration.schedule(now + 5)
        registration.schedule(now + 200)
        return answers.shift() ?? Infinity
      }
    })
    registration.schedule(100)
    run(2_000)
    assert.deepStrictEqual(calls, [100, 130, 160])
    assert.strictEqual(pending(), Infinity)
  })

  it("lets all senders of a slot prefetch before it calls the first", () => {
    const { alarm, run } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const calls: Array<string> = []
    const sender = (name: string): AudioClock.Sender => ({
      prefetch: (step) => calls.push(`ahead ${name} ${step}`),
      onDue: () => {
        calls.push(name)
        return Infinity
      }
    })
    for (const name of ["a", "b"]) clock.register(sender(name)).schedule(10)
    clock.register(sender("c")).schedule(11)
    run(20)
    const ahead = (...names: ReadonlyArray<string>) =>
      Array.from({ length: AudioClock.prefetchSteps }, (_, step) => names.map((name) => `ahead ${name} ${step}`)).flat()
    assert.deepStrictEqual(calls, [...ahead("a", "b"), "a", "b", ...ahead("c"), "c"])
  })

  it("lets a sender remove and reschedule others in its own slot", () => {
    const { alarm, pending, run } = manualAlarm()
    const clock = AudioClock.make(alarm)
    const calls: Array<string> = []
    const leader = clock.register({
      onDue: (now) => {
        calls.push(`leader ${now}`)
        removed.registration.remove()
        postponed.registration.schedule(now + 30)
        parked.registration.schedule(Infinity)
        return Infinity
      }
    })
    const follower = (name: string) => ({
      registration: clock.register({
        onDue: (now) => {
          calls.push(`${name} ${now}`)
          return Infinity
        }
      })
    })
    const removed = follower("removed")
    const postponed = follower("postponed")
    const parked = follower("parked")
    const untouched = follower("untouched")
    leader.schedule(10)
    for (const { registration } of [removed, postponed, parked, untouched]) registration.schedule(10)
    run(1_000)
    assert.deepStrictEqual(calls, ["leader 10", "untouched 10", "postponed 40"])
    assert.strictEqual(pending(), Infinity)
  })

  it.effect("follows the TestClock", () =>
    Effect.gen(function*() {
      const clock = yield* AudioClock.AudioClock
      const sender = recorder(clock, 20)
      sender.start(clock.now())
      yield* TestClock.adjust("1020 millis")
      assert.strictEqual(sender.calls.length, 51)
      sender.registration.remove()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(sender.calls.length, 51)
    }).pipe(Effect.provide(AudioClock.layerEffectClock)))

  it.effect.each([
    { of: "a running process", layer: AudioClock.layer },
    { of: "Effect", layer: AudioClock.layerEffectClock }
  ])("is silent once its layer is closed: the clock of $of", ({ layer }) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { register } = Context.get(yield* Layer.buildWithScope(layer, scope), AudioClock.AudioClock)
      let calls = 0
      const onDue = () => {
        calls++
        return Infinity
      }
      register({ onDue }).schedule(0)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
      assert.strictEqual(calls, 0)
    }))

  it.live("keeps the rate of a real clock", () =>
    Effect.gen(function*() {
      const clock = yield* AudioClock.AudioClock
      const sender = recorder(clock, 20)
      const from = clock.now()
      sender.start(from)
      yield* Effect.sleep("300 millis")
      sender.registration.remove()
      // however slow the machine is: never more than one call per frame, never early
      assert.isAtMost(sender.calls.length, Math.floor((clock.now() - from) / 20) + 1)
      for (const { due, now } of sender.calls) assert.isAtLeast(now, due)
    }).pipe(Effect.provide(AudioClock.layer)))

  it.effect("lets an alarm that rings at once set another one, which can be cleared", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      // a clock on which sleeping for no time does not wait
      const eager: Clock.Clock = Object.assign(Object.create(clock), {
        sleep: (duration: Duration.Duration) => Duration.isZero(duration) ? Effect.void : clock.sleep(duration)
      })
      const alarm = AudioClock.alarm(eager, Effect.runForkWith(yield* Effect.context<never>()))
      const rings: Array<string> = []
      alarm.set(alarm.now(), () => {
        rings.push("at once")
        alarm.set(alarm.now() + 10, () => rings.push("later"))
      })
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(rings, ["at once", "later"])
      alarm.set(alarm.now(), () => alarm.set(alarm.now() + 10, () => rings.push("never")))
      alarm.clear()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(rings, ["at once", "later"])
    }))
})
