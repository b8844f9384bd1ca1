/**
 * Who else is in our channel, from both gateways: the voice gateway tells in ops 5, 11, 12 and 13, the main gateway with the
 * voice state of everybody who comes, goes or changes. Of what the two say of a user, the later counts.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Gateway from "../Gateway.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import type * as Hub from "../receive/Hub.ts"
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
  readonly conduit: Hub.Intake
}

/**
 * What a session receives, with its members by both gateways. Whoever leaves by what the main gateway says is told of as
 * by the voice gateway, which may say it once more.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Hub.Intake, never, Scope.Scope> {
  const { channelId, conduit, gateway, guildId } = options
  /** Where the main gateway has those of whom it spoke last; `null` is nowhere. */
  const places = new Map<UserId, ChannelId | null>()
  const observers = new Set<(event: Hub.Happening) => void>()
  let ownId: UserId | undefined

  const settled = (userId: UserId): void => void places.delete(userId)

  const members = (): ReadonlyArray<UserId> => {
    const told = conduit.members()
    const ours = channelId()
    // while we are nowhere, those are shown who were there last
    if (places.size === 0 || ours === undefined || ours === null) return told
    const all = new Set(told)
    for (const [userId, place] of places) {
      if (place === ours && userId !== ownId) all.add(userId)
      else all.delete(userId)
    }
    return [...all]
  }

  const onState = (userId: UserId, place: ChannelId | null): void => {
    if (userId === ownId) return
    const was = places.get(userId)
    const isTold = conduit.members().includes(userId)
    // who is nowhere, and was not known to be anywhere, need not be remembered
    if (place === null && !isTold) places.delete(userId)
    else places.set(userId, place)
    const ours = channelId()
    // where we are nowhere, on our way to a new connection, nobody has left us
    if (ours === undefined || ours === null) return
    if (place !== ours && (isTold || was === ours)) {
      for (const onEvent of observers) onEvent({ _tag: "UserDisconnected", userId })
    }
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
      if (event._tag === "VoiceState") onState(event.state.user_id, event.state.channel_id)
      else if (event._tag === "Detached") places.clear()
    },
    onLifecycle: (lifecycle) => {
      // what happened in between is told by nobody
      if (lifecycle === "NewSession") places.clear()
    },
    onEnd: () => places.clear()
  })

  yield* conduit.observe({
    onEvent: (event) => {
      switch (event._tag) {
        case "Announced":
        case "Speaking":
        case "UserDisconnected":
          return settled(event.userId)
        case "UsersConnected":
          return event.userIds.forEach(settled)
      }
    },
    onOver: () => {}
  })

  return {
    read: conduit.read,
    reread: conduit.reread,
    members,
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
