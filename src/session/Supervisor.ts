/**
 * Keeps a session in its channel: asks the main gateway for a place, has the driver connect there, and decides what each loss
 * and each event of the main gateway means, until the bot leaves or nothing more can be done.
 *
 * There is one connection at most at any time. The former one is released before the next is requested.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Span from "../driver/signalling/Span.ts"
import type { ChannelId } from "../protocol/Identifier.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import * as VoiceError from "../VoiceError.ts"
import type { Policy } from "./Policy.ts"
import * as Stay from "./Stay.ts"
import * as Traces from "./Traces.ts"
import * as Whereabouts from "./Whereabouts.ts"
import * as Word from "./Word.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options extends Stay.Options {
  /** The channel that the session wants to be in. It follows when the bot is moved. */
  readonly target: { channelId: ChannelId }
  readonly policy: Policy
  readonly joinTimeout: Duration.Duration
  /** Whether to leave before the first request, because an earlier process of the bot may still be there. */
  readonly hasGhost: Effect.Effect<boolean>
  /**
   * Returns whether it was a move that wanted to be where the session was not let in: the session then continues where it
   * was. Plain code.
   */
  readonly refuse: (error: VoiceError.VoiceError) => boolean
}

/** What to do next. */
type Step =
  | { readonly _tag: "Request"; readonly anew: Effect.Effect<boolean> }
  | { readonly _tag: "Connect"; readonly place: Whereabouts.Place }

/** How long the voice gateway may take to close after the main gateway has said that the bot is in no channel. */
const closePatience = Duration.seconds(3)

const stepOf = ({ backoff }: Policy) => Schedule.toStep(backoff)

const disconnected = (code: number, detail: string) => VoiceError.make(new VoiceError.Disconnected({ code, detail }))

const inNoChannel = () => disconnected(4014, "the main gateway says that the bot is in no channel")

const request = (anew: boolean): Step => ({ _tag: "Request", anew: Effect.succeed(anew) })

const again = () => Effect.succeed(request(true))

class Supervisor implements Stay.Keeper {
  readonly options: Options
  readonly reconnection: Traces.Reconnection
  readonly gatewayPatience: Duration.Duration
  readonly #serverPatience: Duration.Duration
  channelId: ChannelId | undefined
  /** The delays of the attempts since a connection was last stable. */
  #nextDelay: Effect.Success<ReturnType<typeof stepOf>> | undefined
  #attempt = 0
  /** Whether the failure before this one allowed only one more attempt. */
  #wasLastChance = false
  #hasJoined = false

  constructor(options: Options) {
    this.options = options
    this.reconnection = Traces.reconnection({ guild: options.whereabouts.guildId })
    this.gatewayPatience = Duration.fromInputUnsafe(options.policy.gatewayPatience)
    this.#serverPatience = Duration.fromInputUnsafe(options.policy.serverPatience)
  }

