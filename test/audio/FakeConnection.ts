import { Deferred, Effect, PubSub, Redacted, Stream } from "effect"
import type { AudioSource } from "../../src/audio/AudioSource.ts"
import type { PlaceOptions } from "../../src/audio/player/Place.ts"
import * as Player from "../../src/audio/player/Player.ts"
import * as Track from "../../src/audio/Track.ts"
import type * as Line from "../../src/driver/Line.ts"
import * as Mixer from "../../src/Mixer.ts"
import { ChannelId, GuildId, Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import type { VoiceError } from "../../src/VoiceError.ts"

/** A connection whose driver takes one 20 ms frame from the ring at each step of the test. */
export const make = Effect.gen(function*() {
  const hub = yield* PubSub.unbounded<Line.Happening>()
  const ended = yield* Deferred.make<never, VoiceError>()
  const log: Array<string> = []
  const taken: Array<{ readonly data: Uint8Array; readonly samples: number }> = []
  let ring: FrameRing.FrameRing | undefined
  let number = 0
  let paused = false
  let started = false
  let starving = false

  const observers = new Set<VoiceDriver.Observer>()

  const publish = (event: Line.Happening) =>
    Effect.suspend(() => {
      for (const { onEvent } of observers) onEvent(event)
      return PubSub.publish(hub, event)
    })

  /** Lets the time of one frame pass in the driver. */
  const step = Effect.suspend(() => {
    if (ring === undefined || paused) return Effect.void
    const track = number
    const into = new Uint8Array(FrameRing.maxFrameBytes)
    const length = ring.read(into, 0)
    if (length >= 0) {
      taken.push({ data: into.slice(0, length), samples: ring.samples() })
      const events: Array<Line.Happening> = []
      if (!started) events.push({ _tag: "TrackStarted", track })
      if (starving) events.push({ _tag: "TrackRecovered", track })
      started = true
      starving = false
      return Effect.forEach(events, publish)
    }
    if (ring.isDrained()) {
      ring = undefined
      return publish({ _tag: "TrackDrained", track })
    }
    if (starving || !started) return Effect.void
    starving = true
    ring.starve()
    return publish({ _tag: "TrackStarving", track })
  })

  const connection: VoiceDriver.VoiceConnection = {
    info: new VoiceDriver.ConnectionInfo({
      endpoint: "voice.example:443",
      serverId: GuildId.make("1"),
      channelId: ChannelId.make("2"),
      userId: UserId.make("3"),
      sessionId: Redacted.make("session"),
      token: Redacted.make("token")
    }),
    established: { version: 8, ssrc: Ssrc.make(1), mode: "plain", address: "127.0.0.1", port: 1 },
    attach: (next, options) =>
      Effect.sync(() => {
        number++
        log.push(`attach ${number}`)
        ring = next
        paused = options?.paused ?? false
        started = false
        starving = false
        return number
      }),
    detach: (track) =>
      Effect.sync(() => {
        log.push(`detach ${track}`)
        if (track === number) ring = undefined
      }),
    setPaused: (track, value) =>
      Effect.sync(() => {
        log.push(`${value ? "pause" : "resume"} ${track}`)
        if (track === number) paused = value
      }),
    setMuted: (muted) => Effect.sync(() => log.push(`muted ${muted}`)),
    setSpeaking: (flags) => Effect.sync(() => log.push(`speaking ${flags}`)),
    events: Effect.map(PubSub.subscribe(hub), (subscription) => Stream.fromSubscription(subscription)),
    observe: (observer) =>
      Effect.acquireRelease(
        Effect.sync(() => observers.add(observer)),
        () => Effect.sync(() => observers.delete(observer))
      ),
    packets: Stream.empty,
    listen: () => Effect.void,
    relisten: Effect.void,
    packetsDropped: () => 0,
    statistics: Deferred.await(ended),
    e2ee: Effect.succeed({ version: 0, transitioning: false }),
    verificationCode: () => Deferred.await(ended),
    members: () => [],
    clients: new Map(),
    awaitEnd: Deferred.await(ended)
  }
  const mixer = yield* Effect.provide(Mixer.Mixer, Mixer.layer)
  const player = yield* Player.make(connection, mixer, () => ({}))
  const alone: PlaceOptions = { gain: 1, fadeInMs: 0, duck: undefined, after: undefined, crossfadeMs: 0 }
  return {
    connection,
    /** A place in a player on this connection. */
    place: (options?: Partial<PlaceOptions>) => player.place({ ...alone, ...options }),
    /** A track in a player on this connection. */
    play: <R>(source: AudioSource<R>, options?: Track.TrackOptions) => Track.make(source, player.place(alone), options),
    log,
    taken,
    step,
    steps: (count: number) => Effect.repeat(Effect.andThen(step, Effect.yieldNow), { times: count - 1 }),
    lose: (error: VoiceError) =>
      Effect.suspend(() => {
        for (const { onOver } of observers) onOver(error)
        return Deferred.fail(ended, error)
      })
  }
})
