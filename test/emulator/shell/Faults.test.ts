import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Layer, Queue, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as FaultSchedule from "../../../src/emulator/core/faults/FaultSchedule.ts"
import * as Emulator from "../../../src/emulator/Emulator.ts"
import type { DatagramTransport, WebSocketTransport } from "../../../src/Transport.ts"
import * as Foreign from "../ForeignClient.ts"
import { enter } from "../scenario.ts"

type Services = Emulator.Emulator | WebSocketTransport | DatagramTransport

/** With frequent heartbeats, so that tests can wait for them. */
const profile = {
  ...Foreign.profile,
  voiceHeartbeatIntervalMs: 100,
  heartbeatTolerance: 100,
  gatewayHeartbeatIntervalMs: 200,
  gatewayHeartbeatTolerance: 100
}

const reach = <E>(emulator: Layer.Layer<Emulator.Emulator, E>) =>
  Layer.unwrap(Emulator.Emulator.useSync(({ transport }) => transport)).pipe(Layer.provideMerge(emulator))

const shells = [
  ["in memory", reach(Emulator.layerMemory({ profile }))],
  ["on loopback", reach(Emulator.layer({ profile }))]
] as const

/** Runs the same test on both shells, on the wall clock, without asserting any times. */
const both = <E>(name: string, body: Effect.Effect<void, E, Services | Scope.Scope>) => {
  for (const [shell, layer] of shells) {
    it.live(`${name}, ${shell}`, () => body.pipe(Effect.scoped, Effect.provide(layer)))
  }
}

const visitor = Effect.gen(function*() {
  const wire = yield* Foreign.transportWire
  return { wire, ...(yield* enter(wire)) }
})

type Visitor = Effect.Success<typeof visitor>

const json = (socket: Foreign.Socket, op: number, d: unknown) => socket.send(JSON.stringify({ op, d }))

/** A connection that asks to resume. */
const resume = Effect.fnUntraced(function*({ guild, server, wire }: Visitor, acknowledged = -1) {
  const socket = yield* wire.webSocket(`${server.endpoint}/?v=8`)
  yield* Foreign.expectOp(socket, 8)
  const { sessionId, token } = server
  json(socket, 7, { server_id: guild, session_id: sessionId, token, seq_ack: acknowledged })
  return socket
})

const blameless = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  assert.deepStrictEqual(yield* discord.violations, [])
})

