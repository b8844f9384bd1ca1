import { assert, describe, it } from "@effect/vitest"
import { today } from "../../../../src/emulator/core/Profile.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import * as Timers from "../../../../src/emulator/core/Timers.ts"
import * as Verdicts from "../../../../src/emulator/core/Verdicts.ts"
import * as Conduct from "../../../../src/emulator/core/voice/Conduct.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"

const make = (isConnected?: () => boolean, isTampered?: () => boolean) => {
  let standstillMs = 0
  let behindMs = 0
  const timers = Timers.make(50_000)
  const verdicts = Verdicts.make(timers.now)
  const conduct = Conduct.make(
    {
      profile: today,
      random: Random.make(1),
      timers,
      now: timers.now,
      standstillMs: () => standstillMs,
      clockMs: () => timers.now() + behindMs,
      emit: () => assert.fail("nothing to emit"),
      judge: verdicts.judge,
      count: verdicts.count,
      through: () => assert.fail("nothing to send")
    },
    UserId.make("1"),
    { isConnected, isTampered }
  )
  const state = { sequence: 65_530, timestamp: 0xffff_fc00 }
  const send = (silence = false, samples = 960) => {
    conduct.packet(state.sequence, state.timestamp, samples, silence)
    state.sequence = (state.sequence + 1) & 0xffff
    state.timestamp = (state.timestamp + samples) >>> 0
  }
  const wait = (ms: number) => timers.advance(timers.now() + ms)
  const talk = (frames: number, o: { closing?: number; everyMs?: number; samples?: number } = {}) => {
    const { closing = 5, everyMs = 20, samples = 960 } = o
    for (let i = 0; i < frames; i++) {
      send(false, samples)
      wait(everyMs)
    }
    for (let i = 0; i < closing; i++) {
      send(true)
      wait(20)
    }
  }
  return {
    conduct,
    state,
    send,
    wait,
    talk,
    /** Waits, and advances the timestamp by the same time. */
    pause: (ms: number) => {
      wait(ms)
      state.timestamp = (state.timestamp + ms * 48) >>> 0
    },
    /** The process stalls, the sender does not: its packets are processed at the end, before time goes on. */
    standStillAlone: (frames: number) => {
      behindMs = frames * 20
      for (let i = 0; i < frames; i++) send()
      behindMs = 0
      wait(frames * 20)
    },
    /** The process stalls, and the sender with it; the timestamp advances by the same time. */
    standStill: (ms: number) => {
      standstillMs += ms
      wait(ms)
      state.timestamp = (state.timestamp + ms * 48) >>> 0
    },
    advice: () => verdicts.list().map(({ code }) => code),
    messages: () => verdicts.list().map(({ message }) => message),
    counter: (name: string) => verdicts.counters().get(name) ?? 0
  }
}

