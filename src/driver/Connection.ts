/**
 * A connection over the driver line, whatever is at its other end.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { UserId } from "../protocol/Identifier.ts"
import { fromSchema } from "../protocol/internal/PayloadError.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Audience from "./Audience.ts"
import * as Clients from "./Clients.ts"
import type * as Engine from "./Engine.ts"
import type * as FrameRing from "./FrameRing.ts"
import * as Line from "./Line.ts"

/**
 * Hears of what happens on a connection as it happens, be it in the middle of the beat: it must be short and not throw.
 *
 * @category models
 * @since 0.1.0
 */
export interface Observer<Event = Line.Happening> {
  readonly onEvent: (event: Event) => void
  /** The last that is told, whether the connection was lost or closed here. */
  readonly onOver: (error: VoiceError.VoiceError) => void
}

/**
 * A live connection to a voice server. It ends with its scope: audio is closed with silence, and the WebSocket with 1000.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceConnection {
  readonly info: Line.ConnectionInfo
  readonly established: Line.Established
  /**
   * Plays the frames of a ring from its first slot on, in place of what is being played. With `after`, what is being played
   * goes on until that many of its frames have been read since the beginning of its ring, or until its end ("drained"), and
   * the new ring follows without a gap; one ring can wait at a time. The new one's `TrackStarted` tells that it was its turn.
   */
  readonly attach: (
    ring: FrameRing.FrameRing,
    options?: { readonly paused?: boolean | undefined; readonly after?: number | "drained" | undefined }
  ) => Effect.Effect<Line.TrackNumber, VoiceError.VoiceError>
  /** Stops taking frames from that track's ring; what waits for it begins, or silence closes what was playing. */
  readonly detach: (track: Line.TrackNumber) => Effect.Effect<void>
  readonly setPaused: (track: Line.TrackNumber, paused: boolean) => Effect.Effect<void>
  /** While muted, tracks go on but nothing is sent. */
  readonly setMuted: (muted: boolean) => Effect.Effect<void>
  /** Announces speaking flags (op 5): 1 microphone, 2 soundshare, 4 priority. */
  readonly setSpeaking: (flags: number) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Subscribes to what happens, from the moment this effect completes on; ends when the connection has ended, behind
   * `Ended` if it was lost. A subscriber that falls 4096 events behind loses the oldest.
   */
  readonly events: Effect.Effect<Stream.Stream<Line.Happening>, never, Scope.Scope>
  /** The same for plain code, until the scope closes. An end that has come already is told at once. */
  readonly observe: (observer: Observer) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Audio packets of all members. While nobody runs this stream, packets are not even opened. A slow reader loses the
   * oldest packets of its own copy; {@link VoiceConnection.packetsDropped} counts them. Fails with the reason of the end,
   * which is `NotConnected` when the scope has closed.
   */
  readonly packets: Stream.Stream<Line.AudioPacket, VoiceError.VoiceError>
  /**
   * The same for plain code, until the scope closes: called for every packet as it comes, it must be short and not throw.
   * `only` says who is wanted: while that is so of all who listen, packets of others are not opened. It is asked when somebody
   * begins or ends to listen, and by {@link VoiceConnection.relisten}. Packets of others may come nevertheless.
   */
  readonly listen: (
    onPacket: (packet: Line.AudioPacket) => void,
    only?: Audience.Only
  ) => Effect.Effect<void, never, Scope.Scope>
  /** Somebody who listens wants to hear others than before. */
  readonly relisten: Effect.Effect<void>
  readonly packetsDropped: () => number
  readonly statistics: Effect.Effect<Line.Statistics, VoiceError.VoiceError>
  /** How the connection stands with end-to-end encryption; an event, `E2eeChanged`, tells of each change. */
  readonly e2ee: Effect.Effect<Line.E2ee>
  /**
   * The 45 digits by which we and another member can make sure, over another channel, that nobody stands in between. Fails
   * with `E2eeFailed` if the user is not in our group.
   */
  readonly verificationCode: (userId: UserId) => Effect.Effect<string, VoiceError.VoiceError>
  /** Who else is in the channel, as the voice gateway has told (ops 5, 11, 12, 13, 18 and 20). */
  readonly members: () => ReadonlyArray<UserId>
  /** What it has told of the client of each of them. The map changes as it tells more. */
  readonly clients: ReadonlyMap<UserId, Clients.Client>
  /** Waits for the end of the connection and fails with its reason. */
  readonly awaitEnd: Effect.Effect<never, VoiceError.VoiceError>
}

