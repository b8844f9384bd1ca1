import { Deferred, Effect, Stream } from "effect"
import * as Broadcast from "../../../src/audio/Broadcast.ts"
import type { Track, TrackEnd } from "../../../src/audio/Track.ts"
import type { TrackEvent } from "../../../src/audio/track/TrackEvent.ts"
import type * as TrackQueue from "../../../src/audio/TrackQueue.ts"
import * as VoiceError from "../../../src/VoiceError.ts"

/** A source, looked up by its name: its length, how long it takes to open, and what happens to it. */
export interface Record {
  readonly lengthMs: number
  readonly opensMs: number
  readonly says?: "fails" | "breaks" | "is empty"
  /** Its length is unknown. */
  readonly live?: boolean
}

interface Playing {
  readonly record: Record
  readonly after: Playing | undefined
  readonly crossfadeMs: number
  readonly end: (how: TrackEnd) => void
  isPaused: boolean
  hasBegun: boolean
  hasEnded: boolean
  positionMs: number
}

const stepMs = 50

const failed = (source: string) =>
  VoiceError.make(new VoiceError.SourceFailed({ source, kind: "Failed", positionMs: 0, detail: "it is scratched" }))

/** A player of tracks that crossfade, seek and pause, in steps of 50 ms of the test clock. */
export const make = Effect.fnUntraced(function*(recordOf: (name: string) => Record) {
  const all: Array<Playing> = []

  const mayBegin = ({ after, crossfadeMs, record }: Playing): boolean => {
    if (after === undefined || after.hasEnded) return true
    const crossMs = Math.min(crossfadeMs, after.record.lengthMs / 2, record.lengthMs / 2)
    return after.hasBegun && !after.isPaused && after.record.lengthMs - after.positionMs <= crossMs
  }

  const step = Effect.sync(() => {
    for (const playing of all) {
      if (playing.hasEnded) continue
      if (!playing.hasBegun) playing.hasBegun = !playing.isPaused && mayBegin(playing)
      if (!playing.hasBegun || playing.isPaused) continue
      playing.positionMs = Math.min(playing.record.lengthMs, playing.positionMs + stepMs)
      const isBroken = playing.record.says === "breaks" && playing.positionMs > playing.record.lengthMs / 2
      if (isBroken) playing.end({ _tag: "Failed", error: failed("a broken one") })
      else if (playing.positionMs === playing.record.lengthMs) playing.end({ _tag: "Finished" })
    }
    all.splice(0, all.length, ...all.filter(({ hasEnded }) => !hasEnded))
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(stepMs), step)))

  const known = new WeakMap<Track, Playing>()

  const play: TrackQueue.Player["play"] = ({ name }, options) =>
    Effect.gen(function*() {
      const record = recordOf(name)
      yield* Effect.sleep(record.opensMs)
      if (record.says === "fails") return yield* failed(name)
      const ended = yield* Deferred.make<TrackEnd>()
      const events = Broadcast.make<TrackEvent>(0)
      const playing: Playing = {
        record,
        after: options.after === undefined ? undefined : known.get(options.after),
        crossfadeMs: Number(options.crossfade ?? 0),
        end: (how) => {
          if (playing.hasEnded) return
          playing.hasEnded = true
          Deferred.doneUnsafe(ended, Effect.succeed(how))
        },
        isPaused: options.paused ?? false,
        hasBegun: false,
        hasEnded: false,
        positionMs: 0
      }
      if (record.says === "is empty") playing.end({ _tag: "Finished" })
      else all.push(playing)
      // only the parts that a queue looks at
      const track: Partial<Track> = {
        name,
        durationMs: record.live === true ? undefined : record.lengthMs,
        live: record.live ?? false,
        speed: 1,
        state: Effect.sync(() =>
          playing.hasEnded ? { _tag: "Ended", end: { _tag: "Finished" } } as const : { _tag: "Playing" } as const
        ),
        position: Effect.sync(() => playing.positionMs),
        seek: (to) =>
          Effect.sync(() => {
            playing.positionMs = Math.min(record.lengthMs, Number(to))
            events.publish({ _tag: "Sought", positionMs: playing.positionMs })
            return playing.positionMs
          }),
        pause: Effect.sync(() => {
          playing.isPaused = true
        }),
        resume: Effect.sync(() => {
          playing.isPaused = false
        }),
        stop: Effect.sync(() => playing.end({ _tag: "Stopped" })),
        events: Stream.suspend(() => events.stream()),
        awaitEnd: Deferred.await(ended)
      }
      // nothing else of a track is used
      known.set(track as Track, playing)
      return track as Track
    })

  return {
    player: { play },
    /** Whether all open tracks are paused, or not paused. */
    are: (paused: boolean) => all.every(({ hasEnded, isPaused }) => hasEnded || isPaused === paused),
    /** How many tracks are open. */
    open: () => all.filter(({ hasEnded }) => !hasEnded).length
  }
})
