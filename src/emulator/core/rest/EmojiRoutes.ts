/**
 * Emoji of guilds and of applications, over REST (Discord docs, Resources, Emoji). Their images are not kept.
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import type { AuditLog, Deed } from "../guilds/AuditLog.ts"
import { invalidForm, ofText, type Problem, required } from "../http/FormProblems.ts"
import { error, missingAccess, missingPermissions, nothing, ok, type RestResponse } from "../http/RestAnswer.ts"
import type { Json } from "../objects/DiscordObject.ts"
import * as EmojiObject from "../objects/EmojiObject.ts"
import * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"
import * as RestRoute from "./RestRoute.ts"

/** The maximum number in a guild without boosts, with as many animated ones, and in an application. */
const most = { guild: 50, application: 2_000 } as const

const unknownEmoji = error(404, 10014, "Unknown Emoji")
const tooMany = (limit: number) => error(400, 30008, `Maximum number of emojis reached (${limit})`)
const tooManyAnimated = (limit: number) => error(400, 30018, `Maximum number of animated emojis reached (${limit})`)

/** discord.js declares "jpg" for all of them. */
const picture = /^data:image\/(png|jpe?g|gif|webp|avif);base64,/

const problemsOf = ({ image, name }: Json, isNew: boolean): ReadonlyArray<Problem> => [
  ...ofText("name", name, { least: 2, most: 32, isRequired: isNew }),
  ...(typeof name === "string" && !/^\w*$/.test(name)
    ? [{ path: "name", code: "STRING_TYPE_REGEX", message: "String value did not match validation regex." }]
    : []),
  ...(isNew && (image === undefined || image === null) ? [required("image")] : []),
  ...(image !== undefined && image !== null && !(typeof image === "string" && picture.test(image))
    ? [{ path: "image", code: "IMAGE_INVALID", message: "Invalid image data" }]
    : [])
]

/** The owner of emoji, and what the caller may do with them. */
interface Place {
  readonly emojis: Map<string, World.Emoji>
  /** The answer if there is no room for another one. */
  readonly full: (isAnimated: boolean) => RestResponse | undefined
  readonly mayCreate: boolean
  readonly mayManage: boolean
  readonly changed: (deed: Deed) => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "broadcast">,
  audit: Pick<AuditLog, "write">,
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) => RestResponse
): ReadonlyArray<RestRoute.Route> => {
  type InPlace = (call: RestRoute.Call, f: (place: Place) => RestResponse) => RestResponse

  const emojisOf = (owner: string) => {
    const emojis = world.emojis.get(owner) ?? new Map<string, World.Emoji>()
    world.emojis.set(owner, emojis)
    return emojis
  }

  const ofGuild: InPlace = (call, f) =>
    inGuild(call, (guild, me) => {
      const mine = Permissions.inGuild(guild, me)
      const mayManage = Permissions.has(mine, "MANAGE_GUILD_EXPRESSIONS")
      const emojis = emojisOf(guild.id)
      return f({
        emojis,
        full: (isAnimated) => {
          const alike = Array.from(emojis.values()).filter((one) => one.isAnimated === isAnimated)
          if (alike.length < most.guild) return undefined
          return isAnimated ? tooManyAnimated(most.guild) : tooMany(most.guild)
        },
        mayCreate: Permissions.has(mine, "CREATE_GUILD_EXPRESSIONS"),
        mayManage,
        changed: (deed) => {
          gateway.broadcast(guild.id, Intents.GuildExpressions, "GUILD_EMOJIS_UPDATE", {
            guild_id: guild.id,
            emojis: EmojiObject.all(world, guild.id)
          })
          audit.write(guild.id, deed)
        }
      })
    })

  const ofApplication: InPlace = (call, f) => {
    if (call.ids[0] !== call.user.id) return missingAccess
    const emojis = emojisOf(call.user.id)
    return f({
      emojis,
      full: () => emojis.size < most.application ? undefined : tooMany(most.application),
      mayCreate: true,
      mayManage: true,
      changed: () => {}
    })
  }

  const routesOf = (path: string, inPlace: InPlace, list: (emojis: ReadonlyArray<Json>) => unknown) => {
    const inEmoji = (call: RestRoute.Call, f: (emoji: World.Emoji, place: Place) => RestResponse) =>
      inPlace(call, (place) => {
        const emoji = place.emojis.get(call.ids[1] ?? "")
        return emoji === undefined ? unknownEmoji : f(emoji, place)
      })

    /** The creator of an emoji and everybody who manages emoji may change it. */
    const inOwn = (call: RestRoute.Call, f: (emoji: World.Emoji, place: Place) => RestResponse) =>
      inEmoji(call, (emoji, place) => {
        const may = place.mayManage || (place.mayCreate && emoji.creator === call.user)
        return may ? f(emoji, place) : missingPermissions
      })

    const create = (call: RestRoute.Call) =>
      inPlace(call, (place) => {
        if (!place.mayCreate) return missingPermissions
        const problems = problemsOf(call.body, true)
        if (problems.length > 0) return invalidForm(...problems)
        const { image, name } = call.body
        const isAnimated = String(image).startsWith("data:image/gif")
        const refusal = place.full(isAnimated)
        if (refusal !== undefined) return refusal
        const emoji: World.Emoji = { id: world.nextId(), name: String(name), isAnimated, creator: call.user }
        place.emojis.set(emoji.id, emoji)
        place.changed({ action: "EMOJI_CREATE", targetId: emoji.id, after: { name: emoji.name } })
        return { status: 201, body: EmojiObject.json(emoji) }
      })

    const modify = (call: RestRoute.Call) =>
      inOwn(call, (emoji, place) => {
        const problems = problemsOf(call.body, false)
        if (problems.length > 0) return invalidForm(...problems)
        const before = { name: emoji.name }
        emoji.name = typeof call.body["name"] === "string" ? call.body["name"] : emoji.name
        place.changed({ action: "EMOJI_UPDATE", targetId: emoji.id, before, after: { name: emoji.name } })
        return ok(EmojiObject.json(emoji))
      })

    const remove = (call: RestRoute.Call) =>
      inOwn(call, (emoji, place) => {
        place.emojis.delete(emoji.id)
        place.changed({ action: "EMOJI_DELETE", targetId: emoji.id, before: { name: emoji.name } })
        return nothing
      })

    return [
      RestRoute.make(
        "GET",
        path,
        (call) => inPlace(call, ({ emojis }) => ok(list(Array.from(emojis.values(), EmojiObject.json))))
      ),
      RestRoute.make("POST", path, create),
      RestRoute.make("GET", `${path}/:`, (call) => inEmoji(call, (emoji) => ok(EmojiObject.json(emoji)))),
      RestRoute.make("PATCH", `${path}/:`, modify),
      RestRoute.make("DELETE", `${path}/:`, remove)
    ]
  }

  return [
    ...routesOf("/guilds/:/emojis", ofGuild, (emojis) => emojis),
    ...routesOf("/applications/:/emojis", ofApplication, (items) => ({ items }))
  ]
}
