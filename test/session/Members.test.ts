import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Record, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Client } from "../../src/driver/Clients.ts"
import type * as Gateway from "../../src/Gateway.ts"
import type * as Occupant from "../../src/gateway/Occupant.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as Members from "../../src/session/Members.ts"
import type * as Presence from "../../src/session/Presence.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"

const [ann, bob] = [UserId.make("2"), UserId.make("3")] as const

const turns = Effect.repeat(Effect.yieldNow, { times: 20 })

/** A session in a channel. The test decides what the voice gateway and the main gateway say. */
const joined = Effect.gen(function*() {
  const rig = yield* Rig.make()
  const session = yield* rig.join
  const say = (...events: ReadonlyArray<Gateway.GatewayEvent>) => Effect.andThen(rig.say(...events), turns)
  const tell = (...events: Parameters<typeof rig.driver.emit>) => Effect.andThen(rig.driver.emit(...events), turns)
  const changes: Array<readonly [UserId, VoiceSession.Member | undefined]> = []
  const follow = Effect.gen(function*() {
    yield* Stream.runForEach(yield* session.events, (event) =>
      Effect.sync(() => {
        if (event._tag === "MemberChanged") changes.push([event.userId, event.member])
      })).pipe(Effect.forkScoped({ startImmediately: true }))
    return { take: Effect.andThen(turns, Effect.sync(() => changes.splice(0))) }
  })
  return { ...rig, session, say, tell, follow }
})

const of = (session: VoiceSession.VoiceSession) => Effect.map(session.members, (members) => [...members.values()])

describe("members", () => {
  it.effect("have only what the voice gateway says if nobody else knows them", () =>
    Effect.scoped(Effect.gen(function*() {
      const { follow, session, tell } = yield* joined
      yield* tell({ _tag: "UsersConnected", userIds: [ann] })
      assert.deepStrictEqual(yield* of(session), [{ userId: ann }])
      const { take } = yield* follow
      yield* tell({ _tag: "Speaking", userId: bob, ssrc: Ssrc.make(5), flags: 1 })
      assert.deepStrictEqual(yield* take, [[bob, { userId: bob }]])
      yield* tell({ _tag: "Speaking", userId: bob, ssrc: Ssrc.make(5), flags: 0 })
      assert.deepStrictEqual(yield* take, [])
      // unknown platforms are omitted
      yield* tell({ _tag: "Described", userId: ann, platform: 4 })
      assert.deepStrictEqual(yield* take, [])
      yield* tell({ _tag: "Described", userId: ann, platform: 2, video: true })
      yield* tell({ _tag: "Described", userId: ann, flags: 4 })
      const known: VoiceSession.Member = { userId: ann, video: true, platform: "xbox" }
      assert.deepStrictEqual(yield* take, [[ann, known], [ann, { ...known, flags: 4 }]])
      yield* tell({ _tag: "UserDisconnected", userId: ann })
      assert.deepStrictEqual(yield* take, [[ann, undefined]])
      assert.deepStrictEqual(yield* of(session), [{ userId: bob }])
    })))

  it.effect("are reported after the event that changes them", () =>
    Effect.scoped(Effect.gen(function*() {
      const { lose, session, tell } = yield* joined
      const told: Array<string> = []
      yield* Stream.runForEach(yield* session.events, (event) => Effect.sync(() => told.push(event._tag))).pipe(
        Effect.forkScoped({ startImmediately: true })
      )
      yield* tell({ _tag: "UsersConnected", userIds: [ann, bob] })
      yield* tell({ _tag: "Described", userId: ann, platform: 1 })
      yield* tell({ _tag: "UserDisconnected", userId: ann })
      assert.deepStrictEqual(told.splice(0), [
        "UsersConnected",
        "MemberChanged",
        "MemberChanged",
        "Described",
        "MemberChanged",
        "UserDisconnected",
        "MemberChanged"
      ])
      yield* lose(4006)
      yield* turns
      assert.deepStrictEqual(told, [])
    })))

  it.effect("include what the main gateway says, whether or not anybody has asked", () =>
    Effect.scoped(Effect.gen(function*() {
      const { say, session, tell } = yield* joined
      yield* tell({ _tag: "UsersConnected", userIds: [ann] })
      yield* tell({ _tag: "Described", userId: ann, video: false })
      const state = Rig.stateOf(Rig.home, ann)
      yield* say({ _tag: "VoiceState", state: { ...state, self_mute: true, self_video: true } })
      // what Discord documents takes precedence
      assert.deepStrictEqual(yield* of(session), [{ userId: ann, ...Rig.flags, selfMute: true, video: true }])
      yield* say({
        _tag: "VoiceState",
        state: { ...state, suppress: true, member: { user: { id: ann, username: "ann", bot: true } } }
      })
      assert.deepStrictEqual(yield* of(session), [
        { userId: ann, ...Rig.flags, suppress: true, bot: true, name: "ann" }
      ])
      yield* say(Rig.voiceState(Rig.other, ann))
      assert.deepStrictEqual(yield* of(session), [])
    })))

  it.effect("stay while there is no connection, and are those of the next one then", () =>
    Effect.scoped(Effect.gen(function*() {
      const { follow, lose, session, tell } = yield* joined
      yield* tell({ _tag: "UsersConnected", userIds: [ann] })
      const { take } = yield* follow
      yield* lose(4006)
      yield* turns
      assert.deepStrictEqual(yield* of(session), [{ userId: ann }])
      assert.deepStrictEqual(yield* take, [])
      const ready = yield* session.changes.pipe(
        Stream.filter(({ _tag }) => _tag === "Ready"),
        Stream.runHead,
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(ready)
      // nobody reports who has left meanwhile
      assert.deepStrictEqual(yield* take, [[ann, undefined]])
      assert.deepStrictEqual(yield* of(session), [])
    })))

  it.effect("come as a stream of the current members, which ends with the session", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { say, session, tell } = yield* Scope.provide(joined, scope)
      yield* tell({ _tag: "UsersConnected", userIds: [ann] })
      const seen: Array<ReadonlyArray<UserId>> = []
      const reading = yield* session.memberChanges.pipe(
        Stream.runForEach((members) => Effect.sync(() => seen.push([...members.keys()]))),
        Effect.forkChild({ startImmediately: true })
      )
      yield* turns
      yield* tell({ _tag: "UsersConnected", userIds: [bob] })
      yield* say(Rig.voiceState(null, ann))
      yield* tell({ _tag: "Heartbeat", roundTripMs: 1 })
      assert.deepStrictEqual(seen, [[ann], [ann, bob], [bob]])
      const first = yield* Stream.runHead(session.memberChanges)
      assert.deepStrictEqual([...Option.getOrThrow(first).keys()], [bob])
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(reading)
      assert.strictEqual((yield* Stream.runCollect(session.memberChanges)).length, 1)
    }))
})

