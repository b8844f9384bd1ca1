/**
 * Keeps a session in its channel: asks the main gateway for a place, has the driver connect there, and decides what each
 * loss and each word of the main gateway means, until we leave or nothing can be done any more.
 *
 * There is one connection at most at any time. The former one is released before the next is asked for.
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
import * as Span from "../driver/Span.ts"
import type { ChannelId } from "../protocol/Identifier.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import * as VoiceError from "../VoiceError.ts"
import type * as Conduit from "./Conduit.ts"
import type { Policy } from "./Policy.ts"
import type { State } from "./State.ts"
import * as Traces from "./Traces.ts"
import * as Whereabouts from "./Whereabouts.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The channel that we want to be in. It follows where we are moved to. */
  readonly target: { channelId: ChannelId }
  readonly driver: VoiceDriver.VoiceDriver["Service"]
  readonly connect: VoiceDriver.ConnectOptions
  readonly whereabouts: Whereabouts.Whereabouts
  readonly conduit: Conduit.Conduit
  /** Shows what the session is doing. */
  readonly show: (state: State) => void
  readonly policy: Policy
  readonly joinTimeout: Duration.Duration
  /** How we want to be shown; asked again for each request. */
  readonly flags: () => Whereabouts.Flags
  /** Whether to leave before the first request, because an earlier process of ours may still be there. */
  readonly hasGhost: Effect.Effect<boolean>
  /** Whether it was a move that wanted to be where the session was not let in: then it goes on where it was. Plain. */
  readonly refuse: (error: VoiceError.VoiceError) => boolean
  /** Done when the first connection stands. */
  readonly joined: Deferred.Deferred<VoiceDriver.VoiceConnection, VoiceError.VoiceError>
}

/** What to do next. */
type Step =
  | { readonly _tag: "Request"; readonly anew: Effect.Effect<boolean> }
  | { readonly _tag: "Connect"; readonly place: Whereabouts.Place }

/** What the main gateway says while we are connected or connecting. */
type Word = "server" | "parked" | "removed" | "new-session" | "detached"

/** What ended an attempt or a connection. */
type Outcome =
  | { readonly _tag: "Word"; readonly word: Word }
  | { readonly _tag: "Lost"; readonly error: VoiceError.VoiceError }

/** How long the voice gateway may take to close after the main gateway has said that we are in no channel. */
const closePatience = Duration.seconds(3)

/** What the main gateway has said since, in one word. */
const wordAfter = (since: Whereabouts.Now) => (now: Whereabouts.Now): Word | undefined => {
  if (now.detached !== undefined && now.detached.times > (since.detached?.times ?? 0)) return "detached"
  if (now.newSessions > since.newSessions) return "new-session"
  // a server is a place only for who is in a channel
  if (now.channelId === null) return now.states > since.states ? "removed" : undefined
  if (now.servers > since.servers) return now.server?.endpoint === null ? "parked" : "server"
  return undefined
}

const stepOf = ({ backoff }: Policy) => Schedule.toStep(backoff)

const disconnected = (code: number, detail: string) => VoiceError.make(new VoiceError.Disconnected({ code, detail }))

