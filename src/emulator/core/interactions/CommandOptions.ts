/**
 * The options of a slash command as Discord sends them (Discord docs, Application Commands, Application Command Interaction
 * Data Option Structure): with the type that the bot has registered, or else the one that the value suggests.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import * as Body from "../http/Body.ts"
import type * as Attachments from "../messages/Attachments.ts"
import type { SentFile } from "../messages/Sent.ts"
import * as Writers from "../messages/Writers.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import type * as DiscordObject from "../objects/DiscordObject.ts"
import type * as World from "../World.ts"
import * as Resolved from "./Resolved.ts"

type Json = DiscordObject.Json

/**
 * What a user types: values by name. Users, channels and roles are their ids.
 *
 * @category models
 * @since 0.1.0
 */
export type Values = Readonly<Record<string, Value>>

type Value = string | number | boolean | SentFile

/**
 * The options of an interaction, with the users and channels that they refer to, or why Discord's client would not send them.
 *
 * @category models
 * @since 0.1.0
 */
export type Filled =
  | { readonly options: ReadonlyArray<Json>; readonly resolved: Json | undefined }
  | { readonly problem: string }

const types = {
  subcommand: 1,
  group: 2,
  string: 3,
  integer: 4,
  boolean: 5,
  user: 6,
  channel: 7,
  role: 8,
  mentionable: 9,
  number: 10,
  file: 11
} as const

const guessed = (value: Value): number => {
  if (typeof value === "object") return types.file
  if (typeof value === "string") return types.string
  if (typeof value === "boolean") return types.boolean
  return Number.isInteger(value) ? types.integer : types.number
}

const fits = (type: unknown, value: Value): boolean => {
  switch (type) {
    case types.integer:
      return typeof value === "number" && Number.isInteger(value)
    case types.number:
      return Number.isFinite(value)
    case types.file:
      return typeof value === "object"
    case types.boolean:
      return typeof value === "boolean"
    default:
      return typeof value === "string"
  }
}

const typeNames = new Map<unknown, string>([
  [types.integer, "a whole number"],
  [types.number, "a number"],
  [types.boolean, "true or false"],
  [types.file, "a file"]
])

const resolvedAs = new Map<unknown, Resolved.Kind>([
  [types.user, "user"],
  [types.channel, "channel"],
  [types.role, "role"],
  [types.mentionable, "mentionable"]
])

/**
 * The requirement that a value violates, according to the limits of its registered option (Discord docs, Application Command
 * Option Structure).
 */
const outsideOf = (option: Json, value: unknown): string | undefined => {
  const [measured, of, verb, unit] = typeof value === "string"
    ? [value.length, "length", "have", " characters"]
    : [value, "value", "be", ""]
  if (typeof measured !== "number") return undefined
  const { [`max_${of}`]: most, [`min_${of}`]: least } = option
  if (typeof least === "number" && measured < least) return `${verb} at least ${least}${unit}`
  return typeof most === "number" && measured > most ? `${verb} at most ${most}${unit}` : undefined
}

/**
 * Fills in a command. `path` is its name, including group and subcommand; `registered` is the command as the bot has registered
 * it, if it has. With `focused`, the option that is being typed, the command is incomplete: that option is the text so far,
 * whatever its type, and others may be missing. `keep` stores files that are sent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fill = (
  world: World.World,
  guild: World.Guild | undefined,
  userId: UserId,
  path: ReadonlyArray<string>,
  values: Values,
  registered: Json | undefined,
  keep: (files: ReadonlyArray<SentFile>) => ReadonlyArray<Attachments.Attachment>,
  focused?: string
): Filled => {
  const resolved = Resolved.make(world, guild, userId)

  // Down to the subcommand that is called.
  let declared = registered
  for (const [depth, name] of path.entries()) {
    if (depth === 0 || declared === undefined) continue
    const next: Json | undefined = Body.objectsOf(declared["options"]).find((option) =>
      option["name"] === name && (option["type"] === types.subcommand || option["type"] === types.group)
    )
    if (next === undefined) return { problem: `it has no subcommand "${name}"` }
    declared = next
  }
  const known = declared === undefined ? undefined : Body.objectsOf(declared["options"])
  if (known?.some((option) => option["type"] === types.subcommand || option["type"] === types.group) === true) {
    return { problem: "it has subcommands, but none was given" }
  }
  for (const option of known ?? []) {
    const { name, required } = option
    if (focused === undefined && required === true && typeof name === "string" && !Object.hasOwn(values, name)) {
      return { problem: `its option "${name}" is missing` }
    }
  }

  const given: Array<Json> = []
  for (const [name, value] of Object.entries(values)) {
    const option = known?.find((one) => one["name"] === name)
    if (known !== undefined && option === undefined) return { problem: `it has no option "${name}"` }
    const type = option?.["type"] ?? guessed(value)
    if (name === focused && typeof value !== "object") {
      if (option !== undefined && option["autocomplete"] !== true) {
        return { problem: `its option "${name}" was registered without autocomplete` }
      }
      given.push({ name, type, value: String(value), focused: true })
      continue
    }
    if (!fits(type, value)) return { problem: `its option "${name}" must be ${typeNames.get(type) ?? "a string"}` }
    const choices = Body.objectsOf(option?.["choices"])
    if (choices.length > 0 && !choices.some((choice) => choice["value"] === value)) {
      return { problem: `its option "${name}" has no choice ${JSON.stringify(value)}` }
    }
    const outside = option === undefined ? undefined : outsideOf(option, value)
    if (outside !== undefined) return { problem: `its option "${name}" must ${outside}` }
    const kind = resolvedAs.get(type)
    const problem = kind === undefined ? undefined : resolved.add(kind, String(value))
    if (problem !== undefined) return { problem }
    const channelTypes = Body.itemsOf(option?.["channel_types"])
    if (type === types.channel && channelTypes.length > 0) {
      const channel = Array.from(world.channels.values()).find(({ id }) => id === value)
      if (channel !== undefined && !channelTypes.includes(ChannelObject.typeOf(channel))) {
        return { problem: `its option "${name}" does not accept a channel of that type` }
      }
    }
    if (typeof value === "object") {
      const tooLarge = Writers.problemOfFile(value)
      if (tooLarge !== undefined) return { problem: tooLarge }
      for (const file of keep([value])) {
        resolved.addFile(file)
        given.push({ name, type, value: file.id })
      }
    } else given.push({ name, type, value })
  }

  let options: ReadonlyArray<Json> = given
  for (let depth = path.length - 1; depth > 0; depth--) {
    const type = depth === 1 && path.length === 3 ? types.group : types.subcommand
    options = [{ name: path[depth], type, options }]
  }
  // the ids are not resolved yet
  return { options, resolved: focused === undefined ? resolved.json() : undefined }
}
