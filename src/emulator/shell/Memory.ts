/**
 * The shell without sockets: it implements `WebSocketTransport` and `DatagramTransport` with the core as their peer. The real
 * clients run unchanged on it, and the clock of the program (in a test: the `TestClock`) is the only time. Nothing is delivered
 * while the sender is still sending, so neither side can re-enter the other.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import {
  DatagramError,
  type DatagramSocket,
  DatagramTransport,
  type Frame,
  WebSocketClosed,
  type WebSocketConnection,
  WebSocketOpenError,
  type WebSocketOptions,
  WebSocketTransport
} from "../../Transport.ts"
import * as Core from "../core/Core.ts"
import type { Address, ConnectionId, Output, VoiceServerId } from "../core/CoreContext.ts"
import * as Driver from "./Driver.ts"
import * as Network from "./Network.ts"
import { makeCounters, type Shell, type ShellOptions, type VoiceServer } from "./Shell.ts"

/**
 * The options of {@link make}.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryOptions extends ShellOptions {
  readonly network: Network.NetworkOptions
}

/**
 * The shell and the transports that lead to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Memory extends Shell {
  readonly transport: Context.Context<WebSocketTransport | DatagramTransport>
}

type Target =
  | { readonly _tag: "Gateway" }
  | { readonly _tag: "Voice"; readonly server: VoiceServerId }

/** A WebSocket between a client and the core. */
interface Peer {
  readonly frameArrived: (frame: Frame) => void
  /** Ends the connection from the client's point of view. It can be called more than once. */
  readonly ended: (code: number, reason: string) => void
  readonly toClient: Network.Lane
  /** Whether the core still has the connection. */
  atCore: boolean
}

interface Socket {
  readonly server: VoiceServerId
  readonly lane: Network.Lane
  readonly arrived: (datagram: Uint8Array) => void
}

/** The `slice` of a Buffer is not a copy. */
const copyBytes = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

const copyFrame = (frame: Frame): Frame => typeof frame === "string" ? frame : copyBytes(frame)

const frameLength = (frame: Frame): number => typeof frame === "string" ? Buffer.byteLength(frame) : frame.length

const addressKey = (address: Address): string => `${address.address}:${address.port}`

/** Removes the query, user and password, which may contain secrets. */
const publicUrl = (url: string): string => url.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//")

