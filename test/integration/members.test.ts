import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, type Scope, Stream } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as GatewayPayload from "../../src/protocol/GatewayPayload.ts"
import type { UserId } from "../../src/protocol/Identifier.ts"
import * as VoicePayload from "../../src/protocol/VoicePayload.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import { flags } from "../session/rig.ts"
import * as Rig from "./rig.ts"

const plain = { ...flags, flags: 0, platform: "desktop" } as const

const floor = Rig.inMemory(Layer.empty)

type World = Layer.Success<typeof floor> | Scope.Scope

/** Guests first, the bot later: what is known about them was there before the bot. */
const test = <A, E>(
  name: string,
  guests: Effect.Effect<A, E, World>,
  then: (
    guests: A
  ) => Effect.Effect<unknown, unknown, World | Layer.Success<typeof Rig.bot>>
) =>
  it.effect(name, () =>
    Rig.run(Effect.gen(function*() {
      const there = yield* guests
      yield* Effect.provide(Effect.scoped(then(there)), Rig.bot)
    })).pipe(Effect.provide(floor)))

const pause = Effect.sleep("100 millis")

/** Records each change from now on. */
const follow = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession) {
  const told: Array<readonly [UserId, Partial<VoiceSession.Member> | undefined]> = []
  const known = new Map(yield* session.members)
  yield* Stream.runForEach(yield* session.events, (event) =>
    Effect.sync(() => {
      if (event._tag !== "MemberChanged") return
      const { member, userId } = event
      const before = known.get(userId)
      if (member === undefined) known.delete(userId)
      else known.set(userId, member)
      // for a member who was there, only the fields that changed
      const change = member === undefined || before === undefined
        ? member
        : Object.fromEntries(
          Object.entries(member).filter(([key, value]) => Reflect.get(before, key) !== value)
        )
      told.push([userId, change])
    })).pipe(Effect.forkScoped({ startImmediately: true }))
  return { known, take: Effect.andThen(pause, Effect.sync(() => told.splice(0))) }
})

const entries = (map: ReadonlyMap<UserId, VoiceSession.Member>) => [...map.values()]