describe("Members", () => {
  it.effect("keep nothing for a session whose changes nobody follows", () =>
    Effect.gen(function*() {
      const looks: Array<Presence.Look | undefined> = []
      const clients = new Map<UserId, Client>([[ann, {}]])
      const members = Members.make({
        presence: {
          members: () => [...clients.keys()],
          has: (userId) => clients.has(userId),
          occupant: () => undefined,
          client: (userId) => clients.get(userId),
          watch: (look) => looks.push(look)
        },
        conduit: {
          events: Effect.succeed(Stream.empty),
          observe: () => Effect.void,
          publish: () => {}
        }
      })
      assert.deepStrictEqual([...(yield* members.now).keys()], [ann])
      assert.deepStrictEqual(looks, [])
      const two = yield* Scope.make()
      yield* Effect.asVoid(Scope.provide(members.events, two))
      yield* Effect.asVoid(Effect.scoped(members.events))
      yield* Stream.runHead(members.changes)
      assert.strictEqual(looks.length, 1)
      yield* Scope.close(two, Exit.void)
      assert.strictEqual(looks.length, 2)
      assert.isUndefined(looks[1])
    }))

  it.effect("are reported for each detail that is known of them", () =>
    Effect.gen(function*() {
      let look: Presence.Look | undefined
      const flags = { ...Rig.flags }
      let occupant: Occupant.Occupant = { channelId: Rig.home, flags, bot: undefined, name: undefined }
      let client: Client = {}
      const told: Array<VoiceSession.Member | undefined> = []
      const members = Members.make({
        presence: {
          members: () => [ann],
          has: () => true,
          occupant: () => occupant,
          client: () => client,
          watch: (next) => {
            look = next
          }
        },
        conduit: {
          events: Effect.succeed(Stream.empty),
          observe: () => Effect.void,
          publish: (event) => event._tag === "MemberChanged" && told.push(event.member)
        }
      })
      yield* Effect.asVoid(members.events)
      let known: VoiceSession.Member = { userId: ann, ...Rig.flags }
      const learn = (more: Partial<VoiceSession.Member>) => {
        known = { ...known, ...more }
        look?.(ann)
        assert.deepStrictEqual(told.splice(0), [known], Object.keys(more)[0])
        look?.(ann)
        assert.deepStrictEqual(told, [])
      }
      for (const flag of Record.keys(flags)) {
        flags[flag] = true
        learn({ [flag]: true })
      }
      occupant = { ...occupant, bot: true }
      learn({ bot: true })
      occupant = { ...occupant, name: "ann" }
      learn({ name: "ann" })
      client = { flags: 4 }
      learn({ flags: 4 })
      client = { ...client, platform: 3 }
      learn({ platform: "playstation" })
    }))

  it.effect("are reported one by one if all of them may have changed", () =>
    Effect.gen(function*() {
      let look: Presence.Look | undefined
      const told: Array<UserId> = []
      const clients = new Map<UserId, Client>()
      const members = Members.make({
        presence: {
          members: () => Array.from(clients.keys()),
          has: (userId) => clients.has(userId),
          occupant: () => undefined,
          client: (userId) => clients.get(userId),
          watch: (next) => {
            look = next
          }
        },
        conduit: {
          events: Effect.succeed(Stream.empty),
          observe: () => Effect.void,
          publish: (event) => event._tag === "MemberChanged" && told.push(event.userId)
        }
      })
      // any listener counts, whether or not it reads
      yield* Effect.asVoid(members.events)
      for (const userId of [ann, bob]) clients.set(userId, {})
      look?.()
      assert.deepStrictEqual(told, [ann, bob])
    }).pipe(Effect.scoped))
})
