/**
 * The bytes of a container, as its reader needs them: in sequence, and at any position if the source supports that. A file is
 * read piece by piece. Every failure is a `SourceFailed` that names the source.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import * as VoiceError from "../VoiceError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface ByteSource {
  readonly name: string
  /** Reads the next bytes, at least one; `undefined` at the end, and from then on. */
  readonly next: Effect.Effect<Uint8Array | undefined, VoiceError.VoiceError>
  /** Access to any position, if the source supports it. */
  readonly random: RandomAccess | undefined
  /** Makes `next` continue at a byte, if the source supports it. */
  readonly seek: ((offset: number) => Effect.Effect<void>) | undefined
  /** Whether it has no end, and loses what is not taken in time. */
  readonly live: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface RandomAccess {
  /** The size in bytes. */
  readonly size: number
  /** Reads the bytes of `[start, end)`; fewer if the source has become shorter. */
  readonly read: (start: number, end: number) => Effect.Effect<Uint8Array, VoiceError.VoiceError>
}

/**
 * How many bytes are read from a file at once.
 *
 * @category constants
 * @since 0.1.0
 */
export const chunkBytes = 16_384

/**
 * A `SourceFailed` for the source `name`, which shows URLs without secrets, since bots display its message. An error of our
 * own that may contain a secret is not included as the `cause` either, since logging an error shows all of it.
 *
 * @category errors
 * @since 0.1.0
 */
export const failure = (
  name: string,
  kind: VoiceError.SourceFailed["kind"],
  detail: string,
  { cause, positionMs = 0 }: { readonly cause?: unknown; readonly positionMs?: number } = {}
): VoiceError.VoiceError =>
  VoiceError.make(
    new VoiceError.SourceFailed({
      source: name,
      kind,
      positionMs,
      detail: withoutSecrets(detail),
      ...(cause === undefined ? {} : { cause })
    })
  )

const shownFields = 8
const shownCharacters = 80

/** On one line. Deeper levels are not shown. */
const shown = (value: unknown): string => {
  if (value instanceof Error) return shown(value.message === "" ? value.name : value.message)
  if (typeof value === "string") {
    return JSON.stringify(value.length > shownCharacters ? `${value.slice(0, shownCharacters)}...` : value)
  }
  if (Array.isArray(value)) return "[...]"
  if (typeof value !== "object" || value === null) return String(value)
  return value.toString === Object.prototype.toString ? "{...}" : String(value)
}

/**
 * Describes a thrown value or a foreign failure: its message, or else its tag and its first fields.
 *
 * @category errors
 * @since 0.1.0
 */
export const describe = (cause: unknown): string => {
  // the wrapper that `Effect.tryPromise` and the like make of a thrown value says nothing about it
  if (Cause.isUnknownError(cause) && cause.cause !== undefined) return describe(cause.cause)
  if (cause instanceof Error && cause.message !== "") return cause.message
  if (typeof cause === "string") return cause
  if (typeof cause !== "object" || cause === null) return String(cause)
  const name = "_tag" in cause ? String(cause._tag) : cause instanceof Error ? cause.name : ""
  // such as a URL
  if (name === "" && cause.toString !== Object.prototype.toString) return shown(cause)
  const fields = Object.entries(cause).filter(([key]) => key !== "_tag" && key !== "stack")
  const texts = fields.slice(0, shownFields).map(([key, value]) => `${key}: ${shown(value)}`)
  if (fields.length > shownFields) texts.push("...")
  if (texts.length === 0) return name === "" ? "an error without details" : name
  return name === "" ? texts.join(", ") : `${name} (${texts.join(", ")})`
}

/**
 * A text that may contain URLs, with their user, password, query and fragment removed, since those hold secrets.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withoutSecrets = (text: string): string =>
  text.replaceAll(
    // a password may contain characters that should be escaped; the lookbehind makes each letter be read once
    /(?<![a-z0-9+.-])([a-z0-9+.-]+:\/\/)(?:[^\s/?#"]*@)?([^\s?#'"]*)(?:[?#][^\s'"]*)?/gi,
    (_, scheme, rest) => `${scheme}${rest}`
  )

/**
 * A part of a URL as text. It may contain a percent sign that encodes nothing.
 *
 * @category combinators
 * @since 0.1.0
 */
