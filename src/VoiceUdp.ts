/**
 * One UDP socket to a voice server: IP discovery, keepalive, and telling apart the kinds of datagrams that share the socket.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Datagram from "./protocol/Datagram.ts"
import type { Ssrc } from "./protocol/Identifier.ts"
import { printable } from "./protocol/internal/printable.ts"
import * as Transport from "./Transport.ts"
import { CurrentLog } from "./transport/wire/Log.ts"
import * as Wire from "./transport/wire/Wire.ts"
import * as Discovery from "./udp/Discovery.ts"
import { Pings } from "./udp/Pings.ts"
import * as Signs from "./udp/Signs.ts"
import * as VoiceError from "./VoiceError.ts"

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
  /** Received datagrams that are not RTP, RTCP, discovery or a ping reply. */
  readonly unknown: number
  /** Media datagrams that arrived while no handler was set. */
  readonly dropped: number
  readonly keepalives: number
  /** Replies to the pings, and the last round trip in milliseconds. Servers need not reply. */
  readonly pongs: number
  readonly roundTripMs: number | undefined
}

/**
 * Handles one media datagram. Plain code: it runs for every packet received, and owns the bytes.
 *
 * @category models
 * @since 0.1.0
 */
export type MediaHandler = (kind: "rtp" | "rtcp", datagram: Uint8Array) => void

/**
 * An open UDP socket to a voice server. Call the functions as methods: they do not work when detached from the socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Socket {
  /**
   * Asks the server which address it sees the bot at. Tries 10 times, 1 second apart, and checks type, length and SSRC of the
   * answer. Fails with `DiscoveryUnanswered`.
   */
  readonly discover: Effect.Effect<{ readonly address: string; readonly port: number }, VoiceError.VoiceError>
  /** Where RTP packets are sent. See `DatagramSocket`. */
  readonly media: Pick<Transport.DatagramSocket, "send" | "prefetch">
  /** Sends an RTCP packet, like `media.send`. Receiver reports do not cover these packets. */
  readonly sendReport: (packet: Uint8Array, length: number) => boolean
  /** Sets the one handler of RTP and RTCP datagrams. */
  readonly onMedia: (handler: MediaHandler) => void
  /**
   * Sends a keepalive, and checks whether the socket is dead. Call it every {@link keepaliveMs}. Returns `UdpLost` if:
   *
   * - nothing could be sent for 10 seconds,
   * - the machine has lost the socket's address, or
   * - all kinds of answers that arrived before (to pings, and receiver reports while the bot sends) have stopped. Answers of
   *   one kind show that the path is open. If there never was an answer, silence proves nothing. With `silence: "ignored"`,
   *   answers that have stopped prove nothing either.
   */
  readonly keepAlive: () => VoiceError.VoiceError | undefined
  /** Sends an additional keepalive without checking anything, for when the route back to the bot may have changed. */
  readonly ping: () => void
  readonly statistics: () => Statistics
}

/**
 * The service that opens UDP sockets to voice servers.
 *
 * @category services
 * @since 0.1.0
 */
export class VoiceUdp extends Context.Service<VoiceUdp, {
  /**
   * Opens a socket that is connected to the address of Ready (op 2), IPv4 or IPv6. `silence` decides what it means when
   * answers stop, "lost" by default. Fails with `UdpFailed`.
   */
  readonly open: (options: {
    readonly address: string
    readonly port: number
    readonly ssrc: Ssrc
    readonly silence?: "lost" | "ignored" | undefined
  }) => Effect.Effect<Socket, VoiceError.VoiceError, Scope.Scope>
}>()("effect-discord-voice/VoiceUdp") {}

/**
 * The time between keepalives, in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const keepaliveMs = 5_000

/** The payload type of RTCP receiver reports (RFC 3550, 6.4.2). */
const receiverReport = 201

class Udp implements Socket {
  readonly media: Socket["media"]
  readonly #socket: Transport.DatagramSocket
  readonly #remote: Discovery.Address
  readonly #discovery: Discovery.Discovery
  readonly #pings: Pings
  readonly #sendErrors = new Signs.SendErrors()
  readonly #missingReports = new Signs.MissingReports()
  readonly #silence: "lost" | "ignored"
  #handler: MediaHandler | undefined = undefined
  #unknown = 0
  #dropped = 0
  #reportsSent = 0

