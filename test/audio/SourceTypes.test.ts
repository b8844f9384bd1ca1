import { describe, expectTypeOf, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import type * as Track from "../../src/audio/Track.ts"
import type * as TrackQueue from "../../src/audio/TrackQueue.ts"
import type * as OpusDecoder from "../../src/OpusDecoder.ts"
import type * as OpusEncoder from "../../src/OpusEncoder.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"

type Played<R = never> = Effect.Effect<Track.Track, VoiceError, R>

const tone = AudioSource.tone({ frequency: 440, duration: "1 second" })

/** Compiled but never run. */
const plays = (
  session: VoiceSession.VoiceSession,
  queue: TrackQueue.TrackQueue<OpusDecoder.OpusDecoder>,
  preloaded: AudioSource.PreloadedSource
) => ({
  source: session.play(tone),
  preloaded: session.play(preloaded),
  live: session.play(AudioSource.live(tone)),
  filtered: session.play(AudioSource.live(AudioSource.mapPcm(preloaded, () => (samples) => samples))),
  encoded: session.play(AudioSource.encoded(preloaded)),
  unwrapped: session.play(AudioSource.unwrap(Effect.succeed(preloaded))),
  queued: queue.add(AudioSource.decoded(preloaded)),
  own: session.play({ name: "own", open: tone.open })
})

describe("AudioSource", () => {
  it("is played with exactly the services that it needs, and without a scope", () => {
    expectTypeOf<ReturnType<typeof plays>>().toMatchObjectType<{
      source: Played
      preloaded: Played
      live: Played
      filtered: Played<OpusDecoder.OpusDecoder>
      encoded: Played<OpusEncoder.OpusEncoder>
      unwrapped: Played
      own: Played
    }>()
  })
})
