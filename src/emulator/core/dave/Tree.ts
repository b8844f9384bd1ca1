/**
 * The leaves of a group, as far as the server follows them: the member and the signature key of each.
 *
 * @since 0.1.0
 */
import type { Standing } from "./Standing.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Leaf {
  readonly standing: Standing
  readonly signatureKey: Uint8Array
}

/**
 * Leaves by index; blank ones are `undefined`.
 *
 * @category models
 * @since 0.1.0
 */
export type Tree = ReadonlyArray<Leaf | undefined>

/**
 * The tree after a commit: first the removals, then the additions in order, each at the leftmost blank leaf (RFC 9420, 12.3 and
 * 7.7).
 *
 * @category combinators
 * @since 0.1.0
 */
export const change = (tree: Tree, removed: ReadonlyArray<number>, added: ReadonlyArray<Leaf>): Tree => {
  const next = tree.map((leaf, index) => removed.includes(index) ? undefined : leaf)
  for (const leaf of added) {
    const blank = next.indexOf(undefined)
    if (blank < 0) next.push(leaf)
    else next[blank] = leaf
  }
  while (next.length > 0 && next[next.length - 1] === undefined) next.pop()
  return next
}

/**
 * The index of the leaf of a standing, -1 if it has none.
 *
 * @category getters
 * @since 0.1.0
 */
export const indexOf = (tree: Tree, standing: Standing): number => tree.findIndex((leaf) => leaf?.standing === standing)
