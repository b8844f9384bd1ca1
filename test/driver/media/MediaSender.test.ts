import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import * as AudioClock from "../../../src/AudioClock.ts"
import * as Workspaces from "../../../src/crypto/Workspaces.ts"
import * as MediaSender from "../../../src/driver/media/MediaSender.ts"
import { Ssrc } from "../../../src/protocol/Identifier.ts"
import * as RtpPacket from "../../../src/protocol/RtpPacket.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"
import * as VoiceCrypto from "../../../src/VoiceCrypto.ts"

interface Sent {
  readonly atMs: number
  readonly sequence: number
  readonly timestamp: number
  readonly payload: string
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const silence = "f8fffe"

/** A sender with the plain cipher, on a clock that the test moves. */
const rig = (options?: {
  readonly exhaustAfter?: number
  readonly sequence?: number
  readonly timestamp?: number
  /** Called with each event of a track as it happens. */
  readonly onTrack?: (tag: string) => void
  /** Called with each buffer that is sent. Returns whether it can be used again. */
  readonly onBuffer?: (packet: Uint8Array, length: number) => boolean
}) =>
  Effect.gen(function*() {
    const crypto = yield* VoiceCrypto.VoiceCrypto
    const plain = yield* crypto.make("plain", Redacted.make(new Uint8Array(32)))
    let now = 1_000
    let at = Infinity
    let ring: () => void = () => {}
    const clock = AudioClock.make({
      now: () => now,
      set: (atMs, f) => {
        at = atMs
        ring = f
      },
      clear: () => {
        at = Infinity
      }
    })
    const sent: Array<Sent> = []
    const events: Array<string> = []
    let exhausted = 0
    let sealed = 0
    let buffers = 0
    const sender = MediaSender.make({
      clock,
      cipher: {
        ...plain,
        workspace: {
          next: (size) => {
            buffers++
            return plain.workspace.next(size)
          },
          release: () => {
            buffers--
            plain.workspace.release()
          },
          replace: plain.workspace.replace
        },
        seal: (buffer, clear, length) =>
          ++sealed > (options?.exhaustAfter ?? Infinity) ? -1 : plain.seal(buffer, clear, length)
      },
      ssrc: Ssrc.make(7),
      sequence: options?.sequence ?? 65_534,
      timestamp: options?.timestamp ?? 0xffff_ff00,
      notBeforeMs: 0,
      outlet: {
        send: (packet, length) => {
          const header = RtpPacket.makeHeader()
          assert.isUndefined(RtpPacket.readHeader(packet, length, header))
          assert.strictEqual(header.ssrc, 7)
          // version 2, no padding, extension or contributors; no marker, payload type 120 (RFC 3550, 5.1)
          assert.strictEqual(hex(packet.subarray(0, 2)), "8078")
          sent.push({
            atMs: now,
            sequence: header.sequence,
            timestamp: header.timestamp,
            payload: hex(packet.subarray(12, length))
          })
          return options?.onBuffer?.(packet, length) ?? true
        }
      },
      onTrack: (tag, track) => {
        events.push(`${tag} ${track}`)
        options?.onTrack?.(tag)
      },
      onExhausted: () => exhausted++
    })
    return {
      sender,
      sent,
      events,
      exhausted: () => exhausted,
      /** Buffers in use. */
      buffers: () => buffers,
      now: () => now,
      /** When the clock is due to wake next. */
      pending: () => at,
      run: (untilMs: number) => {
        while (at <= untilMs) {
          now = Math.max(now, at)
          at = Infinity
          ring()
        }
        now = untilMs
      },
      stall: (untilMs: number) => {
        now = untilMs
      }
    }
  })

const filled = (frames: number, samples = 960) => {
  const ring = FrameRing.make()
  for (let i = 0; i < frames; i++) ring.write(Uint8Array.of(i, 1, 2, 3), samples)
  return ring
}

const sourceOf = (ring: FrameRing.FrameRing): FrameRing.FrameSource => ({
  prefetch: (step) => ring.prefetch(step),
  next: () => ring.next(),
  read: (into, offset) => ring.read(into, offset),
  discard: () => ring.discard(),
  samples: () => ring.samples(),
  isDrained: () => ring.isDrained(),
  framesRead: () => ring.framesRead()
})

const test = (
  name: string,
  body: () => Effect.Effect<void, unknown, VoiceCrypto.VoiceCrypto | Scope.Scope>
) => it.effect(name, () => Effect.provide(body(), VoiceCrypto.layer))

/** Time and timestamps advance together: 48 samples a millisecond. */
const assertTruthful = (sent: ReadonlyArray<Sent>) => {
  const first = sent[0]
  assert.isDefined(first)
  sent.forEach((packet, index) => {
    assert.strictEqual(packet.sequence, (first.sequence + index) & 0xffff)
    const media = RtpPacket.timestampDelta(packet.timestamp, first.timestamp) / 48
    assert.isAtMost(Math.abs(packet.atMs - first.atMs - media), 1)
  })
}

describe("MediaSender", () => {
  test("sends each frame once when it is due, and ends with five frames of silence", () =>
    Effect.gen(function*() {
      const { events, run, sender, sent } = yield* rig()
      const ring = filled(10)
      ring.end()
      sender.attach(1, ring, false)
      run(2_000)
      assert.deepStrictEqual(
        sent.map(({ payload }) => payload),
        [...Array.from({ length: 10 }, (_, i) => `0${i}010203`), ...Array.from({ length: 5 }, () => silence)]
      )
      assertTruthful(sent)
      assert.deepStrictEqual(events, ["TrackStarted 1", "TrackDrained 1"])
      assert.strictEqual(sender.statistics().packets, 15)
      assert.strictEqual(sender.statistics().silencePackets, 5)
    }))

  for (const samples of [120, 240, 480, 960, 1920, 2880, 5760]) {
    test(`paces frames of ${samples / 48} ms at their media time`, () =>
      Effect.gen(function*() {
        const { run, sender, sent } = yield* rig()
        const ring = filled(20, samples)
        ring.end()
        sender.attach(1, ring, false)
        run(5_000)
        assert.strictEqual(sent.length, 25)
        assertTruthful(sent)
      }))
  }

  test("reports once that a ring is starving and once that it has recovered, on the clock's time", () =>
    Effect.gen(function*() {
      const { events, run, sender, sent } = yield* rig()
      const ring = filled(3)
      sender.attach(1, ring, false)
      run(1_500)
      assert.deepStrictEqual(events, ["TrackStarted 1", "TrackStarving 1"])
      assert.isTrue(ring.isStarving())
      ring.recover()
      run(500)
      assert.isFalse(ring.isStarving())
      assert.strictEqual(sent.length, 8)
      ring.write(Uint8Array.of(9, 9), 960)
      ring.end()
      run(3_000)
      assert.deepStrictEqual(events, ["TrackStarted 1", "TrackStarving 1", "TrackRecovered 1", "TrackDrained 1"])
      assert.strictEqual(sent.length, 14)
      assertTruthful(sent)
    }))

  test("does not catch up after a long stall: it sends nothing faster, and nothing in a burst", () =>
    Effect.gen(function*() {
      const { run, sender, sent, stall } = yield* rig()
      const ring = filled(100)
      ring.end()
      sender.attach(1, ring, false)
      run(1_200)
      const before = sent.length
      stall(1_733)
      run(2_000)
      assert.isAtMost(sent.length - before, 14)
      const gaps = sent.slice(before).map((packet, i) => packet.atMs - (sent[before + i - 1]?.atMs ?? 0))
      for (const gap of gaps.slice(1)) assert.strictEqual(gap, 20)
      assertTruthful(sent)
      assert.strictEqual(sender.statistics().reanchored, 1)
    }))

  test("does not drop a frame that is late by less than a frame", () =>
    Effect.gen(function*() {
      const { run, sender, sent, stall } = yield* rig()
      sender.attach(1, filled(20), false)
      run(1_100)
      stall(1_115)
      run(1_180)
      assert.strictEqual(sender.statistics().reanchored, 0)
      assert.deepStrictEqual(
        sent.map(({ timestamp }) => RtpPacket.timestampDelta(timestamp, sent[0]?.timestamp ?? 0)),
        sent.map((_, i) => i * 960)
      )
    }))

  test("returns to its slot once it is three frames late, and reports how late its frames were", () =>
    Effect.gen(function*() {
      for (const [late, reanchored] of [[19, 0], [20, 0], [59, 0], [60, 1], [79, 1]] as const) {
        const { run, sender, sent, stall } = yield* rig()
        sender.attach(1, filled(50), false)
        run(1_100)
        assert.isAtMost(sender.statistics().lateness.max(), 1)
        const due = (sent.at(-1)?.atMs ?? 0) + 20
        stall(due + late)
        run(due + late)
        run(1_300)
        assert.strictEqual(sender.statistics().reanchored, reanchored, `${late} ms`)
        assert.closeTo(sender.statistics().lateness.max(), reanchored === 0 ? late : 0, 1)
        if (reanchored === 1) assertTruthful(sent)
      }
    }))

  test("catches up after a short stall, by three frames at most, and is then on time", () =>
    Effect.gen(function*() {
      const { events, run, sender, sent, stall } = yield* rig()
      sender.attach(1, filled(50), false)
      run(1_100)
      const before = sent.length
      const first = sent[0]
      assert.isDefined(first)
      const due = (sent.at(-1)?.atMs ?? 0) + 20
      stall(due + 45)
      run(due + 45)
      assert.deepStrictEqual(sent.slice(before).map(({ atMs }) => atMs - due), [45, 45, 45])
      run(1_300)
      assert.strictEqual(sent[before + 3]?.atMs, due + 60)
      // no gap in the media, and each packet after the stall on time
      sent.forEach((packet, i) => {
        assert.strictEqual(RtpPacket.timestampDelta(packet.timestamp, first.timestamp), i * 960)
        if (i >= before + 3) assert.closeTo(packet.atMs - first.atMs, i * 20, 1)
      })
      assert.deepStrictEqual(events, ["TrackStarted 1"])
      assert.strictEqual(sender.statistics().reanchored, 0)
    }))

  test("catches up only with what is ready, and gives time to a source that was stalled, too", () =>
    Effect.gen(function*() {
      const { events, run, sender, sent, stall } = yield* rig()
      const ring = filled(6)
      sender.attach(1, ring, false)
      while (sent.length < 5) run((sent.at(-1)?.atMs ?? 1_000) + 20)
      const due = (sent.at(-1)?.atMs ?? 0) + 20
      stall(due + 45)
      run(due + 45)
      assert.lengthOf(sent, 6)
      ring.write(Uint8Array.of(9, 9), 960)
      ring.end()
      run(due + 60)
      assert.lengthOf(sent, 7)
      assert.strictEqual(sent[6]?.atMs, due + 60)
      assert.notInclude(sent.map(({ payload }) => payload), silence)
      assert.deepStrictEqual(events, ["TrackStarted 1"])
      assert.strictEqual(sender.statistics().reanchored, 1)
    }))

  test("does not starve because of a stall after which it has sent all that was ready", () =>
    Effect.gen(function*() {
      for (const [ready, late] of [[1, 25], [2, 45]] as const) {
        const { events, run, sender, sent, stall } = yield* rig()
        const ring = filled(5 + ready)
        sender.attach(1, ring, false)
        while (sent.length < 5) run((sent.at(-1)?.atMs ?? 1_000) + 20)
        const due = (sent.at(-1)?.atMs ?? 0) + 20
        stall(due + late)
        run(due + late)
        assert.lengthOf(sent, 5 + ready)
        ring.write(Uint8Array.of(9, 9), 960)
        run(due + 20 + ready * 20)
        assert.lengthOf(sent, 6 + ready)
        assert.strictEqual(sent.at(-1)?.atMs, due + 20 + ready * 20)
        assert.notInclude(sent.map(({ payload }) => payload), silence)
        assert.notInclude(events, "TrackStarving 1")
      }
    }))

  test("keeps its timestamps when it starves after it has caught up", () =>
    Effect.gen(function*() {
      const { events, run, sender, sent, stall } = yield* rig()
      const ring = filled(8)
      sender.attach(1, ring, false)
      while (sent.length < 5) run((sent.at(-1)?.atMs ?? 1_000) + 20)
      const due = (sent.at(-1)?.atMs ?? 0) + 20
      stall(due + 25)
      run(due + 25)
      assert.lengthOf(sent, 7)
      run(due + 400)
      assert.deepStrictEqual(events, ["TrackStarted 1", "TrackStarving 1"])
      assert.strictEqual(sender.statistics().reanchored, 0)
      sent.forEach(({ timestamp }, i) =>
        assert.strictEqual(RtpPacket.timestampDelta(timestamp, sent[0]?.timestamp ?? 0), i * 960)
      )
    }))

  test("catches up across a change to the next ring", () =>
    Effect.gen(function*() {
      for (const after of [6, "drained"] as const) {
        const { run, sender, sent, stall } = yield* rig()
        const former = filled(6)
        former.end()
        sender.attach(1, former, false)
        sender.attachAfter(2, filled(50), false, after)
        while (sent.length < 5) run((sent.at(-1)?.atMs ?? 1_000) + 20)
        const due = (sent.at(-1)?.atMs ?? 0) + 20
        stall(due + 45)
        run(due + 45)
        assert.lengthOf(sent, 8)
        run(due + 100)
        sent.forEach(({ timestamp }, i) =>
          assert.strictEqual(RtpPacket.timestampDelta(timestamp, sent[0]?.timestamp ?? 0), i * 960)
        )
        assert.strictEqual(sender.statistics().reanchored, 0)
      }
    }))

  test("gives a ring time after a stall if it has nothing left after what it skips", () =>
    Effect.gen(function*() {
      const { run, sender, sent, stall } = yield* rig()
      sender.attach(1, filled(50), false)
      while (sent.length < 6) run((sent.at(-1)?.atMs ?? 1_000) + 20)
      const due = (sent.at(-1)?.atMs ?? 0) + 20
      stall(due + 45)
      const next = filled(1)
      sender.attachAfter(2, next, false, 5)
      run(due + 45)
      assert.lengthOf(sent, 6)
      next.write(Uint8Array.of(9, 9), 960)
      run(due + 60)
      assert.deepStrictEqual([sent[6]?.payload, sent[6]?.atMs], ["0909", due + 60])
    }))

  test("does not hurry after a stall if the track is paused", () =>
    Effect.gen(function*() {
      const { run, sender, sent, stall } = yield* rig()
      sender.attach(1, filled(50), false)
      while (sent.length < 6) run((sent.at(-1)?.atMs ?? 1_000) + 20)
      const due = (sent.at(-1)?.atMs ?? 0) + 20
      stall(due + 45)
      sender.setPaused(1, true)
      run(due + 45)
      assert.lengthOf(sent, 6)
      run(due + 60)
      assert.deepStrictEqual([sent[6]?.payload, sent[6]?.atMs], [silence, due + 60])
    }))

  test("does not hurry silence after a stall", () =>
    Effect.gen(function*() {
      const { run, sender, sent, stall } = yield* rig()
      const ring = filled(3)
      ring.end()
      sender.attach(1, ring, false)
      while (sent.length < 4) run((sent.at(-1)?.atMs ?? 1_000) + 20)
      const due = (sent.at(-1)?.atMs ?? 0) + 20
      stall(due + 45)
      run(due + 45)
      assert.lengthOf(sent, 4)
      run(3_000)
      assert.lengthOf(sent, 8)
      assertTruthful(sent)
    }))

  test("reports how late its silence was, too", () =>
    Effect.gen(function*() {
      const { run, sender, sent, stall } = yield* rig()
      const ring = filled(3)
      ring.end()
      sender.attach(1, ring, false)
      while (sent.length < 5) run((sent.at(-1)?.atMs ?? 1_000) + 20)
      const due = (sent.at(-1)?.atMs ?? 0) + 20
      stall(due + 15)
      run(due + 15)
      assert.lengthOf(sent, 6)
      assert.closeTo(sender.statistics().lateness.max(), 15, 1)
    }))

  test("pauses with silence, and continues with the clock's timestamp", () =>
    Effect.gen(function*() {
      const { pending, run, sender, sent } = yield* rig()
      sender.attach(1, filled(50), false)
      run(1_100)
      sender.setPaused(1, true)
      run(2_000)
      assert.strictEqual(pending(), Infinity)
      const paused = sent.length
      assert.deepStrictEqual(sent.slice(-5).map(({ payload }) => payload), Array.from({ length: 5 }, () => silence))
      run(3_000)
      assert.strictEqual(sent.length, paused)
      sender.setPaused(1, false)
      run(3_100)
      assert.isAbove(sent.length, paused)
      assertTruthful(sent)
    }))

  test("takes frames on time while muted, but sends none", () =>
    Effect.gen(function*() {
      const { events, run, sender, sent } = yield* rig()
      const ring = filled(30)
      ring.end()
      sender.attach(1, ring, false)
      run(1_100)
      sender.setMuted(true)
      run(1_400)
      const muted = sent.length
      assert.deepStrictEqual(sent.slice(-5).map(({ payload }) => payload), Array.from({ length: 5 }, () => silence))
      sender.setMuted(false)
      run(3_000)
      assert.isAbove(sent.length, muted)
      assert.strictEqual(ring.framesRead(), 30)
      assert.isBelow(sent.length, 30)
      assertTruthful(sent)
      assert.deepStrictEqual(events, ["TrackStarted 1", "TrackDrained 1"])
    }))

  test("replaces a ring without a gap, and ignores commands for a track that is gone", () =>
    Effect.gen(function*() {
      const { events, run, sender, sent } = yield* rig()
      sender.attach(1, filled(50), false)
      run(1_100)
      sender.attach(2, filled(50), false)
      sender.detach(1)
      sender.setPaused(1, true)
      run(1_200)
      assert.deepStrictEqual(events, ["TrackStarted 1", "TrackStarted 2"])
      sent.slice(1).forEach((packet, i) => assert.strictEqual(packet.atMs - (sent[i]?.atMs ?? 0), 20))
      assertTruthful(sent)
    }))

  test("ends audible audio at once when it closes, and a silent sender without a packet", () =>
    Effect.gen(function*() {
      const talking = yield* rig()
      talking.sender.attach(1, filled(50), false)
      talking.run(1_100)
      const before = talking.sent.length
      talking.sender.close()
      talking.sender.close()
      assert.strictEqual(talking.pending(), Infinity)
      talking.run(3_000)
      assert.deepStrictEqual(
        talking.sent.slice(before).map(({ payload }) => payload),
        Array.from({ length: 5 }, () => silence)
      )
      // at once, and nevertheless each after the one before
      const media = ({ timestamp }: Sent) => RtpPacket.timestampDelta(timestamp, talking.sent[0]?.timestamp ?? 0)
      assert.deepStrictEqual(talking.sent.map(media), talking.sent.map((_, i) => i * 960))
      const silent = yield* rig()
      silent.sender.close()
      silent.sender.attach(1, filled(5), false)
      silent.run(3_000)
      assert.strictEqual(silent.sent.length, 0)
    }))

  test("releases its record of lateness when it closes", () =>
    Effect.gen(function*() {
      const { sender } = yield* rig()
      const close = vi.spyOn(sender.statistics().lateness, "close")
      sender.close()
      assert.lengthOf(close.mock.calls, 1)
    }))

  test("leaves the bytes of a waiting datagram alone, even when all buffers have been used", () =>
    Effect.gen(function*() {
      const waiting: Array<{ readonly packet: Uint8Array; readonly length: number; readonly hex: string }> = []
      let sends = 0
      const { run, sender, sent } = yield* rig({
        onBuffer: (packet, length) => {
          if (sends++ % 3 !== 0) return true
          waiting.push({ packet, length, hex: hex(packet.subarray(0, length)) })
          return false
        }
      })
      const ring = filled(507)
      ring.end()
      sender.attach(1, ring, false)
      run(13140)
      assert.strictEqual(sent.length, 512)
      assert.strictEqual(waiting.length, 171)
      assert.strictEqual(new Set(waiting.map(({ packet }) => packet)).size, 171)
      for (const { hex: before, length, packet } of waiting) {
        assert.strictEqual(hex(packet.subarray(0, length)), before)
      }
    }))

  test("stops when the nonces are used up, and reports that once", () =>
    Effect.gen(function*() {
      const { buffers, exhausted, run, sender, sent } = yield* rig({ exhaustAfter: 3 })
      sender.attach(1, filled(50), false)
      run(5_000)
      sender.close()
      assert.strictEqual(buffers(), 0)
      assert.strictEqual(sent.length, 3)
      assert.strictEqual(exhausted(), 1)
    }))

  test("reports used-up nonces once, even if the closing silence uses the last one", () =>
    Effect.gen(function*() {
      const { exhausted, run, sender, sent } = yield* rig({ exhaustAfter: 4 })
      sender.attach(1, filled(50), false)
      while (sent.length < 3) run((sent.at(-1)?.atMs ?? 1_000) + 20)
      sender.close()
      assert.deepStrictEqual(sent.map(({ payload }) => payload).slice(3), [silence])
      assert.strictEqual(exhausted(), 1)
    }))

  test("sends packets of 120 ms at the highest bitrate", () =>
    Effect.gen(function*() {
      const { run, sender, sent } = yield* rig()
      const ring = FrameRing.make()
      ring.write(new Uint8Array(FrameRing.maxFrameBytes).fill(5), 5_760)
      ring.end()
      sender.attach(1, ring, false)
      run(2_000)
      assert.strictEqual(sent[0]?.payload.length, FrameRing.maxFrameBytes * 2)
    }))

  test("knows the timestamp of any moment", () =>
    Effect.gen(function*() {
      const { now, run, sender, sent } = yield* rig()
      sender.attach(1, filled(10), false)
      run(1_150)
      const expected = () => {
        const last = sent.at(-1) ?? assert.fail("nothing was sent")
        return (last.timestamp + 48 * (now() - last.atMs)) >>> 0
      }
      assert.strictEqual(sender.timestampAt(now()), expected())
      sender.setPaused(1, true)
      run(100_000)
      assert.strictEqual(sender.timestampAt(now()), expected())
      const before = sender.timestampAt(now())
      sender.setPaused(1, false)
      run(100_100)
      const next = sent.find(({ atMs }) => atMs >= 100_000) ?? assert.fail("it does not go on")
      assert.strictEqual(next.timestamp, (before + 48 * (next.atMs - 100_000)) >>> 0)
    }))

  const numbered = (first: number, count: number, samples = 960) => {
    const ring = FrameRing.make()
    for (let i = 0; i < count; i++) ring.write(Uint8Array.of(first + i, 1, 2, 3), samples)
    return ring
  }
  const numbersOf = (sent: ReadonlyArray<Sent>) => sent.map(({ payload }) => payload.slice(0, 2))

  test("moves on to a waiting ring after some frames or at the end, without a gap", () =>
    Effect.gen(function*() {
      for (const after of [4, "drained", 100] as const) {
        const it = yield* rig()
        const first = numbered(0, 6)
        first.end()
        const closed: Array<string> = []
        const second = { ...sourceOf(numbered(0x20, 3)), close: () => void closed.push("second") }
        it.sender.attach(1, { ...sourceOf(first), close: () => void closed.push("first") }, false)
        it.sender.attachAfter(2, second, false, after)
        it.run(it.now() + 1_000)
        const read = after === 4 ? 4 : 6
        assert.deepStrictEqual(numbersOf(it.sent), [
          ...["00", "01", "02", "03", "04", "05"].slice(0, read),
          "20",
          "21",
          "22",
          ...Array.from({ length: 5 }, () => "f8")
        ])
        assertTruthful(it.sent)
        it.sent.forEach(({ atMs }, i) => assert.strictEqual(atMs - (it.sent[0]?.atMs ?? 0), i * 20))
        assert.deepStrictEqual(
          it.events,
          read === 6
            ? ["TrackStarted 1", "TrackDrained 1", "TrackStarted 2", "TrackStarving 2"]
            : ["TrackStarted 1", "TrackStarted 2", "TrackStarving 2"]
        )
        assert.deepStrictEqual(closed, ["first"])
        it.sender.close()
        assert.deepStrictEqual(closed, ["first", "second"])
      }
    }))

  test("skips as much of the new ring as it has read too much of the old one", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      it.sender.attach(1, numbered(0, 20), false)
      it.run(it.now() + 100)
      const read = it.sent.length
      it.sender.attachAfter(2, numbered(0x20, 10), false, read - 2)
      it.run(it.now() + 60)
      assert.deepStrictEqual(numbersOf(it.sent.slice(read, read + 3)), ["22", "23", "24"])
      assertTruthful(it.sent)
    }))

