/**
 * One connection of a session: establishes it, and keeps it until something ends it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { ChannelId } from "../protocol/Identifier.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import type * as VoiceError from "../VoiceError.ts"
import type * as Conduit from "./Conduit.ts"
import type { Lifetime } from "./Lifetime.ts"
import type { Self } from "./Self.ts"
import type * as Traces from "./Traces.ts"
import type * as Whereabouts from "./Whereabouts.ts"
import * as Word from "./Word.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly driver: VoiceDriver.VoiceDriver["Service"]
  readonly connect: VoiceDriver.ConnectOptions
  readonly whereabouts: Whereabouts.Whereabouts
  readonly conduit: Conduit.Conduit
  /** Shows the state of the session. */
  readonly lifetime: Pick<Lifetime, "show">
  /** How the bot wants to be shown; read again for each request. */
  readonly self: Pick<Self, "flags">
  /** The target of a move. */
  readonly movingTo: () => ChannelId | undefined
  /** Completed when the first connection is established. */
  readonly joined: Deferred.Deferred<VoiceDriver.VoiceConnection, VoiceError.VoiceError>
}

/**
 * What lasts from one connection to the next.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keeper {
  readonly options: Options
  readonly reconnection: Traces.Reconnection
  /** How long the server of a move may take to be announced. */
  readonly gatewayPatience: Duration.Duration
  /** The channel of the last connection. */
  readonly channelId: ChannelId | undefined
  /** The bot is in that channel. */
  readonly enter: (channelId: ChannelId) => void
}

/**
 * What ended an attempt or a connection.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | { readonly _tag: "Word"; readonly word: Word.Word }
  | { readonly _tag: "Lost"; readonly error: VoiceError.VoiceError }

/**
 * A stay at a place.
 *
 * @category models
 * @since 0.1.0
 */
export class Stay {
  readonly #keeper: Keeper
  readonly #place: Whereabouts.Place
  #lost: VoiceError.VoiceError | undefined
  #look: (() => void) | undefined
  /** The count of main gateway resumes after which how the bot is shown was checked. */
  #resumes: number
  /** Set as soon as the handshake is done. */
  connection: VoiceDriver.VoiceConnection | undefined
  /** When audio began to flow, in nanoseconds of the clock. */
  readyAtNanos: bigint | undefined

  constructor(keeper: Keeper, place: Whereabouts.Place) {
    this.#keeper = keeper
    this.#place = place
    this.#resumes = place.since.resumes
  }

  /** Runs the stay, and returns what has ended it. The connection belongs to the scope. */
  run(scope: Scope.Scope): Effect.Effect<Outcome> {
    // callers that wait for a stay hold a reference to it: it should not contain what establishes it
    return Effect.suspend(() => {
      const { since } = this.#place
      const heard = this.#keeper.options.whereabouts.until((now) => Word.after(since, now))
      return Effect.flatMap(
        Effect.raceFirst(this.#bringUp(scope), Effect.map(heard, (word): Outcome => ({ _tag: "Word", word }))),
        (outcome) => outcome === undefined ? this.#remain() : Effect.succeed(outcome)
      )
    })
  }

  #bringUp(scope: Scope.Scope): Effect.Effect<Outcome | undefined> {
    return Effect.gen({ self: this }, function*() {
      const { options, reconnection } = this.#keeper
      const up = yield* reconnection.within(options.driver.connect(this.#place.info, options.connect))
      this.connection = up
      yield* up.observe({
        onEvent: (event) => {
          if (event._tag === "Resumed") this.#showReady()
          if (event._tag === "Resuming") this.#showResuming(event.error)
        },
        onOver: (error) => {
          this.#lost = error
          this.#look?.()
        }
      })
      yield* options.conduit.use(up)
      this.readyAtNanos = yield* Clock.monotonicTimeNanos
      this.#showReady()
      yield* Deferred.succeed(options.joined, up)
      yield* reconnection.end(Exit.void)
      yield* Effect.forkScoped(this.#show(), { startImmediately: true })
      return undefined
    }).pipe(
      Scope.provide(scope),
      Effect.catch((error) => Effect.succeed<Outcome>({ _tag: "Lost", error }))
    )
  }

  #show(): Effect.Effect<undefined> {
    const { movingTo, self, whereabouts } = this.#keeper.options
    return whereabouts.show(movingTo, () => self.flags()).pipe(
      Effect.catch((error) =>
        Effect.logWarning(`Could not update whether the bot is shown as muted or deafened: ${error.message}`)
      ),
      Effect.as(undefined)
    )
  }

  #here(): ChannelId {
    return this.#keeper.channelId ?? this.#place.info.channelId
  }

  #showReady(): void {
    if (this.connection === undefined) return
    const { mode, ssrc, version } = this.connection.established
    const { endpoint } = this.#place.info
    this.#keeper.options.lifetime.show({ _tag: "Ready", endpoint, channelId: this.#here(), ssrc, mode, version })
  }

