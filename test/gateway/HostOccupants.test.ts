import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, References, Scope, Stream } from "effect"
import * as Gateway from "../../src/Gateway.ts"
import { ChannelId, GuildId, UserId } from "../../src/protocol/Identifier.ts"
import { flags } from "../session/rig.ts"

const [guildId, otherGuildId] = [GuildId.make("10"), GuildId.make("11")]
const [lobby, stage] = [ChannelId.make("20"), ChannelId.make("21")]
const [me, ann, bob, cid] = [UserId.make("30"), UserId.make("31"), UserId.make("32"), UserId.make("33")]

const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

const at = (userId: string, more: Partial<Gateway.AdapterOccupant> = {}): Gateway.AdapterOccupant => ({
  userId,
  channelId: lobby,
  ...more
})

const ownState = (channel: ChannelId | null) => ({
  guild_id: guildId,
  channel_id: channel,
  user_id: me,
  session_id: "session"
})

const request = (channel: ChannelId | null): Gateway.VoiceStateRequest => ({
  guild_id: guildId,
  channel_id: channel,
  self_mute: false,
  self_deaf: false
})

/** A library controlled by the test. */
const makeHost = () => {
  const lines: Array<string> = []
  const host = {
    lines,
    adapter: undefined as Gateway.AdapterMethods | undefined,
    /** Who is in voice in `guildId`. */
    there: [] as Iterable<Gateway.AdapterOccupant> | undefined,
    of: (guild: GuildId) => guild === guildId ? host.there : undefined,
    asked: 0,
    listener: undefined as Gateway.OccupantListener | undefined,
    lifecycle: undefined as Gateway.LifecycleListener | undefined,
    stop: () => {
      host.listener = undefined
    },
    watch: (listener: Gateway.OccupantListener) => {
      host.listener = listener
      return () => host.stop()
    },
    tell: (...args: Parameters<Gateway.OccupantListener>) => host.listener?.(...args),
    find: (): Gateway.AdapterCreator => (methods) => {
      host.adapter = methods
      return { sendPayload: () => true, destroy: () => {} }
    }
  }
  return host
}

type Host = ReturnType<typeof makeHost>

const build = (host: Host, options: Gateway.AdapterOptions = {}) =>
  Layer.build(Gateway.layerAdapter(host.find, {
    occupants: {
      of: (guild) => {
        host.asked++
        return host.of(guild)
      },
      watch: (listener) => host.watch(listener)
    },
    lifecycle: (listener) => {
      host.lifecycle = listener
      return () => {}
    },
    ...options
  })).pipe(
    Effect.flatMap((context) => Effect.provideContext(Gateway.Gateway, context)),
    Effect.provideService(References.MinimumLogLevel, "Warn"),
    Effect.provide(Logger.layer([Logger.make(({ message }) => void host.lines.push(String(message)))]))
  )

const heardOf = Effect.fnUntraced(function*(gateway: Gateway.Gateway["Service"]) {
  const heard: Array<Gateway.GatewayEvent> = []
  const events = yield* gateway.subscribe
  yield* Stream.runForEach(events, (event) => Effect.sync(() => heard.push(event))).pipe(
    Effect.forkScoped({ startImmediately: true })
  )
  return { take: Effect.andThen(settle, Effect.sync(() => heard.splice(0))) }
})

const setup = Effect.fnUntraced(function*(options: Gateway.AdapterOptions = {}, host: Host = makeHost()) {
  const gateway = yield* build(host, options)
  const { occupants } = gateway
  assert(occupants !== undefined)
  const looks: Array<GuildId> = []
  const unwatch = occupants.watch((guild) => looks.push(guild))
  const { take } = yield* heardOf(gateway)
  const list = (guild = guildId) => Array.from(occupants.of(guild), ([id, { name }]) => name ?? id)
  return { host, gateway, occupants, looks, unwatch, take, list }
})

