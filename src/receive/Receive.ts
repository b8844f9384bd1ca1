/**
 * The listening half of a session: the audio of each user in order, of all users in step, who speaks, and all in one.
 * Packets are opened while somebody listens and we are not deaf, and decoded for those who ask for PCM, as they read.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AudioClock from "../AudioClock.ts"
import { OpusDecoder } from "../OpusDecoder.ts"
import type { UserId } from "../protocol/Identifier.ts"
import type { VoiceError } from "../VoiceError.ts"
import * as Hub from "./Hub.ts"
import * as Inbox from "./Inbox.ts"
import * as JitterBuffer from "./JitterBuffer.ts"
import * as Levels from "./Levels.ts"
import * as LivePauses from "./LivePauses.ts"
import * as Mixdown from "./Mixdown.ts"
import * as Pcm from "./Pcm.ts"
import * as PcmTicks from "./PcmTicks.ts"
import type {
  MixedFrame,
  PcmFrame,
  PcmOptions,
  PcmTick,
  ReceivedFrame,
  Speaking,
  Tick,
  UserPcmOptions
} from "./ReceivedFrame.ts"
import * as Speakers from "./Speakers.ts"
import * as Ticker from "./Ticker.ts"
import * as Undecodable from "./Undecodable.ts"
import * as Utterances from "./Utterances.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Level
} from "./Levels.ts"
export type {
  /**
   * @category models
   * @since 0.1.0
   */
  MixedFrame,
  /**
   * @category models
   * @since 0.1.0
   */
  PcmFrame,
  /**
   * @category models
   * @since 0.1.0
   */
  PcmOptions,
  /**
   * @category models
   * @since 0.1.0
   */
  PcmPart,
  /**
   * @category models
   * @since 0.1.0
   */
  PcmTick,
  /**
   * @category models
   * @since 0.1.0
   */
  ReceivedFrame,
  /**
   * @category models
   * @since 0.1.0
   */
  Speaking,
  /**
   * @category models
   * @since 0.1.0
   */
  Tick,
  /**
   * @category models
   * @since 0.1.0
   */
  TickPart,
  /**
   * @category models
   * @since 0.1.0
   */
  UserPcmOptions
} from "./ReceivedFrame.ts"

/**
 * How to listen.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The least depth of a jitter buffer: how much later than without jitter audio is given out. Default 40 ms. */
  readonly minDepth?: Duration.Input | undefined
  /** The depth before anything is known of the network. Default 60 ms. */
  readonly startDepth?: Duration.Input | undefined
  /** The greatest depth; what is later than that may come too late. Default 200 ms. */
  readonly maxDepth?: Duration.Input | undefined
  /** Packets that a jitter buffer holds. Default 256. */
  readonly bufferPackets?: number | undefined
  /** Frames or ticks that are held for a slow reader, who loses the oldest beyond. Default 256. */
  readonly capacity?: number | undefined
  /**
   * How long a tick waits for the audio that belongs to it, behind its own end. Default: `maxDepth`. Less is sooner; who is
   * late then is `missing`.
   */
  readonly tickDelay?: Duration.Input | undefined
}

/**
 * Counts of packets, for one user or all of them. Each packet that came is in exactly one of `delivered`, `late`,
 * `duplicates`, `overflowed`, `strays`, `malformed` and `waiting`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  /** Packets that came to the jitter buffer. */
  readonly received: number
  readonly delivered: number
  /** Came after their place had been given out as lost. */
  readonly late: number
  readonly duplicates: number
  /** Came to a full buffer. */
  readonly overflowed: number
  /** Did not fit to what was before, and nothing went on from them. */
  readonly strays: number
  /** No Opus packets. */
  readonly malformed: number
  /** In the buffer at the moment. */
  readonly waiting: number
  /** Packets that were given out as lost. Those that came late are among them. */
  readonly lost: number
  /** Of these, those whose successor was there for error correction. */
  readonly recoverable: number
  /** How often a stream went on from another sequence number, timestamp or SSRC. */
  readonly resyncs: number
  /** The depth of the jitter buffer, in milliseconds; the greatest one of all users. */
  readonly depthMs: number
  /** The spread of arrival times in the last seconds, in milliseconds; the greatest one of all users. */
  readonly jitterMs: number
}

/**
 * Counts of the whole session.
 *
 * @category models
 * @since 0.1.0
 */
export interface Totals extends Statistics {
  /** Packets of which nobody said in time whose they are. */
  readonly unknownSenders: number
  /** Frames and ticks that slow readers have lost. */
  readonly dropped: number
  /**
   * Packets that could not be decoded for who asked for PCM or utterances, counted for each of these: no decoder took them, or none
   * could be had. The log names whom no decoder could be had for. They are as if they were lost, or silent, and others are heard.
   */
  readonly undecodable: number
}

