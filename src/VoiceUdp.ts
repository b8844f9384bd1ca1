/**
 * One UDP socket to a voice server: IP discovery, keepalive, and telling the datagrams apart that share the socket.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Datagram from "./protocol/Datagram.ts"
import type { Ssrc } from "./protocol/Identifier.ts"
import * as IpDiscovery from "./protocol/IpDiscovery.ts"
import * as Transport from "./Transport.ts"
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

const discoveryTries = 10
const discoveryInterval = Duration.seconds(1)
/** Looks in a row, a keepalive apart, at which nothing could be sent, before the socket counts as dead. */
const failedLooks = 2
/** Looks in a row without a reply to a ping, where replies came before. */
const unansweredLooks = 4
/**
 * Looks at which something had been sent and no receiver report had come, where reports came before: at least so many, and so
 * many times as many as there were before. Looks and not packets, for frames may be of 20 ms or of 120.
 */
const unreportedLooks = 6
const unreportedGaps = 5
/** What is sent between two looks and is worth a report: more than the silence that closes. */
const reportedPackets = 10

const receiverReport = 201

/** Pings whose reply is awaited for the round trip; a server that never replies must not make this grow. */
const awaitedPings = 16

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

    let handler: MediaHandler | undefined
    const discovering = new Set<Deferred.Deferred<{ readonly address: string; readonly port: number }>>()
    let unknown = 0
    let dropped = 0
    let keepalives = 0
    let reportsSent = 0
    let pongs = 0
    let roundTripMs: number | undefined
    const pingedAt = new Map<number, bigint>()
    /** Looks since the last reply to a ping. */
    let unanswered = 0
    let reports = 0
    let sentAtLook = 0
    /** Looks since the last report at which something had been sent, and the most there were between two. */
    let looks = 0
    let longestGap = 0

    /** Keepalives and reports are reported by nobody. */
    const mediaSent = () => socket.statistics().sent - keepalives - reportsSent

    const onDiscovery = (datagram: Uint8Array) => {
      const decoded = IpDiscovery.decodeResponse(datagram, "74")
      if (discovering.size === 0 || Result.isFailure(decoded) || decoded.success.ssrc !== ssrc) {
        unknown++
        return
      }
      const { address, port } = decoded.success
      for (const discovered of discovering) Deferred.doneUnsafe(discovered, Exit.succeed({ address, port }))
    }
    const onPing = (datagram: Uint8Array) => {
      const decoded = Datagram.decodePong(datagram)
      const since = Result.isSuccess(decoded) ? pingedAt.get(decoded.success) : undefined
      if (Result.isFailure(decoded) || since === undefined) {
        unknown++
        return
      }
      pingedAt.delete(decoded.success)
      pongs++
      unanswered = 0
      roundTripMs = Number(clock.monotonicTimeNanosUnsafe() - since) / 1e6
    }
    socket.onDatagram((datagram) => {
      const kind = Datagram.classify(datagram)
      switch (kind) {
        case "rtp":
        case "rtcp":
          if (kind === "rtcp" && datagram[1] === receiverReport) {
            if (reports++ > 0) longestGap = Math.max(longestGap, looks)
            looks = 0
            sentAtLook = mediaSent()
          }
          if (handler === undefined) dropped++
          else handler(kind, datagram)
          return
        case "discovery":
          return onDiscovery(datagram)
        case "ping":
          return onPing(datagram)
        case "unknown":
          unknown++
      }
    })

    const ping = (): void => {
      const sequence = keepalives++ >>> 0
      pingedAt.set(sequence, clock.monotonicTimeNanosUnsafe())
      pingedAt.delete((sequence - awaitedPings) >>> 0)
      // who only listens sends nothing else: whether that failed is what there is to know
      socket.send(Datagram.encodePing(sequence), Datagram.pingBytes, true)
    }

    const isUnreported = (): boolean => {
      const sent = mediaSent()
      if (sent - sentAtLook > reportedPackets) looks++
      sentAtLook = sent
      return reports > 1 && looks > Math.max(unreportedLooks, unreportedGaps * longestGap)
    }

    /** As they were at the look before; the first one has nothing to compare with. */
    let before: Transport.DatagramStatistics | undefined
    let failed = 0

    const signOfLoss = (): VoiceError.UdpLost["sign"] | undefined => {
      if (!socket.hasAddress()) return "address-gone"
      const now = socket.statistics()
      failed = before !== undefined && now.sendErrors > before.sendErrors && now.sent === before.sent ? failed + 1 : 0
      before = now
      if (failed >= failedLooks) return "send-errors"
      // first, because it counts
      return isUnreported() || (pongs > 0 && unanswered > unansweredLooks) ? "no-replies" : undefined
    }

    const request = IpDiscovery.encodeRequest(ssrc)
    const discover = Effect.gen(function*() {
      const startedAt = clock.monotonicTimeNanosUnsafe()
      const discovered = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const discovered = Deferred.makeUnsafe<{ readonly address: string; readonly port: number }>()
          discovering.add(discovered)
          return discovered
        }),
        (discovered) => Effect.sync(() => discovering.delete(discovered))
      )
      const unanswered = Effect.suspend(() =>
        VoiceError.fail(
          new VoiceError.DiscoveryUnanswered({
            address,
            port,
            tries: discoveryTries,
            elapsedMs: Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e6
          })
        )
      )
      const requests = Effect.sync(() => socket.send(request, request.length)).pipe(
        Effect.repeat(Schedule.spaced(discoveryInterval).pipe(Schedule.upTo({ times: discoveryTries - 1 }))),
        Effect.andThen(Effect.sleep(discoveryInterval)),
        Effect.andThen(unanswered)
      )
      return yield* Effect.raceFirst(Deferred.await(discovered), requests)
    }).pipe(Effect.scoped)

    const opened: Socket = {
      discover,
      media: socket,
      sendReport: (packet, length) => {
        reportsSent++
        return socket.send(packet, length)
      },
      onMedia: (onMedia) => {
        handler = onMedia
      },
      keepAlive: () => {
        ping()
        unanswered++
        const sign = signOfLoss()
        return sign === undefined ? undefined : VoiceError.make(new VoiceError.UdpLost({ address, port, sign }))
      },
      ping,
      statistics: () => {
        const { received, sendErrors, sent } = socket.statistics()
        return { sent, sendErrors, received, unknown, dropped, keepalives, pongs, roundTripMs }
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
