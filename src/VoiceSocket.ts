/**
 * One WebSocket to a voice gateway, with every message checked against its schema in both directions and every end typed.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as DaveFrame from "./protocol/DaveFrame.ts"
import type * as VoicePayload from "./protocol/VoicePayload.ts"
import type { VoiceError } from "./VoiceError.ts"

/**
 * What arrives, in order. `Malformed` is a message that broke its schema; it is no reason to end the connection.
 *
 * @category models
 * @since 0.1.0
 */
export type Incoming =
  | { readonly _tag: "Message"; readonly message: VoicePayload.ServerMessage | VoicePayload.UnknownMessage }
  | { readonly _tag: "Dave"; readonly frame: DaveFrame.ServerFrame }
  | { readonly _tag: "Malformed"; readonly detail: string }

/**
 * An open connection to a voice gateway. It is terminated when its scope closes, if it is still open then.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  readonly version: VoicePayload.VoiceVersion
  readonly endpoint: string
  /** Fails after the last message with the reason of the close code, or `ConnectionLost`. */
  readonly incoming: Queue.Dequeue<Incoming, VoiceError>
  readonly send: (message: VoicePayload.ClientMessage) => Effect.Effect<void, VoiceError>
  readonly sendDave: (frame: DaveFrame.ClientFrame) => Effect.Effect<void, VoiceError>
  /** The last `seq` received, text or binary; -1 before the first. */
  readonly lastSequence: () => number
  readonly close: (code: number, reason: string) => Effect.Effect<void>
  readonly terminate: Effect.Effect<void>
}

/**
 * @category services
 * @since 0.1.0
 */
export class VoiceSocket extends Context.Service<VoiceSocket, {
  /**
   * Opens `wss://<endpoint>/?v=<version>`. The endpoint's port is kept; an endpoint that starts with `ws://` or `wss://`
   * keeps its scheme. Fails with `SocketOpenFailed`.
   */
  readonly open: (options: {
    readonly endpoint: string
    readonly version: VoicePayload.VoiceVersion
  }) => Effect.Effect<Connection, VoiceError, Scope.Scope>
}>()("effect-discord-voice/VoiceSocket") {}
