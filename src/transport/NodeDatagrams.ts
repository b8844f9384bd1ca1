/**
 * UDP sockets of `node:dgram`, each connected to one remote address.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Dgram from "node:dgram"
import * as Net from "node:net"
import { networkInterfaces } from "node:os"
import { ConnectedUdp } from "./ConnectedUdp.ts"
import * as OwnAddresses from "./OwnAddresses.ts"
import type { DatagramLayerOptions } from "./Socket.ts"
import { DatagramError } from "./TransportError.ts"

const defaultReceiveBufferBytes = 4 * 1024 * 1024

/** Some systems refuse a size that they cannot grant in full. */
const growReceiveBuffer = (socket: Dgram.Socket, bytes: number) => {
  for (let size = bytes; size >= 64 * 1024; size >>>= 1) {
    try {
      return socket.setRecvBufferSize(size)
    } catch {
      continue
    }
  }
}

const ignore = (): void => undefined

const hasAddress = OwnAddresses.make(
  () => Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []),
  () => performance.now()
)

interface Address {
  readonly address: string
  readonly port: number
}

const failed = (remote: Address, error: unknown) =>
  Effect.fail(new DatagramError({ ...remote, detail: error instanceof Error ? error.message : String(error) }))

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (layerOptions: DatagramLayerOptions) => {
  const receiveBufferBytes = layerOptions.receiveBufferBytes ?? defaultReceiveBufferBytes

  const connect = Effect.fnUntraced(function*(remote: Address) {
    // a name would be looked up without a deadline, and one that contains a NUL ends the process
    if (Net.isIP(remote.address) === 0) return yield* failed(remote, "this is not an IP address")
    let connected: ConnectedUdp | undefined
    const scope = yield* Effect.scope
    const socket = yield* Effect.suspend(() => {
      const socket = Dgram.createSocket(Net.isIPv6(remote.address) ? "udp6" : "udp4")
      // an error without a listener ends the process, and for a moment nothing counts errors
      socket.on("error", ignore)
      const close = () =>
        Effect.callback<void>((resume) => {
          connected?.close()
          // a socket that is being bound closes afterwards, and forgets it if that fails
          const again = () => {
            try {
              socket.close()
            } catch {
              // it is closed already
            }
          }
          socket.once("error", again)
          socket.close(() => {
            socket.off("error", again)
            resume(Effect.void)
          })
        })
      return Effect.as(Scope.addFinalizerExit(scope, close), socket)
    }).pipe(Effect.uninterruptible)
    yield* Effect.callback<void, DatagramError>((resume) => {
      const onError = (error: Error) => resume(failed(remote, error))
      socket.once("error", onError)
      socket.once("connect", () => {
        socket.off("error", onError)
        resume(Effect.void)
      })
      try {
        socket.connect(remote.port, remote.address)
      } catch (error) {
        resume(failed(remote, error))
      }
    })
    growReceiveBuffer(socket, receiveBufferBytes)
    connected = new ConnectedUdp(socket, hasAddress)
    socket.off("error", ignore)
    return connected
  })

  return { connect }
}
