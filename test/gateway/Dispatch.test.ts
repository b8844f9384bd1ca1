import { assert, describe, it } from "@effect/vitest"
import {
  type Cause,
  Context,
  Data,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Option,
  Queue,
  References,
  Schedule,
  Scope,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import { EventEmitter } from "node:events"
import * as Gateway from "../../src/Gateway.ts"
import * as SendLimit from "../../src/gateway/SendLimit.ts"
import * as Mixer from "../../src/Mixer.ts"
import { ChannelId, GuildId, UserId } from "../../src/protocol/Identifier.ts"
import * as MockVoiceDriver from "../../src/testing/MockVoiceDriver.ts"
import * as Time from "../../src/testing/Time.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"

/** On shard 1 of 2, and on shard 0. */
const guildId = GuildId.make(String(5n << 22n))
const evenGuildId = GuildId.make(String(6n << 22n))
const channelId = ChannelId.make("20")
const me = UserId.make("30")
const someone = UserId.make("31")

const state = (channel: ChannelId | null, more: object = {}) => ({
  guild_id: guildId,
  channel_id: channel,
  user_id: me,
  session_id: "session",
  ...more
})

const server = { guild_id: guildId, token: "secret-token", endpoint: "voice.example:443" }

const ready = (more: object = {}) => ({ op: 0, t: "READY", s: 1, d: { user: { id: me }, ...more } })

const request = (channel: ChannelId | null, guild = guildId): Gateway.VoiceStateRequest => ({
  guild_id: guild,
  channel_id: channel,
  self_mute: false,
  self_deaf: true
})

class Broken extends Data.TaggedError("Broken")<{ readonly message: string }> {}

/** Both ways to hand dispatches over, controlled by the test. */
interface Connection {
  readonly gateway: Gateway.Gateway["Service"]
  readonly layer: Layer.Layer<Gateway.Gateway>
  readonly say: (dispatch: unknown) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
  readonly fail: (error: Broken) => Effect.Effect<void>
  readonly sent: Array<readonly [Gateway.VoiceStatePayload, GuildId]>
  /** What `send` does next. */
  answer: Effect.Effect<unknown, Broken>
}

const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

type Setup = (options?: Gateway.DispatchOptions) => Effect.Effect<Connection, never, Scope.Scope>

const build = Effect.fnUntraced(function*(layer: Layer.Layer<Gateway.Gateway>) {
  const context = yield* Layer.build(layer)
  return { gateway: Context.get(context, Gateway.Gateway), layer: Layer.succeedContext(context) }
})

const overStream = (subscribe: boolean): Setup =>
  Effect.fnUntraced(function*(options: Gateway.DispatchOptions = {}) {
    const queue = yield* Queue.unbounded<unknown, Broken | Cause.Done>()
    const stream: Stream.Stream<unknown, Broken> = Stream.fromQueue(queue)
    const sent: Connection["sent"] = []
    const built = yield* build(Gateway.layerDispatch({
      ...options,
      dispatches: subscribe ? Effect.succeed(stream) : stream,
      send: (payload, guild) => {
        sent.push([payload, guild])
        return connection.answer
      }
    }))
    const connection: Connection = {
      ...built,
      say: (dispatch) => Effect.andThen(Queue.offer(queue, dispatch), settle),
      end: Effect.andThen(Queue.end(queue), settle),
      fail: (error) => Effect.andThen(Queue.fail(queue, error), settle),
      sent,
      answer: Effect.void
    }
    return connection
  })

const overCallbacks: Setup = Effect.fnUntraced(function*(options: Gateway.DispatchOptions = {}) {
  const emitter = new EventEmitter()
  const context = yield* Effect.context<never>()
  const sent: Connection["sent"] = []
  const built = yield* build(Gateway.layerCallbacks({
    ...options,
    listen: (onDispatch, ended) => {
      emitter.on("dispatch", onDispatch)
      emitter.on("end", ended)
      return () => {
        emitter.off("dispatch", onDispatch)
        emitter.off("end", ended)
      }
    },
    send: (payload, guild) => {
      sent.push([payload, guild])
      return Effect.runPromiseWith(context)(connection.answer)
    }
  }))
  const connection: Connection = {
    ...built,
    say: (dispatch) => Effect.andThen(Effect.sync(() => emitter.emit("dispatch", dispatch)), settle),
    end: Effect.andThen(Effect.sync(() => emitter.emit("end")), settle),
    fail: (error) => Effect.andThen(Effect.sync(() => emitter.emit("end", error)), settle),
    sent,
    answer: Effect.void
  }
  return connection
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

const collectLifecycle = Effect.fnUntraced(function*(gateway: Gateway.Gateway["Service"]) {
  const heard: Array<Gateway.Lifecycle | Gateway.ShardLifecycle> = []
  const stream = yield* Option.getOrThrow(gateway.lifecycle)
  yield* stream.pipe(
    Stream.runForEach((event) => Effect.sync(() => heard.push(event))),
    Effect.forkScoped({ startImmediately: true })
  )
  return heard
})

const initial = (gateway: Gateway.Gateway["Service"], guild = guildId) =>
  Option.getOrThrow(gateway.initialVoiceState)(guild)

const reasonOf = <A, R>(effect: Effect.Effect<A, VoiceError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const suite = (name: string, setup: Setup) =>
  describe(name, () => {
    it.effect("learns the bot's user from READY", () =>
      Effect.gen(function*() {
        const { gateway, say } = yield* setup()
        const id = yield* Effect.forkScoped(gateway.userId, { startImmediately: true })
        yield* settle
        assert.isUndefined(id.pollUnsafe())
        yield* say(ready())
        assert.strictEqual(yield* Fiber.join(id), me)
      }))

    it.effect("stays below Discord's message limit on each shard, and reports that requests wait for it", () =>
      Effect.gen(function*() {
        const connection = yield* setup({ userId: me, shards: 2 })
        const { gateway, sent } = connection
        const ask = (guild: GuildId) =>
          Effect.forkScoped(gateway.updateVoiceState(request(channelId, guild)), { startImmediately: true })
        for (let i = 0; i < SendLimit.shared; i++) yield* Fiber.join(yield* ask(guildId))
        yield* Time.advance("1 second")
        assert.strictEqual(sent.length, SendLimit.shared)
        assert.isFalse(gateway.isHeldBack?.())
        const withdrawn = yield* ask(guildId)
        const held = yield* ask(guildId)
        yield* ask(evenGuildId)
        yield* Time.advance("1 second")
        assert.isTrue(gateway.isHeldBack?.())
        assert.deepStrictEqual(sent.slice(SendLimit.shared).map(([, guild]) => guild), [evenGuildId])
        yield* Fiber.interrupt(withdrawn)
        yield* Time.advance("57 seconds")
        assert.isUndefined(held.pollUnsafe())
        yield* Time.advance("1 second")
        yield* Fiber.join(held)
        assert.strictEqual(sent.length, SendLimit.shared + 2)
        yield* Time.advance("6 seconds")
        assert.isFalse(gateway.isHeldBack?.())
      }))

    it.effect("warns once while requests wait for the limit, and once of one that is not taken", () => {
      const lines: Array<string> = []
      return Effect.gen(function*() {
        const connection = yield* setup({ userId: me })
        let guilds = 0
        // one in each guild, since requests of the same guild wait for each other
        const ask = (count: number) =>
          Effect.forEach(
            Array.from({ length: count }, () => GuildId.make(String(++guilds))),
            (guild) =>
              Effect.forkScoped(connection.gateway.updateVoiceState(request(channelId, guild)), {
                startImmediately: true
              })
          )
        yield* ask(50)
        yield* Time.advance("1 second")
        // there is room for 50 of them at once, for 50 after a minute, and for the rest a second later
        yield* ask(SendLimit.shared + 10)
        yield* Time.advance("59 seconds")
        yield* Time.advance("1 second")
        assert.strictEqual(connection.sent.length, 50 + SendLimit.shared + 10)
        assert.lengthOf(lines, 1)
        assert.include(lines[0], "message limit")
        connection.answer = Effect.succeed(false)
        yield* ask(1)
        yield* Time.advance("2 minutes")
        assert.lengthOf(lines.slice(1).filter((line) => line.includes("trying again")), 1)
      }).pipe(
        Effect.provideService(References.MinimumLogLevel, "Warn"),
        Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
      )
    })

    it.effect("passes both events on in order to each subscriber, and nothing else", () =>
      Effect.gen(function*() {
        const { gateway, say } = yield* setup()
        const first = yield* collect(gateway)
        const second = yield* collect(gateway)
        yield* say(ready())
        yield* say({ t: "VOICE_SERVER_UPDATE", d: server })
        yield* say({ t: "MESSAGE_CREATE", d: { content: "hello" } })
        yield* say({ op: 11, t: null, d: null })
        yield* say({ op: 10, d: { heartbeat_interval: 1 } })
        yield* say({ op: 4, t: "VOICE_STATE_UPDATE", d: state(channelId) })
        yield* say({ op: 0, t: "VOICE_STATE_UPDATE", s: 4, d: state(channelId) })
        yield* say({ t: "VOICE_STATE_UPDATE", d: state(channelId, { user_id: someone }) })
        assert.deepStrictEqual(first.heard.map((event) => event._tag), ["VoiceServer", "VoiceState", "VoiceState"])
        assert(first.heard[1]?._tag === "VoiceState")
        assert.isFalse(first.heard[1].state.self_mute)
        assert.deepStrictEqual(second.heard, first.heard)
      }))

    it.effect("sends op 4, and names the guild", () =>
      Effect.gen(function*() {
        const { gateway, sent } = yield* setup()
        yield* gateway.updateVoiceState(request(channelId))
        assert.deepStrictEqual(sent, [[{ op: 4, d: request(channelId) }, guildId]])
      }))

    it.effect("reports new and resumed sessions", () =>
      Effect.gen(function*() {
        const { gateway, say } = yield* setup()
        const heard = yield* collectLifecycle(gateway)
        yield* say(ready())
        yield* say({ t: "RESUMED", d: {} })
        yield* say(ready())
        assert.deepStrictEqual(heard, ["Resumed", "NewSession"])
      }))

    it.effect("tells the first sessions of several shards from new ones", () =>
      Effect.gen(function*() {
        const { gateway, say } = yield* setup()
        const heard = yield* collectLifecycle(gateway)
        yield* say(ready({ shard: [0, 2] }))
        yield* say({ t: "GUILD_CREATE", d: { id: evenGuildId, voice_states: [state(channelId)] } })
        yield* say(ready({ shard: [1, 2] }))
        assert.deepStrictEqual(heard, [])
        assert.isTrue(Option.isSome(yield* initial(gateway, evenGuildId)), "the guild of another shard is left alone")
        yield* say(ready({ shard: [0, 2] }))
        const [told] = heard
        assert(heard.length === 1 && typeof told === "object")
        assert.strictEqual(told.lifecycle, "NewSession")
        assert.deepStrictEqual([evenGuildId, guildId].map(told.concerns), [true, false])
        assert.isTrue(Option.isNone(yield* initial(gateway, evenGuildId)))
      }))

    it.effect("treats READY as a new session if it came too late for the first", () =>
      Effect.gen(function*() {
        const { gateway, say } = yield* setup({ userId: me })
        assert.strictEqual(yield* gateway.userId, me)
        const heard = yield* collectLifecycle(gateway)
        yield* say({ t: "TYPING_START", d: {} })
        yield* say(ready())
        assert.deepStrictEqual(heard, ["NewSession"])
      }))

    it.effect("knows the bot's earlier voice state, and waits for a guild that READY names", () =>
      Effect.gen(function*() {
        const { gateway, say } = yield* setup()
        yield* say(ready({ guilds: [{ id: guildId, unavailable: true }] }))
        const asking = yield* Effect.forkScoped(initial(gateway), { startImmediately: true })
        yield* settle
        assert.isUndefined(asking.pollUnsafe())
        const { guild_id: _, ...own } = state(channelId)
        yield* say({ t: "GUILD_CREATE", d: { id: guildId, voice_states: [own, { ...own, user_id: someone }] } })
        const found = yield* Fiber.join(asking)
        assert.strictEqual(Option.getOrThrow(found).user_id, me)
        assert.strictEqual(Option.getOrThrow(found).guild_id, guildId)
        yield* say({ t: "VOICE_STATE_UPDATE", d: state(null) })
        assert.isTrue(Option.isNone(yield* initial(gateway)))
      }))

    it.effect("learns the new name of a user in voice, and reports it", () =>
      Effect.gen(function*() {
        const { gateway, say } = yield* setup()
        yield* say(ready())
        const user = { id: someone, username: "ann", global_name: "Ann" }
        yield* say({ t: "VOICE_STATE_UPDATE", d: state(channelId, { user_id: someone, member: { user } }) })
        const { heard } = yield* collect(gateway)
        const update = (d: object) => say({ t: "GUILD_MEMBER_UPDATE", d: { guild_id: guildId, user, ...d } })
        const name = () => gateway.occupants?.of(guildId).get(someone)?.name
        yield* update({ nick: "DJ", roles: [] })
        assert.strictEqual(name(), "DJ")
        yield* update({ nick: "DJ", roles: ["1"] })
        yield* update({ nick: null })
        assert.strictEqual(name(), "Ann")
        // somebody who is in no channel, and the bot itself
        yield* update({ user: { id: "99", username: "eve" }, nick: "Eve" })
        yield* update({ user: { id: me, username: "bot" }, nick: "Bot" })
        assert.deepStrictEqual(
          heard.map((event) => event._tag === "Occupant" && [event.userId, event.occupant?.name]),
          [[someone, "DJ"], [someone, "Ann"]]
        )
        assert.strictEqual(gateway.occupants?.of(guildId).size, 1)
      }))

    it.effect("reports an outage, and that the bot was removed from a guild", () =>
      Effect.gen(function*() {
        const { gateway, say } = yield* setup()
        const { heard } = yield* collect(gateway)
        yield* say({ t: "GUILD_DELETE", d: { id: guildId, unavailable: true } })
        yield* say({ t: "GUILD_DELETE", d: { id: guildId } })
        const [outage, event] = heard
        assert.deepStrictEqual(outage, { _tag: "Availability", guildId, isAvailable: false })
        assert(heard.length === 2 && event?._tag === "Detached")
        assert.strictEqual(event.error.reason._tag, "RemovedFromGuild")
      }))

    it.effect("drops what it cannot read with a warning that shows no token", () => {
      const lines: Array<string> = []
      return Effect.gen(function*() {
        const { gateway, say } = yield* setup()
        const { heard } = yield* collect(gateway)
        yield* say(undefined)
        yield* say("text")
        yield* say({ t: "READY", d: {} })
        yield* say({ t: "GUILD_CREATE" })
        yield* say({ t: "VOICE_STATE_UPDATE", d: state(channelId, { user_id: 30 }) })
        yield* say({ t: "VOICE_SERVER_UPDATE", d: { ...server, endpoint: 7 } })
        yield* say({ t: "VOICE_SERVER_UPDATE", d: server })
        assert.deepStrictEqual(heard.map((event) => event._tag), ["VoiceServer"])
        assert.lengthOf(lines, 6)
        assert.isTrue(lines.every((line) => line.includes("dropped")))
        assert.notInclude(lines.join(), "secret-token")
      }).pipe(
        Effect.provideService(References.MinimumLogLevel, "Warn"),
        Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
      )
    })

    for (const how of ["end", "fail"] as const) {
      it.effect(`ends when the dispatches ${how}`, () =>
        Effect.gen(function*() {
          const connection = yield* setup()
          const { gateway } = connection
          const { fiber } = yield* collect(gateway)
          yield* how === "end" ? connection.end : connection.fail(new Broken({ message: "torn" }))
          for (
            const reason of [
              yield* reasonOf(Fiber.join(fiber)),
              yield* reasonOf(gateway.userId),
              yield* reasonOf(gateway.updateVoiceState(request(channelId))),
              yield* reasonOf(Effect.flatMap(collect(gateway), ({ fiber }) => Fiber.join(fiber)))
            ]
          ) {
            assert(reason._tag === "GatewayFailed")
            assert.include(reason.detail, how === "end" ? "ended" : "torn")
          }
          assert.deepStrictEqual(connection.sent, [])
        }))
    }

    it.effect("reports that sending failed", () =>
      Effect.gen(function*() {
        const connection = yield* setup()
        connection.answer = Effect.fail(new Broken({ message: "no socket" }))
        const reason = yield* reasonOf(connection.gateway.updateVoiceState(request(channelId)))
        assert(reason._tag === "GatewayFailed")
        assert.include(reason.detail, "no socket")
        assert.lengthOf(connection.sent, 1)
      }))

    it.effect("asks again while it is told false", () =>
      Effect.gen(function*() {
        const connection = yield* setup({ retry: Schedule.recurs(3) })
        connection.answer = Effect.succeed(false)
        const reason = yield* reasonOf(connection.gateway.updateVoiceState(request(channelId)))
        assert.strictEqual(reason._tag, "GatewayFailed")
        assert.lengthOf(connection.sent, 4)
        connection.answer = Effect.succeed(true)
        yield* connection.gateway.updateVoiceState(request(channelId))
      }))

    it.effect("carries a session", () =>
      Effect.gen(function*() {
        const connection = yield* setup()
        yield* connection.say(ready())
        connection.answer = Effect.suspend(() => {
          const d = connection.sent.at(-1)?.[0].d
          assert.isDefined(d)
          return Effect.forkDetach(Effect.andThen(
            connection.say({ t: "VOICE_STATE_UPDATE", d: state(d.channel_id) }),
            d.channel_id === null ? Effect.void : connection.say({ t: "VOICE_SERVER_UPDATE", d: server })
          ))
        })
        yield* VoiceSession.join({ guildId, channelId }).pipe(
          Effect.map(({ userId }) => assert.strictEqual(userId, me)),
          Effect.scoped,
          Effect.provide([connection.layer, MockVoiceDriver.layer, Mixer.layer])
        )
        assert.deepStrictEqual(connection.sent.map(([{ d }]) => d.channel_id), [channelId, null])
      }))
  })

suite("Gateway.layerDispatch over a stream", overStream(false))
suite("Gateway.layerDispatch over a subscription", overStream(true))
suite("Gateway.layerCallbacks", overCallbacks)

describe("Gateway.layerDispatch", () => {
  it.effect("waits until it has subscribed, and unsubscribes with its scope", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const { gateway } = yield* build(Gateway.layerDispatch({
        dispatches: Effect.as(
          Effect.acquireRelease(
            Effect.delay(Effect.sync(() => log.push("subscribed")), "1 second"),
            () => Effect.sync(() => log.push("released"))
          ),
          Stream.never
        ),
        send: () => Effect.void
      })).pipe(Effect.tap(() => Effect.sync(() => log.push("built"))), Scope.provide(scope), (effect) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkScoped(effect, { startImmediately: true })
          yield* TestClock.adjust("1 second")
          return yield* Fiber.join(fiber)
        }))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["subscribed", "built", "released"])
      assert.strictEqual((yield* reasonOf(gateway.userId))._tag, "NotConnected")
      assert.match((yield* reasonOf(gateway.userId)).message, /Provide the layer to everything that uses a session/)
    }))

  it.effect("ends if it cannot subscribe, or if the stream dies", () =>
    Effect.gen(function*() {
      for (const dispatches of [Effect.fail(new Broken({ message: "no hub" })), Stream.die(new Error("no hub"))]) {
        const { gateway } = yield* build(Gateway.layerDispatch({ dispatches, send: () => Effect.void }))
        const reason = yield* reasonOf(gateway.userId)
        assert(reason._tag === "GatewayFailed")
        assert.include(reason.detail, "no hub")
      }
    }).pipe(Effect.provide(Logger.layer([]))))
})

