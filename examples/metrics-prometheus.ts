/**
 * Exposes metrics to Prometheus: every session that the bot joins appears at `/metrics`. Runs against the emulator; no
 * token needed.
 */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { AudioSource, Metrics, OpusEncoder, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import { FetchHttpClient, HttpClient, HttpRouter, HttpServer } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import assert from "node:assert/strict"
import { createServer } from "node:http"
import * as tone from "./tone.ts"

const MetricsServer = HttpRouter.serve(PrometheusMetrics.layerHttp(), { disableLogger: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
)

const play = Effect.fnUntraced(
  function*(where: VoiceSession.JoinOptions) {
    const session = yield* VoiceSession.join(where)
    const track = yield* session.play(AudioSource.fromFrames(yield* tone.frames(5)))
    yield* track.awaitEnd
    return yield* scrape
  },
  Effect.scoped,
  Effect.provide(Metrics.layer({ interval: "1 second" }))
)

/** Does what Prometheus does. */
const scrape = Effect.gen(function*() {
  const { address } = yield* HttpServer.HttpServer
  assert(address._tag !== "UnixPathAddress")
  const response = yield* HttpClient.get(`http://127.0.0.1:${address.port}/metrics`)
  return yield* response.text
})

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* discord.join({ user: "guest", channel: "lobby" })
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const text = yield* play(where).pipe(Effect.provide(discord.layerVoice("bot")))

  const lines = text.split("\n").filter((line) => line.startsWith("discord_voice_"))
  for (const line of lines.filter((line) => /_ratio|_seconds|packets_sent/.test(line))) yield* Effect.log(line)
  const value = (name: string) => Number(lines.find((line) => line.startsWith(`${name}{`))?.split(" ").at(-1))
  assert.ok(value("discord_voice_packets_sent_total") >= 200)
  assert.ok(value("discord_voice_media_round_trip_seconds") > 0)
  assert.equal(value("discord_voice_session_up"), 1)
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer, MetricsServer, FetchHttpClient.layer]))

NodeRuntime.runMain(program)