/**
 * What a program hears. Every stream lives as long as the session, through its reconnects and moves, and fails with the
 * reason of its end, which is `NotConnected` when we left. While we are deaf nothing comes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Receive {
  /**
   * What a user says: Opus in order, with what was lost, or PCM that is decoded while it is read. It begins with what is said
   * from now on, and goes on when the user leaves and comes back.
   */
  readonly user: {
    (userId: UserId): Stream.Stream<ReceivedFrame, VoiceError>
    (userId: UserId, options: UserPcmOptions): Stream.Stream<PcmFrame, VoiceError, OpusDecoder>
  }
  /** The same of all users in one stream; the frames of each are in order. */
  readonly frames: Stream.Stream<ReceivedFrame, VoiceError>
  /** One value each 20 ms from now on, without a gap, whether anybody speaks or not. */
  readonly ticks: Stream.Stream<Tick, VoiceError>
  readonly ticksPcm: (options?: PcmOptions) => Stream.Stream<PcmTick, VoiceError, OpusDecoder>
  /**
   * Who begins to speak and who stops, from the audio itself: the first packet that is not silence; frames of silence, or no
   * packets for 100 ms and the jitter. Comes at once, ahead of the jitter buffer.
   */
  readonly speaking: Stream.Stream<Speaking, VoiceError>
  /** All participants in one, each 20 ms, at their levels, with a soft limit where they are too loud together. */
  readonly mixed: (options?: PcmOptions) => Stream.Stream<MixedFrame, VoiceError, OpusDecoder>
  /**
   * How loud a user is in `mixed`, and whether at all; what is left out stays as it is. Whatever runs changes within 20 ms,
   * without a click, from the next frame on that is read. A level stays when the user leaves and comes back, and for the whole
   * session. It changes nothing for others, nor in what else is received. Fails with `Unsupported` for a gain that is no number
   * from 0 to 10.
   */
  readonly setLevel: (
    userId: UserId,
    level: { readonly gain?: number | undefined; readonly muted?: boolean | undefined }
  ) => Effect.Effect<void, VoiceError>
  /** Who has another level than the usual one, gain 1 and not muted. */
  readonly levels: Effect.Effect<ReadonlyMap<UserId, Levels.Level>>
  /**
   * What users say, one value for each stretch of speech, when it has ended. `Utterances.events(session, options)` tells in
   * addition when speech begins.
   */
  readonly utterances: <R = never>(
    options?: Utterances.Options<R>
  ) => Stream.Stream<Utterances.Utterance, VoiceError, OpusDecoder | R>
  /** Who is in the channel, as far as the voice gateway, the main gateway or their audio has told, except us. */
  readonly participants: Effect.Effect<ReadonlyArray<UserId>>
  /** Of one user, or `undefined` while nobody has listened to that user. Counts start with the first listener. */
  readonly statistics: {
    (): Totals
    (userId: UserId): Statistics | undefined
  }
}

const defaultCapacity = 256

const tickSamples = 960

/** Events held for utterances while their reader is busy. */
const eventCapacity = 4_096

const milliseconds = (duration: Duration.Input | undefined, otherwise: number): number =>
  duration === undefined ? otherwise : Math.max(0, Duration.toMillis(Duration.fromInputUnsafe(duration)))

