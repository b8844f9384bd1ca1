import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Dave from "../../src/Dave.ts"
import { ChannelId, UserId } from "../../src/protocol/Identifier.ts"
import { MockDave } from "../../src/testing/index.ts"

const me = UserId.make("1")
const other = UserId.make("2")
const third = UserId.make("3")
const channelId = ChannelId.make("9")

const open = Effect.flatMap(Dave.Dave, (dave) => dave.open({ userId: me, channelId }))

describe("MockDave", () => {
  it.effect("moves from epoch to epoch with the members of the last proposals", () =>
    Effect.gen(function*() {
      const control = yield* MockDave.MockDave
      const group = yield* open
      assert.deepStrictEqual(yield* group.create(1), Uint8Array.of(1))
      assert.isUndefined(group.membership())
      yield* group.welcome(Uint8Array.of(7))
      assert.deepInclude(group.membership(), { epoch: 1, members: [me] })
      const payload = Uint8Array.of(5, 6)
      const commit = yield* group.proposals("append", payload, [me, other])
      assert.deepStrictEqual(commit, payload)
      assert.deepInclude(group.membership(), { epoch: 1, members: [me] })
      yield* group.commit(commit ?? payload)
      assert.deepInclude(group.membership(), { epoch: 2, members: [me, other] })
      assert.isUndefined(yield* group.proposals("revoke", payload, [me]))
      yield* group.setExternalSender(Uint8Array.of(3))
      assert.deepStrictEqual(
        (yield* control.operations).map(({ bytes, operation }) => [operation, [...bytes]]),
        [["create", [1]], ["welcome", [7]], ["proposals", [5, 6]], ["commit", [5, 6]], ["proposals", [5, 6]], [
          "external-sender",
          [3]
        ]]
      )
      yield* group.create(1)
      assert.isUndefined(group.membership())
    }).pipe(Effect.provide(MockDave.layer)))

  it.effect("decrypts frames of members in its own epoch, and has verification codes of members only", () =>
    Effect.gen(function*() {
      const group = yield* open
      const frame = Uint8Array.of(1, 2, 3)
      const opened = (user: UserId, epoch: number) => {
        const results: Array<Uint8Array | string> = []
        group.decrypt(user, MockDave.protect(frame, epoch), (result) => results.push(result))
        return results
      }
      assert.deepStrictEqual(opened(other, 1), ["NotMember"])
      yield* group.proposals("append", frame, [me, other])
      yield* group.welcome(frame)
      assert.deepStrictEqual(opened(other, 1), [frame])
      assert.deepStrictEqual(opened(other, 2), ["Undecryptable"])
      assert.deepStrictEqual(opened(third, 1), ["NotMember"])
      assert.strictEqual(yield* group.verificationCode(other), "2".padStart(45, "0"))
      assert.strictEqual((yield* Effect.flip(group.verificationCode(third))).detail, "NotMember")
    }).pipe(Effect.provide(MockDave.layer)))

  it.effect("refuses the given operations as often as told", () =>
    Effect.gen(function*() {
      const control = yield* MockDave.MockDave
      const group = yield* open
      yield* control.refuse("welcome")
      yield* control.refuse("commit", "stale")
      yield* group.create(1)
      assert.deepInclude(yield* Effect.flip(group.commit(Uint8Array.of(1))), { operation: "commit", detail: "stale" })
      assert.strictEqual((yield* Effect.flip(group.welcome(Uint8Array.of(1)))).detail, "refused by the test")
      assert.isUndefined(group.membership())
      yield* group.commit(Uint8Array.of(1))
      yield* group.welcome(Uint8Array.of(1))
      assert.strictEqual(group.membership()?.epoch, 2)
    }).pipe(Effect.provide(MockDave.layer)))
})
