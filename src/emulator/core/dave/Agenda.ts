/**
 * What is to be proposed in a group: whom to remove, whom to add, and who may commit it.
 *
 * @since 0.1.0
 */
import type { ExternalSender, Proposal } from "./ExternalSender.ts"
import type { KeyPackage } from "./KeyPackage.ts"
import type { Standing } from "./Standing.ts"
import type { Tree } from "./Tree.ts"

/**
 * A proposal with what it does.
 *
 * @category models
 * @since 0.1.0
 */
export type Item =
  | { readonly _tag: "Add"; readonly proposal: Proposal; readonly standing: Standing; readonly keyPackage: KeyPackage }
  | { readonly _tag: "Remove"; readonly proposal: Proposal; readonly leaf: number }

/**
 * @category models
 * @since 0.1.0
 */
export interface Agenda {
  /** What the epoch is about. */
  readonly items: ReadonlyMap<string, Item>
  /** Who may commit; each in a group of its own at epoch 0. */
  readonly committers: ReadonlyArray<Standing>
  /** Nobody who could commit is left in the group: it is dead. */
  readonly stranded: boolean
}

/**
 * Makes proposals and signs each only once an epoch, because signing again would give it another reference.
 *
 * @category models
 * @since 0.1.0
 */
export interface Proposer {
  /** From now on all proposals are signed anew. */
  readonly renew: () => void
  readonly agenda: (epoch: bigint, tree: Tree, standings: ReadonlyArray<Standing>) => Agenda
}

/**
 * What a committer is to be offered: all of it, but for its own addition in its own group of epoch 0.
 *
 * @category getters
 * @since 0.1.0
 */
export const offerTo = ({ items }: Agenda, standing: Standing): ReadonlyMap<string, Proposal> => {
  const offer = new Map<string, Proposal>()
  for (const [id, item] of items) {
    if (item._tag === "Remove" || item.standing !== standing) offer.set(id, item.proposal)
  }
  return offer
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (sender: () => ExternalSender, groupId: Uint8Array): Proposer => {
  let additions = new WeakMap<KeyPackage, { readonly epoch: bigint; readonly proposal: Proposal }>()
  let removals: { readonly tree: Tree; readonly proposals: Map<number, Proposal> } | undefined

  const add = (epoch: bigint, keyPackage: KeyPackage): Proposal => {
    const made = additions.get(keyPackage)
    if (made?.epoch === epoch) return made.proposal
    const proposal = sender().add(groupId, epoch, keyPackage)
    additions.set(keyPackage, { epoch, proposal })
    return proposal
  }

  const remove = (epoch: bigint, tree: Tree, leaf: number): Proposal => {
    // The tree is replaced with every epoch.
    if (removals?.tree !== tree) removals = { tree, proposals: new Map() }
    const made = removals.proposals.get(leaf)
    if (made !== undefined) return made
    const proposal = sender().remove(groupId, epoch, leaf)
    removals.proposals.set(leaf, proposal)
    return proposal
  }

  return {
    renew: () => {
      additions = new WeakMap()
      removals = undefined
    },
    agenda: (epoch, tree, standings) => {
      const pending = standings.filter(({ keyPackage }) => keyPackage !== undefined)
      const items = new Map<string, Item>()
      const committers: Array<Standing> = []
      tree.forEach((leaf, index) => {
        if (leaf === undefined) return
        const { standing } = leaf
        // A key package of somebody who is in the group already: it wants to begin anew.
        if (standing.session.ended || standing.keyPackage !== undefined) {
          const proposal = remove(epoch, tree, index)
          items.set(proposal.id, { _tag: "Remove", proposal, leaf: index })
        } else if (!standing.lapsed) committers.push(standing)
      })
      const stranded = epoch > 0n && committers.length === 0
      // Nobody makes a group for itself alone.
      if (stranded || (epoch === 0n && pending.length < 2)) return { items: new Map(), committers: pending, stranded }
      for (const standing of pending) {
        const { keyPackage } = standing
        if (keyPackage === undefined) continue
        const proposal = add(epoch, keyPackage)
        items.set(proposal.id, { _tag: "Add", proposal, standing, keyPackage })
      }
      return { items, committers: epoch === 0n ? pending : committers, stranded }
    }
  }
}
