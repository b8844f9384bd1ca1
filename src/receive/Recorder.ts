/**
 * Records a call: one Ogg Opus file for each user, bit for bit as they were heard, with true silence in between, so that all
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
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Line from "../driver/Line.ts"
import { OpusDecoder } from "../OpusDecoder.ts"
import { OpusEncoder } from "../OpusEncoder.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import type { Happening } from "./Hub.ts"
import type { Receive } from "./Receive.ts"
import * as Book from "./record/Book.ts"
import * as Manifest from "./record/Manifest.ts"
import * as MixedFile from "./record/MixedFile.ts"
import * as Outputs from "./record/Outputs.ts"
import * as Repair from "./record/Repair.ts"
import * as Storage from "./record/Storage.ts"

export type { RecordedFile, RecordedUser } from "./record/Manifest.ts"
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
export {
  /**
   * Where recordings are written; default the file system.
   *
   * @category references
   * @since 0.1.0
   */
  Current as Storage
} from "./record/Storage.ts"

/**
 * What a recorder needs of a session. A `VoiceSession` has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly guildId: GuildId
  readonly channelId: Effect.Effect<ChannelId>
  readonly userId: UserId
  readonly changes: Stream.Stream<
    | { readonly _tag: "Ready"; readonly channelId: ChannelId }
    | { readonly _tag: "Resuming" | "Joining" | "Connecting" | "Reconnecting" | "AwaitingServer" | "Closed" }
  >
  readonly packets: Stream.Stream<Line.AudioPacket, VoiceError.VoiceError>
  readonly events: Effect.Effect<
    Stream.Stream<Happening>,
    never,
    Scope.Scope
  >
  readonly receive: Pick<Receive, "participants">
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<E = never, R = never> {
  /** Is made if it is not there. A recording that is in it already is never written over. */
  readonly folder: string
  /** A file with all users in one, `mixed.ogg` or `mixed.wav`, or none, so that nothing is decoded. Default "opus". */
  readonly mixed?: "opus" | "wav" | "none" | undefined
  /** Who is recorded. Default everybody but us. */
  readonly users?: ((userId: UserId) => boolean) | undefined
  /**
   * Runs when everything is ready and before the first packet is taken, to tell people that they are being recorded, or to
   * ask them. The recording starts when it has succeeded, and not at all if it fails.
   */
  readonly onStart?: Effect.Effect<unknown, E, R> | undefined
  /** Comments of the Ogg files, such as TITLE. Default: the date of the recording. */
  readonly tags?: Readonly<Record<string, string>> | undefined
  /**
   * How long a packet waits for those before it, and its place for a better knowledge of the sender's clock. What is later is
   * lost. Default 400 ms.
   */
  readonly hold?: Duration.Input | undefined
  /** Bytes that wait for a slow disk. Beyond, packets are left out and counted. Default 8 MiB. */
  readonly maxPendingBytes?: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly elapsedMs: number
  /** Bytes that wait for the disk. */
  readonly pendingBytes: number
  /** Packets that were left out because the disk is too slow. */
  readonly dropped: number
  /** Packets that no decoder took, so that they are not in the mixed file. */
  readonly undecodable: number
}

/**
 * A recording that runs. It ends when it is stopped, when its scope closes, when the session ends, and when the disk fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recording {
  readonly folder: string
  /** When it began, in milliseconds of the monotonic clock, which utterances and ticks are placed by: 0 of all its files. */
  readonly startMs: number
  /** As it is now. */
  readonly manifest: Effect.Effect<Manifest.Manifest>
  readonly statistics: Effect.Effect<Statistics>
  /** Completes all files. Fails with `RecordingFailed`, as `awaitEnd` does. Stopping twice is harmless. */
  readonly stop: Effect.Effect<Manifest.Manifest, VoiceError.VoiceError>
  /**
   * The manifest of a recording that has ended. Fails with `RecordingFailed` when it could not be written any further; what was
   * written stays, and can be played.
   */
  readonly awaitEnd: Effect.Effect<Manifest.Manifest, VoiceError.VoiceError>
}