export const unescaped = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const errnoOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : ""

/** A path as errors show it: a name alone does not say in which folder it was looked for. */
const pathOf = (path: string | URL): string => Path.resolve(path instanceof URL ? unescaped(path.pathname) : path)

const missing = new Set(["ENOENT", "ENOTDIR"])

const fileFailure = (name: string, path: string | URL, cause: unknown): VoiceError.VoiceError => {
  if (path instanceof URL && path.protocol !== "file:") {
    return failure(name, "NotFound", "it is a URL, not a file: use AudioSource.fromUrl for http and https")
  }
  // an empty path would be shown as the current folder
  if (path === "") return failure("file", "NotFound", "its path is empty")
  const code = errnoOf(cause)
  if (missing.has(code)) return failure(name, "NotFound", `this file does not exist: ${pathOf(path)}`, { cause })
  if (code === "EACCES" || code === "EPERM") {
    return failure(name, "Unreadable", `this process has no permission to read ${pathOf(path)}`, { cause })
  }
  return failure(name, "Unreadable", describe(cause), { cause })
}

/**
 * A source of bytes that can be read at any position.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofRandomAccess = (name: string, random: RandomAccess): ByteSource => {
  let position = 0
  return {
    name,
    random,
    live: false,
    seek: (offset) =>
      Effect.sync(() => {
        position = offset
      }),
    next: Effect.suspend(() =>
      Effect.map(random.read(position, position + chunkBytes), (bytes) => {
        position += bytes.length
        return bytes.length === 0 ? undefined : bytes
      })
    )
  }
}

/**
 * Opens a file; the scope closes it. Fails with `NotFound` if there is none, and with `Unreadable` for a directory, a device
 * or a pipe (use a stream for those), and if permission is missing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const file = (
  path: string | URL,
  name: string
): Effect.Effect<ByteSource, VoiceError.VoiceError, Scope.Scope> => {
  const attempt = <A>(evaluate: () => Promise<A>) =>
    Effect.tryPromise({ try: evaluate, catch: (cause) => fileFailure(name, path, cause) })
  return Effect.gen(function*() {
    // before opening, because opening a pipe waits for its writer in a thread that cannot be interrupted
    const stats = yield* attempt(() => Fs.stat(path))
    if (stats.isDirectory()) return yield* failure(name, "Unreadable", "it is a directory")
    if (!stats.isFile()) {
      return yield* failure(name, "Unreadable", "it is not a regular file; read it as a stream")
    }
    const handle = yield* Effect.acquireRelease(
      attempt(() => Fs.open(path, "r")),
      // a file that was only read loses nothing if closing fails
      (handle) => Effect.ignore(attempt(() => handle.close()))
    )
    const read = Effect.fnUntraced(function*(start: number, end: number) {
      const bytes = new Uint8Array(end - start)
      let filled = 0
      while (filled < bytes.length) {
        const { bytesRead } = yield* attempt(() => handle.read(bytes, filled, bytes.length - filled, start + filled))
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return bytes.subarray(0, filled)
    })
    return ofRandomAccess(name, { size: stats.size, read })
  })
}

/**
 * Bytes in memory. They are not copied: do not change them while they play.
 *
 * @category constructors
 * @since 0.1.0
 */
export const memory = (bytes: Uint8Array, name: string): ByteSource =>
  ofRandomAccess(name, {
    size: bytes.length,
    read: (start, end) => Effect.sync(() => bytes.subarray(start, end))
  })

