/**
 * What an emulator is told, and where it can be reached. `Emulator` gives these to users.
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
 * How our own gateway client logs in: what else it subscribes to, and as which shard.
 *
 * @category models
 * @since 0.1.0
 */
export type ClientOptions = Pick<Gateway.GatewayOptions, "intents" | "shard">

/**
 * What both layers understand.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmulatorOptions {
  /** Which Discord it is: "today", "2022", or a profile of your own. Default "today". */
  readonly profile?: "today" | "2022" | Profile.Profile | undefined
  /** The same seed gives the same ids, tokens, keys and dice. Default 1. */
  readonly seed?: number | undefined
  /** The regions of the voice servers, one server each. Default two: "one" and "two". */
  readonly voiceServers?: ReadonlyArray<string> | undefined
  /**
   * Whether the URLs are `wss` and `https`, and voice endpoints `host:port` as Discord writes them. Default false. On
   * loopback a certificate is made; in memory only the names change.
   */
  readonly tls?: boolean | undefined
  /**
   * How the network treats WebSockets and datagrams, by the `seed`; scripted participants are at the server and have none before them, nor
   * has REST. Default: everything arrives once, at once and in order. On loopback the operating system decides when something is sent,
   * so that the seed decides of each datagram of a client, by how many came before it, and not of a whole run.
   */
  readonly network?: NetworkOptions | undefined
  readonly world?: WorldOptions | undefined
}

/**
 * Options of `Emulator.layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoopbackOptions extends EmulatorOptions {
  readonly ports?: Loopback.Ports | undefined
}

/**
 * Options of `Emulator.layerMemory`.
 *
 * @category models
 * @since 0.1.0
 */
export type MemoryOptions = EmulatorOptions

/**
 * Where the emulator can be reached.
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
    /** As in VOICE_SERVER_UPDATE. */
    readonly endpoint: string
    readonly udp: Address
  }>
}
