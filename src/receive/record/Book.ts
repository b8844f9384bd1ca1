/**
 * A recording as plain data: it is told what is heard and what happens, and fills the files. It uses neither clock nor disk:
 * the time is an argument, and bytes go to the outputs.
 *
 * All times are in samples at 48 kHz after the start of the recording.
 *
 * @since 0.1.0
 */
import type { AudioPacket } from "../../driver/Line.ts"
import type { ChannelId, UserId } from "../../protocol/Identifier.ts"
import type { Manifest, RecordedUser } from "./Manifest.ts"
import * as Part from "./Part.ts"
import * as Pauses from "./Pauses.ts"
import * as Self from "./Self.ts"
import * as Senders from "./Senders.ts"
import { oggBytes, preSkip, type UserFile, type UserFiles } from "./UserFile.ts"

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
  /** Takes a packet whose user is known. */
  readonly said: (userId: UserId, packet: Omit<Part.Received, "arrival">, arrival: number) => void
  readonly name: (ssrc: number, userId: UserId) => void
  /** Sets the name of a user from now on. */
  readonly called: (userId: UserId, name: string) => void
  readonly joined: (userId: UserId, now: number) => void
  readonly left: (userId: UserId, now: number) => void
  /** `present` are the users who are known to be there. Other users have left while nothing was heard. */
  readonly connected: (channelId: ChannelId, present: ReadonlyArray<UserId>, now: number) => void
  readonly disconnected: (now: number) => void
  /** Pauses: what is said from now on is not written until it is resumed. */
  readonly pause: (now: number) => void
  readonly resume: (now: number) => void
  readonly isPaused: () => boolean
  /** Fills the files up to where later packets may still make changes. */
  readonly advance: (now: number) => void
  /** Makes the present content playable. */
  readonly flush: () => void
  readonly finish: (length: number) => void
  /** The time up to which nothing is added any more. */
  readonly settled: (now: number) => number
  readonly manifest: (now: number) => Pick<
    Manifest,
    "channels" | "durationMs" | "interruptions" | "pauses" | "unknownPackets" | "users"
  >
  /** How many bytes the files grow by, at most, when they are completed at this length. */
  readonly due: (length: number) => number
  /** The number of files so far. */
  readonly files: () => number
  /** Packets that were dropped because the disk is slow. */
  readonly dropped: () => number
}

const ms = (samples: number): number => Math.round(samples / 4.8) / 10

/** How long the mixed file waits for a user whose packets do not arrive. */
const patience = 48_000

interface User {
  readonly userId: UserId
  readonly present: Array<{ readonly fromMs: number; toMs?: number }>
  recorded: { readonly part: Part.Part; readonly file: UserFile } | undefined
}

interface Span {
  readonly fromMs: number
  toMs?: number
}

/** The span as it is now. */
const spanOf = ({ fromMs, toMs }: Span): Span => toMs === undefined ? { fromMs } : { fromMs, toMs }

const nothing: Part.Counts = { written: 0, lost: 0, duplicates: 0, late: 0, malformed: 0, dropped: 0 }

/** The last span of a list, if it has not ended. */
const open = (spans: ReadonlyArray<Span>): Span | undefined => {
  const last = spans.at(-1)
  return last === undefined || last.toMs !== undefined ? undefined : last
}

/**
 * Makes a recording at its start. `isWanted` says who is recorded, `isOpen` whether there is room for more bytes at the moment,
 * and `afford` reserves bytes, if there are any left.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly files: Pick<UserFiles, "least" | "open">
  readonly hold: number
  readonly isWanted: (userId: UserId) => boolean
  readonly isOpen: () => boolean
  readonly afford: (bytes: number) => boolean
  readonly now: () => number
  /** Receives each packet at its place, and silence. */
  readonly onPlaced: ((placed: Placed) => void) | undefined
}): Book => {
  const { afford, hold, isOpen, isWanted, now: time, onPlaced } = options
  const users = new Map<UserId, User>()
  const names = new Map<UserId, string>()
  const channels: Array<{ readonly channelId: ChannelId; readonly fromMs: number }> = []
  const interruptions: Array<Span> = []
  const pauses = Pauses.make()
  let files = 0

  const userOf = (userId: UserId): User => {
    const known = users.get(userId)
    if (known !== undefined) return known
    const user: User = { userId, present: [], recorded: undefined }
    users.set(userId, user)
    return user
  }

  const begin = (user: User): User["recorded"] => {
    const { userId } = user
    if (!afford(options.files.least(userId, time()))) return undefined
    files++
    const file = options.files.open(userId)
    const part = Part.make({
      hold,
      isOpen,
      isWanted: (at, samples) => !pauses.covers(at, samples),
      give: (data, samples, at, sound) => {
        file.give(data, samples, at, sound)
        onPlaced?.({ userId, data, samples, at, sound })
      }
    })
    user.recorded = { part, file }
    return user.recorded
  }

  const recorded = function*() {
    for (const user of users.values()) if (user.recorded !== undefined) yield user.recorded
  }

  const said: Book["said"] = (userId, packet, arrival) => {
    if (!isWanted(userId)) return
    const user = userOf(userId)
    if (open(user.present) === undefined) user.present.push({ fromMs: Math.max(0, ms(arrival)) })
    // a user who speaks only in a pause has no file
    if (user.recorded === undefined && pauses.covers(arrival, 1)) return
    if (!afford(oggBytes(1, packet.payload.length))) return
    const { part } = user.recorded ?? begin(user) ?? {}
    part?.take({ ...packet, arrival })
  }
  const senders = Senders.make(said)

  const joined = (userId: UserId, now: number): void => {
    if (!isWanted(userId)) return
    const { present } = userOf(userId)
    if (open(present) === undefined) present.push({ fromMs: ms(now) })
  }

  const describe = ({ present, recorded, userId }: User): RecordedUser => {
    const part = recorded?.part
    const file = recorded?.file.written()
    const name = names.get(userId)
    return {
      userId,
      ...name === undefined ? {} : { name },
      ...file === undefined ? {} : { file },
      present: present.map(spanOf),
      ssrcs: (part?.ssrcs ?? []).filter((ssrc) => ssrc !== Self.ssrc),
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
    said,
    name: senders.name,
    called: (userId, name) => {
      names.set(userId, name)
    },
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
    pause: pauses.begin,
    resume: pauses.end,
    isPaused: pauses.isOn,
    advance: (now) => {
      senders.expire(now)
      for (const { part } of recorded()) part.advance(now)
    },
    flush: () => {
      for (const { file } of recorded()) file.flush()
    },
    finish: (length) => {
      senders.expire(Infinity)
      for (const { file, part } of recorded()) {
        // the last page has to have a packet, and the decoder's look-ahead is added
        part.finish(Math.max(length + preSkip, part.written() + 120))
        file.finish(length)
      }
    },
    due: (length) => {
      let due = 0
      for (const { file, part } of recorded()) {
        const { bytes, packets } = part.waiting()
        due += file.due(length, packets, bytes)
      }
      return due
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
      pauses: pauses.all().map(({ from, to }) =>
        to === Infinity ? { fromMs: ms(from) } : { fromMs: ms(from), toMs: ms(to) }
      ),
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
