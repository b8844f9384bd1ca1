/**
 * The output files of a command: whether they can be written, checked before anything begins, and whether two of them are the
 * same.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { basename, dirname, join, resolve } from "node:path"

/**
 * A file could not be written.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotWritten extends Schema.TaggedError<NotWritten>("effect-discord-voice/cli/NotWritten")("NotWritten", {
  path: Schema.String,
  why: Schema.String
}) {
  override get message(): string {
    return `${this.path} cannot be written: ${this.why}.`
  }
}

const infoOf = (path: string) => Effect.flatMap(FileSystem.FileSystem, (files) => Effect.option(files.stat(path)))

const isWritable = (path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (files) => Effect.isSuccess(files.access(path, { writable: true })))

/**
 * Why nothing can be written there, as far as that can be known in advance, or `undefined`.
 *
 * @category getters
 * @since 0.1.0
 */
export const obstacle = Effect.fnUntraced(function*(path: string) {
  const info = yield* infoOf(path)
  if (Option.isSome(info)) {
    if (info.value.type === "Directory") return "it is a folder"
    return (yield* isWritable(path)) ? undefined : "you have no permission to write it"
  }
  const folder = dirname(resolve(path))
  const inside = yield* infoOf(folder)
  if (Option.isNone(inside)) return `the folder ${folder} does not exist`
  if (inside.value.type !== "Directory") return `${folder} is not a folder`
  return (yield* isWritable(folder)) ? undefined : `you have no permission to write in ${folder}`
})

/**
 * Writes a file. Fails with {@link NotWritten}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(function*(path: string, bytes: Uint8Array) {
  const files = yield* FileSystem.FileSystem
  yield* files.writeFile(path, bytes).pipe(
    Effect.catch((error) =>
      Effect.flatMap(obstacle(path), (why = error.message) => Effect.fail(new NotWritten({ path, why })))
    )
  )
})

/** What identifies a file: for an existing one the system's identification, for another one its path. */
const identity = Effect.fnUntraced(function*(path: string) {
  const files = yield* FileSystem.FileSystem
  const info = yield* infoOf(path)
  if (Option.isSome(info)) {
    const { dev, ino, type } = info.value
    // writing to a terminal or to a null device overwrites nothing
    if (type !== "File") return undefined
    if (Option.isSome(ino)) return `${dev}/${ino.value}`
  }
  const folder = dirname(resolve(path))
  return join(yield* Effect.orElseSucceed(files.realPath(folder), () => folder), basename(path))
})

/**
 * Whether two paths refer to the same file, by whatever name, so that one would overwrite the other.
 *
 * @category getters
 * @since 0.1.0
 */
export const isSame = Effect.fnUntraced(function*(a: string, b: string) {
  const file = yield* identity(a)
  return file !== undefined && file === (yield* identity(b))
})
