/**
 * What the processes of the receiving bench say to each other.
 */
import * as Streams from "../streams/messages.ts"

export const { channelId, userId } = Streams
export const guildId = "200000000000000001"

/** The speaker with this number, and its SSRC. */
export const speakerId = (index: number): string => String(600000000000000001n + BigInt(index))
export const ssrcOf = (index: number): number => index + 1_000

/** What a listener is given as its one argument, in JSON. */
export interface ListenerArguments {
  readonly speakers: number
  /** `host:port` of the voice gateway, which speaks TLS as Discord's do. */
  readonly endpoint: string
  /** The UDP port of a listener without a gateway. */
  readonly udp: number
  /** "opus": packets as they are; "pcm": decoded, 48 kHz in two channels; "ticks": all in step. */
  readonly take: "opus" | "pcm" | "ticks"
}

export type ToListener = { readonly _tag: "Begin" } | { readonly _tag: "End" }

export type FromListener =
  | { readonly _tag: "Started" }
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Begun" }
  | {
    readonly _tag: "Heard"
    readonly frames: number
    readonly cpuMicros: number
    readonly died: number
    /** How late ticks came, 99th percentile; 0 without ticks. */
    readonly tickMs: number
  }
  | { readonly _tag: "Failed"; readonly detail: string }

export type ToSource =
  /** Forgets the listener, and lets the next one have so many speakers. */
  | { readonly _tag: "Offer"; readonly speakers: number }
  /** Sends 50 packets a second for each speaker. One in `badEvery` does not authenticate; 0 for none. */
  | { readonly _tag: "Send"; readonly ms: number; readonly badEvery: number }

export type FromSource =
  | { readonly _tag: "Listening"; readonly port: number; readonly udp: number }
  | { readonly _tag: "Offered" }
  | { readonly _tag: "Found" }
  | { readonly _tag: "Sent"; readonly packets: number; readonly bad: number; readonly lateMs: number }
