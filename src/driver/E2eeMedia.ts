/**
 * End-to-end encryption of the frames of a connection, in both directions (DAVE whitepaper, Payload Format). Plain code for
 * the beat. Which version is in force and whether plain frames are taken is decided in `E2ee`.
 *
 * Frames of silence (`F8 FF FE`) are never encrypted, and always taken.
 *
 * @since 0.1.0
 */
import type * as Dave from "../Dave.ts"
import * as E2eeFrame from "../protocol/E2eeFrame.ts"
import type { UserId } from "../protocol/Identifier.ts"
import * as OpusPacket from "../protocol/OpusPacket.ts"
import type { FrameRing, FrameSource } from "./FrameRing.ts"
import * as Hold from "./Hold.ts"
import type { AudioPacket } from "./Line.ts"
import type * as SsrcMap from "./SsrcMap.ts"

/**
 * What the two directions have to know.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly group: Dave.Group
  readonly users: SsrcMap.SsrcMap
  readonly now: () => number
  /** Whether what we send has to be encrypted. */
  readonly isEncrypting: () => boolean
  /** Whether a plain frame may be passed on at this time. */
  readonly takesPlain: (nowMs: number) => boolean
  /** Whether we are in a group, so that encrypted frames can be read. */
  readonly isMember: () => boolean
  /** Whether nobody encrypts, nor is about to: what looks encrypted is not. */
  readonly isPlainCall: () => boolean
  readonly onPacket: (packet: AudioPacket) => void
  /** An encrypted frame was read, or could not be. */
  readonly onDecrypted: (isReadable: boolean) => void
}

/**
 * Counts of frames.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly encrypted: number
  readonly failedToEncrypt: number
  readonly decrypted: number
  readonly undecryptable: number
  /** Those too who have left before their frames could be read. */
  readonly fromNonMembers: number
  readonly unencrypted: number
  readonly unknownSenders: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface E2eeMedia {
  /** What stands in front of a ring that is played: its frames, encrypted while they have to be, until it is closed. */
  readonly protect: (ring: FrameRing) => FrameSource
  /**
   * Takes a received packet and passes it on decrypted, now or when it is known whose it is, with the time that it has waited; or
   * counts why not.
   */
  readonly receive: (packet: AudioPacket) => void
  /**
   * A commit or Welcome is being processed, maybe in another thread: what comes from now on waits for that, because an engine
   * that has read a frame of an epoch takes none of that epoch that was sent before.
   */
  readonly beginEpoch: () => void
  /** It was processed, or refused: what came too early is tried again, and then what has come meanwhile. */
  readonly endEpoch: () => void
  /** The WebSocket is lost: what would be said by it, whose an SSRC is and what the next epoch is, comes with the resume. */
  readonly lose: () => void
  /** It was resumed, and what was missed has been said. */
  readonly regain: () => void
  /** The connection is over. */
  readonly close: () => void
  /** Somebody's SSRC has become known. */
  readonly onSender: () => void
  /** Somebody has left: what still waits of theirs, or is being decrypted, is passed on to nobody who has been told so. */
  readonly forget: (userId: UserId) => void
  readonly statistics: () => Statistics
}

/** Packets of unknown senders that wait, and for how long. */
const waitingBounds: Hold.Bounds = { ms: 1_000, packets: 100 }

/**
 * Unreadable packets that wait for the next epoch, and for how long. A sender is in the new epoch as soon as it has processed
 * a commit, and its frames overtake that commit on its way to us.
 */
const earlyBounds: Hold.Bounds = { ms: 1_000, packets: 250 }

/** Packets that wait while a commit is being processed; those beyond take their chance. */
const heldPackets = 1_000

/** A packet that was given up later than that was given up because nothing has come since: it says nothing of our keys now. */
const promptMs = 200

/** What another thread takes to decrypt a frame is no wait, in milliseconds. */
const noticeableMs = 5

/** Frames that are closed once, whoever closes them first. */
class Guarded implements FrameSource {
  readonly #frames: Dave.ProtectedFrames
  readonly #leave: (frames: Dave.ProtectedFrames) => boolean

