/**
 * The other users in the channel of a connection, and what the voice gateway reports about their clients.
 *
 * @since 0.1.0
 */
import type { UserId } from "../protocol/Identifier.ts"
import type * as Line from "./Line.ts"

/**
 * What the voice gateway has reported about a client, in the numbers of the wire. Discord documents none of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Client {
  /** Op 18. The bits are in `VoicePayload.ClientFlag`. */
  readonly flags?: number
  /** Op 20: 0 desktop, 1 mobile, 2 Xbox, 3 PlayStation. */
  readonly platform?: number
  /** Op 12: whether it sends video. */
  readonly video?: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Clients {
  readonly onEvent: (event: Line.Event) => void
  /** The current clients: the map changes over time. */
  readonly all: ReadonlyMap<UserId, Client>
}

/** Limits what a server can make us remember, to more than the listeners of any stage. The oldest user is dropped first. */
const mostClients = 100_000

/** Initially nothing is known about most of the clients. */
const unknown: Client = {}

type Described = Extract<Line.Event, { readonly _tag: "Described" }>

/** The newer of two values; null removes the older one. */
const newer = <A>(former: A | undefined, told: A | null | undefined): A | undefined =>
  told === null ? undefined : told ?? former

const described = (former: Client, told: Described): Client => {
  const flags = newer(former.flags, told.flags)
  const platform = newer(former.platform, told.platform)
  const video = newer(former.video, told.video)
  return {
    ...(flags === undefined ? {} : { flags }),
    ...(platform === undefined ? {} : { platform }),
    ...(video === undefined ? {} : { video })
  }
}

class Others implements Clients {
  readonly #self: UserId
  readonly all = new Map<UserId, Client>()

  constructor(self: UserId) {
    this.#self = self
  }

  onEvent(event: Line.Event): void {
    switch (event._tag) {
      case "Announced":
      case "Speaking":
        return this.#add(event.userId)
      case "UsersConnected":
        return event.userIds.forEach((userId) => this.#add(userId))
      case "UserDisconnected":
        return void this.all.delete(event.userId)
      case "Described":
        // it may come before anything else is known about the user
        if (event.userId !== this.#self) {
          this.#set(event.userId, described(this.all.get(event.userId) ?? unknown, event))
        }
    }
  }

  #add(userId: UserId): void {
    if (userId !== this.#self && !this.all.has(userId)) this.#set(userId, unknown)
  }

  #set(userId: UserId, client: Client): void {
    this.all.set(userId, client)
    if (this.all.size <= mostClients) return
    for (const first of this.all.keys()) {
      this.all.delete(first)
      break
    }
  }
}

/**
 * Makes an empty list. `self` never appears in it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (self: UserId): Clients => new Others(self)
