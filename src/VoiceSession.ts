/**
 * The program: join a voice channel, play and listen, leave when the scope closes. A session asks the `Gateway` for a
 * place in the channel, hands what it answers to a `VoiceDriver`, and keeps itself there: a lost WebSocket is resumed, a lost
 * connection is made anew, and a move is followed, while tracks go on where they were. Its state is there to be subscribed
 * to, and every way in which it can end is a reason of `VoiceError`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { AudioSource } from "./audio/AudioSource.ts"
import * as Broadcast from "./audio/Broadcast.ts"
import type * as Track from "./audio/Track.ts"
import type { SentFrame } from "./driver/Tap.ts"
import * as Gateway from "./Gateway.ts"
import { Mixer } from "./Mixer.ts"
import type { EncoderSettings } from "./OpusEncoder.ts"
import type { ChannelId, GuildId, UserId } from "./protocol/Identifier.ts"
import * as Receive from "./receive/Receive.ts"
import * as Claim from "./session/Claim.ts"
import * as Conduit from "./session/Conduit.ts"
import type { Event } from "./session/Event.ts"
import * as JoinBounds from "./session/JoinBounds.ts"
import type { JoinOptions } from "./session/JoinOptions.ts"
import type { Member } from "./session/Member.ts"
import * as Members from "./session/Members.ts"
import * as Moving from "./session/Moving.ts"
import { Observation } from "./session/Observation.ts"
import * as Playing from "./session/Playing.ts"
import * as Policy from "./session/Policy.ts"
import * as Presence from "./session/Presence.ts"
import * as Restrictions from "./session/Restrictions.ts"
import type { State } from "./session/State.ts"
import * as Supervisor from "./session/Supervisor.ts"
import * as Whereabouts from "./session/Whereabouts.ts"
import * as VoiceDriver from "./VoiceDriver.ts"
import * as VoiceError from "./VoiceError.ts"

export {
  /**
   * @category schemas
   * @since 0.1.0
   */
  State
} from "./session/State.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  SentFrame
} from "./driver/Tap.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Event
} from "./session/Event.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  JoinOptions
} from "./session/JoinOptions.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Member
} from "./session/Member.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Restrictions
} from "./session/Restrictions.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  DuckOptions,
  /**
   * @category models
   * @since 0.1.0
   */
  Interrupted,
  /**
   * @category models
   * @since 0.1.0
   */
  PlayOptions
} from "./session/Playing.ts"

/**
 * What a session does about losses: the reactions of the table of close codes, and delays between attempts.
 *
 * @category constants
 * @since 0.1.0
 */
export const policy: Policy.Policy = Policy.standard

/**
 * A policy that never connects again: the first loss that cannot be resumed ends the session.
 *
 * @category constants
 * @since 0.1.0
 */
export const policyNever: Policy.Policy = Policy.never

