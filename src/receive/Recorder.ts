/**
 * Records a call: one file for each user, in Ogg Opus bit for bit as they were heard, with true silence in between, so that all
 * files have the length of the recording and lie side by side in an editor; a mixed file; and a manifest. Whatever happens to
 * the process, all of it up to the last second can be played.
 *
 * To record people without their consent is forbidden in many places. It is the program's duty to ask for it: see `onStart`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Line from "../driver/Line.ts"
import { OpusDecoder } from "../OpusDecoder.ts"
import { OpusEncoder } from "../OpusEncoder.ts"
import type { ChannelId, UserId } from "../protocol/Identifier.ts"
import type * as VoiceError from "../VoiceError.ts"
import type { Happening } from "./Hub.ts"
import type { Member } from "./Member.ts"
import * as ArrivalClock from "./record/ArrivalClock.ts"
import * as Book from "./record/Book.ts"
import * as Budget from "./record/Budget.ts"
import * as Closing from "./record/Closing.ts"
import * as Decoding from "./record/Decoding.ts"
import * as Faders from "./record/Faders.ts"
import * as Manifest from "./record/Manifest.ts"
import * as MixedFile from "./record/MixedFile.ts"
import * as Outputs from "./record/Outputs.ts"
import * as Recordings from "./record/Recording.ts"
import * as Repair from "./record/Repair.ts"
import * as Self from "./record/Self.ts"
import { Storage } from "./record/Storage.ts"
import * as UserFile from "./record/UserFile.ts"

export type { EndedBy, RecordedFile, RecordedUser } from "./record/Manifest.ts"
export {
  /**
   * The name of the manifest in the recording's folder.
   *
   * @category constants
   * @since 0.1.0
   */
  fileName as manifestFile,
  /**
   * What a recording says of itself: `recording.json` in its folder.
   *
   * @category schemas
   * @since 0.1.0
   */
  Manifest
} from "./record/Manifest.ts"
export type { MemoryStorage } from "./record/MemoryStorage.ts"
export {
  /**
   * A storage in memory, for recordings that need no disk.
   *
   * @category constructors
   * @since 0.1.0
   */
  make as memoryStorage
} from "./record/MemoryStorage.ts"
export type { Maximum, Options, Recording, Session, Statistics } from "./record/Recording.ts"
export type { StoredFile } from "./record/Storage.ts"
export {
  /**
   * The file system of this machine.
   *
   * @category constructors
   * @since 0.1.0
   */
  fileSystem,
  /**
   * Where recordings are written, and what that has to be able to do. Default the file system.
   *
   * @category references
   * @since 0.1.0
   */
  Storage
} from "./record/Storage.ts"

const samplesPerMs = 48
const tickMs = 100
/** Ticks between two flushes of the files, and between two writings of the manifest. */
const flushTicks = 5
const manifestTicks = 100

