/**
 * The checks of a commit that the whitepaper requires of the voice gateway (DAVE whitepaper, Commit Validity). The server has
 * no secrets of the group: the signature and tags of a commit are checked by the members, who answer with op 31.
 *
 * @since 0.1.0
 */
import { equal } from "./Bytes.ts"
import * as Commit from "./Commit.ts"
import { identityOf, type KeyPackage } from "./KeyPackage.ts"
import * as LeafNode from "./LeafNode.ts"
import * as Standing from "./Standing.ts"

/**
 * What a commit is compared with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Expected {
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly standing: Standing.Standing
  /** The leaf of the sender; -1 if it is not in the group and may not commit. */
  readonly leaf: number
  readonly signatureKey: Uint8Array | undefined
  /** The key packages of the members that the commit adds, by proposal. */
  readonly added: ReadonlyMap<string, KeyPackage>
}

/**
 * The result for a commit: it wins; it is late, because another one has won or the proposals have changed; or it is wrong, with
 * the code of the violation.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | { readonly _tag: "Wins" }
  | { readonly _tag: "Late" }
  | { readonly _tag: "Wrong"; readonly code: string; readonly message: string }

const wrong = (code: string, message: string): Outcome => ({ _tag: "Wrong", code: `dave-commit-${code}`, message })

const checkProposals = ({ commit }: Commit.CommitWelcome, expected: Expected): Outcome | undefined => {
  if (!equal(commit.groupId, expected.groupId)) return wrong("wrong-group", "a commit for another group")
  if (commit.byValue) return wrong("by-value", "a commit that contains a proposal by value")
  if (commit.refs.length === 0) return wrong("empty", "a commit without proposals")
  const { epoch, standing } = expected
  const { offered } = standing
  const named = new Set(commit.refs)
  if (named.size !== commit.refs.length) return wrong("repeated-proposal", "a commit that names a proposal twice")
  const current = expected.leaf >= 0 && commit.epoch === epoch && named.size === offered.size &&
    commit.refs.every((ref) => offered.has(ref))
  if (current) return undefined
  if (Standing.wasOffered(standing, commit.epoch, commit.refs)) return { _tag: "Late" }
  if (commit.epoch !== epoch) {
    return wrong("wrong-epoch", `a commit for epoch ${commit.epoch}, but the group is at epoch ${epoch}`)
  }
  return commit.refs.some((ref) => !offered.has(ref))
    ? wrong("unknown-proposal", "a commit with a proposal that does not exist or was revoked")
    : wrong("incomplete", `a commit with ${named.size} of ${offered.size} proposals`)
}

const checkSender = ({ commit }: Commit.CommitWelcome, expected: Expected): Outcome | undefined => {
  const { groupId, leaf, signatureKey, standing } = expected
  if (commit.leaf !== leaf) {
    return wrong("wrong-leaf", `a commit from leaf ${commit.leaf}, but the sender has leaf ${leaf}`)
  }
  const { path } = commit
  if (path === undefined || signatureKey === undefined) return undefined
  if (!Commit.keepsIdentity(path, identityOf(standing.session.userId), signatureKey)) {
    return wrong("changed-identity", "a commit that changes the credential or the signature key of its sender")
  }
  return LeafNode.isSigned(path, { groupId, index: leaf })
    ? undefined
    : wrong("bad-signature", "a commit with a leaf that is not signed with its own key")
}

const checkWelcome = ({ welcome }: Commit.CommitWelcome, { added }: Expected): Outcome | undefined => {
  if (added.size === 0) {
    return welcome === undefined ? undefined : wrong("needless-welcome", "a Welcome with a commit that adds nobody")
  }
  if (welcome === undefined) return wrong("missing-welcome", "a commit that adds members, without a Welcome")
  for (const { ref } of added.values()) {
    if (Commit.target(welcome, ref) === undefined) {
      return wrong("incomplete-welcome", "a Welcome without secrets for a member whom the commit adds")
    }
  }
  return undefined
}

/**
 * @category guards
 * @since 0.1.0
 */
export const check = (message: Commit.CommitWelcome, expected: Expected): Outcome =>
  checkProposals(message, expected) ?? checkSender(message, expected) ?? checkWelcome(message, expected) ??
    { _tag: "Wins" }
