/**
 * What the processes of the streams bench say to each other: the bench tells, the sink and the players answer.
 */

/** The channel of every stream, each in a guild of its own, and who plays there. */
export const channelId = "300000000000000001"
export const userId = "400000000000000001"

/** `Voice.layer`, the same with `NewSpace.layerSmall`, or `Voice.layerThread`. */
export type OurLayer = "layer" | "layerSmall" | "layerThread"

/** What a player is given as its one argument, in JSON. */
export interface PlayerArguments {
  /** Streams to play at once. */
  readonly count: number
  /** `host:port` of the sink's voice gateway, which speaks TLS as Discord's do. */
  readonly endpoint: string
  /** Ports of the sink's UDP sockets on 127.0.0.1; stream `i` of a player without gateway sends to port `i % ports`. */
  readonly ports: ReadonlyArray<number>
  /** Whether to encrypt end to end. */
  readonly e2ee: boolean
  /** What our sessions run on; ours only. */
  readonly layer: OurLayer
  /** The cipher of a player without gateway. The others take what the sink offers. */
  readonly mode: string
  /** Bytes of one Opus frame. */
  readonly frameBytes: number
  /** The file of an Ogg Opus stream of such frames, 20 ms each. */
  readonly ogg: string
}

export type ToPlayer =
  | { readonly _tag: "Play" }
  /** From here on CPU time is counted. */
  | { readonly _tag: "Begin" }
  | { readonly _tag: "End" }
  /** With `reduce` it collects as V8 does where memory runs short, which gives back what it keeps for new objects. */
  | { readonly _tag: "Measure"; readonly reduce: boolean }

export interface Memory {
  /** Bytes. After a garbage collection. */
  readonly rss: number
  readonly heap: number
  readonly external: number
}

export type FromPlayer =
  | { readonly _tag: "Started" }
  /** All connections stand. `joinMs`: from the first step to Session Description, for each. */
  | { readonly _tag: "Ready"; readonly joinMs: ReadonlyArray<number> }
  | { readonly _tag: "Playing" }
  | { readonly _tag: "Used"; readonly cpuMicros: number }
  | { readonly _tag: "Memory"; readonly memory: Memory }
  | { readonly _tag: "Failed"; readonly detail: string }

export interface SinkArguments {
  readonly certificate: string
  readonly privateKey: string
  readonly sockets: number
  readonly maxStreams: number
  readonly maxSeconds: number
}

export type ToSink =
  /** Modes that Ready lists from now on, and whether connections get a group of two; forgets all streams. */
  | { readonly _tag: "Offer"; readonly modes: ReadonlyArray<string>; readonly e2ee: boolean }
  /** Answered when so many connections have said that they are in their group. */
  | { readonly _tag: "AwaitGroups"; readonly count: number }
  | { readonly _tag: "Begin" }
  | { readonly _tag: "End"; readonly streams: number }

/** What arrived between Begin and End. */
export interface Arrivals {
  readonly packets: number
  readonly streams: number
  /** Sequence numbers missing between the first and the last of each stream. */
  readonly lost: number
  /** Bytes of the shortest packet. */
  readonly shortest: number
  /** Milliseconds; see the README of the benches. */
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Packets a second: the slowest stream and the median one. */
  readonly slowest: number
  readonly median: number
}

export type FromSink =
  | { readonly _tag: "Listening"; readonly port: number; readonly udp: ReadonlyArray<number> }
  | { readonly _tag: "Offered" }
  | { readonly _tag: "Grouped" }
  | { readonly _tag: "Begun" }
  | { readonly _tag: "Ended"; readonly arrivals: Arrivals }
