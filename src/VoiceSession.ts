/**
 * The program: join a voice channel, play and listen, leave when the scope closes. A session asks the `Gateway` for a
 * place in the channel, hands what it answers to a `VoiceDriver`, and watches the connection. Its state is there to be
 * subscribed to, and every way in which it can end is a reason of `VoiceError`.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { AudioSource } from "./audio/AudioSource.ts"
import * as Track from "./audio/Track.ts"
import * as Gateway from "./Gateway.ts"
import type { ChannelId, GuildId, UserId } from "./protocol/Identifier.ts"
import * as Presence from "./session/Presence.ts"
import * as VoiceDriver from "./VoiceDriver.ts"
import * as VoiceError from "./VoiceError.ts"

/**
 * Where to go and how.
 *
 * @category models
 * @since 0.1.0
 */
export interface JoinOptions extends Presence.Request, VoiceDriver.ConnectOptions {}

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
   * track plays or is being opened, and with `NotConnected` after the session's end, or the
   * reason of an end that comes while the source is being opened.
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
  /** How many packets slow readers of `packets` have lost. */
  readonly packetsDropped: () => number
  /** Who speaks, comes and goes, and heartbeats. See `VoiceConnection.events`. */
  readonly events: Effect.Effect<Stream.Stream<VoiceDriver.Event>, never, Scope.Scope>
  readonly statistics: Effect.Effect<VoiceDriver.Statistics, VoiceError.VoiceError>
  /** Waits until everything is released: succeeds when we left, fails with the reason of any other end. */
  readonly awaitEnd: Effect.Effect<void, VoiceError.VoiceError>
}

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
    yield* Presence.claim(gateway, guildId, channelId)
    yield* Effect.flatMap(Presence.makeLeaving(gateway, guildId), ({ leave }) => Effect.addFinalizer(() => leave))
    const info = yield* Presence.request(gateway, options)
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

  /** The name of a source that is being opened. */
  let opening: string | undefined

  const live = <A, E, R>(operation: string, effect: Effect.Effect<A, E, R>) =>
    Effect.flatMap(
      SubscriptionRef.get(state),
      (now): Effect.Effect<A, E | VoiceError.VoiceError, R> =>
        now._tag === "Ended" ? VoiceError.fail(new VoiceError.NotConnected({ operation })) : effect
    )

  /** Takes the one place for a track, while its source is being opened. */
  const takePlace = (name: string) =>
    Effect.gen(function*() {
      const isFree = active === undefined || (yield* active.state)._tag === "Ended"
      if (isFree && opening === undefined) {
        opening = name
        return
      }
      const position = active === undefined || isFree
        ? `${opening}, which is being opened`
        : `${active.name}, at ${((yield* active.position) / 1000).toFixed(1)} s`
      return yield* VoiceError.fail(new VoiceError.TrackActive({ position }))
    })

  const play = <R>(source: AudioSource<R>, trackOptions?: Track.TrackOptions) =>
    live(
      "Playing",
      Effect.acquireUseRelease(
        takePlace(source.name),
        Effect.fnUntraced(function*() {
          const trackScope = yield* Scope.fork(scope)
          const track = yield* Track.make(source, connection, trackOptions).pipe(
            Scope.provide(trackScope),
            Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(trackScope, exit) : Effect.void)
          )
          // the session may have ended while the source was being opened
          yield* live("Playing", Effect.void)
          active = track
          yield* track.awaitEnd.pipe(
            Effect.andThen(Scope.close(trackScope, Exit.void)),
            Effect.forkIn(scope, { startImmediately: true })
          )
          return track
        }),
        () =>
          Effect.sync(() => {
            opening = undefined
          })
      )
    )

  const setSelf: VoiceSession["setSelf"] = (flags) =>
    live(
      "Muting",
      Effect.gen(function*() {
        selfMute = flags.mute ?? selfMute
        selfDeaf = flags.deaf ?? selfDeaf
        // silence does not wait for the main gateway, sound does
        if (selfMute) yield* connection.setMuted(true)
        yield* gateway.updateVoiceState({
          guild_id: guildId,
          channel_id: channelId,
          self_mute: selfMute,
          self_deaf: selfDeaf
        })
        if (!selfMute) yield* connection.setMuted(false)
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
    packetsDropped: connection.packetsDropped,
    events: connection.events,
    statistics: connection.statistics,
    awaitEnd: Deferred.await(ended)
  }
})
