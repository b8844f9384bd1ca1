/**
 * Sources that play one after another: the next one is opened ahead and begins where the one before it ends, without a gap
 * or with a crossfade. What waits is plain data, to be shown and changed while it plays.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Stream from "effect/Stream"
import type { VoiceError } from "../VoiceError.ts"
import type { AudioSource } from "./AudioSource.ts"
import * as Broadcast from "./Broadcast.ts"
import * as LineUp from "./LineUp.ts"
import type { Track, TrackEnd, TrackState } from "./Track.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Repeat
} from "./LineUp.ts"

/**
 * One place in a queue. `id` is unique in its queue, so that the same source can stand in it twice.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly id: number
  readonly name: string
}

/**
 * A queue as data.
 *
 * @category models
 * @since 0.1.0
 */
export interface Contents {
  readonly current:
    | {
      readonly entry: Entry
      readonly state: TrackState
      readonly positionMs: number
      readonly durationMs: number | undefined
    }
    | undefined
  readonly upcoming: ReadonlyArray<Entry>
  /** What was played, the latest last: a hundred at most. */
  readonly history: ReadonlyArray<Entry>
  /** What could not be played, and why, the latest last: a hundred at most. */
  readonly failures: ReadonlyArray<{ readonly entry: Entry; readonly error: VoiceError }>
  readonly repeat: LineUp.Repeat
}

/**
 * What happens in a queue. `Failed`: a source could not be opened; it is left out. `Changed`: entries came, went or moved, or
 * the repetition was set. `Idle`: nothing is left to play.
 *
 * @category models
 * @since 0.1.0
 */
export type QueueEvent =
  | { readonly _tag: "Started"; readonly entry: Entry; readonly track: Track }
  | { readonly _tag: "Ended"; readonly entry: Entry; readonly end: TrackEnd }
  | { readonly _tag: "Failed"; readonly entry: Entry; readonly error: VoiceError }
  | { readonly _tag: "Changed" }
  | { readonly _tag: "Idle" }

/**
 * @category models
 * @since 0.1.0
 */
export interface QueueOptions {
  /** How long the end of an entry and the beginning of the next one sound together. Default 0: one follows the other. */
  readonly crossfade?: Duration.Input | undefined
  /** How long before the end of an entry the next one is opened; at once where the end is not known. Default 10 seconds. */
  readonly openAhead?: Duration.Input | undefined
  /** Default "off". */
  readonly repeat?: LineUp.Repeat | undefined
  /** The level of all entries, 1 is as they are. Default 1. */
  readonly gain?: number | undefined
}

/**
 * Where a queue plays: a session, or anything that plays tracks one after another.
 *
 * @category models
 * @since 0.1.0
 */
export interface Player {
  /** With `after`, the track begins where that one ends, whatever its end. */
  readonly play: <R>(
    source: AudioSource<R>,
    options: {
      readonly gain?: number | undefined
      readonly after?: Track | undefined
      readonly crossfade?: Duration.Input | undefined
    }
  ) => Effect.Effect<Track, VoiceError, R>
}

/**
 * Sources in order. It plays as soon as there is something in it.
 *
 * @category models
 * @since 0.1.0
 */
