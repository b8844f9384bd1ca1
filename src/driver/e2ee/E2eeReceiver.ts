/**
 * Decrypts the frames of others end to end (DAVE whitepaper, Payload Format), and holds those that have to wait: the owner of
 * an SSRC and the next epoch of the group arrive on the WebSocket, which packets overtake. Plain code for the beat. `E2ee`
 * decides which version is in force and whether plain frames are accepted.
 *
 * Frames of silence (`F8 FF FE`) are never encrypted, and always accepted.
 *
 * @since 0.1.0
 */
import type * as Dave from "../../Dave.ts"
import * as E2eeFrame from "../../protocol/E2eeFrame.ts"
import type { Ssrc, UserId } from "../../protocol/Identifier.ts"
import * as OpusPacket from "../../protocol/OpusPacket.ts"
import type { AudioPacket } from "../Line.ts"
import type * as SsrcMap from "../SsrcMap.ts"
import * as Hold from "./Hold.ts"
import * as Repeats from "./Repeats.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly group: Dave.Group
  readonly users: SsrcMap.SsrcMap
  readonly now: () => number
  /** Whether a plain frame may be passed on at this time. */
  readonly takesPlain: (nowMs: number) => boolean
  /** Whether we are in a group, so that encrypted frames can be decrypted. */
  readonly isMember: () => boolean
  /** Whether nobody encrypts, nor is about to: then a frame that looks encrypted is not. */
  readonly isPlainCall: () => boolean
  readonly onPacket: (packet: AudioPacket) => void
  /** Called when an encrypted frame was decrypted, or could not be. */
  readonly onDecrypted: (isReadable: boolean, arrivalMs: number, ssrc: Ssrc) => void
}

/**
 * The counts of received frames.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly decrypted: number
  readonly undecryptable: number
  /** Including frames of users who left before these could be decrypted. */
  readonly fromNonMembers: number
  readonly unencrypted: number
  readonly unknownSenders: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface E2eeReceiver {
  /**
   * Takes a received packet and passes it on decrypted, now or when its sender is known, with the time that it has waited; or
   * counts why not.
   */
  readonly receive: (packet: AudioPacket) => void
  /**
   * Tells that a commit or Welcome is being processed, maybe in another thread. What arrives from now on waits for that,
   * because an engine that has decrypted a frame of an epoch rejects earlier frames of that epoch.
   */
  readonly beginEpoch: () => void
  /**
   * Tells that it was processed, or rejected: what came too early is tried again, followed by what has arrived in the meantime.
   */
  readonly endEpoch: () => void
  /** Tells that the WebSocket is lost: what it would report, the owners of SSRCs and the next epoch, arrives with the resume. */
  readonly lose: () => void
  /** Tells that it was resumed, and what was missed has been sent. */
  readonly regain: () => void
  /** Tells that the connection is over. */
  readonly close: () => void
  /** Tells that the owner of an SSRC has become known. */
  readonly onSender: () => void
  /**
   * Tells that a user has left: frames of theirs that still wait, or are being decrypted, are not passed on to anybody who has
   * been told so.
   */
  readonly forget: (userId: UserId) => void
  readonly statistics: () => Statistics
}

/** How many packets of unknown senders wait, and for how long. */
const waitingBounds: Hold.Bounds = { ms: 1_000, packets: 100 }

/**
 * How many undecryptable packets wait for the next epoch, and for how long. A sender is in the new epoch as soon as it has
 * processed a commit, and its frames overtake that commit on its way to us.
 */
const earlyBounds: Hold.Bounds = { ms: 1_000, packets: 250 }

/** The number of packets that wait while a commit is being processed. The others are tried immediately. */
const heldPackets = 1_000

/**
 * A packet that was given up later than that was given up because nothing has arrived since. It says nothing about our current
 * keys.
 */
const promptMs = 200

/** The time that another thread takes to decrypt a frame is not counted as waiting, in milliseconds. */
const noticeableMs = 5

type Attributed = AudioPacket & { readonly userId: NonNullable<AudioPacket["userId"]> }

interface Early {
  readonly packet: AudioPacket
  readonly failure: Dave.DecryptFailure | "none"
}

