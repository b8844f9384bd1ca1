/**
 * Bytes from a Node stream.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Readable } from "node:stream"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"

/** Streams that are being played, or were. */
const taken = new WeakSet<Readable>()

/**
 * Reads a stream as fast as its bytes are taken, and destroys it with the scope. Fails with `Failed` if the stream fails, is
 * closed before its end, gives anything but bytes, or was opened before: a stream can be read once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (
  make: () => Readable,
  name: string
): Effect.Effect<ByteSource.ByteSource, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const failed = (detail: string): VoiceError => ByteSource.failure(name, "Failed", detail)
    const failedOf = (cause: unknown): VoiceError =>
      ByteSource.failure(name, "Failed", ByteSource.describe(cause), { cause })
    const take = Effect.flatMap(Effect.try({ try: make, catch: failedOf }), (stream) => {
      // the other opening may still be playing it
      if (taken.has(stream)) {
        return Effect.fail(
          failed("the stream was already played; to play it again, pass a function that creates a stream")
        )
      }
      taken.add(stream)
      return Effect.succeed(stream)
    })
    const stream = yield* Effect.acquireRelease(take, (stream) =>
      Effect.sync(() => {
        stream.destroy()
      }))

    // the package readable-stream up to version 3 has neither `readableEnded` nor `errored`
    let hasEnded = !stream.readable && !stream.destroyed
    stream.once("end", () => {
      hasEnded = true
    })
    let error: VoiceError | undefined
    // also after the end: a stream whose errors nobody listens to ends the process
    stream.on("error", (cause) => {
      error ??= failedOf(cause)
    })

    const attempt = (): Effect.Effect<Uint8Array | undefined, VoiceError> | undefined => {
      const bytes: unknown = stream.read()
      if (bytes instanceof Uint8Array) return Effect.succeed(bytes)
      if (bytes !== null && bytes !== undefined) {
        return Effect.fail(failed("the stream produced something other than bytes"))
      }
      // a stream that is destroyed while it is read reports its error a moment later
      const errored: unknown = stream.errored
      if (errored !== null && errored !== undefined) error ??= failedOf(errored)
      if (error !== undefined) return Effect.fail(error)
      if (hasEnded || stream.readableEnded) return Effect.undefined
      if (stream.destroyed || stream.closed) return Effect.fail(failed("the stream was closed before its end"))
      return undefined
    }

    const events = ["readable", "end", "close", "error"] as const
    const next: ByteSource.ByteSource["next"] = Effect.callback((resume) => {
      const at = attempt()
      if (at !== undefined) return resume(at)
      const off = () => {
        for (const event of events) stream.off(event, onEvent)
      }
      const onEvent = () => {
        const result = attempt()
        if (result === undefined) return
        off()
        resume(result)
      }
      for (const event of events) stream.on(event, onEvent)
      return Effect.sync(off)
    })
    return { name, next, random: undefined, seek: undefined, live: false }
  })
