/**
 * The metrics of a session: their names, and the numbers that they show. Names and units follow Prometheus: seconds and
 * ratios (0 to 1), and the suffix `_total` for counters.
 *
 * @since 0.1.0
 */
import type { Statistics } from "../driver/Line.ts"

/**
 * The counters of the jitter buffers of a session, for all users together, as `session.receive.statistics()` returns them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Buffering {
  /** Packets that arrived after they had been reported as lost. */
  readonly late: number
  readonly duplicates: number
  readonly overflowed: number
  readonly strays: number
  /** Frames that were reported as lost, which a decoder conceals. */
  readonly lost: number
  /** The part of these that error correction can recover. */
  readonly recoverable: number
  readonly resyncs: number
  /** Frames that slow readers have lost. */
  readonly dropped: number
  /** Packets that could not be decoded for readers of PCM or utterances. */
  readonly undecodable: number
  readonly waiting: number
  readonly depthMs: number
}

/**
 * One metric. Entries with the same name differ in their attributes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry<A> {
  readonly name: string
  readonly kind: "counter" | "gauge"
  readonly description: string
  readonly attributes?: Readonly<Record<string, string>> | undefined
  /** Reads the value; `undefined` while it is not known. */
  readonly read: (from: A) => number | undefined
}

/**
 * 1 while the session is connected, 0 while it is not; removed when the session ends.
 *
 * @category catalog
 * @since 0.1.0
 */
export const up: Omit<Entry<never>, "read"> = {
  kind: "gauge",
  name: "discord_voice_session_up",
  description: "Whether the session has a voice connection (1) or not (0)"
}

const seconds = (ms: number | undefined): number | undefined => ms === undefined ? undefined : ms / 1000

const greatest = (values: ReadonlyArray<number>): number | undefined =>
  values.length === 0 ? undefined : Math.max(...values)

const gauge = <A>(name: string, description: string, read: Entry<A>["read"]): Entry<A> => ({
  name: `discord_voice_${name}`,
  kind: "gauge",
  description,
  read
})

const counter = <A>(
  name: string,
  description: string,
  read: Entry<A>["read"],
  attributes?: Readonly<Record<string, string>>
): Entry<A> => ({
  name: `discord_voice_${name}_total`,
  kind: "counter",
  description,
  attributes,
  read
})

/** One counter for each field, distinguished by the attribute `cause`. */
const counters = <A>(
  name: string,
  description: string,
  reads: Readonly<Record<string, (from: A) => number>>
): ReadonlyArray<Entry<A>> =>
  Object.entries(reads).map(([value, read]) => counter(name, description, read, { cause: value }))

/**
 * The metrics that come from `session.statistics`.
 *
 * @category catalog
 * @since 0.1.0
 */
