import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber, Result } from "effect"
import * as Arrival from "../../src/session/Arrival.ts"
import * as Whereabouts from "../../src/session/Whereabouts.ts"
import * as Time from "../../src/testing/Time.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import { outcome, rig, silent, someone, start, test } from "./gateway.ts"
import { guildId, home, other, voiceServer, voiceState } from "./rig.ts"

describe("Arrival", () => {
  test(
    "gives the place that the answers make, not an earlier one",
    Effect.gen(function*() {
      const { request, say, take } = yield* rig()
      yield* say(voiceState(home), voiceServer("before"))
      const fiber = yield* request(home)
      assert.deepInclude(yield* take, { channel_id: home, guild_id: guildId })
      yield* say(voiceState(home), voiceState(other, someone))
      assert.isUndefined(fiber.pollUnsafe())
      yield* say(voiceServer("after"))
      assert.strictEqual(yield* outcome(fiber), "after")
    })
  )

  test(
    "accepts neither a server alone nor the state of another channel as an answer",
    Effect.gen(function*() {
      const { request, say, take } = yield* rig()
      yield* say(voiceState(home), voiceServer("before"))
      const fiber = yield* request(home)
      yield* take
      yield* say(voiceServer("alone"))
      assert.isUndefined(fiber.pollUnsafe())
      yield* say(voiceState(other), voiceServer("elsewhere"))
      assert.isUndefined(fiber.pollUnsafe())
      yield* say(voiceState(home))
      assert.strictEqual(yield* outcome(fiber), "elsewhere")
    })
  )

  test(
    "leaves first if it has to, and waits until Discord has taken note",
    Effect.gen(function*() {
      const { request, say, take, waiting } = yield* rig()
      yield* say(voiceState(home), voiceServer("before"))
      const fiber = yield* request(home, true)
      assert.isNull((yield* take).channel_id)
      yield* Time.advance("1 second")
      assert.strictEqual(yield* waiting, 0)
      yield* say(voiceState(null))
      assert.strictEqual((yield* take).channel_id, home)
      yield* say(voiceState(home), voiceServer("after"))
      assert.strictEqual(yield* outcome(fiber), "after")
    })
  )

  test(
    "asks anyway if Discord does not take note within two seconds",
    Effect.gen(function*() {
      const { request, say, take } = yield* rig()
      yield* say(voiceState(home))
      yield* request(home, true)
      assert.isNull((yield* take).channel_id)
      yield* Time.advance("2 seconds")
      assert.strictEqual((yield* take).channel_id, home)
    })
  )

  test(
    "leaves and joins again, once, if no server is named",
    Effect.gen(function*() {
      const { request, say, take, waiting } = yield* rig()
      const fiber = yield* request(home)
      yield* take
      yield* say(voiceState(home))
      yield* Time.advance("4900 millis")
      assert.strictEqual(yield* waiting, 0)
      yield* Time.advance("100 millis")
      assert.isNull((yield* take).channel_id)
      yield* say(voiceState(null))
      assert.strictEqual((yield* take).channel_id, home)
      yield* say(voiceState(home))
      yield* Time.advance("9 seconds")
      assert.strictEqual(yield* waiting, 0)
      yield* say(voiceServer("late"))
      assert.strictEqual(yield* outcome(fiber), "late")
    })
  )

  test(
    "gives a server five seconds after the voice state, however late that is",
    Effect.gen(function*() {
      const { request, say, take, waiting } = yield* rig()
      yield* say(voiceState(home), voiceServer("before"))
      yield* request(home)
      yield* take
      // the place from before is not an answer
      yield* Time.advance("9 seconds")
      yield* say(voiceState(home))
      yield* Time.advance("4900 millis")
      assert.strictEqual(yield* waiting, 0)
      yield* Time.advance("100 millis")
      assert.isNull((yield* take).channel_id)
    })
  )

  test(
    "asks again in a new session, which does not know the request",
    Effect.gen(function*() {
      const { pushLifecycle, request, say, take } = yield* rig()
      const fiber = yield* request(home)
      yield* take
      yield* pushLifecycle("NewSession")
      assert.strictEqual((yield* take).channel_id, home)
      yield* say(voiceState(home), voiceServer("new"))
      assert.strictEqual(yield* outcome(fiber), "new")
    })
  )

  test(
    "asks again if the main gateway resumes and has repeated no answer: the request was lost with the connection",
    Effect.gen(function*() {
      const { pushLifecycle, request, say, take, waiting } = yield* rig()
      const fiber = yield* request(home, true)
      assert.isNull((yield* take).channel_id)
      yield* say(voiceState(null))
      assert.strictEqual((yield* take).channel_id, home)
      yield* pushLifecycle("Lost")
      yield* Time.advance("1 second")
      assert.strictEqual(yield* waiting, 0)
      yield* pushLifecycle("Resumed")
      yield* Time.advance("1 second")
      // it asks for the channel, and does not leave
      assert.strictEqual((yield* take).channel_id, home)
      yield* say(voiceState(home))
      yield* pushLifecycle("Resumed")
      yield* Time.advance("1 second")
      assert.strictEqual(yield* waiting, 0)
      yield* say(voiceServer("granted"))
      assert.strictEqual(yield* outcome(fiber), "granted")
    })
  )

  for (const meanwhile of ["NewSession", "Resumed", "an outage"] as const) {
    test(
      `asks once if there was ${meanwhile} while the request waited to be sent`,
      Effect.gen(function*() {
        const { hold, pushLifecycle, release, request, say, take, waiting } = yield* rig()
        yield* say(voiceState(home))
        yield* hold
        const fiber = yield* request(home)
        if (meanwhile !== "an outage") yield* pushLifecycle(meanwhile)
        else {
          yield* say({ _tag: "Availability", guildId, isAvailable: false })
          yield* say({ _tag: "Availability", guildId, isAvailable: true })
        }
        yield* release
        assert.strictEqual((yield* take).channel_id, home)
        yield* Time.advance("1 second")
        assert.strictEqual(yield* waiting, 0)
        yield* say(voiceState(home), voiceServer("granted"))
        assert.strictEqual(yield* outcome(fiber), "granted")
        assert.strictEqual(yield* waiting, 0)
      })
    )
  }

  test(
    "gives Discord its time from when it was asked, even if the message limit delayed that",
    Effect.gen(function*() {
      const { hold, release, request, take, waiting } = yield* rig()
      yield* hold
      const fiber = yield* request(home)
      yield* Time.advance("2 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      assert.strictEqual(yield* waiting, 0)
      yield* release
      yield* Time.advance("10 seconds")
      assert.strictEqual((yield* take).channel_id, home)
      assert.isUndefined(fiber.pollUnsafe())
      yield* Time.advance("5 seconds")
      assert.strictEqual(yield* outcome(fiber), "JoinTimedOut")
    })
  )

  test(
    "tells why Discord does not answer, if the gateway knows",
    Effect.gen(function*() {
      const { hold, pushLifecycle, release, request, say, take } = yield* rig()
      const refused = yield* request(other)
      yield* take
      yield* Time.advance("1999 millis")
      assert.isUndefined(refused.pollUnsafe())
      yield* Time.advance("1 millis")
      const result = yield* Fiber.join(refused)
      assert(result._tag === "Failure")
      assert.deepInclude(result.failure.reason, { _tag: "NotAdmitted", channelId: other, obstacle: "Connect" })

      // a request that waits for the limit, or for a gateway that is away, was not refused
      yield* hold
      const waiting = yield* request(other)
      yield* Time.advance("1 minute")
      assert.isUndefined(waiting.pollUnsafe())
      yield* release
      yield* take
      yield* pushLifecycle("Lost")
      yield* Time.advance("10 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* pushLifecycle("Resumed")
      yield* Time.advance("2 seconds")
      assert.strictEqual(yield* outcome(waiting), "NotAdmitted")

      // nor was one that was admitted, and waits for a voice server
      const halfway = yield* request(other)
      yield* take
      yield* say(voiceState(other))
      yield* Time.advance("4 seconds")
      assert.isUndefined(halfway.pollUnsafe())
      yield* say(voiceServer("late"))
      assert.strictEqual(yield* outcome(halfway), "late")
    }),
    { obstacle: () => "Connect" }
  )

  for (
    const [name, where, missing] of [
      ["moves the bot on, and misses a server", other, "VOICE_SERVER_UPDATE"],
      ["removes the bot, and misses both", null, "both"]
    ] as const
  ) {
    test(
      `times out if a moderator ${name}`,
      Effect.gen(function*() {
        const { request, say, take } = yield* rig()
        const fiber = yield* request(home)
        yield* take
        yield* say(voiceState(home), voiceState(where))
        yield* Time.advance("1 minute")
        const result = yield* Fiber.join(fiber)
        assert.deepInclude(Result.getOrThrow(Result.flip(result)).reason, { _tag: "JoinTimedOut", missing })
      })
    )
  }

  let questions = 0
  test(
    "asks the gateway two seconds after it asked Discord, and once for each request",
    Effect.gen(function*() {
      questions = 0
      const { hold, pushLifecycle, release, request, take } = yield* rig()
      yield* hold
      const fiber = yield* request(other)
      yield* Time.advance("3 seconds")
      yield* release
      yield* take
      yield* Time.advance("1900 millis")
      assert.strictEqual(questions, 0)
      yield* Time.advance("2 seconds")
      assert.strictEqual(questions, 1)
      yield* Time.advance("3 seconds")
      assert.strictEqual(questions, 1)
      yield* pushLifecycle("NewSession")
      yield* take
      yield* Time.advance("1900 millis")
      assert.strictEqual(questions, 1)
      yield* Time.advance("2 seconds")
      assert.strictEqual(yield* outcome(fiber), "NotAdmitted")
    }),
    { obstacle: () => ++questions === 2 ? "Full" : undefined }
  )

  test(
    "does not mistake a request that waits for the message limit inside the gateway for a refusal",
    Effect.gen(function*() {
      const { queueing, request, take } = yield* rig()
      queueing(true)
      const fiber = yield* request(other)
      yield* take
      yield* Time.advance("10 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      queueing(false)
      yield* Time.advance("2 seconds")
      assert.strictEqual(yield* outcome(fiber), "NotAdmitted")
    }),
    { obstacle: () => "Connect" }
  )

  test(
    "continues to wait if the gateway fails to find out",
    Effect.gen(function*() {
      const { request, take } = yield* rig()
      const fiber = yield* request(other)
      yield* take
      yield* Time.advance("5 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* Time.advance("10 seconds")
      assert.strictEqual(yield* outcome(fiber), "JoinTimedOut")
    }),
    {
      obstacle: () => {
        throw new Error("no such cache")
      }
    }
  )

  test(
    "waits for all of its time if the gateway finds no obstacle",
    Effect.gen(function*() {
      const { request, take } = yield* rig()
      const fiber = yield* request(other)
      yield* take
      yield* Time.advance("14999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* Time.advance("1 millis")
      assert.strictEqual(yield* outcome(fiber), "JoinTimedOut")
    }),
    { obstacle: () => undefined }
  )

  test(
    "waits for a gateway that is away only until its timeout, but for held-back requests longer",
    Effect.gen(function*() {
      const { gateway, hold, request } = yield* rig()
      yield* hold
      const isHeldBack = gateway.isHeldBack
      assert.isTrue(isHeldBack?.())
      const away = yield* start(Effect.result(
        (yield* Whereabouts.make({ ...gateway, isHeldBack: undefined }, guildId)).request({
          channelId: home,
          flags: silent,
          anew: Effect.succeed(false),
          timeout: Duration.seconds(15)
        })
      ))
      const held = yield* request(home)
      yield* Time.advance("15 seconds")
      const result = yield* Fiber.join(away)
      assert(result._tag === "Failure")
      assert.deepInclude(result.failure.reason, { _tag: "JoinTimedOut", missing: "gateway" })
      assert.isUndefined(held.pollUnsafe())
    })
  )

  test(
    "does not leave and join again for a server if the bot is elsewhere by then",
    Effect.gen(function*() {
      const { request, say, take, waiting } = yield* rig()
      const fiber = yield* request(home)
      yield* take
      yield* say(voiceState(home))
      yield* Time.advance("3 seconds")
      yield* say(voiceState(other))
      yield* Time.advance("5 seconds")
      assert.strictEqual(yield* waiting, 0)
      yield* say(voiceState(home), voiceServer("late"))
      assert.strictEqual(yield* outcome(fiber), "late")
    })
  )

  test(
    "fails with the reason why the gateway does not know the bot's user",
    Effect.gen(function*() {
      const { request } = yield* rig(VoiceError.fail(new VoiceError.GatewayFailed({ detail: "no id" })))
      yield* Time.advance("1 millis")
      assert.strictEqual(yield* outcome(yield* request(home)), "GatewayFailed")
    })
  )

  test(
    "fails with the failure of the gateway",
    Effect.gen(function*() {
      const { end, push, refuse, request } = yield* rig()
      yield* refuse(new VoiceError.GatewayUnreachable({ url: "wss://gateway.example", detail: "" }))
      assert.strictEqual(yield* outcome(yield* request(home)), "GatewayUnreachable")
      const detached = yield* request(home)
      const error = VoiceError.make(new VoiceError.GatewayDetached({ guildId }))
      yield* push({ _tag: "Detached", guildId, error })
      assert.strictEqual(yield* outcome(detached), "GatewayDetached")
      const ended = yield* request(home)
      yield* end(new VoiceError.GatewayFailed({ detail: "gone" }))
      assert.strictEqual(yield* outcome(ended), "GatewayFailed")
    })
  )

  const state = voiceState(home)
  for (
    const [missing, events, hadState] of [
      ["both", [], false],
      ["both", [voiceState(other)], false],
      ["VOICE_STATE_UPDATE", [voiceServer("new")], false],
      ["VOICE_STATE_UPDATE", [voiceState(other), voiceServer("new")], false],
      ["VOICE_SERVER_UPDATE", [state], false],
      ["VOICE_SERVER_UPDATE", [], true],
      ["endpoint", [state, voiceServer("new", null)], false],
      ["endpoint", [voiceServer("new", null)], true],
      [undefined, [state, voiceServer("new")], false]
    ] as const
  ) {
    test(
      `misses ${missing ?? "nothing"} after ${events.map(({ _tag }) => _tag).join(", ") || "nothing"}${
        hadState ? ", with the former state" : ""
      }`,
      Effect.gen(function*() {
        const { say, whereabouts } = yield* rig()
        yield* say(state, voiceServer("before"))
        const before = whereabouts.now()
        yield* say(...events)
        const now = whereabouts.now()
        assert.strictEqual(Arrival.missing(before, now, home, hadState), missing)
        if (!hadState) assert.strictEqual(Arrival.missing(before, now, home), missing)
      })
    )
  }

  test(
    "reports what is missing when its time is up, and how long that was",
    Effect.gen(function*() {
      for (
        const [missing, userId, event] of [
          ["both", undefined, undefined],
          ["userId", Effect.never, state],
          ["VOICE_SERVER_UPDATE", undefined, state],
          ["endpoint", undefined, voiceServer("parked", null)]
        ] as const
      ) {
        const { request, say } = yield* rig(userId)
        yield* Time.advance("1 second")
        const fiber = yield* request(home)
        if (event !== undefined) yield* say(event, state)
        yield* Time.advance("15 seconds")
        const result = yield* Fiber.join(fiber)
        assert(result._tag === "Failure" && result.failure.reason._tag === "JoinTimedOut")
        const { elapsedMs, missing: found } = result.failure.reason
        assert.deepStrictEqual([found, elapsedMs], [missing, 15_000])
      }
    })
  )

  test(
    "is not refused if an answer comes while the gateway looks for an obstacle",
    Effect.gen(function*() {
      const { gateway, say } = yield* rig()
      const obstacle = () => Effect.delay(Effect.succeed("Connect" as const), "1 second")
      const whereabouts = yield* Whereabouts.make({ ...gateway, obstacle }, guildId)
      const fiber = yield* start(Effect.result(whereabouts.request({
        channelId: home,
        flags: silent,
        anew: Effect.succeed(false),
        timeout: Duration.seconds(15)
      })))
      yield* Time.advance("2500 millis")
      yield* say(state)
      yield* Time.advance("2 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* say(voiceServer("late"))
      assert.strictEqual(yield* outcome(fiber), "late")
    })
  )
})