  #showResuming(error: VoiceError.VoiceError): void {
    const { endpoint } = this.#place.info
    this.#keeper.options.lifetime.show({ _tag: "Resuming", endpoint, channelId: this.#here(), error })
  }

  #elsewhere(): ChannelId | undefined {
    const { channelId: where } = this.#keeper.options.whereabouts.now()
    return where !== undefined && where !== null && where !== this.#keeper.channelId ? where : undefined
  }

  #remain(): Effect.Effect<Outcome> {
    return Effect.gen({ self: this }, function*() {
      while (true) {
        const outcome = yield* this.#next(({ channelId, resumes }) =>
          resumes > this.#resumes || channelId === null || this.#elsewhere() !== undefined
        )
        if (outcome !== undefined) return outcome
        const { whereabouts } = this.#keeper.options
        const { resumes } = whereabouts.now()
        if (resumes > this.#resumes) {
          this.#resumes = resumes
          const meanwhile = yield* Effect.raceFirst(this.#next(() => false), this.#show())
          if (meanwhile !== undefined) return meanwhile
          continue
        }
        // a move brings another server, and the end of this connection; a server that arrived before the state is already
        // ours
        const patience = { duration: this.#keeper.gatewayPatience, orElse: () => Effect.undefined }
        const late = yield* Effect.timeoutOrElse(this.#next(() => false), patience)
        if (late !== undefined) return late
        const where = this.#elsewhere()
        if (where !== undefined) {
          this.#keeper.enter(where)
          this.#showReady()
        } else if (whereabouts.now().channelId === null) {
          // whatever ends the stay in the meantime is checked next
          yield* this.#askAgain()
        }
      }
    })
  }

  /**
   * Discord has answered a request to leave and nothing since, although the channel was requested after it. A removed bot is
   * also disconnected by the voice gateway, which has not happened: the bot may still be there, or again.
   */
  #askAgain(): Effect.Effect<Outcome | undefined> {
    const { self, whereabouts } = this.#keeper.options
    const ask = Effect.suspend(() => whereabouts.tell(this.#here(), self.flags()))
    return Effect.raceFirst(
      this.#next(({ channelId }) => channelId !== null),
      Effect.andThen(Effect.ignore(ask), Effect.never)
    )
  }

  /**
   * What ends the stay, or nothing when what is known has changed as described. It is a single wait: a session that is up has
   * no other fiber.
   */
  #next(hasChanged: (now: Whereabouts.Now) => boolean): Effect.Effect<Outcome | undefined> {
    return Effect.callback((resume) => {
      const look = (): void => {
        const outcome = this.#outcome()
        if (outcome === undefined && !hasChanged(this.#keeper.options.whereabouts.now())) return
        stop()
        resume(Effect.succeed(outcome))
      }
      const unwatch = this.#keeper.options.whereabouts.watch(look)
      const stop = (): void => {
        this.#look = undefined
        unwatch()
      }
      this.#look = look
      look()
      return Effect.sync(stop)
    })
  }

  #outcome(): Outcome | undefined {
    if (this.#lost !== undefined) return { _tag: "Lost", error: this.#lost }
    const word = Word.after(this.#place.since, this.#keeper.options.whereabouts.now())
    return word === undefined ? undefined : { _tag: "Word", word }
  }
}
