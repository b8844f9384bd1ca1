/**
 * Forwards audio to the members of a channel: builds the header as Discord's server writes it, with its extension and its
 * padding, and seals the packet for every listener with that listener's key.
 *
 * @since 0.1.0
 */
import type { RtpHeader } from "../../../protocol/RtpPacket.ts"
import * as RtpPacket from "../../../protocol/RtpPacket.ts"
import type { CoreContext } from "../CoreContext.ts"
import type { Dave } from "../dave/Dave.ts"
import * as MediaFrame from "../dave/MediaFrame.ts"
import type { VoiceHooks } from "./Hooks.ts"
import type { Listening } from "./Listening.ts"
import * as Sealing from "./Sealing.ts"
import type { Session } from "./Session.ts"
import * as Video from "./Video.ts"

/**
 * The maximum size of a datagram in bytes; longer ones are dropped. Nothing longer passes an Ethernet.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxDatagramBytes = 1600

/**
 * The connection from the relay to the members of a channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Forwarding {
  /**
   * Sends the payload in `plain[from, to)` to all others in the sender's channel. An end-to-end encrypted frame goes only to
   * the members of the sender's group.
   */
  readonly audio: (
    sender: Session,
    header: RtpHeader,
    plain: Uint8Array,
    from: number,
    to: number,
    silence: boolean
  ) => void
  /**
   * Sends a video packet, `plain[from, to)` with its padding, to all clients in the sender's channel that want its stream and,
   * if there is a group, are in it: a packet does not show which part of it is end-to-end encrypted.
   */
  readonly video: (sender: Session, header: RtpHeader, plain: Uint8Array, from: number, to: number) => void
  /** Whether what a member says now is sent to another one who can decrypt it. */
  readonly reaches: (sender: Session, listener: Session) => boolean
  /** Sends a plain RTCP packet to one member. */
  readonly control: (to: Session, packet: Uint8Array) => void
  /** Sends a plain RTCP packet to all others in the sender's channel. */
  readonly controlOthers: (sender: Session, packet: Uint8Array) => void
}

/** The preamble and one word of elements: 1, the audio level, and 9, the speaker's flags, with one byte each. */
const extensionBytes = 8

