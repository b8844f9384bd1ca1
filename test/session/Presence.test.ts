import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import * as Gateway from "../../src/Gateway.ts"
import { ChannelId, GuildId, Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import type * as Hub from "../../src/receive/Hub.ts"
import * as Presence from "../../src/session/Presence.ts"
import * as MockGateway from "../../src/testing/MockGateway.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Intake from "../receive/intake.ts"
import * as Rig from "./rig.ts"

const guildId = GuildId.make("10")
const ours = ChannelId.make("20")
const other = ChannelId.make("21")
const [me, ann, bob] = [UserId.make("1"), UserId.make("2"), UserId.make("3")] as const

const turns = Effect.repeat(Effect.yieldNow, { times: 20 })

const makeWith = Effect.fnUntraced(function*(change: Partial<Gateway.Gateway["Service"]>) {
  const gateway = { ...(yield* Gateway.Gateway), ...change }
  const mock = yield* MockGateway.MockGateway
  const voice = Intake.make()
  const where: { channelId: ChannelId | null | undefined } = { channelId: ours }
  let connected = (): void => assert.fail("nobody observes connections")
  const presence = yield* Presence.make({
    gateway,
    guildId,
    channelId: () => where.channelId,
    conduit: {
      ...voice.intake,
      observe: (observer) => {
        if (observer.onConnection !== undefined) connected = observer.onConnection
        return voice.intake.observe(observer)
      },
      clients: (place) => new Map(place === other ? [] : Array.from(voice.members, (userId) => [userId, {}]))
    }
  })
  const told: Array<Hub.Happening> = []
  yield* presence.observe({ onEvent: (event) => void told.push(event), onOver: () => {} })
  const state = (userId: UserId, channelId: ChannelId | null, guild = guildId) =>
    Effect.andThen(
      mock.push({ _tag: "VoiceState", state: { ...Rig.stateOf(channelId, userId), guild_id: guild } }),
      turns
    )
  return { mock, voice, where, presence, told, state, connected: () => connected() }
})

const make = makeWith({})

const test = <E>(name: string, body: Effect.Effect<void, E, Gateway.Gateway | MockGateway.MockGateway>) =>
  it.effect(name, () => body.pipe(Effect.provide(MockGateway.layer({ userId: me }))))

describe("Presence", () => {
  test(
    "follows who comes and goes by the main gateway, except the bot itself",
    Effect.scoped(Effect.gen(function*() {
      const { presence, state, told } = yield* make
      yield* state(me, ours)
      yield* state(ann, ours)
      yield* state(bob, other)
      yield* state(bob, ours, GuildId.make("11"))
      assert.deepStrictEqual(presence.members(), [ann])
      yield* state(bob, ours)
      assert.deepStrictEqual(presence.members(), [ann, bob])
      assert.deepStrictEqual(told, [])
      yield* state(ann, null)
      yield* state(bob, other)
      assert.deepStrictEqual(presence.members(), [])
      assert.deepStrictEqual(told, [ann, bob].map((userId) => ({ _tag: "UserDisconnected", userId })))
    }))
  )

  test(
    "counts a user who left by the main gateway as gone until the voice gateway names them again",
    Effect.scoped(Effect.gen(function*() {
      const { presence, state, told, voice } = yield* make
      voice.members.add(ann)
      voice.members.add(bob)
      yield* state(ann, null)
      assert.deepStrictEqual(presence.members(), [bob])
      assert.deepStrictEqual(told, [{ _tag: "UserDisconnected", userId: ann }])
      voice.tell({ _tag: "Speaking", userId: ann, ssrc: Ssrc.make(5), flags: 1 })
      assert.deepStrictEqual(presence.members(), [ann, bob])
      yield* state(ann, null)
      voice.tell({ _tag: "UsersConnected", userIds: [ann] })
      assert.deepStrictEqual(presence.members(), [ann, bob])
    }))
  )

  test(
    "forgets users who left while one connection replaced another",
    Effect.scoped(Effect.gen(function*() {
      const { connected, presence, state, told, voice } = yield* make
      voice.members.add(ann)
      voice.members.add(bob)
      yield* state(ann, null)
      yield* state(bob, ours)
      assert.deepStrictEqual(told.splice(0), [{ _tag: "UserDisconnected", userId: ann }])
      // the next connection knows neither of them yet
      voice.members.clear()
      connected()
      assert.deepStrictEqual(presence.members(), [bob])
      yield* state(ann, other)
      assert.deepStrictEqual(told, [])
      yield* state(bob, null)
      assert.deepStrictEqual(told, [{ _tag: "UserDisconnected", userId: bob }])
    }))
  )

  test(
    "counts nobody as gone who changes within the channel, nor when a voice server is named",
    Effect.scoped(Effect.gen(function*() {
      const { mock, presence, state, told, voice } = yield* make
      voice.members.add(ann)
      yield* state(ann, ours)
      yield* state(bob, ours)
      yield* mock.push(Rig.voiceServer("token"))
      yield* turns
      yield* state(ann, ours)
      assert.deepStrictEqual(presence.members(), [ann, bob])
      assert.deepStrictEqual(told, [])
    }))
  )

  test(
    "reports nothing to an observer that has gone",
    Effect.scoped(Effect.gen(function*() {
      const { presence, state, told } = yield* make
      const former: Array<Hub.Happening> = []
      yield* Effect.scoped(presence.observe({ onEvent: (event) => void former.push(event), onOver: () => {} }))
      yield* state(ann, ours)
      yield* state(ann, null)
      assert.lengthOf(told, 1)
      assert.deepStrictEqual(former, [])
    }))
  )

  test(
    "counts a user who left by the voice gateway as gone, whatever the main gateway said before",
    Effect.scoped(Effect.gen(function*() {
      const { presence, state, voice } = yield* make
      yield* state(ann, ours)
      voice.tell({ _tag: "UserDisconnected", userId: ann })
      assert.deepStrictEqual(presence.members(), [])
      // its late echo
      yield* state(ann, null)
      assert.deepStrictEqual(presence.members(), [])
    }))
  )

  test(
    "counts a user who left and came back as present, even for a connection that does not know",
    Effect.scoped(Effect.gen(function*() {
      const { connected, presence, state, voice, where } = yield* make
      for (const userId of [ann, bob]) {
        yield* state(userId, ours)
        voice.members.delete(userId)
        voice.tell({ _tag: "UserDisconnected", userId })
      }
      assert.deepStrictEqual(presence.members(), [])
      // the one by the voice gateway, the other by the main gateway
      voice.members.add(ann)
      voice.tell({ _tag: "UsersConnected", userIds: [ann] })
      yield* state(bob, null)
      yield* state(bob, ours)
      assert.sameMembers([...presence.members()], [ann, bob])
      voice.members.clear()
      connected()
      assert.sameMembers([...presence.members()], [ann, bob])
      // and after the bot has been elsewhere meanwhile
      where.channelId = other
      connected()
      assert.deepStrictEqual(presence.members(), [])
      where.channelId = ours
      connected()
      assert.sameMembers([...presence.members()], [ann, bob])
    }))
  )

  for (const nowhere of [null, undefined]) {
    test(
      `lets nobody leave while the bot is nowhere itself (${nowhere})`,
      Effect.scoped(Effect.gen(function*() {
        const { presence, state, told, voice, where } = yield* make
        voice.members.add(ann)
        where.channelId = nowhere
        // a change of hers in the channel to which the bot is returning
        yield* state(ann, ours)
        assert.deepStrictEqual(presence.members(), [ann])
        assert.deepStrictEqual(told, [])
        where.channelId = ours
        assert.deepStrictEqual(presence.members(), [ann])
        yield* state(ann, null)
        assert.deepStrictEqual(presence.members(), [])
      }))
    )
  }

  test(
    "follows the bot to another channel, and forgets all in a new session of the main gateway",
    Effect.scoped(Effect.gen(function*() {
      const { mock, presence, state, where } = yield* make
      yield* state(ann, ours)
      yield* state(bob, other)
      where.channelId = other
      assert.deepStrictEqual(presence.members(), [bob])
      yield* mock.pushLifecycle("Resumed")
      yield* turns
      assert.deepStrictEqual(presence.members(), [bob])
      yield* mock.pushLifecycle("NewSession")
      yield* turns
      assert.deepStrictEqual(presence.members(), [])
    }))
  )

  test(
    "does not report the bot itself when it goes",
    Effect.scoped(Effect.gen(function*() {
      const { state, told } = yield* make
      yield* state(me, ours)
      yield* state(me, other)
      yield* state(me, null)
      assert.deepStrictEqual(told, [])
    }))
  )

  test(
    "does not list the bot as a member once it knows who it is",
    Effect.scoped(Effect.gen(function*() {
      const self = yield* Deferred.make<UserId>()
      const { presence, state } = yield* makeWith({ userId: Deferred.await(self) })
      yield* state(me, ours)
      yield* state(ann, ours)
      yield* Deferred.succeed(self, me)
      yield* turns
      assert.deepStrictEqual(presence.members(), [ann])
    }))
  )

  test(
    "knows who was there before, until the voice gateway reports their end",
    Effect.scoped(Effect.gen(function*() {
      const shown = { channelId: ours, flags: Rig.flags, bot: undefined, name: undefined }
      const before = new Map([me, ann, bob].map((userId) => [userId, shown]))
      before.set(bob, { ...shown, channelId: other })
      const { presence, state, voice, where } = yield* makeWith({
        occupants: { of: () => before, watch: () => () => {} }
      })
      assert.deepStrictEqual(presence.members(), [ann])
      assert.isFalse(presence.has(me))
      assert.strictEqual(presence.occupant(bob)?.channelId, other)
      where.channelId = other
      assert.deepStrictEqual(presence.members(), [bob])
      where.channelId = ours
      voice.tell({ _tag: "UserDisconnected", userId: ann })
      // for a user who is elsewhere this is nothing new
      voice.tell({ _tag: "UserDisconnected", userId: bob })
      assert.deepStrictEqual(presence.members(), [])
      where.channelId = other
      assert.deepStrictEqual(presence.members(), [bob])
      where.channelId = ours
      yield* state(ann, ours)
      assert.deepStrictEqual(presence.members(), [ann])
    }))
  )

  test(
    "believes the main gateway about users whose voice states it does not give",
    Effect.scoped(Effect.gen(function*() {
      const { mock, presence, told, voice } = yield* make
      const say = (userId: UserId, occupant?: Gateway.Occupant, guild = guildId) =>
        Effect.andThen(mock.push({ _tag: "Occupant", guildId: guild, userId, occupant }), turns)
      const shown = { channelId: ours, flags: Rig.flags, bot: true, name: "Ann" }
      voice.members.add(bob)
      yield* say(me, shown)
      yield* say(ann, shown, GuildId.make("11"))
      assert.deepStrictEqual(presence.members(), [bob])
      const looks: Array<UserId | undefined> = []
      presence.watch((userId) => looks.push(userId))
      yield* say(ann, shown)
      assert.deepStrictEqual(presence.members(), [bob, ann])
      assert.deepStrictEqual(presence.occupant(ann), shown)
      yield* say(bob, { ...shown, channelId: other })
      yield* say(ann)
      yield* say(me)
      assert.deepStrictEqual(presence.members(), [])
      assert.isUndefined(presence.occupant(ann))
      assert.deepStrictEqual(looks, [ann, bob, ann, undefined])
      assert.deepStrictEqual(told, [bob, ann].map((userId) => ({ _tag: "UserDisconnected", userId })))
    }))
  )

  test(
    "does not mistake members of the former channel for members of the new one",
    Effect.scoped(Effect.gen(function*() {
      const { presence, voice, where } = yield* make
      voice.members.add(ann)
      where.channelId = other
      assert.deepStrictEqual(presence.members(), [])
      assert.isFalse(presence.has(ann))
    }))
  )

  test(
    "names those who may have changed: everyone after a move or the end of the main gateway",
    Effect.scoped(Effect.gen(function*() {
      const { mock, presence, state, voice } = yield* make
      const looks: Array<UserId | undefined> = []
      presence.watch((userId) => looks.push(userId))
      yield* state(ann, other)
      yield* state(me, other)
      voice.tell({ _tag: "UsersConnected", userIds: [ann, bob] })
      voice.tell({ _tag: "Moved" })
      assert.deepStrictEqual(looks.splice(0), [ann, undefined, ann, bob, undefined])
      yield* mock.end(new VoiceError.GatewayFailed({ detail: "gone" }))
      yield* turns
      assert.deepStrictEqual(looks.splice(0), [undefined])
      presence.watch(undefined)
      voice.tell({ _tag: "UserDisconnected", userId: ann })
      assert.deepStrictEqual(looks, [])
    }))
  )

  test(
    "believes a new report of everyone who is in voice",
    Effect.scoped(Effect.gen(function*() {
      const occupants = new Map<UserId, Gateway.Occupant>()
      let tell = (_: GuildId) => {}
      const watch = (look: (guildId: GuildId) => void) => {
        tell = look
        return () => {}
      }
      const looks: Array<UserId | undefined> = []
      const { presence, state, voice } = yield* makeWith({ occupants: { of: () => occupants, watch } })
      presence.watch((userId) => looks.push(userId))
      occupants.set(ann, { channelId: ours, flags: Rig.flags, bot: undefined, name: undefined })
      yield* state(ann, ours)
      voice.tell({ _tag: "UserDisconnected", userId: ann })
      assert.deepStrictEqual(presence.members(), [])
      occupants.set(bob, { channelId: ours, flags: Rig.flags, bot: true, name: "bob" })
      tell(GuildId.make("11"))
      assert.deepStrictEqual(looks.splice(0), [ann, ann])
      tell(guildId)
      assert.deepStrictEqual(looks, [undefined])
      assert.deepStrictEqual(presence.members(), [ann, bob])
    }))
  )

  for (const how of ["gives the guild up", "ends"] as const) {
    test(
      `knows nobody by a main gateway that ${how}`,
      Effect.scoped(Effect.gen(function*() {
        const { mock, presence, state, voice } = yield* make
        voice.members.add(bob)
        yield* state(ann, ours)
        assert.deepStrictEqual(presence.members(), [bob, ann])
        const error = VoiceError.make(new VoiceError.GatewayDetached({ guildId }))
        yield* how === "ends" ? mock.end(error.reason) : mock.push({ _tag: "Detached", guildId, error })
        yield* turns
        assert.deepStrictEqual(presence.members(), [bob])
      }))
    )
  }
})