  test("starts a waiting ring when its predecessor is detached, and forgets it when it is detached", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      it.sender.attach(1, numbered(0, 20), false)
      it.sender.attachAfter(2, numbered(0x20, 10), false, "drained")
      it.run(it.now() + 50)
      it.sender.attachAfter(3, numbered(0x30, 10), false, "drained")
      it.sender.detach(2)
      it.sender.detach(1)
      it.run(it.now() + 100)
      assert.deepStrictEqual(new Set(numbersOf(it.sent).map((number) => number[0])), new Set(["0", "3"]))
      it.sender.attachAfter(4, numbered(0x40, 10), false, "drained")
      it.sender.detach(4)
      it.run(it.now() + 1_000)
      assert.isFalse(numbersOf(it.sent).some((number) => number.startsWith("4")))
      assertTruthful(it.sent)
    }))

  test("moves on while paused if it is time, and keeps the pause of the next ring", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      it.sender.attach(1, numbered(0, 20), false)
      it.run(it.now() + 100)
      it.sender.setPaused(1, true)
      it.run(it.now() + 500)
      const before = it.sent.length
      it.sender.attachAfter(2, numbered(0x20, 10), true, 4)
      it.run(it.now() + 500)
      assert.lengthOf(it.sent, before)
      it.sender.setPaused(2, false)
      it.run(it.now() + 100)
      assert.isAbove(it.sent.length, before)
      assert.isTrue(numbersOf(it.sent.slice(before)).every((number) => number.startsWith("2")))
      assertTruthful(it.sent)
    }))

  test("starts a ring that is not paused at once if its predecessor is paused", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      it.sender.attach(1, numbered(0, 20), false)
      it.run(it.now() + 100)
      it.sender.setPaused(1, true)
      it.run(it.now() + 500)
      const before = it.sent.length
      it.sender.attachAfter(2, numbered(0x20, 10), false, 4)
      it.run(it.now() + 100)
      assert.deepStrictEqual(new Set(numbersOf(it.sent.slice(before)).map((number) => number[0])), new Set(["2"]))
    }))

  /** A ring that tells when nobody will take its frames any more. */
  const closing = (closed: Array<string>, name: string, first = 0x20) => ({
    ...sourceOf(numbered(first, 10)),
    close: () => void closed.push(name)
  })

  test("closes rings that wait in vain", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      const closed: Array<string> = []
      it.sender.attach(1, closing(closed, "first"), false)
      it.sender.attachAfter(2, closing(closed, "second"), false, "drained")
      it.sender.attachAfter(3, closing(closed, "third"), false, "drained")
      assert.deepStrictEqual(closed, ["second"], "another one waits in its place")
      it.sender.detach(3)
      assert.deepStrictEqual(closed, ["second", "third"], "it was detached")
      it.sender.attachAfter(4, closing(closed, "fourth"), false, "drained")
      it.sender.attach(5, closing(closed, "fifth"), false)
      assert.deepStrictEqual(closed, ["second", "third", "fourth", "first"], "another one plays at once")
      it.sender.attachAfter(6, closing(closed, "sixth"), false, "drained")
      it.sender.close()
      assert.deepStrictEqual(closed.slice(4).toSorted(), ["fifth", "sixth"])
      it.sender.attach(7, closing(closed, "seventh"), false)
      it.sender.attachAfter(8, closing(closed, "eighth"), false, "drained")
      assert.deepStrictEqual(closed.slice(6), ["seventh", "eighth"], "it comes too late")
      it.run(it.now() + 1_000)
      assert.deepStrictEqual(it.sent, [])
      assert.lengthOf(closed, 8)
    }))

  test("keeps the pause of a waiting ring, also when its predecessor is detached", () =>
    Effect.gen(function*() {
      for (const how of ["attached", "set"] as const) {
        for (const turn of ["drained", "detached"] as const) {
          const it = yield* rig()
          const first = numbered(0, 3)
          first.end()
          it.sender.attach(1, first, false)
          it.sender.attachAfter(2, numbered(0x20, 10), how === "attached", "drained")
          if (how === "set") it.sender.setPaused(2, true)
          if (turn === "detached") it.sender.detach(1)
          it.run(it.now() + 1_000)
          assert.isFalse(numbersOf(it.sent).some((number) => number.startsWith("2")), `${how} ${turn}`)
          it.sender.setPaused(2, false)
          it.run(it.now() + 100)
          assert.isTrue(numbersOf(it.sent).some((number) => number.startsWith("2")), `${how} ${turn}`)
        }
      }
    }))

  test("moves on at once if that is safe, and marks the rings that it takes frames from", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      const [first, late, third] = [numbered(0, 20), FrameRing.make(), numbered(0x30, 10)]
      const consumer = (ring: FrameRing.FrameRing) => FrameRing.fromBuffer(ring.buffer)
      const taken = () => [first, late, third].map((ring) => ring.isTaken())
      it.sender.attach(1, consumer(first), false)
      it.run(it.now() + 100)
      const read = first.framesRead()
      // not due yet
      it.sender.attachAfter(2, consumer(third), false, read + 1)
      assert.deepStrictEqual(taken(), [true, false, true])
      // not ready
      it.sender.attachAfter(3, consumer(late), false, read)
      assert.deepStrictEqual(taken(), [true, true, false])
      it.sender.attachAfter(4, consumer(third), false, read)
      assert.deepStrictEqual(taken(), [false, false, true])
      assert.strictEqual(first.framesRead(), read)
      it.run(it.now() + 40)
      assert.strictEqual(numbersOf(it.sent)[read], "30")
      assertTruthful(it.sent)
      // its end is reported in its own time
      third.end()
      while (third.bufferedMs() > 0) third.discard()
      it.sender.attachAfter(5, consumer(first), false, 0)
      assert.deepStrictEqual(it.events.filter((event) => event.startsWith("TrackDrained")), [])
      it.run(it.now() + 20)
      assert.deepStrictEqual(it.events.filter((event) => event.startsWith("TrackDrained")), ["TrackDrained 4"])
      it.sender.detach(5)
      assert.deepStrictEqual(taken(), [false, false, false])
      it.sender.attach(6, consumer(first), false)
      it.sender.close()
      assert.deepStrictEqual(taken(), [false, false, false])
    }))

  test("stays with a ring while the next one is not ready, and then skips as much of that", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      it.sender.attach(1, numbered(0, 20), false)
      const late = FrameRing.make()
      it.run(it.now() + 40)
      it.sender.attachAfter(2, late, false, 4)
      it.run(it.now() + 100)
      for (let i = 0; i < 10; i++) late.write(Uint8Array.of(0x20 + i, 1, 2, 3), 960)
      it.run(it.now() + 60)
      const sent = numbersOf(it.sent)
      const first = sent.findIndex((number) => number >= "20")
      assert.isAbove(first, 5)
      assert.strictEqual(sent[first - 1], `0${first - 1}`)
      assert.strictEqual(sent[first], `2${first - 4}`)
    }))

  test("skips in a third ring what the second one was too short for", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      it.sender.attach(1, numbered(0, 20), false)
      it.run(it.now() + 100)
      const read = it.sent.length
      it.sender.attachAfter(2, numbered(0x20, 1), false, read - 3)
      it.run(it.now() + 40)
      assert.lengthOf(numbersOf(it.sent).filter((number) => number.startsWith("2")), 0)
      // one frame of the second was skipped, and none is ready
      it.sender.attachAfter(3, numbered(0x30, 10), false, 1)
      it.run(it.now() + 100)
      assert.deepStrictEqual(numbersOf(it.sent).filter((number) => number.startsWith("3")).slice(0, 2), ["32", "33"])
    }))

  test("plays all of a ring even if the one before it never reached the end of what it had to skip", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      it.sender.attach(1, numbered(0, 20), false)
      it.run(it.now() + 100)
      it.sender.attachAfter(2, numbered(0x20, 1), false, 0)
      it.run(it.now() + 200)
      const before = it.sent.length
      it.sender.attach(3, numbered(0x30, 3), false)
      it.run(it.now() + 60)
      assert.deepStrictEqual(numbersOf(it.sent.slice(before, before + 3)), ["30", "31", "32"])
    }))

  test("moves on to a ring that is not ready if the one before it has nothing ready either", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      const late = numbered(0, 0)
      it.sender.attach(1, numbered(0, 4), false)
      it.sender.attachAfter(2, late, false, 4)
      it.run(it.now() + 200)
      assert.deepStrictEqual(it.events, ["TrackStarted 1"])
      late.write(Uint8Array.of(0x20), 960)
      it.run(it.now() + 20)
      assert.deepStrictEqual(it.events, ["TrackStarted 1", "TrackStarted 2"])
    }))

  test("moves on while paused, even to a ring that is not ready yet", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      const late = numbered(0, 0)
      it.sender.attach(1, numbered(0, 20), false)
      it.run(it.now() + 100)
      it.sender.setPaused(1, true)
      it.run(it.now() + 500)
      const before = it.sent.length
      it.sender.attachAfter(2, late, false, 4)
      late.write(Uint8Array.of(0x20), 960)
      late.write(Uint8Array.of(0x21), 960)
      it.run(it.now() + 100)
      assert.strictEqual(numbersOf(it.sent.slice(before))[0], "21")
    }))

  test("skips in a third ring all that was sent of the second, whose frames were longer than its debt", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      it.sender.attach(1, numbered(0, 20), false)
      it.run(it.now() + 100)
      it.sender.attachAfter(2, numbered(0x20, 10, 2_880), false, it.sent.length - 1)
      const seconds = () => numbersOf(it.sent).filter((number) => number.startsWith("2")).length
      while (seconds() < 3) it.run(it.now() + 1)
      // the first frame of the second ring was skipped, though a third of it would have been enough
      it.sender.attachAfter(3, numbered(0x30, 10), false, 3)
      it.run(it.now() + 100)
      assert.deepStrictEqual(numbersOf(it.sent).filter((number) => number >= "20").slice(0, 4), [
        "21",
        "22",
        "23",
        "33"
      ])
    }))

  test("plays a ring that is attached while TrackDrained of the former is reported", () =>
    Effect.gen(function*() {
      const it = yield* rig({
        onTrack: (tag) => {
          if (tag === "TrackDrained") it.sender.attach(2, numbered(0x20, 3), false)
        }
      })
      const first = numbered(0, 2)
      first.end()
      it.sender.attach(1, first, false)
      it.run(it.now() + 500)
      assert.deepStrictEqual(numbersOf(it.sent).filter((number) => number !== "f8"), ["00", "01", "20", "21", "22"])
    }))

  test("plays a ring that is attached while TrackDrained is reported instead of one that waited", () =>
    Effect.gen(function*() {
      const it = yield* rig({
        onTrack: (tag) => {
          if (tag === "TrackDrained") it.sender.attach(3, numbered(0x30, 3), false)
        }
      })
      const first = numbered(0, 2)
      first.end()
      it.sender.attach(1, first, false)
      it.sender.attachAfter(2, numbered(0x20, 3), false, "drained")
      it.run(it.now() + 500)
      assert.deepStrictEqual(numbersOf(it.sent).filter((number) => number !== "f8"), ["00", "01", "30", "31", "32"])
    }))

  test("closes a ring that is detached", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      const closed: Array<string> = []
      it.sender.attach(1, closing(closed, "first"), false)
      it.sender.detach(1)
      assert.deepStrictEqual(closed, ["first"])
    }))

  test("reports nothing for a ring that is empty from the start, except that it has drained", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      const ring = numbered(0, 0)
      it.sender.attach(1, ring, false)
      it.run(it.now() + 500)
      assert.deepStrictEqual(it.events, [])
      ring.end()
      it.run(it.now() + 100)
      assert.deepStrictEqual(it.events, ["TrackDrained 1"])
      assert.deepStrictEqual(it.sent, [])
    }))

  test("does not report a ring as recovered after another one was starving", () =>
    Effect.gen(function*() {
      const it = yield* rig()
      it.sender.attach(1, numbered(0, 2), false)
      it.run(it.now() + 200)
      it.sender.attach(2, numbered(0x20, 2), false)
      it.run(it.now() + 200)
      assert.deepStrictEqual(it.events, ["TrackStarted 1", "TrackStarving 1", "TrackStarted 2", "TrackStarving 2"])
    }))
})

