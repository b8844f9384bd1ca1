/**
 * Fields that nothing here depends on: Discord may change or spoil them, and the message is as good as before. What can be read
 * is typed, the rest is as if it were not there. What is written still has to be right.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/**
 * A field that may be absent, and is if it is anything else.
 *
 * @category combinators
 * @since 0.1.0
 */
export const orAbsent = <S extends Schema.Constraint>(schema: S) =>
  Schema.catchDecoding<Schema.optionalKey<S>>(() => Effect.succeedNone)(Schema.optionalKey(schema))

/**
 * A value that is `value` if it is anything else.
 *
 * @category combinators
 * @since 0.1.0
 */
export const orElse = <S extends Schema.Constraint>(schema: S, value: S["Type"]) =>
  Schema.catchDecoding<S>(() => Effect.succeed(Option.some(value)))(schema)

/**
 * A field that is needed where it is there, and may be absent, for which null is another word.
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
 * A list without the items that are malformed.
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
  // what is written are items of the schema, as the second half of the pipe wants them
  return list as Schema.Codec<ReadonlyArray<T>, ReadonlyArray<E>>
}
