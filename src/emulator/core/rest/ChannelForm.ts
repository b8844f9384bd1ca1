/**
 * The properties of a channel that a bot creates or changes (Discord docs, Resources, Channel: Modify Channel, and Guild:
 * Create Guild Channel). Fields without an effect here are ignored.
 *
 * @since 0.1.0
 */
import * as Body from "../http/Body.ts"
import { invalidForm, noChoice, ofInteger, ofText, type Problem, required } from "../http/FormProblems.ts"
import { error, missingPermissions, type RestResponse } from "../http/RestAnswer.ts"
import type { Json } from "../objects/DiscordObject.ts"
import * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"

const kinds = new Map<unknown, World.ChannelKind>([[0, "text"], [2, "voice"], [4, "category"], [13, "stage"]])

/**
 * The kind of channel to create; `undefined` for one that is not modeled.
 *
 * @category getters
 * @since 0.1.0
 */
export const kindOf = ({ type }: Json): World.ChannelKind | undefined => kinds.get(type ?? 0)

/**
 * @category constants
 * @since 0.1.0
 */
export const wrongType: Problem = noChoice("type", kinds.keys())

/** The limits without boosts: bits per second, members, channels of a category. */
const bitrates = { voice: 96_000, stage: 64_000 } as const
const limits = { voice: 99, stage: 10_000 } as const
const mostInCategory = 50

const unknownOverwrite = error(404, 10009, "Unknown Overwrite")

/**
 * The new properties. A property that is left out keeps its value. `null` means none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change {
  readonly name?: string
  readonly bitrate?: number
  readonly userLimit?: number
  readonly position?: number
  readonly topic?: string | null
  readonly region?: string | null
  readonly parent?: World.Channel | null
  readonly overwrites?: Map<string, Permissions.Overwrite>
}

/** People write the names of text channels in lower case and without spaces, even if a bot does not. */
const nameOf = (name: string, kind: World.Channel["kind"]) =>
  kind === "text" ? name.trim().toLowerCase().replace(/\s+/g, "-") : name.trim()

const parentProblem = (code: string, message: string): Problem => ({ path: "parent_id", code, message })

const parentOf = (guild: World.Guild, value: unknown, before: string | undefined): World.Channel | Problem => {
  const id = Body.idOf(value)
  const parent = Array.from(guild.channels.values()).find((one) => one.id === id)
  if (parent === undefined) return parentProblem("CHANNEL_PARENT_INVALID", "Category does not exist")
  if (parent.kind !== "category") return parentProblem("CHANNEL_PARENT_INVALID_TYPE", "Not a category")
  const inside = Array.from(guild.channels.values()).filter(({ parentId }) => parentId === parent.id).length
  return parent.id !== before && inside >= mostInCategory
    ? parentProblem("CHANNEL_PARENT_MAX_CHANNELS", `Maximum number of channels in category reached (${mostInCategory})`)
    : parent
}

/**
 * The permissions in a field, which is a string of digits or a number; `undefined` for anything else.
 *
 * @category codecs
 * @since 0.1.0
 */
export const bitsOf = (value: unknown): bigint | undefined => {
  if (value === undefined || value === null) return 0n
  const text = Body.idOf(value)
  return text !== undefined && /^\d{1,20}$/.test(text) ? BigInt(text) : undefined
}

/**
 * The permissions of a role or a member in a channel, or why they cannot be set. `mine` are those of the caller: nobody can
 * grant or deny what it does not have, and only an administrator MANAGE_ROLES (Discord docs, Edit Channel Permissions).
 *
 * @category codecs
 * @since 0.1.0
 */
