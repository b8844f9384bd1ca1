/**
 * A voice session, that is, the member of a channel on a voice server: the state that signalling, relay and scripted
 * participants share.
 *
 * @since 0.1.0
 */
import type { ChannelId, GuildId, Ssrc, UserId } from "../../../protocol/Identifier.ts"
import type { ServerVideo, SinkWants, VoiceVersion } from "../../../protocol/VoicePayload.ts"
import type { Address, ConnectionId, VoiceServerId } from "../CoreContext.ts"
import type { DaveMember } from "../dave/Seat.ts"
import type { Profile } from "../Profile.ts"
import type { Conduct } from "./Conduct.ts"
import type { NonceMemory } from "./NonceMemory.ts"
import type { Outbox } from "./Outbox.ts"
import type { Reception } from "./Reception.ts"
import type { Box } from "./Sealing.ts"
import type { Client } from "./Shown.ts"
import type { PayloadTypes } from "./Video.ts"

/**
 * A connection to the voice gateway.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  readonly id: ConnectionId
  readonly server: VoiceServerId
  readonly version: VoiceVersion
  /** Closed by us; the peer's side of it has not ended yet. */
  closed: boolean
  /** Whether a fault has withheld or changed a message, so that the client cannot be blamed any more. */
  tampered: boolean
  /** The user of the connection until it has a session, by its first message or by who is expected. */
  claimant: UserId | undefined
  session: Session | undefined
  /** When the last heartbeat arrived, or Hello was sent, before and after the faults. */
  sentBeatMs: number
  beatMs: number
  cancelDeadline: (() => void) | undefined
  /** When the last heartbeats left the client, oldest first, since the server asked for one. */
  beatsMs: Array<number>
  /** Numbered messages that were sent recently, oldest first. */
  numbered: Array<{ readonly seq: number; readonly atMs: number }>
  /** The number of the last message that a heartbeat has to acknowledge by now. */
  dueSeq: number | undefined
  /** The advice that was given about it. */
  readonly advised: Set<string>
}

/**
 * Encryption with the key of one session description (op 4).
 *
 * @category models
 * @since 0.1.0
 */
export interface Media {
  readonly box: Box
  readonly nonces: NonceMemory
  /** Only for a client. */
  readonly key?: Uint8Array
}

/**
 * The members of one channel on one voice server. The list is replaced and never changed, so that it can be iterated while
 * members come and go.
 *
 * @category models
 * @since 0.1.0
 */
export interface Room {
  readonly key: string
  members: ReadonlyArray<Session>
}

/**
 * One member of a channel. Signalling, relay and participants change it in place.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly guildId: GuildId
  readonly channelId: ChannelId
  readonly userId: UserId
  readonly server: VoiceServerId
  readonly ssrc: Ssrc
  readonly room: Room
  /** `undefined` for a scripted participant. */
  readonly credentials: { readonly sessionId: string; readonly token: string } | undefined
  readonly outbox: Outbox
  connection: Connection | undefined
  version: VoiceVersion | undefined
  ended: boolean
  /** Whether a fault has withheld or changed something that media depends on: Ready, Select Protocol, the key, or Speaking. */
  tampered: boolean
  /** Whether a fault has withheld Ready, so that the client cannot know that there is something to resume. */
  unannounced: boolean
  /** Whether media goes to the address in Select Protocol (op 1), even if packets come from elsewhere. */
  pinned: boolean
  /** Ends the wait for Resume. */
  cancelExpiry: (() => void) | undefined
  /** The flags of the last Speaking (op 5); `undefined` before it. */
  speaking: number | undefined
  /** Whether there has been a Speaking (op 5) with flags other than 0. */
  maySend: boolean
  /** Opened audio packets from before that, and until when they are kept. */
  early: Array<{ readonly plain: Uint8Array; readonly untilMs: number }>
  video: ServerVideo["d"] | undefined
  /** The payload types in Select Protocol (op 1), and the streams requested with Media Sink Wants (op 15). */
  payloadTypes: PayloadTypes
  wants: SinkWants | undefined
  /** The name of the media session in its session description (op 4). */
  mediaSessionId: string | undefined
  client: Client
  media: Media | undefined
  /** The keys before `media`, the last one first, for packets under way when the key changed. */
  formerMedia: ReadonlyArray<{ readonly media: Media; readonly untilMs: number }>
  /** Where IP discovery came from, what Select Protocol (op 1) named, and where media is sent to. */
  discovered: Address | undefined
  selected: Address | undefined
  target: Address | undefined
  conduct: Conduct | undefined
  /** The reception of its audio. */
  readonly reception: Reception
  /** Receives a sealed packet instead of a socket. The bytes are valid during the call. */
  hear: ((packet: Uint8Array) => void) | undefined
  /** The padding of this member's next forwarded packet; `undefined` leaves it to the profile. */
  padding: (() => number) | undefined
  /** Sends a packet that has passed the faults. Created once for each session. */
  readonly deliver: (frame: string | Uint8Array) => void
  /** The newest version of end-to-end encryption that it can have here; 0 for none. */
  readonly daveVersion: number
  /** The end-to-end encryption of a scripted participant, if it has one. */
  readonly member: DaveMember | undefined
  /** Whether a fault has withheld or changed something that end-to-end encryption depends on. */
  daveTampered: boolean
  /** Whether a fault has withheld or changed an answer to IP discovery. */
  discoveryTampered: boolean
  /** Whether the address in Select Protocol (op 1) was compared with where packets come from. */
  addressJudged: boolean
  /** When the first session description (op 4) was sent, in milliseconds. */
  describedMs: number | undefined
  /** When the client last sent a datagram, before the faults, in milliseconds; `undefined` before the first. */
  sentMs: number | undefined
  /** When a violation of the relay was last recorded, by code, in milliseconds. */
  readonly judgedMs: Map<string, number>
}

/**
 * Whether both addresses are known and the same.
 *
 * @category guards
 * @since 0.1.0
 */
export const sameAddress = (a: Address | undefined, b: Address | undefined): boolean =>
  a !== undefined && b !== undefined && a.port === b.port && a.address === b.address

/** What media depends on: Ready and the key on the way out, Select Protocol and Speaking on the way in. */
const mediaOps = { in: new Set([1, 5]), out: new Set([2, 4]) } as const

/** What end-to-end encryption depends on: the version, the members, and everything about groups. */
const daveOps = { in: new Set([23, 26, 28, 31]), out: new Set([4, 11, 13, 21, 22, 24, 25, 27, 29, 30]) } as const

/**
 * Notes that a fault has withheld or changed a message with this opcode.
 *
 * @category tampering
 * @since 0.1.0
 */
export const taint = (connection: Connection, direction: "in" | "out", op: number | undefined): void => {
  connection.tampered = true
  const { session } = connection
  if (session === undefined || op === undefined) return
  if (mediaOps[direction].has(op)) session.tampered = true
  if (daveOps[direction].has(op)) session.daveTampered = true
}

/**
 * Sends media to where a packet with the session's key came from, like a server that follows a NAT which changes ports. Not for
 * a pinned session, nor if the profile sends only to the selected address.
 *
 * @category addresses
 * @since 0.1.0
 */
export const learnAddress = (session: Session, from: Address, mediaTarget: Profile["mediaTarget"]): void => {
  if (session.pinned && session.target !== undefined) return
  if (mediaTarget === "selected" && !sameAddress(session.selected, from)) return
  if (!sameAddress(session.target, from)) session.target = { address: from.address, port: from.port }
}
