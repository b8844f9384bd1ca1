/**
 * Properties that are made when somebody asks for them. A record that has a dozen of them, and there are hundreds of such records,
 * would hold what few ask for.
 *
 * @since 0.1.0
 */

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
