import { assert, describe } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Redacted, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { GuildId, UserId } from "../../src/protocol/Identifier.ts"
import * as Whereabouts from "../../src/session/Whereabouts.ts"
import * as Time from "../../src/testing/Time.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import { outcome, rig, silent, someone, start, test } from "./gateway.ts"
import { guildId, home, me, other, stateOf, voiceServer, voiceState } from "./rig.ts"

describe("Whereabouts", () => {
  test(
    "counts what comes, and knows no place without both halves",
    Effect.gen(function*() {
      const { say, whereabouts } = yield* rig()
      assert.isUndefined(whereabouts.place())
      yield* say(voiceServer("a"))
      assert.isUndefined(whereabouts.place())
      yield* say(voiceState(home))
      const place = whereabouts.place()
      assert.isDefined(place)
      assert.deepInclude(place.info, { channelId: home, userId: me, serverId: guildId })
      assert.strictEqual(Redacted.value(place.info.sessionId), "session")
      yield* say(voiceServer("b", null))
      assert.isUndefined(whereabouts.place())
      yield* say(voiceServer("c"), voiceState(null))
      assert.isUndefined(whereabouts.place())
      assert.deepInclude(whereabouts.now(), { states: 2, servers: 3, channelId: null })
    })
  )

  test(
    "looks no more for whoever has found what was waited for",
    Effect.gen(function*() {
      const { say, whereabouts } = yield* rig()
      let looks = 0
      const isThere = ({ channelId }: Whereabouts.Now) => {
        looks++
        return channelId === home ? true : undefined
      }
      const waiting = yield* Effect.forkChild(whereabouts.until(isThere), { startImmediately: true })
      yield* say(voiceServer("a"), voiceState(home))
      yield* Fiber.join(waiting)
      assert.strictEqual(looks, 3)
      yield* whereabouts.until(isThere)
      yield* say(voiceServer("b"), voiceState(other))
      assert.strictEqual(looks, 4)
    })
  )

  test(
    "takes the late answers to two leaves in a row for what they are",
    Effect.gen(function*() {
      const { request, say, take, whereabouts } = yield* rig()
      yield* say(voiceState(home), voiceServer("before"))
      const first = yield* request(home, true)
      assert.isNull((yield* take).channel_id)
      yield* Time.advance("2 seconds")
      assert.strictEqual((yield* take).channel_id, home)
      yield* Fiber.interrupt(first)
      const second = yield* request(home, true)
      assert.isNull((yield* take).channel_id)
      yield* Time.advance("2 seconds")
      assert.strictEqual((yield* take).channel_id, home)
      const { states } = whereabouts.now()
      // the main gateway was slow: what it answers belongs to both
      yield* say(voiceState(null), voiceState(home), voiceServer("first"))
      assert.strictEqual(yield* outcome(second), "first")
      yield* say(voiceState(null))
      assert.strictEqual(whereabouts.now().states, states + 1)
      yield* say(voiceState(home))
      // a third one is somebody else's doing
      yield* say(voiceState(null))
      assert.strictEqual(whereabouts.now().states, states + 3)
    })
  )

  test(
    "knows that what was said in an outage is not answered",
    Effect.gen(function*() {
      const { request, say, take, whereabouts } = yield* rig()
      const available = (isAvailable: boolean) => ({ _tag: "Availability", guildId, isAvailable }) as const
      yield* say(voiceState(home), voiceServer("before"), available(false))
      const asking = yield* request(home, true)
      yield* Time.advance("1 second")
      assert.isNull((yield* take).channel_id)
      assert.strictEqual((yield* take).channel_id, home)
      yield* say(voiceState(home), available(true))
      yield* Time.advance("1 millis")
      assert.isNull((yield* take).channel_id)
      yield* say(voiceState(null))
      yield* Time.advance("1 millis")
      assert.strictEqual((yield* take).channel_id, home)
      yield* say(voiceState(home), voiceServer("new"))
      assert.strictEqual(yield* outcome(asking), "new")
      const { states } = whereabouts.now()
      // a moderator
      yield* say(voiceState(null))
      assert.strictEqual(whereabouts.now().states, states + 1)
    })
  )

  test(
    "is not put out by the leaving of the session before it, which waited for its turn",
    Effect.gen(function*() {
      const { gateway, hold, release, say, take } = yield* rig()
      // as a session does that ends before it was let in
      const former = yield* Scope.make()
      const leaving = yield* Scope.provide(Whereabouts.make(gateway, guildId), former)
      yield* leaving.tell(home, silent)
      assert.strictEqual((yield* take).channel_id, home)
      yield* hold
      yield* leaving.leave
      yield* Scope.close(former, Exit.void)
      const whereabouts = yield* Whereabouts.make(gateway, guildId)
      const asking = yield* start(Effect.result(whereabouts.request({
        channelId: home,
        flags: silent,
        anew: Effect.succeed(false),
        timeout: Duration.seconds(15)
      })))
      yield* say(voiceState(home), voiceServer("former"))
      yield* release
      yield* Time.advance("1 millis")
      assert.deepStrictEqual([(yield* take).channel_id, (yield* take).channel_id], [null, home])
      const { states } = whereabouts.now()
      yield* say(voiceState(null))
      assert.deepInclude(whereabouts.now(), { states, channelId: null })
      yield* say(voiceState(home), voiceServer("ours"))
      assert.strictEqual(yield* outcome(asking), "ours")
      // and once only
      yield* say(voiceState(null))
      assert.strictEqual(whereabouts.now().states, states + 2)
    })
  )

  test(
    "comes while there is an outage of the guild, of which the gateway knows, and is asked for again when it is over",
    Effect.gen(function*() {
      const { gateway, say, take } = yield* rig()
      let questions = 0
      const obstacle = () => Effect.sync(() => questions++ === 0 ? "UnknownChannel" as const : undefined)
      const isUnavailable = (guild: GuildId) => guild === guildId
      const whereabouts = yield* Whereabouts.make({ ...gateway, isUnavailable, obstacle }, guildId)
      const ask = start(Effect.result(whereabouts.request({
        channelId: home,
        flags: silent,
        anew: Effect.succeed(false),
        timeout: Duration.seconds(15)
      })))
      const first = yield* ask
      yield* take
      yield* Time.advance("15 seconds")
      const result = yield* Fiber.join(first)
      assert(Result.isFailure(result) && result.failure.reason._tag === "JoinTimedOut")
      assert.strictEqual(result.failure.reason.missing, "guild")
      assert.include(result.failure.message, "outage")
      // what the channel looks like meanwhile says nothing
      assert.strictEqual(questions, 0)
      const second = yield* ask
      yield* take
      yield* say({ _tag: "Availability", guildId, isAvailable: true })
      assert.strictEqual((yield* take).channel_id, home)
      yield* say(voiceState(home), voiceServer("ours"))
      assert.strictEqual(yield* outcome(second), "ours")
    })
  )

  test(
    "survives a gateway that throws where it is asked what keeps us out",
    Effect.gen(function*() {
      const { gateway } = yield* rig()
      const obstacle = () => {
        throw new Error("no such cache")
      }
      const whereabouts = yield* Whereabouts.make({ ...gateway, obstacle }, guildId)
      const fiber = yield* start(Effect.flip(whereabouts.request({
        channelId: home,
        flags: silent,
        anew: Effect.succeed(false),
        timeout: Duration.seconds(15)
      })))
      yield* Time.advance("15 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "JoinTimedOut")
    })
  )

  test(
    "says once that it leaves, however often it wants to while that waits",
    Effect.gen(function*() {
      const { hold, release, request, say, take, waiting } = yield* rig()
      yield* say(voiceState(home), voiceServer("before"))
      yield* hold
      for (let attempt = 0; attempt < 5; attempt++) {
        const fiber = yield* request(home, true)
        yield* Time.advance("30 seconds")
        yield* Fiber.interrupt(fiber)
      }
      const fiber = yield* request(home, true)
      yield* Time.advance("30 seconds")
      yield* release
      yield* Time.advance("1 millis")
      assert.strictEqual(yield* waiting, 2)
      assert.deepStrictEqual([(yield* take).channel_id, (yield* take).channel_id], [null, home])
      yield* say(voiceState(null), voiceState(home), voiceServer("after"))
      assert.strictEqual(yield* outcome(fiber), "after")
    })
  )

  test(
    "has nobody to tell that it leaves where the gateway has given the guild up",
    Effect.gen(function*() {
      const { say, take, waiting, whereabouts } = yield* rig()
      const error = VoiceError.make(new VoiceError.GatewayDetached({ guildId }))
      yield* say(voiceState(home), { _tag: "Detached", guildId, error })
      yield* Fiber.join(yield* start(whereabouts.leave))
      yield* Time.advance("10 seconds")
      assert.strictEqual(yield* waiting, 0)
      // the library serves it again
      yield* start(whereabouts.tell(home, silent))
      assert.strictEqual((yield* take).channel_id, home)
      yield* start(whereabouts.leave)
      assert.isNull((yield* take).channel_id)
    })
  )

  test(
    "leaves without waiting where nobody would take note",
    Effect.gen(function*() {
      const { gateway, hold, release, say, take, waiting, whereabouts } = yield* rig()
      yield* say(voiceState(home))
      const took = Effect.gen(function*() {
        const before = yield* Clock.currentTimeMillis
        yield* Fiber.join(yield* start(Effect.tap(whereabouts.leave, Effect.yieldNow)))
        return (yield* Clock.currentTimeMillis) - before
      })
      yield* hold
      assert.strictEqual(yield* took, 0)
      yield* release
      yield* Time.advance("1 millis")
      assert.isNull((yield* take).channel_id)
      // nobody answers the first one, so that the next ones do not wait
      const first = yield* start(whereabouts.leave)
      yield* Time.advance("1999 millis")
      assert.isUndefined(first.pollUnsafe())
      yield* Time.advance("1 millis")
      yield* Fiber.join(first)
      const other = yield* Whereabouts.make(gateway, guildId)
      yield* say(voiceState(home))
      yield* other.leave
      assert.strictEqual(yield* waiting, 2)
      yield* Time.advance("10 seconds")
      const late = yield* start(other.leave)
      yield* Time.advance("1 second")
      assert.isUndefined(late.pollUnsafe())
    })
  )

  test(
    "waits for a gateway that is away, once, and for its answer when it is back",
    Effect.gen(function*() {
      const { gateway, pushLifecycle, say, whereabouts } = yield* rig()
      yield* say(voiceState(home))
      yield* pushLifecycle("Lost")
      yield* Time.advance("1 millis")
      const inVain = yield* start(whereabouts.leave)
      yield* Time.advance("1999 millis")
      assert.isUndefined(inVain.pollUnsafe())
      yield* Time.advance("1 millis")
      yield* Fiber.join(inVain)
      yield* Fiber.join(yield* start(Effect.tap(whereabouts.leave, Effect.yieldNow)))
      yield* pushLifecycle("Resumed")
      yield* Time.advance("1 millis")
      const other = yield* Whereabouts.make(gateway, guildId)
      yield* say(voiceState(home))
      const back = yield* start(other.leave)
      yield* Time.advance("1 second")
      assert.isUndefined(back.pollUnsafe())
      yield* say(voiceState(null))
      assert.isDefined(back.pollUnsafe())
    })
  )

  for (
    const [name, isSpared, between] of [
      ["for ten seconds", true, "9 seconds"],
      ["until it has answered somebody", false, "answer"]
    ] as const
  ) {
    test(
      `spares who leaves the waiting for a gateway that was silent, ${name}`,
      Effect.gen(function*() {
        const { gateway, request, say, whereabouts } = yield* rig()
        yield* say(voiceState(home))
        const first = yield* start(whereabouts.leave)
        yield* Time.advance("2 seconds")
        yield* Fiber.join(first)
        const another = yield* Whereabouts.make(gateway, guildId)
        if (between === "answer") {
          const asking = yield* request(home, true)
          yield* Time.advance("1 millis")
          yield* say(voiceState(null))
          yield* Fiber.interrupt(asking)
        } else yield* Time.advance(between)
        yield* say(voiceState(home))
        const leaving = yield* start(another.leave)
        yield* Time.advance("1 millis")
        assert.strictEqual(leaving.pollUnsafe() !== undefined, isSpared)
      })
    )
  }

  test(
    "does not take a gateway for silent that could not say yet that somebody leaves",
    Effect.gen(function*() {
      const { hold, release, request, say, whereabouts } = yield* rig()
      yield* say(voiceState(home))
      yield* hold
      const asking = yield* request(home, true)
      yield* Time.advance("3 seconds")
      yield* Fiber.interrupt(asking)
      yield* release
      yield* Time.advance("1 millis")
      const leaving = yield* start(whereabouts.leave)
      yield* Time.advance("1 second")
      assert.isUndefined(leaving.pollUnsafe())
    })
  )

  test(
    "leaves what it has just asked for, as soon as it was granted",
    Effect.gen(function*() {
      const { request, say, take, whereabouts } = yield* rig()
      yield* Fiber.interrupt(yield* request(home))
      yield* take
      const leaving = yield* start(whereabouts.leave)
      assert.isNull((yield* take).channel_id)
      yield* Time.advance("500 millis")
      assert.isUndefined(leaving.pollUnsafe())
      yield* say(voiceState(home))
      assert.isUndefined(leaving.pollUnsafe())
      yield* say(voiceState(null))
      assert.isDefined(leaving.pollUnsafe())
    })
  )

  test(
    "waits for what it has asked for a second after it was asked, and not after that",
    Effect.gen(function*() {
      const { hold, release, request, whereabouts } = yield* rig()
      // the second begins when the request has left
      yield* hold
      const asking = yield* request(home)
      yield* Time.advance("5 seconds")
      yield* release
      yield* Time.advance("600 millis")
      yield* Fiber.interrupt(asking)
      const leaving = yield* start(whereabouts.leave)
      yield* Time.advance("399 millis")
      assert.isUndefined(leaving.pollUnsafe())
      yield* Time.advance("1 millis")
      assert.isDefined(leaving.pollUnsafe())
    })
  )

  for (const last of ["Detached", "end"] as const) {
    test(
      `waits no more for what it has asked for when the gateway says that it will not come (${last})`,
      Effect.gen(function*() {
        const { end, request, say, whereabouts } = yield* rig()
        yield* Fiber.interrupt(yield* request(home))
        const leaving = yield* start(whereabouts.leave)
        yield* Time.advance("500 millis")
        assert.isUndefined(leaving.pollUnsafe())
        const error = VoiceError.make(new VoiceError.GatewayDetached({ guildId }))
        if (last === "Detached") yield* say({ _tag: "Detached", guildId, error })
        else yield* Effect.andThen(end(error.reason), Time.advance("1 millis"))
        assert.isDefined(leaving.pollUnsafe())
      })
    )
  }

  describe("being in no channel", () => {
    for (
      const [name, steps, expected] of [
        ["is our own leaving, which was followed by a request", ["home", "leave", "ask"], 0],
        ["is news when we have left and asked for nothing", ["home", "leave"], 1],
        ["is our own taking back of what was not granted yet", ["ask", "leave", "ask"], 0],
        ["is news where we had nothing to leave", ["leave", "ask", "home"], 1],
        ["is news the second time", ["home", "leave", "ask", "gone", "home"], 1],
        ["is news where what was asked for had come, and was over, before we left", [
          "ask",
          "home",
          "gone",
          "leave",
          "ask",
          "home"
        ], 1],
        ["is our own leaving after a move that was not granted", ["home", "move", "leave", "ask", "home"], 0],
        ["is news in a session that knows nothing of our leaving", ["home", "leave", "ask", "new session"], 1],
        [
          "is our own leaving that waited for the session that followed",
          ["home", "lost", "hold", "leave", "ask", "new session", "release"],
          0
        ],
        [
          "is news in a session that follows one that was told of our leaving",
          ["home", "leave", "ask", "9 seconds", "lost", "new session"],
          1
        ],
        ["is our own leaving nine seconds ago", ["home", "leave", "ask", "9 seconds"], 0],
        ["is news eleven seconds after our leaving", ["home", "leave", "ask", "11 seconds"], 1],
        [
          "is our own leaving that had to wait",
          ["home", "hold", "leave", "11 seconds", "release", "ask", "9 seconds"],
          0
        ]
      ] as const
    ) {
      test(
        name,
        Effect.gen(function*() {
          const { hold, pushLifecycle, release, say, whereabouts } = yield* rig()
          for (const step of steps) {
            switch (step) {
              case "home":
                yield* say(voiceState(home))
                break
              case "gone":
                yield* say(voiceState(null))
                break
              case "ask":
                yield* start(whereabouts.tell(home, silent))
                break
              case "move":
                yield* start(whereabouts.tell(other, silent))
                break
              case "leave":
                yield* start(whereabouts.tell(null, silent))
                break
              case "hold":
                yield* hold
                break
              case "release":
                yield* Effect.andThen(release, Time.advance("1 millis"))
                break
              case "lost":
                yield* Effect.andThen(pushLifecycle("Lost"), Time.advance("1 millis"))
                break
              case "new session":
                yield* Effect.andThen(pushLifecycle("NewSession"), Time.advance("1 millis"))
                break
              default:
                yield* Time.advance(step)
            }
          }
          const { states } = whereabouts.now()
          yield* say(voiceState(null))
          assert.strictEqual(whereabouts.now().states - states, expected)
          assert.isNull(whereabouts.now().channelId)
        })
      )
    }
  })

  test(
    "knows whether the gateway is away",
    Effect.gen(function*() {
      const { pushLifecycle, whereabouts } = yield* rig()
      for (const back of ["Resumed", "NewSession"] as const) {
        yield* Effect.andThen(pushLifecycle("Lost"), Time.advance("1 millis"))
        assert.isTrue(whereabouts.now().isAway)
        yield* Effect.andThen(pushLifecycle(back), Time.advance("1 millis"))
        assert.isFalse(whereabouts.now().isAway)
      }
    })
  )

  test(
    "knows what was kept from us in the last channel",
    Effect.gen(function*() {
      const { say, whereabouts } = yield* rig()
      yield* say({ _tag: "VoiceState", state: { ...stateOf(home), mute: true } })
      const { restrictions } = whereabouts.now()
      assert.isTrue(restrictions.serverMute)
      yield* say(voiceState(null))
      assert.deepStrictEqual(whereabouts.now().restrictions, restrictions)
    })
  )

  test(
    "notices that whoever it may be has left",
    Effect.gen(function*() {
      const { say, whereabouts } = yield* rig(Effect.never)
      yield* say(voiceState(home))
      const leaving = yield* start(whereabouts.leave)
      yield* Time.advance("1 second")
      assert.isUndefined(leaving.pollUnsafe())
      yield* say(voiceState(null))
      assert.isDefined(leaving.pollUnsafe())
    })
  )

  test(
    "does not learn late that it was in a guild that the gateway has given up",
    Effect.gen(function*() {
      const self = yield* Deferred.make<UserId, VoiceError.VoiceError>()
      const { say, whereabouts } = yield* rig(Deferred.await(self))
      const error = VoiceError.make(new VoiceError.GatewayDetached({ guildId }))
      yield* say(voiceState(home), { _tag: "Detached", guildId, error })
      yield* Deferred.succeed(self, me)
      yield* Time.advance("1 millis")
      assert.isNull(whereabouts.now().channelId)
    })
  )

  test(
    "learns who it is from a gateway that learns it late, and leaves as whoever is in voice until then",
    Effect.gen(function*() {
      const self = yield* Deferred.make<UserId, VoiceError.VoiceError>()
      const { say, take, whereabouts } = yield* rig(Deferred.await(self))
      yield* say(voiceState(home), voiceState(other, someone), voiceServer("a"))
      assert.isUndefined(whereabouts.place())
      yield* Deferred.succeed(self, me)
      yield* Time.advance("1 millis")
      assert.strictEqual(whereabouts.place()?.info.channelId, home)
      const leaving = yield* start(whereabouts.leave)
      assert.isNull((yield* take).channel_id)
      yield* Time.advance("1 second")
      assert.isUndefined(leaving.pollUnsafe())
      yield* say(voiceState(null))
      yield* Fiber.join(leaving)
    })
  )

  test(
    "does not take it for the answer to its leaving that it is removed, where it was somebody else who was in voice then",
    Effect.gen(function*() {
      const self = yield* Deferred.make<UserId, VoiceError.VoiceError>()
      const { say, whereabouts } = yield* rig(Deferred.await(self))
      yield* start(whereabouts.tell(home, silent))
      yield* say(voiceState(home, someone))
      yield* start(whereabouts.tell(null, silent))
      yield* start(whereabouts.tell(other, silent))
      yield* Deferred.succeed(self, me)
      yield* Time.advance("1 millis")
      yield* say(voiceState(other))
      const { states } = whereabouts.now()
      yield* say(voiceState(null))
      assert.strictEqual(whereabouts.now().states, states + 1)
    })
  )

  test(
    "never fails to leave, and takes two seconds at most",
    Effect.gen(function*() {
      const { end, refuse, say, whereabouts } = yield* rig()
      yield* whereabouts.leave
      yield* refuse(new VoiceError.GatewayFailed({ detail: "not now" }))
      yield* whereabouts.leave
      yield* say(voiceState(home))
      const leaving = yield* start(whereabouts.leave)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(leaving)
      yield* end(new VoiceError.GatewayFailed({ detail: "gone" }))
      yield* whereabouts.leave
    })
  )

  test(
    "says that it leaves a guild again that was given up, once Discord has it there",
    Effect.gen(function*() {
      const { say, take, waiting, whereabouts } = yield* rig()
      const error = VoiceError.make(new VoiceError.GatewayDetached({ guildId }))
      yield* say(voiceState(home), { _tag: "Detached", guildId, error })
      yield* whereabouts.leave
      assert.strictEqual(yield* waiting, 0)
      yield* say(voiceState(home))
      yield* start(whereabouts.leave)
      yield* Time.advance("1 millis")
      assert.strictEqual(yield* waiting, 1)
      assert.isNull((yield* take).channel_id)
    })
  )

  test(
    "does not take what a former session of the main gateway has granted for an answer",
    Effect.gen(function*() {
      const { pushLifecycle, request, say, take } = yield* rig()
      const asking = yield* request(home)
      yield* take
      yield* say(voiceState(home))
      yield* pushLifecycle("NewSession")
      yield* Time.advance("1 millis")
      assert.strictEqual((yield* take).channel_id, home)
      yield* Time.advance("15 seconds")
      const result = yield* Fiber.join(asking)
      assert.deepInclude(Result.getOrThrow(Result.flip(result)).reason, { _tag: "JoinTimedOut", missing: "both" })
    })
  )

  test(
    "waits no more for a gateway that ends while it leaves",
    Effect.gen(function*() {
      const { end, say, whereabouts } = yield* rig()
      yield* say(voiceState(home))
      const leaving = yield* start(whereabouts.leave)
      yield* Time.advance("500 millis")
      assert.isUndefined(leaving.pollUnsafe())
      yield* end(new VoiceError.GatewayFailed({ detail: "gone" }))
      yield* Time.advance("1 millis")
      assert.isDefined(leaving.pollUnsafe())
    })
  )

  test(
    "shows what could not be said",
    Effect.gen(function*() {
      const { refuse, say, take, whereabouts } = yield* rig()
      yield* say(voiceState(home))
      yield* refuse(new VoiceError.GatewayFailed({ detail: "not now" }))
      const muted = { mute: true, deaf: false }
      yield* Effect.flip(whereabouts.tell(home, muted))
      yield* whereabouts.show(() => undefined, () => muted)
      assert.deepInclude(yield* take, { channel_id: home, self_mute: true })
    })
  )

  for (const isShown of [false, true]) {
    test(
      `shows ${isShown ? "nothing" : "it"} again where Discord ${
        isShown ? "shows" : "does not show"
      } it when the main gateway resumes`,
      Effect.gen(function*() {
        const { pushLifecycle, say, take, waiting, whereabouts } = yield* rig()
        const muted = { mute: true, deaf: false }
        yield* whereabouts.tell(home, muted)
        yield* take
        yield* say({ _tag: "VoiceState", state: { ...stateOf(home), self_mute: isShown } })
        yield* pushLifecycle("Resumed")
        yield* Time.advance("1 millis")
        yield* whereabouts.show(() => home, () => muted)
        assert.strictEqual(yield* waiting, isShown ? 0 : 1)
      })
    )
  }

  test(
    "shows what was not said yet, and nothing twice",
    Effect.gen(function*() {
      const { say, take, waiting, whereabouts } = yield* rig()
      yield* say(voiceState(home))
      yield* whereabouts.tell(home, silent)
      yield* take
      yield* whereabouts.show(() => home, () => silent)
      assert.strictEqual(yield* waiting, 0)
      yield* whereabouts.show(() => other, () => ({ mute: true, deaf: false }))
      assert.deepInclude(yield* take, { channel_id: other, self_mute: true, self_deaf: false })
    })
  )
})
