/**
 * What a scripted member does wrong in the end-to-end encrypted group, as plain data.
 *
 * @since 0.1.0
 */

/**
 * Each field is one thing that goes wrong; without it the member does what it should.
 *
 * - `commits`: what it sends as its commit (op 28). "malformed" is no MLS message at all, "forged" looks like a commit but
 *   does not authenticate, so that only members can tell; "none" sends nothing.
 * - `ready`: "never" leaves transitions unanswered (op 23).
 * - `epoch`: "stale" takes up no commits (op 29): it stays in the epoch that it has, and says that it is ready.
 * - `frames`: "garbage" have the layout of encrypted frames and bytes that no key opens, "plain" are not encrypted.
 * - `keyPackage`: "bad" is signed wrongly; `delayMs` lets it come late (op 26).
 *
 * @category models
 * @since 0.1.0
 */
export interface Misbehaviour {
  readonly commits?: "malformed" | "forged" | "none" | undefined
  readonly ready?: "never" | undefined
  readonly epoch?: "stale" | undefined
  readonly frames?: "garbage" | "plain" | undefined
  readonly keyPackage?: "bad" | { readonly delayMs: number } | undefined
}
