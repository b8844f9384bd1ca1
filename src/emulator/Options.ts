/**
 * The options of an emulator, and the addresses at which it can be reached. `Emulator` exports them.
 *
 * @since 0.1.0
 */
import type * as Gateway from "../Gateway.ts"
import type { Address } from "./core/CoreContext.ts"
import type * as Profile from "./core/Profile.ts"
import type * as Loopback from "./shell/Loopback.ts"
import type { WorldOptions } from "./shell/NamedWorld.ts"
import type { NetworkOptions } from "./shell/Network.ts"

/**
 * How this library's gateway client logs in: the additional intents, and the shard.
 *
 * @category models
 * @since 0.1.0
 */
export type ClientOptions = Pick<Gateway.GatewayOptions, "intents" | "shard">

/**
 * The options of both layers.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmulatorOptions {
  /** The version of Discord to emulate: "today", "2022", or your own profile. Default "today". */
  readonly profile?: "today" | "2022" | Profile.Profile | undefined
  /** The same seed gives the same ids, tokens, keys and random decisions. Default 1. */
  readonly seed?: number | undefined
  /** The regions of the voice servers, with one server each. Default two: "one" and "two". */
  readonly voiceServers?: ReadonlyArray<string> | undefined
  /**
   * Whether URLs are `wss` and `https`, and voice endpoints are `host:port` as Discord writes them. Default false. On loopback
   * a certificate is created; in memory only the names change.
   */
  readonly tls?: boolean | undefined
  /**
   * How the network treats WebSockets and datagrams, according to the `seed`. It does not affect scripted participants, which
   * are inside the server, nor REST. Default: everything arrives once, immediately and in order. On loopback the operating
   * system decides when data is sent. The seed therefore decides about each datagram of a client by the number of datagrams
   * before it, but does not determine a whole run.
   */
  readonly network?: NetworkOptions | undefined
  readonly world?: WorldOptions | undefined
}

/**
 * The options of `Emulator.layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoopbackOptions extends EmulatorOptions {
  readonly ports?: Loopback.Ports | undefined
}

/**
 * The options of `Emulator.layerMemory`.
 *
 * @category models
 * @since 0.1.0
 */
export type MemoryOptions = EmulatorOptions

/**
 * The addresses of the emulator.
 *
 * @category models
 * @since 0.1.0
 */
export interface Urls {
  /** The main gateway: `ws://127.0.0.1:port`, `wss` with TLS. */
  readonly gateway: string
  /** The REST API: `http://127.0.0.1:port/api/v10`, `https` with TLS. */
  readonly rest: string
  /** The certificate (PEM) that clients have to trust, on loopback with TLS. */
  readonly cert: string | undefined
  readonly voice: ReadonlyArray<{
    readonly region: string
    /** The endpoint as in VOICE_SERVER_UPDATE. */
    readonly endpoint: string
    readonly udp: Address
  }>
}
