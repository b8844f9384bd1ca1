import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import * as Gateway from "../../src/Gateway.ts"
import { ChannelId, GuildId, UserId } from "../../src/protocol/Identifier.ts"
import { MockGateway } from "../../src/testing/index.ts"
import * as VoiceError from "../../src/VoiceError.ts"

const guildId = GuildId.make("200")
const userId = UserId.make("7")

const request = (channel: string | null): Gateway.VoiceStateRequest => ({
  guild_id: guildId,
  channel_id: channel === null ? null : ChannelId.make(channel),
  self_mute: false,
  self_deaf: true
})

describe("MockGateway", () => {
  it.effect("records requests, and delivers events and lifecycle changes", () =>
    Effect.gen(function*() {
      const gateway = yield* Gateway.Gateway
      const discord = yield* MockGateway.MockGateway
      assert.strictEqual(yield* gateway.userId, "1")
      const events = yield* gateway.subscribe
      const lifecycle = yield* Option.getOrThrow(gateway.lifecycle)
      yield* gateway.updateVoiceState(request("300"))
      assert.deepStrictEqual(yield* discord.take, request("300"))
      const event: Gateway.GatewayEvent = {
        _tag: "VoiceServer",
        server: { guild_id: guildId, token: "t", endpoint: null }
      }
      yield* discord.push(event)
      yield* discord.pushLifecycle("NewSession")
      assert.deepStrictEqual(yield* Stream.runHead(events), Option.some(event))
      assert.strictEqual(Option.getOrUndefined(yield* Stream.runHead(lifecycle)), "NewSession")
    }).pipe(Effect.provide(MockGateway.layer())))

  it.effect("answers requests as Discord does", () =>
    Effect.gen(function*() {
      const gateway = yield* Gateway.Gateway
      const events = yield* gateway.subscribe
      yield* gateway.updateVoiceState(request("300"))
      yield* gateway.updateVoiceState(request(null))
      const heard = yield* events.pipe(Stream.take(3), Stream.runCollect)
      assert.deepStrictEqual(heard.map((event) => event._tag), ["VoiceState", "VoiceServer", "VoiceState"])
      const [state, server] = heard
      assert(state?._tag === "VoiceState" && server?._tag === "VoiceServer")
      assert.deepInclude(state.state, { user_id: userId, session_id: "s", channel_id: ChannelId.make("300") })
      assert.deepStrictEqual(server.server, { guild_id: guildId, token: "t", endpoint: "host:1" })
    }).pipe(Effect.provide(MockGateway.layer({
      userId,
      answer: MockGateway.answerWith({ userId, sessionId: "s", token: "t", endpoint: "host:1" })
    }))))

  it.effect("sends the server for joins and moves, but not for changes of flags only", () =>
    Effect.sync(() => {
      const answer = MockGateway.answerWith({ userId, sessionId: "s", token: "t", endpoint: "host:1" })
      const tags = (channel: string | null, self_mute = false, self_deaf = true) =>
        answer({ ...request(channel), self_mute, self_deaf }).map((event) => event._tag)
      assert.deepStrictEqual(tags("300"), ["VoiceState", "VoiceServer"])
      assert.deepStrictEqual(tags("300", true), ["VoiceState"])
      assert.deepStrictEqual(tags("300", true, false), ["VoiceState"])
      // The same request again means that the session has lost its connection.
      assert.deepStrictEqual(tags("300", true, false), ["VoiceState", "VoiceServer"])
      assert.deepStrictEqual(tags("301", false), ["VoiceState", "VoiceServer"])
      assert.deepStrictEqual(tags(null), ["VoiceState"])
      assert.deepStrictEqual(tags("301", true), ["VoiceState", "VoiceServer"])
    }))

  it.effect("fails on demand, once or permanently", () =>
    Effect.gen(function*() {
      const gateway = yield* Gateway.Gateway
      const discord = yield* MockGateway.MockGateway
      const events = yield* gateway.subscribe
      const reader = yield* Effect.forkChild(Effect.flip(Stream.runDrain(events)))
      yield* discord.refuse(new VoiceError.GatewayFailed({ detail: "no" }))
      assert.strictEqual((yield* Effect.flip(gateway.updateVoiceState(request("1")))).reason._tag, "GatewayFailed")
      yield* gateway.updateVoiceState(request("1"))
      assert.strictEqual(yield* discord.waiting, 1)
      yield* discord.end(new VoiceError.GatewayClosed({ code: 4004, name: "n", remedy: "r", detail: "" }))
      assert.strictEqual((yield* Fiber.join(reader)).reason._tag, "GatewayClosed")
      assert.strictEqual((yield* Effect.flip(gateway.userId)).reason._tag, "GatewayClosed")
      assert.strictEqual((yield* Effect.flip(gateway.updateVoiceState(request("1")))).reason._tag, "GatewayClosed")
    }).pipe(Effect.provide(MockGateway.layer())))

  it.effect("returns the initial voice state and the obstacle that the test sets", () =>
    Effect.gen(function*() {
      const gateway = yield* Gateway.Gateway
      const discord = yield* MockGateway.MockGateway
      const initial = Option.getOrThrow(gateway.initialVoiceState)
      assert.isTrue(Option.isNone(yield* initial(guildId)))
      const [event] = MockGateway.answerWith({ userId, sessionId: "s", token: "t", endpoint: "e" })({
        ...request("300"),
        self_mute: true,
        self_deaf: false
      })
      assert(event?._tag === "VoiceState")
      assert.deepInclude(event.state, { self_mute: true, self_deaf: false })
      yield* discord.setInitialVoiceState(guildId, event.state)
      assert.deepStrictEqual(yield* initial(guildId), Option.some(event.state))
      assert.isTrue(Option.isNone(yield* initial(GuildId.make("201"))))
      assert.strictEqual(yield* gateway.obstacle?.(guildId, ChannelId.make("5")) ?? Effect.undefined, "Full")
      assert.isUndefined(yield* gateway.obstacle?.(guildId, ChannelId.make("6")) ?? Effect.undefined)
    }).pipe(Effect.provide(MockGateway.layer({ obstacle: (channelId) => channelId === "5" ? "Full" : undefined }))))

  it.effect("records stage requests, and ends the lifecycle stream too", () =>
    Effect.gen(function*() {
      const gateway = yield* Gateway.Gateway
      const discord = yield* MockGateway.MockGateway
      assert.isUndefined(gateway.obstacle)
      const stage = { guildId, channelId: ChannelId.make("5"), part: "speaker" } as const
      const { setStage } = gateway
      assert.isDefined(setStage)
      yield* setStage(stage)
      yield* discord.refuse(new VoiceError.GatewayFailed({ detail: "no" }))
      assert.strictEqual((yield* Effect.flip(setStage(stage))).reason._tag, "GatewayFailed")
      assert.deepStrictEqual(yield* discord.stageRequests, [stage])
      const lifecycle = yield* Option.getOrThrow(gateway.lifecycle)
      const reader = yield* Effect.forkChild(Stream.runCollect(lifecycle), { startImmediately: true })
      yield* discord.pushLifecycle("Lost")
      yield* discord.end(new VoiceError.GatewayFailed({ detail: "over" }))
      assert.deepStrictEqual(yield* Fiber.join(reader), ["Lost"])
      assert.strictEqual((yield* Effect.flip(setStage(stage))).reason._tag, "GatewayFailed")
    }).pipe(Effect.scoped, Effect.provide(MockGateway.layer())))
})
