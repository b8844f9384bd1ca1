/**
 * The program: join a voice channel, play and listen, leave when the scope closes. A session asks the `Gateway` for a
 * place in the channel, hands what it answers to a `VoiceDriver`, and watches the connection. Its state is there to be
 * subscribed to, and every way in which it can end is a reason of `VoiceError`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { AudioSource } from "./audio/AudioSource.ts"
import * as Track from "./audio/Track.ts"
import * as Gateway from "./Gateway.ts"
import type { ChannelId, GuildId, UserId } from "./protocol/Identifier.ts"
import * as VoiceDriver from "./VoiceDriver.ts"
import * as VoiceError from "./VoiceError.ts"

/**
 * Where to go and how.
 *
 * @category models
 * @since 0.1.0
 */
export interface JoinOptions extends VoiceDriver.ConnectOptions {
  readonly guildId: GuildId
  readonly channelId: ChannelId
  /** Shows us as muted; nothing is sent while it is so. Default false. */
  readonly selfMute?: boolean | undefined
  /** Shows us as deaf; nothing is received while it is so. Default false. */
  readonly selfDeaf?: boolean | undefined
  /** How long the main gateway may take to be ready and to send both voice events. Default 15 seconds. */
  readonly joinTimeout?: Duration.Input | undefined
}

/**
 * What a session is doing. This version passes through `Signalling`, `Connecting`, `Connected` and `Ended`; the others are
 * the states of a session that mends a lost connection.
 *
 * - `Signalling`: the main gateway was asked for a place in the channel.
 * - `Connecting`: the voice server is known and the handshake is under way.
 * - `Connected`: audio flows.
 * - `Resuming`: the WebSocket was lost and is being resumed; audio still flows.
 * - `AwaitingServer`: Discord is looking for another voice server; tracks are held.
 * - `Reconnecting`: a new connection will be tried in `delayMs`.
 * - `Ended`: for good; without an error, because we left.
 *
 * @category models
 * @since 0.1.0
 */
export const State = Schema.TaggedUnion({
  Signalling: {},
  Connecting: { endpoint: Schema.String },
  Connected: { endpoint: Schema.String, ssrc: Schema.Int, mode: Schema.String, version: Schema.Int },
  Resuming: { endpoint: Schema.String, error: VoiceError.VoiceError },
  AwaitingServer: {},
  Reconnecting: { attempt: Schema.Int, delayMs: Schema.Finite, error: VoiceError.VoiceError },
  Ended: { error: Schema.optionalKey(VoiceError.VoiceError) }
})

/**
 * @category models
 * @since 0.1.0
 */
export type State = typeof State.Type

/**
 * A joined voice channel. It ends when the scope it was joined in closes, or when the connection is lost for good.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceSession {
  readonly guildId: GuildId
  readonly channelId: ChannelId
  readonly userId: UserId
  readonly state: Effect.Effect<State>
  /** The state now and each one after it; ends behind `Ended`. */
  readonly changes: Stream.Stream<State>
  /**
   * Opens a source and plays it. Fails with `SourceFailed` when it cannot be opened, with `TrackActive` while another
   * track plays, and with `NotConnected` after the session's end.
   */
  readonly play: <R>(
    source: AudioSource<R>,
    options?: Track.TrackOptions
  ) => Effect.Effect<Track.Track, VoiceError.VoiceError, R>
  /** The speaking flags shown to others (op 5). `microphone` is on unless it is set to false. */
  readonly setSpeaking: (flags: {
    readonly microphone?: boolean | undefined
    readonly soundshare?: boolean | undefined
    readonly priority?: boolean | undefined
  }) => Effect.Effect<void, VoiceError.VoiceError>
  /** Changes our own mute and deaf flags; what is left out stays as it is. */
  readonly setSelf: (flags: {
    readonly mute?: boolean | undefined
    readonly deaf?: boolean | undefined
  }) => Effect.Effect<void, VoiceError.VoiceError>
  /** Audio packets of all members; nothing while we are deaf. See `VoiceConnection.packets`. */
  readonly packets: Stream.Stream<VoiceDriver.AudioPacket, VoiceError.VoiceError>
  /** Who speaks, comes and goes, and heartbeats. See `VoiceConnection.events`. */
  readonly events: Effect.Effect<Stream.Stream<VoiceDriver.Event>, never, Scope.Scope>
  readonly statistics: Effect.Effect<VoiceDriver.Statistics, VoiceError.VoiceError>
  /** Waits until everything is released: succeeds when we left, fails with the reason of any other end. */
  readonly awaitEnd: Effect.Effect<void, VoiceError.VoiceError>
}

