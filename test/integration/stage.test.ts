import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as Rig from "./rig.ts"

/** What somebody else's gateway receives about the bot. */
const heardOf = Effect.fnUntraced(function*(user: string) {
  const discord = yield* Emulator.Emulator
  const { id } = yield* discord.user(user)
  const context = yield* Layer.build(discord.layerGateway("onlooker"))
  const events = yield* Effect.provide(Effect.flatMap(Gateway.Gateway, ({ subscribe }) => subscribe), context)
  const heard: Array<readonly [suppress: boolean, asks: boolean]> = []
  yield* events.pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        if (event._tag !== "VoiceState" || event.state.user_id !== id) return
        const { request_to_speak_timestamp: asked, suppress } = event.state
        heard.push([suppress, typeof asked === "string"])
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.sleep("1 second")
  return heard
})

const moderators: Emulator.WorldOptions = { users: [{ name: "bot", bot: true, moderator: true }] }

describe("the bot's role in a stage", () => {
  it.effect("can be requested, and a refusal is reported in Discord's words", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const heard = yield* heardOf("bot")
      const session = yield* Rig.join("stage")
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(heard, [[true, false]])
      yield* session.setStage("request")
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(heard.slice(1), [[true, true]])
      yield* session.setStage("audience")
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(heard.at(-1), [true, false])
      const refused = yield* Effect.flip(session.setStage("speaker"))
      assert.strictEqual(refused.reason._tag, "GatewayFailed")
      assert.include(refused.message, "(403): Missing Permissions")
      assert.isTrue((yield* session.restrictions).suppress)
      yield* discord.faults.when({ point: "rest", nth: 1 }, "drop")
      const cut = yield* Effect.flip(session.setStage("request"))
      assert.match(cut.message, /could not be sent: .* TypeError/)
      yield* session.move(yield* discord.channel("lobby"))
      assert.include((yield* Effect.flip(session.setStage("request"))).message, "(400): Invalid Form Body")
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("can be taken by a moderator, and given back", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* Rig.join("stage")
      for (const part of ["audience", "speaker", "audience"] as const) {
        yield* session.setStage(part)
        yield* Effect.sleep("1 second")
        assert.strictEqual((yield* session.restrictions).suppress, part === "audience")
      }
    })).pipe(Effect.provide(Rig.memory({ world: moderators }))))

  it.effect("is Unsupported with a gateway of another library", () =>
    Rig.run(Effect.gen(function*() {
      const { setStage: _, ...gateway } = yield* Gateway.Gateway
      const session = yield* Effect.provideService(Rig.join("stage"), Gateway.Gateway, gateway)
      const error = yield* Effect.flip(session.setStage("request"))
      assert.strictEqual(error.reason._tag, "Unsupported")
    })).pipe(Effect.provide(Rig.memory())))
})
