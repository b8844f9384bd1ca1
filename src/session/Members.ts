/**
 * Who else is in the channel of a session, with what is known of them. Nothing is stored until someone subscribes to changes:
 * questions are answered from what both gateways keep anyway.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { UserId } from "../protocol/Identifier.ts"
import type { Member, Platform } from "../receive/Member.ts"
import type * as Conduit from "./Conduit.ts"
import type * as Presence from "./Presence.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly presence: Pick<Presence.Presence, "members" | "has" | "occupant" | "client" | "watch">
  readonly conduit: Pick<Conduit.Conduit, "events" | "observe" | "publish">
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Members {
  readonly now: Effect.Effect<ReadonlyMap<UserId, Member>>
  /** The current members, and the latest after each change; ends with the session. */
  readonly changes: Stream.Stream<ReadonlyMap<UserId, Member>>
  /** The events of the session, including `MemberChanged`. */
  readonly events: Conduit.Conduit["events"]
}

const platforms: ReadonlyArray<Platform> = ["desktop", "mobile", "xbox", "playstation"]

const keys = [
  "selfMute",
  "selfDeaf",
  "mute",
  "deaf",
  "suppress",
  "video",
  "streaming",
  "bot",
  "name",
  "flags",
  "platform"
] as const satisfies ReadonlyArray<Exclude<keyof Member, "userId">>

const isSame = (one: Member | undefined, other: Member | undefined): boolean =>
  one === undefined || other === undefined ? one === other : keys.every((key) => one[key] === other[key])

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ conduit, presence }: Options): Members => {
  /** The members that were last reported, while anyone subscribes. */
  let table: Map<UserId, Member> | undefined
  let followers = 0
  const wakers = new Set<() => void>()

  const memberOf = (userId: UserId): Member => {
    const { bot, flags: shown, name } = presence.occupant(userId) ?? {}
    const { flags, platform: number, video } = presence.client(userId) ?? {}
    const platform = number === undefined ? undefined : platforms[number]
    return {
      userId,
      // what Discord documents takes precedence
      ...(video === undefined ? {} : { video }),
      ...shown,
      ...(bot === undefined ? {} : { bot }),
      ...(name === undefined ? {} : { name }),
      ...(flags === undefined ? {} : { flags }),
      ...(platform === undefined ? {} : { platform })
    }
  }

  const list = () => new Map(presence.members().map((userId) => [userId, memberOf(userId)]))

  const check = (told: Map<UserId, Member>, userId: UserId): boolean => {
    const member = presence.has(userId) ? memberOf(userId) : undefined
    if (isSame(member, told.get(userId))) return false
    if (member === undefined) told.delete(userId)
    else told.set(userId, member)
    conduit.publish({ _tag: "MemberChanged", userId, ...(member === undefined ? {} : { member }) })
    return true
  }

  const look: Presence.Look = (userId) => {
    const told = table
    if (told === undefined) return
    const concerned = userId === undefined ? new Set([...told.keys(), ...presence.members()]) : [userId]
    let hasChanged = false
    for (const one of concerned) hasChanged = check(told, one) || hasChanged
    if (hasChanged) { for (const wake of wakers) wake() }
  }

  const follow = Effect.acquireRelease(
    Effect.sync(() => {
      if (followers++ > 0) return
      table = list()
      presence.watch(look)
    }),
    () =>
      Effect.sync(() => {
        if (--followers > 0) return
        table = undefined
        presence.watch(undefined)
      })
  )

  const changes: Effect.Effect<Stream.Stream<ReadonlyMap<UserId, Member>>, never, Scope.Scope> = Effect.gen(
    function*() {
      yield* follow
      const turns = yield* Queue.make<void, Cause.Done>({ capacity: 1, strategy: "sliding" })
      const wake = () => void Queue.offerUnsafe(turns, undefined)
      wake()
      yield* Effect.acquireRelease(
        Effect.sync(() => wakers.add(wake)),
        () => Effect.sync(() => wakers.delete(wake))
      )
      yield* conduit.observe({ onEvent: () => {}, onOver: () => void Queue.endUnsafe(turns) })
      return Stream.map(Stream.fromQueue(turns), list)
    }
  )

  return {
    now: Effect.sync(list),
    changes: Stream.unwrap(changes),
    events: Effect.andThen(follow, conduit.events)
  }
}