const defaultJoinTimeout = Duration.seconds(15)

/** How long the main gateway may take to take note that we leave. */
const leaveTimeout = Duration.seconds(2)

/** The guilds in which a gateway's user has a session. A bot has one voice connection in a guild. */
const claims = new WeakMap<Gateway.Gateway["Service"], Map<GuildId, ChannelId>>()

const claim = (gateway: Gateway.Gateway["Service"], guildId: GuildId, channelId: ChannelId) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const taken = claims.get(gateway) ?? new Map<GuildId, ChannelId>()
      claims.set(gateway, taken)
      const other = taken.get(guildId)
      if (other !== undefined) {
        return VoiceError.fail(new VoiceError.AlreadyJoined({ guildId, channelId: other }))
      }
      taken.set(guildId, channelId)
      return Effect.succeed(taken)
    }),
    (taken) => Effect.sync(() => taken.delete(guildId))
  )

/**
 * Watches whether Discord has us in a channel of the guild. The result leaves: it says so, and waits until Discord says so
 * too, because what Discord said before must not be taken for an answer to the next join.
 */
const makeLeaving = Effect.fnUntraced(function*(gateway: Gateway.Gateway["Service"], guildId: GuildId) {
  const present = yield* SubscriptionRef.make(false)
  const events = yield* gateway.subscribe
  yield* gateway.userId.pipe(
    Effect.flatMap((userId) =>
      Stream.runForEach(
        events,
        (event) =>
          event._tag === "VoiceState" && event.state.user_id === userId && event.state.guild_id === guildId
            ? SubscriptionRef.set(present, event.state.channel_id !== null)
            : Effect.void
      )
    ),
    Effect.ignore,
    Effect.ensuring(SubscriptionRef.set(present, false)),
    Effect.forkScoped({ startImmediately: true })
  )
  const leave = gateway.updateVoiceState({ guild_id: guildId, channel_id: null, self_mute: false, self_deaf: false })
    .pipe(
      Effect.andThen(
        SubscriptionRef.changes(present).pipe(Stream.filter((isPresent) => !isPresent), Stream.take(1), Stream.runDrain)
      ),
      Effect.timeoutOption(leaveTimeout),
      Effect.tapError((error) => Effect.logDebug(`leaving was not announced: ${error.message}`)),
      Effect.ignore
    )
  return { leave }
})

