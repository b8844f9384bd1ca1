/**
 * Voice UDP sockets whose other side is the test. Discovery is answered immediately, without datagrams, and nothing is sent
 * except what the program sends. To test discovery and keepalives as well, use `VoiceUdp.layer` over
 * `MockTransport.layerDatagram`.
 *
 * **Example** (What was sent, and a packet in return)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MockVoiceUdp } from "effect-discord-voice/testing"
 *
 * const test = Effect.gen(function*() {
 *   const servers = yield* MockVoiceUdp.MockVoiceUdp
 *   // ... fork the program under test ...
 *   const peer = yield* servers.accept
 *   const packet = yield* peer.take
 *   yield* peer.deliver("rtp", packet)
 * }).pipe(Effect.provide(MockVoiceUdp.layer()))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type { Ssrc } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import * as VoiceUdp from "../VoiceUdp.ts"

/**
 * The voice server's end of one socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  /** The address that the client sends to. */
  readonly remote: { readonly address: string; readonly port: number }
  readonly ssrc: Ssrc
  /** Waits for the client's next media packet and returns a copy. */
  readonly take: Effect.Effect<Uint8Array>
  /** Waits for the client's next report (RTCP) and returns a copy. */
  readonly takeReport: Effect.Effect<Uint8Array>
  /** The number of media packets that have not been taken yet. */
  readonly waiting: Effect.Effect<number>
  /** Passes a packet to the client's media handler, which may keep the bytes. */
  readonly deliver: (kind: "rtp" | "rtcp", packet: Uint8Array) => Effect.Effect<void>
  /** Waits until the client has closed the socket. */
  readonly closed: Effect.Effect<void>
}

/**
 * Controls of {@link layer}.
 *
 * @category services
 * @since 0.1.0
 */
export class MockVoiceUdp extends Context.Service<MockVoiceUdp, {
  /** Waits for the next socket and returns it. */
  readonly accept: Effect.Effect<Peer>
  /** The number of sockets that have not been accepted yet. */
  readonly waiting: Effect.Effect<number>
  /** Makes the next attempt to open a socket fail. Can be called several times. */
  readonly refuse: Effect.Effect<void>
  /** Makes the next discovery fail. Can be called several times. */
  readonly loseDiscovery: Effect.Effect<void>
}>()("effect-discord-voice/testing/MockVoiceUdp") {}

/**
 * The options of {@link layer}.
 *
 * @category models
 * @since 0.1.0
 */
export interface MockVoiceUdpOptions {
  /** The address that discovery returns. Default 192.0.2.1:50000. */
  readonly discovered?: { readonly address: string; readonly port: number } | undefined
}

const make = Effect.fnUntraced(function*(mockOptions: MockVoiceUdpOptions) {
  const discovered = mockOptions.discovered ?? { address: "192.0.2.1", port: 50000 }
  const accepted = yield* Queue.unbounded<Peer>()
  let refusals = 0
  let losses = 0

  const open = Effect.fnUntraced(function*(options: {
    readonly address: string
    readonly port: number
    readonly ssrc: Ssrc
  }) {
    const { address, port, ssrc } = options
    if (refusals > 0) {
      refusals--
      return yield* VoiceError.fail(new VoiceError.UdpFailed({ address, port, detail: "refused by the test" }))
    }
    const packets = yield* Queue.unbounded<Uint8Array>()
    const reports = yield* Queue.unbounded<Uint8Array>()
    const ended = yield* Deferred.make<void>()
    let isOpen = true
    let handler: VoiceUdp.MediaHandler | undefined
    let sent = 0
    let sendErrors = 0
    let received = 0
    let dropped = 0
    let keepalives = 0
    yield* Effect.addFinalizer(() => {
      isOpen = false
      return Deferred.succeed(ended, undefined)
    })

    yield* Queue.offer(accepted, {
      remote: { address, port },
      ssrc,
      take: Queue.take(packets),
      takeReport: Queue.take(reports),
      waiting: Queue.size(packets),
      deliver: (kind, packet) =>
        Effect.sync(() => {
          if (!isOpen) return
          received++
          if (handler === undefined) dropped++
          else handler(kind, packet)
        }),
      closed: Deferred.await(ended)
    })
    const sendInto = (queue: Queue.Queue<Uint8Array>) => (packet: Uint8Array, length: number): boolean => {
      if (!isOpen) {
        sendErrors++
        return true
      }
      sent++
      Queue.offerUnsafe(queue, new Uint8Array(packet.subarray(0, length)))
      return true
    }
    const socket: VoiceUdp.Socket = {
      discover: Effect.suspend(() => {
        if (losses === 0) return Effect.succeed(discovered)
        losses--
        return VoiceError.fail(new VoiceError.DiscoveryUnanswered({ address, port, tries: 10, elapsedMs: 10_000 }))
      }),
      media: { send: sendInto(packets) },
      sendReport: sendInto(reports),
      onMedia: (onMedia) => {
        handler = onMedia
      },
      keepAlive: () => {
        keepalives++
        return undefined
      },
      ping: () => {
        keepalives++
      },
      statistics: () => ({
        sent,
        sendErrors,
        received,
        unknown: 0,
        dropped,
        keepalives,
        pongs: 0,
        roundTripMs: undefined
      })
    }
    return socket
  })

  return Context.make(VoiceUdp.VoiceUdp, { open }).pipe(
    Context.add(MockVoiceUdp, {
      accept: Queue.take(accepted),
      waiting: Queue.size(accepted),
      refuse: Effect.sync(() => {
        refusals++
      }),
      loseDiscovery: Effect.sync(() => {
        losses++
      })
    })
  )
})

/**
 * Voice UDP sockets whose other side is the test.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: MockVoiceUdpOptions = {}): Layer.Layer<VoiceUdp.VoiceUdp | MockVoiceUdp> =>
  Layer.effectContext(make(options))
