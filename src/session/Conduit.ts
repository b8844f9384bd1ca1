/**
 * What the tracks and listeners of a session are attached to. It looks like a connection, and stays the same while
 * connections come and go. While there is none, what plays is held: nobody takes frames from its ring.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Client } from "../driver/Clients.ts"
import { during } from "../driver/During.ts"
import type * as Line from "../driver/Line.ts"
import type * as Tap from "../driver/media/Tap.ts"
import type { ChannelId, UserId } from "../protocol/Identifier.ts"
import type { Reader } from "../receive/Hub.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import * as VoiceError from "../VoiceError.ts"
import type { Event, Observer } from "./Event.ts"
import { Lineup } from "./Lineup.ts"
import { type Host, Readers } from "./Readers.ts"
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
  /** Subscribes plain code to the events, until the scope closes. */
  readonly observe: (observer: Observer) => Effect.Effect<void, never, Scope.Scope>
  /** Receives packets as they arrive, until the scope closes. If the end has already come, it is reported at once. */
  readonly read: (reader: Reader) => Effect.Effect<void, never, Scope.Scope>
  /** What is sent on all connections, from now on until the end. */
  readonly sent: Stream.Stream<Tap.SentFrame>
  /** Run when a reader wants to hear others than before. */
  readonly reread: Effect.Effect<void>
  /**
   * The other users in the channel, as reported by the voice gateway, and what it says about each. Without a connection,
   * those at the end of the last one. Empty if the connection is, or was, in another channel than the given one.
   */
  readonly clients: (channelId?: ChannelId) => ReadonlyMap<UserId, Client>
  /** Sets whether the bot is deaf: nothing is then received, whoever reads. */
  readonly setDeaf: (deaf: boolean) => Effect.Effect<void>
  /**
   * Called when a moderator has deafened the bot, or lets it hear again: Discord sends nothing in between, and none of that
   * counts as lost.
   */
  readonly setServerDeaf: (deaf: boolean) => Effect.Effect<void>
  /**
   * Sends nothing more on the current connection, until it is released or replaced: nobody hears what is sent while the bot
   * is moved. Returns after the silence that ends what plays, if anything does.
   */
  readonly hold: Effect.Effect<void>
  readonly release: Effect.Effect<void>
  /** Publishes an event to everyone; an event that is published meanwhile comes after it. */
  readonly publish: (event: Event) => void
  /** Uses this connection until the scope closes. */
  readonly use: (connection: VoiceDriver.VoiceConnection) => Effect.Effect<void, never, Scope.Scope>
  /** Ends the conduit: there will be no further connection. `lost`: the bot did not leave on its own. */
  readonly end: (error: VoiceError.VoiceError, lost: boolean) => Effect.Effect<void>
}

/** Five frames of silence, from the next frame on. */
const closingTime = Duration.millis(120)

/** The number of events that are kept for a subscriber that does not read. */
const eventCapacity = 4_096

const nobody: ReadonlyMap<UserId, Client> = new Map()

const unencrypted: Line.E2ee = { version: 0, transitioning: false }

/** Each epoch of a group has its own privacy code. */
const isSameE2ee = (one: Line.E2ee, other: Line.E2ee): boolean =>
  one.version === other.version && one.transitioning === other.transitioning &&
  one.membership?.privacyCode === other.membership?.privacyCode

const hearsNothing = (): void => {}

/** A class, like everything that exists once per session: separate functions would be most of its memory. */
class StandIn implements Conduit, Host {
  readonly #ended = Deferred.makeUnsafe<never, VoiceError.VoiceError>()
  readonly #listeners = new Set<Observer>()
  readonly #inTurn = Turns.make()
  readonly #lineup = new Lineup()
  readonly #readers: Readers
  /** Created for the first tap: most sessions have none. */
  #taps: Set<Tap.Tap> | undefined
  #over: VoiceError.VoiceError | undefined
  #current: VoiceDriver.VoiceConnection | undefined
  #clients = nobody
  /** Which channel they are in. */
  #place: ChannelId | undefined
  /** The state that was last reported. */
  #e2ee = unencrypted
  #muted = false
  #deaf = false
  #serverDeaf = false
  #speaking: number | undefined

  constructor(capacity: number) {
    this.#readers = new Readers(this, capacity)
  }