/**
 * Runs until the session is over, and fails with the reason.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<never, VoiceError.VoiceError, Scope.Scope> {
  const { conduit, driver, joined, policy, show, target, whereabouts } = options
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
  const stableMs = Duration.toMillis(Duration.fromInputUnsafe(policy.stableAfter))
  const gatewayPatience = Duration.fromInputUnsafe(policy.gatewayPatience)
  const serverPatience = Duration.fromInputUnsafe(policy.serverPatience)

  /** The channel of the last connection. */
  let channelId: ChannelId | undefined
  /** Of the attempts since a connection was last stable. */
  let nextDelay: Effect.Success<ReturnType<typeof stepOf>> | undefined
  let attempt = 0
  /** Whether the failure before this one allowed one more attempt only. */
  let wasLastChance = false
  let hasJoined = false

  const reconnection = Traces.reconnection({ guild: whereabouts.guildId })

  const settle = () => {
    nextDelay = undefined
    attempt = 0
    wasLastChance = false
  }

  const request = (anew: boolean): Step => ({ _tag: "Request", anew: Effect.succeed(anew) })

  /** Waits for the next attempt, or fails with the reason if there is none. The main gateway can cut the waiting short. */
  const backOff = (error: VoiceError.VoiceError, since: Whereabouts.Now): Effect.Effect<Step, VoiceError.VoiceError> =>
    Effect.gen(function*() {
      nextDelay ??= yield* stepOf(policy)
      const delay = yield* Pull.matchEffect(nextDelay(yield* Clock.currentTimeMillis, error), {
        onSuccess: ([, duration]) => Effect.succeed(duration),
        onFailure: Effect.failCause,
        onDone: () => Effect.undefined
      })
      if (delay === undefined) return yield* error
      attempt++
      show({ _tag: "Reconnecting", attempt, delayMs: Duration.toMillis(delay), error })
      yield* Effect.logDebug(`voice is connected again in ${Duration.format(delay)}: ${error.message}`)
      const decisive = (now: Whereabouts.Now) => {
        const heard = wordAfter(since)(now)
        // a voice session that is lost may take us out of the channel: that need be no reason to stay out
        return heard === "parked" || (heard === "removed" && policy.removal === "rejoin") ? undefined : heard
      }
      const word = yield* Effect.timeoutOrElse(whereabouts.until(decisive), {
        duration: delay,
        orElse: () => Effect.undefined
      })
      return word === undefined ? request(true) : yield* follow(word, since)
    })

  /** Waits for a server, or for whatever else decides. */
  const awaitServer = (
    since: Whereabouts.Now,
    patience: Duration.Duration,
    expired: VoiceError.VoiceError,
    removed: () => Effect.Effect<Step, VoiceError.VoiceError>
  ): Effect.Effect<Step, VoiceError.VoiceError> =>
    Effect.gen(function*() {
      show({ _tag: "AwaitingServer" })
      const decisive = (now: Whereabouts.Now): Word | "over" | undefined => {
        const word = wordAfter(since)(now)
        if (word !== undefined && word !== "parked") return word
        return now.failure === undefined ? undefined : "over"
      }
      const isParked = (now: Whereabouts.Now) => now.servers > since.servers && now.server?.endpoint === null
      let word = yield* Effect.timeoutOrElse(whereabouts.until(decisive), {
        duration: patience,
        orElse: () => Effect.undefined
      })
      const now = whereabouts.now()
      // a main gateway that is away can say nothing yet, and a voice server that is looked for takes its time
      if (word === undefined && patience !== serverPatience && (now.isAway || isParked(now))) {
        word = yield* Effect.timeoutOrElse(whereabouts.until(decisive), {
          duration: Duration.subtract(serverPatience, patience),
          orElse: () => Effect.undefined
        })
      }
      // a main gateway that has ended says no more, and why it has ended is what there is to know
      if (word === undefined || word === "over") return yield* whereabouts.now().failure ?? expired
      return word === "removed" ? yield* removed() : yield* follow(word, since)
    })

  const follow = (word: Word, since: Whereabouts.Now): Effect.Effect<Step, VoiceError.VoiceError> =>
    Effect.gen(function*() {
      switch (word) {
        case "detached": {
          const { detached } = whereabouts.now()
          return yield* detached === undefined ? disconnected(4014, "") : detached.error
        }
        case "new-session":
          return request(false)
        case "removed":
          return yield* disconnected(4014, "the main gateway says that we are in no channel")
        case "parked": {
          const gone = VoiceError.make(
            new VoiceError.JoinTimedOut({
              guildId: whereabouts.guildId,
              channelId: target.channelId,
              missing: "endpoint",
              elapsedMs: Duration.toMillis(serverPatience)
            })
          )
          return yield* awaitServer(since, serverPatience, gone, () => follow("removed", since))
        }
        case "server": {
          // a move has a voice state, too, which may be behind the server
          if (whereabouts.now().channelId === channelId) {
            yield* Whereabouts.companion(whereabouts, whereabouts.now())
          }
          // and more may have been said while it was waited for
          const latest = wordAfter(since)(whereabouts.now()) ?? "removed"
          const place = whereabouts.place()
          if (latest === "server" && place !== undefined) return { _tag: "Connect", place }
          // a server without a voice state of the same main gateway session
          if (latest === "server" && whereabouts.now().sessionId === undefined) return request(true)
          return yield* follow(latest === "server" ? "removed" : latest, since)
        }
      }
    })

  /** What a close code that leaves the decision to the main gateway meant. */
  const awaitGateway = (reason: VoiceError.Reason, since: Whereabouts.Now) => {
    const where = { guildId: whereabouts.guildId, channelId: target.channelId }
    const removed = () =>
      VoiceError.fail(
        reason._tag === "CallTerminated" ? new VoiceError.CallEnded(where) : new VoiceError.Kicked(where)
      )
    const { code, detail } = "code" in reason && "detail" in reason ? reason : { code: 4014, detail: "" }
    return awaitServer(since, gatewayPatience, disconnected(code, detail), removed)
  }

  const onLost = (error: VoiceError.VoiceError, since: Whereabouts.Now): Effect.Effect<Step, VoiceError.VoiceError> =>
    Effect.gen(function*() {
      const { channelId: where, failure } = whereabouts.now()
      const { reason } = error
      if (hasJoined) yield* reconnection.begin(error)
      // somebody has moved us meanwhile
      if (where !== undefined && where !== null && where !== since.channelId) target.channelId = where
      switch (options.refuse(error) ? "rejoin" : policy.react(reason)) {
        case "stop":
          return yield* error
        case "await-gateway":
          return yield* awaitGateway(reason, since)
        case "rejoin-once":
          yield* Effect.logError(`voice has to be joined anew because of a fault of the client: ${error.message}`)
          if (wasLastChance) return yield* error
          wasLastChance = true
          break
        case "rejoin":
          wasLastChance = false
      }
      if (failure !== undefined) return yield* failure
      return yield* backOff(error, since)
    })

  /** The main gateway says that we are in no channel: the voice gateway's close code, if it comes, says why. */
  const onRemoved = (connection: VoiceDriver.VoiceConnection | undefined, since: Whereabouts.Now) =>
    Effect.gen(function*() {
      if (connection === undefined) return yield* follow("removed", since)
      const closed = yield* Effect.timeoutOrElse(Effect.flip(connection.awaitEnd), {
        duration: closePatience,
        orElse: () => Effect.undefined
      })
      return yield* closed === undefined || policy.react(closed.reason) !== "await-gateway"
        ? follow("removed", since)
        : awaitGateway(closed.reason, since)
    })

  const acquire = (anew: Effect.Effect<boolean>): Effect.Effect<Step, VoiceError.VoiceError> =>
    Effect.gen(function*() {
      const { channelId } = target
      show({ _tag: "Joining", channelId })
      // that we are in no channel is our own doing from here on
      const since = { ...whereabouts.now(), states: Infinity }
      return yield* whereabouts.request({ channelId, flags: options.flags(), anew, timeout: options.joinTimeout }).pipe(
        Span.around("VoiceSession.request", { attributes: { guild: whereabouts.guildId, channel: channelId } }),
        reconnection.within,
        Effect.map((place): Step => ({ _tag: "Connect", place })),
        // whoever is not let in at first will not be later: only what stood before is kept up
        Effect.catch((error) => !hasJoined && attempt === 0 ? Effect.fail(error) : onLost(error, since))
      )
    })

  const enter = (next: ChannelId) =>
    Effect.sync(() => {
      const hasMoved = channelId !== undefined && channelId !== next
      target.channelId = channelId = next
      if (hasMoved) conduit.publish({ _tag: "Moved", channelId: next })
    })

  /** Connects at a place and stays there. Gives what is to be done after that. */
  const stay = (place: Whereabouts.Place): Effect.Effect<Step, VoiceError.VoiceError> =>
    Effect.gen(function*() {
      const { info, since } = place
      yield* enter(info.channelId)
      show({ _tag: "Connecting", endpoint: info.endpoint, channelId: info.channelId })
      const connectionScope = yield* Scope.fork(scope)
      let connection: VoiceDriver.VoiceConnection | undefined
      let readyMs: number | undefined

      const heard = Effect.map(whereabouts.until(wordAfter(since)), (word): Outcome => ({ _tag: "Word", word }))
      const here = () => channelId ?? info.channelId
      let lost: VoiceError.VoiceError | undefined
      let look: (() => void) | undefined

      const bringUp = Effect.gen(function*() {
        const up = yield* reconnection.within(driver.connect(info, options.connect))
        connection = up
        const { mode, ssrc, version } = up.established
        const { endpoint } = info
        const ready = () => show({ _tag: "Ready", endpoint, channelId: here(), ssrc, mode, version })
        yield* up.observe({
          onEvent: (event) => {
            if (event._tag === "Resumed") ready()
            if (event._tag === "Resuming") show({ _tag: "Resuming", endpoint, channelId: here(), error: event.error })
          },
          onOver: (error) => {
            lost = error
            look?.()
          }
        })
        yield* conduit.use(up)
        readyMs = nowMs()
        hasJoined = true
        ready()
        yield* Deferred.succeed(joined, up)
        yield* reconnection.end(Exit.void)
        yield* whereabouts.show(here, options.flags).pipe(
          Effect.catch((error) => Effect.logWarning(`how we want to be shown was not announced: ${error.message}`)),
          Effect.forkScoped({ startImmediately: true })
        )
        return ready
      }).pipe(
        Scope.provide(connectionScope),
        Effect.catch((error) => Effect.succeed<Outcome>({ _tag: "Lost", error }))
      )

      const elsewhere = () => {
        const { channelId: where } = whereabouts.now()
        return where !== undefined && where !== null && where !== channelId ? where : undefined
      }

      /** What comes next, in one wait: a session that is up has no other fiber than this. */
      const next = (withMoves: boolean) =>
        Effect.callback<Outcome | "moved">((resume) => {
          const find = (): Outcome | "moved" | undefined => {
            if (lost !== undefined) return { _tag: "Lost", error: lost }
            const word = wordAfter(since)(whereabouts.now())
            if (word !== undefined) return { _tag: "Word", word }
            return withMoves && elsewhere() !== undefined ? "moved" : undefined
          }
          const stop = () => {
            look = undefined
            unwatch()
          }
          const unwatch = whereabouts.watch(
            look = () => {
              const found = find()
              if (found === undefined) return
              stop()
              resume(Effect.succeed(found))
            }
          )
          look()
          return Effect.sync(stop)
        })

      const remain = (ready: () => void): Effect.Effect<Outcome> =>
        Effect.gen(function*() {
          while (true) {
            let found: Outcome | "moved" | undefined = yield* next(true)
            // a move brings another server, and the end of this connection; one that was here before the state is ours already
            if (found === "moved") {
              found = yield* Effect.timeoutOrElse(next(false), {
                duration: gatewayPatience,
                orElse: () => Effect.undefined
              })
            }
            if (found !== undefined && found !== "moved") return found
            const where = elsewhere()
            if (where === undefined) continue
            yield* enter(where)
            ready()
          }
        })

      const up = yield* Effect.raceFirst(bringUp, heard)
      const outcome = typeof up === "function" ? yield* remain(up) : up
      if (readyMs !== undefined && nowMs() - readyMs >= stableMs) settle()
      // what the close code of a removal says is still to be heard
      const removal = outcome._tag === "Word" && outcome.word === "removed"
        ? yield* Effect.exit(onRemoved(connection, since))
        : undefined
      yield* Scope.close(connectionScope, Exit.void)
      if (removal !== undefined) return yield* removal
      return outcome._tag === "Lost"
        ? yield* onLost(outcome.error, since)
        // more may have been said while the connection was closed
        : yield* follow(wordAfter(since)(whereabouts.now()) ?? outcome.word, since)
    })

  let step: Step = { _tag: "Request", anew: options.hasGhost }
  return yield* Effect.gen(function*() {
    while (true) step = step._tag === "Request" ? yield* acquire(step.anew) : yield* stay(step.place)
  }).pipe(Effect.onExit((exit) => reconnection.end(exit)))
})
