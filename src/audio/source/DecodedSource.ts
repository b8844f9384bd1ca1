/**
 * Packets of any codec to PCM at 48 kHz in two channels: decoded, mixed down, without what the encoder and the decoder have
 * added at either end, and resampled.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { Header, Packet } from "../format/PacketReader.ts"
import type { PacketSource } from "../format/PacketSource.ts"
import * as Samples from "../format/Samples.ts"
import type { OpenPcm } from "../OpenSource.ts"
import * as Decoders from "./Decoders.ts"
import * as Resampler from "./Resampler.ts"

/**
 * The most samples per channel that a pull returns: 100 ms.
 *
 * @category constants
 * @since 0.1.0
 */
export const pullSamples = 4800

/** How much is decoded in one go: some milliseconds of work, however little sound a packet contains. */
const decodeMs = 100
const decodePackets = 256

/** The longest silence that a file may have between two of its packets, in minutes: a file with more is malformed. */
const maxGapMinutes = 60

/**
 * A gap of this length in a live source has passed by the time that the next packet arrives: filling it would make everything
 * from then on late.
 */
const liveGapMs = 40

/** The channel order of codecs that have their own. Opus has that of Vorbis (RFC 7845, 5.1.1.2). */
const orders: { readonly [codec in Header["codec"]]?: Samples.ChannelOrder } = {
  aac: "aac",
  opus: "vorbis",
  vorbis: "vorbis"
}

/**
 * Opens a decoder, which is freed with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (packets: PacketSource): Effect.Effect<OpenPcm, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const { header, name } = packets
    const decoder = yield* Decoders.make(header, name)
    const order = orders[header.codec] ?? "wav"
    // a stream of Opus with more channels may follow
    const channels = header.channels === 1 && header.codec !== "opus" ? 1 : 2

    let scale = 1
    let resampler = Resampler.make(header.rate, channels)
    /** The sample of the sound that the resampler takes next. */
    let wanted = 0
    /** What was pulled, and how much of it was decoded. */
    let waiting: ReadonlyArray<Packet> = []
    let taken = 0
    /** What was decoded, how much of it has been passed on, and why nothing follows. */
    let blocks: ReadonlyArray<Decoders.Block> = []
    let passed = 0
    let problem: string | undefined
    let ended = false
    /** Created once everything before has been returned: it says at which position in the sound it ends. */
    let failure: (() => VoiceError) | undefined
    let playedSamples = 0
    let startSample = 0

    /** Some decoders only reveal with their first samples that they return twice as many. */
    const rescale = (to: number): void => {
      scale = to
      resampler = Resampler.make(header.rate * to, channels)
      wanted = resampler.seek(startSample)
    }

    /** Passes on a block, or silence before it; returns whether it is finished. */
    const onBlock = (block: Decoders.Block): boolean => {
      if (block.scale !== scale) rescale(block.scale)
      const rate = header.rate * scale
      const start = block.start - header.delay * scale
      const total = header.total === undefined ? Infinity : header.total * scale
      const from = Math.max(0, wanted - start)
      const to = Math.min(block.count, total - start)
      if (to <= from) return true
      if (packets.live && start + from - wanted >= rate * liveGapMs / 1000) wanted = start + from
      const gap = start + from - wanted
      if (gap > 60 * maxGapMinutes * rate) {
        end(() => corrupt("part of it is missing"))
        return false
      }
      if (gap > 0) {
        // what a decoder has left out, such as its first packet, was silence, and so is the part of a video before its sound
        const part = Math.min(gap, rate)
        const silence = new Float32Array(part)
        resampler.push([silence, silence], part)
        wanted += part
        if (part < gap) return false
      }
      const parts = block.channels.map((samples) => samples.subarray(from, to))
      resampler.push(Samples.downmix(parts, to - from, order), to - from)
      wanted += to - from
      return true
    }

    /** Passes on what was decoded, up to the end of a second of silence. */
    const passOn = (): void => {
      for (let block = blocks[passed]; block !== undefined; block = blocks[passed]) {
        if (!onBlock(block)) return
        passed++
      }
      const detail = problem
      if (detail !== undefined) end(() => corrupt(detail))
    }

    /** A part of what waits, so that other work is not delayed. */
    const nextPackets = (): ReadonlyArray<Packet> => {
      const from = taken
      const most = Math.min(waiting.length, from + decodePackets)
      let samples = 0
      while (taken < most && samples < header.rate * decodeMs / 1000) samples += waiting[taken++]?.samples ?? 0
      return waiting.slice(from, taken)
    }

    const end = (error?: () => VoiceError): void => {
      failure = error
      ended = true
      resampler.end()
    }

    const corrupt = (detail: string, cause?: unknown): VoiceError =>
      ByteSource.failure(name, "Corrupt", `it cannot be decoded: ${detail}`, { positionMs: playedSamples / 48, cause })
    const corruptOf = (cause: unknown): VoiceError => corrupt(ByteSource.describe(cause), cause)

    const advance: Effect.Effect<void, VoiceError> = Effect.gen(function*() {
      if (passed < blocks.length) return passOn()
      if (taken >= waiting.length) {
        const pulled = yield* Effect.catch(packets.pull, (error) =>
          Effect.sync(() => {
            end(Cause.isDone(error) ? undefined : () => error)
            return undefined
          }))
        if (pulled === undefined) return
        waiting = pulled
        taken = 0
      }
      const decoded = yield* Effect.tryPromise({
        try: () => decoder.decode(nextPackets()),
        catch: (cause) => () => corruptOf(cause)
      }).pipe(Effect.catch((error) => Effect.succeed(error)))
      if (typeof decoded === "function") return end(decoded)
      blocks = decoded.blocks
      passed = 0
      problem = decoded.problem
      passOn()
    })

    const pull: OpenPcm["pull"] = Effect.gen(function*() {
      while (true) {
        const samples = resampler.take(pullSamples)
        if (samples.length > 0) {
          playedSamples += samples.length / 2
          return samples
        }
        if (failure !== undefined) return yield* failure()
        if (ended) return yield* Cause.done()
        yield* advance
      }
    })

    const seekPackets = packets.seek
    const seek: OpenPcm["seek"] = seekPackets === undefined ?
      undefined :
      Effect.fnUntraced(function*(positionMs: number) {
        startSample = Math.max(0, Math.round(positionMs * 48))
        playedSamples = startSample
        waiting = []
        taken = 0
        blocks = []
        ended = false
        failure = undefined
        wanted = resampler.seek(startSample)
        const packet = Math.floor(wanted / scale) + header.delay - header.warmUp
        yield* seekPackets(Math.max(0, packet))
        yield* Effect.tryPromise({ try: () => decoder.reset(), catch: corruptOf })
        return startSample / 48
      })

    return {
      format: "pcm",
      durationMs: packets.durationMs,
      tags: header.tags,
      live: packets.live || undefined,
      pull,
      seek
    }
  })
