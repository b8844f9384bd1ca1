/** A bot as its users run it, in its own process: it joins, plays forever, and reports when it starts to play. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Redacted } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as Gateway from "../../../src/Gateway.ts"
import type { ChannelId, GuildId } from "../../../src/protocol/Identifier.ts"
import * as Transport from "../../../src/Transport.ts"
import * as Voice from "../../../src/Voice.ts"
import * as VoiceSession from "../../../src/VoiceSession.ts"
import { args, tell } from "../../interop/script.ts"

/** Where the bot joins, and as which user. */
export interface Place {
  readonly url: string
  readonly token: string
  readonly guildId: GuildId
  readonly channelId: ChannelId
}

const { channelId, guildId, token, url } = args<Place>()

const packet = { data: new Uint8Array(160).fill(0xfc), samples: 960 }

const endless: Iterable<AudioSource.OpusFrame> = {
  [Symbol.iterator]: () => ({ next: () => ({ done: false, value: packet }) })
}

const bot = Effect.gen(function*() {
  const session = yield* VoiceSession.join({ guildId, channelId })
  yield* session.play(AudioSource.fromFrames(endless))
  tell({ _tag: "Playing" })
  yield* session.awaitClosed
}).pipe(
  Effect.scoped,
  Effect.provide([
    Voice.layer,
    Gateway.layer({ token: Redacted.make(token), url }).pipe(Layer.provide(Transport.layerWebSocket))
  ])
)

NodeRuntime.runMain(bot)
