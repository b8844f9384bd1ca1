/**
 * How the driver switches, between two frames, to the ring of one track, from that to a mix, from a mix to the ring of its
 * last input, and from a ring to the one that follows it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Mixer } from "../../Mixer.ts"
import type { EncoderOptions } from "../../OpusEncoder.ts"
import type * as FrameRing from "../../ring/FrameRing.ts"
import type { VoiceConnection } from "../../VoiceDriver.ts"
import type * as VoiceError from "../../VoiceError.ts"
import * as Desk from "./Desk.ts"
import type * as Lane from "./Lane.ts"
import * as OnAir from "./OnAir.ts"
import * as Seat from "./Seat.ts"
import * as Succession from "./Succession.ts"

/** @internal */
export interface ChangeOver {
  /** Begins to pass an entry through. */
  readonly pass: (entry: Seat.Entry, ring: FrameRing.FrameRing) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Opens a mix of everything that is live. What is passed through continues until the mix takes over. If nothing is live any
   * more, or something was silenced, by the time the mix is open, it is closed again.
   */
  readonly toMix: Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Puts an entry into a mix; the driver reads its ring until the frame `from`. If an entry cannot be mixed, its track fails.
   */
  readonly add: (desk: Desk.Desk, entry: Seat.Entry, from: number | undefined) => void
  /** Hands the ring of the mix's last input back to the driver, after the mix. */
  readonly handOver: (mix: Lane.Mix) => Effect.Effect<void, VoiceError.VoiceError>
  /** If a track that can be passed through waits for one that is passed through, it follows without a gap. */
  readonly prepareNext: (direct: Lane.Direct) => Effect.Effect<void, VoiceError.VoiceError>
}

/**
 * What it needs of the player. Mixes close with `scope`.
 *
 * @internal
 */
export interface Options {
  readonly outlet: Pick<VoiceConnection, "attach" | "detach" | "setPaused">
  readonly air: OnAir.OnAir
  readonly scope: Scope.Scope
  readonly mixer: Mixer["Service"]
  /** How the next mix encodes. */
  readonly encoder: () => EncoderOptions
  /** How often something was silenced. */
  readonly silences: () => number
  /** Called when a mix that is on the air cannot continue. */
  readonly onBroken: (desk: Desk.Desk, error: VoiceError.VoiceError) => void
}

/** @internal */
export const make = (options: Options): ChangeOver => new BetweenFrames(options)

class BetweenFrames implements ChangeOver {
  readonly #options: Options

  constructor(options: Options) {
    this.#options = options
  }

  pass(entry: Seat.Entry, ring: FrameRing.FrameRing): Effect.Effect<void, VoiceError.VoiceError> {
    return Effect.suspend(() => {
      entry.place = "direct"
      // each would keep the one before it, and that one its own
      entry.seat.after = undefined
      entry.counted = ring.framesRead()
      return Effect.map(this.#options.outlet.attach(ring, { paused: entry.isPaused }), (number) => {
        this.#options.air.lane = { _tag: "direct", entry, number, next: undefined }
      })
    })
  }

  get toMix(): Effect.Effect<void, VoiceError.VoiceError> {
    const { air, mixer, outlet, scope } = this.#options
    return Effect.gen({ self: this }, function*() {
      const before = this.#options.silences()
      const ofMix = yield* Scope.fork(scope)
      let opened: Desk.Desk | undefined
      let broken: VoiceError.VoiceError | undefined
      const desk = yield* Desk.open(mixer, this.#options.encoder(), (error) => {
        broken = error
        if (opened !== undefined) this.#options.onBroken(opened, error)
      }).pipe(
        // its thread may have ended in the meantime
        Effect.flatMap((made) => broken === undefined ? Effect.succeed(made) : Effect.fail(broken)),
        Scope.provide(ofMix),
        Effect.onError((cause) => Scope.close(ofMix, Exit.failCause(cause)))
      )
      opened = desk
      // some time has passed
      const all = OnAir.live(air)
      const direct = air.lane._tag === "direct" && air.entries.has(air.lane.entry) ? air.lane : undefined
      if (all.length === 0 || this.#options.silences() !== before) return yield* Scope.close(ofMix, Exit.void)
      // a change in the meantime still waits to be applied: what is paused switches at once, everything else when its frames
      // are read
      if (direct !== undefined) yield* outlet.setPaused(direct.number, direct.entry.isPaused)
      const after = direct?.entry.media.format === "opus"
        ? Succession.changeOverAt(direct.entry.media.ring, direct.entry.isPaused)
        : undefined
      if (direct !== undefined) this.add(desk, direct.entry, after)
      for (const entry of all) if (entry !== direct?.entry) this.add(desk, entry, undefined)
      const number = yield* outlet.attach(desk.ring, { after })
      air.lane = { _tag: "mix", desk, scope: ofMix, number, from: direct, after, successor: undefined }
    })
  }

  add(desk: Desk.Desk, entry: Seat.Entry, from: number | undefined): void {
    const error = desk.add(entry, from)
    if (error === undefined) return
    OnAir.leaveOut(this.#options.air, entry)
    Seat.fail(entry.seat, error)
  }

  handOver(mix: Lane.Mix): Effect.Effect<void, VoiceError.VoiceError> {
    const { air, outlet } = this.#options
    return Effect.gen(function*() {
      const entry = mix.desk.successor()
      // only one can wait
      if (!mix.desk.isBegun()) return
      if (entry === undefined || entry.media.format !== "opus" || !air.entries.has(entry)) return
      const number = yield* outlet.attach(entry.media.ring, { paused: entry.isPaused, after: "drained" })
      mix.successor = { entry, number }
    })
  }

  prepareNext(direct: Lane.Direct): Effect.Effect<void, VoiceError.VoiceError> {
    const { air, outlet } = this.#options
    return Effect.gen(function*() {
      if (direct.next !== undefined) {
        if (air.entries.has(direct.next.entry) && Succession.isPlain(direct.next.entry)) return
        yield* outlet.detach(direct.next.number)
        direct.next = undefined
      }
      const entry = OnAir.waiting(air).find(({ seat }) => seat.after === direct.entry.seat && seat.crossfadeMs === 0)
      if (entry === undefined || !Succession.isPlain(entry) || entry.media.format !== "opus") return
      entry.counted = entry.media.ring.framesRead()
      const number = yield* outlet.attach(entry.media.ring, { paused: entry.isPaused, after: "drained" })
      direct.next = { entry, number }
    })
  }
}
