/**
 * Installs dfx and the Effect that it runs on into this folder, outside the dependency tree of the package: in one tree, npm
 * would put dfx next to an Effect that it cannot be loaded with. Does nothing if everything in the lockfile is installed.
 *
 * `npm test` and `npm run check` run it before they begin, and so does the test that needs it, in case that failed. With
 * `--tolerant` it reports what went wrong but does not fail: only one test cannot run then, and that test fails.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const limitMs = 60_000
const tries = 2

const folder = fileURLToPath(new URL(".", import.meta.url))
const lock = readFileSync(new URL("package-lock.json", import.meta.url), "utf8")
/** The lockfile that was installed, written once the installation was complete. */
const mark = new URL("node_modules/.installed-lock.json", import.meta.url)

const isInstalled = () => existsSync(mark) && readFileSync(mark, "utf8") === lock

const install = () => {
  // inside a script, npm passes on the folder and the kinds of dependencies that it was itself called for
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(config_(local_prefix|omit|include|production)|package_)/i.test(name))
  )
  let last = "it was not tried"
  for (let i = 0; i < tries; i++) {
    const { error, signal, status, stderr } = spawnSync("npm", ["ci", "--prefer-offline", "--no-audit", "--no-fund"], {
      cwd: folder,
      encoding: "utf8",
      env,
      shell: process.platform === "win32",
      stdio: ["ignore", "ignore", "pipe"],
      timeout: limitMs
    })
    if (status === 0) {
      writeFileSync(mark, lock)
      return undefined
    }
    last = error === undefined ? `npm ended with ${status ?? signal}: ${stderr.trim()}` : error.message
  }
  return last
}

const omitsDev = /\bdev\b/.test(process.env["npm_config_omit"] ?? "")
const isTolerant = process.argv.includes("--tolerant")

if (!isInstalled() && !(isTolerant && omitsDev)) {
  const failure = install()
  if (failure !== undefined) {
    process.stderr.write(`dfx could not be installed for the tests (test/interop/dfx): ${failure}\n`)
    if (!isTolerant) process.exitCode = 1
  }
}
