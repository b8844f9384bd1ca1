/**
 * Properties that are created when they are first read. There are hundreds of records with a dozen such properties each, few
 * of which are ever read.
 *
 * @since 0.1.0
 */
import * as Inspectable from "effect/Inspectable"

/**
 * Descriptors that make properties a record's own, as those of a literal are: the record can be destructured, spread and
 * copied, and the properties can be assigned. All records of a kind share the same getters: separate ones would cost each
 * record a shape and a dictionary.
 *
 * @category constructors
 * @since 0.1.0
 * @internal
 */
export const make = <Self, Properties>(
  getters: { readonly [Key in keyof Properties]: (self: Self) => Properties[Key] }
): PropertyDescriptorMap => {
  const descriptors: PropertyDescriptorMap = {}
  for (const key in getters) {
    const getter = getters[key]
    descriptors[key] = {
      enumerable: true,
      configurable: true,
      get(this: Self) {
        return getter(this)
      },
      set(this: object, value: unknown) {
        Object.defineProperty(this, key, { value, enumerable: true, configurable: true, writable: true })
      }
    }
  }
  return descriptors
}

/**
 * A prototype for records that print their state, with `console.log`, `JSON.stringify` and as a string, rather than their
 * functions. The state must not show secrets. A record that has its own functions costs nothing more with it.
 *
 * @category constructors
 * @since 0.1.0
 * @internal
 */
export const printedAs = <Self>(json: (self: Self) => unknown): object =>
  Object.create(Inspectable.Class.prototype, {
    toJSON: {
      value(this: Self) {
        return json(this)
      }
    }
  })
