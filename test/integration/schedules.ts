import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Stream } from "effect"
import * as FaultSchedule from "../../src/emulator/core/FaultSchedule.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Rig from "./rig.ts"

const durationMs = 60_000

/** A bot that plays, listens, and comes back a second after every loss. */
const persistent = Effect.gen(function*() {
  const session = yield* Rig.join("lobby", { joinTimeout: "10 seconds" })
  yield* session.packets.pipe(Stream.runDrain, Effect.ignore, Effect.forkScoped({ startImmediately: true }))
  const track = yield* session.play(Rig.source(150))
  yield* track.awaitEnd
  yield* session.awaitClosed
}).pipe(Effect.scoped, Effect.ignore, Effect.andThen(Effect.sleep("1 second")), Effect.forever)

/**
 * Plays a schedule against the bot. Whatever it meets, the emulator has no reason to complain of it. On failure the message
 * has the schedule, which can be cut shorter and run again.
 */
export const replay = Effect.fnUntraced(function*(schedule: FaultSchedule.Schedule, seed: number) {
  const program = Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    const guest = yield* Rig.guest()
    yield* Effect.forkScoped(persistent, { startImmediately: true })
    yield* Effect.forkScoped(
      guest.speak(Rig.frames(25, 1)).pipe(Effect.ignore, Effect.andThen(Effect.sleep("1 second")), Effect.forever)
    )
    const playing = yield* discord.faults.play(schedule)
    yield* Effect.sleep(durationMs)
    const played = yield* playing.played
    assert.lengthOf(played, schedule.length)
    const verdicts = [...(yield* discord.violations), ...(yield* discord.advice)]
    assert.deepStrictEqual(verdicts, [], JSON.stringify(verdicts))
    return played.filter(({ found }) => found).map(({ incident }) => incident._tag)
  })
  return yield* Rig.run(program).pipe(
    Effect.provide(Rig.memory({ seed, network: { latencyMs: 20, jitterMs: 10 } }), { local: true }),
    Effect.exit,
    Effect.flatMap((exit) =>
      Exit.isSuccess(exit) ? Effect.succeed(exit.value) : Effect.die(
        new Error(`seed ${seed}: ${Cause.pretty(exit.cause)}\n${JSON.stringify(schedule)}`)
      )
    )
  )
})

/** Draws and plays schedules, one after the other, and counts what has happened. */
export const runAll = Effect.fnUntraced(function*(from: number, count: number) {
  const happened = new Map<FaultSchedule.Kind, number>()
  for (let seed = from; seed < from + count; seed++) {
    const schedule = FaultSchedule.draw({ seed, users: "bot", meanIntervalMs: 4_000, durationMs: durationMs - 5_000 })
    for (const kind of yield* replay(schedule, seed)) happened.set(kind, (happened.get(kind) ?? 0) + 1)
  }
  return happened
})
