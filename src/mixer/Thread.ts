/**
 * This side of a thread that mixes (`mixerWorker.ts`). It starts with its first mix. If it cannot be started, its mixes are
 * made in this thread.
 *
 * @since 0.1.0
 */
import * as HelperThread from "../transport/HelperThread.ts"
import type { Command, FromMixes, Setup, ToMixes } from "./messages.ts"
import * as Mixes from "./Mixes.ts"

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
  /**
   * Opens a mix. Rejects with the reason as a string. `onBroken` is called if the mix cannot continue, or the thread has
   * ended.
   */
  readonly open: (setup: Setup, onBroken: (detail: string) => void) => Promise<RemoteMix>
  /** The number of mixes that are open or being opened. */
  readonly size: () => number
  readonly close: () => Promise<void>
}

interface Entry {
  readonly onBroken: (detail: string) => void
  readonly resolve: () => void
  readonly reject: (detail: string) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Called if the thread could not be started: why, and what to do about it. */
  readonly onUnavailable: (detail: string) => void
  /** The thread's file. Default: the one next to this file. */
  readonly url?: URL | undefined
}

const ended = "the mixing thread has ended"

/**
 * The thread's file.
 *
 * @category getters
 * @since 0.1.0
 * @internal
 */
export const file = (): URL => HelperThread.fileBeside(import.meta.url, "mixerWorker")

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Thread => {
  let thread: HelperThread.HelperThread<ToMixes> | undefined
  const entries = new Map<number, Entry>()
  let lastId = 0

  const onMessage = (message: FromMixes): void => {
    const entry = entries.get(message.mix)
    if (entry === undefined) return
    if (message._tag === "Broken") return entry.onBroken(message.detail)
    if (message.failure === undefined) entry.resolve()
    else entry.reject(message.failure)
  }

  const onEnd = (failure: string): void => {
    thread = undefined
    const lost = Array.from(entries.values())
    entries.clear()
    for (const { onBroken, reject } of lost) {
      reject(failure)
      onBroken(failure)
    }
  }

  const start = (): void => {
    thread ??= HelperThread.start({
      name: "effect-discord-voice mixer",
      url: options.url ?? file(),
      here: Mixes.make,
      onMessage,
      onEnded: (detail) => onEnd(`${ended}: ${detail}`),
      onUnavailable: options.onUnavailable
    })
  }

  const post = (message: ToMixes): void => thread?.post(message)

  /** A program waits for its mixes, and can end while a thread is idle. */
  const hold = (): void => thread?.hold(entries.size > 0)

  return {
    open: async (setup, onBroken) => {
      const mix = ++lastId
      start()
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
      const former = thread
      onEnd(ended)
      await former?.close()
    }
  }
}
