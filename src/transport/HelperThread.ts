/**
 * A thread that works for this one. If it cannot be started, because its file is missing or threads are not allowed, the same
 * work is done in this thread: it is slower for everything else, but done.
 *
 * @since 0.1.0
 */
import { parentPort, Worker } from "node:worker_threads"
import * as Location from "./Location.ts"

/**
 * Does the work, wherever it runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Helper<To> {
  readonly receive: (message: To) => void
  readonly close: () => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface HelperThread<To> {
  /** Delivers in order. Messages that are posted before the thread has started are delivered then. */
  readonly post: (message: To) => void
  /** Sets whether the process waits for the thread. Initially it does not. */
  readonly hold: (on: boolean) => void
  /** Ends the thread. Nothing is received from it any more. */
  readonly close: () => Promise<void>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<To, From> {
  readonly name: string
  /** The thread's file, which calls {@link serve}. */
  readonly url: URL
  /** The same work in this thread. Its answers are asynchronous, like those of a thread. */
  readonly here: (post: (message: From) => void) => Helper<To>
  readonly onMessage: (message: From) => void
  /** Called when the thread has loaded everything and listens. */
  readonly onStarted?: (() => void) | undefined
  /** Called when the thread has ended by itself, with its description of why. Nothing is received from it any more. */
  readonly onEnded: (detail: string) => void
  /** Called if it could not be started, with the reason and what to do about it. The work is done in this thread from then on. */
  readonly onUnavailable: (detail: string) => void
  /** The maximum time to start, in milliseconds. Default 30 000. */
  readonly deadlineMs?: number | undefined
}

/** The message of a thread that has loaded everything and listens. */
const started = "effect-discord-voice: started"

/**
 * A thread that cannot be started reports that immediately, so this is for one that hangs. On a busy machine, where a thread
 * matters most, loading takes ten times as long as usual.
 */
const defaultDeadlineMs = 30_000

/** A trial has to report what is wrong before it is itself given up. */
const trialDeadlineMs = 10_000

/**
 * In that thread only this library creates garbage, and the duration of each collection matters: a frame is late by it. V8
 * gives new objects a third of this, and twice as much again for copying them. See `NewSpace`, which does it for a whole
 * process.
 */
const maxYoungGenerationSizeMb = 3

const notFound: ReadonlySet<unknown> = new Set(["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"])

const detailOf = (cause: unknown): string => {
  const text = cause instanceof Error ? cause.message : String(cause)
  return (text.split("\n")[0] ?? "").replace(/\.$/, "")
}

/** Node's message about a missing file names the file, but not what to do. */
const startDetail = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && notFound.has(cause.code)
    ? `${detailOf(cause)}; in a bundle, leave effect-discord-voice out, or build that file too (docs/deployment.md)`
    : detailOf(cause)

/**
 * @category constructors
 * @since 0.1.0
 */
export const start = <To, From>(options: Options<To, From>): HelperThread<To> => {
  let worker: Worker | undefined
  let local: Helper<To> | undefined
  /** Messages that are not delivered yet. `undefined` once the work has started, here or there. */
  let held: Array<To> | undefined = []
  let deadline: NodeJS.Timeout | undefined
  let isOver = false

  const end = (detail: string): void => {
    isOver = true
    options.onEnded(detail)
  }

  const deliver = (message: To): void => {
    if (local === undefined) return worker?.postMessage(message)
    try {
      local.receive(message)
    } catch (cause) {
      // it would have ended a thread
      local.close()
      end(detailOf(cause))
    }
  }

  const flush = (): void => {
    clearTimeout(deadline)
    const messages = held ?? []
    held = undefined
    for (const message of messages) if (!isOver) deliver(message)
  }

  const workHere = (detail: string): void => {
    void worker?.terminate()
    worker = undefined
    options.onUnavailable(detail)
    local = options.here((message) =>
      queueMicrotask(() => {
        if (!isOver) options.onMessage(message)
      })
    )
    flush()
  }

  try {
    const next = new Worker(options.url, { name: options.name, resourceLimits: { maxYoungGenerationSizeMb } })
    const isCurrent = () => worker === next && !isOver
    const onEnd = (cause: unknown): void => {
      if (!isCurrent()) return
      if (held === undefined) end(detailOf(cause))
      else workHere(startDetail(cause))
    }
    next.on("message", (message) => {
      if (!isCurrent()) return
      if (message === started) {
        options.onStarted?.()
        flush()
      } // what the other side sends is of that type
      else options.onMessage(message as From)
    })
    next.on("error", onEnd)
    next.on("exit", (code) => onEnd(`it exited with code ${code}`))
    // must not keep a program alive whose connections are closed
    next.unref()
    worker = next
    const deadlineMs = options.deadlineMs ?? defaultDeadlineMs
    deadline = setTimeout(() => {
      // it may have reported that while this thread was busy
      setImmediate(() => {
        if (held !== undefined && isCurrent()) workHere(`it did not start within ${deadlineMs} ms`)
      })
    }, deadlineMs)
    deadline.unref()
  } catch (cause) {
    workHere(startDetail(cause))
  }

  return {
    post: (message) => {
      if (isOver) return
      if (held === undefined) deliver(message)
      else held.push(message)
    },
    hold: (on) => {
      if (on) worker?.ref()
      else worker?.unref()
    },
    close: async () => {
      isOver = true
      clearTimeout(deadline)
      local?.close()
      await worker?.terminate()
    }
  }
}

/**
 * Starts a thread and ends it again, immediately if `signal` is aborted. Resolves with the reason if it could not be started,
 * or with `undefined`. Never rejects.
 *
 * @category constructors
 * @since 0.1.0
 */
export const trial = (name: string, url: URL, signal?: AbortSignal): Promise<string | undefined> =>
  new Promise<string | undefined>((resolve) => {
    const thread = start<never, unknown>({
      name,
      url,
      here: () => ({ receive: () => undefined, close: () => undefined }),
      onMessage: () => undefined,
      onStarted: () => {
        resolve(undefined)
        void thread.close()
      },
      onEnded: resolve,
      onUnavailable: resolve,
      deadlineMs: trialDeadlineMs
    })
    thread.hold(true)
    signal?.addEventListener("abort", () => void thread.close(), { once: true })
  })

/**
 * The thread's side of {@link start}: everything that its file does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = <To, From>(make: (post: (message: From) => void) => Helper<To>): void => {
  const port = parentPort
  if (port === null) return
  const helper = make((message) => port.postMessage(message))
  // the other side sends messages of that type, and nobody else has this port
  port.on("message", (message) => helper.receive(message as To))
  port.postMessage(started)
}

/**
 * The file of a thread, which is next to the module that starts it or, in a bundle, next to the bundle: `name`, with the same
 * extension.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fileBeside = (moduleUrl: string | undefined, name: string): URL => {
  const base = new URL(Location.of(moduleUrl))
  return new URL(`./${name}${/\.[cm]?[jt]s$/.exec(base.pathname)?.[0] ?? ".js"}`, base)
}
