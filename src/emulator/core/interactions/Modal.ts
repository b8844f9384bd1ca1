/**
 * A form that a bot shows a user, and how it is filled in (Discord docs, Receiving and Responding: Modal, Modal Submit Data
 * Structure, Component Interaction Response Structures).
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import * as Body from "../http/Body.ts"
import { badLength, noObject, ofText, type Problem, required, wrongType } from "../http/FormProblems.ts"
import type * as Attachments from "../messages/Attachments.ts"
import type { SentFile } from "../messages/Sent.ts"
import * as Writers from "../messages/Writers.ts"
import type { Json } from "../objects/DiscordObject.ts"
import type * as World from "../World.ts"
import * as Resolved from "./Resolved.ts"

/**
 * A form that a bot shows a user.
 *
 * @category models
 * @since 0.1.0
 */
export interface Modal {
  readonly customId: string
  readonly title: string
  /** Discord's objects: rows with a text input, labels with any input, and texts. */
  readonly components: ReadonlyArray<Json>
}

/**
 * What a user fills in, by the `custom_id` of the input. Text inputs and groups of radio buttons take a string, checkboxes a
 * boolean, all others an array; users, channels and roles are their ids. Inputs that are left out keep what the bot has filled
 * in.
 *
 * @category models
 * @since 0.1.0
 */
export type Values = Readonly<Record<string, string | boolean | ReadonlyArray<string | SentFile>>>

/** Stores files that are sent. */
type Keep = (files: ReadonlyArray<SentFile>) => ReadonlyArray<Attachments.Attachment>

/**
 * The filled-in form as Discord sends it, or the reason why Discord's client would not send it.
 *
 * @category models
 * @since 0.1.0
 */
export type Filled =
  | { readonly components: ReadonlyArray<Json>; readonly resolved: Json | undefined }
  | { readonly problem: string }

/** Discord docs, Component Types. */
const types = {
  row: 1,
  select: 3,
  text: 4,
  paragraph: 10,
  label: 18,
  files: 19,
  radio: 21,
  checkboxes: 22,
  checkbox: 23
} as const

const inLabel: ReadonlySet<unknown> = new Set([
  types.select,
  types.text,
  types.files,
  types.radio,
  types.checkboxes,
  types.checkbox,
  ...Resolved.menus.keys()
])

/** A string, or `null` for anything else. */
const textIn = (value: unknown): string | null => typeof value === "string" ? value : null

const problemsOfInput = (path: string, value: unknown, allowed: ReadonlySet<unknown>): ReadonlyArray<Problem> => {
  if (value === undefined || value === null) return [required(path)]
  if (!Body.isObject(value)) return [noObject(path)]
  if (!allowed.has(value["type"])) return [wrongType(path, allowed)]
  return ofText(`${path}.custom_id`, textIn(value["custom_id"]), { least: 1, most: 100, isRequired: true })
}

const isInput = (value: unknown, allowed: ReadonlySet<unknown>): value is Json =>
  problemsOfInput("", value, allowed).length === 0

const inRow: ReadonlySet<unknown> = new Set([types.text])

/** The input of a component, or `undefined` if it has none. */
const inputOf = ({ component, components, type }: Json): Json | undefined => {
  if (type === types.label) return isInput(component, inLabel) ? component : undefined
  const [only, ...more] = Body.itemsOf(components)
  return type === types.row && more.length === 0 && isInput(only, inRow) ? only : undefined
}

