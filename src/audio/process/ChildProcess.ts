/**
 * A child process whose output is read as bytes. It lives in a scope: when that closes, the process is asked to end, and
 * killed if it does not. Both of its outputs are read to their ends, so that what it writes never blocks it, and the end of
 * its standard error is in the error.
 *
 * It uses `node:child_process` rather than the module of Effect, which may still change in any release.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Process from "node:child_process"
import type { Readable, Writable } from "node:stream"
import type { VoiceError } from "../../VoiceError.ts"
import * as Bounds from "../Bounds.ts"
import * as ByteSource from "../ByteSource.ts"

/**
 * A command to run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command {
  /** A program on the PATH, or the path of one. There is no shell. */
  readonly command: string
  readonly args?: ReadonlyArray<string> | undefined
  readonly cwd?: string | undefined
  /** The environment. Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Milliseconds between the request to end (SIGTERM) and the end by force (SIGKILL). Default 2000. */
  readonly killAfterMs?: number | undefined
}

/** How much of its standard error is kept. */
const stderrBytes = 4096

/** How long its output may arrive after it has ended, in milliseconds. */
const lingerMs = 500

/** A longer timer would fire at once. */
const longestTimerMs = 2 ** 31 - 1

/** How many lines of its standard error are shown. */
const shownLines = 5

const tailOf = (text: string): string =>
  text.split(/[\r\n]+/).map((line) => line.trim()).filter((line) => line !== "").slice(-shownLines).join(" | ")

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : ""

/** Says in a sentence why a program could not be started. */
const startFailure = (name: string, command: string, cause: unknown, hint: string | undefined): VoiceError => {
  // Node includes its arguments, which may be addresses and headers with secrets
  if (cause instanceof Error) Reflect.deleteProperty(cause, "spawnargs")
  const code = codeOf(cause)
  const more = hint === undefined ? "" : `: ${hint}`
  if (code === "ENOENT") {
    return ByteSource.failure(name, "NotFound", `the program ${command} was not found on the PATH${more}`, {
      cause
    })
  }
  if (code === "EACCES") {
    return ByteSource.failure(name, "Unreadable", `this process may not run the program ${command}${more}`, { cause })
  }
  // Node's message contains the whole argument
  if (code.startsWith("ERR_INVALID_ARG")) {
    const detail =
      `the program ${command} did not start: an argument, its folder or its environment contains a zero byte`
    return ByteSource.failure(name, "Failed", detail)
  }
  return ByteSource.failure(name, "Failed", `the program ${command} did not start: ${ByteSource.describe(cause)}`, {
    cause
  })
}

/**
 * Starts the program; the scope ends it and waits until it is gone. `input` is written to its standard input, as fast as it
 * is taken; without it, there is no standard input. Output is given as it arrives, and the program is held up while it is not
 * taken.
 *
 * Fails with `NotFound` if there is no such program, and with `Failed` if it ends by a signal or with an exit code other than
 * 0, with the code or the signal and the end of its standard error. Fails with `Unsupported` for an invalid `killAfterMs`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (
  command: Command,
  name: string,
  options?: {
    readonly input?: ByteSource.ByteSource | undefined
    readonly hint?: string | undefined
    /** Ending successfully with a message but without output is a failure. */
    readonly isSilenceFailure?: boolean | undefined
    /** Called with the end of its standard error when it has ended. */
    readonly onSaid?: ((text: string) => void) | undefined
  }
): Effect.Effect<ByteSource.ByteSource, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const killAfterMs = yield* Bounds.patience(command.killAfterMs ?? 2000, "a `killAfterMs`")
    const input = options?.input
    const child = yield* Effect.acquireRelease(start(command, name, input !== undefined, options?.hint), (child) =>
      stop(child, killAfterMs))

    let stderr = ""
    const decoder = new TextDecoder()
    child.stderr.on("data", (bytes: Buffer) => {
      stderr = (stderr + decoder.decode(bytes, { stream: true })).slice(-stderrBytes)
    })
    child.stderr.on("error", () =>
      undefined)
    child.stdout.on("error", () => undefined)
    // Node discards what an ended process has left in a stream that nobody listens to
    child.stdout.on("readable", () => undefined)

    let exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined
    let onExit: (() => void) | undefined
    const exited = (code: number | null, signal: NodeJS.Signals | null) => {
      exit ??= { code, signal }
      onExit?.()
    }
    child.once("close", exited)
    // another process that has inherited its outputs may hold them open for any length of time
    child.once("exit", (code, signal) => void setTimeout(() => exited(code, signal), lingerMs).unref())
    let given = 0
    const awaitExit = Effect.callback<void>((resume) => {
      if (exit !== undefined) return resume(Effect.void)
      onExit = () => resume(Effect.void)
    })

    let inputFailure: VoiceError | undefined
    if (input !== undefined) {
      yield* Effect.forkScoped(feed(child, input, (error) => {
        inputFailure = error
      }))
    }

    const finish = Effect.gen(function*() {
      yield* awaitExit
      options?.onSaid?.(stderr)
      if (inputFailure !== undefined) return yield* inputFailure
      const { code, signal } = exit ?? { code: null, signal: null }
      const said = tailOf(stderr)
      const isSilent = options?.isSilenceFailure === true && given === 0 && said !== ""
      if (code === 0 && !isSilent) return undefined
      const how = code === 0
        ? "produced no output"
        : signal === null
        ? `ended with exit code ${code ?? "unknown"}`
        : `was killed by ${signal}`
      return yield* ByteSource.failure(
        name,
        "Failed",
        `${command.command} ${how}${said === "" ? ", without any message" : `; it printed: ${said}`}`
      )
    })

    const next: ByteSource.ByteSource["next"] = Effect.flatMap(
      readChunk(child.stdout),
      (bytes) => {
        given += bytes?.length ?? 0
        return bytes === undefined ? finish : Effect.succeed<Uint8Array | undefined>(bytes)
      }
    )
    return { name, next, random: undefined, seek: undefined, live: false }
  })

