import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { Entry } from "../../../src/transport/wire/Entry.ts"
import { LogFile, outputTo } from "../../../src/transport/wire/File.ts"

const entry = (at: number): Entry => ({ kind: "released", at, socket: "voice 1" })

const fail = (error: unknown) => assert.fail(String(error))

const inFolder = (use: (path: string) => void) => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "wire-"))
  try {
    use(Path.join(folder, "log.jsonl"))
  } finally {
    Fs.rmSync(folder, { recursive: true })
  }
}

const momentsIn = (path: string): ReadonlyArray<number> =>
  Fs.readFileSync(path, "utf8").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line).at)

describe("LogFile", () => {
  it("writes after the work that it logs, and writes everything when it is closed", () =>
    inFolder((path) => {
      const file = new LogFile(outputTo(path), 1_000, fail)
      file.write(entry(1))
      file.write(entry(2))
      assert.deepStrictEqual(momentsIn(path), [])
      file.flush()
      assert.deepStrictEqual(momentsIn(path), [1, 2])
      file.write(entry(3))
      file.close()
      assert.deepStrictEqual(momentsIn(path), [1, 2, 3])
      file.write(entry(4))
      file.flush()
      assert.deepStrictEqual(momentsIn(path), [1, 2, 3])
    }))

  it("writes what is left when the process exits, and removes its listener when it is closed", () =>
    inFolder((path) => {
      const before = process.listeners("exit")
      const file = new LogFile(outputTo(path), 1_000, fail)
      const onExit = process.listeners("exit").find((listener) => !before.includes(listener))
      file.write(entry(1))
      onExit?.(0)
      assert.deepStrictEqual(momentsIn(path), [1])
      file.close()
      assert.deepStrictEqual(process.listeners("exit"), before)
    }))

  it("shares one exit listener with all other files", () =>
    inFolder((path) => {
      const before = process.listeners("exit")
      const files = Array.from({ length: 12 }, (_, i) => new LogFile(outputTo(`${path}.${i}`), 1_000, fail))
      const onExit = process.listeners("exit").filter((listener) => !before.includes(listener))
      assert.lengthOf(onExit, 1)
      files[0]?.close()
      files.forEach((file, i) => file.write(entry(i)))
      onExit[0]?.(0)
      const written = files.map((_, i) => momentsIn(`${path}.${i}`))
      assert.deepStrictEqual(written, [[], ...files.slice(1).map((_, i) => [i + 1])])
      files.slice(1).forEach((file) => file.close())
      assert.deepStrictEqual(process.listeners("exit"), before)
    }))

  it("writes no more than its limit, and begins no line beyond it", () =>
    inFolder((path) => {
      const line = `${JSON.stringify(entry(1))}\n`.length
      const file = new LogFile(outputTo(path), 2 * line, fail)
      for (const at of [1, 2, 3, 4]) file.write(entry(at))
      file.close()
      const kinds = Fs.readFileSync(path, "utf8").trimEnd().split("\n").map((text) => JSON.parse(text).kind)
      assert.deepStrictEqual(kinds, ["released", "released", "full"])
    }))

  it("reports once that nothing can be written, and stops trying", () => {
    const failures: Array<unknown> = []
    let tries = 0
    const output = {
      write: () => {
        tries++
        throw new Error("ENOSPC")
      },
      close: () => {
        throw new Error("EIO")
      }
    }
    const file = new LogFile(output, 1_000, (error) => failures.push(error))
    file.write(entry(1))
    file.flush()
    file.write(entry(2))
    file.flush()
    file.close()
    assert.deepStrictEqual(failures, [new Error("ENOSPC")])
    assert.strictEqual(tries, 1)
  })
})
