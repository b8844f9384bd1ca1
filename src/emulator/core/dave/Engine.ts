/**
 * The engine of end-to-end encryption with errors as values: exceptions become the name of a cause.
 *
 * @since 0.1.0
 */
import { DAVESession } from "@snazzah/davey"
import * as Result from "effect/Result"
import type { ChannelId, UserId } from "../../../protocol/Identifier.ts"

/**
 * One member's group and keys. A failure is the engine's own word for the cause in kebab-case, such as `wrong-epoch`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Engine {
  /** Replaces group and keys by a new pending group. The external sender stays. */
  readonly renew: (version: number) => Result.Result<void, string>
  readonly setExternalSender: (bytes: Uint8Array) => Result.Result<void, string>
  /** Makes a new one each time. */
  readonly keyPackage: () => Result.Result<Uint8Array, string>
  /** Makes a commit for the current proposals; `undefined` if there are none. */
  readonly propose: (
    operation: "append" | "revoke",
    proposals: Uint8Array,
    recognized: ReadonlyArray<UserId>
  ) => Result.Result<{ readonly commit: Uint8Array; readonly welcome: Uint8Array } | undefined, string>
  /** Uses the keys of the new epoch for sending immediately, before the transition is executed. */
  readonly commit: (bytes: Uint8Array) => Result.Result<void, string>
  readonly welcome: (bytes: Uint8Array) => Result.Result<void, string>
  readonly encrypt: (frame: Uint8Array) => Result.Result<Uint8Array, string>
  /** Keys of a former epoch stay for 10 seconds of real time. */
  readonly decrypt: (userId: UserId, frame: Uint8Array) => Result.Result<Uint8Array, string>
  readonly epoch: () => number
  /** 30 digits; an empty string without a group. */
  readonly privacyCode: () => string
  readonly members: () => ReadonlyArray<string>
  /** 45 digits, the same on both sides; `undefined` for a user who is not in the group. */
  readonly verificationCode: (userId: UserId) => Promise<string | undefined>
}

/** The engine's enumerations exist only for its compiler. */
const audio = 0
const append = 0
const revoke = 1

const noBytes = new Uint8Array(0)

const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const plain = (bytes: Buffer | undefined): Uint8Array =>
  bytes === undefined ? noBytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * The innermost name in a message such as `Failed to process commit: A(B(WrongEpoch))`, in kebab-case.
 *
 * @category errors
 * @since 0.1.0
 */
export const causeOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : ""
  const names = message.replace(/^[^:]*:/, "").replace(/\{.*|".*/s, "").match(/[A-Z][A-Za-z]+/g)
  const name = names?.at(-1)
  return name === undefined ? "engine-failed" : name.replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase()
}

const attempt = <A>(step: () => A): Result.Result<A, string> => Result.try({ try: step, catch: causeOf })

/**
 * Makes the engine of one member with a pending group.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (version: number, userId: UserId, channelId: ChannelId): Result.Result<Engine, string> =>
  Result.map(attempt(() => new DAVESession(version, userId, channelId)), (session) => ({
    renew: (next) => attempt(() => session.reinit(next, userId, channelId)),
    setExternalSender: (bytes) => attempt(() => session.setExternalSender(buffer(bytes))),
    keyPackage: () => attempt(() => plain(session.getSerializedKeyPackage())),
    propose: (operation, proposals, recognized) =>
      attempt(() => {
        const { commit, welcome } = session.processProposals(
          operation === "append" ? append : revoke,
          buffer(proposals),
          [...recognized]
        )
        return commit === undefined ? undefined : { commit: plain(commit), welcome: plain(welcome) }
      }),
    commit: (bytes) => attempt(() => session.processCommit(buffer(bytes))),
    welcome: (bytes) => attempt(() => session.processWelcome(buffer(bytes))),
    encrypt: (frame) => attempt(() => plain(session.encryptOpus(buffer(frame)))),
    decrypt: (from, frame) => attempt(() => plain(session.decrypt(from, audio, buffer(frame)))),
    epoch: () => Number(session.epoch ?? 0n),
    privacyCode: () => session.voicePrivacyCode,
    members: () => session.getUserIds(),
    verificationCode: (other) => session.getVerificationCode(other).catch(() => undefined)
  }))
