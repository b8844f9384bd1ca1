/**
 * End-to-end encryption without cryptography: groups that accept every message, and frames that only look encrypted. A test can
 * read what a group was asked for, and make it refuse.
 *
 * A key package is a single byte with its version. A commit consists of the proposals themselves. Each commit or Welcome leads
 * to the next epoch, whose members are the users that were recognized at the last proposals, or only oneself if there were
 * none. An encrypted frame is the frame, a tag whose first byte is the epoch, and the rest of a trailer of the required layout.
 *
 * **Example** (A group that does not take a Welcome)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MockDave } from "effect-discord-voice/testing"
 *
 * const test = Effect.gen(function*() {
 *   const dave = yield* MockDave.MockDave
 *   yield* dave.refuse("welcome")
 *   // ... run the program under test ...
 *   const asked = yield* dave.operations
 * }).pipe(Effect.provide(MockDave.layer))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Dave from "../Dave.ts"
import * as Protected from "../dave/Protected.ts"
import type { ChannelId, UserId } from "../protocol/Identifier.ts"

/**
 * An operation that a group was asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Operation {
  readonly channelId: ChannelId
  readonly operation: Dave.DaveError["operation"]
  readonly bytes: Uint8Array
}

/**
 * Controls of {@link layer}.
 *
 * @category services
 * @since 0.1.0
 */
export class MockDave extends Context.Service<MockDave, {
  /** The operations of all groups, in order. */
  readonly operations: Effect.Effect<ReadonlyArray<Operation>>
  /** Makes the next operation of this kind fail. Can be called several times. */
  readonly refuse: (operation: Dave.DaveError["operation"], detail?: string) => Effect.Effect<void>
}>()("effect-discord-voice/testing/MockDave") {}

const nonceBytes = [1]
const trailerBytes = 8 + nonceBytes.length + 3

/**
 * Encrypts a frame in an epoch as a mock group does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const protect = (frame: Uint8Array, epoch: number): Uint8Array => {
  const made = new Uint8Array(frame.length + trailerBytes)
  made.set(frame)
  made[frame.length] = epoch
  made.set([...nonceBytes, trailerBytes, 0xfa, 0xfa], frame.length + 8)
  return made
}

const make = Effect.sync(() => {
  const operations: Array<Operation> = []
  const refusals: Array<{ readonly operation: Dave.DaveError["operation"]; readonly detail: string }> = []

  const open = (userId: UserId, channelId: ChannelId): Dave.Group => {
    let members: ReadonlyArray<UserId> = [userId]
    let membership: Dave.Membership | undefined

    const asked = (operation: Dave.DaveError["operation"], bytes: Uint8Array) =>
      Effect.suspend(() => {
        operations.push({ channelId, operation, bytes: Uint8Array.from(bytes) })
        const at = refusals.findIndex((refusal) => refusal.operation === operation)
        const refusal = refusals[at]
        if (refusal === undefined) return Effect.void
        refusals.splice(at, 1)
        return Effect.fail(new Dave.DaveError(refusal))
      })
    const advance = Effect.sync(() => {
      const epoch = (membership?.epoch ?? 0) + 1
      membership = { epoch, privacyCode: String(epoch).padStart(30, "0"), members }
    })

    return {
      create: (version) =>
        Effect.as(asked("create", Uint8Array.of(version)), Uint8Array.of(version)).pipe(
          Effect.tap(Effect.sync(() => {
            membership = undefined
          }))
        ),
      setExternalSender: (bytes) => asked("external-sender", bytes),
      proposals: (operation, payload, recognised) =>
        Effect.map(asked("proposals", payload), () => {
          members = recognised
          return operation === "append" ? Uint8Array.from(payload) : undefined
        }),
      commit: (bytes) => Effect.andThen(asked("commit", bytes), advance),
      welcome: (bytes) => Effect.andThen(asked("welcome", bytes), advance),
      membership: () => membership,
      verificationCode: (other) =>
        Effect.flatMap(asked("verification-code", new Uint8Array()), () =>
          membership?.members.includes(other) === true
            ? Effect.succeed(other.padStart(45, "0"))
            : Effect.fail(new Dave.DaveError({ operation: "verification-code", detail: "NotMember" }))),
      protect: (ring, options) =>
        Protected.whenTaken(
          ring,
          options,
          (frame) => membership === undefined ? undefined : protect(frame, membership.epoch)
        ),
      decrypt: (sender, frame, done) => {
        if (membership?.members.includes(sender) !== true) return done("NotMember")
        const length = frame.length - trailerBytes
        done(frame[length] === membership.epoch ? frame.slice(0, length) : "Undecryptable")
      }
    }
  }

  return Context.make(Dave.Dave, {
    maxVersion: 1,
    open: ({ channelId, userId }) => Effect.sync(() => open(userId, channelId))
  }).pipe(
    Context.add(MockDave, {
      operations: Effect.sync(() => [...operations]),
      refuse: (operation, detail = "refused by the test") =>
        Effect.sync(() => void refusals.push({ operation, detail }))
    })
  )
})

/**
 * Groups that only pretend to encrypt.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Dave.Dave | MockDave> = Layer.effectContext(make)
