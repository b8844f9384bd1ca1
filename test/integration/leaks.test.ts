import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, References } from "effect"
import * as EmulatorRandom from "../../src/emulator/core/Random.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Mixer from "../../src/Mixer.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import * as Model from "./model.ts"
import * as Rig from "./rig.ts"
import * as Tap from "./tap.ts"
import * as VirtualTime from "./virtualTime.ts"
import * as Visits from "./visits.ts"

describe("a thousand visits", () => {
  it.effect("leave nothing behind in memory", () =>
    Effect.andThen(
      Effect.scoped(Layer.build(Layer.merge(VoiceCrypto.layer, Mixer.layer))),
      VirtualTime.run((timers) => {
        const random = EmulatorRandom.make(5)
        const fibers = Model.countingFibers()
        const tap = Tap.make()
        return Effect.gen(function*() {
          /** After everything that ends by itself has ended. */
          const count = Effect.map(Effect.sleep("10 minutes"), () => ({
            timers: timers(),
            fibers: fibers.running(),
            sockets: [tap.voice.open, tap.datagram.open, tap.gateway.open]
          }))
          yield* Visits.visit(random, 0)
          const before = yield* count
          for (let i = 0; i < 1_000; i++) yield* Visits.visit(random, i)
          assert.deepStrictEqual(yield* count, before)
          yield* Rig.left
          const discord = yield* Emulator.Emulator
          assert.deepStrictEqual(yield* discord.violations, [])
          assert.isAbove(tap.voice.made, 1_000)
        }).pipe(
          Effect.provide(Rig.inMemory(tap.layer)),
          Effect.provideService(Metric.FiberRuntimeMetrics, fibers.service),
          Effect.provideService(References.MinimumLogLevel, "None")
        )
      }, 10_000_000)
    ), 300_000)

  it.live("leave nothing behind on loopback, some tens of them", () => Visits.leavesNothing(30), 120_000)
})
