/**
 * The scripted participants of the command `emulator`, by name or id: they come and go, speak files, and remember what they
 * hear.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { OpusFrame } from "../../audio/AudioSource.ts"
import * as Emulator from "../../emulator/Emulator.ts"
import type { UserId } from "../../protocol/Identifier.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Guests {
  /**
   * Joins a channel. A guest who is already there joins again, with nothing heard. Fails with `NotJoinable` and `UnknownName`,
   * and then everybody stays where they are.
   */
  readonly join: (how: Emulator.JoinOptions) => Effect.Effect<Guest, Emulator.EmulatorError>
  /** `undefined` if nobody of that name or id has joined, or if they have left. */
  readonly get: (user: string) => Effect.Effect<Guest | undefined>
  /** Leaves. Returns whether there was such a guest. */
  readonly leave: (user: string) => Effect.Effect<boolean>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Guest {
  readonly participant: Emulator.Participant
  /** Speaks the frames over and over until the guest leaves. If it cannot be heard, it tries again every second. */
  readonly loop: (frames: ReadonlyArray<OpusFrame>) => Effect.Effect<void>
  /** What it has heard of a user since the last `forget`. */
  readonly heard: (userId: string) => Effect.Effect<ReadonlyArray<Emulator.HeardFrame>>
  /**
   * The same, once there are `count` frames other than silence. `None` if that takes longer than `timeoutMs`, or if the guest
   * leaves or is removed before.
   */
  readonly hears: (
    userId: string,
    count: number,
    timeoutMs: number
  ) => Effect.Effect<Option.Option<ReadonlyArray<Emulator.HeardFrame>>>
  /** Whether what it says reaches a user within `timeoutMs`, and before it leaves or is removed. */
  readonly reaches: (user: string, timeoutMs: number) => Effect.Effect<boolean, Emulator.EmulatorError>
  /** Forgets what was heard so far. */
  readonly forget: Effect.Effect<void>
}

const voicedIn = (frames: ReadonlyArray<Emulator.HeardFrame>) => frames.filter(({ silence }) => !silence).length

const makeGuest = (participant: Emulator.Participant, scope: Scope.Scope, gone: Effect.Effect<void>): Guest => {
  let forgotten = 0
  const heard = (userId: string) =>
    Effect.map(participant.heard, (frames) => frames.slice(forgotten).filter((frame) => frame.userId === userId))
  const awaitVoiced = (
    userId: string,
    count: number
  ): Effect.Effect<ReadonlyArray<Emulator.HeardFrame>, Emulator.EmulatorError> =>
    Effect.gen(function*() {
      while (true) {
        const frames = yield* heard(userId)
        const missing = count - voicedIn(frames)
        if (missing <= 0) return frames
        yield* participant.awaitFrames(voicedIn(yield* participant.heard) + missing)
      }
    })
  return {
    participant,
    loop: (frames) =>
      participant.speak(frames).pipe(
        Effect.catch(() => Effect.sleep("1 second")),
        Effect.forever,
        Effect.forkIn(scope),
        Effect.asVoid
      ),
    heard,
    hears: (userId, count, timeoutMs) =>
      Effect.raceFirst(
        Effect.as(gone, Option.none()),
        Effect.timeoutOption(awaitVoiced(userId, count), timeoutMs).pipe(Effect.catch(() => Effect.succeedNone))
      ),
    reaches: (user, timeoutMs) =>
      Effect.raceFirst(
        Effect.as(gone, false),
        Effect.map(Effect.timeoutOption(participant.awaitHeardBy(user), timeoutMs), Option.isSome)
      ),
    forget: Effect.map(participant.heard, (frames) => {
      forgotten = frames.length
    })
  }
}

/**
 * Makes an empty list. All guests leave with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(
  function*(): Effect.fn.Return<Guests, never, Emulator.Emulator | Scope.Scope> {
    const discord = yield* Emulator.Emulator
    const parent = yield* Effect.scope
    const guests = new Map<UserId, { readonly guest: Guest; readonly scope: Scope.Closeable }>()
    const find = (user: string) =>
      Effect.map(
        Effect.option(discord.user(user)),
        (found) => Option.isSome(found) ? guests.get(found.value.id) : undefined
      )
    const leave: Guests["leave"] = Effect.fnUntraced(function*(user: string) {
      const entry = yield* find(user)
      if (entry === undefined) return false
      guests.delete(entry.guest.participant.userId)
      yield* Scope.close(entry.scope, Exit.void)
      return true
    })
    return {
      join: Effect.fnUntraced(function*(how: Emulator.JoinOptions) {
        const scope = yield* Scope.fork(parent)
        const participant = yield* discord.join({ ...how, replace: true }).pipe(
          Scope.provide(scope),
          Effect.onError(() => Scope.close(scope, Exit.void))
        )
        // in the same guild the new participant replaces the old one; one in another guild leaves
        yield* leave(how.user)
        const gone = yield* Deferred.make<void>()
        // before the participant, which does not let anybody wait for it
        yield* Scope.addFinalizer(scope, Deferred.succeed(gone, undefined))
        const guest = makeGuest(participant, scope, Deferred.await(gone))
        guests.set(participant.userId, { guest, scope })
        return guest
      }),
      get: (user) => Effect.map(find(user), (entry) => entry?.guest),
      leave
    }
  }
)
