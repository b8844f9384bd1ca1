import { assert, describe, it } from "@effect/vitest"
import type * as Line from "../../src/driver/Line.ts"
import * as Statistics from "../../src/driver/Statistics.ts"
import { Ssrc } from "../../src/protocol/Identifier.ts"

const source = { ssrc: Ssrc.make(9), packets: 1, lost: 0, reordered: 0, lossShare: 0, jitterMs: 0 }

/** No number occurs twice. */
const parts: Statistics.Parts = {
  sender: {
    packets: 1,
    silencePackets: 2,
    withheld: 3,
    bytes: 4,
    reanchored: 5,
    lateness: { record: () => {}, prefetch: () => 0, percentile: (p) => 1_000 * p, max: () => 1_200, close: () => {} }
  },
  receiver: {
    received: 11,
    opened: 12,
    failedToOpen: 13,
    malformed: 14,
    badPadding: 15,
    empty: 16,
    unheard: 17,
    otherMedia: 18,
    afterLeaving: 49
  },
  lost: 21,
  reordered: 22,
  sources: [source],
  datagrams: {
    sent: 31,
    sendErrors: 32,
    received: 33,
    unknown: 34,
    dropped: 35,
    keepalives: 36,
    pongs: 37,
    roundTripMs: 38
  },
  reports: {
    received: 41,
    failedToOpen: 42,
    malformed: 43,
    sent: 44,
    heard: { lossShare: 45, lost: 46, jitterMs: 47 },
    roundTripMs: 48
  },
  gateway: { heartbeatsSent: 51, roundTripMs: 52, resumes: 53, malformedMessages: 54, unknownOpcodes: 55 },
  e2ee: {
    encrypted: 61,
    failedToEncrypt: 62,
    decrypted: 63,
    undecryptable: 64,
    fromNonMembers: 65,
    unencrypted: 66,
    unknownSenders: 67,
    transitions: 68,
    rejections: 69,
    recoveries: 70
  }
}

const expected: Line.Statistics = {
  roundTripMs: 52,
  mediaRoundTripMs: 48,
  pingRoundTripMs: 38,
  sentLossShare: 45,
  sentLost: 46,
  sentJitterMs: 47,
  heartbeatsSent: 51,
  resumes: 53,
  packetsSent: 1,
  silencePacketsSent: 2,
  bytesSent: 4,
  sendErrors: 32,
  reanchored: 5,
  latenessP50Ms: 500,
  latenessP99Ms: 990,
  latenessMaxMs: 1_200,
  packetsReceived: 11,
  packetsOpened: 12,
  failedToOpen: 13,
  malformed: 14,
  badPadding: 15,
  empty: 16,
  unheard: 17,
  otherMedia: 18,
  afterLeaving: 49,
  packetsLost: 21,
  packetsReordered: 22,
  sources: [source],
  rtcpSent: 44,
  rtcpReceived: 41,
  rtcpFailedToOpen: 42,
  rtcpMalformed: 43,
  unknownDatagrams: 34,
  malformedMessages: 54,
  unknownOpcodes: 55,
  framesWithheld: 3,
  framesEncrypted: 61,
  failedToEncrypt: 62,
  framesDecrypted: 63,
  undecryptable: 64,
  fromNonMembers: 65,
  unencrypted: 66,
  unknownSenders: 67,
  e2eeTransitions: 68,
  e2eeRejections: 69,
  e2eeRecoveries: 70
}

describe("Statistics", () => {
  it("gives each number of each part its name", () => {
    assert.deepStrictEqual(Statistics.gather(parts), expected)
  })

  it("omits what was not measured, and counts nothing for an encryption that is not in use", () => {
    const unmeasured = new Set([
      "mediaRoundTripMs",
      "pingRoundTripMs",
      "roundTripMs",
      "sentJitterMs",
      "sentLossShare",
      "sentLost"
    ])
    const rest = Object.fromEntries(Object.entries(expected).filter(([name]) => !unmeasured.has(name)))
    const gathered = Statistics.gather({
      ...parts,
      datagrams: { ...parts.datagrams, roundTripMs: undefined },
      reports: { ...parts.reports, heard: undefined, roundTripMs: undefined },
      gateway: { ...parts.gateway, roundTripMs: undefined },
      e2ee: undefined
    })
    assert.deepStrictEqual<unknown>(gathered, {
      ...rest,
      framesEncrypted: 0,
      failedToEncrypt: 0,
      framesDecrypted: 0,
      undecryptable: 0,
      fromNonMembers: 0,
      unencrypted: 0,
      unknownSenders: 0,
      e2eeTransitions: 0,
      e2eeRejections: 0,
      e2eeRecoveries: 0
    })
  })
})
