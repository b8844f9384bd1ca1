/**
 * End-to-end encryption (DAVE): the bot's membership in the MLS group of a voice channel, and the keys that follow from it. A
 * group takes the binary messages of the voice gateway and returns the messages to answer with. The driver decides when to
 * call it (`driver/E2ee`).
 *
 * {@link layer} uses `@snazzah/davey`, the engine that discord.js uses, too. {@link layerDisabled} announces that end-to-end
 * encryption is not supported, which Discord currently accepts only in stage channels.
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
 * A message that the group did not take. `operation` is what was asked for, and `detail` is the engine's reason, such as
 * `UnexpectedUser`, `WrongEpoch` or `InvalidSignature`. The group is unchanged.
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
 * The group that the bot is a member of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Membership {
  /** Counts the changes of the group, from 1. */
  readonly epoch: number
  /** The voice privacy code: 30 digits that are the same for all members of the epoch (DAVE whitepaper, Displayable Codes). */
  readonly privacyCode: string
  /** Everyone in the group, including the bot. */
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
 * Why a frame could not be decrypted. `NotMember`: the sender is not in the group. `Undecryptable`: no key of the sender
 * fits, or the frame was repeated or damaged.
 *
 * @category models
 * @since 0.1.0
 */
export type DecryptFailure = "NotMember" | "Undecryptable"

/**
 * The bot's place in the group of one channel. The MLS structures are opaque bytes here. Arguments are not kept. Call the
 * functions as methods: they do not work when detached from the group.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group {
  /** Discards the existing group and returns a new KeyPackage (op 26), with which the others can add the bot. */
  readonly create: (protocolVersion: number) => Effect.Effect<Uint8Array, DaveError>
  /** Sets the external sender (op 25). Has to come before proposals, and survives {@link Group.create}. */
  readonly setExternalSender: (externalSender: Uint8Array) => Effect.Effect<void, DaveError>
  /**
   * Applies proposals (op 27). Returns the answer (op 28: a commit, and a Welcome if it adds someone), or nothing. Users who
   * are to be added have to be among `recognised`; otherwise the whole message fails.
   */
  readonly proposals: (
    operation: "append" | "revoke",
    payload: Uint8Array,
    recognised: ReadonlyArray<UserId>
  ) => Effect.Effect<Uint8Array | undefined, DaveError>
  /**
   * Begins the next epoch (op 29). Frames are encrypted with its keys from now on; the former keys decrypt for 10 more
   * seconds.
   */
  readonly commit: (commit: Uint8Array) => Effect.Effect<void, DaveError>
  /** Joins the group (op 30). */
  readonly welcome: (welcome: Uint8Array) => Effect.Effect<void, DaveError>
  /** The membership; `undefined` while the bot is in no group. */
  readonly membership: () => Membership | undefined
  /**
   * The 45 digits that the other member sees for the bot, too, if nobody intercepts the call (DAVE whitepaper, Verification
   * Fingerprint). Takes about 100 ms, in a background thread.
   */
  readonly verificationCode: (userId: UserId) => Effect.Effect<string, DaveError>
  /**
   * Wraps a ring of Opus packets and returns the packets encrypted, except for silence. A packet that cannot be encrypted is
   * not sent. Plain code for the beat.
   */
  readonly protect: (ring: FrameRing, options: Protected.ProtectOptions) => Protected.ProtectedFrames
  /** Decrypts an Opus packet of another member, and calls `done` with a new packet, now or soon, in the order of the calls. */
  readonly decrypt: (userId: UserId, frame: Uint8Array, done: (result: Uint8Array | DecryptFailure) => void) => void
}

/**
 * The service that opens groups.
 *
 * @category services
 * @since 0.1.0
 */
export class Dave extends Context.Service<Dave, {
  /** The highest supported version of the protocol, which Identify (op 0) announces; 0 means none. */
  readonly maxVersion: number
  /**
   * Opens a place without a group yet. Fails with `E2eeFailed` if the engine cannot be loaded; if the engine is loaded only
   * when the group is first used, that first call fails instead. `onLost` is called if the group is permanently gone outside
   * of any call, because its thread has ended.
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

/** A group in this thread. */
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

/** A group in the other thread. */
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
 * Groups by `@snazzah/davey`, in the caller's thread: a change of a large group blocks it for some ten milliseconds. The
 * engine is loaded with the first group, from a prebuilt binary or, if there is none for the machine, as WebAssembly.
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
 * Groups like those of {@link layer}, in a thread that all groups share, so that changes of a group do not delay the beat.
 * The thread starts when the first call turns out to be end-to-end encrypted. Frames are encrypted there up to 120 ms ahead;
 * received frames go there and back. The thread runs in real time, also when a test's clock stands still.
 *
 * If the thread cannot be started, for example in a bundle that lacks its file, one warning is logged and the groups are kept
 * in the caller's thread.
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
        `The thread for end-to-end encryption cannot be started: ${detail}. It runs in the audio thread instead, ` +
          "which a membership change in a large call blocks for about ten milliseconds."
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
          // the thread holds nothing of the group before it is first used
          return Effect.as(Scope.addFinalizerExit(scope, () => Effect.sync(() => group.close())), new Remote(group))
        })
    })
  })
)

/**
 * No end-to-end encryption: version 0 is announced. Discord lets such a client into stage channels; elsewhere it closes the
 * connection with 4017, which is `E2eeRequired`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDisabled: Layer.Layer<Dave> = Layer.succeed(Dave, {
  maxVersion: 0,
  open: () => Effect.fail(engineFailed("end-to-end encryption is disabled"))
})
