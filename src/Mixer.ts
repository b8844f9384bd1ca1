/**
 * What makes one stream of Opus of several tracks, or of one that is not Opus, or has another level: decoded, mixed in float
 * and encoded, ahead of the beat. A session's player opens a mix when it needs one and closes it when an Opus track can be
 * passed through again.
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
 * A mix that is open. It is told what to mix, and writes its frames to the ring.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mixing {
  /** The first one; each cut gives another. */
  readonly ring: FrameRing.FrameRing
  readonly heard: Heard.Reader
  readonly command: (command: Command) => void
  /**
   * Leaves inputs out of what is made ahead already, so that they end with the next frame, or the one behind it where the mix is in
   * another thread.
   */
  readonly cut: (inputs: ReadonlyArray<number>) => Cut
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Cut {
  /** It goes on for the ring before it. Their frames are counted as one. */
  readonly ring: FrameRing.FrameRing
  /** Its first frame. */
  readonly from: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface MixOptions {
  /** Its channels are always 2. */
  readonly encoder?: EncoderOptions | undefined
  /** The mix cannot go on: `EncodeFailed`. Called at most once, from plain code. */
  readonly onBroken: (error: VoiceError.VoiceError) => void
}

/**
 * @category services
 * @since 0.1.0
 */
export class Mixer extends Context.Service<Mixer, {
  /** How far ahead frames are made, in milliseconds. */
  readonly aheadMs: number
  /** Fails with `CodecUnavailable`, also if an option of the encoder is out of its range. */
  readonly open: (options: MixOptions) => Effect.Effect<Mixing, VoiceError.VoiceError, Scope.Scope>
}>()("effect-discord-voice/Mixer") {}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How far ahead frames are made; a change of level is heard so much later. Default 120 ms. What is beyond 60 to 600 ms, or no number,
   * is taken for the nearest of them, or the least.
   */
  readonly ahead?: Duration.Input | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface ThreadOptions extends Options {
  /**
   * How many threads there can be; what is beyond 1 to 64 is taken for the nearest of them. Default, also in place of what is no number:
   * one less than the machine has processors, at least 1 and at most 4.
   */
  readonly threads?: number | undefined
  /**
   * When a mix is made in a thread: "further" for all but the first that is open at a time, "always" or "never". Default
   * "further".
   */
  readonly use?: "further" | "always" | "never" | undefined
}

const defaultAheadMs = 120
const leastAheadMs = 60

/** Each that is started has a heap of its own. */
const mostThreads = 64

const codecName = "libopus-wasm"

/** How often mixes in this thread are looked at, in milliseconds. */
const fillIntervalMs = 20

/** The most that 20 ms of Opus take. */
const frameBytes = 1_280

const aheadOf = ({ ahead }: Options): number =>
  Math.min(
    Heard.maxAheadMs,
    Math.max(
      leastAheadMs,
      ahead === undefined ? defaultAheadMs : Duration.toMillis(Duration.fromInputUnsafe(ahead))
    )
  )

/** What is no number, as a variable that is not set becomes, is the default. */
const threadsOf = ({ threads = NaN }: ThreadOptions): number =>
  Number.isFinite(threads) ? threads : Math.min(4, os.availableParallelism() - 1)

/** @internal */
export interface Opened {
  /** Commands are done when `command` returns. */
  readonly isHere: boolean
  readonly command: (command: Command) => void
  readonly close: () => void
}

/**
 * Opens a mix; rejects with what is thrown.
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

/** With room for what is made ahead, and some. */
const makeRing = (aheadMs: number, first: number): readonly [FrameRing.FrameRing, SharedArrayBuffer] => {
  const ring = FrameRing.make({ capacityBytes: Math.ceil(aheadMs / 20 + 2) * frameBytes, first })
  const { buffer } = ring
  // made on a shared one
  if (!(buffer instanceof SharedArrayBuffer)) throw new Error("a frame ring is not shared")
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
      // what nobody has begun to read is replaced
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
 * A mixer with threads, which are started when they are needed and end with the layer. A thread that ends breaks its mixes,
 * and the next mix starts another. Where none can be started, as in a bundle without their file, a warning says so once, and
 * everything is mixed in the caller's thread.
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
          `A thread for mixing cannot be started: ${detail}. Everything is mixed in the thread of the audio instead.`
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
