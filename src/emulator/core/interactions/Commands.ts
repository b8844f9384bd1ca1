/**
 * The application commands that bots register at login (Discord docs, Application Commands): stored and returned.
 *
 * @since 0.1.0
 */
import * as Body from "../http/Body.ts"
import { badLength, noChoice, ofText, type Problem } from "../http/FormProblems.ts"
import type { Json } from "../objects/DiscordObject.ts"
import * as CommandForm from "./CommandForm.ts"

/**
 * Where commands are registered: globally, or in one guild.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scope {
  readonly applicationId: string
  readonly guildId: string | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Commands {
  readonly list: (scope: Scope) => ReadonlyArray<Json>
  /**
   * Adds a command, or replaces the one with its name and type; `undefined` if it has no name, an unknown type, or, in a
   * context menu, a description or options.
   */
  readonly put: (scope: Scope, command: unknown) => Json | undefined
  /** Replaces all commands, keeping the ids of existing ones; `undefined`, and no change, if one could not be `put`. */
  readonly replace: (scope: Scope, commands: ReadonlyArray<unknown>) => ReadonlyArray<Json> | undefined
  /** Replaces the command with this id; `undefined`, and no change, if that could not be `put`. */
  readonly change: (scope: Scope, id: string, command: Json) => Json | undefined
  /** Removes a command. Returns whether there was one with this id. */
  readonly remove: (scope: Scope, id: string | undefined) => boolean
}

const keyOf = ({ name, type = 1 }: Json): string => `${String(type)}/${String(name)}`

/** A slash command, the menus of a user and of a message, and an activity (Discord docs, Application Command Types). */
const types: ReadonlySet<unknown> = new Set([1, 2, 3, 4])

const menus: ReadonlySet<unknown> = new Set([2, 3])

/** Discord's schema allows everything but the name to be `null`, which means the same as leaving it out. */
const withoutNulls = (command: unknown): Json =>
  typeof command === "object" && command !== null
    ? Object.fromEntries(Object.entries(command).filter(([, value]) => value !== null))
    : {}

const noPermissions = (path: string): Problem => ({
  path: `${path}default_member_permissions`,
  code: "PERMISSIONS_TYPE_CONVERT",
  message: "Permissions must be a number in a string."
})

/**
 * What is wrong with a command; `path` precedes the names of its fields, with a dot.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemsOf = (path: string, command: unknown): ReadonlyArray<Problem> => {
  const { default_member_permissions: permissions, description = "", name, options, type = 1 } = withoutNulls(command)
  const isMenu = menus.has(type)
  return [
    ...(type === 1
      ? CommandForm.problemsOf(path, { name, description, options })
      : ofText(`${path}name`, typeof name === "string" ? name : null, { least: 1, most: 32, isRequired: true })),
    ...(types.has(type) ? [] : [noChoice(`${path}type`, types)]),
    ...(permissions === undefined || /^\d{1,20}$/.test(String(permissions)) ? [] : [noPermissions(path)]),
    ...(isMenu && description !== "" ? [badLength(`${path}description`, 0)] : []),
    ...(isMenu && Body.itemsOf(options).length > 0 ? [badLength(`${path}options`, 0)] : [])
  ]
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (nextId: () => string): Commands => {
  const registered = new Map<string, Map<string, Json>>()

  const commandsOf = ({ applicationId, guildId = "" }: Scope): Map<string, Json> =>
    registered.get(`${applicationId}/${guildId}`) ?? new Map<string, Json>()

  const keep = ({ applicationId, guildId = "" }: Scope, commands: Map<string, Json>) =>
    registered.set(`${applicationId}/${guildId}`, commands)

  const read = ({ applicationId, guildId }: Scope, command: unknown, known: Map<string, Json>): Json | undefined => {
    const given = withoutNulls(command)
    if (problemsOf("", command).length > 0) return undefined
    const { default_member_permissions: needed } = given
    return {
      type: 1,
      description: "",
      name_localizations: null,
      description_localizations: null,
      default_member_permissions: null,
      nsfw: false,
      contexts: null,
      integration_types: [0],
      ...given,
      // some libraries write a number
      ...(needed === undefined ? {} : { default_member_permissions: String(needed) }),
      id: known.get(keyOf(given))?.["id"] ?? nextId(),
      application_id: applicationId,
      version: nextId(),
      ...(guildId === undefined ? { dm_permission: given["dm_permission"] ?? true } : { guild_id: guildId })
    }
  }

  return {
    list: (scope) => Array.from(commandsOf(scope).values()),
    put: (scope, command) => {
      const commands = commandsOf(scope)
      const one = read(scope, command, commands)
      if (one !== undefined) keep(scope, commands.set(keyOf(one), one))
      return one
    },
    replace: (scope, items) => {
      const known = commandsOf(scope)
      const commands = new Map<string, Json>()
      for (const item of items) {
        const one = read(scope, item, known)
        if (one === undefined) return undefined
        commands.set(keyOf(one), one)
      }
      keep(scope, commands)
      return Array.from(commands.values())
    },
    change: (scope, id, command) => {
      const commands = commandsOf(scope)
      const one = read(scope, command, commands)
      if (one === undefined) return undefined
      const changed = { ...one, id }
      for (const [key, before] of commands) if (before["id"] === id) commands.delete(key)
      keep(scope, commands.set(keyOf(changed), changed))
      return changed
    },
    remove: (scope, id) => {
      const commands = commandsOf(scope)
      for (const [key, command] of commands) if (command["id"] === id) return commands.delete(key)
      return false
    }
  }
}
