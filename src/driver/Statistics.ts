/**
 * The counters of a connection, gathered from its parts.
 *
 * @since 0.1.0
 */
import type * as VoiceUdp from "../VoiceUdp.ts"
import type * as E2ee from "./e2ee/E2ee.ts"
import type * as Line from "./Line.ts"
import type * as MediaReceiver from "./media/MediaReceiver.ts"
import type * as Rtcp from "./media/Rtcp.ts"
import type * as Sending from "./media/Sending.ts"
import type { Signalling } from "./signalling/Signalling.ts"

/**
 * What each part of a connection has counted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parts {
  readonly sender: Sending.Statistics
  readonly receiver: MediaReceiver.Statistics
  /** Packets lost and reordered on their way to us, of all sources, and the known sources. */
  readonly lost: number
  readonly reordered: number
  readonly sources: ReadonlyArray<Line.SourceStatistics>
  readonly datagrams: VoiceUdp.Statistics
  readonly reports: Rtcp.Statistics
  readonly gateway: ReturnType<Signalling["statistics"]>
  /** Absent if the connection does not support end-to-end encryption. */
  readonly e2ee: E2ee.Statistics | undefined
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const gather = (
  { datagrams, e2ee, gateway, lost, receiver, reordered, reports, sender, sources }: Parts
): Line.Statistics => {
  const { heard } = reports
  return {
    ...(gateway.roundTripMs === undefined ? {} : { roundTripMs: gateway.roundTripMs }),
    ...(reports.roundTripMs === undefined ? {} : { mediaRoundTripMs: reports.roundTripMs }),
    ...(datagrams.roundTripMs === undefined ? {} : { pingRoundTripMs: datagrams.roundTripMs }),
    ...(heard === undefined
      ? {}
      : { sentLossShare: heard.lossShare, sentLost: heard.lost, sentJitterMs: heard.jitterMs }),
    heartbeatsSent: gateway.heartbeatsSent,
    resumes: gateway.resumes,
    packetsSent: sender.packets,
    silencePacketsSent: sender.silencePackets,
    bytesSent: sender.bytes,
    sendErrors: datagrams.sendErrors,
    reanchored: sender.reanchored,
    latenessP50Ms: sender.lateness.percentile(0.5),
    latenessP99Ms: sender.lateness.percentile(0.99),
    latenessMaxMs: sender.lateness.max(),
    packetsReceived: receiver.received,
    packetsOpened: receiver.opened,
    failedToOpen: receiver.failedToOpen,
    malformed: receiver.malformed,
    badPadding: receiver.badPadding,
    empty: receiver.empty,
    unheard: receiver.unheard,
    otherMedia: receiver.otherMedia,
    afterLeaving: receiver.afterLeaving,
    packetsLost: lost,
    packetsReordered: reordered,
    sources,
    rtcpSent: reports.sent,
    rtcpReceived: reports.received,
    rtcpFailedToOpen: reports.failedToOpen,
    rtcpMalformed: reports.malformed,
    unknownDatagrams: datagrams.unknown,
    malformedMessages: gateway.malformedMessages,
    unknownOpcodes: gateway.unknownOpcodes,
    framesWithheld: sender.withheld,
    framesEncrypted: e2ee?.encrypted ?? 0,
    failedToEncrypt: e2ee?.failedToEncrypt ?? 0,
    framesDecrypted: e2ee?.decrypted ?? 0,
    undecryptable: e2ee?.undecryptable ?? 0,
    fromNonMembers: e2ee?.fromNonMembers ?? 0,
    unencrypted: e2ee?.unencrypted ?? 0,
    unknownSenders: e2ee?.unknownSenders ?? 0,
    e2eeTransitions: e2ee?.transitions ?? 0,
    e2eeRejections: e2ee?.rejections ?? 0,
    e2eeRecoveries: e2ee?.recoveries ?? 0
  }
}
