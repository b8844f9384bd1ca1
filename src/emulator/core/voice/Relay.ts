/**
 * The UDP side of a voice server: answers IP discovery and pings, takes the packets of clients, and forwards them.
 *
 * A packet is judged as the client sent it, before the faults, and relayed as it comes out of them, so that no fault is held
 * against a client.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Datagram from "../../../protocol/Datagram.ts"
import * as IpDiscovery from "../../../protocol/IpDiscovery.ts"
import * as OpusPacket from "../../../protocol/OpusPacket.ts"
import * as RtpPacket from "../../../protocol/RtpPacket.ts"
import type { Address, CoreContext, VoiceServerId } from "../CoreContext.ts"
import type { Dave } from "../dave/Dave.ts"
import * as MediaFrame from "../dave/MediaFrame.ts"
import * as Diagnosis from "./Diagnosis.ts"
import * as Forwarding from "./Forwarding.ts"
import type { VoiceHooks } from "./Hooks.ts"
import * as Judgement from "./Judgement.ts"
import * as Listening from "./Listening.ts"
import * as Pauses from "./Pauses.ts"
import * as Reports from "./Reports.ts"
import type { Roster } from "./Roster.ts"
import * as Sealing from "./Sealing.ts"
import { learnAddress, type Media, sameAddress, type Session } from "./Session.ts"
import * as Strays from "./Strays.ts"

/**
 * The input of the voice servers' UDP side.
 *
 * @category models
 * @since 0.1.0
 */
export interface Relay {
  readonly datagram: (server: VoiceServerId, from: Address, bytes: Uint8Array) => void
  /** Takes a sealed RTP packet of a scripted participant, which is not judged. */
  readonly scripted: (session: Session, packet: Uint8Array) => void
  /** Whether what a member says now is sent to another one who can decrypt it. */
  readonly reaches: (sender: Session, listener: Session) => boolean
  /** Forwards the audio that has overtaken the first Speaking (op 5) of a session. */
  readonly release: (session: Session) => void
}

/** The number of packets that may do so. */
const overtakingPackets = 64

/** The shortest Opus frame, in samples at 48 kHz. */
const leastSamples = 120

type Kind = Datagram.Kind | "keepalive"

