/**
 * What many sessions play at the same time: its tracks are decoded, mixed and encoded once, and each session only seals the
 * frames for itself.
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
 * @category models
 * @since 0.1.0
 */
export interface StationOptions {
  /** Default "station". */
  readonly name?: string | undefined
  /** Of what is mixed. */
  readonly encoder?: EncoderOptions | undefined
  /** How far a listener may fall behind before it loses the oldest frames, up to 10 minutes; 200 ms is the least that is made of it. Default 2 seconds. */
  readonly buffer?: Duration.Input | undefined
}

/**
 * It plays tracks like a session, on time, whether anybody listens or not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Station extends Pick<Playing.Playing, "play" | "tracks" | "interrupt" | "cut" | "setEncoder"> {
  /**
   * What it plays from the moment of opening on: a live source that ends with the station. While nothing plays it gives
   * nothing, so that a track of it is `Buffering`, and ends `Starved` in the end; `starveTimeout` says when. Its tags are those of the
   * track that was heard last to begin, of those that go on and have any but what they were encoded with; what follows is told by
   * `Tagged`, and `{}` where nothing does.
   */
  readonly source: AudioSource
  /** How many have the source open. */
  readonly listeners: () => number
  /** Frames that slow listeners have lost. */
  readonly dropped: () => number
}

/** Frames are handed on so many at a time: to wake every listener for each costs more than all the rest. */
const batch = 5

/** What a media sender sends, as frames. */
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
          // silence closes what was played, and nothing may follow it
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

/** What follows a track without a gap has begun by then, in milliseconds. */
const changeOverMs = 5 * frameMs

interface OnAir {
  /** Of the moment. */
  readonly tags: () => Tags
  readonly changes: Stream.Stream<Tags>
  /** Takes notice of a track until its end. */
  readonly follow: (track: Track) => Effect.Effect<void>
}

/** What has made a file is in nearly all of them, and says nothing of what is heard: `encoder`, `encoded_by` and the like. */
const isTold = (tags: Tags): boolean => Object.keys(tags).some((name) => !name.startsWith("encode"))

/** What is on air, by what its tracks say of themselves: the one that has begun last counts, of those that say anything. */
const makeOnAir: Effect.Effect<OnAir, never, Scope.Scope> = Effect.gen(function*() {
  const scope = yield* Effect.scope
  const changes = TagChanges.make()
  /** Those that have begun and not ended, in this order. */
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
 * Starts a station. It ends with its scope, and its listeners' tracks finish then. Fails with `Unsupported` for a `buffer` that is
 * negative, longer than 10 minutes, or none.
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
