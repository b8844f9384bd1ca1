/**
 * Feeds a reader from a source of bytes as its packets are wanted, and finds the place for a seek. Every packet that was read
 * is returned before the source reports how it ended.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { Header, Packet, PacketReader, Place, Problem } from "./PacketReader.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface PacketSource {
  readonly name: string
  readonly header: Header
  /** The duration in milliseconds, if it is known before the end. */
  readonly durationMs: number | undefined
  readonly live: boolean
  /** The next packets, at least one; ends with `Cause.Done`. */
  readonly pull: Effect.Effect<ReadonlyArray<Packet>, VoiceError | Cause.Done>
  /** Seeks to a sample. The next pull begins with the packet that contains it, or for PCM, with the sample itself. */
  readonly seek: ((sample: number) => Effect.Effect<void, VoiceError>) | undefined
}

/** A search for a place ends within this many bytes; the rest is read. */
const nearBytes = 65_536

/** How many samples apart places are remembered, for files in which a place can only be found by counting. */
const indexStep = 24_000

/** The most that a search reads before it finds a place: clusters with pictures can be long. */
const maxProbeBytes = 16 * 1024 * 1024

const concat = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}

/**
 * Reads up to the header and, if any position can be read, what determines the duration.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (
  source: ByteSource.ByteSource,
  reader: PacketReader
): Effect.Effect<PacketSource, VoiceError> =>
  Effect.gen(function*() {
    const { name } = source
    let positionMs = 0
    const failure = (problem: Problem): VoiceError =>
      ByteSource.failure(name, problem.kind, problem.detail, { positionMs })

    let ended = false
    const advance = Effect.map(source.next, (chunk) => {
      if (chunk === undefined) {
        ended = true
        reader.end()
      } else {
        reader.push(chunk)
      }
    })

    const goesOn = () => reader.problem() === undefined && !ended
    while (reader.header() === undefined && goesOn()) yield* advance
    const header = reader.header()
    if (header === undefined) {
      return yield* failure(reader.problem() ?? { kind: "Unsupported", detail: "it contains no sound" })
    }
    const { rate } = header
    // packets of Opus are sent as they are, and a decoder's samples begin with them
    const delay = header.codec === "opus" && header.opus === undefined ? 0 : header.delay

    /** The places that were passed while reading, in order. */
    const index: Array<Place> = []
    let first: Place | undefined
    const isUnplaced = () => first === undefined

    const remember = (packets: ReadonlyArray<Packet>): void => {
      for (const packet of packets) {
        if (packet.offset < 0) continue
        const last = index.at(-1)
        if (last !== undefined && packet.start < last.start + indexStep) continue
        // the first packet after a restart gives no sound where packets overlap
        const start = header.codec === "vorbis" ? packet.start + packet.samples : packet.start
        const place = { offset: packet.offset, start }
        first ??= place
        index.push(place)
      }
    }

    /** Packets that were read at first, or found by a seek, and not yet returned. */
    let held: ReadonlyArray<Packet> = []

    const pull: PacketSource["pull"] = Effect.gen(function*() {
      while (true) {
        const packets = held.length > 0 ? held : reader.take()
        held = []
        const last = packets.at(-1)
        if (last !== undefined) {
          positionMs = Math.max(0, last.start + last.samples - delay) / rate * 1000
          if (source.seek !== undefined) remember(packets)
          return packets
        }
        const problem = reader.problem()
        if (problem !== undefined) return yield* failure(problem)
        if (ended) return yield* Cause.done()
        yield* advance
      }
    })

    const go = (place: Place): Effect.Effect<void, VoiceError> =>
      Effect.suspend(() => {
        reader.restart(place)
        ended = false
        return source.seek === undefined ? Effect.void : source.seek(place.offset)
      })

    /** The first place at or after a byte, read piece by piece. */
    const probe = (random: ByteSource.RandomAccess, from: number, to: number) =>
      Effect.gen(function*() {
        let bytes: Uint8Array = new Uint8Array(0)
        let offset = from
        while (offset < to && offset - from < maxProbeBytes) {
          const more = yield* random.read(offset, Math.min(random.size, offset + nearBytes))
          if (more.length === 0) return undefined
          // it may begin in one piece and end in the next
          const kept = bytes.subarray(Math.max(0, bytes.length - nearBytes))
          const place = reader.placeIn?.(concat(kept, more), offset - kept.length)
          if (place !== undefined) return place
          bytes = more
          offset += more.length
        }
        return undefined
      })

    const isOwn = (earlier: Place | undefined, later: Place) =>
      earlier === undefined || reader.follows === undefined || reader.follows(earlier, later)

    /**
     * Where to look after a place of the stream. If another stream may follow, at most twice as far in: a place of that
     * stream is then earlier in time, and is recognized by it.
     */
    const farthest = (from: number, low: number) =>
      reader.follows === undefined ? Infinity : low + Math.max(nearBytes, low - from)

    /**
     * Estimates where a sample is from the bytes before it: first a little before, then a little after, and no estimate in
     * every third turn, so that the search ends soon if this does not work. It approaches the place in small steps.
     */
    const guessed = (from: number, { offset, start }: Place, sample: number, turn: number): number | undefined => {
      const since = start - (index[0]?.start ?? 0)
      if (reader.follows === undefined || since <= 0 || turn % 3 === 2) return undefined
      return offset + (sample - start) * (offset - from) / since + (turn % 3 - 0.5) * nearBytes * 0.9
    }

    /** The last place before a sample that bisecting the file finds. */
    const search = (random: ByteSource.RandomAccess, sample: number) =>
      Effect.gen(function*() {
        // there may be pictures of megabytes before it
        const from = index[0]?.offset ?? 0
        let low = from
        let high = random.size
        let best: Place | undefined
        let turn = 0
        while (high - low > nearBytes) {
          const halfway = Math.min((low + high) / 2, farthest(from, low))
          const guess = best === undefined ? undefined : guessed(from, best, sample, turn++)
          const middle = Math.floor(
            guess === undefined || guess <= low || guess >= Math.min(high, farthest(from, low)) ? halfway : guess
          )
          const place = yield* probe(random, middle, high)
          if (
            place === undefined || place.offset >= high || place.start > sample || !isOwn(best ?? index[0], place)
          ) {
            high = middle
          } else {
            best = place
            low = place.offset
          }
        }
        return best
      })

    const nearest = (sample: number): Place | undefined => {
      let low = 0
      let high = index.length
      while (low < high) {
        const middle = (low + high) >> 1
        if ((index[middle]?.start ?? 0) <= sample) low = middle + 1
        else high = middle
      }
      return index[low - 1]
    }

    // a reader of Ogg only knows with its first packet from which sample on it counts
    while (source.random !== undefined && reader.placeIn !== undefined && held.length === 0) {
      held = reader.take()
      if (held.length > 0 || !goesOn()) break
      yield* advance
    }
    remember(held)

    /**
     * The same, and no other stream begins between them, unless it has more samples per byte than those before by more than a
     * quarter.
     */
    const isSurelyOwn = (from: Place, earlier: Place, later: Place) =>
      isOwn(earlier, later) &&
      later.start * (earlier.offset - from.offset) >
        1.25 * (earlier.start - from.start) * (later.offset - earlier.offset)

    /**
     * Whether the end of the file belongs to this stream, checked at places that are further and further in: four times as
     * far each time, and twice as far if another stream might begin on the way.
     */
    const isWhole = (random: ByteSource.RandomAccess, from: Place, endMs: number) =>
      Effect.gen(function*() {
        const length = random.size - from.offset
        const placeAt = (far: number) => far < length ? probe(random, from.offset + far, random.size) : Effect.undefined
        let earlier = from
        for (let far = nearBytes; far < 2 * length; far *= 4) {
          const later = yield* placeAt(far)
          if (far > nearBytes && (later === undefined || !isSurelyOwn(from, earlier, later))) {
            const middle = yield* placeAt(far / 2)
            if (middle === undefined) break
            if (!isOwn(earlier, middle)) return false
            earlier = middle
          }
          if (later === undefined) break
          if (!isOwn(earlier, later)) return false
          earlier = later
        }
        // tags may come after it
        const offset = Math.max(earlier.offset, random.size - reader.tailBytes)
        return earlier.start / rate * 1_000 < endMs && isOwn(earlier, { offset, start: endMs / 1_000 * rate })
      })

    const { random, told } = yield* duration(source, reader)
    const isDoubtful = reader.follows !== undefined && reader.durationMs() === undefined
    const durationMs = told === undefined || !isDoubtful || random === undefined || first === undefined ||
        (yield* isWhole(random, first, told))
      ? told
      : undefined
    const seekable = source.seek !== undefined && reader.canSeek?.() !== false
    /**
     * Drops what comes before a sample, except for the last packet if the sound ends there. The next pull reports again how
     * it ends; whatever prevents it from being read may be over by then.
     */
    const skipTo = (sample: number) =>
      Effect.gen(function*() {
        let last: ReadonlyArray<Packet> = []
        while (true) {
          const pulled = yield* Effect.catch(
            pull,
            (error) => error._tag === "VoiceError" && goesOn() ? Effect.fail(error) : Effect.undefined
          )
          if (pulled === undefined) {
            held = last
            return
          }
          const packets = [...last, ...pulled]
          // a stream that needs its own decoder setup is read from its beginning
          const index = packets.findIndex((packet) =>
            packet.opus !== undefined || packet.vorbis !== undefined || packet.start + packet.samples > sample
          )
          if (index >= 0) {
            // without a packet that gives nothing, the next would give nothing either
            held = packets.slice(packets[index - 1]?.samples === 0 ? index - 1 : index)
            return
          }
          last = packets.slice(-1)
        }
      })

    const seek: PacketSource["seek"] = !seekable ? undefined : (sample) =>
      Effect.gen(function*() {
        held = []
        if (reader.placeOf !== undefined) return yield* go(reader.placeOf(sample))
        const found = reader.placeIn === undefined || source.random === undefined
          ? nearest(sample)
          : yield* search(source.random, sample)
        // the place of the first packet is known once there was one
        while (isUnplaced() && goesOn()) {
          remember(reader.take())
          yield* advance
        }
        const place = found ?? first
        if (place === undefined) return
        yield* go(place)
        yield* skipTo(sample)
      })

    return { name, header, durationMs, live: source.live, pull, seek }
  })