type Child = Process.ChildProcessByStdio<Writable | null, Readable, Readable>

const start = (
  command: Command,
  name: string,
  hasInput: boolean,
  hint: string | undefined
): Effect.Effect<Child, VoiceError> =>
  Effect.callback((resume) => {
    let child: Process.ChildProcess
    try {
      child = Process.spawn(command.command, [...command.args ?? []], {
        cwd: command.cwd,
        env: command.env === undefined ? process.env : { ...command.env },
        stdio: [hasInput ? "pipe" : "ignore", "pipe", "pipe"],
        windowsHide: true
      })
    } catch (cause) {
      return resume(Effect.fail(startFailure(name, command.command, cause, hint)))
    }
    child.once("error", (cause) => resume(Effect.fail(startFailure(name, command.command, cause, hint))))
    // the outputs are pipes, as requested above
    child.once("spawn", () => resume(Effect.succeed(child as Child)))
    // an error after the start is that of a kill that came too late
    child.on("error", () => undefined)
  })

const isRunning = (child: Child): boolean => child.exitCode === null && child.signalCode === null

/** Asks it to end, then kills it, and waits until it is gone and both outputs are closed. */
const stop = (child: Child, killAfterMs: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    child.stdout.removeAllListeners("readable")
    child.stdout.resume()
    child.stderr.resume()
    if (!isRunning(child)) {
      // another process that has inherited its outputs may hold them open forever
      destroy(child)
      return resume(Effect.void)
    }
    const timer = setTimeout(() => child.kill("SIGKILL"), Math.min(killAfterMs, longestTimerMs))
    child.once("exit", () => {
      clearTimeout(timer)
      destroy(child)
      resume(Effect.void)
    })
    child.kill("SIGTERM")
  })

const destroy = (child: Child): void => {
  child.stdin?.destroy()
  child.stdout.destroy()
  child.stderr.destroy()
}

/** Reads the next bytes of a stream that is not flowing; `undefined` at its end. */
const readChunk = (stream: Readable): Effect.Effect<Uint8Array | undefined> =>
  Effect.callback((resume) => {
    const attempt = (): boolean => {
      const bytes: unknown = stream.read()
      if (bytes instanceof Uint8Array) {
        resume(Effect.succeed(bytes))
        return true
      }
      if (!stream.readable) {
        resume(Effect.undefined)
        return true
      }
      return false
    }
    if (attempt()) return
    const off = () => {
      stream.off("readable", onEvent)
      stream.off("end", onEvent)
      stream.off("close", onEvent)
    }
    const onEvent = () => {
      if (attempt()) off()
    }
    stream.on("readable", onEvent)
    stream.on("end", onEvent)
    stream.on("close", onEvent)
    return Effect.sync(off)
  })

/** Writes all of a source to the standard input, and closes it. It is not a failure if the other side closes it. */
const feed = (
  child: Child,
  input: ByteSource.ByteSource,
  onFailure: (error: VoiceError) => void
): Effect.Effect<void> => {
  const stdin = child.stdin
  if (stdin === null) return Effect.void
  let closed = false
  const isOpen = () => !closed
  stdin.on("error", () => {
    closed = true
  })
  stdin.on("close", () => {
    closed = true
  })
  const write = (bytes: Uint8Array) =>
    Effect.callback<void>((resume) => {
      if (stdin.write(bytes)) return resume(Effect.void)
      const onReady = () => {
        stdin.off("drain", onReady)
        stdin.off("close", onReady)
        resume(Effect.void)
      }
      stdin.on("drain", onReady)
      stdin.on("close", onReady)
    })
  return Effect.gen(function*() {
    while (isOpen()) {
      const bytes = yield* input.next
      if (bytes === undefined) break
      yield* write(bytes)
    }
    stdin.end()
  }).pipe(Effect.catch((error) =>
    Effect.sync(() => {
      onFailure(error)
      stdin.end()
    })
  ))
}
