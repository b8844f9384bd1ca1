/**
 * The files of a recording on their way to the disk. Writers leave their bytes here and continue; one fiber writes them, in
 * order. The waiting amount is known, so a slow disk costs a part of the recording and never affects the call.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import { createHash, type Hash } from "node:crypto"
import { join } from "node:path"
import * as VoiceError from "../../VoiceError.ts"
import type { RecordedFile } from "./Manifest.ts"
import type { Storage, StoredFile } from "./Storage.ts"

/**
 * A file that is being written.
 *
 * @category models
 * @since 0.1.0
 */
export interface Output {
  readonly append: (bytes: Uint8Array) => void
  readonly overwrite: (bytes: Uint8Array, position: number) => void
  /** Sets the length of the file in bytes: cuts it, or adds any number of zeros at no cost. */
  readonly resize: (bytes: number) => void
  /** What has reached the disk. The hash is absent if something was overwritten. */
  readonly written: () => RecordedFile
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Outputs {
  /** Creates a file. */
  readonly create: (name: string) => Output
  readonly replace: (name: string, bytes: () => Uint8Array) => void
  /** The bytes that wait for the disk. */
  readonly pendingBytes: () => number
  /** The length of all files created here, once everything that waits is written. */
  readonly bytes: () => number
  /** Writes until something fails. Fails with `RecordingFailed`; what was written until then stays. */
  readonly run: Effect.Effect<never, VoiceError.VoiceError>
  /** How many requests the disk has completed. */
  readonly done: () => number
  /** Waits until everything is written. */
  readonly drained: Effect.Effect<void>
  /** Makes all files survive a power failure, and closes them. Fails, after all are closed, if one of them failed. */
  readonly close: Effect.Effect<void, VoiceError.VoiceError>
  /** Closes and removes all files, including those that the disk is still working on. */
  readonly discard: Effect.Effect<void>
}

type Kind = VoiceError.RecordingFailed["kind"]

const kinds: Readonly<Record<string, Kind>> = {
  ENOSPC: "DiskFull",
  EDQUOT: "DiskFull",
  EFBIG: "DiskFull",
  EEXIST: "Exists",
  EACCES: "Unwritable",
  EPERM: "Unwritable",
  EROFS: "Unwritable",
  ENOENT: "Unwritable",
  ENOTDIR: "Unwritable",
  EISDIR: "Unwritable"
}

/**
 * The typed error for an exception of a storage.
 *
 * @category errors
 * @since 0.1.0
 */
export const failure = (path: string, cause: unknown): VoiceError.VoiceError => {
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : ""
  const detail = cause instanceof Error ? cause.message : String(cause)
  return VoiceError.make(new VoiceError.RecordingFailed({ path, kind: kinds[code] ?? "Failed", detail }))
}

/**
 * Calls a storage. Fails with `RecordingFailed`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const attempt = <A>(path: string, call: () => Promise<A>): Effect.Effect<A, VoiceError.VoiceError> =>
  Effect.tryPromise({ try: call, catch: (cause) => failure(path, cause) })

interface Entry {
  readonly name: string
  readonly path: string
  readonly hash: Hash
  file: StoredFile | undefined
  /** The request to the storage, which continues when nobody waits for it any more. */
  making: Promise<StoredFile> | undefined
  bytes: number
  /** Including what waits. */
  length: number
  overwritten: boolean
}

