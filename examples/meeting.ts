/**
 * Minutes of a meeting: records everybody, and writes down who said what and when, as times in the recording. A sound
 * announces the recording. The transcription service gets two utterances at a time at most, and those that it fails at
 * again. Meanwhile Discord moves the voice server. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Deferred, Effect, Fiber, Schedule, Scope, Stream } from "effect"
import { AudioSource, OpusEncoder, Recorder, Utterances, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as tone from "./tone.ts"

interface Line {
  readonly fromMs: number
  readonly name: string
  readonly text: string
}

let calls = 0
let running = 0
let mostRunning = 0

/** Speech recognition would go here. This one is away for the first calls, and slow. */
const transcribe = Effect.fnUntraced(function*(ogg: Uint8Array) {
  mostRunning = Math.max(mostRunning, ++running)
  yield* Effect.sleep("200 millis")
  if (++calls <= 3) return yield* Effect.fail("503 Service Unavailable")
  return `something in ${ogg.length > 1_000 ? "many" : "few"} words`
}, Effect.ensuring(Effect.sync(() => running--)))

const textOf = (utterance: Utterances.Utterance) =>
  transcribe(Utterances.toOgg(utterance)).pipe(
    Effect.timeout("30 seconds"),
    Effect.retry({ schedule: Schedule.exponential("200 millis"), times: 8 }),
    // the sound is in the recording: somebody can listen to it
    Effect.catchCause((cause) => Effect.as(Effect.logError("Not transcribed", cause), "(not transcribed)"))
  )

const clock = (ms: number) => new Date(ms).toISOString().slice(11, 21)

/** In the order in which they began, which is not the order in which they ended. */
const minutesOf = (lines: ReadonlyArray<Line>) =>
  lines.toSorted((one, other) => one.fromMs - other.fromMs)
    .map(({ fromMs, name, text }) => `${clock(fromMs)} ${name}: ${text}\n`).join("")

const meeting = Effect.fnUntraced(function*(
  where: VoiceSession.JoinOptions,
  folder: string,
  over: Effect.Effect<void>
) {
  const outside = yield* Effect.scope
  const reading = yield* Effect.scoped(Effect.gen(function*() {
    const session = yield* VoiceSession.join(where)
    const announce = Effect.gen(function*() {
      const gong = yield* session.play(AudioSource.tone({ frequency: 880, duration: "400 millis" }))
      yield* gong.awaitEnd
    })
    const recording = yield* Recorder.start(session, { folder, onStart: announce })

    const lines: Array<Line> = []
    const write = (utterance: Utterances.Utterance) =>
      Effect.map(textOf(utterance), (text) => {
        const { member, startMs, userId } = utterance
        lines.push({ fromMs: startMs - recording.startMs, name: member?.name ?? userId, text })
        // after each line, so that little is lost if the program ends
        writeFileSync(join(folder, "minutes.txt"), minutesOf(lines))
      })
    const reader = yield* session.receive.utterances({ maximum: "20 seconds" }).pipe(
      Stream.mapEffect(write, { concurrency: 2 }),
      Stream.runDrain,
      // the bot has left
      Effect.catchReason("VoiceError", "NotConnected", () => Effect.void),
      // to the last word: see transcriber.ts
      Effect.forkIn(outside, { startImmediately: true })
    )
    yield* Scope.addFinalizer(outside, Fiber.await(reader).pipe(Effect.timeoutOption("5 seconds")))
    yield* over
    yield* recording.stop
    return reader
  }))
  yield* Fiber.join(reading)
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const root = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "meeting-example-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  const folder = join(root, "meeting")
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const bob = yield* discord.join({ user: "bob", channel: "lobby" })
  const over = yield* Deferred.make<void>()
  const bot = yield* meeting(where, folder, Deferred.await(over)).pipe(
    Effect.provide(discord.layerVoice("bot")),
    Effect.forkScoped
  )
  // the sound, and another moment until the recording has begun
  yield* ada.awaitFrames(20)
  yield* Effect.sleep("500 millis")

  const short = yield* tone.frames(0.8)
  const long = yield* tone.frames(2)
  yield* Effect.all([ada.speak(long), Effect.delay(bob.speak(short), "400 millis")], { concurrency: "unbounded" })
  yield* Effect.sleep("1 second")
  yield* Effect.forkScoped(Effect.delay(discord.faults.moveServer("lobby"), "500 millis"))
  yield* ada.speak(long, { throughMoves: true })
  yield* Effect.sleep("1 second")
  yield* bob.speak(short)
  yield* Effect.sleep("1 second")
  yield* Deferred.succeed(over, undefined)
  yield* Fiber.join(bot)

  const minutes = readFileSync(join(folder, "minutes.txt"), "utf8").trimEnd().split("\n")
  yield* Effect.forEach(minutes, (line) => Effect.log(line))
  const names = minutes.map((line) => line.split(/[ :]/)[3])
  assert.deepEqual([...new Set(names)], ["ada", "bob"])
  assert.equal(names[1], "bob")
  assert.equal(names.at(-1), "bob")
  assert.ok(calls > minutes.length)
  assert.ok(mostRunning <= 2)
  assert.deepEqual(
    readdirSync(folder).toSorted(),
    [`${ada.userId}.ogg`, `${bob.userId}.ogg`, "minutes.txt", "mixed.ogg", Recorder.manifestFile].toSorted()
  )
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