const reason = <A, R>(effect: Effect.Effect<A, Emulator.EmulatorError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

const discovery = (ssrc: number) => {
  const request = Buffer.alloc(74)
  request.writeUInt16BE(1, 0)
  request.writeUInt16BE(70, 2)
  request.writeUInt32BE(ssrc, 4)
  return request
}

const perfect = {
  direction: "both",
  loss: 0,
  corrupt: 0,
  duplicate: 0,
  reorder: 0,
  delayMs: 0,
  jitterMs: 0
} as const

/** The last value says whether the client has received everything that it waits for once the message has taken effect. */
const handshake = [
  ["gateway-out", 10, false],
  ["gateway-in", 2, false],
  ["gateway-out", "READY", false],
  ["gateway-in", 4, true],
  ["gateway-out", "VOICE_STATE_UPDATE", false],
  ["gateway-out", "VOICE_SERVER_UPDATE", true],
  ["voice-out", 8, false],
  ["voice-in", 0, false],
  ["voice-out", 2, false],
  ["voice-in", 1, true],
  ["voice-out", 4, true],
  ["voice-in", 5, true]
] as const

describe("faults.when", () => {
  for (const [shell, layer] of shells) {
    it.live(
      `ends a connection before or after each message of the handshake, ${shell}`,
      () =>
        Effect.forEach(
          handshake,
          ([point, op, answered]) =>
            Effect.forEach(["before", "after"] as const, (at) =>
              Effect.gen(function*() {
                const { faults } = yield* Emulator.Emulator
                const rule = yield* faults.when({ user: "bot", point, op, nth: 1 }, { cut: at })
                const exit = yield* Effect.exit(visitor)
                yield* rule.awaitHits()
                const survives = at === "after" ? answered : op === 5
                assert.strictEqual(Exit.isSuccess(exit), survives, `${point} ${op} ${at}`)
                if (Exit.isFailure(exit)) {
                  assert.include(String(exit.cause), "closed 1006", `${point} ${op} ${at}`)
                }
                assert.strictEqual(yield* rule.hits, 1)
                yield* blameless
              }).pipe(Effect.scoped, Effect.provide(layer, { local: true })))
        )
    )
  }

  both(
    "closes with a code during a session and during a resume, and can leave a resume unanswered",
    Effect.gen(function*() {
      const bot = yield* visitor
      const { faults } = bot.discord
      yield* faults.when({ user: "bot", point: "voice-in", op: 3, nth: 1 }, { close: 4015, reason: "crashed" })
      assert.deepStrictEqual(yield* Foreign.expectClose(bot.voice.socket), { closed: 4015, reason: "crashed" })

      yield* faults.when({ user: "bot", point: "voice-out", op: 9, nth: 1 }, { cut: "before" })
      assert.strictEqual((yield* Foreign.expectClose(yield* resume(bot))).closed, 1006)

      const silent = yield* faults.when({ user: "bot", point: "voice-in", op: 7 }, "drop")
      const waiting = yield* resume(bot)
      yield* silent.awaitHits()
      yield* silent.stop
      waiting.terminate()

      yield* faults.when({ user: "bot", point: "voice-out", op: 9, nth: 1 }, { cut: "after" })
      const after = yield* resume(bot)
      yield* Foreign.expectOp(after, 9)
      assert.strictEqual((yield* Foreign.expectClose(after)).closed, 1006)

      yield* faults.when({ user: "bot", point: "voice-in", op: 7, nth: 1 }, { close: 4009 })
      assert.strictEqual((yield* Foreign.expectClose(yield* resume(bot))).closed, 4009)
      yield* blameless
    })
  )

  both(
    "withholds messages, or replaces them",
    Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      const never = yield* faults.when({ user: "bot", point: "voice-out", op: 2 }, "drop")
      const entering = yield* Effect.forkScoped(Effect.exit(visitor))
      yield* never.awaitHits()
      assert.isUndefined(entering.pollUnsafe())
      yield* never.stop
      yield* faults.when({ user: "bot", point: "voice-out", op: 4, nth: 1 }, {
        replaceWith: (text) => String(text).replace("\"audio_codec\":\"opus\"", "\"audio_codec\":\"speex\"")
      })
      const bot = yield* visitor
      assert.lengthOf(bot.voice.key, 32)
      yield* blameless
    })
  )

  it.effect("says what is wrong with a rule", () =>
    Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      const wrong = Effect.fnUntraced(function*(when: Omit<Emulator.When, "point">, what: Emulator.What = "drop") {
        return yield* reason(faults.when({ point: "voice-out", ...when }, what))
      })
      assert.deepInclude(yield* wrong({ user: "nobody" }), { _tag: "UnknownName", kind: "user" })
      assert.deepInclude(yield* wrong({ nth: 0 }), { _tag: "InvalidOption", option: "nth" })
      assert.deepInclude(yield* wrong({ from: 1.5 }), { _tag: "InvalidOption", option: "from" })
      assert.deepInclude(yield* wrong({ to: -1 }), { _tag: "InvalidOption", option: "to" })
      assert.deepInclude(yield* wrong({ rate: 2 }), { _tag: "InvalidOption", option: "rate" })
      assert.deepInclude(yield* wrong({}, { close: 1006 }), { _tag: "InvalidOption", option: "close" })
      assert.deepInclude(yield* wrong({}, { delayMs: -1 }), { _tag: "InvalidOption", option: "delayMs" })
      assert.deepInclude(yield* wrong({}, { duplicate: 0 }), { _tag: "InvalidOption", option: "duplicate" })
      assert.deepInclude(yield* wrong({}, { holdBehind: 0 }), { _tag: "InvalidOption", option: "holdBehind" })
      assert.deepInclude(yield* reason(faults.datagrams("bot", { loss: 1.1 })), { option: "loss" })
      assert.deepInclude(yield* reason(faults.closeVoice("bot", 1005)), { option: "code" })
      const long = "ä".repeat(62)
      assert.deepInclude(yield* reason(faults.closeVoice("bot", 4006, long)), { option: "reason" })
      assert.deepInclude(yield* reason(faults.closeGateway("bot", 4000, long)), { option: "reason" })
      assert.deepInclude(yield* reason(faults.moveServer("lobby", { code: 1005 })), { option: "code" })
      const unspeakable: FaultSchedule.Schedule = [{
        atMs: 0,
        incident: { _tag: "CloseVoice", user: "bot", code: 1006 }
      }]
      assert.deepInclude(yield* reason(faults.play(unspeakable)), { option: "code" })
      assert.deepInclude(yield* reason(faults.when({ point: "voice-out" }, { close: 4006, reason: long })), {
        option: "reason"
      })
      assert.deepInclude(yield* reason(faults.when({ point: "rest" }, { duplicate: 1 })), { option: "duplicate" })
      assert.deepInclude(yield* reason(faults.when({ point: "rest" }, { status: 200 })), { option: "status" })
      assert.deepInclude(yield* reason(faults.when({ point: "voice-in" }, { status: 500 })), { option: "status" })
      assert.deepInclude(yield* reason(faults.when({ point: "rest" }, { status: 429, retryAfterMs: -1 })), {
        option: "retryAfterMs"
      })
      assert.deepInclude(yield* reason(faults.closeGateway("bot", 99)), { option: "code" })
      assert.deepInclude(yield* reason(faults.startSequence("bot", 65_536)), { option: "first" })
      assert.deepInclude(yield* reason(faults.loseServerUpdate("bot", { times: 0 })), { option: "times" })
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
})

