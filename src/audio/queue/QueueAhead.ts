/**
 * What a queue has opened ahead: the entry after the one that plays, and further entries that follow within the crossfade,
 * too soon to be opened when their turn comes.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Track } from "../Track.ts"
import type { LineUp } from "./LineUp.ts"
import type { Item, Playing } from "./QueueJournal.ts"
import type { Opening } from "./QueueOpening.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<R, A> {
  readonly line: LineUp<Item<R, A>>
  readonly opening: Opening<R, A>
  readonly current: () => Playing<R, A> | undefined
  /** Whether the player takes more, and no caller is waiting that should not have to wait for a source. */
  readonly mayOpen: () => boolean
  /** Runs an effect as part of the queue's work, one thing at a time. */
  readonly inTurn: (effect: Effect.Effect<void>) => Effect.Effect<void>
  /** Takes care of the end of what was opened. */
  readonly watch: (playing: Playing<R, A>) => Effect.Effect<void>
  readonly crossfadeMs: () => number
  /** How long before the end of an entry the next one is opened, in milliseconds. */
  readonly openAheadMs: number
}

/**
 * The entries that begin on their own, each where the one before it ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface QueueAhead<R, A> {
  readonly first: () => Playing<R, A> | undefined
  /** The entry that is opened next. */
  readonly next: () => Item<R, A> | undefined
  /** Removes the first one: it is its turn, or it is not wanted. */
  readonly shift: () => Playing<R, A> | undefined
  /** Removes one that has ended. Returns its index, or -1. */
  readonly take: (playing: Playing<R, A>) => number
  /** Closes all, or those from an index on. */
  readonly drop: (from?: number) => Effect.Effect<void>
  /** Closes what no longer follows, unless it is already heard. */
  readonly revise: Effect.Effect<void>
  /** Opens what follows when this entry, which plays, is about to end. */
  readonly prepareInTime: (playing: Playing<R, A>) => Effect.Effect<void>
  /** Checks the end of this entry, which plays, at once when a seek has moved it. */
  readonly followSeeks: (playing: Playing<R, A>) => Effect.Effect<void>
}

/** How often the end of what plays is checked, in milliseconds: a pause and another speed move it, too. */
const lookMs = 1_000
const leastWaitMs = 20

/** The time until a track ends, as heard, in milliseconds; `Infinity` if its end is not known. */
const leftMs = ({ durationMs = Infinity, position, speed, untilMs = Infinity }: Track): Effect.Effect<number> => {
  const endMs = Math.min(durationMs, untilMs)
  return endMs === Infinity
    ? Effect.succeed(Infinity)
    : Effect.map(position, (positionMs) => (endMs - positionMs) / speed)
}

const hasEnded = (track: Track): Effect.Effect<boolean> => Effect.map(track.state, ({ _tag }) => _tag === "Ended")

/**
 * Whether anything of an entry was heard, which in a crossfade may be the case while it still waits for another one.
 *
 * @category getters
 * @since 0.1.0
 */
export const isHeard = <R, A>({ startAt, track }: Playing<R, A>): Effect.Effect<boolean> =>
  Effect.map(track.position, (positionMs) => positionMs > Duration.toMillis(Duration.fromInputUnsafe(startAt)))

/**
 * Makes it. Its scope ends opening ahead, but closes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<R, A>(
  { crossfadeMs, current, inTurn, line, mayOpen, openAheadMs, opening, watch }: Options<R, A>
): Effect.fn.Return<QueueAhead<R, A>, never, Scope.Scope> {
  const scope = yield* Effect.scope
  let ahead: Array<Playing<R, A>> = []
  let preparing: Fiber.Fiber<void> | undefined

  /** What comes after the current entry and the first `count` of those ahead. */
  const following = (count: number): Item<R, A> | undefined => {
    if (count === 0) return line.next(current()?.item)
    const before = new Set(ahead.slice(0, count).map(({ item }) => item))
    return line.repeat() === "one" ? undefined : line.upcoming().find((item) => !before.has(item))
  }

  /** Whether it ends within the crossfade that it begins with, or soon after. */
  const isShort = ({ track }: Playing<R, A>): Effect.Effect<boolean> =>
    Effect.gen(function*() {
      const ms = yield* leftMs(track)
      // nothing waits for an empty one
      return ms > 0 && ms < 2 * crossfadeMs() && !(yield* hasEnded(track))
    })

  const drop = (from = 0): Effect.Effect<void> =>
    Effect.suspend(() =>
      // the last one first: another would begin where the one before it ends
      Effect.forEach(ahead.splice(from).toReversed(), ({ track }) => track.stop, { discard: true })
    )

  const revise = Effect.gen(function*() {
    for (const [place, playing] of Array.from(ahead).entries()) {
      const { item } = playing
      const isKept = item === following(place) || (line.upcoming().includes(item) && (yield* isHeard(playing)))
      if (!isKept) return yield* drop(place)
    }
  })

  const prepare = (playing: Playing<R, A>): Effect.Effect<void> =>
    Effect.gen(function*() {
      while (mayOpen()) {
        const last = ahead.at(-1)
        if (last !== undefined && !(yield* isShort(last))) return
        const item = following(ahead.length)
        if (item === undefined) return
        const opened = yield* opening.open(item, (last ?? playing).track)
        if (opened === "left") return
        if (opened === undefined) {
          // the current entry, repeated, cannot be opened a second time
          if (item === playing.item) return
          continue
        }
        ahead.push(opened)
        yield* watch(opened)
      }
    })

  const prepareInTime = (playing: Playing<R, A>): Effect.Effect<void> =>
    Effect.gen(function*() {
      preparing?.interruptUnsafe()
      const { track } = playing
      const wait = Effect.gen(function*() {
        while (current() === playing && !(yield* hasEnded(track))) {
          const left = yield* leftMs(track)
          // a station continues for hours, and what is open after it meanwhile becomes outdated, or is disconnected by its
          // server
          if (left === Infinity && track.live) return
          const waitMs = left === Infinity ? 0 : left - openAheadMs - crossfadeMs()
          if (waitMs <= 0) {
            return yield* inTurn(Effect.suspend(() => current() === playing ? prepare(playing) : Effect.void))
          }
          yield* Effect.sleep(Duration.millis(Math.max(leastWaitMs, Math.min(waitMs, lookMs))))
        }
      })
      preparing = yield* Effect.forkIn(wait, scope, { startImmediately: true })
    })

  return {
    first: () => ahead[0],
    next: () => following(ahead.length),
    shift: () => ahead.shift(),
    take: (playing) => {
      const place = ahead.indexOf(playing)
      if (place !== -1) ahead.splice(place, 1)
      return place
    },
    drop,
    revise,
    prepareInTime,
    followSeeks: (playing) =>
      playing.track.events.pipe(
        Stream.filter(({ _tag }) => _tag === "Sought"),
        Stream.runForEach(() =>
          inTurn(Effect.suspend(() => current() === playing ? prepareInTime(playing) : Effect.void))
        ),
        Effect.forkIn(scope),
        Effect.asVoid
      )
  }
})
