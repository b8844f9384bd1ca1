/**
 * Packets of Opus as they are: a source that is passed through untouched. Pre-skip and end trimming, which are meant for a
 * decoder, are not applied, so that a position is that of a packet.
 *
 * A gap between two packets, as in a recording of a user who was silent, is filled with silence of that length. In a live
 * source, the gap has passed by the time that the next packet arrives.
 *
 * A stream that has to be decoded may follow in the same file. From there on, everything is decoded and encoded again,
 * because a source that was opened as Opus stays Opus.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as OpusEncoder from "../../OpusEncoder.ts"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { Packet } from "../format/PacketReader.ts"
import type { PacketSource } from "../format/PacketSource.ts"
import type { OpenOpus, OpusFrame } from "../OpenSource.ts"
import * as DecodedSource from "./DecodedSource.ts"
import * as Encoded from "./Encoded.ts"

const frameOf = ({ data, samples }: Packet): OpusFrame => ({ data, samples })

const endOf = ({ samples, start }: Packet): number => start + samples

/**
 * The samples between two packets that count as a gap. Less is caused by rounding in a container, or by the jitter of a
 * recording.
 */
const gapSamples = 40 * 48

/** The longest gap: a file with a longer one is malformed. */
const maxGapSamples = 60 * 60 * 48_000

/** How much silence is returned at once. */
const silenceSamples = 48_000

/** The lengths of frames of silence in samples, and the first byte of each. */
const silent = [[960, 0xf8], [480, 0xf0], [240, 0xe8], [120, 0xe0]] as const

/** Silence of this many samples, without a rest that is shorter than a frame. */
const silence = (samples: number): Array<OpusFrame> => {
  const frames: Array<OpusFrame> = []
  let left = samples
  for (const [length, toc] of silent) {
    for (; left >= length; left -= length) frames.push({ data: Uint8Array.of(toc, 0xff, 0xfe), samples: length })
  }
  return frames
}

/**
 * Where to begin for a sample that is in the gap before a packet: so that whole frames of 20 ms, and a rest, lead up to the
 * packet.
 */
const inGap = (sample: number, before: Packet, reached: number): number =>
  before.start - sample < gapSamples
    ? before.start
    : Math.max(reached, before.start - 960 * Math.ceil((before.start - sample) / 960))

/**
 * Makes a source of opened packets. The scope frees a decoder and an encoder, if they are needed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(packets: PacketSource): Effect.fn.Return<OpenOpus, never, Scope.Scope> {
  const outer = yield* Effect.scope
  let held: ReadonlyArray<Packet> = []
  /** The sample with which the next packet begins, or from which it is heard. */
  let reached = 0
  /** What follows the packets that are passed through. */
  let encoded: { readonly pull: OpenOpus["pull"]; readonly scope: Scope.Closeable } | undefined

  /** Decodes and encodes, starting with a packet that says how it has to be decoded. */
  const encode = Effect.fnUntraced(function*(
    first: ReadonlyArray<Packet>,
    opus: Packet["opus"]
  ): Effect.fn.Return<void, VoiceError> {
    let waiting = first
    const rest: PacketSource = {
      ...packets,
      header: { ...packets.header, opus, delay: reached, total: undefined },
      seek: undefined,
      pull: Effect.suspend(() => {
        if (waiting.length === 0) return packets.pull
        const given = waiting
        waiting = []
        return Effect.succeed(given)
      })
    }
    const scope = yield* Scope.fork(outer)
    const { pull } = yield* DecodedSource.open(rest).pipe(
      Effect.flatMap((decoded) => Encoded.open(decoded, {})),
      Effect.provide(OpusEncoder.layer),
      Scope.provide(scope)
    )
    encoded = { pull, scope }
  })

  const pull: OpenOpus["pull"] = Effect.gen(function*() {
    while (true) {
      if (encoded !== undefined) return yield* encoded.pull
      const pulled = held.length > 0 ? held : yield* packets.pull
      held = []
      const gap = packets.live ? 0 : (pulled[0]?.start ?? 0) - reached
      if (gap > maxGapSamples) {
        const detail = "part of it is missing"
        return yield* ByteSource.failure(packets.name, "Corrupt", detail, { positionMs: reached / 48 })
      }
      if (gap >= gapSamples) {
        held = pulled
        const frames = silence(gap > 2 * silenceSamples ? silenceSamples : gap)
        reached += frames.reduce((sum, { samples }) => sum + samples, 0)
        return frames
      }
      const index = pulled.findIndex((packet, i) => {
        const before = pulled[i - 1]
        return packet.opus !== undefined || (before !== undefined && packet.start - endOf(before) >= gapSamples)
      })
      const passed = index < 0 ? pulled : pulled.slice(0, index)
      const last = passed.at(-1)
      if (last === undefined) {
        yield* encode(pulled, pulled[0]?.opus)
      } else {
        if (index > 0) held = pulled.slice(index)
        reached = endOf(last)
        return passed.map(frameOf)
      }
    }
  })

  const seekPackets = packets.seek
  const seek: OpenOpus["seek"] = seekPackets === undefined ?
    undefined :
    Effect.fnUntraced(function*(positionMs: number) {
      const sample = Math.max(0, Math.round(positionMs * 48))
      held = []
      reached = 0
      if (encoded !== undefined) yield* Scope.close(encoded.scope, Exit.void)
      encoded = undefined
      yield* seekPackets(sample)
      while (true) {
        const pulled = yield* Effect.catch(packets.pull, () => Effect.undefined)
        // after the end there is nothing, whether it is complete or cut off, and the next pull reports that again
        if (pulled === undefined) return reached / 48
        const index = pulled.findIndex((packet) => packet.opus !== undefined || endOf(packet) > sample)
        const passed = pulled.slice(0, index < 0 ? undefined : index).at(-1)
        if (passed !== undefined) reached = endOf(passed)
        if (index >= 0) {
          held = pulled.slice(index)
          const [first] = held
          if (first !== undefined && (first.opus === undefined || first.start - reached >= gapSamples)) {
            reached = inGap(sample, first, reached)
          }
          return reached / 48
        }
      }
    })

  return {
    format: "opus",
    channels: packets.header.channels === 1 ? 1 : 2,
    durationMs: packets.durationMs,
    tags: packets.header.tags,
    live: packets.live || undefined,
    pull,
    seek
  }
})
