/**
 * What a track plays without a seek: a reading of its source from one position on, and the number by which the driver knows
 * it.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TrackNumber } from "../../driver/Line.ts"
import * as Timescale from "../../mixer/effects/Timescale.ts"
import * as SoundEffect from "../../SoundEffect.ts"
import type * as VoiceError from "../../VoiceError.ts"
import type { OpenSource } from "../OpenSource.ts"
import type { Place } from "../player/Place.ts"
import type { Marks } from "./Marks.ts"
import * as Reading from "./Reading.ts"

/**
 * What a stretch needs of its track.
 *
 * @internal
 */
export interface Host {
  readonly options: {
    readonly source: { readonly name: string }
    readonly clock: Clock.Clock
    readonly place: Place
    readonly range: { readonly fromMs: number; readonly untilMs: number }
    readonly bufferMs: number | undefined
    readonly leadMs: number | undefined
    readonly refillMs: number
  }
  readonly openAt: (fromMs: number) => Effect.Effect<Reading.Landed, VoiceError.VoiceError, Scope.Scope>
  /** Hands it to the player, unless the player has it already. */
  readonly attach: (stretch: Stretch) => Effect.Effect<void, VoiceError.VoiceError>
  /** Whether another pass follows. */
  readonly again: () => boolean
  readonly marks: Pick<Marks, "wake">
}

/** @internal */
export class Stretch implements Reading.Options {
  readonly #host: Host
  readonly opened: OpenSource
  readonly landedMs: number
  readonly fromMs: number
  readonly reading: Reading.Reading
  /** -1 before it was handed over. */
  number: TrackNumber = -1

  constructor(host: Host, { landedMs, opened }: Reading.Landed, fromMs: number) {
    this.#host = host
    this.opened = opened
    this.landedMs = landedMs
    this.fromMs = fromMs
    this.reading = Reading.make(this)
  }

  get clock(): Clock.Clock {
    return this.#host.options.clock
  }

  get name(): string {
    return this.#host.options.source.name
  }

  get untilMs(): number {
    return this.#host.options.range.untilMs
  }

  get againMs(): number {
    return this.#host.options.range.fromMs
  }

  get bufferMs(): number | undefined {
    return this.#host.options.bufferMs
  }

  get leadMs(): number | undefined {
    return this.#host.options.leadMs
  }

  get refillMs(): number {
    return this.#host.options.refillMs
  }

  get openAgain(): Effect.Effect<Reading.Landed, VoiceError.VoiceError, Scope.Scope> {
    return this.#host.openAt(this.againMs)
  }

  get onReady(): Effect.Effect<void, VoiceError.VoiceError> {
    return this.#host.attach(this)
  }

  get again(): Effect.Effect<boolean> {
    return Effect.sync(() => this.#host.again())
  }

  heardMs(): number | undefined {
    return this.number === -1 ? undefined : this.#host.options.place.heardMs(this.number)
  }

  pace(): number {
    return SoundEffect.speedOf(this.#host.options.place.effects())
  }

  heldMs(): number {
    return Timescale.heldMs(this.#host.options.place.effects())
  }

  isMixed(): boolean {
    return this.#host.options.place.isMixed()
  }

  onPass(): void {
    this.#host.marks.wake()
  }
}
