/**
 * The voice gateway's half of a connection: what it says, over as many sockets as it takes. A socket that is lost is
 * replaced beneath the connection by Resume (op 7) where Discord allows it, while media goes on; it knows nothing of media
 * itself.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as CloseCode from "../protocol/CloseCode.ts"
import type * as DaveFrame from "../protocol/DaveFrame.ts"
import type { Ssrc } from "../protocol/Identifier.ts"
import type * as VoicePayload from "../protocol/VoicePayload.ts"
import type * as VoiceError from "../VoiceError.ts"
import type * as VoiceSocket from "../VoiceSocket.ts"
import type { E2ee } from "./E2ee.ts"
import type * as Line from "./Line.ts"
import * as Link from "./Link.ts"
import { within } from "./Phase.ts"
import * as Span from "./Span.ts"
import type * as SsrcMap from "./SsrcMap.ts"

type Data<Op extends VoicePayload.ServerMessage["op"]> = Extract<VoicePayload.ServerMessage, { op: Op }>["d"]

/**
 * What Ready (op 2) says.
 *
 * @category models
 * @since 0.1.0
 */
export type Ready = Data<2>

/**
 * What a Session Description (op 4) says.
 *
 * @category models
 * @since 0.1.0
 */
export type Description = Data<4>

/**
 * @category models
 * @since 0.1.0
 */
