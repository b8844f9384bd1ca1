/**
 * Records a conversation with an agent in memory, without a disk: what the user says and what the agent answers as WAV,
 * and a mix of both. A private part is left out. The recording ends automatically, and its files are available as
 * bytes. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { AudioSource, OpusEncoder, Recorder, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const record = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const memory = Recorder.memoryStorage()
  const recording = yield* Recorder.start(session, {
    folder: "call",
    files: "wav",
    self: true,
    maximum: { duration: "4 seconds", bytes: 25_000_000 }
  }).pipe(Effect.provideService(Recorder.Storage, memory))

  const answer = yield* session.play(AudioSource.fromPcm(tone.pcm(1), { channels: 2, rate: 48_000, name: "answer" }))
  yield* answer.awaitEnd
  // what is said from here on is private
  yield* recording.pause
  yield* Effect.sleep("1 second")
  yield* recording.resume

  const manifest = yield* recording.awaitEnd
  return { manifest, files: memory.files(), self: session.userId }
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const guest = yield* discord.join({ user: "ada", channel: "lobby" })
  yield* guest.speak(yield* tone.frames(0.5)).pipe(
    Effect.andThen(Effect.sleep("300 millis")),
    Effect.forever,
    Effect.forkScoped
  )

  const { files, manifest, self } = yield* record(where).pipe(Effect.provide(discord.layerVoice("bot")))

  yield* Effect.log(`Ended by ${manifest.endedBy} after ${manifest.durationMs} ms`)
  for (const { fromMs, toMs } of manifest.pauses) yield* Effect.log(`Paused from ${fromMs} to ${toMs} ms`)
  for (const [path, bytes] of files) yield* Effect.log(`${path}: ${bytes.length} bytes`)
  assert.equal(manifest.endedBy, "maximum-duration")
  assert.deepEqual(
    [...files.keys()].toSorted(),
    [`call/${guest.userId}.wav`, `call/${self}.wav`, "call/mixed.ogg", `call/${Recorder.manifestFile}`].toSorted()
  )
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
