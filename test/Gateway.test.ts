import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Config,
  ConfigProvider,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Option,
  Predicate,
  Queue,
  Random,
  Redacted,
  References,
  Result,
  Schedule,
  Scope,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import * as Http from "node:http"
import { WebSocketServer } from "ws"
import * as Gateway from "../src/Gateway.ts"
import * as CloseCode from "../src/protocol/CloseCode.ts"
import * as GatewayPayload from "../src/protocol/GatewayPayload.ts"
import { ChannelId, GuildId, UserId } from "../src/protocol/Identifier.ts"
import * as MockTransport from "../src/testing/MockTransport.ts"
import * as Transport from "../src/Transport.ts"
import type { VoiceError } from "../src/VoiceError.ts"

const token = "MTIzNDU2.secret-token"
const url = "wss://gateway.example"
const self = UserId.make("100")
const guildId = GuildId.make("200")
const channelId = ChannelId.make("300")
const interval = 40_000

const options = { token: Redacted.make(token), url }

/** Every random number is one half: the first heartbeat comes after half an interval, and jitter is 1. */
const half = { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => 0.5 }

const run = <A, E>(
  effect: Effect.Effect<A, E, Gateway.Gateway | MockTransport.MockWebSockets | Scope.Scope>,
  more: Partial<Gateway.GatewayOptions> = {}
) =>
  effect.pipe(
    Effect.provide(Gateway.layer({ ...options, ...more }).pipe(Layer.provideMerge(MockTransport.layerWebSocket))),
    Effect.provideService(Random.Random, half)
  )

const say = (peer: MockTransport.WebSocketPeer, message: GatewayPayload.ServerMessage) =>
  peer.send(Result.getOrThrow(GatewayPayload.encodeServer(message)))

const take = (peer: MockTransport.WebSocketPeer) =>
  Effect.map(peer.take, (frame) => {
    assert(typeof frame === "string")
    return Result.getOrThrow(GatewayPayload.decodeClient(frame))
  })

const ready = (s = 1, guilds: ReadonlyArray<GuildId> = []): GatewayPayload.ServerMessage => ({
  op: 0,
  t: "READY",
  s,
  d: {
    v: 10,
    user: { id: self },
    guilds: guilds.map((id) => ({ id, unavailable: true })),
    session_id: "the-session",
    resume_gateway_url: "wss://resume.example/",
    application: { id: "1" }
  }
})

const resumed = (s: number): GatewayPayload.ServerMessage => ({ op: 0, t: "RESUMED", s, d: {} })

const voiceState = (more: Partial<GatewayPayload.VoiceState> = {}): GatewayPayload.VoiceState => ({
  guild_id: guildId,
  channel_id: channelId,
  user_id: self,
  session_id: "voice-session",
  deaf: false,
  mute: false,
  self_deaf: false,
  self_mute: false,
  self_video: false,
  suppress: false,
  ...more
})

const request = (channel: number): Gateway.VoiceStateRequest => ({
  guild_id: guildId,
  channel_id: ChannelId.make(String(channel)),
  self_mute: false,
  self_deaf: false
})

const accept = Effect.flatMap(MockTransport.MockWebSockets, (network) => network.accept)

/** Sends Hello, and returns the client's answer: Identify or Resume. */
const greet = Effect.fnUntraced(function*(peer: MockTransport.WebSocketPeer) {
  yield* say(peer, { op: 10, d: { heartbeat_interval: interval } })
  return yield* take(peer)
})

/** A connection with a session. */
const connected = Effect.fnUntraced(function*(guilds: ReadonlyArray<GuildId> = []) {
  const peer = yield* accept
  yield* greet(peer)
  yield* say(peer, ready(1, guilds))
  const gateway = yield* Gateway.Gateway
  yield* gateway.userId
  return { peer, gateway }
})

/** Keeps a connection alive long enough to reset the backoff. */
const last = Effect.fnUntraced(function*(peer: MockTransport.WebSocketPeer) {
  yield* TestClock.adjust(interval / 2)
  assert.strictEqual((yield* take(peer)).op, 1)
  yield* say(peer, { op: 11, d: null })
  yield* TestClock.adjust(interval)
  assert.strictEqual((yield* take(peer)).op, 1)
  yield* say(peer, { op: 11, d: null })
  yield* TestClock.adjust(5_000)
})

/** A connection that has lasted. */
const stable = Effect.fnUntraced(function*() {
  const { gateway, peer } = yield* connected()
  yield* last(peer)
  return { gateway, peer }
})

const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

/** A network that takes a while to send. */
const slow = Layer.effect(
  Transport.WebSocketTransport,
  Effect.map(Transport.WebSocketTransport, (transport) => ({
    connect: (...where) =>
      Effect.map(transport.connect(...where), (connection) => ({
        ...connection,
        send: (frame) => Effect.andThen(settle, connection.send(frame))
      }))
  } satisfies Transport.WebSocketTransport["Service"]))
)

const connections = Effect.flatMap(MockTransport.MockWebSockets, (network) => Effect.andThen(settle, network.waiting))