export const connection: ReadonlyArray<Entry<Statistics>> = [
  gauge(
    "gateway_round_trip_seconds",
    "Round trip of the main gateway's heartbeat",
    (s) => seconds(s.gatewayRoundTripMs)
  ),
  gauge("heartbeat_round_trip_seconds", "Round trip of the voice gateway's heartbeat", (s) => seconds(s.roundTripMs)),
  gauge("media_round_trip_seconds", "Round trip of media, from RTCP", (s) => seconds(s.mediaRoundTripMs)),
  gauge("ping_round_trip_seconds", "Round trip of pings on the media socket", (s) => seconds(s.pingRoundTripMs)),
  gauge(
    "sent_loss_ratio",
    "Fraction of sent packets that were lost, from the server's last report",
    (s) => s.sentLossShare
  ),
  gauge("sent_jitter_seconds", "Jitter of sent packets, from the server's last report", (s) => seconds(s.sentJitterMs)),
  gauge(
    "received_loss_ratio",
    "Fraction of received packets that were lost in the last interval, for the worst source",
    (s) => greatest(s.sources.map(({ lossShare }) => lossShare))
  ),
  gauge(
    "received_jitter_seconds",
    "Jitter of received packets, for the worst source",
    (s) => seconds(greatest(s.sources.map(({ jitterMs }) => jitterMs)))
  ),
  gauge("sources", "Number of streams heard", (s) => s.sources.length),
  gauge("send_lateness_p99_seconds", "How late packets were sent, 99th percentile", (s) => seconds(s.latenessP99Ms)),
  gauge("send_lateness_max_seconds", "How late the latest packet was sent", (s) => seconds(s.latenessMaxMs)),
  counter("heartbeats_sent", "Heartbeats sent to the voice gateway", (s) => s.heartbeatsSent),
  counter("resumes", "Lost WebSockets that were replaced while media continued", (s) => s.resumes),
  counter("packets_sent", "RTP packets sent", (s) => s.packetsSent),
  counter("silence_packets_sent", "RTP packets sent that were closing silence", (s) => s.silencePacketsSent),
  counter("sent_bytes", "Bytes of RTP packets sent", (s) => s.bytesSent),
  counter("send_errors", "Datagrams that the operating system did not accept", (s) => s.sendErrors),
  counter("stalls", "Stalls of the process after which the beat returned to its grid", (s) => s.reanchored),
  counter(
    "frames_withheld",
    "Frames that were not sent because nobody could have decrypted them",
    (s) => s.framesWithheld
  ),
  counter("packets_received", "RTP packets that arrived", (s) => s.packetsReceived),
  counter("packets_opened", "RTP packets that were passed on to a listener", (s) => s.packetsOpened),
  counter("packets_lost", "RTP packets that were expected but did not arrive", (s) => s.packetsLost),
  counter("packets_reordered", "RTP packets that arrived after a later one, or twice", (s) => s.packetsReordered),
  ...counters<Statistics>("packets_unused", "RTP packets that were not passed on", {
    failed_to_open: (s) => s.failedToOpen,
    malformed: (s) => s.malformed,
    bad_padding: (s) => s.badPadding,
    empty: (s) => s.empty,
    unheard: (s) => s.unheard,
    other_media: (s) => s.otherMedia,
    after_leaving: (s) => s.afterLeaving
  }),
  counter("rtcp_sent", "RTCP packets sent", (s) => s.rtcpSent),
  counter("rtcp_received", "RTCP packets that arrived", (s) => s.rtcpReceived),
  ...counters<Statistics>("rtcp_unused", "RTCP packets that could not be used", {
    failed_to_open: (s) => s.rtcpFailedToOpen,
    malformed: (s) => s.rtcpMalformed
  }),
  ...counters<Statistics>("messages_unused", "Messages of the voice gateway that could not be used", {
    malformed: (s) => s.malformedMessages,
    unknown_opcode: (s) => s.unknownOpcodes
  }),
  counter("datagrams_unknown", "Datagrams that are not media, discovery or ping", (s) => s.unknownDatagrams),
  counter("e2ee_frames_encrypted", "Frames that were sent end-to-end encrypted", (s) => s.framesEncrypted),
  counter("e2ee_frames_decrypted", "End-to-end encrypted frames that were decrypted", (s) => s.framesDecrypted),
  ...counters<Statistics>("e2ee_frames_failed", "Frames that could not be encrypted or decrypted", {
    failed_to_encrypt: (s) => s.failedToEncrypt,
    undecryptable: (s) => s.undecryptable,
    not_a_member: (s) => s.fromNonMembers,
    unencrypted: (s) => s.unencrypted,
    unknown_sender: (s) => s.unknownSenders
  }),
  counter("e2ee_transitions", "Changes of the end-to-end encrypted group", (s) => s.e2eeTransitions),
  counter("e2ee_rejections", "Messages of the group that were refused", (s) => s.e2eeRejections),
  counter("e2ee_recoveries", "Requests to be added to the group again", (s) => s.e2eeRecoveries)
]

/**
 * The metrics that come from `session.receive.statistics`, if the session has it.
 *
 * @category catalog
 * @since 0.1.0
 */
export const buffering: ReadonlyArray<Entry<Buffering>> = [
  gauge("buffer_depth_seconds", "Depth of the deepest jitter buffer", (b) => seconds(b.depthMs)),
  gauge("buffer_packets", "Packets waiting in the jitter buffers", (b) => b.waiting),
  counter("frames_concealed", "Frames reported as lost, for the decoder to conceal", (b) => b.lost),
  counter("frames_recoverable", "Lost frames that error correction can recover", (b) => b.recoverable),
  ...counters<Buffering>("buffer_unused", "Packets that the jitter buffers could not use", {
    late: (b) => b.late,
    duplicate: (b) => b.duplicates,
    overflow: (b) => b.overflowed,
    stray: (b) => b.strays
  }),
  counter("resyncs", "How often a stream continued from another position", (b) => b.resyncs),
  counter("frames_dropped", "Frames that slow readers lost", (b) => b.dropped),
  counter(
    "frames_undecodable",
    "Frames that could not be decoded, or for which no decoder was available",
    (b) => b.undecodable
  )
]