export const readOverwrite = (
  world: World.World,
  guild: World.Guild,
  { id, mine, before }: {
    readonly id: string | undefined
    readonly mine: bigint
    readonly before: Permissions.Overwrite | undefined
  },
  body: Json,
  path = ""
): Permissions.Overwrite | RestResponse => {
  const isRole = id !== undefined && guild.roles.has(id)
  const isUser = Array.from(world.users.values()).some((user) => user.id === id)
  const type = body["type"] ?? (isRole ? 0 : 1)
  if (type !== 0 && type !== 1) return invalidForm(noChoice(`${path}type`, [0, 1]))
  if (type === 0 ? !isRole : !isUser) return unknownOverwrite
  const [allow, deny] = [bitsOf(body["allow"]), bitsOf(body["deny"])]
  const noBits = (field: string) => invalidForm(...ofInteger(`${path}${field}`, String(body[field]), 0, 0))
  if (allow === undefined) return noBits("allow")
  if (deny === undefined) return noBits("deny")
  const changed = (allow ^ (before?.allow ?? 0n)) | (deny ^ (before?.deny ?? 0n))
  const isFree = Permissions.has(mine, "ADMINISTRATOR")
  const isHeld = (changed & ~mine) === 0n && !Permissions.has(changed, "MANAGE_ROLES")
  if (!isFree && !isHeld) return missingPermissions
  return { type: type === 0 ? "role" : "member", allow, deny: deny & ~allow }
}

const readOverwrites = (
  world: World.World,
  guild: World.Guild,
  mine: bigint,
  channel: World.Channel | undefined,
  value: unknown
): Map<string, Permissions.Overwrite> | RestResponse => {
  const all = new Map<string, Permissions.Overwrite>()
  for (const [i, one] of Body.objectsOf(value).entries()) {
    const id = Body.idOf(one["id"])
    const path = `permission_overwrites.${i}.`
    if (id === undefined) return invalidForm(required(`${path}id`))
    const overwrite = readOverwrite(world, guild, { id, mine, before: channel?.overwrites.get(id) }, one, path)
    if ("status" in overwrite) return overwrite
    all.set(id, overwrite)
  }
  return all
}

/**
 * Reads the properties of a channel. `channel` is the one that is changed, if there is one.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (
  world: World.World,
  guild: World.Guild,
  { channel, kind, mine }: {
    readonly channel: World.Channel | undefined
    readonly kind: World.Channel["kind"]
    readonly mine: bigint
  },
  body: Json
): Change | RestResponse => {
  const { bitrate, name, position, rtc_region: region, topic, user_limit: userLimit } = body
  const hasVoice = kind === "voice" || kind === "stage"
  const isRequired = channel === undefined || name !== undefined
  const regions = Array.from(world.servers.values(), (server) => server.region)
  const parentId = body["parent_id"]
  const parent = parentId === undefined || kind === "category"
    ? undefined
    : parentId === null
    ? null
    : parentOf(guild, parentId, channel?.parentId)
  const problems = [
    ...ofText("name", name, { least: 1, most: 100, isRequired }),
    ...(hasVoice ? ofInteger("bitrate", bitrate, 8_000, bitrates[kind]) : []),
    ...(hasVoice ? ofInteger("user_limit", userLimit, 0, limits[kind]) : []),
    ...ofInteger("position", position, 0, 0x7fff_ffff),
    ...ofText("topic", topic, { most: 1024 }),
    ...ofText("rtc_region", region, { most: 100 }),
    ...(typeof region === "string" && !regions.includes(region) ? [noChoice("rtc_region", regions)] : []),
    ...(parent !== null && parent !== undefined && "code" in parent ? [parent] : [])
  ]
  if (problems.length > 0) return invalidForm(...problems)
  const given = body["permission_overwrites"]
  const overwrites = given === undefined || given === null
    ? undefined
    : readOverwrites(world, guild, mine, channel, given)
  if (overwrites !== undefined && "status" in overwrites) return overwrites
  return {
    ...(typeof name === "string" ? { name: nameOf(name, kind) } : {}),
    ...(hasVoice && typeof bitrate === "number" ? { bitrate } : {}),
    ...(hasVoice && typeof userLimit === "number" ? { userLimit } : {}),
    ...(typeof position === "number" ? { position } : {}),
    ...(topic === null || typeof topic === "string" ? { topic } : {}),
    ...(hasVoice && (region === null || typeof region === "string") ? { region } : {}),
    ...(parent === undefined || (parent !== null && "code" in parent) ? {} : { parent }),
    ...(overwrites === undefined ? {} : { overwrites })
  }
}
