/**
 * Writes what passes between a bot and Discord to a file, without secrets, so that you can attach it to a bug report.
 * Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { AudioSource, Voice, VoiceSession, WireLog } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const bot = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* discord.join({ user: "guest", channel: "lobby" })
  const session = yield* VoiceSession.join({
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("lobby")
  })
  const track = yield* session.play(AudioSource.tone({ frequency: 440, duration: "1 second" }))
  yield* track.awaitEnd
}).pipe(Effect.scoped)

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "wire-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const GatewayLive = discord.layerGateway("bot")
  const path = join(yield* folder, "call.wire.jsonl")

  const Live = Layer.merge(Voice.layer, GatewayLive).pipe(
    Layer.provide(WireLog.layerFile(path))
  )
  yield* Effect.provide(bot, Live)

  const lines = readFileSync(path, "utf8").trimEnd().split("\n")
  yield* Effect.log(`${lines.length} lines, the last one: ${lines.at(-1)}`)
  assert.match(lines.join("\n"), /"token":"<token [0-9a-f]{3}>"/)
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
