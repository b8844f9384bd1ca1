import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Emulator from "../../../src/emulator/Emulator.ts"
import * as Rig from "../../integration/rig.ts"
import * as Trial from "../Trial.ts"
import { scriptOf } from "./environment.ts"
import * as Visit from "./Visit.ts"

const script = scriptOf("discord.py", "bot_discord_py.py")

describe("discord.py 2.7.1", () => {
  const sees = (compression: string) =>
    Effect.gen(function*() {
      const client = yield* Visit.sees(script, { compression })
      assert.strictEqual((yield* client.foreign.untilTag("Compression"))["name"], compression)
      assert.deepStrictEqual((yield* client.foreign.untilTag("Commands"))["names"], ["play"])
    }).pipe(Effect.scoped, Effect.provide(Visit.discord))

  it.live("sees the guild and who is in voice, with zlib", () => sees("zlib-stream"))

  it.live("sees the guild and who is in voice, with Zstandard", () => sees("zstd-stream"))

  it.live("plays and listens, moves, is moved, cut off, kicked and comes back", () =>
    Visit.visit({ script, e2ee: false }).pipe(
      Effect.provide(Trial.us),
      Effect.scoped,
      Effect.provide(Visit.discord)
    ))

  it.live("does not decrypt end-to-end encrypted audio (imayhaveborkedit/discord-ext-voice-recv#64)", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* discord.join({ user: "guest", channel: "secure" })
      const client = yield* Trial.start(script, { e2ee: true, sealed: true })
      yield* client.join("secure")
      yield* client.listen(guest.userId)
      yield* Trial.until(Effect.gen(function*() {
        yield* Effect.orDie(guest.speak(Rig.frames(5, 1)))
        const heard = client.heard(guest.userId)
        assert.isNotEmpty(heard)
        // the marker of an end-to-end encrypted frame
        for (const packet of heard) assert.deepStrictEqual(Array.from(packet.slice(-2)), [0xfa, 0xfa])
      }))
      yield* Trial.blameless
    }).pipe(Effect.scoped, Effect.provide(Visit.discordE2ee)))

  it.live("does not remove padding from what it receives (no thread is known)", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* discord.join({ user: "guest", channel: "lobby", audio: { padding: [4] } })
      const client = yield* Trial.start(script)
      yield* client.join("lobby")
      yield* client.listen(guest.userId)
      const [frame] = Rig.frames(1, 1)
      const padded = [...frame?.data ?? [], 0, 0, 0, 4]
      yield* Trial.until(Effect.gen(function*() {
        yield* Effect.orDie(guest.speak(Rig.frames(5, 1)))
        assert.deepInclude(client.heard(guest.userId).map((packet) => Array.from(packet)), padded)
      }))
    }).pipe(Effect.scoped, Effect.provide(Visit.discord)))
})
