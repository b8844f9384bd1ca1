/**
 * Makes one Opus stream of several tracks, or of one that is not Opus or has another level: decodes them, mixes them in float
 * and encodes the result, ahead of the beat. A session's player opens a mix when it needs one, and closes it when an Opus
 * track can be passed through again.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as os from "node:os"
import { codec } from "./codec/FloatCodec.ts"
import * as limits from "./codec/limits.ts"
import * as Heard from "./mixer/Heard.ts"
import type { Command, Setup } from "./mixer/messages.ts"
import * as Mix from "./mixer/Mix.ts"
import * as Thread from "./mixer/Thread.ts"
import type { EncoderOptions } from "./OpusEncoder.ts"
import * as FrameRing from "./ring/FrameRing.ts"
import * as Pump from "./ring/Pump.ts"
import * as VoiceError from "./VoiceError.ts"

/**
 * An open mix. It is told what to mix, and writes its frames to the ring.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mixing {
  /** The first ring; each cut returns another. */
  readonly ring: FrameRing.FrameRing
  readonly heard: Heard.Reader
  readonly command: (command: Command) => void
  /**
   * Removes inputs from what was made ahead already, so that they end with the next frame, or with the frame after it if the
   * mix is in another thread.
   */
  readonly cut: (inputs: ReadonlyArray<number>) => Cut
}

/**
 * The result of a cut: the ring that continues the mix.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cut {
  /** The ring that replaces the one before it. Frames are counted across both. */
  readonly ring: FrameRing.FrameRing
  /** The number of its first frame. */
  readonly from: number
}

/**
 * The options of a mix.
 *
 * @category models
 * @since 0.1.0
 */
export interface MixOptions {
  /** How to encode the mix. There are always 2 channels. */
  readonly encoder?: EncoderOptions | undefined
  /** Called when the mix cannot continue (`EncodeFailed`): at most once, from plain code. */
  readonly onBroken: (error: VoiceError.VoiceError) => void
}

/**
 * The service that opens mixes.
 *
 * @category services
 * @since 0.1.0
 */
export class Mixer extends Context.Service<Mixer, {
  /** How far ahead frames are made, in milliseconds. */
  readonly aheadMs: number
  /** Opens a mix. Fails with `CodecUnavailable`, also if an option of the encoder is out of range. */
  readonly open: (options: MixOptions) => Effect.Effect<Mixing, VoiceError.VoiceError, Scope.Scope>
}>()("effect-discord-voice/Mixer") {}

/**
 * The options of a mixer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How far ahead frames are made; a change of level is heard with this delay. Default 120 ms. Values outside of 60 to 600 ms
   * become the nearest of the two; a value that is not a number becomes 60 ms.
   */
  readonly ahead?: Duration.Input | undefined
}

/**
 * The options of a mixer with threads.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadOptions extends Options {
  /**
   * The greatest number of threads; values outside of 1 to 64 become the nearest of the two. Default, also for a value that
   * is not a number: one less than the machine has processors, at least 1 and at most 4.
   */
  readonly threads?: number | undefined
  /**
   * Which mixes are made in a thread: "further" for all except the first of those that are open at a time, "always" or
   * "never". Default "further".
   */
  readonly use?: "further" | "always" | "never" | undefined
}

const defaultAheadMs = 120
const leastAheadMs = 60

/** Each started thread has a heap of its own. */
const mostThreads = 64

const codecName = "libopus-wasm"

/** How often mixes in this thread are refilled, in milliseconds. */
const fillIntervalMs = 20

/** The most bytes that 20 ms of Opus take. */
const frameBytes = 1_280

const aheadOf = ({ ahead }: Options): number =>
  Math.min(
    Heard.maxAheadMs,
    Math.max(
      leastAheadMs,
      ahead === undefined ? defaultAheadMs : Duration.toMillis(Duration.fromInputUnsafe(ahead))
    )
  )

/** A value that is not a number, as results from an unset variable, is replaced by the default. */
const threadsOf = ({ threads = NaN }: ThreadOptions): number =>
  Number.isFinite(threads) ? threads : Math.min(4, os.availableParallelism() - 1)

/** @internal */
export interface Opened {
  /** Whether commands have taken effect when `command` returns. */
  readonly isHere: boolean
  readonly command: (command: Command) => void
  readonly close: () => void
}

/**
 * Opens a mix; rejects with whatever is thrown.
 *
 * @internal
 */
export type Opener = (setup: Setup, onBroken: (detail: string) => void) => Promise<Opened>

const unavailable = (cause: unknown) =>
  VoiceError.make(
    new VoiceError.CodecUnavailable({
      codec: codecName,
      detail: cause instanceof Error ? cause.message : String(cause)
    })
  )

