/**
 * A small bot for the tests in this folder: it plays a greeting of one second, and stays until it is removed.
 */
import { Effect } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import * as tone from "./tone.ts"

export const greeter = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const greeting = AudioSource.fromPcm(tone.pcm(1), { channels: 2, rate: 48_000, name: "greeting" })
  const track = yield* session.play(greeting)
  yield* track.awaitEnd
  yield* session.awaitClosed
}, Effect.scoped)
