/**
 * A scripted member of an end-to-end encrypted channel: a client of the DAVE protocol (whitepaper 1.1) that gets the messages
 * of the voice gateway and answers them immediately. It is written only for the emulator, so that a mistake of our client is
 * not mirrored by its judge.
 *
 * Nothing here throws. Failures are counted: `participant-commit-invalid`, `participant-welcome-invalid`,
 * `participant-proposals-refused`, `participant-external-sender-refused`, `participant-engine-failed`,
 * `participant-frame-withheld` and `participant-transition-unknown`, most of them followed by a colon and a cause.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { UserId } from "../../../protocol/Identifier.ts"
import * as OpusPacket from "../../../protocol/OpusPacket.ts"
import * as Engine from "./Engine.ts"
import * as MediaFrame from "./MediaFrame.ts"
import type { DaveMember, DaveMemberOptions, Undecryptable } from "./Seat.ts"

/** How long plain frames are still accepted after the change to encryption: they may be under way. */
const plainGraceMs = 10_000

/** The tag, nonce, size and marker of a frame that only looks encrypted. */
const garbageTail = [1, 12, 0xfa, 0xfa]

const spoilt = (bytes: Uint8Array): Uint8Array => {
  const copy = bytes.slice()
  const last = copy.length - 1
  copy[last] = (copy[last] ?? 0) ^ 1
  return copy
}

const joined = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}

const ascending = (a: UserId, b: UserId): number => a.length - b.length || (a < b ? -1 : 1)

const bySender: { readonly [cause: string]: Undecryptable } = { "no-decryptor-for-user": "not-a-member" }

