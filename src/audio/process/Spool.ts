/**
 * Writes sequential bytes to a file, for a program that has to read at any position.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"

/** The most that is written to a file. */
const maxSpoolBytes = 1024 * 1024 * 1024

/**
 * Writes all bytes to a file, which the scope deletes. Fails with `Unsupported` beyond 1 GiB.
 *
 * @category constructors
 * @since 0.1.0
 */
export const toFile = (input: ByteSource.ByteSource): Effect.Effect<string, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const { name } = input
    const attempt = <A>(run: () => Promise<A>) =>
      Effect.tryPromise({
        try: run,
        catch: (cause) =>
          ByteSource.failure(name, "Failed", `it cannot be stored for ffmpeg: ${ByteSource.describe(cause)}`, { cause })
      })
    const folder = yield* Effect.acquireRelease(
      attempt(() => Fs.mkdtemp(Path.join(tmpdir(), "effect-discord-voice-"))),
      (folder) => Effect.ignore(attempt(() => Fs.rm(folder, { recursive: true, force: true })))
    )
    const path = Path.join(folder, "input")
    yield* Effect.acquireUseRelease(
      attempt(() => Fs.open(path, "w")),
      (file) =>
        Effect.gen(function*() {
          let size = 0
          for (let bytes = yield* input.next; bytes !== undefined; bytes = yield* input.next) {
            size += bytes.length
            if (size > maxSpoolBytes) {
              return yield* ByteSource.failure(
                name,
                "Unsupported",
                "it is larger than 1 GiB; only a file can be that large"
              )
            }
            const part = bytes
            yield* attempt(() => file.writeFile(part))
          }
        }),
      (file) => Effect.ignore(attempt(() => file.close()))
    )
    return path
  })
