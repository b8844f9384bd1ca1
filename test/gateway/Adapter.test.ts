import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, References, Result, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Gateway from "../../src/Gateway.ts"
import * as Mixer from "../../src/Mixer.ts"
import { ChannelId, GuildId, UserId } from "../../src/protocol/Identifier.ts"
import * as MockVoiceDriver from "../../src/testing/MockVoiceDriver.ts"
import { voiceCloseReason } from "../../src/voiceClose.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"

const guildId = GuildId.make("10")
const otherGuildId = GuildId.make("11")
const channelId = ChannelId.make("20")
const me = UserId.make("30")
const someone = UserId.make("31")

const state = (channel: ChannelId | null, more: object = {}) => ({
  guild_id: guildId,
  channel_id: channel,
  user_id: me,
  session_id: "session",
  deaf: false,
  mute: false,
  self_deaf: false,
  self_mute: false,
  self_video: false,
  suppress: false,
  ...more
})

const server = (more: object = {}) => ({
  guild_id: guildId,
  token: "secret-token",
  endpoint: "voice.example:443",
  ...more
})

const request = (channel: ChannelId | null, guild = guildId): Gateway.VoiceStateRequest => ({
  guild_id: guild,
  channel_id: channel,
  self_mute: false,
  self_deaf: false
})

/** A library that follows the convention, controlled by the test. */
const makeHost = () => {
  const adapters = new Map<string, Gateway.AdapterMethods>()
  const sent: Array<Gateway.VoiceStatePayload> = []
  const log: Array<string> = []
  const host = {
    adapters,
    sent,
    log,
    /** What `sendPayload` does. */
    onSend: (_payload: Gateway.VoiceStatePayload): boolean => true,
    onDestroy: () => {},
    knows: new Set<string>([guildId, otherGuildId]),
    find: (guild: GuildId): Gateway.AdapterCreator | undefined =>
      host.knows.has(guild) ? host.create(guild) : undefined,
    create: (guild: GuildId): Gateway.AdapterCreator => (methods) => {
      log.push(`made ${guild}`)
      adapters.set(guild, methods)
      return {
        sendPayload: (payload) => {
          const isTaken = host.onSend(payload)
          if (isTaken) sent.push(payload)
          return isTaken
        },
        destroy: () => {
          log.push(`destroyed ${guild}`)
          adapters.delete(guild)
          host.onDestroy()
        }
      }
    },
    methods: (guild = guildId) => {
      const methods = adapters.get(guild)
      assert.isDefined(methods)
      return methods
    }
  }
  return host
}

type Host = ReturnType<typeof makeHost>

const build = (host: Host, options: Gateway.AdapterOptions = {}) =>
  Effect.map(Layer.build(Gateway.layerAdapter((guild) => host.find(guild), options)), (context) => {
    const layer = Layer.succeedContext(context)
    return { layer, gateway: Gateway.Gateway.pipe(Effect.provide(layer)) }
  })

const setup = Effect.fnUntraced(function*(options: Gateway.AdapterOptions = {}) {
  const host = makeHost()
  const { gateway, layer } = yield* build(host, options)
  return { host, layer, gateway: yield* gateway }
})

const collect = Effect.fnUntraced(function*(gateway: Gateway.Gateway["Service"]) {
  const heard: Array<Gateway.GatewayEvent> = []
  const stream = yield* gateway.subscribe
  const fiber = yield* stream.pipe(
    Stream.runForEach((event) => Effect.sync(() => heard.push(event))),
    Effect.forkScoped({ startImmediately: true })
  )
  return { heard, fiber }
})

const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

