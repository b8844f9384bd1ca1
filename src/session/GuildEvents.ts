/**
 * The events of the main gateway about one guild. All sessions of a gateway share one subscription, so that a bot in a
 * thousand channels does not process each event a thousand times.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type * as Gateway from "../Gateway.ts"
import type { GuildId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * Receives the events of a guild, in order. Plain code.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  readonly onEvent: (event: Gateway.GatewayEvent) => void
  readonly onLifecycle: (lifecycle: Gateway.Lifecycle) => void
  /** Called when everyone in voice in the guild was reported again, before the events that come from then on. */
  readonly onOccupants?: (() => void) | undefined
  /** Called when the gateway has ended. Nothing comes after it. */
  readonly onEnd: (error: VoiceError.VoiceError) => void
}

interface Hub {
  readonly listeners: Map<GuildId, Set<Listener>>
  readonly oneAtATime: Semaphore.Semaphore
  sessions: number
  scope: Scope.Closeable | undefined
  /** Why nothing more comes. */
  ended: VoiceError.VoiceError | undefined
}

const hubs = new WeakMap<Gateway.Gateway["Service"], Hub>()

const hubOf = (gateway: Gateway.Gateway["Service"]): Hub => {
  const known = hubs.get(gateway)
  if (known !== undefined) return known
  const hub: Hub = {
    listeners: new Map(),
    oneAtATime: Semaphore.makeUnsafe(1),
    sessions: 0,
    scope: undefined,
    ended: undefined
  }
  hubs.set(gateway, hub)
  return hub
}

const guildOf = (event: Gateway.GatewayEvent): GuildId | undefined => {
  switch (event._tag) {
    case "VoiceState":
      return event.state.guild_id
    case "VoiceServer":
      return event.server.guild_id
    case "Occupant":
    case "Detached":
    case "Availability":
      return event.guildId
  }
}

const endOf = (cause: Cause.Cause<VoiceError.VoiceError>): VoiceError.VoiceError =>
  Option.getOrElse(
    Cause.findErrorOption(cause),
    () => VoiceError.make(new VoiceError.GatewayFailed({ detail: "its stream of events ended" }))
  )

const start = Effect.fnUntraced(function*(gateway: Gateway.Gateway["Service"], hub: Hub) {
  const scope = yield* Scope.make()
  hub.scope = scope
  const all = (f: (listener: Listener) => void, concerns: (guildId: GuildId) => boolean = () => true) => {
    for (const [guildId, listeners] of hub.listeners) {
      if (concerns(guildId)) { for (const listener of listeners) f(listener) }
    }
  }
  const tell = (told: Gateway.Lifecycle | Gateway.ShardLifecycle) => {
    const { concerns, lifecycle } = typeof told === "string" ? { lifecycle: told, concerns: undefined } : told
    all((listener) => listener.onLifecycle(lifecycle), concerns)
  }
  const run = Effect.gen(function*() {
    const events = yield* gateway.subscribe
    const { occupants } = gateway
    if (occupants !== undefined) {
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          occupants.watch((guildId) => {
            for (const listener of hub.listeners.get(guildId) ?? []) listener.onOccupants?.()
          })
        ),
        (stop) => Effect.sync(stop)
      )
    }
    if (Option.isSome(gateway.lifecycle)) {
      const lifecycles = yield* gateway.lifecycle.value
      yield* lifecycles.pipe(
        Stream.runForEach((told) => Effect.sync(() => tell(told))),
        Effect.forkScoped({ startImmediately: true })
      )
    }
    yield* events.pipe(
      Stream.runForEach((event) =>
        Effect.sync(() => {
          const guildId = guildOf(event)
          const listeners = guildId === undefined ? undefined : hub.listeners.get(guildId)
          if (listeners !== undefined) { for (const listener of listeners) listener.onEvent(event) }
        })
      ),
      Effect.exit,
      Effect.flatMap((exit) =>
        Effect.sync(() => {
          const error = Exit.isSuccess(exit)
            ? VoiceError.make(new VoiceError.GatewayFailed({ detail: "its stream of events ended" }))
            : endOf(exit.cause)
          hub.ended = error
          all((listener) => listener.onEnd(error))
        })
      ),
      Effect.forkScoped({ startImmediately: true })
    )
  })
  yield* Scope.provide(run, scope)
})

const enter = (gateway: Gateway.Gateway["Service"], hub: Hub, guildId: GuildId, listener: Listener) =>
  Effect.suspend(() => {
    const listeners = hub.listeners.get(guildId) ?? new Set()
    hub.listeners.set(guildId, listeners.add(listener))
    hub.sessions++
    if (hub.ended !== undefined) listener.onEnd(hub.ended)
    return hub.scope === undefined ? start(gateway, hub) : Effect.void
  })

const leave = (hub: Hub, guildId: GuildId, listener: Listener) =>
  Effect.suspend(() => {
    const listeners = hub.listeners.get(guildId)
    listeners?.delete(listener)
    if (listeners?.size === 0) hub.listeners.delete(guildId)
    const scope = hub.scope
    if (--hub.sessions > 0 || scope === undefined) return Effect.void
    hub.scope = undefined
    hub.ended = undefined
    return Scope.close(scope, Exit.void)
  })

/**
 * Listens to a guild until the scope closes: nothing is missed after this effect completes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const listen = (
  gateway: Gateway.Gateway["Service"],
  guildId: GuildId,
  listener: Listener
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) => {
    const hub = hubOf(gateway)
    const entered = Effect.onExit(
      enter(gateway, hub, guildId, listener),
      (exit) => Exit.isSuccess(exit) ? Effect.void : leave(hub, guildId, listener)
    )
    return Effect.andThen(
      // a gateway may have to log in before it can be subscribed to
      restore(hub.oneAtATime.withPermit(entered)),
      Effect.flatMap(
        Effect.scope,
        (scope) => Scope.addFinalizerExit(scope, () => hub.oneAtATime.withPermit(leave(hub, guildId, listener)))
      )
    )
  })
