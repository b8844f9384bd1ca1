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
import * as Scope from "effect/Scope"
import type { IncomingMessage } from "node:http"
import { WebSocket } from "ws"
import type { Frame, WebSocketConnection, WebSocketLayerOptions, WebSocketOptions } from "./Socket.ts"
import { WebSocketClosed, WebSocketOpenError } from "./TransportError.ts"
import { answeredWith, openKind } from "./WsErrors.ts"

const defaultMaxPayloadBytes = 1024 * 1024
const waitingFrames = 1024
const closeTimeoutMs = 1000

/** Removes the query, user and password, which may contain secrets. */
const publicUrl = (url: string): string => url.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//")

/** Truncates a reason: a close frame has room for 123 bytes of it (RFC 6455, 5.5). */
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

/** A socket that is open or being opened. */
class Connection implements WebSocketConnection {
  readonly frames: Queue.Queue<Frame, WebSocketClosed>
  readonly #socket: WebSocket
  readonly #scope: Scope.Scope
  /** Frames for which the queue had no room. */
  readonly #overflow: Array<Frame> = []
  readonly #ended = Deferred.makeUnsafe<void>()
  /** The pending sends. Most of the time there are none. */
  #sending: Set<(exit: Exit.Exit<void, WebSocketClosed>) => void> | undefined = undefined
  #closed: WebSocketClosed | undefined = undefined
  #isReleased = false
  #brokenBy: { readonly code: number; readonly reason: string } | undefined = undefined

  /** Listens from the start: an "error" event without a listener would end the process. */
  constructor(socket: WebSocket, frames: Queue.Queue<Frame, WebSocketClosed>, scope: Scope.Scope) {
    this.frames = frames
    this.#socket = socket
    this.#scope = scope
    socket.on("error", (error) => {
      const code = answeredWith(error)
      if (code !== undefined) this.#brokenBy = { code, reason: error.message }
    })
    socket.on("message", (data, isBinary) => {
      // With the default `binaryType` the bytes always arrive as one Buffer. Nobody processes what arrives after the release.
      if (Buffer.isBuffer(data) && !this.#isReleased) this.#onFrame(isBinary ? data : data.toString())
    })
    socket.on("close", (code, reason) => this.#onClose({ code, reason: reason.toString() }))
  }

  // own properties: code that wraps a socket may copy it and replace some of them
  readonly send = (frame: Frame): Effect.Effect<void, WebSocketClosed> =>
    Effect.callback((resume) => {
      // Node keeps the callback of the last write, which must not keep the sender alive
      let sender: typeof resume | undefined = resume
      const done = (exit: Exit.Exit<void, WebSocketClosed>) => {
        this.#sending?.delete(done)
        if (this.#sending?.size === 0) this.#sending = undefined
        sender?.(exit)
        sender = undefined
      }
      if (this.#closed !== undefined) return done(Exit.fail(this.#closed))
      this.#sending ??= new Set()
      this.#sending.add(done)
      this.#socket.send(frame, (error) => {
        // if a frame cannot be written the socket is ending, and its code follows shortly; then `done` runs
        if (error === undefined || error === null) done(Exit.void)
      })
    })

  readonly close = (code: number, reason: string): Effect.Effect<void> =>
    Effect.sync(() => {
      if (isSendableCode(code)) this.#socket.close(code, fitReason(reason))
      else this.#socket.terminate()
    })

  readonly terminate = Effect.sync(() => this.#socket.terminate())

  /** Waits until it is open. `fail` makes the error if something else happens. */
  opened(
    fail: (kind: WebSocketOpenError["kind"], detail: string, status?: number) => WebSocketOpenError
  ): Effect.Effect<void, WebSocketOpenError> {
    const socket = this.#socket
    return Effect.callback((resume) => {
      const settle = (effect: Effect.Effect<void, WebSocketOpenError>) => {
        socket.off("error", onError)
        socket.off("unexpected-response", onResponse)
        resume(effect)
      }
      const onError = (error: Error) => settle(Effect.fail(fail(openKind(error), error.message)))
      const onResponse = (_: unknown, response: IncomingMessage) => {
        settle(Effect.fail(fail("Rejected", "the server refused the upgrade", response.statusCode)))
      }
      socket.once("open", () => settle(Effect.void))
      socket.on("error", onError)
      socket.on("unexpected-response", onResponse)
    })
  }

  endWithScope(): Effect.Effect<void> {
    return Scope.addFinalizerExit(this.#scope, () => this.release())
  }

  release(): Effect.Effect<void> {
    if (this.#socket.readyState !== WebSocket.CLOSING) this.#socket.terminate()
    this.#isReleased = true
    this.#overflow.length = 0
    this.#endFrames()
    return Deferred.await(this.#ended)
  }

  #onFrame(frame: Frame): void {
    if (this.#overflow.length === 0 && Queue.offerUnsafe(this.frames, frame)) return
    this.#overflow.push(frame)
    if (this.#overflow.length > 1) return
    this.#socket.pause()
    Effect.runFork(Effect.forkIn(this.#passOn(), this.#scope))
  }

  /** Waits for room for the frames that have overflowed. */
  #passOn(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (let frame = this.#overflow[0]; frame !== undefined; frame = this.#overflow[0]) {
        yield* Queue.offer(this.frames, frame)
        this.#overflow.shift()
      }
      this.#socket.resume()
      this.#endFrames()
    })
  }

  #onClose(end: { readonly code: number; readonly reason: string }): void {
    const closed = new WebSocketClosed(this.#brokenBy ?? end)
    this.#closed = closed
    for (const done of this.#sending ?? []) done(Exit.fail(closed))
    this.#endFrames()
    Deferred.doneUnsafe(this.#ended, Exit.void)
  }

  #endFrames(): void {
    if (this.#closed === undefined || this.#overflow.length > 0) return
    Queue.failCauseUnsafe(this.frames, Cause.fail(this.#closed))
  }
}

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
      return yield* fail("InvalidUrl", `the scheme is ${protocol.slice(0, -1)}, not ws or wss`)
    }
    if (hash !== "") return yield* fail("InvalidUrl", "a WebSocket URL must not have a fragment")

    // Not an object literal in the call: the types of `ws` do not know `closeTimeout` yet.
    const clientOptions = {
      perMessageDeflate: false,
      maxPayload: options.maxPayloadBytes ?? defaultMaxPayloadBytes,
      closeTimeout: closeTimeoutMs,
      ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] })
    }
    const frames = yield* Queue.bounded<Frame, WebSocketClosed>(waitingFrames)
    const scope = yield* Effect.scope
    const connection = yield* Effect.try({
      try: () => new Connection(new WebSocket(url, clientOptions), frames, scope),
      catch: (error) => fail("InvalidUrl", error instanceof Error ? error.message : "not a URL")
    }).pipe(
      Effect.tap((opening) => opening.endWithScope()),
      Effect.uninterruptible
    )
    yield* connection.opened(fail).pipe(
      Effect.timeoutOrElse({
        duration: options.openTimeout ?? "10 seconds",
        orElse: () => Effect.fail(fail("TimedOut", "the server did not complete the upgrade in time"))
      }),
      Effect.onError(() => connection.release())
    )
    return connection
  })

  return { connect }
}