/**
 * Makes the shell: the main gateway at `gateway.emulator`, the voice servers at `voice-1.emulator` and so on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(
  function*(options: MemoryOptions): Effect.fn.Return<Memory, never, Scope.Scope> {
    const counters = makeCounters()
    const dice = Network.diceOf(options.seed)
    const network = yield* Network.make(options.network, () => dice)
    const peers = new Map<ConnectionId, Peer>()
    const sockets = new Map<string, Socket>()
    let open = true

    const deliver = (output: Output) => {
      switch (output._tag) {
        case "Text":
        case "Binary": {
          const peer = peers.get(output.connection)
          if (peer === undefined || !peer.atCore) return
          const frame = output._tag === "Text" ? output.text : copyBytes(output.bytes)
          return network.reliable(peer.toClient, () => peer.frameArrived(frame))
        }
        case "Close":
        case "Terminate": {
          const peer = peers.get(output.connection)
          if (peer === undefined || !peer.atCore) return
          peer.atCore = false
          const { code, reason } = output._tag === "Close" ? output : { code: 1006, reason: "" }
          network.reliable(peer.toClient, () => peer.ended(code, reason))
          // The closing handshake; a core that has dropped the connection itself is not involved in it.
          return driver.run((core) => core.disconnected(output.connection, code))
        }
        case "Datagram": {
          const socket = sockets.get(addressKey(output.to))
          if (socket === undefined || socket.server !== output.server) return counters.add("datagram-to-nobody")
          const bytes = copyBytes(output.bytes)
          // Receivers process the bytes in place, and a datagram may arrive twice.
          return network.datagram(socket.lane, () => socket.arrived(bytes.slice()))
        }
      }
    }

    const driver = yield* Driver.make({
      core: (context) => Core.make({ profile: options.profile, seed: options.seed, ...context }),
      deliver
    })

    const scheme = options.tls ? "wss" : "ws"
    const targets = new Map<string, Target>([["gateway.emulator", { _tag: "Gateway" }]])
    const voice: Array<VoiceServer> = []
    for (const [index, region] of options.regions.entries()) {
      const host = `voice-${index + 1}.emulator`
      const endpoint = options.tls ? `${host}:443` : `ws://${host}`
      const udp = { address: `10.0.0.${index + 1}`, port: 50_001 + index }
      const id = yield* driver.call((core) => core.createVoiceServer({ region, endpoint, udp }))
      targets.set(host, { _tag: "Voice", server: id })
      voice.push({ id, region, endpoint, udp })
    }
    const gateway = `${scheme}://gateway.emulator`
    yield* driver.call((core) => core.setGatewayUrl(gateway))

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        open = false
        for (const peer of peers.values()) peer.ended(1006, "")
        peers.clear()
        sockets.clear()
      })
    )

    let connections = 0
    const connect = Effect.fnUntraced(function*(url: string, connectOptions: WebSocketOptions = {}) {
      const fail = (kind: WebSocketOpenError["kind"], detail: string, status?: number) =>
        new WebSocketOpenError({ url: publicUrl(url), kind, detail, ...(status === undefined ? {} : { status }) })

      if (!URL.canParse(url)) return yield* fail("InvalidUrl", "not a URL")
      const { hash, hostname, protocol, searchParams } = new URL(url)
      if (protocol !== "ws:" && protocol !== "wss:") {
        return yield* fail("InvalidUrl", `the scheme is ${protocol.slice(0, -1)}, not ws or wss`)
      }
      if (hash !== "") return yield* fail("InvalidUrl", "a WebSocket URL must not have a fragment")
      const target = targets.get(hostname)
      if (target === undefined || !open) return yield* fail("Refused", `nothing listens at ${hostname}`)
      if (protocol !== `${scheme}:`) {
        return yield* fail("Tls", `the emulator listens for ${scheme}, but the URL has ${protocol.slice(0, -1)}`)
      }

      const id = ++connections
      const maxPayload = connectOptions.maxPayloadBytes ?? 1024 * 1024
      const toCore = network.lane()
      const frames = yield* Queue.unbounded<Frame, WebSocketClosed>()
      const opened = yield* Deferred.make<void, WebSocketOpenError>()
      const ended = yield* Deferred.make<WebSocketClosed>()
      let state: "open" | "closing" | "closed" = "open"
      let closed: WebSocketClosed | undefined

      const leave = (code: number) =>
        network.reliable(toCore, () => {
          if (!peer.atCore) return
          peer.atCore = false
          driver.run((core) => core.disconnected(id, code))
        })
      const peer: Peer = {
        frameArrived: (frame) => {
          if (state === "closed") return
          if (frameLength(frame) <= maxPayload) {
            Queue.offerUnsafe(frames, frame)
            return
          }
          leave(1009)
          peer.ended(1009, "Max payload size exceeded")
        },
        ended: (code, reason) => {
          if (state === "closed") return
          state = "closed"
          peers.delete(id)
          closed = new WebSocketClosed({ code, reason })
          Queue.failCauseUnsafe(frames, Cause.fail(closed))
          Deferred.doneUnsafe(ended, Effect.succeed(closed))
          if (!open) Deferred.doneUnsafe(opened, Effect.fail(fail("Failed", "the emulator has closed")))
        },
        toClient: network.lane(),
        atCore: true
      }
      const terminate = Effect.sync(() => {
        if (state === "closed") return
        leave(1006)
        peer.ended(1006, "")
      })

      yield* Effect.acquireRelease(Effect.sync(() => peers.set(id, peer)), () =>
        Effect.suspend(() => {
          // A closing handshake continues without us: nobody is left who could move the clock for it.
          if (state === "closing") peer.ended(1006, "")
          return terminate
        }))
      network.reliable(toCore, () =>
        driver.run((core) => {
          if (!peer.atCore) return
          const refused = core.accept(id, { ...target, search: searchParams })
          if (refused === undefined) {
            network.reliable(peer.toClient, () => Deferred.doneUnsafe(opened, Effect.void))
            return
          }
          peer.atCore = false
          const error = fail("Rejected", "the server refused the upgrade", refused.reject)
          network.reliable(peer.toClient, () => Deferred.doneUnsafe(opened, Effect.fail(error)))
        }))
      yield* Deferred.await(opened).pipe(
        Effect.timeoutOrElse({
          duration: connectOptions.openTimeout ?? "10 seconds",
          orElse: () => Effect.fail(fail("TimedOut", "the server did not complete the upgrade in time"))
        }),
        Effect.onError(() => terminate)
      )

      const connection: WebSocketConnection = {
        frames,
        send: (frame) =>
          Effect.suspend(() => {
            if (closed !== undefined) return Effect.fail(closed)
            // A socket that is ending reports its code shortly.
            if (state === "closing") return Effect.flatMap(Deferred.await(ended), Effect.fail)
            const copy = copyFrame(frame)
            network.reliable(toCore, () => {
              if (peer.atCore) driver.run((core) => core.receive(id, copy))
            })
            return Effect.void
          }),
        close: (code, reason) =>
          Effect.sync(() => {
            if (state !== "open") return
            state = "closing"
            network.reliable(toCore, () => {
              if (!peer.atCore) return
              peer.atCore = false
              driver.run((core) => core.disconnected(id, code))
              network.reliable(peer.toClient, () => peer.ended(code, reason))
            })
          }),
        terminate
      }
      return connection
    })

    let localPorts = 0
    const connectDatagram = Effect.fnUntraced(function*(remote: Address) {
      if (!Net.isIP(remote.address) || !Number.isInteger(remote.port) || remote.port < 1 || remote.port > 65_535) {
        return yield* new DatagramError({ ...remote, detail: "not an address and port" })
      }
      const server = voice.find((candidate) => addressKey(candidate.udp) === addressKey(remote))
      localPorts++
      const local = { address: `10.1.${localPorts >>> 8 & 0xff}.${localPorts & 0xff}`, port: 40_000 + localPorts }
      const lane = network.lane()
      let isOpen = true
      let handler: ((datagram: Uint8Array) => void) | undefined
      let sent = 0
      let sendErrors = 0
      let received = 0
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          if (server === undefined) return
          sockets.set(addressKey(local), {
            server: server.id,
            lane: network.lane(),
            arrived: (datagram) => {
              if (!isOpen) return
              received++
              if (handler !== undefined) handler(datagram)
            }
          })
        }),
        () =>
          Effect.sync(() => {
            isOpen = false
            sockets.delete(addressKey(local))
          })
      )
      const socket: DatagramSocket = {
        local,
        send: (packet, length) => {
          if (!isOpen) {
            sendErrors++
            return true
          }
          sent++
          if (server === undefined || !open) return true
          const bytes = copyBytes(packet.subarray(0, length))
          network.datagram(lane, () => driver.run((core) => core.datagram(server.id, local, bytes.slice())))
          return true
        },
        onDatagram: (onDatagram) => {
          handler = onDatagram
        },
        hasAddress: () => true,
        statistics: () => ({ sent, sendErrors, received, socketErrors: 0 })
      }
      return socket
    })

    return {
      driver,
      gateway,
      rest: `${options.tls ? "https" : "http"}://gateway.emulator/api/v10`,
      certificate: undefined,
      voice,
      settle: network.settle,
      counters: counters.read,
      transport: Context.make(WebSocketTransport, { connect }).pipe(
        Context.add(DatagramTransport, { connect: connectDatagram })
      )
    }
  }
)
