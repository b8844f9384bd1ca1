/**
 * The end-to-end encryption of one connection: what the voice gateway says of it (ops 4, 11, 13, 21, 22, 24, 25, 27, 29, 30),
 * what we answer (ops 23, 26, 28, 31), and what it means for audio (DAVE whitepaper, Protocol Overview).
 *
 * A group begins with a key package of ours. Others are added and removed by commits, of which the voice gateway chooses
 * one; a transition makes the change valid for all at the same time. A transition with the id 0 is valid at once. When a
 * commit or Welcome cannot be used, we ask to be added anew (op 31), with a new key package; and with another key package
 * when one leads to nothing for a while although somebody is there.
 *
 * Until we are in a group nothing can be encrypted, and nothing but silence is sent. A track waits for the group while
 * somebody else is there, for a few seconds at most, and goes on unheard where nobody is.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Dave from "../Dave.ts"
import type * as DaveFrame from "../protocol/DaveFrame.ts"
import type { UserId } from "../protocol/Identifier.ts"
import type * as VoicePayload from "../protocol/VoicePayload.ts"
import * as VoiceError from "../VoiceError.ts"
import { E2eeGate } from "./E2eeGate.ts"
import { E2eeGroup } from "./E2eeGroup.ts"
import * as E2eeMedia from "./E2eeMedia.ts"
import { E2eeRecovery, maxRecoveries } from "./E2eeRecovery.ts"
import * as E2eeVersions from "./E2eeVersions.ts"
import type * as Line from "./Line.ts"
import type { Gate } from "./MediaSender.ts"
import * as Patience from "./Patience.ts"
import type * as SsrcMap from "./SsrcMap.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly group: Dave.Group
  readonly self: UserId
  readonly maxVersion: number
  readonly users: SsrcMap.SsrcMap
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  /** Sends a message; it may be lost with its socket, {@link E2ee.resumed} sends again what was not answered. */
  readonly send: (message: VoicePayload.ClientMessage | DaveFrame.ClientFrame) => void
  readonly onGate: (gate: Gate) => void
  /** Called at once when it changes whether what we send has to be encrypted. It need not be at first. */
  readonly onEncrypting: (isEncrypting: boolean) => void
  readonly onPacket: (packet: Line.AudioPacket) => void
  readonly onChange: (e2ee: Line.E2ee) => void
  /** It has failed for good. */
  readonly onFailed: (error: VoiceError.VoiceError) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Statistics extends E2eeMedia.Statistics {
  readonly transitions: number
  readonly rejections: number
  readonly recoveries: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface E2ee {
  /** Takes every message of the voice gateway; those that have nothing to do with encryption are left alone. */
  readonly onMessage: (message: VoicePayload.ServerMessage) => Effect.Effect<void>
  readonly onFrame: (frame: DaveFrame.ServerFrame) => Effect.Effect<void>
  /** The socket is lost, and is being replaced. */
  readonly lost: () => void
  /** The socket was replaced: what was lost with the former one is said again. */
  readonly resumed: () => void
  readonly protect: E2eeMedia.E2eeMedia["protect"]
  readonly receive: (packet: Line.AudioPacket) => void
  readonly statistics: () => Statistics
}

/** The messages that have to do with the group. */
type E2eeOp = 4 | 11 | 13 | 21 | 22 | 24

/**
 * Without a group, at version 0, until Session Description (op 4) says otherwise.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<E2ee, never, Scope.Scope> {
  const { maxVersion, now, onChange, onFailed, onGate, self, send, users } = options
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  // recovery comes from the packets, everything else from the voice gateway
  const mutex = yield* Semaphore.make(1)

  /** Who else is in the channel: those whom proposals may add. */
  const others = new Set<UserId>()
  const versions = E2eeVersions.make(now, options.onEncrypting)
  const group = new E2eeGroup({
    group: options.group,
    send,
    // a group may take its time, and audio must know at once
    onBegin: () => show(),
    onJoined: (transition, isNew) => {
      recovery.joined()
      gate.joined(isNew, now())
      prepare(transition, group.version())
    },
    onFailed
  })
  const gate = new E2eeGate()
  const recovery = new E2eeRecovery()
  let recoveries = 0
  let isRecovering = false

  const isMember = (): boolean => group.membership() !== undefined

  // a server may have refused a key package, or have lost track of us: it does not say so
  const patience = yield* Patience.make((unanswered: Uint8Array) =>
    handled(() => {
      if (group.keyPackage() !== unanswered) return Effect.void
      recoveries++
      return group.begin(group.version())
    })
  )

  let shown = ""
  const show = (): void => {
    const version = versions.inForce()
    const membership = group.membership()
    onGate(gate.gate({ version, isMember: membership !== undefined, isAlone: others.size === 0 }, now()))
    const e2ee: Line.E2ee = {
      version,
      // at version 0 there may be a former group, or one that is being made; its codes would say that nobody listens in
      ...(membership === undefined || version === 0 ? {} : { membership }),
      transitioning: versions.announced().length > 0
    }
    const text = JSON.stringify(e2ee)
    if (text !== shown) {
      shown = text
      onChange(e2ee)
    }
  }

  const update = (): void => {
    show()
    patience.await(others.size > 0 ? group.keyPackage() : undefined)
  }

  const handled = (effect: () => Effect.Effect<void>): Effect.Effect<void> =>
    Effect.suspend(effect).pipe(Effect.andThen(Effect.sync(update)), mutex.withPermit)

  const isKnown = (wanted: number): boolean => {
    if (wanted <= maxVersion) return true
    onFailed(VoiceError.make(
      new VoiceError.E2eeFailed({
        kind: "Version",
        detail: `the voice gateway wants version ${wanted} of DAVE, and this library knows ${maxVersion}`
      })
    ))
    return false
  }

  const recover = (transition: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (!recovery.begin(now())) {
        onFailed(VoiceError.make(
          new VoiceError.E2eeFailed({
            kind: "Group",
            detail: `no commit or welcome could be used after asking ${maxRecoveries} times to be added anew`
          })
        ))
        return Effect.void
      }
      recoveries++
      versions.forget(false)
      return group.askAnew(transition)
    })

  const onDecrypted = (isReadable: boolean): void => {
    recovery.onDecrypted(isReadable)
    if (isReadable || group.isBeginning() || isRecovering || !recovery.isDue(now())) return
    if (versions.announced().length > 0) return
    recovery.backOff()
    isRecovering = true
    Effect.runForkWith(context)(
      handled(() => group.isBeginning() ? Effect.void : recover(versions.lastExecuted())).pipe(
        Effect.ensuring(Effect.sync(() => {
          isRecovering = false
        })),
        Effect.forkIn(scope)
      )
    )
  }

  const media = E2eeMedia.make({
    group: options.group,
    users,
    now,
    isEncrypting: () => versions.inForce() > 0,
    takesPlain: versions.takesPlain,
    isMember,
    isPlainCall: () =>
      versions.inForce() === 0 && !isMember() && !group.isBeginning() && versions.announced().length === 0,
    onPacket: options.onPacket,
    onDecrypted
  })

  yield* Effect.addFinalizer(() => Effect.sync(media.close))

  const execute = (transition: number): void => {
    if (versions.execute(transition)) gate.executed()
  }

  /** A transition was announced that leads to a version. */
  const prepare = (transition: number, next: number): void => {
    if (versions.announce(transition, next)) gate.executed()
    else send({ op: 23, d: { transition_id: transition } })
  }

  const onDescription = (wanted: number): Effect.Effect<void> => {
    // a later description brings a new transport key; the group has nothing to do with it
    if (!isKnown(wanted) || (wanted === group.version() && (group.isBeginning() || isMember()))) return Effect.void
    versions.begin(wanted)
    return group.begin(wanted)
  }

  const onPrepareEpoch = (epoch: number, wanted: number): Effect.Effect<void> => {
    if (!isKnown(wanted)) return Effect.void
    if (epoch !== 1) {
      group.goOn(wanted)
      return Effect.void
    }
    versions.forget(true)
    // where nobody encrypts yet, that goes on until a transition to the new group
    if (versions.inForce() > 0) versions.enforce(wanted)
    return group.beginForAll(wanted)
  }

  const onPrepareTransition = (transition: number, wanted: number): void => {
    if (!isKnown(wanted)) return
    // the reset of a sole member is executed at once, and says nothing of the version: Prepare Epoch has
    const next = transition === 0 && group.isBeginning() && others.size === 0 ? group.version() : wanted
    prepare(transition, next)
  }

  const onEpoch = (frame: Extract<DaveFrame.ServerFrame, { op: 29 | 30 }>): Effect.Effect<void> => {
    const taking = group.take(frame)
    media.beginEpoch()
    return taking.pipe(
      Effect.flatMap((isUsed) => isUsed ? Effect.void : recover(frame.transitionId)),
      Effect.ensuring(Effect.sync(media.endEpoch))
    )
  }

  const handleMessage = (message: Extract<VoicePayload.ServerMessage, { op: E2eeOp }>): Effect.Effect<void> => {
    switch (message.op) {
      case 4:
        return onDescription(message.d.dave_protocol_version ?? 0)
      case 11:
        for (const userId of message.d.user_ids) {
          if (userId !== self) others.add(userId)
        }
        return Effect.void
      case 13:
        others.delete(message.d.user_id)
        return Effect.void
      case 21:
        onPrepareTransition(message.d.transition_id, message.d.protocol_version)
        return Effect.void
      case 22:
        execute(message.d.transition_id)
        return Effect.void
      case 24:
        return onPrepareEpoch(message.d.epoch, message.d.protocol_version)
    }
  }

  const handleFrame = (frame: DaveFrame.ServerFrame): Effect.Effect<void> => {
    switch (frame.op) {
      case 25:
        return group.setExternalSender(frame.externalSender)
      case 27:
        return group.propose(frame, [self, ...others])
      case 29:
      case 30:
        return onEpoch(frame)
    }
  }

  return {
    onMessage: (message) => {
      switch (message.op) {
        case 5:
        case 12:
          return Effect.sync(media.onSender)
        case 13:
          // at once, and not behind what is being processed: all others are told in this turn
          return Effect.andThen(
            Effect.sync(() => media.forget(message.d.user_id)),
            handled(() => handleMessage(message))
          )
        case 4:
        case 11:
        case 21:
        case 22:
        case 24:
          return handled(() => handleMessage(message))
        default:
          return Effect.void
      }
    },
    onFrame: (frame) => handled(() => handleFrame(frame)),
    lost: media.lose,
    resumed: () => {
      media.regain()
      group.resend()
      for (const transition of versions.announced()) send({ op: 23, d: { transition_id: transition } })
    },
    protect: media.protect,
    receive: media.receive,
    statistics: () => ({
      ...media.statistics(),
      transitions: versions.executions(),
      rejections: group.rejections(),
      recoveries
    })
  }
})
