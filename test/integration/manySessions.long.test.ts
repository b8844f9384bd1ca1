import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Stream } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import { run } from "./virtualTime.ts"

/** As many as take several minutes to join, at 120 messages a minute. */
const count = 150

const layer = Layer.unwrap(Emulator.Emulator.useSync((discord) => discord.layerVoice("bot"))).pipe(
  Layer.provideMerge(Emulator.layerMemory({ network: { latencyMs: 20 } }))
)

/** All sessions, joined at the same time. */
const joined = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const places = yield* Effect.forEach(Array.from({ length: count }, (_, i) => i), (i) =>
    Effect.all({
      guildId: discord.createGuild({ name: `guild ${i}` }),
      channelId: discord.createChannel({ guild: `guild ${i}`, name: `channel ${i}` })
    }))
  return yield* Effect.forEach(places, (place) => VoiceSession.join(place), { concurrency: "unbounded" })
})

const awaitReady = (sessions: ReadonlyArray<VoiceSession.VoiceSession>) =>
  Effect.forEach(
    sessions,
    ({ changes }) => Stream.runDrain(Stream.takeUntil(changes, ({ _tag }) => _tag === "Ready" || _tag === "Closed")),
    { concurrency: "unbounded", discard: true }
  )

const losses = {
  "that all lose their voice sessions": Emulator.Emulator.use(({ faults }) => faults.closeVoice("bot", 4006)),
  "whose main gateway begins a new session": Emulator.Emulator.use(({ faults }) => faults.dropGatewaySession("bot"))
}

describe("many sessions on one main gateway", () => {
  it.live.each(Object.entries(losses))("%s recover within Discord's message limit", ([, lose]) =>
    run(
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const sessions = yield* joined
        yield* Effect.sleep("1 minute")
        yield* lose
        const lostMs = yield* Clock.currentTimeMillis
        yield* Effect.sleep("1 second")
        const waiting = yield* Effect.forkScoped(awaitReady(sessions))
        yield* Fiber.join(waiting)
        const states = yield* Effect.forEach(sessions, ({ state }) => state)
        assert.isTrue(states.every(({ _tag }) => _tag === "Ready"))
        assert.isAtMost((yield* Clock.currentTimeMillis) - lostMs, 3 * 60_000)
        assert.deepStrictEqual(yield* discord.violations, [])
      }).pipe(Effect.scoped, Effect.provide(layer)),
      20 * 60_000
    ))
})
