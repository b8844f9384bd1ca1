import { assert, describe, it } from "@effect/vitest"
import { type Client, Events } from "discord.js"
import { Effect, Fiber, Latch, Layer, Option, Schedule, Stream } from "effect"
import { once } from "node:events"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import { ChannelId, GuildId } from "../../src/protocol/Identifier.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "../integration/rig.ts"
import * as DiscordJs from "./discordjsClient.ts"

/** An unmodified discord.js bot that is ready. It ends with the scope. */
const bot = DiscordJs.client()

const where = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  return { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
})

const layer = (client: Client) =>
  Layer.merge(
    Gateway.layerAdapter((guildId) => client.guilds.cache.get(guildId)?.voiceAdapterCreator),
    Voice.layer
  )

/** Waits until the session has this state. */
const becomes = (session: VoiceSession.VoiceSession, is: (state: VoiceSession.State) => boolean) =>
  Effect.flatMap(session.state, (state) => is(state) ? Effect.void : Effect.fail(state._tag)).pipe(
    Effect.retry({ schedule: Schedule.spaced("10 millis") }),
    Effect.timeout("60 seconds")
  )

describe("our client inside a bot on discord.js", () => {
  it.live("joins, plays bit for bit, leaves, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* bot
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      yield* Effect.gen(function*() {
        const session = yield* VoiceSession.join(yield* where)
        assert.strictEqual(session.userId, (yield* discord.user("bot")).id)
        assert.strictEqual(client.voice.adapters.size, 1)
        const track = yield* session.play(Rig.source(30))
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        const heard = yield* guest.awaitFrames(30)
        assert.deepStrictEqual(heard.slice(0, 30).map(({ payload }) => payload), Rig.payloads(Rig.frames(30)))
      }).pipe(Effect.scoped, Effect.provide(layer(client)))
      yield* Rig.settled(Rig.left)
      assert.strictEqual(client.voice.adapters.size, 0)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("gives the adapter back when a moderator removes the bot from voice", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* bot
      yield* Effect.gen(function*() {
        const session = yield* VoiceSession.join(yield* where)
        yield* discord.faults.kick("bot")
        const error = yield* Effect.flip(session.awaitClosed)
        assert.strictEqual(error.reason._tag, "Kicked")
      }).pipe(Effect.scoped, Effect.provide(layer(client)))
      assert.strictEqual(client.voice.adapters.size, 0)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("is told when the bot is removed from the guild, and can join again when the bot is back", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* bot
      const at = yield* where
      yield* Effect.gen(function*() {
        const session = yield* VoiceSession.join(at)
        const removed = yield* Effect.forkScoped(
          Effect.promise(() => once(client, Events.GuildDelete)),
          { startImmediately: true }
        )
        yield* discord.faults.removeFromGuild("bot")
        yield* Fiber.join(removed)
        const error = yield* Effect.flip(session.awaitClosed)
        assert.strictEqual(error.reason._tag, "GatewayDetached")
        assert.strictEqual(client.guilds.cache.size, 0)
        const invited = yield* Effect.forkScoped(
          Effect.promise(() => once(client, Events.GuildCreate)),
          { startImmediately: true }
        )
        yield* discord.faults.addToGuild("bot")
        yield* Fiber.join(invited)
        const again = yield* VoiceSession.join(at)
        assert.strictEqual((yield* again.state)._tag, "Ready")
      }).pipe(Effect.scoped, Effect.provide(layer(client)))
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("learns that a shard is gone permanently", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* bot
      const { channelId, guildId } = yield* where
      yield* Effect.gen(function*() {
        const gateway = yield* Gateway.Gateway
        const events = yield* gateway.subscribe
        yield* gateway.updateVoiceState({
          guild_id: guildId,
          channel_id: channelId,
          self_mute: false,
          self_deaf: false
        })
        const detached = yield* events.pipe(
          Stream.filter((event) => event._tag === "Detached"),
          Stream.runHead,
          Effect.forkScoped({ startImmediately: true })
        )
        yield* gateway.userId
        // it is also an error of the client, which ends the process if nobody listens
        client.on(Events.Error, () => {})
        yield* discord.faults.closeGateway("bot", 4014)
        const event = Option.getOrThrow(yield* Fiber.join(detached))
        assert.strictEqual(event.guildId, guildId)
        assert.strictEqual(client.voice.adapters.size, 0)
      }).pipe(Effect.scoped, Effect.provide(layer(client)))
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("recovers from an outage in which its voice server was moved, as discord.js reports it", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* bot
      const GatewayLive = Gateway.layerAdapter((guildId) => client.guilds.cache.get(guildId)?.voiceAdapterCreator, {
        availability: DiscordJs.availability(client)
      })
      const listeners = () =>
        [Events.GuildUnavailable, Events.GuildAvailable].map((event) => client.listenerCount(event))
      yield* Effect.gen(function*() {
        const session = yield* VoiceSession.join({
          ...(yield* where),
          policy: { gatewayPatience: "100 millis" }
        })
        const first = yield* session.state
        yield* Effect.scoped(Effect.gen(function*() {
          const gone = yield* Effect.forkScoped(
            Effect.promise(() => once(client, Events.GuildUnavailable)),
            { startImmediately: true }
          )
          yield* discord.faults.guildOutage("guild")
          yield* Fiber.join(gone)
          yield* discord.faults.moveServer("lobby")
          // nothing announces it, and requests are not answered
          yield* becomes(session, ({ _tag }) => _tag === "Joining")
        }))
        yield* becomes(session, (state) => state._tag === "Ready" && state !== first)
        assert.deepStrictEqual(listeners(), [1, 1])
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(GatewayLive, Voice.layer)))
      assert.deepStrictEqual(listeners(), [0, 0])
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live(
    "reports an outage that began before discord.js logged in, and joins when it is over",
    () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const at = yield* where
        yield* Effect.gen(function*() {
          const isOver = yield* Latch.make(false)
          yield* discord.faults.guildOutage("guild").pipe(
            Effect.andThen(isOver.await),
            Effect.scoped,
            Effect.forkScoped({ startImmediately: true })
          )
          const client = yield* bot
          const GatewayLive = Gateway.layerAdapter((guildId) => client.guilds.cache.get(guildId)?.voiceAdapterCreator, {
            availability: DiscordJs.availability(client),
            // it has no channels during the outage
            obstacle: DiscordJs.obstacle(client)
          })
          yield* Effect.gen(function*() {
            const { reason } = yield* Effect.flip(VoiceSession.join({ ...at, joinTimeout: "3 seconds" }))
            assert.deepInclude(reason, { _tag: "JoinTimedOut", missing: "guild" })
            const joining = yield* Effect.forkScoped(VoiceSession.join(at), { startImmediately: true })
            yield* isOver.open
            assert.strictEqual((yield* (yield* Fiber.join(joining)).state)._tag, "Ready")
          }).pipe(Effect.scoped, Effect.provide(Layer.merge(GatewayLive, Voice.layer)))
        }).pipe(Effect.scoped)
        assert.deepStrictEqual(yield* discord.violations, [])
      }).pipe(Effect.scoped, Effect.provide(Emulator.layer())),
    60_000
  )

  it.live("reports a guild that it does not know", () =>
    Effect.gen(function*() {
      const client = yield* bot
      const { channelId } = yield* where
      const error = yield* VoiceSession.join({ guildId: GuildId.make("1"), channelId }).pipe(
        Effect.scoped,
        Effect.provide(layer(client)),
        Effect.flip
      )
      assert.include(error.message, "no voice adapter for guild 1")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("reports why a channel cannot be entered, as the library knows it", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* bot
      const { guildId } = yield* where
      const full = yield* discord.createChannel({ name: "full", userLimit: 1 })
      yield* discord.join({ user: "guest", channel: "full" })
      const obstacle = (_: string, channelId: string) => {
        const channel = client.channels.cache.get(channelId)
        if (channel === undefined) return "UnknownChannel"
        if (!channel.isVoiceBased()) return "NotVoice"
        if (!channel.viewable) return "ViewChannel"
        if (channel.full) return "Full"
        return channel.joinable ? undefined : "Connect"
      }
      const GatewayLive = Gateway.layerAdapter((id) => client.guilds.cache.get(id)?.voiceAdapterCreator, { obstacle })
      const enter = (channelId: ChannelId) =>
        Effect.map(
          Effect.flip(Effect.scoped(VoiceSession.join({ guildId, channelId }))),
          ({ reason }) => reason._tag === "NotAdmitted" ? reason.obstacle : reason._tag
        )
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* enter(full), "Full")
        yield* discord.faults.deny("bot", "lobby", { connect: true })
        assert.strictEqual(yield* enter((yield* where).channelId), "Connect")
        assert.strictEqual(yield* enter(ChannelId.make("1")), "UnknownChannel")
      }).pipe(Effect.provide(Layer.merge(GatewayLive, Voice.layer)))
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("also joins over raw events, which report the gateway session", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* bot
      const { id } = yield* discord.user("bot")
      const GatewayLive = Gateway.layerCallbacks({
        userId: id,
        listen: (onDispatch) => {
          client.on(Events.Raw, onDispatch)
          return () => client.off(Events.Raw, onDispatch)
        },
        send: (payload, guildId) => client.guilds.cache.get(guildId)?.shard.send(payload)
      })
      yield* Effect.gen(function*() {
        const gateway = yield* Gateway.Gateway
        const lifecycle = yield* Option.getOrThrow(gateway.lifecycle)
        const resumed = yield* lifecycle.pipe(
          Stream.runHead,
          Effect.forkScoped({ startImmediately: true })
        )
        const session = yield* VoiceSession.join(yield* where)
        assert.strictEqual(session.userId, id)
        yield* discord.faults.terminateGateway("bot")
        assert.strictEqual(Option.getOrUndefined(yield* Fiber.join(resumed)), "Resumed")
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(GatewayLive, Voice.layer)))
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))
})
