/**
 * What users say, one value for each stretch of speech, for programs that listen and answer. And when they begin and end, as
 * it happens, so that a program can fall silent when it is spoken over.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Bounds from "../audio/Bounds.ts"
import * as OggWriter from "../audio/ogg/OggWriter.ts"
import { rateProblem } from "../codec/limits.ts"
import { OpusDecoder, type Rate } from "../OpusDecoder.ts"
import type { UserId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import type { Happening } from "./Hub.ts"
import * as Inbox from "./Inbox.ts"
import type { Member } from "./Member.ts"
import * as Pcm from "./Pcm.ts"
import type { ReceivedFrame } from "./ReceivedFrame.ts"
import * as Detector from "./utterance/Detector.ts"
import * as Pieces from "./utterance/Pieces.ts"
import * as Sound from "./utterance/Sound.ts"
import * as Wanted from "./utterance/Wanted.ts"
import { VoiceActivity } from "./VoiceActivity.ts"

export type { EndReason, OpusPiece } from "./utterance/Detector.ts"

/**
 * What is needed of a session. A `VoiceSession` has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly receive: { readonly frames: Stream.Stream<ReceivedFrame, VoiceError.VoiceError> }
  readonly events: Effect.Effect<Stream.Stream<Happening>, never, Scope.Scope>
  /** What is known of others at first. Without it nothing is, until `events` tell of a change. */
  readonly members?: Effect.Effect<ReadonlyMap<UserId, Member>> | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<R = never> {
  /** An utterance has ended when nothing was said for so long, which is not 0. Default 400 ms. */
  readonly silence?: Duration.Input | undefined
  /**
   * Whether somebody has said all they wanted: asked, with what they have said so far, when nothing was said for as long as
   * `silence`. It says for how long to wait for more, counted from when it was asked: what is said until then belongs to the same utterance,
   * and where they fall silent anew it is asked anew. 0: it is over. While it has not answered it is waited for, and it is interrupted when more is
   * said; one that does not answer is no end, so that it needs a time limit of its own: what is as long as `maximum` is cut. It cannot
   * fail, since only the program knows what its failure means: `Effect.orElseSucceed(() => 0)`. The stream dies of its defects.
   * Not asked of what is shorter than `minimum`. Default: it is over.
   *
   * ```ts
   * turn: (soFar) =>
   *   isDone(soFar.pcm).pipe(
   *     Effect.map((done) => done ? 0 : "2 seconds"),
   *     Effect.timeout("500 millis"),
   *     Effect.orElseSucceed(() => 0)
   *   )
   * ```
   */
  readonly turn?: ((soFar: Utterance) => Effect.Effect<Duration.Input, never, R>) | undefined
  /** What is shorter is no utterance. Default 100 ms. */
  readonly minimum?: Duration.Input | undefined
  /**
   * Speech of which so much is voiced is `Confirmed`: it is no cough, and no word of assent. Pauses do not count, and what is cut
   * at `maximum` is counted anew. Nothing is confirmed before it is as long as `minimum`. Default 300 ms.
   */
  readonly confirm?: Duration.Input | undefined
  /** What is longer is cut, and goes on as another utterance. Not 0. Default 30 seconds. */
  readonly maximum?: Duration.Input | undefined
  /** So much is in the sound before the speech begins and, up to `silence`, behind it. Default 200 ms. */
  readonly preRoll?: Duration.Input | undefined
  /** Of the PCM, in hertz. Default 16 000, which speech recognition takes. */
  readonly rate?: Rate | undefined
  /**
   * Whom to listen to. `member` is what is known of them, as `session.members` has it: no bots are
   * `(_, member) => member?.bot !== true`. It is asked anew when something else is known, and whoever is wanted no more is as one who
   * has left: what they were saying ends as `left`. Of somebody who is heard sooner than a gateway has told of them, `member` is
   * absent, or lacks that. Default all.
   */
  readonly users?: ((userId: UserId, member?: Member) => boolean) | undefined
  /** Events, or utterances for who reads these alone, that are held for a slow reader, who loses the oldest beyond. Default 256. */
  readonly capacity?: number | undefined
}

