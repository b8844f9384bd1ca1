/** Playback while our own part in the group is late, as when a thread starts late on a busy machine. */
import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Layer } from "effect"
import * as Dave from "../../src/Dave.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as Rig from "./rig.ts"

/** A driver whose groups get their first key package this late. */
const late = (by: Duration.Input) =>
  Layer.fresh(VoiceDriver.layer).pipe(
    Layer.provide(Layer.effect(
      Dave.Dave,
      Dave.Dave.useSync(({ maxVersion, open }) => ({
        maxVersion,
        open: (options) =>
          Effect.map(open(options), (group): Dave.Group => ({
            create: (version) => Effect.delay(group.create(version), by),
            setExternalSender: (sender) => group.setExternalSender(sender),
            proposals: (...given) => group.proposals(...given),
            commit: (commit) => group.commit(commit),
            welcome: (welcome) => group.welcome(welcome),
            membership: () => group.membership(),
            verificationCode: (userId) => group.verificationCode(userId),
            protect: (...given) => group.protect(...given),
            decrypt: (...given) => group.decrypt(...given)
          }))
      }))
    ))
  )

describe("a group that is late", () => {
  for (const by of ["100 millis", "3 seconds", "8 seconds"] as const) {
    it.effect(`by ${by} makes playback wait, which is then heard from its first frame`, () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* discord.join({ user: "guest", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const track = yield* session.play(Rig.source(50))
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        yield* Effect.sleep("100 millis")
        const heard = (yield* guest.heard).filter(({ silence }) => !silence)
        assert.deepStrictEqual(heard.map(({ payload }) => payload), Rig.payloads(Rig.frames(50)))
        assert.strictEqual((yield* session.statistics).framesWithheld, 0)
      })).pipe(Effect.provide(Layer.provideMerge(late(by), Rig.memory()))))
  }

  for (const atMs of [1_000, 5_000] as const) {
    it.effect(`by 25 s begins although the WebSocket was lost after ${atMs} ms`, () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* discord.join({ user: "guest", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const track = yield* session.play(Rig.source(50))
        yield* Effect.sleep(atMs)
        yield* discord.faults.terminateVoice("bot")
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        yield* Effect.sleep("100 millis")
        const heard = (yield* guest.heard).filter(({ silence }) => !silence)
        assert.deepStrictEqual(heard.map(({ payload }) => payload), Rig.payloads(Rig.frames(50)))
        assert.strictEqual((yield* session.state)._tag, "Ready")
      })).pipe(Effect.provide(Layer.provideMerge(late("25 seconds"), Rig.memory()))))
  }
})
