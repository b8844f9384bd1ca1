/**
 * Tracks that many sessions play at the same time: they are decoded, mixed and encoded once, and each session only encrypts
 * the frames for itself.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { AudioSource, OpusFrame, Tags } from "./audio/AudioSource.ts"
import * as Bounds from "./audio/Bounds.ts"
import type * as Player from "./audio/player/Player.ts"
import type * as Seat from "./audio/player/Seat.ts"
import * as TagChanges from "./audio/TagChanges.ts"
import type { Track } from "./audio/Track.ts"
import { AudioClock, frameMs } from "./AudioClock.ts"
import * as Plain from "./crypto/Plain.ts"
import * as MediaSender from "./driver/media/MediaSender.ts"
import { Mixer } from "./Mixer.ts"
import type { EncoderOptions } from "./OpusEncoder.ts"
import { Ssrc } from "./protocol/Identifier.ts"
import * as OpusPacket from "./protocol/OpusPacket.ts"
import * as RtpPacket from "./protocol/RtpPacket.ts"
import * as Playing from "./session/Playing.ts"
import type { Observer } from "./VoiceDriver.ts"
import type { VoiceError } from "./VoiceError.ts"

/**
 * The options of a station.
 *
 * @category models
 * @since 0.1.0
 */
export interface StationOptions {
  /** The name of the station's source. Default "station". */
  readonly name?: string | undefined
  /** How mixed audio is encoded. */
  readonly encoder?: EncoderOptions | undefined
  /**
   * How far a listener may fall behind before it loses the oldest frames: up to 10 minutes, and effectively at least 200 ms.
   * Default 2 seconds.
   */
  readonly buffer?: Duration.Input | undefined
}

/**
 * A station. It plays tracks like a session, on time, whether or not anyone listens.
 *
 * @category models
 * @since 0.1.0
 */
export interface Station extends Pick<Playing.Playing, "play" | "tracks" | "interrupt" | "cut" | "setEncoder"> {
  /**
   * A live source of what the station plays from the moment of opening on; it ends with the station. While nothing plays, it
   * gives nothing: a track of it is then `Buffering`, and finally ends `Starved`, after its `starveTimeout`.
   *
   * Its tags are those of the track that began last, among the tracks that play and have any tags other than those of their
   * encoder. `Tagged` announces later changes, with `{}` when no such track is left.
   */
  readonly source: AudioSource
  /** The number of listeners that have the source open. */
  readonly listeners: () => number
  /** The number of frames that slow listeners have lost. */
  readonly dropped: () => number
}

/** Frames are passed on in batches of this size: waking every listener for each frame would cost more than everything else. */
const batch = 5

/** An outlet that publishes what a media sender sends as frames. */
const makeOutlet = (
  clock: AudioClock["Service"],
  publish: (frames: ReadonlyArray<OpusFrame>) => void
): Effect.Effect<Player.Outlet, never, Scope.Scope> =>
  Effect.gen(function*() {
    const observers = new Set<Observer<Seat.Happening>>()
    let frames: Array<OpusFrame> = []
    let numbers = 0
    const sender = MediaSender.make({
      clock,
      cipher: Plain.make(),
      ssrc: Ssrc.make(0),
      sequence: 0,
      timestamp: 0,
      notBeforeMs: clock.now(),
      outlet: {
        send: (packet, length) => {
          const data = packet.slice(RtpPacket.fixedHeaderBytes, length)
          frames.push({ data, samples: OpusPacket.samples(data) })
          // silence ends what was played, and nothing may follow it
          if (frames.length >= batch || OpusPacket.isSilence(data)) {
            publish(frames)
            frames = []
          }
          return true
        }
      },
      onTrack: (_tag, track) => {
        for (const { onEvent } of observers) onEvent({ _tag, track })
      },
      onExhausted: () => {}
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => sender.close()))
    return {
      attach: (ring, { after, paused = false } = {}) =>
        Effect.sync(() => {
          const number = ++numbers
          if (after === undefined) sender.attach(number, ring, paused)
          else sender.attachAfter(number, ring, paused, after)
          return number
        }),
      detach: (number) => Effect.sync(() => sender.detach(number)),
      setPaused: (number, paused) => Effect.sync(() => sender.setPaused(number, paused)),
      awaitEnd: Effect.never,
      observe: (observer) =>
        Effect.acquireRelease(
          Effect.sync(() => observers.add(observer)),
          () => Effect.sync(() => observers.delete(observer))
        )
    }
  })

