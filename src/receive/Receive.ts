/**
 * The receiving half of a session: each user's audio in order, all users in step, who is speaking, and a mix of everyone.
 * Packets are decrypted only while something listens and we are not deaf. They are decoded only for readers of PCM, as they
 * read.
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
  MixedOptions,
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
  MixedOptions,
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
 * The options for receiving audio.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The minimum depth of a jitter buffer: how much later audio is delivered than on a network without jitter. Default 40 ms. */
  readonly minDepth?: Duration.Input | undefined
  /** The depth that is used before anything is known about the network. Default 60 ms. */
  readonly startDepth?: Duration.Input | undefined
  /** The maximum depth. Packets that are later than this may arrive too late. Default 200 ms. */
  readonly maxDepth?: Duration.Input | undefined
  /** The number of packets that a jitter buffer holds. Default 256. */
  readonly bufferPackets?: number | undefined
  /** The number of frames or ticks that are held for a slow reader. Beyond it, the reader loses the oldest ones. Default 256. */
  readonly capacity?: number | undefined
  /**
   * How long a tick waits for its audio after its own end. Default: `maxDepth`. A smaller value gives ticks sooner; audio that
   * is late then counts as `missing`.
   */
  readonly tickDelay?: Duration.Input | undefined
}

/**
 * Packet counts of one user or of all users. Each received packet is counted in exactly one of `delivered`, `late`,
 * `duplicates`, `overflowed`, `strays`, `malformed` and `waiting`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  /** Packets that reached the jitter buffer. */
  readonly received: number
  /** Packets that were given out. */
  readonly delivered: number
  /** Packets that arrived after their place had been given out as lost. */
  readonly late: number
  /** Packets that arrived more than once. */
  readonly duplicates: number
  /** Packets that arrived while the buffer was full. */
  readonly overflowed: number
  /** Packets that did not fit what came before, and that no other packet continued. */
  readonly strays: number
  /** Packets that are not valid Opus. */
  readonly malformed: number
  /** Packets that are in the buffer now. */
  readonly waiting: number
  /** Packets that were given out as lost, including those that arrived late. */
  readonly lost: number
  /** The lost packets whose successor was available for error correction. */
  readonly recoverable: number
  /** How often a stream continued from a different sequence number, timestamp or SSRC. */
  readonly resyncs: number
  /** The depth of the jitter buffer in milliseconds. In the totals, the greatest of all users. */
  readonly depthMs: number
  /** The spread of arrival times over the last seconds, in milliseconds. In the totals, the greatest of all users. */
  readonly jitterMs: number
}

/**
 * The counts of the whole session.
 *
 * @category models
 * @since 0.1.0
 */
export interface Totals extends Statistics {
  /** Packets whose sender did not become known in time. */
  readonly unknownSenders: number
  /** Frames and ticks that slow readers have lost. */
  readonly dropped: number
  /**
   * Packets that could not be decoded for a reader of PCM or utterances, counted once for each such reader: the decoder
   * rejected them, or no decoder could be created. The log names the users for whom no decoder could be created. Such packets
   * are treated as lost, or as silence; other users are still heard.
   */
  readonly undecodable: number
}

/**
 * Everything that a program can hear. Every stream lives as long as the session, through reconnects and moves, and fails with
 * the reason for the session's end, which is `NotConnected` when we left. Nothing arrives while we are deaf.
 *
 * @category models
 * @since 0.1.0
 */
