import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import * as Hub from "../../src/gateway/Hub.ts"
import { ChannelId, GuildId, UserId } from "../../src/protocol/Identifier.ts"
import * as VoiceError from "../../src/VoiceError.ts"

const guildId = GuildId.make("10")

const stateOf = (channelId: ChannelId | null) => ({
  channel_id: channelId,
  session_id: "s",
  deaf: false,
  mute: false,
  self_deaf: false,
  self_mute: false,
  self_video: false,
  suppress: false
})

describe("Hub", () => {
  it.effect("treats the first user that it is told of as the bot", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      assert.isUndefined(hub.self())
      for (const id of ["1", "2"]) yield* hub.learn(UserId.make(id))
      assert.strictEqual(hub.self(), "1")
      assert.strictEqual(yield* hub.userId, "1")
    }))

  it.effect("holds 4,096 events for a subscriber that does not read, and loses the oldest beyond that", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      const events = yield* hub.subscribe
      for (let i = 0; i < 4_100; i++) {
        yield* hub.publish({ _tag: "VoiceServer", server: { guild_id: guildId, token: `${i}`, endpoint: null } })
      }
      const held = yield* events.pipe(Stream.take(4_096), Stream.runCollect)
      const tokens = held.map((event) => event._tag === "VoiceServer" ? event.server.token : "")
      assert.deepStrictEqual([tokens[0], tokens.at(-1)], ["4", "4099"])
    }))

  it.effect("counts the other users in a channel", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      const [first, second] = [ChannelId.make("20"), ChannelId.make("21")]
      const at = (user: string, channelId: ChannelId | null) => ({ ...stateOf(channelId), user_id: UserId.make(user) })
      const counts = () => [hub.occupants(guildId, first), hub.occupants(guildId, second)]
      assert.deepStrictEqual(counts(), [0, 0])
      yield* hub.onReady({ user: { id: UserId.make("1") }, guilds: [{ id: guildId }] })
      yield* hub.onGuildCreate({ id: guildId, voice_states: [at("1", first), at("2", first), at("3", first)] })
      assert.deepStrictEqual(counts(), [2, 0])
      assert.strictEqual(hub.occupants(GuildId.make("11"), first), 0)
      yield* hub.onVoiceState({ ...at("2", second), guild_id: guildId })
      yield* hub.onVoiceState({ ...at("1", second), guild_id: guildId })
      yield* hub.onVoiceState({ ...at("4", second), guild_id: guildId })
      assert.deepStrictEqual(counts(), [1, 2])
      yield* hub.onVoiceState({ ...at("3", null), guild_id: guildId })
      assert.deepStrictEqual(counts(), [0, 2])
      // the guild is reported again, and then the whole session
      yield* hub.onGuildCreate({ id: guildId, voice_states: [at("3", first)] })
      assert.deepStrictEqual(counts(), [1, 0])
      yield* hub.onReady({ user: { id: UserId.make("1") }, guilds: [] })
      assert.deepStrictEqual(counts(), [0, 0])
    }))

  it.effect("treats all guilds as those of a single shard if a gateway says that there are none", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      const channelId = ChannelId.make("20")
      const ready = { user: { id: UserId.make("1") }, guilds: [{ id: guildId }], shard: [0, 0] } as const
      yield* hub.onReady(ready)
      yield* hub.onGuildCreate({
        id: guildId,
        voice_states: [{ ...stateOf(channelId), user_id: UserId.make("2") }]
      })
      assert.strictEqual(hub.occupants(guildId, channelId), 1)
      yield* hub.onReady(ready)
      assert.strictEqual(hub.occupants(guildId, channelId), 0)
    }))

  it.effect("gives up a guild that the bot is removed from, but not one that is unavailable", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      const events = yield* hub.subscribe
      const us = { ...stateOf(ChannelId.make("20")), user_id: UserId.make("1") }
      const them = { ...stateOf(ChannelId.make("20")), user_id: UserId.make("2") }
      const known = Effect.map(
        hub.initialVoiceState(guildId),
        (own) => [Option.isSome(own), hub.occupants(guildId, ChannelId.make("20"))]
      )
      yield* hub.onReady({ user: { id: UserId.make("1") }, guilds: [{ id: guildId }] })
      yield* hub.onGuildCreate({ id: guildId, voice_states: [us, them] })
      yield* hub.onGuildDelete({ id: guildId, unavailable: true })
      assert.deepStrictEqual(yield* known, [true, 1])
      // the bot is in no channel any more when the outage is over
      yield* hub.onGuildCreate({ id: guildId, voice_states: [them] })
      assert.deepStrictEqual(yield* known, [false, 1])
      yield* hub.onGuildCreate({ id: guildId, voice_states: [us, them] })
      yield* hub.onGuildDelete({ id: guildId })
      assert.deepStrictEqual(yield* known, [false, 0])
      const [event] = yield* events.pipe(
        Stream.filter(({ _tag }) => _tag === "Detached"),
        Stream.take(1),
        Stream.runCollect
      )
      assert(event?._tag === "Detached")
      assert.deepStrictEqual([event.guildId, event.error.reason._tag], [guildId, "RemovedFromGuild"])
    }))

  it.effect("reports when an outage begins and ends, and where the bot is then", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      const events = yield* hub.subscribe
      const us = { ...stateOf(ChannelId.make("20")), user_id: UserId.make("1") }
      const ready = { user: { id: UserId.make("1") }, guilds: [{ id: guildId }] }
      const gone = { id: guildId, unavailable: true }
      yield* hub.onReady(ready)
      yield* hub.onGuildCreate({ id: guildId, voice_states: [us] })
      // once each
      yield* hub.onGuildDelete(gone)
      yield* hub.onGuildDelete(gone)
      yield* hub.onGuildCreate({ id: guildId, voice_states: [us] })
      yield* hub.onGuildCreate({ id: guildId, voice_states: [us] })
      // discord/discord-api-docs#5054
      yield* hub.onGuildCreate(gone)
      yield* hub.onGuildCreate({ id: guildId, voice_states: [] })
      yield* hub.onGuildDelete(gone)
      yield* hub.onReady(ready)
      yield* hub.onGuildCreate({ id: guildId, voice_states: [us] })
      yield* hub.onGuildDelete(gone)
      yield* hub.onGuildDelete({ id: guildId })
      yield* hub.onGuildCreate({ id: guildId, voice_states: [us] })
      yield* hub.publish({ _tag: "Occupant", guildId, userId: us.user_id })
      const all = yield* events.pipe(Stream.takeUntil(({ _tag }) => _tag === "Occupant"), Stream.runCollect)
      assert.deepStrictEqual(
        Array.from(all, (event) => event._tag === "Availability" ? event.isAvailable : event._tag),
        [false, "VoiceState", true, false, true, false, true, false, "Detached", "Occupant"]
      )
    }))

  it.effect("knows of an outage while it lasts, for those who ask meanwhile", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      assert.isFalse(hub.isUnavailable(guildId))
      yield* hub.onAvailability(guildId, false)
      assert.isTrue(hub.isUnavailable(guildId))
      yield* hub.onGuildCreate({ id: guildId, voice_states: [] })
      assert.isFalse(hub.isUnavailable(guildId))
    }))

  for (const word of ["onGuildDelete", "onGuildCreate"] as const) {
    it.effect(`lets nobody wait for a guild that cannot be reached, as ${word} says`, () =>
      Effect.gen(function*() {
        const hub = yield* Hub.make
        yield* hub.onReady({ user: { id: UserId.make("1") }, guilds: [{ id: guildId }] })
        const waiting = yield* Effect.forkChild(hub.initialVoiceState(guildId), { startImmediately: true })
        yield* Effect.yieldNow
        yield* hub[word]({ id: guildId, unavailable: true })
        yield* Effect.repeat(Effect.yieldNow, { times: 20 })
        assert.isDefined(waiting.pollUnsafe())
        assert.isTrue(Option.isNone(yield* Fiber.join(waiting)))
      }))
  }

  it.effect("keeps its knowledge of other shards' guilds when one shard begins a session", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      const channelId = ChannelId.make("20")
      const self = UserId.make("1")
      const [ours, theirs] = [GuildId.make(String(4n << 22n)), GuildId.make(String(5n << 22n))]
      const late = GuildId.make(String(7n << 22n))
      const ready = (shard: number, ...ids: ReadonlyArray<GuildId>) =>
        hub.onReady({ user: { id: self }, guilds: ids.map((id) => ({ id })), shard: [shard, 2] })
      yield* ready(0, ours)
      yield* ready(1, theirs, late)
      for (const id of [ours, theirs]) {
        yield* hub.onGuildCreate({
          id,
          voice_states: [{ ...stateOf(channelId), user_id: self }, { ...stateOf(channelId), user_id: UserId.make("2") }]
        })
        yield* hub.onAvailability(id, false)
      }
      const waiting = yield* Effect.forkChild(hub.initialVoiceState(late), { startImmediately: true })
      const known = Effect.fnUntraced(function*(id: GuildId) {
        const own = Option.isSome(yield* hub.initialVoiceState(id))
        return { own, others: hub.occupants(id, channelId), isUnavailable: hub.isUnavailable(id) }
      })
      yield* ready(0)
      yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      assert.deepStrictEqual(yield* known(ours), { own: false, others: 0, isUnavailable: false })
      assert.deepStrictEqual(yield* known(theirs), { own: true, others: 1, isUnavailable: true })
      assert.isUndefined(waiting.pollUnsafe(), "that guild will still come")
      yield* ready(1)
      assert.isTrue(Option.isNone(yield* Fiber.join(waiting)))
      assert.deepStrictEqual(yield* known(theirs), { own: false, others: 0, isUnavailable: false })
    }))

  it.effect("knows the bot's channel until the guild says otherwise, also after an outage", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      const own = { ...stateOf(ChannelId.make("20")), user_id: UserId.make("1"), guild_id: guildId }
      const waiting = yield* Effect.forkChild(hub.initialVoiceState(guildId), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe(), "there is no session yet")
      yield* hub.onReady({ user: { id: own.user_id }, guilds: [{ id: guildId }] })
      yield* hub.onGuildCreate({ id: guildId, voice_states: [own] })
      assert.deepStrictEqual(yield* Fiber.join(waiting), Option.some(own))
      const events = yield* hub.subscribe
      yield* hub.onAvailability(guildId, false)
      yield* hub.onGuildCreate({ id: guildId })
      assert.deepStrictEqual(yield* hub.initialVoiceState(guildId), Option.some(own))
      yield* hub.onAvailability(guildId, false)
      yield* hub.onGuildCreate({ id: guildId, voice_states: [own] })
      const told = yield* events.pipe(Stream.take(5), Stream.map(({ _tag }) => _tag), Stream.runCollect)
      assert.deepStrictEqual(told, ["Availability", "Availability", "Availability", "VoiceState", "Availability"])
      yield* hub.onGuildCreate({ id: guildId, voice_states: [] })
      assert.isTrue(Option.isNone(yield* hub.initialVoiceState(guildId)))
    }))

  it.effect("ends once, with the first reason", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      const [first, second] = ["first", "second"].map((detail) =>
        VoiceError.make(new VoiceError.GatewayFailed({ detail }))
      )
      assert(first !== undefined && second !== undefined)
      yield* hub.finish(first)
      yield* hub.finish(second)
      assert.strictEqual(yield* Effect.flip(hub.unlessFinished(Effect.void)), first)
      assert.strictEqual(yield* Effect.flip(hub.userId), first)
    }))

  it.effect("lets nobody wait for a guild that the next session does not have", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      yield* hub.onReady({ user: { id: UserId.make("1") }, guilds: [{ id: guildId }] })
      const waiting = yield* Effect.forkChild(hub.initialVoiceState(guildId), { startImmediately: true })
      yield* Effect.yieldNow
      yield* hub.onReady({ user: { id: UserId.make("1") }, guilds: [] })
      yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      assert.isDefined(waiting.pollUnsafe())
    }))

  it.effect("keeps how other users are shown, and reports when a guild is learned again", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      const first = ChannelId.make("20")
      const ann = UserId.make("2")
      const state = { ...stateOf(first), user_id: ann }
      const of = () =>
        Array.from(hub.others.of(guildId), ([userId, { bot, flags, name }]) => [userId, flags.mute, bot, name])
      yield* hub.onReady({ user: { id: UserId.make("1") }, guilds: [{ id: guildId }] })
      assert.deepStrictEqual(of(), [])
      const told: Array<GuildId> = []
      const stop = hub.others.watch((id) => told.push(id))
      yield* hub.onGuildCreate({
        id: guildId,
        voice_states: [state, { ...state, user_id: UserId.make("1") }],
        members: [{ user: { id: ann, username: "ann" } }]
      })
      assert.deepStrictEqual(of(), [[ann, false, false, "ann"]])
      yield* hub.onVoiceState({ ...state, guild_id: guildId, mute: true })
      assert.deepStrictEqual(of(), [[ann, true, false, "ann"]])
      yield* hub.onVoiceState({ ...state, guild_id: guildId, member: { nick: "Annie", user: { id: ann, bot: true } } })
      assert.deepStrictEqual(of(), [[ann, false, true, "Annie"]])
      yield* hub.onVoiceState({ ...state, guild_id: guildId, channel_id: null })
      assert.deepStrictEqual(of(), [])
      assert.deepStrictEqual(told, [guildId])
      stop()
      yield* hub.onGuildCreate({ id: guildId })
      assert.deepStrictEqual(told, [guildId])
    }))

  it.effect("lets nobody wait for a guild that will not come any more", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      yield* hub.onReady({ user: { id: UserId.make("1") }, guilds: [{ id: guildId }] })
      const waiting = yield* Effect.forkChild(hub.initialVoiceState(guildId), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe())
      yield* hub.finish(VoiceError.make(new VoiceError.GatewayFailed({ detail: "gone" })))
      assert.isTrue(Option.isNone(yield* Fiber.join(waiting)))
    }))
})
