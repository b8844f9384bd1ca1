/**
 * The voice gateway's half of a connection, over as many sockets as it takes. A lost socket is replaced by Resume (op 7) where
 * Discord allows it, while media continues. It knows nothing about media itself.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type * as DaveFrame from "../../protocol/DaveFrame.ts"
import type { Ssrc } from "../../protocol/Identifier.ts"
import type * as VoicePayload from "../../protocol/VoicePayload.ts"
import type * as VoiceError from "../../VoiceError.ts"
import type * as VoiceSocket from "../../VoiceSocket.ts"
import type * as Line from "../Line.ts"
import * as Hearing from "./Hearing.ts"
import * as Link from "./Link.ts"
import { within } from "./Phase.ts"
import * as Span from "./Span.ts"

/**
 * The content of Ready (op 2).
 *
 * @category models
 * @since 0.1.0
 */
export type Ready = Hearing.Ready

/**
 * The content of a Session Description (op 4).
 *
 * @category models
 * @since 0.1.0
 */
export type Description = Hearing.Description

/**
 * @category models
 * @since 0.1.0
 */
export interface Signalling {
  /**
   * Waits for Ready (op 2). A malformed one ends the connection, and so does a malformed Session Description (op 4) if it is
   * the first or contains a key.
   */
  readonly ready: Effect.Effect<Ready>
  /** Sends on the current socket, and waits until the message has been sent. */
  readonly send: (message: VoicePayload.ClientMessage) => Effect.Effect<void, VoiceError.VoiceError>
  /** Sends from plain code, in order, on the current socket. What is lost with its socket stays lost. */
  readonly post: (message: Outgoing) => void
  /** Announces speaking flags (op 5), from plain code, and again after each resume. */
  readonly setSpeaking: (flags: number, ssrc: Ssrc) => void
  /** From now on a lost socket is resumed. */
  readonly established: Effect.Effect<void>
  /** Why the last malformed message could not be used. */
  readonly lastMalformed: () => string | undefined
  readonly statistics: () => {
    readonly heartbeatsSent: number
    readonly roundTripMs: number | undefined
    readonly resumes: number
    readonly malformedMessages: number
    readonly unknownOpcodes: number
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options extends Hearing.Options {
  readonly info: Line.ConnectionInfo
  readonly version: VoicePayload.VoiceVersion
  readonly sockets: VoiceSocket.VoiceSocket["Service"]
  /** Fails when the connection is over. */
  readonly ended: Deferred.Deferred<never, VoiceError.VoiceError>
  /** Called when a lost socket has been replaced. */
  readonly onResumed: () => void
  readonly phaseTimeoutMs: number
  /** How many times to try to resume after a loss. 0: never. */
  readonly resumeAttempts: number
  /** The highest version of end-to-end encryption to announce; 0 means none. */
  readonly maxDaveVersion: number
}

/**
 * What can be sent without waiting for it.
 *
 * @category models
 * @since 0.1.0
 */
export type Outgoing = VoicePayload.ClientMessage | DaveFrame.ClientFrame

/** How long to wait for the other side's close frame when we leave. */
const closeTimeoutMs = 1_000

/** A resumed socket that is lost again sooner counts as a failed attempt. */
const stableMs = 10_000

/**
 * The number of messages that may wait to be sent. More wait only if the other side does not read, which the heartbeat detects.
 */
const mostWaiting = 1_000

/** The delay between attempts. The first attempt is made immediately. */
const retryDelay = Duration.millis(500)
const greatestRetryDelay = Duration.seconds(10)

const retries = Schedule.min([Schedule.exponential(retryDelay, 2), Schedule.spaced(greatestRetryDelay)]).pipe(
  Schedule.jittered
)

/** Whether another attempt to resume may succeed. One that the gateway refused, or did not answer, never will. */
const isPassing = (error: VoiceError.VoiceError): boolean => {
  const { reason } = error
  return Link.isResumable(error) ||
    (reason._tag === "SocketOpenFailed" && reason.kind !== "InvalidUrl") ||
    (reason._tag === "PhaseTimedOut" && reason.phase !== "resume") ||
    // the Hello of one socket was malformed
    reason._tag === "ProtocolViolated"
}

/** A link and its scope. */
interface Current {
  readonly link: Link.Link
  readonly scope: Scope.Closeable
}

/** Tells a live socket that we leave. A lost one must not get this: 1000 could end the voice session. */
const leave = (link: Link.Link) =>
  Effect.suspend(() => Deferred.isDoneUnsafe(link.ended) ? Effect.void : link.close(1000)).pipe(
    Effect.andThen(Deferred.await(link.ended)),
    Effect.timeoutOption(Duration.millis(closeTimeoutMs)),
    Effect.ignore
  )

/** What all sockets of a connection have in common. */
interface Lasting {
  readonly options: Options
  readonly hearing: Hearing.Hearing
  readonly scope: Scope.Scope
  /** Later sockets are closed as late as the first one: after the last packets. */
  readonly links: Scope.Scope
  readonly context: Context.Context<never>
}

/** A socket on which a resume has failed is cut: 1000 would say that we leave, while audio still flows. */
const farewell =
  (kind: "identify" | "resume", link: Link.Link, context: Context.Context<never>) =>
  (exit: Exit.Exit<unknown, unknown>) =>
    kind === "resume" && Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
      ? Effect.void
      : Effect.provideContext(leave(link), context)

/** Opens a socket, waits for Hello and introduces us. If any of it fails, the socket is closed. */
const open = Effect.fnUntraced(function*(
  { context, hearing, links, options }: Lasting,
  kind: "identify" | "resume",
  introduce: (link: Link.Link) => Effect.Effect<void, VoiceError.VoiceError>
): Effect.fn.Return<Current, VoiceError.VoiceError> {
  const { ended, info, phaseTimeoutMs, sockets, version } = options
  const scope = yield* Scope.fork(links)
  const opening = Effect.gen(function*() {
    hearing.lastMalformed = undefined
    // the phase has its own deadline
    const opened = sockets.open({ endpoint: info.endpoint, version, openTimeout: Duration.infinity })
    const socket = yield* within("open", phaseTimeoutMs, ended, opened)
    const link = yield* Link.make(socket, hearing)
    yield* Scope.addFinalizerExit(scope, farewell(kind, link, context))
    yield* within("hello", phaseTimeoutMs, link.ended, link.hello, () => hearing.lastMalformed)
    yield* introduce(link)
    yield* link.startHeartbeat
    return link
  })
  const link = yield* opening.pipe(
    Scope.provide(scope),
    Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)
  )
  return { link, scope }
})

class Conversation implements Signalling {
  readonly #lasting: Lasting
  readonly #clock: Clock.Clock
  #current: Current
  #speaking: VoicePayload.ClientMessage | undefined
  #isEstablished = false
  /** Messages that wait while one is being sent. */
  #waiting: Array<Outgoing> | undefined
  #isReplacing = false
  #replacing: Fiber.Fiber<void> | undefined
  /** When the current link was created. */
  #sinceMs: number
  /** The number of consecutive sockets that were lost soon after they were resumed. */
  #unstable = 0
  #resumes = 0

