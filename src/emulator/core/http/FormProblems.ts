/**
 * What is wrong with the body of a request, field by field, in Discord's format (Discord docs, Reference, Error Messages; the
 * codes as observed by public clients).
 *
 * @since 0.1.0
 */
import * as Body from "./Body.ts"
import type { RestResponse } from "./RestAnswer.ts"

/**
 * A problem. `path` is the field, with dots: `embeds.0.title`. An empty path means the whole body.
 *
 * @category models
 * @since 0.1.0
 */
export interface Problem {
  readonly path: string
  readonly code: string
  readonly message: string
}

interface Nested {
  [key: string]: Nested | Array<Omit<Problem, "path">>
}

/** Discord itself does not report more of a body than anybody reads. */
const mostTold = 100

/**
 * The answer to a body with problems.
 *
 * @category constructors
 * @since 0.1.0
 */
export const invalidForm = (...problems: ReadonlyArray<Problem>): RestResponse => {
  const errors: Nested = {}
  for (const { code, message, path } of problems.slice(0, mostTold)) {
    let at = errors
    for (const part of path.split(".").filter((one) => one !== "")) {
      const inner = at[part] ?? {}
      if (Array.isArray(inner)) break
      at[part] = inner
      at = inner
    }
    const before = at["_errors"]
    at["_errors"] = [...(Array.isArray(before) ? before : []), { code, message }]
  }
  return { status: 400, body: { message: "Invalid Form Body", code: 50035, errors } }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const required = (path: string): Problem => ({
  path,
  code: "BASE_TYPE_REQUIRED",
  message: "This field is required"
})

/**
 * For a text or a list longer than `most`, or shorter than `least` if that is required.
 *
 * @category constructors
 * @since 0.1.0
 */
export const badLength = (path: string, most: number, least = 0): Problem =>
  least === 0
    ? { path, code: "BASE_TYPE_MAX_LENGTH", message: `Must be ${most} or fewer in length.` }
    : { path, code: "BASE_TYPE_BAD_LENGTH", message: `Must be between ${least} and ${most} in length.` }

/**
 * For a value that is not one of the choices.
 *
 * @category constructors
 * @since 0.1.0
 */
export const noChoice = (path: string, choices: Iterable<unknown>): Problem => ({
  path,
  code: "BASE_TYPE_CHOICES",
  message: `Value must be one of {${Array.from(choices).join(", ")}}.`
})

/**
 * For an object of a type that is not possible there. Discord describes the object as a Python tuple.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wrongType = (path: string, types: Iterable<unknown>): Problem => {
  const [only, ...more] = types
  const tuple = more.length === 0 ? `${only},` : [only, ...more].join(", ")
  return { path, code: "UNION_TYPE_CHOICES", message: `Value of field "type" must be one of (${tuple}).` }
}

/**
 * For `null` in a list of objects.
 *
 * @category constructors
 * @since 0.1.0
 */
export const noItem = (path: string): Problem => ({
  path,
  code: "LIST_ITEM_VALUE_REQUIRED",
  message: "List item values of ModelType are required"
})

/**
 * For something other than an object where one is required.
 *
 * @category constructors
 * @since 0.1.0
 */
export const noObject = (path: string): Problem => ({
  path,
  code: "DICT_TYPE_CONVERT",
  message: "Only dictionaries may be used in a DictType"
})

/** The part of a value that a message has room for. */
const shownAs = (value: unknown): string =>
  (typeof value === "object" ? JSON.stringify(value) : String(value)).slice(0, 100)

/**
 * Checks a text, which may be missing. A required one must not consist of spaces.
 *
 * @category guards
 * @since 0.1.0
 */
export const ofText = (
  path: string,
  value: unknown,
  { isRequired = false, least = 0, most }: {
    readonly most: number
    readonly least?: number
    readonly isRequired?: boolean
  }
): ReadonlyArray<Problem> => {
  if (isRequired && (value === undefined || value === null || (typeof value === "string" && value.trim() === ""))) {
    return [required(path)]
  }
  if (value === undefined || value === null) return []
  if (typeof value !== "string") {
    return [{ path, code: "STRING_TYPE_CONVERT", message: `Could not interpret "${shownAs(value)}" as string.` }]
  }
  if (value.length <= most && value.length >= least) return []
  const length = Body.lengthOf(value)
  return length > most || length < least ? [badLength(path, most, least)] : []
}

/**
 * Checks a boolean, which may be missing.
 *
 * @category guards
 * @since 0.1.0
 */
export const ofFlag = (path: string, value: unknown): ReadonlyArray<Problem> =>
  value === undefined || value === null || typeof value === "boolean"
    ? []
    : [{ path, code: "BOOLEAN_TYPE_CONVERT", message: "Must be either true or false." }]

/**
 * For something that is not a time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const noTime = (path: string, value: unknown): Problem => ({
  path,
  code: "DATE_TIME_TYPE_PARSE",
  message: `Could not parse ${shownAs(value)}. Should be ISO8601.`
})

/**
 * Checks a time, which may be missing.
 *
 * @category guards
 * @since 0.1.0
 */
export const ofTime = (path: string, value: unknown): ReadonlyArray<Problem> =>
  value === undefined || value === null || (typeof value === "string" && !Number.isNaN(Date.parse(value)))
    ? []
    : [noTime(path, value)]

/**
 * Checks a number, which may be missing.
 *
 * @category guards
 * @since 0.1.0
 */
export const ofNumber = (path: string, value: unknown, least: number, most: number): ReadonlyArray<Problem> =>
  ofKind({ name: "float", is: Number.isFinite }, path, value, least, most)

/**
 * The same for an integer.
 *
 * @category guards
 * @since 0.1.0
 */
export const ofInteger = (path: string, value: unknown, least: number, most: number): ReadonlyArray<Problem> =>
  ofKind({ name: "int", is: Number.isInteger }, path, value, least, most)

const ofKind = (
  kind: { readonly name: string; readonly is: (value: number) => boolean },
  path: string,
  value: unknown,
  least: number,
  most: number
): ReadonlyArray<Problem> => {
  if (value === undefined || value === null) return []
  if (typeof value !== "number" || !kind.is(value)) {
    const shown = typeof value === "string" || typeof value === "number" ? String(value).slice(0, 100) : typeof value
    return [{ path, code: "NUMBER_TYPE_COERCE", message: `Value "${shown}" is not ${kind.name}.` }]
  }
  const should = (what: string) => `${kind.name} value should be ${what}.`
  if (value < least) return [{ path, code: "NUMBER_TYPE_MIN", message: should(`greater than or equal to ${least}`) }]
  return value > most ? [{ path, code: "NUMBER_TYPE_MAX", message: should(`less than or equal to ${most}`) }] : []
}

/**
 * Checks an id, written as a string or as a number.
 *
 * @category guards
 * @since 0.1.0
 */
export const ofSnowflake = (path: string, value: unknown, isRequired = false): ReadonlyArray<Problem> => {
  if (value === undefined || value === null) return isRequired ? [required(path)] : []
  const id = Body.idOf(value)
  if (id !== undefined && /^\d{1,20}$/.test(id)) return []
  const shown = id === undefined ? typeof value : id.slice(0, 100)
  return [{ path, code: "NUMBER_TYPE_COERCE", message: `Value "${shown}" is not snowflake.` }]
}

/**
 * The number of items that a request asks for, and what is wrong with it; `usual` if it does not say.
 *
 * @category getters
 * @since 0.1.0
 */
export const limitIn = (
  query: URLSearchParams,
  usual: number,
  most: number
): { readonly limit: number; readonly problems: ReadonlyArray<Problem> } => {
  const given = query.get("limit")
  const limit = Number(given ?? usual)
  // what is not a number is reported as it was written
  return { limit, problems: ofInteger("limit", Number.isInteger(limit) ? limit : given, 1, most) }
}

const webSchemes = ["http", "https"]

/**
 * Checks a URL, which may be missing or empty. `more` are schemes in addition to those of the web.
 *
 * @category guards
 * @since 0.1.0
 */
export const ofUrl = (path: string, value: unknown, more: ReadonlyArray<string> = []): ReadonlyArray<Problem> => {
  if (typeof value !== "string" || value === "") return []
  // the name of a file does not have to be a host
  if (more.some((scheme) => value.startsWith(`${scheme}://`))) return []
  if (!URL.canParse(value)) return [{ path, code: "URL_TYPE_INVALID_URL", message: "Not a well formed URL." }]
  const scheme = new URL(value).protocol.slice(0, -1)
  if (webSchemes.includes(scheme)) return []
  const schemes = webSchemes.map((one) => `'${one}'`).join(", ")
  return [{
    path,
    code: "URL_TYPE_INVALID_SCHEME",
    message: `Scheme "${scheme}" is not supported. Scheme must be one of (${schemes}).`
  }]
}
