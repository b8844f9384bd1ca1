/**
 * What the tracks and listeners of a session hold on to: it looks like a connection, and stays the same while connections
 * come and go. While there is none, what plays is held: nobody takes frames from its ring.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Audience from "../driver/Audience.ts"
import type { Client } from "../driver/Clients.ts"
import type * as FrameRing from "../driver/FrameRing.ts"
import type * as Line from "../driver/Line.ts"
import type * as Tap from "../driver/Tap.ts"
import type { ChannelId, UserId } from "../protocol/Identifier.ts"
import type { Reader } from "../receive/Hub.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import * as VoiceError from "../VoiceError.ts"
import type { Event, Observer } from "./Event.ts"
import * as Sent from "./Sent.ts"
import * as Turns from "./Turns.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Conduit extends
  Pick<
    VoiceDriver.VoiceConnection,
    | "attach"
    | "detach"
    | "setPaused"
    | "setMuted"
    | "setSpeaking"
    | "packets"
    | "packetsDropped"
    | "statistics"
    | "e2ee"
    | "verificationCode"
    | "awaitEnd"
  >
{
  readonly events: Effect.Effect<Stream.Stream<Event>, never, Scope.Scope>
  /** The same for plain code, until the scope closes. */
  readonly observe: (observer: Observer) => Effect.Effect<void, never, Scope.Scope>
  /** Hears packets as they come, until the scope closes. An end that has come already is told at once. */
  readonly read: (reader: Reader) => Effect.Effect<void, never, Scope.Scope>
  /** What is sent on all connections, from now on until the end. */
  readonly sent: Stream.Stream<Tap.SentFrame>
  /** A reader wants to hear others than before. */
  readonly reread: Effect.Effect<void>
  /**
   * Who else is in the channel by what the voice gateway tells, and what it tells of each; while there is no connection, who was
   * at the end of the last one. Nobody where the connection is, or was, in another channel than the one that is given.
   */
  readonly clients: (channelId?: ChannelId) => ReadonlyMap<UserId, Client>
  /** While we are deaf nothing is received, whoever reads. */
  readonly setDeaf: (deaf: boolean) => Effect.Effect<void>
  /**
   * Sends nothing on the connection of the moment any more, until it is released or another one comes: what is sent while we are
   * moved is heard by nobody. Gives after the silence that closes what plays, if anything does.
   */
  readonly hold: Effect.Effect<void>
  readonly release: Effect.Effect<void>
  /** Tells everybody; what is published meanwhile is told behind it. */
  readonly publish: (event: Event) => void
  /** Works on this connection until the scope closes. */
  readonly use: (connection: VoiceDriver.VoiceConnection) => Effect.Effect<void, never, Scope.Scope>
  /** There will be no connection any more. `lost`: not because we left. */
  readonly end: (error: VoiceError.VoiceError, lost: boolean) => Effect.Effect<void>
}

/** Five frames of silence, from the next frame on. */
const closingTime = Duration.millis(120)

/** Events held for a subscriber that does not read. */
const eventCapacity = 4_096

/** What is being played: the ring outlives the connections, its number on each of them does not. */
interface Attached {
  readonly number: number
  readonly ring: FrameRing.FrameRing
  /** Of what plays before it, while it waits for that. */
  after: number | "drained" | undefined
  paused: boolean
  inner: number | undefined
}

const notConnected = (operation: string) => VoiceError.fail(new VoiceError.NotConnected({ operation }))

/** There is no connection now, and there will be one. */
const reconnecting = (operation: string) =>
  VoiceError.fail(new VoiceError.NotConnected({ operation, isReconnecting: true }))

const nobody: ReadonlyMap<UserId, Client> = new Map()

const unencrypted: Line.E2ee = { version: 0, transitioning: false }

const isSameE2ee = (one: Line.E2ee, other: Line.E2ee): boolean =>
  one.version === other.version && one.transitioning === other.transitioning &&
  one.membership?.epoch === other.membership?.epoch && one.membership?.privacyCode === other.membership?.privacyCode