/**
 * Makes the relay of one core. `expel` closes the connection of a session and ends it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  hooks: VoiceHooks,
  roster: Roster,
  dave: Dave,
  expel: (session: Session, code: number, reason: string) => void
): Relay => {
  const { profile } = context
  const listening = Listening.make(context, roster)
  const forwarding = Forwarding.make(context, hooks, dave, listening)
  const forward = Pauses.make(context, forwarding.audio)
  const plain = new Uint8Array(Forwarding.maxDatagramBytes)
  const header = RtpPacket.makeHeader()
  // Identifies the packet in `plain`: it is opened once if no fault changes it.
  let opening = 0
  let plainLength = -1
  let payloadStart = 0
  let payloadEnd = 0

  const { accuse, judgeAddress, judgeEarly, judgeEncryption } = Judgement.make(context, dave, expel)

  const strays = Strays.make(context, roster)

  const reports = Reports.make(context, hooks, forwarding, accuse)

  const clearOf = (media: Media, kind: Kind, bytes: Uint8Array): number =>
    kind === "rtcp" ? Sealing.rtcpClearBytes : Sealing.rtpClearBytes(media.box.mode, bytes, bytes.length)

  const open = (session: Session, kind: Kind, bytes: Uint8Array): Media | undefined => {
    opening++
    const { media } = session
    if (media === undefined || bytes.length > plain.length) return undefined
    plainLength = media.box.open(bytes, bytes.length, clearOf(media, kind, bytes), plain)
    if (plainLength >= 0) return media
    for (const { media: former, untilMs } of session.formerMedia) {
      if (untilMs < context.now()) return undefined
      plainLength = former.box.open(bytes, bytes.length, clearOf(former, kind, bytes), plain)
      if (plainLength >= 0) return former
    }
    return undefined
  }

  const ssrcOf = (kind: Kind, bytes: Uint8Array): number => {
    const at = kind === "rtcp" ? 4 : 8
    return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0)) >>> 0
  }

  const whyUnsealed = ({ media }: Session, kind: Kind, bytes: Uint8Array): string =>
    media?.key === undefined
      ? "there is no key before the session description (op 4)"
      : Diagnosis.unsealed(media.box.mode, media.key, bytes, clearOf(media, kind, bytes))

  /** Handles a media packet that no key opens, or whose SSRC belongs to nobody: finds out whose fault that is. */
  const onStranger = (
    owner: Session | undefined,
    server: VoiceServerId,
    from: Address,
    kind: Kind,
    bytes: Uint8Array
  ) => {
    const ssrc = ssrcOf(kind, bytes)
    if (owner === undefined && roster.ownerOf(ssrc) !== undefined) return context.count("datagram-after-leave")
    const culprit = roster.byAddress(server, from) ?? owner
    if (culprit === undefined) return context.count("datagram-unknown-source")
    // a member who has left may still send with an SSRC that was reassigned
    if (culprit === owner && roster.isReused(ssrc) && !sameAddress(owner.target, from)) {
      return context.count("datagram-after-leave")
    }
    if (culprit !== owner && open(culprit, kind, bytes) !== undefined) {
      return accuse(culprit, "wrong-ssrc", `a packet has SSRC ${ssrc}, but Ready gave ${culprit.ssrc}`)
    }
    accuse(
      culprit,
      "unsealed-packet",
      () =>
        `${kind === "rtp" ? "an RTP" : "an RTCP"} packet does not authenticate: ${whyUnsealed(culprit, kind, bytes)}`
    )
  }

  /** Finds the payload of the audio packet in `plain`; a problem is the code and text of a violation. */
  const locate = (session: Session): readonly [code: string, message: string] | undefined => {
    if (RtpPacket.readHeader(plain, plainLength, header) !== undefined) {
      return ["malformed", "the RTP header is malformed"]
    }
    if (header.payloadType !== session.payloadTypes.opus) {
      return ["wrong-payload-type", `payload type ${header.payloadType} on the audio SSRC ${session.ssrc}`]
    }
    payloadStart = header.clearLength + 4 * header.extensionWords
    payloadEnd = plainLength
    if (payloadStart > payloadEnd) return ["malformed", "the header extension is longer than its packet"]
    if (header.padding) {
      const length = RtpPacket.unpad(plain.subarray(payloadStart, payloadEnd), payloadEnd - payloadStart)
      if (length < 0) return ["malformed", "the RTP padding is longer than its packet"]
      payloadEnd = payloadStart + length
    }
    return undefined
  }

  const isSilence = (): boolean =>
    payloadEnd - payloadStart === 3 && plain[payloadStart] === 0xf8 && plain[payloadStart + 1] === 0xff &&
    plain[payloadStart + 2] === 0xfe

  /** Judges an authentic packet of a client as it was sent. Returns false if it is not forwarded. */
  const inspect = (session: Session, media: Media, kind: Kind, from: Address, bytes: Uint8Array): boolean => {
    // In the mode without nonce bytes, all RTCP packets have the same nonce by design.
    if (kind === "rtp" || media.box.mode !== "xsalsa20_poly1305") {
      const clear = clearOf(media, kind, bytes)
      const sight = media.nonces.see(
        media.box.nonceOf(bytes, bytes.length),
        media.box.tagOf(bytes, bytes.length, clear)
      )
      if (sight === "duplicate") context.count("datagram-duplicate")
      if (sight === "repeated") {
        accuse(session, "nonce-repeated", "a nonce was used twice with one key: each packet needs its own, RTCP too")
      }
      if (sight !== "fresh") return false
    }
    listening.sent(session)
    judgeAddress(session, from)
    learnAddress(session, from, profile.mediaTarget)
    if (kind === "rtcp") {
      reports.judge(session, plain.subarray(0, plainLength))
      return true
    }
    const ssrc = ssrcOf(kind, bytes)
    if (ssrc !== session.ssrc) {
      const isAudio = ((bytes[1] ?? 0) & 0x7f) === session.payloadTypes.opus
      if (isAudio) {
        accuse(
          session,
          "wrong-ssrc",
          `audio was sent with SSRC ${ssrc}, which is for video: Ready gave ${session.ssrc}`
        )
      }
      return true
    }
    const problem = locate(session)
    if (problem !== undefined) {
      accuse(session, ...problem)
      return true
    }
    const silence = isSilence()
    if (!session.maySend) judgeEarly(session, silence)
    const payload = plain.subarray(payloadStart, payloadEnd)
    if (!silence && payload.length > 0) judgeEncryption(session, payload)
    // An end-to-end encrypted payload does not show how long it is.
    const isEncrypted = MediaFrame.isFrame(payload, 0, payload.length)
    const samples = isEncrypted ? leastSamples : OpusPacket.samples(payload)
    session.conduct?.packet(header.sequence, header.timestamp, samples, silence)
    return true
  }

  /** Relays announced video unchanged. */
  const relayVideo = (session: Session): void => {
    const isAnnounced = (session.video?.video_ssrc ?? 0) !== 0
    if (
      !isAnnounced || RtpPacket.readHeader(plain, plainLength, header) !== undefined ||
      header.payloadType === session.payloadTypes.opus
    ) return context.count("video-dropped")
    const start = header.clearLength + 4 * header.extensionWords
    if (start > plainLength) return context.count("video-dropped")
    forwarding.video(session, header, plain, start, plainLength)
  }

  const relayAudio = (session: Session, ssrc: number): void => {
    if (ssrc !== session.ssrc) return relayVideo(session)
    if (locate(session) !== undefined) return context.count("rtp-dropped")
    if (!session.maySend) {
      if (isSilence()) return
      session.early.push({ plain: plain.slice(0, plainLength), untilMs: context.now() + Judgement.overtakingMs })
      if (session.early.length > overtakingPackets) session.early.shift()
      return
    }
    if (payloadEnd === payloadStart) return context.count("rtp-empty")
    if (hooks.speaks !== undefined && !hooks.speaks(session.userId, session.guildId)) return context.count("rtp-muted")
    forward(session, header, plain, payloadStart, payloadEnd, isSilence())
  }

  /** Relays the packet in `plain`. */
  const relay = (session: Session, kind: Kind, ssrc: number): void => {
    if (kind === "rtcp") return reports.answer(session, plain.subarray(0, plainLength))
    if (ssrc === session.ssrc && RtpPacket.readHeader(plain, plainLength, header) === undefined) {
      session.reception.packet(header.sequence, header.timestamp, context.now())
    }
    relayAudio(session, ssrc)
  }

  const onMedia = (server: VoiceServerId, from: Address, kind: Kind, bytes: Uint8Array): void => {
    const session = roster.bySsrc(server, ssrcOf(kind, bytes))
    const media = session && open(session, kind, bytes)
    const opened = opening
    if (session === undefined || media === undefined) onStranger(session, server, from, kind, bytes)
    else if (!inspect(session, media, kind, from, bytes)) return
    context.through(
      "datagram-in",
      { userId: session?.userId, op: kind, frame: bytes, connection: session?.connection?.id },
      (frame) => {
        if (typeof frame === "string") return
        if (frame === bytes && opening === opened) {
          if (session !== undefined && media !== undefined && !session.ended) relay(session, kind, ssrcOf(kind, bytes))
          return
        }
        const nowKind = classify(frame)
        if (nowKind !== "rtp" && nowKind !== "rtcp") return context.count("datagram-replaced")
        const sender = roster.bySsrc(server, ssrcOf(nowKind, frame))
        if (sender === undefined || open(sender, nowKind, frame) === undefined) return context.count("datagram-refused")
        relay(sender, nowKind, ssrcOf(nowKind, frame))
      }
    )
  }

  /** The sender of a datagram that is not sealed. */
  const senderOf = (server: VoiceServerId, from: Address, kind: Kind, bytes: Uint8Array): Session | undefined => {
    if (kind !== "discovery") return roster.byAddress(server, from)
    const request = IpDiscovery.decodeRequest(bytes)
    return Result.isFailure(request) ? undefined : roster.bySsrc(server, request.success.ssrc)
  }

  const isLegacyDiscovery = (bytes: Uint8Array): boolean => {
    if (bytes.length !== 70) return false
    for (let i = 4; i < 70; i++) if (bytes[i] !== 0) return false
    return true
  }

  const classify = (bytes: Uint8Array): Kind => {
    if (isLegacyDiscovery(bytes)) return "discovery"
    const kind = Datagram.classify(bytes)
    return kind === "unknown" && bytes.length <= 9 ? "keepalive" : kind
  }

  const reply = (
    server: VoiceServerId,
    session: Session | undefined,
    to: Address,
    op: Kind,
    bytes: Uint8Array
  ): void => {
    const target = { address: to.address, port: to.port }
    context.through(
      "datagram-out",
      { userId: session?.userId, op, frame: bytes, connection: session?.connection?.id },
      (frame) => {
        if (session !== undefined && op === "discovery" && frame !== bytes) session.discoveryTampered = true
        if (typeof frame !== "string") context.emit({ _tag: "Datagram", server, to: target, bytes: frame })
      }
    )
  }

  const onDiscovery = (server: VoiceServerId, from: Address, bytes: Uint8Array, asSent: boolean): void => {
    const decoded = IpDiscovery.decodeRequest(bytes)
    const unanswered = (counter: string): void => {
      context.count(counter)
      if (asSent) strays.discovery(server, bytes)
    }
    if (Result.isFailure(decoded)) return unanswered("discovery-malformed")
    const { form, ssrc, zeroed } = decoded.success
    const session = roster.bySsrc(server, ssrc)
    if (session === undefined || session.ssrc !== ssrc) return unanswered("discovery-unknown-ssrc")
    if (!zeroed) {
      const message = "an IP discovery request has nonzero bytes where zeros belong"
      if (!asSent) context.count("tampered:discovery-garbage")
      else if (profile.discoveryGarbage === "refuse") accuse(session, "discovery-garbage", message)
      else context.judge("advice", "discovery-garbage", message, session.userId)
      if (profile.discoveryGarbage === "refuse") return
    }
    const isKnown = profile.discovery.includes(form)
    // one that has not found its address yet is looked up
    if (!isKnown) unanswered("discovery-unanswered")
    session.discovered = { address: from.address, port: from.port }
    if (session.target === undefined && sameAddress(session.selected, from)) {
      learnAddress(session, from, profile.mediaTarget)
    }
    if (!isKnown) return
    if (from.port === 0 || from.address === "" || from.address.length > IpDiscovery.addressBytes) {
      return context.count("discovery-unanswered")
    }
    const response = IpDiscovery.encodeResponse({ ssrc, address: from.address, port: from.port }, form)
    reply(server, session, from, "discovery", response)
  }

  /** Handles a datagram whose only content is where it comes from. */
  const onBeacon = (server: VoiceServerId, from: Address, kind: Kind, bytes: Uint8Array): void => {
    for (const session of roster.all()) {
      if (session.server === server && session.target === undefined && sameAddress(session.selected, from)) {
        learnAddress(session, from, profile.mediaTarget)
      }
    }
    if (kind === "ping") {
      const ping = Datagram.decodePing(bytes)
      if (Result.isSuccess(ping)) {
        reply(server, roster.byAddress(server, from), from, "ping", Datagram.encodePong(ping.success))
      }
      return
    }
    context.count("keepalive")
    if (profile.echoKeepalive && bytes.length === 8) {
      reply(server, roster.byAddress(server, from), from, "keepalive", bytes.slice())
    }
  }

  /** `asSent`: no fault has changed it. */
  const onOther = (server: VoiceServerId, from: Address, kind: Kind, bytes: Uint8Array, asSent: boolean): void => {
    if (kind === "discovery") return onDiscovery(server, from, bytes, asSent)
    if (kind === "ping" || kind === "keepalive") return onBeacon(server, from, kind, bytes)
    context.count("datagram-unknown")
    if (asSent) strays.unknown(server, from, bytes)
  }

  return {
    datagram: (server, from, bytes) => {
      if (bytes.length > Forwarding.maxDatagramBytes) return context.count("datagram-too-long")
      const kind = classify(bytes)
      if (kind === "rtp" || kind === "rtcp") return onMedia(server, from, kind, bytes)
      listening.beacon(server, from)
      const source = { address: from.address, port: from.port }
      const userId = senderOf(server, from, kind, bytes)?.userId
      context.through("datagram-in", { userId, op: kind, frame: bytes, connection: undefined }, (frame) => {
        if (typeof frame === "string") return
        const nowKind = frame === bytes ? kind : classify(frame)
        if (nowKind !== "rtp" && nowKind !== "rtcp") onOther(server, source, nowKind, frame, frame === bytes)
      })
    },
    reaches: forwarding.reaches,
    scripted: (session, packet) =>
      context.through(
        "datagram-in",
        { userId: session.userId, op: "rtp", frame: packet, connection: undefined },
        (frame) => {
          if (typeof frame === "string" || frame.length < 12 || session.ended) return
          if (open(session, "rtp", frame) === undefined) return context.count("datagram-refused")
          relay(session, "rtp", ssrcOf("rtp", frame))
        }
      ),
    release: (session) => {
      const { early } = session
      if (!session.maySend || early.length === 0) return
      session.early = []
      for (const packet of early) {
        if (packet.untilMs < context.now()) continue
        opening++
        plain.set(packet.plain)
        plainLength = packet.plain.length
        relayAudio(session, session.ssrc)
      }
    }
  }
}
