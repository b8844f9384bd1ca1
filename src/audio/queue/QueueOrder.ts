/**
 * The order in which a queue plays: what begins when something has ended, what is opened ahead for that, and what happens to
 * it when the waiting entries change in the meantime.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as VoiceError from "../../VoiceError.ts"
import type { TrackEnd } from "../Track.ts"
import type { LineUp } from "./LineUp.ts"
import * as QueueAhead from "./QueueAhead.ts"
import { type Entry, entryOf, type Item, type Journal, type Playing } from "./QueueJournal.ts"
import * as QueueOpening from "./QueueOpening.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<R, A> {
  readonly line: LineUp<Item<R, A>>
  readonly journal: Journal<A>
  /** Plays an entry. With `after`, the track begins where that one ends, after a crossfade of `crossfadeMs`. */
  readonly play: QueueOpening.Options<R, A>["play"]
  readonly crossfadeMs: () => number
  /** How long before the end of an entry the next one is opened, in milliseconds. */
  readonly openAheadMs: number
  /** Fails when the player takes no more, if it reports that. */
  readonly awaitClosed: Effect.Effect<void, VoiceError.VoiceError> | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface QueueOrder<R, A> {
  readonly current: () => Playing<R, A> | undefined
  /** What was playing when the player was lost, and where. */
  readonly lost: () => { readonly playing: Playing<R, A>; readonly positionMs: number } | undefined
  /** Notes that there is something to play: a caller that waits until the queue is idle has to wait from now on. */
  readonly expect: () => void
  /** The reason, once the player is gone: entries that are added wait, and are not played. */
  readonly halted: () => VoiceError.VoiceError | undefined
  /** The reason, once the scope is closed: nothing is added. */
  readonly closed: () => VoiceError.VoiceError | undefined
  /** Reports that the waiting entries have changed, and reacts to it. Waits only for an opening of its own. */
  readonly revise: Effect.Effect<void>
  /** Ends the current entry, waits until the next one plays, and returns it. */
  readonly skip: Effect.Effect<Entry<A> | undefined>
  /** Puts the latest of the history in the place of the current entry, waits until it plays, and returns what plays. */
  readonly back: Effect.Effect<Entry<A> | undefined>
  /** Ends the current entry, and removes all that wait. */
  readonly stop: Effect.Effect<void>
  /** Stops waiting for what is being opened, if it is this entry; without one, whatever it is. */
  readonly leave: (item?: Item<R, A>) => void
  readonly awaitIdle: Effect.Effect<void, VoiceError.VoiceError>
}

/** The reason of an end, also of a player that has died. */
const reasonOf = (cause: Cause.Cause<VoiceError.VoiceError>): VoiceError.VoiceError =>
  Option.getOrElse(
    Cause.findErrorOption(cause),
    () => VoiceError.make(new VoiceError.NotConnected({ operation: "The player of the queue" }))
  )

/** Errors of one source that say nothing about the next. All others are the end of the player. */
const ofSource: ReadonlySet<VoiceError.Reason["_tag"]> = new Set([
  "SourceFailed",
  "Unsupported",
  "CodecUnavailable",
  "EncodeFailed"
])

