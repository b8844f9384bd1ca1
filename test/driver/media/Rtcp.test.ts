import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result, Schema } from "effect"
import * as Reception from "../../../src/driver/media/Reception.ts"
import * as Rtcp from "../../../src/driver/media/Rtcp.ts"
import * as SsrcMap from "../../../src/driver/SsrcMap.ts"
import * as EncryptionMode from "../../../src/protocol/EncryptionMode.ts"
import { Ssrc, UserId } from "../../../src/protocol/Identifier.ts"
import * as RtcpPacket from "../../../src/protocol/RtcpPacket.ts"
import * as VoiceCrypto from "../../../src/VoiceCrypto.ts"

const key = Redacted.make(Uint8Array.from({ length: 32 }, (_, i) => i))
const ssrc = Ssrc.make(7_000)
const server = 1
const noBytes = new Uint8Array(0)

const rig = Effect.fnUntraced(
  function*(
    options: {
      readonly mode?: VoiceCrypto.Mode
      readonly reports?: "none" | "sender" | "all"
      readonly unixMs?: number
      /** Called with each buffer that is sent. Returns whether it can be used again. */
      readonly onBuffer?: (packet: Uint8Array, length: number) => boolean
    } = {}
  ) {
    const { mode = "aead_aes256_gcm_rtpsize", reports = "all", unixMs = 1_700_000_000_250 } = options
    const crypto = yield* VoiceCrypto.VoiceCrypto
    const users = SsrcMap.make()
    const reception = Reception.make()
    const remote = yield* crypto.make(mode, key)
    const sent: Array<ReadonlyArray<RtcpPacket.RtcpPacket>> = []
    const state = { ms: 5_000, packets: 0, bytes: 0 }
    let buffers = 0
    const made = yield* crypto.make(mode, key)
    const cipher: VoiceCrypto.PacketCipher = {
      mode: made.mode,
      expansionBytes: made.expansionBytes,
      allocate: made.allocate,
      seal: (...packet) => made.seal(...packet),
      open: (...packet) => made.open(...packet),
      sealed: () => made.sealed(),
      workspace: {
        next: (size) => {
          buffers++
          return made.workspace.next(size)
        },
        release: () => {
          buffers--
          made.workspace.release()
        },
        replace: made.workspace.replace
      }
    }
    const overhead = 12 + cipher.expansionBytes
    const rtcp = Rtcp.make({
      cipher,
      ssrc,
      users,
      reception,
      sender: {
        statistics: () => ({
          packets: state.packets,
          bytes: state.bytes,
          silencePackets: 0,
          withheld: 0,
          reanchored: 0,
          lateness: { record: () => {}, prefetch: () => 0, percentile: () => 0, max: () => 0, close: () => {} }
        }),
        timestampAt: (ms) => (ms * 48) >>> 0
      },
      now: () => state.ms,
      unixMs,
      reports,
      send: (packet, length) => {
        const copy = packet.slice(0, length)
        sent.push(Result.getOrThrow(RtcpPacket.decode(copy.subarray(0, remote.open(copy, 8, length)))))
        return options.onBuffer?.(packet, length) ?? true
      }
    })
    const sealed = (plain: Uint8Array) => {
      const buffer = new Uint8Array(plain.length + 64)
      buffer.set(plain)
      return buffer.slice(0, remote.seal(buffer, 8, plain.length))
    }
    return {
      rtcp,
      users,
      reception,
      sent,
      state,
      sealed,
      /** Buffers in use. */
      buffers: () => buffers,
      play: (packets: number, payloadBytes: number) => {
        state.packets += packets
        state.bytes += packets * (overhead + payloadBytes)
      },
      deliver: (...packets: ReadonlyArray<RtcpPacket.RtcpPacket>) => rtcp.receive(sealed(RtcpPacket.encode(packets)))
    }
  }
)