/**
 * A stretch of speech. Times are milliseconds of the session's monotonic clock (`Clock.monotonicTimeNanos`).
 *
 * @category models
 * @since 0.1.0
 */
export interface Utterance {
  readonly userId: UserId
  /** When speech began and ended. */
  readonly startMs: number
  readonly endMs: number
  /** When the first sample of `pcm` was heard: up to `preRoll` before `startMs`. */
  readonly audioStartMs: number
  /** Mono, 16 bits. */
  readonly pcm: Int16Array
  /** Of `pcm`, in hertz. */
  readonly rate: Rate
  /**
   * Opus packets that cover the time of `pcm`, as they came; pauses and what was lost are packets of silence.
   * `AudioSource.fromFrames` plays them, `toOgg` makes a file of them.
   */
  readonly opus: ReadonlyArray<Detector.OpusPiece>
  readonly reason: Detector.EndReason
  /** Whether it was `Confirmed`: as much of it was voiced as `confirm` says. */
  readonly confirmed: boolean
  /** How many utterances a reader of {@link make} has lost right before, because it was too slow. Of {@link events}, the event says it. */
  readonly dropped?: number | undefined
}

/**
 * - `Started`: speech has begun; comes some 60 to 100 ms later, as deep as the jitter buffer is. `pcm` is what is said, as it comes:
 *   mono, 16 bits, at `rate`, from `audioStartMs` on. It begins with the same samples as that of the utterance, is up to `silence`
 *   longer (and by what `turn` had it wait), and ends when `Ended` or `Discarded` is told, or nobody reads the events any more. What was lost is made up, and a pause
 *   is zeros, told when it is over. It can be run again, from its beginning.
 * - `Confirmed`: it has lasted long enough to be no cough, as `confirm` says. `Ended` follows, and never `Discarded`.
 * - `Ended`: there is an utterance; one that was not confirmed is short.
 * - `Discarded`: what had started was shorter than `minimum`: a cough, or a knock.
 *
 * Of a user, each `Started` has one `Ended` or `Discarded`, before the next one; `startMs` is the same in all of them.
 *
 * `dropped` is how many events this reader has lost right before, because it was too slow.
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  | {
    readonly _tag: "Started"
    readonly userId: UserId
    readonly startMs: number
    readonly audioStartMs: number
    readonly rate: Rate
    readonly pcm: Stream.Stream<Int16Array>
    readonly dropped?: number
  }
  | { readonly _tag: "Confirmed"; readonly userId: UserId; readonly startMs: number; readonly dropped?: number }
  | { readonly _tag: "Ended"; readonly userId: UserId; readonly utterance: Utterance; readonly dropped?: number }
  | {
    readonly _tag: "Discarded"
    readonly userId: UserId
    readonly startMs: number
    readonly endMs: number
    readonly dropped?: number
  }

const defaultRate = 16_000
const tick = "20 millis"
const defaultCapacity = 256
/** What somebody has said who has left comes out of the jitter buffer for so long, in milliseconds: its depth, and some. */
const lingerMs = 250
/** The decoder of somebody of whom nothing came for so long is freed, in milliseconds. */
const idleMs = 10_000

const noSound = new Int16Array()

/**
 * Of all events, those of which `pick` makes something: nothing else takes room from what waits for the reader. Where it is not live,
 * nobody asks for sound before its end.
 */
