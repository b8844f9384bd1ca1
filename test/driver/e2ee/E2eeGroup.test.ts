import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as Dave from "../../../src/Dave.ts"
import { E2eeGroup } from "../../../src/driver/e2ee/E2eeGroup.ts"
import { ChannelId, UserId } from "../../../src/protocol/Identifier.ts"
import * as MockDave from "../../../src/testing/MockDave.ts"
import type * as VoiceError from "../../../src/VoiceError.ts"

const self = UserId.make("30")
const bytes = Uint8Array.of(1, 2, 3)

/** What a group sends and reports, as `op` or `op:id`, `begin`, and `joined:id`, with a `!` if the group is new. */
const rig = Effect.gen(function*() {
  const dave = yield* Dave.Dave
  const mock = yield* MockDave.MockDave
  const said: Array<string> = []
  const failures: Array<VoiceError.VoiceError> = []
  const group = new E2eeGroup({
    group: yield* dave.open({ userId: self, channelId: ChannelId.make("20") }),
    send: (message) => said.push(message.op === 31 ? `31:${message.d.transition_id}` : `${message.op}`),
    onBegin: () => said.push("begin"),
    onJoined: (transition, isNew) => said.push(`joined:${transition}${isNew ? "!" : ""}`),
    onFailed: (error) => failures.push(error)
  })
  return {
    mock,
    group,
    failures,
    take: () => said.splice(0),
    propose: group.propose({ op: 27, seq: 0, operation: "append", payload: bytes }, [self]),
    commit: (transitionId: number) => group.take({ op: 29, seq: 0, transitionId, commit: bytes }),
    welcome: (transitionId: number) => group.take({ op: 30, seq: 0, transitionId, welcome: bytes })
  }
})

const test = (name: string, body: Effect.Effect<unknown, unknown, Dave.Dave | MockDave.MockDave | Scope.Scope>) =>
  it.effect(name, () => Effect.asVoid(body).pipe(Effect.provide(MockDave.layer)))

describe("E2eeGroup", () => {
  test(
    "begins with a key package, and exists from the first commit or Welcome on",
    Effect.gen(function*() {
      const { commit, group, take, welcome } = yield* rig
      yield* group.begin(1)
      assert.deepStrictEqual(take(), ["begin", "26"])
      assert.isTrue(group.isBeginning())
      assert.isFalse(group.isPreparing())
      assert.isDefined(group.keyPackage())
      assert.isTrue(yield* welcome(4))
      assert.deepStrictEqual(take(), ["joined:4!"])
      assert.isFalse(group.isBeginning())
      assert.isUndefined(group.keyPackage())
      assert.deepInclude(group.membership(), { epoch: 1 })
      assert.isTrue(yield* commit(5))
      assert.deepStrictEqual(take(), ["joined:5"])
      assert.deepInclude(group.membership(), { epoch: 2 })
    })
  )

  test(
    "does not exist at version 0",
    Effect.gen(function*() {
      const { group, take, welcome } = yield* rig
      yield* group.begin(1)
      yield* welcome(0)
      take()
      yield* group.begin(0)
      assert.deepStrictEqual(take(), [])
      assert.isUndefined(group.membership())
      assert.isFalse(group.isBeginning())
      // nor is one asked for any more
      yield* group.begin(1)
      yield* group.begin(0)
      take()
      group.resend()
      assert.deepStrictEqual(take(), [])
      assert.isUndefined(group.keyPackage())
      assert.isFalse(group.isBeginning())
    })
  )

  test(
    "fails permanently if the engine cannot make one",
    Effect.gen(function*() {
      const { failures, group, mock, take } = yield* rig
      yield* mock.refuse("create", "broken")
      yield* group.begin(1)
      assert.deepStrictEqual(take(), ["begin"])
      assert.deepInclude(failures[0]?.reason, { _tag: "E2eeFailed", kind: "Engine", detail: "broken" })
    })
  )

  test(
    "counts what it rejects, and asks to be added again only for what concerns the bot",
    Effect.gen(function*() {
      const { commit, group, mock, propose, take, welcome } = yield* rig
      yield* group.begin(1)
      yield* mock.refuse("external-sender")
      yield* group.setExternalSender(bytes)
      yield* mock.refuse("proposals")
      yield* propose
      yield* mock.refuse("commit")
      assert.isFalse(yield* commit(7))
      take()
      yield* group.askAnew(7)
      assert.deepStrictEqual(take(), ["31:7", "begin", "26"])
      // messages of the former group, which continues without the bot
      yield* mock.refuse("commit")
      assert.isTrue(yield* commit(8))
      yield* mock.refuse("welcome")
      assert.isFalse(yield* welcome(9))
      assert.deepStrictEqual(take(), [])
      assert.strictEqual(group.rejections(), 5)
    })
  )

  test(
    "sends what was not answered again, and nothing that has an answer",
    Effect.gen(function*() {
      const { commit, group, propose, take, welcome } = yield* rig
      group.resend()
      assert.deepStrictEqual(take(), [])
      yield* group.askAnew(3)
      yield* group.beginForAll(1)
      yield* group.askAnew(4)
      yield* propose
      take()
      group.resend()
      assert.deepStrictEqual(take(), ["31:4", "26", "28"])
      yield* group.beginForAll(1)
      take()
      group.resend()
      assert.deepStrictEqual(take(), ["26"])
      yield* welcome(0)
      take()
      group.resend()
      assert.deepStrictEqual(take(), [])
      // each of them for itself
      yield* propose
      yield* commit(1)
      take()
      group.resend()
      assert.deepStrictEqual(take(), [])
      yield* group.askAnew(5)
      yield* welcome(6)
      take()
      group.resend()
      assert.deepStrictEqual(take(), [])
    })
  )

  test(
    "does not repeat a commit that later proposals have made invalid",
    Effect.gen(function*() {
      const { group, propose, take, welcome } = yield* rig
      yield* group.begin(1)
      yield* welcome(0)
      yield* propose
      yield* group.propose({ op: 27, seq: 1, operation: "revoke", payload: bytes }, [self])
      take()
      group.resend()
      assert.deepStrictEqual(take(), [])
    })
  )

  test(
    "continues at another version, and asks to be added again at that version",
    Effect.gen(function*() {
      const { group, mock, welcome } = yield* rig
      yield* group.begin(1)
      yield* welcome(0)
      group.goOn(2)
      assert.strictEqual(group.version(), 2)
      assert.isDefined(group.membership())
      yield* group.askAnew(3)
      const created = (yield* mock.operations).filter(({ operation }) => operation === "create")
      assert.deepStrictEqual(created.map(({ bytes }) => bytes[0]), [1, 2])
    })
  )
})
