/**
 * This side of a thread that mixes (`worker.ts`). It is started with its first mix.
 *
 * @since 0.1.0
 */
import { Worker } from "node:worker_threads"
import type { Command, FromMixes, Setup, ToMixes } from "./messages.ts"

/**
 * A mix in another thread.
 *
 * @category models
 * @since 0.1.0
 */
export interface RemoteMix {
  readonly command: (command: Command) => void
  readonly close: () => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Thread {
  /** Rejects with why there is no mix, as a string. `onBroken` is called if it cannot go on, or the thread has ended. */
  readonly open: (setup: Setup, onBroken: (detail: string) => void) => Promise<RemoteMix>
  /** Mixes that are open or being opened. */
  readonly size: () => number
  readonly close: () => Promise<void>
}

interface Entry {
  readonly onBroken: (detail: string) => void
  readonly resolve: () => void
  readonly reject: (detail: string) => void
}

/** The file that this one's build has beside it. */
const workerUrl = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url)

const ended = "the thread that mixes has ended"

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Thread => {
  let worker: Worker | undefined
  const entries = new Map<number, Entry>()
  let lastId = 0

  const onMessage = (message: FromMixes): void => {
    const entry = entries.get(message.mix)
    if (entry === undefined) return
    if (message._tag === "Broken") return entry.onBroken(message.detail)
    if (message.failure === undefined) entry.resolve()
    else entry.reject(message.failure)
  }

  const onEnd = (): void => {
    worker = undefined
    const lost = Array.from(entries.values())
    entries.clear()
    for (const { onBroken, reject } of lost) {
      reject(ended)
      onBroken(ended)
    }
  }

  const started = (): Worker => {
    if (worker !== undefined) return worker
    const next = new Worker(workerUrl, { name: "effect-discord-voice mixer" })
    const isCurrent = () => worker === next
    // what the other side sends is of that type
    next.on("message", (message) => onMessage(message as FromMixes))
    next.on("error", () => isCurrent() && onEnd())
    next.on("exit", () => isCurrent() && onEnd())
    worker = next
    return next
  }

  const post = (message: ToMixes): void => worker?.postMessage(message)

  /** A program waits for its mixes, and ends without waiting for an idle thread. */
  const hold = (): void => {
    if (entries.size > 0) worker?.ref()
    else worker?.unref()
  }

  return {
    open: async (setup, onBroken) => {
      const mix = ++lastId
      started()
      const close = () => {
        if (entries.delete(mix)) post({ _tag: "Close", mix })
        hold()
      }
      try {
        await new Promise<void>((resolve, reject) => {
          entries.set(mix, { onBroken, resolve, reject })
          hold()
          post({ _tag: "Open", mix, setup })
        })
      } catch (failure) {
        close()
        throw failure
      }
      return { command: (command) => post({ _tag: "Command", mix, command }), close }
    },
    size: () => entries.size,
    close: async () => {
      const former = worker
      onEnd()
      await former?.terminate()
    }
  }
}
