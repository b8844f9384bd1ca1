/**
 * A thread that does work for this one. Where it cannot be started, because its file is not there or threads are not
 * allowed, the same work is done in this thread: slower for everybody else, but done.
 *
 * @since 0.1.0
 */
import { parentPort, Worker } from "node:worker_threads"
import * as Location from "./Location.ts"

/**
 * What does the work, wherever it runs.
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
  /** Delivers in order; what is posted before the thread has started is delivered then. */
  readonly post: (message: To) => void
  /** Whether the process waits for the thread. Not at first. */
  readonly hold: (on: boolean) => void
  /** Ends it; nothing is heard of it any more. */
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
  /** The same work in this thread. Its answers come later, as those of a thread do. */
  readonly here: (post: (message: From) => void) => Helper<To>
  readonly onMessage: (message: From) => void
  /** It has loaded everything and listens. */
  readonly onStarted?: (() => void) | undefined
  /** It has ended by itself: why, as the thread says it. Nothing is heard of it any more. */
  readonly onEnded: (detail: string) => void
  /** It could not be started: why, and what to do about it. The work is done in this thread from here on. */
  readonly onUnavailable: (detail: string) => void
  /** How long it may take to start, in milliseconds. Default 30 000. */
  readonly deadlineMs?: number | undefined
}

/** What a thread says when it has loaded everything and listens. */
const started = "effect-discord-voice: started"

/**
 * What cannot be started says so at once, so that this is for what hangs: on a machine that is busy, where a thread matters most, one
 * takes ten times what it takes otherwise to load everything.
 */
const defaultDeadlineMs = 30_000

/** Whoever asks for a trial wants to know what is wrong, before the trial itself is given up. */
const trialDeadlineMs = 10_000

/**
 * Nothing but this library makes garbage there, and what matters is how long each collection takes: a frame is late by it. V8
 * gives objects that are new a third of this, and as much again twice to copy them. See `NewSpace`, which does it for a whole process.
 */
const maxYoungGenerationSizeMb = 3

const notFound: ReadonlySet<unknown> = new Set(["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"])

const detailOf = (cause: unknown): string => {
  const text = cause instanceof Error ? cause.message : String(cause)
  return (text.split("\n")[0] ?? "").replace(/\.$/, "")
}

/** What Node says of a file that is not there names it, and not what to do. */
const startDetail = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && notFound.has(cause.code)
    ? `${
      detailOf(cause)
    }: in a bundle, leave effect-discord-voice out of it, or build that file, too (docs/deployment.md)`
    : detailOf(cause)

/**
 * @category constructors
 * @since 0.1.0
 */
export const start = <To, From>(options: Options<To, From>): HelperThread<To> => {
  let worker: Worker | undefined
  let local: Helper<To> | undefined
  /** Not delivered yet. `undefined` once it has started, here or there. */
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
    next.on("exit", (code) => onEnd(`it has exited with code ${code}`))
    // a program whose connections are closed may end
    next.unref()
    worker = next
    const deadlineMs = options.deadlineMs ?? defaultDeadlineMs
    deadline = setTimeout(() => {
      // while this thread was busy it may have said that it has
      setImmediate(() => {
        if (held !== undefined && isCurrent()) workHere(`it has not started within ${deadlineMs} ms`)
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
 * Starts a thread and ends it again, at once where `signal` is aborted. Gives why it could not be started, or `undefined`. Nothing
 * throws.
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
 * The thread's side of {@link start}: all that its file does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = <To, From>(make: (post: (message: From) => void) => Helper<To>): void => {
  const port = parentPort
  if (port === null) return
  const helper = make((message) => port.postMessage(message))
  // what the other side sends is of that type, and nobody else has this port
  port.on("message", (message) => helper.receive(message as To))
  port.postMessage(started)
}

/**
 * The file of a thread, which lies beside the module that starts it or, in a bundle, beside the bundle: `name`, with the
 * extension of that.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fileBeside = (moduleUrl: string | undefined, name: string): URL => {
  const base = new URL(Location.of(moduleUrl))
  return new URL(`./${name}${/\.[cm]?[jt]s$/.exec(base.pathname)?.[0] ?? ".js"}`, base)
}