describe("a gate", () => {
  const numbersOf = (sent: ReadonlyArray<Sent>) =>
    sent.map(({ payload }) => payload).filter((payload) => payload !== silence).map((payload) => payload.slice(0, 2))

  test("that drops takes frames on time, sends none, and counts them", () =>
    Effect.gen(function*() {
      const { events, run, sender, sent } = yield* rig()
      const ring = filled(50)
      sender.setGate({ _tag: "drop" })
      sender.attach(1, ring, false)
      run(1_200)
      assert.deepStrictEqual(sent, [])
      assert.deepStrictEqual(events, ["TrackStarted 1"])
      const taken = ring.framesRead()
      assert.isAbove(taken, 5)
      assert.strictEqual(sender.statistics().withheld, taken)
      sender.setGate({ _tag: "open" })
      run(1_300)
      assert.strictEqual(numbersOf(sent)[0], hex(Uint8Array.of(taken)))
      const heard = sent.length
      // it ends what was heard
      sender.setGate({ _tag: "drop" })
      run(1_500)
      assert.deepStrictEqual(sent.slice(heard).map(({ payload }) => payload), Array.from({ length: 5 }, () => silence))
      assert.strictEqual(sender.statistics().withheld, ring.framesRead() - heard)
      assertTruthful(sent)
    }))

  for (const afterwards of ["open", "drop"] as const) {
    test(`that holds takes no frame until its time is over, and then is: ${afterwards}`, () =>
      Effect.gen(function*() {
        const { run, sender, sent } = yield* rig()
        const ring = filled(50)
        sender.attach(1, ring, false)
        run(1_100)
        const before = numbersOf(sent).length
        assert.isAbove(before, 2)
        sender.setGate({ _tag: "hold", untilMs: 1_500, afterwards })
        run(1_499)
        assert.strictEqual(ring.framesRead(), before)
        assert.lengthOf(numbersOf(sent), before)
        assert.lengthOf(sent, before + 5)
        run(1_500)
        assert.strictEqual(ring.framesRead(), before + 1)
        run(1_700)
        const taken = ring.framesRead()
        assert.isAtLeast(taken, before + 9)
        assert.lengthOf(numbersOf(sent), afterwards === "open" ? taken : before)
        assert.strictEqual(sender.statistics().withheld, afterwards === "open" ? 0 : taken - before)
        assertTruthful(sent)
      }))
  }

  test("that is open does not count muted frames", () =>
    Effect.gen(function*() {
      const { run, sender, sent } = yield* rig()
      const ring = filled(50)
      sender.setMuted(true)
      sender.attach(1, ring, false)
      run(1_300)
      assert.deepStrictEqual(sent, [])
      assert.isAbove(ring.framesRead(), 5)
      assert.strictEqual(sender.statistics().withheld, 0)
    }))
})

