/**
 * The error of the JSON codecs and the two steps that they share: parsing and writing JSON. Messages never contain input
 * values: `JSON.parse` quotes its input when it fails, and that input may contain a token.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/**
 * A JSON message of a gateway could not be read or written.
 *
 * - `Json`: the text is not JSON, or the message cannot be written as JSON.
 * - `Shape`: the message does not match the schema of its opcode; `detail` names the first field that does not.
 * - `TooLarge`: the text is longer than its gateway allows.
 *
 * `detail` names fields and expectations, never values, so that no token or key ends up in a log. `isKeyLost` is set for a
 * Session Description (op 4 of the voice gateway) with a `secret_key`, which cannot be used without the rest, or with a `mode`
 * that is not a string.
 *
 * @category errors
 * @since 0.1.0
 */
export class PayloadError extends Schema.TaggedError<PayloadError>("effect-discord-voice/protocol/PayloadError")(
  "PayloadError",
  {
    kind: Schema.Literals(["Json", "Shape", "TooLarge"]),
    op: Schema.optionalKey(Schema.Finite),
    detail: Schema.String,
    isKeyLost: Schema.optionalKey(Schema.Literal(true))
  }
) {
  override get message(): string {
    return `Gateway message${this.op === undefined ? "" : ` (op ${this.op})`} is invalid: ${this.detail}.`
  }
}

/**
 * A JSON object of unknown shape.
 *
 * @category models
 * @since 0.1.0
 */
export type Wire = { readonly [key: string]: unknown }

/**
 * @category guards
 * @since 0.1.0
 */
export const isWire = (u: unknown): u is Wire => typeof u === "object" && u !== null && !Array.isArray(u)

/**
 * @category constructors
 * @since 0.1.0
 */
export const fail = (
  kind: PayloadError["kind"],
  detail: string,
  op?: number
): Result.Result<never, PayloadError> =>
  Result.fail(new PayloadError({ kind, detail, ...(op === undefined ? {} : { op }) }))

/**
 * Parses a JSON object. Never throws.
 *
 * @category codecs
 * @since 0.1.0
 */
export const parse = (text: string, reviver?: Reviver): Result.Result<Wire, PayloadError> => {
  let value: unknown
  try {
    value = JSON.parse(text, reviver)
  } catch {
    return fail("Json", "the text is not JSON")
  }
  return isWire(value) ? Result.succeed(value) : fail("Shape", "the message is not an object")
}

/** A reviver of `JSON.parse`. `context.source` is a number as it was written. */
type Reviver = (key: string, value: unknown, context?: { readonly source?: string | undefined }) => unknown

/**
 * Reads ids that were written as integers digit by digit, because they exceed what a number can represent: the fields of the
 * given names, and all other integers that a number cannot represent.
 *
 * @category codecs
 * @since 0.1.0
 */
export const integerIds = (names: ReadonlySet<string>): Reviver => (key, value, context) => {
  const source = context?.source
  if (typeof value !== "number" || source === undefined || !/^\d+$/.test(source)) return value
  return names.has(key) || !Number.isSafeInteger(value) ? source : value
}

/**
 * Writes a JSON object. Fails where `JSON.stringify` throws: for cycles, bigints and too deep nesting in an opaque field.
 *
 * @category codecs
 * @since 0.1.0
 */
export const stringify = (wire: Wire, op: number | undefined): Result.Result<string, PayloadError> => {
  try {
    return Result.succeed(JSON.stringify(wire))
  } catch {
    return fail("Json", "the message cannot be written as JSON", op)
  }
}

const toIssues = SchemaIssue.makeFormatterStandardSchemaV1()

/**
 * Reduces a schema error to one short phrase: the path of the first field and what was expected there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromSchema = (error: Schema.SchemaError, op: number | undefined, isKeyLost = false): PayloadError => {
  const issue = toIssues(error.issue).issues[0]
  const path = (issue?.path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment))
  const expectation = issue?.message ?? "the message does not match its schema"
  return new PayloadError({
    kind: "Shape",
    detail: path.length === 0 ? expectation : `${path.join(".")}: ${expectation}`,
    ...(op === undefined ? {} : { op }),
    ...(isKeyLost ? { isKeyLost } : {})
  })
}