/**
 * Runs a stream of bytes as far as it is read. Its failure becomes `Failed`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stream = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  name: string
): Effect.Effect<ByteSource, never, R | Scope.Scope> =>
  Effect.map(Stream.toPull(bytes), (pull) => {
    let waiting: ReadonlyArray<Uint8Array> = []
    let index = 0
    let ended = false
    const next: ByteSource["next"] = Effect.gen(function*() {
      while (true) {
        const bytes = waiting[index++]
        if (bytes !== undefined) {
          if (bytes.length > 0) return bytes
          continue
        }
        index = 0
        waiting = []
        if (ended) return undefined
        waiting = yield* pull.pipe(Effect.catch((error) => {
          ended = true
          return Cause.isDone(error)
            ? Effect.succeed([])
            : Effect.fail(failure(name, "Failed", describe(error), { cause: error }))
        }))
      }
    })
    return { name, next, random: undefined, seek: undefined, live: false }
  })

/**
 * Reads the first bytes, up to `length` of them, and returns a source that still has them.
 *
 * @category combinators
 * @since 0.1.0
 */
export const peek = (
  source: ByteSource,
  length: number
): Effect.Effect<readonly [first: Uint8Array, source: ByteSource], VoiceError.VoiceError> =>
  Effect.gen(function*() {
    const parts: Array<Uint8Array> = []
    for (let size = 0; size < length;) {
      const bytes = yield* source.next
      if (bytes === undefined) break
      parts.push(bytes)
      size += bytes.length
    }
    // once, and not for each part: a server may send a byte at a time
    const first = parts.length === 1 && parts[0] !== undefined ? parts[0] : new Uint8Array(Buffer.concat(parts))
    let given = first.length === 0
    const next = Effect.suspend(() => {
      if (given) return source.next
      given = true
      return Effect.succeed<Uint8Array | undefined>(first)
    })
    const seek = source.seek
    const seekBehind = seek === undefined ? undefined : (offset: number) =>
      Effect.suspend(() => {
        given = true
        return seek(offset)
      })
    return [first, { ...source, next, seek: seekBehind }]
  })

/**
 * A source without its first bytes, none of which has been taken yet; the byte after them is at position 0.
 *
 * @category combinators
 * @since 0.1.0
 */
export const behind = (source: ByteSource, count: number): ByteSource => {
  const { random, seek } = source
  let left = count
  const next: ByteSource["next"] = Effect.gen(function*() {
    while (true) {
      const bytes = yield* source.next
      if (bytes === undefined || left === 0) return bytes
      const skipped = Math.min(left, bytes.length)
      left -= skipped
      if (skipped < bytes.length) return bytes.subarray(skipped)
    }
  })
  return {
    ...source,
    next,
    random: random === undefined
      ? undefined
      : { size: Math.max(0, random.size - count), read: (start, end) => random.read(start + count, end + count) },
    seek: seek === undefined ? undefined : (offset) =>
      Effect.suspend(() => {
        left = 0
        return seek(offset + count)
      })
  }
}

/**
 * Keeps what is read, so that another reader can begin again. `replay` returns a source that begins with the first byte and
 * replaces the other one; `stop` discards what was kept. Nothing is kept of a source that can go back. Of others, no more
 * than `maxBytes` are kept; beyond that, `replay` returns nothing.
 *
 * @category combinators
 * @since 0.1.0
 */
export const record = (source: ByteSource, maxBytes: number): {
  readonly source: ByteSource
  readonly replay: Effect.Effect<ByteSource | undefined>
  readonly stop: () => void
} => {
  const { seek } = source
  if (seek !== undefined) return { source, replay: Effect.as(seek(0), source), stop: () => undefined }
  let kept: Array<Uint8Array> | undefined = []
  let size = 0
  const next = Effect.map(source.next, (bytes) => {
    size += bytes?.length ?? 0
    if (size > maxBytes) kept = undefined
    if (bytes !== undefined) kept?.push(bytes)
    return bytes
  })
  const replay = Effect.sync(() => {
    const again = kept
    kept = undefined
    if (again === undefined) return undefined
    let index = 0
    return {
      ...source,
      next: Effect.suspend(() => {
        const bytes = again[index]
        if (bytes === undefined) return source.next
        again[index++] = new Uint8Array(0)
        return Effect.succeed<Uint8Array | undefined>(bytes)
      })
    }
  })
  return {
    source: { ...source, next },
    replay,
    stop: () => {
      kept = undefined
    }
  }
}
