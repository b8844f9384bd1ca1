/**
 * Our part in the group of a call. It begins with our key package, continues with commits and Welcomes, and is requested again
 * (op 31) if one of them cannot be used (DAVE whitepaper, Voice Gateway Opcodes). What the voice gateway has not answered yet
 * is kept, to be sent again on another socket. `E2ee` decides what all this means for the call.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Dave from "../../Dave.ts"
import type * as DaveFrame from "../../protocol/DaveFrame.ts"
import type { UserId } from "../../protocol/Identifier.ts"
import type * as VoicePayload from "../../protocol/VoicePayload.ts"
import * as VoiceError from "../../VoiceError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly group: Dave.Group
  readonly send: (message: VoicePayload.ClientMessage | DaveFrame.ClientFrame) => void
  /** Called when we have left the former group. The next one may take its time. */
  readonly onBegin: () => void
  /** Called when a transition took us to another epoch. `isNew`: it is an epoch of a group that we were not in before. */
  readonly onJoined: (transition: number, isNew: boolean) => void
  /** Called if there can be no group. */
  readonly onFailed: (error: VoiceError.VoiceError) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export class E2eeGroup {
  readonly #options: Options
  /** The version of the group that is being made or that we are in. */
  #version = 0
  #membership: Dave.Membership | undefined = undefined
  #isBeginning = false
  #isPreparing = false
  #isInterrupted = false
  #rejections = 0

  /** What the voice gateway has not answered yet. */
  #keyPackage: Uint8Array | undefined = undefined
  #commit: Uint8Array | undefined = undefined
  #invalid: number | undefined = undefined

  constructor(options: Options) {
    this.#options = options
  }

  version(): number {
    return this.#version
  }

  /** `undefined` while we are in no group. */
  membership(): Dave.Membership | undefined {
    return this.#membership
  }

  /** Whether a group was started again and there has been no commit or Welcome since. */
  isBeginning(): boolean {
    return this.#isBeginning
  }

  /** Whether our key package does not exist yet, because it is being made. */
  isPreparing(): boolean {
    return this.#isPreparing
  }

  /** Whether making our key package was interrupted, so that there will be none unless the group begins again. */
  isInterrupted(): boolean {
    return this.#isInterrupted
  }

  /** The key package with which the others can add us, until they have. */
  keyPackage(): Uint8Array | undefined {
    return this.#keyPackage
  }

  /** The number of messages of the voice gateway that the group rejected. */
  rejections(): number {
    return this.#rejections
  }

  /** Begins a group: sends a key package to the voice gateway. Version 0 means no group. */
  begin(version: number): Effect.Effect<void> {
    this.#membership = undefined
    this.#commit = undefined
    this.#keyPackage = undefined
    this.#version = version
    this.#isInterrupted = false
    if (version === 0) {
      this.#isBeginning = false
      return Effect.void
    }
    this.#isPreparing = true
    this.#options.onBegin()
    return this.#options.group.create(version).pipe(
      Effect.map((made) => {
        this.#isPreparing = false
        this.#isBeginning = true
        this.#keyPackage = made
        this.#options.send({ op: 26, keyPackage: made })
      }),
      Effect.catch((error) =>
        Effect.sync(() =>
          this.#options.onFailed(
            VoiceError.make(new VoiceError.E2eeFailed({ kind: "Engine", detail: error.detail }))
          )
        )
      ),
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          this.#isInterrupted = true
        })
      )
    )
  }

  /** The same if everybody begins again: then nothing about the former group has to be sent any more. */
  beginForAll(version: number): Effect.Effect<void> {
    this.#invalid = undefined
    return this.begin(version)
  }

  /** Continues the group at another version. */
  goOn(version: number): void {
    this.#version = version
  }

  /** Asks to be added again, because the content of a transition cannot be used. */
  askAnew(transition: number): Effect.Effect<void> {
    this.#invalid = transition
    this.#options.send({ op: 31, d: { transition_id: transition } })
    return this.begin(this.#version)
  }

  setExternalSender(externalSender: Uint8Array): Effect.Effect<void> {
    return Effect.catch(this.#options.group.setExternalSender(externalSender), (error) => this.#rejected(error))
  }

  /** Answers proposals with a commit, if they require one. `members` are the users that they may add. */
  propose(
    { operation, payload }: Extract<DaveFrame.ServerFrame, { op: 27 }>,
    members: ReadonlyArray<UserId>
  ): Effect.Effect<void> {
    return this.#options.group.proposals(operation, payload, members).pipe(
      Effect.map((payload) => {
        this.#commit = payload
        if (payload !== undefined) this.#options.send({ op: 28, payload })
      }),
      Effect.catch((error) => this.#rejected(error))
    )
  }

  /** Processes a commit or Welcome. Returns false if it is for us and cannot be used. */
  take(frame: Extract<DaveFrame.ServerFrame, { op: 29 | 30 }>): Effect.Effect<boolean> {
    const { group } = this.#options
    const taking = frame.op === 29 ? group.commit(frame.commit) : group.welcome(frame.welcome)
    return taking.pipe(
      Effect.map(() => {
        const isNew = this.#membership === undefined
        this.#membership = group.membership()
        this.#keyPackage = undefined
        this.#commit = undefined
        this.#invalid = undefined
        this.#isBeginning = false
        this.#options.onJoined(frame.transitionId, isNew)
        return true
      }),
      Effect.catch((error) =>
        // a commit of a group that we have asked to be added to again is not for us
        Effect.map(this.#rejected(error), () => frame.op === 29 && this.#isBeginning && this.#invalid !== undefined)
      )
    )
  }

  /** Sends again what was not answered. */
  resend(): void {
    const options = this.#options
    if (this.#invalid !== undefined) options.send({ op: 31, d: { transition_id: this.#invalid } })
    if (this.#keyPackage !== undefined) options.send({ op: 26, keyPackage: this.#keyPackage })
    if (this.#commit !== undefined) options.send({ op: 28, payload: this.#commit })
  }

  #rejected(error: Dave.DaveError): Effect.Effect<void> {
    this.#rejections++
    return Effect.logDebug(error.message)
  }
}
