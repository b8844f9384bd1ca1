/**
 * Names as handles for guilds, channels and users, so that a test can say "lobby" where Discord uses a number.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type EmulatorError, InvalidOption, make as makeError, NameTaken, UnknownName } from "./EmulatorError.ts"

/**
 * The handles of one kind.
 *
 * @category models
 * @since 0.1.0
 */
export interface Names<Entry extends { readonly id: string }> {
  /** Reserves a name for an entry. Fails with `NameTaken`, and with `InvalidOption` if it is empty. */
  readonly claim: (name: string) => Effect.Effect<void, EmulatorError>
  readonly add: (name: string, entry: Entry) => void
  /** The entry with this name or, if there is none, with this id. */
  readonly get: (nameOrId: string) => Entry | undefined
  /** The same; fails with `UnknownName`. */
  readonly find: (nameOrId: string) => Effect.Effect<Entry, EmulatorError>
  /** Removes the name, so that it can be used again. */
  readonly remove: (nameOrId: string) => void
  /** The name of an id, or the id itself. */
  readonly nameOf: (id: string) => string
  readonly names: () => ReadonlyArray<string>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = <Entry extends { readonly id: string }>(kind: UnknownName["kind"]): Names<Entry> => {
  const byName = new Map<string, Entry>()
  const nameOf = new Map<string, string>()
  const get = (nameOrId: string) => byName.get(nameOrId) ?? byName.get(nameOf.get(nameOrId) ?? "")
  const names = () => [...byName.keys()]
  return {
    claim: (name) =>
      Effect.suspend(() => {
        if (name === "") {
          return Effect.fail(
            makeError(new InvalidOption({ option: "name", detail: `the name of a ${kind} must not be empty` }))
          )
        }
        return byName.has(name) ? Effect.fail(makeError(new NameTaken({ kind, name }))) : Effect.void
      }),
    add: (name, entry) => {
      byName.set(name, entry)
      nameOf.set(entry.id, name)
    },
    get,
    find: (nameOrId) =>
      Effect.suspend(() => {
        const entry = get(nameOrId)
        return entry === undefined
          ? Effect.fail(makeError(new UnknownName({ kind, name: nameOrId, known: names() })))
          : Effect.succeed(entry)
      }),
    remove: (nameOrId) => {
      const entry = get(nameOrId)
      if (entry === undefined) return
      byName.delete(nameOf.get(entry.id) ?? nameOrId)
      nameOf.delete(entry.id)
    },
    nameOf: (id) => nameOf.get(id) ?? id,
    names
  }
}

/**
 * Checks an id that a caller chose: it has to be a valid Discord id that nothing of the kind has yet. Fails with
 * `InvalidOption`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const freshId = <Id extends string, Entry extends { readonly id: string }>(
  schema: Schema.Codec<Id, string>,
  names: Names<Entry>,
  id: string | undefined
): Effect.Effect<Id | undefined, EmulatorError> => {
  if (id === undefined) return Effect.undefined
  const invalid = (detail: string) => makeError(new InvalidOption({ option: "id", detail }))
  if (names.get(id) !== undefined) return Effect.fail(invalid(`${id} is already used by "${names.nameOf(id)}"`))
  return Effect.mapError(
    Schema.decodeEffect(schema)(id),
    () => invalid(`"${id}" is not a Discord id, which has 1 to 20 digits`)
  )
}