const listen = <A extends { readonly dropped?: number | undefined }, R>(
  session: Session,
  options: Options<R>,
  pick: (event: Event) => A | undefined,
  isLive: boolean
): Stream.Stream<A, VoiceError.VoiceError, OpusDecoder | R> =>
  Stream.unwrap(Effect.gen(function*() {
    const { rate = defaultRate, turn } = options
    const problem = rateProblem(rate)
    if (problem !== undefined) {
      return yield* VoiceError.fail(
        new VoiceError.Unsupported({ feature: "to hear utterances at this rate", detail: problem })
      )
    }
    const limits: Detector.Limits = {
      silence: yield* Bounds.positive(yield* Bounds.span(options.silence ?? 400, "a silence"), "a silence"),
      minimum: yield* Bounds.span(options.minimum ?? 100, "a minimum"),
      confirm: yield* Bounds.patience(options.confirm ?? 300, "to confirm"),
      maximum: yield* Bounds.positive(yield* Bounds.patience(options.maximum ?? 30_000, "a maximum"), "a maximum"),
      preRoll: yield* Bounds.span(options.preRoll ?? 200, "a pre-roll")
    }
    const capacity = yield* Bounds.count(options.capacity ?? defaultCapacity, "a capacity")
    const activities = yield* VoiceActivity
    const decoders = yield* OpusDecoder
    const clock = yield* Clock.Clock
    const scope = yield* Effect.scope
    const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
    const inbox = Inbox.make<A>(capacity, () => {})
    const tell = (event: Event): void => {
      const picked = pick(event)
      if (picked !== undefined) inbox.offer(picked)
    }

    const run = yield* FiberSet.makeRuntime<R>()
    /** Asks, unless nobody wants to know any more. */
    const ask = (effect: Effect.Effect<Duration.Input, never, R>, answer: (ms: number) => void) => {
      const asking = effect.pipe(
        Effect.map((more) => answer(Duration.toMillis(Duration.fromInputUnsafe(more)))),
        Effect.catchDefect((defect) => Effect.sync(() => inbox.die(defect)))
      )
      const fiber = run(asking)
      return () => fiber.interruptUnsafe()
    }

    const open = Effect.fnUntraced(function*(userId: UserId) {
      const own = yield* Scope.fork(scope)
      const decoder = yield* Scope.provide(decoders.make({ rate, channels: 1 }), own)
      const activity = yield* Scope.provide(activities.make(rate), own)
      let sound: Sound.Sound | undefined
      const endSound = (): void => {
        sound?.end()
        // from now on it is kept by whoever has its event, and by nobody else
        sound = undefined
      }
      // whoever reads it does not wait for what nobody listens to any more
      yield* Scope.addFinalizer(own, Effect.sync(endSound))
      const utteranceOf = ({ frames, ...stretch }: Detector.Stretch): Utterance => ({
        ...stretch,
        userId,
        rate,
        opus: Pieces.of(frames)
      })
      const detector = Detector.make({
        rate,
        limits,
        activity,
        onStart: (startMs, audioStartMs) => {
          sound = Sound.make()
          tell({ _tag: "Started", userId, startMs, audioStartMs, rate, pcm: sound.stream })
        },
        onSound: isLive ? (pcm) => sound?.add(pcm) : undefined,
        onQuiet: turn === undefined
          ? undefined
          : (soFar, answer) => ask(Effect.suspend(() => turn(utteranceOf(soFar))), answer),
        onConfirm: (startMs) => tell({ _tag: "Confirmed", userId, startMs }),
        onDiscard: (startMs, endMs) => {
          endSound()
          tell({ _tag: "Discarded", userId, startMs, endMs })
        },
        onEnd: (stretch) => {
          endSound()
          tell({ _tag: "Ended", userId, utterance: utteranceOf(stretch) })
        }
      })
      return { scope: own, decoder: Pcm.make(decoder), detector, heardMs: nowMs(), leavesMs: Infinity }
    })
    const listeners = new Map<UserId, Effect.Success<ReturnType<typeof open>>>()
    const isIdle = ({ detector, heardMs }: Effect.Success<ReturnType<typeof open>>, now: number) =>
      now - heardMs > Math.max(idleMs, 2 * limits.silence) && !detector.isWaiting()

    const hear = Effect.fnUntraced(function*(frame: ReceivedFrame) {
      const { userId } = frame
      if (!wanted.has(userId)) return
      let listener = listeners.get(userId)
      if (listener === undefined) {
        if (frame.kind !== "audio") return
        listener = yield* open(userId)
        listeners.set(userId, listener)
      }
      listener.heardMs = nowMs()
      const { decoder, detector } = listener
      const { atMs, samples, timestamp } = frame
      // a pause has no sound, and a long loss none that could be made up
      const isPause = frame.packets === 0 || frame.packets > 1 || samples === 0
      const data = frame.data.length === 0 ? undefined : frame.data
      if (isPause) {
        // it belongs to what was said before, and is not to be heard in front of what comes
        yield* decoder.trail(samples)
        return detector.hear({ timestamp, samples, atMs, pcm: noSound, data, isMadeUp: false }, nowMs())
      }
      for (const { kind, pcm } of yield* decoder.decode(frame)) {
        detector.hear({ timestamp, samples, atMs, pcm, data, isMadeUp: kind === "concealed" }, nowMs())
      }
    })

    const free = Effect.fnUntraced(function*(userId: UserId, reason: Detector.EndReason) {
      const listener = listeners.get(userId)
      if (listener === undefined) return
      listeners.delete(userId)
      listener.detector.end(reason)
      yield* Scope.close(listener.scope, Exit.void)
    })

    const leave = (userId: UserId): void => {
      const listener = listeners.get(userId)
      if (listener !== undefined) listener.leavesMs = Math.min(listener.leavesMs, nowMs() + lingerMs)
    }

    const pass = Effect.suspend(() => {
      const now = nowMs()
      wanted.pass(now)
      const ends: Array<Effect.Effect<void>> = []
      for (const [userId, listener] of listeners) {
        if (listener.leavesMs <= now) ends.push(free(userId, "left"))
        else if (isIdle(listener, now)) ends.push(free(userId, "silence"))
        else if (listener.leavesMs === Infinity) listener.detector.pass(now)
      }
      return Effect.all(ends, { discard: true })
    })

    /** In the background. What throws there (`users`, a detector) is thrown at whoever reads. */
    const watch = (effect: Effect.Effect<void>) =>
      Effect.forkScoped(Effect.catchDefect(effect, (defect) => Effect.sync(() => inbox.die(defect))), {
        startImmediately: true
      })

    const happenings = yield* session.events
    const members = yield* session.members ?? Effect.succeed(new Map<UserId, Member>())
    // what is still to come of who has left comes out of a buffer that may be as deep as that
    const wanted = Wanted.make(options.users ?? (() => true), members, 4 * lingerMs)
    const know = (userId: UserId, member: Member | undefined): void => {
      wanted.know(userId, member, nowMs())
      const listener = listeners.get(userId)
      if (listener !== undefined && !wanted.has(userId)) listener.leavesMs = nowMs()
    }
    yield* happenings.pipe(
      Stream.runForEach((event) =>
        Effect.sync(() => {
          if (event._tag === "UserDisconnected") leave(event.userId)
          else if (event._tag === "MemberChanged") know(event.userId, event.member)
          else if (event._tag === "Moved") listeners.forEach((_, userId) => leave(userId))
        })
      ),
      watch
    )
    yield* Effect.sleep(tick).pipe(Effect.andThen(pass), Effect.forever, watch)
    yield* session.receive.frames.pipe(
      Stream.runForEach(hear),
      Effect.catch((error) =>
        Effect.sync(() => {
          for (const { detector } of listeners.values()) detector.end("left")
          inbox.end(error)
        })
      ),
      watch
    )
    return inbox.stream
  }))

