import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Thread from "../../src/dave/Thread.ts"
import { ChannelId, UserId } from "../../src/protocol/Identifier.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"

const ann = UserId.make("1001")
const channelId = ChannelId.make("3001")

const make = () => Thread.make({ onUnavailable: assert.fail })

describe("Thread", () => {
  it.live("tells its groups when it ends, and starts again with the next one", () =>
    Effect.gen(function*() {
      const thread = make()
      const lost: Array<string> = []
      const group = thread.open(ann, channelId, (detail) => lost.push(detail))
      const made = yield* Effect.promise(() => group.ask({ _tag: "create", version: 1 }))
      assert.instanceOf(made, Uint8Array)
      const pending = group.ask({ _tag: "verification-code", userId: ann }).then(String, String)
      const decrypting = new Promise((resolve) => group.decrypt(ann, Uint8Array.of(1, 2, 3), resolve))
      yield* Effect.promise(thread.close)
      assert.match(yield* Effect.promise(() => pending), /ended|NoEstablishedGroup/)
      assert.strictEqual(yield* Effect.promise(() => decrypting), "Undecryptable")
      assert.lengthOf(lost, 1)
      yield* Effect.promise(thread.close)
      assert.lengthOf(lost, 1, "once")
      assert.match(
        yield* Effect.promise(() => group.ask({ _tag: "create", version: 1 }).then(String, String)),
        /ended/
      )
      group.close()

      const next = thread.open(ann, channelId, (detail) => lost.push(detail))
      assert.instanceOf(yield* Effect.promise(() => next.ask({ _tag: "create", version: 1 })), Uint8Array)
      next.close()
      yield* Effect.promise(thread.close)
      assert.lengthOf(lost, 1, "one that was closed is not lost")
    }))

  it.live("is not started for groups that ask for nothing, and reports no loss to them", () =>
    Effect.gen(function*() {
      let threads = 0
      const onWorker = () => void threads++
      process.on("worker", onWorker)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("worker", onWorker)))
      const thread = make()
      const lost: Array<string> = []
      const idle = thread.open(ann, channelId, (detail) => lost.push(detail))
      assert.isUndefined(idle.membership())
      yield* Effect.sleep("1 millis")
      assert.strictEqual(threads, 0)
      const busy = thread.open(ann, channelId, () => {})
      assert.instanceOf(yield* Effect.promise(() => busy.ask({ _tag: "create", version: 1 })), Uint8Array)
      assert.strictEqual(threads, 1)
      const decrypted: Array<unknown> = []
      idle.decrypt(ann, Uint8Array.of(1, 2, 3), (result) => decrypted.push(result))
      assert.deepStrictEqual(decrypted, ["NotMember"])
      yield* Effect.promise(thread.close)
      assert.deepStrictEqual(lost, [])
      // another thread serves groups that were not in the former one
      assert.instanceOf(yield* Effect.promise(() => idle.ask({ _tag: "create", version: 1 })), Uint8Array)
      idle.close()
      const asked = yield* Effect.promise(() => idle.ask({ _tag: "create", version: 1 }).then(String, String))
      assert.match(asked, /closed/)
      yield* Effect.promise(thread.close)
      assert.strictEqual(threads, 2)
    }))

  it.live("decrypts frames as long as it answers, and takes a limited number ahead of that", () =>
    Effect.gen(function*() {
      const thread = make()
      const group = thread.open(ann, channelId, () => {})
      yield* Effect.promise(() => group.ask({ _tag: "create", version: 1 }))
      const decrypt = (count: number) =>
        Effect.promise(async () => {
          const results = await Promise.all(
            Array.from({ length: count }, () =>
              new Promise((resolve) => group.decrypt(ann, Uint8Array.of(1, 2, 3), resolve)))
          )
          return [
            results.filter((result) =>
              result === "NotMember"
            ).length,
            new Set(results).size
          ]
        })
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* decrypt(2_000), [2_000, 1])
      assert.deepStrictEqual(yield* decrypt(5_010), [5_000, 2])
      assert.deepStrictEqual(yield* decrypt(1), [1, 1])
      yield* Effect.promise(thread.close)
    }))

  it.live("decrypts nothing for a group that is closed, and keeps nobody waiting for it", () =>
    Effect.gen(function*() {
      const thread = make()
      const group = thread.open(ann, channelId, () => {})
      yield* Effect.promise(() => group.ask({ _tag: "create", version: 1 }))
      group.close()
      const decrypted: Array<unknown> = []
      group.decrypt(ann, Uint8Array.of(1, 2, 3), (result) => decrypted.push(result))
      assert.deepStrictEqual(decrypted, ["Undecryptable"])
      yield* Effect.promise(thread.close)
    }))

  it.live("starts no thread for a closed group, even if frames are to be encrypted for it", () =>
    Effect.gen(function*() {
      let threads = 0
      const onWorker = () => void threads++
      process.on("worker", onWorker)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("worker", onWorker)))
      const thread = make()
      const group = thread.open(ann, channelId, assert.fail)
      group.close()
      const ring = FrameRing.make()
      ring.write(Uint8Array.of(0xfc, 1), 960)
      const source = group.protect(ring, { isEncrypting: () => true, onFrame: () => {} })
      assert.strictEqual(source.next(), -1)
      source.close()
      yield* Effect.promise(thread.close)
      assert.strictEqual(threads, 0)
    }))

  it.live("does not send a frame in the clear from a ring that cannot be shared", () =>
    Effect.gen(function*() {
      const thread = make()
      const group = thread.open(ann, channelId, () => {})
      const ring = FrameRing.make({ shared: false })
      ring.write(Uint8Array.of(0xfc, 1), 960)
      const source = group.protect(ring, { isEncrypting: () => true, onFrame: () => {} })
      assert.strictEqual(source.read(new Uint8Array(64), 0), 0)
      yield* Effect.promise(thread.close)
    }))

  it.live("keeps the groups in this thread if it cannot be started", () =>
    Effect.gen(function*() {
      const why: Array<string> = []
      const lost: Array<string> = []
      const thread = Thread.make({
        onUnavailable: (detail) => why.push(detail),
        url: new URL("./nowhere/daveWorker.js", import.meta.url)
      })
      const ask = (group: Thread.RemoteGroup) =>
        Effect.promise(() => group.ask({ _tag: "create", version: 1 }).then((made) => made, String))
      const group = thread.open(ann, channelId, (detail) => lost.push(detail))
      assert.instanceOf(yield* ask(group), Uint8Array)
      const another = thread.open(ann, channelId, () => {})
      assert.instanceOf(yield* ask(another), Uint8Array)
      assert.match(why.join(), /^[^,]*nowhere.daveWorker\.js[^,]*/)
      assert.lengthOf(why, 1)
      const decrypted = new Promise((resolve) => group.decrypt(ann, Uint8Array.of(1, 2, 3), resolve))
      assert.strictEqual(yield* Effect.promise(() => decrypted), "NotMember")
      const refused = group.ask({ _tag: "commit", bytes: Uint8Array.of(1) })
      assert.isString(yield* Effect.promise(() => refused.then(() => undefined, String)))
      another.close()
      yield* Effect.promise(thread.close)
      assert.lengthOf(lost, 1, "one that was closed is not lost")
      assert.match(String(yield* ask(group)), /ended/)
    }))
})
