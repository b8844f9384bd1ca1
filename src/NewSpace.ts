/**
 * The size of V8's space for new objects, which determines how long a garbage collection stops the process.
 *
 * V8 lets this space grow with everything that has ever survived in it. After hundreds of connections or tracks have begun,
 * it has tens of megabytes, and collecting it takes longer than a frame: the beat is late for all streams at once. A small
 * space is collected more often, in about a millisecond each time.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as v8 from "node:v8"
import * as vm from "node:vm"

/** Bun has another engine, with its own flags and spaces. */
const isV8 = process.versions["bun"] === undefined

/** The number of layers that want a small space: V8's flags apply to the whole process. */
let wanted = 0

/** The function that `--expose-gc` gives to a program. */
type Collect = (options: {
  readonly type: "major"
  readonly execution: "sync"
  readonly flavor: "last-resort"
}) => void

/** The collector, which a new context receives while V8's flag is set. */
const collector = (): unknown => {
  const own: unknown = Reflect.get(globalThis, "gc")
  if (own !== undefined) return own
  v8.setFlagsFromString("--expose-gc")
  const made: unknown = vm.runInNewContext("gc")
  v8.setFlagsFromString("--no-expose-gc")
  return made
}

/** Collects as V8 does when memory runs short: the only collection that shrinks the space to its initial size. */
const collectAll = (): void => {
  // whatever V8 provides there is a function; its type does not declare the options
  const collect = collector() as Collect
  collect({ type: "major", execution: "sync", flavor: "last-resort" })
}

/**
 * Keeps the space for new objects as small as it was when the process began (a megabyte; `--min-semi-space-size`), as
 * `node --max-semi-space-size=1` does from the start. This is for programs with hundreds of connections, or with many that
 * use AES-GCM. If your program makes a lot of garbage of its own, measure first, since small collections happen more often.
 *
 * Building the layer collects everything once, in about 25 ms. The flag belongs to V8, so it applies to the whole process,
 * including worker threads. It stays set until the last such layer is released; V8 may then let the space grow again, by its
 * own default. On an engine other than V8, such as Bun's, the layer does nothing.
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
      // V8 multiplies by this factor each time it lets the space grow, and reads it at that moment
      v8.setFlagsFromString("--semi-space-growth-factor=1")
      collectAll()
    }),
    () =>
      Effect.sync(() => {
        if (--wanted === 0 && isV8) v8.setFlagsFromString("--semi-space-growth-factor=2")
      })
  )
)
