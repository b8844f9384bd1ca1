import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Data, Deferred, Effect, Exit, Fiber, type Layer, Scope, Stream } from "effect"
import * as AudioSource from "../src/audio/AudioSource.ts"
import * as Emulator from "../src/emulator/Emulator.ts"
import type * as VoiceError from "../src/VoiceError.ts"
import * as VoiceSession from "../src/VoiceSession.ts"
import * as VoiceSessions from "../src/VoiceSessions.ts"
import * as Rig from "./integration/rig.ts"

const itself = (session: VoiceSession.VoiceSession) => Effect.succeed(session)

/** Two rooms in one guild, and one in another. */
const world = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* discord.createGuild({ name: "second" })
  const place = Effect.fnUntraced(function*(guild: string, name: string) {
    yield* discord.createChannel({ guild, name })
    return { guildId: yield* discord.guild(guild), channelId: yield* discord.channel(name) }
  })
  return {
    discord,
    room: yield* place("guild", "room"),
    hall: yield* place("guild", "hall"),
    other: yield* place("second", "other"),
    where: Effect.map(discord.snapshot, ({ voiceStates }) => voiceStates.map(({ channelId }) => channelId))
  }
})

const reasonOf = (exit: Exit.Exit<unknown, VoiceError.VoiceError>): string =>
  Exit.isSuccess(exit)
    ? "none"
    : exit.cause.reasons.map((one) => Cause.isFailReason(one) ? one.error.reason._tag : one._tag).join()

const run = <A, E>(program: Effect.Effect<A, E, Layer.Success<ReturnType<typeof Rig.memory>> | Scope.Scope>) =>
  Effect.provide(Rig.run(program), Rig.memory())

