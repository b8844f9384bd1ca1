/**
 * Who else is in voice, as reported by the Discord library beneath the gateway.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import * as Callback from "./Callback.ts"
import type * as Hub from "./Hub.ts"
import * as Occupant from "./Occupant.ts"
import type { AdapterOccupants } from "./Options.ts"
import * as Sending from "./Sending.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface HostOccupants {
  /** Absent if the library cannot report changes: its knowledge would soon be outdated. */
  readonly occupants?: Occupant.Occupants
  /** Asks the library again about all guilds that are concerned. */
  readonly renew: (concerns: (guildId: GuildId) => boolean) => Effect.Effect<void>
  /** Forgets a guild that is no longer needed. */
  readonly forget: (guildId: GuildId) => void
}

type Table = Map<UserId, Occupant.Occupant>

const isUserId = Schema.is(UserId)
const isChannelId = Schema.is(ChannelId)
const isGuildId = Schema.is(GuildId)

/** A user that the library reported; without `occupant`, the user is in no channel. */
interface Told {
  readonly userId: UserId
  readonly occupant: Occupant.Occupant | undefined
}

/** Reads a report. A library in plain JavaScript may pass anything, including objects that throw when they are read. */
const read = (told: unknown, table: Table | undefined): Told | undefined => {
  if (typeof told !== "object" || told === null) return undefined
  const field = (name: keyof Occupant.Flags | "userId" | "channelId" | "bot" | "name"): unknown =>
    Reflect.get(told, name)
  const [userId, channelId, bot, name] = [field("userId"), field("channelId") ?? null, field("bot"), field("name")]
  if (!isUserId(userId)) return undefined
  if (channelId === null) return { userId, occupant: undefined }
  if (!isChannelId(channelId)) return undefined
  const former = table?.get(userId)
  const flags = Occupant.flags({
    selfMute: field("selfMute") === true,
    selfDeaf: field("selfDeaf") === true,
    mute: field("mute") === true,
    deaf: field("deaf") === true,
    suppress: field("suppress") === true,
    video: field("video") === true,
    streaming: field("streaming") === true
  })
  return {
    userId,
    occupant: {
      channelId,
      flags,
      // the library may have forgotten the user's details
      bot: typeof bot === "boolean" ? bot : former?.bot,
      name: typeof name === "string" && name !== "" ? name : former?.name
    }
  }
}

const none: HostOccupants = { renew: () => Effect.void, forget: () => {} }

/**
 * Listens to the library until the scope closes. Data of a guild is kept from the first request for it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  host: AdapterOccupants | undefined,
  hub: Pick<Hub.Hub, "publish" | "self">,
  run: Callback.Run
): Effect.fn.Return<HostOccupants, never, Scope.Scope> {
  if (host === undefined) return none
  const tables = new Map<GuildId, Table>()
  const watchers = new Set<(guildId: GuildId) => void>()

  const hasThrown = (what: string) => `The gateway's option \`occupants\` threw in ${what}`

  const malformed = (what: string) => Effect.logWarning(`The gateway's option \`occupants\` reported ${what}`)

  /** Asks the library. If it does not know the guild, earlier data may be outdated. */
  const ask = (guildId: GuildId): Table => {
    const former = tables.get(guildId)
    const table: Table = new Map()
    tables.set(guildId, table)
    let unread = 0
    try {
      for (const one of host.of(guildId) ?? []) {
        const told = read(one, former)
        if (told === undefined) unread++
        else if (told.occupant !== undefined) table.set(told.userId, told.occupant)
      }
      if (unread > 0) run(malformed(`${unread} occupants of guild ${guildId} with a malformed userId or channelId`))
    } catch (thrown) {
      table.clear()
      run(Effect.logWarning(`${hasThrown("of")}: ${Sending.describe(thrown)}`))
    }
    return table
  }

  const renew = (guildId: GuildId): void => {
    if (tables.has(guildId)) ask(guildId)
    for (const look of watchers) look(guildId)
  }

  const hear = (guildId: unknown, one: unknown): Effect.Effect<void> => {
    if (!isGuildId(guildId)) return malformed(`${String(guildId)}, which is not a guild id`)
    if (one === undefined) return Effect.sync(() => renew(guildId))
    const table = tables.get(guildId)
    const told = read(one, table)
    if (told === undefined) return malformed(`an occupant of guild ${guildId} with a malformed userId or channelId`)
    const { occupant, userId } = told
    if (userId === hub.self()) return Effect.void
    // before listeners are told
    if (occupant === undefined) table?.delete(userId)
    else table?.set(userId, occupant)
    return hub.publish({ _tag: "Occupant", guildId, userId, occupant })
  }

  const isWatching = yield* Callback.listen(
    () => host.watch((guildId, one) => run(Effect.suspend(() => hear(guildId, one)))),
    { begin: hasThrown("watch"), end: hasThrown("the function returned by watch") }
  )
  if (!isWatching) return none

  return {
    occupants: {
      of: (guildId) => {
        const table = tables.get(guildId) ?? ask(guildId)
        const self = hub.self()
        if (self !== undefined) table.delete(self)
        return table
      },
      watch: (look) => {
        watchers.add(look)
        return () => void watchers.delete(look)
      }
    },
    renew: (concerns) =>
      Effect.sync(() => {
        for (const guildId of Array.from(tables.keys())) if (concerns(guildId)) renew(guildId)
      }),
    forget: (guildId) => void tables.delete(guildId)
  }
})
