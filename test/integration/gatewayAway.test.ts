import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import type * as FaultSchedule from "../../src/emulator/core/faults/FaultSchedule.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"

const user = "bot"

/**
 * The main gateway is back and reports what happens, but does not say that it has resumed: nothing is sent to it for
 * half a minute.
 */
const mute: FaultSchedule.Schedule = [
  { atMs: 1_000, incident: { _tag: "CutGateway", user } },
  { atMs: 1_000, incident: { _tag: "WithholdMessage", user, point: "gateway-out", op: "RESUMED", forMs: 20_000 } },
  { atMs: 3_000, incident: { _tag: "ExpireVoice", user } }
]

/** A bot whose main gateway accepted nothing when the bot wanted to leave, and named a place for it in the meantime. */
const visit = (meanwhile: Effect.Effect<unknown, Emulator.EmulatorError, Emulator.Emulator>) =>
  Rig.run(Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    yield* Effect.orDie(discord.createChannel({ name: "other" }))
    const guests = [yield* Rig.guest("lobby"), yield* Rig.guest("other", "second guest")]
    const session = yield* Rig.join("lobby")
    const states: Array<VoiceSession.State["_tag"]> = []
    yield* session.changes.pipe(
      Stream.runForEach(({ _tag }) => Effect.sync(() => states.push(_tag))),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* session.play(Rig.source(5_000))
    yield* Effect.orDie(discord.faults.play(mute))
    yield* Effect.sleep("10 seconds")
    yield* Effect.orDie(meanwhile)
    yield* Effect.sleep("60 seconds")
    // Ready, its voice session lost, 15 seconds of asking in vain, and then permanently up again
    assert.deepStrictEqual(states, [
      "Ready",
      "Resuming",
      "Reconnecting",
      "Joining",
      "Reconnecting",
      "Connecting",
      "Ready"
    ])
    const last = (yield* Effect.forEach(guests, ({ heard }) => heard)).flat().slice(-2_000)
    assert.isAbove(last.at(-1)?.arrivalMs ?? 0, 69_900)
    for (const [i, { arrivalMs }] of last.entries()) {
      assert.isAtMost(arrivalMs - (last[i - 1]?.arrivalMs ?? arrivalMs), 40, `silent at ${arrivalMs} ms`)
    }
    yield* Rig.blameless
  })).pipe(Effect.provide(Rig.memory()))

describe("a main gateway that accepts nothing while voice is lost", () => {
  it.effect("is not told to leave the place that it named in the meantime, on another server", () =>
    visit(Emulator.Emulator.use(({ faults }) => faults.moveServer("lobby"))))

  it.effect("is not told to leave the place that it named in the meantime, in another channel", () =>
    visit(Emulator.Emulator.use(({ faults }) => faults.moveUser(user, "other"))))
})

/** The main gateway is cut, and does not hear that the bot resumes: events wait for the replay. */
const away: FaultSchedule.Schedule = [
  { atMs: 1_000, incident: { _tag: "CutGateway", user } },
  { atMs: 1_000, incident: { _tag: "WithholdMessage", user, point: "gateway-in", op: 6, forMs: 20_000 } }
]

describe("a main gateway that is away while a moderator moves the bot", () => {
  it.effect.each([
    { when: "the replay reports the move", schedule: away },
    { when: "the move is reported before the gateway resumes", schedule: mute.slice(0, 2) }
  ])(
    "does not move the bot back with flags that were changed meanwhile: $when",
    ({ schedule }) =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const other = yield* Effect.orDie(discord.createChannel({ name: "other" }))
        const session = yield* Rig.join("lobby")
        const { id } = yield* Effect.orDie(discord.user(user))
        const places: Array<string | undefined> = []
        yield* discord.happenings.pipe(
          Stream.runForEach((happening) =>
            Effect.sync(() => {
              if ("userId" in happening && happening.userId === id && "channelId" in happening) {
                places.push(happening.channelId)
              }
            })
          ),
          Effect.forkScoped({ startImmediately: true })
        )
        yield* session.play(Rig.source(5_000))
        yield* Effect.orDie(discord.faults.play(schedule))
        yield* Effect.sleep("5 seconds")
        const setting = yield* Effect.forkScoped(session.setSelf({ deaf: true }), { startImmediately: true })
        yield* Effect.sleep("5 seconds")
        assert.isUndefined(setting.pollUnsafe())
        yield* Effect.orDie(discord.faults.moveUser(user, "other"))
        yield* Effect.sleep("50 seconds")
        assert.deepStrictEqual(places, [other])
        const { voiceStates } = yield* discord.snapshot
        assert.deepInclude(voiceStates.find(({ userId }) => userId === id), { channelId: other, selfDeaf: true })
        assert.deepStrictEqual(setting.pollUnsafe(), Exit.void)
        yield* Rig.blameless
      })).pipe(Effect.provide(Rig.memory()))
  )

  it.effect("does not bring back a bot that a moderator removed after its flags were changed", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const session = yield* Rig.join("lobby")
      const { id } = yield* Effect.orDie(discord.user(user))
      yield* Effect.orDie(discord.faults.play(away))
      yield* Effect.sleep("5 seconds")
      yield* Effect.forkScoped(session.setSelf({ deaf: true }), { startImmediately: true })
      yield* Effect.sleep("5 seconds")
      yield* Effect.orDie(discord.faults.kick(user))
      const error = yield* Effect.flip(session.awaitClosed)
      assert.strictEqual(error.reason._tag, "Kicked")
      yield* Effect.sleep("30 seconds")
      const { voiceStates } = yield* discord.snapshot
      assert.isUndefined(voiceStates.find(({ userId }) => userId === id))
    })).pipe(Effect.provide(Rig.memory())))
})

