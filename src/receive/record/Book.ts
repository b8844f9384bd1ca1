/**
 * A recording as plain data: it is told what is heard and what happens, and fills the files. No clock and no disk: the time is
 * an argument, and bytes are left with the outputs.
 *
 * The unit of all times is a sample at 48 kHz after the start of the recording.
 *
 * @since 0.1.0
 */
import * as OggWriter from "../../audio/OggWriter.ts"
import type { AudioPacket } from "../../driver/Line.ts"
import type { ChannelId, UserId } from "../../protocol/Identifier.ts"
import type { Manifest, RecordedUser } from "./Manifest.ts"
import type { Output, Outputs } from "./Outputs.ts"
import * as Part from "./Part.ts"
import * as Senders from "./Senders.ts"

/**
 * A packet at its place, for the mixed file.
 *
 * @category models
 * @since 0.1.0
 */
export interface Placed {
  readonly userId: UserId
  readonly data: Uint8Array
  readonly samples: number
  readonly at: number
  readonly sound: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Book {
  readonly take: (packet: AudioPacket, arrival: number) => void
  readonly name: (ssrc: number, userId: UserId) => void
  readonly joined: (userId: UserId, now: number) => void
  readonly left: (userId: UserId, now: number) => void
  /** `present` are those who are there as far as is known; who is not among them has left while nothing was heard. */
  readonly connected: (channelId: ChannelId, present: ReadonlyArray<UserId>, now: number) => void
  readonly disconnected: (now: number) => void
  /** Fills the files up to what may still be changed by what comes. */
  readonly advance: (now: number) => void
  /** Makes what is there playable. */
  readonly flush: () => void
  readonly finish: (length: number) => void
  /** Up to where nothing is added any more. */
  readonly settled: (now: number) => number
  readonly manifest: (now: number) => Pick<
    Manifest,
    "channels" | "durationMs" | "interruptions" | "unknownPackets" | "users"
  >
  /** Files so far. */
  readonly files: () => number
  /** Packets that were left out because the disk is slow. */
  readonly dropped: () => number
}

/**
 * The look-ahead of libopus, which all files skip at their start (RFC 7845, 4.2): what is heard at a place of a file was
 * spoken then.
 *
 * @category constants
 * @since 0.1.0
 */
export const preSkip = 312

const ms = (samples: number): number => Math.round(samples / 4.8) / 10

/** The mixed file waits so long for one whose packets do not come. */
const patience = 48_000

interface User {
  readonly userId: UserId
  readonly present: Array<{ readonly fromMs: number; toMs?: number }>
  recorded: { readonly part: Part.Part; readonly writer: OggWriter.OggWriter; readonly output: Output } | undefined
}

interface Span {
  readonly fromMs: number
  toMs?: number
}

/** As it is now. */
const spanOf = ({ fromMs, toMs }: Span): Span => toMs === undefined ? { fromMs } : { fromMs, toMs }

const nothing: Part.Counts = { written: 0, lost: 0, duplicates: 0, late: 0, malformed: 0, dropped: 0 }

/** The last one of a list that has not ended. */
const open = (spans: ReadonlyArray<Span>): Span | undefined => {
  const last = spans.at(-1)
  return last === undefined || last.toMs !== undefined ? undefined : last
}

/**
 * A recording at its start. `isWanted` says who is recorded, `isOpen` whether there is room for more bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly outputs: Pick<Outputs, "create">
  readonly hold: number
  readonly isWanted: (userId: UserId) => boolean
  readonly isOpen: () => boolean
  readonly tags: Readonly<Record<string, string>>
  /** What goes into the mixed file, if there is one. */
  readonly onPlaced: ((placed: Placed) => void) | undefined
}): Book => {
  const { hold, isOpen, isWanted, onPlaced, outputs, tags } = options
  const users = new Map<UserId, User>()
  const channels: Array<{ readonly channelId: ChannelId; readonly fromMs: number }> = []
  const interruptions: Array<Span> = []
  let files = 0

  const userOf = (userId: UserId): User => {
    const known = users.get(userId)
    if (known !== undefined) return known
    const user: User = { userId, present: [], recorded: undefined }
    users.set(userId, user)
    return user
  }

  const begin = (user: User): NonNullable<User["recorded"]> => {
    const { userId } = user
    const writer = OggWriter.make({ preSkip, serial: ++files, tags: { ...tags, ARTIST: userId } })
    const output = outputs.create(`${userId}.ogg`)
    const part = Part.make({
      hold,
      isOpen,
      give: (data, samples, at, sound) => {
        const bytes = writer.add({ data })
        if (bytes !== undefined) output.append(bytes)
        onPlaced?.({ userId, data, samples, at, sound })
      }
    })
    user.recorded = { part, writer, output }
    return user.recorded
  }

  const recorded = function*() {
    for (const user of users.values()) if (user.recorded !== undefined) yield user.recorded
  }

  const senders = Senders.make((userId, packet, arrival) => {
    if (!isWanted(userId)) return
    const user = userOf(userId)
    const { part } = user.recorded ?? begin(user)
    if (open(user.present) === undefined) user.present.push({ fromMs: Math.max(0, ms(arrival)) })
    part.take({ ...packet, arrival })
  })

  const joined = (userId: UserId, now: number): void => {
    if (!isWanted(userId)) return
    const { present } = userOf(userId)
    if (open(present) === undefined) present.push({ fromMs: ms(now) })
  }

  const describe = ({ present, recorded, userId }: User): RecordedUser => {
    const part = recorded?.part
    return {
      userId,
      ...recorded === undefined ? {} : { file: recorded.output.written() },
      present: present.map(spanOf),
      ssrcs: [...part?.ssrcs ?? []],
      packets: { ...part?.counts ?? nothing },
      gaps: (part?.gaps ?? []).map(({ at, cause, packets, samples }) => ({
        atMs: ms(at),
        durationMs: ms(samples),
        packets,
        cause
      })),
      gapsOmitted: part?.gapsOmitted() ?? 0,
      jitterMs: ms(part?.jitter() ?? 0),
      alignmentErrorMs: ms(part?.error() ?? 0)
    }
  }

  return {
    take: senders.take,
    name: senders.name,
    joined,
    left: (userId, now) => {
      senders.left(userId)
      const span = open(users.get(userId)?.present ?? [])
      if (span !== undefined) span.toMs = ms(now)
    },
    connected: (channelId, present, now) => {
      const span = open(interruptions)
      const lastMs = span?.fromMs ?? ms(now)
      if (span !== undefined) span.toMs = ms(now)
      for (const user of users.values()) {
        const there = open(user.present)
        if (there !== undefined && !present.includes(user.userId)) there.toMs = Math.max(there.fromMs, lastMs)
      }
      for (const userId of present) joined(userId, now)
      if (channels.at(-1)?.channelId !== channelId) channels.push({ channelId, fromMs: ms(now) })
    },
    disconnected: (now) => {
      senders.forget()
      if (open(interruptions) === undefined) interruptions.push({ fromMs: ms(now) })
    },
    advance: (now) => {
      senders.expire(now)
      for (const { part } of recorded()) part.advance(now)
    },
    flush: () => {
      for (const { output, writer } of recorded()) output.append(writer.flush())
    },
    finish: (length) => {
      senders.expire(Infinity)
      for (const { output, part, writer } of recorded()) {
        // the last page has to have a packet, and the decoder's look-ahead comes on top
        part.finish(Math.max(length + preSkip, part.written() + 120))
        output.append(writer.finish(length))
      }
    },
    settled: (now) => {
      let least = now - hold
      let catchingUp = Infinity
      for (const { part } of recorded()) {
        least = Math.min(least, part.written())
        if (part.isCatchingUp()) catchingUp = Math.min(catchingUp, part.written())
      }
      return Math.min(catchingUp, Math.max(least, now - hold - patience))
    },
    manifest: (now) => ({
      channels: channels.slice(),
      durationMs: ms(now),
      interruptions: interruptions.map(spanOf),
      unknownPackets: senders.unknown(),
      users: [...users.values()].map(describe)
    }),
    files: () => files,
    dropped: () => {
      let dropped = 0
      for (const { part } of recorded()) dropped += part.counts.dropped
      return dropped
    }
  }
}
