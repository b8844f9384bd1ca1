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
import { during } from "../driver/During.ts"
import type * as Gateway from "../Gateway.ts"
import * as Occupant from "../gateway/Occupant.ts"
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

class Joined implements Presence, GuildEvents.Listener {
  readonly #options: Options
  /** Those in our channel, and of whom the voice gateway told, of whom the main gateway has spoken since. */
  #later: Set<UserId> | undefined
  /** Who has left this channel by the voice gateway, of whom the main gateway has not spoken since. Few sessions have anybody here. */
  #gone: Map<UserId, ChannelId> | undefined
  /** Those of whom a gateway has told that keeps nobody. */
  readonly #seen: Map<UserId, Occupant.Occupant> | undefined
  #observers: Set<(event: Hub.Happening) => void> | undefined
  #isOver = false
  #look: Look | undefined
  /** Ours, as soon as the gateway knows it. One that does not ends the session by itself. */
  ownId: UserId | undefined

  constructor(options: Options) {
    this.#options = options
    this.#seen = options.gateway.occupants === undefined ? new Map() : undefined
  }

  /** As the main gateway has them: it may be ahead of what it has told us. */
  #others(): ReadonlyMap<UserId, Occupant.Occupant> {
    const { gateway, guildId } = this.#options
    return this.#isOver ? nobody : this.#seen ?? gateway.occupants?.of(guildId) ?? nobody
  }

  #here(): ChannelId | undefined {
    return this.#options.channelId() ?? undefined
  }

  has(userId: UserId): boolean {
    if (userId === this.ownId) return false
    const { conduit } = this.#options
    const ours = this.#here()
    // while we are nowhere, those are shown who were there last
    if (ours === undefined) return conduit.clients().has(userId)
    const isHere = this.#others().get(userId)?.channelId === ours
    if (this.#later?.has(userId) === true) return isHere
    return conduit.clients(ours).has(userId) || (isHere && this.#gone?.get(userId) !== ours)
  }

  members(): ReadonlyArray<UserId> {
    const ours = this.#here()
    const all = new Set(this.#options.conduit.clients(ours).keys())
    if (ours !== undefined) {
      for (const [userId, { channelId: place }] of this.#others()) if (place === ours) all.add(userId)
    }
    return Array.from(all).filter((userId) => this.has(userId))
  }

  /** The voice gateway has spoken of somebody. */
  #settled(userId: UserId, hasLeft = false): void {
    const ours = this.#here()
    this.#later?.delete(userId)
    this.#gone?.delete(userId)
    // the main gateway may not know of it yet
    if (hasLeft && ours !== undefined && this.#others().get(userId)?.channelId === ours) {
      this.#gone ??= new Map()
      this.#gone.set(userId, ours)
    }
    this.#look?.(userId)
  }

  #forget(): void {
    this.#later = undefined
    this.#seen?.clear()
    this.#gone = undefined
  }

  /** `occupant` is as they are shown there, for whoever keeps it. */
  #onPlace(userId: UserId, place: ChannelId | null, occupant: Occupant.Occupant | undefined): void {
    // we may be in another channel than before
    if (userId === this.ownId) return this.#look?.()
    const ours = this.#here()
    const isTold = this.#options.conduit.clients().has(userId)
    const wasThere = isTold || this.#later?.has(userId) === true
    this.#gone?.delete(userId)
    if (isTold || (place !== null && place === ours)) {
      this.#later ??= new Set()
      this.#later.add(userId)
    } else this.#later?.delete(userId)
    if (occupant === undefined) this.#seen?.delete(userId)
    else this.#seen?.set(userId, occupant)
    this.#look?.(userId)
    // where we are nowhere, on our way to a new connection, nobody has left us
    if (ours === undefined || place === ours || !wasThere) return
    this.#observers?.forEach((onEvent) => onEvent({ _tag: "UserDisconnected", userId }))
  }

  onEvent(event: Gateway.GatewayEvent): void {
    switch (event._tag) {
      case "VoiceState": {
        const { channel_id: place, user_id: userId } = event.state
        const isKept = this.#seen !== undefined && place !== null
        return this.#onPlace(
          userId,
          place,
          isKept ? Occupant.of(event.state, place, this.#seen.get(userId)) : undefined
        )
      }
      case "Occupant":
        return this.#onPlace(event.userId, event.occupant?.channelId ?? null, event.occupant)
      case "Detached":
        this.#forget()
        return this.#look?.()
    }
  }

  onOccupants(): void {
    this.#gone = undefined
    this.#look?.()
  }

  onLifecycle(lifecycle: Gateway.Lifecycle): void {
    // what happened in between is told by nobody. All who are there are told anew: nobody has changed meanwhile
    if (lifecycle === "NewSession") this.#forget()
  }

  onEnd(): void {
    this.#isOver = true
    this.#forget()
    this.#look?.()
  }

  /** What the voice gateway tells. */
  onHappening(event: Hub.Happening): void {
    switch (event._tag) {
      case "Announced":
      case "Speaking":
      case "Described":
        return this.#settled(event.userId)
      case "UserDisconnected":
        return this.#settled(event.userId, true)
      case "UsersConnected":
        return event.userIds.forEach((userId) => this.#settled(userId))
      case "Moved":
        return this.#look?.()
    }
  }

  onConnection(): void {
    // it has told of all whom it knows: they are not among these. That the others have left it will not tell either
    for (const userId of this.#later ?? []) {
      if (this.#others().get(userId)?.channelId !== this.#here()) this.#later?.delete(userId)
    }
    this.#look?.()
  }

  read(reader: Hub.Reader): Effect.Effect<void, never, Scope.Scope> {
    return this.#options.conduit.read(reader)
  }

  get reread(): Effect.Effect<void> {
    return this.#options.conduit.reread
  }

  occupant(userId: UserId): Occupant.Occupant | undefined {
    return this.#others().get(userId)
  }

  client(userId: UserId): Client | undefined {
    return this.#options.conduit.clients().get(userId)
  }

  watch(look: Look | undefined): void {
    this.#look = look
  }

  observe(observer: Parameters<Hub.Intake["observe"]>[0]): Effect.Effect<void, never, Scope.Scope> {
    const onEvent = (event: Hub.Happening): void => observer.onEvent(event)
    return Effect.andThen(
      this.#options.conduit.observe(observer),
      during(() => {
        this.#observers ??= new Set()
        this.#observers.add(onEvent)
        return () => this.#observers?.delete(onEvent)
      })
    )
  }
}

/**
 * Follows both gateways until the scope closes. Whoever leaves by what the main gateway says is told of as by the voice gateway,
 * which may say it once more.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Presence, never, Scope.Scope> {
  const presence = new Joined(options)
  yield* options.gateway.userId.pipe(
    Effect.map((userId) => {
      presence.ownId = userId
    }),
    // a gateway that does not know us ends the session by itself
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  yield* GuildEvents.listen(options.gateway, options.guildId, presence)
  yield* options.conduit.observe({
    onEvent: (event) => presence.onHappening(event),
    onConnection: () => presence.onConnection(),
    onOver: () => {}
  })
  return presence
})
