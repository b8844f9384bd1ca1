/**
 * A part that few sessions need, created when it is first used.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export class Lazy<out A extends object> {
  readonly #make: () => A
  /** The part, if it has been created. */
  made: A | undefined

  constructor(make: () => A) {
    this.#make = make
  }

  get(): A {
    return this.made ??= this.#make()
  }
}
