/**
 * Turns one record into one live voice connection. The driver does not need the main gateway: endpoint, server, channel,
 * user, session id and token are all it is given. It makes the handshake, keeps the heartbeat, sends the frames that are
 * ready in a frame ring, and passes on what it receives. It does not decide what a lost connection means; `VoiceSession`
 * does.
 *
 * A driver can run in another thread: `layerThread` is such a driver. `layerMessagePort` is a driver behind a `MessagePort`
 * of your own, and `serve` is the other end of that port.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { makeConnection, type VoiceConnection } from "./driver/Connection.ts"
import * as Engine from "./driver/Engine.ts"
import type * as Line from "./driver/Line.ts"
import * as MessagePortLine from "./driver/MessagePortLine.ts"
import type { ThreadOptions } from "./driver/messages.ts"
import * as Thread from "./driver/Thread.ts"
import type * as VoiceError from "./VoiceError.ts"

export {
  /**
   * @category constructors
   * @since 0.1.0
   */
  makeConnection,
  /**
   * @category models
   * @since 0.1.0
   */
  type Observer,
  /**
   * @category models
   * @since 0.1.0
   */
  type VoiceConnection
} from "./driver/Connection.ts"
export {
  /**
   * @category models
   * @since 0.1.0
   */
  type AudioPacket,
  /**
   * @category models
   * @since 0.1.0
   */
  type Command,
  /**
   * @category models
   * @since 0.1.0
   */
  ConnectionInfo,
  /**
   * @category models
   * @since 0.1.0
   */
  type ConnectOptions,
  /**
   * @category schemas
   * @since 0.1.0
   */
  E2ee,
  /**
   * @category models
   * @since 0.1.0
   */
  type Established,
  /**
   * @category models
   * @since 0.1.0
   */
  type Event,
  /**
   * @category models
   * @since 0.1.0
   */
  type Happening,
  /**
   * @category models
   * @since 0.1.0
   */
  type Statistics,
  /**
   * @category models
   * @since 0.1.0
   */
  type TrackNumber
} from "./driver/Line.ts"
export {
  /**
   * @category models
   * @since 0.1.0
   */
  type ThreadOptions
} from "./driver/messages.ts"

/**
 * The service that opens voice connections.
 *
 * @category services
 * @since 0.1.0
 */
export class VoiceDriver extends Context.Service<VoiceDriver, {
  /**
   * Opens a connection. Fails with the reason of the gateway's close code, `SocketOpenFailed`, `PhaseTimedOut`,
   * `HeartbeatUnanswered`, `DiscoveryUnanswered`, `UdpFailed`, `UdpLost`, `NoCommonMode`, `CryptoFailed`, `E2eeFailed`,
   * `ProtocolViolated`, or `Unsupported` for an invalid option.
   */
  readonly connect: (
    info: Line.ConnectionInfo,
    options?: Line.ConnectOptions
  ) => Effect.Effect<VoiceConnection, VoiceError.VoiceError, Scope.Scope>
}>()("effect-discord-voice/VoiceDriver") {}

/**
 * A driver in the caller's thread.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<VoiceDriver, never, Engine.Services> = Layer.effect(
  VoiceDriver,
  // without the layer's own scope: a connection belongs to the scope of its caller
  Effect.map(Effect.map(Effect.context<Engine.Services>(), Context.omit(Scope.Scope)), (context) =>
    VoiceDriver.of({
      connect: (info, options = {}) =>
        makeConnection(
          info,
          options,
          (emit) => Effect.provideContext(Engine.connect(info, options, emit), context)
        )
    }))
)

/** A driver over a line, with the function that opens a connection on it. */
const over = <R>(
  line: Effect.Effect<{ readonly open: Thread.Thread["open"] }, never, R>
): Layer.Layer<VoiceDriver, never, Exclude<R, Scope.Scope>> =>
  Layer.effect(
    VoiceDriver,
    Effect.map(line, ({ open }) =>
      VoiceDriver.of({
        connect: (info, options = {}) => makeConnection(info, options, (emit) => open(info, options, emit))
      }))
  )

/**
 * A driver in a thread of its own, together with everything it needs, so that sound continues while the program's thread is
 * busy. Encoding and mixing have to be in a thread, too (`Mixer.layerThreadWith({ use: "always" })`); `Voice.layerThread` has
 * both.
 *
 * - The thread starts with the first connection and ends with the layer.
 * - If the thread ends on its own, its connections end with `ConnectionLost`, which a session answers by joining again.
 *   Attempts to connect that are under way fail with `SocketOpenFailed`, and the next attempt starts another thread.
 * - An invalid option fails every attempt with `Unsupported`.
 * - If no thread can be started, for example in a bundle that lacks its file, one warning is logged and the driver works in
 *   the caller's thread.
 * - Log entries of the thread appear in the caller's log; spans do not.
 * - The thread runs in real time, also when a test's clock stands still.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerThreadWith = (options: ThreadOptions): Layer.Layer<VoiceDriver> => over(Thread.make(options))

/**
 * {@link layerThreadWith} with its defaults, as in `Voice.layerThread`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerThread: Layer.Layer<VoiceDriver> = layerThreadWith({})

/**
 * A driver at the other end of a `MessagePort`, where {@link serve} runs, for example in a worker thread. Only encoded
 * commands and events, and the shared buffers of frame rings, cross the port.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMessagePort = (port: MessagePortLine.Port): Layer.Layer<VoiceDriver> =>
  over(MessagePortLine.makeClient(port))

/**
 * Serves the other end of {@link layerMessagePort} until it is interrupted, which closes every connection.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve: (port: MessagePortLine.Port) => Effect.Effect<never, never, Engine.Services> = MessagePortLine.serve