/**
 * The listening half of a session, for the scope of the session. It costs nothing until somebody listens. `others` are what is known of
 * those in the channel, and the events that tell of changes of that.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  intake: Hub.Intake,
  options: Options = {},
  others?: Pick<Utterances.Session, "events" | "members">
): Effect.fn.Return<Receive, never, Scope.Scope> {
  const { defaults } = JitterBuffer
  const maxDepthMs = milliseconds(options.maxDepth, defaults.maxDepthMs)
  const tickDelayMs = milliseconds(options.tickDelay, maxDepthMs)
  const capacity = options.capacity ?? defaultCapacity
  const clock = yield* Clock.Clock
  const alarm = AudioClock.alarm(clock, Effect.runForkWith(yield* Effect.context<never>()))
  const hub = yield* Hub.make(intake, {
    maxDepthMs,
    minDepthMs: Math.min(maxDepthMs, milliseconds(options.minDepth, defaults.minDepthMs)),
    startDepthMs: Math.min(maxDepthMs, milliseconds(options.startDepth, defaults.startDepthMs)),
    capacity: options.bufferPackets ?? defaults.capacity
  }, alarm)
  const levels = Levels.make()
  let dropped = 0
  let undecodable = 0
  const countUndecodable = (): void => {
    undecodable++
  }

  /** A stream of what a listener puts into its inbox. */
  const listen = <A extends { readonly dropped?: number | undefined }>(
    makeListener: (inbox: Inbox.Inbox<A>, nowMs: number) => Omit<Hub.Listener, "onOver">
  ): Stream.Stream<A, VoiceError> =>
    Stream.unwrap(Effect.gen(function*() {
      const inbox = Inbox.make<A>(capacity, () => {
        dropped++
      })
      yield* hub.listen((nowMs) => ({ ...makeListener(inbox, nowMs), onOver: inbox.end }))
      return inbox.stream
    }))

  const opus = (userId?: UserId): Stream.Stream<ReceivedFrame, VoiceError> =>
    listen<ReceivedFrame>((inbox) => ({ userId, onFrame: inbox.offer }))

  /** With pauses while they last. */
  const live = (userId: UserId): Stream.Stream<ReceivedFrame, VoiceError> =>
    listen<ReceivedFrame>((inbox) => {
      const pauses = LivePauses.make()
      const tell = (frame: ReceivedFrame | undefined) => frame === undefined ? undefined : inbox.offer(frame)
      return {
        userId,
        onFrame: (frame) => tell(pauses.hear(frame, alarm.now())),
        advance: (nowMs) => tell(pauses.pass(nowMs)),
        nextMs: pauses.nextMs
      }
    })

  const pcm = (userId: UserId, pcmOptions: UserPcmOptions): Stream.Stream<PcmFrame, VoiceError, OpusDecoder> =>
    Stream.unwrap(Effect.gen(function*() {
      const { decode } = Pcm.make(yield* (yield* OpusDecoder).make(pcmOptions), countUndecodable)
      const frames = pcmOptions.pauses === "live" ? live(userId) : opus(userId)
      return frames.pipe(
        Stream.mapEffect(decode),
        // a pause is made as it is read: a chunk of it would be minutes
        Stream.flatMap((frames) =>
          Array.isArray(frames) ? Stream.fromArray(frames) : Stream.fromIterable(frames, { chunkSize: 1 })
        )
      )
    }))

  function user(userId: UserId): Stream.Stream<ReceivedFrame, VoiceError>
  function user(userId: UserId, pcmOptions: UserPcmOptions): Stream.Stream<PcmFrame, VoiceError, OpusDecoder>
  function user(
    userId: UserId,
    pcmOptions?: UserPcmOptions
  ): Stream.Stream<ReceivedFrame, VoiceError> | Stream.Stream<PcmFrame, VoiceError, OpusDecoder> {
    return pcmOptions === undefined ? opus(userId) : pcm(userId, pcmOptions)
  }

  const ticks = listen<Tick>((inbox, startMs) =>
    Ticker.make({ startMs, delayMs: tickDelayMs, participants: hub.participants, onTick: inbox.offer })
  )

  const ticksPcm = (pcmOptions?: PcmOptions): Stream.Stream<PcmTick, VoiceError, OpusDecoder> =>
    Stream.unwrap(
      Effect.map(
        PcmTicks.make(pcmOptions, Undecodable.make(countUndecodable)),
        (toPcm) => Stream.mapEffect(ticks, toPcm)
      )
    )

  const speaking = Stream.map(
    listen<Speaking & { readonly dropped?: number }>((inbox) => {
      const speakers = Speakers.make(hub.jitterMs, inbox.offer)
      return {
        onArrival: speakers.onPacket,
        onGone: speakers.onGone,
        advance: speakers.advance,
        nextMs: speakers.nextMs
      }
    }),
    ({ atMs, speaking: isSpeaking, userId }): Speaking => ({ userId, speaking: isSpeaking, atMs })
  )

  const happenings = Effect.gen(function*() {
    const queue = yield* Queue.make<Hub.Happening, Cause.Done>({ capacity: eventCapacity, strategy: "sliding" })
    yield* intake.observe({
      onEvent: (event) => void Queue.offerUnsafe(queue, event),
      onOver: () => void Queue.endUnsafe(queue)
    })
    return Stream.fromQueue(queue)
  })

  function statistics(): Totals
  function statistics(userId: UserId): Statistics | undefined
  function statistics(userId?: UserId): Totals | Statistics | undefined {
    return userId === undefined ? { ...hub.totals(), dropped, undecodable } : hub.statistics(userId)
  }

  const receive: Receive & Utterances.Session["receive"] = {
    user,
    frames: opus(),
    countUndecodable,
    utterances: (utteranceOptions) => Utterances.make({ receive, events: happenings, ...others }, utteranceOptions),
    ticks,
    ticksPcm,
    speaking,
    mixed: (pcmOptions = {}) =>
      Stream.suspend(() => {
        const { channels = 2, rate = 48_000 } = pcmOptions
        const mix = Mixdown.make({ length: tickSamples * rate / 48_000 * channels, channels, gainOf: levels.gainOf })
        return Stream.map(ticksPcm(pcmOptions), mix)
      }),
    setLevel: (userId, level) => Effect.asVoid(levels.set(userId, level)),
    levels: Effect.sync(levels.all),
    participants: Effect.sync(() => [...hub.participants()]),
    statistics
  }
  return receive
})