describe("a main gateway that is away while a moderator removes the bot", () => {
  const awayFor = (forMs: number): FaultSchedule.Schedule => [
    { atMs: 1_000, incident: { _tag: "CutGateway", user } },
    { atMs: 1_000, incident: { _tag: "WithholdMessage", user, point: "gateway-in", op: 6, forMs } }
  ]

  const kicked = (schedule: FaultSchedule.Schedule) =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const session = yield* Rig.join("lobby")
      yield* Effect.orDie(discord.faults.play(schedule))
      yield* Effect.sleep("5 seconds")
      yield* Effect.orDie(discord.faults.kick(user))
      yield* Effect.sleep("4 seconds")
      assert.strictEqual((yield* session.state)._tag, "AwaitingServer")
      return session
    })

  it.effect("tells it when the replay does, and the bot stays away", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* kicked(awayFor(20_000))
      assert.strictEqual((yield* Rig.reasonOf(session.awaitClosed))._tag, "Kicked")
      yield* Effect.sleep("1 minute")
      yield* Rig.left
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("leaves it unknown when it is away for longer than a minute, and the bot stays away", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* kicked(awayFor(90_000))
      assert.strictEqual((yield* Rig.reasonOf(session.awaitClosed))._tag, "Disconnected")
      yield* Effect.sleep("1 minute")
      yield* Rig.left
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("tells nothing when it begins a new session, which alone removes the bot: the bot comes back", () =>
    Rig.run(Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      const session = yield* kicked(awayFor(10_000))
      yield* Effect.orDie(faults.dropGatewaySession(user))
      yield* Effect.sleep("1 minute")
      assert.strictEqual((yield* session.state)._tag, "Ready")
    })).pipe(Effect.provide(Rig.memory())))
})

describe("a main gateway that is cut before it has read a request", () => {
  const cut: FaultSchedule.Schedule = [
    { atMs: 0, incident: { _tag: "WithholdMessage", user, point: "gateway-in", op: 4, forMs: 500 } },
    { atMs: 400, incident: { _tag: "CutGateway", user } }
  ]

  it.effect("is asked again when it resumes: by a join, and by a move", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const other = yield* Effect.orDie(discord.createChannel({ name: "other" }))
      // logged in, which a main gateway that resumes has to be
      yield* Effect.sleep("1 second")
      yield* Effect.orDie(discord.faults.play(cut))
      const [session, joinedMs] = yield* Rig.timed(Rig.join("lobby"))
      assert.isAtMost(joinedMs, 4_000)
      yield* Effect.sleep("1 minute")
      yield* Effect.orDie(discord.faults.play(cut))
      const [, movedMs] = yield* Rig.timed(session.move(other))
      assert.isAtMost(movedMs, 4_000)
      assert.deepInclude(yield* session.state, { _tag: "Ready", channelId: other })
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory())))

  for (const backMs of [0, 20_000]) {
    it.effect(`is told again that the bot leaves, when it is back after ${backMs} ms more`, () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const scope = yield* Scope.make()
        yield* Scope.provide(Rig.join("lobby"), scope)
        yield* Effect.sleep("1 minute")
        yield* Effect.orDie(discord.faults.play([
          ...cut,
          { atMs: 400, incident: { _tag: "WithholdMessage", user, point: "gateway-in", op: 6, forMs: backMs } }
        ]))
        yield* Scope.close(scope, Exit.void)
        yield* Effect.sleep("1 minute")
        yield* Rig.left
        yield* Rig.blameless
      })).pipe(Effect.provide(Rig.memory())))
  }
})
