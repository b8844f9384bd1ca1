/**
 * A connection over the driver line, whatever is at its other end.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Inspectable from "effect/Inspectable"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { UserId } from "../protocol/Identifier.ts"
import { fromSchema } from "../protocol/internal/PayloadError.ts"
import type * as FrameRing from "../ring/FrameRing.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Audience from "./Audience.ts"
import type * as Clients from "./Clients.ts"
import { during } from "./During.ts"
import type * as Engine from "./Engine.ts"
import * as Line from "./Line.ts"
import type { Questions } from "./Questions.ts"
import { type Observer, Told } from "./Told.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Observer
} from "./Told.ts"

/**
 * A live connection to a voice server. It ends with its scope: audio is closed with silence, and the WebSocket with 1000. Its
 * functions are methods: they cannot be called detached from it, nor from a copy of its properties.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceConnection {
  readonly info: Line.ConnectionInfo
  readonly established: Line.Established
  /**
   * Plays the frames of a ring from its first slot on, replacing what is being played. With `after`, the current ring continues
   * until that many of its frames have been read since its beginning, or until its end ("drained"), and the new ring follows
   * without a gap; one ring can wait at a time. `TrackStarted` of the new track marks the change. Fails with `NotConnected`
   * after the end, and with `Unsupported` if the ring is not in shared memory.
   */
  readonly attach: (
    ring: FrameRing.FrameRing,
    options?: { readonly paused?: boolean | undefined; readonly after?: number | "drained" | undefined }
  ) => Effect.Effect<Line.TrackNumber, VoiceError.VoiceError>
  /** Stops taking frames from the ring of a track. The waiting ring begins, or silence closes the audio. */
  readonly detach: (track: Line.TrackNumber) => Effect.Effect<void>
  readonly setPaused: (track: Line.TrackNumber, paused: boolean) => Effect.Effect<void>
  /** Mutes or unmutes. While muted, tracks continue but nothing is sent. */
  readonly setMuted: (muted: boolean) => Effect.Effect<void>
  /** Announces speaking flags (op 5): 1 microphone, 2 soundshare, 4 priority. Fails with `NotConnected` after the end. */
  readonly setSpeaking: (flags: number) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Subscribes to the events from the moment this effect completes. The stream ends when the connection has ended, after
   * `Ended` if it was lost. A subscriber that is 4096 events behind loses the oldest ones.
   */
  readonly events: Effect.Effect<Stream.Stream<Line.Happening>, never, Scope.Scope>
  /** The same for plain code, until the scope closes. If the connection has already ended, that is reported immediately. */
  readonly observe: (observer: Observer) => Effect.Effect<void, never, Scope.Scope>
  /**
   * The audio packets of all members. While nothing runs this stream, packets are not even opened. A slow reader loses the
   * oldest packets of its own copy; {@link VoiceConnection.packetsDropped} counts them. Fails with the reason of the end, which
   * is `NotConnected` when the scope has closed.
   */
  readonly packets: Stream.Stream<Line.AudioPacket, VoiceError.VoiceError>
  /**
   * The same for plain code, until the scope closes. The listener is called for every packet as it arrives, so it must be fast.
   * If it throws, that is logged as an error the first time, and it is still called for later packets.
   *
   * `only` selects the wanted users. While all listeners have it, packets of other users are not opened, but may still be
   * passed on. It is called when a listener is added or removed, and by {@link VoiceConnection.relisten}. If it throws,
   * everybody is wanted.
   */
  readonly listen: (
    onPacket: (packet: Line.AudioPacket) => void,
    only?: Audience.Only
  ) => Effect.Effect<void, never, Scope.Scope>
  /** Calls the `only` of all listeners again, because one of them has changed. */
  readonly relisten: Effect.Effect<void>
  readonly packetsDropped: () => number
  /** The counts since the connection was established. Fails with the reason of the end after it. */
  readonly statistics: Effect.Effect<Line.Statistics, VoiceError.VoiceError>
  /** The state of end-to-end encryption. The event `E2eeChanged` reports each change. */
  readonly e2ee: Effect.Effect<Line.E2ee>
  /**
   * The 45 digits that we and another member can compare over another channel, to make sure that there is nobody in between.
   * Fails with `E2eeFailed` if the user is not in our group.
   */
  readonly verificationCode: (userId: UserId) => Effect.Effect<string, VoiceError.VoiceError>
  /** The other users in the channel, as reported by the voice gateway (ops 5, 11, 12, 13, 18 and 20). */
  readonly members: () => ReadonlyArray<UserId>
  /** What the voice gateway has reported about the client of each of them. The map changes over time. */
  readonly clients: ReadonlyMap<UserId, Clients.Client>
  /** Waits for the end of the connection and fails with its reason. */
  readonly awaitEnd: Effect.Effect<never, VoiceError.VoiceError>
}

