/** The package in a CommonJS project: `require` loads ES modules, unless one of them uses top-level await. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

const { exports } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"))

const entries: ReadonlyArray<string> = Object.keys(exports)
  .filter((entry) => exports[entry].default !== undefined)
  .map((entry) => `src/${entry === "." ? "" : `${entry.slice(2)}/`}index.ts`)

describe("require", () => {
  for (const entry of entries) {
    it(`loads ${entry}`, () => {
      const script = `process.stdout.write(String(Object.keys(require("./${entry}")).length))`
      const { status, stderr, stdout } = spawnSync(process.execPath, ["--input-type=commonjs", "-e", script], {
        cwd: root,
        encoding: "utf8"
      })
      assert.strictEqual(status, 0, stderr)
      assert.isAbove(Number(stdout), 3)
    })
  }
})
