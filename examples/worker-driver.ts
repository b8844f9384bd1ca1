/**
 * A bot that is busy: sockets, encryption and the beat are in a thread of their own, and mixes in another, so that what keeps the
 * bot's own thread is not heard. The session does not notice: it is given another layer.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { AudioSource, Voice, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const busyMs = 600

/** How many packets leave while the bot's own thread is busy. */
const playWhileBusy = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, guest: Emulator.Participant) {
  const session = yield* VoiceSession.join(where)
  const source = AudioSource.fromPcm(tone.pcm(3), { channels: 2, rate: 48_000 })
  // read ahead for longer than the bot is ever busy
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
  assert.ok(packets >= 10, "the beat stood still with the bot's thread")
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