  constructor(lasting: Lasting, clock: Clock.Clock, first: Current) {
    this.#lasting = lasting
    this.#clock = clock
    this.#current = first
    this.#sinceMs = this.#nowMs()
    lasting.hearing.onEnded = () => this.#onEnded()
    this.#onEnded()
  }

  get ready(): Effect.Effect<Ready> {
    return Deferred.await(this.#lasting.hearing.ready)
  }

  get established(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.#isEstablished = true
    })
  }

  send(message: VoicePayload.ClientMessage): Effect.Effect<void, VoiceError.VoiceError> {
    return Effect.suspend(() => this.#current.link.send(message))
  }

  /** Sends in order, one at a time. What fails is lost with its socket; what still matters is sent again on the next. */
  post(message: Outgoing): void {
    const waiting = this.#waiting
    if (waiting === undefined) this.#fork(this.#sendAll(this.#waiting = [message]))
    else {
      if (message.op === 5 && waiting.at(-1)?.op === 5) waiting.pop()
      waiting.push(message)
      if (waiting.length > mostWaiting) waiting.shift()
    }
  }

  setSpeaking(flags: number, ssrc: Ssrc): void {
    this.#speaking = { op: 5, d: { speaking: flags, delay: 0, ssrc } }
    this.post(this.#speaking)
  }

  lastMalformed(): string | undefined {
    return this.#lasting.hearing.lastMalformed
  }

  statistics(): ReturnType<Signalling["statistics"]> {
    const { heartbeatsSent, malformedMessages, roundTripMs, unknownOpcodes } = this.#lasting.hearing
    return { heartbeatsSent, roundTripMs, resumes: this.#resumes, malformedMessages, unknownOpcodes }
  }

  #nowMs(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe()) / 1_000_000
  }

  #fork(effect: Effect.Effect<void>): void {
    const { context, scope } = this.#lasting
    Effect.runForkWith(context)(Effect.forkIn(effect, scope))
  }

  #sendAll(waiting: Array<Outgoing>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { link } = this.#current
        yield* Effect.ignore(next.op === 26 || next.op === 28 ? link.sendDave(next) : link.send(next))
      }
      this.#waiting = undefined
    })
  }

  /** There is a fiber only while a socket is replaced: one that waited for that would be a large part of a connection. */
  #onEnded(): void {
    if (this.#isReplacing || !Deferred.isDoneUnsafe(this.#current.link.ended)) return
    this.#isReplacing = true
    const { onLost } = this.#lasting.options
    this.#replacing = Effect.runForkWith(this.#lasting.context)(
      Effect.catchCauseIf(
        this.#replace(),
        (cause) => !Cause.hasInterruptsOnly(cause),
        (cause) => Effect.map(Link.died(cause), onLost)
      )
    )
  }

  /** Stops replacing sockets. */
  stop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#isReplacing = true
      return this.#replacing === undefined ? Effect.void : Effect.asVoid(Fiber.interrupt(this.#replacing))
    })
  }

  /** Replaces lost sockets until one is alive, or reports that it cannot be replaced. */
  #replace(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const { e2ee, emit, info, onLost, onResumed, resumeAttempts } = this.#lasting.options
      while (Deferred.isDoneUnsafe(this.#current.link.ended)) {
        const error = yield* Effect.flip(Deferred.await(this.#current.link.ended))
        yield* Scope.close(this.#current.scope, Exit.void)
        if (!this.#isEstablished || !Link.isResumable(error)) return onLost(error)
        const lostMs = this.#nowMs()
        this.#unstable = this.#resumes > 0 && lostMs - this.#sinceMs < stableMs ? this.#unstable + 1 : 0
        if (this.#unstable >= resumeAttempts) return onLost(error)
        e2ee?.lost()
        emit({ _tag: "Resuming", error })
        yield* Effect.logDebug(`The voice gateway was lost; resuming: ${error.message}`)
        if (this.#unstable > 0) yield* Effect.sleep(Duration.times(retryDelay, this.#unstable))
        const place = { guild: info.serverId, channel: info.channelId, endpoint: info.endpoint }
        const next = yield* resume(this.#lasting).pipe(
          Effect.retry({ while: isPassing, schedule: Schedule.upTo(retries, { times: resumeAttempts - 1 }) }),
          Span.around("VoiceDriver.resume", { root: true, attributes: { ...place, reason: error.reason._tag } }),
          Effect.result
        )
        if (next._tag === "Failure") return onLost(next.failure)
        this.#current = next.success
        // only now: what is announced from here on goes to this socket, too
        if (this.#speaking !== undefined) this.post(this.#speaking)
        e2ee?.resumed()
        onResumed()
        this.#resumes++
        this.#sinceMs = this.#nowMs()
        emit({ _tag: "Resumed", elapsedMs: this.#sinceMs - lostMs })
      }
      this.#isReplacing = false
    })
  }
}

const credentials = ({ info, version }: Options) => ({
  server_id: info.serverId,
  session_id: Redacted.value(info.sessionId),
  token: Redacted.value(info.token),
  ...(version >= 9 ? { channel_id: info.channelId } : {})
})

const identify = (lasting: Lasting) =>
  open(lasting, "identify", (link) => {
    const { options } = lasting
    return link.send({
      op: 0,
      d: {
        ...credentials(options),
        user_id: options.info.userId,
        ...(options.version >= 8 ? { max_dave_protocol_version: options.maxDaveVersion } : {})
      }
    })
  })

const resume = (lasting: Lasting) =>
  open(lasting, "resume", (link) =>
    Effect.gen(function*() {
      const { hearing, options } = lasting
      const position = options.version >= 8 ? { seq_ack: hearing.lastSequence() } : {}
      yield* link.send({ op: 7, d: { ...credentials(options), ...position } })
      yield* within("resume", options.phaseTimeoutMs, link.ended, link.resumed, () => hearing.lastMalformed)
    }))

/**
 * Opens the socket, waits for Hello and identifies. From then on it runs until the scope closes, which closes the socket with
 * 1000. `onLost` is called when a socket is lost that cannot be resumed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Signalling, VoiceError.VoiceError, Scope.Scope> {
  const scope = yield* Effect.scope
  const lasting: Lasting = {
    options,
    hearing: new Hearing.Hearing(options),
    scope,
    links: yield* Scope.fork(scope),
    context: yield* Effect.context<never>()
  }
  const clock = yield* Clock.Clock
  const first = yield* identify(lasting)
  // after the last packets, like the sockets
  return yield* Effect.uninterruptible(Effect.suspend(() => {
    const conversation = new Conversation(lasting, clock, first)
    return Effect.as(Scope.addFinalizerExit(scope, () => conversation.stop()), conversation)
  }))
})