describe("the option occupants of Gateway.layerAdapter", () => {
  it.effect("lists those who were there before, as they are shown", () =>
    Effect.gen(function*() {
      const { host, occupants } = yield* setup()
      assert.strictEqual(host.asked, 0)
      const all = {
        selfMute: true,
        selfDeaf: true,
        mute: true,
        deaf: true,
        suppress: true,
        video: true,
        streaming: true
      }
      host.there = [
        at(ann, { ...all, bot: true, name: "Ann" }),
        at(bob, { channelId: stage, selfMute: null, mute: undefined, bot: null, name: null }),
        at(cid, { channelId: null, name: "Cid" }),
        at("34", { channelId: undefined })
      ]
      assert.deepStrictEqual([...occupants.of(guildId)], [
        [ann, { channelId: lobby, flags: all, bot: true, name: "Ann" }],
        [bob, { channelId: stage, flags, bot: undefined, name: undefined }]
      ])
      assert.strictEqual(occupants.of(otherGuildId).size, 0)
      occupants.of(guildId)
      assert.strictEqual(host.asked, 2)
    }))

  for (const flag of ["selfMute", "selfDeaf", "mute", "deaf", "suppress", "video", "streaming"] as const) {
    it.effect(`tells ${flag} from the other flags`, () =>
      Effect.gen(function*() {
        const { host, occupants } = yield* setup()
        host.there = [at(ann, { [flag]: true })]
        assert.deepStrictEqual(occupants.of(guildId).get(ann)?.flags, { ...flags, [flag]: true })
      }))
  }

  it.effect("reports changes in order, once they are known", () =>
    Effect.gen(function*() {
      const { gateway, host, list, occupants, take } = yield* setup()
      host.there = [at(ann, { name: "Ann", bot: false })]
      assert.deepStrictEqual(list(), ["Ann"])
      const known: Array<unknown> = []
      yield* Stream.runForEach(yield* gateway.subscribe, () =>
        Effect.sync(() => known.push(occupants.of(guildId).get(ann)?.flags.mute))).pipe(
          Effect.forkScoped({ startImmediately: true })
        )
      // a library that no longer knows who she is
      host.tell(guildId, at(ann, { mute: true }))
      yield* settle
      assert.deepStrictEqual(known, [true])
      host.tell(guildId, at(bob, { name: "Bob" }))
      host.tell(guildId, at(bob, { channelId: stage, name: "Bobby" }))
      assert.deepStrictEqual(list(), ["Ann", "Bobby"])
      host.tell(guildId, at(ann, { channelId: null }))
      host.tell(otherGuildId, at(cid))
      const told = { channelId: lobby, flags, bot: undefined, name: "Bob" }
      assert.deepStrictEqual(yield* take, [
        {
          _tag: "Occupant",
          guildId,
          userId: ann,
          occupant: { channelId: lobby, flags: { ...flags, mute: true }, bot: false, name: "Ann" }
        },
        { _tag: "Occupant", guildId, userId: bob, occupant: told },
        { _tag: "Occupant", guildId, userId: bob, occupant: { ...told, channelId: stage, name: "Bobby" } },
        { _tag: "Occupant", guildId, userId: ann, occupant: undefined },
        {
          _tag: "Occupant",
          guildId: otherGuildId,
          userId: cid,
          occupant: { channelId: lobby, flags, bot: undefined, name: undefined }
        }
      ])
      assert.deepStrictEqual(list(), ["Bobby"])
      assert.strictEqual(host.asked, 1)
    }))

  it.effect("asks again about a guild that was learned again, and remembers who is who", () =>
    Effect.gen(function*() {
      const { host, list, looks, unwatch, occupants } = yield* setup()
      host.there = [at(ann, { name: "Ann" }), at(bob)]
      list()
      host.there = [at(ann, { deaf: true }), at(cid)]
      host.tell(guildId)
      assert.deepStrictEqual(looks, [guildId])
      assert.deepStrictEqual(list(), ["Ann", cid])
      assert.isTrue(occupants.of(guildId).get(ann)?.flags.deaf)
      // nothing is kept of a guild that nobody has asked for yet
      host.tell(otherGuildId)
      assert.deepStrictEqual(looks, [guildId, otherGuildId])
      assert.strictEqual(host.asked, 2)
      unwatch()
      host.tell(guildId)
      assert.lengthOf(looks, 2)
    }))

  it.effect("asks again about the guilds of a new session, but not of a resumed one", () =>
    Effect.gen(function*() {
      const { host, list, looks } = yield* setup()
      list()
      list(otherGuildId)
      host.there = [at(ann)]
      host.lifecycle?.("Lost")
      host.lifecycle?.("Resumed")
      host.lifecycle?.("NewSession", (guild) => guild === otherGuildId)
      assert.deepStrictEqual([looks.splice(0), list()], [[otherGuildId], []])
      host.lifecycle?.("NewSession", (guild) => guild === guildId)
      assert.deepStrictEqual([looks.splice(0), list()], [[guildId], [ann]])
      host.lifecycle?.("NewSession")
      assert.deepStrictEqual(looks.splice(0), [guildId, otherGuildId])
      host.lifecycle?.("NewSession", () => {
        throw new Error("which shard?")
      })
      assert.deepStrictEqual(looks, [guildId, otherGuildId])
    }))

  it.effect("leaves the bot out, whether the option names it or the library does later", () =>
    Effect.gen(function*() {
      for (const userId of [me, undefined]) {
        const { host, gateway, list, take } = yield* setup({ userId })
        host.there = [at(me), at(ann)]
        assert.deepStrictEqual(list(), userId === undefined ? [me, ann] : [ann])
        yield* gateway.updateVoiceState(request(lobby))
        host.adapter?.onVoiceStateUpdate(ownState(lobby))
        host.tell(guildId, at(me, { selfMute: true }))
        assert.deepStrictEqual(list(), [ann])
        assert.deepStrictEqual((yield* take).map(({ _tag }) => _tag), ["VoiceState"])
      }
    }))

  it.effect("keeps nothing of a guild that the bot has left, and asks again when it is back", () =>
    Effect.gen(function*() {
      const { host, gateway, list } = yield* setup()
      yield* gateway.updateVoiceState(request(lobby))
      host.adapter?.onVoiceStateUpdate(ownState(lobby))
      list()
      host.adapter?.onVoiceStateUpdate(ownState(null))
      host.there = [at(ann)]
      yield* gateway.updateVoiceState(request(lobby))
      assert.deepStrictEqual(list(), [ann])
      assert.strictEqual(host.asked, 2)
      host.adapter?.destroy()
      host.there = undefined
      assert.deepStrictEqual(list(), [])
    }))

  it.effect("warns of what it cannot read, takes the rest, and never throws at the library", () =>
    Effect.gen(function*() {
      const { host, list, take } = yield* setup()
      // what a library in plain JavaScript may give
      const odd = [null, 5, "ann", {}, { userId: 31, channelId: lobby }, { userId: ann, channelId: 20 }] as Array<never>
      host.there = [...odd, at(bob, { name: 5 as never, bot: "yes" as never, mute: 1 as never })]
      assert.deepStrictEqual(list(), [bob])
      assert.deepStrictEqual(host.lines.splice(0), [
        "The gateway's option `occupants` reported 6 occupants of guild 10 with a malformed userId or channelId"
      ])
      for (const one of odd) host.tell(guildId, one)
      assert.lengthOf(host.lines.splice(0), 6)
      host.tell("lobby", at(ann))
      host.tell(5 as never)
      assert.deepStrictEqual(host.lines.splice(0), [
        "The gateway's option `occupants` reported lobby, which is not a guild id",
        "The gateway's option `occupants` reported 5, which is not a guild id"
      ])
      host.tell(
        guildId,
        Object.defineProperty(at(ann), "name", {
          get: () => {
            throw new Error("uncached")
          }
        })
      )
      yield* settle
      assert.lengthOf(host.lines.splice(0), 1)
      assert.deepStrictEqual(yield* take, [])
      assert.deepStrictEqual(list(), [bob])
    }))

  it.effect("knows nobody if the library throws, until it reports somebody", () =>
    Effect.gen(function*() {
      const { host, list } = yield* setup()
      const { of } = host
      host.of = () => {
        throw new Error("not ready")
      }
      assert.deepStrictEqual([list(), list()], [[], []])
      assert.deepStrictEqual(host.lines.splice(0), ["The gateway's option `occupants` threw in of: not ready"])
      host.tell(guildId, at(ann))
      assert.deepStrictEqual(list(), [ann])
      host.of = of
      host.there = (function*() {
        yield at(bob)
        throw new Error("gone")
      })()
      host.tell(guildId)
      assert.deepStrictEqual(list(), [])
      assert.deepStrictEqual(host.lines, ["The gateway's option `occupants` threw in of: gone"])
    }))

  it.effect("is ignored if the library cannot report changes", () =>
    Effect.gen(function*() {
      const host = makeHost()
      host.watch = () => {
        throw new Error("no events")
      }
      const gateway = yield* build(host)
      assert.isUndefined(gateway.occupants)
      host.lifecycle?.("NewSession")
      assert.deepStrictEqual(host.lines, ["The gateway's option `occupants` threw in watch: no events"])
    }))

  it.effect("ends with the layer's scope, even if the library throws then", () =>
    Effect.gen(function*() {
      const host = makeHost()
      const scope = yield* Scope.make()
      yield* Scope.provide(build(host), scope)
      const { listener, stop } = host
      assert.isDefined(listener)
      host.stop = () => {
        stop()
        throw new Error("too late")
      }
      yield* Scope.close(scope, Exit.void)
      assert.isUndefined(host.listener)
      assert.deepStrictEqual(host.lines, [
        "The gateway's option `occupants` threw in the function returned by watch: too late"
      ])
      listener(guildId, at(ann))
      assert.lengthOf(host.lines, 1)
    }))

  it.effect("may be omitted", () =>
    Effect.gen(function*() {
      const gateway = yield* build(makeHost(), { occupants: undefined })
      assert.isUndefined(gateway.occupants)
    }))
})
