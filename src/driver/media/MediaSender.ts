/**
 * The sending half of a connection: takes ready frames from a ring when they are due, and makes sealed RTP packets of them.
 * Plain code on a buffer that all senders share, called by the shared `AudioClock`.
 *
 * Timestamps are accurate: a packet is due at its track's start plus its media time. The RTP timestamp (RFC 3550, 5.1) advances
 * by the samples sent and, over gaps, pauses and stalls, by the clock. After a short stall, everything that is ready and late
 * is sent immediately: listeners have more than that in their buffers and do not notice, while a timestamp that jumps would be
 * a gap. After a longer stall, the sender returns to its own slot of the grid. Whenever audio stops, five frames of silence
 * close it (Discord docs, Voice Connections, Voice Data Interpolation).
 *
 * @since 0.1.0
 */
import { type AudioClock, frameMs, type Outlet, type Registration } from "../../AudioClock.ts"
import type { Ssrc } from "../../protocol/Identifier.ts"
import * as OpusPacket from "../../protocol/OpusPacket.ts"
import * as RtpPacket from "../../protocol/RtpPacket.ts"
import * as FrameRing from "../../ring/FrameRing.ts"
import type { PacketCipher } from "../../VoiceCrypto.ts"
import type { TrackNumber } from "../Line.ts"
import * as Lateness from "./Lateness.ts"
import type { Gate, MediaSender, Options, PacketOutlet, Statistics } from "./Sending.ts"
import { Successor } from "./Successor.ts"

const closingFrames = 5

/** Packets that are less late than this are still sent: at most 60 ms of audio at once. */
const catchUpMs = 3 * frameMs

const silence = OpusPacket.silenceFrame()

/** Room for the RTP header before the packet, a longer frame, and the longest nonce and tag after it. */
const overheadBytes = 128 + FrameRing.growthBytes

/**
 * One object with everything that a packet needs, and methods that all senders share: what is used fifty times a second for
 * each of a thousand streams should be close together.
 */
class Sender implements MediaSender, Outlet {
  // what every packet needs comes first, and numbers are integers, which are stored without an object of their own
  #closed = false
  #paused = false
  #muted = false
  #isOpen = true
  #started = false
  #starving = false
  /** Whether the last packet was audio that no silence has closed yet. */
  #talking = false
  #silenceLeft = 0
  /** The media time that was sent instead of the ring's first frames, in samples. */
  #owed = 0
  #sequence: number
  /** As a signed integer. */
  #timestamp: number
  /** When the packet with `timestamp` is due; the two belong together. */
  #dueMs: number
  #packets = 0
  #bytes = 0
  readonly #ssrc: Ssrc
  /** What frames are taken from: the source, or its ring while that is sufficient. */
  #frames: FrameRing.FrameSource | undefined
  #waiting: Successor | undefined
  #cipher: PacketCipher
  readonly #clock: AudioClock["Service"]
  readonly #lateness = Lateness.make()
  readonly #outlet: PacketOutlet
  readonly #options: Options
  readonly #registration: Registration
  #source: FrameRing.FrameSource | undefined
  #track: TrackNumber = -1
  #gate: Gate = { _tag: "open" }
  #isEncrypting = false
  /** Whether a frame was sent late in this turn, and the next one is also due. */
  #isCatchingUp = false
  #idle = true
  #silencePackets = 0
  #withheld = 0
  #reanchored = 0

  constructor(options: Options) {
    this.#sequence = options.sequence
    this.#timestamp = options.timestamp | 0
    this.#dueMs = Math.ceil(options.clock.now())
    this.#ssrc = options.ssrc
    this.#cipher = options.cipher
    this.#clock = options.clock
    this.#outlet = options.outlet
    this.#options = options
    this.#registration = options.clock.register(this)
  }

