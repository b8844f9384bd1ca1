import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Gateway from "../../src/Gateway.ts"
import { GuildId } from "../../src/protocol/Identifier.ts"
import * as Leaves from "../../src/session/Leaves.ts"
import * as MockGateway from "../../src/testing/MockGateway.ts"
import { guildId, home, other } from "./rig.ts"

const second = 1_000_000_000n

/** Leaves on a clock that the test sets. */
const rig = Effect.gen(function*() {
  const gateway = yield* Gateway.Gateway
  let nanos = 0n
  return {
    make: (guild: GuildId = guildId) => Leaves.make(gateway, guild, () => nanos),
    pass: (seconds: bigint) => {
      nanos += seconds * second
    }
  }
})

const test = (name: string, body: (given: Effect.Success<typeof rig>) => Effect.Effect<void> | void) =>
  it.effect(
    name,
    () => Effect.flatMap(rig, (given) => body(given) ?? Effect.void).pipe(Effect.provide(MockGateway.layer()))
  )

describe("Leaves", () => {
  test("recognizes the answer to a leave that a request has followed, once for each leave", ({ make }) => {
    const leaves = make()
    assert.isFalse(leaves.answered())
    leaves.say().sent()
    leaves.say().sent()
    leaves.asked()
    assert.deepStrictEqual([leaves.answered(), leaves.answered(), leaves.answered()], [true, true, false])
    leaves.say().sent()
    assert.isFalse(leaves.answered())
    leaves.asked()
    assert.isFalse(leaves.answered())
  })

  test("waits ten seconds for an answer, counted from when the leave was sent", ({ make, pass }) => {
    const leaves = make()
    const leave = leaves.say()
    leaves.asked()
    pass(60n)
    leave.sent()
    pass(9n)
    assert.isTrue(leaves.answered())
    leaves.say().sent()
    leaves.asked()
    pass(10n)
    assert.isFalse(leaves.answered())
  })

  test("hands over no leave that was sent in an outage, where nobody received it", ({ make, pass }) => {
    const former = make()
    former.say().sent()
    pass(1n)
    former.out()
    former.say().sent()
    former.handOver()
    pass(1n)
    const next = make()
    next.out()
    next.asked()
    next.back()
    assert.deepStrictEqual([next.answered(), next.answered()], [true, false])
  })

  test("hands over a leave that was sent after an outage", ({ make, pass }) => {
    const former = make()
    former.out()
    pass(5n)
    former.back()
    pass(1n)
    former.say().sent()
    former.handOver()
    const next = make()
    next.asked()
    assert.isTrue(next.answered())
  })

  test("expects no answer to a leave that was never sent", ({ make }) => {
    const leaves = make()
    const leave = leaves.say()
    leaves.asked()
    leave.failed()
    assert.isFalse(leaves.answered())
  })

  test("expects no answer from a former main session, except to leaves that waited for the next", ({ make, pass }) => {
    const leaves = make()
    const open = () => {
      leaves.asked()
      return leaves.answered()
    }
    leaves.say().sent()
    leaves.newSession()
    assert.isFalse(open())
    leaves.say().sent()
    pass(1n)
    leaves.lost()
    leaves.newSession()
    assert.isFalse(open())
    const waits = leaves.say()
    leaves.lost()
    leaves.newSession()
    waits.sent()
    assert.isTrue(open())
    // the first loss counts, and so does what was sent right after it
    leaves.lost()
    leaves.say().sent()
    pass(1n)
    leaves.lost()
    leaves.newSession()
    assert.isTrue(open())
    leaves.say().sent()
    leaves.newSession()
    assert.isFalse(open())
    leaves.lost()
    pass(1n)
    leaves.say().sent()
    leaves.resumed()
    leaves.newSession()
    assert.isFalse(open())
  })

  test("expects no answer to a leave after a request in vain once another channel was granted", ({ make }) => {
    const former = make()
    former.say(home).sent()
    former.say(other).sent()
    former.handOver()
    const leaves = make()
    leaves.granted(other)
    leaves.asked()
    // the second request, which comes late, or the third
    leaves.granted(other)
    assert.deepStrictEqual([leaves.answered(), leaves.answered()], [true, false])
    leaves.say(home).sent()
    leaves.asked()
    leaves.granted(home)
    leaves.granted(other)
    assert.isFalse(leaves.answered())
    // a leave from within a channel is answered, wherever a moderator has moved the bot before
    leaves.say().sent()
    leaves.asked()
    leaves.granted(other)
    assert.isTrue(leaves.answered())
    const waits = leaves.say(home)
    leaves.asked()
    leaves.granted(other)
    waits.sent()
    assert.isTrue(leaves.answered())
  })

  test("hands over open leaves to the next session in the guild, and to no other", ({ make, pass }) => {
    const former = make()
    const waits = former.say()
    former.handOver()
    const elsewhere = make(GuildId.make("11"))
    elsewhere.asked()
    assert.isFalse(elsewhere.answered())
    const next = make()
    next.asked()
    pass(60n)
    waits.sent()
    assert.isTrue(next.answered())
    next.handOver()
    const last = make()
    last.asked()
    assert.isFalse(last.answered())
  })

  test("recognizes the answer to a leave that only an interrupted request has followed", ({ make }) =>
    Effect.gen(function*() {
      const leaves = make()
      const waits = leaves.say()
      yield* Fiber.interrupt(yield* Effect.forkChild(leaves.settle, { startImmediately: true }))
      waits.sent()
      assert.isTrue(leaves.answered())
    }))

  test("counts an outage, or a loss of the main session, from when it was first reported", ({ make, pass }) => {
    const [leaves, others] = [make(), make(GuildId.make("77"))]
    leaves.out()
    others.lost()
    pass(1n)
    for (const one of [leaves, others]) one.say().sent()
    pass(1n)
    leaves.out()
    others.lost()
    pass(5n)
    leaves.back()
    others.newSession()
    for (const one of [leaves, others]) one.asked()
    assert.isFalse(leaves.answered(), "nobody has heard it in the outage")
    assert.isTrue(others.answered(), "it has waited for the next session")
  })

  test("expects no answer to a leave in an outage, except just before its end", ({ make, pass }) => {
    for (const [before, answers] of [[1n, [true, false]], [0n, [true, true]]] as const) {
      const leaves = make()
      leaves.out()
      pass(5n)
      leaves.say().sent()
      leaves.asked()
      pass(before)
      leaves.back()
      // a session does this that does not know whether the first one was received
      leaves.say().sent()
      leaves.asked()
      assert.deepStrictEqual<ReadonlyArray<boolean>>(
        [leaves.answered(), leaves.answered()],
        answers,
        `${before} s before its end`
      )
    }
  })

  for (const how of ["sent", "failed"] as const) {
    test(`is settled when the last leave that waited was ${how}`, ({ make }) =>
      Effect.gen(function*() {
        const former = make()
        former.say().sent()
        yield* former.settle
        const waits = former.say()
        former.handOver()
        const leaves = make()
        const settling = yield* Effect.forkChild(leaves.settle, { startImmediately: true })
        assert.isUndefined(settling.pollUnsafe())
        waits[how]()
        yield* Fiber.join(settling)
      }))
  }
})