/** Asks for a place in the channel and waits for both answers, in whatever order they come. */
const signal = Effect.fnUntraced(function*(
  gateway: Gateway.Gateway["Service"],
  options: JoinOptions
): Effect.fn.Return<VoiceDriver.ConnectionInfo, VoiceError.VoiceError> {
  const { channelId, guildId } = options
  const clock = yield* Clock.Clock
  const startedAt = clock.monotonicTimeNanosUnsafe()
  let asked = false
  let sessionId: string | undefined
  let server: { readonly token: string; readonly endpoint: string } | undefined
  let withoutEndpoint = false

  const missing = (): VoiceError.JoinTimedOut["missing"] => {
    if (!asked) return "gateway"
    if (sessionId !== undefined) return withoutEndpoint ? "endpoint" : "VOICE_SERVER_UPDATE"
    return server === undefined && !withoutEndpoint ? "both" : "VOICE_STATE_UPDATE"
  }

  const ask = Effect.gen(function*() {
    const userId = yield* gateway.userId
    const events = yield* gateway.subscribe
    const answer = yield* Deferred.make<VoiceDriver.ConnectionInfo, VoiceError.VoiceError>()

    const complete = Effect.suspend(() =>
      sessionId === undefined || server === undefined ? Effect.void : Deferred.succeed(
        answer,
        new VoiceDriver.ConnectionInfo({
          endpoint: server.endpoint,
          serverId: guildId,
          channelId,
          userId,
          sessionId,
          token: Redacted.make(server.token)
        })
      )
    )

    const fiber = yield* events.pipe(
      Stream.runForEach((event) => {
        if (event._tag === "VoiceState") {
          const { state } = event
          if (state.user_id !== userId || state.guild_id !== guildId || state.channel_id !== channelId) {
            return Effect.void
          }
          sessionId = state.session_id
        } else {
          if (event.server.guild_id !== guildId) return Effect.void
          const { endpoint, token } = event.server
          withoutEndpoint = endpoint === null
          // the token beside a null endpoint never fits the endpoint that follows
          server = endpoint === null ? undefined : { endpoint, token }
        }
        return complete
      }),
      Effect.andThen(
        Effect.suspend(() => VoiceError.fail(new VoiceError.GatewayFailed({ detail: "its events have ended" })))
      ),
      Effect.catch((error) => Deferred.fail(answer, error)),
      Effect.forkScoped({ startImmediately: true })
    )

    yield* gateway.updateVoiceState({
      guild_id: guildId,
      channel_id: channelId,
      self_mute: options.selfMute ?? false,
      self_deaf: options.selfDeaf ?? false
    })
    asked = true
    const info = yield* Deferred.await(answer)
    yield* Fiber.interrupt(fiber)
    return info
  })

  return yield* Effect.timeoutOrElse(Effect.scoped(ask), {
    duration: options.joinTimeout ?? defaultJoinTimeout,
    orElse: () =>
      Effect.suspend(() => {
        const elapsedMs = Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1_000_000
        return VoiceError.fail(new VoiceError.JoinTimedOut({ guildId, channelId, missing: missing(), elapsedMs }))
      })
  })
})