const reasonOf = <A, R>(effect: Effect.Effect<A, VoiceError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

const collectEvents = (gateway: Gateway.Gateway["Service"]) =>
  Effect.gen(function*() {
    const heard: Array<Gateway.GatewayEvent> = []
    const stream = yield* gateway.subscribe
    const fiber = yield* stream.pipe(
      Stream.runForEach((event) => Effect.sync(() => heard.push(event))),
      Effect.forkChild({ startImmediately: true })
    )
    return { heard, fiber }
  })

const collectLifecycle = (gateway: Gateway.Gateway["Service"]) =>
  Effect.gen(function*() {
    const heard: Array<Gateway.Lifecycle | Gateway.ShardLifecycle> = []
    const stream = yield* Option.getOrThrow(gateway.lifecycle)
    const fiber = yield* stream.pipe(
      Stream.runForEach((event) => Effect.sync(() => heard.push(event))),
      Effect.forkChild({ startImmediately: true })
    )
    return { heard, fiber }
  })

describe("Gateway", () => {
  describe("connection", () => {
    it.effect("identifies after Hello and knows its user from READY", () =>
      run(
        Effect.gen(function*() {
          const peer = yield* accept
          assert.strictEqual(peer.url, "wss://gateway.example/?v=10&encoding=json")
          yield* settle
          assert.strictEqual(yield* peer.waiting, 0)
          const identify = yield* greet(peer)
          assert.deepStrictEqual(identify, {
            op: 2,
            d: { token, intents: 129, properties: { os: "tos", browser: "b", device: "d" }, shard: [1, 4] }
          })
          const gateway = yield* Gateway.Gateway
          const fiber = yield* Effect.forkChild(gateway.userId, { startImmediately: true })
          yield* settle
          assert.isUndefined(fiber.pollUnsafe())
          yield* say(peer, ready())
          assert.strictEqual(yield* Fiber.join(fiber), self)
          assert.strictEqual(yield* gateway.userId, self)
        }),
        { shard: [1, 4], properties: { os: "tos", browser: "b", device: "d" } }
      ))

    it.effect("cleans up a token that was copied with its prefix and a line end", () =>
      run(
        Effect.gen(function*() {
          const identify = yield* Effect.flatMap(accept, greet)
          assert(identify.op === 2)
          assert.strictEqual(identify.d.token, token)
        }),
        { token: Redacted.make(`Bot ${token}\n`) }
      ))

    it.effect("beats after a random part of the interval, then after each interval, with the last sequence", () =>
      run(Effect.gen(function*() {
        const peer = yield* accept
        yield* greet(peer)
        yield* TestClock.adjust(interval / 2 - 1)
        assert.strictEqual(yield* peer.waiting, 0)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* take(peer), { op: 1, d: null })
        yield* say(peer, { op: 11, d: null })
        yield* say(peer, ready(7))
        yield* TestClock.adjust(interval - 1)
        assert.strictEqual(yield* peer.waiting, 0)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* take(peer), { op: 1, d: 7 })
        yield* say(peer, { op: 11, d: null })
        yield* say(peer, { op: "other", t: "TYPING_START", s: 8, d: {} })
        yield* TestClock.adjust(interval)
        assert.deepStrictEqual(yield* take(peer), { op: 1, d: 8 })
      })))

    it.effect("beats at most once a second, whatever Hello says", () =>
      run(Effect.gen(function*() {
        const peer = yield* accept
        yield* say(peer, { op: 10, d: { heartbeat_interval: 0.5 } })
        assert.strictEqual((yield* take(peer)).op, 2)
        yield* say(peer, ready())
        for (let beats = 0; beats < 10; beats++) {
          yield* TestClock.adjust("1 second")
          yield* say(peer, { op: 11, d: null })
          yield* settle
        }
        assert.strictEqual(yield* peer.waiting, 10)
      })))

    it.effect("notices within minutes that nobody answers, whatever Hello says", () =>
      run(Effect.gen(function*() {
        const peer = yield* accept
        yield* say(peer, { op: 10, d: { heartbeat_interval: 1e12 } })
        assert.strictEqual((yield* take(peer)).op, 2)
        yield* say(peer, ready())
        yield* TestClock.adjust("8 minutes")
        assert.strictEqual((yield* peer.closed).code, 4900)
      })))

    it.effect("reports how long the last heartbeat took to be answered", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        const roundTripMs = gateway.roundTripMs ?? assert.fail("not told")
        yield* TestClock.adjust(interval / 2)
        assert.isUndefined(yield* roundTripMs)
        yield* TestClock.adjust(70)
        yield* say(peer, { op: 11, d: null })
        yield* settle
        assert.strictEqual(yield* roundTripMs, 70)
        // an answer to no heartbeat says nothing
        yield* TestClock.adjust(50)
        yield* say(peer, { op: 11, d: null })
        yield* settle
        assert.strictEqual(yield* roundTripMs, 70)
      })))

    it.effect("measures the round trip from the first of several unanswered heartbeats", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        const roundTripMs = gateway.roundTripMs ?? assert.fail("not told")
        yield* TestClock.adjust(interval / 2 - 10)
        yield* say(peer, { op: 1, d: null })
        yield* settle
        yield* TestClock.adjust(50)
        assert.strictEqual(yield* peer.waiting, 2)
        yield* say(peer, { op: 11, d: null })
        yield* settle
        assert.strictEqual(yield* roundTripMs, 50)
      })))

    it.effect("answers a heartbeat request at once, which alone is not a missed beat", () =>
      run(Effect.gen(function*() {
        const { peer } = yield* connected()
        yield* TestClock.adjust(interval / 2 - 10)
        yield* say(peer, { op: 1, d: null })
        assert.deepStrictEqual(yield* take(peer), { op: 1, d: 1 })
        yield* TestClock.adjust(10)
        assert.deepStrictEqual(yield* take(peer), { op: 1, d: 1 })
        assert.strictEqual(yield* connections, 0)
      })))

    it.effect("considers a connection without acknowledgements dead, and resumes where READY said", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        const lifecycle = yield* collectLifecycle(gateway)
        yield* say(peer, { op: "other", t: "PRESENCE_UPDATE", s: 42, d: {} })
        yield* TestClock.adjust(interval / 2)
        assert.strictEqual((yield* take(peer)).op, 1)
        yield* TestClock.adjust(interval)
        assert.strictEqual((yield* peer.closed).code, 4900)
        yield* settle
        assert.deepStrictEqual(lifecycle.heard, ["Lost"])
        yield* TestClock.adjust("1 second")
        const next = yield* accept
        assert.strictEqual(next.url, "wss://resume.example/?v=10&encoding=json")
        assert.deepStrictEqual(yield* greet(next), { op: 6, d: { token, session_id: "the-session", seq: 42 } })
        yield* say(next, resumed(43))
        yield* settle
        assert.deepStrictEqual(lifecycle.heard, ["Lost", "Resumed"])
        yield* TestClock.adjust(interval / 2)
        assert.deepStrictEqual(yield* take(next), { op: 1, d: 43 })
      })))

    it.effect("reconnects at once when Discord asks for it, and resumes the session", () =>
      run(Effect.gen(function*() {
        const { peer } = yield* stable()
        yield* say(peer, { op: 7, d: null })
        assert.strictEqual((yield* peer.closed).code, 4900)
        const next = yield* accept
        assert.strictEqual((yield* greet(next)).op, 6)
      })))

    it.effect("waits even then if the connection was young", () =>
      run(Effect.gen(function*() {
        const { peer } = yield* connected()
        yield* say(peer, { op: 7, d: null })
        yield* peer.closed
        yield* TestClock.adjust("999 millis")
        assert.strictEqual(yield* connections, 0)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Effect.flatMap(accept, greet)).op, 6)
      })))

    it.effect("considers a connection young for ten seconds", () =>
      run(Effect.gen(function*() {
        const { peer } = yield* connected()
        yield* TestClock.adjust(9_999)
        yield* say(peer, { op: 7, d: null })
        yield* peer.closed
        assert.strictEqual(yield* connections, 0)
        yield* TestClock.adjust("1 second")
        const next = yield* accept
        yield* greet(next)
        yield* say(next, resumed(2))
        yield* TestClock.adjust("10 seconds")
        yield* say(next, { op: 7, d: null })
        yield* next.closed
        assert.strictEqual((yield* Effect.flatMap(accept, greet)).op, 6)
      })))

    it.effect("soon comes back and resumes if its connection is cut twice a minute", () =>
      run(Effect.gen(function*() {
        const waits: Array<number> = []
        let { peer } = yield* connected()
        for (let cut = 0; cut < 20; cut++) {
          yield* TestClock.adjust("25 seconds")
          assert.strictEqual((yield* take(peer)).op, 1)
          yield* say(peer, { op: 11, d: null })
          yield* TestClock.adjust("5 seconds")
          yield* peer.terminate
          let seconds = 0
          while ((yield* connections) === 0) {
            yield* TestClock.adjust("1 second")
            seconds++
          }
          waits.push(seconds)
          peer = yield* accept
          assert.strictEqual((yield* greet(peer)).op, 6)
          yield* say(peer, resumed(2 + cut))
          yield* settle
        }
        // the session is old enough after two minutes
        assert.deepStrictEqual(waits, [1, 2, 4, ...Array.from({ length: 17 }, () => 1)])
      })))

    it.effect("begins fewer sessions than Discord allows if each ends after a minute", () =>
      run(Effect.gen(function*() {
        let begun = 0
        const end = (yield* Clock.monotonicTimeNanos) + 3_600_000_000_000n
        while ((yield* Clock.monotonicTimeNanos) < end) {
          if ((yield* connections) === 0) {
            yield* TestClock.adjust("1 second")
            continue
          }
          const { peer } = yield* connected()
          begun++
          yield* last(peer)
          yield* peer.close(4009)
        }
        // 1000 a day
        assert.isBelow(begun, 1_000 / 24)
      })))

    it.effect("forgets its failures after each connection that lasted, including resumed ones", () =>
      run(Effect.gen(function*() {
        let { gateway, peer } = yield* stable()
        const lifecycle = yield* collectLifecycle(gateway)
        for (let i = 0; i < 5; i++) {
          yield* peer.terminate
          yield* settle
          yield* TestClock.adjust("1 second")
          peer = yield* accept
          assert.strictEqual((yield* greet(peer)).op, 6)
          yield* say(peer, resumed(2 + i))
          yield* settle
          yield* last(peer)
        }
        assert.deepStrictEqual(lifecycle.heard, Array.from({ length: 5 }, () => ["Lost", "Resumed"] as const).flat())
      })))

    it.effect("reports one loss, and waits ever longer, however stable the connection was before", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* stable()
        const network = yield* MockTransport.MockWebSockets
        const lifecycle = yield* collectLifecycle(gateway)
        for (let i = 0; i < 2; i++) yield* network.refuse("Refused")
        yield* peer.terminate
        yield* settle
        // 1 + 2 + 4 seconds
        yield* TestClock.adjust("6999 millis")
        assert.strictEqual(yield* connections, 0)
        assert.deepStrictEqual(lifecycle.heard, ["Lost"])
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* connections, 1)
      })))

    it.effect("reports no loss before it was connected", () =>
      run(Effect.gen(function*() {
        const network = yield* MockTransport.MockWebSockets
        for (let i = 0; i < 3; i++) yield* network.refuse("Refused")
        const lifecycle = yield* collectLifecycle(yield* Gateway.Gateway)
        yield* TestClock.adjust("7 seconds")
        assert.strictEqual(yield* connections, 1)
        assert.deepStrictEqual(lifecycle.heard, [])
      })))

    it.effect("resumes after Invalid Session with true", () =>
      run(Effect.gen(function*() {
        const { peer } = yield* connected()
        yield* say(peer, { op: 9, d: true })
        assert.strictEqual((yield* peer.closed).code, 4900)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Effect.flatMap(accept, greet)).op, 6)
      })))

    it.effect("begins a new session after Invalid Session with false, 1 to 5 seconds later", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        const lifecycle = yield* collectLifecycle(gateway)
        yield* say(peer, { op: 9, d: false })
        yield* peer.closed
        yield* TestClock.adjust("2999 millis")
        assert.strictEqual(yield* connections, 0)
        yield* TestClock.adjust("1 millis")
        const next = yield* accept
        assert.strictEqual(next.url, "wss://gateway.example/?v=10&encoding=json")
        assert.strictEqual((yield* greet(next)).op, 2)
        yield* say(next, ready())
        yield* settle
        assert.deepStrictEqual(lifecycle.heard, ["Lost", "NewSession"])
      })))

    it.effect.each(
      CloseCode.gatewayTable.filter((entry) => entry.reaction === "resume").concat(CloseCode.gateway(1006))
    )(
      "resumes after close code $code",
      ({ code }) =>
        run(Effect.gen(function*() {
          const { peer } = yield* connected()
          yield* peer.close(code)
          yield* TestClock.adjust("1 second")
          assert.strictEqual((yield* Effect.flatMap(accept, greet)).op, 6)
        }))
    )

    it.effect.each(CloseCode.gatewayTable.filter((entry) => entry.reaction === "new-session"))(
      "begins a new session after close code $code",
      ({ code }) =>
        run(Effect.gen(function*() {
          const { peer } = yield* connected()
          yield* peer.close(code)
          yield* TestClock.adjust("1 second")
          const next = yield* accept
          assert.match(next.url, /^wss:\/\/gateway\.example/)
          assert.strictEqual((yield* greet(next)).op, 2)
        }))
    )

    it.effect.each(CloseCode.gatewayTable.filter((entry) => entry.reaction === "stop"))(
      "ends permanently for everyone after close code $code",
      ({ code, name, remedy }) =>
        run(Effect.gen(function*() {
          const peer = yield* accept
          yield* greet(peer)
          const gateway = yield* Gateway.Gateway
          const waiting = [
            yield* Effect.forkChild(gateway.userId, { startImmediately: true }),
            yield* Effect.forkChild(gateway.updateVoiceState(request(1)), { startImmediately: true }),
            (yield* collectEvents(gateway)).fiber
          ]
          const lifecycle = yield* collectLifecycle(gateway)
          yield* peer.close(code, "said\n\u001b[2J so")
          const late = [
            gateway.userId,
            gateway.updateVoiceState(request(2)),
            Effect.flatMap(gateway.subscribe, Stream.runDrain)
          ]
          for (const effect of [...waiting.map((fiber) => Fiber.join<unknown, VoiceError>(fiber)), ...late]) {
            const reason = yield* reasonOf<unknown, Scope.Scope>(effect)
            assert(reason._tag === "GatewayClosed")
            assert.deepStrictEqual(
              { code: reason.code, name: reason.name, remedy: reason.remedy, detail: reason.detail },
              { code, name, remedy, detail: "said\\u{a}\\u{1b}[2J so" }
            )
          }
          yield* Fiber.join(lifecycle.fiber)
          yield* TestClock.adjust("1 hour")
          assert.strictEqual(yield* connections, 0)
        }))
    )

    it.effect("gives up on a gateway that sends no Hello, and on one that never answers Identify", () =>
      run(Effect.gen(function*() {
        const silent = yield* accept
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* silent.closed).code, 4900)
        yield* TestClock.adjust("1 second")
        const deaf = yield* accept
        yield* greet(deaf)
        yield* TestClock.adjust("20 seconds")
        yield* say(deaf, { op: 11, d: null })
        yield* TestClock.adjust("40 seconds")
        assert.strictEqual((yield* deaf.closed).code, 4900)
      })))

    it.effect("comes back when a network returns that was away for hours", () =>
      run(Effect.gen(function*() {
        const network = yield* MockTransport.MockWebSockets
        // 1 + 2 + 4 + 8 + 16 + 32 + 64 + 60 * 120 seconds
        for (let i = 0; i < 67; i++) yield* network.refuse("Refused")
        const gateway = yield* Gateway.Gateway
        const fiber = yield* Effect.forkChild(gateway.userId, { startImmediately: true })
        yield* TestClock.adjust("7326 seconds")
        assert.strictEqual(yield* connections, 0)
        yield* TestClock.adjust("1 second")
        const peer = yield* accept
        yield* greet(peer)
        yield* say(peer, ready())
        assert.strictEqual(yield* Fiber.join(fiber), yield* gateway.userId)
      })))

    it.effect("identifies fewer than a thousand times a day if its connections keep dying", () =>
      run(Effect.gen(function*() {
        yield* Gateway.Gateway
        for (let i = 0; i < 20; i++) {
          const peer = yield* accept
          yield* greet(peer)
          yield* say(peer, ready())
          yield* peer.close(4003)
          yield* settle
          const seconds = Math.min(2 ** i, 120)
          yield* TestClock.adjust(seconds * 1000 - 1)
          assert.strictEqual(yield* connections, 0)
          yield* TestClock.adjust(1)
        }
        // the jitter takes off a fifth at most
        assert.isBelow(86_400 / (0.8 * 120), 1_000)
      })))

    it.effect("reports that it gave up, and why, when its schedule ends", () =>
      run(
        Effect.gen(function*() {
          const network = yield* MockTransport.MockWebSockets
          for (let i = 0; i < 3; i++) yield* network.refuse("Refused")
          const gateway = yield* Gateway.Gateway
          const events = yield* collectEvents(gateway)
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual((yield* reasonOf(Fiber.join(events.fiber)))._tag, "GatewayUnreachable")
          yield* TestClock.adjust("1 hour")
          assert.strictEqual(yield* connections, 0)
        }),
        { reconnect: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 2 })) }
      ))

    it.effect("escapes and shortens a URL from Discord that it reports", () =>
      run(
        Effect.gen(function*() {
          const peer = yield* accept
          yield* greet(peer)
          const session = ready()
          assert(session.op === 0 && session.t === "READY")
          const evil = `\u001b[2J${"u".repeat(10_000)}`
          yield* say(peer, { ...session, d: { ...session.d, resume_gateway_url: evil } })
          const network = yield* MockTransport.MockWebSockets
          yield* network.refuse("Refused")
          const gateway = yield* Gateway.Gateway
          const events = yield* collectEvents(gateway)
          yield* peer.terminate
          yield* TestClock.adjust("1 second")
          const reason = yield* reasonOf(Fiber.join(events.fiber))
          assert(reason._tag === "GatewayUnreachable")
          assert.strictEqual(reason.url, `\\u{1b}[2J${"u".repeat(196)}…`)
        }),
        { reconnect: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 })) }
      ))

    it.effect("accepts another schedule, which sees what went wrong", () =>
      run(
        Effect.gen(function*() {
          const network = yield* MockTransport.MockWebSockets
          for (let i = 0; i < 3; i++) yield* network.refuse("Refused")
          const gateway = yield* Gateway.Gateway
          const fiber = yield* Effect.forkChild(reasonOf(gateway.userId), { startImmediately: true })
          yield* TestClock.adjust("20 millis")
          const reason = yield* Fiber.join(fiber)
          assert.strictEqual(reason._tag, "GatewayUnreachable")
        }),
        {
          reconnect: Schedule.spaced("10 millis").pipe(
            Schedule.upTo({ times: 2 }),
            Schedule.setInputType<VoiceError>(),
            Schedule.while(({ input }) => input.reason._tag === "GatewayUnreachable")
          )
        }
      ))

    it.effect("fails with GatewayFailed if a part that was passed in breaks", () =>
      run(
        Effect.gen(function*() {
          const network = yield* MockTransport.MockWebSockets
          yield* network.refuse("Refused")
          const gateway = yield* Gateway.Gateway
          assert.strictEqual((yield* reasonOf(gateway.userId))._tag, "GatewayFailed")
        }).pipe(Effect.provide(Logger.layer([]))),
        {
          reconnect: Schedule.forever.pipe(Schedule.while(() => {
            throw new Error("broken")
          }))
        }
      ))

    it.effect("begins a new session if the resume URL from READY is invalid", () =>
      run(Effect.gen(function*() {
        const { peer } = yield* connected()
        const network = yield* MockTransport.MockWebSockets
        yield* network.refuse("InvalidUrl")
        yield* peer.terminate
        yield* TestClock.adjust("3 seconds")
        const next = yield* accept
        assert.match(next.url, /^wss:\/\/gateway\./)
        assert.strictEqual((yield* greet(next)).op, 2)
      })))

    it.effect.each([[2, 7, 6, /^wss:\/\/resume\./], [3, 15, 2, /^wss:\/\/gateway\./]] as const)(
      "gives up a session after its resume URL failed three times (%d times, %d s: op %d)",
      ([refusals, seconds, op, url]) =>
        run(Effect.gen(function*() {
          const { peer } = yield* connected()
          const network = yield* MockTransport.MockWebSockets
          for (let i = 0; i < refusals; i++) yield* network.refuse("Refused")
          yield* peer.terminate
          yield* TestClock.adjust(seconds * 1_000)
          const next = yield* accept
          assert.match(next.url, url)
          assert.strictEqual((yield* greet(next)).op, op)
        }))
    )

    it.effect("stops at an invalid URL", () =>
      run(Effect.gen(function*() {
        const network = yield* MockTransport.MockWebSockets
        yield* network.refuse("InvalidUrl")
        const gateway = yield* Gateway.Gateway
        assert.strictEqual((yield* reasonOf(gateway.userId))._tag, "GatewayUnreachable")
      })))

    it.effect("stops if its Identify is too long to be sent", () =>
      run(
        Effect.gen(function*() {
          const peer = yield* accept
          yield* say(peer, { op: 10, d: { heartbeat_interval: interval } })
          const gateway = yield* Gateway.Gateway
          const reason = yield* reasonOf(gateway.userId)
          assert(reason._tag === "GatewayFailed")
          assert.match(reason.detail, /4096/)
          assert.strictEqual(yield* peer.waiting, 0)
        }),
        { properties: { os: "x".repeat(5000), browser: "", device: "" } }
      ))

    it.effect("closes with 1000 when the layer ends; later requests fail", () =>
      Effect.gen(function*() {
        const network = yield* MockTransport.MockWebSockets
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(Gateway.layer(options), scope)
        const { gateway, peer } = yield* Effect.provide(connected(), context)
        const events = yield* collectEvents(gateway)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* peer.closed).code, 1000)
        assert.strictEqual((yield* reasonOf(gateway.updateVoiceState(request(1))))._tag, "NotConnected")
        assert.strictEqual((yield* reasonOf(gateway.userId))._tag, "NotConnected")
        assert.strictEqual((yield* reasonOf(Fiber.join(events.fiber)))._tag, "NotConnected")
        assert.match((yield* reasonOf(gateway.userId)).message, /Provide the layer to everything that uses a session/)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* network.waiting, 0)
      }).pipe(Effect.provide(MockTransport.layerWebSocket)))
  })

  describe("voice", () => {
    it.effect("passes both events on in order to each subscriber, from the moment it subscribes", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        const first = yield* collectEvents(gateway)
        const state = voiceState()
        const stranger = voiceState({ user_id: UserId.make("101") })
        const server: GatewayPayload.VoiceServerUpdate = { token: "t", guild_id: guildId, endpoint: null }
        yield* say(peer, { op: 0, t: "VOICE_STATE_UPDATE", s: 2, d: state })
        yield* settle
        const second = yield* collectEvents(gateway)
        yield* say(peer, { op: 0, t: "VOICE_SERVER_UPDATE", s: 3, d: server })
        yield* peer.send("{\"op\":0,\"t\":\"VOICE_SERVER_UPDATE\",\"s\":4,\"d\":{\"token\":7}}")
        yield* peer.send("garbage")
        yield* peer.send(Uint8Array.of(1))
        yield* peer.send("{\"op\":77,\"d\":null}")
        yield* say(peer, { op: 0, t: "VOICE_STATE_UPDATE", s: 5, d: stranger })
        yield* settle
        const later: ReadonlyArray<Gateway.GatewayEvent> = [
          { _tag: "VoiceServer", server },
          { _tag: "VoiceState", state: stranger }
        ]
        assert.deepStrictEqual(first.heard, [{ _tag: "VoiceState", state }, ...later])
        assert.deepStrictEqual(second.heard, later)
      })))

    it.effect("sends a voice state request", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        yield* gateway.updateVoiceState(request(5))
        assert.deepStrictEqual(yield* take(peer), { op: 4, d: request(5) })
      })))

    it.effect("holds requests while the connection is down, and sends them once it is up", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        yield* peer.terminate
        yield* settle
        const first = yield* Effect.forkChild(gateway.updateVoiceState(request(1)), { startImmediately: true })
        const withdrawn = yield* Effect.forkChild(gateway.updateVoiceState(request(2)), { startImmediately: true })
        const third = yield* Effect.forkChild(gateway.updateVoiceState(request(3)), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        const next = yield* accept
        yield* greet(next)
        yield* settle
        assert.strictEqual(yield* next.waiting, 0)
        yield* Fiber.interrupt(withdrawn)
        yield* say(next, resumed(2))
        assert.deepStrictEqual(yield* take(next), { op: 4, d: request(1) })
        assert.deepStrictEqual(yield* take(next), { op: 4, d: request(3) })
        yield* Fiber.join(first)
        yield* Fiber.join(third)
      })))

    it.effect("sends on the next connection what the current one could no longer take", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        const asking = yield* Effect.forkChild(gateway.updateVoiceState(request(1)), { startImmediately: true })
        // before anything else had a turn
        yield* peer.terminate
        yield* TestClock.adjust("1 second")
        assert.isUndefined(asking.pollUnsafe())
        const next = yield* accept
        yield* greet(next)
        yield* say(next, resumed(2))
        assert.deepStrictEqual(yield* take(next), { op: 4, d: request(1) })
        yield* Fiber.join(asking)
      })))

    it.effect("sends everything once to a gateway that says Hello and READY twice", () =>
      Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        yield* say(peer, { op: 10, d: { heartbeat_interval: interval } })
        yield* say(peer, ready(2))
        yield* settle
        yield* gateway.updateVoiceState(request(1))
        yield* settle
        yield* settle
        assert.deepStrictEqual(yield* take(peer), { op: 4, d: request(1) })
        yield* TestClock.adjust(interval / 2)
        assert.strictEqual((yield* take(peer)).op, 1)
        assert.strictEqual(yield* peer.waiting, 0)
      }).pipe(
        Effect.provide(
          Gateway.layer(options).pipe(Layer.provide(slow), Layer.provideMerge(MockTransport.layerWebSocket))
        ),
        Effect.provideService(Random.Random, half)
      ))

    it.effect("reports when too many requests are waiting", () =>
      run(Effect.gen(function*() {
        const gateway = yield* Gateway.Gateway
        const waiting = yield* Effect.forEach(
          Array.from({ length: 4096 }, (_, i) => i),
          (i) => Effect.forkChild(gateway.updateVoiceState(request(i)), { startImmediately: true })
        )
        assert.isTrue(waiting.every((fiber) => fiber.pollUnsafe() === undefined))
        const reason = yield* reasonOf(gateway.updateVoiceState(request(4096)))
        assert.strictEqual(reason._tag, "GatewayFailed")
        yield* Fiber.interruptAll(waiting)
        const { peer } = yield* connected()
        yield* gateway.updateVoiceState(request(65))
        assert.deepStrictEqual(yield* take(peer), { op: 4, d: request(65) })
      })))

    it.effect("stays below 120 messages a minute, and lets heartbeats pass", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        const sentAt: Array<{ readonly op: number | "unknown"; readonly second: number }> = []
        yield* Effect.gen(function*() {
          while (true) {
            const { op } = yield* take(peer)
            sentAt.push({ op, second: (yield* Clock.currentTimeMillis) / 1000 })
            if (op === 1) yield* say(peer, { op: 11, d: null })
          }
        }).pipe(Effect.forkChild)
        yield* Effect.forEach(
          Array.from({ length: 300 }, (_, i) => i),
          (i) => gateway.updateVoiceState(request(i))
        ).pipe(Effect.forkChild)
        for (let second = 0; second < 200; second++) {
          yield* Effect.forEach(Array.from({ length: second === 0 ? 50 : 5 }), () => settle, { discard: true })
          yield* TestClock.adjust("1 second")
        }
        assert.strictEqual(sentAt.filter(({ op }) => op === 4).length, 300)
        // The one more is Identify, which was sent before.
        assert.strictEqual(sentAt.filter(({ second }) => second === 0).length, 109)
        for (let from = 0; from < 140; from++) {
          const within = sentAt.filter(({ second }) => second >= from && second < from + 60)
          assert.isAtMost(within.length, 115)
          assert.isAtLeast(within.filter(({ op }) => op === 1).length, 1)
        }
      })))

    it.effect("does not send a request that was withdrawn while it waited for the limit", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        const ask = (n: number) => Effect.forkScoped(gateway.updateVoiceState(request(n)), { startImmediately: true })
        // Identify was one
        for (let i = 0; i < 109; i++) yield* ask(i)
        const withdrawn = yield* ask(500)
        yield* ask(501)
        yield* Effect.repeat(settle, { times: 20 })
        assert.strictEqual(yield* peer.waiting, 109)
        yield* Fiber.interrupt(withdrawn)
        yield* TestClock.adjust(interval / 2)
        yield* say(peer, { op: 11, d: null })
        yield* TestClock.adjust("39 seconds")
        yield* TestClock.adjust("1 second")
        yield* Effect.repeat(settle, { times: 20 })
        const sent: Array<unknown> = []
        while ((yield* peer.waiting) > 0) sent.push(yield* take(peer))
        const requests = sent.slice(109).filter((message) => Predicate.hasProperty(message, "op") && message.op === 4)
        assert.deepStrictEqual(requests, [{ op: 4, d: request(501) }])
      })))

    it.effect("reports that requests wait for the limit, until a moment after, and warns once", () => {
      const lines: Array<string> = []
      return run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected()
        const ask = (count: number) =>
          Effect.andThen(
            Effect.forEach(
              Array.from({ length: count }),
              () => Effect.forkScoped(gateway.updateVoiceState(request(1)), { startImmediately: true })
            ),
            Effect.repeat(settle, { times: 20 })
          )
        yield* ask(50)
        yield* TestClock.adjust("1 second")
        assert.isFalse(gateway.isHeldBack?.())
        // Identify was one; after a minute there is room for 51 more, and a second later for the others
        yield* ask(59 + 70)
        assert.strictEqual(yield* peer.waiting, 109)
        assert.isTrue(gateway.isHeldBack?.())
        yield* TestClock.adjust(interval / 2)
        yield* say(peer, { op: 11, d: null })
        yield* TestClock.adjust("39 seconds")
        yield* TestClock.adjust("1 second")
        yield* Effect.repeat(settle, { times: 20 })
        // including two heartbeats
        assert.strictEqual(yield* peer.waiting, 50 + 59 + 70 + 2)
        assert.isTrue(gateway.isHeldBack?.())
        yield* TestClock.adjust("5 seconds")
        assert.isFalse(gateway.isHeldBack?.())
        assert.lengthOf(lines, 1)
        assert.include(lines[0], "message limit")
      })).pipe(
        Effect.scoped,
        Effect.provideService(References.MinimumLogLevel, "Warn"),
        Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
      )
    })

    it.effect("accepts messages of 32 MiB, such as READY of a bot in many guilds", () =>
      Effect.gen(function*() {
        let room: number | undefined
        const transport = yield* Transport.WebSocketTransport
        yield* Layer.build(
          Gateway.layer(options).pipe(Layer.provide(Layer.succeed(Transport.WebSocketTransport, {
            connect: (where, options) => {
              room = options?.maxPayloadBytes
              return transport.connect(where, options)
            }
          })))
        )
        yield* accept
        assert.strictEqual(room, 32 * 1024 * 1024)
      }).pipe(Effect.provide(MockTransport.layerWebSocket)))

    it.effect("ignores a flood of heartbeat requests rather than exceeding the limit", () =>
      run(Effect.gen(function*() {
        const { peer } = yield* connected()
        for (let i = 0; i < 500; i++) yield* say(peer, { op: 1, d: null })
        yield* Effect.forEach(Array.from({ length: 1000 }), () => Effect.yieldNow, { discard: true })
        assert.strictEqual(yield* peer.waiting, 114)
      })))

    it.effect("knows the bot's earlier voice state once the guild has arrived", () =>
      run(Effect.gen(function*() {
        const { gateway, peer } = yield* connected([guildId])
        const stateIn = Option.getOrThrow(gateway.initialVoiceState)
        const fiber = yield* Effect.forkChild(stateIn(guildId), { startImmediately: true })
        yield* settle
        assert.isUndefined(fiber.pollUnsafe())
        const { guild_id: _, ...ghost } = voiceState()
        yield* say(peer, {
          op: 0,
          t: "GUILD_CREATE",
          s: 2,
          d: { id: guildId, voice_states: [{ ...ghost, user_id: UserId.make("101") }, ghost] }
        })
        assert.deepStrictEqual(yield* Fiber.join(fiber), Option.some(voiceState()))
        assert.deepStrictEqual(yield* stateIn(GuildId.make("999")), Option.none())
        yield* say(peer, { op: 0, t: "VOICE_STATE_UPDATE", s: 3, d: voiceState({ channel_id: null }) })
        yield* settle
        assert.deepStrictEqual(yield* stateIn(guildId), Option.none())
      })))

    it.effect("does not wait forever for a guild", () =>
      run(Effect.gen(function*() {
        const { gateway } = yield* connected([guildId])
        const fiber = yield* Effect.forkChild(Option.getOrThrow(gateway.initialVoiceState)(guildId), {
          startImmediately: true
        })
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(yield* Fiber.join(fiber), Option.none())
      })))
  })

  describe("REST", () => {
    const rest = Effect.fnUntraced(function*(
      answers: ReadonlyArray<() => Response | Promise<Response>>,
      more: Partial<Gateway.GatewayOptions> = {}
    ) {
      const requests = yield* Queue.unbounded<{ readonly url: string; readonly authorization: string | null }>()
      let n = 0
      const fetch: typeof globalThis.fetch = async (input, init) => {
        Queue.offerUnsafe(requests, {
          url: String(input),
          authorization: new Headers(init?.headers).get("authorization")
        })
        const answer = answers[Math.min(n++, answers.length - 1)]
        assert(answer !== undefined)
        return answer()
      }
      const context = yield* Layer.build(
        Gateway.layer({ token: Redacted.make(token), fetch, ...more }).pipe(
          Layer.provideMerge(MockTransport.layerWebSocket)
        )
      ).pipe(Effect.provideService(Random.Random, half))
      return { requests, context }
    })
    const json = (status: number, body: unknown, headers: Record<string, string> = {}) => () =>
      new Response(JSON.stringify(body), { status, headers })
    /** Lets promises run, such as those of fetch. */
    const breathe = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    const failure = Effect.flatMap(Gateway.Gateway, (gateway) => reasonOf(gateway.userId))

    it.effect("asks for the gateway's URL as a bot", () =>
      Effect.gen(function*() {
        const { context, requests } = yield* rest([
          json(200, { url: "wss://found.example", shards: 1, session_start_limit: { remaining: 1, reset_after: 0 } })
        ])
        assert.deepStrictEqual(yield* Queue.take(requests), {
          url: "https://discord.com/api/v10/gateway/bot",
          authorization: `Bot ${token}`
        })
        const peer = yield* Effect.provide(accept, context)
        assert.strictEqual(peer.url, "wss://found.example/?v=10&encoding=json")
      }))

    it.effect.each([[401, "stop"], [403, "stop"], [429, "resume"], [500, "resume"], [502, "resume"]] as const)(
      "reacts to HTTP %d with: %s",
      ([status, next]) =>
        Effect.gen(function*() {
          const { context, requests } = yield* rest(
            [json(status, { message: "no" }), json(200, { url: "wss://found.example" })],
            { restUrl: "https://rest.example/api/" }
          )
          assert.strictEqual((yield* Queue.take(requests)).url, "https://rest.example/api/gateway/bot")
          if (next === "stop") {
            const reason = yield* Effect.provide(failure, context)
            assert(reason._tag === "GatewayUnreachable")
            assert.strictEqual(reason.status, status)
            assert.notInclude(reason.message, token)
            return
          }
          yield* breathe
          yield* TestClock.adjust("1 second")
          assert.match((yield* Effect.provide(accept, context)).url, /found/)
        })
    )

    it.effect("is asked what keeps the bot out of a channel", () =>
      Effect.gen(function*() {
        const channelId = ChannelId.make("300")
        const answers = [
          json(200, { id: channelId, type: 2, guild_id: guildId, user_limit: 1 }),
          json(200, { id: guildId, roles: [{ id: guildId, permissions: `${(1 << 10) | (1 << 20)}` }] }),
          json(200, { roles: [] })
        ]
        const tooMany = json(429, { retry_after: 7 }, { "retry-after": "7" })
        const soon = json(429, { retry_after: 1 }, { "retry-after": "1" })
        const away = () => Promise.reject(new TypeError("away"))
        const { context, requests } = yield* rest(
          [...answers, ...answers, away, tooMany, ...answers, soon, ...answers],
          {
            url: "wss://gateway.example",
            restUrl: "https://rest.example/api"
          }
        )
        yield* Effect.gen(function*() {
          const { gateway, peer } = yield* connected([guildId])
          const asked = Effect.fnUntraced(function*() {
            const fiber = yield* Effect.forkChild(
              gateway.obstacle?.(guildId, channelId) ?? Effect.die("it cannot be asked"),
              { startImmediately: true }
            )
            yield* breathe
            return yield* Fiber.join(fiber)
          })
          assert.isUndefined(yield* asked())
          const paths = (yield* Queue.takeN(requests, 3)).map(({ url }) => url)
          assert.deepStrictEqual(paths, [
            "https://rest.example/api/channels/300",
            `https://rest.example/api/guilds/${guildId}`,
            `https://rest.example/api/guilds/${guildId}/members/${self}`
          ])
          yield* say(peer, {
            op: 0,
            t: "VOICE_STATE_UPDATE",
            s: 2,
            d: voiceState({ user_id: UserId.make("101"), channel_id: channelId })
          })
          yield* settle
          assert.strictEqual(yield* asked(), "Full")
          assert.isUndefined(yield* asked())
          // after too many requests, it is left alone for as long as it says
          assert.isUndefined(yield* asked())
          assert.strictEqual(yield* Queue.size(requests), 5)
          yield* TestClock.adjust("6900 millis")
          assert.isUndefined(yield* asked())
          assert.strictEqual(yield* Queue.size(requests), 5)
          yield* TestClock.adjust("100 millis")
          assert.strictEqual(yield* asked(), "Full")
          assert.strictEqual(yield* Queue.size(requests), 8)
          // many ask at once: only the first one is told to wait, and for five seconds at least
          assert.deepStrictEqual(yield* Effect.all([asked(), asked()], { concurrency: 2 }), [undefined, undefined])
          assert.strictEqual(yield* Queue.size(requests), 9)
          yield* TestClock.adjust("4900 millis")
          assert.isUndefined(yield* asked())
          assert.strictEqual(yield* Queue.size(requests), 9)
          yield* TestClock.adjust("100 millis")
          assert.strictEqual(yield* asked(), "Full")
        }).pipe(Effect.provide(context))
      }))

    it.effect("is asked what keeps the bot out of a channel, at the default URLs too", () =>
      Effect.gen(function*() {
        const { context, requests } = yield* rest([
          json(200, { url: "wss://found.example" }),
          json(404, {}),
          json(200, { id: guildId, roles: [] })
        ])
        yield* Effect.gen(function*() {
          const { gateway } = yield* connected([guildId])
          const asking = yield* Effect.forkChild(
            gateway.obstacle?.(guildId, ChannelId.make("300")) ?? Effect.die("it cannot be asked"),
            { startImmediately: true }
          )
          yield* breathe
          assert.strictEqual(yield* Fiber.join(asking), "UnknownChannel")
          assert.deepStrictEqual((yield* Queue.takeAll(requests)).map(({ url }) => url), [
            "https://discord.com/api/v10/gateway/bot",
            "https://discord.com/api/v10/channels/300",
            `https://discord.com/api/v10/guilds/${guildId}`
          ])
        }).pipe(Effect.provide(context))
      }))

    it.effect("is not asked if only a gateway other than Discord's is given", () =>
      Effect.gen(function*() {
        const { context, requests } = yield* rest([json(404, {})], { url: "wss://gateway.example" })
        yield* Effect.gen(function*() {
          const { gateway } = yield* connected([guildId])
          assert.isUndefined(yield* gateway.obstacle?.(guildId, ChannelId.make("300")) ?? Effect.die("not there"))
        }).pipe(Effect.provide(context))
        assert.strictEqual(yield* Queue.size(requests), 0)
      }))

    it.effect("waits as long as a 429 says", () =>
      Effect.gen(function*() {
        const { context, requests } = yield* rest([
          json(429, {}, { "retry-after": "7.5" }),
          json(200, { url: "wss://found.example" })
        ])
        yield* Queue.take(requests)
        yield* breathe
        yield* TestClock.adjust("7499 millis")
        assert.strictEqual(yield* Queue.size(requests), 0)
        yield* TestClock.adjust("1 millis")
        yield* Effect.provide(accept, context)
      }))

    it.effect("is tried again after a request that failed, was not JSON or took too long", () =>
      Effect.gen(function*() {
        const { context, requests } = yield* rest([
          () => Promise.reject(new TypeError(`Bot ${token} is an invalid header value`)),
          () => new Response("<html>"),
          () => new Promise<Response>(() => {})
        ], { reconnect: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 2 })) })
        yield* Queue.take(requests)
        yield* breathe
        yield* TestClock.adjust("1 second")
        yield* Queue.take(requests)
        yield* breathe
        yield* TestClock.adjust("1 second")
        yield* Queue.take(requests)
        yield* TestClock.adjust("10 seconds")
        const reason = yield* Effect.provide(failure, context)
        assert(reason._tag === "GatewayUnreachable")
        assert.match(reason.detail, /10 seconds/)
      }))

    it.effect("does not start a session if none is left today", () =>
      Effect.gen(function*() {
        const { context } = yield* rest([
          json(200, { url: "wss://found.example", session_start_limit: { remaining: 0, reset_after: 3_600_000 } })
        ])
        const reason = yield* Effect.provide(failure, context)
        assert(reason._tag === "GatewayUnreachable")
        assert.match(reason.detail, /60 minutes/)
      }))

    it.effect("never shows the token in a log line or an error", () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const logger = Logger.make(({ cause, message }) => {
          lines.push(`${JSON.stringify(message)} ${JSON.stringify(cause)}`)
        })
        yield* Effect.gen(function*() {
          const { context } = yield* rest([
            () => Promise.reject(new TypeError(`Bot ${token} is an invalid header value`)),
            json(200, { url: "wss://found.example" })
          ])
          yield* breathe
          yield* TestClock.adjust("1 second")
          const peer = yield* Effect.provide(accept, context)
          yield* greet(peer)
          yield* say(peer, ready())
          yield* peer.send(`{"op":0,"t":"READY","s":"${token}","d":{"token":"${token}"}}`)
          yield* peer.send(`{"op":"${token}`)
          yield* peer.send("{\"op\":99,\"d\":null}")
          yield* settle
          yield* peer.close(4004)
          const reason = yield* reasonOf(Effect.provide(
            Effect.flatMap(Gateway.Gateway, (gateway) => Effect.flatMap(gateway.subscribe, Stream.runDrain)),
            context
          ))
          lines.push(JSON.stringify(reason), reason.message)
        }).pipe(
          Effect.provide(Logger.layer([logger])),
          Effect.provideService(References.MinimumLogLevel, "All")
        )
        assert.isAbove(lines.length, 4)
        assert.notInclude(lines.join("\n"), "secret-token")
      }))
  })

  it.effect("reads its options from the environment", () =>
    Effect.gen(function*() {
      const identify = yield* Effect.flatMap(accept, greet)
      assert(identify.op === 2)
      assert.strictEqual(identify.d.token, token)
      assert.strictEqual(identify.d.intents, 641)
    }).pipe(
      Effect.provide(
        Gateway.layerConfig({
          token: Config.Redacted("DISCORD_TOKEN"),
          url: Config.String("GATEWAY_URL"),
          intents: Config.Int("INTENTS")
        }).pipe(
          Layer.provideMerge(MockTransport.layerWebSocket),
          Layer.provide(ConfigProvider.layer(
            ConfigProvider.fromUnknown({ DISCORD_TOKEN: token, GATEWAY_URL: url, INTENTS: 641 })
          ))
        )
      )
    ))

  it.live("logs in over loopback, by REST and WebSocket", () =>
    Effect.gen(function*() {
      const closed = yield* Queue.unbounded<number>()
      const http = Http.createServer((request, response) => {
        const address = http.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        if (request.url !== "/api/v10/gateway/bot" || request.headers.authorization !== `Bot ${token}`) {
          response.writeHead(401).end("{}")
        } else response.end(JSON.stringify({ url: `ws://127.0.0.1:${port}` }))
      })
      const server = new WebSocketServer({ server: http })
      const encode = (message: GatewayPayload.ServerMessage) => Result.getOrThrow(GatewayPayload.encodeServer(message))
      server.on("connection", (socket) => {
        socket.send(encode({ op: 10, d: { heartbeat_interval: 10_000 } }))
        socket.on("close", (code) => void Queue.offerUnsafe(closed, code))
        socket.on("message", (data: Buffer) => {
          const message = Result.getOrThrow(GatewayPayload.decodeClient(data.toString()))
          if (message.op === 1) socket.send(encode({ op: 11, d: null }))
          if (message.op === 2) socket.send(encode(ready()))
          if (message.op === 4) socket.send(encode({ op: 0, t: "VOICE_STATE_UPDATE", s: 2, d: voiceState() }))
        })
      })
      const port = yield* Effect.acquireRelease(
        Effect.callback<number>((resume) => {
          http.listen(0, "127.0.0.1", () => {
            const address = http.address()
            resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
          })
        }),
        () =>
          Effect.callback<void>((resume) => {
            for (const client of server.clients) client.terminate()
            http.close(() => resume(Effect.void))
            http.closeAllConnections()
          })
      )
      yield* Effect.gen(function*() {
        const gateway = yield* Gateway.Gateway
        const stream = yield* gateway.subscribe
        assert.strictEqual(yield* gateway.userId, self)
        yield* gateway.updateVoiceState(request(300))
        const event = yield* Stream.runHead(stream)
        assert.deepStrictEqual(Option.getOrThrow(event), { _tag: "VoiceState", state: voiceState() })
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Gateway.layer({ token: Redacted.make(token), restUrl: `http://127.0.0.1:${port}/api/v10` }).pipe(
            Layer.provide(Transport.layer)
          )
        )
      )
      assert.strictEqual(yield* Queue.take(closed), 1000)
    }))
})
