/**
 * One record in, one live voice connection out. The driver needs nothing of the main gateway: endpoint, server, channel,
 * user, session id and token are all it knows. It makes the handshake, keeps the heartbeat, sends what lies ready in a
 * frame ring and hands up what it receives. What a lost connection means is not decided here but in `VoiceSession`.
 *
 * A driver may run in another thread: `layerThread` is one that does. `layerMessagePort` is a driver behind a `MessagePort` of
 * your own, `serve` its other end.
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
 * @category services
 * @since 0.1.0
 */
export class VoiceDriver extends Context.Service<VoiceDriver, {
  /**
   * Connects. Fails with the reason of the gateway's close code, `SocketOpenFailed`, `PhaseTimedOut`, `HeartbeatUnanswered`,
   * `DiscoveryUnanswered`, `UdpFailed`, `UdpLost`, `NoCommonMode`, `CryptoFailed`, `E2eeFailed`, `ProtocolViolated`, or `Unsupported` for
   * an option that makes no sense.
   */
  readonly connect: (
    info: Line.ConnectionInfo,
    options?: Line.ConnectOptions
  ) => Effect.Effect<VoiceConnection, VoiceError.VoiceError, Scope.Scope>
}>()("effect-discord-voice/VoiceDriver") {}

/**
 * The driver in this process.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<VoiceDriver, never, Engine.Services> = Layer.effect(
  VoiceDriver,
  // the layer's own scope stays behind: a connection belongs to the scope of whoever connects
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

/** A driver over a line, and what opens a connection there. */
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
 * A driver in a thread of its own, with all that it needs, so that a program that is busy in its thread is not heard. What is
 * encoded or mixed has to be in a thread, too (`Mixer.layerThreadWith({ use: "always" })`): `Voice.layerThread` has both.
 *
 * The thread is started with the first connection and ends with the layer. Should it end by itself, its connections end with
 * `ConnectionLost`, which a session answers by joining anew, attempts to connect fail with `SocketOpenFailed`, and the next one
 * starts another thread. An option that makes no sense fails every attempt with `Unsupported`. Where no thread can be started, as
 * in a bundle without its file, a warning says so once, and the driver works in the caller's thread. What is logged there is logged
 * here; spans stay there. It runs in real time: where a test's clock stands still, it does not.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerThreadWith = (options: ThreadOptions): Layer.Layer<VoiceDriver> => over(Thread.make(options))

/**
 * {@link layerThreadWith} with its defaults: what `Voice.layerThread` has.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerThread: Layer.Layer<VoiceDriver> = layerThreadWith({})

/**
 * A driver at the other end of a `MessagePort`, where {@link serve} runs: in a worker thread, for example. Nothing crosses
 * but encoded commands and events, and the shared buffers of frame rings.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMessagePort = (port: MessagePortLine.Port): Layer.Layer<VoiceDriver> =>
  over(MessagePortLine.makeClient(port))

/**
 * Serves the other end of {@link layerMessagePort}, until interrupted; every connection is closed then.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve: (port: MessagePortLine.Port) => Effect.Effect<never, never, Engine.Services> = MessagePortLine.serve