describe("faults", () => {
  both(
    "leave heartbeats unanswered, until they are stopped",
    Effect.gen(function*() {
      const bot = yield* visitor
      for (const [on, socket, answer] of [["voice", bot.voice.socket, 6], ["gateway", bot.main.socket, 11]] as const) {
        yield* Foreign.expectOp(socket, answer)
        const rule = yield* bot.discord.faults.ignoreHeartbeats("bot", on)
        // Everything that comes after this was sent under the rule.
        yield* bot.discord.faults.requestHeartbeat("bot", on)
        yield* Foreign.expectOp(socket, on === "voice" ? 3 : 1)
        yield* rule.awaitHits(2)
        const meanwhile = yield* Queue.clear(socket.incoming)
        yield* rule.stop
        assert.isFalse(meanwhile.some((frame) => String(frame).includes(`"op":${answer}`)))
        yield* Foreign.expectOp(socket, answer)
      }
      yield* blameless
    })
  )

  both(
    "request heartbeats",
    Effect.gen(function*() {
      const bot = yield* visitor
      yield* bot.discord.faults.requestHeartbeat("bot", "voice")
      assert.isNumber(Reflect.get((yield* Foreign.expectOp(bot.voice.socket, 3)).d, "t"))
      yield* bot.discord.faults.requestHeartbeat("bot", "gateway")
      yield* Foreign.expectOp(bot.main.socket, 1)
    })
  )

  both(
    "lose and corrupt datagrams in both directions, until they are stopped",
    Effect.gen(function*() {
      const bot = yield* visitor
      const { faults } = bot.discord
      const guest = yield* bot.discord.join({ user: "guest", channel: "lobby" })
      for (const options of [{ loss: 1 }, { corrupt: 1 }]) {
        const into = yield* faults.datagrams("bot", { ...options, direction: "in" })
        for (let i = 0; i < 5; i++) bot.voice.speak(Uint8Array.of(0xfc, 7, i))
        yield* into.awaitHits(5)
        yield* into.stop
      }
      bot.voice.speak(Uint8Array.of(0xfc, 8))
      assert.deepStrictEqual((yield* guest.awaitFrames(1))[0]?.payload, Uint8Array.of(0xfc, 8))

      const out = yield* faults.datagrams("bot", { loss: 1, direction: "out" })
      yield* guest.speak(Foreign.opus(3), { trailingSilence: false })
      yield* out.stop
      assert.strictEqual(yield* out.hits, 3)
      yield* guest.speak([{ data: Uint8Array.of(0xfc, 9), samples: 960 }], { trailingSilence: false })
      assert.deepStrictEqual((yield* bot.voice.hear).payload, Uint8Array.of(0xfc, 9))
      yield* blameless
    })
  )

  both(
    "duplicate, reorder and delay datagrams",
    Effect.gen(function*() {
      const bot = yield* visitor
      const { faults } = bot.discord
      const guest = yield* bot.discord.join({ user: "guest", channel: "lobby" })
      const say = (...bytes: ReadonlyArray<number>) => {
        for (const byte of bytes) bot.voice.speak(Uint8Array.of(0xfc, byte))
      }
      const heard = (count: number) =>
        Effect.map(guest.awaitFrames(count), (frames) => frames.map(({ payload }) => payload[1]))

      const point = "datagram-in"
      const twice = yield* faults.when({ user: "bot", point, op: "rtp", nth: 1 }, { duplicate: 1 })
      say(1)
      assert.deepStrictEqual(yield* heard(2), [1, 1])
      yield* twice.stop
      const behind = yield* faults.when({ user: "bot", point, op: "rtp", nth: 1 }, { holdBehind: 2, atMostMs: 60_000 })
      say(2, 3, 4)
      assert.deepStrictEqual((yield* heard(5)).slice(2), [3, 4, 2])
      yield* behind.stop
      yield* faults.when({ user: "bot", point, op: "rtp", nth: 1 }, { delayMs: 50 })
      say(5)
      assert.deepStrictEqual((yield* heard(6)).slice(5), [5])
      yield* blameless
    })
  )

  both(
    "leave IP discovery unanswered from a given request on",
    Effect.gen(function*() {
      const bot = yield* visitor
      const rule = yield* bot.discord.faults.silenceDiscovery("bot", { from: 2 })
      bot.voice.udp.send(discovery(bot.voice.ssrc))
      assert.lengthOf(yield* Queue.take(bot.voice.udp.incoming), 74)
      bot.voice.udp.send(discovery(bot.voice.ssrc))
      yield* rule.awaitHits()
      assert.strictEqual(yield* Queue.size(bot.voice.udp.incoming), 0)
    })
  )

  both(
    "move a client to another address, where media arrives only after discovery and Select Protocol",
    Effect.gen(function*() {
      const bot = yield* visitor
      const { discord, voice } = bot
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const lost = Effect.map(discord.counters, (counters) => counters.get("datagram-to-former-mapping") ?? 0)
      const speak = guest.speak(Foreign.opus(3), { trailingSilence: false })
      yield* speak
      for (let i = 0; i < 3; i++) yield* voice.hear

      yield* discord.faults.changeNat("bot")
      // What the client sends arrives, but does not tell the server its address.
      voice.speak(Uint8Array.of(0xfc, 1))
      yield* guest.awaitFrames(1)
      yield* speak
      assert.strictEqual(yield* lost, 3)
      assert.strictEqual(yield* Queue.size(voice.udp.incoming), 0)

      voice.udp.send(discovery(voice.ssrc))
      const answer = Buffer.from(yield* Queue.take(voice.udp.incoming))
      const address = answer.subarray(8, answer.indexOf(0, 8)).toString()
      const port = answer.readUInt16BE(72)
      assert.notDeepEqual({ address, port }, voice.local)
      json(voice.socket, 1, { protocol: "udp", data: { address, port, mode: "aead_aes256_gcm_rtpsize" } })
      yield* Foreign.expectOp(voice.socket, 4)
      yield* speak
      for (let i = 0; i < 3; i++) assert.strictEqual(((yield* Queue.take(voice.udp.incoming))[0] ?? 0) >>> 6, 2)

      yield* discord.faults.changeNat("bot")
      yield* discord.faults.healNat("bot")
      yield* speak
      for (let i = 0; i < 3; i++) yield* Queue.take(voice.udp.incoming)
      assert.strictEqual(yield* lost, 3)
      yield* blameless
    })
  )

  const dispatch = (bot: Visitor, t: string) =>
    Effect.map(Foreign.expect(bot.main.socket, t, (message) => message.t === t), ({ d }) => d)

  both(
    "take a channel's voice server away, and assign another one",
    Effect.gen(function*() {
      const bot = yield* visitor
      yield* bot.discord.faults.parkChannel("lobby")
      assert.strictEqual((yield* Foreign.expectClose(bot.voice.socket)).closed, 4022)
      assert.isNull((yield* dispatch(bot, "VOICE_SERVER_UPDATE")).endpoint)
      yield* bot.discord.faults.moveServer("lobby", { region: "two" })
      assert.strictEqual((yield* dispatch(bot, "VOICE_SERVER_UPDATE")).endpoint, bot.discord.urls.voice[1]?.endpoint)
    })
  )

  both(
    "kick with only the close, or only the event",
    Effect.gen(function*() {
      const bot = yield* visitor
      yield* bot.discord.faults.kick("bot", { only: "close" })
      assert.strictEqual((yield* Foreign.expectClose(bot.voice.socket)).closed, 4014)
      const server = yield* Foreign.ask(bot.main, bot.guild, bot.channel)
      const voice = yield* Foreign.joinVoice(bot.wire, bot.main, bot.guild, bot.channel, server)
      yield* bot.discord.faults.kick("bot", { only: "event" })
      assert.isNull(Reflect.get(yield* dispatch(bot, "VOICE_STATE_UPDATE"), "channel_id"))
      yield* Foreign.expectOp(voice.socket, 6)
      yield* blameless
    })
  )

  both(
    "fill a channel, so that op 4 gets no answer",
    Effect.gen(function*() {
      const bot = yield* visitor
      const { faults } = bot.discord
      yield* faults.kick("bot")
      yield* dispatch(bot, "VOICE_STATE_UPDATE")
      yield* faults.fillChannel("lobby")
      const asked = yield* faults.when({ user: "bot", point: "gateway-in", op: 4 }, { duplicate: 1 })
      json(bot.main.socket, 4, { guild_id: bot.guild, channel_id: bot.channel, self_mute: false, self_deaf: false })
      yield* asked.awaitHits()
      assert.strictEqual((yield* bot.discord.counters).get("voice-state-ignored:channel-full"), 2)
      yield* asked.stop
      yield* faults.fillChannel("lobby", false)
      yield* Foreign.ask(bot.main, bot.guild, bot.channel)
    })
  )

  both(
    "request a reconnect, suspend the session, and drop it",
    Effect.gen(function*() {
      const bot = yield* visitor
      const { faults } = bot.discord
      yield* faults.reconnectGateway("bot")
      yield* Foreign.expectOp(bot.main.socket, 7)
      yield* faults.suspendGatewaySession("bot")
      assert.strictEqual<unknown>((yield* Foreign.expectOp(bot.main.socket, 9)).d, true)
      yield* faults.dropGatewaySession("bot")
      assert.strictEqual((yield* Foreign.expectClose(bot.voice.socket)).closed, 4014)
    })
  )

  both(
    "lose the next voice server update, and delay both events",
    Effect.gen(function*() {
      const bot = yield* visitor
      const { faults } = bot.discord
      const lost = yield* faults.loseServerUpdate("bot")
      yield* faults.moveUser("bot", "stage")
      yield* dispatch(bot, "VOICE_STATE_UPDATE")
      yield* lost.awaitHits()
      yield* faults.moveUser("bot", "lobby")
      yield* dispatch(bot, "VOICE_SERVER_UPDATE")
      assert.strictEqual(yield* lost.hits, 1)
      const late = yield* faults.delayEvents("bot", 20)
      yield* faults.moveUser("bot", "stage")
      yield* late.awaitHits(2)
      yield* dispatch(bot, "VOICE_STATE_UPDATE")
      yield* dispatch(bot, "VOICE_SERVER_UPDATE")
    })
  )

  both(
    "give a new key, overrun the replay buffer, and end the resume window",
    Effect.gen(function*() {
      const first = yield* visitor
      yield* first.discord.faults.rekeyVoice("bot")
      const { d } = yield* Foreign.expectOp(first.voice.socket, 4)
      assert.notDeepEqual(Uint8Array.from(d.secret_key), first.voice.key)
      yield* first.discord.faults.overrunReplay("bot")
      yield* first.discord.faults.terminateVoice("bot")
      assert.strictEqual((yield* Foreign.expectClose(yield* resume(first))).closed, 4006)

      const server = yield* Foreign.ask(first.main, first.guild, first.channel)
      const voice = yield* Foreign.joinVoice(first.wire, first.main, first.guild, first.channel, server)
      yield* first.discord.faults.expireVoice("bot")
      assert.strictEqual((yield* Foreign.expectClose(voice.socket)).closed, 1006)
      assert.strictEqual((yield* Foreign.expectClose(yield* resume({ ...first, server }))).closed, 4006)
      yield* blameless
    })
  )

  both(
    "make sequence numbers wrap",
    Effect.gen(function*() {
      const { faults, ...discord } = yield* Emulator.Emulator
      yield* faults.startSequence("bot", 65_535)
      const bot = yield* visitor
      yield* discord.join({ user: "guest", channel: "lobby" })
      assert.strictEqual((yield* Foreign.expectOp(bot.voice.socket, 11)).seq, 65_535)
      assert.strictEqual((yield* Foreign.expectOp(bot.voice.socket, 18)).seq, 0)
    })
  )

  it.effect("say when there is nothing to act on", () =>
    Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      const nothing = (effect: Effect.Effect<void, Emulator.EmulatorError>) =>
        Effect.map(reason(effect), (found) => assert.strictEqual(found._tag, "NothingToDo"))
      yield* nothing(faults.requestHeartbeat("bot", "voice"))
      yield* nothing(faults.requestHeartbeat("bot", "gateway"))
      yield* nothing(faults.changeNat("bot"))
      yield* nothing(faults.suspendGatewaySession("bot"))
      yield* nothing(faults.rekeyVoice("bot"))
      yield* nothing(faults.overrunReplay("bot"))
      yield* nothing(faults.expireVoice("bot"))
      assert.strictEqual((yield* reason(faults.parkChannel("nowhere")))._tag, "UnknownName")
      assert.strictEqual((yield* reason(faults.fillChannel("nowhere")))._tag, "UnknownName")
      assert.strictEqual((yield* reason(faults.healNat("nobody")))._tag, "UnknownName")
    }).pipe(Effect.provide(Emulator.layerMemory())))
})