/** A ring with room for what is made ahead, and some more. */
const makeRing = (aheadMs: number, first: number): readonly [FrameRing.FrameRing, SharedArrayBuffer] => {
  const ring = FrameRing.make({ capacityBytes: Math.ceil(aheadMs / 20 + 2) * frameBytes, first })
  const { buffer } = ring
  // it was made on a shared buffer
  if (!(buffer instanceof SharedArrayBuffer)) throw new Error("the buffer of a frame ring is not shared")
  return [ring, buffer]
}

/** @internal */
export const openWith = Effect.fnUntraced(function*(
  aheadMs: number,
  { encoder = {}, onBroken }: MixOptions,
  open: Opener
): Effect.fn.Return<Mixing, VoiceError.VoiceError, Scope.Scope> {
  const problem = limits.optionsProblem(encoder)
  if (problem !== undefined) return yield* unavailable(problem)
  const [ring, buffer] = makeRing(aheadMs, 0)
  const heard = Heard.makeBuffer()
  const opened = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        open(
          { ring: buffer, heard, encoder, aheadMs },
          (detail) => onBroken(VoiceError.make(new VoiceError.EncodeFailed({ codec: codecName, detail })))
        ),
      catch: unavailable
    }),
    (mix) => Effect.sync(() => mix.close())
  )
  let last: Cut = { ring, from: 0 }
  return {
    ring,
    heard: Heard.reader(heard),
    command: (command) => opened.command(command),
    cut: (inputs) => {
      const read = last.ring.framesRead()
      // frames that nobody has begun to read are replaced
      const from = read === last.from ? read : Math.min(last.ring.framesWritten(), opened.isHere ? read : read + 1)
      const [next, nextBuffer] = makeRing(aheadMs, from)
      opened.command({ _tag: "Cut", inputs, from, ring: nextBuffer })
      last = { ring: next, from }
      return last
    }
  }
})

/** A mix in this thread, filled by Effect's clock until its scope closes. */
const openHere = (aheadMs: number, options: MixOptions) =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    let mix: Mix.Mix | undefined
    const mixing = yield* openWith(aheadMs, options, async (setup, onBroken) => {
      const made = await Mix.make(codec, setup, onBroken)
      mix = made
      return { isHere: true, command: (command) => made.command(command), close: () => made.close() }
    })
    yield* Effect.forkScoped(
      Pump.refill(clock, fillIntervalMs, () => {
        mix?.fill()
        return fillIntervalMs
      }),
      { startImmediately: true }
    )
    return mixing
  })

/**
 * A mixer in the caller's thread, on Effect's `Clock`: in tests, `TestClock.adjust` moves it together with everything else.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (options: Options): Layer.Layer<Mixer> =>
  Layer.effect(
    Mixer,
    Effect.map(Effect.promise(codec.prepare), () => {
      const aheadMs = aheadOf(options)
      return Mixer.of({ aheadMs, open: (mixOptions) => openHere(aheadMs, mixOptions) })
    })
  )

/**
 * {@link layerWith} with its defaults.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Mixer> = layerWith({})

/**
 * A mixer with threads, which start when they are needed and end with the layer. A thread that ends breaks its mixes, and the
 * next mix starts another thread. If no thread can be started, for example in a bundle that lacks their file, one warning is
 * logged and everything is mixed in the caller's thread.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerThreadWith = (options: ThreadOptions): Layer.Layer<Mixer> =>
  Layer.effect(
    Mixer,
    Effect.gen(function*() {
      const aheadMs = aheadOf(options)
      const use = options.use ?? "further"
      if (use !== "always") yield* Effect.promise(codec.prepare)
      const count = Math.max(1, Math.min(mostThreads, threadsOf(options)))
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      let isTold = false
      const onUnavailable = (detail: string) => {
        if (isTold) return
        isTold = true
        fork(Effect.logWarning(
          `A mixing thread cannot be started: ${detail}. Everything is mixed in the audio thread instead.`
        ))
      }
      const threads = Array.from({ length: count }, () => Thread.make({ onUnavailable }))
      let here = 0
      yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(threads.map((thread) => thread.close()))))

      const takeHere = Effect.acquireRelease(
        Effect.sync(() => {
          here++
        }),
        () =>
          Effect.sync(() => {
            here--
          })
      )
      /** The thread with the fewest mixes. */
      const openThere: Opener = async (setup, onBroken) => {
        const thread = threads.reduce((least, other) => other.size() < least.size() ? other : least)
        return { isHere: false, ...await thread.open(setup, onBroken) }
      }

      return Mixer.of({
        aheadMs,
        open: (mixOptions) =>
          Effect.suspend(() =>
            use === "never" || (use === "further" && here === 0)
              ? Effect.andThen(takeHere, openHere(aheadMs, mixOptions))
              : openWith(aheadMs, mixOptions, openThere)
          )
      })
    })
  )

/**
 * {@link layerThreadWith} with its defaults.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerThread: Layer.Layer<Mixer> = layerThreadWith({})
