import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Voice from "../../src/Voice.ts"
import * as Rig from "./rig.ts"

/** The bot as a program runs it, on the machine's sockets, with its groups in their own thread. */
const live = Layer.unwrap(
  Emulator.Emulator.useSync((discord) => Layer.merge(Voice.layer, discord.layerGateway("bot")))
).pipe(Layer.provideMerge(Emulator.layer()))

describe("groups in their own thread", () => {
  it.live("handle a whole visit", () => Rig.visit.pipe(Effect.scoped, Effect.provide(live)))

  it.live("let audio continue while members come and go, without loss for a member who stays", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest("secure", "stays")
      const session = yield* Rig.join("secure")
      yield* Rig.encrypted(session)
      const spoken = Rig.frames(200, 1)
      const listening = yield* session.packets.pipe(
        Stream.map(({ payload }) => new Uint8Array(payload)),
        Stream.filter((payload) => payload.length > 3),
        Stream.take(spoken.length),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const talking = yield* Effect.forkChild(guest.speak(spoken), { startImmediately: true })
      const track = yield* session.play(Rig.source(200))
      for (const user of ["a", "b", "c"]) {
        const { userId } = yield* Effect.scoped(
          Effect.tap(Rig.guest("secure", user), (other) => Rig.encrypted(session, other.userId))
        )
        yield* Rig.settled(Effect.gen(function*() {
          const { membership, transitioning } = yield* session.e2ee
          assert.isFalse(transitioning)
          assert.notInclude(membership?.members ?? [], userId)
        }))
      }
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      yield* Fiber.join(talking)
      assert.deepStrictEqual(yield* Fiber.join(listening), Rig.payloads(spoken))
      const heard = yield* guest.awaitFrames(200)
      assert.deepStrictEqual(heard.map(({ payload }) => payload), Rig.payloads(Rig.frames(200)))
      assert.isTrue(heard.every(({ encrypted }) => encrypted))
      const { e2eeTransitions, failedToEncrypt, framesEncrypted, undecryptable } = yield* session.statistics
      assert.deepStrictEqual([framesEncrypted, failedToEncrypt, undecryptable], [200, 0, 0])
      assert.isAtLeast(e2eeTransitions, 7)
      assert.strictEqual((yield* session.e2ee).membership?.privacyCode, (yield* guest.e2ee)?.privacyCode)
      assert.strictEqual(yield* session.verificationCode(guest.userId), yield* guest.verificationCode("bot"))
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(live)))
})