export interface Signalling {
  /** Waits for Ready (op 2). One that is malformed, and a first Session Description (op 4) that is, end the connection. */
  readonly ready: Effect.Effect<Ready>
  /** Sends on the socket of the moment, and waits until the message has left. */
  readonly send: (message: VoicePayload.ClientMessage) => Effect.Effect<void, VoiceError.VoiceError>
  /** Sends from plain code, in order, on the socket of the moment; what is lost with its socket stays lost. */
  readonly post: (message: Outgoing) => void
  /** Announces speaking flags (op 5), from plain code; again after each resume. */
  readonly setSpeaking: (flags: number, ssrc: Ssrc) => void
  /** From now on a lost socket is resumed. */
  readonly established: Effect.Effect<void>
  /** Why the last message that was malformed could not be used. */
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
export interface Options {
  readonly info: Line.ConnectionInfo
  readonly version: VoicePayload.VoiceVersion
  readonly sockets: VoiceSocket.VoiceSocket["Service"]
  readonly users: SsrcMap.SsrcMap
  readonly emit: (event: Line.Event) => void
  /** Hears every Session Description (op 4) in order, before anything behind it is read; a later one brings a new key. */
  readonly onDescription: (description: Description) => Effect.Effect<unknown>
  /** Fails when the connection is over. */
  readonly ended: Deferred.Deferred<never, VoiceError.VoiceError>
  /** Called when a socket is lost that cannot be resumed. */
  readonly onLost: (error: VoiceError.VoiceError) => void
  /** Called when a lost socket has been replaced. */
  readonly onResumed: () => void
  readonly phaseTimeoutMs: number
  /** How often to try to resume after a loss. 0: never. */
  readonly resumeAttempts: number
  /** The highest version of end-to-end encryption to announce; 0 is none. */
  readonly maxDaveVersion: number
  /** Takes part in what the gateway says, and answers by {@link Signalling.post}. */
  readonly e2ee: Pick<E2ee, "onMessage" | "onFrame" | "lost" | "resumed"> | undefined
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

/** A resumed socket that was lost again sooner counts as a failed attempt. */
const stableMs = 10_000

/** The first attempt is made at once. */
const retryDelay = Duration.millis(500)
const greatestRetryDelay = Duration.seconds(10)

const retries = Schedule.min([Schedule.exponential(retryDelay, 2), Schedule.spaced(greatestRetryDelay)]).pipe(
  Schedule.jittered
)

/**
 * Whether Resume (op 7) is the answer to the loss of a socket (Discord docs, Voice Close Event Codes, and {@link CloseCode}).
 *
 * @category guards
 * @since 0.1.0
 */
export const isResumable = ({ reason }: VoiceError.VoiceError): boolean =>
  reason._tag === "HeartbeatUnanswered" ||
  ("code" in reason && reason._tag !== "GatewayClosed" && CloseCode.voice(reason.code).reaction === "resume")

/** Whether another attempt to resume may fare better. One that the gateway refuses, or does not answer, never will. */
const isPassing = (error: VoiceError.VoiceError): boolean => {
  const { reason } = error
  return isResumable(error) ||
    (reason._tag === "SocketOpenFailed" && reason.kind !== "InvalidUrl") ||
    (reason._tag === "PhaseTimedOut" && reason.phase !== "resume") ||
    // the Hello of one socket was malformed
    reason._tag === "ProtocolViolated"
}

/** A link and the scope that it lives in. */
interface Current {
  readonly link: Link.Link
  readonly scope: Scope.Closeable
}

/**
 * Opens the socket, waits for Hello and identifies. From then on it goes on by itself until the scope closes, which closes
 * the socket with 1000. `onLost` is called when a socket is lost that cannot be resumed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Signalling, VoiceError.VoiceError, Scope.Scope> {
  const { e2ee, emit, ended, info, onDescription, phaseTimeoutMs, resumeAttempts, sockets, users, version } = options
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

  const ready = yield* Deferred.make<Ready>()
  let lastSequence = -1
  let speaking: VoicePayload.ClientMessage | undefined
  let isEstablished = false
  let heartbeatsSent = 0
  let roundTripMs: number | undefined
  let resumes = 0
  let malformedMessages = 0
  let unknownOpcodes = 0
  let lastMalformed: string | undefined
  const malformedOps = new Set<number | undefined>()
  let isDescribed = false

  const onMessage = (message: VoicePayload.ServerMessage): Effect.Effect<unknown> => {
    switch (message.op) {
      case 2:
        return Deferred.succeed(ready, message.d)
      case 4:
        isDescribed = true
        return onDescription(message.d)
      case 5: {
        const { speaking: flags, ssrc, user_id: userId } = message.d
        users.assign(ssrc, userId)
        emit(flags === undefined ? { _tag: "Announced", userId, ssrc } : { _tag: "Speaking", userId, ssrc, flags })
        return Effect.void
      }
      case 11:
        emit({ _tag: "UsersConnected", userIds: message.d.user_ids })
        return Effect.void
      case 12: {
        const { audio_ssrc: ssrc, user_id: userId, video_ssrc: video } = message.d
        if (ssrc !== 0) {
          users.assign(ssrc, userId)
          emit({ _tag: "Announced", userId, ssrc })
        }
        if (video !== undefined) emit({ _tag: "Described", userId, video: video !== 0 })
        return Effect.void
      }
      case 13:
        users.forget(message.d.user_id)
        emit({ _tag: "UserDisconnected", userId: message.d.user_id })
        return Effect.void
      case 18: {
        const { flags, user_id: userId } = message.d
        if (flags !== undefined) emit({ _tag: "Described", userId, flags })
        return Effect.void
      }
      case 20: {
        const { platform, user_id: userId } = message.d
        if (platform !== undefined) emit({ _tag: "Described", userId, platform })
        return Effect.void
      }
      default:
        return Effect.void
    }
  }

  const listener: Link.Listener = {
    onMessage: (message) =>
      e2ee === undefined ? onMessage(message) : Effect.andThen(onMessage(message), e2ee.onMessage(message)),
    onDave: (frame) => e2ee === undefined ? Effect.void : e2ee.onFrame(frame),
    onSequence: (sequence) => {
      lastSequence = sequence
    },
    lastSequence: () => lastSequence,
    onHeartbeat: () => {
      heartbeatsSent++
    },
    onRoundTrip: (milliseconds) => {
      roundTripMs = milliseconds
      emit({ _tag: "Heartbeat", roundTripMs: milliseconds })
    },
    onMalformed: (detail, op) => {
      malformedMessages++
      lastMalformed = detail
      if (op === 2 && !Deferred.isDoneUnsafe(ready)) options.onLost(Link.unusable("Ready", detail))
      if (op === 4 && !isDescribed) options.onLost(Link.unusable("Session Description", detail))
      const text = `malformed message from the voice gateway: ${detail}`
      // a server that always says it so would fill the log
      if (malformedOps.has(op)) return Effect.logDebug(text)
      malformedOps.add(op)
      return Effect.logWarning(text)
    },
    onUnknown: () => {
      unknownOpcodes++
    }
  }

  // later sockets are closed as late as the first one: behind the last packets
  const links = yield* Scope.fork(scope)

  /** Tells a socket that is alive that we go. One that is lost must not hear of it: 1000 could end the voice session. */
  const leave = (link: Link.Link) =>
    Effect.suspend(() => Deferred.isDoneUnsafe(link.ended) ? Effect.void : link.close(1000)).pipe(
      Effect.andThen(Deferred.await(link.ended)),
      Effect.timeoutOption(Duration.millis(closeTimeoutMs)),
      Effect.ignore
    )

