/**
 * The common form of the close codes of both gateways.
 *
 * @since 0.1.0
 */

/**
 * One row of a table. `meaning` is a sentence without a period, so that a code can be appended; `remedy` is a complete sentence
 * that says what the user can do.
 *
 * @category models
 * @since 0.1.0
 */
export interface CloseCode<Name extends string, Reaction extends string> {
  readonly code: number
  readonly name: Name
  readonly meaning: string
  readonly remedy: string
  readonly reaction: Reaction
}
