/**
 * WebSockets of the `ws` package, as queues of frames with backpressure.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { WebSocket } from "ws"
import type { Frame, WebSocketConnection, WebSocketLayerOptions, WebSocketOptions } from "./Socket.ts"
import { WebSocketClosed, WebSocketOpenError } from "./TransportError.ts"

const defaultMaxPayloadBytes = 1024 * 1024
const waitingFrames = 1024
const closeTimeoutMs = 1000

/** Neither the query nor user and password, where secrets are. */
const publicUrl = (url: string): string => url.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//")

const codeOf = (error: Error): string => "code" in error && typeof error.code === "string" ? error.code : ""

const openKind = (error: Error): WebSocketOpenError["kind"] => {
  const code = codeOf(error)
  if (code === "ECONNREFUSED") return "Refused"
  if (code === "ETIMEDOUT") return "TimedOut"
  return /CERT|TLS|SSL|SIGNATURE|ISSUER|EPROTO|HOSTNAME/.test(code) ? "Tls" : "Failed"
}

/**
 * What `ws` answers by itself to a message that breaks the protocol (RFC 6455, 7.4.1). It reads no more afterwards, so
 * that its own "close" event knows only 1006.
 */
const answeredWith = (error: Error): number | undefined => {
  const code = codeOf(error)
  if (!code.startsWith("WS_ERR_")) return undefined
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return 1009
  if (code === "WS_ERR_INVALID_UTF8") return 1007
  return code.startsWith("WS_ERR_TOO_MANY") ? 1008 : 1002
}

/** A close frame has room for 123 bytes of reason (RFC 6455, 5.5). */
const fitReason = (reason: string): string => {
  const bytes = Buffer.from(reason)
  if (bytes.length <= 123) return reason
  let end = 123
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString("utf8", 0, end)
}

const isSendableCode = (code: number): boolean =>
  Number.isInteger(code) &&
  ((code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999))

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (layerOptions: WebSocketLayerOptions) => {
  const ca = layerOptions.ca

  const connect = Effect.fnUntraced(function*(url: string, options: WebSocketOptions = {}) {
    const fail = (kind: WebSocketOpenError["kind"], detail: string, status?: number) =>
      new WebSocketOpenError({ url: publicUrl(url), kind, detail, ...(status === undefined ? {} : { status }) })

    if (!URL.canParse(url)) return yield* fail("InvalidUrl", "not a URL")
    const { hash, protocol } = new URL(url)
    if (protocol !== "ws:" && protocol !== "wss:") {
      return yield* fail("InvalidUrl", `the scheme is ${protocol.slice(0, -1)} where ws or wss is needed`)
    }
    if (hash !== "") return yield* fail("InvalidUrl", "a WebSocket URL has no fragment")

    const frames = yield* Queue.bounded<Frame, WebSocketClosed>(waitingFrames)
    const ended = yield* Deferred.make<WebSocketClosed>()
    const overflow: Array<Frame> = []
    const fork = Effect.runForkWith(yield* Effect.context<Scope.Scope>())
    const sending = new Set<(exit: Exit.Exit<void, WebSocketClosed>) => void>()
    let closed: WebSocketClosed | undefined
    let released = false
    let brokenBy: { readonly code: number; readonly reason: string } | undefined

    // Not an object literal in the call: the types of `ws` do not know `closeTimeout` yet.
    const clientOptions = {
      perMessageDeflate: false,
      maxPayload: options.maxPayloadBytes ?? defaultMaxPayloadBytes,
      closeTimeout: closeTimeoutMs,
      ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] })
    }
    const endFrames = () => {
      if (closed !== undefined && overflow.length === 0) Queue.failCauseUnsafe(frames, Cause.fail(closed))
    }
    /** Waits for room for what has overflowed. */
    const passOn = (socket: WebSocket) =>
      Effect.gen(function*() {
        for (let frame = overflow[0]; frame !== undefined; frame = overflow[0]) {
          yield* Queue.offer(frames, frame)
          overflow.shift()
        }
        socket.resume()
        endFrames()
      })
    // Listeners are there from the start: an "error" event without one would end the process.
    const listen = (socket: WebSocket) => {
      socket.on("error", (error) => {
        const code = answeredWith(error)
        if (code !== undefined) brokenBy = { code, reason: error.message }
      })
      socket.on("message", (data, isBinary) => {
        // With the default `binaryType` the bytes always come as one Buffer. Nobody carries on what comes after the release.
        if (!Buffer.isBuffer(data) || released) return
        const frame = isBinary ? data : data.toString()
        if (overflow.length === 0 && Queue.offerUnsafe(frames, frame)) return
        overflow.push(frame)
        if (overflow.length === 1) {
          socket.pause()
          fork(Effect.forkScoped(passOn(socket)))
        }
      })
      socket.on("close", (code, reason) => {
        closed = new WebSocketClosed(
          brokenBy !== undefined && code === 1006 ? brokenBy : { code, reason: reason.toString() }
        )
        for (const resume of sending) resume(Exit.fail(closed))
        sending.clear()
        endFrames()
        Deferred.doneUnsafe(ended, Exit.succeed(closed))
      })
      return socket
    }
    const release = (socket: WebSocket) =>
      Effect.suspend(() => {
        if (closed === undefined && socket.readyState !== WebSocket.CLOSING) socket.terminate()
        released = true
        overflow.length = 0
        endFrames()
        return Effect.asVoid(Deferred.await(ended))
      })
    const socket = yield* Effect.acquireRelease(
      Effect.try({
        try: () => listen(new WebSocket(url, clientOptions)),
        catch: (error) => fail("InvalidUrl", error instanceof Error ? error.message : "not a URL")
      }),
      release
    )

    yield* Effect.callback<void, WebSocketOpenError>((resume) => {
      socket.once("open", () => resume(Effect.void))
      socket.once("error", (error) => resume(Effect.fail(fail(openKind(error), error.message))))
      socket.once("unexpected-response", (_, response) => {
        resume(Effect.fail(fail("Rejected", "the server refused the upgrade", response.statusCode)))
        socket.terminate()
      })
    }).pipe(
      Effect.timeoutOrElse({
        duration: options.openTimeout ?? "10 seconds",
        orElse: () => Effect.fail(fail("TimedOut", "the server did not complete the upgrade in time"))
      }),
      Effect.onError(() => release(socket))
    )

    const connection: WebSocketConnection = {
      frames,
      send: (frame) =>
        Effect.callback((resume) => {
          const done = (exit: Exit.Exit<void, WebSocketClosed>) => {
            sending.delete(done)
            resume(exit)
          }
          if (closed !== undefined) return done(Exit.fail(closed))
          sending.add(done)
          socket.send(frame, (error) => {
            if (error === undefined || error === null) done(Exit.void)
            // A socket that is ending tells its code in a moment; `done` runs then.
            else if (socket.readyState === WebSocket.OPEN) {
              done(Exit.fail(new WebSocketClosed({ code: 1006, reason: error.message })))
            }
          })
        }),
      close: (code, reason) =>
        Effect.sync(() => {
          if (closed !== undefined) return
          if (isSendableCode(code)) socket.close(code, fitReason(reason))
          else socket.terminate()
        }),
      terminate: Effect.sync(() => socket.terminate())
    }
    return connection
  })

  return { connect }
}
