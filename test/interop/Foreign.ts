/**
 * A foreign client in its own process: a script that drives a library as its users do, and reports to the test what it
 * sees. The library is unmodified, and trusts the emulator's certificate as it would any other CA.
 */
import { Data, Deferred, Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** What a script reports: anything that JSON can express, with a tag. */
export interface Told {
  readonly _tag: string
  readonly [field: string]: unknown
}

/** A script ended, or did not report what was awaited. Its last reports and output are in the message. */
export class ForeignFailed extends Data.TaggedError("ForeignFailed")<{ readonly message: string }> {}

export interface Foreign {
  /** Everything reported so far, in order. */
  readonly told: () => ReadonlyArray<Told>
  /**
   * The first matching report, starting at `after` (a number of reports). Fails if the script ends first, or if it
   * takes longer than 100 seconds, or the time in `Script`.
   */
  readonly until: <A extends Told>(
    fits: (told: Told) => told is A,
    after?: number
  ) => Effect.Effect<A, ForeignFailed>
  /** The same for a tag. */
  readonly untilTag: (tag: string, after?: number) => Effect.Effect<Told, ForeignFailed>
  /** Calls the listener with every report from now on. Call the result to stop. */
  readonly listen: (listener: (told: Told) => void) => () => void
  /** Sends the script a command. */
  readonly tell: (command: Told) => Effect.Effect<void>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Waits until the script has ended, and returns its exit code. */
  readonly ended: Effect.Effect<number | null>
  /** What it wrote to standard output and standard error. */
  readonly output: () => string
}

/**
 * A script (a path relative to this folder), and what runs it: the Node of the tests, or another program, such as a
 * Python, whose library may be slow.
 */
export type Script = string | { readonly script: string; readonly interpreter: string; readonly patienceMs: number }

/** Starts a script. `args` is passed as its only argument, in JSON. The process ends with the scope. */
export const start = Effect.fnUntraced(function*(program: Script, options: {
  readonly args: unknown
  /** A certificate to trust. Node trusts it in addition to its own; OpenSSL trusts only this one. */
  readonly ca?: string | undefined
  readonly env?: { readonly [name: string]: string } | undefined
  readonly execArgv?: ReadonlyArray<string> | undefined
}): Effect.fn.Return<Foreign, never, Scope.Scope> {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "foreign-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )
  const { interpreter, patienceMs, script } = typeof program === "string"
    ? { script: program, interpreter: process.execPath, patienceMs: 100_000 }
    : program
  const flags = typeof program === "string" ? ["--disable-warning=ExperimentalWarning", ...options.execArgv ?? []] : []
  const caFile = join(folder, "ca.pem")
  if (options.ca !== undefined) writeFileSync(caFile, options.ca)

  const told: Array<Told> = []
  const output: Array<string> = []
  const waiting = new Set<() => void>()
  const listeners = new Set<(told: Told) => void>()
  const ended = Deferred.makeUnsafe<number | null>()
  let isOver = false

  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(interpreter, [...flags, fileURLToPath(new URL(script, import.meta.url)), JSON.stringify(options.args)], {
        stdio: ["ignore", "pipe", "pipe", "ipc"],
        env: {
          PATH: process.env["PATH"],
          HOME: folder,
          ...(options.ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: caFile, SSL_CERT_FILE: caFile }),
          ...options.env
        }
      })
    ),
    (child) =>
      Effect.andThen(
        Effect.sync(() => {
          if (!isOver) child.kill("SIGKILL")
        }),
        Deferred.await(ended)
      )
  )
  const look = () => {
    for (const wake of waiting) wake()
  }
  child.stdout?.on("data", (part) => output.push(String(part)))
  child.stderr?.on("data", (part) => output.push(String(part)))
  child.on("message", (message) => {
    // scripts send `Told`, through `tell` of `script.ts`
    const one = message as Told
    told.push(one)
    for (const listener of listeners) listener(one)
    look()
  })
  child.on("error", (error) => output.push(String(error)))
  child.on("close", (code) => {
    isOver = true
    Deferred.doneUnsafe(ended, Effect.succeed(code))
    look()
  })

  const lastWords = () => `${JSON.stringify(told.slice(-5))} ${output.join("").slice(-2000)}`

  const until: Foreign["until"] = <A extends Told>(fits: (told: Told) => told is A, after = 0) =>
    Effect.callback<A, ForeignFailed>((resume) => {
      const check = () => {
        const found = told.slice(after).find(fits)
        if (found !== undefined) resume(Effect.succeed(found))
        else if (isOver) resume(Effect.fail(new ForeignFailed({ message: `${script} has ended: ${lastWords()}` })))
        else return
        waiting.delete(check)
      }
      waiting.add(check)
      check()
      return Effect.sync(() => waiting.delete(check))
    }).pipe(Effect.timeoutOrElse({
      duration: patienceMs,
      orElse: () =>
        Effect.fail(new ForeignFailed({ message: `${script} did not tell what was waited for: ${lastWords()}` }))
    }))

  return {
    told: () => told,
    until,
    untilTag: (tag, after) => until((one): one is Told => one._tag === tag, after),
    listen: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    tell: (command) => Effect.sync(() => void child.send?.(command)),
    signal: (signal) => Effect.sync(() => void child.kill(signal)),
    ended: Deferred.await(ended),
    output: () => output.join("")
  }
})
