/**
 * Scripted members of a channel. They have no socket, but an SSRC, a key and a mode: what they say is sealed and relayed like a
 * client's audio, and what they hear is opened with their key.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Datagram from "../../../protocol/Datagram.ts"
import type { UserId } from "../../../protocol/Identifier.ts"
import * as OpusPacket from "../../../protocol/OpusPacket.ts"
import * as RtcpPacket from "../../../protocol/RtcpPacket.ts"
import * as RtpPacket from "../../../protocol/RtpPacket.ts"
import type { CoreContext } from "../CoreContext.ts"
import * as Dave from "../dave/Dave.ts"
import type { DaveMember, DaveMemberOptions, Undecryptable } from "../dave/Seat.ts"
import { maxDatagramBytes } from "./Forwarding.ts"
import * as GuestVideo from "./GuestVideo.ts"
import type { VoiceHooks } from "./Hooks.ts"
import type { EncryptionOptions, HeardFrame, HeardReport, Participants, SpokenFrame } from "./Model.ts"
import * as NonceMemory from "./NonceMemory.ts"
import type { Relay } from "./Relay.ts"
import type { Roster, Where } from "./Roster.ts"
import * as Sealing from "./Sealing.ts"
import type { Session } from "./Session.ts"
import * as Shown from "./Shown.ts"

/** How long an utterance waits for its first frame to be encrypted, and how often that is tried, in milliseconds. */
const groupPatienceMs = 5_000
const groupStepMs = 10

/** The number of silence frames that close speech. */
const closingFrames = 5

interface Utterance {
  readonly frames: ReadonlyArray<SpokenFrame>
  readonly speaking: number
  readonly onDone: (() => void) | undefined
  readonly onCut: ((said: number) => void) | undefined
}

interface Seat {
  readonly session: Session
  /** The participant's side of the key, with its own counter. */
  readonly box: Sealing.Box
}