/**
 * Joins a voice channel. The session lives until the scope closes, and then leaves: Discord is told, and every socket and
 * timer is released.
 *
 * Fails with `AlreadyJoined`, with `JoinTimedOut` (which says what is missing and the likely cause), with what the gateway
 * fails with, or with what `VoiceDriver.connect` fails with.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const session = yield* VoiceSession.join({ guildId, channelId })
 *   const track = yield* session.play(AudioSource.fromFile("song.ogg"))
 *   yield* track.awaitEnd
 * }).pipe(Effect.scoped)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const join = Effect.fn("VoiceSession.join")(function*(
  options: JoinOptions
): Effect.fn.Return<
  VoiceSession,
  VoiceError.VoiceError,
  Gateway.Gateway | Scope.Scope | VoiceDriver.VoiceDriver
> {
  const gateway = yield* Gateway.Gateway
  const driver = yield* VoiceDriver.VoiceDriver
  const outer = yield* Effect.scope
  const scope = yield* Scope.fork(outer)
  const { channelId, guildId } = options
  const state = yield* SubscriptionRef.make<State>({ _tag: "Signalling" })
  const ended = yield* Deferred.make<void, VoiceError.VoiceError>()

  let over: { readonly error?: VoiceError.VoiceError } | undefined
  const end = (error?: VoiceError.VoiceError) =>
    Effect.suspend(() => {
      if (over !== undefined) return Effect.void
      over = error === undefined ? {} : { error }
      return SubscriptionRef.set(state, { _tag: "Ended", ...over })
    })
  // the first finalizer runs last: whoever waits for the end can join again at once
  yield* Scope.addFinalizer(
    scope,
    Effect.suspend(() =>
      over?.error === undefined ? Deferred.succeed(ended, undefined) : Deferred.fail(ended, over.error)
    )
  )

  const connect = Effect.gen(function*() {
    yield* claim(gateway, guildId, channelId)
    yield* Effect.flatMap(makeLeaving(gateway, guildId), ({ leave }) => Effect.addFinalizer(() => leave))
    const info = yield* signal(gateway, options)
    yield* SubscriptionRef.set(state, { _tag: "Connecting", endpoint: info.endpoint })
    return yield* driver.connect(info, options)
  })
  const connection = yield* connect.pipe(
    Scope.provide(scope),
    Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)
  )
  const { endpoint, userId } = connection.info
  const { mode, ssrc, version } = connection.established
  yield* SubscriptionRef.set(state, { _tag: "Connected", endpoint, ssrc, mode, version })
  let selfMute = options.selfMute ?? false
  let selfDeaf = options.selfDeaf ?? false
  if (selfMute) yield* connection.setMuted(true)

  let active: Track.Track | undefined

  // The one place that decides what the loss of a connection means. It lives outside the session's own scope, because
  // it closes that scope; a track has named its own end by then.
  yield* connection.awaitEnd.pipe(
    Effect.catch((error) => end(error)),
    Effect.andThen(Effect.suspend(() => active === undefined ? Effect.void : Effect.asVoid(active.awaitEnd))),
    Effect.andThen(Effect.uninterruptible(Scope.close(scope, Exit.void))),
    Effect.forkIn(outer, { startImmediately: true })
  )
  yield* Scope.addFinalizer(scope, end())

  const oneAtATime = yield* Semaphore.make(1)

  const live = <A, E, R>(operation: string, effect: Effect.Effect<A, E, R>) =>
    Effect.flatMap(
      SubscriptionRef.get(state),
      (now): Effect.Effect<A, E | VoiceError.VoiceError, R> =>
        now._tag === "Ended" ? VoiceError.fail(new VoiceError.NotConnected({ operation })) : effect
    )

  const playable = Effect.gen(function*() {
    if (active === undefined) return
    const now = yield* active.state
    if (now._tag === "Ended") return
    const position = yield* active.position
    return yield* VoiceError.fail(
      new VoiceError.TrackActive({ position: `${active.name}, at ${(position / 1000).toFixed(1)} s` })
    )
  })

  const play = <R>(source: AudioSource<R>, trackOptions?: Track.TrackOptions) =>
    oneAtATime.withPermits(1)(live(
      "Playing",
      Effect.gen(function*() {
        yield* playable
        const trackScope = yield* Scope.fork(scope)
        const track = yield* Track.make(source, connection, trackOptions).pipe(
          Scope.provide(trackScope),
          Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(trackScope, exit) : Effect.void)
        )
        active = track
        yield* track.awaitEnd.pipe(
          Effect.andThen(Scope.close(trackScope, Exit.void)),
          Effect.forkIn(scope, { startImmediately: true })
        )
        return track
      })
    ))

  const setSelf: VoiceSession["setSelf"] = (flags) =>
    live(
      "Muting",
      Effect.gen(function*() {
        selfMute = flags.mute ?? selfMute
        selfDeaf = flags.deaf ?? selfDeaf
        yield* gateway.updateVoiceState({
          guild_id: guildId,
          channel_id: channelId,
          self_mute: selfMute,
          self_deaf: selfDeaf
        })
        yield* connection.setMuted(selfMute)
      })
    )

  return {
    guildId,
    channelId,
    userId,
    state: SubscriptionRef.get(state),
    changes: SubscriptionRef.changes(state).pipe(Stream.takeUntil((now) => now._tag === "Ended")),
    play,
    setSpeaking: ({ microphone = true, priority = false, soundshare = false }) =>
      live("Speaking", connection.setSpeaking((microphone ? 1 : 0) | (soundshare ? 2 : 0) | (priority ? 4 : 0))),
    setSelf,
    packets: connection.packets.pipe(Stream.filter(() => !selfDeaf)),
    events: connection.events,
    statistics: connection.statistics,
    awaitEnd: Deferred.await(ended)
  }
})
