import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Rig from "../integration/rig.ts"
import * as Group from "./Group.ts"
import * as Trial from "./Trial.ts"

const script = "discord.js.script.ts"
const song = fileURLToPath(new URL("../../examples/song.ogg", import.meta.url))

/** Encryption is not required. */
const discord = Emulator.layer({ tls: true, profile: Rig.open, world: { channels: [{ name: "other" }] } })

/** What `voiceStateUpdate` reported about a user, in order. */
const moves = (client: Trial.Client, userId: string) =>
  client.foreign.told().filter(({ _tag, user }) => _tag === "VoiceStateUpdate" && user === userId)
    .map(({ channel }) => channel)

describe.concurrent("discord.js 14", () => {
  const sees = (compress: boolean) =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const lobby = yield* discord.channel("lobby")
      const other = yield* discord.channel("other")
      const early = yield* discord.join({ user: "early", channel: "lobby" })
      const client = yield* Trial.start(script, { compress })
      const world = yield* client.foreign.untilTag("World")
      assert.match(String(world["user"]), /^bot#\d{4}$/)
      assert.strictEqual(world["application"], client.userId)
      assert.strictEqual(world["guild"], "guild")
      assert.strictEqual(world["member"], "bot")
      assert.strictEqual(world["fetched"], 4)
      assert.deepStrictEqual(world["occupants"], [{ user: early.userId, channel: lobby }])
      assert.deepInclude(world["channels"], { id: other, name: "other" })

      const late = yield* discord.join({ user: "late", channel: "lobby" })
      yield* discord.faults.moveUser("late", "other")
      yield* late.leave
      yield* Trial.until(
        Effect.sync(() => assert.deepStrictEqual(moves(client, late.userId), [lobby, other, null]))
      )
      const compressed = (yield* discord.counters).get("gateway-payload-compressed") ?? 0
      assert.strictEqual(compressed > 0, compress)
      yield* Trial.blameless
    }).pipe(Effect.scoped, Effect.provide(discord))

  it.live("sees the guild and who is in voice", () => sees(false))

  it.live("sees the guild and who is in voice, with compression", () => sees(true))

  it.live("joins with its own adapter, plays a file, listens, and leaves", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const lobby = yield* discord.channel("lobby")
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const client = yield* Trial.start(script, { compress: false })
      const us = yield* Trial.ours("lobby")
      yield* client.join("lobby")
      for (const { userId } of [guest, us]) yield* client.listen(userId)
      yield* client.playFile(song)
      const packets = yield* Trial.packetsOf(song)
      yield* Trial.until(Effect.gen(function*() {
        const heard = (yield* guest.heard).filter(({ silence, userId }) => !silence && userId === client.userId)
        assert.deepStrictEqual(heard.map(({ payload }) => payload), packets)
        assert.deepStrictEqual(us.heard(client.userId), packets)
      }))
      yield* Trial.listens(client, guest, 2, us)
      yield* client.leave
      yield* Trial.until(Effect.sync(() => assert.deepStrictEqual(moves(client, client.userId), [lobby, null])))
      yield* Trial.blameless
    }).pipe(Effect.provide(Trial.us), Effect.scoped, Effect.provide(discord)))

  it.live(
    "is end-to-end encrypted by default: plays a file, listens, and shows the same codes as the others",
    () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* discord.join({ user: "guest", channel: "secure" })
        const client = yield* Trial.start(script, { compress: false, e2ee: true })
        const us = yield* Trial.ours("secure")
        yield* client.join("secure")
        for (const { userId } of [guest, us]) yield* client.listen(userId)
        yield* Group.agreed("secure", client, [guest], us)
        yield* client.playFile(song)
        const packets = yield* Trial.packetsOf(song)
        yield* Trial.until(Effect.gen(function*() {
          const heard = (yield* guest.heard).filter(({ silence, userId }) => !silence && userId === client.userId)
          assert.isTrue(heard.every(({ encrypted }) => encrypted))
          assert.deepStrictEqual(heard.map(({ payload }) => payload), packets)
          assert.deepStrictEqual(us.heard(client.userId), packets)
        }))
        yield* Trial.listens(client, guest, 2, us)
        yield* Group.verified(client, [guest], us)
        yield* client.leave
        yield* Trial.gone(client)
        yield* Trial.blameless
      }).pipe(Effect.provide(Trial.us), Effect.scoped, Effect.provide(Group.discord))
  )
})
