import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import type { UserId } from "../../src/protocol/Identifier.ts"
import type { Happening } from "../../src/receive/Hub.ts"
import type { Member } from "../../src/receive/Member.ts"
import * as Receive from "../../src/receive/Receive.ts"
import * as Utterances from "../../src/receive/Utterances.ts"
import * as Rig from "../integration/rig.ts"
import * as Intake from "./intake.ts"
import * as Speech from "./speech.ts"
import * as Voiced from "./voiced.ts"

const noBots = (_: UserId, member?: Member) => member?.bot !== true

describe("the users of utterances", () => {
  it.effect("are chosen by what the session knows of them, also if they come later", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { frames } = yield* Speech.withPauses("speech-1.ogg", [])
      for (const name of ["music", "late"]) yield* discord.createUser({ name, bot: true })
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const music = yield* discord.join({ user: "music", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const heard = new Set<UserId>()
      for (
        const utterances of [Utterances.make(session, { users: noBots }), session.receive.utterances({ users: noBots })]
      ) {
        yield* utterances.pipe(
          Stream.runForEach(({ userId }) => Effect.sync(() => heard.add(userId))),
          Effect.ignore,
          Effect.forkScoped({ startImmediately: true })
        )
      }
      yield* Effect.forkScoped(music.speak(frames))
      yield* Effect.forkScoped(ada.speak(frames))
      const late = yield* discord.join({ user: "late", channel: "lobby" })
      yield* late.speak(frames)
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual([...heard], [ada.userId])
    })).pipe(Effect.provide(Layer.mergeAll(Rig.memory(), OpusDecoder.layer, OpusEncoder.layer))))

  it.effect("are chosen again when something about them changes, and may then be cut off", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const happenings = yield* Queue.unbounded<Happening>()
      const receive = yield* Receive.make(hand.intake)
      const told: Array<Utterances.Event> = []
      const session = { receive, events: Effect.succeed(Stream.fromQueue(happenings)) }
      yield* Utterances.events(session, { users: noBots }).pipe(
        Stream.runForEach((event) => Effect.sync(() => told.push(event))),
        Effect.forkScoped({ startImmediately: true })
      )
      const say = Voiced.speaker(hand)
      const tags = () => told.splice(0).map((event) => event._tag === "Ended" ? event.utterance.reason : event._tag)
      const know = (member?: Partial<Member>) => {
        const known = member === undefined ? {} : { member: { userId: Voiced.userId, ...member } }
        Queue.offerUnsafe(happenings, { _tag: "MemberChanged", userId: Voiced.userId, ...known })
      }
      yield* say(30)
      assert.deepStrictEqual(tags(), ["Started", "Confirmed"])
      // a change that makes no difference to the choice
      know({ name: "somebody" })
      yield* say(10)
      assert.deepStrictEqual(tags(), [])
      know({ bot: true })
      yield* say(30)
      assert.deepStrictEqual(tags(), ["left"])
      // what is still in the jitter buffer starts nothing
      know()
      yield* say(5)
      assert.deepStrictEqual(tags(), [])
      know({ bot: false })
      yield* say(30)
      assert.deepStrictEqual(tags(), ["Started", "Confirmed"])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(tags(), ["silence"])
    }).pipe(Effect.provide(Voiced.layer)))

  it.effect("are named with what was known of them at the end, also if they leave while they speak", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { frames } = yield* Speech.withPauses("speech-1.ogg", [])
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const heard: Array<Utterances.Utterance> = []
      yield* session.receive.utterances().pipe(
        Stream.runForEach((utterance) => Effect.sync(() => heard.push(utterance))),
        Effect.ignore,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* ada.speak(frames)
      yield* Effect.sleep("1 second")
      yield* Effect.forkScoped(Effect.ignore(ada.speak(frames)))
      yield* Effect.sleep("500 millis")
      yield* ada.setSelf({ video: true })
      yield* Effect.sleep("500 millis")
      yield* ada.leave
      yield* Effect.sleep("1 second")
      assert.strictEqual((yield* session.members).size, 0)
      assert.deepStrictEqual(
        [heard[0], heard.at(-1)].map((utterance) => [
          utterance?.reason,
          utterance?.member?.name,
          utterance?.member?.video
        ]),
        [["silence", "ada", false], ["left", "ada", true]]
      )
    })).pipe(Effect.provide(Layer.mergeAll(Rig.memory(), OpusDecoder.layer, OpusEncoder.layer))))
})