/**
 * Returns `undefined` for anything that is not a form.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (data: unknown): Modal | undefined => {
  if (!Body.isObject(data)) return undefined
  const { custom_id: customId, title } = data
  if (!Body.isText(customId, 1, 100) || !Body.isText(title, 1, 45)) return undefined
  const given = Body.itemsOf(data["components"])
  const components = Body.objectsOf(given)
  if (components.length !== given.length || components.length < 1 || components.length > 5) return undefined
  const inputs = components.filter(({ type }) => type !== types.paragraph).map(inputOf)
  if (inputs.includes(undefined)) return undefined
  const ids = new Set(inputs.map((input) => input?.["custom_id"]))
  return ids.size === inputs.length ? { customId, title, components } : undefined
}

const numberOr = (value: unknown, otherwise: number) => typeof value === "number" ? value : otherwise

const isRequired = (input: Json) => input["required"] !== false

type Answer = { readonly value: unknown } | { readonly values: ReadonlyArray<string> } | { readonly problem: string }

type Value = Values[string] | undefined

const textOf = (input: Json, value: Value = typeof input["value"] === "string" ? input["value"] : ""): Answer => {
  if (typeof value !== "string") return { problem: "must be a string" }
  if (value === "") return isRequired(input) ? { problem: "is missing" } : { value }
  const [least, most] = [numberOr(input["min_length"], 0), numberOr(input["max_length"], 4_000)]
  if (value.length < least) return { problem: `must have at least ${least} characters` }
  return value.length > most ? { problem: `must have at most ${most} characters` } : { value }
}

const chosenBefore = (input: Json) => Body.objectsOf(input["options"]).filter((option) => option["default"] === true)

const isOption = (input: Json, value: string) =>
  Body.objectsOf(input["options"]).some((option) => option["value"] === value)

const radioOf = (input: Json, value: Value = String(chosenBefore(input)[0]?.["value"] ?? "")): Answer => {
  if (typeof value !== "string") return { problem: "must be a string" }
  if (value === "") return isRequired(input) ? { problem: "is missing" } : { value: null }
  return isOption(input, value) ? { value } : { problem: `has no choice "${value}"` }
}

const listOf = (
  input: Json,
  resolved: Resolved.Resolved,
  values: Value = input["options"] === undefined
    ? Body.objectsOf(input["default_values"]).map(({ id }) => String(id))
    : chosenBefore(input).map(({ value }) => String(value))
): Answer => {
  if (typeof values === "string" || typeof values === "boolean") return { problem: "must be a list" }
  if (values.length === 0) return isRequired(input) ? { problem: "is missing" } : { values: [] }
  if (!values.every((value) => typeof value === "string")) return { problem: "does not accept files" }
  const problem = problemOfChoice(input, resolved, values)
  return problem === undefined ? { values } : { problem }
}

/**
 * What is wrong with a choice in a menu, of a form or of a message. What it refers to is added to `resolved`.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemOfChoice = (
  menu: Json,
  resolved: Resolved.Resolved,
  values: ReadonlyArray<string>
): string | undefined => {
  const outside = outsideOf(menu, values.length)
  if (outside !== undefined) return outside
  for (const value of values) {
    const problem = problemOf(menu, resolved, value)
    if (problem !== undefined) return problem
  }
  return undefined
}

const outsideOf = (input: Json, count: number): string | undefined => {
  const least = numberOr(input["min_values"], 1)
  const most = numberOr(input["max_values"], input["type"] === types.checkboxes ? Infinity : 1)
  if (count < least) return `must have at least ${least} selected`
  return count > most ? `must have at most ${most} selected` : undefined
}

const problemOf = (input: Json, resolved: Resolved.Resolved, value: string): string | undefined => {
  const kind = Resolved.menus.get(input["type"])
  if (kind === undefined) return isOption(input, value) ? undefined : `has no choice "${value}"`
  const problem = resolved.add(kind, value)
  return problem === undefined ? undefined : `has an unknown value: ${problem}`
}

const filesOf = (input: Json, resolved: Resolved.Resolved, keep: Keep, files: Value = []): Answer => {
  if (typeof files === "string" || typeof files === "boolean") return { problem: "must be a list" }
  if (files.length === 0) return isRequired(input) ? { problem: "is missing" } : { values: [] }
  if (!files.every((file) => typeof file !== "string")) return { problem: "only accepts files" }
  const problem = outsideOf(input, files.length)
  if (problem !== undefined) return { problem }
  const ofFile = files.map(Writers.problemOfFile).find((one) => one !== undefined)
  if (ofFile !== undefined) return { problem: `has an invalid file: ${ofFile}` }
  const kept = keep(files)
  for (const file of kept) resolved.addFile(file)
  return { values: kept.map(({ id }) => id) }
}

const answerOf = (input: Json, resolved: Resolved.Resolved, keep: Keep, value: Value): Answer => {
  switch (input["type"]) {
    case types.text:
      return textOf(input, value)
    case types.radio:
      return radioOf(input, value)
    case types.checkbox: {
      const checked = value ?? input["default"] === true
      return typeof checked === "boolean" ? { value: checked } : { problem: "must be true or false" }
    }
    case types.files:
      return filesOf(input, resolved, keep, value)
    default:
      return listOf(input, resolved, value)
  }
}

/**
 * Fills in a form. `keep` stores files that are sent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fill = (
  world: World.World,
  guild: World.Guild | undefined,
  userId: UserId,
  modal: Modal,
  values: Values,
  keep: Keep
): Filled => {
  const resolved = Resolved.make(world, guild, userId)
  const components: Array<Json> = []
  const known = new Set<string>()
  for (const [index, component] of modal.components.entries()) {
    const { id = index + 1, type } = component
    const input = inputOf(component)
    if (input === undefined) {
      components.push({ type, id })
      continue
    }
    const customId = String(input["custom_id"])
    known.add(customId)
    const answer = answerOf(input, resolved, keep, Object.hasOwn(values, customId) ? values[customId] : undefined)
    if ("problem" in answer) return { problem: `its input "${customId}" ${answer.problem}` }
    const given = { type: input["type"], id: input["id"] ?? index + 1, custom_id: customId, ...answer }
    components.push({ type, id, ...(type === types.label ? { component: given } : { components: [given] }) })
  }
  const unknown = Object.keys(values).find((name) => !known.has(name))
  if (unknown !== undefined) return { problem: `it has no input "${unknown}"` }
  return { components, resolved: resolved.json() }
}

/**
 * What is wrong with a form that `read` does not accept.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemsOf = (data: unknown): ReadonlyArray<Problem> => {
  const given: Json = Body.isObject(data) ? data : {}
  const components = Body.itemsOf(given["components"])
  const path = "data.components"
  const ids = new Set<unknown>()
  return [
    ...ofText("data.custom_id", textIn(given["custom_id"]), { least: 1, most: 100, isRequired: true }),
    ...ofText("data.title", textIn(given["title"]), { least: 1, most: 45, isRequired: true }),
    ...(components.length < 1 || components.length > 5 ? [badLength(path, 5, 1)] : []),
    ...components.slice(0, 5).flatMap((component, i): ReadonlyArray<Problem> => {
      if (!Body.isObject(component)) return [noObject(`${path}.${i}`)]
      if (component["type"] === types.paragraph) return []
      const input = inputOf(component)
      if (input === undefined) return problemsOfComponent(`${path}.${i}`, component)
      const id = input["custom_id"]
      if (ids.has(id)) return [duplicated(`${path}.${i}`)]
      ids.add(id)
      return []
    })
  ]
}

/** What is wrong with a component that has no input. */
const problemsOfComponent = (path: string, { component, components, type }: Json): ReadonlyArray<Problem> => {
  if (type === types.label) return problemsOfInput(`${path}.component`, component, inLabel)
  if (type !== types.row) return [wrongType(path, [types.row, types.paragraph, types.label])]
  const inner = Body.itemsOf(components)
  return inner.length === 1
    ? problemsOfInput(`${path}.components.0`, inner[0], inRow)
    : [badLength(`${path}.components`, 1, 1)]
}

const duplicated = (path: string): Problem => ({
  path: `${path}.custom_id`,
  code: "COMPONENT_CUSTOM_ID_DUPLICATED",
  message: "Component custom id cannot be duplicated"
})
