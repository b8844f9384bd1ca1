/**
 * What plays in a session and what follows it, whatever connection it is sent on: rings outlive connections, but their
 * numbers there do not.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Line from "../driver/Line.ts"
import type * as FrameRing from "../ring/FrameRing.ts"
import type { VoiceConnection } from "../VoiceDriver.ts"

/**
 * A track that plays, or waits for its turn.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attached {
  readonly number: number
  readonly ring: FrameRing.FrameRing
  /** The number of the track that plays before it, while it waits for that. */
  after: number | "drained" | undefined
  paused: boolean
  /** Its number on the current connection. */
  inner: number | undefined
  /** Whether all of it was sent: another connection has nothing to do with it. */
  isDrained: boolean
}

/**
 * The tracks of a session; none at first.
 *
 * @category models
 * @since 0.1.0
 */
export class Lineup {
  #attached: Attached | undefined
  /** The track that follows. */
  #waiting: Attached | undefined
  #tracks = 0
  /** Whether what plays is held, independently of its own pause. */
  isHeld = false

  add(...[ring, options]: Parameters<VoiceConnection["attach"]>): Attached {
    const former = this.#attached
    const next: Attached = {
      number: ++this.#tracks,
      ring,
      after: former === undefined || this.#isPast(former) ? undefined : options?.after,
      paused: options?.paused ?? false,
      inner: undefined,
      isDrained: false
    }
    if (next.after === undefined) {
      this.#attached = next
      this.#waiting = undefined
    } else this.#waiting = next
    return next
  }

  find(number: number): Attached | undefined {
    return this.all().find((track) => track.number === number)
  }

  remove(track: Attached): void {
    if (track === this.#waiting) this.#waiting = undefined
    else if (this.#waiting !== undefined) this.#changeOver(this.#waiting)
    else this.#attached = undefined
  }

  /** What plays, followed by what waits. */
  all(): ReadonlyArray<Attached> {
    return [this.#attached, this.#waiting].filter((track) => track !== undefined)
  }

  isPlaying(): boolean {
    return this.#attached !== undefined && !this.#attached.paused && !this.isHeld
  }

  /** The current connection is over, or being replaced. */
  leave(): void {
    for (const track of this.all()) track.inner = undefined
  }

  /** The event with the track's number here; `undefined` for an event of a former track. */
  translated(event: Line.Happening): Line.Happening | undefined {
    if (!("track" in event)) return event
    const waiting = this.#waiting
    if (waiting !== undefined && event.track === waiting.inner) this.#changeOver(waiting)
    const former = this.#attached
    if (former === undefined || event.track !== former.inner) return undefined
    if (event._tag === "TrackDrained") {
      former.isDrained = true
      if (this.#waiting !== undefined) this.#changeOver(this.#waiting)
    }
    return { ...event, track: former.number }
  }

  /** Hands a track to a connection that does not have it yet. A connection that is ending takes nothing; the next one will. */
  attachTo(connection: VoiceConnection, track: Attached): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (track.inner !== undefined || track.isDrained) return Effect.void
      const paused = this.#isPaused(track)
      return connection.attach(track.ring, { paused, after: track.after }).pipe(
        Effect.flatMap((inner) => {
          // a pause or removal in the meantime knew no number
          if (!this.all().includes(track)) return connection.detach(inner)
          track.inner = inner
          return this.#isPaused(track) === paused ? Effect.void : connection.setPaused(inner, !paused)
        }),
        Effect.ignore
      )
    })
  }

  /** All of it was sent, on a connection that is over. */
  #isPast({ inner, isDrained }: Attached): boolean {
    return isDrained && inner === undefined
  }

  #isPaused({ paused }: Attached): boolean {
    return paused || this.isHeld
  }

  /** Hands all tracks to a connection. */
  attachAll(connection: VoiceConnection): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      if (this.#attached !== undefined) yield* this.attachTo(connection, this.#attached)
      if (this.#waiting !== undefined) yield* this.attachTo(connection, this.#waiting)
    })
  }

  /** Makes a connection pause or play tracks, according to their state and the hold. */
  pause(connection: VoiceConnection, tracks: ReadonlyArray<Attached> = this.all()): Effect.Effect<void> {
    return Effect.forEach(
      tracks,
      (track) => track.inner === undefined ? Effect.void : connection.setPaused(track.inner, this.#isPaused(track)),
      { discard: true }
    )
  }

  /** The waiting track takes its turn. */
  #changeOver(next: Attached): void {
    this.#attached = next
    this.#waiting = undefined
    next.after = undefined
  }
}
