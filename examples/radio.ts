/**
 * Plays a radio station and shows what is on air: the titles arrive as events of the track. A small server on this
 * machine stands in for the station. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Schedule, Stream } from "effect"
import { AudioSource, type Track, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { EventEmitter, once } from "node:events"
import { readFileSync } from "node:fs"
import * as Http from "node:http"

/** Bytes of sound between two pieces of metadata. */
const interval = 4_000

const titles = ["The Emulators - A Song", "The Emulators - Don't Stop"]

/** Emits each title that the bot has received. */
const heard = new EventEmitter()

/** A station as Icecast sends it to clients that ask for metadata: one piece after every `interval` bytes of sound. */
const station = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const song = readFileSync(new URL("song.ogg", import.meta.url))
    const http = Http.createServer(async (request, response) => {
      const isAsked = request.headers["icy-metadata"] === "1"
      response.writeHead(200, { "icy-name": "Radio Loopback", ...(isAsked ? { "icy-metaint": interval } : {}) })
      for (let at = 0; at < song.length; at += interval) {
        const part = song.subarray(at, at + interval)
        response.write(part)
        if (!isAsked || part.length < interval) continue
        const title = titles[at / interval]
        const text = Buffer.from(title === undefined ? "" : `StreamTitle='${title}';`)
        const units = Math.ceil(text.length / 16)
        response.write(Buffer.concat([Buffer.of(units), text, Buffer.alloc(16 * units - text.length)]))
        // a real song takes minutes; this one ends when the bot has received its title
        if (title !== undefined) await once(heard, title)
      }
      response.end()
    })
    http.listen(0, "127.0.0.1", () => {
      const address = http.address()
      const port = typeof address === "object" ? address?.port : 0
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}/radio`, close: () => http.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const onAir = (track: Track.Track) =>
  track.events.pipe(
    Stream.filter((event) => event._tag === "Tagged"),
    Stream.map(({ tags }) => tags["title"] ?? "nothing with a title")
  )

const play = Effect.fnUntraced(function*(url: string) {
  const discord = yield* Emulator.Emulator
  const session = yield* VoiceSession.join({
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("lobby")
  })
  // this station ends, so do not join it again
  const track = yield* session.play(AudioSource.fromUrl(url, { reconnect: Schedule.recurs(0) }))
  yield* Effect.log(`Playing ${track.tags["icy-name"]}`)
  const told: Array<string> = []
  yield* Stream.runForEach(onAir(track), (title) => {
    told.push(title)
    heard.emit(title)
    return Effect.log(`on air: ${title}`)
  })
  assert.deepEqual(told, titles)
}, Effect.scoped)

const program = Effect.gen(function*() {
  const { url } = yield* station
  const discord = yield* Emulator.Emulator
  yield* Effect.provide(play(url), discord.layerVoice("bot"))
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
