/**
 * One UDP socket to a voice server: IP discovery, keepalive, and telling the datagrams apart that share the socket.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Ssrc } from "./protocol/Identifier.ts"
import type { VoiceError } from "./VoiceError.ts"

/**
 * Counts of datagrams since the socket was opened.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly sent: number
  readonly sendErrors: number
  readonly received: number
  /** Received datagrams that are neither RTP, RTCP, discovery nor a ping reply. */
  readonly unknown: number
  /** Media datagrams that came while no handler was set. */
  readonly dropped: number
  readonly keepalives: number
  /** Replies to our pings, and the last round trip in milliseconds; servers need not reply. */
  readonly pongs: number
  readonly roundTripMs: number | undefined
}

/**
 * Takes one media datagram. Plain code: it runs for every packet received, and owns the bytes.
 *
 * @category models
 * @since 0.1.0
 */
export type MediaHandler = (kind: "rtp" | "rtcp", datagram: Uint8Array) => void

/**
 * An open UDP socket to a voice server. Keepalives are sent every 5 seconds from {@link Socket.discover} on until the
 * scope closes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Socket {
  /**
   * Asks the server for the address that it sees us at. Tries 10 times, 1 second apart; type, length and SSRC of the
   * answer are checked. Fails with `DiscoveryUnanswered`.
   */
  readonly discover: Effect.Effect<{ readonly address: string; readonly port: number }, VoiceError>
  /** Sends the first `length` bytes of `packet`; the buffer can be used again when it returns. Never throws. */
  readonly send: (packet: Uint8Array, length: number) => void
  /** Sets the one handler of RTP and RTCP datagrams. */
  readonly onMedia: (handler: MediaHandler) => void
  readonly statistics: () => Statistics
}

/**
 * @category services
 * @since 0.1.0
 */
export class VoiceUdp extends Context.Service<VoiceUdp, {
  /** Opens a socket that is connected to the address of Ready (op 2), IPv4 or IPv6. Fails with `UdpFailed`. */
  readonly open: (options: {
    readonly address: string
    readonly port: number
    readonly ssrc: Ssrc
  }) => Effect.Effect<Socket, VoiceError, Scope.Scope>
}>()("effect-discord-voice/VoiceUdp") {}