const defaultReceiveCapacity = 256

/** Events held for a subscriber that does not read. */
const eventCapacity = 4_096

const checkOptions = Schema.encodeUnknownResult(Line.ConnectOptions)

/**
 * A connection over the driver line: `open` brings up the other end, which from then on takes commands and emits events.
 * The driver in this process and the one behind a port are both made of it.
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
  // before the line is asked: one that crosses a port could only die of them
  const checked = checkOptions(options)
  if (Result.isFailure(checked)) {
    const { detail } = fromSchema(checked.failure, undefined)
    return yield* VoiceError.make(new VoiceError.Unsupported({ feature: "An option of the connection", detail }))
  }
  const outer = yield* Effect.scope
  const scope = yield* Scope.fork(outer)
  const ended = yield* Deferred.make<never, VoiceError.VoiceError>()
  const listeners = new Set<Observer<Line.Event>>()
  const asked = new Map<number, Deferred.Deferred<Line.Statistics, VoiceError.VoiceError>>()
  const codesAsked = new Map<number, Deferred.Deferred<string, VoiceError.VoiceError>>()
  const clients = Clients.make(info.userId)
  let e2ee: Line.E2ee = { version: 0, transitioning: false }
  let isOver = false
  let end: VoiceError.VoiceError | undefined

  const over = (error: VoiceError.VoiceError) => {
    if (isOver) return
    isOver = true
    end = error
    Deferred.doneUnsafe(ended, Effect.fail(error))
    for (const { onOver } of listeners) onOver(error)
    for (const deferred of asked.values()) Deferred.doneUnsafe(deferred, Effect.fail(error))
    for (const deferred of codesAsked.values()) Deferred.doneUnsafe(deferred, Effect.fail(error))
    asked.clear()
    codesAsked.clear()
  }

  const emit = (event: Line.Event): void => {
    if (isOver) return
    if (event._tag !== "Packet") clients.onEvent(event)
    if (event._tag === "E2eeChanged") e2ee = event.e2ee
    for (const { onEvent } of listeners) onEvent(event)
    switch (event._tag) {
      case "Statistics": {
        const deferred = asked.get(event.request)
        asked.delete(event.request)
        if (deferred !== undefined) Deferred.doneUnsafe(deferred, Exit.succeed(event.value))
        return
      }
      case "VerificationCode": {
        const deferred = codesAsked.get(event.request)
        codesAsked.delete(event.request)
        if (deferred === undefined) return
        const { code, failure } = event
        Deferred.doneUnsafe(
          deferred,
          code === undefined
            ? VoiceError.fail(new VoiceError.E2eeFailed({ kind: "Verification", detail: failure }))
            : Exit.succeed(code)
        )
        return
      }
      case "Ended":
        return over(event.error)
    }
  }

  const engine = yield* open(emit).pipe(
    Scope.provide(scope),
    Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)
  )
  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => over(VoiceError.make(new VoiceError.NotConnected({ operation: "The voice connection" }))))
  )

  let track = 0
  let request = 0
  let dropped = 0

  const tell = (command: Line.Command) => Effect.sync(() => engine.command(command))
  const tellLive = (operation: string, command: Line.Command) =>
    Effect.suspend(() => isOver ? VoiceError.fail(new VoiceError.NotConnected({ operation })) : tell(command))

  const subscribe = (listener: Observer<Line.Event>) =>
    Effect.acquireRelease(
      Effect.sync(() => listeners.add(listener)),
      () => Effect.sync(() => listeners.delete(listener))
    )

  const observe: VoiceConnection["observe"] = ({ onEvent, onOver }) =>
    Effect.andThen(
      subscribe({
        onEvent: (event) => {
          if (event._tag !== "Packet" && event._tag !== "Statistics" && event._tag !== "VerificationCode") {
            onEvent(event)
          }
        },
        onOver
      }),
      Effect.sync(() => {
        if (end !== undefined) onOver(end)
      })
    )

  const events = Effect.gen(function*() {
    const queue = yield* Queue.make<Line.Happening, Cause.Done>({ capacity: eventCapacity, strategy: "sliding" })
    yield* observe({
      onEvent: (event) => void Queue.offerUnsafe(queue, event),
      onOver: () => void Queue.endUnsafe(queue)
    })
    return Stream.fromQueue(queue)
  })

  const audience = Audience.make((command) => engine.command(command))
  const listenWhile = (only: Audience.Only) =>
    Effect.acquireRelease(Effect.sync(() => audience.join(only)), (leave) => Effect.sync(leave))
  const everybody = () => undefined
  const listenWith = (
    onPacket: (packet: Line.AudioPacket) => void,
    onOver: Observer["onOver"],
    only: Audience.Only
  ) =>
    Effect.andThen(
      subscribe({
        onEvent: (event) => {
          if (event._tag === "Packet") onPacket(event.packet)
        },
        onOver
      }),
      listenWhile(only)
    )

  const capacity = options.receiveCapacity ?? defaultReceiveCapacity
  const packets = Stream.unwrap(Effect.gen(function*() {
    const queue = yield* Queue.make<Line.AudioPacket, VoiceError.VoiceError>({ capacity, strategy: "sliding" })
    yield* listenWith(
      (packet) => {
        if (Queue.sizeUnsafe(queue) >= capacity) dropped++
        Queue.offerUnsafe(queue, packet)
      },
      (error) => void Queue.failCauseUnsafe(queue, Cause.fail(error)),
      everybody
    )
    return isOver ? Stream.fromEffect(Deferred.await(ended)) : Stream.fromQueue(queue)
  }))

  return {
    info,
    established: engine.established,
    attach: (ring, attachOptions) =>
      Effect.suspend(() => {
        if (!(ring.buffer instanceof SharedArrayBuffer)) {
          return VoiceError.fail(
            new VoiceError.Unsupported({ feature: "a ring on a plain ArrayBuffer", detail: "make it on a shared one" })
          )
        }
        const number = ++track
        const after = attachOptions?.after
        return Effect.as(
          tellLive("Playing", {
            _tag: "Attach",
            track: number,
            ring: ring.buffer,
            paused: attachOptions?.paused ?? false,
            ...(after === undefined ? {} : { after })
          }),
          number
        )
      }),
    detach: (number) => tell({ _tag: "Detach", track: number }),
    setPaused: (number, paused) => tell({ _tag: "SetPaused", track: number, paused }),
    setMuted: (muted) => tell({ _tag: "SetMuted", muted }),
    setSpeaking: (flags) => tellLive("Speaking", { _tag: "SetSpeaking", flags }),
    events,
    observe,
    packets,
    listen: (onPacket, only = everybody) => listenWith(onPacket, () => {}, only),
    relisten: Effect.sync(audience.refresh),
    packetsDropped: () => dropped,
    statistics: Effect.suspend(() => {
      if (isOver) return Deferred.await(ended)
      const number = ++request
      const deferred = Deferred.makeUnsafe<Line.Statistics, VoiceError.VoiceError>()
      asked.set(number, deferred)
      return Effect.andThen(tell({ _tag: "AskStatistics", request: number }), Deferred.await(deferred))
    }),
    e2ee: Effect.sync(() => e2ee),
    verificationCode: (userId) =>
      Effect.suspend(() => {
        if (isOver) return Deferred.await(ended)
        const number = ++request
        const deferred = Deferred.makeUnsafe<string, VoiceError.VoiceError>()
        codesAsked.set(number, deferred)
        return Effect.andThen(
          tell({ _tag: "AskVerificationCode", request: number, userId }),
          Deferred.await(deferred)
        )
      }),
    members: () => [...clients.all.keys()],
    clients: clients.all,
    awaitEnd: Deferred.await(ended)
  }
})
