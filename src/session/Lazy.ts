/**
 * What few sessions need: it is made when somebody asks for it.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export class Lazy<out A extends object> {
  readonly #make: () => A
  /** What has been asked for. */
  made: A | undefined

  constructor(make: () => A) {
    this.#make = make
  }

  get(): A {
    return this.made ??= this.#make()
  }
}