  prefetch(step: number): number {
    // integers throughout: sums would be computed in floating point
    if (step === 0) return this.#sequence ^ this.#ssrc ^ this.#reanchored
    const frame = this.#frames?.prefetch(step - 1) ?? 0
    if (step > 2) return frame
    return frame ^ (this.#cipher.prefetch?.(step - 1) ?? 0) ^ this.#lateness.prefetch(step - 1) ^
      (this.#outlet.prefetch?.(step - 1) ?? 0)
  }

  onDue(nowMs: number): number {
    if (this.#closed) return Infinity
    if (this.#waiting !== undefined) this.#changeOver(this.#waiting)
    const late = nowMs - this.#dueMs
    if (late >= frameMs || this.#isCatchingUp) {
      this.#isCatchingUp = false
      if (late >= catchUpMs || !this.#isReady(nowMs)) {
        this.#reanchored++
        this.#anchor(nowMs)
        return this.#dueMs
      }
    }
    const frames = this.#frames
    if (frames !== undefined && !this.#paused && (this.#isOpen || !this.#isHeld(nowMs))) {
      const samples = this.#takeFrame(frames)
      if (samples > 0) {
        this.#lateness.record(late)
        const next = this.#advance(samples)
        // what is also due by now should not starve because of the same stall
        if (late >= frameMs) this.#isCatchingUp = next <= nowMs
        return next
      }
      if (frames.isDrained()) this.#drained()
      else if (!this.#starving && this.#started) {
        this.#starving = true
        this.#source?.starve?.()
        this.#options.onTrack("TrackStarving", this.#track)
      }
    }
    this.#beginSilence()
    if (this.#silenceLeft > 0) {
      this.#lateness.record(late)
      this.#transmitSilence()
      return this.#advance(OpusPacket.silenceSamples)
    }
    // an empty ring may be filled at any moment, so its track is checked every frame
    if (this.#frames !== undefined && !this.#paused) return this.#advance(OpusPacket.silenceSamples)
    this.#idle = true
    return Infinity
  }

  deliver(packet: Uint8Array, length: number): void {
    const { workspace } = this.#cipher
    if (!this.#outlet.send(packet, length)) workspace.replace(packet)
    workspace.release()
  }

  attach(track: TrackNumber, ring: FrameRing.FrameSource, paused: boolean): void {
    if (this.#closed) return ring.close?.()
    this.#forget()
    ring.open?.()
    this.#begin(track, ring, paused)
  }

  attachAfter(track: TrackNumber, frames: FrameRing.FrameSource, paused: boolean, after: number | "drained"): void {
    if (this.#closed) return frames.close?.()
    this.#forget()
    frames.open?.()
    if (this.#source === undefined) return this.#begin(track, frames, paused)
    const waiting = new Successor(track, frames, paused, after)
    this.#waiting = waiting
    // nobody needs the position of what is paused; and if the turn is already certain, it is known at once how much was taken
    // of the former ring
    if (this.#paused || (after !== "drained" && frames.next() >= 0 && !this.#source.isDrained())) {
      this.#changeOver(waiting)
    }
  }

  detach(track: TrackNumber): void {
    if (this.#waiting?.track === track) return this.#forget()
    if (this.#track !== track) return
    this.#release()
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    this.#begin(waiting.track, waiting.frames, waiting.paused)
  }

  setPaused(track: TrackNumber, paused: boolean): void {
    if (this.#waiting?.track === track) {
      this.#waiting.paused = paused
      return
    }
    if (this.#track !== track) return
    this.#paused = paused
    if (!paused && this.#source !== undefined) this.#wake()
  }

  setMuted(muted: boolean): void {
    this.#muted = muted
  }

  setGate(gate: Gate): void {
    this.#gate = gate
    this.#isOpen = gate._tag === "open"
  }

  setEncrypting(isEncrypting: boolean): void {
    this.#isEncrypting = isEncrypting
    // what wraps a ring notices this by being asked
    this.#source?.next()
    this.#waiting?.frames.next()
    this.#choose()
  }

  setCipher(cipher: PacketCipher): void {
    this.#cipher = cipher
  }

  timestampAt(ms: number): number {
    return (this.#timestamp + Math.round((ms - this.#dueMs) * 48)) >>> 0
  }

  close(): void {
    if (this.#closed) return
    this.#beginSilence()
    const left = this.#silenceLeft
    for (let i = 0; i < left; i++) {
      this.#transmitSilence()
      this.#advance(OpusPacket.silenceSamples)
    }
    this.#clock.flush()
    this.#stop()
  }

  statistics(): Statistics {
    return {
      packets: this.#packets,
      silencePackets: this.#silencePackets,
      withheld: this.#withheld,
      bytes: this.#bytes,
      reanchored: this.#reanchored,
      lateness: this.#lateness
    }
  }

  #begin(track: TrackNumber, frames: FrameRing.FrameSource, paused: boolean): void {
    if (this.#source !== frames) this.#release()
    this.#track = track
    this.#source = frames
    this.#choose()
    this.#owed = 0
    this.#paused = paused
    this.#started = false
    this.#starving = false
    if (!paused) this.#wake()
  }

  /** Changes to the waiting ring, if it is time. */
  #changeOver(waiting: Successor): void {
    const former = this.#source
    const isDrained = former !== undefined && former.isDrained()
    if (former !== undefined && !isDrained && !waiting.isDue(former, this.#paused)) return
    this.#waiting = undefined
    const owed = former === undefined ? 0 : waiting.owed(former, this.#owed)
    const ended = this.#track
    this.#begin(waiting.track, waiting.frames, waiting.paused)
    this.#owed = owed
    // last: the listener may immediately attach what follows
    if (isDrained) this.#options.onTrack("TrackDrained", ended)
  }

  #drained(): void {
    this.#release()
    this.#options.onTrack("TrackDrained", this.#track)
  }

  #release(): void {
    const former = this.#source
    this.#source = undefined
    this.#frames = undefined
    former?.close?.()
  }

  #choose(): void {
    const source = this.#source
    this.#frames = this.#isEncrypting ? source : source?.plain ?? source
  }

  #forget(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.frames.close?.()
  }

  /** Skips the frames that were replaced by those of the former ring. */
  #payOff(source: FrameRing.FrameSource): void {
    while (this.#owed > 0 && source.next() >= 0) {
      source.discard()
      this.#owed -= source.samples()
    }
  }

  /**
   * Moves the due time to the sender's own slot at or after `fromMs`, and the timestamp by the time in between. An idle or late
   * sender was due before: future slots are never before the due time.
   */
  #anchor(fromMs: number): void {
    const next = this.#registration.align(fromMs)
    this.#timestamp = (this.#timestamp + Math.round((next - this.#dueMs) * 48)) | 0
    this.#dueMs = next
  }

  #advance(samples: number): number {
    this.#timestamp = (this.#timestamp + samples) | 0
    this.#dueMs += samples / 48
    return this.#dueMs
  }

  /** Seals and posts the packet whose payload is already after the header. */
  #transmit(packet: Uint8Array, payloadBytes: number): void {
    const clear = RtpPacket.writeHeader(
      packet,
      false,
      RtpPacket.payloadTypeOpus,
      this.#sequence,
      this.#timestamp >>> 0,
      this.#ssrc
    )
    const length = this.#cipher.seal(packet, clear, clear + payloadBytes)
    if (length < 0) {
      this.#cipher.workspace.release()
      this.#stop()
      this.#options.onExhausted()
      return
    }
    this.#sequence = RtpPacket.nextSequence(this.#sequence)
    this.#packets++
    this.#bytes += length
    this.#clock.post(this, packet, length)
  }

  #transmitSilence(): void {
    if (this.#closed) return
    const packet = this.#cipher.workspace.next(silence.length + overheadBytes)
    packet.set(silence, RtpPacket.fixedHeaderBytes)
    this.#silenceLeft--
    this.#silencePackets++
    this.#transmit(packet, silence.length)
  }

  #beginSilence(): void {
    if (!this.#talking) return
    this.#talking = false
    this.#silenceLeft = closingFrames
  }

  /** Whether a frame can be taken immediately. */
  #isReady(nowMs: number): boolean {
    const frames = this.#frames
    if (frames === undefined || this.#paused || (!this.#isOpen && this.#isHeld(nowMs))) return false
    if (this.#owed > 0) this.#payOff(frames)
    return frames.next() >= 0
  }

  #isHeld(nowMs: number): boolean {
    const gate = this.#gate
    if (gate._tag !== "hold") return false
    if (nowMs < gate.untilMs) return true
    this.setGate({ _tag: gate.afterwards })
    return false
  }

  /** Takes one frame off the ring and sends it. Returns its samples, or 0 if there is none. */
  #takeFrame(source: FrameRing.FrameSource): number {
    if (this.#owed > 0) this.#payOff(source)
    const length = source.next()
    if (length < 0) return 0
    if (!this.#isOpen || this.#muted) {
      source.discard()
      if (!this.#isOpen) this.#withheld++
      return this.#pass(source.samples())
    }
    const packet = this.#cipher.workspace.next(length + overheadBytes)
    const written = source.read(packet, RtpPacket.fixedHeaderBytes)
    if (written <= 0) {
      this.#cipher.workspace.release()
      this.#withheld++
      return this.#pass(source.samples())
    }
    this.#taken()
    this.#silenceLeft = 0
    this.#talking = true
    this.#transmit(packet, written)
    return source.samples()
  }

  /** Lets the time of a frame pass without sending it. */
  #pass(samples: number): number {
    this.#taken()
    this.#beginSilence()
    if (this.#silenceLeft > 0) this.#transmitSilence()
    return samples
  }

  #taken(): void {
    if (!this.#started) {
      this.#started = true
      this.#options.onTrack("TrackStarted", this.#track)
    }
    if (this.#starving) {
      this.#starving = false
      this.#options.onTrack("TrackRecovered", this.#track)
    }
  }

  #wake(): void {
    if (this.#closed || !this.#idle) return
    this.#idle = false
    this.#anchor(Math.max(this.#clock.now(), this.#options.notBeforeMs))
    this.#registration.schedule(this.#dueMs)
  }

  #stop(): void {
    this.#closed = true
    this.#forget()
    this.#release()
    this.#lateness.close()
    this.#registration.remove()
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): MediaSender => new Sender(options)
