import { assert, describe, it } from "@effect/vitest"
import { type Client, GatewayIntentBits } from "discord.js"
import { Effect, Fiber, Layer, Option, type Scope, Stream } from "effect"
import { isDeepStrictEqual } from "node:util"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import type { UserId } from "../../src/protocol/Identifier.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "../integration/rig.ts"
import { flags } from "../session/rig.ts"
import * as DiscordJs from "./discordjsClient.ts"

const over = (client: Client) =>
  Gateway.layerAdapter((guildId) => client.guilds.cache.get(guildId)?.voiceAdapterCreator, {
    lifecycle: DiscordJs.lifecycle(client),
    occupants: DiscordJs.occupants(client)
  })

const byId = (members: Iterable<VoiceSession.Member>) =>
  Array.from(members).toSorted((one, other) => one.userId < other.userId ? -1 : 1)

type Members = ReadonlyMap<UserId, VoiceSession.Member>

/** Waits until these are the members. */
const until = (changes: Stream.Stream<Members>, ...wanted: ReadonlyArray<VoiceSession.Member>) =>
  Effect.suspend(() => {
    let newest: ReadonlyArray<VoiceSession.Member> = []
    return changes.pipe(
      Stream.filter((members) => {
        newest = byId(members.values())
        return isDeepStrictEqual(newest, byId(wanted))
      }),
      Stream.runHead,
      Effect.timeoutOption("60 seconds"),
      Effect.map((found) => {
        if (Option.isNone(found)) assert.deepStrictEqual(newest, byId(wanted))
      })
    )
  })

/** The same, built from the events, which report one member at a time. */
const told = (session: VoiceSession.VoiceSession): Stream.Stream<Members> =>
  Stream.unwrap(Effect.gen(function*() {
    const events = yield* session.events
    const before: Members = yield* session.members
    return Stream.scan(events, () => before, (known, event) => {
      if (event._tag !== "MemberChanged") return known
      const next = new Map(known)
      if (event.member === undefined) next.delete(event.userId)
      else next.set(event.userId, event.member)
      return next
    })
  }))

const where = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  return { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
})

/** Members are known before the session joins and after each change, whatever gateway carries it. */
const scenario = <E, E2>(
  gateway: Effect.Effect<Layer.Layer<Gateway.Gateway, E2>, E, Emulator.Emulator | Scope.Scope>
) =>
  Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    const join = (user: string, channel = "lobby") => discord.join({ user, channel })
    yield* discord.createUser({ name: "dj", bot: true })
    const ann = yield* join("ann")
    const dj = yield* join("dj")
    const cid = yield* join("cid", "secure")
    const bob = { userId: (yield* discord.createUser({ name: "bob" })).id }
    yield* ann.setSelf({ mute: true, video: true })
    yield* dj.setSelf({ deaf: true })
    yield* discord.faults.muteUser("dj", { mute: true })

    const shown = (
      { userId }: { readonly userId: UserId },
      name: string,
      more: Partial<VoiceSession.Member> = {}
    ) => ({
      userId,
      ...flags,
      bot: false,
      name,
      flags: 0,
      platform: "desktop" as const,
      ...more
    })
    const theDj = shown(dj, "dj", { selfDeaf: true, mute: true, bot: true })

    yield* Effect.gen(function*() {
      const { initialVoiceState, occupants } = yield* Gateway.Gateway
      const at = yield* where
      // the guild has arrived
      if (Option.isSome(initialVoiceState)) yield* initialVoiceState.value(at.guildId)
      const before = Array.from(occupants?.of(at.guildId) ?? [], ([userId, occupant]) => [userId, occupant.name])
      assert.sameDeepMembers(before, [[ann.userId, "ann"], [dj.userId, "dj"], [cid.userId, "cid"]])

      const session = yield* VoiceSession.join(at)
      const changes = session.memberChanges
      yield* until(changes, shown(ann, "ann", { selfMute: true, video: true }), theDj)
      const last = [shown(ann, "ann"), shown(bob, "bob", { selfMute: true })]
      const following = yield* Effect.forkScoped(until(told(session), ...last), { startImmediately: true })
      yield* ann.setSelf({ mute: false, video: false, streaming: true })
      yield* discord.faults.muteUser("dj", { mute: false, deaf: true })
      const streaming = shown(ann, "ann", { streaming: true })
      yield* until(changes, streaming, { ...theDj, mute: false, deaf: true })
      yield* (yield* join("bob")).setSelf({ mute: true })
      yield* dj.leave
      yield* until(changes, streaming, shown(bob, "bob", { selfMute: true }))
      yield* discord.faults.moveUser("ann", "secure")
      yield* until(changes, shown(bob, "bob", { selfMute: true }))
      yield* discord.faults.moveUser("bot", "secure")
      yield* until(changes, streaming, shown(cid, "cid"))
      // what happens while the guild or the main gateway is unreachable is known when it is back
      yield* Effect.scoped(Effect.andThen(
        discord.faults.guildOutage(),
        ann.setSelf({ streaming: false, deaf: true })
      ))
      yield* until(changes, shown(ann, "ann", { selfDeaf: true }), shown(cid, "cid"))
      yield* discord.faults.dropGatewaySession("bot")
      yield* cid.leave
      yield* ann.setSelf({ deaf: false })
      yield* discord.faults.moveUser("bob", "secure")
      yield* until(changes, ...last)
      yield* Fiber.join(following)
      assert.strictEqual((yield* session.state)._tag, "Ready")
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(yield* gateway, Voice.layer)))
    yield* Rig.settled(Rig.left)
    assert.deepStrictEqual(yield* discord.violations, [])
  }).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

describe("members of a session", () => {
  it.live("are the same over discord.js as over our own client, before and after they change", () =>
    Effect.andThen(
      scenario(Effect.map(Emulator.Emulator, (discord) => discord.layerGateway("bot"))),
      scenario(Effect.map(DiscordJs.client(), over))
    ), 120_000)

  it.live("get their new names if discord.js receives member updates", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* DiscordJs.client(undefined, [GatewayIntentBits.GuildMembers])
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      yield* Effect.gen(function*() {
        const at = yield* where
        const session = yield* VoiceSession.join(at)
        const member = { userId: guest.userId, ...flags, bot: false, flags: 0, platform: "desktop" as const }
        yield* until(session.memberChanges, { ...member, name: "guest" })
        yield* discord.faults.setNick("guest", "The guest")
        yield* until(session.memberChanges, { ...member, name: "The guest" })
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(over(client), Voice.layer)))
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))
})
