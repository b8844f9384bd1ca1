import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ChannelId } from "../../src/protocol/Identifier.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Rig from "./rig.ts"

const second = TestClock.adjust("1 second")
const third = ChannelId.make("22")

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })

describe("VoiceSession, moving", () => {
  it.effect("goes to another channel with new credentials, reports it, and continues its track", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const events = yield* session.events
      const moved = yield* start(events.pipe(Stream.filter(({ _tag }) => _tag === "Moved"), Stream.runHead))
      const track = yield* session.play(Rig.source(100))
      yield* second
      const moving = yield* start(session.move(Rig.other))
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(moving)
      assert.strictEqual(yield* session.channelId, Rig.other)
      assert.deepStrictEqual(it.channels(), [Rig.home, Rig.other])
      assert.deepStrictEqual(yield* it.tokens, ["token-1", "token-2"])
      assert.deepInclude(yield* Fiber.join(moved), { value: { _tag: "Moved", channelId: Rig.other } })
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.deepStrictEqual(yield* it.driver.frames, Rig.frames(100).map(({ data }) => data))
    }))

  it.effect("returns at once if it is already there", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* session.move(Rig.home)
      assert.deepStrictEqual(it.channels(), [Rig.home])
    }))

  it.effect("stays where it is if Discord does not admit it", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      it.discord.answer = Rig.refusing
      const moving = yield* start(Effect.flip(session.move(Rig.other)))
      yield* TestClock.adjust("15 seconds")
      const { reason } = yield* Fiber.join(moving)
      assert(reason._tag === "JoinTimedOut")
      assert.strictEqual(reason.channelId, Rig.other)
      assert.strictEqual(yield* session.channelId, Rig.home)
      assert.strictEqual((yield* session.state)._tag, "Ready")
      // and mutes there
      yield* session.setSelf({ mute: true })
      assert.deepInclude(it.discord.requests.at(-1), { channel_id: Rig.home, self_mute: true })
    }))

  it.effect("is silent for at most a second while Discord does not admit it, or is late", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const track = yield* session.play(Rig.source(500))
      yield* second
      it.discord.answer = Rig.refusing
      const before = (yield* it.driver.frames).length
      const moving = yield* start(session.move(Rig.other))
      yield* second
      assert.isBelow((yield* it.driver.frames).length, before + 10)
      yield* TestClock.adjust("2 seconds")
      assert.isAbove((yield* it.driver.frames).length, before + 80)
      yield* it.say(Rig.voiceState(Rig.other), Rig.voiceServer("late"))
      yield* second
      yield* Fiber.join(moving)
      assert.strictEqual(yield* session.channelId, Rig.other)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.deepStrictEqual(yield* it.driver.frames, Rig.frames(500).map(({ data }) => data))
    }))

  it.effect("moves back after a move that is still pending", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const answer = it.discord.answer
      it.discord.answer = Rig.refusing
      const there = yield* start(session.move(Rig.other))
      const back = yield* start(session.move(Rig.home))
      yield* second
      it.discord.answer = answer
      yield* it.say(Rig.voiceState(Rig.other), Rig.voiceServer("late"))
      yield* second
      yield* Fiber.join(there)
      yield* Fiber.join(back)
      assert.strictEqual(yield* session.channelId, Rig.home)
      assert.deepStrictEqual(it.channels(), [Rig.home, Rig.other, Rig.home])
    }))

  it.effect("asks for the new channel when it reconnects", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* it.lose(4006)
      yield* Effect.yieldNow
      assert.strictEqual((yield* session.state)._tag, "Reconnecting")
      const moving = yield* start(session.move(Rig.other))
      yield* second
      yield* Fiber.join(moving)
      assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.other])
      assert.strictEqual(yield* session.channelId, Rig.other)
    }))

  it.effect("continues from the channel that was requested before", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const answer = it.discord.answer
      it.discord.answer = (request) => request.channel_id === null ? answer(request) : []
      yield* it.lose(4006)
      yield* second
      assert.strictEqual((yield* session.state)._tag, "Joining")
      const moving = yield* start(session.move(Rig.other))
      it.discord.answer = answer
      yield* it.say(Rig.voiceState(Rig.home), Rig.voiceServer("again"))
      yield* second
      yield* Fiber.join(moving)
      assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.home, Rig.other])
      const info = (yield* it.driver.connections).at(-1)
      assert.strictEqual(info?.channelId, Rig.other)
    }))

  it.effect("moves on from a server that was awaited", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* it.say(Rig.voiceServer("stale", null))
      yield* second
      assert.strictEqual((yield* session.state)._tag, "AwaitingServer")
      const moving = yield* start(session.move(Rig.other))
      yield* second
      yield* it.say(Rig.voiceServer("found"))
      yield* second
      yield* Fiber.join(moving)
      const channels = (yield* it.driver.connections).map(({ channelId }) => channelId)
      assert.deepStrictEqual(channels, [Rig.home, Rig.home, Rig.other])
    }))

  it.effect("comes back to its channel if another one did not admit it while it reconnected", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const answer = it.discord.answer
      it.discord.answer = (request) => request.channel_id === Rig.other ? [] : answer(request)
      yield* it.lose(4006)
      yield* Effect.yieldNow
      const moving = yield* start(Effect.flip(session.move(Rig.other)))
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual((yield* Fiber.join(moving)).reason._tag, "JoinTimedOut")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* session.state)._tag, "Ready")
      assert.strictEqual(yield* session.channelId, Rig.home)
    }))

  it.effect("comes back, and says why, if it may not enter a channel that it wanted while reconnecting", () =>
    Effect.gen(function*() {
      for (const when of ["lost before", "lost meanwhile"]) {
        const it = yield* Rig.make()
        const session = yield* it.join
        const track = yield* session.play(Rig.source(500))
        const answer = it.discord.answer
        it.discord.answer = (request) => request.channel_id === Rig.other ? [] : answer(request)
        it.discord.obstacle = (channelId) => channelId === Rig.other ? "Connect" : undefined
        if (when === "lost before") yield* it.lose(4006)
        yield* Effect.yieldNow
        const moving = yield* start(Effect.flip(session.move(Rig.other)))
        yield* TestClock.adjust("500 millis")
        if (when === "lost meanwhile") yield* it.lose(4006)
        yield* TestClock.adjust("5 seconds")
        assert.deepInclude((yield* Fiber.join(moving)).reason, { _tag: "NotAdmitted", channelId: Rig.other }, when)
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* session.state)._tag, "Ready", when)
        assert.strictEqual(yield* session.channelId, Rig.home)
        assert.notStrictEqual((yield* track.state)._tag, "Ended")
      }
    }))

  it.effect("stays where a moderator moved it while its own move was in vain", () =>
    Effect.gen(function*() {
      for (const obstacle of ["Connect", undefined] as const) {
        const it = yield* Rig.make()
        const session = yield* it.join
        const answer = it.discord.answer
        it.discord.answer = (request) => request.channel_id === Rig.other ? [] : answer(request)
        it.discord.obstacle = () => obstacle
        const moving = yield* start(Effect.flip(session.move(Rig.other)))
        yield* TestClock.adjust("1 second")
        yield* it.say(Rig.voiceState(third), Rig.voiceServer("moderator"))
        yield* TestClock.adjust("20 seconds")
        const { _tag } = (yield* Fiber.join(moving)).reason
        assert.strictEqual(_tag, obstacle === undefined ? "JoinTimedOut" : "NotAdmitted")
        assert.strictEqual(yield* session.channelId, third)
        // and that is where it comes back to
        yield* it.lose(4006)
        yield* TestClock.adjust("10 seconds")
        assert.deepInclude(yield* session.state, { _tag: "Ready", channelId: third })
      }
    }))

  it.effect("ends with the reason if it may not come back to its own channel", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const ended = yield* start(Effect.flip(session.awaitClosed))
      it.discord.answer = Rig.refusing
      it.discord.obstacle = () => "ViewChannel"
      yield* it.lose(4006)
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude((yield* Fiber.join(ended)).reason, { _tag: "NotAdmitted", channelId: Rig.home })
    }))

  it.effect("comes back to a full channel once somebody has left", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const answer = it.discord.answer
      it.discord.answer = Rig.refusing
      it.discord.obstacle = () => "Full"
      yield* it.lose(4006)
      yield* TestClock.adjust("20 seconds")
      assert.notStrictEqual((yield* session.state)._tag, "Closed")
      it.discord.answer = answer
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* session.state)._tag, "Ready")
    }))

  it.effect("fails if the session is closed meanwhile, or was closed before", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(it.join, scope)
      it.discord.answer = () => []
      const moving = yield* start(Effect.flip(session.move(Rig.other)))
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.strictEqual((yield* Fiber.join(moving)).reason._tag, "NotConnected")
      assert.strictEqual((yield* Effect.flip(session.move(third))).reason._tag, "NotConnected")
      assert.strictEqual((yield* Effect.flip(session.setSelf({ mute: true }))).reason._tag, "NotConnected")
    }))

  it.effect("allows another move after one was interrupted", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const answer = it.discord.answer
      it.discord.answer = Rig.refusing
      yield* Effect.flatMap(start(session.move(Rig.other)), Fiber.interrupt)
      it.discord.answer = answer
      const moving = yield* start(session.move(third))
      yield* second
      yield* Fiber.join(moving)
      assert.strictEqual(yield* session.channelId, third)
    }))

  it.effect("passes on the failure of the gateway", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* it.refuse(new VoiceError.GatewayFailed({ detail: "not now" }))
      assert.strictEqual((yield* Effect.flip(session.move(Rig.other))).reason._tag, "GatewayFailed")
      assert.strictEqual(yield* session.channelId, Rig.home)
    }))
})