describe("Gateway.layerCallbacks", () => {
  it.effect("stops listening with its scope, and ends if it cannot listen", () =>
    Effect.gen(function*() {
      const emitter = new EventEmitter()
      const scope = yield* Scope.make()
      const layer = Gateway.layerCallbacks({
        listen: (onDispatch) => {
          emitter.on("dispatch", onDispatch)
          return () => emitter.off("dispatch", onDispatch)
        },
        send: () => {}
      })
      yield* build(layer).pipe(Scope.provide(scope))
      assert.strictEqual(emitter.listenerCount("dispatch"), 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(emitter.listenerCount("dispatch"), 0)

      const { gateway } = yield* build(Gateway.layerCallbacks({
        listen: () => {
          throw new Error("deaf")
        },
        send: () => {}
      }))
      const reason = yield* reasonOf(gateway.updateVoiceState(request(channelId)))
      assert(reason._tag === "GatewayFailed")
      assert.include(reason.detail, "deaf")
    }))
})

describe("Gateway.layerDfx", () => {
  it.effect("sends on the shard of the guild, and waits for one that is not running yet", () =>
    Effect.gen(function*() {
      const written: Array<readonly [number, Gateway.VoiceStatePayload]> = []
      const shard = (id: number) => ({
        id: [id, 2] as const,
        write: (payload: Gateway.VoiceStatePayload) => Effect.sync(() => void written.push([id, payload]))
      })
      const shards = new Set([shard(0)])
      const { gateway } = yield* build(
        Gateway.layerDfx({ dispatch: Stream.never, shards: Effect.succeed(shards) }, { userId: me })
      )
      yield* gateway.updateVoiceState(request(channelId, evenGuildId))
      const waiting = yield* Effect.forkScoped(gateway.updateVoiceState(request(channelId)), { startImmediately: true })
      yield* settle
      shards.add(shard(1))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(written.map(([id, { d }]) => [id, d.guild_id]), [[0, evenGuildId], [1, guildId]])
      assert.strictEqual(yield* gateway.userId, me)
    }))
})
