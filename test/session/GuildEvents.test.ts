import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import * as Gateway from "../../src/Gateway.ts"
import { GuildId } from "../../src/protocol/Identifier.ts"
import * as GuildEvents from "../../src/session/GuildEvents.ts"
import * as MockGateway from "../../src/testing/MockGateway.ts"
import * as VoiceError from "../../src/VoiceError.ts"

const [ours, theirs] = [GuildId.make("10"), GuildId.make("11")]
const turns = Effect.repeat(Effect.yieldNow, { times: 20 })

const server = (guildId: GuildId, token: string): Gateway.GatewayEvent => ({
  _tag: "VoiceServer",
  server: { guild_id: guildId, token, endpoint: null }
})

/** What a listener for a guild hears. */
const listen = (gateway: Gateway.Gateway["Service"], guildId: GuildId) =>
  Effect.gen(function*() {
    const heard: Array<string> = []
    yield* GuildEvents.listen(gateway, guildId, {
      onEvent: (event) => heard.push(event._tag === "VoiceServer" ? event.server.token : event._tag),
      onLifecycle: (lifecycle) => heard.push(lifecycle),
      onEnd: ({ reason }) => heard.push(reason._tag)
    })
    return heard
  })

/** The gateway, and how many subscriptions to its events there are. */
const counted = Effect.gen(function*() {
  const gateway = yield* Gateway.Gateway
  const mock = yield* MockGateway.MockGateway
  const open = { now: 0, ever: 0 }
  const subscribe = Effect.acquireRelease(
    Effect.sync(() => {
      open.now++
      open.ever++
    }),
    () => Effect.sync(() => open.now--)
  ).pipe(Effect.andThen(gateway.subscribe))
  return { gateway: { ...gateway, subscribe }, mock, open }
})