/** By this time a track that follows another without a gap has begun, in milliseconds. */
const changeOverMs = 5 * frameMs

interface OnAir {
  /** The current tags. */
  readonly tags: () => Tags
  readonly changes: Stream.Stream<Tags>
  /** Follows a track until its end. */
  readonly follow: (track: Track) => Effect.Effect<void>
}

/**
 * Whether tags say anything about what is heard. Nearly all files have tags of the program that made them (`encoder`,
 * `encoded_by` and the like), which do not.
 */
const isTold = (tags: Tags): boolean => Object.keys(tags).some((name) => !name.startsWith("encode"))

/** The tags of what is on air: those of the track that began last, of those whose tags say anything. */
const makeOnAir: Effect.Effect<OnAir, never, Scope.Scope> = Effect.gen(function*() {
  const scope = yield* Effect.scope
  const changes = TagChanges.make()
  /** The tracks that have begun and not ended, in this order. */
  const heard = new Map<Track, Tags>()
  let now: Tags = {}
  const tell = Effect.sync(() => {
    now = Array.from(heard.values()).findLast(isTold) ?? {}
    changes.publish(now)
  })
  const follow = (track: Track) => {
    let { tags } = track
    const hear = Effect.suspend(() => {
      heard.set(track, tags)
      return tell
    })
    return Stream.runForEach(track.events, (event) => {
      if (event._tag === "Started") return hear
      if (event._tag === "Tagged") {
        ;({ tags } = event)
        return heard.has(track) ? hear : Effect.void
      }
      if (event._tag !== "Ended" || !heard.delete(track)) return Effect.void
      return Effect.delay(tell, changeOverMs)
    }).pipe(Effect.forkIn(scope, { startImmediately: true }), Effect.asVoid)
  }
  return { tags: () => now, changes: changes.stream, follow }
})

/**
 * Starts a station. It ends with its scope, and the tracks of its listeners then finish. Fails with `Unsupported` for a
 * `buffer` that is negative, longer than 10 minutes, or not a time.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { AudioSource, Station, type VoiceSession } from "effect-discord-voice"
 *
 * const radio = (sessions: ReadonlyArray<VoiceSession.VoiceSession>) =>
 *   Effect.gen(function*() {
 *     const station = yield* Station.make()
 *     yield* Effect.forEach(sessions, (session) => session.play(station.source, { starveTimeout: "1 hour" }))
 *     const song = yield* station.play(AudioSource.fromFile("song.mp3"))
 *     yield* song.awaitEnd
 *   }).pipe(Effect.scoped)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: StationOptions = {}
): Effect.fn.Return<Station, VoiceError, AudioClock | Mixer | Scope.Scope> {
  const clock = yield* AudioClock
  const mixer = yield* Mixer
  const name = options.name ?? "station"
  const bufferMs = yield* Bounds.buffer(options.buffer ?? "2 seconds")
  const capacity = Math.max(2 * batch, Math.ceil(bufferMs / frameMs))
  const listeners = new Set<Queue.Queue<OpusFrame, Cause.Done>>()
  let isOver = false
  let dropped = 0

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isOver = true
      for (const listener of listeners) Queue.endUnsafe(listener)
    })
  )
  const outlet = yield* makeOutlet(clock, (frames) => {
    for (const listener of listeners) {
      dropped += Math.max(0, Queue.sizeUnsafe(listener) + frames.length - capacity)
      for (const frame of frames) Queue.offerUnsafe(listener, frame)
    }
  })
  const { cut, interrupt, play, setEncoder, tracks } = yield* Playing.make(outlet, mixer, options.encoder)
  const onAir = yield* makeOnAir

  const source: AudioSource = {
    name,
    open: Effect.gen(function*() {
      const queue = yield* Queue.make<OpusFrame, Cause.Done>({ capacity, strategy: "sliding" })
      yield* Effect.acquireRelease(
        Effect.sync(() => listeners.add(queue)),
        () => Effect.sync(() => listeners.delete(queue))
      )
      if (isOver) Queue.endUnsafe(queue)
      return {
        format: "opus" as const,
        channels: 2 as const,
        durationMs: undefined,
        tags: onAir.tags(),
        tagChanges: onAir.changes,
        live: true,
        pull: Queue.takeAll(queue)
      }
    })
  }

  return {
    play: (source, options) => Effect.tap(play(source, options), onAir.follow),
    tracks,
    interrupt,
    cut,
    setEncoder,
    source,
    listeners: () => listeners.size,
    dropped: () => dropped
  }
})
