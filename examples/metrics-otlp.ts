/**
 * Exports metrics, spans and logs to an OTLP collector. Here the collector is a small HTTP server that keeps what it
 * receives. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { AudioSource, Metrics, OpusEncoder, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import { FetchHttpClient } from "effect/http"
import { Otlp } from "effect/observability"
import assert from "node:assert/strict"
import { createServer } from "node:http"
import * as tone from "./tone.ts"

const telemetry = (baseUrl: string) =>
  Layer.mergeAll(
    Metrics.layer(),
    Otlp.layerJson({ baseUrl, resource: { serviceName: "my-bot" }, metricsExportInterval: "2 seconds" })
  ).pipe(Layer.provide(FetchHttpClient.layer))

const play = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const track = yield* session.play(AudioSource.fromFrames(yield* tone.frames(1)))
  yield* track.awaitEnd
}, Effect.scoped)

/** A collector that keeps everything that is posted, by path. */
const makeCollector = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly got: Map<string, string>; readonly close: () => void }>((resume) => {
    const got = new Map<string, string>()
    const server = createServer((request, response) => {
      const path = request.url ?? ""
      request.setEncoding("utf8")
      request.on("data", (text: string) => got.set(path, (got.get(path) ?? "") + text))
      request.on("end", () => response.end("{}"))
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      assert(typeof address === "object" && address !== null)
      resume(Effect.succeed({ url: `http://127.0.0.1:${address.port}`, got, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const collector = yield* makeCollector
  yield* discord.join({ user: "guest", channel: "lobby" })
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  yield* play(where).pipe(Effect.provide(Layer.merge(discord.layerVoice("bot"), telemetry(collector.url))))

  const names = (path: string) =>
    new Set(
      [...(collector.got.get(path) ?? "").matchAll(/"name":"(\w+[._][\w.-]+|Voice[\w.-]+)"/g)].map(([, name]) => name)
    )
  for (const name of names("/v1/traces")) yield* Effect.log(`span ${name}`)
  yield* Effect.log(`${names("/v1/metrics").size} metrics`)
  assert.ok(names("/v1/traces").has("VoiceDriver.connect"))
  assert.ok(names("/v1/metrics").has("discord_voice_packets_sent_total"))
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
