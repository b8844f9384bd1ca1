import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Metric, Random, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Emulator from "../src/emulator/Emulator.ts"
import * as Metrics from "../src/Metrics.ts"
import { ChannelId, GuildId, Ssrc } from "../src/protocol/Identifier.ts"
import type { State } from "../src/session/State.ts"
import { zeroStatistics } from "../src/testing/MockVoiceDriver.ts"
import type { Statistics } from "../src/VoiceDriver.ts"
import * as VoiceError from "../src/VoiceError.ts"
import * as Rig from "./integration/rig.ts"

/** The value of every series of a metric, by its attributes other than guild and channel. */
const series = (name: string) =>
  Effect.map(Metric.snapshot, (all) =>
    new Map(
      all.filter(({ id }) => id === name).map(({ attributes = {}, state }) => {
        const { channel, guild, ...rest } = attributes
        assert.isTrue(guild !== undefined && channel !== undefined)
        const value = Number("count" in state ? state.count : "value" in state ? state.value : NaN)
        return [[channel, ...Object.values(rest)].join(" "), value] as const
      })
    ))

const ready = (ssrc: number): State => ({
  _tag: "Ready",
  endpoint: "voice.example",
  channelId: ChannelId.make("20"),
  ssrc: Ssrc.make(ssrc),
  mode: "plain",
  version: 8
})

const fake = () => {
  const state = {
    session: ready(1),
    channel: ChannelId.make("20"),
    statistics: { ...zeroStatistics } as Statistics | undefined,
    buffering: undefined as Metrics.Buffering | undefined
  }
  const session: Metrics.Observed = {
    guildId: GuildId.make("10"),
    channelId: Effect.sync(() => state.channel),
    state: Effect.sync(() => state.session),
    statistics: Effect.suspend(() =>
      state.statistics === undefined
        ? VoiceError.fail(new VoiceError.NotConnected({ operation: "Statistics" }))
        : Effect.succeed(state.statistics)
    ),
    receive: { statistics: () => state.buffering ?? assert.fail("not asked for") }
  }
  return { state, session }
}

const buffering: Metrics.Buffering = {
  late: 1,
  duplicates: 2,
  overflowed: 3,
  strays: 4,
  lost: 5,
  recoverable: 6,
  resyncs: 7,
  dropped: 8,
  undecodable: 10,
  waiting: 9,
  depthMs: 60
}

const fresh = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

