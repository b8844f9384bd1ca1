/**
 * The JSON of a request's body, which may be anything. What is nested without end can be read, but not be written again.
 *
 * @since 0.1.0
 */
import { integerIds } from "../../../protocol/internal/PayloadError.ts"
import type { Json } from "../objects/DiscordObject.ts"

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

/** Some libraries write ids as numbers, of more digits than a number has. */
const withIds = integerIds(new Set())

/**
 * `undefined` for what is no JSON, or nested deeper than a hundred times. Integers that no number can hold are texts of their digits.
 *
 * @category codecs
 * @since 0.1.0
 */
export const parse = (text: string): unknown => {
  if (isTooDeep(text)) return undefined
  try {
    return JSON.parse(text, withIds)
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
 * An id, be it written as a text or as a number; `undefined` for what is none.
 *
 * @category getters
 * @since 0.1.0
 */
export const idOf = (value: unknown): string | undefined => {
  if (typeof value === "string") return value
  return Number.isSafeInteger(value) ? String(value) : undefined
}

/**
 * In characters as people count them: what takes two places in a text is one.
 *
 * @category getters
 * @since 0.1.0
 */
export const lengthOf = (text: string): number => Array.from(text).length

/**
 * Whether it is a text of so many characters.
 *
 * @category guards
 * @since 0.1.0
 */
export const isText = (value: unknown, least: number, most: number): value is string =>
  typeof value === "string" && lengthOf(value) >= least && lengthOf(value) <= most

/**
 * Whether a parameter of a query says so: discord.py writes `1`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isYes = (value: string | null): boolean => value !== null && /^(true|1)$/i.test(value)
