/**
 * Properties that are made when somebody asks for them. A record that has a dozen of them, and there are hundreds of such records,
 * would hold what few ask for.
 *
 * @since 0.1.0
 */
import * as Inspectable from "effect/Inspectable"

/**
 * Descriptors of properties that are a record's own, as those of a literal are: it can be taken apart, spread and copied, and they can
 * be assigned. All records of a kind have the same getters: one of its own would cost each of them a shape and a dictionary.
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
 * The prototype of records that are printed as what they are doing, by `console.log`, `JSON.stringify` and as a text: what they can do
 * says nothing. It must show no secrets. A record of its own functions costs nothing more with it.
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
