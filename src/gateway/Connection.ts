/**
 * One WebSocket to the main gateway, from Hello to its end: Identify or Resume, heartbeats, and the messages that wait to be
 * sent (Discord docs, Gateway, Connections). It ends with an {@link End.End}; the client decides what follows.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as GatewayPayload from "../protocol/GatewayPayload.ts"
import { printable } from "../protocol/internal/printable.ts"
import type * as Transport from "../Transport.ts"
import * as Wire from "../transport/wire/Wire.ts"
import * as VoiceError from "../VoiceError.ts"
import * as End from "./End.ts"
import type { Outbox } from "./Outbox.ts"
import * as SendLimit from "./SendLimit.ts"

/**
 * The data that Resume needs. `sequence` is the last `s` received.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly id: string
  readonly resumeUrl: string
  sequence: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface ConnectionOptions {
  readonly transport: Transport.WebSocketTransport["Service"]
  /** The gateway's URL; version and encoding are added. */
  readonly url: string
  readonly token: Redacted.Redacted
  readonly identify: Omit<GatewayPayload.Identify, "token">
  /** The session to resume; without it, a new one begins. */
  readonly session: Session | undefined
  readonly outbox: Outbox
  /** Called when READY has arrived: a new session. */
  readonly onReady: (session: Session, ready: GatewayPayload.Ready) => Effect.Effect<void>
  /** Run when RESUMED has arrived: all missed events were replayed. */
  readonly onResumed: Effect.Effect<void>
  readonly onDispatch: (dispatch: GatewayPayload.Dispatch) => Effect.Effect<void>
  /** Called with the text of each dispatch, including those without a schema, after it was processed. */
  readonly onText: (text: string) => Effect.Effect<void>
  /** Called when messages wait because of the limit, with the milliseconds until the next is sent. */
  readonly onHeldBack: (milliseconds: number) => Effect.Effect<void>
  /** Called when a heartbeat was answered. Plain code. */
  readonly onRoundTrip: (milliseconds: number) => void
}

/** READY and GUILD_CREATE of a large guild take megabytes. */
const maxIncomingBytes = 32 * 1024 * 1024
const helloDeadline = Duration.seconds(10)
/** Half of the time that a session waits for an unavailable main gateway, which leaves time for a second attempt. */
const readyDeadline = Duration.seconds(30)
/**
 * More than one heartbeat a second would exceed the limit of messages; with one a year, nobody would notice that the
 * connection is dead.
 */
const shortestBeatMs = 1_000
const longestBeatMs = 300_000
/** Any code other than 1000 and 1001 leaves the session resumable. */
const resumableClose = 4900

const withQuery = (base: string): string => {
  if (!URL.canParse(base)) return base
  const url = new URL(base)
  url.searchParams.set("v", "10")
  url.searchParams.set("encoding", "json")
  return url.href
}

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

