import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as MemoryStorage from "../../../src/receive/record/MemoryStorage.ts"
import { fileSystem, type Storage } from "../../../src/receive/record/Storage.ts"
import { dice } from "./speaker.ts"

const code = (promise: Promise<unknown>) =>
  promise.then(() => "no error", (cause: unknown) => cause instanceof Error && "code" in cause ? cause.code : cause)

const collect = async (parts: AsyncIterable<Uint8Array>) => {
  const all: Array<Uint8Array> = []
  for await (const part of parts) all.push(part)
  return new Uint8Array(Buffer.concat(all))
}

describe("MemoryStorage", () => {
  it.live("does to a file what a disk does, in any order", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "storage-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const memory = MemoryStorage.make()
      const path = join(folder, "file")
      const random = dice(5)
      const apply = async (storages: ReadonlyArray<Storage>) => {
        const files = await Promise.all(storages.map((storage) => storage.create(path)))
        let size = 0
        for (let i = 0; i < 200; i++) {
          const bytes = Uint8Array.from({ length: Math.floor(random() * 90_000) }, () => 1 + Math.floor(random() * 255))
          const dice = random()
          if (dice < 0.5) {
            for (const file of files) await file.append(bytes.slice())
            size += bytes.length
          } else if (dice < 0.75) {
            size = Math.floor(random() * 2 * size)
            for (const file of files) await file.truncate(size)
          } else {
            const part = bytes.subarray(0, size)
            const position = Math.floor(random() * (size - part.length))
            for (const file of files) await file.overwrite(part, position)
          }
        }
        for (const file of files) await file.close()
        // appends after what is there
        for (const file of await Promise.all(storages.map((storage) => storage.open(path)))) {
          await file.append(Uint8Array.of(1, 2, 3))
          await file.close()
        }
      }
      yield* Effect.promise(() => apply([fileSystem, memory]))
      const [real, kept, parts] = yield* Effect.promise(() =>
        Promise.all([fileSystem.read(path), memory.read(path), collect(memory.readParts(path))])
      )
      assert.isTrue(Buffer.from(real).equals(kept))
      assert.isTrue(Buffer.from(real).equals(parts))
      assert.strictEqual(yield* Effect.promise(() => memory.size(path)), real.length)
    }).pipe(Effect.scoped))

  it.effect("reports missing and existing files as Node does", () =>
    Effect.promise(async () => {
      const memory = MemoryStorage.make()
      await memory.makeFolder("folder")
      assert.strictEqual(await code(memory.read("a")), "ENOENT")
      assert.strictEqual(await code(memory.open("a")), "ENOENT")
      assert.strictEqual(await code(memory.size("a")), "ENOENT")
      assert.strictEqual(await code(collect(memory.readParts("a"))), "ENOENT")
      await memory.remove("a")
      await memory.create("a")
      assert.strictEqual(await code(memory.create("a")), "EEXIST")
      await memory.replace("a", Uint8Array.of(1, 2))
      await memory.replace("b", Uint8Array.of(3))
      await memory.remove("b")
      assert.deepStrictEqual([...memory.files()], [["a", Uint8Array.of(1, 2)]])
      await (await memory.open("a")).append(Uint8Array.of(3))
      assert.deepStrictEqual([...memory.files()], [["a", Uint8Array.of(1, 2, 3)]])
    }))
})