describe("VoiceSessions", () => {
  it.effect("has one session per guild, whoever asks and however many at once", () =>
    run(Effect.gen(function*() {
      const { other, room, where } = yield* world
      const begun: Array<string> = []
      const calls = yield* VoiceSessions.make((session) =>
        Effect.as(Effect.sync(() => begun.push(session.guildId)), session)
      )
      const sessions = yield* Effect.forEach([room, room, other, room], calls.join, { concurrency: "unbounded" })
      assert.deepStrictEqual(begun.toSorted(), [room.guildId, other.guildId].toSorted())
      assert.strictEqual(new Set(sessions).size, 2)
      assert.strictEqual(yield* calls.get(room.guildId), sessions[0])
      assert.deepStrictEqual(
        Array.from((yield* calls.all).values()),
        [sessions[0], sessions[2]].filter((one) => one !== undefined)
      )
      assert.sameMembers([...yield* where], [room.channelId, other.channelId])
      yield* calls.leave(room.guildId)
      assert.deepStrictEqual([...yield* where], [other.channelId])
      assert.isUndefined(yield* calls.get(room.guildId))
      yield* calls.leave(room.guildId)
      assert.notStrictEqual(yield* calls.join(room), sessions[0])
    })))

  it.effect("moves the existing session, with what it plays", () =>
    run(Effect.gen(function*() {
      const { hall, room, where } = yield* world
      const calls = yield* VoiceSessions.make(itself)
      const session = yield* calls.join(room)
      const track = yield* session.play(AudioSource.fromFrames(Rig.frames(3_000)))
      assert.strictEqual(yield* calls.join(hall), session)
      assert.deepStrictEqual([...yield* where], [hall.channelId])
      assert.deepStrictEqual(yield* session.tracks, [track])
    })))

  it.effect("closes what was started with a session before it leaves, and all sessions at once at the end", () =>
    run(Effect.gen(function*() {
      const { other, room, where } = yield* world
      const scope = yield* Scope.make()
      const closed: Array<number> = []
      const calls = yield* Scope.provide(
        VoiceSessions.make(() =>
          Effect.addFinalizer(() => Effect.flatMap(where, (there) => Effect.sync(() => closed.push(there.length))))
        ),
        scope
      )
      yield* Effect.forEach([room, other], calls.join)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(closed, [2, 2])
      assert.deepStrictEqual([...yield* where], [])
      assert.strictEqual(reasonOf(yield* Effect.exit(calls.join(room))), "NotConnected")
    })))

  // these figures are in docs/sessions.md
  it.effect("leaves twenty guilds as fast as one, unlike sessions that share a sequential scope", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const places = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, i) => String(i)),
        (name) =>
          Effect.gen(function*() {
            const guildId = yield* discord.createGuild({ name: `guild ${name}` })
            return {
              guildId,
              channelId: yield* discord.createChannel({ name: `room ${name}`, guild: `guild ${name}` })
            }
          })
      )
      const leaving = Effect.fnUntraced(function*<E, R>(
        scope: Scope.Closeable,
        join: Effect.Effect<
          (where: VoiceSession.JoinOptions) => Effect.Effect<unknown, E, R | Scope.Scope>,
          E,
          R | Scope.Scope
        >
      ) {
        yield* Scope.provide(Effect.flatMap(join, (one) => Effect.forEach(places, one)), scope)
        // nothing waits for the limit of messages
        yield* Effect.sleep("1 minute")
        const [, ms] = yield* Rig.timed(Scope.close(scope, Exit.void))
        return ms
      })
      const alone = Effect.succeed(VoiceSession.join)
      assert.strictEqual(yield* leaving(yield* Scope.make(), alone), 4_000)
      assert.strictEqual(yield* leaving(yield* Scope.make("parallel"), alone), 200)
      const together = Effect.map(VoiceSessions.make(itself), ({ join }) => join)
      assert.strictEqual(yield* leaving(yield* Scope.make(), together), 200)
    })).pipe(Effect.provide(Rig.memory({ network: { latencyMs: 50 } }))))

  it.effect("fails a join that a leave overtakes, and lets later joins start over", () =>
    run(Effect.gen(function*() {
      const { discord, room, where } = yield* world
      const calls = yield* VoiceSessions.make(itself)
      yield* discord.faults.delayEvents("bot", 500)
      const joining = yield* Effect.forkChild(calls.join(room), { startImmediately: true })
      const second = yield* Effect.forkChild(calls.join(room), { startImmediately: true })
      yield* Effect.sleep("100 millis")
      const leaving = yield* Effect.forkChild(calls.leave(room.guildId), { startImmediately: true })
      const later = yield* Effect.forkChild(calls.join(room), { startImmediately: true })
      yield* Fiber.await(leaving)
      assert.strictEqual(reasonOf(yield* Fiber.await(joining)), "NotConnected")
      assert.strictEqual(reasonOf(yield* Fiber.await(second)), "NotConnected")
      assert.strictEqual(yield* Fiber.join(later), yield* calls.get(room.guildId))
      assert.deepStrictEqual([...yield* where], [room.channelId])
    })))

  it.effect("also fails overtaken joins to other channels, and hides a session that is leaving", () =>
    run(Effect.gen(function*() {
      const { discord, hall, room } = yield* world
      const calls = yield* VoiceSessions.make(itself)
      yield* discord.faults.delayEvents("bot", 500)
      const joining = yield* Effect.forkChild(calls.join(room), { startImmediately: true })
      const elsewhere = yield* Effect.forkChild(calls.join(hall), { startImmediately: true })
      yield* calls.leave(room.guildId)
      assert.strictEqual(reasonOf(yield* Fiber.await(joining)), "NotConnected")
      assert.strictEqual(reasonOf(yield* Fiber.await(elsewhere)), "NotConnected")
      yield* calls.join(room)
      const leaving = yield* Effect.forkChild(calls.leave(room.guildId), { startImmediately: true })
      yield* Effect.sleep("10 millis")
      assert.isUndefined(leaving.pollUnsafe())
      assert.isUndefined(yield* calls.get(room.guildId))
      assert.deepStrictEqual(yield* calls.all, new Map())
      yield* Fiber.join(leaving)
    })))

  it.effect("fails joins that wait for a leave when it is told to leave once more", () =>
    run(Effect.gen(function*() {
      const { hall, room, where } = yield* world
      const calls = yield* VoiceSessions.make(itself)
      yield* calls.join(room)
      const leaving = yield* Effect.forkChild(calls.leave(room.guildId), { startImmediately: true })
      const waiting = yield* Effect.forEach(
        [room, hall],
        (place) => Effect.forkChild(calls.join(place), { startImmediately: true })
      )
      yield* calls.leave(room.guildId)
      yield* Fiber.join(leaving)
      for (const join of waiting) {
        assert.strictEqual(reasonOf(yield* Fiber.await(join)), "NotConnected")
      }
      assert.deepStrictEqual([...yield* where], [])
      assert.deepStrictEqual(yield* calls.all, new Map())
      const session = yield* calls.join(room)
      assert.strictEqual(yield* calls.get(room.guildId), session)
    })))

  it.effect("makes a new session for a join that comes while the old one is ending on its own", () =>
    run(Effect.gen(function*() {
      const { discord, hall, room, where } = yield* world
      const calls = yield* VoiceSessions.make(itself)
      for (const place of [room, hall]) {
        const session = yield* calls.join(room)
        const closed = yield* session.changes.pipe(
          Stream.filter(({ _tag }) => _tag === "Closed"),
          Stream.runHead,
          Effect.andThen(calls.join(place)),
          Effect.forkChild({ startImmediately: true })
        )
        yield* discord.faults.kick("bot")
        assert.notStrictEqual(yield* Fiber.join(closed), session)
        assert.deepStrictEqual([...yield* where], [place.channelId])
        yield* calls.leave(room.guildId)
      }
    })))

  it.effect("continues to join if the caller is interrupted", () =>
    run(Effect.gen(function*() {
      const { room } = yield* world
      const calls = yield* VoiceSessions.make(itself)
      const joining = yield* Effect.forkChild(calls.join(room), { startImmediately: true })
      yield* Fiber.interrupt(joining)
      const session = yield* calls.join(room)
      assert.strictEqual(yield* calls.get(room.guildId), session)
    })))

  it.effect("reports how each session ended, when its guild is free again", () =>
    run(Effect.gen(function*() {
      const { discord, hall, other, room } = yield* world
      const calls = yield* VoiceSessions.make(itself)
      const ends: Array<unknown> = []
      yield* (yield* calls.ends).pipe(
        Stream.runForEach(({ channelId, exit, guildId }) =>
          Effect.sync(() => ends.push([guildId, channelId, reasonOf(exit)]))
        ),
        Effect.forkScoped
      )
      yield* Effect.forEach([room, other], calls.join)
      yield* calls.join(hall)
      yield* discord.faults.kick("bot", { guild: "guild" })
      yield* calls.leave(other.guildId)
      yield* Effect.sleep("5 seconds")
      assert.deepStrictEqual(ends, [[hall.guildId, hall.channelId, "Kicked"], [other.guildId, other.channelId, "none"]])
      assert.deepStrictEqual(yield* calls.all, new Map())
      yield* calls.join(room)
    })))

  it.effect("leaves again if the start of a session fails, and reports that to the caller", () =>
    run(Effect.gen(function*() {
      class Refused extends Data.TaggedError("Refused") {}
      const { room, where } = yield* world
      let refuses = true
      const calls = yield* VoiceSessions.make((session) =>
        Effect.suspend(() => refuses ? Effect.fail(new Refused()) : Effect.succeed(session))
      )
      assert.instanceOf(yield* Effect.flip(calls.join(room)), Refused)
      // only sessions that have started are reported, and their start is over by then
      expectTypeOf<VoiceSessions.End["exit"]>().toEqualTypeOf<Exit.Exit<void, VoiceError.VoiceError>>()
      expectTypeOf<Stream.Success<Effect.Success<typeof calls.ends>>>().toEqualTypeOf<VoiceSessions.End>()
      refuses = false
      yield* calls.join(room)
      assert.deepStrictEqual([...yield* where], [room.channelId])
    })))

  it("adds only the start's own errors to the error type of a join", () => {
    class Own extends Data.TaggedError("Own") {}
    const none = VoiceSessions.make(() => Effect.succeed("it"))
    expectTypeOf<Effect.Success<typeof none>>().toEqualTypeOf<VoiceSessions.VoiceSessions<string>>()
    const voice = VoiceSessions.make((): Effect.Effect<string, VoiceError.VoiceError> => Effect.succeed("it"))
    expectTypeOf<Effect.Success<typeof voice>>().toEqualTypeOf<VoiceSessions.VoiceSessions<string>>()
    const both = VoiceSessions.make((): Effect.Effect<string, Own | VoiceError.VoiceError> => Effect.succeed("it"))
    expectTypeOf<Effect.Success<typeof both>>().toEqualTypeOf<VoiceSessions.VoiceSessions<string, Own>>()
  })

  it.effect("tries one caller's channel if another caller's channel does not admit the bot", () =>
    run(Effect.gen(function*() {
      const { discord, hall, room } = yield* world
      yield* discord.faults.deny("bot", "room", { connect: true })
      const calls = yield* VoiceSessions.make(itself)
      const [first, same, elsewhere] = yield* Effect.forEach(
        [room, room, hall],
        (place) => Effect.exit(calls.join(place)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([first, same, elsewhere].map((exit) => exit && reasonOf(exit)), [
        "NotAdmitted",
        "NotAdmitted",
        "none"
      ])
    })))

  it.effect("lets code within a session make it leave", () =>
    run(Effect.gen(function*() {
      const { room, where } = yield* world
      const enough = yield* Deferred.make<void>()
      const calls: VoiceSessions.VoiceSessions<VoiceSession.VoiceSession> = yield* VoiceSessions.make((session) =>
        Effect.as(Effect.forkScoped(Effect.andThen(Deferred.await(enough), calls.leave(session.guildId))), session)
      )
      yield* calls.join(room)
      yield* Deferred.succeed(enough, undefined)
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual([...yield* where], [])
      assert.isUndefined(yield* calls.get(room.guildId))
    })))
})
