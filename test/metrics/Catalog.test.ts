import { assert, describe, it } from "@effect/vitest"
import * as Catalog from "../../src/metrics/Catalog.ts"
import { Ssrc } from "../../src/protocol/Identifier.ts"
import { zeroStatistics } from "../../src/testing/MockVoiceDriver.ts"
import type { Statistics } from "../../src/VoiceDriver.ts"

const source = (lossShare: number, jitterMs: number) => ({
  ssrc: Ssrc.make(1),
  packets: 0,
  lost: 0,
  reordered: 0,
  restarts: 0,
  lossShare,
  jitterMs
})

/** What each series reads, by its name and its attributes. */
const reads = <A>(entries: ReadonlyArray<Catalog.Entry<A>>, from: A) =>
  Object.fromEntries(
    entries.map(({ attributes = {}, name, read }) => [
      [name.replace("discord_voice_", ""), ...Object.values(attributes)].join(" "),
      read(from)
    ])
  )

/** A different number for each numeric field. */
const numbered = <A extends object>(fields: A): A & Record<string, number> => {
  let number = 0
  const one = (value: unknown) => typeof value === "number" ? ++number : value
  // the fields keep their names and types
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, one(value)])) as
    & A
    & Record<string, number>
}

describe("Catalog", () => {
  it("reads each field of the statistics in one series, with times in seconds", () => {
    const s = numbered({
      ...zeroStatistics,
      gatewayRoundTripMs: 0,
      roundTripMs: 0,
      mediaRoundTripMs: 0,
      pingRoundTripMs: 0,
      sentLossShare: 0,
      sentJitterMs: 0
    })
    assert.deepStrictEqual(reads(Catalog.connection, s), {
      "gateway_round_trip_seconds": s.gatewayRoundTripMs / 1000,
      "heartbeat_round_trip_seconds": s.roundTripMs / 1000,
      "media_round_trip_seconds": s.mediaRoundTripMs / 1000,
      "ping_round_trip_seconds": s.pingRoundTripMs / 1000,
      "sent_loss_ratio": s.sentLossShare,
      "sent_jitter_seconds": s.sentJitterMs / 1000,
      "received_loss_ratio": undefined,
      "received_jitter_seconds": undefined,
      "sources": 0,
      "send_lateness_p99_seconds": s.latenessP99Ms / 1000,
      "send_lateness_max_seconds": s.latenessMaxMs / 1000,
      "heartbeats_sent_total": s.heartbeatsSent,
      "resumes_total": s.resumes,
      "packets_sent_total": s.packetsSent,
      "silence_packets_sent_total": s.silencePacketsSent,
      "sent_bytes_total": s.bytesSent,
      "send_errors_total": s.sendErrors,
      "stalls_total": s.reanchored,
      "frames_withheld_total": s.framesWithheld,
      "packets_received_total": s.packetsReceived,
      "packets_opened_total": s.packetsOpened,
      "packets_lost_total": s.packetsLost,
      "packets_reordered_total": s.packetsReordered,
      "packets_unused_total failed_to_open": s.failedToOpen,
      "packets_unused_total malformed": s.malformed,
      "packets_unused_total bad_padding": s.badPadding,
      "packets_unused_total empty": s.empty,
      "packets_unused_total unheard": s.unheard,
      "packets_unused_total other_media": s.otherMedia,
      "packets_unused_total after_leaving": s.afterLeaving,
      "rtcp_sent_total": s.rtcpSent,
      "rtcp_received_total": s.rtcpReceived,
      "rtcp_unused_total failed_to_open": s.rtcpFailedToOpen,
      "rtcp_unused_total malformed": s.rtcpMalformed,
      "messages_unused_total malformed": s.malformedMessages,
      "messages_unused_total unknown_opcode": s.unknownOpcodes,
      "datagrams_unknown_total": s.unknownDatagrams,
      "e2ee_frames_encrypted_total": s.framesEncrypted,
      "e2ee_frames_decrypted_total": s.framesDecrypted,
      "e2ee_frames_failed_total failed_to_encrypt": s.failedToEncrypt,
      "e2ee_frames_failed_total undecryptable": s.undecryptable,
      "e2ee_frames_failed_total not_a_member": s.fromNonMembers,
      "e2ee_frames_failed_total unencrypted": s.unencrypted,
      "e2ee_frames_failed_total unknown_sender": s.unknownSenders,
      "e2ee_transitions_total": s.e2eeTransitions,
      "e2ee_rejections_total": s.e2eeRejections,
      "e2ee_recoveries_total": s.e2eeRecoveries
    })
  })

  it("reports the worst source", () => {
    const sources = [source(0.1, 7), source(0.3, 2), source(0.2, 30)]
    const statistics: Statistics = { ...zeroStatistics, sources }
    const { received_jitter_seconds: jitter, received_loss_ratio: loss, sources: count } = reads(
      Catalog.connection,
      statistics
    )
    assert.deepStrictEqual([loss, jitter, count], [0.3, 0.03, 3])
  })

  it("reads each field of the jitter buffers in one series", () => {
    const b = numbered({
      late: 0,
      duplicates: 0,
      overflowed: 0,
      strays: 0,
      lost: 0,
      recoverable: 0,
      resyncs: 0,
      dropped: 0,
      undecodable: 0,
      waiting: 0,
      depthMs: 0
    })
    assert.deepStrictEqual(reads(Catalog.buffering, b), {
      "buffer_depth_seconds": b.depthMs / 1000,
      "buffer_packets": b.waiting,
      "frames_concealed_total": b.lost,
      "frames_recoverable_total": b.recoverable,
      "buffer_unused_total late": b.late,
      "buffer_unused_total duplicate": b.duplicates,
      "buffer_unused_total overflow": b.overflowed,
      "buffer_unused_total stray": b.strays,
      "resyncs_total": b.resyncs,
      "frames_dropped_total": b.dropped,
      "frames_undecodable_total": b.undecodable
    })
  })
})
