import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as Dispatches from "../../src/gateway/Dispatches.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Rig from "../integration/rig.ts"

const gone = VoiceError.make(new VoiceError.GatewayFailed({ detail: "gone" }))

const textOf = (s: number) => JSON.stringify({ op: 0, t: "TYPING_START", s, d: { nested: [s] } })

describe("Dispatches", () => {
  it.effect("are passed on as they came to those who listen by then, and end with the client", () =>
    Effect.gen(function*() {
      const source = yield* Dispatches.make
      yield* source.publish(textOf(1))
      const heard: Array<Dispatches.Dispatch> = []
      const listening = yield* source.service.subscribe.pipe(
        Effect.flatMap(Stream.runForEach((dispatch) => Effect.sync(() => heard.push(dispatch)))),
        Effect.scoped,
        Effect.flip,
        Effect.forkChild({ startImmediately: true })
      )
      yield* Effect.yieldNow
      yield* source.publish(textOf(2))
      yield* source.finish(gone)
      yield* source.finish(VoiceError.make(new VoiceError.GatewayFailed({ detail: "gone once more" })))
      assert.strictEqual(yield* Fiber.join(listening), gone)
      assert.deepStrictEqual(heard, [{ t: "TYPING_START", s: 2, d: { nested: [2] } }])
      const late = yield* source.service.subscribe.pipe(Effect.flatMap(Stream.runDrain), Effect.scoped, Effect.flip)
      assert.strictEqual(late, gone)
    }))

  it.effect("are not read while nobody listens, nor afterwards", () =>
    Effect.gen(function*() {
      const source = yield* Dispatches.make
      yield* source.publish("no JSON")
      yield* Effect.scoped(Effect.asVoid(source.service.subscribe))
      yield* source.publish("no JSON")
    }))

  it.effect("include voice and other events of the library's own client", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { subscribe } = yield* Gateway.Dispatches
      const dispatches = yield* subscribe
      const listening = yield* dispatches.pipe(
        Stream.filter(({ t }) => t === "CHANNEL_CREATE" || t === "VOICE_SERVER_UPDATE"),
        Stream.take(2),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      // the client has to be logged in
      yield* Effect.flatMap(Gateway.Gateway, ({ userId }) => userId)
      const channel = yield* discord.createChannel({ name: "new" })
      yield* Rig.join("lobby")
      const [created, server] = yield* Fiber.join(listening)
      assert.strictEqual(created?.t, "CHANNEL_CREATE")
      assert.deepInclude(created?.d, { id: channel, name: "new" })
      assert.strictEqual(server?.t, "VOICE_SERVER_UPDATE")
      assert.isAbove(server?.s ?? 0, created?.s ?? 0)
    })).pipe(Effect.provide(Rig.memory())))
})
