import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import type { Happening } from "../../src/receive/Hub.ts"
import type { Member } from "../../src/receive/Member.ts"
import * as Receive from "../../src/receive/Receive.ts"
import * as Utterances from "../../src/receive/Utterances.ts"
import { VoiceActivity } from "../../src/receive/VoiceActivity.ts"
import { MockOpusDecoder } from "../../src/testing/index.ts"
import * as Rig from "../integration/rig.ts"
import * as Intake from "./intake.ts"
import * as Schedule from "./schedule.ts"
import * as Speech from "./speech.ts"

const noBots = (_: UserId, member?: Member) => member?.bot !== true

/** Everything is speech. */
const Voiced = Layer.succeed(VoiceActivity, { make: () => Effect.succeed(() => true) })

describe("the users of utterances", () => {
  it.effect("are chosen by what a session knows of them, also of those who come later", () =>
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

  it.effect("are asked for anew when somebody becomes known, and so for as long as anything comes of them", () =>
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
      const userId = UserId.make("100000000000000001")
      let sequence = 0
      const say = Effect.fnUntraced(function*(frames: number) {
        for (let n = 0; n < frames; n++, sequence++) {
          const arrivalMs = Number(yield* Clock.monotonicTimeNanos) / 1e6
          const payload = Schedule.opus(960, sequence)
          hand.push({ ssrc: Ssrc.make(1), userId, sequence, timestamp: sequence * 960, payload, arrivalMs })
          yield* TestClock.adjust(20)
        }
      })
      const tags = () => told.splice(0).map((event) => event._tag === "Ended" ? event.utterance.reason : event._tag)
      const know = (member?: Partial<Member>) => {
        const known = member === undefined ? {} : { member: { userId, ...member } }
        Queue.offerUnsafe(happenings, { _tag: "MemberChanged", userId, ...known })
      }
      yield* say(30)
      assert.deepStrictEqual(tags(), ["Started", "Confirmed"])
      // nothing new of what is asked for
      know({ name: "somebody" })
      yield* say(10)
      assert.deepStrictEqual(tags(), [])
      know({ bot: true })
      yield* say(30)
      assert.deepStrictEqual(tags(), ["left"])
      // what is still in the jitter buffer is nobody else's
      know()
      yield* say(5)
      assert.deepStrictEqual(tags(), [])
      know({ bot: false })
      yield* say(30)
      assert.deepStrictEqual(tags(), ["Started", "Confirmed"])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(tags(), ["silence"])
    }).pipe(Effect.provide(Layer.merge(MockOpusDecoder.layer, Voiced))))
})
