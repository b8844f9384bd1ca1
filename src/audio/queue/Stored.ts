/**
 * A queue as it is stored, to be restored by another program.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SoundEffect from "../../SoundEffect.ts"

/**
 * The schema of {@link Stored}, with the schema of the data of its entries. It encodes the `contents` of a queue, of which it
 * leaves out what nobody needs later.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Stored = <S extends Schema.Top>(data: S) => {
  const Entry = Schema.Struct({ id: Schema.Natural, name: Schema.String, data: Schema.optional(data) })
  const Place = Schema.Struct({ entry: Entry, positionMs: Schema.Finite, live: Schema.Boolean })
  return Schema.Struct({
    current: Schema.optional(Place),
    lost: Schema.optional(Place),
    upcoming: Schema.Array(Entry),
    history: Schema.Array(Entry),
    repeat: Schema.Literals(["off", "one", "all"]),
    paused: Schema.Boolean,
    gain: Schema.Finite,
    effects: SoundEffect.List
  })
}