  /**
   * Opens a socket, waits for Hello and introduces us; the socket is gone if any of it fails. One on which a resume has failed
   * is cut: 1000 would say that we leave, while audio still flows.
   */
  const open = (
    kind: "identify" | "resume",
    introduce: (link: Link.Link) => Effect.Effect<void, VoiceError.VoiceError>
  ) =>
    Effect.gen(function*() {
      const linkScope = yield* Scope.fork(links)
      const opening = Effect.gen(function*() {
        lastMalformed = undefined
        const socket = yield* within("open", phaseTimeoutMs, ended, sockets.open({ endpoint: info.endpoint, version }))
        const link = yield* Link.make(socket, listener)
        yield* Effect.addFinalizer((exit) =>
          kind === "resume" && Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause) ? Effect.void : leave(link)
        )
        yield* within("hello", phaseTimeoutMs, link.ended, link.hello, () => lastMalformed)
        yield* introduce(link)
        yield* link.startHeartbeat
        return link
      })
      const link = yield* opening.pipe(
        Scope.provide(linkScope),
        Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(linkScope, exit) : Effect.void)
      )
      return { link, scope: linkScope }
    })

  const place = { guild: info.serverId, channel: info.channelId, endpoint: info.endpoint }
  const credentials = {
    server_id: info.serverId,
    session_id: Redacted.value(info.sessionId),
    token: Redacted.value(info.token),
    ...(version >= 9 ? { channel_id: info.channelId } : {})
  }

  let current: Current = yield* open("identify", (link) =>
    link.send({
      op: 0,
      d: {
        ...credentials,
        user_id: info.userId,
        ...(version >= 8 ? { max_dave_protocol_version: options.maxDaveVersion } : {})
      }
    }))

  const resume = open("resume", (link) =>
    Effect.gen(function*() {
      yield* link.send({ op: 7, d: { ...credentials, ...(version >= 8 ? { seq_ack: lastSequence } : {}) } })
      yield* within("resume", phaseTimeoutMs, link.ended, link.resumed, () => lastMalformed)
    }))

  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const waiting: Array<Outgoing> = []
  let isPosting = false
  /** Sends in order, one at a time. What fails is lost with its socket; what still matters is said again on the next. */
  const post = (message: Outgoing): void => {
    if (message.op === 5 && waiting.at(-1)?.op === 5) waiting.pop()
    waiting.push(message)
    if (isPosting) return
    isPosting = true
    const send = Effect.gen(function*() {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        yield* Effect.ignore(next.op === 26 || next.op === 28 ? current.link.sendDave(next) : current.link.send(next))
      }
      isPosting = false
    })
    fork(Effect.forkIn(send, scope))
  }

  /** Replaces lost sockets until one cannot be; gives the reason of that. */
  const supervise = Effect.gen(function*() {
    let sinceMs = nowMs()
    /** Sockets in a row that were lost soon after they were resumed. */
    let unstable = 0
    while (true) {
      const error = yield* Effect.flip(Deferred.await(current.link.ended))
      yield* Scope.close(current.scope, Exit.void)
      if (!isEstablished || !isResumable(error)) return error
      const lostMs = nowMs()
      unstable = resumes > 0 && lostMs - sinceMs < stableMs ? unstable + 1 : 0
      if (unstable >= resumeAttempts) return error
      e2ee?.lost()
      emit({ _tag: "Resuming", error })
      yield* Effect.logDebug(`the voice gateway was lost and is being resumed: ${error.message}`)
      if (unstable > 0) yield* Effect.sleep(Duration.times(retryDelay, unstable))
      const next = yield* resume.pipe(
        Effect.retry({ while: isPassing, schedule: Schedule.upTo(retries, { times: resumeAttempts - 1 }) }),
        Span.around("VoiceDriver.resume", { root: true, attributes: { ...place, reason: error.reason._tag } }),
        Effect.result
      )
      if (next._tag === "Failure") return next.failure
      current = next.success
      // only now: what is announced from here on goes to this socket, too
      if (speaking !== undefined) post(speaking)
      e2ee?.resumed()
      options.onResumed()
      resumes++
      sinceMs = nowMs()
      emit({ _tag: "Resumed", elapsedMs: sinceMs - lostMs })
    }
  })
  yield* supervise.pipe(
    Effect.map(options.onLost),
    Effect.forkScoped({ startImmediately: true })
  )

  return {
    ready: Deferred.await(ready),
    send: (message) => Effect.suspend(() => current.link.send(message)),
    post,
    setSpeaking: (flags, ssrc) => {
      speaking = { op: 5, d: { speaking: flags, delay: 0, ssrc } }
      post(speaking)
    },
    established: Effect.sync(() => {
      isEstablished = true
    }),
    lastMalformed: () => lastMalformed,
    statistics: () => ({
      heartbeatsSent,
      roundTripMs,
      resumes,
      malformedMessages,
      unknownOpcodes
    })
  }
})