interface Job {
  readonly bytes: number
  readonly run: Effect.Effect<void, VoiceError.VoiceError>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (storage: Storage, folder: string): Outputs => {
  const jobs: Array<Job> = []
  const entries: Array<Entry> = []
  const replaced = new Map<string, Promise<void>>()
  const work = Latch.makeUnsafe(false)
  const idle = Latch.makeUnsafe(true)
  let pending = 0
  let done = 0

  const add = (job: Job): void => {
    jobs.push(job)
    pending += job.bytes
    idle.closeUnsafe()
    work.openUnsafe()
  }

  const using = (entry: Entry, use: (file: StoredFile) => Promise<void>) =>
    Effect.suspend(() => {
      const { file, path } = entry
      return file === undefined ? Effect.void : attempt(path, () => use(file))
    })

  const opened = () => entries.filter(({ file }) => file !== undefined)

  const shut = (entry: Entry) =>
    Effect.ignore(Effect.suspend(() => {
      const { file, path } = entry
      entry.file = undefined
      return file === undefined ? Effect.void : attempt(path, () => file.close())
    }))

  /** Its error was reported to whoever made the request. */
  const settled = <A>(asked: Promise<A>) => Effect.promise(() => asked.catch(() => undefined))

  const removed = (path: string) => Effect.ignore(attempt(path, () => storage.remove(path)))

  const append = (entry: Entry, bytes: Uint8Array) =>
    using(entry, (file) => file.append(bytes)).pipe(
      // half a page could not be played, so it is removed; on a full disk the space is sufficient for less
      Effect.tapError(() => Effect.ignore(using(entry, (file) => file.truncate(entry.bytes)))),
      Effect.andThen(Effect.sync(() => {
        entry.bytes += bytes.length
        entry.hash.update(bytes)
      }))
    )

  const resize = (entry: Entry, bytes: number) =>
    Effect.tap(using(entry, (file) => file.truncate(bytes)), () =>
      Effect.sync(() => {
        entry.bytes = bytes
      }))

  const create: Outputs["create"] = (name) => {
    const path = join(folder, name)
    const entry: Entry = {
      name,
      path,
      hash: createHash("sha256"),
      file: undefined,
      making: undefined,
      bytes: 0,
      length: 0,
      overwritten: false
    }
    entries.push(entry)
    add({
      bytes: 0,
      run: Effect.map(attempt(path, () => entry.making = storage.create(path)), (file) => {
        entry.file = file
      })
    })
    return {
      append: (bytes) => {
        entry.length += bytes.length
        if (bytes.length > 0) add({ bytes: bytes.length, run: append(entry, bytes) })
      },
      overwrite: (bytes, position) => {
        entry.overwritten = true
        add({ bytes: bytes.length, run: using(entry, (file) => file.overwrite(bytes, position)) })
      },
      resize: (bytes) => {
        if (bytes === entry.length) return
        entry.overwritten = true
        entry.length = bytes
        add({ bytes: 0, run: resize(entry, bytes) })
      },
      written: () => ({
        name,
        bytes: entry.bytes,
        ...entry.overwritten ? {} : { sha256: entry.hash.copy().digest("hex") }
      })
    }
  }

  const next = Effect.suspend(() => {
    const job = jobs.shift()
    if (job === undefined) {
      work.closeUnsafe()
      idle.openUnsafe()
      return work.await
    }
    return Effect.ensuring(
      job.run,
      Effect.sync(() => {
        pending -= job.bytes
        done++
      })
    )
  })

  return {
    create,
    replace: (name, bytes) => {
      const path = join(folder, name)
      add({
        bytes: 0,
        run: attempt(path, () => {
          const replacing = storage.replace(path, bytes())
          replaced.set(path, replacing)
          return replacing
        })
      })
    },
    pendingBytes: () => pending,
    bytes: () => entries.reduce((sum, { length }) => sum + length, 0),
    run: Effect.forever(next),
    done: () => done,
    drained: idle.await,
    close: Effect.gen(function*() {
      const exits = yield* Effect.forEach(opened(), (entry) =>
        Effect.exit(Effect.ensuring(
          using(entry, (file) => file.sync()),
          shut(entry)
        )))
      const failed = exits.find(Exit.isFailure)
      if (failed !== undefined) return yield* failed
    }),
    discard: Effect.gen(function*() {
      for (const entry of entries) {
        // a file that it refused to create belongs to somebody else
        entry.file = entry.making && (yield* settled(entry.making))
        if (entry.file !== undefined) yield* Effect.andThen(shut(entry), removed(entry.path))
      }
      for (const [path, replacing] of replaced) yield* Effect.andThen(settled(replacing), removed(path))
    })
  }
}
