/**
 * The group of one channel on one voice server (DAVE whitepaper, Voice Gateway and MLS): which protocol version its members can
 * have in common, who is in the group, what is proposed, which commit wins, and when a transition is executed.
 *
 * Proposals are sent as soon as there is a reason. Changes before a commit has won are revoked or added within the epoch, and a
 * commit that could not know of them is dropped; the client makes another one. If a difference is not sufficient, everything is
 * revoked and proposed again. The next epoch does not wait for the transition of the last one.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { ServerFrame } from "../../../protocol/DaveFrame.ts"
import type { ServerMessage } from "../../../protocol/VoicePayload.ts"
import type { CoreContext } from "../CoreContext.ts"
import type { Session } from "../voice/Session.ts"
import * as Agenda from "./Agenda.ts"
import { equal, hex, u64 } from "./Bytes.ts"
import * as Commit from "./Commit.ts"
import * as CommitCheck from "./CommitCheck.ts"
import * as ExternalSender from "./ExternalSender.ts"
import * as KeyPackage from "./KeyPackage.ts"
import type { Group } from "./Model.ts"
import * as Preparation from "./Preparation.ts"
import * as Standing from "./Standing.ts"
import * as Transitions from "./Transitions.ts"
import * as Tree from "./Tree.ts"

/** A member that complains more often in a row is not added any more: each time would cost all others an epoch. */
const mostComplaints = 32

