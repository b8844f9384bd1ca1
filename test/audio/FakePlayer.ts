import { assert } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Exit, Scope, Stream } from "effect"
import type { AudioSource } from "../../src/audio/AudioSource.ts"
import type { Track, TrackEnd } from "../../src/audio/Track.ts"
import * as TrackQueue from "../../src/audio/TrackQueue.ts"
import * as VoiceError from "../../src/VoiceError.ts"

const failed = (source: string) =>
  VoiceError.make(new VoiceError.SourceFailed({ source, kind: "NotFound", positionMs: 0, detail: "it is not there" }))

/** What the fake player knows about a source, looked up by its name. */
export interface Disc {
  readonly lengthMs: number | undefined
  readonly live?: boolean
  readonly says?: "fails" | "breaks" | "hangs" | "rots" | "is empty"
  /** The factor by which the track plays faster than its source. */
  readonly speed?: number
  /** How long the source takes to open. */
  readonly opensMs?: number
}

/** Tracks that play for their length on the test clock. One that is `after` another begins when that one ends. */
export const makePlayer = (discs: Record<string, Disc>) => {
  const log: Array<string> = []
  /** The options with which each track was to be played. */
  const asked: Array<{ readonly name: string; readonly gain: unknown; readonly crossfade: unknown }> = []
  const refills: Array<unknown> = []
  const open = new Set<string>()
  const tracks = new Set<(how: TrackEnd) => Effect.Effect<void>>()
  let over: VoiceError.VoiceError | undefined

  const play: TrackQueue.Player["play"] = (source, options) =>
    Effect.gen(function*() {
      const { name } = source
      const disc = discs[name] ?? assert.fail(`no disc ${name}`)
      if (over !== undefined) return yield* over
      asked.push({ name, gain: options.gain, crossfade: options.crossfade })
      refills.push(options.refill)
      if (disc.says === "fails") return yield* failed(name)
      if (disc.says === "hangs") {
        if (options.starveTimeout === undefined) return yield* Effect.never
        yield* Effect.sleep(options.starveTimeout)
        return yield* failed(name)
      }
      if (disc.opensMs !== undefined) {
        log.push(`opening ${name}`)
        yield* Effect.sleep(disc.opensMs)
      }
      open.add(name)
      log.push(`open ${name} at ${yield* Clock.currentTimeMillis}`)
      const fromMs = Duration.toMillis(Duration.fromInputUnsafe(options.startAt ?? options.from ?? 0))
      const untilMs = options.until === undefined
        ? undefined
        : Duration.toMillis(Duration.fromInputUnsafe(options.until))
      const ended = yield* Deferred.make<TrackEnd>()
      let startedMs: number | undefined
      let end: TrackEnd | undefined
      const scope = yield* Scope.make()
      const finish = (how: TrackEnd): Effect.Effect<void> =>
        Effect.suspend(() => {
          if (end !== undefined) return Effect.void
          end = how
          open.delete(name)
          log.push(`${how._tag} ${name}`)
          return Effect.andThen(Deferred.succeed(ended, how), Scope.close(scope, Exit.void))
        })
      const run = Effect.gen(function*() {
        if (disc.says === "rots") {
          yield* Effect.sleep("1 second")
          return yield* Effect.forkDetach(finish({ _tag: "Failed", error: failed(name) }))
        }
        // an empty source is over before its turn
        if (disc.says === "is empty") return yield* Effect.forkDetach(finish({ _tag: "Finished" }))
        if (options.after !== undefined) yield* options.after.awaitEnd
        if (end !== undefined) return
        startedMs = yield* Clock.currentTimeMillis
        log.push(`play ${name} at ${startedMs}`)
        if (disc.lengthMs === undefined) return
        yield* Effect.sleep(Math.min(disc.lengthMs, untilMs ?? Infinity) - fromMs)
        yield* Effect.forkDetach(finish(
          disc.says === "breaks" ? { _tag: "Failed", error: failed(name) } : { _tag: "Finished" }
        ))
      })
      yield* Effect.forkIn(run, scope, { startImmediately: true })
      tracks.add(finish)
      // only the parts that a queue looks at
      const track: Partial<Track> = {
        name,
        durationMs: disc.lengthMs === undefined ? undefined : disc.lengthMs * (disc.speed ?? 1),
        live: disc.live ?? false,
        speed: disc.speed ?? 1,
        untilMs,
        state: Effect.sync(() => end === undefined ? { _tag: "Playing" } : { _tag: "Ended", end }),
        position: Effect.map(
          Clock.currentTimeMillis,
          (now) => fromMs + (startedMs === undefined ? 0 : (now - startedMs) * (disc.speed ?? 1))
        ),
        stop: finish({ _tag: "Stopped" }),
        volume: (gain) => Effect.sync(() => void log.push(`volume ${name} ${gain}`)),
        setEffects: (effects) =>
          Effect.sync(() => void log.push(`effects ${name} ${effects.map(({ _tag }) => _tag).join(" ")}`)),
        events: Stream.empty,
        awaitEnd: Deferred.await(ended)
      }
      // nothing else of a track is used
      return track as Track
    })

  return {
    player: { play },
    log,
    asked,
    refills,
    open,
    /** Accepts no more tracks. */
    end: (error: VoiceError.VoiceError) => {
      over = error
    },
    /** Accepts no more tracks, and ends the existing ones, the latest first. */
    lose: (error: VoiceError.VoiceError) =>
      Effect.suspend(() => {
        over = error
        return Effect.forEach(Array.from(tracks).toReversed(), (finish) => finish({ _tag: "Failed", error }), {
          discard: true
        })
      })
  }
}

export const source = (name: string): AudioSource => ({ name, open: Effect.die("the player does not open it") })

export const names = (entries: ReadonlyArray<TrackQueue.Entry>) => entries.map(({ name }) => name).join("")

export const minute = { lengthMs: 60_000 }

export const shown = (queue: Pick<TrackQueue.TrackQueue, "contents">) =>
  Effect.map(
    queue.contents,
    ({ current, history, upcoming }) => `${names(history)}|${current?.entry.name ?? "-"}|${names(upcoming)}`
  )

export const setup = (discs: Record<string, Disc>, options?: TrackQueue.QueueOptions) =>
  Effect.gen(function*() {
    const rig = makePlayer(discs)
    const queue = yield* TrackQueue.make(rig.player, options)
    const ids = new Map<string, number>()
    for (const name of Object.keys(discs)) ids.set(name, (yield* queue.add(source(name))).id)
    return { ...rig, queue, id: (name: string) => ids.get(name) ?? assert.fail(name) }
  })
