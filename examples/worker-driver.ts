/**
 * A bot that is heard without gaps while it is busy. Sockets, encryption and the beat run in one thread and mixing in
 * another, so that a blocked main thread is not heard. The session only gets a different layer, and works as before.
 * Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { AudioSource, Voice, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const busyMs = 600

/** Counts the packets that leave while the bot's own thread is busy. */
const playWhileBusy = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, guest: Emulator.Participant) {
  const session = yield* VoiceSession.join(where)
  const source = AudioSource.fromPcm(tone.pcm(3), { channels: 2, rate: 48_000 })
  // read further ahead than the bot is ever busy
  const track = yield* session.play(source, { buffer: "2 seconds" })
  yield* guest.awaitFrames(25)
  const before = yield* session.statistics
  const until = performance.now() + busyMs
  while (performance.now() < until);
  const after = yield* session.statistics
  const end = yield* track.awaitEnd
  return { end, packets: after.packetsSent - before.packetsSent }
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const { end, packets } = yield* playWhileBusy(where, guest).pipe(
    Effect.provide([Voice.layerThread, discord.layerGateway("bot")])
  )
  const heard = (yield* guest.heard).filter(({ silence }) => !silence)
  yield* Effect.log(
    `${packets} packets left while the bot was busy for ${busyMs} ms; the guest heard ${heard.length} frames`
  )
  assert.equal(end._tag, "Finished")
  assert.ok(packets >= 10, "the beat stopped together with the bot's thread")
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