  constructor(frames: Dave.ProtectedFrames, leave: (frames: Dave.ProtectedFrames) => boolean) {
    this.#frames = frames
    this.#leave = leave
  }

  get plain(): FrameRing | undefined {
    return this.#frames.plain
  }

  prefetch(step: number): number {
    return this.#frames.prefetch(step)
  }

  next(): number {
    return this.#frames.next()
  }

  read(into: Uint8Array, offset: number): number {
    return this.#frames.read(into, offset)
  }

  discard(): void {
    this.#frames.discard()
  }

  samples(): number {
    return this.#frames.samples()
  }

  isDrained(): boolean {
    return this.#frames.isDrained()
  }

  framesRead(): number {
    return this.#frames.framesRead()
  }

  close(): void {
    if (this.#leave(this.#frames)) this.#frames.close()
  }
}

type Attributed = AudioPacket & { readonly userId: NonNullable<AudioPacket["userId"]> }

interface Early {
  readonly packet: AudioPacket
  readonly failure: Dave.DecryptFailure | "none"
}

const isAttributed = (packet: AudioPacket): packet is Attributed => packet.userId !== undefined

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): E2eeMedia => {
  const { group, isEncrypting, isMember, isPlainCall, now, onDecrypted, onPacket, takesPlain, users } = options
  let encrypted = 0
  let failedToEncrypt = 0
  let decrypted = 0
  let undecryptable = 0
  let fromNonMembers = 0
  let unencrypted = 0
  let unknownSenders = 0
  let waiting: Array<AudioPacket> = []
  const waitingHold = Hold.make(waitingBounds)
  const earlyHold = Hold.make(earlyBounds)
  /** Unreadable frames, and silence that came behind them. */
  let early: Array<Early> = []

  /** What has come while a commit is being processed. */
  let held: Array<AudioPacket> | undefined
  /** Frames that are being decrypted, maybe in another thread, each with the silence that came behind it. */
  const flying = new Set<Pick<Attributed, "ssrc" | "userId"> & { readonly silence: Array<AudioPacket> }>()
  let isOver = false

  /** By what came at once a listener learns how our clocks differ. */
  const pass = (packet: AudioPacket): void => {
    const waitedMs = now() - packet.arrivalMs
    onPacket(waitedMs < noticeableMs ? packet : { ...packet, waitedMs })
  }

  const open = new Set<Dave.ProtectedFrames>()

  const protect = (ring: FrameRing): FrameSource => {
    const frames = group.protect(ring, {
      isEncrypting,
      onFrame: (isEncrypted) => {
        if (isEncrypted) encrypted++
        else failedToEncrypt++
      }
    })
    open.add(frames)
    return new Guarded(frames, (closed) => open.delete(closed))
  }

  const giveUp = (failure: Dave.DecryptFailure, waitedMs: number, nowMs: number): void => {
    if (failure === "NotMember") fromNonMembers++
    else undecryptable++
    // while the WebSocket is lost, our keys are behind because nobody could tell us of the next ones
    if (waitedMs <= earlyBounds.ms + promptMs && !earlyHold.isStretched(nowMs)) onDecrypted(false)
  }

  const drop = ({ failure, packet }: Early, nowMs: number): void => {
    if (failure === "none") pass(packet)
    else giveUp(failure, nowMs - packet.arrivalMs, nowMs)
  }

  const dropEarly = (nowMs: number): void => {
    const { ms, packets } = earlyHold.bounds(nowMs)
    while (true) {
      const [oldest] = early
      // a commit that is being processed may be what they wait for
      if (oldest === undefined || nowMs - oldest.packet.arrivalMs <= ms || held !== undefined) break
      early.shift()
      drop(oldest, nowMs)
    }
    if (early.length <= packets) return
    const [kept, tooMany] = Hold.part(early, ({ packet }) => packet.ssrc, packets)
    early = kept
    for (const one of tooMany) drop(one, nowMs)
  }

  const wait = (packet: AudioPacket, failure: Dave.DecryptFailure | "none"): void => {
    early.push({ packet, failure })
    dropEarly(now())
  }

  const decrypt = (packet: Attributed): void => {
    const silence: Array<AudioPacket> = []
    const flight = { ssrc: packet.ssrc, userId: packet.userId, silence }
    flying.add(flight)
    group.decrypt(packet.userId, packet.payload, (payload) => {
      if (!flying.delete(flight) || isOver) return
      if (typeof payload === "string") wait(packet, payload)
      else {
        decrypted++
        pass({ ...packet, payload })
        onDecrypted(true)
      }
      silence.forEach(passSilence)
    })
  }

  const take = (packet: AudioPacket): void => {
    if (OpusPacket.isSilence(packet.payload)) return takeSilence(packet)
    if (held !== undefined && held.length < heldPackets) held.push(packet)
    else if (isMember() && isAttributed(packet)) decrypt(packet)
    else wait(packet, "Undecryptable")
  }

  /** Silence can always be read, but closes what came before it: it stays behind what waits of the same sender. */
  const takeSilence = (packet: AudioPacket): void => {
    const isOfIt = ({ ssrc }: Pick<AudioPacket, "ssrc">) => ssrc === packet.ssrc
    if (waiting.some(isOfIt)) waiting.push(packet)
    else if (held?.some(isOfIt) === true && held.length < heldPackets) held.push(packet)
    else {
      const flight = Array.from(flying).findLast(isOfIt)
      if (flight === undefined) passSilence(packet)
      else flight.silence.push(packet)
    }
  }

  const passSilence = (packet: AudioPacket): void => {
    if (early.some((one) => one.packet.ssrc === packet.ssrc)) wait(packet, "none")
    else pass(packet)
  }

  const dropStale = (nowMs: number): void => {
    const { ms, packets } = waitingHold.bounds(nowMs)
    while (waiting[0] !== undefined && nowMs - waiting[0].arrivalMs > ms) {
      waiting.shift()
      unknownSenders++
    }
    if (waiting.length <= packets) return
    const [kept, tooMany] = Hold.part(waiting, ({ ssrc }) => ssrc, packets)
    waiting = kept
    unknownSenders += tooMany.length
  }

  const receive = (packet: AudioPacket): void => {
    const nowMs = now()
    if (OpusPacket.isSilence(packet.payload)) {
      dropEarly(nowMs)
      dropStale(nowMs)
      return takeSilence(packet)
    }
    if (!E2eeFrame.isProtected(packet.payload)) {
      if (takesPlain(nowMs)) return onPacket(packet)
      unencrypted++
      return
    }
    if (isPlainCall()) return onPacket(packet)
    dropEarly(nowMs)
    if (isAttributed(packet)) return take(packet)
    waiting.push(packet)
    dropStale(nowMs)
  }

  return {
    protect,
    close: () => {
      isOver = true
      for (const frames of open) frames.close()
      open.clear()
    },
    receive,
    onSender: () => {
      if (waiting.length === 0) return
      dropStale(now())
      const packets = waiting.splice(0)
      for (const packet of packets) {
        const userId = users.userOf(packet.ssrc)
        if (userId === undefined) waiting.push(packet)
        else take({ ...packet, userId })
      }
    },
    forget: (userId) => {
      const isOfOthers = (packet: AudioPacket) => packet.userId !== userId
      const before = early.length + (held?.length ?? 0)
      early = early.filter(({ packet }) => isOfOthers(packet))
      held = held?.filter(isOfOthers)
      fromNonMembers += before - early.length - (held?.length ?? 0)
      for (const flight of flying) {
        if (flight.userId !== userId) continue
        flying.delete(flight)
        fromNonMembers += 1 + flight.silence.length
      }
    },
    lose: () => {
      waitingHold.lose()
      earlyHold.lose()
    },
    regain: () => {
      const nowMs = now()
      waitingHold.regain(nowMs)
      earlyHold.regain(nowMs)
    },
    beginEpoch: () => {
      held ??= []
    },
    endEpoch: () => {
      const later = held ?? []
      held = undefined
      for (const { packet } of early.splice(0)) take(packet)
      for (const packet of later) take(packet)
    },
    statistics: () => {
      const nowMs = now()
      dropEarly(nowMs)
      dropStale(nowMs)
      return {
        encrypted,
        failedToEncrypt,
        decrypted,
        undecryptable,
        fromNonMembers,
        unencrypted,
        unknownSenders
      }
    }
  }
}
