/**
 * What the readers share that cut the bytes of a file into packets, one step after another: the waiting bytes, their position
 * in the file, what is skipped, the packets that are whole, and the problem that ended it.
 *
 * @since 0.1.0
 */
import {
  append,
  type Packet,
  type PacketReader,
  type Pending,
  pending,
  type Place,
  type Problem
} from "./PacketReader.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Cutter {
  readonly input: Pending
  /** The number of waiting bytes. */
  readonly available: () => number
  /** Where in the file the first of them is. */
  readonly position: () => number
  readonly consume: (bytes: number) => void
  /** Skips bytes, including bytes that have not arrived yet. */
  readonly skip: (bytes: number) => void
  readonly give: (packet: Packet) => void
  /** Ends with a problem. The first one counts. */
  readonly fail: (kind: Problem["kind"], detail: string) => void
}

/**
 * The format-specific part. `step` does what it can with the waiting bytes, and says whether there may be more to do. It runs
 * once more after `onLast`, when no more bytes will come. `end` and `restart` do whatever else the format needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Format
  extends
    Pick<PacketReader, "header" | "durationByTail" | "tailBytes" | "end" | "restart">,
    Partial<Pick<PacketReader, "onSize" | "placeOf" | "placeIn" | "follows">>
{
  readonly step: () => boolean
  readonly onLast?: () => void
}

/**
 * A reader at the start of a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (formatOf: (cutter: Cutter) => Format): PacketReader => {
  const input = pending()
  let position = 0
  let skipping = 0
  let packets: Array<Packet> = []
  let problem: Problem | undefined

  const available = () => input.end - input.start
  const consume = (bytes: number): void => {
    input.start += bytes
    position += bytes
  }
  const format = formatOf({
    input,
    available,
    position: () => position,
    consume,
    skip: (bytes) => {
      skipping += bytes
    },
    give: (packet) => void packets.push(packet),
    fail: (kind, detail) => {
      problem ??= { kind, detail }
    }
  })

  const step = (): boolean => {
    if (problem !== undefined) return false
    if (skipping === 0) return format.step()
    const bytes = Math.min(skipping, available())
    skipping -= bytes
    consume(bytes)
    return bytes > 0
  }

  const read = (): void => {
    while (step()) { /* goes on as far as there are bytes */ }
  }

  return {
    push: (bytes) => {
      if (problem !== undefined) return
      append(input, bytes)
      read()
    },
    end: () => {
      if (problem === undefined && format.onLast !== undefined) {
        format.onLast()
        read()
      }
      if (problem === undefined) format.end()
    },
    take: () => {
      const taken = packets
      packets = []
      return taken
    },
    header: format.header,
    durationMs: () => {
      const header = format.header()
      return header?.total === undefined ? undefined : header.total / header.rate * 1000
    },
    onSize: format.onSize,
    durationByTail: format.durationByTail,
    tailBytes: format.tailBytes,
    problem: () => problem,
    restart: (place: Place) => {
      input.start = 0
      input.end = 0
      skipping = 0
      packets = []
      problem = undefined
      position = place.offset
      format.restart(place)
    },
    placeOf: format.placeOf,
    placeIn: format.placeIn,
    follows: format.follows
  }
}

/** What is known about a frame at its beginning. */
interface Sized {
  readonly bytes: number
}

type FrameAt<F extends Sized> = (bytes: Uint8Array, at: number) => F | undefined

/**
 * The frames that follow each other, from the first place at which two similar ones do; none if there is no such place.
 *
 * @category combinators
 * @since 0.1.0
 */
export const framesOf = <F extends Sized>(
  bytes: Uint8Array,
  frameAt: FrameAt<F>,
  alike: (a: F, b: F) => boolean,
  least = 2
): ReadonlyArray<F> => {
  for (let from = 0; from + 4 <= bytes.length; from++) {
    const found: Array<F> = []
    let at = from
    for (let frame = frameAt(bytes, at); frame !== undefined; frame = frameAt(bytes, at)) {
      const [first] = found
      if (first !== undefined && !alike(first, frame)) break
      found.push(frame)
      at += frame.bytes
      if (at + 4 > bytes.length) break
    }
    if (found.length >= least) return found
  }
  return []
}

/**
 * Whether this many similar frames follow each other.
 *
 * @category guards
 * @since 0.1.0
 */
export const follow = <F extends Sized>(
  bytes: Uint8Array,
  frameAt: FrameAt<F>,
  alike: (a: F, b: F) => boolean,
  least: number
): boolean => framesOf(bytes, frameAt, alike, least).length > 0
