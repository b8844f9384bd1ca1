import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Recorder from "../../src/receive/Recorder.ts"
import * as Rig from "../integration/rig.ts"
import * as Kit from "./record/kit.ts"
import { layer, lobby, start } from "./record/recording.ts"

const names = ({ users }: Recorder.Manifest) => users.map(({ name }) => name)

describe("Recorder, names in the manifest", () => {
  it.effect("are the last known names of the users in the guild", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, bob, discord, session } = yield* lobby
      yield* discord.faults.setNick("ada", "Countess")
      // a voice state contains the name
      yield* ada.setSelf({ mute: true })
      yield* Effect.sleep("100 millis")
      const recording = yield* start(session, Kit.disk(), { files: "none" })
      assert.deepStrictEqual(names(yield* recording.manifest), ["Countess", "bob"])
      const eve = yield* Effect.scoped(Effect.gen(function*() {
        const eve = yield* discord.join({ user: "eve", channel: "lobby" })
        yield* discord.faults.setNick("bob", "Robert")
        yield* bob.setSelf({ mute: true })
        yield* Effect.sleep("1 second")
        return eve
      }))
      yield* Effect.sleep("1 second")
      const { users } = yield* recording.stop
      assert.deepStrictEqual(
        users.map(({ name, userId }) => [userId, name]),
        [[ada.userId, "Countess"], [bob.userId, "Robert"], [eve.userId, "eve"]]
      )
    })).pipe(Effect.provide(layer)))

  it.effect("survive when the process is killed and the recording is repaired", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const disk = Kit.disk()
      yield* start(session, disk)
      yield* ada.speak(Rig.frames(50))
      // this is all that will ever be on the disk
      const left = Kit.disk()
      for (const [path, bytes] of disk.files) left.files.set(path, bytes.slice())
      const repaired = yield* Effect.provideService(Recorder.repair("/recording"), Recorder.Storage, left)
      assert.strictEqual(repaired.state, "repaired")
      assert.deepStrictEqual(names(repaired), ["ada", "bob"])
    })).pipe(Effect.provide(layer)))

  it.effect("are absent if the session does not provide them", () =>
    Rig.run(Effect.gen(function*() {
      const { session } = yield* lobby
      const { channelId, changes, guildId, packets, receive, sent, userId } = session
      const plain = { channelId, changes, guildId, packets, receive, sent, userId, events: session.events }
      const recording = yield* Recorder.start(plain, { folder: "/recording" }).pipe(
        Effect.provideService(Recorder.Storage, Kit.disk())
      )
      assert.deepStrictEqual(names(yield* recording.manifest), [undefined, undefined])
      assert.notProperty((yield* recording.stop).users[0], "name")
    })).pipe(Effect.provide(layer)))
})