const block = (more: Partial<RtcpPacket.ReportBlock> = {}): RtcpPacket.ReportBlock => ({
  ssrc,
  fractionLost: 64,
  cumulativeLost: 100,
  highestSequence: 70_000,
  jitter: 480,
  lastSenderReport: 0,
  delaySinceLastSenderReport: 0,
  ...more
})

const receiverReport = (reports: ReadonlyArray<RtcpPacket.ReportBlock>, from = server): RtcpPacket.RtcpPacket => ({
  _tag: "ReceiverReport",
  ssrc: from,
  reports,
  extension: noBytes
})

const senderReport = (from: number, more: Partial<RtcpPacket.SenderReport> = {}): RtcpPacket.SenderReport => ({
  _tag: "SenderReport",
  ssrc: from,
  ntpTimestamp: 0xe8fe_3880_8000_0000n,
  rtpTimestamp: 48_000,
  packetCount: 1,
  octetCount: 1,
  reports: [],
  extension: noBytes,
  ...more
})

const lastSender = (sent: ReadonlyArray<ReadonlyArray<RtcpPacket.RtcpPacket>>): RtcpPacket.SenderReport => {
  const packet = sent.at(-1)?.[0]
  assert(packet?._tag === "SenderReport")
  return packet
}

describe("Rtcp", () => {
  it("writes NTP timestamps as in RFC 3550", () => {
    // the example of 6.4.1: 10 November 1995, 11:33:25.125 UTC
    const unixMs = Date.UTC(1995, 10, 10, 11, 33, 25, 125)
    assert.strictEqual(Rtcp.ntpOf(unixMs), 0xb44d_b705_2000_0000n)
    assert.strictEqual(Rtcp.middleOf(0xb44d_b705_2000_0000n), 0xb705_2000)
    assert.strictEqual(Rtcp.ntpOf(0), 2_208_988_800n << 32n)
    assert.strictEqual(Rtcp.unixMsOf(0xb44d_b705_2000_0000n), unixMs)
  })

  it.effect("computes the round trip of the example in RFC 3550", () =>
    Effect.gen(function*() {
      const { deliver, play, rtcp, sent, state } = yield* rig()
      play(10, 50)
      rtcp.report()
      const asked = Rtcp.middleOf(lastSender(sent).ntpTimestamp)
      // the receiver answers after 5.250 s, and its answer arrives 11.375 s after the report: 6.125 s in transit
      state.ms += 11_375
      deliver(receiverReport([block({ lastSenderReport: asked, delaySinceLastSenderReport: 0x0005_4000 })]))
      assert.approximately(rtcp.statistics().roundTripMs ?? 0, 6_125, 0.02)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  for (const mode of EncryptionMode.modes) {
    it.effect(`opens and seals in ${mode}, unless its nonce is the RTP header`, () =>
      Effect.gen(function*() {
        const { deliver, play, rtcp, sent } = yield* rig({ mode })
        if (mode === "xsalsa20_poly1305") {
          // its nonce is the RTP header, which reports do not have
          play(10, 50)
          rtcp.report()
          assert.deepStrictEqual(sent, [])
          rtcp.receive(new Uint8Array(40))
          assert.deepInclude(rtcp.statistics(), { received: 1, failedToOpen: 1, sent: 0 })
          return
        }
        deliver(receiverReport([block(), block({ ssrc: 5, fractionLost: 1, cumulativeLost: 1, jitter: 48 })]))
        assert.deepInclude(rtcp.statistics(), {
          received: 1,
          failedToOpen: 0,
          malformed: 0,
          heard: { lossShare: 0.25, lost: 100, jitterMs: 10 }
        })
        play(10, 50)
        rtcp.report()
        assert.lengthOf(sent, 1)
      }).pipe(Effect.provide(VoiceCrypto.layer)))
  }

  it.effect("reports what was sent, and at which time, while something is sent", () =>
    Effect.gen(function*() {
      const { play, rtcp, sent, state } = yield* rig({ reports: "sender" })
      rtcp.report()
      assert.deepStrictEqual(sent, [])
      play(250, 160)
      state.ms += 5_000
      rtcp.report()
      assert.deepStrictEqual(lastSender(sent), {
        _tag: "SenderReport",
        ssrc,
        ntpTimestamp: Rtcp.ntpOf(1_700_000_005_250),
        rtpTimestamp: 480_000,
        packetCount: 250,
        octetCount: 250 * 160,
        reports: [],
        extension: noBytes
      })
      // a sender of the previous interval still counts as one, but not after two intervals
      for (let i = 0; i < 3; i++) rtcp.report()
      assert.lengthOf(sent, 2)
      assert.strictEqual(rtcp.statistics().sent, 2)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("wraps its counts at the 32 bits of their fields", () =>
    Effect.gen(function*() {
      const { play, rtcp, sent } = yield* rig()
      // ten months at 160 packets a second
      play(0x1_0000_0005, 3)
      rtcp.report()
      assert.strictEqual(lastSender(sent).packetCount, 5)
      assert.strictEqual(lastSender(sent).octetCount, (0x1_0000_0005 * 3) % 0x1_0000_0000)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("reports on no more sources at once than fit into a packet", () =>
    Effect.gen(function*() {
      const { play, reception, rtcp, sent } = yield* rig()
      const hear = (sequence: number) => {
        for (let source = 1; source <= 40; source++) reception.packet(source, sequence, sequence * 960, sequence * 20)
      }
      hear(1)
      rtcp.report()
      hear(2)
      play(1, 1)
      rtcp.report()
      const reported = sent.map(([packet]) => packet !== undefined && "reports" in packet ? packet.reports : [])
      assert.deepStrictEqual(reported.map(({ length }) => length), [31, 31])
      assert.strictEqual(new Set(reported.flat().map((one) => one.ssrc)).size, 40)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("sends nothing if there is nothing to report", () =>
    Effect.gen(function*() {
      const { rtcp, sent } = yield* rig()
      rtcp.report()
      assert.deepStrictEqual(sent, [])
      assert.strictEqual(rtcp.statistics().sent, 0)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("leaves the bytes of a waiting report alone", () =>
    Effect.gen(function*() {
      const waiting: Array<{ readonly bytes: Uint8Array; readonly was: Uint8Array }> = []
      const { buffers, play, rtcp } = yield* rig({
        onBuffer: (packet, length) => {
          waiting.push({ bytes: packet.subarray(0, length), was: packet.slice(0, length) })
          return false
        }
      })
      for (let i = 0; i < 3; i++) {
        play(1 + i, 50)
        rtcp.report()
      }
      assert.lengthOf(waiting, 3)
      assert.strictEqual(buffers(), 0)
      for (const { bytes, was } of waiting) assert.deepStrictEqual(Uint8Array.from(bytes), was)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it("reports every 5 seconds, plus or minus half of that, and sooner the first time", () => {
    assert.deepStrictEqual([0, 0.5, 1].map((draw) => Rtcp.nextMs(true, draw)), [1_250, 2_500, 3_750])
    assert.deepStrictEqual([0, 0.5, 1].map((draw) => Rtcp.nextMs(false, draw)), [2_500, 5_000, 7_500])
  })

  it.effect("reports on others only if that is asked for", () =>
    Effect.gen(function*() {
      for (const reports of ["none", "sender", "all"] as const) {
        const { deliver, play, reception, rtcp, sent, state } = yield* rig({ reports })
        deliver(senderReport(9))
        state.ms += 1_000
        reception.packet(9, 1, 0, state.ms)
        rtcp.report()
        const expected = {
          ssrc: 9,
          fractionLost: 0,
          cumulativeLost: 0,
          highestSequence: 1,
          jitter: 0,
          lastSenderReport: 0x3880_8000,
          delaySinceLastSenderReport: 65_536
        }
        const alone = reports === "all" ? [[{ ...receiverReport([expected], ssrc) }]] : []
        assert.deepStrictEqual(sent, alone)
        reception.packet(9, 2, 960, state.ms + 20)
        play(1, 1)
        rtcp.report()
        assert.lengthOf(sent, alone.length + (reports === "none" ? 0 : 1))
        if (reports !== "none") assert.lengthOf(lastSender(sent).reports, reports === "all" ? 1 : 0)
      }
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("keeps the clocks of senders, and forgets senders that say goodbye", () =>
    Effect.gen(function*() {
      const { deliver, reception, rtcp } = yield* rig()
      reception.packet(9, 1, 0, 0)
      deliver(senderReport(9), { _tag: "SourceDescription", chunks: [{ ssrc: 9, items: [RtcpPacket.cname("x")] }] })
      const unixMs = (0xe8fe_3880 - 2_208_988_800) * 1000 + 500
      assert.deepStrictEqual(reception.sources()[0]?.senderReport, { unixMs, timestamp: 48_000 })
      deliver({ _tag: "Goodbye", ssrcs: [9, 10] })
      assert.deepStrictEqual(reception.sources(), [])
      assert.deepInclude(rtcp.statistics(), { received: 2, malformed: 0, heard: undefined })
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("prefers the server's numbers to a member's, and ignores answers to reports it did not send", () =>
    Effect.gen(function*() {
      const { deliver, rtcp, users } = yield* rig()
      users.assign(Ssrc.make(9), UserId.make("1"))
      deliver(receiverReport([block({ fractionLost: 128 })], 9))
      assert.strictEqual(rtcp.statistics().heard?.lossShare, 0.5)
      deliver(receiverReport([block({ lastSenderReport: 0x1234_5678 })]))
      assert.strictEqual(rtcp.statistics().heard?.lossShare, 0.25)
      deliver(receiverReport([block({ fractionLost: 128 })], 9))
      assert.strictEqual(rtcp.statistics().heard?.lossShare, 0.25)
      assert.isUndefined(rtcp.statistics().roundTripMs)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("believes the latest numbers of members until the server's come, also from sender reports", () =>
    Effect.gen(function*() {
      const { deliver, rtcp, users } = yield* rig()
      users.assign(Ssrc.make(9), UserId.make("1"))
      for (const fractionLost of [128, 192]) {
        deliver(receiverReport([block({ fractionLost })], 9))
        assert.strictEqual(rtcp.statistics().heard?.lossShare, fractionLost / 256)
      }
      deliver(senderReport(server, { reports: [block({ fractionLost: 32 })] }))
      assert.strictEqual(rtcp.statistics().heard?.lossShare, 0.125)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("does not mistake a report with its own SSRC for one of a source it hears", () =>
    Effect.gen(function*() {
      const { deliver, reception } = yield* rig()
      deliver(senderReport(ssrc))
      reception.packet(ssrc, 1, 0, 0)
      assert.lengthOf(reception.sources(), 1)
      assert.isUndefined(reception.sources()[0]?.senderReport)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("accepts an answer to one of the last sixteen reports, but not to an older one", () =>
    Effect.gen(function*() {
      const { deliver, play, rtcp, sent, state } = yield* rig()
      const asked: Array<number> = []
      for (let i = 0; i < 17; i++) {
        play(1, 1)
        rtcp.report()
        asked.push(Rtcp.middleOf(lastSender(sent).ntpTimestamp))
        state.ms += 1_000
      }
      const [first, second] = asked
      assert(first !== undefined && second !== undefined)
      deliver(receiverReport([block({ lastSenderReport: first })]))
      assert.isUndefined(rtcp.statistics().roundTripMs)
      deliver(receiverReport([block({ lastSenderReport: second })]))
      assert.approximately(rtcp.statistics().roundTripMs ?? 0, 16_000, 0.02)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("computes the round trip if the middle of the timestamp wraps, as it does every 18 hours", () =>
    Effect.gen(function*() {
      // 50 ms before a whole number of 65,536 seconds since 1900
      const seconds = Math.ceil(2_208_988_800 / 65_536) * 65_536 + 65_536 - 2_208_988_800
      const { deliver, play, rtcp, sent, state } = yield* rig({ unixMs: seconds * 1_000 - 50 })
      play(1, 1)
      rtcp.report()
      const lastSenderReport = Rtcp.middleOf(lastSender(sent).ntpTimestamp)
      assert.isAbove(lastSenderReport, 0xffff_0000)
      state.ms += 80
      deliver(receiverReport([block({ lastSenderReport })]))
      assert.approximately(rtcp.statistics().roundTripMs ?? 0, 80, 0.02)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("does not believe an answer that would have come before its report", () =>
    Effect.gen(function*() {
      const { deliver, play, rtcp, sent } = yield* rig()
      play(1, 1)
      rtcp.report()
      const lastSenderReport = Rtcp.middleOf(lastSender(sent).ntpTimestamp)
      deliver(receiverReport([block({ lastSenderReport, delaySinceLastSenderReport: 65_536 })]))
      assert.isUndefined(rtcp.statistics().roundTripMs)
      deliver(receiverReport([block({ lastSenderReport, delaySinceLastSenderReport: 1 })]))
      assert.strictEqual(rtcp.statistics().roundTripMs, 0)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect.prop(
    "counts whatever comes, once",
    { bodies: Schema.Array(Schema.Uint8Array), spoilt: Schema.Int },
    ({ bodies, spoilt }) =>
      Effect.gen(function*() {
        const { rtcp, sealed } = yield* rig()
        const good = RtcpPacket.encode([receiverReport([block()])])
        for (const body of bodies) {
          // authentic garbage, an authentic packet that is damaged, and one that is not authentic
          const packet = Uint8Array.from([0x81, 201, 0, 7, ...body])
          rtcp.receive(sealed(packet.length < 8 ? new Uint8Array(8) : packet))
          const changed = good.slice()
          const at = (Math.abs(spoilt) + body.length) % changed.length
          changed[at] = (changed[at] ?? 0) ^ (1 + (body[0] ?? 0))
          rtcp.receive(sealed(changed))
          rtcp.receive(Uint8Array.from(body))
        }
        const { failedToOpen, malformed, received } = rtcp.statistics()
        assert.strictEqual(received, bodies.length * 3)
        assert.strictEqual(failedToOpen, bodies.length)
        assert.isAtMost(malformed, bodies.length * 2)
      }).pipe(Effect.provide(VoiceCrypto.layer))
  )

  const uint = (maximum: number) => Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum })))
  const Happening = Schema.Struct({
    what: Schema.Literals(["packet", "packet", "packet", "sender report", "goodbye", "restart", "play", "report"]),
    ssrc: uint(40),
    sequence: uint(65_535),
    timestamp: uint(0xffff_ffff),
    afterMs: uint(100_000)
  })

  it.effect.prop(
    "makes reports that fit into a packet, whatever came before",
    { happenings: Schema.Array(Happening) },
    ({ happenings }) =>
      Effect.gen(function*() {
        const { deliver, play, reception, rtcp, sent, state } = yield* rig()
        for (let round = 0; round < 3; round++) {
          for (const { afterMs, sequence, ssrc, timestamp, what } of happenings) {
            state.ms += afterMs / 7
            if (what === "packet") reception.packet(ssrc, sequence, timestamp, state.ms)
            else if (what === "sender report") deliver(senderReport(ssrc, { rtpTimestamp: timestamp }))
            else if (what === "goodbye") deliver({ _tag: "Goodbye", ssrcs: [ssrc] })
            else if (what === "restart") reception.restart()
            else if (what === "play") play(1 + timestamp, sequence)
            else rtcp.report()
          }
          rtcp.report()
        }
        assert.strictEqual(rtcp.statistics().sent, sent.length)
      }).pipe(Effect.provide(VoiceCrypto.layer))
  )
})
