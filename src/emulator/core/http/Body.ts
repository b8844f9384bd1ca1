/**
 * The JSON body of a request, which may be anything. Too deeply nested JSON can be parsed, but not be written again.
 *
 * @since 0.1.0
 */
import { integerIds } from "../../../protocol/internal/PayloadError.ts"
import type { Json } from "../objects/DiscordObject.ts"

/** Discord's own objects are about a dozen levels deep. */
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

/** Some libraries write ids as numbers, which have more digits than a number can represent. */
const withIds = integerIds(new Set())

/**
 * Returns `undefined` if it is not JSON, or nested more than a hundred levels deep. Integers that no number can represent
 * become strings of their digits.
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
 * The items of a list; empty for anything else.
 *
 * @category getters
 * @since 0.1.0
 */
export const itemsOf = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

/**
 * The objects in a list.
 *
 * @category getters
 * @since 0.1.0
 */
export const objectsOf = (value: unknown): ReadonlyArray<Json> => itemsOf(value).filter(isObject)

/**
 * An id, written as a string or as a number; `undefined` for anything else.
 *
 * @category getters
 * @since 0.1.0
 */
export const idOf = (value: unknown): string | undefined => {
  if (typeof value === "string") return value
  return Number.isSafeInteger(value) ? String(value) : undefined
}

/**
 * The length in characters as people count them: a surrogate pair is one.
 *
 * @category getters
 * @since 0.1.0
 */
export const lengthOf = (text: string): number => Array.from(text).length

/**
 * Whether it is a string of a length within these limits.
 *
 * @category guards
 * @since 0.1.0
 */
export const isText = (value: unknown, least: number, most: number): value is string =>
  typeof value === "string" && lengthOf(value) >= least && lengthOf(value) <= most

/**
 * Whether a query parameter is true: discord.py writes `1`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isYes = (value: string | null): boolean => value !== null && /^(true|1)$/i.test(value)
