/**
 * Files that a guest sends.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Path from "node:path"
import type * as Emulator from "../../emulator/Emulator.ts"

/**
 * Reads a file, which keeps its name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = (path: string): Effect.Effect<Emulator.FileOptions, PlatformError, FileSystem.FileSystem> =>
  Effect.map(
    FileSystem.FileSystem.use(({ readFile }) => readFile(path)),
    (data) => ({ name: Path.basename(path), data })
  )