describe("a source in front of a ring", () => {
  test("is bypassed while nothing has to be encrypted, and for no frame longer", () =>
    Effect.gen(function*() {
      const { run, sender, sent } = yield* rig()
      const ring = filled(40)
      let isEncrypting = false
      const told: Array<boolean> = []
      const source: FrameRing.FrameSource = {
        ...sourceOf(ring),
        plain: ring,
        next: () => {
          if (told.at(-1) !== isEncrypting) told.push(isEncrypting)
          return ring.next()
        },
        read: (into, offset) => {
          const length = ring.read(into, offset)
          into[offset + 1] = 0xee
          return length
        }
      }
      const change = (next: boolean) => {
        isEncrypting = next
        sender.setEncrypting(next)
      }
      sender.attach(1, source, false)
      const until = (frames: number) => {
        while (sent.length < frames) run((sent.at(-1)?.atMs ?? 1_000) + 20)
      }
      until(10)
      assert.deepStrictEqual(told, [], "it is not even asked")
      change(true)
      until(20)
      change(false)
      assert.deepStrictEqual(told, [true, false], "it hears of each change")
      until(30)
      const marks = sent.slice(0, 30).map(({ payload }) => payload.slice(2, 4))
      assert.deepStrictEqual(marks, [...Array(10).fill("01"), ...Array(10).fill("ee"), ...Array(10).fill("01")])
    }))

  for (const written of [0, -1]) {
    test(`keeps back what must not be sent, whose time passes in silence (${written})`, () =>
      Effect.gen(function*() {
        const { buffers, run, sender, sent } = yield* rig()
        const ring = filled(8)
        ring.end()
        const source: FrameRing.FrameSource = {
          ...sourceOf(ring),
          read: (into, offset) => {
            const length = ring.read(into, offset)
            return ring.framesRead() > 2 && ring.framesRead() < 6 ? written : length
          }
        }
        sender.setEncrypting(true)
        sender.attach(1, source, false)
        run(2_000)
        assert.deepStrictEqual(
          sent.map(({ payload }) => payload.slice(0, 2)),
          ["00", "01", "f8", "f8", "f8", "05", "06", "07", "f8", "f8", "f8", "f8", "f8"]
        )
        assertTruthful(sent)
        assert.strictEqual(sender.statistics().withheld, 3)
        assert.strictEqual(buffers(), 0, "no buffer is in use any more")
      }))
  }

  test("is asked at once when encryption starts, even while it waits, to make its frames ready", () =>
    Effect.gen(function*() {
      const { sender } = yield* rig()
      const asked: Array<string> = []
      const source = (name: string): FrameRing.FrameSource => {
        const ring = filled(10)
        return {
          ...sourceOf(ring),
          plain: ring,
          next: () => {
            asked.push(name)
            return ring.next()
          }
        }
      }
      sender.attach(1, source("playing"), false)
      sender.attachAfter(2, source("waiting"), false, "drained")
      sender.setEncrypting(true)
      assert.deepStrictEqual(asked, ["playing", "waiting"])
    }))
})

