/**
 * Records a call. A recording has one file for each user, in Ogg Opus with the packets exactly as received; a mixed file; and a
 * manifest. Pauses are true silence, so all files are as long as the recording and line up in an editor. If the process dies,
 * everything up to the last second can still be played.
 *
 * Recording people without their consent is illegal in many places. Your program has to ask for it: see `onStart`.
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
   * The file name of the manifest in the recording's folder.
   *
   * @category constants
   * @since 0.1.0
   */
  fileName as manifestFile,
  /**
   * The description of a recording: `recording.json` in its folder.
   *
   * @category schemas
   * @since 0.1.0
   */
  Manifest
} from "./record/Manifest.ts"
export type { MemoryStorage } from "./record/MemoryStorage.ts"
export {
  /**
   * Makes a storage in memory, for recordings that do not go to disk.
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
   * Where recordings are written, and the operations that it has to support. The default is the file system.
   *
   * @category references
   * @since 0.1.0
   */
  Storage
} from "./record/Storage.ts"

const samplesPerMs = 48
const tickMs = 100
/** Ticks between two flushes of the files, and between two writes of the manifest. */
const flushTicks = 5
const manifestTicks = 100

/**
 * Starts a recording. If it fails, no recording is left in the folder. It fails with
 *
 * - `NotConnected` if the session has ended. If the session ends while `onStart` runs, the recording ends as soon as it begins.
 * - `RecordingFailed` if the folder cannot be written to or already contains a recording.
 * - `CodecUnavailable` if the codecs of the mixed file cannot be created.
 * - `Unsupported` if an option is invalid, or if `users` throws for somebody who is present.
 * - the error of `onStart`.
 *
 * Files are aligned with each other to 2.5 ms, the resolution of Opus, on a network without jitter. With jitter they are
 * aligned to the mean delay above the minimum (`jitterMs` in the manifest). A sender's clock may be off by 200 ppm. The drift
 * is corrected where the sender is silent; sound is never altered. A user who speaks without any pause is therefore off by the
 * drift so far.
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
  /** What was last known about the users who are or were present: packets of a user who has left may still arrive. */
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

  /** Removes what was started, so that it is not taken for a recording. */
  const undo = (cause: Cause.Cause<VoiceError.VoiceError>) =>
    Effect.andThen(Scope.close(scope, Exit.failCause(cause)), outputs.discard)

  return yield* Effect.gen(function*() {
    const writing = yield* outputs.run.pipe(Effect.forkIn(scope, { startImmediately: true }))
    writeManifest()
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

    /** A user who is not wanted does not exist for the book. */
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
    yield* Recordings.choosing(choose)

    /** Writes what is settled. Returns why the recording should end, if it should. */
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
        // a file that is not in the manifest would be forgotten after a crash
        if (ticks % manifestTicks === 0 || book.files() > known) writeManifest()
        known = book.files()
        budget.renew()
      }
    })

    /** Sets the reason for the end, once. Pending writes are completed or given up. */
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

    /**
     * Ends the recording with a failure. An exception from the program's own code is not the disk's fault: the files are
     * completed if possible.
     */
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

    /** Runs an effect whose result ends the recording, in a fiber that the end interrupts. */
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
    // what is said while the disk takes its time is recorded
    yield* Effect.raceFirst(outputs.drained, Fiber.join(writing))
    yield* run(ticking, true)
    yield* run(Fiber.join(writing), true)
    yield* Scope.addFinalizer(outer, end("scope"))

    /** Starts or ends a pause, and makes sure that it is on disk. */
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
  }).pipe(Effect.onError(undo))
})

/**
 * Completes a recording whose process died: cuts off partial writes, extends all files to the length of the longest, and
 * rewrites the manifest. You do not have to run it to play the files. A recording that is complete is left unchanged. Fails
 * with `RecordingFailed`.
 *
 * Damaged headers of an Ogg file are rewritten, without the `tags` of the recording, if the file contained nothing else. A file
 * whose headers are damaged but which contains sound cannot be repaired: it is left unchanged, and a warning is logged.
 *
 * Afterwards, length, sizes and hashes are those of the files. Everything else is what the manifest said when it was last
 * written, up to ten seconds before the process died: counts of packets and gaps end there, a user who came later and said
 * nothing is missing, and an open span of `present` or `interruptions` stays open, though it may have ended. Pauses are written
 * when they begin and when they end.
 *
 * @category combinators
 * @since 0.1.0
 */
export const repair = Effect.fn("Recorder.repair")(function*(
  folder: string
): Effect.fn.Return<Manifest.Manifest, VoiceError.VoiceError> {
  return yield* Repair.run(yield* Storage, folder)
})
