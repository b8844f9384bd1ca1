import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Outputs from "../../src/cli/Outputs.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "outputs-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

const bytes = Uint8Array.of(1, 2, 3)

describe("Outputs", () => {
  it.effect("says why a file cannot be written, with the same words before and after trying", () =>
    Effect.gen(function*() {
      const folder = yield* directory
      const file = Path.join(folder, "file")
      Fs.writeFileSync(file, bytes)
      for (
        const [path, why] of [
          [folder, "it is a folder"],
          [Path.join(folder, "none", "heard.ogg"), `the folder ${Path.join(folder, "none")} does not exist`],
          [Path.join(file, "heard.ogg"), `${file} is not a folder`]
        ] as const
      ) {
        assert.strictEqual(yield* Outputs.obstacle(path), why)
        const error = yield* Effect.flip(Outputs.write(path, bytes))
        assert.strictEqual(error.message, `${path} cannot be written: ${why}.`)
      }
      const heard = Path.join(folder, "heard.ogg")
      assert.isUndefined(yield* Outputs.obstacle(heard))
      yield* Outputs.write(heard, bytes)
      assert.isUndefined(yield* Outputs.obstacle(heard))
      assert.deepStrictEqual(new Uint8Array(Fs.readFileSync(heard)), bytes)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("recognizes a file by any of its names, even if it does not exist yet", () =>
    Effect.gen(function*() {
      const folder = yield* directory
      const at = (name: string) => Path.join(folder, name)
      Fs.writeFileSync(at("song.ogg"), bytes)
      Fs.writeFileSync(at("other.ogg"), bytes)
      Fs.symlinkSync(at("song.ogg"), at("linked.ogg"))
      Fs.linkSync(at("song.ogg"), at("hard.ogg"))
      Fs.mkdirSync(at("sub"))
      Fs.symlinkSync(folder, at("sub/up"))
      for (
        const [a, b, same] of [
          ["song.ogg", "song.ogg", true],
          ["song.ogg", "sub/../song.ogg", true],
          ["song.ogg", "linked.ogg", true],
          ["song.ogg", "hard.ogg", true],
          ["song.ogg", "other.ogg", false],
          ["song.ogg", "new.ogg", false],
          ["new.ogg", "sub/up/new.ogg", true],
          ["new.ogg", "sub/new.ogg", false]
        ] as const
      ) assert.strictEqual(yield* Outputs.isSame(`${folder}/${a}`, `${folder}/${b}`), same, `${a} ${b}`)
      assert.isFalse(yield* Outputs.isSame("/dev/null", "/dev/null"))
    }).pipe(Effect.provide(NodeServices.layer)))
})
