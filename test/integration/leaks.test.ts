import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Random, References } from "effect"
import * as EmulatorRandom from "../../src/emulator/core/Random.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Mixer from "../../src/Mixer.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import * as Model from "./model.ts"
import * as Rig from "./rig.ts"
import * as Tap from "./tap.ts"
import * as VirtualTime from "./virtualTime.ts"
import * as Visits from "./visits.ts"

describe("hundreds of visits", () => {
  for (
    const [what, count, stay, seed] of [
      ["nothing behind in memory", 500, undefined, 5],
      ["nothing behind for the next visit when they are short", 300, Visits.hasty, 1],
      ["nothing behind for the next visit when they are short", 300, Visits.hasty, 2]
    ] as const
  ) {
    it.effect(`leave ${what} (${count} visits, seed ${seed})`, () =>
      Effect.andThen(
        Effect.scoped(Layer.build(Layer.merge(VoiceCrypto.layer, Mixer.layer))),
        VirtualTime.run((timers) => {
          const random = EmulatorRandom.make(seed)
          const fibers = Model.countingFibers()
          const tap = Tap.make()
          return Effect.gen(function*() {
            /** After everything that ends on its own has ended. */
            const held = Effect.map(Effect.sleep("10 minutes"), () => ({
              timers: timers(),
              fibers: fibers.running(),
              sockets: [tap.voice.open, tap.datagram.open, tap.gateway.open]
            }))
            yield* Visits.visit(random, 0, stay)
            const before = yield* held
            for (let i = 0; i < count; i++) yield* Visits.visit(random, i, stay)
            assert.deepStrictEqual(yield* held, before)
            yield* Rig.left
            const discord = yield* Emulator.Emulator
            assert.deepStrictEqual(yield* discord.violations, [])
            assert.isAbove(tap.voice.made, 0.9 * count)
          }).pipe(
            Effect.provide(Rig.inMemory(tap.layer)),
            Effect.provideService(Metric.FiberRuntimeMetrics, fibers.service),
            Effect.provideService(References.MinimumLogLevel, "None"),
            Random.withSeed(seed)
          )
        }, 10_000_000)
      ), 300_000)
  }

  it.live("leave nothing behind on loopback (30 visits)", () => Visits.leavesNothing(30), 120_000)
})