describe("GuildEvents", () => {
  it.effect("follows the occupants of a guild's voice channels as long as somebody listens", () =>
    Effect.gen(function*() {
      const looks = new Set<(guildId: GuildId) => void>()
      const gateway: Gateway.Gateway["Service"] = {
        ...(yield* Gateway.Gateway),
        occupants: {
          of: () => new Map(),
          watch: (look) => {
            looks.add(look)
            return () => void looks.delete(look)
          }
        }
      }
      const told: Array<string> = []
      const scope = yield* Scope.make()
      yield* Scope.provide(
        GuildEvents.listen(gateway, ours, {
          onEvent: () => {},
          onLifecycle: () => {},
          onOccupants: () => told.push("told"),
          onEnd: () => {}
        }),
        scope
      )
      for (const guildId of [ours, theirs]) looks.forEach((look) => look(guildId))
      assert.deepStrictEqual(told, ["told"])
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(looks.size, 0)
    }).pipe(Effect.provide(MockGateway.layer())))

  it.effect("gives each listener the events of its guild, and the whole lifecycle, over one subscription", () =>
    Effect.gen(function*() {
      const { gateway, mock, open } = yield* counted
      const here = yield* listen(gateway, ours)
      const hereToo = yield* listen(gateway, ours)
      const there = yield* listen(gateway, theirs)
      yield* mock.push(server(ours, "a"))
      yield* mock.push(server(theirs, "b"))
      const error = VoiceError.make(new VoiceError.GatewayDetached({ guildId: theirs }))
      yield* mock.push({ _tag: "Detached", guildId: theirs, error })
      yield* turns
      yield* mock.pushLifecycle("Lost")
      yield* turns
      assert.deepStrictEqual(here, ["a", "Lost"])
      assert.deepStrictEqual(hereToo, here)
      assert.deepStrictEqual(there, ["b", "Detached", "Lost"])
      assert.deepStrictEqual(open, { now: 1, ever: 1 })
    }).pipe(Effect.provide(MockGateway.layer())))

  it.effect("reports a shard's lifecycle only to listeners whose guild it serves", () =>
    Effect.gen(function*() {
      const { gateway, mock } = yield* counted
      const here = yield* listen(gateway, ours)
      const there = yield* listen(gateway, theirs)
      yield* mock.pushLifecycle({ lifecycle: "NewSession", concerns: (guildId) => guildId === theirs })
      yield* mock.pushLifecycle("Resumed")
      yield* turns
      assert.deepStrictEqual([here, there], [["Resumed"], ["NewSession", "Resumed"]])
    }).pipe(Effect.provide(MockGateway.layer())))

  it.effect("ends its subscription with the last listener, and begins another for the next one", () =>
    Effect.gen(function*() {
      const { gateway, mock, open } = yield* counted
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      const heard = yield* Scope.provide(listen(gateway, ours), first)
      yield* Scope.provide(listen(gateway, theirs), second)
      yield* Scope.close(first, Exit.void)
      assert.strictEqual(open.now, 1)
      yield* Scope.close(second, Exit.void)
      assert.strictEqual(open.now, 0)
      yield* mock.push(server(ours, "missed"))
      const again = yield* listen(gateway, ours)
      yield* mock.push(server(ours, "heard"))
      yield* turns
      assert.deepStrictEqual(heard, [])
      assert.deepStrictEqual(again, ["heard"])
      assert.deepStrictEqual(open, { now: 1, ever: 2 })
    }).pipe(Effect.provide(MockGateway.layer())))

  it.effect("keeps a listener of a guild when another one leaves", () =>
    Effect.gen(function*() {
      const { gateway, mock } = yield* counted
      const stays = yield* listen(gateway, ours)
      yield* Effect.scoped(listen(gateway, ours))
      yield* mock.push(server(ours, "heard"))
      yield* turns
      assert.deepStrictEqual(stays, ["heard"])
    }).pipe(Effect.provide(MockGateway.layer())))

  it.effect("reports why nothing comes any more, also to later listeners", () =>
    Effect.gen(function*() {
      const { gateway, mock } = yield* counted
      const before = yield* listen(gateway, ours)
      yield* mock.end(new VoiceError.GatewayUnreachable({ url: "wss://gateway.example", detail: "gone" }))
      yield* turns
      assert.deepStrictEqual(before, ["GatewayUnreachable"])
      assert.deepStrictEqual(yield* listen(gateway, theirs), ["GatewayUnreachable"])
    }).pipe(Effect.provide(MockGateway.layer())))

  it.effect("subscribes again to a gateway that had ended, once nobody listens", () =>
    Effect.gen(function*() {
      const { gateway } = yield* counted
      const streams = [Stream.empty, Stream.never]
      const subscribe = Effect.sync(() => streams.shift() ?? Stream.never)
      const again = { ...gateway, subscribe, lifecycle: Option.none() }
      const scope = yield* Scope.make()
      const before = yield* Scope.provide(listen(again, ours), scope)
      yield* turns
      yield* Scope.close(scope, Exit.void)
      const after = yield* listen(again, ours)
      yield* turns
      assert.deepStrictEqual([before, after], [["GatewayFailed"], []])
    }).pipe(Effect.provide(MockGateway.layer())))

  for (
    const [how, subscribe] of [
      ["has ended", Effect.succeed(Stream.empty)],
      ["has died", Effect.succeed(Stream.die("odd"))]
    ] as const
  ) {
    it.effect(`treats a stream that ${how} as a failed gateway`, () =>
      Effect.gen(function*() {
        const { gateway } = yield* counted
        const heard = yield* listen({ ...gateway, subscribe, lifecycle: Option.none() }, ours)
        yield* turns
        assert.deepStrictEqual(heard, ["GatewayFailed"])
      }).pipe(Effect.provide(MockGateway.layer())))
  }

  it.effect("lets a listener give up before it could subscribe, without losing another one", () =>
    Effect.gen(function*() {
      const { gateway, mock, open } = yield* counted
      const loggedIn = yield* Deferred.make<void>()
      const slow = { ...gateway, subscribe: Effect.andThen(Deferred.await(loggedIn), gateway.subscribe) }
      const start = (guildId: GuildId) => Effect.forkScoped(listen(slow, guildId), { startImmediately: true })
      const first = yield* start(ours)
      const second = yield* start(theirs)
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(loggedIn, undefined)
      const there = yield* Fiber.join(second)
      yield* mock.push(server(theirs, "b"))
      yield* mock.push(server(ours, "a"))
      yield* turns
      assert.deepStrictEqual(there, ["b"])
      assert.deepStrictEqual(open, { now: 1, ever: 1 })
    }).pipe(Effect.scoped, Effect.provide(MockGateway.layer())))
})