  #settle(): void {
    this.#nextDelay = undefined
    this.#attempt = 0
    this.#wasLastChance = false
  }

  /**
   * Waits for the next attempt, or fails with the reason if there is none. An event of the main gateway can end the wait
   * early.
   */
  #backOff(error: VoiceError.VoiceError, since: Whereabouts.Now): Effect.Effect<Step, VoiceError.VoiceError> {
    return Effect.gen({ self: this }, function*() {
      const { lifetime, policy, whereabouts } = this.options
      const { channelId: from, returns } = whereabouts.now()
      this.#nextDelay ??= yield* stepOf(policy)
      const delay = yield* Pull.matchEffect(this.#nextDelay(yield* Clock.currentTimeMillis, error), {
        onSuccess: ([, duration]) => Effect.succeed(duration),
        onFailure: Effect.failCause,
        onDone: () => Effect.undefined
      })
      if (delay === undefined) return yield* error
      this.#attempt++
      lifetime.show({ _tag: "Reconnecting", attempt: this.#attempt, delayMs: Duration.toMillis(delay), error })
      yield* Effect.logDebug(`Reconnecting voice in ${Duration.format(delay)}: ${error.message}`)
      const decisive = (now: Whereabouts.Now) => {
        const heard = Word.after(since, now)
        // losing a voice session may take the bot out of the channel, which is no reason to stay out
        const isNothing = heard === undefined || heard === "parked" ||
          (heard === "removed" && policy.removal === "rejoin")
        if (!isNothing) return heard
        return now.returns > returns ? "returned" : undefined
      }
      const word = yield* Effect.timeoutOrElse(whereabouts.until(decisive), {
        duration: delay,
        orElse: () => Effect.undefined
      })
      // what went wrong in an outage does not count after it
      if (word === "returned") this.#settle()
      else if (word !== undefined) {
        return yield* this.#follow(word, since, policy.removal === "rejoin" ? again : undefined)
      }
      this.#followMove(from)
      return request(true)
    })
  }

  /** A moderator may have moved the bot from there in the meantime. */
  #followMove(from: Whereabouts.Now["channelId"]): void {
    const { target, whereabouts } = this.options
    const { channelId: where } = whereabouts.now()
    if (where !== undefined && where !== null && where !== from) target.channelId = where
  }

  /** Waits until an outage is over, the current one or one that begins, and for what is then reported about the guild. */
  #outageOver(before: Whereabouts.Now): Effect.Effect<"unheard"> {
    const isOver = ({ returns }: Whereabouts.Now) => returns > before.returns ? true : undefined
    return this.options.whereabouts.until(isOver).pipe(
      Effect.andThen(Effect.sleep(this.gatewayPatience)),
      Effect.as("unheard")
    )
  }

  /** Waits for a server, or for whatever else decides. */
  #awaitServer(
    since: Whereabouts.Now,
    patience: Duration.Duration,
    expired: VoiceError.VoiceError,
    removed: () => Effect.Effect<Step, VoiceError.VoiceError>
  ): Effect.Effect<Step, VoiceError.VoiceError> {
    return Effect.gen({ self: this }, function*() {
      const { lifetime, whereabouts } = this.options
      lifetime.show({ _tag: "AwaitingServer" })
      const decisive = (now: Whereabouts.Now): Word.Word | "over" | undefined => {
        const word = Word.after(since, now)
        if (word !== undefined && word !== "parked") return word
        return now.failure === undefined ? undefined : "over"
      }
      const isParked = (now: Whereabouts.Now) => now.servers > since.servers && now.server?.endpoint === null
      const before = whereabouts.now()
      const wasJustOut = before.returns > since.returns &&
        (yield* Clock.monotonicTimeNanos) - before.returnedAtNanos < Duration.toNanosUnsafe(this.gatewayPatience)
      const wasOut = (now: Whereabouts.Now) => before.isOut || wasJustOut || now.outages > before.outages
      const listen = (duration: Duration.Duration) =>
        Effect.timeoutOrElse(Effect.raceFirst(whereabouts.until(decisive), this.#outageOver(before)), {
          duration,
          // whatever there was to report may have been lost
          orElse: () => Effect.sync(() => wasOut(whereabouts.now()) ? "unheard" as const : undefined)
        })
      let word = yield* listen(patience)
      const now = whereabouts.now()
      // an unavailable main gateway cannot report yet, and finding a voice server takes time
      if (word === undefined && (now.isAway || isParked(now))) {
        word = yield* listen(Duration.subtract(this.#serverPatience, patience))
      }
      if (word === "unheard") {
        this.#followMove(since.channelId)
        return yield* this.#backOff(expired, since)
      }
      const { channelId, failure } = whereabouts.now()
      // a main gateway that has ended reports nothing more, and the reason for its end is all there is to know
      if (failure !== undefined && (word === undefined || word === "over")) return yield* failure
      // what looked like the answer to our own leaving was not: the channel that was requested after it would have been
      // granted since
      const isOut = channelId === null && Number.isFinite(since.states)
      if (word === "removed" || (word === undefined && isOut)) return yield* removed()
      return word === undefined || word === "over" ? yield* expired : yield* this.#follow(word, since, removed)
    })
  }

  #follow(
    word: Word.Word,
    since: Whereabouts.Now,
    removed: () => Effect.Effect<Step, VoiceError.VoiceError> = () => Effect.fail(inNoChannel())
  ): Effect.Effect<Step, VoiceError.VoiceError> {
    return Effect.gen({ self: this }, function*() {
      const { target, whereabouts } = this.options
      switch (word) {
        case "detached": {
          const { detached } = whereabouts.now()
          return yield* detached === undefined ? disconnected(4014, "") : detached.error
        }
        case "new-session":
          return request(false)
        case "removed":
          return yield* removed()
        case "parked": {
          const gone = VoiceError.make(
            new VoiceError.JoinTimedOut({
              guildId: whereabouts.guildId,
              channelId: target.channelId,
              missing: "endpoint",
              elapsedMs: Duration.toMillis(this.#serverPatience)
            })
          )
          return yield* this.#awaitServer(since, this.#serverPatience, gone, removed)
        }
        case "server": {
          // the request to leave for another place may still have been waiting for an unavailable gateway when this server came
          if (!(yield* whereabouts.stay)) {
            this.#followMove(since.channelId)
            return request(false)
          }
          // a move also has a voice state, which may come after the server
          if (whereabouts.now().channelId === this.channelId) {
            yield* Whereabouts.companion(whereabouts, whereabouts.now())
          }
          // more may have been reported while it was waited for
          const latest = Word.after(since, whereabouts.now())
          // the session's own leave was answered: the channel that it requested after that is granted now, or not at all
          if (latest === undefined) {
            return yield* Number.isFinite(since.states)
              ? this.#awaitServer(since, this.gatewayPatience, inNoChannel(), removed)
              : again()
          }
          const place = whereabouts.place()
          if (latest === "server" && place !== undefined) return { _tag: "Connect", place }
          // a server without a voice state of the same main gateway session
          if (latest === "server" && whereabouts.now().sessionId === undefined) return request(true)
          return yield* this.#follow(latest === "server" ? "removed" : latest, since, removed)
        }
      }
    })
  }

  /** What was meant by a close code that leaves the decision to the main gateway. */
  #awaitGateway(reason: VoiceError.Reason, since: Whereabouts.Now) {
    const { target, whereabouts } = this.options
    const where = { guildId: whereabouts.guildId, channelId: target.channelId }
    const removed = () =>
      VoiceError.fail(
        reason._tag === "CallTerminated" ? new VoiceError.CallEnded(where) : new VoiceError.Kicked(where)
      )
    const { code, detail } = "code" in reason && "detail" in reason ? reason : { code: 4014, detail: "" }
    return this.#awaitServer(since, this.gatewayPatience, disconnected(code, detail), removed)
  }

  #onLost(error: VoiceError.VoiceError, since: Whereabouts.Now): Effect.Effect<Step, VoiceError.VoiceError> {
    return Effect.gen({ self: this }, function*() {
      const { policy, refuse, whereabouts } = this.options
      const { failure } = whereabouts.now()
      const { reason } = error
      if (this.#hasJoined) yield* this.reconnection.begin(error)
      this.#followMove(since.channelId)
      switch (refuse(error) ? "rejoin" : policy.react(reason)) {
        case "stop":
          return yield* error
        case "await-gateway":
          return yield* this.#awaitGateway(reason, since)
        case "rejoin-once":
          yield* Effect.logError(`Joining voice again because of a bug in the client: ${error.message}`)
          if (this.#wasLastChance) return yield* error
          this.#wasLastChance = true
          break
        case "rejoin":
          this.#wasLastChance = false
      }
      if (failure !== undefined) return yield* failure
      return yield* this.#backOff(error, since)
    })
  }

  /** The main gateway says that the bot is in no channel: the voice gateway's close code, if it comes, says why. */
  #onRemoved(connection: VoiceDriver.VoiceConnection | undefined, since: Whereabouts.Now) {
    return Effect.gen({ self: this }, function*() {
      const { policy, whereabouts } = this.options
      if (connection === undefined) return yield* this.#follow("removed", since)
      // a bot that is let in again in the meantime, by a move that was under way, need not know why
      const isIn = whereabouts.until(({ channelId }) => channelId === null ? undefined : true)
      const closed = yield* Effect.timeoutOrElse(
        Effect.raceFirst(Effect.flip(connection.awaitEnd), Effect.as(isIn, undefined)),
        { duration: closePatience, orElse: () => Effect.undefined }
      )
      if (closed !== undefined && policy.react(closed.reason) === "await-gateway") {
        return yield* this.#awaitGateway(closed.reason, since)
      }
      const now = whereabouts.now()
      const heard = Word.after(since, now)
      return yield* heard === undefined && now.channelId !== null
        ? this.#awaitServer(since, this.gatewayPatience, inNoChannel(), () => this.#follow("removed", since))
        : this.#follow(heard ?? "removed", since)
    })
  }

  #acquire(anew: Effect.Effect<boolean>): Effect.Effect<Step, VoiceError.VoiceError> {
    return Effect.suspend(() => {
      const { joinTimeout, lifetime, self, target, whereabouts } = this.options
      const { channelId } = target
      lifetime.show({ _tag: "Joining", channelId })
      // from here on the bot is in no channel by its own choice
      const since = { ...whereabouts.now(), states: Infinity }
      return whereabouts.request({ channelId, flags: self.flags(), anew, timeout: joinTimeout }).pipe(
        Span.around("VoiceSession.request", { attributes: { guild: whereabouts.guildId, channel: channelId } }),
        (requested) => this.reconnection.within(requested),
        Effect.map((place): Step => ({ _tag: "Connect", place })),
        // a session that is not let in at first ends: only an established session is kept up
        Effect.catch((error) =>
          !this.#hasJoined && this.#attempt === 0 ? Effect.fail(error) : this.#onLost(error, since)
        )
      )
    })
  }

  enter(next: ChannelId): void {
    const { conduit, target } = this.options
    const hasMoved = this.channelId !== undefined && this.channelId !== next
    target.channelId = this.channelId = next
    if (hasMoved) conduit.publish({ _tag: "Moved", channelId: next })
  }

  /** Connects at a place and stays there. Returns what is to be done after that. */
  #stay(place: Whereabouts.Place, scope: Scope.Scope): Effect.Effect<Step, VoiceError.VoiceError> {
    return Effect.gen({ self: this }, function*() {
      const { lifetime, policy, whereabouts } = this.options
      const { info, since } = place
      this.enter(info.channelId)
      lifetime.show({ _tag: "Connecting", endpoint: info.endpoint, channelId: info.channelId })
      const connectionScope = yield* Scope.fork(scope)
      const stay = new Stay.Stay(this, place)
      const outcome = yield* stay.run(connectionScope)
      if (stay.readyAtNanos !== undefined) {
        this.#hasJoined = true
        const upMs = Number((yield* Clock.monotonicTimeNanos) - stay.readyAtNanos) / 1_000_000
        if (upMs >= Duration.toMillis(Duration.fromInputUnsafe(policy.stableAfter))) this.#settle()
      }
      // the close code of a removal is still to come
      const removal = outcome._tag === "Word" && outcome.word === "removed"
        ? yield* Effect.exit(this.#onRemoved(stay.connection, since))
        : undefined
      yield* Scope.close(connectionScope, Exit.void)
      if (removal !== undefined) return yield* removal
      return outcome._tag === "Lost"
        ? yield* this.#onLost(outcome.error, since)
        // more may have been reported while the connection was closed
        : yield* this.#follow(Word.after(since, whereabouts.now()) ?? outcome.word, since)
    })
  }

  run(scope: Scope.Scope): Effect.Effect<never, VoiceError.VoiceError> {
    return Effect.gen({ self: this }, function*() {
      let step: Step = { _tag: "Request", anew: this.options.hasGhost }
      while (true) {
        step = step._tag === "Request"
          ? yield* this.#acquire(step.anew)
          : yield* this.#stay(step.place, scope)
      }
    }).pipe(Effect.onExit((exit) => {
      Deferred.doneUnsafe(this.options.joined, exit)
      return this.reconnection.end(exit)
    }))
  }
}

/**
 * Runs until the session is over, and fails with the reason; before there is a connection, so does `joined`. Connections are
 * made in the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (options: Options, scope: Scope.Scope): Effect.Effect<never, VoiceError.VoiceError> =>
  new Supervisor(options).run(scope)