/**
 * A joined voice channel. It ends when the scope it was joined in closes, or when it is lost for good.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceSession {
  readonly guildId: GuildId
  /** The channel that we are in, or on the way to. */
  readonly channelId: Effect.Effect<ChannelId>
  readonly userId: UserId
  readonly state: Effect.Effect<State>
  /** The state now and each one after it; ends behind `Closed`. */
  readonly changes: Stream.Stream<State>
  /**
   * Opens a source and plays it, beside whatever else plays. One Opus track at gain 1 is passed through untouched; anything
   * else is mixed and encoded. Fails with `SourceFailed` when it cannot be opened, with `CodecUnavailable` when it cannot be
   * mixed, with `Unsupported` for a gain, time, share to duck to or number of loops that is none, and with `NotConnected` after the
   * session's end, or the reason of an end that comes while the source is being opened.
   */
  readonly play: <R>(
    source: AudioSource<R>,
    options?: Playing.PlayOptions
  ) => Effect.Effect<Track.Track, VoiceError.VoiceError, R>
  /** The tracks that have not ended, in the order in which they were played. */
  readonly tracks: Effect.Effect<ReadonlyArray<Track.Track>>
  /**
   * Stops all tracks within one frame, and tells how much of each was heard: for agents that are spoken over. They end
   * `Stopped`, also those that wait for others.
   */
  readonly interrupt: Effect.Effect<ReadonlyArray<Playing.Interrupted>>
  /**
   * The same for some tracks: the others go on as if those had not been there. What is mixed ahead is made anew, so that they are
   * silent within two frames, without a click.
   */
  readonly cut: (tracks: Iterable<Track.Track>) => Effect.Effect<ReadonlyArray<Playing.Interrupted>>
  /**
   * Changes how what is mixed is encoded, from the next frame on that is made (120 ms ahead of its time, unless the mixer's
   * layer says otherwise); tracks that are passed through are what they are. Fails with `Unsupported` for what is out of range.
   */
  readonly setEncoder: (settings: EncoderSettings) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Goes to another channel of the guild, and waits until audio flows there; tracks go on where they were. Fails with
   * `NotAdmitted` or `JoinTimedOut`: we stay where we are if Discord does not let us in; once it has (`missing: "connection"`
   * or "endpoint"), the session goes on to the other channel. Moves that overlap happen one after another.
   */
  readonly move: (channelId: ChannelId) => Effect.Effect<void, VoiceError.VoiceError>
  /** The speaking flags shown to others (op 5). `microphone` is on unless it is set to false. */
  readonly setSpeaking: (flags: {
    readonly microphone?: boolean | undefined
    readonly soundshare?: boolean | undefined
    readonly priority?: boolean | undefined
  }) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Changes our own mute and deaf flags; what is left out stays as it is. While there is no connection, Discord hears of it
   * with the next one.
   */
  readonly setSelf: (flags: {
    readonly mute?: boolean | undefined
    readonly deaf?: boolean | undefined
  }) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Whether a moderator has muted or deafened us, or the channel keeps us silent (the audience of a stage, no permission to
   * speak). What is sent then is heard by nobody, and everything else looks as if it were. An event, `Restricted`, tells of each
   * change, and the log warns.
   */
  readonly restrictions: Effect.Effect<Restrictions.Restrictions>
  /**
   * Asks Discord to let us speak on the stage that we are in, to put us into its audience, or to show that we want to speak.
   * `Restricted` tells what comes of it. Fails with `GatewayFailed` in Discord's words (speaking needs the permission Mute Members, or
   * the invitation of a moderator), and with `Unsupported` where the gateway is another library's, which has a way of its own.
   */
  readonly setStage: (part: Gateway.StagePart) => Effect.Effect<void, VoiceError.VoiceError>
  /** Audio packets of all members; nothing while we are deaf. See `VoiceConnection.packets`. */
  readonly packets: Stream.Stream<VoiceDriver.AudioPacket, VoiceError.VoiceError>
  /** What we send, from now on: each Opus frame when it is. It ends with the session. */
  readonly sent: Stream.Stream<SentFrame>
  /** How many packets slow readers of `packets` have lost. */
  readonly packetsDropped: () => number
  /** What is heard, in order and in step: per user, in ticks of 20 ms, and mixed. */
  readonly receive: Receive.Receive
  /** Who else is in the channel, and what is known of them. An event, `MemberChanged`, tells of who comes, changes and leaves. */
  readonly members: Effect.Effect<ReadonlyMap<UserId, Member>>
  /** The members now, and the newest after each change; ends with the session. */
  readonly memberChanges: Stream.Stream<ReadonlyMap<UserId, Member>>
  /** Who speaks, comes and goes, heartbeats, resumes and moves. See `VoiceConnection.events`. */
  readonly events: Effect.Effect<Stream.Stream<Event>, never, Scope.Scope>
  /**
   * Those of the connection of the moment, with the round trip of the main gateway where it tells one. Fails with
   * `NotConnected` while there is none.
   */
  readonly statistics: Effect.Effect<VoiceDriver.Statistics, VoiceError.VoiceError>
  /**
   * How the call stands with end-to-end encryption: the version (0 is none), and our group with its epoch, voice privacy
   * code and members. An event, `E2eeChanged`, tells of each change. While there is no connection it is version 0.
   */
  readonly e2ee: Effect.Effect<VoiceDriver.E2ee>
  /**
   * The 45 digits that another member sees for us, too, if nobody stands in between. Fails with `E2eeFailed` if the user is
   * not in our group, and with `NotConnected` while there is no connection.
   */
  readonly verificationCode: (userId: UserId) => Effect.Effect<string, VoiceError.VoiceError>
  /**
   * Waits until everything is released: succeeds when we left, fails with the reason of any other end, and dies with what a
   * policy, gateway or driver died with.
   */
  readonly awaitClosed: Effect.Effect<void, VoiceError.VoiceError>
}

const notConnected = (operation: string) => VoiceError.make(new VoiceError.NotConnected({ operation }))

const defaultJoinTimeout = Duration.seconds(15)
const defaultReceiveCapacity = 256

