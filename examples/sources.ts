/**
 * Opens sources of every kind and says what they are, without playing them: a file, bytes, a stream, a URL, a playlist,
 * a program, a tone, silence, PCM from a text-to-speech service, and a live source. Does not connect to Discord.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Effect, Schedule, Stream } from "effect"
import { AudioSource } from "effect-discord-voice"
import assert from "node:assert/strict"
import { createReadStream, readFileSync } from "node:fs"
import * as Http from "node:http"

// the song is next to this file, wherever the program is started
process.chdir(import.meta.dirname)

/** Logs what a source says about itself, and returns how many milliseconds of sound it gives, up to a second or so. */
const describe = Effect.fnUntraced(function*<R>(source: AudioSource.AudioSource<R>) {
  const opened = yield* source.open
  let heardMs = 0
  while (heardMs < 1000) {
    const more = opened.format === "opus"
      ? Effect.map(opened.pull, (frames) => frames.reduce((ms, frame) => ms + frame.samples / 48, 0))
      : Effect.map(opened.pull, (samples) => samples.length / 96)
    const ms = yield* Effect.catchIf(more, Cause.isDone, () => Effect.succeed(0))
    if (ms === 0) break
    heardMs += ms
  }
  const duration = opened.durationMs === undefined ? "unknown duration" : `${(opened.durationMs / 1000).toFixed(1)} s`
  yield* Effect.log(
    `${source.name}: ${opened.format}, ${duration}, ${opened.seek === undefined ? "not seekable" : "seekable"}, ` +
      `${opened.live === true ? "live, " : ""}${opened.tags["title"] ?? "no title"}`
  )
  return heardMs
}, Effect.scoped)

/** A server with a playlist and a song. It drops the first connection in the middle of the song's first second. */
const server = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly playlist: string; readonly close: () => void }>((resume) => {
    const song = readFileSync("song.ogg")
    let requests = 0
    const http = Http.createServer((request, response) => {
      if (request.url === "/radio.m3u") return response.end("#EXTM3U\ngone.ogg\n#EXTINF:-1,The radio\nsong.ogg\n")
      if (request.url !== "/song.ogg") return response.writeHead(404).end()
      const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0)
      response.writeHead(206, {
        etag: "\"a-song\"",
        "content-length": song.length - start,
        "content-range": `bytes ${start}-${song.length - 1}/${song.length}`
      })
      if (requests++ > 0) return response.end(song.subarray(start))
      response.write(song.subarray(0, 4_000), () => setTimeout(() => response.destroy(), 50))
    })
    http.listen(0, "127.0.0.1", () => {
      const address = http.address()
      const port = typeof address === "object" ? address?.port : 0
      const at = `http://127.0.0.1:${port}`
      resume(Effect.succeed({ url: `${at}/song.ogg`, playlist: `${at}/radio.m3u`, close: () => http.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

/** PCM as many text-to-speech services deliver it: one channel, 24 kHz, 16 bits, in pieces of any size. */
const spoken = Stream.range(0, 9).pipe(
  Stream.map((piece) =>
    Int16Array.from({ length: 2400 }, (_, i) => 8000 * Math.sin(2 * Math.PI * 200 * (piece * 2400 + i) / 24_000))
  )
)

const program = Effect.gen(function*() {
  const { playlist, url } = yield* server

  const file = AudioSource.fromFile("song.ogg")
  const bytes = AudioSource.fromBytes(readFileSync("song.ogg"), { name: "song" })
  const stream = AudioSource.fromNodeStream(() => createReadStream("song.ogg"))

  const remote = AudioSource.fromUrl(url, {
    reconnect: Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 5 })),
    stallTimeout: "5 seconds"
  })

  const station = AudioSource.fromUrl(playlist)

  // undefined if the URL is a web page, HLS or audio
  const entries = (yield* AudioSource.entriesOf(playlist)) ?? []
  const songs = entries.map(({ title, url }) => AudioSource.fromUrl(url, { name: title }))
  assert.equal(songs.length, 2)

  const made = AudioSource.fromProcess({
    command: process.execPath,
    args: ["-e", "process.stdout.write(Buffer.alloc(64_000))"],
    pcm: { format: "s16le", rate: 16_000, channels: 1 }
  })

  const beep = AudioSource.tone({ frequency: 880, duration: "200 millis" })
  const pause = AudioSource.silence("1 second")

  const speech = AudioSource.fromPcm(spoken, { rate: 24_000, channels: 1, name: "speech" })
  const radio = AudioSource.live(speech, { buffer: "500 millis" })

  for (const source of [file, bytes, stream, remote, station, made, beep, pause, speech, radio]) {
    assert.ok((yield* describe(source)) >= 200)
  }
  const { droppedMs, receivedMs } = yield* radio.statistics
  yield* Effect.log(`The live source has received ${receivedMs} ms and dropped ${droppedMs} ms.`)

  const seeked = yield* Effect.scoped(Effect.gen(function*() {
    const opened = yield* file.open
    return yield* opened.seek?.(1234) ?? Effect.succeed(-1)
  }))
  assert.equal(seeked, 1220)

  const addresses = (address: string, port: number) => port === 443 && AudioSource.isPublicAddress(address)
  const inside = yield* Effect.flip(Effect.scoped(AudioSource.fromUrl(url, { addresses }).open))
  yield* Effect.log(inside.message)
  assert.match(inside.message, /AddressRefused/)

  const unknown = AudioSource.fromBytes(new TextEncoder().encode("MThd, which is not audio"), {
    name: "song.mid",
    ffmpeg: { command: "/opt/ffmpeg/bin/ffmpeg" }
  })
  const sentence = yield* describe(unknown).pipe(
    Effect.as("it was opened"),
    Effect.catchReason("VoiceError", "SourceFailed", (reason) => Effect.succeed(reason.message))
  )
  yield* Effect.log(sentence)
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
