/**
 * The JSON of a request's body, which may be anything. What is nested without end can be read, but not be written again.
 *
 * @since 0.1.0
 */
import type { Json } from "./DiscordObject.ts"

/** Discord's own objects are nested a dozen deep. */
const deepest = 100

const isTooDeep = (text: string): boolean => {
  let depth = 0
  let isText = false
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]
    if (isText) {
      if (sign === "\\") at++
      else if (sign === "\"") isText = false
    } else if (sign === "\"") isText = true
    else if (sign === "[" || sign === "{") {
      if (++depth > deepest) return true
    } else if (sign === "]" || sign === "}") depth--
  }
  return false
}

/**
 * `undefined` for what is no JSON, or nested deeper than a hundred times.
 *
 * @category codecs
 * @since 0.1.0
 */
export const parse = (text: string): unknown => {
  if (isTooDeep(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * @category guards
 * @since 0.1.0
 */
export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * What is in a list; nothing of what is none.
 *
 * @category getters
 * @since 0.1.0
 */
export const itemsOf = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

/**
 * The objects of a list.
 *
 * @category getters
 * @since 0.1.0
 */
export const objectsOf = (value: unknown): ReadonlyArray<Json> => itemsOf(value).filter(isObject)

/**
 * Whether it is a text of so many characters.
 *
 * @category guards
 * @since 0.1.0
 */
export const isText = (value: unknown, least: number, most: number): value is string =>
  typeof value === "string" && value.length >= least && value.length <= most
