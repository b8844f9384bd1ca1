import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { TestClock } from "effect/testing"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Rig from "./rig.ts"

const second = TestClock.adjust("1 second")

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })

describe("VoiceSession, overlapping events", () => {
  it.effect("follows a moderator who moves it before the voice server of its join is named", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      it.discord.answer = ({ channel_id }) =>
        channel_id === null ? [Rig.voiceState(null)] : [Rig.voiceState(channel_id)]
      const joining = yield* start(it.join)
      yield* second
      yield* it.say(Rig.voiceState(Rig.other), Rig.voiceServer("moved"))
      yield* second
      const session = yield* Fiber.join(joining)
      assert.deepInclude(yield* session.state, { _tag: "Ready", channelId: Rig.other })
      assert.strictEqual(yield* session.channelId, Rig.other)
      assert.deepStrictEqual(it.channels(), [Rig.home])
    }))

  it.effect("comes back to the channel that it is moved to while it waits for its next attempt", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* it.lose(4006)
      yield* Effect.yieldNow
      assert.strictEqual((yield* session.state)._tag, "Reconnecting")
      yield* it.say(Rig.voiceState(Rig.other))
      yield* second
      assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.other])
      assert.deepInclude(yield* session.state, { _tag: "Ready", channelId: Rig.other })
    }))

  for (const how of ["refused", "interrupted"] as const) {
    it.effect(`tells the flags that changed during a move to its old channel after the move was ${how}`, () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        const answer = it.discord.answer
        it.discord.answer = (request) => request.channel_id === Rig.other ? [] : answer(request)
        const moving = yield* start(Effect.flip(session.move(Rig.other)))
        yield* second
        yield* session.setSelf({ mute: true, deaf: true })
        if (how === "interrupted") yield* Fiber.interrupt(moving)
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(yield* session.channelId, Rig.home)
        assert.deepInclude(it.discord.requests.at(-1), { channel_id: Rig.home, self_mute: true, self_deaf: true })
      }))
  }

  it.effect("is heard once it is unmuted, even if Discord could not be told at first", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make({ selfMute: true })
      const session = yield* it.join
      yield* session.play(Rig.source(500))
      yield* second
      assert.deepStrictEqual(yield* it.driver.frames, [])
      yield* it.refuse(new VoiceError.GatewayFailed({ detail: "not now" }))
      assert.strictEqual((yield* Effect.flip(session.setSelf({ mute: false }))).reason._tag, "GatewayFailed")
      yield* it.lose(4006)
      yield* second
      assert.deepInclude(it.discord.requests.at(-1), { channel_id: Rig.home, self_mute: false })
      assert.isAbove((yield* it.driver.frames).length, 30)
    }))

  for (const isLost of [true, false]) {
    it.effect(`tells its flags ${isLost ? "again" : "once"} after a resume if Discord ${isLost ? "did not hear" : "heard"} them`, () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        const { answer } = it.discord
        it.discord.answer = () => []
        yield* session.setSelf({ mute: true })
        yield* it.pushLifecycle("Lost")
        const state = { ...Rig.stateOf(Rig.home), self_mute: true }
        if (!isLost) yield* it.say({ _tag: "VoiceState", state })
        yield* it.pushLifecycle("Resumed")
        yield* second
        assert.deepStrictEqual(it.channels(), isLost ? [Rig.home, Rig.home, Rig.home] : [Rig.home, Rig.home])
        assert.deepInclude(it.discord.requests.at(-1), { channel_id: Rig.home, self_mute: true })
        it.discord.answer = answer
      }))
  }

  it.effect("joins where it is admitted right after a removal, though the voice gateway does not close", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* it.say(Rig.voiceState(null))
      yield* second
      yield* it.say(Rig.voiceState(Rig.other), Rig.voiceServer("again"))
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(yield* session.state, { _tag: "Ready", channelId: Rig.other })
    }))

  it.effect("comes back if it is removed after a loss, while it waits for the state of a server", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* it.lose(4006)
      yield* Effect.yieldNow
      yield* it.say(Rig.voiceServer("other"))
      yield* TestClock.adjust("10 millis")
      yield* it.say(Rig.voiceState(null))
      yield* second
      assert.deepInclude(yield* session.state, { _tag: "Ready", channelId: Rig.home })
    }))

  it.effect("is not taken out of a place that it is given by its own leave, which waited to be sent", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* it.hold
      yield* it.lose(4006)
      yield* TestClock.adjust("10 seconds")
      yield* it.say(Rig.voiceState(Rig.other), Rig.voiceServer("moved"))
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude(yield* session.state, { _tag: "Ready", channelId: Rig.other })
      yield* it.release
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(it.channels().filter((channel) => channel !== Rig.other), [Rig.home])
      assert.deepStrictEqual(yield* it.tokens, ["token-1", "moved"])
      // nothing was left, so somebody else has removed it
      yield* it.say(Rig.voiceState(null))
      yield* it.lose(4014)
      assert.strictEqual((yield* Rig.endOf(session))._tag, "Kicked")
    }))

  for (const [where, channel] of [["there", Rig.home], ["where it was moved to", Rig.other]] as const) {
    it.effect(`asks again ${where}, instead of using a place that its own leave takes from it`, () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({ policy: { backoff: Schedule.spaced("10 seconds") } })
        const session = yield* it.join
        const { answer } = it.discord
        it.discord.answer = () => []
        yield* it.hold
        yield* it.lose(4006)
        yield* TestClock.adjust("26 seconds")
        assert.strictEqual((yield* session.state)._tag, "Reconnecting")
        yield* it.release
        yield* second
        assert.deepStrictEqual(it.channels(), [Rig.home, null])
        // told before Discord received the leave
        if (channel === Rig.other) yield* it.say(Rig.voiceState(channel))
        yield* it.say(Rig.voiceServer("void"))
        yield* TestClock.adjust("50 millis")
        yield* it.say(Rig.voiceState(null), Rig.voiceState(channel), Rig.voiceServer("fresh"))
        yield* second
        assert.deepStrictEqual(it.channels(), [Rig.home, null, channel])
        assert.deepStrictEqual(yield* it.tokens, ["token-1", "fresh"])
        assert.deepInclude(yield* session.state, { _tag: "Ready", channelId: channel })
        it.discord.answer = answer
      }))
  }

  for (const how of ["an answer", "no answer", "the end of the voice gateway"] as const) {
    it.effect(`asks again if Discord reports no channel after a grant, and nothing follows: ${how}`, () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const { answer } = it.discord
        it.discord.answer = () => []
        const first = yield* start(Effect.flip(it.join))
        yield* TestClock.adjust("17 seconds")
        yield* Fiber.join(first)
        const joining = yield* start(it.join)
        yield* it.say(Rig.voiceState(Rig.home), Rig.voiceServer("late"))
        yield* second
        const session = yield* Fiber.join(joining)
        yield* it.say(Rig.voiceState(null))
        if (how === "an answer") it.discord.answer = answer
        yield* TestClock.adjust("4900 millis")
        assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.home])
        if (how === "the end of the voice gateway") {
          yield* it.lose(4014)
          assert.strictEqual((yield* Rig.endOf(session))._tag, "Kicked")
          return
        }
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.home, Rig.home])
        assert.strictEqual((yield* session.state)._tag, "Ready")
        assert.lengthOf(yield* it.tokens, how === "an answer" ? 2 : 1)
        yield* it.lose(4014)
        if (how === "no answer") assert.strictEqual((yield* Rig.endOf(session))._tag, "Kicked")
      }))
  }
})
