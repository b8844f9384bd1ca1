/**
 * Records a call: one file for each user, one for everybody together, and a manifest. The bot announces the recording
 * before it begins. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { AudioSource, OpusEncoder, Recorder, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as tone from "./tone.ts"

const record = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, folder: string) {
  const session = yield* VoiceSession.join(where)
  // a short tone here; a real bot says a sentence, and also waits for everybody's consent
  const announce = Effect.gen(function*() {
    const track = yield* session.play(AudioSource.fromFrames(yield* tone.frames(0.4)))
    yield* track.awaitEnd
  })
  const recording = yield* Recorder.start(session, { folder, onStart: announce, tags: { TITLE: "Weekly meeting" } })
  yield* Effect.log(`Recording into ${recording.folder}`)
  yield* Effect.sleep("3 seconds")
  return yield* recording.stop
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "recorder-example-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  const frames = yield* tone.frames(0.5)
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const guests = yield* Effect.forEach(["ada", "bob"], (user) => discord.join({ user, channel: "lobby" }))
  for (const [i, guest] of guests.entries()) {
    yield* guest.speak(frames).pipe(
      Effect.andThen(Effect.sleep(300 * (i + 1))),
      Effect.forever,
      Effect.forkScoped
    )
  }

  const manifest = yield* record(where, join(folder, "meeting")).pipe(Effect.provide(discord.layerVoice("bot")))

  for (const { file, packets, userId } of manifest.users) {
    yield* Effect.log(`${userId}: ${file?.name}, ${packets.written} packets, ${packets.lost} lost`)
  }
  yield* Effect.log(`Everybody: ${manifest.mixed?.name}, ${(manifest.durationMs / 1000).toFixed(1)} s`)
  assert.equal(manifest.state, "complete")
  assert.deepEqual(
    readdirSync(join(folder, "meeting")).toSorted(),
    [...guests.map(({ userId }) => `${userId}.ogg`), "mixed.ogg", Recorder.manifestFile].toSorted()
  )
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
