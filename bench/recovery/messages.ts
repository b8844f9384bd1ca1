/**
 * What the processes of the recovery bench say to each other. The bench passes on what the emulator wants of the player, and
 * the player's answer.
 */
import type { Arguments } from "../join/gateway.ts"

export const kinds = ["cut", "close 4015", "close 4006", "server move", "4006, discovery lost", "blocked 3 s"] as const

export type Kind = typeof kinds[number]

/** What a player is given: a user, a guild and a channel for each session. */
export interface PlayerArguments extends Arguments {
  readonly tokens: ReadonlyArray<string>
}

/** A fault that was made. */
export interface Outcome {
  readonly kind: Kind
  /** Milliseconds: the longest time between two frames, from the last one before the fault on. Null if no audio came back. */
  readonly silentMs: number | null
}

export type FromEmulator =
  | { readonly _tag: "Listening"; readonly cert: string | undefined; readonly arguments: PlayerArguments }
  /** The player's event loop shall be blocked. */
  | { readonly _tag: "Block"; readonly ms: number }
  /** No audio came back: the player shall give the session up and begin another in its place. */
  | { readonly _tag: "Renew"; readonly index: number }
  | { readonly _tag: "Done"; readonly outcomes: ReadonlyArray<Outcome>; readonly violations: number }

export type ToEmulator =
  /** All sessions play. */
  | { readonly _tag: "Begin" }
  | { readonly _tag: "Blocked" }

export type ToPlayer = Extract<FromEmulator, { readonly _tag: "Block" | "Renew" }>

export type FromPlayer =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Blocked" }
  | { readonly _tag: "Failed"; readonly detail: string }
