/**
 * Where a recording is written: a few operations on files, so that tests can be a disk that is full or slow, and programs can
 * write elsewhere. The default is the file system; `MemoryStorage` is one without a disk.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import { createReadStream } from "node:fs"
import * as Fs from "node:fs/promises"
import { dirname } from "node:path"

/**
 * A file that is open for writing. One call is made at a time, and the next when it is done. The bytes that it is given belong to
 * the file from then on.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredFile {
  /** Adds bytes at the end: all of them, or it throws. */
  readonly append: (bytes: Uint8Array) => Promise<void>
  /** Writes over what is there. */
  readonly overwrite: (bytes: Uint8Array, position: number) => Promise<void>
  /** Makes the file `size` bytes long: it is cut, or zeros are added, which are many in a WAV file of somebody who is silent. */
  readonly truncate: (size: number) => Promise<void>
  /** Makes sure that it survives a loss of power. */
  readonly sync: () => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * What a recording needs of a file system. A path is the folder of the recording and a name in it. What cannot be done rejects
 * with an error whose `code` is one of Node's: `ENOSPC`, `EDQUOT` and `EFBIG` are the kind `DiskFull` of `RecordingFailed`, `EACCES`,
 * `EPERM`, `EROFS`, `ENOENT`, `ENOTDIR` and `EISDIR` are `Unwritable`, `EEXIST` is `Exists`, and all else is `Failed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Storage {
  /** Whether nothing but the `maximum` of a recording keeps it from taking everything: one without it is refused then. */
  readonly needsMaximum?: boolean | undefined
  /** Makes a folder and those above it; one that is there is left as it is. */
  readonly makeFolder: (path: string) => Promise<void>
  /** Opens a new file, and fails with `EEXIST` if it is there. */
  readonly create: (path: string) => Promise<StoredFile>
  /** Opens a file that is there, to write behind its end. */
  readonly open: (path: string) => Promise<StoredFile>
  /** Puts `bytes` in the place of a file, whole or not at all. */
  readonly replace: (path: string, bytes: Uint8Array) => Promise<void>
  /** A whole file. Rejects with `ENOENT` if there is none. */
  readonly read: (path: string) => Promise<Uint8Array>
  /** The same piece by piece, for files that are too long to be held. */
  readonly readParts: (path: string) => AsyncIterable<Uint8Array>
  /** Length of a file, in bytes. */
  readonly size: (path: string) => Promise<number>
  /** Takes a file away; one that is not there is no error. */
  readonly remove: (path: string) => Promise<void>
}

/** Of one piece: what is done with it holds up nobody for more than a fraction of a millisecond. */
const partBytes = 256 * 1024

/** `FileHandle.write` may write less than it was given, where a disk is nearly full. */
const writeAll = async (handle: Fs.FileHandle, bytes: Uint8Array, position: number): Promise<void> => {
  let offset = 0
  while (offset < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, offset, bytes.length - offset, position + offset)
    offset += bytesWritten
  }
}

const stored = (handle: Fs.FileHandle, size: number): StoredFile => {
  let end = size
  return {
    append: async (bytes) => {
      await writeAll(handle, bytes, end)
      end += bytes.length
    },
    overwrite: (bytes, position) => writeAll(handle, bytes, position),
    truncate: async (to) => {
      await handle.truncate(to)
      end = to
    },
    sync: () => handle.sync(),
    close: () => handle.close()
  }
}

const codeOf = (cause: unknown) => cause instanceof Error && "code" in cause ? cause.code : undefined

/** Makes one folder; one that is there is left as it is. */
const makeOne = async (path: string): Promise<void> => {
  try {
    await Fs.mkdir(path)
  } catch (cause) {
    const found = await Fs.stat(path).catch(() => undefined)
    if (found?.isDirectory() === true) return
    if (codeOf(cause) !== "EEXIST") throw cause
    throw Object.assign(new Error(`${path} exists and is not a folder`), { code: "ENOTDIR" })
  }
}

/** Node's own way with those above never returns where a system has no place for a new one in a folder that is there, as in /proc. */
const makeFolder = async (path: string): Promise<void> => {
  try {
    await makeOne(path)
  } catch (cause) {
    const above = dirname(path)
    if (codeOf(cause) !== "ENOENT" || above === path) throw cause
    await makeFolder(above)
    await makeOne(path)
  }
}

/**
 * The file system of this machine.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fileSystem: Storage = {
  makeFolder,
  create: async (path) => stored(await Fs.open(path, "wx"), 0),
  open: async (path) => {
    const handle = await Fs.open(path, "r+")
    return stored(handle, (await handle.stat()).size)
  },
  replace: async (path, bytes) => {
    const temporary = `${path}.tmp`
    try {
      const handle = await Fs.open(temporary, "w")
      try {
        await writeAll(handle, bytes, 0)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await Fs.rename(temporary, path)
    } catch (cause) {
      // on a disk that is full, it takes what room there is
      await Fs.rm(temporary, { force: true }).catch(() => undefined)
      throw cause
    }
  },
  read: async (path) => new Uint8Array(await Fs.readFile(path)),
  readParts: (path) => createReadStream(path, { highWaterMark: partBytes }),
  size: async (path) => (await Fs.stat(path)).size,
  remove: (path) => Fs.rm(path, { force: true })
}

/**
 * Where recordings are written. The default is the file system; provide another one with
 * `Effect.provideService(Recorder.Storage, storage)`, to `Recorder.start` as well as to `Recorder.repair`.
 *
 * @category references
 * @since 0.1.0
 */
export const Storage = Context.Reference<Storage>("effect-discord-voice/Recorder/Storage", {
  defaultValue: () => fileSystem
})