export interface TrackQueue<in R = never> {
  /**
   * Adds a source at the end, or so that it is the one at place `at` of those that wait. Where nothing plays, it is opened
   * before this returns.
   */
  readonly add: (source: AudioSource<R>, options?: { readonly at?: number | undefined }) => Effect.Effect<Entry>
  /** Takes an entry out that waits; says whether there was one. */
  readonly remove: (id: number) => Effect.Effect<boolean>
  /** Puts a waiting entry at another place; says whether there was one. */
  readonly move: (id: number, at: number) => Effect.Effect<boolean>
  /**
   * Ends what plays and goes on with the next, also where one entry is repeated; what is being opened, while nothing plays, is
   * left out. Gives what plays then.
   */
  readonly skip: Effect.Effect<Entry | undefined>
  /** Goes back to what was played last; what plays comes after it. Gives what plays then. */
  readonly back: Effect.Effect<Entry | undefined>
  /** Mixes up what waits. */
  readonly shuffle: Effect.Effect<void>
  /** Takes out all that waits. */
  readonly clear: Effect.Effect<void>
  /** Ends what plays and takes out all that waits. */
  readonly stop: Effect.Effect<void>
  readonly setRepeat: (repeat: LineUp.Repeat) => Effect.Effect<void>
  /** The track that plays, to pause it, seek in it or change its volume. */
  readonly current: Effect.Effect<Track | undefined>
  readonly contents: Effect.Effect<Contents>
  /** All events (the last 64), and each one from then on. */
  readonly events: Stream.Stream<QueueEvent>
  /**
   * Waits until nothing plays and nothing waits. Fails where the player takes no more tracks, because its session has ended:
   * what waits stays in the queue then.
   */
  readonly awaitIdle: Effect.Effect<void, VoiceError>
}

const eventsKept = 64
const failuresKept = 100

interface Item<R> extends Entry {
  readonly source: AudioSource<R>
}

interface Playing<R> {
  readonly item: Item<R>
  readonly track: Track
}

/** What is wrong with one source is not wrong with the next. */
const ofSource: ReadonlySet<VoiceError["reason"]["_tag"]> = new Set([
  "SourceFailed",
  "Unsupported",
  "CodecUnavailable",
  "EncodeFailed"
])

const entryOf = ({ id, name }: Entry): Entry => ({ id, name })

