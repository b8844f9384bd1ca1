import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Profile from "../../src/emulator/core/Profile.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"

const frames = (count: number, first = 0) =>
  Array.from({ length: count }, (_, i) => ({ data: Uint8Array.of(0xfc, first + i), samples: 960 }))

const voiced = (guest: Emulator.Participant) =>
  Effect.map(guest.heard, (heard) => heard.filter(({ silence }) => !silence))

/** Lets a guest speak while two virtual seconds pass. */
const say = Effect.fnUntraced(function*(guest: Emulator.Participant, words: ReturnType<typeof frames>) {
  const speaking = yield* Effect.forkScoped(guest.speak(words), { startImmediately: true })
  yield* Emulator.Emulator.use(({ settle }) => settle)
  yield* TestClock.adjust("2 seconds")
  yield* Fiber.join(speaking)
})

const open: Emulator.WorldOptions = { channels: [{ name: "lobby", e2ee: "optional" }] }

describe("End-to-end encryption", () => {
  it.effect("lets guests hear each other and reports their group, privacy codes and verification codes", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const alice = yield* discord.join({ user: "alice", channel: "secure" })
      assert.isUndefined(yield* alice.e2ee)
      const bob = yield* discord.join({ user: "bob", channel: "secure" })
      yield* say(alice, frames(50))
      const heard = yield* bob.heard
      assert.deepStrictEqual(heard.slice(0, 50).map(({ payload }) => payload), frames(50).map(({ data }) => data))
      assert.isTrue(heard.every(({ encrypted, silence }) => encrypted !== silence))
      const group = yield* bob.e2ee
      assert.deepStrictEqual(yield* alice.e2ee, group)
      assert.deepStrictEqual(group && { ...group, privacyCode: "" }, {
        version: 1,
        epoch: 1,
        privacyCode: "",
        members: [alice.userId, bob.userId]
      })
      const codes = yield* discord.privacyCodes("secure")
      assert.deepStrictEqual(Array.from(codes), [
        [alice.userId, group?.privacyCode],
        [bob.userId, group?.privacyCode]
      ])
      const code = yield* alice.verificationCode("bob")
      assert.match(code ?? "", /^\d{45}$/)
      assert.strictEqual(yield* bob.verificationCode(alice.userId), code)
      assert.isUndefined(yield* bob.verificationCode("bot"))
      assert.strictEqual((yield* Effect.flip(bob.verificationCode("nobody"))).reason._tag, "UnknownName")
      assert.strictEqual((yield* Effect.flip(discord.privacyCodes("nowhere"))).reason._tag, "UnknownName")
      assert.deepStrictEqual(yield* discord.violations, [])
      assert.deepStrictEqual(yield* discord.advice, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("keeps users who cannot encrypt out of channels that require it", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      for (const channel of ["lobby", "secure"]) {
        const error = yield* Effect.flip(discord.join({ user: "old", channel, e2ee: false }))
        assert.strictEqual(error.reason._tag, "NotJoinable")
        assert.include(error.message, "end-to-end encryption")
        assert.include(error.message, "e2ee: \"optional\"")
      }
      yield* discord.join({ user: "old", channel: "stage", e2ee: false })
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("is required in every channel except stages, unless the profile or the channel says otherwise", () =>
    Effect.gen(function*() {
      const demands = (profile: Profile.Profile) =>
        Effect.gen(function*() {
          const discord = yield* Emulator.Emulator
          yield* discord.createChannel({ name: "usual" })
          yield* discord.createChannel({ name: "open", e2ee: "optional" })
          yield* discord.createChannel({ name: "closed", e2ee: "required" })
          yield* discord.createChannel({ name: "podium", kind: "stage", e2ee: "required" })
          return (yield* discord.snapshot).channels.map(({ e2ee }) => e2ee)
        }).pipe(Effect.provide(Emulator.layerMemory({ profile }), { local: true }))
      const today = ["required", "required", "never", "required", "optional", "required", "never"]
      const open = ["optional", "required", "never", "optional", "optional", "required", "never"]
      assert.deepStrictEqual(yield* demands(Profile.today), today)
      assert.deepStrictEqual(yield* demands({ ...Profile.today, channelE2ee: "optional" }), open)
      assert.deepStrictEqual(yield* demands(Profile.year2022), open)
    }))

  it.effect("is not used in a channel while one member cannot encrypt", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const plain = yield* discord.join({ user: "old", channel: "lobby", e2ee: false })
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      yield* say(plain, frames(2))
      yield* say(guest, frames(2, 2))
      assert.deepStrictEqual((yield* voiced(guest)).map(({ encrypted }) => encrypted), [false, false])
      assert.deepStrictEqual((yield* voiced(plain)).map(({ encrypted }) => encrypted), [false, false])
      assert.deepStrictEqual(Array.from((yield* discord.privacyCodes("lobby")).values()), [undefined, undefined])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory({ world: open }))))

  it.effect("uses a new group in each channel that the guests move to, and none in a stage", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guests = [
        yield* discord.join({ user: "alice", channel: "lobby" }),
        yield* discord.join({ user: "bob", channel: "lobby" })
      ]
      const codes = new Set<string | undefined>()
      for (const channel of ["lobby", "secure", "stage", "lobby"]) {
        for (const user of channel === "lobby" && codes.size === 0 ? [] : ["alice", "bob"]) {
          yield* discord.faults.moveUser(user, channel)
        }
        const there = new Set((yield* discord.privacyCodes(channel)).values())
        assert.strictEqual(there.size, 1)
        for (const code of there) codes.add(code)
        assert.strictEqual((yield* guests[1]?.e2ee ?? Effect.undefined) === undefined, channel === "stage")
      }
      assert.strictEqual(codes.size, 4)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("reports garbage frames from a misbehaving guest as undecryptable, until the guest behaves again", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const alice = yield* discord.join({ user: "alice", channel: "lobby" })
      const mallory = yield* discord.join({ user: "mallory", channel: "lobby", misbehave: { frames: "garbage" } })
      yield* say(mallory, frames(3))
      assert.deepStrictEqual(Array.from(yield* alice.undecryptable), [["no-key", 3]])
      assert.strictEqual((yield* discord.counters).get("participant-undecryptable:no-key"), 3)
      yield* mallory.misbehave({})
      yield* say(mallory, frames(3))
      assert.lengthOf(yield* voiced(alice), 3)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("produces the same run for the same seed, although the keys differ", () =>
    Effect.gen(function*() {
      const run = Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const alice = yield* discord.join({ user: "alice", channel: "lobby" })
        const bob = yield* discord.join({ user: "bob", channel: "lobby", misbehave: { keyPackage: { delayMs: 40 } } })
        const speaking = yield* Effect.forkScoped(alice.speak(frames(20)), { startImmediately: true })
        yield* TestClock.adjust("100 millis")
        const carol = yield* discord.join({ user: "carol", channel: "lobby" })
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(speaking)
        return {
          code: (yield* bob.e2ee)?.privacyCode,
          heard: [yield* bob.heard, yield* carol.heard],
          counters: Array.from(yield* discord.counters)
        }
      }).pipe(
        Effect.scoped,
        Effect.provide(Emulator.layerMemory({ seed: 5 }), { local: true }),
        // Arrival times come from the clock, which has to start from zero again.
        Effect.provide(TestClock.layer(), { local: true })
      )
      const [first, again] = [yield* run, yield* run]
      assert.deepStrictEqual({ ...first, code: "" }, { ...again, code: "" })
      assert.notStrictEqual(first.code, again.code)
      assert.isAbove(first.heard[0]?.length ?? 0, 0)
    }))

  it.live("works over loopback", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const alice = yield* discord.join({ user: "alice", channel: "secure" })
      const bob = yield* discord.join({ user: "bob", channel: "secure" })
      yield* alice.speak(frames(5))
      const heard = yield* bob.awaitFrames(5)
      assert.isTrue(heard.every(({ encrypted }) => encrypted))
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))
})
