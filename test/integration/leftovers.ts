import { assert } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect, Random, References } from "effect"
import { createReadStream, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Decoders from "../../src/audio/source/Decoders.ts"
import * as Rig from "./rig.ts"

const pathOf = (name: string): string => fileURLToPath(new URL(`../audio/files/${name}`, import.meta.url))

const files = [
  "chirp.opus.ogg",
  "chirp.opus.webm",
  "chirp.opus.mp4",
  "chirp.flac",
  "chirp.mp3",
  "chirp.m4a",
  "chirp.aac",
  "chirp.vorbis.ogg"
].map(pathOf)

/** An HTTP server for a song that drops every third connection in the middle. */
const serve = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => Promise<void> }>((resume) => {
    const song = readFileSync(pathOf("chirp.mp3"))
    let requests = 0
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-length": song.length, connection: "close" })
      if (requests++ % 3 !== 2) return response.end(song)
      response.write(song.subarray(0, song.length / 2), () => setTimeout(() => response.destroy(), 20))
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({
        url: `http://127.0.0.1:${port}/song.mp3`,
        close: () =>
          new Promise((resolve) => {
            server.closeAllConnections()
            server.close(() => resolve())
          })
      }))
    })
  }),
  ({ close }) => Effect.promise(close)
)

/** What this process holds: its children, files, pipes and sockets. */
const held = () => {
  const names = readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      // the folder itself, which is closed by now
      return []
    }
  })
  return {
    children: readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim(),
    files: names.filter((name) => name.includes("/audio/files/")),
    decoders: Decoders.open(),
    pipesAndSockets: names.filter((name) => /^(pipe|socket):/.test(name)).length
  }
}

/** A random integer from 0 to `count` - 1. */
const below = (count: number) => Effect.map(Random.next, (value) => Math.floor(value * count))

/**
 * Plays sources of every kind and stops, seeks and interrupts them at random, on the wall clock, and checks that
 * nothing is left.
 */
export const randomSources = (count: number, seed: number) =>
  Effect.gen(function*() {
    const { url } = yield* serve
    const sources: ReadonlyArray<AudioSource.AudioSource> = [
      ...files.map((file) => AudioSource.fromFile(file, { ffmpeg: false })),
      AudioSource.fromFile(pathOf("chirp.alac.m4a"), { ffmpeg: { command: ffmpeg } }),
      AudioSource.fromFfmpeg(pathOf("chirp.flac"), { command: ffmpeg }),
      AudioSource.fromProcess({
        command: ffmpeg,
        args: ["-v", "error", "-re", "-f", "lavfi", "-i", "sine", "-f", "s16le", "-"],
        pcm: { format: "s16le", rate: 44_100, channels: 1 }
      }),
      AudioSource.fromUrl(url, { ffmpeg: false }),
      AudioSource.fromNodeStream(() => createReadStream(pathOf("chirp.opus.ogg")))
    ]
    yield* Rig.guest()
    const session = yield* Rig.join("lobby")
    // things that are made once in a process
    const first = yield* session.play(AudioSource.fromFile(pathOf("chirp.flac")))
    yield* first.stop
    const before = { ...held(), files: [], decoders: 0, children: "" }
    let most = 0
    for (let i = 0; i < count; i++) {
      const source = sources[yield* below(sources.length)] ?? assert.fail()
      const playing = yield* Effect.forkChild(
        session.play(source, { gain: (yield* Random.nextBoolean) ? 1 : 0.5 }),
        { startImmediately: true }
      )
      yield* Effect.sleep(yield* Random.nextIntBetween(0, 60))
      most = Math.max(most, held().decoders)
      const tracks = yield* session.tracks
      const any = tracks[yield* below(tracks.length)]
      const what = tracks.length > 6 ? 0 : yield* below(7)
      if (what === 0) yield* session.interrupt
      if (what === 1) playing.interruptUnsafe()
      if (what === 2 && any !== undefined) yield* any.stop
      if (what === 3 && any !== undefined) {
        // including a seek that is abandoned in the middle
        yield* Effect.ignore(any.seek("500 millis").pipe(Effect.timeout(yield* Random.nextIntBetween(1, 20))))
      }
      if (what === 4 && any !== undefined) yield* any.loop(1)
    }
    assert.isAbove(most, 0)
    // some are still opening
    yield* Rig.settled(Effect.andThen(
      session.interrupt,
      Effect.sync(() => assert.deepStrictEqual(held(), before))
    ))
    assert.deepStrictEqual(yield* session.tracks, [])
  }).pipe(
    Effect.scoped,
    Random.withSeed(seed),
    Effect.provide(Rig.loopback()),
    Effect.provideService(References.MinimumLogLevel, "None")
  )
