/**
 * Who else is in our channel, from both gateways: the voice gateway tells in ops 5, 11, 12, 13, 18 and 20, the main gateway who is
 * there at first, if it can, and then with the voice state of everybody who comes, goes or changes. Of what the two say of a
 * user, the later counts.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Client } from "../driver/Clients.ts"
import type * as Gateway from "../Gateway.ts"
import * as Occupant from "../gateway/Occupant.ts"
import type * as GatewayPayload from "../protocol/GatewayPayload.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import type * as Hub from "../receive/Hub.ts"
import type * as Conduit from "./Conduit.ts"
import * as GuildEvents from "./GuildEvents.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly gateway: Gateway.Gateway["Service"]
  readonly guildId: GuildId
  /** Where we are; `null` and `undefined` are nowhere. */
  readonly channelId: () => ChannelId | null | undefined
  /** What is received, with members by the voice gateway. */
  readonly conduit: Pick<Conduit.Conduit, "read" | "reread" | "clients"> & {
    readonly observe: Hub.Intake["observe"]
  }
}

/**
 * Is told who may be another than before; nobody in particular: anybody may.
 *
 * @category models
 * @since 0.1.0
 */
export type Look = (userId?: UserId) => void

/**
 * What a session receives, with its members by both gateways.
 *
 * @category models
 * @since 0.1.0
 */
export interface Presence extends Hub.Intake {
  readonly has: (userId: UserId) => boolean
  /** How the main gateway has somebody, wherever it does. */
  readonly occupant: (userId: UserId) => Occupant.Occupant | undefined
  /** What the voice gateway tells of somebody's client. */
  readonly client: (userId: UserId) => Client | undefined
  /** Has one watcher at a time; without one that is over. Plain code. */
  readonly watch: (look: Look | undefined) => void
}

const nobody: ReadonlyMap<UserId, Occupant.Occupant> = new Map()

/**
 * Follows both gateways until the scope closes. Whoever leaves by what the main gateway says is told of as by the voice gateway,
 * which may say it once more.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Presence, never, Scope.Scope> {
  const { channelId, conduit, gateway, guildId } = options
  /** Those in our channel, and of whom the voice gateway told, of whom the main gateway has spoken since. */
  const later = new Set<UserId>()
  /** Who has left this channel by the voice gateway, of whom the main gateway has not spoken since. Few sessions have anybody here. */
  let gone: Map<UserId, ChannelId> | undefined
  /** Those of whom a gateway has told that keeps nobody. */
  const seen = gateway.occupants === undefined ? new Map<UserId, Occupant.Occupant>() : undefined
  let isOver = false
  let look: Look | undefined
  const observers = new Set<(event: Hub.Happening) => void>()
  let ownId: UserId | undefined

  /** As the main gateway has them: it may be ahead of what it has told us. */
  const others = () => isOver ? nobody : seen ?? gateway.occupants?.of(guildId) ?? nobody

  const here = (): ChannelId | undefined => channelId() ?? undefined

  const has: Presence["has"] = (userId) => {
    if (userId === ownId) return false
    const ours = here()
    // while we are nowhere, those are shown who were there last
    if (ours === undefined) return conduit.clients().has(userId)
    const isHere = others().get(userId)?.channelId === ours
    if (later.has(userId)) return isHere
    return conduit.clients(ours).has(userId) || (isHere && gone?.get(userId) !== ours)
  }

  const members = (): ReadonlyArray<UserId> => {
    const ours = here()
    const all = new Set(conduit.clients(ours).keys())
    if (ours !== undefined) {
      for (const [userId, { channelId: place }] of others()) if (place === ours) all.add(userId)
    }
    return Array.from(all).filter(has)
  }

  /** The voice gateway has spoken of somebody. */
  const settled = (userId: UserId, hasLeft = false): void => {
    const ours = here()
    later.delete(userId)
    gone?.delete(userId)
    // the main gateway may not know of it yet
    if (hasLeft && ours !== undefined && others().get(userId)?.channelId === ours) {
      gone ??= new Map()
      gone.set(userId, ours)
    }
    look?.(userId)
  }

  const forget = (): void => {
    later.clear()
    seen?.clear()
    gone = undefined
  }

  /** `occupant` is as they are shown there, for whoever keeps it. */
  const onPlace = (userId: UserId, place: ChannelId | null, occupant: Occupant.Occupant | undefined): void => {
    // we may be in another channel than before
    if (userId === ownId) return look?.()
    const ours = here()
    const isTold = conduit.clients().has(userId)
    const wasThere = isTold || later.has(userId)
    gone?.delete(userId)
    if (isTold || (place !== null && place === ours)) later.add(userId)
    else later.delete(userId)
    if (occupant === undefined) seen?.delete(userId)
    else seen?.set(userId, occupant)
    look?.(userId)
    // where we are nowhere, on our way to a new connection, nobody has left us
    if (ours === undefined || place === ours || !wasThere) return
    for (const onEvent of observers) onEvent({ _tag: "UserDisconnected", userId })
  }

  const onState = (state: GatewayPayload.VoiceState): void => {
    const { channel_id: place, user_id: userId } = state
    const isKept = seen !== undefined && place !== null
    onPlace(userId, place, isKept ? Occupant.of(state, place, seen.get(userId)) : undefined)
  }

  yield* gateway.userId.pipe(
    Effect.map((userId) => {
      ownId = userId
    }),
    // a gateway that does not know us ends the session by itself
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )

  yield* GuildEvents.listen(gateway, guildId, {
    onEvent: (event) => {
      switch (event._tag) {
        case "VoiceState":
          return onState(event.state)
        case "Occupant":
          return onPlace(event.userId, event.occupant?.channelId ?? null, event.occupant)
        case "Detached":
          forget()
          return look?.()
      }
    },
    onOccupants: () => {
      gone = undefined
      look?.()
    },
    onLifecycle: (lifecycle) => {
      // what happened in between is told by nobody. All who are there are told anew: nobody has changed meanwhile
      if (lifecycle === "NewSession") forget()
    },
    onEnd: () => {
      isOver = true
      forget()
      look?.()
    }
  })

  yield* conduit.observe({
    onEvent: (event) => {
      switch (event._tag) {
        case "Announced":
        case "Speaking":
        case "Described":
          return settled(event.userId)
        case "UserDisconnected":
          return settled(event.userId, true)
        case "UsersConnected":
          return event.userIds.forEach((userId) => settled(userId))
        case "Moved":
          return look?.()
      }
    },
    onConnection: () => {
      // of whom it does not know, it will not tell that they have left either
      for (const userId of later) {
        if (!conduit.clients().has(userId) && others().get(userId)?.channelId !== here()) later.delete(userId)
      }
      look?.()
    },
    onOver: () => {}
  })

  return {
    read: (reader) => conduit.read(reader),
    reread: conduit.reread,
    members,
    has,
    occupant: (userId) => others().get(userId),
    client: (userId) => conduit.clients().get(userId),
    watch: (next) => {
      look = next
    },
    observe: (observer) =>
      Effect.andThen(
        conduit.observe(observer),
        Effect.acquireRelease(
          Effect.sync(() => observers.add(observer.onEvent)),
          () => Effect.sync(() => observers.delete(observer.onEvent))
        )
      )
  }
})