/** A frame that is being decrypted, maybe in another thread, with the silence that came after it. */
type Flight = Pick<Attributed, "ssrc" | "userId"> & { readonly silence: Array<AudioPacket> }

const isAttributed = (packet: AudioPacket): packet is Attributed => packet.userId !== undefined

/** Sets are created when they are first needed: most calls need none of them. */
class Receiver implements E2eeReceiver {
  readonly #options: Options
  #decrypted = 0
  #undecryptable = 0
  #fromNonMembers = 0
  #unencrypted = 0
  #unknownSenders = 0
  #waiting: Array<AudioPacket> = []
  readonly #waitingHold = Hold.make(waitingBounds)
  readonly #earlyHold = Hold.make(earlyBounds)
  /** Undecryptable frames, and the silence that came after them. */
  #early: Array<Early> = []
  /** What has arrived while a commit is being processed. */
  #held: Array<AudioPacket> | undefined = undefined
  #flying: Set<Flight> | undefined = undefined
  #repeats: Repeats.Repeats | undefined = undefined
  #isOver = false

  constructor(options: Options) {
    this.#options = options
  }

  // an own property: it is passed on to the code that opens packets
  readonly receive = (packet: AudioPacket): void => {
    const nowMs = this.#options.now()
    if (OpusPacket.isSilence(packet.payload)) {
      this.#dropEarly(nowMs)
      this.#dropStale(nowMs)
      return this.#takeSilence(packet)
    }
    if (!E2eeFrame.isProtected(packet.payload)) {
      if (this.#options.takesPlain(nowMs)) return this.#options.onPacket(packet)
      this.#unencrypted++
      return
    }
    if (this.#options.isPlainCall()) return this.#options.onPacket(packet)
    this.#dropEarly(nowMs)
    if (isAttributed(packet)) return this.#take(packet)
    this.#waiting.push(packet)
    this.#dropStale(nowMs)
  }

  beginEpoch(): void {
    this.#held ??= []
  }

  endEpoch(): void {
    const later = this.#held ?? []
    this.#held = undefined
    for (const { packet } of this.#early.splice(0)) this.#take(packet)
    for (const packet of later) this.#take(packet)
  }

  lose(): void {
    this.#waitingHold.lose()
    this.#earlyHold.lose()
  }

  regain(): void {
    const nowMs = this.#options.now()
    this.#waitingHold.regain(nowMs)
    this.#earlyHold.regain(nowMs)
  }

  close(): void {
    this.#isOver = true
  }

  onSender(): void {
    if (this.#waiting.length === 0) return
    this.#dropStale(this.#options.now())
    const packets = this.#waiting.splice(0)
    for (const packet of packets) {
      const userId = this.#options.users.userOf(packet.ssrc)
      if (userId === undefined) this.#waiting.push(packet)
      else this.#take({ ...packet, userId })
    }
  }

  forget(userId: UserId): void {
    const isOfOthers = (packet: AudioPacket) => packet.userId !== userId
    const before = this.#early.length + (this.#held?.length ?? 0)
    this.#early = this.#early.filter(({ packet }) => isOfOthers(packet))
    this.#held = this.#held?.filter(isOfOthers)
    this.#fromNonMembers += before - this.#early.length - (this.#held?.length ?? 0)
    for (const flight of this.#flying ?? []) {
      if (flight.userId !== userId) continue
      this.#flying?.delete(flight)
      this.#fromNonMembers += 1 + flight.silence.length
    }
  }

  statistics(): Statistics {
    const nowMs = this.#options.now()
    this.#dropEarly(nowMs)
    this.#dropStale(nowMs)
    return {
      decrypted: this.#decrypted,
      undecryptable: this.#undecryptable,
      fromNonMembers: this.#fromNonMembers,
      unencrypted: this.#unencrypted,
      unknownSenders: this.#unknownSenders
    }
  }

  /** Packets that are passed on immediately show a listener how the clocks differ. */
  #pass(packet: AudioPacket): void {
    const waitedMs = this.#options.now() - packet.arrivalMs
    this.#options.onPacket(waitedMs < noticeableMs ? packet : { ...packet, waitedMs })
  }

  #giveUp(failure: Dave.DecryptFailure, { arrivalMs, ssrc }: AudioPacket, nowMs: number): void {
    if (failure === "NotMember") this.#fromNonMembers++
    else this.#undecryptable++
    // while the WebSocket is lost, our keys are behind because nobody could announce the next ones
    if (nowMs - arrivalMs > earlyBounds.ms + promptMs || this.#earlyHold.isStretched(nowMs)) return
    this.#options.onDecrypted(false, arrivalMs, ssrc)
  }

  #drop({ failure, packet }: Early, nowMs: number): void {
    if (failure === "none") this.#pass(packet)
    else this.#giveUp(failure, packet, nowMs)
  }

  #dropEarly(nowMs: number): void {
    const { ms, packets } = this.#earlyHold.bounds(nowMs)
    while (true) {
      const [oldest] = this.#early
      // they may wait for a commit that is being processed
      if (oldest === undefined || nowMs - oldest.packet.arrivalMs <= ms || this.#held !== undefined) break
      this.#early.shift()
      this.#drop(oldest, nowMs)
    }
    if (this.#early.length <= packets) return
    const [kept, tooMany] = Hold.part(this.#early, ({ packet }) => packet.ssrc, packets)
    this.#early = kept
    for (const one of tooMany) this.#drop(one, nowMs)
  }

  #wait(packet: AudioPacket, failure: Dave.DecryptFailure | "none"): void {
    this.#early.push({ packet, failure })
    this.#dropEarly(this.#options.now())
  }

  #decrypt(packet: Attributed): void {
    const silence: Array<AudioPacket> = []
    const flight: Flight = { ssrc: packet.ssrc, userId: packet.userId, silence }
    this.#flying ??= new Set()
    this.#flying.add(flight)
    this.#options.group.decrypt(packet.userId, packet.payload, (payload) => {
      if (this.#flying?.delete(flight) !== true || this.#isOver) return
      if (typeof payload === "string") {
        if (this.#repeats?.has(packet) === true) this.#undecryptable++
        else this.#wait(packet, payload)
      } else {
        this.#decrypted++
        this.#repeats ??= Repeats.make()
        this.#repeats.note(packet)
        this.#pass({ ...packet, payload })
        this.#options.onDecrypted(true, packet.arrivalMs, packet.ssrc)
      }
      for (const one of silence) this.#passSilence(one)
    })
  }

  #take(packet: AudioPacket): void {
    if (OpusPacket.isSilence(packet.payload)) return this.#takeSilence(packet)
    if (this.#held !== undefined && this.#held.length < heldPackets) this.#held.push(packet)
    else if (this.#options.isMember() && isAttributed(packet)) this.#decrypt(packet)
    else this.#wait(packet, "Undecryptable")
  }

  /** Silence can always be read, but it closes what came before it: it stays behind what waits of the same sender. */
  #takeSilence(packet: AudioPacket): void {
    const isOfIt = ({ ssrc }: Pick<AudioPacket, "ssrc">) => ssrc === packet.ssrc
    if (this.#waiting.some(isOfIt)) this.#waiting.push(packet)
    else if (this.#held?.some(isOfIt) === true && this.#held.length < heldPackets) this.#held.push(packet)
    else {
      const flight = Array.from(this.#flying ?? []).findLast(isOfIt)
      if (flight === undefined) this.#passSilence(packet)
      else flight.silence.push(packet)
    }
  }

  #passSilence(packet: AudioPacket): void {
    if (this.#early.some((one) => one.packet.ssrc === packet.ssrc)) this.#wait(packet, "none")
    else this.#pass(packet)
  }

  #dropStale(nowMs: number): void {
    const { ms, packets } = this.#waitingHold.bounds(nowMs)
    while (this.#waiting[0] !== undefined && nowMs - this.#waiting[0].arrivalMs > ms) {
      this.#waiting.shift()
      this.#unknownSenders++
    }
    if (this.#waiting.length <= packets) return
    const [kept, tooMany] = Hold.part(this.#waiting, ({ ssrc }) => ssrc, packets)
    this.#waiting = kept
    this.#unknownSenders += tooMany.length
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): E2eeReceiver => new Receiver(options)
