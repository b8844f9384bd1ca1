/**
 * Processes that a bench starts, and what they say.
 */
import { type ChildProcess, execFileSync, fork } from "node:child_process"
import { fileURLToPath } from "node:url"

/** V8's flags for all processes that are started, as the command line gave them. */
export const v8Flags: Array<string> = []

const root = fileURLToPath(new URL("..", import.meta.url))
const outDir = fileURLToPath(new URL("../node_modules/.cache/effect-discord-voice-bench/", import.meta.url))

let isBuilt = false
/**
 * The file that a script of ours is run from: bundled JavaScript, as the package is installed. Node can strip types by itself,
 * but then it keeps what it needs for that in the memory that is measured.
 */
const built = (script: URL): string => {
  if (!isBuilt) {
    const bundler = fileURLToPath(new URL("../node_modules/rolldown/bin/cli.mjs", import.meta.url))
    const config = fileURLToPath(new URL("rolldown.config.ts", import.meta.url))
    execFileSync(process.execPath, [bundler, "--config", config], { stdio: ["ignore", "ignore", "inherit"] })
    isBuilt = true
  }
  return fileURLToPath(script).replace(root, outDir).replace(/\.ts$/, ".js")
}

/** Runs a script; `ca` is the file of a certificate that it shall trust. */
export const start = (
  script: URL,
  args: ReadonlyArray<string>,
  { ca, execPath }: { readonly execPath: string; readonly ca?: string | undefined }
): ChildProcess =>
  fork(built(script), [...args], {
    execPath,
    execArgv: [
      ...v8Flags,
      "--expose-gc",
      "--disable-warning=ExperimentalWarning",
      // players of others ask for timers in the past
      "--disable-warning=TimeoutNegativeWarning"
    ],
    env: { PATH: process.env["PATH"], ...(ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: ca }) },
    stdio: ["ignore", "inherit", "inherit", "ipc"]
  })

/** The next message with this tag. Rejects when the process fails or ends first. */
export const hear = <A extends { readonly _tag: string }, T extends A["_tag"]>(child: ChildProcess, tag: T) =>
  new Promise<Extract<A, { readonly _tag: T }>>((resolve, reject) => {
    const done = () => {
      child.off("message", onMessage)
      child.off("close", onClose)
    }
    const onMessage = (message: unknown) => {
      // the scripts of a bench say what its `messages.ts` says
      const said = message as A
      if (said._tag === tag) {
        done()
        resolve(said as Extract<A, { readonly _tag: T }>)
      } else if (said._tag === "Failed") {
        done()
        reject(new Error(`${child.spawnargs.slice(-2)[0]}: ${JSON.stringify(said)}`))
      }
    }
    const onClose = (code: number | null) => {
      done()
      reject(new Error(`${child.spawnargs.slice(-3).join(" ").slice(0, 200)} ended with ${code}`))
    }
    child.on("message", onMessage)
    child.on("close", onClose)
  })

/** Ends a process, and waits until it has ended. */
export const end = (child: ChildProcess) =>
  new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once("close", () => resolve())
    child.kill("SIGKILL")
  })

export const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))
