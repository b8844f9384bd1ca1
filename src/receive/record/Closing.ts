/**
 * The last that a recording asks of its disk, which has to do each of it in time: a disk that takes nothing any more is given up.
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
 * All of it fails with `RecordingFailed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Closing {
  /** Waits until all that was left to be written is, for as long as the disk goes on with it. */
  readonly drain: Effect.Effect<void, VoiceError.VoiceError>
  /** Completes the last manifest by the hashes that it lacks, closes the files, and writes it. Gives the manifest as it is then. */
  readonly seal: (last: Manifest.Manifest) => Effect.Effect<Manifest.Manifest, VoiceError.VoiceError>
  /** Writes the manifest of what has failed and closes the files, as far as that can be. */
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
      detail: `the disk did not take what was left within ${Duration.toSeconds(timeout)} s`
    })
  )
  const inTime = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.timeoutOrElse(effect, { duration: timeout, orElse: () => late })

  /** A disk that is slow may be far behind. */
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
      // a disk may say at the end only that it could not take something
      yield* inTime(outputs.close)
      yield* replace(final)
      return final
    }),
    abandon: (last) =>
      // the disk that failed may not take this either: the manifest before stays, then
      Effect.andThen(Effect.ignore(replace(last)), Effect.ignore(inTime(outputs.close)))
  }
}
