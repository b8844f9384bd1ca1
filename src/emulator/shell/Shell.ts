/**
 * The interface between a shell and the public face of the emulator: a driven core and the addresses at which it can be
 * reached.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Address, VoiceServerId } from "../core/CoreContext.ts"
import type { Profile } from "../core/Profile.ts"
import type { Driver } from "./Driver.ts"

/**
 * A voice server from a client's point of view.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceServer {
  readonly id: VoiceServerId
  readonly region: string
  /** The endpoint in VOICE_SERVER_UPDATE: `host:port` with TLS, `ws://host:port` without. */
  readonly endpoint: string
  readonly udp: Address
}

/**
 * A core with listeners.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shell {
  readonly driver: Driver
  /** The URL of the main gateway, without a query. */
  readonly gateway: string
  /** The URL of the REST API, including its version. */
  readonly rest: string
  /** The certificate (PEM) that clients have to trust, if there is TLS. */
  readonly certificate: string | undefined
  readonly voice: ReadonlyArray<VoiceServer>
  /**
   * Waits until nothing happens any more unless the clock moves. On loopback, where that cannot be known, it returns
   * immediately.
   */
  readonly settle: (turn: "first" | "last") => Effect.Effect<void>
  /** What the shell counted by name, in particular hostile input. */
  readonly counters: () => ReadonlyMap<string, number>
}

/**
 * The options of every shell.
 *
 * @category models
 * @since 0.1.0
 */
export interface ShellOptions {
  readonly profile: Profile
  readonly seed: number
  /** There is one voice server for each, in this order. */
  readonly regions: ReadonlyArray<string>
  readonly tls: boolean
}

/**
 * Whether the body of a request is a form with files, according to its `content-type`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isForm = (contentType: string | undefined): boolean =>
  contentType?.toLowerCase().startsWith("multipart/form-data") === true

/**
 * Counters by name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeCounters = () => {
  const counts = new Map<string, number>()
  return {
    add: (name: string) => {
      counts.set(name, (counts.get(name) ?? 0) + 1)
    },
    read: (): ReadonlyMap<string, number> => new Map(counts)
  }
}