describe("faults.play and faults.random", () => {
  const memory = reach(Emulator.layerMemory({ profile: Foreign.profile }))

  /** Runs with a bot in the lobby, on virtual time. */
  const virtual = <A, E>(body: (bot: Visitor) => Effect.Effect<A, E, Services | Scope.Scope>) =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const entering = yield* Effect.forkScoped(visitor, { startImmediately: true })
      yield* discord.settle
      return yield* body(yield* Fiber.join(entering))
    }).pipe(Effect.scoped, Effect.provide(memory, { local: true }))

  it.effect("carries out steps when they are due, and ends those that last", () =>
    virtual(({ discord, voice }) =>
      Effect.gen(function*() {
        const playing = yield* discord.faults.play([
          { atMs: 5_000, incident: { _tag: "CutVoice", user: "bot" } },
          { atMs: 1_000, incident: { _tag: "Datagrams", user: "bot", ...perfect, loss: 1, forMs: 2_000 } }
        ])
        const ended = yield* Effect.forkScoped(playing.awaitEnd, { startImmediately: true })
        const guest = yield* discord.join({ user: "guest", channel: "lobby" })
        for (const [ms, steps] of [[999, 0], [1, 1], [1_999, 1], [1, 1], [1_999, 1], [1, 2]] as const) {
          yield* TestClock.adjust(ms)
          voice.speak(Uint8Array.of(0xfc, steps))
          yield* discord.settle
          assert.lengthOf(yield* playing.played, steps)
        }
        assert.deepStrictEqual((yield* guest.heard).map(({ payload }) => payload[1]), [0, 1, 1, 2])
        assert.strictEqual((yield* Foreign.expectClose(voice.socket)).closed, 1006)
        yield* Fiber.join(ended)
        assert.deepStrictEqual(yield* discord.violations, [])
      })
    ))

  it.effect("repairs what it has broken when its scope closes", () =>
    virtual(({ discord, voice }) =>
      Effect.gen(function*() {
        const guest = yield* discord.join({ user: "guest", channel: "lobby" })
        const speak = Effect.gen(function*() {
          const speaking = yield* Effect.forkScoped(guest.speak(Foreign.opus(1), { trailingSilence: false }))
          yield* discord.settle
          yield* Fiber.join(speaking)
          yield* discord.settle
          yield* TestClock.adjust("20 millis")
        })
        yield* Effect.scoped(Effect.gen(function*() {
          const playing = yield* discord.faults.play([
            { atMs: 0, incident: { _tag: "ChangeNat", user: "bot" } },
            { atMs: 0, incident: { _tag: "Datagrams", user: "bot", ...perfect, loss: 1, forMs: 1e9 } }
          ])
          yield* discord.settle
          assert.deepStrictEqual((yield* playing.played).map(({ found }) => found), [true, true])
          yield* speak
          assert.strictEqual(yield* Queue.size(voice.udp.incoming), 0)
        }))
        yield* speak
        yield* voice.hear
      })
    ))

  it.effect("gives a parked channel a server again", () =>
    virtual(({ discord, main, voice }) =>
      Effect.gen(function*() {
        const updates = Foreign.expect(main.socket, "an update", ({ t }) => t === "VOICE_SERVER_UPDATE")
        yield* discord.faults.play([{ atMs: 0, incident: { _tag: "ParkChannel", user: "bot", forMs: 4_000 } }])
        yield* discord.settle
        assert.strictEqual((yield* Foreign.expectClose(voice.socket)).closed, 4022)
        assert.isNull((yield* updates).d.endpoint)
        yield* TestClock.adjust("4 seconds")
        assert.isString((yield* updates).d.endpoint)
      })
    ))

  for (const kind of FaultSchedule.kinds) {
    it.effect(`can carry out ${kind}`, () =>
      virtual(({ discord }) =>
        Effect.gen(function*() {
          const [step] = FaultSchedule.draw({
            seed: 1,
            users: "bot",
            meanIntervalMs: 1,
            durationMs: 1_000,
            kinds: [kind]
          })
          if (step === undefined) return assert.fail("nothing drawn")
          const playing = yield* discord.faults.play([step])
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* playing.played, [{ ...step, found: true }])
          yield* TestClock.adjust("100 seconds")
          yield* playing.awaitEnd
          assert.deepStrictEqual(yield* discord.violations, [])
        })
      ))
  }

  it.effect("draws the schedule of a seed, which can be played again", () =>
    Effect.gen(function*() {
      const options = { seed: 7, users: "bot", meanIntervalMs: 2_000, durationMs: 60_000 }
      const run = (begin: (faults: Emulator.Faults) => ReturnType<Emulator.Faults["random"]>) =>
        virtual(({ discord }) =>
          Effect.gen(function*() {
            const playing = yield* begin(discord.faults)
            yield* TestClock.adjust("2 minutes")
            yield* playing.awaitEnd
            assert.deepStrictEqual(yield* discord.violations, [])
            return { schedule: playing.schedule, played: yield* playing.played }
          })
        )
      const drawn = yield* run((faults) => faults.random(options))
      assert.deepStrictEqual(drawn.schedule, FaultSchedule.draw(options))
      assert.lengthOf(drawn.played, drawn.schedule.length)
      assert.deepStrictEqual(yield* run((faults) => faults.play(drawn.schedule)), drawn)
    }))

  it.effect("reports invalid options before anything happens", () =>
    Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      const step = { atMs: 0, incident: { _tag: "Kick", user: "nobody" } } as const
      assert.deepInclude(yield* reason(faults.play([step])), { _tag: "UnknownName", name: "nobody" })
      const options = { seed: 1, users: "bot", meanIntervalMs: 1_000, durationMs: 1_000 }
      assert.deepInclude(yield* reason(faults.random({ ...options, meanIntervalMs: 0 })), { option: "meanIntervalMs" })
      assert.deepInclude(yield* reason(faults.random({ ...options, durationMs: -1 })), { option: "durationMs" })
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("keeps the order of its steps, even if the clock wakes the later one first", () =>
    Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      const clock = yield* Clock.Clock
      const odd: Clock.Clock = Object.assign(Object.create(clock), {
        sleep: (duration: Duration.Duration) => clock.sleep(Duration.millis(100 - Duration.toMillis(duration)))
      })
      const incident = { _tag: "RekeyVoice", user: "bot" } as const
      const playing = yield* Effect.provideService(
        faults.play([20, 10, 30].map((atMs) => ({ atMs, incident }))),
        Clock.Clock,
        odd
      )
      yield* TestClock.adjust("1 second")
      yield* playing.awaitEnd
      assert.deepStrictEqual((yield* playing.played).map(({ atMs }) => atMs), [10, 20, 30])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  both(
    "plays in real time as well",
    Effect.gen(function*() {
      const bot = yield* visitor
      const playing = yield* bot.discord.faults.play([
        { atMs: 20, incident: { _tag: "CutVoice", user: "bot" } },
        { atMs: 10, incident: { _tag: "RekeyVoice", user: "bot" } },
        { atMs: 30, incident: { _tag: "RekeyVoice", user: "bot" } }
      ])
      yield* Foreign.expectOp(bot.voice.socket, 4)
      assert.strictEqual((yield* Foreign.expectClose(bot.voice.socket)).closed, 1006)
      yield* playing.awaitEnd
      assert.deepStrictEqual((yield* playing.played).map(({ atMs, found }) => [atMs, found]), [
        [10, true],
        [20, true],
        [30, false]
      ])
    })
  )
})
