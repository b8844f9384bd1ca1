/**
 * One UDP socket to a voice server: IP discovery, keepalive, and telling the datagrams apart that share the socket.
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
import * as Transport from "./Transport.ts"
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
 * An open UDP socket to a voice server.
 *
 * @category models
 * @since 0.1.0
 */
export interface Socket {
  /**
   * Asks the server for the address that it sees us at. Tries 10 times, 1 second apart; type, length and SSRC of the
   * answer are checked. Fails with `DiscoveryUnanswered`.
   */
  readonly discover: Effect.Effect<{ readonly address: string; readonly port: number }, VoiceError.VoiceError>
  /** Where RTP packets go. See `DatagramSocket`. */
  readonly media: Pick<Transport.DatagramSocket, "send" | "prefetch">
  /** The same for RTCP, which nobody reports on. */
  readonly sendReport: (packet: Uint8Array, length: number) => boolean
  /** Sets the one handler of RTP and RTCP datagrams. */
  readonly onMedia: (handler: MediaHandler) => void
  /**
   * Sends a keepalive, and looks whether the socket is dead: it is to be called every {@link keepaliveMs}. Gives `UdpLost` if
   * nothing could be sent for 10 seconds, the machine has lost the socket's address, or answers that came before (to pings,
   * or receiver reports while we send) have stopped. Silence where there never was an answer proves nothing.
   */
  readonly keepAlive: () => VoiceError.VoiceError | undefined
  /** Sends a keepalive besides, and looks at nothing: for when the way to us may have changed. */
  readonly ping: () => void
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

const make = Effect.gen(function*() {
  const transport = yield* Transport.DatagramTransport

  const open = Effect.fnUntraced(function*(options: {
    readonly address: string
    readonly port: number
    readonly ssrc: Ssrc
  }) {
    const { address, port, ssrc } = options
    const clock = yield* Clock.Clock
    const socket = yield* transport.connect({ address, port }).pipe(
      Effect.mapError(({ detail }) => VoiceError.make(new VoiceError.UdpFailed({ address, port, detail })))
    )
    const discovery = Discovery.make({ socket, clock, remote: { address, port }, ssrc })
    const pings = new Pings(socket, clock)
    const sendErrors = new Signs.SendErrors()
    const missingReports = new Signs.MissingReports()

    let handler: MediaHandler | undefined
    let unknown = 0
    let dropped = 0
    let reportsSent = 0

    /** Keepalives and reports are reported by nobody. */
    const mediaSent = () => socket.statistics().sent - pings.sent() - reportsSent

    socket.onDatagram((datagram) => {
      const kind = Datagram.classify(datagram)
      switch (kind) {
        case "rtp":
        case "rtcp":
          if (kind === "rtcp" && datagram[1] === receiverReport) missingReports.onReport(mediaSent())
          if (handler === undefined) dropped++
          else handler(kind, datagram)
          return
        case "discovery":
          if (!discovery.onDatagram(datagram)) unknown++
          return
        case "ping":
          if (!pings.onDatagram(datagram)) unknown++
          return
        case "unknown":
          unknown++
      }
    })

    const signOfLoss = (): VoiceError.UdpLost["sign"] | undefined => {
      const isUnanswered = pings.look()
      if (!socket.hasAddress()) return "address-gone"
      if (sendErrors.look(socket.statistics())) return "send-errors"
      return missingReports.look(mediaSent()) || isUnanswered ? "no-replies" : undefined
    }

    const opened: Socket = {
      discover: discovery.discover,
      media: socket,
      sendReport: (packet, length) => {
        reportsSent++
        return socket.send(packet, length)
      },
      onMedia: (onMedia) => {
        handler = onMedia
      },
      keepAlive: () => {
        pings.ping()
        const sign = signOfLoss()
        return sign === undefined ? undefined : VoiceError.make(new VoiceError.UdpLost({ address, port, sign }))
      },
      ping: () => pings.ping(),
      statistics: () => {
        const { received, sendErrors, sent } = socket.statistics()
        return {
          sent,
          sendErrors,
          received,
          unknown,
          dropped,
          keepalives: pings.sent(),
          pongs: pings.replies(),
          roundTripMs: pings.roundTripMs()
        }
      }
    }
    return opened
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
