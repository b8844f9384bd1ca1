/**
 * One session per guild, for programs whose commands come and go while their sessions stay. Asking for a session in a guild
 * gives the existing one or a new one. It lives until someone makes it leave, it ends on its own, or the scope closes.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as PubSub from "effect/PubSub"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Gateway } from "./Gateway.ts"
import type { Mixer } from "./Mixer.ts"
import type { ChannelId, GuildId } from "./protocol/Identifier.ts"
import type { VoiceDriver } from "./VoiceDriver.ts"
import * as VoiceError from "./VoiceError.ts"
import * as VoiceSession from "./VoiceSession.ts"

/**
 * The end of a session that had begun. `exit` is a success if the session was asked to leave, and holds the reason if Discord
 * or the network ended it.
 *
 * @category models
 * @since 0.1.0
 */
export interface End {
  readonly guildId: GuildId
  /** The last channel that it was in. */
  readonly channelId: ChannelId
  readonly exit: Exit.Exit<void, VoiceError.VoiceError>
}

/**
 * The sessions of a bot. `A` is the value that the program keeps for each of them: the session itself, or something built on
 * it. `E` is the error, other than `VoiceError`, with which building that value can fail.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceSessions<out A, out E = never> {
  /**
   * Joins a channel. If the guild has a session, it moves there and continues what it plays; otherwise a new one begins. A
   * session that is ending is waited for. Fails as `VoiceSession.join` and `move` do, as the `begin` function of {@link make}
   * does, and with `NotConnected` if someone makes the session leave in the meantime. Interrupting the caller does not undo
   * what was begun.
   */
  readonly join: (where: VoiceSession.JoinOptions) => Effect.Effect<A, VoiceError.VoiceError | E>
  /** The value for a guild, or `undefined` if there is no session, or it has not begun yet, or has ended. */
  readonly get: (guildId: GuildId) => Effect.Effect<A | undefined>
  /** The values of all guilds that have a session. */
  readonly all: Effect.Effect<ReadonlyMap<GuildId, A>>
  /**
   * Leaves, and returns when that is done. A session that is still joining is stopped, too. Does nothing if there is no
   * session.
   */
  readonly leave: (guildId: GuildId) => Effect.Effect<void>
  /** Subscribes to the ends of sessions that had begun. A subscriber that falls 256 behind loses the oldest. */
  readonly ends: Effect.Effect<Stream.Stream<End>, never, Scope.Scope>
}

const keptEnds = 256

interface Life<A, E> {
  /** The channel that it was first asked to join. */
  readonly channelId: ChannelId
  readonly begun: Deferred.Deferred<A, E>
  /** Completes when the guild is free again. */
  readonly over: Deferred.Deferred<void>
  /** Set from the time it has begun until it ends. */
  current: { readonly session: VoiceSession.VoiceSession; readonly value: A } | undefined
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** How often it was told to leave. */
  leaves: number
}

const notConnected = () => VoiceError.make(new VoiceError.NotConnected({ operation: "VoiceSessions.join" }))

