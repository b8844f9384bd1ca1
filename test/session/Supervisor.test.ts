import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Logger, Redacted, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as CloseCode from "../../src/protocol/CloseCode.ts"
import { GuildId, UserId } from "../../src/protocol/Identifier.ts"
import * as Policy from "../../src/session/Policy.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"

const minute = TestClock.adjust("1 minute")
const second = TestClock.adjust("1 second")

describe("Supervisor", () => {
  describe("reactions to close codes", () => {
    for (const { code, name, reaction } of CloseCode.voiceTable) {
      it.effect(`${code} ${name}: ${reaction}`, () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const session = yield* it.join
          const states = yield* Rig.statesOf(session)
          yield* it.lose(code)
          yield* minute
          const back = [Rig.home, null, Rig.home]
          switch (reaction) {
            // the driver has tried to resume
            case "resume":
            case "rejoin":
            case "rejoin-once":
              assert.deepStrictEqual(states, ["Ready", "Reconnecting", "Joining", "Connecting", "Ready"])
              assert.deepStrictEqual(it.channels(), back)
              assert.deepStrictEqual(yield* it.tokens, ["token-1", "token-2"])
              return
            case "await-gateway":
              assert.deepStrictEqual(states, ["Ready", "AwaitingServer", "Closed"])
              break
            case "stop":
              assert.deepStrictEqual(states, ["Ready", "Closed"])
          }
          assert.strictEqual((yield* Rig.endOf(session))._tag, reaction === "stop" ? name : "Disconnected")
          assert.deepStrictEqual(yield* it.tokens, ["token-1"])
          assert.deepStrictEqual(it.channels(), [Rig.home, null])
        }))
    }

    it.effect("rejoins once after an error of its own, and not again while the connection is young", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        for (let times = 0; times < 2; times++) {
          // about the time until a malformed heartbeat
          yield* TestClock.adjust("20 seconds")
          yield* it.lose(4004)
          yield* second
        }
        assert.strictEqual((yield* Rig.endOf(session))._tag, "AuthenticationFailed")
        assert.lengthOf(yield* it.tokens, 2)
      }))

    it.effect("starts to count again after a stable connection", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        for (let times = 0; times < 3; times++) {
          yield* minute
          yield* it.lose(4004)
          yield* second
          assert.strictEqual((yield* session.state)._tag, "Ready")
        }
      }))

    it.effect("rejoins again after an error of its own if another loss came in between", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        for (const code of [4004, 4006, 4004]) {
          yield* TestClock.adjust("20 seconds")
          yield* it.lose(code)
          yield* second
          assert.strictEqual((yield* session.state)._tag, "Ready")
        }
      }))

    it.effect("numbers attempts in a row, and begins with the first delay again after a stable connection", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({ policy: { backoff: Schedule.exponential("100 millis", 2) } })
        const session = yield* it.join
        const attempts: Array<readonly [attempt: number, delayMs: number]> = []
        yield* session.changes.pipe(
          Stream.runForEach((state) =>
            Effect.sync(() => state._tag === "Reconnecting" && attempts.push([state.attempt, state.delayMs]))
          ),
          Effect.forkScoped({ startImmediately: true })
        )
        for (const wait of ["1 second", "1 second", "1 second", "1 minute", "1 second"] as const) {
          yield* TestClock.adjust(wait)
          yield* it.lose(4006)
          yield* second
        }
        assert.deepStrictEqual(attempts, [[1, 100], [2, 200], [3, 400], [1, 100], [2, 200]])
      }))

    it.effect("gives up after ten connections in a row that did not last", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        let losses = 0
        while ((yield* session.state)._tag === "Ready") {
          losses++
          yield* TestClock.adjust("2 seconds")
          yield* it.lose(4006)
          yield* TestClock.adjust("50 seconds")
        }
        assert.strictEqual((yield* Rig.endOf(session))._tag, "SessionInvalid")
        assert.strictEqual(losses, 11)
        const tokens = yield* it.tokens
        assert.strictEqual(new Set(tokens).size, tokens.length)
      }))
  })

  describe("a first connection that fails", () => {
    it.effect("is tried again with other credentials", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        yield* it.driver.refuse(new VoiceError.SessionInvalid({ code: 4006, detail: "" }))
        const joining = yield* Effect.forkScoped(it.join, { startImmediately: true })
        yield* second
        yield* Fiber.join(joining)
        assert.deepStrictEqual(yield* it.tokens, ["token-1", "token-2"])
        assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.home])
      }))

    it.effect("is tried again even if the main gateway fails then", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({ policy: { backoff: Schedule.spaced("1 second") } })
        yield* it.driver.refuse(new VoiceError.SessionInvalid({ code: 4006, detail: "" }))
        const joining = yield* Effect.forkScoped(it.join, { startImmediately: true })
        yield* TestClock.adjust("500 millis")
        // the leave, and the request after it
        yield* it.refuse(new VoiceError.GatewayFailed({ detail: "not now" }))
        yield* it.refuse(new VoiceError.GatewayFailed({ detail: "not now" }))
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(joining)
        assert.deepStrictEqual(yield* it.tokens, ["token-1", "token-2"])
      }))

    it.effect("ends the join with its own reason if no delay is left", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({ policy: { backoff: Schedule.recurs(0) } })
        yield* it.driver.refuse(new VoiceError.SessionInvalid({ code: 4006, detail: "" }))
        const error = yield* Effect.flip(it.join)
        assert.strictEqual(error.reason._tag, "SessionInvalid")
      }))
  })

  describe("a ghost of an earlier process", () => {
    const requests = [["leave", [null, Rig.home]], [undefined, [null, Rig.home]], ["adopt", [Rig.home]]] as const
    for (const [ghost, expected] of requests) {
      it.effect(`is handled as requested: ${ghost ?? "leave, unless something else is wanted"}`, () =>
        Effect.gen(function*() {
          const it = yield* Rig.make({ ghost })
          yield* it.setInitialVoiceState(Rig.guildId, Rig.stateOf(Rig.other))
          const session = yield* it.join
          assert.deepStrictEqual(it.channels(), [...expected])
          assert.strictEqual((yield* session.state)._tag, "Ready")
          assert.lengthOf(yield* it.tokens, 1)
        }))
    }

    it.effect("is looked for in the guild of the session only", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        yield* it.setInitialVoiceState(GuildId.make("11"), Rig.stateOf(Rig.other))
        yield* it.join
        assert.deepStrictEqual(it.channels(), [Rig.home])
      }))
  })

  it.effect("shows that a connection is being resumed, and that it was", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const states = yield* Rig.statesOf(session)
      const error = VoiceError.make(new VoiceError.ServerCrashed({ code: 4015, detail: "" }))
      yield* it.driver.emit({ _tag: "Resuming", error })
      yield* second
      yield* it.driver.emit({ _tag: "Resumed", elapsedMs: 1_000 })
      yield* second
      assert.deepStrictEqual(states, ["Ready", "Resuming", "Ready"])
    }))

  describe("the main gateway's decision", () => {
    const removals = [[4014, "Kicked"], [4022, "CallEnded"]] as const
    for (const [code, reason] of removals) {
      it.effect(`${code}, then no channel: ${reason}`, () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const session = yield* it.join
          yield* it.lose(code)
          yield* second
          yield* it.say(Rig.voiceState(null))
          assert.strictEqual((yield* Rig.endOf(session))._tag, reason)
        }))

      it.effect(`no channel, then ${code}: ${reason}`, () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const session = yield* it.join
          yield* it.say(Rig.voiceState(null))
          yield* TestClock.adjust("2999 millis")
          yield* it.lose(code)
          assert.strictEqual((yield* Rig.endOf(session))._tag, reason)
        }))

      it.effect(`${code}, then another server: continues there`, () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const session = yield* it.join
          yield* it.lose(code)
          yield* second
          yield* it.say(Rig.voiceServer("moved"))
          yield* second
          assert.strictEqual((yield* session.state)._tag, "Ready")
          assert.deepStrictEqual(yield* it.tokens, ["token-1", "moved"])
          assert.deepStrictEqual(it.channels(), [Rig.home])
        }))
    }

    for (const wanted of [Rig.home, Rig.other]) {
      const where = wanted === Rig.home ? "the same channel" : "another channel"
      it.effect(`no channel, then 4014, soon after a failed join, in ${where}: Kicked`, () =>
        Effect.gen(function*() {
          const it = yield* Rig.make({ joinTimeout: "3 seconds" })
          const answer = it.discord.answer
          it.discord.answer = () => []
          const refused = yield* Effect.forkScoped(Effect.flip(Effect.scoped(it.join)), { startImmediately: true })
          yield* TestClock.adjust("3 seconds")
          assert.strictEqual((yield* Fiber.join(refused)).reason._tag, "JoinTimedOut")
          it.discord.answer = answer
          const session = yield* it.joinIn(wanted)
          assert.deepStrictEqual(it.channels(), [Rig.home, null, wanted])
          yield* it.say(Rig.voiceState(null))
          yield* TestClock.adjust("100 millis")
          yield* it.lose(4014)
          assert.deepStrictEqual(
            yield* Rig.endOf(session),
            new VoiceError.Kicked({ guildId: Rig.guildId, channelId: wanted })
          )
        }))
    }

    it.effect("no channel and nothing else: Disconnected", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.say(Rig.voiceState(null))
        assert.strictEqual((yield* Rig.endOf(session))._tag, "Disconnected")
      }))

    it.effect("no channel, then a close code with another meaning: Disconnected", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.say(Rig.voiceState(null))
        yield* TestClock.adjust("100 millis")
        yield* it.lose(4006)
        assert.strictEqual((yield* Rig.endOf(session))._tag, "Disconnected")
      }))

    it.effect("4014, then no server yet: waits for one for a minute in total", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.lose(4014)
        yield* second
        yield* it.say(Rig.voiceServer("stale", null))
        yield* TestClock.adjust("58999 millis")
        assert.strictEqual((yield* session.state)._tag, "AwaitingServer")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* session.state)._tag, "Closed")
      }))

    it.effect("4014 and nothing else: Disconnected after five seconds", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.lose(4014)
        yield* TestClock.adjust("4999 millis")
        assert.strictEqual((yield* session.state)._tag, "AwaitingServer")
        yield* TestClock.adjust("1 millis")
        const state = yield* session.state
        assert(state._tag === "Closed")
        assert.strictEqual(state.error?.reason._tag, "Disconnected")
      }))

    describe("cannot come in an outage of the guild", () => {
      const available = (isAvailable: boolean) => ({ _tag: "Availability", guildId: Rig.guildId, isAvailable }) as const
      const tagOf = (session: VoiceSession.VoiceSession) => Effect.map(session.state, ({ _tag }) => _tag)

      for (const code of [4014, 4022]) {
        it.effect(`${code}: asks until the guild is back, and at once then`, () =>
          Effect.gen(function*() {
            const it = yield* Rig.make()
            const session = yield* it.join
            const { answer } = it.discord
            it.discord.answer = () => []
            yield* it.say(available(false))
            yield* it.lose(code)
            yield* TestClock.adjust("2 minutes")
            assert.include(["Joining", "Reconnecting"], yield* tagOf(session))
            it.discord.answer = answer
            yield* it.say(available(true))
            yield* second
            assert.strictEqual(yield* tagOf(session), "Ready")
            assert.deepStrictEqual(yield* it.tokens, ["token-1", "token-2"])
          }))
      }

      it.effect("4022: ends when all attempts are used up", () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const session = yield* it.join
          it.discord.answer = () => []
          yield* it.say(available(false))
          yield* it.lose(4022)
          yield* TestClock.adjust("10 minutes")
          assert.strictEqual((yield* Rig.endOf(session))._tag, "JoinTimedOut")
        }))

      it.effect("4022: follows what comes if the outage ends in time", () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const session = yield* it.join
          yield* it.say(available(false))
          yield* it.lose(4022)
          yield* second
          yield* it.say(available(true))
          yield* second
          yield* it.say(Rig.voiceServer("moved"))
          yield* second
          assert.strictEqual(yield* tagOf(session), "Ready")
          assert.deepStrictEqual(yield* it.tokens, ["token-1", "moved"])
          assert.deepStrictEqual(it.channels(), [Rig.home])
        }))

      it.effect("awaited server: asks five seconds after the outage", () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const session = yield* it.join
          yield* it.say(Rig.voiceServer("stale", null))
          yield* second
          yield* it.say(available(false))
          yield* second
          yield* it.say(available(true))
          yield* TestClock.adjust("4999 millis")
          assert.strictEqual(yield* tagOf(session), "AwaitingServer")
          yield* second
          assert.strictEqual(yield* tagOf(session), "Ready")
          assert.deepStrictEqual(yield* it.tokens, ["token-1", "token-2"])
        }))

      it.effect("4014: is awaited as usual long after an outage", () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const session = yield* it.join
          yield* it.say(available(false), available(true))
          yield* minute
          yield* it.lose(4014)
          yield* TestClock.adjust("5 seconds")
          assert.strictEqual((yield* Rig.endOf(session))._tag, "Disconnected")
        }))

      it.effect("4006: an outage's end cuts the delay between two attempts, and starts their count again", () =>
        Effect.gen(function*() {
          const it = yield* Rig.make({ policy: { backoff: Schedule.upTo(Schedule.spaced("1 hour"), { times: 1 }) } })
          const session = yield* it.join
          for (let time = 0; time < 3; time++) {
            yield* it.say(available(false))
            yield* it.lose(4006)
            yield* minute
            assert.strictEqual(yield* tagOf(session), "Reconnecting")
            yield* it.say(available(true))
            yield* second
            assert.strictEqual(yield* tagOf(session), "Ready")
          }
        }))

      it.effect("4022: asks again if it comes just after the end of the outage", () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const session = yield* it.join
          yield* it.say(available(false))
          yield* second
          yield* it.say(available(true))
          yield* TestClock.adjust("4900 millis")
          yield* it.lose(4022)
          yield* TestClock.adjust("6 seconds")
          assert.strictEqual(yield* tagOf(session), "Ready")
          assert.deepStrictEqual(yield* it.tokens, ["token-1", "token-2"])
        }))

      it.effect("awaited server: the delay before the next attempt ends with the outage", () =>
        Effect.gen(function*() {
          const it = yield* Rig.make({ policy: { backoff: Schedule.spaced("1 hour") } })
          const session = yield* it.join
          yield* it.say(Rig.voiceServer("stale", null), available(false))
          yield* TestClock.adjust("2 minutes")
          assert.strictEqual(yield* tagOf(session), "Reconnecting")
          yield* it.say(available(true))
          yield* second
          assert.strictEqual(yield* tagOf(session), "Ready")
          assert.deepStrictEqual(yield* it.tokens, ["token-1", "token-2"])
        }))

      for (const afterMs of [2_000, 5_010, 12_000]) {
        it.effect(`4014: goes where a moderator moved it in an outage that lasts ${afterMs} ms more`, () =>
          Effect.gen(function*() {
            const it = yield* Rig.make()
            const session = yield* it.join
            const { answer } = it.discord
            it.discord.answer = () => []
            yield* it.say(available(false))
            yield* it.lose(4014)
            yield* TestClock.adjust(afterMs)
            it.discord.answer = answer
            yield* it.say(Rig.voiceState(Rig.other), available(true))
            yield* TestClock.adjust("10 seconds")
            const state = yield* session.state
            assert.deepInclude(state, { _tag: "Ready", channelId: Rig.other })
            assert.strictEqual(it.channels().at(-1), Rig.other)
          }))
      }

      it.effect("a move requested in it is requested again, and telling the flags does not undo that", () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const session = yield* it.join
          const { answer } = it.discord
          it.discord.answer = () => []
          yield* it.say(Rig.voiceState(Rig.home), available(false))
          yield* second
          yield* session.setSelf({ mute: true })
          const moving = yield* Effect.forkChild(session.move(Rig.other), { startImmediately: true })
          yield* TestClock.adjust("8 seconds")
          it.discord.answer = answer
          yield* it.say(Rig.voiceState(Rig.home), available(true))
          yield* TestClock.adjust("5 seconds")
          yield* Fiber.join(moving)
          assert.deepInclude(yield* session.state, { _tag: "Ready", channelId: Rig.other })
          const { length } = it.discord.requests
          assert.isAtMost(length, 5)
          assert.isTrue(it.discord.requests.slice(2).every(({ channel_id }) => channel_id === Rig.other))
          assert.isTrue(it.discord.requests.slice(1).every(({ self_mute }) => self_mute))
        }))

      it.effect("a move that is not granted after it still tells the flags to the current channel", () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const session = yield* it.join
          it.discord.answer = Rig.refusing
          yield* it.say(Rig.voiceState(Rig.home), available(false))
          yield* second
          yield* session.setSelf({ mute: true })
          const moving = yield* Effect.forkChild(Effect.flip(session.move(Rig.other)), { startImmediately: true })
          yield* second
          yield* it.say(Rig.voiceState(Rig.home), available(true))
          yield* TestClock.adjust("20 seconds")
          assert.strictEqual((yield* Fiber.join(moving)).reason._tag, "JoinTimedOut")
          assert.deepInclude(it.discord.requests.at(-1), { channel_id: Rig.home, self_mute: true })
        }))

      it.effect("joins the requested channel, not the one where an earlier process was", () =>
        Effect.gen(function*() {
          const it = yield* Rig.make({ ghost: "adopt" })
          const { answer } = it.discord
          it.discord.answer = () => []
          const joining = yield* Effect.forkChild(it.join, { startImmediately: true })
          yield* second
          it.discord.answer = answer
          yield* it.say(Rig.voiceState(Rig.other), available(true))
          yield* second
          const session = yield* Fiber.join(joining)
          assert.deepInclude(yield* session.state, { _tag: "Ready", channelId: Rig.home })
        }))

      it.effect("asks nobody for an obstacle, and does not wait for an answer when it leaves", () =>
        Effect.gen(function*() {
          const it = yield* Rig.make()
          const scope = yield* Scope.make()
          yield* Scope.provide(it.join, scope)
          it.discord.answer = () => []
          it.discord.obstacle = () => "NotMember"
          yield* it.say(available(false))
          yield* it.lose(4006)
          yield* TestClock.adjust("10 seconds")
          yield* Scope.close(scope, Exit.void)
          assert.isNull(it.channels().at(-1))
        }))
    })

    it.effect("ends at once with the main gateway's reason if that ends while it is awaited", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.lose(4014)
        yield* second
        yield* it.end(new VoiceError.GatewayFailed({ detail: "gone" }))
        yield* TestClock.adjust("1 millis")
        const state = yield* session.state
        assert(state._tag === "Closed")
        assert.strictEqual(state.error?.reason._tag, "GatewayFailed")
      }))

    it.effect("stays if Discord reports a necessary leave late", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        const { answer } = it.discord
        it.discord.answer = (request) => request.channel_id === null ? [] : answer(request)
        yield* it.lose(4006)
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual((yield* session.state)._tag, "Ready")
        yield* it.say(Rig.voiceState(null))
        yield* TestClock.adjust("4900 millis")
        assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.home])
        // Discord reports no channel, although one has been requested since
        yield* minute
        assert.strictEqual((yield* session.state)._tag, "Ready")
        assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.home, Rig.home])
        it.discord.answer = answer
      }))

    /** In its channel again, although Discord has not reported yet that the bot had left it. */
    const unanswered = Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      const { answer } = it.discord
      it.discord.answer = (request) => request.channel_id === null ? [] : answer(request)
      yield* it.lose(4006)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* session.state)._tag, "Ready")
      assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.home])
      it.discord.answer = answer
      return { it, session }
    })

    it.effect("stays if Discord reports a necessary leave just after another server", () =>
      Effect.gen(function*() {
        const { it, session } = yield* unanswered
        yield* it.say(Rig.voiceServer("another"))
        yield* TestClock.adjust("50 millis")
        yield* it.say(Rig.voiceState(null))
        yield* second
        // Discord answers in order: the place that was requested since is still to come
        assert.strictEqual((yield* session.state)._tag, "AwaitingServer")
        assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.home])
        yield* it.say(Rig.voiceState(Rig.home), Rig.voiceServer("granted"))
        yield* second
        assert.strictEqual((yield* session.state)._tag, "Ready")
        assert.strictEqual((yield* it.tokens).at(-1), "granted")
      }))

    it.effect("ends if nothing follows such a report", () =>
      Effect.gen(function*() {
        const { it, session } = yield* unanswered
        yield* it.say(Rig.voiceServer("another"))
        yield* TestClock.adjust("50 millis")
        yield* it.say(Rig.voiceState(null))
        yield* TestClock.adjust("4 seconds")
        assert.strictEqual((yield* session.state)._tag, "AwaitingServer")
        assert.strictEqual((yield* Rig.endOf(session))._tag, "Disconnected")
      }))

    it.effect("waits for its place if Discord reports a necessary leave just after 4014 and another server", () =>
      Effect.gen(function*() {
        const { it, session } = yield* unanswered
        yield* it.lose(4014)
        yield* it.say(Rig.voiceServer("another"))
        yield* TestClock.adjust("50 millis")
        yield* it.say(Rig.voiceState(null))
        yield* second
        assert.strictEqual((yield* session.state)._tag, "AwaitingServer")
        yield* it.say(Rig.voiceState(Rig.home), Rig.voiceServer("granted"))
        yield* second
        assert.strictEqual((yield* session.state)._tag, "Ready")
      }))

    for (const removal of ["rejoin", "stop"] as const) {
      it.effect(`leaves before it asks again if a server came without a state of its session (${removal})`, () =>
        Effect.gen(function*() {
          const it = yield* Rig.make({ policy: { backoff: Schedule.spaced("10 seconds"), removal } })
          const session = yield* it.join
          const { answer } = it.discord
          it.discord.answer = () => []
          yield* it.pushLifecycle("NewSession")
          yield* TestClock.adjust("16 seconds")
          assert.strictEqual((yield* session.state)._tag, "Reconnecting")
          it.discord.answer = answer
          yield* it.say(Rig.voiceServer("half"))
          yield* second
          assert.strictEqual((yield* session.state)._tag, "Ready")
          assert.deepStrictEqual(it.channels(), [Rig.home, Rig.home, null, Rig.home])
        }))
    }

    it.effect("does not mistake having no channel after its own request in vain for a kick", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({
          policy: {
            react: (reason) => reason._tag === "JoinTimedOut" ? "await-gateway" : Policy.react(reason)
          }
        })
        const session = yield* it.join
        it.discord.answer = Rig.refusing
        yield* it.lose(4006)
        yield* TestClock.adjust("16 seconds")
        assert.strictEqual((yield* session.state)._tag, "AwaitingServer")
        assert.strictEqual((yield* Rig.endOf(session))._tag, "Disconnected")
      }))

    it.effect("warns once each time the main gateway resumes that its flags could not be told", () => {
      const said: Array<unknown> = []
      return Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* session.setSelf({ mute: true })
        for (let times = 0; times < 4; times++) yield* it.refuse(new VoiceError.GatewayFailed({ detail: "not now" }))
        // Discord shows something other than what was told last
        yield* it.say(Rig.voiceState(Rig.home))
        yield* it.pushLifecycle("Resumed")
        yield* second
        assert.lengthOf(said, 1)
        yield* it.pushLifecycle("Resumed")
        yield* second
        assert.lengthOf(said, 2)
        assert.strictEqual((yield* session.state)._tag, "Ready")
      }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => said.push(message))])))
    })

    it.effect("hears of another server while a connection comes up", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make(
          {},
          Effect.void,
          ({ token }) => Redacted.value(token) === "token-1" ? Effect.never : Effect.void
        )
        const joining = yield* Effect.forkScoped(it.join, { startImmediately: true })
        yield* second
        yield* it.say(Rig.voiceServer("moved"))
        yield* second
        const session = yield* Fiber.join(joining)
        assert.strictEqual((yield* session.state)._tag, "Ready")
        assert.deepStrictEqual(yield* it.tokens, ["moved"])
      }))

    it.effect("ends at once if it is removed while a connection comes up", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({}, Effect.void, () => Effect.never)
        const joining = yield* Effect.forkScoped(Effect.flip(it.join), { startImmediately: true })
        yield* second
        yield* it.say(Rig.voiceState(null))
        yield* TestClock.adjust("1 millis")
        assert.isDefined(joining.pollUnsafe())
        assert.deepInclude((yield* Fiber.join(joining)).reason, { _tag: "Disconnected", code: 4014 })
      }))

    it.effect("hears that the guild is given up while a connection closes", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({}, Effect.sleep("1 second"))
        const session = yield* it.join
        yield* it.pushLifecycle("NewSession")
        yield* TestClock.adjust("500 millis")
        const error = VoiceError.make(new VoiceError.GatewayDetached({ guildId: Rig.guildId }))
        yield* it.push({ _tag: "Detached", guildId: Rig.guildId, error })
        yield* second
        assert.strictEqual((yield* Rig.endOf(session))._tag, "GatewayDetached")
        assert.notInclude(it.channels().slice(1), Rig.home)
      }))

    it.effect("waits longer while the main gateway is away, and joins in its new session", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.pushLifecycle("Lost")
        yield* it.lose(4014)
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual((yield* session.state)._tag, "AwaitingServer")
        yield* it.pushLifecycle("NewSession")
        yield* second
        assert.strictEqual((yield* session.state)._tag, "Ready")
        assert.deepStrictEqual(it.channels(), [Rig.home, Rig.home])
      }))

    it.effect("leaves the voice connection alone when the main gateway resumes", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        const states = yield* Rig.statesOf(session)
        yield* it.pushLifecycle("Lost")
        yield* minute
        yield* it.pushLifecycle("Resumed")
        yield* minute
        assert.deepStrictEqual(states, ["Ready"])
        assert.deepStrictEqual(it.channels(), [Rig.home])
      }))

    it.effect("waits if there is no server, for a minute at most", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.say(Rig.voiceServer("stale", null))
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual((yield* session.state)._tag, "AwaitingServer")
        yield* second
        const reason = yield* Rig.endOf(session)
        assert(reason._tag === "JoinTimedOut")
        assert.strictEqual(reason.missing, "endpoint")
        assert.deepStrictEqual(yield* it.tokens, ["token-1"])
      }))

    it.effect("ends at once if it is removed while it waits for a server", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.say(Rig.voiceServer("stale", null))
        yield* second
        yield* it.say(Rig.voiceState(null))
        assert.strictEqual((yield* Rig.endOf(session))._tag, "Disconnected")
      }))

    it.effect("reports a kick that came while the server was being taken away", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.lose(4014)
        yield* it.say(Rig.voiceServer("stale", null), Rig.voiceState(null))
        assert.strictEqual((yield* Rig.endOf(session))._tag, "Kicked")
      }))

    it.effect("uses the last of two servers that come close together, and connects once at a time", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.say(Rig.voiceServer("first"))
        yield* TestClock.adjust("50 millis")
        yield* it.say(Rig.voiceServer("stale", null), Rig.voiceServer("second"))
        yield* second
        assert.strictEqual((yield* session.state)._tag, "Ready")
        assert.deepStrictEqual(yield* it.tokens, ["token-1", "second"])
      }))

    it.effect("hears of a new session while it waits for the state of a move", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.say(Rig.voiceServer("dead"))
        yield* TestClock.adjust("50 millis")
        yield* it.pushLifecycle("NewSession")
        yield* second
        assert.strictEqual((yield* session.state)._tag, "Ready")
        assert.deepStrictEqual(yield* it.tokens, ["token-1", "token-2"])
        // a new session knows of nothing to leave
        assert.deepStrictEqual(it.channels(), [Rig.home, Rig.home])
      }))

    it.effect("does not use a server that comes without a channel", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        // the state is lost on the way, and the server alone is not a place
        it.discord.answer = ({ channel_id }) => [channel_id === null ? Rig.voiceState(null) : Rig.voiceServer("half")]
        yield* it.lose(4006)
        yield* TestClock.adjust("17 seconds")
        it.discord.answer = Rig.answering()
        yield* minute
        assert.strictEqual((yield* session.state)._tag, "Ready")
        assert.notInclude(yield* it.tokens, "half")
      }))

    it.effect("follows a moderator's move, whether the state or the server comes first", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        for (
          const [token, ...events] of [
            ["a", Rig.voiceState(Rig.other), Rig.voiceServer("a")],
            ["b", Rig.voiceServer("b"), Rig.voiceState(Rig.home)]
          ] as const
        ) {
          yield* it.say(...events)
          // both are there, so nothing more is awaited
          yield* TestClock.adjust("10 millis")
          const info = (yield* it.driver.connections).at(-1)
          assert.isDefined(info)
          assert.strictEqual(info.channelId, token === "a" ? Rig.other : Rig.home)
          assert.strictEqual((yield* session.state)._tag, "Ready")
          assert.strictEqual(yield* session.channelId, info.channelId)
        }
        assert.deepStrictEqual(it.channels(), [Rig.home])
      }))

    it.effect("is in the channel that a state names long after its server", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.say(Rig.voiceServer("b"))
        yield* TestClock.adjust("3 seconds")
        yield* it.say(Rig.voiceState(Rig.other))
        // it may belong to a move whose server is still to come
        yield* TestClock.adjust("4999 millis")
        assert.strictEqual(yield* session.channelId, Rig.home)
        yield* TestClock.adjust("1 millis")
        const state = yield* session.state
        assert(state._tag === "Ready")
        assert.strictEqual(state.channelId, Rig.other)
        assert.strictEqual(yield* session.channelId, Rig.other)
        assert.lengthOf(yield* it.tokens, 2)
      }))

    it.effect("comes back to the channel that it was moved to while its connection was lost", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.say(Rig.voiceState(Rig.other))
        yield* it.lose(4006)
        yield* second
        assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.other])
        assert.strictEqual(yield* session.channelId, Rig.other)
      }))

    it.effect("ends when the gateway gives up the guild", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        const error = VoiceError.make(new VoiceError.GatewayDetached({ guildId: Rig.guildId }))
        yield* it.push({ _tag: "Detached", guildId: Rig.guildId, error })
        assert.strictEqual((yield* Rig.endOf(session))._tag, "GatewayDetached")
      }))

    it.effect("stays after the end of the main gateway, and ends with its reason if the connection is lost", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.end(new VoiceError.GatewayFailed({ detail: "gone" }))
        yield* minute
        assert.strictEqual((yield* session.state)._tag, "Ready")
        yield* it.lose(4006)
        assert.strictEqual((yield* Rig.endOf(session))._tag, "GatewayFailed")
      }))

    it.effect("ignores other members", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.say(Rig.voiceState(null, UserId.make("2")), Rig.voiceState(Rig.other, UserId.make("3")))
        yield* minute
        assert.strictEqual((yield* session.state)._tag, "Ready")
        assert.strictEqual(yield* session.channelId, Rig.home)
      }))
  })

  describe("a custom policy", () => {
    it.effect("that dies ends the session with its defect", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({
          policy: {
            react: () => {
              throw new Error("odd")
            }
          }
        })
        const session = yield* it.join
        const track = yield* session.play(Rig.source(500))
        const closed = yield* Effect.forkScoped(Effect.exit(session.awaitClosed), { startImmediately: true })
        yield* it.lose(4006)
        yield* second
        const exit = yield* Fiber.join(closed)
        assert(Exit.isFailure(exit))
        assert.isTrue(Cause.hasDies(exit.cause))
        assert.strictEqual((yield* session.state)._tag, "Closed")
        assert.strictEqual((yield* track.awaitEnd)._tag, "Failed")
        assert.isNull(it.channels().at(-1))
        // the guild is free again
        yield* it.join
      }))

    it.effect("may have its own delays, which the main gateway cuts short", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({ policy: { backoff: Schedule.spaced("1 hour") } })
        const session = yield* it.join
        yield* it.lose(4006)
        yield* minute
        const state = yield* session.state
        assert(state._tag === "Reconnecting")
        assert.strictEqual(state.delayMs, 3_600_000)
        yield* it.say(Rig.voiceServer("sooner"))
        yield* second
        assert.strictEqual((yield* session.state)._tag, "Ready")
        assert.deepStrictEqual(yield* it.tokens, ["token-1", "sooner"])
      }))

    for (const removal of ["rejoin", "stop"] as const) {
      it.effect(`decides about a removal while the session waits: ${removal}`, () =>
        Effect.gen(function*() {
          const it = yield* Rig.make({ policy: { backoff: Schedule.spaced("10 seconds"), removal } })
          const session = yield* it.join
          yield* it.lose(4006)
          yield* second
          yield* it.say(Rig.voiceState(null))
          yield* second
          if (removal === "stop") assert.strictEqual((yield* Rig.endOf(session))._tag, "Disconnected")
          else {
            assert.strictEqual((yield* session.state)._tag, "Reconnecting")
            yield* TestClock.adjust("10 seconds")
            assert.strictEqual((yield* session.state)._tag, "Ready")
          }
        }))
    }

    it.effect("tries again in time even if a server is taken away while it waits", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({ policy: { backoff: Schedule.spaced("10 seconds") } })
        const session = yield* it.join
        yield* it.lose(4006)
        yield* second
        yield* it.say(Rig.voiceServer("parked", null))
        yield* TestClock.adjust("11 seconds")
        assert.strictEqual((yield* session.state)._tag, "Ready")
        assert.deepStrictEqual(yield* it.tokens, ["token-1", "token-2"])
      }))

    it.effect("does not mistake the session's own leave for a removal", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({ policy: { backoff: Schedule.spaced("10 seconds"), removal: "stop" } })
        const session = yield* it.join
        const { answer } = it.discord
        it.discord.answer = Rig.refusing
        yield* it.lose(4006)
        yield* TestClock.adjust("26 seconds")
        assert.strictEqual((yield* session.state)._tag, "Reconnecting")
        it.discord.answer = answer
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* session.state)._tag, "Ready")
      }))

    for (const removal of ["rejoin", "stop"] as const) {
      it.effect(`does not mistake the late answer to its own leave for a removal after a late server (${removal})`, () =>
        Effect.gen(function*() {
          const it = yield* Rig.make({
            joinTimeout: "5 seconds",
            policy: { backoff: Schedule.spaced("10 seconds"), removal }
          })
          const session = yield* it.join
          const { answer } = it.discord
          // the main gateway is slow: nothing is answered before the request has timed out
          it.discord.answer = () => []
          yield* it.lose(4006)
          yield* TestClock.adjust("16 seconds")
          assert.strictEqual((yield* session.state)._tag, "Reconnecting")
          assert.deepStrictEqual(it.channels(), [Rig.home, null, Rig.home])
          it.discord.answer = answer
          yield* it.say(Rig.voiceServer("late"))
          yield* TestClock.adjust("50 millis")
          yield* it.say(Rig.voiceState(null))
          yield* minute
          assert.strictEqual((yield* session.state)._tag, "Ready")
        }))
    }

    it.effect("may try again without delay or end, until it works", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({ policy: { backoff: Schedule.forever } })
        const session = yield* it.join
        for (let i = 0; i < 50; i++) yield* it.driver.refuse(new VoiceError.ServerNotFound({ code: 4011, detail: "" }))
        yield* it.lose(4006)
        yield* second
        assert.strictEqual((yield* session.state)._tag, "Ready")
        const tokens = yield* it.tokens
        assert.lengthOf(tokens, 52)
        assert.strictEqual(new Set(tokens).size, tokens.length)
      }))

    it.effect("may never try again", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make({ policy: Policy.never })
        const session = yield* it.join
        yield* it.lose(4006)
        assert.strictEqual((yield* Rig.endOf(session))._tag, "SessionInvalid")
      }))

    it.effect("is not asked when the bot leaves, even if it would continue", () =>
      Effect.gen(function*() {
        const asked: Array<string> = []
        const it = yield* Rig.make({
          policy: {
            react: ({ _tag }) => {
              asked.push(_tag)
              return "rejoin"
            }
          }
        })
        const scope = yield* Scope.make()
        const session = yield* Scope.provide(it.join, scope)
        const states = yield* Rig.statesOf(session)
        yield* Effect.yieldNow
        yield* Scope.close(scope, Exit.void)
        yield* minute
        assert.deepStrictEqual(asked, [])
        assert.deepStrictEqual(states, ["Ready", "Closed"])
        assert.deepStrictEqual(yield* session.state, { _tag: "Closed" })
        assert.deepStrictEqual(it.channels(), [Rig.home, null])
      }))
  })

  describe("while nothing can be sent", () => {
    it.effect("holds a track for longer than its starve timeout, and continues with the next frame", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        const track = yield* session.play(Rig.source(100), { starveTimeout: "5 seconds" })
        yield* second
        yield* it.say(Rig.voiceServer("stale", null))
        yield* TestClock.adjust("50 seconds")
        assert.notStrictEqual((yield* track.state)._tag, "Ended")
        yield* it.say(Rig.voiceServer("fresh"))
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        assert.deepStrictEqual(yield* it.driver.frames, Rig.frames(100).map(({ data }) => data))
      }))

    it.effect("starts to play when there is a connection again, however long that takes", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        yield* it.say(Rig.voiceServer("stale", null))
        yield* second
        assert.strictEqual((yield* Effect.flip(session.statistics)).reason._tag, "NotConnected")
        yield* session.setSpeaking({ priority: true })
        const track = yield* session.play(Rig.source(50), { starveTimeout: "5 seconds" })
        yield* TestClock.adjust("40 seconds")
        yield* it.say(Rig.voiceServer("fresh"))
        yield* TestClock.adjust("3 seconds")
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        assert.deepStrictEqual(yield* it.driver.frames, Rig.frames(50).map(({ data }) => data))
        assert.isTrue(
          (yield* it.driver.commands).some((command) => command._tag === "SetSpeaking" && command.flags === 5)
        )
        assert.isAtLeast((yield* session.statistics).packetsSent, 50)
      }))

    it.effect("still ends a track whose source gives nothing", () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const session = yield* it.join
        const dry = {
          name: "dry",
          open: Effect.succeed({
            format: "opus" as const,
            durationMs: undefined,
            tags: {},
            channels: 2 as const,
            pull: Effect.never
          })
        }
        const track = yield* session.play(dry, { starveTimeout: "5 seconds" })
        yield* it.say(Rig.voiceServer("stale", null))
        yield* TestClock.adjust("6 seconds")
        assert.strictEqual((yield* track.awaitEnd)._tag, "Starved")
      }))
  })

  for (
    const [what, break_] of [
      ["joining", (it: Effect.Success<ReturnType<typeof Rig.make>>) =>
        Effect.andThen(
          Effect.sync(() => {
            it.discord.answer = () => []
          }),
          it.lose(4006)
        )],
      ["parked", (it: Effect.Success<ReturnType<typeof Rig.make>>) => it.say(Rig.voiceServer("stale", null))],
      [
        "waiting for the main gateway",
        (it: Effect.Success<ReturnType<typeof Rig.make>>) => it.lose(4014)
      ]
    ] as const
  ) {
    it.effect(`leaves in bounded time while it is ${what}`, () =>
      Effect.gen(function*() {
        const it = yield* Rig.make()
        const scope = yield* Scope.make()
        const session = yield* Scope.provide(it.join, scope)
        yield* break_(it)
        yield* second
        const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void), { startImmediately: true })
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(closing)
        assert.deepStrictEqual(yield* session.state, { _tag: "Closed" })
        yield* session.awaitClosed
        assert.isNull(it.channels().at(-1))
        const requests = it.channels().length
        yield* minute
        assert.lengthOf(it.channels(), requests)
      }))
  }
})
