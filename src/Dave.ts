/**
 * End-to-end encryption (DAVE): our membership in the MLS group of a voice channel, and the keys that follow from it. A
 * group takes the binary messages of the voice gateway and gives ours: messages in, messages out. When to ask it for
 * what is the driver's business (`driver/E2ee`).
 *
 * {@link layer} does it with `@snazzah/davey`, the engine that discord.js uses, too; {@link layerDisabled} announces that we
 * cannot, which today's Discord takes in stage channels only.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Davey from "./dave/Davey.ts"
import type { Ask } from "./dave/messages.ts"
import * as Protected from "./dave/Protected.ts"
import * as Thread from "./dave/Thread.ts"
import type { ChannelId, UserId } from "./protocol/Identifier.ts"
import type { FrameRing } from "./ring/FrameRing.ts"
import * as VoiceError from "./VoiceError.ts"

/**
 * The group did not take a message. `operation` is what was asked for, `detail` the engine's word for why not, such as
 * `UnexpectedUser`, `WrongEpoch` or `InvalidSignature`. The group is as it was before.
 *
 * @category errors
 * @since 0.1.0
 */
export class DaveError extends Schema.TaggedError<DaveError>("effect-discord-voice/Dave/DaveError")("DaveError", {
  operation: Schema.Literals(["create", "external-sender", "proposals", "commit", "welcome", "verification-code"]),
  detail: Schema.String
}) {
  override get message(): string {
    return `End-to-end encryption: ${this.operation} failed: ${this.detail}.`
  }
}

/**
 * A group that we are in.
 *
 * @category models
 * @since 0.1.0
 */
export interface Membership {
  /** Counts the changes of the group, from 1. */
  readonly epoch: number
  /** The voice privacy code: 30 digits that are the same for all members of the epoch (DAVE whitepaper, Displayable Codes). */
  readonly privacyCode: string
  /** Everybody in the group, ourselves among them. */
  readonly members: ReadonlyArray<UserId>
}

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  ProtectedFrames,
  /**
   * @category models
   * @since 0.1.0
   */
  ProtectOptions
} from "./dave/Protected.ts"

/**
 * Why a frame could not be decrypted. `NotMember`: its sender is not in our group. `Undecryptable`: no key of the sender fits,
 * or the frame was repeated or damaged.
 *
 * @category models
 * @since 0.1.0
 */
export type DecryptFailure = "NotMember" | "Undecryptable"

/**
 * Our place in the group of one channel. The MLS structures are opaque bytes here. What is handed in is not kept. Its functions
 * belong to it: they cannot be called apart from it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group {
  /** Forgets the group there was and gives a new KeyPackage (op 26), with which the others can add us. */
  readonly create: (protocolVersion: number) => Effect.Effect<Uint8Array, DaveError>
  /** Op 25. Has to come before proposals; it outlives {@link Group.create}. */
  readonly setExternalSender: (externalSender: Uint8Array) => Effect.Effect<void, DaveError>
  /**
   * Op 27. Gives what to answer with (op 28: a commit, and a Welcome if it adds somebody), or nothing. Users who are to be
   * added have to be among `recognised`, or all of it fails.
   */
  readonly proposals: (
    operation: "append" | "revoke",
    payload: Uint8Array,
    recognised: ReadonlyArray<UserId>
  ) => Effect.Effect<Uint8Array | undefined, DaveError>
  /** Op 29: the next epoch. Frames are encrypted with its keys from now on; those of the former open for 10 more seconds. */
  readonly commit: (commit: Uint8Array) => Effect.Effect<void, DaveError>
  /** Op 30: we are in the group. */
  readonly welcome: (welcome: Uint8Array) => Effect.Effect<void, DaveError>
  /** `undefined` while we are in no group. */
  readonly membership: () => Membership | undefined
  /**
   * The 45 digits that another member sees for us, too, if nobody stands in between (DAVE whitepaper, Verification
   * Fingerprint). Takes some 100 ms of a thread that is not ours.
   */
  readonly verificationCode: (userId: UserId) => Effect.Effect<string, DaveError>
  /**
   * Stands in front of a ring of Opus packets and gives them encrypted, except for silence. A packet that cannot be
   * encrypted is not sent. Plain code for the beat.
   */
  readonly protect: (ring: FrameRing, options: Protected.ProtectOptions) => Protected.ProtectedFrames
  /** Decrypts an Opus packet of another member, and calls `done` with one of its own: now or soon, in the order of calls. */
  readonly decrypt: (userId: UserId, frame: Uint8Array, done: (result: Uint8Array | DecryptFailure) => void) => void
}

