/**
 * The parts of a session, made in the order in which they depend on each other, until the first connection is established.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Gateway from "../Gateway.ts"
import type { Mixer } from "../Mixer.ts"
import type { ChannelId, UserId } from "../protocol/Identifier.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Claim from "./Claim.ts"
import * as Conduit from "./Conduit.ts"
import type { JoinOptions } from "./JoinOptions.ts"
import { Lazy } from "./Lazy.ts"
import type { Lifetime } from "./Lifetime.ts"
import * as Moving from "./Moving.ts"
import * as Playing from "./Playing.ts"
import * as Policy from "./Policy.ts"
import * as Presence from "./Presence.ts"
import * as Restrictions from "./Restrictions.ts"
import * as Self from "./Self.ts"
import * as Supervisor from "./Supervisor.ts"
import * as Whereabouts from "./Whereabouts.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly gateway: Gateway.Gateway["Service"]
  readonly mixer: Mixer["Service"]
  readonly driver: VoiceDriver.VoiceDriver["Service"]
  readonly join: JoinOptions
  /** Where the session is to be. It follows when the bot is moved. */
  readonly target: { channelId: ChannelId }
  readonly lifetime: Lifetime
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Parts {
  readonly userId: UserId
  readonly whereabouts: Whereabouts.Whereabouts
  readonly conduit: Conduit.Conduit
  readonly self: Self.Self
  readonly presence: Presence.Presence
  readonly moving: Lazy<Moving.Moving>
  readonly playing: Lazy<Playing.Playing>
  /** Keeps the session in its channel, until nothing more can be done. */
  readonly supervisor: Fiber.Fiber<never, VoiceError.VoiceError>
  /** The context in which listeners of the session are made. */
  readonly listening: Context.Context<Scope.Scope>
}

const defaultJoinTimeout = Duration.seconds(15)
const defaultReceiveCapacity = 256

/**
 * Finds where Discord has the bot in the guild, as soon as the gateway is ready. Fails with `JoinTimedOut` if that takes too
 * long.
 */
const findWhereabouts = (
  gateway: Gateway.Gateway["Service"],
  { channelId, guildId }: JoinOptions,
  timeout: Duration.Duration
) =>
  Effect.timeoutOrElse(Whereabouts.make(gateway, guildId), {
    duration: timeout,
    orElse: () =>
      VoiceError.fail(
        new VoiceError.JoinTimedOut({
          guildId,
          channelId,
          missing: "gateway",
          elapsedMs: Duration.toMillis(timeout)
        })
      )
  })

/** Whether Discord already has the bot in the guild, if that matters and the gateway can tell. */
const hasGhost = ({ initialVoiceState }: Gateway.Gateway["Service"], { ghost, guildId }: JoinOptions) =>
  Effect.suspend(() =>
    ghost === "adopt" || Option.isNone(initialVoiceState)
      ? Effect.succeed(false)
      : Effect.map(initialVoiceState.value(guildId), Option.isSome)
  )

/**
 * Joins. Everything belongs to the scope: what is made first is released last, so the bot leaves when there is no connection
 * any more. Fails with the reason why joining failed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  { driver, gateway, join, lifetime, mixer, target }: Options
): Effect.fn.Return<Parts, VoiceError.VoiceError, Scope.Scope> {
  const { guildId } = join
  const joinTimeout = Duration.fromInputUnsafe(join.joinTimeout ?? defaultJoinTimeout)
  yield* Claim.claim(gateway, guildId, target)
  const whereabouts = yield* findWhereabouts(gateway, join, joinTimeout)
  yield* Effect.addFinalizer(() => whereabouts.leave)
  const conduit = yield* Conduit.make(join.receiveCapacity ?? defaultReceiveCapacity)
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  yield* Restrictions.follow(whereabouts, (restrictions) => {
    fork(conduit.setServerDeaf(restrictions.serverDeaf))
    conduit.publish({ _tag: "Restricted", restrictions })
  })
  const channelId = () => whereabouts.now().channelId
  const movingTo = () => moving.made?.to()
  const self: Self.Self = yield* Self.make({
    mute: join.selfMute ?? false,
    deaf: join.selfDeaf ?? false,
    state: () => lifetime.state(),
    channelId,
    announce: (movingTo, flags) => whereabouts.announce(movingTo, flags),
    conduit,
    movingTo
  })
  const moving = new Lazy(() =>
    Moving.make({
      guildId,
      target,
      joinTimeout,
      flags: () => self.flags(),
      state: () => lifetime.state(),
      states: () => lifetime.states(),
      whereabouts,
      conduit
    })
  )
  const presence = yield* Presence.make({ gateway, guildId, conduit, channelId })
  const listening = yield* Effect.context<Scope.Scope>()
  const joined = yield* Deferred.make<VoiceDriver.VoiceConnection, VoiceError.VoiceError>()
  // made before the fiber: the fiber that decides about losses ends before the connection that it would miss
  const connections = yield* Scope.fork(yield* Effect.scope)
  const supervisor = yield* Supervisor.run({
    target,
    driver,
    connect: join,
    whereabouts,
    conduit,
    lifetime,
    self,
    movingTo,
    policy: { ...Policy.standard, ...join.policy },
    joinTimeout,
    hasGhost: hasGhost(gateway, join),
    refuse: (error) => moving.made?.refuse(error) === true,
    joined
  }, connections).pipe(Effect.forkScoped({ startImmediately: true }))
  const { info } = yield* Deferred.await(joined)
  const playing = new Lazy(() => Effect.runSyncWith(listening)(Playing.make(conduit, mixer, join.encoder)))
  return { userId: info.userId, whereabouts, conduit, self, presence, moving, playing, supervisor, listening }
})
