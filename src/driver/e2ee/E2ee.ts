/**
 * The end-to-end encryption of one connection: what the voice gateway says about it (ops 4, 11, 13, 21, 22, 24, 25, 27, 29,
 * 30), what we answer (ops 23, 26, 28, 31), and what that means for audio (DAVE whitepaper, Protocol Overview).
 *
 * A group begins with our key package. Other members are added and removed by commits, of which the voice gateway selects one;
 * a transition makes the change valid for all members at the same time. A transition with the id 0 is valid immediately. If a
 * commit or Welcome cannot be used, we ask to be added again (op 31), with a new key package. If a key package leads to nothing
 * for a while although somebody is there, we send another one.
 *
 * Until we are in a group nothing can be encrypted, and only silence is sent. While somebody else is there a track waits for
 * the group, for a few seconds at most. If nobody else is there it continues unheard.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Dave from "../../Dave.ts"
import type * as DaveFrame from "../../protocol/DaveFrame.ts"
import type { Ssrc, UserId } from "../../protocol/Identifier.ts"
import type * as VoicePayload from "../../protocol/VoicePayload.ts"
import type { FrameRing, FrameSource } from "../../ring/FrameRing.ts"
import * as VoiceError from "../../VoiceError.ts"
import type * as Line from "../Line.ts"
import type { Gate } from "../media/Sending.ts"
import * as Patience from "../Patience.ts"
import type * as SsrcMap from "../SsrcMap.ts"
import { E2eeGate } from "./E2eeGate.ts"
import { E2eeGroup, type Options as GroupOptions } from "./E2eeGroup.ts"
import { E2eeOthers } from "./E2eeOthers.ts"
import * as E2eeReceiver from "./E2eeReceiver.ts"
import { E2eeRecovery, maxRecoveries } from "./E2eeRecovery.ts"
import * as E2eeSender from "./E2eeSender.ts"
import * as E2eeVersions from "./E2eeVersions.ts"

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
  /** Sends a message. It may be lost with its socket; {@link E2ee.resumed} sends unanswered messages again. */
  readonly send: (message: VoicePayload.ClientMessage | DaveFrame.ClientFrame) => void
  readonly onGate: (gate: Gate) => void
  /** Called immediately when it changes whether what we send has to be encrypted. Initially it does not. */
  readonly onEncrypting: (isEncrypting: boolean) => void
  readonly onPacket: (packet: Line.AudioPacket) => void
  readonly onChange: (e2ee: Line.E2ee) => void
  /** Called when encryption has failed permanently. */
  readonly onFailed: (error: VoiceError.VoiceError) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Statistics extends E2eeSender.Statistics, E2eeReceiver.Statistics {
  readonly transitions: number
  readonly rejections: number
  readonly recoveries: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface E2ee {
  /** Takes every message of the voice gateway, and ignores those that have nothing to do with encryption. */
  readonly onMessage: (message: VoicePayload.ServerMessage) => Effect.Effect<void>
  readonly onFrame: (frame: DaveFrame.ServerFrame) => Effect.Effect<void>
  /** Tells that the socket is lost and is being replaced. */
  readonly lost: () => void
  /** Tells that the socket was replaced: what was lost with the former one is sent again. */
  readonly resumed: () => void
  readonly protect: E2eeSender.E2eeSender["protect"]
  /** May be passed on detached. */
  readonly receive: E2eeReceiver.E2eeReceiver["receive"]
  readonly statistics: () => Statistics
}

/** The messages that concern the group. */
type E2eeOp = 4 | 11 | 13 | 21 | 22 | 24

/** The whole, which its parts call back. */
class Encryption implements E2ee, GroupOptions, E2eeSender.Options, E2eeReceiver.Options {
  readonly group: Dave.Group
  readonly users: SsrcMap.SsrcMap
  readonly now: () => number
  readonly send: Options["send"]
  readonly onPacket: Options["onPacket"]
  readonly onFailed: Options["onFailed"]
  readonly receive: E2ee["receive"]
  readonly #maxVersion: number
  readonly #onGate: Options["onGate"]
  readonly #onChange: Options["onChange"]
  readonly #scope: Scope.Scope
  readonly #context: Context.Context<never>
  readonly #patience: Patience.Patience<Uint8Array>
  // recovery is triggered by packets, everything else by the voice gateway
  readonly #mutex = Semaphore.makeUnsafe(1)
  readonly #versions: E2eeVersions.E2eeVersions
  /** Our part in the group. */
  readonly #part: E2eeGroup
  readonly #gate = new E2eeGate()
  readonly #recovery = new E2eeRecovery()
  readonly #sender: E2eeSender.E2eeSender
  readonly #receiver: E2eeReceiver.E2eeReceiver
  readonly #others: E2eeOthers
  #recoveries = 0
  #isRecovering = false
  #shown = ""

  constructor(
    options: Options,
    scope: Scope.Scope,
    context: Context.Context<never>,
    patience: Patience.Patience<Uint8Array>
  ) {
    this.group = options.group
    this.users = options.users
    this.now = options.now
    this.send = options.send
    this.onPacket = options.onPacket
    this.onFailed = options.onFailed
    this.#others = new E2eeOthers(options.self)
    this.#maxVersion = options.maxVersion
    this.#onGate = options.onGate
    this.#onChange = options.onChange
    this.#scope = scope
    this.#context = context
    this.#patience = patience
    this.#versions = E2eeVersions.make(options.now, options.onEncrypting)
    this.#part = new E2eeGroup(this)
    this.#sender = E2eeSender.make(this)
    this.#receiver = E2eeReceiver.make(this)
    this.receive = this.#receiver.receive
  }

  onMessage(message: VoicePayload.ServerMessage): Effect.Effect<void> {
    switch (message.op) {
      case 5:
      case 12:
        return Effect.sync(() => this.#receiver.onSender())
      case 13:
        // immediately, and not after what is being processed: all other members are told in this turn
        return Effect.andThen(
          Effect.sync(() => this.#receiver.forget(message.d.user_id)),
          this.#handled(() => this.#handleMessage(message))
        )
      case 4:
      case 11:
      case 21:
      case 22:
      case 24:
        return this.#handled(() => this.#handleMessage(message))
      default:
        return Effect.void
    }
  }

  onFrame(frame: DaveFrame.ServerFrame): Effect.Effect<void> {
    return this.#handled(() => this.#handleFrame(frame))
  }

  lost(): void {
    this.#receiver.lose()
  }

  resumed(): void {
    this.#receiver.regain()
    // the handling of a message ends with its socket, and a Session Description (op 4) does not come again
    if (this.#part.isInterrupted()) {
      this.#fork(this.#handled(() => this.#part.isInterrupted() ? this.#part.begin(this.#part.version()) : Effect.void))
    }
    this.#part.resend()
    for (const transition of this.#versions.announced()) this.send({ op: 23, d: { transition_id: transition } })
  }

  protect(ring: FrameRing): FrameSource {
    return this.#sender.protect(ring)
  }

  statistics(): Statistics {
    return {
      ...this.#sender.statistics(),
      ...this.#receiver.statistics(),
      transitions: this.#versions.executions(),
      rejections: this.#part.rejections(),
      recoveries: this.#recoveries
    }
  }

  endWithScope(): Effect.Effect<void> {
    return Scope.addFinalizerExit(this.#scope, () =>
      Effect.sync(() => {
        this.#sender.close()
        this.#receiver.close()
      }))
  }

  /** A server may have rejected a key package, or lost track of us, without saying so. */
  again(unanswered: Uint8Array): Effect.Effect<void> {
    return this.#handled(() => {
      if (this.#part.keyPackage() !== unanswered) return Effect.void
      this.#recoveries++
      return this.#part.begin(this.#part.version())
    })
  }

  onBegin(): void {
    // a group may take its time, and audio has to know immediately
    this.#show()
  }

  onJoined(transition: number, isNew: boolean): void {
    this.#recovery.joined()
    this.#gate.joined(isNew, this.now())
    this.#prepare(transition, this.#part.version())
  }

  isEncrypting(): boolean {
    return this.#versions.inForce() > 0
  }

  takesPlain(nowMs: number): boolean {
    return this.#versions.takesPlain(nowMs)
  }

  isMember(): boolean {
    return this.#part.membership() !== undefined
  }

  isPlainCall(): boolean {
    return this.#versions.inForce() === 0 && !this.#isPart() && this.#versions.announced().length === 0
  }

  onDecrypted(isReadable: boolean, arrivalMs: number, ssrc: Ssrc): void {
    this.#recovery.onDecrypted(isReadable, arrivalMs, ssrc)
    if (isReadable || this.#part.isBeginning() || this.#isRecovering || !this.#recovery.isDue(this.now())) return
    if (this.#versions.announced().length > 0) return
    this.#recovery.backOff()
    this.#isRecovering = true
    this.#fork(
      this.#handled(() => this.#part.isBeginning() ? Effect.void : this.#recover(this.#versions.lastExecuted())).pipe(
        Effect.ensuring(Effect.sync(() => {
          this.#isRecovering = false
        }))
      )
    )
  }

  #fork(effect: Effect.Effect<void>): void {
    Effect.runForkWith(this.#context)(Effect.forkIn(effect, this.#scope))
  }

  #show(): void {
    const version = this.#versions.inForce()
    const membership = this.#part.membership()
    const [isPreparing, isAlone] = [this.#part.isPreparing(), this.#others.isEmpty()]
    const call = { version, isMember: membership !== undefined, isPreparing, isAlone }
    this.#onGate(this.#gate.gate(call, this.now()))
    const e2ee: Line.E2ee = {
      version,
      // at version 0 there may be a former group, or one that is being made; its codes would suggest that nobody can listen in
      ...(membership === undefined || version === 0 ? {} : { membership }),
      transitioning: this.#versions.announced().length > 0
    }
    const text = JSON.stringify(e2ee)
    if (text !== this.#shown) {
      this.#shown = text
      this.#onChange(e2ee)
    }
  }

  #handled(effect: () => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(effect).pipe(
      Effect.andThen(Effect.sync(() => {
        this.#show()
        this.#patience.await(this.#others.isEmpty() ? undefined : this.#part.keyPackage())
      })),
      this.#mutex.withPermit
    )
  }

  #isKnown(wanted: number): boolean {
    if (wanted <= this.#maxVersion) return true
    const detail =
      `the voice gateway wants version ${wanted} of DAVE, but this library supports at most version ${this.#maxVersion}`
    this.onFailed(VoiceError.make(new VoiceError.E2eeFailed({ kind: "Version", detail })))
    return false
  }

  #recover(transition: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.#recovery.begin(this.now())) {
        const detail = `no usable commit or welcome arrived after asking ${maxRecoveries} times to be added again`
        this.onFailed(VoiceError.make(new VoiceError.E2eeFailed({ kind: "Group", detail })))
        return Effect.void
      }
      this.#recoveries++
      this.#versions.forget(false)
      return this.#part.askAnew(transition)
    })
  }

  /** Whether we are in a group, or on our way into one. */
  #isPart(): boolean {
    return this.#part.isBeginning() || this.isMember()
  }

  /** Handles the announcement of a transition that leads to a version. */
  #prepare(transition: number, next: number): void {
    if (this.#versions.announce(transition, next)) this.#gate.executed()
    else this.send({ op: 23, d: { transition_id: transition } })
  }

  #onDescription(wanted: number): Effect.Effect<void> {
    // a later description brings a new transport key, which does not affect the group
    if (!this.#isKnown(wanted) || (wanted === this.#part.version() && this.#isPart())) return Effect.void
    this.#versions.begin(wanted)
    return this.#part.begin(wanted)
  }

  #onPrepareEpoch(epoch: number, wanted: number): Effect.Effect<void> {
    if (!this.#isKnown(wanted)) return Effect.void
    if (epoch !== 1) {
      this.#part.goOn(wanted)
      return Effect.void
    }
    this.#versions.forget(true)
    // if nobody encrypts yet, that continues until a transition to the new group
    if (this.#versions.inForce() > 0) this.#versions.enforce(wanted)
    return this.#part.beginForAll(wanted)
  }

  #onPrepareTransition(transition: number, wanted: number): void {
    if (!this.#isKnown(wanted)) return
    // the reset of a sole member is executed immediately, and does not name the version: Prepare Epoch did
    const isReset = transition === 0 && this.#part.isBeginning() && this.#others.isEmpty()
    this.#prepare(transition, isReset ? this.#part.version() : wanted)
  }

  #onEpoch(frame: Extract<DaveFrame.ServerFrame, { op: 29 | 30 }>): Effect.Effect<void> {
    const taking = this.#part.take(frame)
    this.#receiver.beginEpoch()
    return taking.pipe(
      Effect.flatMap((isUsed) => isUsed ? Effect.void : this.#recover(frame.transitionId)),
      Effect.ensuring(Effect.sync(() => this.#receiver.endEpoch()))
    )
  }

  #handleMessage(message: Extract<VoicePayload.ServerMessage, { op: E2eeOp }>): Effect.Effect<void> {
    switch (message.op) {
      case 4:
        return this.#onDescription(message.d.dave_protocol_version ?? 0)
      case 11:
        this.#others.add(message.d.user_ids)
        return Effect.void
      case 13:
        this.#others.remove(message.d.user_id)
        return Effect.void
      case 21:
        this.#onPrepareTransition(message.d.transition_id, message.d.protocol_version)
        return Effect.void
      case 22:
        if (this.#versions.execute(message.d.transition_id)) this.#gate.executed()
        return Effect.void
      case 24:
        return this.#onPrepareEpoch(message.d.epoch, message.d.protocol_version)
    }
  }

  #handleFrame(frame: DaveFrame.ServerFrame): Effect.Effect<void> {
    switch (frame.op) {
      case 25:
        return this.#part.setExternalSender(frame.externalSender)
      case 27:
        return this.#part.propose(frame, this.#others.all())
      case 29:
      case 30:
        return this.#onEpoch(frame)
    }
  }
}

/**
 * Makes an encryption without a group, at version 0, until Session Description (op 4) says otherwise.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<E2ee, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const patience = yield* Patience.make((unanswered: Uint8Array) => made.again(unanswered))
  const made: Encryption = new Encryption(options, scope, context, patience)
  yield* made.endWithScope()
  return made
})
