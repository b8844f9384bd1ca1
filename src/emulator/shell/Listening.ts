/**
 * The listeners on this machine, and the errors when they cannot be opened.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Dgram from "node:dgram"
import type * as Http from "node:http"
import type * as Net from "node:net"
import { type EmulatorError, ListenFailed, make as makeError } from "./EmulatorError.ts"

/**
 * The only address at which anything listens.
 *
 * @category constants
 * @since 0.1.0
 */
export const host = "127.0.0.1"

/**
 * The code of an operating system error.
 *
 * @category combinators
 * @since 0.1.0
 */
export const codeOf = (error: Error): string =>
  "code" in error && typeof error.code === "string" ? error.code : "unknown"

const listenFailed = (protocol: "TCP" | "UDP", port: number, error: Error) =>
  makeError(new ListenFailed({ protocol, address: host, port, code: codeOf(error), detail: error.message }))

/** A port out of range is an exception, a port in use an event. */
const listening = (
  protocol: "TCP" | "UDP",
  port: number,
  emitter: Net.Server | Dgram.Socket,
  listen: (done: () => void) => void
): Effect.Effect<void, EmulatorError> =>
  Effect.callback((resume) => {
    const onError = (error: Error) => resume(Effect.fail(listenFailed(protocol, port, error)))
    emitter.once("error", onError)
    try {
      listen(() => {
        emitter.off("error", onError)
        resume(Effect.void)
      })
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)))
    }
  })

const portOf = (address: Net.AddressInfo | string | null): number =>
  typeof address === "object" && address !== null ? address.port : 0

/**
 * Lets a server listen until the scope closes, which destroys its connections. Returns the port.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tcp = Effect.fnUntraced(function*(
  port: number,
  server: Http.Server,
  connections: Iterable<Net.Socket>
): Effect.fn.Return<number, EmulatorError, Scope.Scope> {
  yield* Effect.acquireRelease(
    listening("TCP", port, server, (done) => server.listen({ port, host, exclusive: true }, done)),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of connections) socket.destroy()
      })
  )
  return portOf(server.address())
})

/**
 * Opens a UDP socket until the scope closes. `count` is called for its errors.
 *
 * @category constructors
 * @since 0.1.0
 */
export const udp = Effect.fnUntraced(function*(
  port: number,
  receiveBufferBytes: number,
  count: (name: string) => void
): Effect.fn.Return<Dgram.Socket, EmulatorError, Scope.Scope> {
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => Dgram.createSocket("udp4")),
    (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
  )
  yield* listening("UDP", port, socket, (done) => socket.bind({ port, address: host, exclusive: true }, done))
  socket.on("error", (error) => count(`datagram-error ${codeOf(error)}`))
  yield* Effect.try(() => socket.setRecvBufferSize(receiveBufferBytes)).pipe(
    Effect.catch(() => Effect.sync(() => count("receive-buffer-is-small")))
  )
  return socket
})
