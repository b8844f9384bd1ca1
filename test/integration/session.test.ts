import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Redacted, Scope, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Dave from "../../src/Dave.ts"
import * as Profile from "../../src/emulator/core/Profile.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import { Intents } from "../../src/protocol/GatewayPayload.ts"
import { sequenceDelta, timestampDelta } from "../../src/protocol/RtpPacket.ts"
import * as MockDave from "../../src/testing/MockDave.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import type * as VoiceError from "../../src/VoiceError.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"
import * as Tap from "./tap.ts"

const faults = Emulator.Emulator.useSync((discord) => discord.faults)

/** The bot with a gateway connection other than the usual one. */
const withGateway = (options: { readonly token?: string; readonly intents?: number }) =>
  Layer.unwrap(
    Emulator.Emulator.use((discord) =>
      Effect.map(Effect.orDie(discord.user("bot")), ({ token }) =>
        Gateway.layer({
          url: discord.urls.gateway,
          intents: options.intents,
          token: options.token === undefined ? token : Redacted.make(options.token)
        }).pipe(Layer.provide(discord.transport)))
    )
  )

const joining = (
  tag: string,
  channel: string,
  ...options: Parameters<typeof Rig.join> extends [string, ...infer O] ? O : never
) =>
  Effect.gen(function*() {
    const [reason, elapsedMs] = yield* Rig.timed(Rig.reasonOf(Effect.scoped(Rig.join(channel, ...options))))
    assert.strictEqual(reason._tag, tag)
    return [reason, elapsedMs] as const
  })

const timedOut = (
  missing: string,
  channel: string,
  ...options: Parameters<typeof Rig.join> extends [string, ...infer O] ? O : never
) =>
  Effect.gen(function*() {
    const [reason, elapsedMs] = yield* joining("JoinTimedOut", channel, ...options)
    assert(reason._tag === "JoinTimedOut")
    assert.strictEqual(reason.missing, missing)
    assert.strictEqual(reason.elapsedMs, 15_000)
    // plus two seconds to take it back if the gateway is away
    assert.isAtMost(elapsedMs, missing === "gateway" ? 17_000 : 15_020)
    yield* Effect.sleep("10 millis")
    yield* Rig.left
  })

const notAdmitted = (obstacle: VoiceError.Obstacle, channel: string) =>
  Effect.gen(function*() {
    const [reason, elapsedMs] = yield* joining("NotAdmitted", channel)
    assert(reason._tag === "NotAdmitted")
    assert.strictEqual(reason.obstacle, obstacle)
    assert.isAtMost(elapsedMs, 2_020)
    yield* Effect.sleep("10 millis")
    yield* Rig.left
  })

/** The numbers of the frames that somebody heard, and "-" for silence. */
const numbers = (heard: ReadonlyArray<Emulator.HeardFrame>) =>
  heard.map(({ payload, silence }) => silence ? "-" : ((payload[1] ?? 0) << 8) | (payload[2] ?? 0))