/**
 * Senders on one clock that make their packets in the same buffers. The network keeps one of every `keepEvery` packets
 * for a while.
 */
const crowd = (count: number, frames: number, keepEvery: number) =>
  Effect.gen(function*() {
    const crypto = yield* VoiceCrypto.VoiceCrypto
    const workspace = Workspaces.make(() => Workspaces.cut(new ArrayBuffer(Workspaces.blockBytes), 0))
    const cipher = { ...yield* crypto.make("plain", Redacted.make(new Uint8Array(32))), workspace }
    let now = 1_000
    let wake: { readonly atMs: number; readonly ring: () => void } | undefined
    const clock = AudioClock.make({
      now: () => now,
      set: (atMs, ring) => {
        wake = { atMs, ring }
      },
      clear: () => {
        wake = undefined
      }
    })
    const sent = new Map<number, Array<string>>()
    const kept: Array<{ readonly packet: Uint8Array; readonly was: string }> = []
    const buffers = new Set<Uint8Array>()
    let sends = 0
    for (let i = 0; i < count; i++) {
      const sender = MediaSender.make({
        clock,
        cipher,
        ssrc: Ssrc.make(i + 1),
        sequence: 0,
        timestamp: 0,
        notBeforeMs: 0,
        outlet: {
          send: (packet, length) => {
            const bytes = packet.subarray(0, length)
            const ssrc = Buffer.from(bytes).readUInt32BE(8)
            sent.set(i, [...sent.get(i) ?? [], `${ssrc}: ${hex(bytes.subarray(12))}`])
            buffers.add(packet)
            if (++sends % keepEvery !== 0) return true
            kept.push({ packet: bytes, was: hex(bytes) })
            return false
          }
        },
        onTrack: () => {},
        onExhausted: () => assert.fail("there are nonces")
      })
      const ring = FrameRing.make({ capacityBytes: 4_096 })
      for (let frame = 0; frame < frames; frame++) ring.write(Uint8Array.of(0xfc, frame, i >> 8, i), 960)
      ring.end()
      sender.attach(1, ring, false)
    }
    for (let due = wake; due !== undefined; due = wake) {
      now = Math.max(now, due.atMs)
      wake = undefined
      due.ring()
    }
    return { sent, kept, buffers: buffers.size }
  })

describe("senders of one clock", () => {
  for (const count of [45, 3_000]) {
    test(`never spoil each other's packets: ${count} of them`, () =>
      Effect.gen(function*() {
        const frames = 4
        const { kept, sent } = yield* crowd(count, frames, 7)
        assert.strictEqual(sent.size, count)
        for (const [i, packets] of sent) {
          const number = Buffer.of(i >> 8, i).toString("hex")
          assert.deepStrictEqual(packets, [
            ...Array.from({ length: frames }, (_, frame) => `${i + 1}: fc0${frame}${number}`),
            ...Array.from({ length: 5 }, () => `${i + 1}: ${silence}`)
          ])
        }
        for (const { packet, was } of kept) assert.strictEqual(hex(packet), was, "what waits in Node is left alone")
      }).pipe(Effect.scoped))
  }

  test("reuse the same few buffers", () =>
    Effect.gen(function*() {
      // 32 in one slot, and 28 in another
      const { buffers } = yield* crowd(60, 20, Infinity)
      assert.strictEqual(buffers, 32)
    }).pipe(Effect.scoped))
})
