import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const file = fileURLToPath(new URL("process/mixing.ts", import.meta.url))

/** Runs the program in a separate process, and reads the first line of its output. */
const run = async (what: string) => {
  const child = spawn(process.execPath, [file, what], { stdio: ["ignore", "pipe", "inherit"], timeout: 30_000 })
  const ended = once(child, "exit")
  const [said] = await once(child.stdout, "data")
  return { child, ended, said: String(said).trim() }
}

describe("a program with a mixing thread", () => {
  it.each(["closed", "refused"])("exits by itself if its mix was %s", async (what) => {
    const { ended, said } = await run(what)
    assert.strictEqual(said, "open: 0")
    assert.deepStrictEqual(await ended, [0, null])
  })

  it("does not exit while a mix is open", async () => {
    const { child, ended, said } = await run("open")
    assert.strictEqual(said, "open: 1")
    assert.isUndefined(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 500))]))
    child.kill("SIGKILL")
    await ended
  })
})
