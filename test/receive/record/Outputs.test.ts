import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import * as Outputs from "../../../src/receive/record/Outputs.ts"
import type { Storage, StoredFile } from "../../../src/receive/record/Storage.ts"
import { sha256 } from "./recording.ts"

const broken = (code: string) => Object.assign(new Error(`${code}: said by the test`), { code })

/** A storage that logs what it is asked for, and does it once `gate` opens. */
const rig = (fails: (what: string) => Error | undefined = () => undefined, gate = Promise.resolve()) => {
  const log: Array<string> = []
  const say = async (what: string) => {
    log.push(what)
    await gate
    const error = fails(what)
    if (error !== undefined) throw error
  }
  const file = (name: string): StoredFile => ({
    append: (bytes) => say(`append ${name} ${bytes.length}`),
    overwrite: (bytes, position) => say(`overwrite ${name} ${bytes.length} at ${position}`),
    truncate: (size) => say(`truncate ${name} ${size}`),
    sync: () => say(`sync ${name}`),
    close: () => say(`close ${name}`)
  })
  const nameOf = (path: string) => path.split(/[\\/]/).at(-1) ?? path
  const storage: Storage = {
    makeFolder: async () => {},
    create: async (path) => {
      await say(`create ${nameOf(path)}`)
      return file(nameOf(path))
    },
    open: async (path) => file(nameOf(path)),
    replace: (path) => say(`replace ${nameOf(path)}`),
    read: async () => new Uint8Array(),
    readParts: async function*() {},
    size: async () => 0,
    remove: (path) => say(`remove ${nameOf(path)}`)
  }
  return { log, outputs: Outputs.make(storage, "folder") }
}

const bytes = Uint8Array.of(1, 2, 3)

describe("Outputs", () => {
  it.effect("writes in order, and knows what is pending and what has reached the disk", () =>
    Effect.gen(function*() {
      const { log, outputs } = rig()
      const [one, other] = [outputs.create("one"), outputs.create("other")]
      one.append(bytes)
      one.append(new Uint8Array())
      other.append(bytes.subarray(1))
      one.append(bytes.subarray(2))
      outputs.replace("manifest", () => bytes)
      assert.deepStrictEqual([outputs.pendingBytes(), outputs.bytes(), one.written().bytes], [6, 6, 0])
      yield* Effect.forkChild(outputs.run)
      yield* outputs.drained
      assert.deepStrictEqual(log, [
        "create one",
        "create other",
        "append one 3",
        "append other 2",
        "append one 1",
        "replace manifest"
      ])
      assert.deepStrictEqual([outputs.pendingBytes(), outputs.bytes()], [0, 6])
      assert.deepStrictEqual(one.written(), { name: "one", bytes: 4, sha256: sha256(Uint8Array.of(1, 2, 3, 3)) })
    }))

  it.effect("has no hash for a file that was overwritten or resized", () =>
    Effect.gen(function*() {
      const { log, outputs } = rig()
      const [over, resized, same] = [outputs.create("over"), outputs.create("resized"), outputs.create("same")]
      for (const one of [over, resized, same]) one.append(bytes)
      over.overwrite(bytes, 0)
      resized.resize(10)
      same.resize(3)
      assert.strictEqual(outputs.bytes(), 16)
      yield* Effect.forkChild(outputs.run)
      yield* outputs.drained
      assert.deepStrictEqual(log.slice(-2), ["overwrite over 3 at 0", "truncate resized 10"])
      assert.deepStrictEqual(over.written(), { name: "over", bytes: 3 })
      assert.deepStrictEqual(resized.written(), { name: "resized", bytes: 10 })
      assert.strictEqual(same.written().sha256, sha256(bytes))
    }))

  it.effect("leaves nothing half written on a full disk, and no longer counts what was pending", () =>
    Effect.gen(function*() {
      const { log, outputs } = rig((what) => what === "append one 2" ? broken("ENOSPC") : undefined)
      const one = outputs.create("one")
      one.append(bytes)
      one.append(bytes.subarray(1))
      const error = yield* Effect.flip(outputs.run)
      assert.deepInclude(error.reason, { _tag: "RecordingFailed", kind: "DiskFull" })
      assert.deepStrictEqual(log.slice(-2), ["append one 2", "truncate one 3"])
      assert.deepStrictEqual(one.written(), { name: "one", bytes: 3, sha256: sha256(bytes) })
      assert.strictEqual(outputs.pendingBytes(), 0)
    }))

  it.effect("syncs and closes all files, and fails if one of them does", () =>
    Effect.gen(function*() {
      const { log, outputs } = rig((what) => what === "sync one" ? broken("EIO") : undefined)
      outputs.create("one")
      outputs.create("other")
      yield* Effect.forkChild(outputs.run)
      yield* outputs.drained
      const closed = yield* Effect.exit(outputs.close)
      assert.isTrue(Exit.isFailure(closed))
      assert.deepStrictEqual(log.slice(2), ["sync one", "close one", "sync other", "close other"])
      // only once
      yield* outputs.close
      assert.lengthOf(log, 6)
    }))

  it("classifies the errors of a disk", () => {
    const kinds = [["ENOSPC", "DiskFull"], ["EDQUOT", "DiskFull"], ["EACCES", "Unwritable"], ["EIO", "Failed"]] as const
    for (const [code, kind] of kinds) {
      const { reason } = Outputs.failure("/recording/one", Object.assign(new Error("by the test"), { code }))
      assert.deepInclude(reason, { _tag: "RecordingFailed", path: "/recording/one", kind, detail: "by the test" })
    }
  })

  it.live("removes what it has made, even if the disk is still busy, but nothing it was refused", () =>
    Effect.gen(function*() {
      let open = (): void => {}
      const gate = new Promise<void>((resolve) => open = resolve)
      const { log, outputs } = rig((what) => what === "create other" ? broken("EEXIST") : undefined, gate)
      outputs.create("one")
      outputs.replace("manifest", () => bytes)
      const writing = yield* Effect.forkChild(outputs.run, { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(writing)
      const discarded = yield* Deferred.make<void>()
      yield* Effect.forkChild(Effect.andThen(outputs.discard, Deferred.succeed(discarded, undefined)), {
        startImmediately: true
      })
      assert.deepStrictEqual(log, ["create one"])
      open()
      yield* Deferred.await(discarded)
      assert.deepStrictEqual(log, ["create one", "close one", "remove one"])

      const refused = rig((what) => what === "create other" ? broken("EEXIST") : undefined)
      refused.outputs.create("one")
      refused.outputs.replace("manifest", () => bytes)
      refused.outputs.create("other")
      yield* Effect.flip(refused.outputs.run)
      refused.log.length = 0
      yield* refused.outputs.discard
      assert.deepStrictEqual(refused.log, ["close one", "remove one", "remove manifest"])
    }))
})