/**
 * @category services
 * @since 0.1.0
 */
export class Dave extends Context.Service<Dave, {
  /** The highest version of the protocol that we can do; 0 is none. What Identify (op 0) announces. */
  readonly maxVersion: number
  /**
   * Begins without a group. Fails with `E2eeFailed` if the engine cannot be loaded; where that is done when the group is asked
   * for something, what was asked fails. `onLost` is called if the group is gone for good without having been asked for
   * anything, because its thread has ended.
   */
  readonly open: (options: {
    readonly userId: UserId
    readonly channelId: ChannelId
    readonly onLost?: ((error: VoiceError.VoiceError) => void) | undefined
  }) => Effect.Effect<Group, VoiceError.VoiceError, Scope.Scope>
}>()("effect-discord-voice/Dave") {}

const failed = (operation: DaveError["operation"]) => (cause: unknown) =>
  new DaveError({ operation, detail: Davey.causeOf(cause) })

const engineFailed = (cause: unknown) =>
  VoiceError.make(new VoiceError.E2eeFailed({ kind: "Engine", detail: Davey.causeOf(cause) }))

/** A group of this thread. */
const local = (engine: Davey.Engine): Group => {
  const attempt = <A>(operation: DaveError["operation"], run: () => A) =>
    Effect.suspend(() => {
      try {
        return Effect.succeed(run())
      } catch (cause) {
        return Effect.fail(failed(operation)(cause))
      }
    })
  return {
    create: (protocolVersion) => attempt("create", () => engine.create(protocolVersion)),
    setExternalSender: (bytes) => attempt("external-sender", () => engine.setExternalSender(bytes)),
    proposals: (operation, payload, recognised) =>
      attempt("proposals", () => engine.proposals(operation, payload, recognised)),
    commit: (commit) => attempt("commit", () => engine.commit(commit)),
    welcome: (welcome) => attempt("welcome", () => engine.welcome(welcome)),
    membership: engine.membership,
    verificationCode: (userId) =>
      Effect.tryPromise({ try: () => engine.verificationCode(userId), catch: failed("verification-code") }),
    protect: (ring, options) => Protected.whenTaken(ring, options, engine.encrypt),
    decrypt: (userId, frame, done) => done(engine.decrypt(userId, frame))
  }
}

/** A group of the other thread. */
class Remote implements Group {
  readonly #group: Thread.RemoteGroup

  constructor(group: Thread.RemoteGroup) {
    this.#group = group
  }

  create(version: number): Effect.Effect<Uint8Array, DaveError> {
    return Effect.flatMap(
      this.#askBytes({ _tag: "create", version }),
      (made) => Effect.fromNullishOr(made).pipe(Effect.mapError(() => failed("create")("no key package")))
    )
  }

