/**
 * What the processes of the bench of changing groups say to each other.
 */

/** Where members come and go: in a group that we are not in, in ours, or nowhere. */
export const places = ["elsewhere", "nowhere", "here"] as const

export type Place = typeof places[number]

/** Where the groups are kept: in a thread of their own, or in that of the beat. */
export const layers = ["layerThread", "layer"] as const

export type DaveLayer = typeof layers[number]

export interface EmulatorArguments {
  /** Members of each group, our client among them. */
  readonly sizes: ReadonlyArray<number>
  /** Streams that are not encrypted, each in a channel of its own. */
  readonly streams: number
}

export type FromEmulator =
  /** A group is there, but for our client. */
  | { readonly _tag: "Grouped"; readonly size: number }
  | {
    readonly _tag: "Listening"
    readonly gateway: string
    readonly token: string
    /** Guild and channel of each plain stream. */
    readonly plain: ReadonlyArray<{ readonly guild: string; readonly channel: string }>
    readonly groups: ReadonlyArray<{ readonly size: number; readonly guild: string; readonly channel: string }>
  }
  /** How often somebody has joined or left. */
  | { readonly _tag: "Changed"; readonly changes: number }

/** Lets members come and go for a while. */
export interface ToEmulator {
  readonly _tag: "Change"
  readonly place: Place
  readonly size: number
  readonly ms: number
}

export interface PlayerArguments {
  readonly gateway: string
  readonly token: string
  readonly layer: DaveLayer
  readonly plain: ReadonlyArray<{ readonly guild: string; readonly channel: string }>
  readonly group: { readonly size: number; readonly guild: string; readonly channel: string }
}

export type ToPlayer =
  /** Joins the group, plays there, and waits until it is a member. */
  | { readonly _tag: "Enter" }
  | { readonly _tag: "Begin" }
  | { readonly _tag: "End" }

/** What a player saw between Begin and End. Times in milliseconds. */
export interface Seen {
  /** The most CPU time that its main thread spent between two ticks of a 1 ms timer. */
  readonly workMs: number
  /** The third longest of these stretches. */
  readonly thirdWorkMs: number
  /** The event loop's longest delay. */
  readonly delayMs: number
  /** How much later than 20 ms after the one before it packets of the plain streams left. */
  readonly p99: number
  readonly max: number
  readonly packets: number
  /** Transitions of our group. */
  readonly transitions: number
  /** Frames that were sent encrypted, and such as were due and not sent because there was no group. */
  readonly encrypted: number
  readonly withheld: number
}

export type FromPlayer =
  /** The plain streams play. */
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Entered" }
  | { readonly _tag: "Begun" }
  | { readonly _tag: "Ended"; readonly seen: Seen }
  | { readonly _tag: "Failed"; readonly detail: string }
