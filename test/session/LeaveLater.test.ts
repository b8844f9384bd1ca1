import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, Scope } from "effect"
import * as Claim from "../../src/session/Claim.ts"
import * as LeaveLater from "../../src/session/LeaveLater.ts"
import * as Time from "../../src/testing/Time.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import { rig, start, test } from "./gateway.ts"
import { guildId, home, voiceState } from "./rig.ts"

const availability = (isAvailable: boolean) => ({ _tag: "Availability", guildId, isAvailable }) as const

/** A guild that is to be left when its outage is over. */
const outage = Effect.gen(function*() {
  const it = yield* rig()
  yield* it.say(availability(false))
  return { ...it, later: yield* start(LeaveLater.afterOutage(it.gateway, guildId)) }
})

describe("LeaveLater", () => {
  test(
    "leaves when the outage is over, once, however many sessions wanted to",
    Effect.gen(function*() {
      const { gateway, later, say, take, waiting } = yield* outage
      yield* Fiber.join(yield* start(LeaveLater.afterOutage(gateway, guildId)))
      yield* Time.advance("1 hour")
      assert.strictEqual(yield* waiting, 0)
      yield* say(voiceState(home), availability(true))
      assert.deepInclude(yield* take, { guild_id: guildId, channel_id: null })
      assert.isDefined(later.pollUnsafe())
      assert.strictEqual(yield* waiting, 0)
      // and for the next outage
      yield* say(availability(false))
      yield* start(LeaveLater.afterOutage(gateway, guildId))
      yield* say(availability(true))
      assert.isNull((yield* take).channel_id)
    })
  )

  test(
    "leaves nothing if there is another session in the guild",
    Effect.gen(function*() {
      const { gateway, later, say, waiting } = yield* outage
      const scope = yield* Scope.make()
      yield* Scope.provide(Claim.claim(gateway, guildId, { channelId: home }), scope)
      yield* say(availability(true))
      assert.isDefined(later.pollUnsafe())
      assert.strictEqual(yield* waiting, 0)
    })
  )

  for (const what of ["a new session", "the removal from the guild", "the end"] as const) {
    test(
      `leaves nothing if the main gateway reports ${what}`,
      Effect.gen(function*() {
        const { end, later, pushLifecycle, say, waiting } = yield* outage
        if (what === "the end") yield* end(new VoiceError.GatewayFailed({ detail: "gone" }))
        else if (what === "a new session") yield* pushLifecycle("NewSession")
        else {
          const error = VoiceError.make(new VoiceError.RemovedFromGuild({ guildId }))
          yield* say({ _tag: "Detached", guildId, error })
        }
        yield* Time.advance("1 millis")
        assert.isDefined(later.pollUnsafe())
        yield* say(availability(true))
        assert.strictEqual(yield* waiting, 0)
      })
    )
  }
})