describe("members", () => {
  test(
    "include those who were there before, with everything that is known about them",
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ann = yield* Rig.guest("lobby", "ann")
      yield* ann.setSelf({ mute: true, video: true })
      yield* ann.setClient({ flags: VoicePayload.ClientFlag.VoiceRecording, platform: 1 })
      yield* discord.createUser({ name: "dj", bot: true })
      const dj = yield* Rig.guest("lobby", "dj")
      yield* dj.setSelf({ deaf: true, streaming: true })
      yield* dj.setClient({ flags: null, platform: 99 })
      yield* Rig.guest("secure", "eve")
      yield* discord.faults.muteUser("dj", { mute: true, deaf: true })
      return { ann, dj }
    }),
    ({ ann, dj }) =>
      Effect.gen(function*() {
        const session = yield* Rig.join("lobby")
        yield* pause
        const { flags: _, platform: __, ...shown } = plain
        const members = yield* session.members
        assert.deepStrictEqual(entries(members), [
          {
            ...plain,
            userId: ann.userId,
            selfMute: true,
            video: true,
            bot: false,
            name: "ann",
            flags: 2,
            platform: "mobile"
          },
          {
            ...shown,
            userId: dj.userId,
            selfDeaf: true,
            mute: true,
            deaf: true,
            streaming: true,
            bot: true,
            name: "dj"
          }
        ])
        assert.sameMembers([...members.keys()], [...(yield* session.receive.participants)])
      })
  )

  test(
    "of a new channel are reported when the main gateway puts the bot there, before Moved and the voice gateway",
    Effect.all([Rig.guest("lobby", "ann"), Rig.guest("secure", "bob")]),
    ([ann, bob]) =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const session = yield* Rig.join("lobby")
        yield* pause
        const told: Array<readonly [string, UserId?]> = []
        yield* Stream.runForEach(yield* session.events, (event) =>
          Effect.sync(() => {
            if (event._tag === "MemberChanged") told.push([event._tag, event.userId])
            else if (event._tag === "Moved" || event._tag === "UsersConnected") told.push([event._tag])
          })).pipe(Effect.forkScoped({ startImmediately: true }))
        yield* discord.faults.moveUser("bot", "secure")
        yield* Effect.sleep("2 seconds")
        assert.deepStrictEqual(told.slice(0, 4), [
          ["MemberChanged", ann.userId],
          ["MemberChanged", bob.userId],
          ["Moved"],
          ["UsersConnected"]
        ])
      })
  )

  test(
    "are reported as they come, change and go",
    Rig.guest("lobby", "ann"),
    (ann) =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const session = yield* Rig.join("lobby")
        yield* pause
        const { known, take } = yield* follow(session)
        const newest = yield* session.memberChanges.pipe(
          Stream.map(entries),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
        assert.deepStrictEqual(yield* take, [])

        yield* ann.setSelf({ mute: true })
        assert.deepStrictEqual(yield* take, [[ann.userId, { selfMute: true }]])
        yield* ann.setSelf({ mute: false, video: true, streaming: true })
        assert.deepStrictEqual(yield* take, [[ann.userId, { selfMute: false, video: true, streaming: true }]])
        yield* ann.setSelf({ video: false, streaming: false })
        assert.deepStrictEqual(yield* take, [[ann.userId, { video: false, streaming: false }]])
        yield* ann.setClient({ flags: 3 })
        assert.deepStrictEqual(yield* take, [[ann.userId, { flags: 3 }]])
        yield* ann.setClient({ platform: 3 })
        assert.deepStrictEqual(yield* take, [[ann.userId, { platform: "playstation" }]])
        yield* discord.faults.muteUser("ann", { mute: true })
        assert.deepStrictEqual(yield* take, [[ann.userId, { mute: true }]])
        // none of these changes anything
        yield* ann.setSelf({})
        yield* ann.setClient({})
        yield* ann.setSpeaking(1)
        assert.deepStrictEqual(yield* take, [])

        const bob = yield* Rig.guest("lobby", "bob")
        const toldOfBob = yield* take
        assert.isTrue(toldOfBob.every(([userId]) => userId === bob.userId))
        assert.deepStrictEqual(known.get(bob.userId), { ...plain, userId: bob.userId, bot: false, name: "bob" })
        yield* discord.faults.moveUser("ann", "secure")
        assert.deepStrictEqual(yield* take, [[ann.userId, undefined]])
        yield* bob.setSelf({ deaf: true })
        assert.deepStrictEqual(yield* take, [[bob.userId, { selfDeaf: true }]])
        yield* discord.faults.moveUser("ann", "lobby")
        yield* bob.leave
        assert.deepStrictEqual((yield* take).filter(([, change]) => change === undefined), [[bob.userId, undefined]])
        assert.deepStrictEqual([...known.keys()], [ann.userId])
        assert.deepStrictEqual(known, yield* session.members)
        // a reader of memberChanges gets the newest state
        yield* discord.faults.kick("bot")
        const all = yield* Fiber.join(newest)
        assert.deepStrictEqual(all.slice(0, 2).map(([one]) => one?.selfMute), [false, true])
        assert.deepStrictEqual(all.filter((members) => members.length === 2).length > 0, true)
      })
  )

  test(
    "are reported by name as soon as they join, because the main gateway reports them first",
    Effect.all({ ann: Rig.guest("secure", "ann"), discord: Emulator.Emulator }),
    ({ discord }) =>
      Effect.gen(function*() {
        const session = yield* Rig.join("lobby")
        yield* pause
        const { take } = yield* follow(session)
        const first = Effect.map(take, ([told]) => told?.[1]?.name)
        yield* Rig.guest("lobby", "bob")
        assert.strictEqual(yield* first, "bob")
        yield* discord.faults.moveUser("ann", "lobby")
        assert.strictEqual(yield* first, "ann")
      })
  )

  test(
    "have their new names at once with the intent for members, and without it once their voice state changes",
    Effect.all({ ann: Rig.guest("lobby", "ann"), discord: Emulator.Emulator }),
    ({ ann, discord }) =>
      Effect.gen(function*() {
        const { token } = yield* discord.createUser({ name: "second", bot: true })
        const { fetch, urls } = discord
        const intents = GatewayPayload.voiceIntents | GatewayPayload.Intents.GuildMembers
        const informed = Gateway.layer({ token, url: urls.gateway, restUrl: urls.rest, fetch, intents }).pipe(
          Layer.provide(discord.transport)
        )
        const told = Effect.gen(function*() {
          const { take } = yield* follow(yield* Rig.join("lobby"))
          yield* take
          return Effect.map(take, (changes) => changes.filter(([userId]) => userId === ann.userId))
        })
        const context = yield* Layer.build(informed)
        const ours = yield* told
        const theirs = yield* Effect.provide(told, context)
        yield* ours
        yield* discord.faults.setNick("ann", "Ann")
        assert.deepStrictEqual(yield* theirs, [[ann.userId, { name: "Ann" }]])
        assert.deepStrictEqual(yield* ours, [])
        yield* ann.setSelf({ mute: true })
        assert.deepStrictEqual(yield* ours, [[ann.userId, { selfMute: true, name: "Ann" }]])
        assert.deepStrictEqual(yield* theirs, [[ann.userId, { selfMute: true }]])
        yield* discord.faults.setNick("ann", null)
        assert.deepStrictEqual(yield* theirs, [[ann.userId, { name: "ann" }]])
      })
  )

  test(
    "follow the bot to another channel, whether it moves itself or a moderator moves it",
    Effect.all({
      ann: Rig.guest("lobby", "ann"),
      bob: Rig.guest("secure", "bob"),
      discord: Emulator.Emulator
    }),
    ({ ann, bob, discord }) =>
      Effect.gen(function*() {
        yield* bob.setSelf({ mute: true })
        const session = yield* Rig.join("lobby")
        const names = Effect.map(session.members, (members) => entries(members).map(({ name }) => name))
        yield* pause
        const { known } = yield* follow(session)
        assert.deepStrictEqual(yield* names, ["ann"])
        yield* session.move(yield* discord.channel("secure"))
        assert.deepStrictEqual(yield* names, ["bob"])
        yield* pause
        assert.deepStrictEqual(entries(known), [
          { ...plain, userId: bob.userId, selfMute: true, bot: false, name: "bob" }
        ])
        yield* ann.setSelf({ deaf: true })
        yield* discord.faults.moveUser("bot", "lobby")
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(yield* names, ["ann"])
        assert.deepStrictEqual(entries(known), [
          { ...plain, userId: ann.userId, selfDeaf: true, bot: false, name: "ann" }
        ])
        yield* discord.faults.moveUser("ann", "secure")
        yield* discord.faults.moveUser("bot", "secure")
        yield* Effect.sleep("1 second")
        assert.sameMembers(yield* names, ["ann", "bob"])
        assert.deepStrictEqual(known, yield* session.members)
      })
  )

  for (
    const [what, lose] of [
      [
        "a new session of the main gateway",
        (discord: Emulator.Emulator["Service"]) => discord.faults.dropGatewaySession("bot")
      ],
      ["a move to another voice server", (discord: Emulator.Emulator["Service"]) => discord.faults.moveServer("lobby")],
      ["a lost voice connection", (discord: Emulator.Emulator["Service"]) => discord.faults.closeVoice("bot", 4006)],
      ["a resumed voice connection", (discord: Emulator.Emulator["Service"]) => discord.faults.terminateVoice("bot")]
    ] as const
  ) {
    test(
      `are correct after ${what}`,
      Effect.all({
        ann: Rig.guest("lobby", "ann"),
        bob: Rig.guest("lobby", "bob"),
        cid: Rig.guest("secure", "cid"),
        discord: Emulator.Emulator
      }),
      ({ ann, bob, cid, discord }) =>
        Effect.gen(function*() {
          const session = yield* Rig.join("lobby")
          yield* pause
          const { known } = yield* follow(session)
          yield* Effect.orDie(lose(discord))
          yield* bob.leave
          yield* ann.setSelf({ mute: true })
          yield* discord.faults.moveUser("cid", "lobby")
          yield* cid.setClient({ flags: 4 })
          yield* Effect.sleep("10 seconds")
          assert.strictEqual((yield* session.state)._tag, "Ready")
          assert.sameDeepMembers(entries(yield* session.members), [
            { ...plain, userId: ann.userId, selfMute: true, bot: false, name: "ann" },
            { ...plain, userId: cid.userId, flags: 4, bot: false, name: "cid" }
          ])
          assert.sameDeepMembers(entries(known), entries(yield* session.members))
        })
    )
  }
})
