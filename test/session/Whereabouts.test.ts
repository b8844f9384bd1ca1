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
    "counts events, and knows no place without both halves",
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
    "no longer looks for what has been found",
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
    "recognizes the late answers to two leaves in a row",
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
      // the main gateway was slow: its answers belong to both
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
    "knows that a leave sent in an outage is not answered",
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
      // this one is a moderator's doing
      yield* say(voiceState(null))
      assert.strictEqual(whereabouts.now().states, states + 1)
    })
  )

  test(
    "is not confused by the leave of the session before it, which waited to be sent",
    Effect.gen(function*() {
      const { gateway, hold, release, say, take } = yield* rig()
      // as a session does that ends before it was admitted
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
      // but only once
      yield* say(voiceState(null))
      assert.strictEqual(whereabouts.now().states, states + 2)
    })
  )

  test(
    "reports an outage that the gateway knows of, and asks again when it is over",
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
      // what the channel looks like meanwhile means nothing
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
    "survives a gateway that throws when it is asked for an obstacle",
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
    "sends one leave, however often it wants to leave while that waits",
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
    "tells nobody that it leaves if the gateway has given up the guild",
    Effect.gen(function*() {
      const { say, take, waiting, whereabouts } = yield* rig()
      const error = VoiceError.make(new VoiceError.GatewayDetached({ guildId }))
      yield* say(voiceState(home), { _tag: "Detached", guildId, error })
      yield* Fiber.join(yield* start(whereabouts.leave))
      yield* Time.advance("10 seconds")
      assert.strictEqual(yield* waiting, 0)
      // the gateway serves the guild again
      yield* start(whereabouts.tell(home, silent))
      assert.strictEqual((yield* take).channel_id, home)
      yield* start(whereabouts.leave)
      assert.isNull((yield* take).channel_id)
    })
  )

  test(
    "leaves without waiting if nobody would take note",
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
      // nobody answers the first leave, so the next ones do not wait
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
      `does not wait for a gateway that was silent, ${name}`,
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
    "does not consider a gateway silent that could not send the leave yet",
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
    "waits for a request in flight to be granted, and then to be left",
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
    "waits for a request in flight until a second after it was sent",
    Effect.gen(function*() {
      const { hold, release, request, whereabouts } = yield* rig()
      // the second begins when the request is sent
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
      `stops waiting for a request in flight when the gateway rules it out (${last})`,
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

  describe("a state without a channel", () => {
    for (
      const [name, steps, expected] of [
        ["answers our own leave, followed by a request", ["home", "leave", "ask"], 0],
        ["is news after a leave with no request after it", ["home", "leave"], 1],
        ["answers a leave that took back a pending request", ["ask", "leave", "ask"], 0],
        ["is news if there was nothing to leave", ["leave", "ask", "home"], 1],
        ["is news the second time", ["home", "leave", "ask", "gone", "home"], 1],
        ["is news if the request was granted and over before the leave", [
          "ask",
          "home",
          "gone",
          "leave",
          "ask",
          "home"
        ], 1],
        ["answers our own leave after a move in vain", ["home", "move", "leave", "ask", "home"], 0],
        ["is news in a session that does not know of our leave", ["home", "leave", "ask", "new session"], 1],
        [
          "answers our own leave that waited for the next session",
          ["home", "lost", "hold", "leave", "ask", "new session", "release"],
          0
        ],
        [
          "is news in a session that follows one that received our leave",
          ["home", "leave", "ask", "9 seconds", "lost", "new session"],
          1
        ],
        ["answers our own leave nine seconds ago", ["home", "leave", "ask", "9 seconds"], 0],
        ["is news eleven seconds after our leave", ["home", "leave", "ask", "11 seconds"], 1],
        [
          "answers our own leave that had to wait",
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
    "remembers the restrictions of the last channel",
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
    "treats anyone's leaving as its own while it does not know its user",
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
    "does not find itself in a guild that was given up when it learns its user late",
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
    "finds its place when it learns its user late, and then leaves as usual",
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
    "does not mistake a removal for the answer to a leave while somebody else was in voice",
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
    "leaves a guild again that was given up once Discord has it there",
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
    "does not mistake what a former session of the main gateway granted for an answer",
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
    "stops waiting for a gateway that ends while it leaves",
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
    "shows flags that could not be told",
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
      `shows ${isShown ? "nothing" : "it"} again if Discord ${
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
    "shows what was not told yet, and nothing twice",
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

  for (const [where, sent] of [[other, [other]], [null, []]] as const) {
    test(
      `announces flags that had to wait ${
        where === null ? "no more once the bot was removed" : "where the bot was moved"
      }`,
      Effect.gen(function*() {
        const { hold, release, say, take, waiting, whereabouts } = yield* rig()
        yield* say(voiceState(home))
        yield* hold
        const moving = where === null ? home : undefined
        const announcing = yield* start(whereabouts.announce(() => moving, () => ({ mute: true, deaf: false })))
        yield* say(voiceState(where))
        yield* release
        yield* Fiber.join(announcing)
        const channels = []
        while ((yield* waiting) > 0) channels.push((yield* take).channel_id)
        assert.deepStrictEqual(channels, [...sent])
      })
    )
  }
})