describe("VoiceSession, muting", () => {
  it.effect("is shown where the session is if its move has failed before the main gateway took anything", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* it.hold
      const moving = yield* start(Effect.flip(session.move(Rig.other)))
      const muting = yield* start(session.setSelf({ mute: true }))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* Fiber.join(moving)).reason._tag, "JoinTimedOut")
      assert.isUndefined(muting.pollUnsafe())
      yield* it.release
      yield* second
      yield* Fiber.join(muting)
      assert.deepStrictEqual(it.channels().filter((channel) => channel !== Rig.home), [])
      assert.deepInclude(it.discord.requests.at(-1), { channel_id: Rig.home, self_mute: true })
      assert.strictEqual(yield* session.channelId, Rig.home)
    }))

  it.effect("is shown in the channel that the session is moving to", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const answer = it.discord.answer
      it.discord.answer = Rig.refusing
      const moving = yield* start(session.move(Rig.other))
      yield* session.setSelf({ mute: true })
      assert.deepStrictEqual(it.channels(), [Rig.home, Rig.other, Rig.other])
      it.discord.answer = answer
      yield* it.say(Rig.voiceState(Rig.other), Rig.voiceServer("moved"))
      yield* second
      yield* Fiber.join(moving)
    }))

  it.effect("is told once in a channel that admits the session while the move is given up", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      it.discord.answer = Rig.refusing
      const moving = yield* start(session.move(Rig.other))
      yield* session.setSelf({ mute: true })
      yield* it.say(Rig.voiceState(Rig.other))
      yield* Fiber.interrupt(moving)
      yield* second
      assert.deepStrictEqual(it.channels(), [Rig.home, Rig.other, Rig.other])
    }))

  it.effect("does not undo a moderator's move", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      it.discord.answer = Rig.refusing
      yield* it.say(Rig.voiceState(Rig.other))
      yield* second
      yield* session.setSelf({ deaf: true })
      assert.deepStrictEqual(it.channels(), [Rig.home, Rig.other])
    }))

  it.effect("does not bring the session back after a kick", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* it.lose(4014)
      yield* second
      assert.strictEqual((yield* session.state)._tag, "AwaitingServer")
      yield* session.setSelf({ mute: true })
      assert.deepStrictEqual(it.channels(), [Rig.home])
      yield* it.say(Rig.voiceState(null))
      assert.strictEqual((yield* Rig.endOf(session))._tag, "Kicked")
    }))

  it.effect("is told by the next connection, once, if it changed without one", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* it.say(Rig.voiceServer("stale", null))
      yield* second
      yield* session.setSelf({ mute: true })
      yield* it.say(Rig.voiceServer("fresh"))
      yield* second
      assert.lengthOf(it.discord.requests, 2)
      assert.deepInclude(it.discord.requests[1], { channel_id: Rig.home, self_mute: true })
      assert.isTrue((yield* it.driver.commands).some((command) => command._tag === "SetMuted" && command.muted))
      // the answer has brought another server, and a connection that has nothing more to tell
      yield* second
      assert.strictEqual((yield* session.state)._tag, "Ready")
      assert.lengthOf(it.discord.requests, 2)
    }))

  it.effect("reports what is missing when a move takes too long, and continues where Discord admits it", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      it.discord.answer = ({ channel_id }) =>
        channel_id === Rig.other
          ? [Rig.voiceState(Rig.other), Rig.voiceServer("parked", null)]
          : [Rig.voiceState(channel_id)]
      const moving = yield* start(Effect.flip(session.move(Rig.other)))
      yield* TestClock.adjust("15 seconds")
      assert.deepInclude((yield* Fiber.join(moving)).reason, { _tag: "JoinTimedOut", missing: "endpoint" })
      yield* it.say(Rig.voiceServer("found"))
      yield* second
      assert.strictEqual(yield* session.channelId, Rig.other)
      assert.deepInclude((yield* it.driver.connections).at(-1), { channelId: Rig.other })
    }))

  it.effect("names the channel of the session to whoever wants a second one", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const moving = yield* start(session.move(Rig.other))
      yield* second
      yield* Fiber.join(moving)
      assert.deepInclude((yield* Effect.flip(it.join)).reason, { _tag: "AlreadyJoined", channelId: Rig.other })
    }))
})
