/**
 * Schemas for fields that nothing here depends on: if Discord changes or breaks them, the message is still usable. What can be
 * read is typed; the rest is treated as absent. When encoding, fields still have to be valid.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/**
 * A field that may be absent, and is treated as absent if it is malformed.
 *
 * @category combinators
 * @since 0.1.0
 */
export const orAbsent = <S extends Schema.Constraint>(schema: S) =>
  Schema.catchDecoding<Schema.optionalKey<S>>(() => Effect.succeedNone)(Schema.optionalKey(schema))

/**
 * A value that is replaced by `value` if it is malformed.
 *
 * @category combinators
 * @since 0.1.0
 */
export const orElse = <S extends Schema.Constraint>(schema: S, value: S["Type"]) =>
  Schema.catchDecoding<S>(() => Effect.succeed(Option.some(value)))(schema)

/**
 * A field that has to be valid if it is present. It may be absent, and null means the same.
 *
 * @category combinators
 * @since 0.1.0
 */
export const nullIsAbsent = <T, E>(schema: Schema.Codec<T, E>) =>
  Schema.optionalKey(Schema.NullOr(schema)).pipe(
    Schema.decodeTo(
      Schema.optionalKey(Schema.toType(schema)),
      SchemaTransformation.transformOptional<T, T | null>({
        decode: Option.filter((value): value is T => value !== null),
        encode: (value) => value
      })
    )
  )

/**
 * A list without its malformed items.
 *
 * @category combinators
 * @since 0.1.0
 */
export const items = <T, E>(schema: Schema.Codec<T, E>): Schema.Codec<ReadonlyArray<T>, ReadonlyArray<E>> => {
  const read = Schema.decodeUnknownResult(schema)
  const list = Schema.Array(Schema.Unknown).pipe(
    Schema.decodeTo(
      Schema.Array(schema),
      SchemaTransformation.transform<ReadonlyArray<E>, ReadonlyArray<unknown>>({
        decode: (all) => all.filter((item): item is E => Result.isSuccess(read(item))),
        encode: (all) => all
      })
    )
  )
  // when encoding, the items match the schema, as the second half of the pipe requires
  return list as Schema.Codec<ReadonlyArray<T>, ReadonlyArray<E>>
}