/**
 * Opens a connection and runs it to its end. Interruption closes it with 1000, which ends the session on Discord's side.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run: (options: ConnectionOptions) => Effect.Effect<End.End, never, Scope.Scope> = Effect.fnUntraced(
  function*(options: ConnectionOptions) {
    const socket = yield* Wire.webSocket("main", options.transport, withQuery(options.url), {
      maxPayloadBytes: maxIncomingBytes
    })
    yield* Effect.addFinalizer(() => socket.close(1000, ""))

    const limit = SendLimit.make()
    const ended = yield* Deferred.make<End.End>()
    const helloCame = yield* Deferred.make<void>()
    const sessionCame = yield* Deferred.make<void>()
    let session = options.session
    let acknowledged = true
    /** When the heartbeat was sent whose acknowledgement is awaited. */
    let beatMs: number | undefined

    const lost = (detail: string) => End.make("resume", End.closedReason(1006, detail))

    /** A send fails only when the connection has ended; the reader then says how. */
    const send = Effect.fnUntraced(function*(message: GatewayPayload.ClientMessage) {
      const encoded = GatewayPayload.encodeClient(message)
      if (Result.isFailure(encoded)) {
        yield* Deferred.succeed(
          ended,
          End.make("stop", new VoiceError.GatewayFailed({ detail: encoded.failure.message }))
        )
        return
      }
      limit.record(yield* nowMs)
      yield* Effect.ignore(socket.send(encoded.success))
    })

    const sendHeartbeat = Effect.flatMap(nowMs, (now) => {
      beatMs ??= now
      return send({ op: 1, d: session === undefined ? null : session.sequence })
    })

    const beat = Effect.suspend(() => {
      if (!acknowledged) {
        return Effect.asVoid(Deferred.succeed(ended, lost("the gateway did not acknowledge a heartbeat")))
      }
      acknowledged = false
      return sendHeartbeat
    })

    const heartbeat = Effect.fnUntraced(function*(wantedMs: number) {
      const intervalMs = Math.min(longestBeatMs, Math.max(shortestBeatMs, wantedMs))
      yield* Effect.sleep(intervalMs * (yield* Random.next))
      yield* Effect.repeat(beat, Schedule.spaced(intervalMs))
    })

    const sendOutgoing = Effect.gen(function*() {
      while (true) {
        const outgoing = yield* options.outbox.first
        const wait = limit.waitMs(SendLimit.ordinary, yield* nowMs)
        if (wait > 0) {
          yield* options.onHeldBack(wait)
          yield* Effect.sleep(wait)
          continue
        }
        limit.record(yield* nowMs)
        yield* socket.send(outgoing.text)
        // only now: a message that could not be sent stays for the next connection
        yield* options.outbox.done(outgoing)
      }
    }).pipe(Effect.ignore)

    const start = Effect.gen(function*() {
      if (!(yield* Deferred.succeed(sessionCame, undefined))) return
      yield* Effect.forkScoped(sendOutgoing, { startImmediately: true })
    })

    const onDispatch = Effect.fnUntraced(function*(dispatch: GatewayPayload.Dispatch) {
      switch (dispatch.t) {
        case "READY":
          session = { id: dispatch.d.session_id, resumeUrl: dispatch.d.resume_gateway_url, sequence: dispatch.s }
          yield* options.onReady(session, dispatch.d)
          return yield* start
        case "RESUMED":
          yield* options.onResumed
          return yield* start
        default:
          return yield* options.onDispatch(dispatch)
      }
    })

    const onHello = Effect.fnUntraced(function*(intervalMs: number) {
      if (!(yield* Deferred.succeed(helloCame, undefined))) return
      yield* Effect.forkScoped(heartbeat(intervalMs), { startImmediately: true })
      const token = Redacted.value(options.token)
      yield* session === undefined
        ? send({ op: 2, d: { ...options.identify, token } })
        : send({ op: 6, d: { token, session_id: session.id, seq: session.sequence } })
    })

    const onMessage = Effect.fnUntraced(
      function*(message: GatewayPayload.ServerMessage | GatewayPayload.UnknownMessage) {
        switch (message.op) {
          case 0:
            if (session !== undefined) session.sequence = message.s
            return yield* onDispatch(message)
          case "other":
            if (session !== undefined) session.sequence = message.s
            return
          case 1:
            // answers to heartbeat requests may not use the room of our own heartbeats
            if (limit.waitMs(SendLimit.total, yield* nowMs) === 0) yield* sendHeartbeat
            return
          case 7:
            return End.make("resume", End.closedReason(1006, "the gateway asked to reconnect"), { immediately: true })
          case 9:
            return message.d
              ? lost("the gateway rejected the session, which can be resumed")
              : End.make("new-session", End.closedReason(4009, "the gateway said that the session is invalid"), {
                minDelayMs: 1000 + 4000 * (yield* Random.next)
              })
          case 10:
            return yield* onHello(message.d.heartbeat_interval)
          case 11:
            acknowledged = true
            if (beatMs !== undefined) options.onRoundTrip((yield* nowMs) - beatMs)
            beatMs = undefined
            return
          case "unknown":
            return yield* Effect.logDebug(`The gateway sent an unknown opcode: ${message.code}`)
        }
      }
    )

    const read = Effect.gen(function*() {
      while (true) {
        const frame = yield* socket.take
        if (typeof frame !== "string") continue
        const decoded = GatewayPayload.decodeServer(frame)
        if (Result.isFailure(decoded)) {
          yield* Effect.logWarning(decoded.failure.message)
          continue
        }
        const message = decoded.success
        const end = yield* onMessage(message)
        if (end !== undefined) return end
        if (message.op === 0 || message.op === "other") yield* options.onText(frame)
      }
    }).pipe(Effect.catch((closed) => Effect.succeed(End.fromClose(closed.code, closed.reason))))

    const within = (came: Deferred.Deferred<void>, duration: Duration.Duration, detail: string) =>
      Deferred.await(came).pipe(
        Effect.timeoutOrElse({ duration, orElse: () => Deferred.succeed(ended, lost(detail)) })
      )
    yield* within(helloCame, helloDeadline, "Hello did not arrive in time").pipe(
      Effect.andThen(within(sessionCame, readyDeadline, "neither READY nor RESUMED arrived in time")),
      Effect.forkScoped
    )

    const end = yield* Effect.raceFirst(read, Deferred.await(ended))
    yield* socket.close(end.next === "resume" ? resumableClose : 1000, "")
    return end
  },
  (running, { session }) =>
    Effect.catchTag(running, "WebSocketOpenError", ({ detail, kind, status, url }) =>
      Effect.succeed(End.make(
        // the URL in READY may have been invalid
        kind !== "InvalidUrl" ? "resume" : session === undefined ? "stop" : "new-session",
        new VoiceError.GatewayUnreachable({
          url: printable(url),
          detail: printable(detail),
          ...(status === undefined ? {} : { status })
        })
      )))
)