export interface Receive {
  /**
   * The audio of one user: Opus in order, with the losses, or PCM that is decoded as it is read. It begins with what is said
   * from now on, and continues when the user leaves and comes back.
   */
  readonly user: {
    (userId: UserId): Stream.Stream<ReceivedFrame, VoiceError>
    (userId: UserId, options: UserPcmOptions): Stream.Stream<PcmFrame, VoiceError, OpusDecoder>
  }
  /** The Opus frames of all users in one stream. The frames of each user are in order. */
  readonly frames: Stream.Stream<ReceivedFrame, VoiceError>
  /** One value every 20 ms from now on, without gaps, whether anybody speaks or not. */
  readonly ticks: Stream.Stream<Tick, VoiceError>
  /** The same as PCM, in parts of exactly 20 ms. */
  readonly ticksPcm: (options?: PcmOptions) => Stream.Stream<PcmTick, VoiceError, OpusDecoder>
  /**
   * Who starts and stops speaking, judged by the audio: speech starts with the first packet that is not silence, and stops at
   * frames of silence, or when no packet has come for 100 ms plus the jitter. Events arrive immediately, ahead of the jitter
   * buffer.
   */
  readonly speaking: Stream.Stream<Speaking, VoiceError>
  /**
   * A mix of all participants, or of those that `users` selects, every 20 ms, at their levels. A soft limiter applies where
   * they are too loud together.
   */
  readonly mixed: (options?: MixedOptions) => Stream.Stream<MixedFrame, VoiceError, OpusDecoder>
  /**
   * Sets a user's gain in `mixed`, or mutes the user there. A property that is left out keeps its value. Running mixes change
   * within 20 ms, without a click, from the next frame that is read. A level lasts for the whole session, also when the user
   * leaves and comes back. It affects neither other users nor the other streams. Fails with `Unsupported` if the gain is not a
   * number from 0 to 10.
   */
  readonly setLevel: (
    userId: UserId,
    level: { readonly gain?: number | undefined; readonly muted?: boolean | undefined }
  ) => Effect.Effect<void, VoiceError>
  /** The users whose level differs from the default of gain 1 and not muted. */
  readonly levels: Effect.Effect<ReadonlyMap<UserId, Levels.Level>>
  /**
   * What users say: one value for each stretch of speech, when it has ended. `Utterances.events(session, options)` also tells
   * when speech begins.
   */
  readonly utterances: <R = never>(
    options?: Utterances.Options<R>
  ) => Stream.Stream<Utterances.Utterance, VoiceError, OpusDecoder | R>
  /** The other users in the channel, as far as the voice gateway, the main gateway or their audio has shown. */
  readonly participants: Effect.Effect<ReadonlyArray<UserId>>
  /**
   * The counts of the session, or of one user: `undefined` if nothing has listened to that user yet. Counting starts with the
   * first listener.
   */
  readonly statistics: {
    (): Totals
    (userId: UserId): Statistics | undefined
  }
}

const defaultCapacity = 256

const everybody = (): boolean => true

const tickSamples = 960

/** The number of events that are held for utterances while their reader is busy. */
const eventCapacity = 4_096

const milliseconds = (duration: Duration.Input | undefined, otherwise: number): number =>
  duration === undefined ? otherwise : Math.max(0, Duration.toMillis(Duration.fromInputUnsafe(duration)))

/**
 * Makes the receiving half of a session, in the session's scope. It costs nothing until something listens. `others` has what is
 * known about the users in the channel, and the events that report changes.
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

  /** A stream of the values that a listener puts into its inbox. */
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

  /** Like `opus`, but reports pauses while they last. */
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
        // a pause is made as it is read: one chunk of it would be minutes long
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
    mixed: (mixedOptions = {}) =>
      Stream.suspend(() => {
        const { channels = 2, rate = 48_000, users = everybody } = mixedOptions
        const gainOf = (userId: UserId) => users(userId) ? levels.gainOf(userId) : 0
        const mix = Mixdown.make({ length: tickSamples * rate / 48_000 * channels, channels, gainOf })
        return Stream.map(ticksPcm(mixedOptions), mix)
      }),
    setLevel: (userId, level) => Effect.asVoid(levels.set(userId, level)),
    levels: Effect.sync(levels.all),
    participants: Effect.sync(() => [...hub.participants()]),
    statistics
  }
  return receive
})
