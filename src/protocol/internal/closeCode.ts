/**
 * What the close codes of both gateways have in common.
 *
 * @since 0.1.0
 */

/**
 * One row of a table. `meaning` is a sentence without its full stop, so that a code can be put behind it; `remedy` is a
 * whole sentence that says what the user can do.
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