/**
 * Makes the forwarding of one core. `hooks.hears` is called for every listener and packet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, hooks: VoiceHooks, dave: Dave, listening: Listening): Forwarding => {
  const { headerExtension, paddingRate } = context.profile
  const maxPadding = Math.min(255, context.profile.maxPadding)
  const plain = new Uint8Array(maxDatagramBytes + extensionBytes + 255)
  const sealed = new Uint8Array(plain.length + Sealing.maxOverhead)
  // One view for each length that has occurred, so that packets do not need new ones.
  const views: Array<Uint8Array | undefined> = []

  const dispatch = (listener: Session, length: number, op: "rtp" | "rtcp"): void => {
    const frame = views[length] ??= sealed.subarray(0, length)
    context.through(
      "datagram-out",
      { userId: listener.userId, op, frame, connection: listener.connection?.id },
      listener.deliver
    )
  }

  const reachable = (listener: Session): boolean => {
    if (listener.hear !== undefined || listener.target !== undefined) return true
    context.count("datagram-no-address")
    return false
  }

  /** The flags of Speaking in the format of element 9: 1 priority, 2 voice, 4 soundshare. */
  const speakerElement = (flags: number): number => ((flags & 3) << 1) | ((flags & 4) >> 2)

  const drawPadding = (): number =>
    maxPadding > 0 && context.random.next() < paddingRate ? 1 + context.random.int(maxPadding) : 0

  const build = (
    sender: Session,
    header: RtpHeader,
    from: Uint8Array,
    start: number,
    end: number,
    silence: boolean
  ) => {
    let at: number = RtpPacket.writeHeader(
      plain,
      header.marker,
      RtpPacket.payloadTypeOpus,
      header.sequence,
      header.timestamp,
      sender.ssrc
    )
    let first = RtpPacket.versionBits
    // Closing silence has been seen without the extension and the padding that other packets have.
    if (headerExtension && !silence) {
      first |= RtpPacket.extensionBit
      plain[at] = RtpPacket.profileOneByte >>> 8
      plain[at + 1] = RtpPacket.profileOneByte & 0xff
      plain[at + 2] = 0
      plain[at + 3] = 1
      plain[at + 4] = 0x10
      plain[at + 5] = 0x80 | context.random.int(0x80)
      plain[at + 6] = 0x90
      plain[at + 7] = speakerElement(sender.speaking ?? 0)
      at += extensionBytes
    }
    for (let i = start; i < end; i++) plain[at++] = from[i] ?? 0
    const padding = sender.padding?.() ?? (silence ? 0 : drawPadding())
    if (padding > 0) {
      first |= RtpPacket.paddingBit
      plain.fill(0, at, at + padding - 1)
      at += padding
      plain[at - 1] = padding
    }
    plain[0] = first
    return at
  }

  const buildVideo = (header: RtpHeader, from: Uint8Array, start: number, end: number): number => {
    let at: number = RtpPacket.writeHeader(
      plain,
      header.marker,
      header.payloadType,
      header.sequence,
      header.timestamp,
      header.ssrc
    )
    plain[0] = RtpPacket.versionBits | (headerExtension ? RtpPacket.extensionBit : 0) |
      (header.padding ? RtpPacket.paddingBit : 0)
    if (headerExtension) {
      const sent = Math.floor(context.now() * 262.144) & 0xff_ffff
      const elements = [0x32, sent >>> 16, (sent >>> 8) & 0xff, sent & 0xff, 0x51, header.sequence >>> 8]
      for (const byte of [0xbe, 0xde, 0, 2, ...elements, header.sequence & 0xff, 0]) plain[at++] = byte
    }
    for (let i = start; i < end; i++) plain[at++] = from[i] ?? 0
    return at
  }

  const control = (to: Session, packet: Uint8Array): void => {
    if (to.media === undefined || !reachable(to)) return
    dispatch(to, to.media.box.seal(packet, packet.length, Sealing.rtcpClearBytes, sealed), "rtcp")
  }

  return {
    audio: (sender, header, from, start, end, silence) => {
      const { members } = sender.room
      if (members.length < 2) return
      const length = build(sender, header, from, start, end, silence)
      const encrypted = MediaFrame.isFrame(from, start, end)
      const group = encrypted ? dave.group(sender.room) : undefined
      for (const listener of members) {
        const { media } = listener
        if (listener === sender || media === undefined || !reachable(listener)) continue
        if (hooks.hears !== undefined && !hooks.hears(listener.userId, listener.guildId)) continue
        if (!listening.admits(listener)) continue
        if (encrypted && group?.reads(sender, listener) !== true) {
          context.count("dave-frame-withheld")
          continue
        }
        plain[1] = ((plain[1] ?? 0) & 0x80) | listener.payloadTypes.opus
        const clear = Sealing.rtpClearBytes(media.box.mode, plain, length)
        dispatch(listener, media.box.seal(plain, length, clear, sealed), "rtp")
      }
    },
    video: (sender, header, from, start, end) => {
      const length = buildVideo(header, from, start, end)
      const isRetransmission = header.ssrc === sender.ssrc + 2
      const stream = isRetransmission ? sender.ssrc + 1 : header.ssrc
      const group = dave.group(sender.room)
      for (const listener of sender.room.members) {
        const { media, payloadTypes } = listener
        // scripted members cannot display it
        if (listener === sender || listener.hear !== undefined || media === undefined || !reachable(listener)) continue
        if (!Video.isWanted(listener.wants, stream)) {
          context.count("video-unwanted")
          continue
        }
        if (group?.securedMs(sender) !== undefined && !group.reads(sender, listener)) {
          context.count("dave-frame-withheld")
          continue
        }
        plain[1] = ((plain[1] ?? 0) & 0x80) | (isRetransmission ? payloadTypes.rtx : payloadTypes.video)
        context.count("video-forwarded")
        const clear = Sealing.rtpClearBytes(media.box.mode, plain, length)
        dispatch(listener, media.box.seal(plain, length, clear, sealed), "rtp")
      }
    },
    reaches: (sender, listener) => {
      const { guildId, media, userId } = listener
      if (media === undefined || (listener.hear === undefined && listener.target === undefined)) return false
      if (hooks.speaks?.(sender.userId, sender.guildId) === false || hooks.hears?.(userId, guildId) === false) {
        return false
      }
      const group = dave.group(sender.room)
      return listening.wouldAdmit(listener) &&
        (group === undefined || group.version() === 0 || group.reads(sender, listener))
    },
    control,
    controlOthers: (sender, packet) => {
      for (const listener of sender.room.members) {
        if (listener === sender) continue
        if (hooks.hears === undefined || hooks.hears(listener.userId, listener.guildId)) control(listener, packet)
      }
    }
  }
}