/**
 * Starts a recording. Fails with `NotConnected` if the session has ended (where it ends while `onStart` runs, so does the recording as
 * soon as it begins), with `RecordingFailed` if the folder cannot be written to or has a recording already, with
 * `CodecUnavailable` if the mixed file's codecs cannot be made, with `Unsupported` for an option that makes no sense or `users` that
 * throws for somebody who is there, and with what `onStart` fails with. No recording is left in the folder, then.
 *
 * Files lie beside each other to 2.5 ms, the step of Opus, as long as the network has no jitter; with jitter, to the mean delay
 * above the least one (`jitterMs` of the manifest). A sender's clock may be off by 200 ppm. It is corrected where the sender is
 * silent; sound is never touched, so that a user who speaks without any pause is off by what the clock has drifted meanwhile.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const session = yield* VoiceSession.join({ guildId, channelId })
 *   const recording = yield* Recorder.start(session, { folder: "call-1", onStart: announce })
 *   yield* Effect.sleep("1 hour")
 *   const manifest = yield* recording.stop
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const start = Effect.fn("Recorder.start")(function*<E = never, R = never>(
  session: Recordings.Session,
  options: Recordings.Options<E, R>
): Effect.fn.Return<Recordings.Recording, VoiceError.VoiceError | E, OpusDecoder | OpusEncoder | R | Scope.Scope> {
  const { folder, self = false, users: isWanted = () => true } = options
  const storage = yield* Storage
  const { files: format, hold, maxBytes, maxLength, maxPending, mixed: mixedFormat } = yield* Recordings.check(
    options,
    storage
  )
  const clock = yield* Clock.Clock
  const decoders = yield* OpusDecoder
  const encoders = yield* OpusEncoder
  const outer = yield* Effect.scope
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

  yield* Recordings.refuseEnded(session)
  yield* Outputs.attempt(folder, () => storage.makeFolder(folder))
  yield* Repair.refuseExisting(storage, folder)
  if (options.onStart !== undefined) yield* options.onStart

  const scope = yield* Scope.fork(outer)
  const startedAt = new Date(yield* Clock.currentTimeMillis).toISOString()
  const startMs = nowMs()
  const now = () => (nowMs() - startMs) * samplesPerMs
  const outputs = Outputs.make(storage, folder)
  const tags = { DATE: startedAt, ...options.tags }
  const isOpen = () => outputs.pendingBytes() < maxPending
  const mixed = mixedFormat === "none" ? undefined : yield* MixedFile.make({
    format: mixedFormat,
    outputs,
    isOpen,
    tags,
    encoders
  }).pipe(Scope.provide(scope), Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))))
  const files = UserFile.make(format, outputs, tags)
  /** What was known last of those who are or were there: something may still come of who has left. */
  const members = new Map<UserId, Member>()
  const faders = Faders.make({ isMixed: mixed !== undefined, now })
  const decoding = mixed === undefined && format !== "wav" ? undefined : yield* Scope.provide(
    Decoding.make(decoders, (userId, pcm, at) => {
      files.sound(userId, pcm, at)
      mixed?.add(pcm, at, faders.gains(userId, at, pcm.length / 2))
    }),
    scope
  )
  const budget = Budget.make({
    bytes: maxBytes,
    now,
    used: outputs.bytes,
    due: (length) => book.due(length) + (mixed?.due(length) ?? 0)
  })
  const book = Book.make({
    files,
    hold,
    isOpen,
    afford: budget.afford,
    now,
    isWanted: (userId) => userId === session.userId ? self : isWanted(userId, members.get(userId)),
    onPlaced: decoding?.place
  })
  const ended = yield* Deferred.make<Manifest.Manifest, VoiceError.VoiceError>()
  let length: number | undefined
  let state: Pick<Manifest.Manifest, "state" | "failure" | "endedBy"> = { state: "recording" }

  const manifest = (): Manifest.Manifest => ({
    format: "effect-discord-voice/recording/1",
    ...state,
    guildId: session.guildId,
    recordedBy: session.userId,
    startedAt,
    ...mixed === undefined ? {} : { mixed: mixed.written() },
    ...book.manifest(length ?? now())
  })
  const writeManifest = () => outputs.replace(Manifest.fileName, () => Manifest.encode(manifest()))

  /** What has begun would be taken for a recording. */
  const undo = (cause: Cause.Cause<VoiceError.VoiceError>) =>
    Effect.andThen(Scope.close(scope, Exit.failCause(cause)), outputs.discard)

  const writing = yield* Effect.gen(function*() {
    const running = yield* outputs.run.pipe(Effect.forkIn(scope, { startImmediately: true }))
    writeManifest()
    yield* Effect.raceFirst(outputs.drained, Fiber.join(running))
    return running
  }).pipe(Effect.onError(undo))
  const closing = Closing.make(storage, folder, outputs, writing)

  const arrivals = ArrivalClock.make(nowMs)
  const take = (packets: ReadonlyArray<Line.AudioPacket>): void => {
    const offsetMs = arrivals.offsetMs(packets)
    for (const packet of packets) book.take(packet, (packet.arrivalMs + offsetMs - startMs) * samplesPerMs)
  }

  const know = (member: Member | undefined): void => {
    if (member === undefined) return
    members.set(member.userId, member)
    if (member.name !== undefined) book.called(member.userId, member.name)
  }

  const onEvent = (event: Happening): void => {
    switch (event._tag) {
      case "Announced":
      case "Speaking":
        book.name(event.ssrc, event.userId)
        return book.joined(event.userId, now())
      case "UsersConnected":
        for (const userId of event.userIds) book.joined(userId, now())
        return
      case "MemberChanged":
        return know(event.member)
      case "UserDisconnected":
        return book.left(event.userId, now())
    }
  }

  /** Whoever is not wanted is none to the book. */
  const present = Effect.map(session.receive.participants, (others) => [...others, session.userId])
  const onChange = Effect.fnUntraced(
    function*(change: { readonly _tag: string; readonly channelId?: ChannelId }) {
      if (change._tag === "Ready" && change.channelId !== undefined) {
        book.connected(change.channelId, yield* present, now())
      } else if (change._tag !== "Resuming" && change._tag !== "Closed") {
        arrivals.renew()
        book.disconnected(now())
      }
    }
  )

  const work = yield* Scope.fork(scope)
  const events = yield* Scope.provide(session.events, work)
  const known = yield* session.members ?? Effect.succeed(new Map<UserId, Member>())
  known.forEach(know)
  const others = yield* present
  const choose = () => others.forEach((userId) => book.joined(userId, now()))
  yield* Effect.onError(Recordings.choosing(choose), undo)

  /** Writes what is settled. Gives why it is time to end. */
  const ticking = Effect.gen(function*() {
    let known = 0
    for (let ticks = 1;; ticks++) {
      yield* Effect.sleep(Math.min(tickMs, Math.max(0, Math.ceil((maxLength - now()) / samplesPerMs))))
      budget.renew()
      if (budget.end() !== undefined) return "maximum-bytes"
      if (now() >= maxLength) return "maximum-duration"
      book.advance(now())
      if (decoding !== undefined) yield* decoding.advance(book.settled(now()))
      if (mixed !== undefined) yield* mixed.advance(book.settled(now()))
      faders.forget(book.settled(now()))
      if (ticks % flushTicks === 0) {
        book.flush()
        files.flush()
        mixed?.flush()
      }
      // a file that the manifest does not know would be forgotten after a crash
      if (ticks % manifestTicks === 0 || book.files() > known) writeManifest()
      known = book.files()
      budget.renew()
    }
  })

  /** Names the end, once. What was being written is written, or given up. */
  const end = (by: Manifest.EndedBy, failure?: Cause.Cause<VoiceError.VoiceError>) =>
    Effect.suspend(() => {
      if (length !== undefined) return Effect.void
      length = Math.min(Math.round(budget.end() ?? now()), maxLength)
      return Scope.close(work, Exit.void).pipe(
        Effect.andThen(failure === undefined ? complete(by, length) : giveUp(failure, length)),
        Effect.catchCause(fail),
        Effect.andThen(Scope.close(scope, Exit.void)),
        Effect.uninterruptible
      )
    })

  const finish = Effect.fnUntraced(function*(atEnd: number) {
    book.finish(atEnd)
    if (decoding !== undefined) yield* decoding.advance(atEnd)
    files.finish(atEnd)
    if (mixed !== undefined) yield* mixed.finish(atEnd)
    yield* closing.drain
  })

  /** What a program of its own has thrown is no fault of the disk's: the files are completed, if that can be. */
  const giveUp = (failure: Cause.Cause<VoiceError.VoiceError>, atEnd: number) =>
    Effect.andThen(Cause.hasDies(failure) ? Effect.exit(finish(atEnd)) : Effect.void, Effect.failCause(failure))

  const complete = Effect.fnUntraced(function*(endedBy: Manifest.EndedBy, atEnd: number) {
    yield* finish(atEnd)
    state = { state: "complete", endedBy }
    yield* Deferred.succeed(ended, yield* closing.seal(manifest()))
  })

  const fail = Effect.fnUntraced(function*(cause: Cause.Cause<VoiceError.VoiceError>) {
    const thrown = Cause.squash(cause)
    state = { state: "failed", failure: thrown instanceof Error ? thrown.message : String(thrown) }
    yield* closing.abandon(manifest())
    yield* Deferred.failCause(ended, cause)
  })

  /** Ends the recording with what ends, from a fiber that the end interrupts. */
  const run = (effect: Effect.Effect<Manifest.EndedBy, VoiceError.VoiceError>, isFailure = false) =>
    effect.pipe(
      Effect.onExit((exit) => {
        const ending = (by: Manifest.EndedBy, failure?: Cause.Cause<VoiceError.VoiceError>) =>
          Effect.forkIn(end(by, failure), outer, { startImmediately: true })
        if (Exit.isSuccess(exit)) return ending(exit.value)
        if (Cause.hasInterruptsOnly(exit.cause)) return Effect.void
        return ending("session", isFailure || Cause.hasDies(exit.cause) ? exit.cause : undefined)
      }),
      Effect.forkIn(work, { startImmediately: true })
    )
  const runWhile = <A>(stream: Stream.Stream<A, VoiceError.VoiceError>, use: (all: ReadonlyArray<A>) => void) =>
    run(Effect.as(Stream.runForEachArray(stream, (all) => Effect.sync(() => use(all))), "session"))

  yield* runWhile(events, (all) => all.forEach(onEvent))
  yield* run(Effect.as(Stream.runForEach(session.changes, onChange), "session"))
  yield* runWhile(session.packets, take)
  if (self) {
    const number = Self.make()
    yield* runWhile(session.sent, (frames) => {
      for (const frame of frames) book.said(session.userId, number(frame), (frame.atMs - startMs) * samplesPerMs)
    })
  }
  yield* run(ticking, true)
  yield* run(Fiber.join(writing), true)
  yield* Scope.addFinalizer(outer, end("scope"))

  /** Turns a pause on or off, and has the disk know it. */
  const turn = (change: (now: number) => void) =>
    Effect.sync(() => {
      if (length !== undefined) return
      change(now())
      writeManifest()
    })

  return {
    folder,
    startMs,
    manifest: Effect.sync(manifest),
    statistics: Effect.sync(() => ({
      elapsedMs: (length ?? now()) / samplesPerMs,
      bytes: outputs.bytes(),
      isPaused: book.isPaused(),
      pendingBytes: outputs.pendingBytes(),
      dropped: book.dropped(),
      undecodable: decoding?.undecodable() ?? 0
    })),
    pause: turn(book.pause),
    resume: turn(book.resume),
    ...faders.controls,
    stop: Effect.andThen(end("stop"), Deferred.await(ended)),
    awaitEnd: Deferred.await(ended)
  }
})

/**
 * Completes what a process has left behind that died while it recorded: cuts off what was not written to its end, makes all
 * files as long as the longest, and writes the manifest anew. Nothing needs it to be played. A recording that is complete
 * is left as it is. Fails with `RecordingFailed`.
 *
 * The headers of an Ogg file that were torn are written anew, without the `tags` of the recording: nothing else was in it. One whose
 * headers are damaged in front of sound cannot be repaired: it is left as it is, and a warning says so.
 *
 * Length, sizes and hashes are then those of the files. All else is what the manifest knew when it was written last, up to ten seconds
 * before the process died: counts of packets and gaps end there, a user who came later and said nothing is missing, and a span of
 * `present` or `interruptions` that was open has no end, though it may have had one. Pauses are written when they begin and end.
 *
 * @category combinators
 * @since 0.1.0
 */
export const repair = Effect.fn("Recorder.repair")(function*(
  folder: string
): Effect.fn.Return<Manifest.Manifest, VoiceError.VoiceError> {
  return yield* Repair.run(yield* Storage, folder)
})
