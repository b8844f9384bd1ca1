/**
 * What the group of a channel knows about one session.
 *
 * @since 0.1.0
 */
import type { CoreContext } from "../CoreContext.ts"
import type { Session } from "../voice/Session.ts"
import type { Proposal } from "./ExternalSender.ts"
import type { KeyPackage } from "./KeyPackage.ts"

/**
 * A session from its entry to its end. The group changes it in place.
 *
 * @category models
 * @since 0.1.0
 */
export interface Standing {
  readonly session: Session
  /** Whether a session description (op 4) has told it the protocol version. Before that it is told nothing. */
  described: boolean
  /** Whether it has received the external sender (op 25). */
  hasSender: boolean
  /** The key package with which it will be added. */
  keyPackage: KeyPackage | undefined
  /** Since when it has owed a key package. */
  owingMs: number | undefined
  /** The refs of the key packages that it has sent. */
  readonly packages: Set<string>
  /** Whether it is in the tree, but has said (op 31) that it cannot follow. */
  lapsed: boolean
  /** Whether it has to be removed from the group because its connection was lost, and has sent no key package since. */
  removed: boolean
  /** Whether the transition that added it was executed: it can decrypt what the others send. */
  reads: boolean
  /** Since when it has had to encrypt. */
  securedMs: number | undefined
  /** The proposals of this epoch that it has and that were not revoked. */
  offered: ReadonlyMap<string, Proposal>
  /** The epochs and sets of proposals that it could have committed, the latest last. */
  readonly offers: Array<string>
  /** The number of Welcomes (op 30) that it was sent. */
  welcomes: number
  /** The transition ids that it was told, and the number of Welcomes that it had then. */
  readonly transitions: Map<number, number>
  /** How often it has complained (op 31) since it was last ready for a transition. */
  complaints: number
  /** Whether its next key package belongs to an outdated complaint. */
  outdated: boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (session: Session): Standing => ({
  session,
  described: false,
  hasSender: false,
  keyPackage: undefined,
  owingMs: undefined,
  packages: new Set(),
  lapsed: false,
  removed: false,
  reads: false,
  securedMs: undefined,
  offered: new Map(),
  offers: [],
  welcomes: 0,
  transitions: new Map(),
  complaints: 0,
  outdated: false
})

/**
 * Removes everything that belongs to one group.
 *
 * @category mutations
 * @since 0.1.0
 */
export const reset = (standing: Standing): void => {
  standing.keyPackage = undefined
  standing.lapsed = false
  standing.removed = false
  standing.outdated = false
  standing.reads = false
  standing.securedMs = undefined
  standing.offered = new Map()
}

/** More sets than can be under way. */
const keptOffers = 64

const keyOf = (epoch: bigint, refs: Iterable<string>): string => `${epoch}|${Array.from(refs).toSorted().join()}`

/**
 * Notes what it can commit now.
 *
 * @category mutations
 * @since 0.1.0
 */
export const offer = (standing: Standing, epoch: bigint, proposals: ReadonlyMap<string, Proposal>): void => {
  standing.offered = proposals
  if (proposals.size === 0) return
  standing.offers.push(keyOf(epoch, proposals.keys()))
  if (standing.offers.length > keptOffers) standing.offers.shift()
}

/**
 * Whether it could have committed this at some time, so that it may not know yet that the time is over.
 *
 * @category guards
 * @since 0.1.0
 */
export const wasOffered = (standing: Standing, epoch: bigint, refs: Iterable<string>): boolean =>
  standing.offers.includes(keyOf(epoch, refs))

/** Whether neither a fault nor a script can be the reason. Counts it otherwise. */
const isItsOwn = (context: CoreContext, session: Session, code: string): boolean => {
  if (session.credentials === undefined) context.count(`scripted:${code}`)
  else if (session.daveTampered || session.connection?.tampered === true) context.count(`tampered:${code}`)
  else return true
  return false
}

/**
 * Gives advice where {@link accuse} would record a violation.
 *
 * @category verdicts
 * @since 0.1.0
 */
export const advise = (context: CoreContext, session: Session, code: string, message: string): void => {
  if (isItsOwn(context, session, code)) context.judge("advice", code, message, session.userId)
}

/**
 * Records a violation, unless it is a scripted member's, or a fault has affected what its client has seen or sent: these are
 * counted.
 *
 * @category verdicts
 * @since 0.1.0
 */
export const accuse = (context: CoreContext, session: Session, code: string, message: string): void => {
  if (isItsOwn(context, session, code)) context.judge("violation", code, message, session.userId)
}