/** The states that a session passes through, as they come. */
const statesOf = (session: VoiceSession.VoiceSession) => {
  const tags: Array<string> = []
  return session.changes.pipe(
    Stream.runForEach(({ _tag }) => Effect.sync(() => tags.push(_tag))),
    Effect.forkChild({ startImmediately: true }),
    Effect.as(tags)
  )
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const closing = ["-", "-", "-", "-", "-"]

/** A driver whose groups never get a key package, as when a thread does not start on a busy machine. */
const slowGroups = Layer.fresh(VoiceDriver.layer).pipe(Layer.provide(
  Layer.effect(
    Dave.Dave,
    Dave.Dave.useSync(({ maxVersion, open }) => ({
      maxVersion,
      open: (options) => Effect.map(open(options), (group): Dave.Group => ({ ...group, create: () => Effect.never }))
    }))
  ).pipe(Layer.provide(MockDave.layer))
))

describe("session", () => {
  describe("joining", () => {
    it.effect("fails with NotAdmitted if the channel is full", () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        yield* discord.createChannel({ name: "full", userLimit: 1 })
        yield* Rig.run(Effect.andThen(Rig.guest("full"), notAdmitted("Full", "full")))
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("fails during a time-out, which also removes the bot from its channel", () =>
      Effect.gen(function*() {
        const { timeOut } = yield* faults
        yield* timeOut("bot", Duration.infinity)
        yield* Rig.run(notAdmitted("TimedOut", "lobby"))
        yield* timeOut("bot", null)
        yield* Rig.run(Effect.gen(function*() {
          // until then, an event may be the answer to our leaving the channel that was refused
          yield* Effect.sleep("11 seconds")
          const session = yield* Rig.join("lobby")
          yield* timeOut("bot", "1 minute")
          assert.strictEqual((yield* Rig.reasonOf(session.awaitClosed))._tag, "Kicked")
          yield* notAdmitted("TimedOut", "lobby")
          yield* Effect.sleep("1 minute")
          yield* Rig.join("lobby")
        }))
      }).pipe(Effect.provide(Rig.memory())))

    for (const what of [{ connect: true }, { view: true }]) {
      it.effect(`fails without permission to ${Object.keys(what)[0]}`, () =>
        Effect.gen(function*() {
          yield* (yield* faults).deny("bot", "lobby", what)
          yield* Rig.run(notAdmitted("connect" in what ? "Connect" : "ViewChannel", "lobby"))
          // once the permission is there, it works
          yield* (yield* faults).deny("bot", "lobby", { connect: false, view: false })
          yield* Rig.run(Rig.join("lobby"))
        }).pipe(Effect.provide(Rig.memory())))
    }

    it.effect("times out if nothing says what is in the way", () =>
      Effect.gen(function*() {
        yield* (yield* faults).fillChannel("lobby")
        yield* Rig.run(timedOut("both", "lobby"))
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("times out without the intent for voice states", () =>
      Rig.run(timedOut("VOICE_STATE_UPDATE", "lobby")).pipe(
        Effect.provide(Layer.provideMerge(withGateway({ intents: Intents.Guilds }), Rig.memory()))
      ))

    it.effect("fails at once if the bot token is wrong", () =>
      Rig.run(Effect.gen(function*() {
        const [reason, elapsedMs] = yield* joining("GatewayClosed", "lobby")
        assert(reason._tag === "GatewayClosed")
        assert.strictEqual(reason.code, 4004)
        assert.notInclude(reason.message, "a-wrong-token")
        assert.isAtMost(elapsedMs, 20)
      })).pipe(
        Effect.provide(Layer.provideMerge(withGateway({ token: "a-wrong-token" }), Rig.memory()))
      ))

    const orders: ReadonlyArray<Partial<Profile.Profile>> = [
      { voiceEventOrder: "state-first" },
      { voiceEventOrder: "server-first" },
      { voiceEventOrder: "state-first", voiceEventGapMs: 3_000, voiceEventDelayMs: 500 },
      { voiceEventOrder: "server-first", voiceEventGapMs: 3_000, voiceEventDelayMs: 500 },
      { allocationMs: 4_000 },
      { allocationMs: 4_000, voiceEventOrder: "server-first", clientsConnectIncludesSelf: true }
    ]
    for (const order of orders) {
      it.effect(`succeeds if Discord answers with ${JSON.stringify(order)}`, () =>
        Effect.gen(function*() {
          yield* Rig.run(Effect.gen(function*() {
            const [session] = yield* Rig.timed(Rig.join("lobby"))
            assert.strictEqual((yield* session.state)._tag, "Ready")
          }))
          yield* Rig.left
          yield* Rig.blameless
        }).pipe(Effect.provide(Rig.memory({ profile: { ...Profile.today, ...order } }))))
    }

    it.effect("times out if no voice server is found in time", () =>
      Rig.run(timedOut("endpoint", "lobby")).pipe(
        Effect.provide(Rig.memory({ profile: { ...Profile.today, allocationMs: 60_000 } }))
      ))

    for (const afterMs of [0, 1, 2, 3, 5, 8, 12]) {
      it.effect(`leaves nothing behind if it is interrupted ${afterMs} ms later`, () =>
        Effect.gen(function*() {
          const [, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
            const fiber = yield* Effect.forkChild(Effect.scoped(Effect.andThen(Rig.join("lobby"), Effect.never)), {
              startImmediately: true
            })
            yield* Effect.sleep(afterMs)
            const interrupted = yield* Rig.timed(Fiber.interrupt(fiber))
            yield* Effect.sleep("100 millis")
            return interrupted
          }))
          assert.isAtMost(elapsedMs, 10)
          yield* Rig.left
          yield* Rig.blameless
          // the guild is free again
          yield* Rig.run(Rig.join("lobby"))
        }).pipe(Effect.provide(Rig.memory())))
    }
  })

  describe("leaving", () => {
    it.effect("stops a track in the middle, and sends the closing silence", () =>
      Effect.gen(function*() {
        const guest = yield* Rig.guest()
        const [, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
          const scope = yield* Scope.make()
          const session = yield* Rig.join("lobby").pipe(Scope.provide(scope))
          const track = yield* session.play(Rig.source(500))
          yield* Effect.sleep("1 second")
          const closed = yield* Rig.timed(Scope.close(scope, Exit.void))
          assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Stopped" })
          assert.deepStrictEqual(yield* session.state, { _tag: "Closed" })
          yield* session.awaitClosed
          return closed
        }))
        assert.isAtMost(elapsedMs, 10)
        yield* Rig.left
        const heard = numbers(yield* guest.heard)
        assert.deepStrictEqual(heard, [...range(0, heard.length - 5), ...closing])
        yield* Rig.blameless
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("does not ask the policy, and goes straight to Closed", () =>
      Effect.gen(function*() {
        const asked: Array<string> = []
        const states: Array<string> = []
        yield* Rig.run(Effect.gen(function*() {
          const scope = yield* Scope.make()
          const session = yield* Rig.join("lobby", {
            policy: {
              react: ({ _tag }) => {
                asked.push(_tag)
                return "rejoin"
              }
            }
          }).pipe(Scope.provide(scope))
          const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
          for (let i = 0; i < 200; i++) {
            states.push((yield* session.state)._tag)
            yield* Effect.sleep("10 millis")
          }
          yield* Fiber.join(closing)
        }))
        assert.deepStrictEqual(asked, [])
        assert.deepStrictEqual([...new Set(states)], ["Closed"])
        yield* Rig.left
        yield* Rig.blameless
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("takes at most four seconds if Discord no longer answers", () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const [, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
          const scope = yield* Scope.make()
          const session = yield* Rig.join("lobby").pipe(Scope.provide(scope))
          yield* session.play(Rig.source(500))
          yield* Effect.sleep("1 second")
          yield* discord.faults.add(() => ({ _tag: "Drop" }))
          return yield* Rig.timed(Scope.close(scope, Exit.void))
        }))
        assert.isAtMost(elapsedMs, 4_000)
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("takes at most four seconds while the main gateway is away", () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const [, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
          const scope = yield* Scope.make()
          yield* Rig.join("lobby").pipe(Scope.provide(scope))
          yield* discord.faults.add(({ point }) => point === "gateway-in" ? { _tag: "Terminate" } : undefined)
          yield* discord.faults.terminateGateway("bot")
          return yield* Rig.timed(Scope.close(scope, Exit.void))
        }))
        assert.isAtMost(elapsedMs, 4_000)
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("succeeds while the main gateway comes back and the whole program ends", () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const [, elapsedMs] = yield* Rig.timed(Rig.run(
          Effect.scoped(Effect.gen(function*() {
            yield* Rig.join("lobby")
            yield* Effect.sleep("1 minute")
            yield* discord.faults.terminateGateway("bot")
            yield* Effect.sleep("10 millis")
          })).pipe(Effect.provide(Rig.bot, { local: true }))
        ))
        assert.isAtMost(elapsedMs, 63_000)
        yield* Rig.left
        yield* Rig.blameless
      }).pipe(Effect.provide(Rig.inMemory(Layer.empty))))

    it.effect("happens when the fiber that waits for its end is interrupted", () =>
      Effect.gen(function*() {
        yield* Rig.run(Effect.gen(function*() {
          const fiber = yield* Effect.gen(function*() {
            const session = yield* Rig.join("lobby")
            yield* session.play(Rig.source(500))
            return yield* session.awaitClosed
          }).pipe(Effect.scoped, Effect.forkChild({ startImmediately: true }))
          yield* Effect.sleep("500 millis")
          yield* Fiber.interrupt(fiber)
        }))
        yield* Rig.left
        yield* Rig.blameless
      }).pipe(Effect.provide(Rig.memory())))
  })

  describe("ends with the right reason after", () => {
    const ends = [
      ["kick", "Kicked", (faults: Emulator.Faults) => faults.kick("bot")],
      ["a deleted channel", "CallEnded", (faults: Emulator.Faults) => faults.deleteChannel("lobby")],
      ["a demand for encryption", "E2eeRequired", (faults: Emulator.Faults) => faults.closeVoice("bot", 4017)],
      ["too many connections", "RateLimited", (faults: Emulator.Faults) => faults.closeVoice("bot", 4021)]
    ] as const
    for (const [what, tag, happen] of ends) {
      it.effect(what, () =>
        Effect.gen(function*() {
          yield* Rig.run(Effect.gen(function*() {
            const session = yield* Rig.join("lobby")
            const states = yield* statesOf(session)
            const track = yield* session.play(Rig.source(500))
            yield* Effect.sleep("1 second")
            yield* happen(yield* faults)
            const reason = yield* Rig.reasonOf(session.awaitClosed)
            assert.strictEqual(reason._tag, tag)
            const waits = tag === "Kicked" || tag === "CallEnded" ? ["AwaitingServer"] : []
            assert.deepStrictEqual(states, ["Ready", ...waits, "Closed"])
            const end = yield* track.awaitEnd
            assert(end._tag === "Failed")
            assert.strictEqual(end.error.reason._tag, tag)
            // it has left on its own, while its scope is still open
            if (what !== "a deleted channel") yield* Rig.join("lobby")
          }))
          yield* Rig.left
        }).pipe(Effect.provide(Rig.memory())))
    }
    for (const voiceCloseOrder of ["close-first", "event-first"] as const) {
      it.effect(`a kick (${voiceCloseOrder}), also if its group never gets a key package`, () =>
        Rig.run(Effect.gen(function*() {
          const session = yield* Rig.join("lobby")
          yield* (yield* faults).kick("bot")
          const [reason, elapsedMs] = yield* Rig.timed(Rig.reasonOf(session.awaitClosed))
          assert.strictEqual(reason._tag, "Kicked")
          assert.isAtMost(elapsedMs, 100)
        })).pipe(Effect.provide(
          Layer.provideMerge(slowGroups, Rig.memory({ profile: { ...Profile.today, voiceCloseOrder } }))
        )))
    }
  })

  describe("keeps playing", () => {
    const losses: ReadonlyArray<
      readonly [string, ReadonlyArray<string>, (faults: Emulator.Faults) => Effect.Effect<void, Emulator.EmulatorError>]
    > = [
      ["after a crash", ["Resuming"], (faults) => faults.closeVoice("bot", 4015)],
      ["after a lost WebSocket", ["Resuming"], (faults) => faults.terminateVoice("bot")],
      [
        "after its voice session was called invalid",
        ["Reconnecting", "Joining", "Connecting"],
        (faults) => faults.closeVoice("bot", 4006)
      ],
      ["on another server", ["AwaitingServer", "Connecting"], (faults) => faults.moveServer("lobby")],
      [
        "on another server that has to be found first",
        ["AwaitingServer", "Connecting"],
        (faults) => faults.moveServer("lobby", { nullEndpointFirst: true, delayMs: 3_000 })
      ],
      ["in another channel", ["AwaitingServer", "Connecting"], (faults) => faults.moveUser("bot", "other")],
      [
        "after the main gateway has begun a new session",
        ["AwaitingServer", "Joining", "Connecting"],
        (faults) => faults.dropGatewaySession("bot")
      ]
    ]
    it.effect("in a channel that it moves to, without loss", () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const other = yield* discord.createChannel({ name: "other" })
        const [guest, elsewhere] = [yield* Rig.guest(), yield* Rig.guest("other", "second guest")]
        const session = yield* Rig.join("lobby")
        const spoken = Rig.frames(150)
        const track = yield* session.play(AudioSource.fromFrames(spoken))
        yield* Effect.sleep("1003 millis")
        yield* session.move(other)
        yield* track.awaitEnd
        yield* Effect.sleep("1 second")
        const before = numbers(yield* guest.heard)
        const after = numbers(yield* elsewhere.heard)
        assert.deepStrictEqual(before.slice(-5), ["-", "-", "-", "-", "-"])
        assert.deepStrictEqual([...before, ...after].filter((number) => number !== "-"), spoken.map((_, i) => i))
        yield* Rig.blameless
      })).pipe(Effect.provide(Rig.memory({ network: { latencyMs: 60, jitterMs: 5 } }))))

    it.effect("in a channel that it is moved to, if the old connection closes last", () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        yield* discord.createChannel({ name: "other" })
        const elsewhere = yield* Rig.guest("other", "second guest")
        const session = yield* Rig.join("lobby")
        const track = yield* session.play(AudioSource.fromFrames(Rig.frames(150)))
        yield* Effect.sleep("1003 millis")
        yield* discord.faults.moveUser("bot", "other")
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        assert.isAbove(numbers(yield* elsewhere.heard).length, 80)
        assert.strictEqual((yield* session.state)._tag, "Ready")
        yield* Rig.blameless
      })).pipe(Effect.provide(Rig.memory({
        profile: {
          ...Profile.today,
          voiceCloseOrder: "event-first",
          voiceEventOrder: "server-first",
          voiceEventGapMs: 300
        }
      }))))

    it.effect("where it is, without loss, if it may not move", () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const full = yield* discord.createChannel({ name: "full", userLimit: 1 })
        const guest = yield* Rig.guest()
        yield* Rig.guest("full", "second guest")
        const session = yield* Rig.join("lobby")
        const spoken = Rig.frames(150)
        const track = yield* session.play(AudioSource.fromFrames(spoken))
        yield* Effect.sleep("1003 millis")
        const held = yield* Effect.forkChild(Rig.reasonOf(session.move(full)), { startImmediately: true })
        yield* Effect.sleep("500 millis")
        yield* track.pause
        yield* track.resume
        yield* Effect.sleep("500 millis")
        assert.isBelow((yield* guest.heard).length, 60)
        yield* Effect.sleep("1 second")
        assert.isAbove((yield* guest.heard).length, 80)
        assert.deepInclude(yield* Fiber.join(held), { _tag: "NotAdmitted", channelId: full, obstacle: "Full" })
        yield* track.awaitEnd
        yield* Effect.sleep("1 second")
        const heard = numbers(yield* guest.heard)
        assert.deepStrictEqual(heard.filter((number) => number !== "-"), spoken.map((_, i) => i))
        yield* Rig.blameless
      })).pipe(Effect.provide(Rig.memory())))

    it.effect("in a channel that Discord has moved it to, even if the caller of move is interrupted", () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const other = yield* discord.createChannel({ name: "other" })
        const bot = (yield* discord.user("bot")).id
        const where = Effect.map(
          discord.snapshot,
          ({ voiceStates }) => voiceStates.find(({ userId }) => userId === bot)?.channelId
        )
        const session = yield* Rig.join("lobby")
        const moving = yield* Effect.forkChild(session.move(other), { startImmediately: true })
        yield* session.changes.pipe(
          Stream.filter((state) => state._tag === "Connecting" && state.channelId === other),
          Stream.runHead
        )
        yield* Fiber.interrupt(moving)
        yield* Effect.sleep("2 seconds")
        assert.deepStrictEqual([yield* where, yield* session.channelId], [other, other])
        yield* discord.faults.closeVoice("bot", 4006)
        yield* Effect.sleep("5 seconds")
        assert.deepStrictEqual([yield* where, yield* session.channelId], [other, other])
        yield* Rig.blameless
      })).pipe(Effect.provide(Rig.memory())))

    for (const [what, between, happen] of losses) {
      it.effect(what, () =>
        Effect.gen(function*() {
          yield* Rig.run(Effect.gen(function*() {
            const discord = yield* Emulator.Emulator
            yield* discord.createChannel({ name: "other" })
            const [guest, elsewhere] = [yield* Rig.guest(), yield* Rig.guest("other", "second guest")]
            const session = yield* Rig.join("lobby")
            const states = yield* statesOf(session)
            const spoken = Rig.frames(500)
            const track = yield* session.play(AudioSource.fromFrames(spoken))
            yield* Effect.sleep("2 seconds")
            yield* happen(yield* faults)
            assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
            assert.strictEqual((yield* session.state)._tag, "Ready")
            yield* Effect.sleep("1 second")

            // each frame at most once, in order, and only the few that were in flight are lost
            const heard = [...yield* guest.heard, ...yield* elsewhere.heard]
              .filter(({ silence }) => !silence)
              .toSorted((a, b) => a.arrivalMs - b.arrivalMs)
              .map(({ payload }) => ((payload[1] ?? 0) << 8) | (payload[2] ?? 0))
            for (const [index, number] of heard.entries()) {
              if (index > 0) assert.isAbove(number, heard[index - 1] ?? 0)
              assert.deepStrictEqual(spoken[number]?.data.length, 4 + ((number * 37) % 120))
            }
            assert.strictEqual(heard.at(-1), spoken.length - 1)
            assert.isAtLeast(heard.length, spoken.length - 15)
            yield* Rig.blameless
            assert.deepStrictEqual(states, ["Ready", ...between, "Ready"])
            const channel = yield* discord.channel(what === "in another channel" ? "other" : "lobby")
            assert.strictEqual(yield* session.channelId, channel)
          }))
          yield* Rig.left
        }).pipe(Effect.provide(Rig.memory())))
    }
  })

  for (const profile of [Profile.today, Profile.year2022]) {
    for (const version of profile.versions) {
      it.effect(`resumes at version ${version} with Discord of ${profile.name}, and plays on`, () => {
        const tap = Tap.make()
        // channels of today do not accept version 7, which cannot encrypt
        const channelE2ee = version < 8 ? "optional" : profile.channelE2ee
        return Effect.gen(function*() {
          const guest = yield* Rig.guest()
          yield* Rig.run(Effect.gen(function*() {
            const session = yield* Rig.join("lobby", { version, modes: profile.modes })
            const track = yield* session.play(Rig.source(150))
            yield* Effect.sleep("1 second")
            yield* (yield* faults).terminateVoice("bot")
            assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
            assert.strictEqual((yield* session.statistics).resumes, 1)
          }))
          const resume = tap.sent.find(({ op }) => op === 7)?.d ?? assert.fail("nothing was resumed")
          assert.strictEqual("seq_ack" in resume, version >= 8)
          assert.strictEqual("channel_id" in resume, version >= 9)
          const heard = numbers(yield* guest.heard)
          assert.deepStrictEqual(heard, [...range(0, 150), ...closing])
          yield* Rig.left
          yield* Rig.blameless
        }).pipe(Effect.provide(Rig.inMemory(tap.layer, { profile: { ...profile, channelE2ee } })))
      })
    }
  }

  it.effect("resumes after what it has handled, also where the sequence of the voice gateway wraps", () => {
    const tap = Tap.make()
    return Effect.gen(function*() {
      yield* (yield* faults).startSequence("bot", 65_524)
      yield* Rig.run(Effect.gen(function*() {
        const session = yield* Rig.join("lobby")
        const seen: Array<string> = []
        const events = yield* session.events
        yield* events.pipe(
          Stream.runForEach(({ _tag }) => Effect.sync(() => seen.push(_tag))),
          Effect.forkScoped({ startImmediately: true })
        )
        const guest = yield* Rig.guest()
        const acknowledged: Array<unknown> = []
        for (let flags = 1; flags <= 12; flags++) {
          yield* guest.setSpeaking(flags % 2 === 0 ? 1 : 2)
          yield* Effect.sleep("1 second")
          yield* (yield* faults).terminateVoice("bot")
          yield* Effect.sleep("11 seconds")
          acknowledged.push(tap.sent.findLast(({ op }) => op === 7)?.d["seq_ack"])
        }
        const numbers = acknowledged.map(Number)
        assert.deepStrictEqual(numbers.slice(1).map((n, at) => (n - (numbers[at] ?? 0)) & 0xffff), Array(11).fill(1))
        assert.isAbove(Math.max(...numbers), 65_000)
        assert.isBelow(Math.min(...numbers), 12)
        assert.strictEqual((yield* session.statistics).resumes, 12)
        // each was reported once, and nothing that was handled is replayed
        assert.lengthOf(seen.filter((tag) => tag === "Speaking"), 12)
        yield* Rig.blameless
      }))
      yield* Rig.left
    }).pipe(Effect.provide(Rig.inMemory(tap.layer)))
  })

  it.effect("closes soon while the main gateway stays away, and can be joined again later", () =>
    Effect.gen(function*() {
      const [, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const scope = yield* Scope.make()
        const session = yield* Rig.join("lobby").pipe(Scope.provide(scope))
        yield* discord.faults.add(({ point }) => point === "gateway-in" ? { _tag: "Terminate" } : undefined)
        yield* discord.faults.terminateGateway("bot")
        yield* discord.faults.terminateVoice("bot")
        yield* Effect.sleep("1 second")
        assert.strictEqual((yield* session.state)._tag, "Ready")
        return yield* Rig.timed(Scope.close(scope, Exit.void))
      }))
      // a main gateway that stays away cannot take note, so it is waited for no longer than one that does not answer
      assert.isAtMost(elapsedMs, 2_100)
      // Discord was never told, so it keeps our place until the voice session can no longer be resumed
      yield* Rig.run(Effect.andThen(Effect.sleep("61 seconds"), Rig.join("lobby")))
    }).pipe(Effect.provide(Rig.memory())))

  it.effect("can be left in the middle of rejoining, and joined again", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      for (const closeAfterMs of [200, 220, 240, 260, 280, 300, 320]) {
        yield* Rig.run(Effect.gen(function*() {
          yield* Effect.scoped(Effect.gen(function*() {
            yield* Rig.join("lobby")
            yield* discord.faults.closeVoice("bot", 4006)
            yield* Effect.sleep(closeAfterMs)
          }))
          const session = yield* Rig.join("lobby")
          yield* Effect.sleep("1 second")
          assert.strictEqual((yield* session.state)._tag, "Ready")
        }))
        yield* Rig.left
      }
    }).pipe(Effect.provide(Rig.memory({ network: { latencyMs: 40 } }))))

  it.effect("does not mistake the late answer to its own leaving for a removal", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const session = yield* Rig.join("lobby")
      // longer than leaving waits
      yield* discord.faults.delayEvents("bot", 2_700)
      yield* discord.faults.closeVoice("bot", 4006)
      yield* Effect.sleep("20 seconds")
      assert.strictEqual((yield* session.state)._tag, "Ready")
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("does not use a voice server together with the session id of a former main gateway session", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const session = yield* Rig.join("lobby")
      const withheld = yield* discord.faults.when(
        { user: "bot", point: "gateway-out", op: "VOICE_STATE_UPDATE" },
        "drop"
      )
      yield* discord.faults.dropGatewaySession("bot")
      yield* Effect.sleep("22 seconds")
      yield* discord.faults.moveServer("lobby")
      yield* Effect.sleep("1 second")
      yield* withheld.stop
      yield* Effect.sleep("20 seconds")
      assert.strictEqual((yield* session.state)._tag, "Ready")
      assert.deepStrictEqual(yield* discord.violations, [])
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("waits no longer than its deadline for a gateway that is away", () =>
    Rig.run(Effect.gen(function*() {
      const gateway = yield* Gateway.Gateway
      yield* gateway.userId
      const discord = yield* Emulator.Emulator
      yield* discord.faults.add(({ point }) => point === "gateway-out" ? { _tag: "Drop" } : undefined)
      yield* discord.faults.terminateGateway("bot")
      yield* Effect.sleep("100 millis")
      yield* timedOut("gateway", "lobby")
    })).pipe(Effect.provide(Rig.memory())))

  describe("in the channel", () => {
    it.effect("sends nothing while it is muted, and its tracks continue", () =>
      Effect.gen(function*() {
        const guest = yield* Rig.guest()
        yield* Rig.run(Effect.gen(function*() {
          const session = yield* Rig.join("lobby", { selfMute: true })
          const track = yield* session.play(Rig.source(100))
          yield* Effect.sleep("700 millis")
          assert.deepStrictEqual(yield* guest.heard, [])
          yield* session.setSelf({ mute: false })
          yield* Effect.sleep("600 millis")
          yield* session.setSelf({ mute: true })
          yield* track.awaitEnd
          yield* Effect.sleep("1 second")
          const discord = yield* Emulator.Emulator
          assert.isTrue((yield* discord.snapshot).voiceStates.some(({ selfMute }) => selfMute))
        }))
        const heard = numbers(yield* guest.heard)
        const from = Number(heard[0])
        assert.isAbove(from, 20)
        assert.isBelow(from, 45)
        assert.isAtLeast(heard.length, 30)
        assert.deepStrictEqual(heard, [...range(from, from + heard.length - 5), ...closing])
        yield* Rig.blameless
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("announces its speaking flags", () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const { id } = yield* discord.user("bot")
        yield* Rig.run(Effect.gen(function*() {
          const session = yield* Rig.join("lobby")
          const flags = Effect.andThen(
            Effect.sleep("10 millis"),
            Effect.map(discord.snapshot, ({ voiceSessions }) =>
              voiceSessions.find(({ userId }) => userId === id)?.speaking)
          )
          assert.strictEqual(yield* flags, 1)
          yield* session.setSpeaking({ microphone: false, soundshare: true })
          assert.strictEqual(yield* flags, 2)
          yield* session.setSpeaking({ priority: true })
          assert.strictEqual(yield* flags, 5)
        }))
        yield* Rig.blameless
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("resumes a paused track at the same frame, with truthful timestamps", () =>
      Effect.gen(function*() {
        const guest = yield* Rig.guest()
        yield* Rig.run(Effect.gen(function*() {
          const session = yield* Rig.join("lobby")
          const track = yield* session.play(Rig.source(100))
          yield* Effect.sleep("1 second")
          yield* track.pause
          yield* Effect.sleep("3 seconds")
          yield* track.resume
          assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
          yield* Effect.sleep("1 second")
        }))
        const heard = yield* guest.heard
        const found = numbers(heard)
        const paused = found.indexOf("-")
        assert.isAbove(paused, 40)
        assert.deepStrictEqual(found, [...range(0, paused), ...closing, ...range(paused, 100), ...closing])
        heard.forEach((frame, i) => {
          const before = heard[i - 1]
          if (before === undefined) return
          assert.strictEqual(sequenceDelta(frame.sequence, before.sequence), 1)
          // the timestamp says what the clock says
          assert.strictEqual(timestampDelta(frame.timestamp, before.timestamp) / 48, frame.arrivalMs - before.arrivalMs)
        })
        assert.isAbove((heard.at(-1)?.arrivalMs ?? 0) - (heard[0]?.arrivalMs ?? 0), 4_900)
        yield* Rig.blameless
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("seeks to the exact frame", () =>
      Effect.gen(function*() {
        const guest = yield* Rig.guest()
        yield* Rig.run(Effect.gen(function*() {
          const session = yield* Rig.join("lobby")
          const track = yield* session.play(Rig.source(200))
          yield* Effect.sleep("500 millis")
          yield* track.seek("3 seconds")
          yield* Effect.sleep("500 millis")
          yield* track.seek("1 second")
          assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
          yield* Effect.sleep("1 second")
        }))
        const heard = numbers(yield* guest.heard).filter((number) => number !== "-")
        const first = heard.indexOf(150)
        const second = heard.indexOf(50, first)
        assert.isAbove(first, 15)
        assert.isAbove(second, first + 15)
        assert.deepStrictEqual(heard, [...range(0, first), ...range(150, 150 + second - first), ...range(50, 200)])
        yield* Rig.blameless
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("loops a track without a gap", () =>
      Effect.gen(function*() {
        const guest = yield* Rig.guest()
        yield* Rig.run(Effect.gen(function*() {
          const session = yield* Rig.join("lobby")
          const track = yield* session.play(Rig.source(20), { loop: 2 })
          assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
          yield* Effect.sleep("1 second")
        }))
        const heard = yield* guest.heard
        assert.deepStrictEqual(numbers(heard), [...range(0, 20), ...range(0, 20), ...range(0, 20), ...closing])
        assert.strictEqual((heard.at(-1)?.arrivalMs ?? 0) - (heard[0]?.arrivalMs ?? 0), 64 * 20)
        yield* Rig.blameless
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("plays one track after another, as a speaker in a stage", () =>
      Effect.gen(function*() {
        const guest = yield* Rig.guest("stage")
        yield* Rig.run(Effect.gen(function*() {
          const session = yield* Rig.join("stage")
          yield* (yield* faults).suppressUser("bot", false)
          for (const count of [10, 1, 30]) {
            const track = yield* session.play(Rig.source(count))
            assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
          }
          yield* Effect.sleep("1 second")
        }))
        const heard = numbers(yield* guest.heard).filter((number) => number !== "-")
        assert.deepStrictEqual(heard, [...range(0, 10), ...range(0, 1), ...range(0, 30)])
        yield* Rig.blameless
      }).pipe(Effect.provide(Rig.memory())))

    it.effect("reports who connects, speaks and disconnects", () =>
      Effect.gen(function*() {
        const first = yield* Rig.guest("lobby", "first")
        yield* Rig.run(Effect.gen(function*() {
          const session = yield* Rig.join("lobby")
          const seen: Array<unknown> = []
          const events = yield* session.events
          yield* events.pipe(
            Stream.filter(({ _tag }) => _tag !== "E2eeChanged" && _tag !== "Described" && _tag !== "MemberChanged"),
            Stream.runForEach((event) => Effect.sync(() => seen.push(event))),
            Effect.forkScoped({ startImmediately: true })
          )
          const second = yield* Rig.guest("lobby", "second")
          yield* Effect.sleep("10 millis")
          yield* second.setSpeaking(4)
          const ssrc = yield* second.ssrc
          yield* Effect.sleep("10 millis")
          yield* first.leave
          yield* Effect.sleep("10 millis")
          assert.deepStrictEqual(seen, [
            { _tag: "UsersConnected", userIds: [second.userId] },
            { _tag: "Speaking", userId: second.userId, ssrc, flags: 4 },
            { _tag: "UserDisconnected", userId: first.userId }
          ])
        }))
      }).pipe(Effect.provide(Rig.memory())))
  })
})
