import { assert } from "@effect/vitest"
import { Effect, References } from "effect"
import * as EmulatorRandom from "../../src/emulator/core/Random.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Rig from "./rig.ts"

type Random = ReturnType<typeof EmulatorRandom.make>

const happenings: ReadonlyArray<(faults: Emulator.Faults) => Effect.Effect<void, Emulator.EmulatorError>> = [
  () => Effect.void,
  (faults) => faults.terminateVoice("bot"),
  (faults) => faults.closeVoice("bot", 4006),
  (faults) => faults.closeVoice("bot", 4015),
  (faults) => faults.closeVoice("bot", 4021),
  (faults) => faults.expireVoice("bot"),
  (faults) => faults.rekeyVoice("bot"),
  (faults) => faults.moveServer("lobby"),
  (faults) => faults.kick("bot")
]

/** Recovery from these is slow, because a main gateway is not asked again at once. */
const rareHappenings: typeof happenings = [
  (faults) => faults.terminateGateway("bot"),
  (faults) => faults.reconnectGateway("bot"),
  (faults) => faults.dropGatewaySession("bot")
]

/** The most milliseconds until something happens, and from then on. */
export interface Stay {
  readonly beforeMs: number
  readonly afterMs: number
}

const leisurely: Stay = { beforeMs: 100, afterMs: 700 }

/** The limit of messages is reached soon, and sessions end before their requests are answered. */
export const hasty: Stay = { beforeMs: 20, afterMs: 60 }

/** Joins, plays, has something happen to it, and leaves: in the middle of that, after it, or because of it. */
export const visit = Effect.fnUntraced(function*(random: Random, number: number, stay: Stay = leisurely) {
  const { faults } = yield* Emulator.Emulator
  const list = number % 50 === 49 ? rareHappenings : happenings
  const happen = list[random.int(list.length)] ?? assert.fail("there are happenings")
  yield* Effect.gen(function*() {
    const session = yield* Rig.join("lobby")
    yield* session.play(Rig.source(200), { loop: "forever" })
    yield* Effect.sleep(random.int(stay.beforeMs))
    yield* Effect.ignore(happen(faults))
    yield* Effect.sleep(random.int(stay.afterMs))
  }).pipe(
    Effect.scoped,
    // the main gateway may be away
    Effect.catchReason("VoiceError", "JoinTimedOut", () => Effect.void),
    Effect.timeoutOrElse({
      duration: "2 minutes",
      orElse: () => Effect.sync((): void => assert.fail(`visit ${number} hangs`))
    })
  )
})

/**
 * What keeps this process awake, by kind: sockets, timers and the like. The machine closes sockets in its own time, so it is
 * what two looks in a row have seen.
 */
const resources: Effect.Effect<ReadonlyArray<string>> = Effect.gen(function*() {
  let last: ReadonlyArray<string> = []
  while (true) {
    yield* Effect.sleep("100 millis")
    const now = process.getActiveResourcesInfo().toSorted()
    if (now.join() === last.join()) return now
    last = now
  }
})

/** Makes this many visits over real sockets, and compares what the process holds before and after. */
export const leavesNothing = (count: number) =>
  Effect.gen(function*() {
    const random = EmulatorRandom.make(6)
    const some = (from: number, count: number) =>
      Effect.gen(function*() {
        for (let i = from; i < from + count; i++) yield* visit(random, i)
      }).pipe(
        Effect.provide(Rig.loopback(), { local: true }),
        Effect.provideService(References.MinimumLogLevel, "None")
      )
    // things that are made once in a process
    yield* some(0, 1)
    const before = yield* resources
    yield* some(0, count)
    yield* Rig.settled(Effect.map(resources, (now) => assert.deepStrictEqual(now, before)))
  })
