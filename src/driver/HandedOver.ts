/**
 * The rings that a driver in another thread may have open, as far as the line shows. The driver closes them, but not if it has
 * died.
 *
 * @since 0.1.0
 */
import * as FrameRing from "../ring/FrameRing.ts"
import type * as Line from "./Line.ts"

/**
 * The rings of one connection.
 *
 * @category models
 * @since 0.1.0
 * @internal
 */
export class HandedOver {
  /** In the order of their numbers, in which they play. */
  readonly #rings = new Map<Line.TrackNumber, SharedArrayBuffer>()

  /** Call it before the driver gets the command. */
  onCommand(command: Line.Command): void {
    if (command._tag === "Detach") this.#rings.delete(command.track)
    if (command._tag !== "Attach") return
    // it replaces all others
    if (command.after === undefined) this.#rings.clear()
    this.#rings.set(command.track, command.ring)
  }

  onEvent(event: Line.Event): void {
    if (event._tag === "TrackStarted") this.#leave((track) => track < event.track)
    else if (event._tag === "TrackDrained") this.#leave((track) => track <= event.track)
  }

  /** Releases the rings: the driver is gone and takes nothing more from them. */
  release(): void {
    for (const ring of this.#rings.values()) FrameRing.release(ring)
    this.#rings.clear()
  }

  #leave(isLeft: (track: Line.TrackNumber) => boolean): void {
    for (const track of this.#rings.keys()) if (isLeft(track)) this.#rings.delete(track)
  }
}