/**
 * Makes a member that waits for its session description (op 4).
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: DaveMemberOptions): DaveMember => {
  const { channelId, context, userId } = options
  const recognized = new Set<UserId>([userId])
  const transitions = new Map<number, number>()
  let { misbehaviour } = options
  let engine: Engine.Engine | undefined
  let externalSender: Uint8Array | undefined
  /** The version in use, and that of the future group. */
  let version = 0
  let groupVersion = 0
  let inGroup = false
  /** Whether the last message was Prepare Epoch (op 24) for a new group. */
  let epochPrepared = false
  let plainUntilMs = Number.NEGATIVE_INFINITY
  /** The transition that a stale member has not processed. */
  let missed: number | undefined
  let offeredBad = false
  let cancelOffer: (() => void) | undefined
  let closed = false

  const send: DaveMemberOptions["send"] = (message) => {
    if (!closed) options.send(message)
  }

  const offerNow = (bad: boolean): void => {
    if (engine === undefined) return
    offeredBad = bad
    const made = engine.keyPackage()
    if (Result.isFailure(made)) return context.count(`participant-engine-failed:${made.failure}`)
    send({ op: 26, keyPackage: bad ? spoilt(made.success) : made.success })
  }

  const offer = (): void => {
    const { keyPackage } = misbehaviour
    cancelOffer?.()
    cancelOffer = undefined
    if (typeof keyPackage !== "object") return offerNow(keyPackage === "bad")
    cancelOffer = context.timers.at(context.now() + keyPackage.delayMs, () => {
      cancelOffer = undefined
      offerNow(false)
    })
  }

  /** Replaces the current state by a pending group. Returns whether there is one. */
  const renew = (next: number): boolean => {
    inGroup = false
    missed = undefined
    groupVersion = next
    const begun: Result.Result<Engine.Engine | void, string> = engine === undefined
      ? Engine.make(next, userId, channelId)
      : engine.renew(next)
    if (Result.isFailure(begun)) {
      context.count(`participant-engine-failed:${begun.failure}`)
      return false
    }
    if (engine === undefined && begun.success !== undefined) {
      engine = begun.success
      if (externalSender !== undefined) takeExternalSender(externalSender)
    }
    return true
  }

  const begin = (next: number): void => {
    if (renew(next)) offer()
  }

  const takeExternalSender = (bytes: Uint8Array): void => {
    externalSender = bytes.slice()
    const taken = engine?.setExternalSender(bytes)
    if (taken !== undefined && Result.isFailure(taken)) {
      context.count(`participant-external-sender-refused:${taken.failure}`)
    }
  }

  const use = (next: number): void => {
    if (version === 0 && next > 0) plainUntilMs = context.now() + plainGraceMs
    version = next
  }

  const execute = (transition: number): void => {
    const next = transitions.get(transition)
    if (next === undefined) return context.count("participant-transition-unknown")
    transitions.delete(transition)
    use(next)
  }

  /** Transition 0 is executed immediately; others wait until all members are ready. */
  const prepare = (transition: number, next: number): void => {
    if (transition === 0) return use(next)
    transitions.set(transition, next)
    if (misbehaviour.ready !== "never") send({ op: 23, d: { transition_id: transition } })
  }

  /** Tells the server that its commit or Welcome cannot be used, and asks to be added again. */
  const recover = (transition: number): void => {
    const renewed = renew(groupVersion)
    send({ op: 31, d: { transition_id: transition } })
    if (renewed) offer()
  }

  const onProposals = (operation: "append" | "revoke", proposals: Uint8Array): void => {
    const made = engine?.propose(operation, proposals, Array.from(recognized))
    if (made === undefined) return
    if (Result.isFailure(made)) return context.count(`participant-proposals-refused:${made.failure}`)
    if (made.success === undefined || misbehaviour.commits === "none") return
    const { commit, welcome } = made.success
    switch (misbehaviour.commits) {
      case "malformed":
        return send({ op: 28, payload: context.random.bytes(commit.length) })
      case "forged":
        return send({ op: 28, payload: joined(spoilt(commit), welcome) })
      default:
        return send({ op: 28, payload: joined(commit, welcome) })
    }
  }

  const onTransition = (
    kind: "commit" | "welcome",
    transition: number,
    step: (engine: Engine.Engine) => Result.Result<void, string>
  ): void => {
    if (engine === undefined) return
    const taken = step(engine)
    if (Result.isFailure(taken)) {
      context.count(`participant-${kind}-invalid:${taken.failure}`)
      return recover(transition)
    }
    inGroup = true
    prepare(transition, groupVersion)
  }

  const onCommit = (transition: number, commit: Uint8Array): void => {
    if (misbehaviour.epoch !== "stale") return onTransition("commit", transition, (engine) => engine.commit(commit))
    missed = transition
    prepare(transition, groupVersion)
  }

  const onEpoch = (next: number, epoch: number): void => {
    if (epoch !== 1) {
      groupVersion = next
      return
    }
    epochPrepared = true
    // What was announced to the previous group is never executed.
    transitions.clear()
    begin(next)
  }

  const onPrepare = (transition: number, next: number, afterEpoch: boolean): void => {
    // A server may send version 0 to the last member of a group in passing: the channel stays encrypted.
    if (afterEpoch && transition === 0 && next === 0) return
    prepare(transition, next)
  }

  return {
    receive: (message) => {
      if (closed) return
      const afterEpoch = epochPrepared
      epochPrepared = false
      switch (message.op) {
        case 4: {
          const next = message.d.dave_protocol_version ?? 0
          version = next
          if (next > 0) begin(next)
          return
        }
        case 11:
          for (const user of message.d.user_ids) recognized.add(user)
          return
        case 13:
          if (message.d.user_id !== userId) recognized.delete(message.d.user_id)
          return
        case 21:
          return onPrepare(message.d.transition_id, message.d.protocol_version, afterEpoch)
        case 22:
          return execute(message.d.transition_id)
        case 24:
          return onEpoch(message.d.protocol_version, message.d.epoch)
        case 25:
          return takeExternalSender(message.externalSender)
        case 27:
          return onProposals(message.operation, message.payload)
        case 29:
          return onCommit(message.transitionId, message.commit)
        case 30:
          return onTransition("welcome", message.transitionId, (engine) => engine.welcome(message.welcome))
      }
    },
    encrypt: (frame) => {
      if (OpusPacket.isSilence(frame) || misbehaviour.frames === "plain") return frame
      if (misbehaviour.frames === "garbage") {
        return joined(context.random.bytes(frame.length + 8), Uint8Array.from(garbageTail))
      }
      if (version === 0) return frame
      if (engine === undefined || !inGroup) {
        context.count("participant-frame-withheld")
        return undefined
      }
      const sealed = engine.encrypt(frame)
      if (Result.isSuccess(sealed)) return sealed.success
      context.count(`participant-engine-failed:${sealed.failure}`)
      return undefined
    },
    open: (from, payload) => {
      if (OpusPacket.isSilence(payload)) return Result.succeed({ frame: payload, encrypted: false })
      if (MediaFrame.decode(payload) === undefined) {
        const due = version > 0 && context.now() > plainUntilMs && !Array.from(transitions.values()).includes(0)
        return due ? Result.fail("unencrypted") : Result.succeed({ frame: payload, encrypted: false })
      }
      if (engine === undefined || !inGroup) return Result.fail("no-group")
      return Result.mapBoth(engine.decrypt(from, payload), {
        onSuccess: (frame) => ({ frame, encrypted: true }),
        onFailure: (cause) => bySender[cause] ?? "no-key"
      })
    },
    membership: () => {
      if (engine === undefined || !inGroup || version === 0) return undefined
      return {
        version,
        epoch: engine.epoch(),
        privacyCode: engine.privacyCode(),
        // The engine's ids are those of the identities in the group.
        members: engine.members().map((id) => id as UserId).toSorted(ascending)
      }
    },
    verificationCode: (other) => engine?.verificationCode(other) ?? Promise.resolve(undefined),
    misbehave: (how) => {
      misbehaviour = how
      if (closed || engine === undefined) return
      if (missed !== undefined && how.epoch !== "stale") return recover(missed)
      if (!inGroup && (offeredBad || cancelOffer !== undefined)) offer()
    },
    close: () => {
      closed = true
      cancelOffer?.()
      engine = undefined
      inGroup = false
    }
  }
}
