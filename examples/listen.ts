/**
 * Listens to a channel: says who is speaking, counts the frames of each member, and reports how many packets were lost.
 * Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Stream } from "effect"
import { OpusEncoder, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const listen = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, total: number) {
  const session = yield* VoiceSession.join(where)
  yield* session.receive.speaking.pipe(
    Stream.runForEach(({ speaking, userId }) => Effect.log(`${userId} ${speaking ? "starts" : "stops"} speaking`)),
    Effect.forkScoped
  )
  const counts = new Map<string, number>()
  yield* session.receive.frames.pipe(
    Stream.filter(({ kind }) => kind === "audio"),
    Stream.take(total),
    Stream.runForEach(({ userId }) => Effect.sync(() => counts.set(userId, (counts.get(userId) ?? 0) + 1)))
  )
  return { counts, ...session.receive.statistics() }
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const frames = yield* tone.frames(1)
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const guests = yield* Effect.forEach(["ada", "bob"], (user) => discord.join({ user, channel: "lobby" }))
  for (const guest of guests) yield* Effect.forkScoped(Effect.forever(guest.speak(frames)))

  const { counts, lost, received } = yield* listen(where, 100).pipe(Effect.provide(discord.layerVoice("bot")))

  for (const { userId } of guests) yield* Effect.log(`${counts.get(userId)} frames from ${userId}`)
  yield* Effect.log(`${received} packets received, ${lost} lost`)
  assert.deepEqual(new Set(counts.keys()), new Set(guests.map(({ userId }) => userId)))
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
