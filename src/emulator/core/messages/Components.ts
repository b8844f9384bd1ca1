/**
 * What Discord accepts as the components of a message: rows of buttons and menus, and all others if the message consists only
 * of components (Discord docs, Components, Component Reference).
 *
 * @since 0.1.0
 */
import * as Body from "../http/Body.ts"
import {
  badLength,
  noChoice,
  noObject,
  ofInteger,
  ofText,
  ofUrl,
  type Problem,
  required,
  wrongType
} from "../http/FormProblems.ts"
import type { Json } from "../objects/DiscordObject.ts"

/** Discord docs, Component Types. */
const types = {
  row: 1,
  button: 2,
  select: 3,
  section: 9,
  text: 10,
  thumbnail: 11,
  gallery: 12,
  file: 13,
  separator: 14,
  container: 17
} as const

const menus = [types.select, 5, 6, 7, 8]

const inRow = [types.button, ...menus]
const inContainer = [types.row, types.section, types.text, types.gallery, types.file, types.separator]
const atTop = [...inContainer, types.container]

/** Discord docs, Button Styles. */
const styles = { link: 5, premium: 6 } as const
const allStyles = [1, 2, 3, 4, styles.link, styles.premium]

const most = { rows: 5, buttons: 5, options: 25, items: 10, texts: 3, components: 40, characters: 4_000 } as const

const longest = { customId: 100, label: 80, placeholder: 150, ofOption: 100, text: 4_000, description: 1_024 } as const

const isIn = (all: ReadonlyArray<number>, type: unknown): boolean => typeof type === "number" && all.includes(type)

/**
 * What is wrong with the components of a message; `path` is their place. `isAlone` tells whether the message consists of them
 * (IS_COMPONENTS_V2).
 *
 * @category guards
 * @since 0.1.0
 */
