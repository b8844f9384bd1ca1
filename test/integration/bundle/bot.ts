/**
 * The bot that is bundled. It joins, plays a tone that has to be mixed (in a thread if possible), listens, and reports
 * each thread that runs. With `driver`, the driver runs in a thread too.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Redacted, Stream } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as Gateway from "../../../src/Gateway.ts"
import * as Mixer from "../../../src/Mixer.ts"
import * as Transport from "../../../src/Transport.ts"
import * as Voice from "../../../src/Voice.ts"
import * as VoiceSession from "../../../src/VoiceSession.ts"
import { args, tell } from "../../interop/script.ts"
import type { Place } from "../process/bot.ts"

const { channelId, driver, guildId, token, url } = args<Place & { readonly driver: boolean }>()

process.on("worker", (worker) => worker.once("message", () => tell({ _tag: "Runs", thread: worker.threadId })))

const minute = Int16Array.from({ length: 48_000 * 60 }, (_, i) => 8_000 * Math.sin(i * 0.03))

const bot = Effect.gen(function*() {
  const session = yield* VoiceSession.join({ guildId, channelId })
  yield* session.play(AudioSource.fromPcm(minute, { rate: 48_000, channels: 1 }))
  tell({ _tag: "Playing" })
  yield* session.packets.pipe(
    Stream.filter(({ payload }) => payload.length > 3),
    Stream.take(10),
    Stream.runDrain
  )
  tell({ _tag: "Heard" })
  yield* session.awaitClosed
}).pipe(
  Effect.scoped,
  Effect.provide([
    driver ? Voice.layerThread : Voice.layer,
    Mixer.layerThreadWith({ use: "always", threads: 1 }),
    Gateway.layer({ token: Redacted.make(token), url }).pipe(Layer.provide(Transport.layerWebSocket))
  ])
)

NodeRuntime.runMain(bot)
