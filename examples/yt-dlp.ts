/**
 * Plays what yt-dlp finds. Its URLs expire, so each is looked up when it is about to be played; or yt-dlp fetches the
 * sound itself and pipes it to the bot. Here a script stands in for yt-dlp, and a server on this machine for the site.
 * Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Schema } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as Http from "node:http"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

/** The fields of yt-dlp's answer that are used. */
const Found = Schema.fromJsonString(Schema.Struct({
  title: Schema.String,
  url: Schema.String,
  http_headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
}))

const formats = ["--no-playlist", "--format", "bestaudio[acodec=opus]/bestaudio"]

/** Looks up where the sound of a page is. After `--`, nothing is taken for an option, whatever a user wrote. */
const find = Effect.fnUntraced(function*(page: string) {
  const { stdout } = yield* Effect.tryPromise((signal) =>
    promisify(execFile)("yt-dlp", [...formats, "--dump-single-json", "--", page], {
      signal,
      timeout: 30_000,
      maxBuffer: 64 * 1024 * 1024
    })
  )
  const { http_headers: headers, title, url } = yield* Schema.decodeEffect(Found)(stdout)
  return AudioSource.fromUrl(url, { name: title, headers })
})

const video = (page: string) => AudioSource.unwrap(find(page), { name: page })

/** This cannot seek, but has no URL that expires. */
const piped = (page: string) =>
  AudioSource.fromProcess({
    name: page,
    command: "yt-dlp",
    args: [...formats, "--quiet", "--output", "-", "--", page]
  })

/** A server whose URLs need a token. It remembers the tokens that it has seen. */
const server = Effect.acquireRelease(
  Effect.callback<{ readonly page: string; readonly tokens: Set<string>; readonly close: () => void }>((resume) => {
    const song = readFileSync(new URL("song.ogg", import.meta.url))
    const tokens = new Set<string>()
    const http = Http.createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? "", "http://localhost")
      const token = searchParams.get("token")
      if (request.headers["x-fetched-by"] !== "yt-dlp" || token === null) return response.writeHead(403).end()
      tokens.add(token)
      const [, from = "0", to = String(song.length - 1)] = /^bytes=(\d+)-(\d+)?/.exec(request.headers.range ?? "") ?? []
      response.writeHead(206, { etag: "\"a-song\"", "content-range": `bytes ${from}-${to}/${song.length}` })
      response.end(song.subarray(Number(from), Number(to) + 1))
    })
    http.listen(0, "127.0.0.1", () => {
      const address = http.address()
      const port = typeof address === "object" ? address?.port : 0
      resume(Effect.succeed({ page: `http://127.0.0.1:${port}/watch`, tokens, close: () => http.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const script = (song: string) =>
  `#!/bin/sh
# the page is the last argument
for page; do :; done
case " $* " in
  *" --dump-single-json "*)
    printf '{"title":"A song","url":"%s?token=%s","http_headers":{"x-fetched-by":"yt-dlp"}}' "$page" $$ ;;
  *)
    cat '${song}' ;;
esac
`

/** Puts the script on the PATH. */
const fakeYtDlp = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "yt-dlp-"))
    const song = fileURLToPath(new URL("song.ogg", import.meta.url))
    writeFileSync(join(folder, "yt-dlp"), script(song), { mode: 0o755 })
    process.env["PATH"] = `${folder}${delimiter}${process.env["PATH"] ?? ""}`
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

const play = Effect.fnUntraced(function*(page: string) {
  const discord = yield* Emulator.Emulator
  const session = yield* VoiceSession.join({
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("lobby")
  })
  const track = yield* session.play(video(page))
  yield* track.seek("2 seconds")
  const end = yield* track.awaitEnd
  yield* Effect.log(`${track.name}, ${track.durationMs} ms: ${end._tag}`)
  assert.equal(end._tag, "Finished")

  const whole = yield* session.play(piped(page))
  assert.equal((yield* whole.awaitEnd)._tag, "Finished")
  yield* Effect.log(`${whole.name}, piped: ${(yield* whole.metrics).sent} frames`)

  const sentence = yield* session.play(video("--version")).pipe(
    Effect.as("it was played"),
    Effect.catchReason("VoiceError", "SourceFailed", ({ message }) => Effect.succeed(message))
  )
  yield* Effect.log(sentence)
}, Effect.scoped)

const program = Effect.gen(function*() {
  yield* fakeYtDlp
  const { page, tokens } = yield* server
  const discord = yield* Emulator.Emulator
  yield* Effect.provide(play(page), discord.layerVoice("bot"))
  // one lookup for the start, and one for the seek
  assert.equal(tokens.size, 2)
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