  connection(): VoiceDriver.VoiceConnection | undefined {
    return this.#current
  }

  isDeaf(): boolean {
    return this.#deaf
  }

  over(): VoiceError.VoiceError | undefined {
    return this.#over
  }

  publish(event: Event): void {
    if (event._tag === "E2eeChanged") this.#e2ee = event.e2ee
    this.#inTurn(() => this.#listeners.forEach((listener) => listener.onEvent(event)))
  }

  #showE2ee(next: Line.E2ee): void {
    if (!isSameE2ee(next, this.#e2ee)) this.publish({ _tag: "E2eeChanged", e2ee: next })
  }

  /** The error without a connection; it also says whether there will be one. */
  #none(operation: string) {
    const isReconnecting = this.#over === undefined
    return VoiceError.fail(new VoiceError.NotConnected({ operation, ...(isReconnecting ? { isReconnecting } : {}) }))
  }

  #live(operation: string) {
    return Effect.suspend((): Effect.Effect<void, VoiceError.VoiceError> =>
      this.#over === undefined ? Effect.void : this.#none(operation)
    )
  }

  /** Pauses or resumes the tracks on the current connection, according to their state and the hold. */
  #pause() {
    return Effect.suspend(() => this.#current === undefined ? Effect.void : this.#lineup.pause(this.#current))
  }

  get hold(): Conduit["hold"] {
    return Effect.suspend(() => {
      const isPlaying = this.#current !== undefined && this.#lineup.isPlaying()
      this.#lineup.isHeld = true
      return isPlaying ? Effect.andThen(this.#pause(), Effect.sleep(closingTime)) : this.#pause()
    })
  }

  get release(): Conduit["release"] {
    return Effect.suspend(() => {
      if (!this.#lineup.isHeld) return Effect.void
      this.#lineup.isHeld = false
      return this.#pause()
    })
  }

  /** The connection is over, unless another one is already in use. */
  #leave(connection: VoiceDriver.VoiceConnection) {
    if (this.#current !== connection) return Effect.void
    this.#current = undefined
    this.#showE2ee(unencrypted)
    this.#lineup.leave()
    return this.#readers.stop()
  }

  use(connection: VoiceDriver.VoiceConnection): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      yield* connection.observe({
        onEvent: (event) => {
          const told = event._tag === "Ended" ? undefined : this.#lineup.translated(event)
          if (told !== undefined) this.publish(told)
        },
        onOver: hearsNothing
      })
      yield* Scope.addFinalizer(yield* Effect.scope, Effect.suspend(() => this.#leave(connection)))
      this.#current = connection
      this.#lineup.leave()
      this.#clients = connection.clients
      this.#place = connection.info.channelId
      this.#lineup.isHeld = false
      // events while it came up reached nobody
      const there = [...this.#clients.keys()]
      if (there.length > 0) this.publish({ _tag: "UsersConnected", userIds: there })
      this.#inTurn(() => this.#listeners.forEach((listener) => listener.onConnection?.()))
      this.#showE2ee(yield* connection.e2ee)
      if (this.#muted) yield* connection.setMuted(true)
      if (this.#speaking !== undefined) yield* Effect.ignore(connection.setSpeaking(this.#speaking))
      yield* this.#lineup.attachAll(connection)
      yield* this.#readers.listen()
    })
  }

  observe(observer: Observer): Effect.Effect<void, never, Scope.Scope> {
    return during(() => {
      this.#listeners.add(observer)
      if (this.#over !== undefined) observer.onOver(this.#over)
      return () => this.#listeners.delete(observer)
    })
  }

  get events(): Conduit["events"] {
    return Effect.gen({ self: this }, function*() {
      const queue = yield* Queue.make<Event, Cause.Done>({ capacity: eventCapacity, strategy: "sliding" })
      yield* this.observe({
        onEvent: (event) => void Queue.offerUnsafe(queue, event),
        onOver: () => void Queue.endUnsafe(queue)
      })
      return Stream.fromQueue(queue)
    })
  }

  read(reader: Reader): Effect.Effect<void, never, Scope.Scope> {
    return this.#readers.read(reader)
  }

  get reread(): Conduit["reread"] {
    return this.#readers.reread
  }

  get packets(): Conduit["packets"] {
    return this.#readers.packets
  }

  packetsDropped(): number {
    return this.#readers.packetsDropped()
  }

  get sent(): Conduit["sent"] {
    const begin = (tap: Tap.Tap): void => {
      tap.setMuted(this.#muted)
      for (const { after, ring } of this.#lineup.all()) tap.attach(ring, after)
    }
    return Sent.stream(() => this.#taps ??= new Set(), () => this.#over !== undefined, begin)
  }

  attach(...[ring, options]: Parameters<Conduit["attach"]>): ReturnType<Conduit["attach"]> {
    return Effect.gen({ self: this }, function*() {
      yield* this.#live("Playing")
      const next = this.#lineup.add(ring, options)
      this.#taps?.forEach((tap) => tap.attach(ring, next.after))
      if (this.#current !== undefined) yield* this.#lineup.attachTo(this.#current, next)
      return next.number
    })
  }

  detach(number: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const former = this.#lineup.find(number)
      if (former === undefined) return Effect.void
      this.#lineup.remove(former)
      return Effect.ensuring(
        this.#current === undefined || former.inner === undefined ? Effect.void : this.#current.detach(former.inner),
        Effect.sync(() => this.#taps?.forEach((tap) => tap.detach(former.ring)))
      )
    })
  }

  setPaused(number: number, paused: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      const track = this.#lineup.find(number)
      if (track === undefined) return Effect.void
      track.paused = paused
      return this.#current === undefined ? Effect.void : this.#lineup.pause(this.#current, [track])
    })
  }

  setMuted(value: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#muted = value
      this.#taps?.forEach((tap) => tap.setMuted(value))
      return this.#current === undefined ? Effect.void : this.#current.setMuted(value)
    })
  }

  setSpeaking(flags: number): Effect.Effect<void, VoiceError.VoiceError> {
    return Effect.suspend(() => {
      this.#speaking = flags
      return Effect.andThen(
        this.#live("Speaking"),
        this.#current === undefined ? Effect.void : Effect.ignore(this.#current.setSpeaking(flags))
      )
    })
  }

  clients(channelId?: ChannelId): ReadonlyMap<UserId, Client> {
    return channelId === undefined || channelId === this.#place ? this.#clients : nobody
  }

  setDeaf(value: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#deaf === value) return Effect.void
      this.#deaf = value
      this.#tellDeaf()
      return this.#readers.listen()
    })
  }

  setServerDeaf(value: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#serverDeaf === value) return Effect.void
      this.#serverDeaf = value
      this.#tellDeaf()
      // a new listener does not miss what came before
      return Effect.andThen(this.#readers.stop(), this.#readers.listen())
    })
  }

  #tellDeaf(): void {
    const deaf = this.#deaf || this.#serverDeaf
    this.#inTurn(() => this.#listeners.forEach((listener) => listener.onDeaf?.(deaf)))
  }

  get statistics(): Conduit["statistics"] {
    return Effect.suspend(() => this.#current === undefined ? this.#none("Statistics") : this.#current.statistics)
  }

  get e2ee(): Conduit["e2ee"] {
    return Effect.suspend(() => this.#current === undefined ? Effect.succeed(unencrypted) : this.#current.e2ee)
  }

  verificationCode(userId: UserId): Effect.Effect<string, VoiceError.VoiceError> {
    return Effect.suspend(() =>
      this.#current === undefined ? this.#none("Reading the verification code") : this.#current.verificationCode(userId)
    )
  }

  get awaitEnd(): Conduit["awaitEnd"] {
    return Deferred.await(this.#ended)
  }

  end(error: VoiceError.VoiceError, lost: boolean): Effect.Effect<void> {
    return Effect.sync(() => {
      if (this.#over !== undefined) return
      this.#over = error
      Deferred.doneUnsafe(this.#ended, Effect.fail(error))
      if (lost) this.publish({ _tag: "Ended", error })
      this.#inTurn(() => this.#listeners.forEach((listener) => listener.onOver(error)))
      this.#readers.end(error)
    })
  }
}

/**
 * Makes a conduit without a connection. `capacity` is how many packets are kept for a slow reader.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (capacity: number): Effect.Effect<Conduit> => Effect.sync(() => new StandIn(capacity))
