/**
 * The destination of wire log lines, and their time.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type { Entry } from "./Entry.ts"

/**
 * What is kept of datagrams: their number for each second, or also the header of each.
 *
 * @category models
 * @since 0.1.0
 */
export type Datagrams = "counted" | "each"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly write: (entry: Entry) => void
  /** Called once with what `write` has thrown. Nothing more is written then. */
  readonly onFailed: (error: unknown) => void
  readonly datagrams: Datagrams
  readonly nowNanos: () => bigint
  /** When the log began. */
  readonly originNanos: bigint
  /** A prefix for the numbers of sockets, so that those of two threads differ. */
  readonly prefix: string
}

/**
 * @category models
 * @since 0.1.0
 */
export class Log {
  readonly datagrams: Datagrams
  readonly originNanos: bigint
  readonly #write: (entry: Entry) => void
  readonly #onFailed: (error: unknown) => void
  readonly #nowNanos: () => bigint
  readonly #prefix: string
  readonly #opened = new Map<string, number>()
  #hasFailed = false

  constructor(options: Options) {
    this.#write = options.write
    this.#onFailed = options.onFailed
    this.datagrams = options.datagrams
    this.originNanos = options.originNanos
    this.#nowNanos = options.nowNanos
    this.#prefix = options.prefix
  }

  /** Never throws: it is called in the middle of a connection's work, which has to continue without a log. */
  write(entry: Entry): void {
    if (this.#hasFailed) return
    try {
      this.#write(entry)
    } catch (error) {
      this.#hasFailed = true
      this.#onFailed(error)
    }
  }

  /** Milliseconds since the log began, to the microsecond. */
  now(): number {
    return Math.round(Number(this.#nowNanos() - this.originNanos) / 1e3) / 1e3
  }

  /** A name for the next socket of this kind. */
  socket(kind: string): string {
    const count = (this.#opened.get(kind) ?? 0) + 1
    this.#opened.set(kind, count)
    return `${kind} ${this.#prefix}${count}`
  }
}

/**
 * The log for code that opens a socket, or builds the layer of a service that does. There is none by default.
 *
 * @category references
 * @since 0.1.0
 */
export const CurrentLog = Context.Reference<Log | undefined>("effect-discord-voice/WireLog", {
  defaultValue: () => undefined
})
