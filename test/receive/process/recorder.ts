/** A bot that records in a process of its own, and reports when it has started. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Redacted } from "effect"
import * as Gateway from "../../../src/Gateway.ts"
import type { ChannelId, GuildId } from "../../../src/protocol/Identifier.ts"
import * as Recorder from "../../../src/receive/Recorder.ts"
import * as Transport from "../../../src/Transport.ts"
import * as Voice from "../../../src/Voice.ts"
import * as VoiceSession from "../../../src/VoiceSession.ts"
import { args, tell } from "../../interop/script.ts"

/** Where the bot goes and as whom, and where it records to. */
export interface Place {
  readonly url: string
  readonly token: string
  readonly guildId: GuildId
  readonly channelId: ChannelId
  readonly folder: string
  readonly mixed: "opus" | "wav"
  readonly files?: "opus" | "wav"
}

const { channelId, files, folder, guildId, mixed, token, url } = args<Place>()

const bot = Effect.gen(function*() {
  const session = yield* VoiceSession.join({ guildId, channelId })
  yield* Recorder.start(session, { folder, mixed, files })
  tell({ _tag: "Recording" })
  yield* session.awaitClosed
}).pipe(
  Effect.scoped,
  Effect.provide([
    Voice.layer,
    Gateway.layer({ token: Redacted.make(token), url }).pipe(Layer.provide(Transport.layerWebSocket))
  ])
)

NodeRuntime.runMain(bot)
