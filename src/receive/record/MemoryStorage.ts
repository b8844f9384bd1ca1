/**
 * Recordings in memory, for programs that have no disk, or that send the files on when they are complete.
 *
 * @since 0.1.0
 */
import type { Storage, StoredFile } from "./Storage.ts"

/**
 * A storage in memory.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryStorage extends Storage {
  /** Copies of all files as they are now, by path. */
  readonly files: () => ReadonlyMap<string, Uint8Array>
}

const blockBytes = 64 * 1024

const errno = (code: string, path: string) => Object.assign(new Error(`${code}: ${path}`), { code })

/** Bytes in blocks, so that a file can grow without being copied. A missing block is all zeros. */
class Blocks {
  size = 0
  readonly #blocks: Array<Uint8Array | undefined> = []

  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length;) {
      const index = Math.floor((position + done) / blockBytes)
      const from = (position + done) % blockBytes
      const part = bytes.subarray(done, done + blockBytes - from)
      const block = this.#blocks[index] ??= new Uint8Array(blockBytes)
      block.set(part, from)
      done += part.length
    }
    this.size = Math.max(this.size, position + bytes.length)
  }

  resize(size: number): void {
    if (size < this.size) {
      const whole = Math.floor(size / blockBytes)
      // what is added later has to be zeros
      this.#blocks[whole]?.fill(0, size % blockBytes)
      this.#blocks.length = Math.min(this.#blocks.length, whole + 1)
    }
    this.size = size
  }

  *parts(): Generator<Uint8Array> {
    for (let at = 0; at < this.size; at += blockBytes) {
      const block = this.#blocks[at / blockBytes] ?? new Uint8Array(blockBytes)
      yield block.slice(0, this.size - at)
    }
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.size)
    let at = 0
    for (const part of this.parts()) {
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }
}

const stored = (blocks: Blocks): StoredFile => ({
  append: async (bytes) => blocks.write(bytes, blocks.size),
  overwrite: async (bytes, position) => blocks.write(bytes, position),
  truncate: async (size) => blocks.resize(size),
  sync: async () => {},
  close: async () => {}
})

/**
 * Makes an empty storage in memory. It keeps recordings for as long as the storage itself is referenced, and each can take as
 * much memory as its `maximum` allows: `Recorder.start` fails with `Unsupported` if there is no `maximum`. Silence in a WAV
 * file takes no memory until its bytes are requested.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Recorder, type VoiceSession } from "effect-discord-voice"
 *
 * const record = (session: VoiceSession.VoiceSession) =>
 *   Effect.gen(function*() {
 *     const memory = Recorder.memoryStorage()
 *     const recording = yield* Recorder.start(session, { folder: "call", maximum: { bytes: 8_000_000 } }).pipe(
 *       Effect.provideService(Recorder.Storage, memory)
 *     )
 *     yield* recording.awaitEnd
 *     return memory.files().get("call/mixed.ogg")
 *   })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): MemoryStorage => {
  const files = new Map<string, Blocks>()
  const get = (path: string): Blocks => {
    const found = files.get(path)
    if (found === undefined) throw errno("ENOENT", path)
    return found
  }
  return {
    needsMaximum: true,
    files: () => new Map(Array.from(files, ([path, blocks]) => [path, blocks.bytes()])),
    makeFolder: async () => {},
    create: async (path) => {
      if (files.has(path)) throw errno("EEXIST", path)
      const blocks = new Blocks()
      files.set(path, blocks)
      return stored(blocks)
    },
    open: async (path) => stored(get(path)),
    replace: async (path, bytes) => {
      const blocks = new Blocks()
      blocks.write(bytes, 0)
      files.set(path, blocks)
    },
    read: async (path) => get(path).bytes(),
    readParts: async function*(path) {
      yield* get(path).parts()
    },
    size: async (path) => get(path).size,
    remove: async (path) => void files.delete(path)
  }
}
