/**
 * A main gateway controlled by the test: it records what the program requests and delivers the events that the test pushes, or
 * answers automatically with {@link answerWith}.
 *
 * **Example** (A join that is answered)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MockGateway } from "effect-discord-voice/testing"
 *
 * const test = Effect.gen(function*() {
 *   const discord = yield* MockGateway.MockGateway
 *   // ... fork the program under test ...
 *   const request = yield* discord.take
 *   yield* discord.push({ _tag: "VoiceServer", server: { guild_id: request.guild_id, token: "t", endpoint: null } })
 *   yield* discord.pushLifecycle("Lost")
 * }).pipe(Effect.provide(MockGateway.layer()))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type * as Take from "effect/Take"
import * as Gateway from "../Gateway.ts"
import type * as GatewayPayload from "../protocol/GatewayPayload.ts"
import { type ChannelId, type GuildId, UserId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * Controls of {@link layer}.
 *
 * @category services
 * @since 0.1.0
 */
export class MockGateway extends Context.Service<MockGateway, {
  /** Waits for the program's next request and returns it. */
  readonly take: Effect.Effect<Gateway.VoiceStateRequest>
  /** The number of requests that have not been taken yet. */
  readonly waiting: Effect.Effect<number>
  /** Delivers an event to every subscriber. */
  readonly push: (event: Gateway.GatewayEvent) => Effect.Effect<void>
  readonly pushLifecycle: (lifecycle: Gateway.Lifecycle | Gateway.ShardLifecycle) => Effect.Effect<void>
  /** Sets our earlier voice state in a guild, as returned by `initialVoiceState`. */
  readonly setInitialVoiceState: (guildId: GuildId, state: GatewayPayload.VoiceState) => Effect.Effect<void>
  /** The roles on a stage (speaker or audience) that the program has requested, in order. */
  readonly stageRequests: Effect.Effect<ReadonlyArray<Gateway.StageRequest>>
  /** Makes the next request fail with this reason. Can be called several times. */
  readonly refuse: (reason: VoiceError.Reason) => Effect.Effect<void>
  /** Ends the gateway permanently: everything fails with this reason from now on. */
  readonly end: (reason: VoiceError.Reason) => Effect.Effect<void>
}>()("effect-discord-voice/testing/MockGateway") {}

/**
 * The options of {@link layer}.
 *
 * @category models
 * @since 0.1.0
 */
export interface MockGatewayOptions {
  /** Our own user id. Default "1". */
  readonly userId?: UserId | undefined
  /** What keeps us out of channels, as returned by `obstacle`. Default: this gateway cannot find out. */
  readonly obstacle?: ((channelId: ChannelId) => VoiceError.Obstacle | undefined) | undefined
  /** The events that answer a request automatically, in this order. Default: none; the test pushes them. */
  readonly answer?: ((request: Gateway.VoiceStateRequest) => ReadonlyArray<Gateway.GatewayEvent>) | undefined
}

/**
 * Answers like Discord: with our voice state, and with the voice server if we join or move. The voice server is not sent when
 * we leave, or when only our mute or deaf flags change.
 *
 * @category constructors
 * @since 0.1.0
 */
export const answerWith = (options: {
  readonly userId: UserId
  readonly sessionId: string
  readonly token: string
  readonly endpoint: string
}): (request: Gateway.VoiceStateRequest) => ReadonlyArray<Gateway.GatewayEvent> => {
  const requests = new Map<GuildId, Gateway.VoiceStateRequest>()
  return (request) => {
    const { channel_id, guild_id, self_deaf, self_mute } = request
    const before = requests.get(guild_id)
    requests.set(guild_id, request)
    const isFlags = before?.channel_id === channel_id &&
      (before.self_mute !== self_mute || before.self_deaf !== self_deaf)
    const state: Gateway.GatewayEvent = {
      _tag: "VoiceState",
      state: {
        guild_id,
        channel_id,
        user_id: options.userId,
        session_id: options.sessionId,
        deaf: false,
        mute: false,
        self_deaf,
        self_mute,
        self_video: false,
        suppress: false
      }
    }
    const { endpoint, token } = options
    return channel_id === null || isFlags
      ? [state]
      : [state, { _tag: "VoiceServer", server: { guild_id, token, endpoint } }]
  }
}

const make = Effect.fnUntraced(function*(options: MockGatewayOptions) {
  const userId = options.userId ?? UserId.make("1")
  const requests = yield* Queue.unbounded<Gateway.VoiceStateRequest>()
  const events = yield* PubSub.unbounded<Take.Take<Gateway.GatewayEvent, VoiceError.VoiceError>>()
  const lifecycles = yield* PubSub.unbounded<Take.Take<Gateway.Lifecycle | Gateway.ShardLifecycle>>()
  const initial = new Map<GuildId, GatewayPayload.VoiceState>()
  const refusals: Array<VoiceError.Reason> = []
  const stageRequests: Array<Gateway.StageRequest> = []
  let ended: VoiceError.VoiceError | undefined

  const push = (event: Gateway.GatewayEvent) => Effect.asVoid(PubSub.publish(events, [event]))

  const taken = Effect.suspend(() => {
    if (ended !== undefined) return Effect.fail(ended)
    const refusal = refusals.shift()
    return refusal === undefined ? Effect.void : VoiceError.fail(refusal)
  })

  const updateVoiceState = Effect.fnUntraced(function*(request: Gateway.VoiceStateRequest) {
    yield* taken
    yield* Queue.offer(requests, request)
    yield* Effect.forEach(options.answer?.(request) ?? [], push, { discard: true })
  })

  const { obstacle } = options
  return Context.make(Gateway.Gateway, {
    userId: Effect.suspend(() => ended === undefined ? Effect.succeed(userId) : Effect.fail(ended)),
    updateVoiceState,
    setStage: (request) => Effect.andThen(taken, Effect.sync(() => void stageRequests.push(request))),
    subscribe: Effect.map(
      PubSub.subscribe(events),
      (subscription) => Stream.flattenTake(Stream.fromSubscription(subscription))
    ),
    lifecycle: Option.some(Effect.map(
      PubSub.subscribe(lifecycles),
      (subscription) => Stream.flattenTake(Stream.fromSubscription(subscription))
    )),
    ...(obstacle === undefined
      ? {}
      : { obstacle: (_: GuildId, channelId: ChannelId) => Effect.sync(() => obstacle(channelId)) }),
    initialVoiceState: Option.some((guildId: GuildId) => Effect.sync(() => Option.fromNullishOr(initial.get(guildId))))
  }).pipe(
    Context.add(MockGateway, {
      take: Queue.take(requests),
      waiting: Queue.size(requests),
      stageRequests: Effect.sync(() => Array.from(stageRequests)),
      push,
      pushLifecycle: (lifecycle) => Effect.asVoid(PubSub.publish(lifecycles, [lifecycle])),
      setInitialVoiceState: (guildId, state) => Effect.sync(() => void initial.set(guildId, state)),
      refuse: (reason) => Effect.sync(() => void refusals.push(reason)),
      end: (reason) =>
        Effect.suspend(() => {
          ended = VoiceError.make(reason)
          return Effect.andThen(PubSub.end(events, Exit.fail(ended)), Effect.asVoid(PubSub.end(lifecycles, Exit.void)))
        })
    })
  )
})

/**
 * A main gateway whose other side is the test.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: MockGatewayOptions = {}): Layer.Layer<Gateway.Gateway | MockGateway> =>
  Layer.effectContext(make(options))
