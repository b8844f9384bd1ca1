/**
 * What has to be proposed in a group: whom to remove, whom to add, and who may commit it.
 *
 * @since 0.1.0
 */
import type { ExternalSender, Proposal } from "./ExternalSender.ts"
import type { KeyPackage } from "./KeyPackage.ts"
import { type Standing, wasOffered } from "./Standing.ts"
import type { Leaf, Tree } from "./Tree.ts"

/**
 * A proposal with its effect.
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
  /** What has to change in this epoch. */
  readonly items: ReadonlyMap<string, Item>
  /** Who may commit. At epoch 0, each is in a group of its own. */
  readonly committers: ReadonlyArray<Standing>
  /** Whether nobody is left in the group who could commit: then it is dead. */
  readonly stranded: boolean
}

/**
 * Makes proposals and signs each only once per epoch, because signing again would change its reference.
 *
 * @category models
 * @since 0.1.0
 */
export interface Proposer {
  /** From now on all proposals are signed again. */
  readonly renew: () => void
  readonly agenda: (epoch: bigint, tree: Tree, standings: ReadonlyArray<Standing>) => Agenda
}

/**
 * What a committer is offered: everything except its own addition in its own group of epoch 0.
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
 * Whether the difference to what a member has must not be sent alone. Either it had the same set before, with something else in
 * between: the first commit may be under way, would win, and its sender would mistake it for the second one, which has other
 * secrets. Or it keeps an addition and gets no other: the engine that bots use (@snazzah/davey 0.1.12) then commits the
 * addition without a Welcome.
 *
 * @category guards
 * @since 0.1.0
 */
export const needsRenewal = (agenda: Agenda, epoch: bigint): boolean =>
  agenda.committers.some((standing) => {
    const { offered } = standing
    const wanted = offerTo(agenda, standing)
    const ids = Array.from(wanted.keys())
    if (ids.length === offered.size && ids.every((id) => offered.has(id))) return false
    const additions = ids.filter((id) => agenda.items.get(id)?._tag === "Add")
    return wasOffered(standing, epoch, ids) ||
      (additions.length > 0 && additions.every((id) => offered.has(id)))
  })

/**
 * The effect of a commit of these proposals on the tree. References to unknown proposals are skipped.
 *
 * @category getters
 * @since 0.1.0
 */
export const decided = (
  items: Agenda["items"],
  refs: Iterable<string>
): {
  readonly removed: ReadonlyArray<number>
  readonly added: ReadonlyArray<Leaf & { readonly keyPackage: KeyPackage }>
} => {
  const removed: Array<number> = []
  const added: Array<Leaf & { readonly keyPackage: KeyPackage }> = []
  for (const ref of refs) {
    const item = items.get(ref)
    if (item?._tag === "Remove") removed.push(item.leaf)
    else if (item?._tag === "Add") {
      const { keyPackage, standing } = item
      added.push({ standing, keyPackage, signatureKey: keyPackage.signatureKey })
    }
  }
  return { removed, added }
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
        // A key package of a current member: it wants to start again.
        if (standing.session.ended || standing.keyPackage !== undefined || standing.removed) {
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