const tagOf = <A, R>(effect: Effect.Effect<A, VoiceError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

describe("Gateway.layerAdapter", () => {
  it.effect("makes an adapter when a guild is first requested, and sends op 4 through it", () =>
    Effect.gen(function*() {
      const { gateway, host } = yield* setup()
      assert.deepStrictEqual(host.log, [])
      yield* gateway.updateVoiceState({ ...request(channelId), self_deaf: true })
      yield* gateway.updateVoiceState(request(channelId))
      assert.deepStrictEqual(host.log, ["made 10"])
      assert.deepStrictEqual(host.sent, [
        { op: 4, d: { guild_id: guildId, channel_id: channelId, self_mute: false, self_deaf: true } },
        { op: 4, d: { guild_id: guildId, channel_id: channelId, self_mute: false, self_deaf: false } }
      ])
    }))

  it.effect("learns the bot's user from the first state, and passes events on in order", () =>
    Effect.gen(function*() {
      const { gateway, host } = yield* setup()
      const id = yield* Effect.forkScoped(gateway.userId, { startImmediately: true })
      const { heard } = yield* collect(gateway)
      yield* gateway.updateVoiceState(request(channelId))
      assert.isUndefined(id.pollUnsafe())
      const methods = host.methods()
      methods.onVoiceServerUpdate(server())
      const { guild_id: _, ...withoutGuild } = state(channelId, { extra: 1 })
      methods.onVoiceStateUpdate(withoutGuild)
      methods.onVoiceServerUpdate(server({ endpoint: null }))
      assert.strictEqual(yield* Fiber.join(id), me)
      yield* settle
      assert.deepStrictEqual(heard.map((event) => event._tag), ["VoiceServer", "VoiceState", "VoiceServer"])
      assert(heard[1]?._tag === "VoiceState")
      assert.strictEqual(heard[1].state.guild_id, guildId)
      assert(heard[2]?._tag === "VoiceServer")
      assert.isNull(heard[2].server.endpoint)
    }))

  it.effect("knows the bot's states by the given ID, and keeps the adapter when others leave", () =>
    Effect.gen(function*() {
      const { gateway, host } = yield* setup({ userId: me })
      assert.strictEqual(yield* gateway.userId, me)
      const { heard } = yield* collect(gateway)
      yield* gateway.updateVoiceState(request(channelId))
      host.methods().onVoiceStateUpdate(state(null, { user_id: someone }))
      host.methods().onVoiceStateUpdate(state(channelId))
      host.methods().onVoiceStateUpdate(state(null, { user_id: someone }))
      yield* settle
      assert.lengthOf(heard, 3)
      assert.strictEqual(yield* gateway.userId, me)
      assert.deepStrictEqual(host.log, ["made 10"])
    }))

  it.effect("hears an answer that comes while the request is being sent", () =>
    Effect.gen(function*() {
      const { gateway, host } = yield* setup()
      const { heard } = yield* collect(gateway)
      host.onSend = ({ d }) => {
        host.methods().onVoiceStateUpdate(state(d.channel_id))
        return true
      }
      yield* gateway.updateVoiceState(request(channelId))
      yield* gateway.updateVoiceState(request(null))
      yield* settle
      assert.lengthOf(heard, 2)
      assert.deepStrictEqual(host.log, ["made 10", "destroyed 10"])
    }))

  describe("gives the adapter back", () => {
    it.effect("before anyone hears that the bot has left, since they may request it again at once", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        const events = yield* gateway.subscribe
        const again = yield* events.pipe(
          Stream.filter((event) => event._tag === "VoiceState" && event.state.channel_id === null),
          Stream.take(1),
          Stream.runForEach(() => gateway.updateVoiceState(request(channelId))),
          Effect.forkScoped({ startImmediately: true })
        )
        yield* gateway.updateVoiceState(request(channelId))
        host.methods().onVoiceStateUpdate(state(channelId))
        yield* gateway.updateVoiceState(request(null))
        host.methods().onVoiceStateUpdate(state(null))
        yield* Fiber.join(again)
        assert.deepStrictEqual(host.log, ["made 10", "destroyed 10", "made 10"])
      }))

    it.effect("when the bot has left, and makes another when the guild is requested again", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        const { heard } = yield* collect(gateway)
        yield* gateway.updateVoiceState(request(channelId))
        const methods = host.methods()
        methods.onVoiceStateUpdate(state(channelId))
        yield* gateway.updateVoiceState(request(null))
        assert.strictEqual(host.adapters.size, 1)
        methods.onVoiceStateUpdate(state(null))
        assert.strictEqual(host.adapters.size, 0)
        // nothing comes from a host that does not let go
        methods.onVoiceStateUpdate(state(channelId))
        methods.onVoiceServerUpdate(server())
        methods.destroy()
        yield* settle
        assert.lengthOf(heard, 2)
        yield* gateway.updateVoiceState(request(channelId))
        assert.deepStrictEqual(host.log, ["made 10", "destroyed 10", "made 10"])
      }))

    it.effect("when the bot is removed", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        yield* gateway.updateVoiceState(request(channelId))
        host.methods().onVoiceStateUpdate(state(channelId))
        host.methods().onVoiceStateUpdate(state(null))
        assert.strictEqual(host.adapters.size, 0)
      }))

    it.effect("but not when an earlier request is answered late", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        yield* gateway.updateVoiceState(request(channelId))
        host.methods().onVoiceStateUpdate(state(channelId))
        yield* gateway.updateVoiceState(request(null))
        yield* gateway.updateVoiceState(request(channelId))
        host.methods().onVoiceStateUpdate(state(null))
        assert.strictEqual(host.adapters.size, 1)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(host.adapters.size, 1)
      }))

    it.effect("after a while if leaving is not answered", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        yield* gateway.updateVoiceState(request(null))
        yield* TestClock.adjust("4900 millis")
        assert.strictEqual(host.adapters.size, 1)
        yield* TestClock.adjust("100 millis")
        assert.strictEqual(host.adapters.size, 0)
      }))

    it.effect("once, however long ago the bot asked to leave", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        yield* gateway.updateVoiceState(request(channelId))
        host.methods().onVoiceStateUpdate(state(channelId))
        yield* gateway.updateVoiceState(request(null))
        host.methods().onVoiceStateUpdate(state(null))
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(host.log, ["made 10", "destroyed 10"])
      }))

    it.effect("when the bot is removed while the library does not take another request, or throws", () =>
      Effect.gen(function*() {
        for (
          const onSend of [() => false, () => {
            throw new Error("boom")
          }]
        ) {
          const { gateway, host } = yield* setup()
          yield* gateway.updateVoiceState(request(channelId))
          host.methods().onVoiceStateUpdate(state(channelId))
          host.onSend = onSend
          yield* Effect.forkScoped(Effect.exit(gateway.updateVoiceState(request(channelId))), {
            startImmediately: true
          })
          assert.deepStrictEqual(host.log, ["made 10"])
          host.methods().onVoiceStateUpdate(state(null))
          assert.deepStrictEqual(host.log, ["made 10", "destroyed 10"])
        }
      }))

    it.effect("when the layer's scope closes, after which everything fails and nothing is made", () =>
      Effect.gen(function*() {
        const host = makeHost()
        const scope = yield* Scope.make()
        const gateway = yield* Effect.flatMap(build(host), ({ gateway }) => gateway).pipe(Scope.provide(scope))
        const { fiber } = yield* collect(gateway)
        yield* gateway.updateVoiceState(request(channelId))
        yield* gateway.updateVoiceState(request(channelId, otherGuildId))
        const methods = host.methods()
        host.onDestroy = () => {
          throw new Error("not now")
        }
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(host.log, ["made 10", "made 11", "destroyed 10", "destroyed 11"])
        methods.onVoiceStateUpdate(state(channelId))
        assert.strictEqual(yield* tagOf(Fiber.join(fiber)), "NotConnected")
        assert.strictEqual(yield* tagOf(gateway.userId), "NotConnected")
        assert.match(
          (yield* Effect.flip(gateway.userId)).message,
          /Provide the layer to everything that uses a session/
        )
        assert.strictEqual(yield* tagOf(gateway.updateVoiceState(request(channelId))), "NotConnected")
        const late = yield* collect(gateway)
        assert.strictEqual(yield* tagOf(Fiber.join(late.fiber)), "NotConnected")
        assert.lengthOf(host.log, 4)
      }))
  })

  describe("when the library cannot send", () => {
    it.effect("asks again until it can", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        host.onSend = () => false
        const asking = yield* Effect.forkScoped(gateway.updateVoiceState(request(channelId)), {
          startImmediately: true
        })
        yield* TestClock.adjust("3 seconds")
        assert.isUndefined(asking.pollUnsafe())
        host.onSend = () => true
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(asking)
        assert.lengthOf(host.sent, 1)
        assert.deepStrictEqual(host.log, ["made 10"])
      }))

    it.effect("fails if it never can, and gives the adapter back", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        host.onSend = () => false
        const asking = yield* Effect.forkScoped(Effect.flip(gateway.updateVoiceState(request(channelId))))
        yield* TestClock.adjust("12 seconds")
        const error = yield* Fiber.join(asking)
        assert.strictEqual(error.reason._tag, "GatewayFailed")
        assert.include(error.message, "did not accept the bot's voice state for guild 10")
        assert.strictEqual(host.adapters.size, 0)
      }))

    it.effect("gives the adapter back even if the library can never be told that the bot leaves", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        yield* gateway.updateVoiceState(request(channelId))
        host.methods().onVoiceStateUpdate(state(channelId))
        yield* settle
        host.onSend = () => false
        const leaving = yield* Effect.forkScoped(Effect.flip(gateway.updateVoiceState(request(null))))
        yield* TestClock.adjust("12 seconds")
        assert.strictEqual((yield* Fiber.join(leaving)).reason._tag, "GatewayFailed")
        assert.deepStrictEqual(host.log, ["made 10", "destroyed 10"])
      }))

    it.effect("follows the given schedule", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup({ retry: Schedule.recurs(2) })
        let asked = 0
        host.onSend = () => {
          asked++
          return false
        }
        assert.strictEqual(yield* tagOf(gateway.updateVoiceState(request(channelId))), "GatewayFailed")
        assert.strictEqual(asked, 3)
      }))

    it.effect("lets no request overtake another of its guild, nor wait for another guild", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        host.onSend = ({ d }) => d.guild_id !== guildId
        const first = yield* Effect.forkScoped(gateway.updateVoiceState(request(channelId)), { startImmediately: true })
        // by now the first is tried again every second, and the second would be after 100 ms
        yield* TestClock.adjust("5 seconds")
        const second = yield* Effect.forkScoped(gateway.updateVoiceState(request(null)), { startImmediately: true })
        yield* gateway.updateVoiceState(request(channelId, otherGuildId))
        host.onSend = () => true
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        assert.deepStrictEqual(
          host.sent.map(({ d }) => [d.guild_id, d.channel_id]),
          [[otherGuildId, channelId], [guildId, channelId], [guildId, null]]
        )
      }))

    it.effect("stops asking when it is interrupted, and lets the next request pass", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        host.onSend = () => false
        const asking = yield* Effect.forkScoped(gateway.updateVoiceState(request(channelId)), {
          startImmediately: true
        })
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(asking)
        assert.strictEqual(host.adapters.size, 0)
        host.onSend = () => true
        yield* gateway.updateVoiceState(request(null))
        assert.deepStrictEqual(host.sent.map(({ d }) => d.channel_id), [null])
      }))

    it.effect("keeps the adapter if a leave is withdrawn before the library has taken it", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        const { heard } = yield* collect(gateway)
        yield* gateway.updateVoiceState(request(channelId))
        host.methods().onVoiceStateUpdate(state(channelId))
        host.onSend = () => false
        const leaving = yield* Effect.forkScoped(gateway.updateVoiceState(request(null)), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(leaving)
        host.onSend = () => true
        yield* TestClock.adjust("10 seconds")
        host.methods().onVoiceServerUpdate(server())
        yield* settle
        assert.deepStrictEqual(heard.map(({ _tag }) => _tag), ["VoiceState", "VoiceServer"])
        assert.deepStrictEqual(host.log, ["made 10"])
        assert.deepStrictEqual(host.sent.map(({ d }) => d.channel_id), [channelId])
      }))
  })

  it.effect("reports that a guild is not known, and finds it later", () =>
    Effect.gen(function*() {
      const { gateway, host } = yield* setup()
      host.knows.delete(guildId)
      const error = yield* Effect.flip(gateway.updateVoiceState(request(channelId)))
      assert.strictEqual(error.reason._tag, "GatewayFailed")
      assert.include(error.message, "no voice adapter for guild 10")
      host.knows.add(guildId)
      yield* gateway.updateVoiceState(request(channelId))
      assert.lengthOf(host.sent, 1)
    }))

  for (const where of ["find", "create", "onSend"] as const) {
    it.effect(`turns what the library throws in ${where} into an error`, () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        const working = { find: host.find, create: host.create, onSend: host.onSend }
        host[where] = () => {
          throw new Error("boom")
        }
        const error = yield* Effect.flip(gateway.updateVoiceState(request(channelId)))
        assert.strictEqual(error.reason._tag, "GatewayFailed")
        assert.include(error.message, "threw: boom")
        assert.strictEqual(host.adapters.size, 0)
        // and asks again when it is wanted again
        Object.assign(host, working)
        yield* gateway.updateVoiceState(request(channelId))
        assert.lengthOf(host.sent, 1)
      }))
  }

  it.effect("drops what it cannot read with a warning that shows no token, and never throws at the library", () => {
    const lines: Array<string> = []
    return Effect.gen(function*() {
      const { gateway, host } = yield* setup()
      const { heard } = yield* collect(gateway)
      yield* gateway.updateVoiceState(request(channelId))
      const methods = host.methods()
      for (const bad of [undefined, null, 1, "text", [], {}, state(channelId, { user_id: 30 })]) {
        methods.onVoiceStateUpdate(bad)
        methods.onVoiceServerUpdate(bad)
      }
      methods.onVoiceServerUpdate(server({ endpoint: 7 }))
      // of another guild, whose own adapter passes it on
      methods.onVoiceStateUpdate(state(channelId, { guild_id: otherGuildId }))
      methods.onVoiceServerUpdate(server({ guild_id: otherGuildId }))
      methods.onVoiceServerUpdate(server())
      yield* settle
      assert.deepStrictEqual(heard.map((event) => event._tag), ["VoiceServer"])
      assert.lengthOf(lines, 15)
      assert.isTrue(lines.every((line) => line.includes("malformed")))
      assert.notInclude(lines.join(), "secret-token")
    }).pipe(
      Effect.provideService(References.MinimumLogLevel, "Warn"),
      Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
    )
  })

  describe("when the library takes its adapter back", () => {
    it.effect("tells subscribers which guild, gives the adapter back, and makes another on request", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        const { heard } = yield* collect(gateway)
        yield* gateway.updateVoiceState(request(channelId))
        yield* gateway.updateVoiceState(request(channelId, otherGuildId))
        host.onDestroy = () => host.adapters.get(guildId)?.destroy()
        host.methods().destroy()
        yield* settle
        const event = heard[0]
        assert(event?._tag === "Detached")
        assert.strictEqual(event.guildId, guildId)
        assert.strictEqual(event.error.reason._tag, "GatewayDetached")
        assert.lengthOf(heard, 1)
        assert.deepStrictEqual([...host.adapters.keys()], [otherGuildId])
        yield* gateway.updateVoiceState(request(channelId))
        assert.deepStrictEqual(host.log, ["made 10", "made 11", "destroyed 10", "made 10"])
      }))

    it.effect("fails the request if the adapter is still being made", () =>
      Effect.gen(function*() {
        const { gateway, host } = yield* setup()
        const create = host.create
        host.create = (guild) => (methods) => {
          const made = create(guild)(methods)
          methods.destroy()
          return made
        }
        assert.strictEqual(yield* tagOf(gateway.updateVoiceState(request(channelId))), "GatewayDetached")
        assert.strictEqual(host.adapters.size, 0)
      }))
  })

  it.effect("reports each outage that the library reports once, and nothing else that it gives", () => {
    const lines: Array<string> = []
    return Effect.gen(function*() {
      const listeners: Array<(guildId: never, isAvailable: never) => void> = []
      const { gateway, host } = yield* setup({
        availability: (listener) => {
          listeners.push(listener)
          return () => {
            throw new Error("destroyed")
          }
        }
      })
      const { heard } = yield* collect(gateway)
      // plain JavaScript may give anything
      const tell = (...told: ReadonlyArray<unknown>) => listeners[0]?.(...(told as [never, never]))
      tell(guildId, true)
      tell(guildId, false)
      tell(guildId, false)
      tell(otherGuildId, false)
      tell(guildId, true)
      tell(undefined, false)
      tell({ id: "10" }, true)
      // leaving the guild ends the outage, and a bot that is in it again hears of the next one
      yield* gateway.updateVoiceState(request(channelId))
      tell(guildId, false)
      host.methods().destroy()
      tell(guildId, false)
      yield* settle
      assert.deepStrictEqual(
        heard.map((event) => event._tag === "Availability" ? [event.guildId, event.isAvailable] : event._tag),
        [[guildId, false], [otherGuildId, false], [guildId, true], [guildId, false], "Detached", [guildId, false]]
      )
    }).pipe(
      Effect.scoped,
      Effect.tap(() =>
        Effect.sync(() =>
          assert.deepStrictEqual(lines, [
            "The gateway's option `availability` reported undefined, which is not a guild id",
            "The gateway's option `availability` reported [object Object], which is not a guild id",
            "The function returned by the gateway's option `availability` threw: destroyed"
          ])
        )
      ),
      Effect.provideService(References.MinimumLogLevel, "Warn"),
      Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
    )
  })

  describe("carries a session", () => {
    const join = VoiceSession.join({ guildId, channelId })

    /** A library whose Discord admits the bot and lets it leave. */
    const answering = (host: Host) => {
      host.onSend = ({ d }) => {
        // as Discord does: after the request, and the server first
        queueMicrotask(() => {
          const methods = host.adapters.get(d.guild_id)
          if (d.channel_id !== null) methods?.onVoiceServerUpdate(server({ guild_id: d.guild_id }))
          methods?.onVoiceStateUpdate(state(d.channel_id, { guild_id: d.guild_id }))
        })
        return true
      }
    }

    it.effect("that joins before the bot's user is known, in several guilds at once, and leaves nothing behind", () =>
      Effect.gen(function*() {
        const { host, layer } = yield* setup()
        answering(host)
        yield* Effect.scoped(Effect.gen(function*() {
          const sessions = yield* Effect.all([
            join,
            VoiceSession.join({ guildId: otherGuildId, channelId })
          ], { concurrency: 2 })
          assert.deepStrictEqual(sessions.map(({ userId }) => userId), [me, me])
          assert.strictEqual(host.adapters.size, 2)
        })).pipe(Effect.provide([layer, MockVoiceDriver.layer, Mixer.layer]))
        assert.strictEqual(host.adapters.size, 0)
        assert.deepStrictEqual(
          host.sent.filter(({ d }) => d.channel_id === null).map(({ d }) => d.guild_id).toSorted(),
          [guildId, otherGuildId]
        )
      }))

    it.effect("that joins again when the library reports a new main session", () =>
      Effect.gen(function*() {
        let tell: ((lifecycle: Gateway.Lifecycle) => void) | undefined
        let stopped = 0
        yield* Effect.scoped(Effect.gen(function*() {
          const { host, layer } = yield* setup({
            lifecycle: (listener) => {
              tell = listener
              return () => stopped++
            }
          })
          answering(host)
          const requests = () => host.sent.filter(({ d }) => d.channel_id === channelId).length
          yield* Effect.gen(function*() {
            const session = yield* join
            const driver = yield* MockVoiceDriver.MockVoiceDriver
            assert(tell !== undefined)
            tell("Lost")
            tell("Resumed")
            yield* TestClock.adjust("10 seconds")
            assert.deepStrictEqual([requests(), (yield* driver.connections).length], [1, 1])
            tell("NewSession")
            yield* TestClock.adjust("10 seconds")
            assert.deepStrictEqual([requests(), (yield* driver.connections).length], [2, 2])
            assert.strictEqual((yield* session.state)._tag, "Ready")
          }).pipe(Effect.scoped, Effect.provide([layer, MockVoiceDriver.layer, Mixer.layer]))
        }))
        assert.strictEqual(stopped, 1)
      }))

    it.effect("without the option lifecycle if that throws, when it begins or at its end", () => {
      const lines: Array<string> = []
      const failing = (lifecycle: NonNullable<Gateway.AdapterOptions["lifecycle"]>) =>
        Effect.gen(function*() {
          const { host, layer } = yield* setup({ lifecycle })
          answering(host)
          yield* Effect.gen(function*() {
            assert.strictEqual((yield* (yield* join).state)._tag, "Ready")
            return (yield* Gateway.Gateway).lifecycle._tag
          }).pipe(
            Effect.scoped,
            Effect.provide([layer, MockVoiceDriver.layer, Mixer.layer]),
            Effect.map((tag) => lines.push(tag))
          )
        }).pipe(Effect.scoped)
      const failure = (message: string) => () => {
        throw new Error(message)
      }
      return Effect.gen(function*() {
        yield* failing(failure("client.on is not a function"))
        yield* failing(() => failure("destroyed"))
        assert.deepStrictEqual(lines, [
          "The gateway's option `lifecycle` threw: client.on is not a function",
          "None",
          "Some",
          "The function returned by the gateway's option `lifecycle` threw: destroyed"
        ])
      }).pipe(
        Effect.provideService(References.MinimumLogLevel, "Warn"),
        Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
      )
    })

    it.effect("that comes back from an outage that the library reports, and from no other", () =>
      Effect.gen(function*() {
        let tell: Gateway.AvailabilityListener | undefined
        let stopped = 0
        yield* Effect.scoped(Effect.gen(function*() {
          const { host, layer } = yield* setup({
            availability: (listener) => {
              tell = listener
              return () => stopped++
            }
          })
          answering(host)
          yield* Effect.gen(function*() {
            const session = yield* join
            const driver = yield* MockVoiceDriver.MockVoiceDriver
            assert(tell !== undefined)
            // a new session of the library: all of its guilds have arrived
            tell(guildId, true)
            tell(guildId, false)
            tell(otherGuildId, false)
            const { onSend } = host
            host.onSend = () => true
            yield* driver.end(voiceCloseReason(4022, ""))
            yield* TestClock.adjust("12 seconds")
            assert.notStrictEqual((yield* session.state)._tag, "Closed")
            host.onSend = onSend
            tell(guildId, true)
            yield* TestClock.adjust("1 second")
            assert.strictEqual((yield* session.state)._tag, "Ready")
          }).pipe(Effect.scoped, Effect.provide([layer, MockVoiceDriver.layer, Mixer.layer]))
        }))
        assert.strictEqual(stopped, 1)
      }))

    it.effect("that stays when another shard has a new session, unless nobody can say which shard it is", () =>
      Effect.gen(function*() {
        let tell: Gateway.LifecycleListener | undefined
        const { host, layer } = yield* setup({
          lifecycle: (listener) => {
            tell = listener
            return () => {}
          }
        })
        answering(host)
        yield* Effect.gen(function*() {
          const session = yield* join
          const driver = yield* MockVoiceDriver.MockVoiceDriver
          assert(tell !== undefined)
          const connections = Effect.andThen(
            TestClock.adjust("10 seconds"),
            Effect.map(driver.connections, ({ length }) => length)
          )
          tell("NewSession", (guild) => guild === otherGuildId)
          assert.strictEqual(yield* connections, 1)
          tell("NewSession", (guild) => guild === guildId)
          assert.strictEqual(yield* connections, 2)
          tell("NewSession", () => {
            throw new Error("no such guild")
          })
          assert.strictEqual(yield* connections, 3)
          assert.strictEqual((yield* session.state)._tag, "Ready")
        }).pipe(Effect.scoped, Effect.provide([layer, MockVoiceDriver.layer, Mixer.layer]))
      }))

    it.effect("that fails when the library gives the guild up", () =>
      Effect.gen(function*() {
        const { host, layer } = yield* setup()
        const joining = yield* join.pipe(
          Effect.scoped,
          Effect.provide([layer, MockVoiceDriver.layer, Mixer.layer]),
          Effect.forkScoped({ startImmediately: true })
        )
        yield* settle
        host.methods().destroy()
        assert.strictEqual(yield* tagOf(Fiber.join(joining)), "GatewayDetached")
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(host.adapters.size, 0)
      }))

    it.effect("that reports what is missing", () =>
      Effect.gen(function*() {
        const { host, layer } = yield* setup()
        const joining = yield* Effect.result(join).pipe(
          Effect.scoped,
          Effect.provide([layer, MockVoiceDriver.layer, Mixer.layer]),
          Effect.forkScoped({ startImmediately: true })
        )
        yield* settle
        host.methods().onVoiceServerUpdate(server())
        yield* TestClock.adjust("15 seconds")
        const result = yield* Fiber.join(joining)
        assert(Result.isFailure(result) && result.failure.reason._tag === "JoinTimedOut")
        assert.strictEqual(result.failure.reason.missing, "VOICE_STATE_UPDATE")
        assert.include(result.failure.message, "GuildVoiceStates")
      }))
  })
})
