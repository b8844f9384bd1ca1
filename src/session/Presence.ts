/**
 * Who else is in the bot's channel, according to both gateways. The voice gateway reports this in ops 5, 11, 12, 13, 18 and
 * 20. The main gateway reports who is there at first, if it can, and then the voice state of everyone who joins, leaves or
 * changes. If the two differ about a user, the later report counts.
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
  /** Where the bot is; `null` and `undefined` are nowhere. */
  readonly channelId: () => ChannelId | null | undefined
  /** What is received, with members according to the voice gateway. */
  readonly conduit: Pick<Conduit.Conduit, "read" | "reread" | "clients"> & {
    readonly observe: Hub.Intake["observe"]
  }
}

/**
 * Called with the user that may have changed; without one, everyone may have.
 *
 * @category models
 * @since 0.1.0
 */
export type Look = (userId?: UserId) => void

/**
 * What a session receives, with its members according to both gateways.
 *
 * @category models
 * @since 0.1.0
 */
export interface Presence extends Hub.Intake {
  readonly has: (userId: UserId) => boolean
  /** What the main gateway knows about a user, in whatever channel. */
  readonly occupant: (userId: UserId) => Occupant.Occupant | undefined
  /** What the voice gateway reports about a user's client. */
  readonly client: (userId: UserId) => Client | undefined
  /** Sets the one watcher, or removes it. Plain code. */
  readonly watch: (look: Look | undefined) => void
}

const nobody: ReadonlyMap<UserId, Occupant.Occupant> = new Map()

class Joined implements Presence, GuildEvents.Listener {
  readonly #options: Options
  /** Users in the channel, or reported by the voice gateway, about whom the main gateway has spoken since. */
  #later: Set<UserId> | undefined
  /**
   * Users who have left this channel according to the voice gateway, and about whom the main gateway has not spoken since.
   * Few sessions have any.
   */
  #gone: Map<UserId, ChannelId> | undefined
  /** What was reported about users by a gateway that keeps no list of them. */
  readonly #seen: Map<UserId, Occupant.Occupant> | undefined
  #observers: Set<(event: Hub.Happening) => void> | undefined
  #isOver = false
  #look: Look | undefined
  /** The bot's id, as soon as the gateway knows it. A gateway that does not ends the session. */
  ownId: UserId | undefined

  constructor(options: Options) {
    this.#options = options
    this.#seen = options.gateway.occupants === undefined ? new Map() : undefined
  }

  /** The users as the main gateway has them, which may be ahead of what it has reported. */
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
    // while the bot is nowhere, those who were there last are shown
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

  /** The voice gateway has reported about a user. */
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

  /** `occupant` is how the user is shown there, if that is to be kept. */
  #onPlace(userId: UserId, place: ChannelId | null, occupant: Occupant.Occupant | undefined): void {
    // the bot may be in another channel than before
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
    // while the bot is nowhere, on its way to a new connection, nobody has left it
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
    // nobody reports what happened in between. If everyone there was reported again, nobody has changed in the meantime
    if (lifecycle === "NewSession") this.#forget()
  }

  onEnd(): void {
    this.#isOver = true
    this.#forget()
    this.#look?.()
  }

  /** Processes events of the voice gateway. */
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
    // it has reported everyone it knows: these are not among them. It will not report that the others have left either
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
 * Follows both gateways until the scope closes. A user who leaves according to the main gateway is reported as the voice
 * gateway would, which may report it once more.
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
    // a gateway that does not know the bot's id ends the session
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
