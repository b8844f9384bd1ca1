/**
 * What users say, as one value for each stretch of speech, for programs that listen and answer. Events also tell when speech
 * begins and ends, so that a program can fall silent when somebody interrupts it.
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
import { OpusDecoder } from "../OpusDecoder.ts"
import type { UserId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Inbox from "./Inbox.ts"
import * as LivePauses from "./LivePauses.ts"
import type { Member } from "./Member.ts"
import * as Pcm from "./Pcm.ts"
import type { ReceivedFrame } from "./ReceivedFrame.ts"
import * as Undecodable from "./Undecodable.ts"
import * as Detector from "./utterance/Detector.ts"
import * as Pieces from "./utterance/Pieces.ts"
import * as Sound from "./utterance/Sound.ts"
import type { Event, Options, Session, Utterance } from "./utterance/Utterance.ts"
import * as Wanted from "./utterance/Wanted.ts"
import { VoiceActivity } from "./VoiceActivity.ts"

export type { EndReason, OpusPiece } from "./utterance/Detector.ts"
export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Event,
  /**
   * @category models
   * @since 0.1.0
   */
  Options,
  /**
   * @category models
   * @since 0.1.0
   */
  Session,
  /**
   * @category models
   * @since 0.1.0
   */
  Utterance
} from "./utterance/Utterance.ts"

const defaultRate = 16_000
const tick = "20 millis"
const defaultCapacity = 256
/** How long audio of a user who has left may still come out of the jitter buffer, in milliseconds: its depth and a margin. */
const lingerMs = 250
/** How long after a user's last audio the decoder is freed, in milliseconds. */
const idleMs = 10_000

const noSound = new Int16Array()

/**
 * The events for which `pick` returns something. Nothing else takes up room in the reader's inbox. If it is not live, nobody
 * asks for sound before its end.
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
        new VoiceError.Unsupported({ feature: "this rate for utterances", detail: problem })
      )
    }
    const limits: Detector.Limits = {
      silence: yield* Bounds.positive(yield* Bounds.span(options.silence ?? 400, "a `silence`"), "a `silence`"),
      minimum: yield* Bounds.span(options.minimum ?? 100, "a `minimum`"),
      confirm: yield* Bounds.patience(options.confirm ?? 300, "a `confirm`"),
      maximum: yield* Bounds.positive(yield* Bounds.patience(options.maximum ?? 30_000, "a `maximum`"), "a `maximum`"),
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

    const undecodable = Undecodable.make(session.receive.countUndecodable)

    const run = yield* FiberSet.makeRuntime<R>()
    /** Asks, until the answer is no longer needed. */
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
      const [decoder, activity] = yield* Effect.all([decoders.make({ rate, channels: 1 }), activities.make(rate)]).pipe(
        Scope.provide(own),
        Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void)
      )
      let sound: Sound.Sound | undefined
      const endSound = (): void => {
        sound?.end()
        // from now on only the readers of its event keep it
        sound = undefined
      }
      // readers do not wait for a sound that nothing feeds any more
      yield* Scope.addFinalizer(own, Effect.sync(endSound))
      const utteranceOf = ({ frames, ...stretch }: Detector.Stretch): Utterance => {
        const member = wanted.member(userId)
        return { ...stretch, userId, ...(member === undefined ? {} : { member }), rate, opus: Pieces.of(frames) }
      }
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
      const live = options.pauses === "live" ? LivePauses.make() : undefined
      // `toldMs`: how much of the pause since `heardMs` was reported
      return {
        scope: own,
        decoder: Pcm.make(decoder, undecodable.count),
        detector,
        live,
        heardMs: nowMs(),
        toldMs: 0,
        leavesMs: Infinity
      }
    })
    type Listener = Effect.Success<ReturnType<typeof open>>
    const listeners = new Map<UserId, Listener>()
    const isIdle = ({ detector, heardMs }: Listener, now: number) =>
      now - heardMs > Math.max(idleMs, 2 * limits.silence) && !detector.isWaiting()

    const hear = Effect.fnUntraced(function*(frame: ReceivedFrame) {
      const { userId } = frame
      if (!wanted.has(userId)) return
      let listener = listeners.get(userId)
      if (listener === undefined) {
        if (frame.kind !== "audio") return
        listener = yield* undecodable.unless(userId, open(userId))
        if (listener === undefined) return undecodable.count()
        listeners.set(userId, listener)
      }
      listener.heardMs = nowMs()
      listener.toldMs = 0
      const { decoder, detector, live } = listener
      const placed = live === undefined ? frame : live.hear(frame, nowMs())
      // the whole pause was reported: this is the end of what was said before, and must not be heard before what comes next
      if (placed === undefined) return yield* Effect.asVoid(decoder.trail(frame.samples))
      const { atMs, samples, timestamp } = placed
      // a pause has no sound, and a long loss has none that could be concealed
      const isPause = frame.packets === 0 || frame.packets > 1 || samples === 0
      const data = frame.data.length === 0 ? undefined : frame.data
      if (isPause) {
        yield* decoder.trail(frame.samples)
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

    /** Reports how much of a pause has passed. */
    const rest = (listener: Listener, now: number): void => {
      const { detector, heardMs, live } = listener
      const pause = detector.isSpeaking() ? live?.pass(now) : undefined
      if (pause === undefined) return
      const { atMs, samples, timestamp } = pause
      listener.toldMs += samples / 48
      const heard = { timestamp, samples, atMs, pcm: noSound, data: undefined, isMadeUp: false }
      detector.hear(heard, heardMs + listener.toldMs)
    }

    const pass = Effect.suspend(() => {
      const now = nowMs()
      wanted.pass(now)
      const ends: Array<Effect.Effect<void>> = []
      for (const [userId, listener] of listeners) {
        if (listener.leavesMs <= now) ends.push(free(userId, "left"))
        else if (isIdle(listener, now)) ends.push(free(userId, "silence"))
        else if (listener.leavesMs === Infinity) {
          rest(listener, now)
          listener.detector.pass(now)
        }
      }
      return Effect.all(ends, { discard: true })
    })

    /** Runs in the background. A defect there (of `users`, or of a detector) becomes a defect of the reader. */
    const watch = (effect: Effect.Effect<void>) =>
      Effect.forkScoped(Effect.catchDefect(effect, (defect) => Effect.sync(() => inbox.die(defect))), {
        startImmediately: true
      })

    const happenings = yield* session.events
    const members = yield* session.members ?? Effect.succeed(new Map<UserId, Member>())
    // audio of a user who has left may come out of a buffer that is as deep as this
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
 * The beginnings and ends of speech. Fails with the reason for the session's end; speech in progress ends as `left` before
 * that. Fails with `Unsupported` if an option is invalid, and dies of a defect of `users` or of the detector. If no decoder or
 * detector can be created for a user, a warning is logged, there are no events for that user, and `session.receive.statistics`
 * counts the packets as `undecodable`.
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
 * Encodes an utterance as an Ogg Opus file, with the packets exactly as received. Throws a `RangeError` if `preSkip` does not
 * fit in 16 bits or `serial` does not fit in 32 bits.
 *
 * @category codecs
 * @since 0.1.0
 */
export const toOgg = (
  utterance: Pick<Utterance, "opus">,
  options?: OggWriter.WriterOptions
): Uint8Array => OggWriter.encode(utterance.opus, options)
