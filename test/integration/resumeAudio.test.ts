import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type { ReceivedFrame } from "../../src/receive/ReceivedFrame.ts"
import * as Rig from "./rig.ts"

/** How long the server makes the bot wait before it can resume its cut voice WebSocket. */
const awayMs = 4_000

const heardOver = (e2ee: boolean, spoken: ReturnType<typeof Rig.frames>) =>
  Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    const ada = yield* Rig.guest("lobby", "ada", { e2ee })
    const session = yield* Rig.join("lobby")
    yield* Rig.encrypted(session, e2ee ? ada.userId : undefined)
    const frames: Array<ReceivedFrame> = []
    yield* session.receive.frames.pipe(
      Stream.runForEach((frame) => Effect.sync(() => frames.push(frame))),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Effect.sleep("1 second")
    yield* Effect.orDie(
      discord.faults.when({ user: "bot", point: "voice-out", op: 8, nth: 1 }, { delayMs: awayMs })
    )
    yield* Effect.orDie(discord.faults.terminateVoice("bot"))
    yield* Effect.sleep("50 millis")
    assert.strictEqual((yield* session.state)._tag, "Resuming")
    const late = yield* Rig.guest("lobby", "late", { e2ee })
    yield* late.speak(spoken, { trailingSilence: false })
    yield* Effect.sleep("5 seconds")
    const statistics = yield* session.statistics
    assert.strictEqual(statistics.resumes, 1)
    yield* Rig.blameless
    const theirs = frames.filter(({ userId }) => userId === late.userId)
    // it was heard late, but with the right times
    const first = theirs[0]?.atMs ?? NaN
    for (const [i, { atMs }] of theirs.entries()) assert.closeTo(atMs, first + i * 20, 1)
    assert.isAtMost(session.receive.statistics(late.userId)?.jitterMs ?? NaN, 20)
    return { theirs, statistics }
  })

describe("a member who came and spoke while the voice WebSocket was lost", () => {
  it.effect("is heard from the first word on", () =>
    Rig.run(Effect.gen(function*() {
      const spoken = Rig.frames(200, 1)
      const { theirs } = yield* heardOver(false, spoken)
      assert.deepStrictEqual(theirs.map(({ data }) => data), Rig.payloads(spoken))
    })).pipe(Effect.provide(Rig.memory({ profile: Rig.open }))))

  it.effect("is heard, encrypted, from the moment it was in the group", () =>
    Rig.run(Effect.gen(function*() {
      const spoken = Rig.frames(200, 1)
      const { statistics, theirs } = yield* heardOver(true, spoken)
      // what the emulator held back: nobody waits longer than two seconds for a member who is not ready
      const withheld = spoken.length - statistics.packetsReceived
      assert.isAtMost(withheld, 2_100 / 20)
      assert.deepStrictEqual(theirs.map(({ data }) => data), Rig.payloads(spoken.slice(withheld)))
      assert.deepInclude(statistics, { unknownSenders: 0, undecryptable: 0, fromNonMembers: 0, e2eeRecoveries: 0 })
    })).pipe(Effect.provide(Rig.memory())))
})