/**
 * Makes the scripted participants of one core. Their mode is the first that the profile offers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  hooks: VoiceHooks,
  roster: Roster,
  relay: Relay,
  dave: Dave.Dave
): Participants => {
  // All participants run in one thread and one call at a time, so they share buffers.
  const opened = new Uint8Array(maxDatagramBytes + 512)
  const spoken = new Uint8Array(maxDatagramBytes)
  const sealed = new Uint8Array(maxDatagramBytes + Sealing.maxOverhead)
  const header = RtpPacket.makeHeader()

  const makeMember = (
    { channelId, userId }: Where,
    { e2ee = true, misbehave }: EncryptionOptions,
    send: DaveMemberOptions["send"]
  ): { readonly version: number; readonly member: DaveMember | undefined } => {
    const demand = hooks.e2ee?.(channelId) ?? "optional"
    const version = e2ee ? Dave.versionOf(context, demand, Dave.newestVersion) : 0
    const misbehaviour = misbehave ?? {}
    const member = version === 0 ? undefined : hooks.daveMember?.({ context, userId, channelId, misbehaviour, send })
    return { version: member === undefined ? 0 : version, member }
  }

  const takeSeat = (
    where: Where,
    encryption: EncryptionOptions,
    padding: (() => number) | undefined,
    hear: (packet: Uint8Array, box: Sealing.Box) => void
  ): Seat => {
    const { shown = Shown.usual } = encryption
    const mode = context.profile.modes[0] ?? "aead_aes256_gcm_rtpsize"
    const key = context.random.bytes(32)
    const { bytes, int } = context.random
    const makeBox = () => Sealing.make(mode, key, { start: int(0x1_0000_0000), random: bytes })
    const box = makeBox()
    // The member can answer only once it is there.
    let seated: Session | undefined
    const encrypting = makeMember(where, encryption, dave.answers(() => seated))
    const session = seated = roster.add(where, undefined, encrypting)
    session.media = { box: makeBox(), nonces: NonceMemory.make(mode) }
    session.hear = (packet) => hear(packet, box)
    session.padding = padding
    session.client = shown
    // clients also announce that they have none
    if (shown.video || context.profile.guestVideo === "sent") {
      session.video = { ...Shown.video(session, shown.video), user_id: session.userId }
    }
    roster.introduce(session)
    dave.described(session, {
      op: 4,
      d: { mode, secret_key: Array.from(key), dave_protocol_version: dave.prepare(session) }
    })
    return { session, box }
  }

  const read = (packet: Uint8Array, box: Sealing.Box): Omit<HeardFrame, "encrypted" | "silence"> | undefined => {
    if (packet.length > opened.length) return undefined
    const clear = Sealing.rtpClearBytes(box.mode, packet, packet.length)
    const length = box.open(packet, packet.length, clear, opened)
    if (length < 0 || RtpPacket.readHeader(opened, length, header) !== undefined) return undefined
    const start = header.clearLength + 4 * header.extensionWords
    const userId = roster.ownerOf(header.ssrc)
    if (start > length || userId === undefined) return undefined
    const padded = opened.subarray(start, length)
    const payloadLength = header.padding ? RtpPacket.unpad(padded, padded.length) : padded.length
    if (payloadLength < 0) return undefined
    return {
      userId,
      ssrc: header.ssrc,
      sequence: header.sequence,
      timestamp: header.timestamp,
      payload: padded.slice(0, payloadLength),
      arrivalMs: context.now()
    }
  }

  const readReports = (packet: Uint8Array, box: Sealing.Box): ReadonlyArray<HeardReport> | undefined => {
    if (packet.length > opened.length) return undefined
    const length = box.open(packet, packet.length, Sealing.rtcpClearBytes, opened)
    const decoded = length < 0 ? undefined : RtcpPacket.decode(opened.subarray(0, length))
    if (decoded === undefined || Result.isFailure(decoded)) return undefined
    return decoded.success.flatMap((packet) => {
      const userId = packet._tag === "SenderReport" ? roster.ownerOf(packet.ssrc) : undefined
      if (packet._tag !== "SenderReport" || userId === undefined) return []
      const { ntpTimestamp, octetCount, packetCount, rtpTimestamp, ssrc } = packet
      return [{ userId, ssrc, ntpTimestamp, rtpTimestamp, packetCount, octetCount, arrivalMs: context.now() }]
    })
  }

  const join: Participants["join"] = (where, options = {}) => {
    const listeners: Array<(frame: HeardFrame) => void> = []
    const reportListeners: Array<(report: HeardReport) => void> = []
    const undecryptable: Array<(cause: Undecryptable, userId: UserId) => void> = []
    /** The first one is being spoken while `speaking` is true. */
    const queue: Array<Utterance> = []
    const { audio = {} } = options
    const epochMs = context.now()
    const firstTimestamp = audio.timestamp ?? context.random.int(0x1_0000_0000)
    const clockRate = 1 + (audio.clockPpm ?? 0) / 1e6
    let sequence = audio.sequence ?? context.random.int(0x1_0000)
    let padded = 0
    const padding = audio.padding === undefined || audio.padding.length === 0
      ? undefined
      : () => (audio.padding?.[padded++ % audio.padding.length] ?? 0) & 0xff
    let speaking = false
    /** The frames of the first one that were sent. */
    let said = 0
    /** When what was sent last is over. */
    let overMs = epochMs
    let cancel: (() => void) | undefined

    const hear = (packet: Uint8Array, box: Sealing.Box): void => {
      if (Datagram.classify(packet) === "rtcp") {
        const reports = readReports(packet, box)
        if (reports === undefined) return context.count("participant-unreadable")
        for (const report of reports) for (const listener of reportListeners) listener(report)
        return
      }
      const received = read(packet, box)
      if (received === undefined) return context.count("participant-unreadable")
      const { payload, userId } = received
      const opened = seat.session.member?.open(userId, payload) ?? Result.succeed({ frame: payload, encrypted: false })
      if (Result.isFailure(opened)) {
        context.count(`participant-undecryptable:${opened.failure}`)
        for (const listener of undecryptable) listener(opened.failure, userId)
        return
      }
      const { encrypted, frame } = opened.success
      const heard = { ...received, payload: frame, silence: OpusPacket.isSilence(frame), encrypted }
      for (const listener of listeners) listener(heard)
    }

    let encryption = options
    let seat = takeSeat(where, encryption, padding, hear)

    const video = GuestVideo.make(context, (packet) => {
      const clear = Sealing.rtpClearBytes(seat.box.mode, packet, packet.length)
      relay.scripted(seat.session, sealed.subarray(0, seat.box.seal(packet, packet.length, clear, sealed)))
      return !seat.session.ended
    })
    const turnVideo = (): void => {
      const isOn = encryption.shown?.video === true && context.profile.guestVideo === "sent" && !seat.session.ended
      video.turn(isOn ? seat.session.ssrc : undefined)
    }
    turnVideo()

    /** Returns whether there was anything to send: without a group, an encrypting member sends nothing. */
    const send = (data: Uint8Array, timestamp: number): boolean => {
      const { member } = seat.session
      const payload = member === undefined ? data : member.encrypt(data)
      if (payload === undefined) return false
      const length = RtpPacket.fixedHeaderBytes + payload.length
      if (length > spoken.length) {
        context.count("participant-frame-too-long")
        return true
      }
      RtpPacket.writeHeader(spoken, false, RtpPacket.payloadTypeOpus, sequence, timestamp, seat.session.ssrc)
      sequence = RtpPacket.nextSequence(sequence)
      spoken.set(payload, RtpPacket.fixedHeaderBytes)
      const clear = Sealing.rtpClearBytes(seat.box.mode, spoken, length)
      relay.scripted(seat.session, sealed.subarray(0, seat.box.seal(spoken, length, clear, sealed)))
      return true
    }

    const hush = (): void => {
      cancel?.()
      cancel = undefined
      speaking = false
      queue.splice(0).forEach(({ frames, onCut }, i) => onCut?.(i === 0 ? Math.min(said, frames.length) : 0))
    }

    /** Speaks the next utterance, whose first frame is due at `startMs`. */
    const next = (startMs: number): void => {
      const utterance = queue[0]
      if (utterance === undefined) {
        speaking = false
        return
      }
      speaking = true
      let beginMs = startMs
      let index = 0
      let samples = 0
      said = 0
      const step = (): void => {
        cancel = undefined
        if (seat.session.ended) return hush()
        if (index === 0) roster.setSpeaking(seat.session, utterance.speaking)
        const frame = utterance.frames[index]
        if (frame !== undefined) {
          const start = RtpPacket.addTimestamp(firstTimestamp, Math.round((beginMs - epochMs) * clockRate * 48))
          // a listener may cause this participant to be cut in the middle of that
          said = index + 1
          const isSent = send(frame.data, RtpPacket.addTimestamp(start, samples))
          // a new member may have to wait for the group; if nobody listens, there is nothing to wait for
          const mayWait = seat.session.room.members.length > 1 && beginMs - startMs < groupPatienceMs
          if (!isSent && index === 0 && mayWait) {
            said = 0
            beginMs += groupStepMs
            return schedule(step, beginMs)
          }
          samples += frame.samples
          overMs = beginMs + samples / 48 / clockRate
        }
        index++
        // A listener may have made this participant leave or move.
        if (queue[0] !== utterance) return
        if (index < utterance.frames.length) schedule(step, beginMs + samples / 48 / clockRate)
        else {
          queue.shift()
          utterance.onDone?.()
          if (speaking) next(beginMs + samples / 48 / clockRate)
        }
      }
      schedule(step, startMs)
    }

    const schedule = (step: () => void, atMs: number): void => {
      cancel = context.timers.at(atMs, step)
    }

    return {
      userId: where.userId,
      get ssrc() {
        return seat.session.ssrc
      },
      speak: (frames, options) => {
        if (seat.session.ended) {
          context.count("participant-gone")
          return options?.onCut?.(0)
        }
        const closing = options?.trailingSilence === false
          ? []
          : Array.from({ length: closingFrames }, () => ({
            data: OpusPacket.silenceFrame(),
            samples: OpusPacket.silenceSamples
          }))
        queue.push({
          frames: [...frames, ...closing],
          speaking: options?.speaking ?? 1,
          onDone: options?.onDone,
          onCut: options?.onCut
        })
        if (!speaking) next(Math.max(context.now(), overMs))
      },
      setSpeaking: (flags) => {
        if (!seat.session.ended) roster.setSpeaking(seat.session, flags)
      },
      show: (shown) => {
        const wasOn = encryption.shown?.video === true
        encryption = { ...encryption, shown }
        if (seat.session.ended) return
        roster.setClient(seat.session, shown)
        if (shown.video === wasOn) return
        roster.setVideo(seat.session, Shown.video(seat.session, shown.video))
        turnVideo()
      },
      onHeard: (listener) => {
        listeners.push(listener)
      },
      onReport: (listener) => {
        reportListeners.push(listener)
      },
      onUndecryptable: (listener) => {
        undecryptable.push(listener)
      },
      reaches: (userId) =>
        !seat.session.ended &&
        seat.session.room.members.some((other) => other.userId === userId && relay.reaches(seat.session, other)),
      membership: () => seat.session.member?.membership(),
      verificationCode: (userId) => seat.session.member?.verificationCode(userId) ?? Promise.resolve(undefined),
      misbehave: (how) => {
        encryption = { ...encryption, misbehave: how }
        seat.session.member?.misbehave(how)
      },
      move: (to) => {
        hush()
        roster.end(seat.session, 1000)
        seat = takeSeat({ ...where, channelId: to.channelId, server: to.server }, encryption, padding, hear)
        turnVideo()
      },
      leave: () => {
        hush()
        roster.end(seat.session, 1000)
        turnVideo()
      }
    }
  }

  return { join }
}