const defaultReceiveCapacity = 256

/** The number of events that are held for a subscriber that does not read. */
const eventCapacity = 4_096

const checkOptions = Schema.encodeUnknownResult(Line.ConnectOptions)

const everybody = () => undefined

class Connection extends Inspectable.Class implements VoiceConnection {
  readonly info: Line.ConnectionInfo
  readonly #told: Told
  readonly #engine: Engine.Engine
  /** The number of packets that are held for a reader. */
  readonly #capacity: number
  #audience: Audience.Audience | undefined
  #track = 0
  #request = 0
  #dropped = 0

  constructor(info: Line.ConnectionInfo, told: Told, engine: Engine.Engine, capacity: number) {
    super()
    this.info = info
    this.#told = told
    this.#engine = engine
    this.#capacity = capacity
  }

  /** Contains neither our public address nor what identifies us to the voice gateway. */
  override toJSON(): unknown {
    const { channelId, endpoint, serverId, userId } = this.info
    const { mode, ssrc, version } = this.established
    const { e2ee, end } = this.#told
    return {
      _id: "VoiceConnection",
      endpoint,
      serverId,
      channelId,
      userId,
      ssrc,
      mode,
      version,
      e2eeVersion: e2ee.version,
      ...(end === undefined ? {} : { end })
    }
  }

  get established(): Line.Established {
    return this.#engine.established
  }

  get clients(): ReadonlyMap<UserId, Clients.Client> {
    return this.#told.clients.all
  }

  get awaitEnd(): Effect.Effect<never, VoiceError.VoiceError> {
    return Deferred.await(this.#told.ended)
  }

  get e2ee(): Effect.Effect<Line.E2ee> {
    return Effect.sync(() => this.#told.e2ee)
  }

  get relisten(): Effect.Effect<void> {
    return Effect.sync(() => this.#audience?.refresh())
  }

  get statistics(): Effect.Effect<Line.Statistics, VoiceError.VoiceError> {
    return this.#ask(this.#told.statistics, (request) => ({ _tag: "AskStatistics", request }))
  }

  get events(): Effect.Effect<Stream.Stream<Line.Happening>, never, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const queue = yield* Queue.make<Line.Happening, Cause.Done>({ capacity: eventCapacity, strategy: "sliding" })
      yield* this.observe({
        onEvent: (event) => void Queue.offerUnsafe(queue, event),
        onOver: () => void Queue.endUnsafe(queue)
      })
      return Stream.fromQueue(queue)
    })
  }

