/**
 * The last operations of a recording on its disk. Each has a time limit: a disk that does not respond any more is given up.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { join } from "node:path"
import * as VoiceError from "../../VoiceError.ts"
import * as Manifest from "./Manifest.ts"
import * as Outputs from "./Outputs.ts"
import * as Repair from "./Repair.ts"
import type { Storage } from "./Storage.ts"

/**
 * All operations fail with `RecordingFailed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Closing {
  /** Waits until everything left is written, for as long as the disk makes progress. */
  readonly drain: Effect.Effect<void, VoiceError.VoiceError>
  /** Adds the missing hashes to the last manifest, closes the files, and writes the manifest. Returns the final manifest. */
  readonly seal: (last: Manifest.Manifest) => Effect.Effect<Manifest.Manifest, VoiceError.VoiceError>
  /** Writes the manifest of a failed recording and closes the files, as far as possible. */
  readonly abandon: (last: Manifest.Manifest) => Effect.Effect<void>
}

const timeout = Duration.seconds(10)

/**
 * `writing` is the fiber in which the outputs run.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  storage: Storage,
  folder: string,
  outputs: Pick<Outputs.Outputs, "done" | "drained" | "close">,
  writing: Fiber.Fiber<never, VoiceError.VoiceError>
): Closing => {
  const late = VoiceError.fail(
    new VoiceError.RecordingFailed({
      path: folder,
      kind: "Failed",
      detail: `the rest could not be written to disk within ${Duration.toSeconds(timeout)} s`
    })
  )
  const inTime = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.timeoutOrElse(effect, { duration: timeout, orElse: () => late })

  /** A slow disk may be far behind. */
  const stalled = Effect.gen(function*() {
    for (let before = -1; outputs.done() !== before;) {
      before = outputs.done()
      yield* Effect.sleep(timeout)
    }
    return yield* late
  })

  const replace = (last: Manifest.Manifest) =>
    inTime(Outputs.attempt(folder, () => storage.replace(join(folder, Manifest.fileName), Manifest.encode(last))))

  return {
    drain: Effect.raceAllFirst([outputs.drained, Fiber.join(writing), stalled]),
    seal: Effect.fnUntraced(function*(last) {
      const final = yield* Repair.hashOverwritten(storage, folder, last, inTime)
      // a disk may report only at the end that it could not store something
      yield* inTime(outputs.close)
      yield* replace(final)
      return final
    }),
    abandon: (last) =>
      // the disk that failed may not accept this either; then the previous manifest stays
      Effect.andThen(Effect.ignore(replace(last)), Effect.ignore(inTime(outputs.close)))
  }
}