/**
 * Joins a voice channel. The session lives until the scope closes, and then leaves: audio is closed with silence, Discord is
 * told, and every socket and timer is released, in bounded time even if nothing answers.
 *
 * Fails with `AlreadyJoined`, with `NotAdmitted` (Discord does not let us in, and the gateway knows why), with `JoinTimedOut`
 * (which says what is missing and the likely cause), with `Unsupported` for an option that makes no sense, with what the gateway
 * fails with, or with the reason for which connecting was given up.
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
  Gateway.Gateway | Mixer | Scope.Scope | VoiceDriver.VoiceDriver
> {
  yield* JoinBounds.check(options)
  const gateway = yield* Gateway.Gateway
  const mixer = yield* Mixer
  const driver = yield* VoiceDriver.VoiceDriver
  const outer = yield* Effect.scope
  const scope = yield* Scope.fork(outer)
  const { guildId } = options
  const target = { channelId: options.channelId }
  const joinTimeout = Duration.fromInputUnsafe(options.joinTimeout ?? defaultJoinTimeout)
  let state: State = { _tag: "Joining", channelId: options.channelId }
  const states = Broadcast.make<State>(1)
  const become = (next: State): void => {
    state = next
    states.publish(next)
  }
  become(state)
  const closed = yield* Deferred.make<void, VoiceError.VoiceError>()
  let selfMute = options.selfMute ?? false
  let selfDeaf = options.selfDeaf ?? false
  const flags = (): Whereabouts.Flags => ({ mute: selfMute, deaf: selfDeaf })

  let moving: Moving.Moving | undefined
  let over: { readonly error?: VoiceError.VoiceError } | undefined
  const end = (error?: VoiceError.VoiceError) =>
    Effect.sync(() => {
      if (over !== undefined) return
      over = error === undefined ? {} : { error }
      become({ _tag: "Closed", ...over })
    })
  const show = (next: State): void => {
    if (over === undefined) become(next)
  }
  let died: Cause.Cause<never> | undefined
  // the first finalizer runs last: whoever waits for the end can join again at once
  yield* Scope.addFinalizer(
    scope,
    Effect.suspend(() => {
      if (died !== undefined) return Deferred.failCause(closed, died)
      return over?.error === undefined ? Deferred.succeed(closed, undefined) : Deferred.fail(closed, over.error)
    })
  )

  /** Whether Discord has us in the guild already, as far as the gateway can tell. */
  const hasGhost = Effect.suspend(() =>
    options.ghost === "adopt" || Option.isNone(gateway.initialVoiceState)
      ? Effect.succeed(false)
      : Effect.map(gateway.initialVoiceState.value(guildId), Option.isSome)
  )

  const start = Effect.gen(function*() {
    yield* Claim.claim(gateway, guildId, target)
    const whereabouts = yield* Effect.timeoutOrElse(Whereabouts.make(gateway, guildId), {
      duration: joinTimeout,
      orElse: () =>
        VoiceError.fail(
          new VoiceError.JoinTimedOut({
            guildId,
            channelId: options.channelId,
            missing: "gateway",
            elapsedMs: Duration.toMillis(joinTimeout)
          })
        )
    })
    yield* Effect.addFinalizer(() => whereabouts.leave)
    const conduit = yield* Conduit.make(options.receiveCapacity ?? defaultReceiveCapacity)
    yield* Restrictions.follow(whereabouts, (restrictions) => conduit.publish({ _tag: "Restricted", restrictions }))
    if (selfMute) yield* conduit.setMuted(true)
    if (selfDeaf) yield* conduit.setDeaf(true)
    const intake = yield* Presence.make({ gateway, guildId, conduit, channelId: () => whereabouts.now().channelId })
    const listening = yield* Effect.context<Scope.Scope>()
    const joined = yield* Deferred.make<VoiceDriver.VoiceConnection, VoiceError.VoiceError>()
    // made before the fiber is: what decides about losses ends before the connection that it would miss
    const connections = yield* Scope.fork(scope)
    const running = yield* Supervisor.run({
      target,
      driver,
      connect: options,
      whereabouts,
      conduit,
      show,
      policy: { ...Policy.standard, ...options.policy },
      joinTimeout,
      flags,
      hasGhost,
      refuse: (error) => moving?.refuse(error) ?? false,
      joined
    }).pipe(
      Scope.provide(connections),
      Effect.onError((cause) => Effect.sync(() => Deferred.doneUnsafe(joined, Exit.failCause(cause)))),
      Effect.forkScoped({ startImmediately: true })
    )
    const { info } = yield* Deferred.await(joined)
    const playing = yield* Playing.make(conduit, mixer, options.encoder)
    return { conduit, intake, listening, playing, running, userId: info.userId, whereabouts }
  })
  const { conduit, intake, listening, playing, running, userId, whereabouts } = yield* start.pipe(
    Scope.provide(scope),
    Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)
  )

  const onOver = (exit: Exit.Exit<never, VoiceError.VoiceError>) =>
    Effect.gen(function*() {
      // the scope is closing by itself already
      if (over !== undefined || Exit.isSuccess(exit)) return
      const failure = Cause.findErrorOption(exit.cause)
      if (Option.isNone(failure)) {
        died = Cause.die(Cause.squash(exit.cause))
        yield* Effect.logError(`The voice session in guild ${guildId} has died`, exit.cause)
      }
      const error = Option.getOrElse(failure, () => notConnected("The voice session"))
      yield* end(error)
      yield* conduit.end(error, true)
      yield* playing.awaitEnds
      // who watches the session hears of its end before who waits for it
      yield* Effect.yieldNow
      yield* Effect.uninterruptible(Scope.close(scope, Exit.void))
    })
  // It lives outside the session's own scope, because it closes that scope; a track has named its own end by then.
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  running.addObserver((exit) => void fork(Effect.forkIn(onOver(exit), outer, { startImmediately: true })))
  yield* Scope.addFinalizer(
    scope,
    Effect.suspend(() => Effect.andThen(conduit.end(notConnected("The voice session"), false), end()))
  )

  const live = <A, E, R>(operation: string, effect: Effect.Effect<A, E, R>) =>
    Effect.suspend((): Effect.Effect<A, E | VoiceError.VoiceError, R> =>
      state._tag === "Closed" ? Effect.fail(notConnected(operation)) : effect
    )

  const play = <R>(source: AudioSource<R>, playOptions?: Playing.PlayOptions) =>
    live(
      "Playing",
      playing.play(source, playOptions).pipe(
        // the session may have ended while the source was being opened
        Effect.tap(live("Playing", Effect.void))
      )
    )

  const setSelf: VoiceSession["setSelf"] = (change) =>
    live(
      "Muting",
      Effect.gen(function*() {
        selfMute = change.mute ?? selfMute
        selfDeaf = change.deaf ?? selfDeaf
        // silence does not wait for the main gateway, sound does
        if (selfMute) yield* conduit.setMuted(true)
        yield* conduit.setDeaf(selfDeaf)
        const now = state
        const { channelId } = whereabouts.now()
        // a request has the flags with it, and a connection that comes up shows them where they were changed since
        if ((now._tag === "Ready" || now._tag === "Resuming") && channelId !== undefined && channelId !== null) {
          yield* whereabouts.tell(moving?.to() ?? channelId, flags())
        }
        if (!selfMute) yield* conduit.setMuted(false)
      })
    )

  moving = Moving.make({
    guildId,
    target,
    joinTimeout,
    flags,
    state: () => state,
    states: states.stream,
    whereabouts,
    conduit
  })
  const { move: goTo } = moving
  const move: VoiceSession["move"] = (channelId) =>
    live("Moving", Effect.andThen(goTo(channelId), live("Moving", Effect.void)))

  let receive: Receive.Receive | undefined
  let members: Members.Members | undefined
  const others = () => members ??= Members.make({ presence: intake, conduit })

  const session: VoiceSession = {
    guildId,
    channelId: Effect.sync(() => target.channelId),
    userId,
    state: Effect.sync(() => state),
    changes: Stream.suspend(() => Stream.takeUntil(states.stream(), (now) => now._tag === "Closed")),
    play,
    tracks: playing.tracks,
    interrupt: playing.interrupt,
    cut: playing.cut,
    setEncoder: (settings) => live("Changing the encoder", playing.setEncoder(settings)),
    move,
    setSpeaking: ({ microphone = true, priority = false, soundshare = false }) =>
      live("Speaking", conduit.setSpeaking((microphone ? 1 : 0) | (soundshare ? 2 : 0) | (priority ? 4 : 0))),
    setSelf,
    restrictions: Effect.sync(() => whereabouts.now().restrictions),
    setStage: (part) =>
      live(
        "Changing our part in a stage",
        Effect.suspend(() =>
          gateway.setStage?.({ guildId, channelId: target.channelId, part }) ?? VoiceError.fail(
            new VoiceError.Unsupported({
              feature: "a part in a stage",
              detail: "the gateway stands on another Discord library, which can be asked for it itself"
            })
          )
        )
      ),
    packets: conduit.packets,
    sent: conduit.sent,
    // made when it is asked for: many sessions only play
    get receive() {
      return receive ??= Effect.runSyncWith(listening)(Receive.make(intake, options.receive))
    },
    packetsDropped: conduit.packetsDropped,
    members: Effect.suspend(() => others().now),
    memberChanges: Stream.suspend(() => others().changes),
    events: Effect.suspend(() => others().events),
    statistics: Effect.zipWith(
      conduit.statistics,
      gateway.roundTripMs ?? Effect.undefined,
      (statistics, ms) => ms === undefined ? statistics : { ...statistics, gatewayRoundTripMs: ms }
    ),
    e2ee: conduit.e2ee,
    verificationCode: conduit.verificationCode,
    awaitClosed: Deferred.await(closed)
  }
  const observe = yield* Observation
  yield* Scope.provide(observe(session), scope)
  return session
})