  setExternalSender(bytes: Uint8Array): Effect.Effect<void, DaveError> {
    return Effect.asVoid(this.#ask({ _tag: "external-sender", bytes }))
  }

  proposals(
    operation: "append" | "revoke",
    bytes: Uint8Array,
    recognised: ReadonlyArray<UserId>
  ): Effect.Effect<Uint8Array | undefined, DaveError> {
    return this.#askBytes({ _tag: "proposals", operation, bytes, recognised })
  }

  commit(bytes: Uint8Array): Effect.Effect<void, DaveError> {
    return Effect.asVoid(this.#ask({ _tag: "commit", bytes }))
  }

  welcome(bytes: Uint8Array): Effect.Effect<void, DaveError> {
    return Effect.asVoid(this.#ask({ _tag: "welcome", bytes }))
  }

  membership(): Membership | undefined {
    return this.#group.membership()
  }

  verificationCode(userId: UserId): Effect.Effect<string, DaveError> {
    return Effect.map(this.#ask({ _tag: "verification-code", userId }), String)
  }

  protect(ring: FrameRing, options: Protected.ProtectOptions): Protected.ProtectedFrames {
    return this.#group.protect(ring, options)
  }

  decrypt(userId: UserId, frame: Uint8Array, done: (result: Uint8Array | DecryptFailure) => void): void {
    this.#group.decrypt(userId, frame, done)
  }

  #ask(ask: Ask): Effect.Effect<Uint8Array | string | undefined, DaveError> {
    return Effect.tryPromise({ try: () => this.#group.ask(ask), catch: failed(ask._tag) })
  }

  #askBytes(ask: Ask): Effect.Effect<Uint8Array | undefined, DaveError> {
    return Effect.map(this.#ask(ask), (value) => value instanceof Uint8Array ? value : undefined)
  }
}

/**
 * Groups by `@snazzah/davey`, in this thread: a change of a large group holds it up for some ten milliseconds. It is loaded
 * with the first group, from a prebuilt binary or, where there is none for the machine, as WebAssembly.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Dave> = Layer.succeed(Dave, {
  maxVersion: Davey.maxVersion,
  open: ({ channelId, userId }) =>
    Effect.suspend(() => {
      const engine = Davey.make(userId, channelId)
      return "failure" in engine
        ? Effect.fail(engineFailed(engine.failure))
        : Effect.acquireRelease(Effect.succeed(local(engine)), () => Effect.sync(engine.close))
    })
})

/**
 * The same in a thread of its own, which all groups share, so that changes of a group hold up no beat. It is started when the
 * first call turns out to be end-to-end encrypted. Frames are encrypted
 * there up to 120 ms ahead; received ones take the way there and back. It runs in real time: where a test's clock stands
 * still, it does not.
 *
 * Where the thread cannot be started, as in a bundle without its file, a warning says so once, and the groups are kept in the
 * caller's thread.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerThread: Layer.Layer<Dave> = Layer.effect(
  Dave,
  Effect.gen(function*() {
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const onUnavailable = (detail: string) =>
      void fork(Effect.logWarning(
        `The thread for end-to-end encryption cannot be started: ${detail}. It is done in the thread of the audio instead, ` +
          "which a change of a large call holds up for some ten milliseconds."
      ))
    const thread = yield* Effect.acquireRelease(
      Effect.sync(() => Thread.make({ onUnavailable })),
      (thread) => Effect.promise(thread.close)
    )
    return Dave.of({
      maxVersion: Davey.maxVersion,
      open: ({ channelId, onLost, userId }) =>
        Effect.flatMap(Effect.scope, (scope) => {
          const group = thread.open(
            userId,
            channelId,
            (detail) => onLost?.(VoiceError.make(new VoiceError.E2eeFailed({ kind: "Thread", detail })))
          )
          // the thread has nothing of it before it is asked for something
          return Effect.as(Scope.addFinalizerExit(scope, () => Effect.sync(() => group.close())), new Remote(group))
        })
    })
  })
)

/**
 * No end-to-end encryption: version 0 is announced. Discord lets such a client into stage channels; elsewhere it closes with
 * 4017, which is `E2eeRequired`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDisabled: Layer.Layer<Dave> = Layer.succeed(Dave, {
  maxVersion: 0,
  open: () => Effect.fail(engineFailed("end-to-end encryption is disabled"))
})