  get packets(): Stream.Stream<Line.AudioPacket, VoiceError.VoiceError> {
    return Stream.unwrap(Effect.gen({ self: this }, function*() {
      const capacity = this.#capacity
      const queue = yield* Queue.make<Line.AudioPacket, VoiceError.VoiceError>({ capacity, strategy: "sliding" })
      yield* this.#listen(
        (packet) => {
          if (Queue.sizeUnsafe(queue) >= capacity) this.#dropped++
          Queue.offerUnsafe(queue, packet)
        },
        (error) => void Queue.failCauseUnsafe(queue, Cause.fail(error)),
        everybody
      )
      return this.#told.end === undefined ? Stream.fromQueue(queue) : Stream.fromEffect(this.awaitEnd)
    }))
  }

  attach(
    ring: FrameRing.FrameRing,
    options?: { readonly paused?: boolean | undefined; readonly after?: number | "drained" | undefined }
  ): Effect.Effect<Line.TrackNumber, VoiceError.VoiceError> {
    return Effect.suspend(() => {
      if (!(ring.buffer instanceof SharedArrayBuffer)) {
        return VoiceError.fail(
          new VoiceError.Unsupported({
            feature: "a ring on a plain ArrayBuffer",
            detail: "create it on a SharedArrayBuffer"
          })
        )
      }
      const track = ++this.#track
      const after = options?.after
      return Effect.as(
        this.#tellLive("Playing", {
          _tag: "Attach",
          track,
          ring: ring.buffer,
          paused: options?.paused ?? false,
          ...(after === undefined ? {} : { after })
        }),
        track
      )
    })
  }

  detach(track: Line.TrackNumber): Effect.Effect<void> {
    return this.#tell({ _tag: "Detach", track })
  }

  setPaused(track: Line.TrackNumber, paused: boolean): Effect.Effect<void> {
    return this.#tell({ _tag: "SetPaused", track, paused })
  }

  setMuted(muted: boolean): Effect.Effect<void> {
    return this.#tell({ _tag: "SetMuted", muted })
  }

  setSpeaking(flags: number): Effect.Effect<void, VoiceError.VoiceError> {
    return this.#tellLive("Speaking", { _tag: "SetSpeaking", flags })
  }

  observe({ onEvent, onOver }: Observer): Effect.Effect<void, never, Scope.Scope> {
    const listener = {
      onEvent: (event: Line.Event) => {
        if (event._tag !== "Packet" && event._tag !== "Statistics" && event._tag !== "VerificationCode") onEvent(event)
      },
      onOver
    }
    return Effect.andThen(
      this.#told.listen(listener),
      Effect.sync(() => {
        if (this.#told.end !== undefined) this.#told.tellEnd(listener, this.#told.end)
      })
    )
  }

  listen(
    onPacket: (packet: Line.AudioPacket) => void,
    only: Audience.Only = everybody
  ): Effect.Effect<void, never, Scope.Scope> {
    return this.#listen(onPacket, () => {}, only)
  }

  packetsDropped(): number {
    return this.#dropped
  }

  verificationCode(userId: UserId): Effect.Effect<string, VoiceError.VoiceError> {
    return this.#ask(this.#told.codes, (request) => ({ _tag: "AskVerificationCode", request, userId }))
  }

  members(): ReadonlyArray<UserId> {
    return [...this.clients.keys()]
  }

  #tell(command: Line.Command): Effect.Effect<void> {
    return Effect.sync(() => this.#engine.command(command))
  }

  #tellLive(operation: string, command: Line.Command): Effect.Effect<void, VoiceError.VoiceError> {
    return Effect.suspend(() =>
      this.#told.end === undefined ? this.#tell(command) : VoiceError.fail(new VoiceError.NotConnected({ operation }))
    )
  }

  #ask<A>(questions: Questions<A>, command: (request: number) => Line.Command) {
    return Effect.suspend(() => {
      if (this.#told.end !== undefined) return this.awaitEnd
      const request = ++this.#request
      const answer = questions.ask(request)
      return Effect.andThen(this.#tell(command(request)), answer)
    })
  }

  #listen(
    onPacket: (packet: Line.AudioPacket) => void,
    onOver: Observer["onOver"],
    only: Audience.Only
  ): Effect.Effect<void, never, Scope.Scope> {
    const listener = {
      onEvent: (event: Line.Event) => {
        if (event._tag === "Packet") onPacket(event.packet)
      },
      onOver
    }
    return Effect.andThen(
      this.#told.listen(listener),
      during(() => {
        this.#audience ??= Audience.make((command) => this.#engine.command(command))
        return this.#audience.join(() => {
          try {
            return only()
          } catch (thrown) {
            this.#told.threw(listener, thrown)
            return undefined
          }
        })
      })
    )
  }
}

/**
 * Makes a connection over the driver line. `open` establishes the other end, which from then on takes commands and emits
 * events. Both the driver in this process and the one behind a port are made of it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeConnection = Effect.fnUntraced(function*<R>(
  info: Line.ConnectionInfo,
  options: Line.ConnectOptions,
  open: (
    emit: (event: Line.Event) => void
  ) => Effect.Effect<Engine.Engine, VoiceError.VoiceError, R | Scope.Scope>
): Effect.fn.Return<VoiceConnection, VoiceError.VoiceError, R | Scope.Scope> {
  // before the line is used: one that crosses a port could only die of them
  const checked = checkOptions(options)
  if (Result.isFailure(checked)) {
    const { detail } = fromSchema(checked.failure, undefined)
    return yield* VoiceError.make(new VoiceError.Unsupported({ feature: "An option of the connection", detail }))
  }
  const outer = yield* Effect.scope
  const scope = yield* Scope.fork(outer)
  const told = new Told(info.userId, yield* Effect.context<never>())
  const engine = yield* open((event) => told.onEvent(event)).pipe(
    Scope.provide(scope),
    Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)
  )
  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => told.over(VoiceError.make(new VoiceError.NotConnected({ operation: "The voice connection" }))))
  )
  return new Connection(info, told, engine, options.receiveCapacity ?? defaultReceiveCapacity)
})