export const problemsOf = (path: string, value: unknown, isAlone: boolean): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const ids = new Set<string>()
  let count = 0
  let characters = 0

  const add = (found: ReadonlyArray<Problem>) => {
    for (const problem of found) problems.push(problem)
  }

  const customId = (at: string, id: unknown) => {
    add(
      id === undefined || id === null
        ? [required(`${at}.custom_id`)]
        : ofText(`${at}.custom_id`, id, { least: 1, most: longest.customId })
    )
    if (typeof id !== "string") return
    if (ids.has(id)) {
      problems.push({
        path: `${at}.custom_id`,
        code: "COMPONENT_CUSTOM_ID_DUPLICATED",
        message: "Component custom id cannot be duplicated"
      })
    }
    ids.add(id)
  }

  const button = (at: string, one: Json) => {
    const { custom_id: id, label, sku_id: sku, style, url } = one
    if (style === undefined || style === null) return problems.push(required(`${at}.style`))
    if (!isIn(allStyles, style)) return problems.push(noChoice(`${at}.style`, allStyles))
    add(ofText(`${at}.label`, label, { most: longest.label }))
    if (style === styles.link) {
      add(
        url === undefined || url === null || url === "" ? [required(`${at}.url`)] : ofUrl(`${at}.url`, url, ["discord"])
      )
    } else if (style === styles.premium) {
      if (sku === undefined || sku === null) problems.push(required(`${at}.sku_id`))
    } else customId(at, id)
    return undefined
  }

  const options = (at: string, all: ReadonlyArray<unknown>) => {
    if (all.length < 1 || all.length > most.options) problems.push(badLength(at, most.options, 1))
    const values = new Set<unknown>()
    for (const [i, option] of all.slice(0, most.options).entries()) {
      const where = `${at}.${i}`
      if (!Body.isObject(option)) {
        problems.push(noObject(where))
        continue
      }
      const { description, label, value } = option
      for (const [name, given] of [["label", label], ["value", value]] as const) {
        const field = `${where}.${name}`
        add(given === undefined || given === null ? [required(field)] : ofText(field, given, ofOption))
      }
      add(ofText(`${where}.description`, description, { most: longest.ofOption }))
      if (values.has(value)) {
        problems.push({
          path: `${where}`,
          code: "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
          message: "The specified option value is already used"
        })
      }
      values.add(value)
    }
  }

  const menu = (at: string, one: Json) => {
    customId(at, one["custom_id"])
    add(ofText(`${at}.placeholder`, one["placeholder"], { most: longest.placeholder }))
    add(ofInteger(`${at}.min_values`, one["min_values"], 0, most.options))
    add(ofInteger(`${at}.max_values`, one["max_values"], 1, most.options))
    if (one["type"] === types.select) options(`${at}.options`, Body.itemsOf(one["options"]))
  }

  const row = (at: string, one: Json) => {
    const inner = Body.itemsOf(one["components"])
    if (inner.length < 1 || inner.length > most.buttons) {
      return problems.push(badLength(`${at}.components`, most.buttons, 1))
    }
    each(`${at}.components`, inner, inRow)
    // a menu is as wide as a row
    let isFull = false
    for (const [i, { type }] of Body.objectsOf(inner).entries()) {
      if (isFull || (i > 0 && isIn(menus, type))) {
        problems.push({
          path: `${at}.components.${i}`,
          code: "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
          message: "The specified component exceeds the maximum width"
        })
      }
      isFull ||= isIn(menus, type)
    }
    return undefined
  }

  const section = (at: string, one: Json) => {
    const inner = Body.itemsOf(one["components"])
    if (inner.length < 1 || inner.length > most.texts) problems.push(badLength(`${at}.components`, most.texts, 1))
    each(`${at}.components`, inner.slice(0, most.texts), [types.text])
    const { accessory } = one
    if (accessory === undefined || accessory === null) problems.push(required(`${at}.accessory`))
    else component(`${at}.accessory`, accessory, [types.button, types.thumbnail])
  }

  const text = (at: string, { content }: Json) => {
    add(
      content === undefined || content === null
        ? [required(`${at}.content`)]
        : ofText(`${at}.content`, content, { least: 1, most: longest.text })
    )
    if (typeof content === "string") characters += Body.lengthOf(content)
  }

  const item = (at: string, one: unknown) => {
    const url = Body.isObject(one) ? one["url"] : undefined
    add(url === undefined || url === null || url === "" ? [required(at)] : ofUrl(`${at}.url`, url, ["attachment"]))
  }

  const media = (at: string, { description, media: shown }: Json) => {
    add(ofText(`${at}.description`, description, { most: longest.description }))
    item(`${at}.media`, shown)
  }

  const gallery = (at: string, one: Json) => {
    const items = Body.itemsOf(one["items"])
    if (items.length < 1 || items.length > most.items) problems.push(badLength(`${at}.items`, most.items, 1))
    for (const [i, one] of items.slice(0, most.items).entries()) {
      if (Body.isObject(one)) media(`${at}.items.${i}`, one)
      else problems.push(noObject(`${at}.items.${i}`))
    }
  }

  const known = new Map<unknown, (at: string, one: Json) => unknown>([
    [types.row, row],
    [types.button, button],
    ...menus.map((type) => [type, menu] as const),
    [types.section, section],
    [types.text, text],
    [types.thumbnail, media],
    [types.gallery, gallery],
    [types.file, (at, one) => item(`${at}.file`, one["file"])],
    [types.container, (at, one) => each(`${at}.components`, Body.itemsOf(one["components"]), inContainer)]
  ])

  const component = (at: string, one: unknown, allowed: ReadonlyArray<number>) => {
    count++
    if (!Body.isObject(one)) return problems.push(noObject(at))
    if (!isIn(allowed, one["type"])) return problems.push(wrongType(at, allowed))
    known.get(one["type"])?.(at, one)
    return undefined
  }

  const each = (at: string, all: ReadonlyArray<unknown>, allowed: ReadonlyArray<number>) => {
    for (const [i, one] of all.entries()) component(`${at}.${i}`, one, allowed)
  }

  const all = Body.itemsOf(value)
  if (!isAlone && all.length > most.rows) return [badLength(path, most.rows)]
  each(path, all, isAlone ? atTop : [types.row])
  if (isAlone && count > most.components) {
    problems.push({
      path,
      code: "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
      message: `Total number of components must be ${most.components} or fewer`
    })
  }
  if (characters > most.characters) {
    problems.push({
      path,
      code: "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
      message: `Displayable text size exceeds maximum size of ${most.characters}`
    })
  }
  return problems
}

const ofOption = { least: 1, most: longest.ofOption } as const
