/**
 * Handles the messages of the voice gateway to a connection, over all of its sockets: turns them into events and assigns SSRCs
 * to users.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as DaveFrame from "../../protocol/DaveFrame.ts"
import type * as VoicePayload from "../../protocol/VoicePayload.ts"
import type * as VoiceError from "../../VoiceError.ts"
import type { E2ee } from "../e2ee/E2ee.ts"
import type * as Line from "../Line.ts"
import type * as SsrcMap from "../SsrcMap.ts"
import * as Link from "./Link.ts"

type Data<Op extends VoicePayload.ServerMessage["op"]> = Extract<VoicePayload.ServerMessage, { op: Op }>["d"]

/**
 * The content of Ready (op 2).
 *
 * @category models
 * @since 0.1.0
 */
export type Ready = Data<2>

/**
 * The content of a Session Description (op 4).
 *
 * @category models
 * @since 0.1.0
 */
export type Description = Data<4>

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly users: SsrcMap.SsrcMap
  readonly emit: (event: Line.Event) => void
  /** Called for every Session Description (op 4) in order, before anything after it is read. A later one brings a new key. */
  readonly onDescription: (description: Description) => Effect.Effect<unknown>
  /** Called when a socket is lost that cannot be resumed. */
  readonly onLost: (error: VoiceError.VoiceError) => void
  /** Receives the gateway's messages, and answers through `Signalling.post`. */
  readonly e2ee: Pick<E2ee, "onMessage" | "onFrame" | "lost" | "resumed"> | undefined
}

/**
 * The initial state: no message has arrived yet.
 *
 * @category models
 * @since 0.1.0
 */
export class Hearing implements Link.Listener {
  readonly #options: Options
  readonly ready = Deferred.makeUnsafe<Ready>()
  #isDescribed = false
  #lastSequence = -1
  heartbeatsSent = 0
  roundTripMs: number | undefined
  malformedMessages = 0
  unknownOpcodes = 0
  /** Why the last malformed message could not be used. */
  lastMalformed: string | undefined
  #malformedOps: Set<number | undefined> | undefined
  onEnded: (() => void) | undefined

  constructor(options: Options) {
    this.#options = options
  }

  onMessage(message: VoicePayload.ServerMessage): Effect.Effect<unknown> {
    const { e2ee } = this.#options
    const taken = this.#take(message)
    return e2ee === undefined ? taken : Effect.andThen(taken, e2ee.onMessage(message))
  }

  onDave(frame: DaveFrame.ServerFrame): Effect.Effect<unknown> {
    return this.#options.e2ee?.onFrame(frame) ?? Effect.void
  }

  onSequence(sequence: number): void {
    this.#lastSequence = sequence
  }

  lastSequence(): number {
    return this.#lastSequence
  }

  onHeartbeat(): void {
    this.heartbeatsSent++
  }

  onRoundTrip(roundTripMs: number): void {
    this.roundTripMs = roundTripMs
    this.#options.emit({ _tag: "Heartbeat", roundTripMs })
  }

  onMalformed(detail: string, op: number | undefined, isKeyLost: boolean): Effect.Effect<void> {
    const { onLost } = this.#options
    this.malformedMessages++
    this.lastMalformed = detail
    if (op === 2 && !Deferred.isDoneUnsafe(this.ready)) onLost(Link.unusable("Ready", detail))
    // without a new key we are deaf and mute, and nobody would notice
    if (op === 4 && (!this.#isDescribed || isKeyLost)) onLost(Link.unusable("Session Description", detail))
    const text = `Malformed message from the voice gateway: ${detail}`
    // a server that always sends it like this would fill the log
    this.#malformedOps ??= new Set()
    if (this.#malformedOps.has(op)) return Effect.logDebug(text)
    this.#malformedOps.add(op)
    return Effect.logWarning(text)
  }

  onUnknown(): void {
    this.unknownOpcodes++
  }

  #take(message: VoicePayload.ServerMessage): Effect.Effect<unknown> {
    const { emit, onDescription, users } = this.#options
    switch (message.op) {
      case 2:
        return Deferred.succeed(this.ready, message.d)
      case 4:
        this.#isDescribed = true
        return onDescription(message.d)
      case 5: {
        const { speaking: flags, ssrc, user_id: userId } = message.d
        // no SSRC, as in op 12: it belongs to nobody
        if (ssrc === 0) return Effect.void
        users.assign(ssrc, userId)
        emit(flags === undefined ? { _tag: "Announced", userId, ssrc } : { _tag: "Speaking", userId, ssrc, flags })
        return Effect.void
      }
      case 11:
        emit({ _tag: "UsersConnected", userIds: message.d.user_ids })
        return Effect.void
      case 12: {
        const { audio_ssrc: ssrc, user_id: userId, video_ssrc: video } = message.d
        if (ssrc !== undefined && ssrc !== 0) {
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
}