/**
 * Makes an empty queue. It ends with its scope, which stops what plays.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { AudioSource, TrackQueue, type VoiceSession } from "effect-discord-voice"
 *
 * const playAll = (session: VoiceSession.VoiceSession, files: ReadonlyArray<string>) =>
 *   Effect.gen(function*() {
 *     const queue = yield* TrackQueue.make(session, { crossfade: "3 seconds" })
 *     yield* Effect.forEach(files, (file) => queue.add(AudioSource.fromFile(file)))
 *     yield* queue.awaitIdle
 *   }).pipe(Effect.scoped)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<R = never>(
  player: Player,
  options: QueueOptions = {}
): Effect.fn.Return<TrackQueue<R>, never, R | Scope.Scope> {
  // without its scope the context is one of R, which the compiler cannot see while R is open
  const context = Context.omit(Scope.Scope)(yield* Effect.context<R | Scope.Scope>()) as Context.Context<R>
  const scope = yield* Effect.scope
  const openAheadMs = Duration.toMillis(Duration.fromInputUnsafe(options.openAhead ?? "10 seconds"))
  const crossfadeMs = Duration.toMillis(Duration.fromInputUnsafe(options.crossfade ?? 0))
  const events = Broadcast.make<QueueEvent>(eventsKept)
  const lock = yield* Semaphore.make(1)
  const line = LineUp.make<Item<R>>(options.repeat ?? "off")
  let current: Playing<R> | undefined
  /** The one after the current one, opened already; it begins by itself. */
  let prepared: Playing<R> | undefined
  /** What the end of the current entry is due to, if it is not its own. */
  let skipping: "skip" | "back" | "stop" | undefined
  let preparing: Fiber.Fiber<void> | undefined
  /** What is being opened, and how not to wait for it any longer. */
  let opening: { readonly item: Item<R>; readonly leave: Deferred.Deferred<"left"> } | undefined
  /** How many wait for the lock who do not want to wait for a source. */
  let urgent = 0
  let halted: VoiceError | undefined
  let numbers = 0
  let idle = yield* Deferred.make<void, VoiceError>()
  Deferred.doneUnsafe(idle, Effect.void)

  const failures: Array<{ readonly entry: Entry; readonly error: VoiceError }> = []
  const failed = (item: Item<R>, error: VoiceError): void => {
    failures.push({ entry: entryOf(item), error })
    if (failures.length > failuresKept) failures.shift()
    events.publish({ _tag: "Failed", entry: entryOf(item), error })
  }

  const playingNow = (): Entry | undefined => current === undefined ? undefined : entryOf(current.item)

  const changed = (): void => events.publish({ _tag: "Changed" })

  const next = (): Item<R> | undefined => line.next(current?.item)

  const play = (item: Item<R>, after: Track | undefined) =>
    player.play(item.source, {
      ...(options.gain === undefined ? {} : { gain: options.gain }),
      ...(after === undefined ? {} : { after, crossfade: crossfadeMs })
    }).pipe(Effect.provideContext(context))

  /**
   * Opens an entry. One that cannot be played is left out; if the player takes no more, that is the end. It may be `left` by
   * those who want something else, who see to what follows.
   */
  const open = (item: Item<R>, after: Track | undefined): Effect.Effect<Playing<R> | "left" | undefined> =>
    Effect.suspend(() => {
      const leave = Deferred.makeUnsafe<"left">()
      opening = { item, leave }
      return play(item, after).pipe(
        Effect.flatMap((track): Effect.Effect<Playing<R> | "left"> =>
          Deferred.isDoneUnsafe(leave)
            ? Effect.as(track.stop, "left")
            : Effect.succeed({ item, track })
        ),
        Effect.catch((error) =>
          Effect.sync(() => {
            failed(item, error)
            if (ofSource.has(error.reason._tag)) line.remove(item)
            else halted = error
            return undefined
          })
        ),
        Effect.raceFirst(Deferred.await(leave)),
        Effect.ensuring(Effect.sync(() => {
          opening = undefined
        }))
      )
    })

  const leaveOpening = (): void => {
    if (opening !== undefined) Deferred.doneUnsafe(opening.leave, Effect.succeed("left"))
  }

  const begin = (playing: Playing<R>): Effect.Effect<void> =>
    Effect.suspend(() => {
      current = playing
      if (Deferred.isDoneUnsafe(idle)) idle = Deferred.makeUnsafe()
      line.remove(playing.item)
      events.publish({ _tag: "Started", entry: entryOf(playing.item), track: playing.track })
      return prepareInTime(playing)
    })

  const watch = (playing: Playing<R>): Effect.Effect<void> =>
    playing.track.awaitEnd.pipe(
      Effect.flatMap((end) => lock.withPermit(onEnd(playing, end))),
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.asVoid
    )

  const beIdle = Effect.suspend(() => {
    events.publish({ _tag: "Idle" })
    return halted === undefined ? Deferred.succeed(idle, undefined) : Deferred.fail(idle, halted)
  })

  /** Does something without waiting for what is being opened. */
  const urgently = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      let isWaiting = true
      urgent++
      leaveOpening()
      const over = Effect.sync(() => {
        if (isWaiting) urgent--
        isWaiting = false
      })
      return lock.withPermit(Effect.andThen(over, effect)).pipe(Effect.ensuring(over))
    })

  const isFree = () => current === undefined && halted === undefined
  /** It is heard already, in a crossfade. */
  const isHeard = (playing: Playing<R> | undefined) =>
    playing === undefined ? Effect.succeed(false) : Effect.map(playing.track.position, (positionMs) => positionMs > 0)
  const isCurrent = (playing: Playing<R>) => current === playing
  const canPrepare = () => prepared === undefined && halted === undefined && urgent === 0

  /** Plays the next entry, where nothing plays. */
  const advance: Effect.Effect<void> = Effect.gen(function*() {
    while (isFree()) {
      const [item] = line.upcoming()
      if (item === undefined) break
      const playing = yield* open(item, undefined)
      if (playing === undefined || playing === "left") continue
      yield* begin(playing)
      yield* watch(playing)
    }
    if (current === undefined) yield* beIdle
  })

  const dropPrepared = Effect.suspend(() => {
    const former = prepared
    prepared = undefined
    return former === undefined ? Effect.void : former.track.stop
  })

  const prepare: Effect.Effect<void> = Effect.gen(function*() {
    const playing = current
    if (playing === undefined) return
    while (canPrepare()) {
      const item = next()
      if (item === undefined) return
      const opened = yield* open(item, playing.track)
      if (opened === "left") return
      if (opened === undefined) {
        // the current entry, repeated, cannot be opened a second time
        if (item === playing.item) return
        continue
      }
      prepared = opened
      yield* watch(opened)
    }
  })

  /** Opens the next entry when the current one is about to end. */
  const prepareInTime = (playing: Playing<R>): Effect.Effect<void> =>
    Effect.gen(function*() {
      preparing?.interruptUnsafe()
      const wait = Effect.gen(function*() {
        while (isCurrent(playing)) {
          const { durationMs } = playing.track
          const state = yield* playing.track.state
          if (state._tag === "Ended") return
          const leftMs = durationMs === undefined ? 0 : durationMs - (yield* playing.track.position)
          const waitMs = leftMs - openAheadMs - crossfadeMs
          if (waitMs <= 0) {
            return yield* lock.withPermit(Effect.suspend(() => isCurrent(playing) ? prepare : Effect.void))
          }
          // a pause or a seek moves the end
          yield* Effect.sleep(Duration.millis(Math.max(20, Math.min(waitMs, 1_000))))
        }
      })
      preparing = yield* Effect.forkIn(wait, scope, { startImmediately: true })
    })

  /** What is opened ahead may not be the next any more. */
  const revise = Effect.gen(function*() {
    const isKept = prepared === undefined || prepared.item === next() ||
      (line.upcoming().includes(prepared.item) && (yield* isHeard(prepared)))
    if (!isKept) yield* dropPrepared
    if (current !== undefined) yield* prepareInTime(current)
    else yield* advance
  })

  /** What waits has changed. Waits for no opening but its own. */
  const revising = Effect.suspend(() => {
    changed()
    const isRight = opening !== undefined && (current === undefined || opening.item === next())
    return isRight ? Effect.asVoid(Effect.forkIn(lock.withPermit(revise), scope)) : urgently(revise)
  })

  /** Entries with nothing in them, which were found out ahead: their turn is when the current one has ended. */
  let empty: Array<() => void> = []

  /** An entry has come and gone while the one before it still plays. */
  const passed = (playing: Playing<R>, end: TrackEnd) =>
    Effect.map(playing.track.position, (positionMs) => {
      const { item, track } = playing
      line.remove(item)
      const tell = () => {
        events.publish({ _tag: "Started", entry: entryOf(item), track })
        events.publish({ _tag: "Ended", entry: entryOf(item), end })
        line.played(item, { isRepeatable: end._tag === "Finished" && positionMs > 0, isSkipped: false })
      }
      if (positionMs > 0) tell()
      else empty.push(tell)
      changed()
    })

  const onEnd = Effect.fnUntraced(function*(playing: Playing<R>, end: TrackEnd): Effect.fn.Return<void> {
    if (prepared === playing) {
      prepared = undefined
      if (end._tag === "Failed") {
        failed(playing.item, end.error)
        line.remove(playing.item)
      } else if (end._tag !== "Stopped") {
        // shorter than the crossfade: it is over before the one that plays
        const isOfCurrent = playing.item === current?.item
        if (!isOfCurrent) yield* passed(playing, end)
        // the current one, repeated, is opened again when it has ended
        else return
      }
      if (current !== undefined) yield* prepareInTime(current)
      return
    }
    if (current !== playing) return
    const { item, track } = playing
    events.publish({ _tag: "Ended", entry: entryOf(item), end })
    const why = skipping
    skipping = undefined
    const played = end._tag === "Finished" || (why !== undefined && end._tag === "Stopped")
    // what gives nothing would be repeated without end in no time
    const isRepeatable = played && ((yield* track.position) > 0 || why !== undefined)
    if (why !== "back" && why !== "stop") line.played(item, { isRepeatable, isSkipped: why === "skip" })
    const told = empty
    empty = []
    for (const tell of told) tell()
    current = undefined
    const follower = prepared
    prepared = undefined
    if (
      follower !== undefined && why !== "stop" && (follower.item === line.upcoming()[0] || (yield* isHeard(follower)))
    ) {
      return yield* begin(follower)
    }
    if (follower !== undefined) yield* follower.track.stop
    yield* advance
  })

  /** Ends the current entry for a reason, and waits until the next one plays. */
  const end = (why: "skip" | "back" | "stop") =>
    Effect.gen(function*() {
      const former = current
      if (former === undefined) {
        if (opening !== undefined && why === "skip") line.remove(opening.item)
        yield* urgently(advance)
        return playingNow()
      }
      skipping = why
      yield* urgently(Effect.gen(function*() {
        if (prepared?.item !== line.upcoming()[0] && !(yield* isHeard(prepared))) yield* dropPrepared
        yield* former.track.stop
        yield* onEnd(former, { _tag: "Stopped" })
      }))
      return playingNow()
    })

  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      line.clear()
      leaveOpening()
      yield* dropPrepared
      if (current !== undefined) yield* current.track.stop
    })
  )

  return {
    add: (source, { at } = {}) =>
      Effect.suspend(() => {
        const item: Item<R> = { id: ++numbers, name: source.name, source }
        if (Deferred.isDoneUnsafe(idle)) idle = Deferred.makeUnsafe()
        line.insert(item, at)
        return Effect.as(revising, entryOf(item))
      }),
    remove: (id) =>
      Effect.suspend(() => {
        const item = line.upcoming().find((one) => one.id === id)
        if (item === undefined) return Effect.succeed(false)
        line.remove(item)
        if (opening?.item === item) leaveOpening()
        return Effect.as(revising, true)
      }),
    move: (id, at) =>
      Effect.suspend(() => {
        const item = line.upcoming().find((one) => one.id === id)
        if (item === undefined) return Effect.succeed(false)
        line.remove(item)
        line.insert(item, at)
        return Effect.as(revising, true)
      }),
    skip: end("skip"),
    back: Effect.gen(function*() {
      const last = line.recall()
      if (last === undefined) return playingNow()
      yield* urgently(Effect.gen(function*() {
        line.return(last, current?.item)
        yield* dropPrepared
        changed()
      }))
      return yield* end("back")
    }),
    shuffle: Effect.gen(function*() {
      line.arrange(yield* Random.shuffle(line.upcoming()))
      yield* revising
    }),
    clear: Effect.suspend(() => {
      line.clear()
      leaveOpening()
      return revising
    }),
    stop: Effect.gen(function*() {
      line.clear()
      yield* urgently(Effect.suspend(() => {
        line.clear()
        changed()
        return dropPrepared
      }))
      yield* end("stop")
    }),
    setRepeat: (value) =>
      Effect.suspend(() => {
        line.setRepeat(value)
        return revising
      }),
    current: Effect.sync(() => current?.track),
    contents: Effect.gen(function*() {
      const playing = current
      return {
        current: playing === undefined ? undefined : {
          entry: entryOf(playing.item),
          state: yield* playing.track.state,
          positionMs: yield* playing.track.position,
          durationMs: playing.track.durationMs
        },
        upcoming: line.upcoming().map(entryOf),
        history: line.history().map(entryOf),
        failures: [...failures],
        repeat: line.repeat()
      }
    }),
    get events() {
      return events.stream()
    },
    // who watches the events hears the last of them before who waits
    awaitIdle: Effect.suspend(() => Deferred.await(idle)).pipe(Effect.ensuring(Effect.yieldNow))
  }
})
