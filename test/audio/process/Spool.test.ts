import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as ByteSource from "../../../src/audio/ByteSource.ts"
import * as Spool from "../../../src/audio/process/Spool.ts"

/** A source of these pieces, followed by an end or a failure. */
const sourceOf = (
  pieces: ReadonlyArray<Uint8Array>,
  end: ByteSource.ByteSource["next"] = Effect.undefined
): ByteSource.ByteSource => {
  let at = 0
  return {
    name: "pieces",
    next: Effect.suspend(() => at < pieces.length ? Effect.succeed(pieces[at++]) : end),
    random: undefined,
    seek: undefined,
    live: false
  }
}

describe("Spool", () => {
  it.live("keeps all bytes in a file, which is deleted with its scope", () =>
    Effect.gen(function*() {
      const path = yield* Effect.scoped(Effect.gen(function*() {
        const path = yield* Spool.toFile(sourceOf([Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4, 5)]))
        assert.deepStrictEqual([...Fs.readFileSync(path)], [1, 2, 3, 4, 5])
        return path
      }))
      assert.isFalse(Fs.existsSync(Path.dirname(path)))
    }))

  it.live("fails with the failure of its source", () =>
    Effect.gen(function*() {
      const cut = ByteSource.failure("pieces", "Truncated", "it was cut")
      const error = yield* Effect.flip(Effect.scoped(Spool.toFile(sourceOf([Uint8Array.of(1)], Effect.fail(cut)))))
      assert.strictEqual(error, cut)
    }))

  it.live("refuses more than 1 GiB in total", () =>
    Effect.gen(function*() {
      // the large piece is not written
      const pieces = [new Uint8Array(2), new Uint8Array(1024 ** 3 - 1)]
      const error = yield* Effect.flip(Effect.scoped(Spool.toFile(sourceOf(pieces))))
      assert(error.reason._tag === "SourceFailed")
      assert.strictEqual(error.reason.kind, "Unsupported")
    }))
})
