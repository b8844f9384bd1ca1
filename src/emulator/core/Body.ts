/**
 * The JSON of a request's body. What is nested without end can be read, but not be written again.
 *
 * @since 0.1.0
 */

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
