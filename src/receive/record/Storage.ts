/**
 * Where a recording is written: a few file operations, so that tests can simulate a full or a slow disk, and programs can write
 * elsewhere. The default is the file system; `MemoryStorage` needs no disk.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import { createReadStream } from "node:fs"
import * as Fs from "node:fs/promises"
import { dirname } from "node:path"

/**
 * A file that is open for writing. Calls are made one at a time. The file owns the bytes that it is given.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredFile {
  /** Appends all of the bytes, or rejects. */
  readonly append: (bytes: Uint8Array) => Promise<void>
  /** Overwrites existing bytes. */
  readonly overwrite: (bytes: Uint8Array, position: number) => Promise<void>
  /**
   * Sets the length of the file to `size` bytes: cuts it, or extends it with zeros. In the WAV file of a silent user that can
   * be many zeros.
   */
  readonly truncate: (size: number) => Promise<void>
  /** Makes sure that the data survives a power failure. */
  readonly sync: () => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * The file operations of a recording. A path is the recording's folder and a file name in it. A failing operation rejects with
 * an error whose `code` is one of Node's. It determines the kind of `RecordingFailed`: `ENOSPC`, `EDQUOT` and `EFBIG` mean
 * `DiskFull`; `EACCES`, `EPERM`, `EROFS`, `ENOENT`, `ENOTDIR` and `EISDIR` mean `Unwritable`; `EEXIST` means `Exists`; anything
 * else means `Failed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Storage {
  /** Whether only the `maximum` of a recording limits the space that it takes. A recording without a maximum is then refused. */
  readonly needsMaximum?: boolean | undefined
  /** Creates a folder and its parents. An existing folder is left unchanged. */
  readonly makeFolder: (path: string) => Promise<void>
  /** Creates a file. Fails with `EEXIST` if it exists. */
  readonly create: (path: string) => Promise<StoredFile>
  /** Opens an existing file, to append to it. */
  readonly open: (path: string) => Promise<StoredFile>
  /** Replaces a file with `bytes` atomically. */
  readonly replace: (path: string, bytes: Uint8Array) => Promise<void>
  /** Reads a whole file. Rejects with `ENOENT` if it does not exist. */
  readonly read: (path: string) => Promise<Uint8Array>
  /** Reads a file in parts, for files that are too long to keep in memory. */
  readonly readParts: (path: string) => AsyncIterable<Uint8Array>
  /** The length of a file in bytes. */
  readonly size: (path: string) => Promise<number>
  /** Removes a file. It is not an error if the file does not exist. */
  readonly remove: (path: string) => Promise<void>
}

/** The size of one part: processing it blocks the event loop for no more than a fraction of a millisecond. */
const partBytes = 256 * 1024

/** Writes all bytes. `FileHandle.write` may write fewer than it was given when a disk is nearly full. */
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

/** Creates one folder. An existing folder is left unchanged. */
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

/**
 * Creates a folder and its parents. Node's recursive `mkdir` never returns when the system cannot create a folder in an
 * existing one, as in /proc.
 */
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
      // on a full disk it takes the space that is left
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
 * The storage that recordings are written to. The default is the file system. Provide another one with
 * `Effect.provideService(Recorder.Storage, storage)`, to both `Recorder.start` and `Recorder.repair`.
 *
 * @category references
 * @since 0.1.0
 */
export const Storage = Context.Reference<Storage>("effect-discord-voice/Recorder/Storage", {
  defaultValue: () => fileSystem
})