/**
 * A conduit without a connection. `capacity` is how many packets are held for a slow reader.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  capacity: number
): Effect.fn.Return<Conduit, never, Scope.Scope> {
  const ended = yield* Deferred.make<never, VoiceError.VoiceError>()
  const listening = yield* FiberHandle.make<never>()
  const listeners = new Set<Observer>()
  const readers = new Set<Reader>()
  const taps = new Set<Tap.Tap>()
  let over: VoiceError.VoiceError | undefined
  let current: VoiceDriver.VoiceConnection | undefined
  let attached: Attached | undefined
  /** What follows on it. */
  let waiting: Attached | undefined
  let clients = nobody
  /** Where they are. */
  let place: ChannelId | undefined
  /** As it was told last. */
  let e2ee = unencrypted
  let isHeld = false
  let muted = false
  let deaf = false
  let speaking: number | undefined
  let tracks = 0
  let dropped = 0

  const inTurn = Turns.make()
  const publish = (event: Event): void => {
    if (event._tag === "E2eeChanged") e2ee = event.e2ee
    inTurn(() => listeners.forEach(({ onEvent }) => onEvent(event)))
  }

  const showE2ee = (next: Line.E2ee): void => {
    if (!isSameE2ee(next, e2ee)) publish({ _tag: "E2eeChanged", e2ee: next })
  }

  const none = (operation: string) => over === undefined ? reconnecting(operation) : notConnected(operation)

  const live = (operation: string) =>
    Effect.suspend((): Effect.Effect<void, VoiceError.VoiceError> =>
      over === undefined ? Effect.void : notConnected(operation)
    )

  /** Hands what plays to the connection of the moment. One that is ending takes nothing any more; the next one will. */
  const attachTo = (connection: VoiceDriver.VoiceConnection, to: Attached) =>
    connection.attach(to.ring, { paused: to.paused || isHeld, after: to.after }).pipe(
      Effect.map((inner) => {
        to.inner = inner
      }),
      Effect.ignore
    )

  const detachFrom = (connection: VoiceDriver.VoiceConnection, { inner }: Attached) =>
    inner === undefined ? Effect.void : connection.detach(inner)

  /** It is the turn of what waited. */
  const changeOver = (next: Attached): void => {
    attached = next
    waiting = undefined
    next.after = undefined
  }

  /** Lets tracks of the connection of the moment play as they are and as we are held. */
  const pause = Effect.suspend(() => {
    const connection = current
    if (connection === undefined) return Effect.void
    const tracks = [attached, waiting].filter((track) => track !== undefined)
    return Effect.forEach(
      tracks,
      ({ inner, paused }) => inner === undefined ? Effect.void : connection.setPaused(inner, paused || isHeld),
      { discard: true }
    )
  })

  const hold = Effect.suspend(() => {
    const isPlaying = current !== undefined && attached !== undefined && !attached.paused && !isHeld
    isHeld = true
    return isPlaying ? Effect.andThen(pause, Effect.sleep(closingTime)) : pause
  })

  const release = Effect.suspend(() => {
    if (!isHeld) return Effect.void
    isHeld = false
    return pause
  })

  /** The event in the numbers of this conduit; what comes from a former track is not told. */
  const translated = (event: Line.Happening): Event | undefined => {
    if (!("track" in event)) return event
    if (waiting !== undefined && event.track === waiting.inner) changeOver(waiting)
    const former = attached
    if (former === undefined || event.track !== former.inner) return undefined
    if (event._tag === "TrackDrained" && waiting !== undefined) changeOver(waiting)
    return { ...event, track: former.number }
  }

  const onPacket = (packet: Line.AudioPacket): void => {
    for (const reader of readers) reader.onPacket(packet)
  }

  /** Whom the readers want to hear; `undefined` is everybody. */
  const only = () => Audience.union(Array.from(readers, (reader) => reader.only))

  const reread = Effect.suspend(() => current === undefined ? Effect.void : current.relisten)

  /** Listens to the connection of the moment while somebody reads: a connection that nobody listens to opens no packet. */
  const listen = Effect.suspend(() => {
    const connection = current
    return connection === undefined || readers.size === 0 || deaf
      ? FiberHandle.clear(listening)
      : Effect.asVoid(FiberHandle.run(
        listening,
        Effect.scoped(Effect.andThen(connection.listen(onPacket, only), Effect.never)),
        { startImmediately: true }
      ))
  })

  const use: Conduit["use"] = (connection) =>
    Effect.gen(function*() {
      yield* connection.observe({
        onEvent: (event) => {
          const told = event._tag === "Ended" ? undefined : translated(event)
          if (told !== undefined) publish(told)
        },
        onOver: () => {}
      })
      yield* Effect.addFinalizer(() =>
        Effect.suspend(() => {
          if (current !== connection) return Effect.void
          current = undefined
          showE2ee(unencrypted)
          if (attached !== undefined) attached.inner = undefined
          if (waiting !== undefined) waiting.inner = undefined
          return FiberHandle.clear(listening)
        })
      )
      current = connection
      clients = connection.clients
      place = connection.info.channelId
      isHeld = false
      // what was said while it came up was said to nobody
      const there = [...clients.keys()]
      if (there.length > 0) publish({ _tag: "UsersConnected", userIds: there })
      inTurn(() => listeners.forEach(({ onConnection }) => onConnection?.()))
      showE2ee(yield* connection.e2ee)
      if (muted) yield* connection.setMuted(true)
      if (speaking !== undefined) yield* Effect.ignore(connection.setSpeaking(speaking))
      if (attached !== undefined) yield* attachTo(connection, attached)
      if (waiting !== undefined) yield* attachTo(connection, waiting)
      yield* listen
    })

  const observe: Conduit["observe"] = (observer) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        listeners.add(observer)
        if (over !== undefined) observer.onOver(over)
      }),
      () => Effect.sync(() => listeners.delete(observer))
    )

  const events = Effect.gen(function*() {
    const queue = yield* Queue.make<Event, Cause.Done>({ capacity: eventCapacity, strategy: "sliding" })
    yield* observe({
      onEvent: (event) => void Queue.offerUnsafe(queue, event),
      onOver: () => void Queue.endUnsafe(queue)
    })
    return Stream.fromQueue(queue)
  })

  const read: Conduit["read"] = (reader) =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        readers.add(reader)
        if (over !== undefined) reader.onOver(over)
        return readers.size === 1 ? listen : reread
      }),
      () => Effect.suspend(() => readers.delete(reader) && readers.size === 0 ? listen : reread)
    )

  const packets = Stream.unwrap(Effect.gen(function*() {
    const queue = yield* Queue.make<Line.AudioPacket, VoiceError.VoiceError>({ capacity, strategy: "sliding" })
    yield* read({
      onPacket: (packet) => {
        if (Queue.sizeUnsafe(queue) >= capacity) dropped++
        Queue.offerUnsafe(queue, packet)
      },
      only: () => undefined,
      onOver: (error) => void Queue.failCauseUnsafe(queue, Cause.fail(error))
    })
    return Stream.fromQueue(queue)
  }))

  const sent = Sent.stream(taps, () => over !== undefined, (tap) => {
    tap.setMuted(muted)
    for (const track of [attached, waiting]) if (track !== undefined) tap.attach(track.ring, track === waiting)
  })

  return {
    hold,
    release,
    publish,
    use,
    sent,
    attach: (ring, options) =>
      Effect.gen(function*() {
        yield* live("Playing")
        const next: Attached = {
          number: ++tracks,
          ring,
          after: attached === undefined ? undefined : options?.after,
          paused: options?.paused ?? false,
          inner: undefined
        }
        if (next.after === undefined) {
          attached = next
          waiting = undefined
        } else waiting = next
        for (const tap of taps) tap.attach(ring, next.after !== undefined)
        if (current !== undefined) yield* attachTo(current, next)
        return next.number
      }),
    detach: (number) =>
      Effect.suspend(() => {
        const former = attached?.number === number ? attached : waiting?.number === number ? waiting : undefined
        if (former === undefined) return Effect.void
        if (former === attached && waiting !== undefined) changeOver(waiting)
        else if (former === attached) attached = undefined
        else waiting = undefined
        const detached = current === undefined ? Effect.void : detachFrom(current, former)
        return Effect.ensuring(detached, Effect.sync(() => taps.forEach((tap) => tap.detach(former.ring))))
      }),
    setPaused: (number, paused) =>
      Effect.suspend(() => {
        const track = attached?.number === number ? attached : waiting?.number === number ? waiting : undefined
        if (track === undefined) return Effect.void
        track.paused = paused
        return current === undefined || track.inner === undefined
          ? Effect.void
          : current.setPaused(track.inner, paused || isHeld)
      }),
    setMuted: (value) =>
      Effect.suspend(() => {
        muted = value
        for (const tap of taps) tap.setMuted(value)
        return current === undefined ? Effect.void : current.setMuted(value)
      }),
    setSpeaking: (flags) =>
      Effect.suspend(() => {
        speaking = flags
        return Effect.andThen(
          live("Speaking"),
          current === undefined ? Effect.void : Effect.ignore(current.setSpeaking(flags))
        )
      }),
    events,
    observe,
    read,
    reread,
    clients: (channelId) => channelId === undefined || channelId === place ? clients : nobody,
    setDeaf: (value) =>
      Effect.suspend(() => {
        if (deaf === value) return Effect.void
        deaf = value
        return listen
      }),
    packets,
    packetsDropped: () => dropped,
    statistics: Effect.suspend(() => current === undefined ? none("Statistics") : current.statistics),
    e2ee: Effect.suspend(() => current === undefined ? Effect.succeed(unencrypted) : current.e2ee),
    verificationCode: (userId) =>
      Effect.suspend(() => current === undefined ? none("The verification code") : current.verificationCode(userId)),
    awaitEnd: Deferred.await(ended),
    end: (error, lost) =>
      Effect.sync(() => {
        if (over !== undefined) return
        over = error
        Deferred.doneUnsafe(ended, Effect.fail(error))
        if (lost) publish({ _tag: "Ended", error })
        inTurn(() => listeners.forEach(({ onOver }) => onOver(error)))
        for (const reader of readers) reader.onOver(error)
      })
  }
})