/**
 * What begins and ends. Fails with the reason of the session's end; what was being said then ends as `left` before. Fails with
 * `Unsupported` for an option that makes no sense, and dies of what `users` or the detector throws.
 *
 * @category constructors
 * @since 0.1.0
 */
export const events = <R = never>(
  session: Session,
  options: Options<R> = {}
): Stream.Stream<Event, VoiceError.VoiceError, OpusDecoder | R> => listen(session, options, (event) => event, true)

/**
 * The utterances of all users, each when it has ended. Fails like {@link events}.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 *
 * const listen = Utterances.make(session, { silence: "600 millis" }).pipe(
 *   Stream.runForEach(({ pcm, userId }) => transcribe(userId, pcm))
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R = never>(
  session: Session,
  options: Options<R> = {}
): Stream.Stream<Utterance, VoiceError.VoiceError, OpusDecoder | R> =>
  listen(session, options, (event) => event._tag === "Ended" ? event.utterance : undefined, false)

/**
 * An utterance as an Ogg Opus file, bit for bit as it came. A `preSkip` (16 bits) or `serial` (32 bits) that does not fit its header is a
 * bug of the caller and throws a `RangeError`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const toOgg = (
  utterance: Pick<Utterance, "opus">,
  options?: OggWriter.WriterOptions
): Uint8Array => OggWriter.encode(utterance.opus, options)