/**
 * Makes the group of a channel that is still empty. `tell` sends a numbered message.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  channelId: string,
  sender: () => ExternalSender.ExternalSender,
  tell: (session: Session, message: ServerMessage | ServerFrame) => void
): Group => {
  const { profile } = context
  const groupId = u64(BigInt.asUintN(64, BigInt(channelId)))
  const standings = new Map<Session, Standing.Standing>()
  const proposer = Agenda.make(sender, groupId)
  const { expectPackage, giveSender, prepareEpoch } = Preparation.make(context, sender, () => version, tell)
  const transitions = Transitions.make(
    context,
    (session, transition_id) => tell(session, { op: 22, d: { transition_id } }),
    ({ session }, id) => {
      if (session.connection === undefined) return context.count("dave-not-ready-while-lost")
      const message =
        `the client did not say within ${profile.daveTransitionTimeoutMs} ms that it is ready (op 23) for transition ${id}`
      Standing.advise(context, session, "dave-not-ready", message)
    }
  )
  let version = 0
  let epoch = 0n
  let tree: Tree.Tree = []
  let items: ReadonlyMap<string, Agenda.Item> = new Map()

  const forget = (): void => {
    transitions.restart()
    tree = []
    epoch = 0n
    items = new Map()
  }

  /** Starts again: everybody needs a new key package. */
  const reset = (): void => {
    forget()
    for (const standing of standings.values()) Standing.reset(standing)
  }

  /** The members that have been told a protocol version and support it. */
  const informed = (): ReadonlyArray<Standing.Standing> =>
    Array.from(standings.values()).filter(({ described, session }) => described && session.daveVersion > 0)

  /** Encryption ends when all members have been told. The group stays readable until another one begins. */
  const downgrade = (): void => {
    context.count("dave-downgrade")
    transitions.cancel()
    for (const standing of standings.values()) standing.securedMs = undefined
    const id = transitions.nextId()
    const recipients = informed()
    for (const { session } of recipients) tell(session, { op: 21, d: { protocol_version: 0, transition_id: id } })
    transitions.begin(id, 0, recipients, () => {})
  }

  const upgrade = (): void => {
    context.count("dave-upgrade")
    reset()
    for (const standing of informed()) prepareEpoch(standing)
  }

  /** Returns whether the version has changed. */
  const negotiate = (): boolean => {
    const before = version
    version = Math.min(...Array.from(standings.keys(), ({ daveVersion }) => daveVersion))
    if (version === before) return false
    if (informed().length === 0) return true
    if (version === 0) downgrade()
    else upgrade()
    return true
  }

  const resetSole = (standing: Standing.Standing): void => {
    context.count("dave-reset")
    reset()
    prepareEpoch(standing)
    const protocol_version = profile.daveSoleMemberVersion === "zero" ? 0 : version
    tell(standing.session, { op: 21, d: { protocol_version, transition_id: 0 } })
    transitions.begin(0, version, [standing], () => {})
  }

  const offer = (standing: Standing.Standing, wanted: ReadonlyMap<string, ExternalSender.Proposal>): void => {
    const { offered, session } = standing
    const revoked = Array.from(offered.values()).filter(({ id }) => !wanted.has(id))
    if (revoked.length > 0) {
      context.count("dave-revoked")
      tell(session, { op: 27, seq: 0, operation: "revoke", payload: ExternalSender.revoking(revoked) })
      Standing.offer(standing, epoch, new Map(Array.from(offered).filter(([id]) => wanted.has(id))))
    }
    const appended = Array.from(wanted.values()).filter(({ id }) => !offered.has(id))
    if (appended.length === 0) return
    giveSender(standing)
    tell(session, { op: 27, seq: 0, operation: "append", payload: ExternalSender.appending(appended) })
    Standing.offer(standing, epoch, wanted)
  }

  const makeAgenda = (): Agenda.Agenda => proposer.agenda(epoch, tree, Array.from(standings.values()))

  /** Updates what everybody is offered according to what has to be done. */
  const propose = (): void => {
    if (version === 0) return
    let agenda = makeAgenda()
    if (Agenda.needsRenewal(agenda, epoch)) {
      context.count("dave-reproposed")
      proposer.renew()
      agenda = makeAgenda()
    }
    if (agenda.stranded) {
      context.count("dave-stranded")
      forget()
      for (const standing of standings.values()) {
        const { keyPackage, removed } = standing
        Standing.reset(standing)
        standing.keyPackage = keyPackage
        standing.removed = removed
      }
      return propose()
    }
    items = agenda.items
    for (const standing of standings.values()) {
      if (agenda.committers.includes(standing)) offer(standing, Agenda.offerTo(agenda, standing))
      // It is out of the group, from its own point of view, too.
      else standing.offered = new Map()
    }
  }

  const secure = (members: Iterable<Standing.Standing>): void => {
    for (const standing of members) {
      if (Tree.indexOf(tree, standing) < 0) continue
      standing.reads = true
      standing.securedMs ??= context.now()
    }
  }

  /** Lets a commit that has passed all checks win its epoch. */
  const execute = (committer: Standing.Standing, { commit, welcome }: Commit.CommitWelcome): void => {
    const { added, removed } = Agenda.decided(items, commit.refs)
    const founder = committer.keyPackage
    const before = epoch === 0n && founder !== undefined
      ? [{ standing: committer, signatureKey: founder.signatureKey }]
      : tree
    // A member that has complained has left the group by itself, though its leaf may still be there.
    const stayed = before.flatMap((leaf, index) =>
      leaf === undefined || leaf.standing.lapsed || removed.includes(index) ? [] : [leaf.standing]
    )
    tree = Tree.change(before, removed, added)
    epoch++
    items = new Map()
    context.count("dave-epoch")
    for (const standing of standings.values()) standing.offered = new Map()
    committer.keyPackage = undefined
    const id = transitions.nextId()
    for (const { session } of stayed) {
      tell(session, { op: 29, seq: 0, transitionId: id, commit: commit.bytes.slice() })
    }
    for (const { keyPackage, standing } of added) {
      standing.keyPackage = undefined
      standing.lapsed = false
      standing.reads = false
      standing.welcomes++
      const bytes = welcome && Commit.target(welcome, keyPackage.ref)
      if (bytes !== undefined) tell(standing.session, { op: 30, seq: 0, transitionId: id, welcome: bytes })
    }
    transitions.begin(id, version, [...stayed, ...added.map(({ standing }) => standing)], secure)
    propose()
  }

  const judge = (standing: Standing.Standing, message: Commit.CommitWelcome): CommitCheck.Outcome => {
    const index = Tree.indexOf(tree, standing)
    const { keyPackage, lapsed, offered } = standing
    const added = new Map<string, KeyPackage.KeyPackage>()
    for (const [id, item] of items) {
      if (item._tag === "Add" && offered.has(id)) added.set(id, item.keyPackage)
    }
    const mayCommit = epoch === 0n ? keyPackage !== undefined : index >= 0 && !lapsed && keyPackage === undefined
    return CommitCheck.check(message, {
      groupId,
      epoch,
      standing,
      leaf: !mayCommit ? -1 : epoch === 0n ? 0 : index,
      signatureKey: epoch === 0n ? keyPackage?.signatureKey : tree[index]?.signatureKey,
      added
    })
  }

  return {
    enter: (session) => {
      standings.set(session, Standing.make(session))
      negotiate()
    },
    leave: (session) => {
      const standing = standings.get(session)
      if (standing === undefined) return
      standings.delete(session)
      transitions.dismiss(standing)
      const [last] = standings.values()
      if (last === undefined) return forget()
      if (negotiate() || version === 0) return
      if (standings.size === 1 && epoch > 0n && Tree.indexOf(tree, last) >= 0) resetSole(last)
      else propose()
    },
    isEmpty: () => standings.size === 0,
    version: () => version,
    sendSender: (session) => {
      const standing = standings.get(session)
      if (standing !== undefined && version > 0) giveSender(standing)
    },
    described: (session) => {
      const standing = standings.get(session)
      if (standing === undefined) return
      standing.described = true
      if (version === 0) return
      giveSender(standing)
      if (standing.packages.size === 0) expectPackage(standing)
    },
    lost: (session) => {
      const standing = standings.get(session)
      if (profile.daveLostMember === "kept" || standing === undefined || version === 0) return
      if (Tree.indexOf(tree, standing) < 0) return
      context.count("dave-lost-removed")
      Standing.reset(standing)
      standing.lapsed = true
      standing.removed = true
      transitions.excuse(standing)
      propose()
    },
    resumed: (session) => {
      const standing = standings.get(session)
      if (standing === undefined) return
      // it does not know that it is out
      if (standing.removed) return prepareEpoch(standing)
      if (standing.offered.size === 0) return
      proposer.renew()
      propose()
    },
    keyPackage: (session, payload) => {
      const standing = standings.get(session)
      if (standing === undefined) return
      if (version === 0 || !standing.described) return context.count("dave-key-package-ignored")
      standing.owingMs = undefined
      if (standing.outdated || standing.complaints > mostComplaints) {
        standing.outdated = false
        return context.count("dave-key-package-ignored")
      }
      const decoded = KeyPackage.decode(payload, session.userId)
      if (Result.isFailure(decoded)) {
        const code = `dave-key-package-${decoded.failure}`
        return Standing.accuse(context, session, code, `an unusable key package: ${decoded.failure}`)
      }
      const keyPackage = decoded.success
      const ref = hex(keyPackage.ref)
      // after a resume, a client sends again what may have been lost
      if (standing.keyPackage !== undefined && equal(standing.keyPackage.ref, keyPackage.ref)) {
        return context.count("dave-key-package-repeated")
      }
      if (standing.packages.has(ref)) {
        const message = "a key package was sent twice, but can only be used once"
        return Standing.accuse(context, session, "dave-key-package-reused", message)
      }
      standing.packages.add(ref)
      standing.removed = false
      if (Tree.indexOf(tree, standing) >= 0) {
        standing.lapsed = true
        standing.reads = false
        standing.securedMs = undefined
        transitions.excuse(standing)
        context.count("dave-readded")
      }
      standing.keyPackage = keyPackage
      propose()
    },
    commit: (session, payload) => {
      const standing = standings.get(session)
      if (standing === undefined) return
      const decoded = Commit.decode(payload)
      if (Result.isFailure(decoded)) {
        const code = `dave-commit-${decoded.failure}`
        return Standing.accuse(context, session, code, `op 28 cannot be decoded: ${decoded.failure}`)
      }
      const outcome = judge(standing, decoded.success)
      if (outcome._tag === "Wrong") return Standing.accuse(context, session, outcome.code, outcome.message)
      if (outcome._tag === "Late" || version === 0) return context.count("dave-commit-dropped")
      execute(standing, decoded.success)
    },
    ready: (session, id) => {
      const standing = standings.get(session)
      if (standing === undefined) return
      standing.complaints = 0
      if (transitions.ready(standing, id)) return
      if (standing.transitions.has(id)) return context.count("dave-ready-late")
      Standing.accuse(
        context,
        session,
        "dave-unknown-transition",
        `the client is ready (op 23) for transition ${id}, which was never announced to it`
      )
    },
    invalid: (session, id) => {
      const standing = standings.get(session)
      if (standing === undefined) return
      context.count("dave-invalid-commit")
      const welcomes = standing.transitions.get(id)
      if (welcomes === undefined) {
        const message = `the client calls transition ${id} invalid (op 31), which was never announced to it`
        Standing.accuse(context, session, "dave-unknown-transition", message)
      }
      // It was added again since, and has not answered that yet. Answering each complaint about what was under way with another
      // Welcome would never end.
      standing.complaints++
      standing.outdated = welcomes !== undefined && welcomes < standing.welcomes
      if (standing.outdated) return context.count("dave-invalid-outdated")
      standing.keyPackage = undefined
      standing.reads = false
      standing.securedMs = undefined
      standing.lapsed = Tree.indexOf(tree, standing) >= 0
      transitions.excuse(standing)
      propose()
    },
    reads: (from, to) => {
      const sending = standings.get(from)
      const listening = standings.get(to)
      return sending !== undefined && listening !== undefined && sending.reads && listening.reads
    },
    securedMs: (session) => standings.get(session)?.securedMs,
    owingMs: (session) => version === 0 ? undefined : standings.get(session)?.owingMs,
    view: () => ({
      version,
      epoch: Number(epoch),
      members: tree.flatMap((leaf, index) =>
        leaf === undefined ? [] : [{ userId: leaf.standing.session.userId, leaf: index }]
      ),
      pending: Array.from(standings.values()).flatMap(({ keyPackage, session }) =>
        keyPackage === undefined ? [] : [session.userId]
      ),
      proposals: items.size,
      transitions: transitions.pending().map(({ id, version, waiting }) => ({
        id,
        version,
        waiting: Array.from(waiting, ({ session }) => session.userId)
      }))
    })
  }
}
