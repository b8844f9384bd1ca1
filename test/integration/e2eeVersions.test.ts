/**
 * A member who cannot encrypt comes and goes in a channel that does not require encryption; and the bot alone in its
 * channel.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Party from "./party.ts"
import * as Rig from "./rig.ts"

const numberOf = (payload: Uint8Array) => ((payload[1] ?? 0) << 8) | (payload[2] ?? 0)

const gaps = (numbers: ReadonlyArray<number>) =>
  numbers.reduce((sum, number, i) => sum + (i === 0 ? 0 : number - (numbers[i - 1] ?? 0) - 1), 0)

describe("a member who cannot encrypt", () => {
  for (const daveFirstTransition of ["zero", "counted"] as const) {
    it.effect(`turns encryption off and on again while all speak: first transition ${daveFirstTransition}`, () =>
      Party.run(
        Effect.gen(function*() {
          const party = yield* Party.makeParty
          const host = yield* party.arrive("host", "lobby")
          const { packets, session } = yield* party.enter("lobby")
          yield* party.rest("lobby")
          const versions: Array<number> = []
          const events = yield* session.events
          yield* events.pipe(
            Stream.runForEach((event) =>
              Effect.sync(() => {
                if (event._tag === "E2eeChanged" && event.e2ee.version !== versions.at(-1)) {
                  versions.push(event.e2ee.version)
                }
              })
            ),
            Effect.forkChild({ startImmediately: true })
          )
          // the speaker is known before its first plain frame comes
          yield* host.participant.setSpeaking(1)
          const total = 300
          const bot = yield* session.play(AudioSource.fromFrames(Rig.frames(total, 1)))
          const talking = yield* Effect.forkChild(host.participant.speak(Rig.frames(total, 2)), {
            startImmediately: true
          })
          yield* Effect.sleep("1 second")
          const plain = yield* party.arrive("plain", "lobby", { e2ee: false })
          yield* Effect.sleep("2 seconds")
          const open = yield* session.e2ee
          assert.deepStrictEqual([open.version, open.transitioning], [0, false])
          assert.isUndefined(yield* host.participant.e2ee)
          yield* party.leave("plain")
          assert.deepStrictEqual(yield* bot.awaitEnd, { _tag: "Finished" })
          yield* Fiber.join(talking)
          yield* Effect.sleep("100 millis")
          yield* party.rest("lobby")
          assert.deepStrictEqual(versions, [1, 0, 1])

          const byBot = yield* party.heardBy(host, party.botId)
          assert.deepStrictEqual(
            byBot.map(({ payload }) => numberOf(payload)),
            Array.from({ length: total }, (_, i) => i)
          )
          const byHost = yield* party.heardBy(party.botHere(), host.participant.userId)
          const numbers = byHost.map(({ payload }) => numberOf(payload))
          assert.deepStrictEqual(numbers.toSorted((a, b) => a - b), numbers)
          assert.deepStrictEqual([numbers[0], numbers.at(-1)], [0, total - 1])
          const all = yield* Effect.orDie(session.statistics)
          assert.isAtMost(gaps(numbers), 2)
          // what is not heard is counted
          assert.strictEqual(
            all.undecryptable + all.unencrypted + all.fromNonMembers + all.unknownSenders,
            gaps(numbers)
          )
          assert.strictEqual(all.framesWithheld, 0)
          assert.isAtLeast(packets.length, total - 2)

          // the member who cannot encrypt heard both in the clear, and nothing else
          const heard = (yield* plain.participant.heard).filter(({ silence }) => !silence)
          assert.isTrue(heard.every(({ encrypted }) => !encrypted))
          for (const [seed, userId] of [[1, party.botId], [2, host.participant.userId]] as const) {
            const said = heard.filter((frame) => frame.userId === userId)
            assert.isAtLeast(said.length, 90)
            for (const { payload } of said) {
              assert.deepStrictEqual(payload, Rig.frames(total, seed)[numberOf(payload)]?.data)
            }
          }
          yield* party.talk("lobby", 3)
          assert.deepStrictEqual(yield* party.discord.violations, [])
          assert.deepStrictEqual(yield* party.discord.advice, [])
        }),
        { profile: { ...Rig.open, daveFirstTransition, daveEpochTransition: daveFirstTransition === "zero" } }
      ))
  }
})

describe("a bot that cannot encrypt", () => {
  it.effect("is refused where encryption is required, but can join an optional channel and a stage", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.createChannel({ name: "open", e2ee: "optional" })
      // below version 8 the bot announces no encryption
      const reason = yield* Rig.reasonOf(Rig.join("lobby", { version: 7 }))
      assert(reason._tag === "E2eeRequired")
      assert.strictEqual(reason.code, 4017)
      const violations = Effect.map(discord.violations, (all) => all.map(({ code }) => code))
      assert.deepStrictEqual(yield* violations, ["e2ee-required"])
      for (const channel of ["open", "stage"]) {
        yield* Effect.scoped(Effect.gen(function*() {
          const session = yield* Rig.join(channel, { version: 7 })
          assert.strictEqual((yield* session.e2ee).version, 0)
        }))
      }
      yield* Effect.scoped(Rig.join("lobby"))
      assert.deepStrictEqual(yield* violations, ["e2ee-required"])
    })).pipe(Effect.provide(Rig.memory())))
})

describe("a call that begins in the clear", () => {
  it.effect("becomes encrypted at the transition, in the middle of a track", () =>
    Party.run(
      Effect.gen(function*() {
        const party = yield* Party.makeParty
        const host = yield* party.arrive("host", "lobby")
        yield* party.arrive("plain", "lobby", { e2ee: false })
        const { session } = yield* party.enter("lobby")
        yield* Effect.sleep("1 second")
        assert.strictEqual((yield* session.e2ee).version, 0)
        const total = 300
        const track = yield* session.play(AudioSource.fromFrames(Rig.frames(total, 1)))
        yield* Effect.sleep("1 second")
        yield* party.leave("plain")
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        yield* Effect.sleep("200 millis")
        assert.strictEqual((yield* session.e2ee).version, 1)

        const said = yield* party.heardBy(host, party.botId)
        assert.deepStrictEqual(
          said.map(({ payload }) => numberOf(payload)),
          Array.from({ length: total }, (_, i) => i)
        )
        const heard = (yield* host.participant.heard).filter(({ silence, userId }) =>
          !silence && userId === party.botId
        )
        assert.lengthOf(heard, total)
        const first = heard.findIndex(({ encrypted }) => encrypted)
        assert.isTrue(first >= 40 && first <= 150, `encrypted from frame ${first} on`)
        assert.isTrue(heard.slice(first).every(({ encrypted }) => encrypted), "none in the clear after that")
        assert.strictEqual((yield* Effect.orDie(session.statistics)).framesEncrypted, total - first)
        assert.deepStrictEqual(yield* party.discord.violations, [])
      }),
      { profile: Rig.open }
    ))
})

describe("silence in a track", () => {
  it.effect("is never encrypted", () =>
    Party.run(Effect.gen(function*() {
      const party = yield* Party.makeParty
      const host = yield* party.arrive("host", "secure")
      const { session } = yield* party.enter("secure")
      yield* party.rest("secure")
      const [first, second] = Rig.frames(2)
      assert(first !== undefined && second !== undefined)
      const track = yield* session.play(AudioSource.fromFrames([first, { data: Rig.silence, samples: 960 }, second]))
      yield* track.awaitEnd
      yield* Effect.sleep("200 millis")
      const heard = yield* host.participant.heard
      assert.deepStrictEqual(
        heard.map(({ encrypted, silence }) => [encrypted, silence]),
        [[true, false], [false, true], [true, false], ...Array.from({ length: 5 }, () => [false, true])]
      )
    })))
})

describe("a track in an encrypted channel", () => {
  it.effect("continues unheard while the bot is alone, and each new guest hears it without loss", () =>
    Party.run(Effect.gen(function*() {
      const party = yield* Party.makeParty
      yield* party.arrive("host", "secure")
      const { session } = yield* party.enter("secure")
      yield* party.rest("secure")
      yield* session.play(AudioSource.fromFrames(Rig.frames(1_000, 1)))
      yield* Effect.sleep("1 second")
      for (const name of ["second", "third"]) {
        for (const guest of Array.from(party.guests.keys())) yield* party.leave(guest)
        const before = (yield* Effect.orDie(session.statistics)).framesWithheld
        yield* Effect.sleep("2 seconds")
        const { membership, version } = yield* session.e2ee
        assert.deepStrictEqual([membership, version], [undefined, 1])
        const withheld = (yield* Effect.orDie(session.statistics)).framesWithheld - before
        assert.isAtLeast(withheld, 95)
        assert.isAtMost(withheld, 100)
        const guest = yield* party.arrive(name, "secure")
        yield* Effect.sleep("1 second")
        yield* party.rest("secure")
        const numbers = (yield* party.heardBy(guest, party.botId)).map(({ payload }) => numberOf(payload))
        assert.isAtLeast(numbers.length, 45)
        assert.strictEqual(gaps(numbers), 0)
        // nothing was lost while the group was created
        const { framesWithheld } = yield* Effect.orDie(session.statistics)
        assert.isAtMost(framesWithheld - before - withheld, 1)
      }
      yield* party.discreet
      assert.deepStrictEqual(yield* party.discord.violations, [])
      assert.deepStrictEqual(yield* party.discord.advice, [])
    })))

  it.effect("waits for the group, so that its first frame is heard", () =>
    Party.run(Effect.gen(function*() {
      const party = yield* Party.makeParty
      const late = { misbehave: { keyPackage: { delayMs: 1_500 } } }
      const host = yield* party.arrive("host", "secure", late)
      const { session } = yield* party.enter("secure")
      const track = yield* session.play(AudioSource.fromFrames(Rig.frames(50, 1)))
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(yield* host.participant.heard, [])
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      yield* Effect.sleep("100 millis")
      const heard = (yield* party.heardBy(host, party.botId)).map(({ payload }) => numberOf(payload))
      assert.deepStrictEqual(heard, Array.from({ length: 50 }, (_, i) => i))
      assert.strictEqual((yield* Effect.orDie(session.statistics)).framesWithheld, 0)
      assert.deepStrictEqual(yield* party.discord.violations, [])
    })))

  it.effect("waits at most five seconds for the group, and is heard once the group exists", () =>
    Party.run(Effect.gen(function*() {
      const party = yield* Party.makeParty
      const host = yield* party.arrive("host", "secure", { misbehave: { keyPackage: { delayMs: 8_000 } } })
      const { session } = yield* party.enter("secure")
      const from = yield* Clock.currentTimeMillis
      const track = yield* session.play(AudioSource.fromFrames(Rig.frames(400, 1)))
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      const elapsedMs = (yield* Clock.currentTimeMillis) - from
      assert.isAtLeast(elapsedMs, 5_000 + 7_900)
      assert.isAtMost(elapsedMs, 5_000 + 8_200)
      yield* Effect.sleep("100 millis")
      const heard = (yield* party.heardBy(host, party.botId)).map(({ payload }) => numberOf(payload))
      assert.strictEqual(gaps(heard), 0)
      assert.strictEqual(heard.at(-1), 399)
      const { framesWithheld } = yield* Effect.orDie(session.statistics)
      assert.strictEqual(heard[0], framesWithheld)
      assert.isAtMost(Math.abs(framesWithheld - 150), 5)
    })))
})