/** A source that does not read again what is in a piece that was read already. */
const withPiece = (random: ByteSource.RandomAccess, piece: Uint8Array, from: number): ByteSource.RandomAccess => ({
  size: random.size,
  read: (start, end) =>
    start >= from && end <= from + piece.length
      ? Effect.succeed(piece.subarray(start - from, end - from))
      : random.read(start, end)
})

/** The duration in milliseconds, if it can be determined, and the source that was used for that. */
const duration = Effect.fnUntraced(function*(
  source: ByteSource.ByteSource,
  reader: PacketReader
): Effect.fn.Return<
  { readonly told: number | undefined; readonly random?: ByteSource.RandomAccess },
  VoiceError
> {
  if (source.random !== undefined) reader.onSize?.(source.random.size)
  const known = reader.durationMs()
  if (known !== undefined || source.random === undefined || reader.tailBytes === 0) return { told: known }
  const { read, size } = source.random
  const from = Math.max(0, size - reader.tailBytes)
  const tail = yield* read(from, size)
  const random = withPiece(source.random, tail, from)
  const told = reader.durationByTail(tail, size)
  if (told === undefined || reader.doubt === undefined) return { told, random }
  for (let at = reader.doubt(); at !== undefined; at = reader.doubt()) {
    reader.look?.(yield* random.read(at, Math.min(size, at + reader.tailBytes)), at)
  }
  return { told: reader.durationByTail(tail, size), random }
})