describe("Conduct", () => {
  it("does not judge the end of a sender that has lost its WebSocket", () => {
    let connected = true
    const sender = make(() => connected)
    sender.talk(100, { closing: 0 })
    connected = false
    sender.wait(Conduct.quietMs + 1)
    assert.deepStrictEqual(sender.advice(), [])
    connected = true
    sender.talk(100, { closing: 0 })
    sender.wait(Conduct.quietMs + 1)
    assert.include(sender.advice(), "missing-closing-silence")
  })

  it("accepts a careful sender, across wraps and pauses", () => {
    const sender = make()
    for (let i = 0; i < 5; i++) {
      sender.talk(100)
      sender.pause(3_000 + i)
    }
    sender.talk(20, { samples: 2880, everyMs: 60 })
    sender.conduct.over()
    sender.wait(10_000)
    assert.deepStrictEqual(sender.advice(), [])
  })

  it("tolerates jitter, stalls followed by bursts, and a late first packet", () => {
    const random = Random.make(3)
    for (const firstLate of [0, 40, 150]) {
      const sender = make()
      let clock = 0
      for (let i = 0; i < 500; i++) {
        const due = i * 20
        const stall = i > 200 && i < 215 ? 300 - (i - 200) * 20 : 0
        const arrival = Math.max(clock, due + (i === 0 ? firstLate : random.int(25)) + stall)
        sender.wait(arrival - clock)
        clock = arrival
        sender.send()
      }
      for (let i = 0; i < 5; i++) sender.send(true)
      assert.deepStrictEqual(sender.advice(), [])
    }
  })

  it("tolerates losses and reordering", () => {
    const sender = make()
    const { conduct, state } = sender
    for (let i = 0; i < 200; i++) {
      if (i % 7 === 3) {
        state.sequence = (state.sequence + 1) & 0xffff
        state.timestamp = (state.timestamp + 960) >>> 0
      } else if (i % 11 === 5) {
        const late = { ...state }
        state.sequence = (state.sequence + 1) & 0xffff
        state.timestamp = (state.timestamp + 960) >>> 0
        sender.send()
        conduct.packet(late.sequence, late.timestamp, 960, false)
        sender.wait(20)
        i++
      } else sender.send()
      sender.wait(20)
    }
    sender.talk(0)
    sender.wait(1_000)
    assert.deepStrictEqual(sender.advice(), [])
  })

  it("reports timestamps that stand still during a pause, once per stretch of speech", () => {
    const sender = make()
    sender.talk(50)
    sender.wait(2_000)
    sender.talk(50)
    assert.deepStrictEqual(sender.advice(), ["timestamp-off-clock"])
    sender.pause(2_000)
    sender.talk(50)
    assert.deepStrictEqual(sender.advice(), ["timestamp-off-clock"])
    sender.wait(2_000)
    sender.talk(5)
    assert.deepStrictEqual(sender.advice(), ["timestamp-off-clock", "timestamp-off-clock"])
  })

  it("reports a sender that is too fast or too slow", () => {
    const fast = make()
    fast.talk(1_000, { everyMs: 19 })
    assert.include(fast.advice(), "timestamp-off-clock")
    const slow = make()
    slow.talk(1_000, { everyMs: 21 })
    assert.include(slow.advice(), "timestamp-off-clock")
  })

  it("reports a burst", () => {
    const sender = make()
    sender.talk(40, { everyMs: 0 })
    sender.pause(1_000)
    sender.talk(50)
    assert.include(sender.advice(), "timestamp-off-clock")
  })

  it("follows a clock that drifts by 0.02 % for hours", () => {
    const sender = make()
    for (let i = 0; i < 3 * 3600 * 50; i++) {
      sender.send()
      sender.wait(20.004)
    }
    sender.talk(0)
    assert.deepStrictEqual(sender.advice(), [])
  })

  it("requires five silence frames before a pause of more than 200 ms", () => {
    for (const [pause, expected] of [[190, 0], [220, 1]] as const) {
      const sender = make()
      sender.talk(10, { closing: 0 })
      sender.pause(pause)
      sender.talk(10)
      assert.strictEqual(sender.advice().length, expected)
      sender.pause(pause)
      sender.talk(10)
      assert.strictEqual(sender.advice().length, expected)
    }
  })

  it("does not take a stall of the process for a pause of the sender", () => {
    const sender = make()
    sender.talk(10, { closing: 0 })
    sender.standStill(1_000)
    sender.talk(10)
    assert.deepStrictEqual(sender.advice(), [])
    sender.talk(10, { closing: 0 })
    sender.standStill(300)
    sender.pause(300)
    sender.talk(1)
    assert.deepStrictEqual(sender.advice(), ["missing-closing-silence"])
  })

  it("counts a burst right after a stall as sent during the stall", () => {
    const sender = make()
    sender.talk(10, { closing: 0 })
    sender.standStillAlone(11)
    sender.talk(50)
    assert.deepStrictEqual(sender.advice(), [])
  })

  it("reports missing closing silence even if no further packet comes", () => {
    const sender = make()
    sender.talk(10, { closing: 0 })
    sender.wait(Conduct.quietMs - 21)
    assert.deepStrictEqual(sender.advice(), [])
    sender.wait(2)
    assert.deepStrictEqual(sender.advice(), ["missing-closing-silence"])
    sender.wait(10_000)
    assert.deepStrictEqual(sender.advice(), ["missing-closing-silence"])
  })

  it("reports too few silence frames when the next packet comes", () => {
    const sender = make()
    sender.talk(10, { closing: 4 })
    sender.pause(1_000)
    assert.deepStrictEqual(sender.advice(), [])
    sender.talk(1)
    assert.deepStrictEqual(sender.advice(), ["missing-closing-silence"])
  })

  it("does not report a lost silence frame", () => {
    const sender = make()
    for (let at = 0; at < 5; at++) {
      sender.talk(10, { closing: at })
      sender.state.sequence = (sender.state.sequence + 1) & 0xffff
      sender.state.timestamp = (sender.state.timestamp + 960) >>> 0
      sender.wait(20)
      sender.talk(0, { closing: 4 - at })
      sender.pause(1_000)
    }
    sender.talk(1)
    assert.deepStrictEqual(sender.advice(), [])
  })

  it("requires closing silence before the client leaves, but not when it is cut off", () => {
    const leaving = make()
    leaving.talk(10, { closing: 0 })
    leaving.conduct.over()
    assert.deepStrictEqual(leaving.advice(), ["missing-closing-silence"])
    const cut = make()
    cut.talk(10, { closing: 0 })
    cut.conduct.stop()
    cut.wait(1_000)
    assert.deepStrictEqual(cut.advice(), [])
  })

  it("reports sequence numbers that jump, stand still or start again", () => {
    for (const change of [1, 7, -1, -2, -30_000, 20_000]) {
      const sender = make()
      sender.talk(10, { closing: 0 })
      sender.state.sequence = (sender.state.sequence + change) & 0xffff
      sender.talk(10)
      assert.deepStrictEqual(sender.advice(), ["sequence-gap"], `change ${change}`)
    }
  })

  describe("sender reports", () => {
    const report = (
      sender: ReturnType<typeof make>,
      change: { readonly packets?: number; readonly ms?: number } = {}
    ) =>
      sender.conduct.report({
        _tag: "SenderReport",
        ssrc: 5,
        ntpTimestamp: 0n,
        rtpTimestamp: (sender.state.timestamp + 48 * (change.ms ?? 0)) >>> 0,
        packetCount: 105 + (change.packets ?? 0),
        octetCount: 0,
        reports: [],
        extension: new Uint8Array(0)
      })

    it("may count packets that were lost or have not arrived yet", () => {
      const sender = make()
      report(sender, { packets: -105, ms: 9_000 })
      sender.talk(100)
      for (const packets of [0, 400, -50]) report(sender, { packets, ms: 300 })
      assert.deepStrictEqual(sender.advice(), [])
    })

    it("have to count the packets sent and keep to the clock", () => {
      const sender = make()
      sender.talk(100)
      report(sender, { packets: -51 })
      report(sender, { ms: 600 })
      assert.deepStrictEqual(sender.advice(), ["sender-report-count"])
      report(sender, { ms: 600 })
      report(sender, { ms: 600 })
      assert.deepStrictEqual(sender.advice(), ["sender-report-count", "sender-report-off-clock"])
    })
  })

  it("does not report a client whose packets a fault has withheld", () => {
    const tampered = make(undefined, () => true)
    tampered.talk(10, { closing: 0 })
    tampered.wait(5_000)
    assert.deepStrictEqual(tampered.advice(), [])
    assert.strictEqual(tampered.counter("tampered:missing-closing-silence"), 1)
  })

  it("explains how sequence numbers, timestamps and silence have to be sent", () => {
    const sender = make()
    sender.talk(50, { closing: 0, samples: 20 })
    assert.include(
      sender.messages()[0],
      "behind the clock: they must count samples at 48 kHz, 960 per 20 ms, during pauses too"
    )
    const other = make()
    other.send()
    other.state.sequence += 5
    other.send()
    assert.deepStrictEqual(other.messages(), [
      "the sequence number moved by 6 while the timestamp moved by 960 samples: it must increase by one per packet"
    ])
    other.wait(5_000)
    assert.include(other.messages()[1], "audio stopped with 0 of 5 silence frames (f8 ff fe)")
  })
})
