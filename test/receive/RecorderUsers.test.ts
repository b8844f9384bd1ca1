import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Rig from "../integration/rig.ts"
import * as Kit from "./record/kit.ts"
import { layer, soundsIn, start } from "./record/recording.ts"

const soundOf = (disk: Kit.Disk, { userId }: Emulator.Participant) => soundsIn(disk.file(`${userId}.ogg`))

describe("Recorder, the users", () => {
  it.effect("are chosen by what the session knows of them, also if they come later", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      for (const name of ["music", "late"]) yield* discord.createUser({ name, bot: true })
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const music = yield* discord.join({ user: "music", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { users: (_, member) => member?.bot !== true })
      const late = yield* discord.join({ user: "late", channel: "lobby" })
      const bob = yield* discord.join({ user: "bob", channel: "lobby" })
      yield* Effect.sleep("1 second")
      for (const [seed, user] of [ada, music, late, bob].entries()) yield* user.speak(Rig.frames(25, seed))
      yield* Effect.sleep("1 second")
      yield* recording.stop
      assert.lengthOf(yield* soundOf(disk, ada), 25)
      assert.lengthOf(yield* soundOf(disk, bob), 25)
      for (const { userId } of [music, late]) {
        assert.isFalse(disk.files.has(`/recording/${userId}.ogg`))
      }
    })).pipe(Effect.provide(layer)))

  it.effect("are chosen again when something about them changes", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { users: (_, member) => member?.selfDeaf !== true })
      const parts: Array<string> = []
      for (const deaf of [false, true, false]) {
        yield* ada.setSelf({ deaf })
        yield* Effect.sleep("1 second")
        const frames = Rig.frames(10, parts.length)
        parts.push(Buffer.from(frames[0]?.data ?? []).toString("hex"))
        yield* ada.speak(frames)
      }
      yield* Effect.sleep("1 second")
      yield* recording.stop
      const sounds = yield* soundOf(disk, ada)
      assert.lengthOf(sounds, 20)
      assert.deepStrictEqual(parts.map((first) => sounds.some(({ data }) => data === first)), [true, false, true])
    })).pipe(Effect.provide(layer)))

  it.effect("can be those who have agreed so far", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const bob = yield* discord.join({ user: "bob", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const disk = Kit.disk()
      const agreed = new Set<string>()
      const recording = yield* start(session, disk, { users: (userId) => agreed.has(userId) })
      const say = Effect.gen(function*() {
        for (const [seed, user] of [ada, bob].entries()) yield* user.speak(Rig.frames(10, seed))
        yield* Effect.sleep("1 second")
      })
      yield* say
      agreed.add(ada.userId)
      yield* say
      agreed.delete(ada.userId)
      yield* say
      const { users } = yield* recording.stop
      assert.lengthOf(yield* soundOf(disk, ada), 10)
      assert.deepStrictEqual(users.map(({ userId }) => userId), [ada.userId])
    })).pipe(Effect.provide(layer)))
})
