import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { interpreterOf } from "./environment.ts"

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

describe("the example in Python", () => {
  it("tests a bot on discord.py against the emulator command", () => {
    const { status, stderr } = spawnSync(interpreterOf("discord.py"), [at("examples/discord_py_bot_test.py")], {
      encoding: "utf8",
      env: { ...process.env, EMULATOR: `${process.execPath} ${at("src/cli/bin.ts")}` }
    })
    assert.strictEqual(status, 0, stderr)
  })
})
