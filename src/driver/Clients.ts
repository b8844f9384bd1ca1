/**
 * Who else is in the channel of a connection, and what the voice gateway tells of the clients that they use.
 *
 * @since 0.1.0
 */
import type { UserId } from "../protocol/Identifier.ts"
import type * as Line from "./Line.ts"

/**
 * What the voice gateway has told of a client, in the wire's numbers. Discord documents none of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Client {
  /** Op 18. `VoicePayload.ClientFlag` has the bits. */
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
  /** As they are at any moment: the map changes. */
  readonly all: ReadonlyMap<UserId, Client>
}

/** Bounds what a server can make us remember, beyond the listeners of any stage: who was told of first goes. */
const mostClients = 100_000

/** Of most of those who come nothing is known at first. */
const unknown: Client = {}

type Described = Extract<Line.Event, { readonly _tag: "Described" }>

/** The newer of two words; null takes the older one back. */
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
        // it may come before anything else is said of who it is
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
 * Nobody yet. `self` is never one of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (self: UserId): Clients => new Others(self)
