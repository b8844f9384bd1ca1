/**
 * V8's space for new objects, which decides how long the process stands still for a garbage collection.
 *
 * V8 lets this space grow with what has ever survived in it. After hundreds of connections or tracks have begun it has tens of
 * megabytes, and to collect it takes longer than a frame: the beat is late for all streams at once. Kept small, it is collected
 * more often and in about a millisecond.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as v8 from "node:v8"
import * as vm from "node:vm"

/** Bun has another engine, with flags and spaces of its own. */
const isV8 = process.versions["bun"] === undefined

/** How many layers want it small: V8's flags are those of the process. */
let wanted = 0

/** What `--expose-gc` gives a program. */
type Collect = (options: {
  readonly type: "major"
  readonly execution: "sync"
  readonly flavor: "last-resort"
}) => void

/** The collector, which a new context is given as long as V8 is told to. */
const collector = (): unknown => {
  const own: unknown = Reflect.get(globalThis, "gc")
  if (own !== undefined) return own
  v8.setFlagsFromString("--expose-gc")
  const made: unknown = vm.runInNewContext("gc")
  v8.setFlagsFromString("--no-expose-gc")
  return made
}

/** A collection as V8 makes it where memory runs short: the only one that takes the space back to what it began with. */
const collectAll = (): void => {
  // whatever V8 gives there is a function, whose options its type does not say
  const collect = collector() as Collect
  collect({ type: "major", execution: "sync", flavor: "last-resort" })
}

/**
 * Keeps the space for new objects as small as it was when the process began (a megabyte; `--min-semi-space-size`), as
 * `node --max-semi-space-size=1` does from the start. For programs with hundreds of connections, or with AES-GCM in many; a
 * program that makes much garbage of its own should measure before it takes this over, for small collections come more often.
 *
 * When the layer is built everything is collected once, in some 25 ms. The flag is one of V8's, so that it holds for all of
 * the process, worker threads included. As long as one such layer is in use it stays; then V8 may let the space grow again,
 * by its own default. On another engine than V8, such as Bun's, it does nothing.
 *
 * ```ts
 * import { NewSpace, Voice } from "effect-discord-voice"
 * import { Layer } from "effect"
 *
 * const VoiceLive = Layer.mergeAll(Voice.layer, NewSpace.layerSmall)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSmall: Layer.Layer<never> = Layer.effectDiscard(
  Effect.acquireRelease(
    Effect.sync(() => {
      if (wanted++ > 0 || !isV8) return
      // V8 multiplies by this each time it lets the space grow, and reads it then
      v8.setFlagsFromString("--semi-space-growth-factor=1")
      collectAll()
    }),
    () =>
      Effect.sync(() => {
        if (--wanted === 0 && isV8) v8.setFlagsFromString("--semi-space-growth-factor=2")
      })
  )
)
