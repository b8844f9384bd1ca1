import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type * as FaultSchedule from "../../src/emulator/core/faults/FaultSchedule.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"

const user = "bot"

/**
 * The main gateway is back and reports what happens, but does not say that it has resumed: nothing is sent to it for
 * half a minute.
 */
const mute: FaultSchedule.Schedule = [
  { atMs: 1_000, incident: { _tag: "CutGateway", user } },
  { atMs: 1_000, incident: { _tag: "WithholdMessage", user, point: "gateway-out", op: "RESUMED", forMs: 20_000 } },
  { atMs: 3_000, incident: { _tag: "ExpireVoice", user } }
]

/** A bot whose main gateway accepted nothing when the bot wanted to leave, and named a place for it in the meantime. */
const visit = (meanwhile: Effect.Effect<unknown, Emulator.EmulatorError, Emulator.Emulator>) =>
  Rig.run(Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    yield* Effect.orDie(discord.createChannel({ name: "other" }))
    const guests = [yield* Rig.guest("lobby"), yield* Rig.guest("other", "second guest")]
    const session = yield* Rig.join("lobby")
    const states: Array<VoiceSession.State["_tag"]> = []
    yield* session.changes.pipe(
      Stream.runForEach(({ _tag }) => Effect.sync(() => states.push(_tag))),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* session.play(Rig.source(5_000))
    yield* Effect.orDie(discord.faults.play(mute))
    yield* Effect.sleep("10 seconds")
    yield* Effect.orDie(meanwhile)
    yield* Effect.sleep("60 seconds")
    // Ready, its voice session lost, 15 seconds of asking in vain, and then permanently up again
    assert.deepStrictEqual(states, [
      "Ready",
      "Resuming",
      "Reconnecting",
      "Joining",
      "Reconnecting",
      "Connecting",
      "Ready"
    ])
    const last = (yield* Effect.forEach(guests, ({ heard }) => heard)).flat().slice(-2_000)
    assert.isAbove(last.at(-1)?.arrivalMs ?? 0, 69_900)
    for (const [i, { arrivalMs }] of last.entries()) {
      assert.isAtMost(arrivalMs - (last[i - 1]?.arrivalMs ?? arrivalMs), 40, `silent at ${arrivalMs} ms`)
    }
    yield* Rig.blameless
  })).pipe(Effect.provide(Rig.memory()))

describe("a main gateway that accepts nothing while voice is lost", () => {
  it.effect("is not told to leave the place that it named in the meantime, on another server", () =>
    visit(Emulator.Emulator.use(({ faults }) => faults.moveServer("lobby"))))

  it.effect("is not told to leave the place that it named in the meantime, in another channel", () =>
    visit(Emulator.Emulator.use(({ faults }) => faults.moveUser(user, "other"))))
})