const samplesPerMs = 48
const tick = "100 millis"
/** Ticks between two flushes of the files, and between two writings of the manifest. */
const flushTicks = 5
const manifestTicks = 100
const defaultHold = "400 millis"
const defaultPendingBytes = 8 * 1024 * 1024
/** A disk that takes nothing for so long at the end is given up. */
const closeTimeout = Duration.seconds(10)
/** Two clocks are different ones if they are off by more than this. */
const clockStep = 100

/**
 * Starts a recording. Fails with `RecordingFailed` if the folder cannot be written to or has a recording already, with
 * `CodecUnavailable` if the mixed file's codecs cannot be made, and with what `onStart` fails with.
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
  session: Session,
  options: Options<E, R>
): Effect.fn.Return<Recording, VoiceError.VoiceError | E, OpusDecoder | OpusEncoder | R | Scope.Scope> {
  const { folder, mixed: format = "opus", users: isWanted = () => true } = options
  const hold = Math.round(Duration.toMillis(options.hold ?? defaultHold) * samplesPerMs)
  const maxPending = options.maxPendingBytes ?? defaultPendingBytes
  const storage = yield* Storage.Current
  const clock = yield* Clock.Clock
  const decoders = yield* OpusDecoder
  const encoders = yield* OpusEncoder
  const outer = yield* Effect.scope
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

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
  const mixed = format === "none" ? undefined : yield* MixedFile.make({
    format,
    outputs,
    isOpen,
    tags,
    decoders,
    encoders
  }).pipe(Scope.provide(scope), Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))))
  const book = Book.make({
    outputs,
    hold,
    isOpen,
    tags,
    isWanted: (userId) => userId !== session.userId && isWanted(userId),
    onPlaced: mixed?.place
  })
  const ended = yield* Deferred.make<Manifest.Manifest, VoiceError.VoiceError>()
  let length: number | undefined
  let state: Pick<Manifest.Manifest, "state" | "failure"> = { state: "recording" }

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

  const writing = yield* outputs.run.pipe(Effect.forkIn(scope, { startImmediately: true }))
  writeManifest()
  yield* Effect.raceFirst(outputs.drained, Fiber.join(writing)).pipe(
    // what has begun would be taken for a recording
    Effect.onError((cause) => Effect.andThen(Scope.close(scope, Exit.failCause(cause)), outputs.discard))
  )

  /** The clock that arrival times are of: only the driver knows it, but it runs as fast as ours. */
  let offsetMs: number | undefined
  let isClockNew = false
  const take = (packets: ReadonlyArray<Line.AudioPacket>): void => {
    // packets may have waited for a name or a key: the one that waited least says most about the clock
    const off = nowMs() - packets.reduce((latest, { arrivalMs }) => Math.max(latest, arrivalMs), -Infinity)
    if (offsetMs === undefined || (isClockNew && Math.abs(off - offsetMs) > clockStep)) offsetMs = off
    else offsetMs = Math.min(offsetMs, off)
    isClockNew = false
    for (const packet of packets) book.take(packet, (packet.arrivalMs + offsetMs - startMs) * samplesPerMs)
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
      case "UserDisconnected":
        return book.left(event.userId, now())
    }
  }

  const onChange = Effect.fnUntraced(
    function*(change: { readonly _tag: string; readonly channelId?: ChannelId }) {
      if (change._tag === "Ready" && change.channelId !== undefined) {
        book.connected(change.channelId, yield* session.receive.participants, now())
      } else if (change._tag !== "Resuming" && change._tag !== "Closed") {
        isClockNew = true
        book.disconnected(now())
      }
    }
  )

  const work = yield* Scope.fork(scope)
  const events = yield* Scope.provide(session.events, work)
  for (const userId of yield* session.receive.participants) book.joined(userId, now())

  const ticking = Effect.gen(function*() {
    let files = 0
    for (let ticks = 1;; ticks++) {
      yield* Effect.sleep(tick)
      book.advance(now())
      if (mixed !== undefined) yield* mixed.advance(book.settled(now()))
      if (ticks % flushTicks === 0) {
        book.flush()
        mixed?.flush()
      }
      // a file that the manifest does not know would be forgotten after a crash
      if (ticks % manifestTicks === 0 || book.files() > files) writeManifest()
      files = book.files()
    }
  })

  /** Names the end, once. What was being written is written, or given up. */
  const end = (failure: VoiceError.VoiceError | undefined) =>
    Effect.suspend(() => {
      if (length !== undefined) return Effect.void
      length = Math.round(now())
      return Scope.close(work, Exit.void).pipe(
        Effect.andThen(failure === undefined ? complete(length) : Effect.fail(failure)),
        Effect.catch(fail),
        Effect.andThen(Scope.close(scope, Exit.void)),
        Effect.uninterruptible
      )
    })

  const inTime = <A, E2>(effect: Effect.Effect<A, E2>) =>
    Effect.timeoutOrElse(effect, {
      duration: closeTimeout,
      orElse: () =>
        VoiceError.fail(
          new VoiceError.RecordingFailed({
            path: folder,
            kind: "Failed",
            detail: `the disk did not take what was left within ${Duration.toSeconds(closeTimeout)} s`
          })
        )
    })

  const drain = inTime(Effect.raceFirst(outputs.drained, Fiber.join(writing)))

  const complete = Effect.fnUntraced(function*(atEnd: number) {
    book.finish(atEnd)
    if (mixed !== undefined) yield* mixed.finish(atEnd)
    yield* drain
    state = { state: "complete" }
    const final = yield* Repair.hashOverwritten(storage, folder, manifest(), inTime)
    yield* inTime(
      Outputs.attempt(folder, () => storage.replace(`${folder}/${Manifest.fileName}`, Manifest.encode(final)))
    )
    yield* inTime(outputs.close)
    yield* Deferred.succeed(ended, final)
  })

  const fail = Effect.fnUntraced(function*(error: VoiceError.VoiceError) {
    state = { state: "failed", failure: error.message }
    const last = Outputs.attempt(
      folder,
      () => storage.replace(`${folder}/${Manifest.fileName}`, Manifest.encode(manifest()))
    )
    // the disk that failed may not take this either: the manifest before stays, then
    yield* Effect.ignore(inTime(last))
    yield* Effect.ignore(inTime(outputs.close))
    yield* Deferred.fail(ended, error)
  })

  /** Ends the recording from a fiber that the end interrupts. */
  const ending = (failure: VoiceError.VoiceError | undefined) =>
    Effect.forkIn(end(failure), outer, { startImmediately: true })

  const run = <A>(effect: Effect.Effect<A, VoiceError.VoiceError>, isFailure: boolean) =>
    effect.pipe(
      Effect.onExit((exit) => {
        if (Exit.isSuccess(exit)) return ending(undefined)
        if (Cause.hasInterruptsOnly(exit.cause)) return Effect.void
        const failed = Cause.findErrorOption(exit.cause)
        return ending(isFailure && failed._tag === "Some" ? failed.value : undefined)
      }),
      Effect.forkIn(work, { startImmediately: true })
    )

  yield* run(Stream.runForEach(events, (event) => Effect.sync(() => onEvent(event))), false)
  yield* run(Stream.runForEach(session.changes, onChange), false)
  yield* run(Stream.runForEachArray(session.packets, (packets) => Effect.sync(() => take(packets))), false)
  yield* run(ticking, true)
  yield* run(Fiber.join(writing), true)
  yield* Scope.addFinalizer(outer, end(undefined))

  return {
    folder,
    startMs,
    manifest: Effect.sync(manifest),
    statistics: Effect.sync(() => ({
      elapsedMs: (length ?? now()) / samplesPerMs,
      pendingBytes: outputs.pendingBytes(),
      dropped: book.dropped(),
      undecodable: mixed?.undecodable() ?? 0
    })),
    stop: Effect.andThen(end(undefined), Deferred.await(ended)),
    awaitEnd: Deferred.await(ended)
  }
})

/**
 * Completes what a process has left behind that died while it recorded: cuts off what was not written to its end, makes all
 * Ogg files as long as the longest, and writes the manifest anew. Nothing needs it to be played. A recording that is complete
 * is left as it is. Fails with `RecordingFailed`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const repair = Effect.fn("Recorder.repair")(function*(
  folder: string
): Effect.fn.Return<Manifest.Manifest, VoiceError.VoiceError> {
  return yield* Repair.run(yield* Storage.Current, folder)
})