describe("Metrics", () => {
  it.effect("follow a session while it exists", () =>
    Effect.gen(function*() {
      const { session, state } = fake()
      state.buffering = buffering
      const scope = yield* Scope.make()
      yield* Scope.provide(Metrics.observe(session), scope)
      assert.deepStrictEqual(yield* series("discord_voice_session_up"), new Map([["20", 1]]))
      assert.deepStrictEqual(yield* series("discord_voice_media_round_trip_seconds"), new Map())
      assert.deepStrictEqual(yield* series("discord_voice_buffer_depth_seconds"), new Map([["20", 0.06]]))
      assert.strictEqual((yield* series("discord_voice_buffer_unused_total")).get("20 late"), 1)
      state.statistics = { ...zeroStatistics, packetsSent: 100, malformed: 2, failedToOpen: 3, mediaRoundTripMs: 40 }
      yield* TestClock.adjust("4999 millis")
      assert.deepStrictEqual(yield* series("discord_voice_packets_sent_total"), new Map([["20", 0]]))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* series("discord_voice_packets_sent_total"), new Map([["20", 100]]))
      assert.deepStrictEqual(yield* series("discord_voice_media_round_trip_seconds"), new Map([["20", 0.04]]))
      const unused = yield* series("discord_voice_packets_unused_total")
      assert.deepStrictEqual([unused.get("20 malformed"), unused.get("20 failed_to_open")], [2, 3])
      // the counts since then are read once more
      state.statistics = { ...zeroStatistics, packetsSent: 130 }
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* series("discord_voice_packets_sent_total"), new Map([["20", 130]]))
      for (const name of Metrics.names.filter((name) => !name.endsWith("_total"))) {
        assert.deepStrictEqual(yield* series(name), new Map(), name)
      }
    }).pipe(fresh))

  it.effect("keep counting across reconnects, moves and losses that are taken back", () =>
    Effect.gen(function*() {
      const { session, state } = fake()
      state.buffering = buffering
      yield* Metrics.observe(session, { interval: "1 second" })
      state.statistics = { ...zeroStatistics, packetsSent: 100, packetsLost: 7 }
      yield* TestClock.adjust("1 second")
      state.statistics = { ...zeroStatistics, packetsSent: 110, packetsLost: 5, mediaRoundTripMs: 7 }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* series("discord_voice_media_round_trip_seconds"), new Map([["20", 0.007]]))
      state.statistics = { ...zeroStatistics, packetsSent: 110, packetsLost: 6 }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* series("discord_voice_packets_lost_total"), new Map([["20", 7]]))
      assert.deepStrictEqual(yield* series("discord_voice_media_round_trip_seconds"), new Map())
      const error = VoiceError.make(new VoiceError.ConnectionLost({ code: 1006, detail: "" }))
      state.session = { _tag: "Resuming", endpoint: "voice.example", channelId: ChannelId.make("20"), error }
      state.statistics = { ...state.statistics, mediaRoundTripMs: 9 }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* series("discord_voice_session_up"), new Map([["20", 1]]))
      assert.deepStrictEqual(yield* series("discord_voice_media_round_trip_seconds"), new Map([["20", 0.009]]))
      state.statistics = undefined
      state.session = { _tag: "AwaitingServer" }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* series("discord_voice_session_up"), new Map([["20", 0]]))
      assert.deepStrictEqual(yield* series("discord_voice_media_round_trip_seconds"), new Map())
      state.session = ready(2)
      state.statistics = { ...zeroStatistics, packetsSent: 200, packetsLost: 1 }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* series("discord_voice_packets_sent_total"), new Map([["20", 310]]))
      assert.deepStrictEqual(yield* series("discord_voice_packets_lost_total"), new Map([["20", 8]]))
      state.channel = ChannelId.make("21")
      state.statistics = { ...zeroStatistics, packetsSent: 203, packetsLost: 1 }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* series("discord_voice_session_up"), new Map([["21", 1]]))
      assert.deepStrictEqual(yield* series("discord_voice_packets_sent_total"), new Map([["20", 310], ["21", 3]]))
    }).pipe(Effect.scoped, fresh))

  it.effect("end with a session that was lost", () =>
    Effect.gen(function*() {
      const { session, state } = fake()
      state.buffering = buffering
      yield* Metrics.observe(session)
      state.session = { _tag: "Closed" }
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* series("discord_voice_session_up"), new Map())
      state.session = ready(1)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* series("discord_voice_session_up"), new Map())
    }).pipe(Effect.scoped, fresh))

  it.effect("stay as many as those of one session if attributes name no guild or channel", () =>
    Effect.gen(function*() {
      const { session, state } = fake()
      state.buffering = buffering
      const attributes = { guild: "all", channel: "all" }
      const count = Effect.map(Metric.snapshot, (all) => all.length)
      const visit = (id: string) =>
        Effect.scoped(Metrics.observe(
          { ...session, guildId: GuildId.make(id), channelId: Effect.succeed(ChannelId.make(id)) },
          { attributes }
        ))
      yield* visit("100")
      const before = yield* count
      assert.isAbove(before, 10)
      for (let id = 101; id < 200; id++) yield* visit(String(id))
      assert.strictEqual(yield* count, before)
      assert.strictEqual((yield* series("discord_voice_frames_concealed_total")).get("all"), 500)
    }).pipe(fresh))

  it.effect("keep what tells them apart, whatever attributes a program adds", () =>
    Effect.gen(function*() {
      const { session, state } = fake()
      state.buffering = buffering
      yield* Metrics.observe(session, { attributes: { cause: "mine" } })
      const unused = yield* series("discord_voice_buffer_unused_total")
      assert.deepStrictEqual([unused.get("20 late"), unused.get("20 duplicate")], [1, 2])
    }).pipe(Effect.scoped, fresh))

  it.effect("wait at most a second at the end for a connection that does not answer", () =>
    Effect.gen(function*() {
      const { session, state } = fake()
      state.buffering = buffering
      const scope = yield* Scope.make()
      let answer = session.statistics
      yield* Scope.provide(Metrics.observe({ ...session, statistics: Effect.suspend(() => answer) }), scope)
      answer = Effect.never
      const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(closing.pollUnsafe())
      assert.deepStrictEqual(yield* series("discord_voice_session_up"), new Map())
    }).pipe(fresh))

  it.effect("exist for every session that is joined with the layer, and for no other", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      yield* Effect.scoped(Effect.andThen(Rig.join("lobby"), Effect.sleep("10 seconds")))
      assert.deepStrictEqual(yield* Metric.snapshot, [])
      let buffered: Metrics.Buffering | undefined
      yield* Effect.gen(function*() {
        const session = yield* Rig.join("lobby")
        yield* Effect.forkScoped(Stream.runDrain(session.packets), { startImmediately: true })
        yield* Effect.forkScoped(Stream.runDrain(session.receive.frames), { startImmediately: true })
        yield* discord.faults.datagrams("bot", { direction: "out", loss: 0.25 })
        yield* Effect.forkScoped(guest.speak(Rig.frames(1_500)), { startImmediately: true })
        yield* (yield* session.play(Rig.source(1_500))).awaitEnd
        yield* Effect.sleep("200 millis")
        const mine = `${yield* discord.channel("lobby")} mine`
        assert.approximately((yield* series("discord_voice_media_round_trip_seconds")).get(mine) ?? 0, 0.002, 0.0001)
        assert.approximately((yield* series("discord_voice_received_loss_ratio")).get(mine) ?? 0, 0.25, 0.15)
        assert.strictEqual((yield* series("discord_voice_sources")).get(mine), 1)
        const { depthMs } = session.receive.statistics()
        assert.strictEqual((yield* series("discord_voice_buffer_depth_seconds")).get(mine), depthMs / 1000)
        yield* Effect.sleep("1 second")
        buffered = session.receive.statistics()
      }).pipe(Effect.scoped, Effect.provide(Metrics.layer({ attributes: { bot: "mine" } })))
      const channel = yield* discord.channel("lobby")
      assert.strictEqual((yield* series("discord_voice_packets_sent_total")).get(`${channel} mine`), 1_505)
      assert.isAbove(buffered?.lost ?? 0, 250)
      assert.strictEqual(
        (yield* series("discord_voice_frames_concealed_total")).get(`${channel} mine`),
        buffered?.lost
      )
    })).pipe(Random.withSeed("reports"), Effect.provide(Rig.memory()), fresh))
})
