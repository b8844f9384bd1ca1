/**
 * A wire log in a file, with one JSON object per line.
 *
 * @since 0.1.0
 */
import * as Fs from "node:fs"
import type { Entry } from "./Entry.ts"

/**
 * The destination of the text. Both functions may throw.
 *
 * @category models
 * @since 0.1.0
 */
export interface Output {
  readonly write: (text: string) => void
  readonly close: () => void
}

/**
 * Creates a file, replacing an existing one. Throws if that is not possible.
 *
 * @category constructors
 * @since 0.1.0
 */
export const outputTo = (path: string): Output => {
  const file = Fs.openSync(path, "w")
  return { write: (text) => Fs.writeFileSync(file, text), close: () => Fs.closeSync(file) }
}

/**
 * The logs that have to be written when the process exits. Node warns about more than ten listeners, and a program may have any
 * number of logs.
 */
const open = new Set<LogFile>()

const flushAll = (): void => open.forEach((file) => file.flush())

/**
 * Lines are written after the work that caused them, all at once, and also when the process exits. If the file cannot be
 * written any more, that is reported once (`onFailed`), and nothing more is written.
 *
 * @category models
 * @since 0.1.0
 */
export class LogFile {
  readonly #output: Output
  readonly #maxBytes: number
  readonly #onFailed: (error: unknown) => void
  readonly #flush = (): void => this.flush()
  #waiting: Array<string> = []
  #bytes = 0
  #isEnded = false
  #isFailed = false

  constructor(output: Output, maxBytes: number, onFailed: (error: unknown) => void) {
    this.#output = output
    this.#maxBytes = maxBytes
    this.#onFailed = onFailed
    if (open.size === 0) process.on("exit", flushAll)
    open.add(this)
  }

  write(entry: Entry): void {
    if (this.#isEnded) return
    const line = `${JSON.stringify(entry)}\n`
    const bytes = Buffer.byteLength(line)
    const isFull = this.#bytes + bytes > this.#maxBytes
    this.#bytes += bytes
    this.#waiting.push(isFull ? `${JSON.stringify({ kind: "full", at: entry.at } satisfies Entry)}\n` : line)
    if (this.#waiting.length === 1) setImmediate(this.#flush)
    if (isFull) this.#isEnded = true
  }

  flush(): void {
    if (this.#waiting.length === 0) return
    const text = this.#waiting.join("")
    this.#waiting = []
    this.#try(() => this.#output.write(text))
  }

  close(): void {
    this.flush()
    this.#isEnded = true
    open.delete(this)
    if (open.size === 0) process.off("exit", flushAll)
    this.#try(() => this.#output.close())
  }

  #try(use: () => void): void {
    try {
      use()
    } catch (error) {
      this.#isEnded = true
      if (!this.#isFailed) this.#onFailed(error)
      this.#isFailed = true
    }
  }
}