  constructor(
    socket: Transport.DatagramSocket,
    clock: Clock.Clock,
    remote: Discovery.Address,
    ssrc: Ssrc,
    silence: "lost" | "ignored"
  ) {
    this.media = socket
    this.#silence = silence
    this.#socket = socket
    this.#remote = remote
    this.#discovery = Discovery.make({ socket, clock, remote, ssrc })
    this.#pings = new Pings(socket, clock)
    socket.onDatagram((datagram) => {
      const kind = Datagram.classify(datagram)
      switch (kind) {
        case "rtp":
        case "rtcp":
          if (kind === "rtcp" && datagram[1] === receiverReport) {
            this.#missingReports.onReport(this.#mediaSent())
            this.#pings.onAnswer()
          }
          if (this.#handler === undefined) this.#dropped++
          else this.#handler(kind, datagram)
          return
        case "discovery":
          if (!this.#discovery.onDatagram(datagram)) this.#unknown++
          return
        case "ping":
          if (this.#pings.onDatagram(datagram)) this.#missingReports.onAnswer()
          else this.#unknown++
          return
        case "unknown":
          this.#unknown++
      }
    })
  }

  // arrow functions: they are passed on to code that uses nothing else of the socket
  readonly ping = (): void => this.#pings.ping()

  readonly sendReport = (packet: Uint8Array, length: number): boolean => {
    this.#reportsSent++
    return this.#socket.send(packet, length)
  }

  get discover(): Socket["discover"] {
    return this.#discovery.discover
  }

  onMedia(handler: MediaHandler): void {
    this.#handler = handler
  }

  keepAlive(): VoiceError.VoiceError | undefined {
    this.ping()
    const sign = this.#signOfLoss()
    const { address, port } = this.#remote
    return sign === undefined ? undefined : VoiceError.make(new VoiceError.UdpLost({ address, port, sign }))
  }

  statistics(): Statistics {
    const { received, sendErrors, sent } = this.#socket.statistics()
    return {
      sent,
      sendErrors,
      received,
      unknown: this.#unknown,
      dropped: this.#dropped,
      keepalives: this.#pings.sent(),
      pongs: this.#pings.replies(),
      roundTripMs: this.#pings.roundTripMs()
    }
  }

  /** The media datagrams sent: keepalives and reports are not reported on. */
  #mediaSent(): number {
    return this.#socket.statistics().sent - this.#pings.sent() - this.#reportsSent
  }

  #signOfLoss(): VoiceError.UdpLost["sign"] | undefined {
    const isUnanswered = this.#pings.look()
    if (!this.#socket.hasAddress()) return "address-gone"
    if (this.#sendErrors.look(this.#socket.statistics())) return "send-errors"
    const isSilent = this.#missingReports.look(this.#mediaSent()) || isUnanswered
    return isSilent && this.#silence === "lost" ? "no-replies" : undefined
  }
}

const make = Effect.gen(function*() {
  const transport = yield* Transport.DatagramTransport
  const log = yield* CurrentLog

  const open = Effect.fnUntraced(function*(options: {
    readonly address: string
    readonly port: number
    readonly ssrc: Ssrc
    readonly silence?: "lost" | "ignored" | undefined
  }) {
    const { address, port, silence = "lost", ssrc } = options
    const clock = yield* Clock.Clock
    const socket = yield* Wire.datagrams(transport, { address, port }, ssrc, log).pipe(
      Effect.mapError(({ detail }) =>
        VoiceError.make(new VoiceError.UdpFailed({ address: printable(address), port, detail: printable(detail) }))
      )
    )
    return new Udp(socket, clock, { address, port }, ssrc, silence)
  })

  return VoiceUdp.of({ open })
})

/**
 * Voice UDP sockets over any {@link Transport.DatagramTransport}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<VoiceUdp, never, Transport.DatagramTransport> = Layer.effect(VoiceUdp, make)