/**
 * Creates the sessions of a bot. `begin` is run for each new session, in a scope that closes before the session leaves: build
 * a queue or a recorder there, and fork the fibers that follow the session. If `begin` fails, the session leaves, and whoever
 * asked for it gets the error. When the outer scope closes, all sessions leave at the same time.
 *
 * A fiber that `begin` forks may make its session leave with `leave`, for example when it finds that nobody else is left in
 * the channel. Since `begin` then refers to its own result, TypeScript needs the type of that result to be written out, as in
 * the second example.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { TrackQueue, type GuildId, VoiceSessions } from "effect-discord-voice"
 *
 * const program = Effect.gen(function*() {
 *   const calls = yield* VoiceSessions.make((session) => TrackQueue.make(session))
 *   const queue = yield* calls.join({ guildId, channelId })
 *   yield* queue.add(song)
 *   // in another command
 *   yield* calls.leave(guildId)
 * }).pipe(Effect.scoped)
 * ```
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { TrackQueue, VoiceSessions } from "effect-discord-voice"
 *
 * const program = Effect.gen(function*() {
 *   const calls: VoiceSessions.VoiceSessions<TrackQueue.TrackQueue> = yield* VoiceSessions.make((session) =>
 *     Effect.gen(function*() {
 *       const queue = yield* TrackQueue.make(session)
 *       yield* Effect.forkScoped(Effect.andThen(untilAlone(session), calls.leave(session.guildId)))
 *       return queue
 *     })
 *   )
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<A, E = never, R = never>(
  begin: (session: VoiceSession.VoiceSession) => Effect.Effect<A, E, R>
): Effect.fn.Return<
  VoiceSessions<A, Exclude<E, VoiceError.VoiceError>>,
  never,
  Exclude<R, Scope.Scope> | Gateway | Mixer | Scope.Scope | VoiceDriver
> {
  type Refusal = Exclude<E, VoiceError.VoiceError> | VoiceError.VoiceError
  const context = yield* Effect.context<Exclude<R, Scope.Scope> | Gateway | Mixer | VoiceDriver>()
  const run = yield* FiberSet.makeRuntime()
  const ends = yield* PubSub.sliding<End>(keptEnds)
  const lives = new Map<GuildId, Life<A, Refusal>>()
  let isClosed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isClosed = true
    })
  )

  const live = (where: VoiceSession.JoinOptions, life: Life<A, Refusal>) => {
    let channel: Effect.Effect<ChannelId> = Effect.succeed(where.channelId)
    let refusal: Cause.Cause<Refusal> | undefined
    const visit = Effect.gen(function*() {
      const session = yield* VoiceSession.join(where)
      channel = session.channelId
      const begun = yield* Effect.result(begin(session))
      if (Result.isFailure(begun)) {
        // Told once the session has left. It is a `Refusal`: the compiler cannot see that what was excluded from `E` is added
        // again.
        refusal = Cause.fail(begun.failure as Refusal)
        return
      }
      const value = begun.success
      // runs first on closing, so that nobody is given a session that is about to end
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          life.current = undefined
        })
      )
      life.current = { session, value }
      yield* Deferred.succeed(life.begun, value)
      yield* session.awaitClosed
    })
    const onEnd = (exit: Exit.Exit<void, VoiceError.VoiceError>) =>
      Effect.gen(function*() {
        lives.delete(where.guildId)
        const hasLeft = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
        if (yield* Deferred.isDone(life.begun)) {
          const channelId = yield* channel
          yield* PubSub.publish(ends, { guildId: where.guildId, channelId, exit: hasLeft ? Exit.void : exit })
        } else {
          const why = Exit.isFailure(exit) && !hasLeft ? exit.cause : Cause.fail(notConnected())
          yield* Deferred.failCause(life.begun, refusal ?? why)
        }
        yield* Deferred.succeed(life.over, undefined)
      })
    return visit.pipe(Effect.scoped, Effect.provideContext(context), Effect.onExit(onEnd), Effect.exit)
  }

  const start = (where: VoiceSession.JoinOptions): Effect.Effect<A, Refusal> => {
    if (isClosed) return Effect.fail(notConnected())
    const life: Life<A, Refusal> = {
      channelId: where.channelId,
      begun: Deferred.makeUnsafe(),
      over: Deferred.makeUnsafe(),
      current: undefined,
      fiber: undefined,
      leaves: 0
    }
    lives.set(where.guildId, life)
    life.fiber = run(live(where, life))
    return Deferred.await(life.begun)
  }

  const join = (where: VoiceSession.JoinOptions): Effect.Effect<A, Refusal> =>
    Effect.suspend(() => {
      const there = lives.get(where.guildId)
      return there === undefined ? start(where) : enter(there, where)
    })

  const enter = Effect.fnUntraced(function*(
    life: Life<A, Refusal>,
    where: VoiceSession.JoinOptions
  ): Effect.fn.Return<A, Refusal> {
    const { leaves } = life
    const again = Effect.andThen(
      Deferred.await(life.over),
      // a `leave` that arrives while this join waits for the former session to end is meant for this join, too
      Effect.suspend(() => life.leaves > leaves ? Effect.fail(notConnected()) : join(where))
    )
    if (leaves > 0) return yield* again
    // another channel may admit the bot where that one does not
    const isElsewhere = life.channelId !== where.channelId
    yield* Deferred.await(life.begun).pipe(
      Effect.catch((error) => isElsewhere && life.leaves === 0 ? Effect.void : Effect.fail(error))
    )
    const { current } = life
    if (current === undefined) return yield* again
    const { session, value } = current
    if ((yield* session.state)._tag === "Closed") return yield* again
    if ((yield* session.channelId) !== where.channelId) yield* session.move(where.channelId)
    return value
  })

  const leave = (guildId: GuildId): Effect.Effect<void> =>
    Effect.suspend(() => {
      const life = lives.get(guildId)
      if (life?.fiber === undefined) return Effect.void
      life.leaves++
      return Effect.andThen(Fiber.interrupt(life.fiber), Deferred.await(life.over))
    })

  return {
    join,
    leave,
    get: (guildId) => Effect.sync(() => lives.get(guildId)?.current?.value),
    all: Effect.sync(() => {
      const all = new Map<GuildId, A>()
      for (const [guildId, { current }] of lives) if (current !== undefined) all.set(guildId, current.value)
      return all
    }),
    ends: Effect.map(PubSub.subscribe(ends), Stream.fromSubscription)
  }
})