/**
 * Makes it. Its scope stops what plays.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<R, A>(
  options: Options<R, A>
): Effect.fn.Return<QueueOrder<R, A>, never, Scope.Scope> {
  const { journal, line } = options
  const scope = yield* Effect.scope
  const lock = yield* Semaphore.make(1)
  let current: Playing<R, A> | undefined
  /** Why an entry ends, if not on its own. */
  let skipping: { readonly playing: Playing<R, A>; readonly why: "skip" | "back" | "stop" } | undefined
  /** How many callers wait for the lock that should not have to wait for a source. */
  let urgent = 0
  let halted: VoiceError.VoiceError | undefined
  let lost: ReturnType<QueueOrder<R, A>["lost"]>
  const isClosed = () => scope.state._tag === "Closed"
  let idle = yield* Deferred.make<void, VoiceError.VoiceError>()
  Deferred.doneUnsafe(idle, Effect.void)

  const playingNow = (): Entry<A> | undefined => current === undefined ? undefined : entryOf(current.item)

  /** The player is gone. Waiting entries would not be played. */
  const halt = (error: VoiceError.VoiceError): void => {
    if (halted !== undefined) return
    halted = error
    journal.halted(error)
  }

  const opening = QueueOpening.make<R, A>({
    play: options.play,
    // an entry that cannot be played is left out; if the player takes no more, that is the end
    onFailure: (item, error) => {
      if (!ofSource.has(error.reason._tag)) return halt(error)
      journal.failed(item, error)
      line.remove(item)
    }
  })

  const expect = (): void => {
    // after the scope has closed, nothing is played
    if (!isClosed() && Deferred.isDoneUnsafe(idle)) idle = Deferred.makeUnsafe()
  }

  /** Reports that an entry plays. Later it begins at its `from`. */
  const started = ({ item, track }: Playing<R, A>): void => {
    item.startAt = undefined
    journal.started(item, track)
  }

  const begin = (playing: Playing<R, A>): Effect.Effect<void> =>
    Effect.suspend(() => {
      current = playing
      expect()
      line.remove(playing.item)
      started(playing)
      return Effect.andThen(ahead.prepareInTime(playing), ahead.followSeeks(playing))
    })

  const watch = (playing: Playing<R, A>): Effect.Effect<void> =>
    playing.track.awaitEnd.pipe(
      Effect.flatMap((end) => {
        // an entry that is heard by now takes its turn, however long the one after it takes to open
        if (ahead.first() !== undefined) opening.leave()
        return lock.withPermit(onEnd(playing, end))
      }),
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.asVoid
    )

  const beIdle = Effect.suspend(() => {
    // a call to an idle queue does not make it idle once more
    if (Deferred.isDoneUnsafe(idle)) return Effect.void
    if (halted !== undefined) return Deferred.fail(idle, halted)
    journal.idle()
    return Deferred.succeed(idle, undefined)
  })

  /** Completes what was begun even if the caller is interrupted: nobody else would take care of what follows. */
  const toItsEnd = (effect: Effect.Effect<void>): Effect.Effect<void> =>
    Effect.gen(function*() {
      const exit = yield* Fiber.await(yield* Effect.forkIn(effect, scope, { startImmediately: true }))
      // the end of the queue does not concern the caller
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) yield* exit
    })

  /** Does something without waiting for what is being opened. */
  const urgently = (effect: Effect.Effect<void>) =>
    toItsEnd(Effect.suspend(() => {
      urgent++
      opening.leave()
      return lock.withPermit(Effect.suspend(() => {
        urgent--
        return effect
      }))
    }))

  const isFree = () => current === undefined && halted === undefined

  const ahead = yield* QueueAhead.make<R, A>({
    ...options,
    opening,
    current: () => current,
    mayOpen: () => halted === undefined && urgent === 0,
    inTurn: (effect) => lock.withPermit(effect),
    watch: (playing) => watch(playing)
  })

  /** Plays the next entry, if nothing plays. */
  const advance: Effect.Effect<void> = Effect.gen(function*() {
    while (isFree()) {
      const [item] = line.upcoming()
      if (item === undefined) break
      const playing = yield* opening.open(item, undefined)
      if (playing === undefined || playing === "left") continue
      yield* begin(playing)
      yield* watch(playing)
    }
    if (current === undefined) yield* beIdle
  })

  /** Takes care of what follows, also if what was being opened ahead was left. */
  const goOn = Effect.suspend(() => current === undefined ? advance : ahead.prepareInTime(current))

  /** What is opened ahead may no longer be next. */
  const revise = Effect.andThen(ahead.revise, goOn)

  /** The waiting entries have changed. Waits only for an opening of its own. */
  const revising = Effect.suspend(() => {
    journal.changed()
    const opened = opening.item()
    const isRight = opened !== undefined && (current === undefined || opened === ahead.next())
    return isRight ? Effect.asVoid(Effect.forkIn(lock.withPermit(revise), scope)) : urgently(revise)
  })

  /**
   * Reports entries that have come and gone while the current one plays: the entry that was last reported as started is the
   * one that plays.
   */
  let untold: Array<() => void> = []

  /** An entry has come and gone while the one before it still plays. */
  const passed = (playing: Playing<R, A>, end: TrackEnd) =>
    Effect.map(QueueAhead.isHeard(playing), (isHeard) => {
      const { item } = playing
      const played = () => line.played(item, { isRepeatable: end._tag === "Finished" && isHeard, isSkipped: false })
      line.remove(item)
      if (isHeard) {
        item.startAt = undefined
        played()
      }
      untold.push(() => {
        started(playing)
        journal.ended(item, end)
        // an empty entry, which was found out ahead: its turn is now
        if (!isHeard) played()
      })
      journal.changed()
    })

  const onEnd = Effect.fnUntraced(function*(playing: Playing<R, A>, end: TrackEnd): Effect.fn.Return<void> {
    const isHalt = end._tag === "Failed" && !ofSource.has(end.error.reason._tag)
    const place = ahead.take(playing)
    if (place !== -1) {
      // it keeps waiting, and the end of the current one says why the player is gone
      if (isHalt) return
      if (end._tag === "Failed") {
        journal.failed(playing.item, end.error)
        line.remove(playing.item)
      } else if (end._tag !== "Stopped") {
        // shorter than the crossfade: it is over before the one that plays
        const isOfCurrent = playing.item === current?.item
        if (!isOfCurrent) yield* passed(playing, end)
        // the current one, repeated, is opened again when it has ended
        else return
      }
      // an entry that waited for one that was never heard would begin now
      if (!(yield* QueueAhead.isHeard(playing))) yield* ahead.drop(place)
      if (current !== undefined) yield* ahead.prepareInTime(current)
      return
    }
    if (current !== playing) return
    const { item } = playing
    if (isHalt) lost = { playing, positionMs: yield* playing.track.position }
    journal.ended(item, end)
    const why = skipping?.playing === playing ? skipping.why : undefined
    const played = end._tag === "Finished" || (why !== undefined && end._tag === "Stopped")
    // an entry that gives nothing would be repeated endlessly in no time
    const isRepeatable = played && ((yield* QueueAhead.isHeard(playing)) || why !== undefined)
    if (why !== "back" && why !== "stop") line.played(item, { isRepeatable, isSkipped: why === "skip" })
    const told = untold
    untold = []
    for (const tell of told) tell()
    current = undefined
    if (isHalt) {
      halt(end.error)
      yield* ahead.drop()
      yield* beIdle
      return
    }
    const follower = ahead.first()
    if (follower !== undefined) {
      const isNext = follower.item === line.upcoming()[0] || (yield* QueueAhead.isHeard(follower))
      if (isNext) {
        ahead.shift()
        return yield* begin(follower)
      }
    }
    yield* ahead.drop()
    yield* advance
  })

  /** Ends what plays, and continues with what is next, for callers that have the lock. */
  const endNow = (playing: Playing<R, A>) =>
    Effect.gen(function*() {
      const follower = ahead.first()
      const isNext = follower === undefined || follower.item === line.upcoming()[0] ||
        (yield* QueueAhead.isHeard(follower))
      if (!isNext) yield* ahead.drop()
      yield* playing.track.stop
      yield* onEnd(playing, { _tag: "Stopped" })
    })

  const skip = Effect.suspend(() => {
    const former = current
    if (former === undefined) {
      const opened = opening.item()
      if (opened !== undefined && line.upcoming().includes(opened)) {
        line.remove(opened)
        // for `back`; an entry that may hang does not come again on its own
        line.played(opened, { isRepeatable: false, isSkipped: true })
        journal.changed()
      }
      return urgently(advance)
    }
    // now, since it may end on its own before the lock is free
    if (skipping?.playing !== former) skipping = { playing: former, why: "skip" }
    return urgently(Effect.suspend(() => current === former ? endNow(former) : goOn))
  })

  /** In one step: if two ask at once, each acts on what the other has left. */
  const goBack: Effect.Effect<void> = Effect.gen(function*() {
    const last = line.recall()
    if (last === undefined) return yield* goOn
    const former = current
    line.return(last, former?.item)
    journal.changed()
    yield* ahead.drop()
    if (former === undefined) return yield* advance
    skipping = { playing: former, why: "back" }
    yield* endNow(former)
  })

  const back = Effect.suspend(() => {
    if (current !== undefined) return urgently(goBack)
    const last = line.recall()
    // at once: otherwise what is being opened, and may hang, would be opened again before it
    if (last === undefined) return Effect.void
    line.return(last, undefined)
    expect()
    journal.changed()
    return urgently(advance)
  })

  const stop = Effect.suspend(() => {
    line.clear()
    return urgently(Effect.gen(function*() {
      line.clear()
      journal.changed()
      yield* ahead.drop()
      if (current === undefined) return yield* advance
      skipping = { playing: current, why: "stop" }
      yield* endNow(current)
    }))
  })

  if (options.awaitClosed !== undefined) {
    yield* options.awaitClosed.pipe(
      // a session that left has no reason: the next track that it does not take says so
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.void : lock.withPermit(Effect.sync(() => {
          // what plays then ends on its own, and says so
          if (current === undefined) halt(reasonOf(cause))
        }))
      ),
      Effect.forkIn(scope)
    )
  }

  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      line.clear()
      yield* ahead.drop()
      if (current !== undefined) yield* current.track.stop
      // nobody is left to take care of it: what was opened or watched is over with the scope
      yield* Deferred.succeed(idle, undefined)
    })
  )

  return {
    current: () => current,
    lost: () => lost,
    expect,
    halted: () => halted,
    closed: () =>
      isClosed() ? VoiceError.make(new VoiceError.NotConnected({ operation: "Adding to a closed queue" })) : undefined,
    revise: revising,
    skip: Effect.map(skip, playingNow),
    back: Effect.map(back, playingNow),
    stop,
    leave: (item) => {
      if (item === undefined || opening.item() === item) opening.leave()
    },
    awaitIdle: Effect.suspend(() => Deferred.await(idle))
  }
})
