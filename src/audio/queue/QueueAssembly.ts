/**
 * Puts a queue together: the entries and their order, what plays of them, and the handle.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as SoundEffect from "../../SoundEffect.ts"
import type * as VoiceError from "../../VoiceError.ts"
import * as Accessors from "../Accessors.ts"
import * as Bounds from "../Bounds.ts"
import type { AudioSource } from "../OpenSource.ts"
import type { Track } from "../Track.ts"
import * as LineUp from "./LineUp.ts"
import type { AddOptions, Again, Player, QueueOptions, Stored, TrackQueue } from "./QueueHandle.ts"
import * as QueueJournal from "./QueueJournal.ts"
import { type Entry, entryOf, type Item } from "./QueueJournal.ts"
import * as QueueOrder from "./QueueOrder.ts"

/**
 * What a queue goes on with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Restored<R, A> {
  readonly stored: Stored<A>
  readonly again: (entry: Entry<A>) => Again<R> | undefined
}

/**
 * Makes a queue, empty or where another one was. Its scope ends it. Fails with `Unsupported` for an invalid gain or time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<R, A>(
  player: Player,
  options: QueueOptions<R, A>,
  restored?: Restored<R, A>
): Effect.fn.Return<TrackQueue<R, A>, VoiceError.VoiceError, R | Scope.Scope> {
  // without its scope the context is one of R, which the compiler cannot see while R is generic
  const context = Context.omit(Scope.Scope)(yield* Effect.context<R | Scope.Scope>()) as Context.Context<R>
  let crossfadeMs = yield* Bounds.span(options.crossfade ?? 0, "a crossfade")
  const openAheadMs = yield* Bounds.patience(options.openAhead ?? "10 seconds", "an `openAhead`")
  if (options.starveTimeout !== undefined) yield* Bounds.patience(options.starveTimeout, "a starve timeout")
  if (options.refill !== undefined) yield* Bounds.buffer(options.refill, "a `refill`")
  let gain = yield* Bounds.gain(options.gain ?? 1)
  let effects = yield* SoundEffect.complete(options.effects ?? [])
  let paused = options.paused ?? false
  const line = LineUp.make<Item<R, A>>(options.repeat ?? "off")
  const journal = QueueJournal.make<A>()
  let numbers = 0
  const itemOf = (source: AudioSource<R>, { data, gain = 1, ...played }: Omit<AddOptions<A>, "at">): Item<R, A> => ({
    ...played,
    id: ++numbers,
    name: source.name,
    source,
    gain,
    data
  })
  for (const { source, ...former } of options.history ?? []) {
    line.played(itemOf(source, former), { isRepeatable: false, isSkipped: false })
  }
  /** Tracks that may not have ended, including those that are about to play, with their own levels. */
  const tracks = new Map<Track, number>()

  const forget = Effect.suspend(() =>
    Effect.forEach(Array.from(tracks.keys()), (track) =>
      Effect.map(track.state, ({ _tag }) => {
        if (_tag === "Ended") tracks.delete(track)
      }), { discard: true })
  )

  /**
   * Changes all tracks, even if the caller is interrupted: otherwise tracks that are open ahead would differ from the one
   * that plays.
   */
  const forEachTrack = <E>(change: (track: Track, own: number) => Effect.Effect<void, E>) =>
    Effect.uninterruptible(Effect.andThen(
      forget,
      Effect.suspend(() => Effect.forEach(Array.from(tracks), ([track, own]) => change(track, own), { discard: true }))
    ))

  const play = (
    { from, gain: own, refill = options.refill, source, startAt, starveTimeout = options.starveTimeout, until }: Item<
      R,
      A
    >,
    after: Track | undefined
  ) =>
    Effect.gen(function*() {
      const asked = { gain, effects, paused }
      const track = yield* player.play(source, {
        from,
        until,
        starveTimeout,
        ...(startAt === undefined ? {} : { startAt }),
        ...(refill === undefined ? {} : { refill }),
        ...(gain * own === 1 ? {} : { gain: gain * own }),
        ...(effects.length === 0 ? {} : { effects }),
        ...(paused ? { paused } : {}),
        ...(after === undefined ? {} : { after, crossfade: crossfadeMs })
      })
      yield* forget
      tracks.set(track, own)
      // these may have changed while the source was being opened
      yield* Effect.gen(function*() {
        if (gain !== asked.gain) yield* track.volume(gain * own)
        if (effects !== asked.effects) yield* track.setEffects(effects)
        if (paused !== asked.paused) yield* paused ? track.pause : track.resume
      }).pipe(Effect.onError(() => track.stop))
      return track
    }).pipe(Effect.provideContext(context))

  const order = yield* QueueOrder.make<R, A>({
    line,
    journal,
    crossfadeMs: () => crossfadeMs,
    awaitClosed: player.awaitClosed,
    openAheadMs,
    play
  })

  const setPaused = (to: boolean) =>
    Effect.suspend(() => {
      const isOther = paused !== to
      paused = to
      if (isOther) journal.changed()
      // also those that are open ahead: they may be skipped to, or crossfaded with
      return forEachTrack((track) => paused ? track.pause : track.resume)
    })

  const waiting = (id: number) => line.upcoming().find((one) => one.id === id)

  const prototype = Accessors.printedAs(() => ({
    _id: "TrackQueue",
    ...QueueJournal.printed(order.current(), context),
    upcoming: line.upcoming().length,
    history: line.history().length,
    failures: journal.failures().length,
    repeat: line.repeat(),
    ...(paused ? { paused } : {}),
    gain
  }))

  if (restored !== undefined) {
    const { again, stored } = restored
    /** An entry that is repeated is in the history and waits as well: it is one entry. */
    const items = new Map<number, Item<R, A> | undefined>()
    const itemAgain = (entry: Entry<A>): Item<R, A> | undefined => {
      if (items.has(entry.id)) return items.get(entry.id)
      const how = again(entry)
      const item = how && { ...itemOf(how.source, { ...how, data: entry.data }), id: entry.id }
      items.set(entry.id, item)
      return item
    }
    // what was playing when the player was lost goes on: it was not played yet
    const wasLost = stored.current === undefined && stored.lost?.entry.id === stored.history.at(-1)?.id
    for (const entry of wasLost ? stored.history.slice(0, -1) : stored.history) {
      const item = itemAgain(entry)
      if (item !== undefined) line.played(item, { isRepeatable: false, isSkipped: false })
    }
    const { current = stored.lost } = stored
    const first = current && itemAgain(current.entry)
    if (first !== undefined && current?.live === false) first.startAt = current.positionMs
    for (const item of [first, ...stored.upcoming.map(itemAgain)]) if (item !== undefined) line.insert(item)
    for (const id of items.keys()) numbers = Math.max(numbers, id)
    if (line.upcoming().length > 0) {
      order.expect()
      yield* order.revise
    }
  }

  const queue: TrackQueue<R, A> = {
    add: (source, { at, ...how } = {}) =>
      Effect.suspend(() => {
        const item = itemOf(source, how)
        const added = () => {
          const failure = journal.failures().find(({ entry }) => entry.id === item.id)
          const error = failure?.error ?? order.closed() ?? order.halted()
          return error === undefined ? entryOf(item) : { ...entryOf(item), error }
        }
        if (order.closed() !== undefined) return Effect.sync(added)
        order.expect()
        line.insert(item, at)
        return Effect.map(order.revise, added)
      }),
    remove: (id) =>
      Effect.suspend(() => {
        const item = waiting(id)
        if (item === undefined) return Effect.succeed(false)
        line.remove(item)
        order.leave(item)
        return Effect.as(order.revise, true)
      }),
    move: (id, at) =>
      Effect.suspend(() => {
        const item = waiting(id)
        if (item === undefined) return Effect.succeed(false)
        line.remove(item)
        line.insert(item, at)
        return Effect.as(order.revise, true)
      }),
    skip: order.skip,
    back: order.back,
    shuffle: Effect.gen(function*() {
      line.arrange(yield* Random.shuffle(line.upcoming()))
      yield* order.revise
    }),
    clear: Effect.suspend(() => {
      line.clear()
      order.leave()
      return order.revise
    }),
    stop: order.stop,
    pause: setPaused(true),
    resume: setPaused(false),
    setRepeat: (value) =>
      Effect.suspend(() => {
        line.setRepeat(value)
        return order.revise
      }),
    setGain: (to, { ramp } = {}) =>
      Effect.gen(function*() {
        yield* Bounds.gain(to)
        if (ramp !== undefined) yield* Bounds.span(ramp, "a ramp")
        const isOther = gain !== to
        gain = to
        if (isOther) journal.changed()
        yield* forEachTrack((track, own) => track.volume(to * own, { ramp }))
      }),
    setEffects: (to) =>
      Effect.flatMap(SoundEffect.complete(to), (complete) => {
        effects = complete
        journal.changed()
        return forEachTrack((track) => track.setEffects(complete))
      }),
    setCrossfade: (to) =>
      Effect.map(Bounds.span(to, "a crossfade"), (ms) => {
        crossfadeMs = ms
      }),
    current: Effect.sync(() => order.current()?.track),
    contents: Effect.gen(function*() {
      const playing = order.current()
      const lost = order.lost()
      return {
        current: playing === undefined ? undefined : {
          entry: entryOf(playing.item),
          state: yield* playing.track.state,
          positionMs: yield* playing.track.position,
          durationMs: playing.track.durationMs,
          live: playing.track.live
        },
        ...(lost === undefined ? {} : {
          lost: { entry: entryOf(lost.playing.item), positionMs: lost.positionMs, live: lost.playing.track.live }
        }),
        upcoming: line.upcoming().map(entryOf),
        history: line.history().map(entryOf),
        failures: journal.failures(),
        repeat: line.repeat(),
        paused,
        gain,
        effects
      }
    }),
    get events() {
      return journal.events()
    },
    // readers of the events receive the last of them before those who wait
    awaitIdle: Effect.ensuring(order.awaitIdle, Effect.yieldNow)
  }
  Object.setPrototypeOf(queue, prototype)
  return queue
})
