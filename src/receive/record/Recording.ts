/**
 * The options of a recorder, what it needs of a session, and the running recording.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Bounds from "../../audio/Bounds.ts"
import type * as Line from "../../driver/Line.ts"
import type { SentFrame } from "../../driver/media/Tap.ts"
import type { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import * as VoiceError from "../../VoiceError.ts"
import type { Happening } from "../Hub.ts"
import type { Level } from "../Levels.ts"
import type { Member } from "../Member.ts"
import type { Receive } from "../Receive.ts"
import type { Manifest } from "./Manifest.ts"
import type { Storage } from "./Storage.ts"
import type * as UserFile from "./UserFile.ts"

/**
 * The part of a session that a recorder needs. A `VoiceSession` has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly guildId: GuildId
  readonly channelId: Effect.Effect<ChannelId>
  readonly userId: UserId
  /** The current state and each later one. Ends after `Closed`. */
  readonly changes: Stream.Stream<
    | { readonly _tag: "Ready"; readonly channelId: ChannelId }
    | { readonly _tag: "Resuming" | "Joining" | "Connecting" | "Reconnecting" | "AwaitingServer" | "Closed" }
  >
  readonly packets: Stream.Stream<Line.AudioPacket, VoiceError.VoiceError>
  /** What is known about users before anything about them changes. Without it, they have no names in the manifest until then. */
  readonly members?: Effect.Effect<ReadonlyMap<UserId, Member>> | undefined
  readonly events: Effect.Effect<Stream.Stream<Happening>, never, Scope.Scope>
  /** The frames that we send. Only read with the option `self`. */
  readonly sent: Stream.Stream<SentFrame>
  readonly receive: Pick<Receive, "participants">
}

/**
 * The maximum size of a recording. When it reaches the first of these limits, the recording ends, complete and playable.
 *
 * @category models
 * @since 0.1.0
 */
export interface Maximum {
  /** The length of the files, including pauses. More than 0. */
  readonly duration?: Duration.Input | undefined
  /**
   * The total size of all sound files, in bytes, which is never exceeded; the manifest is not included. At least 256 KiB. Space
   * to complete the files and to finish encoding is reserved throughout, so some of it may remain unused: 50 KB for
   * `mixed.ogg`.
   */
  readonly bytes?: number | undefined
}

/**
 * The options of a recording.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<E = never, R = never> {
  /** The folder of the recording. It is created if it does not exist. An existing recording in it is never overwritten. */
  readonly folder: string
  /**
   * The format of the users' files: `<user id>.ogg` with the packets exactly as received, or `<user id>.wav`, decoded to 48
   * kHz, stereo, 16 bits. WAV takes 11.5 MB per minute and user including silence, which takes no space on file systems with
   * sparse files. Default "opus".
   */
  readonly files?: "opus" | "wav" | "none" | undefined
  /**
   * The format of the file with all users, `mixed.ogg` or `mixed.wav`. With "none", nothing has to be decoded for it. Default
   * "opus".
   */
  readonly mixed?: "opus" | "wav" | "none" | undefined
  /**
   * Selects the other users to record. `member` is what `session.members` knows about the user: to leave out bots, use
   * `(_, member) => member?.bot !== true`. For a user who is heard before a gateway has announced them, `member` is absent or
   * incomplete. The function is called for each packet. If it throws for a user who is present at the start, `Recorder.start`
   * fails with `Unsupported`. Default: everybody.
   */
  readonly users?: ((userId: UserId, member?: Member) => boolean) | undefined
  /**
   * Whether to record us as well: what the session plays is recorded as it is sent, in a file of its own and in the mixed file.
   * Default false.
   */
  readonly self?: boolean | undefined
  /** The size at which the recording ends. Default: no limit. */
  readonly maximum?: Maximum | undefined
  /**
   * Runs when everything is ready and before the first packet is recorded: use it to tell people that they are being recorded,
   * or to ask them. The recording starts only if this succeeds.
   */
  readonly onStart?: Effect.Effect<unknown, E, R> | undefined
  /**
   * The comments of the Ogg files, such as TITLE. Default: the DATE of the recording. ARTIST is always the user's id, or "all".
   */
  readonly tags?: Readonly<Record<string, string>> | undefined
  /**
   * How long a packet waits for earlier packets, and for a better estimate of the sender's clock. Packets that are later are
   * lost. Default 400 ms.
   */
  readonly hold?: Duration.Input | undefined
  /** The number of bytes that may wait for a slow disk. Beyond it, packets are dropped and counted. Default 8 MiB. */
  readonly maxPendingBytes?: number | undefined
}

/**
 * The counts of a recording.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly elapsedMs: number
  /** The total length of all sound files. */
  readonly bytes: number
  readonly isPaused: boolean
  /** The bytes that wait to be written. */
  readonly pendingBytes: number
  /** Packets that were dropped because the disk is too slow. */
  readonly dropped: number
  /** Packets that no decoder accepted. They are missing from the mixed file and from WAV files. */
  readonly undecodable: number
}

/**
 * A running recording. It ends when it is stopped, its scope closes, the session ends, its `maximum` is reached, or the disk
 * fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recording {
  readonly folder: string
  /**
   * When the recording began, in milliseconds of the monotonic clock, the clock of utterances and ticks. It is time 0 in all
   * files.
   */
  readonly startMs: number
  /** The manifest as it is now. */
  readonly manifest: Effect.Effect<Manifest>
  readonly statistics: Effect.Effect<Statistics>
  /**
   * Pauses the recording: nothing that is said until it is resumed is in any file. The files contain silence for that time, and
   * `pauses` in the manifest has the gap. Does nothing if the recording is already paused.
   */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  /**
   * Sets a user's gain in the mixed file, or mutes the user there, from now on and within 20 ms. A property that is left out
   * keeps its value. The users' own files do not change. Fails with `Unsupported` if the gain is not a number from 0 to 10, or
   * if there is no mixed file.
   */
  readonly setLevel: (
    userId: UserId,
    level: { readonly gain?: number | undefined; readonly muted?: boolean | undefined }
  ) => Effect.Effect<void, VoiceError.VoiceError>
  /** The users whose level differs from the default of gain 1 and not muted. */
  readonly levels: Effect.Effect<ReadonlyMap<UserId, Level>>
  /**
   * Ends the recording and completes all files. Fails with `RecordingFailed`, as `awaitEnd` does. It can be run more than once.
   */
  readonly stop: Effect.Effect<Manifest, VoiceError.VoiceError>
  /**
   * Waits for the end of the recording and returns its manifest; `endedBy` has the reason. Fails with `RecordingFailed` if the
   * recording could not be written any further; what was written stays and can be played. Dies of what `users` throws, which
   * ends the recording in the same way.
   */
  readonly awaitEnd: Effect.Effect<Manifest, VoiceError.VoiceError>
}

/**
 * The complete and validated options. Times are in samples at 48 kHz.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  readonly files: UserFile.Format
  readonly mixed: "opus" | "wav" | "none"
  readonly hold: number
  readonly maxPending: number
  readonly maxLength: number
  readonly maxBytes: number
}

const samplesPerMs = 48
const formats: ReadonlyArray<string> = ["opus", "wav", "none"]
const defaultHold = "400 millis"
const defaultPendingBytes = 8 * 1024 * 1024
/** The minimum of `bytes`. With less, the reserved space would leave no room for sound. */
const leastBytes = 256 * 1024

const unsupported = (feature: string, detail: string) =>
  VoiceError.fail(new VoiceError.Unsupported({ feature, detail }))

/**
 * Fails with `NotConnected` if the session has ended.
 *
 * @category combinators
 * @since 0.1.0
 */
export const refuseEnded = (session: Pick<Session, "changes">): Effect.Effect<void, VoiceError.VoiceError> =>
  Effect.flatMap(
    Stream.runHead(session.changes),
    (state) =>
      Option.isSome(state) && state.value._tag !== "Closed"
        ? Effect.void
        : VoiceError.fail(new VoiceError.NotConnected({ operation: "Recording" }))
  )

/**
 * Runs code that calls `users`. Fails with `Unsupported` if that throws.
 *
 * @category combinators
 * @since 0.1.0
 */
export const choosing = (choose: () => void): Effect.Effect<void, VoiceError.VoiceError> =>
  Effect.try({
    try: choose,
    catch: (thrown) =>
      VoiceError.make(
        new VoiceError.Unsupported({
          feature: "a `users` function that throws",
          detail: thrown instanceof Error ? thrown.message : String(thrown)
        })
      )
  })

/**
 * Validates the options. Fails with `Unsupported` for the first invalid one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const check = Effect.fnUntraced(function*(
  options: Omit<Options<unknown, unknown>, "onStart">,
  storage: Pick<Storage, "needsMaximum">
): Effect.fn.Return<Settings, VoiceError.VoiceError> {
  const { files = "opus", hold, maxPendingBytes, maximum = {}, mixed = "opus" } = options
  for (const format of [files, mixed]) {
    if (!formats.includes(format)) {
      return yield* unsupported(`recording as ${format}`, `the formats are ${formats.join(", ")}`)
    }
  }
  if (files === "none" && mixed === "none") {
    return yield* unsupported("a recording without files", "set `files` or `mixed` to opus or wav")
  }
  const { bytes, duration } = maximum
  const maxMs = duration === undefined ? Infinity : yield* Bounds.span(duration, "a recording")
  if (maxMs === 0) return yield* unsupported("a recording with a maximum duration of 0", "it must be greater than 0")
  if (bytes !== undefined && !(Number.isInteger(bytes) && bytes >= leastBytes)) {
    return yield* unsupported(
      `a recording with a maximum of ${bytes} bytes`,
      `it must be a whole number of at least ${leastBytes}`
    )
  }
  if (storage.needsMaximum === true && bytes === undefined && duration === undefined) {
    return yield* unsupported("a recording in memory without a maximum", "set a maximum duration or a maximum size")
  }
  return {
    files,
    mixed,
    hold: Math.round((yield* Bounds.span(hold ?? defaultHold, "a `hold`")) * samplesPerMs),
    maxPending: yield* Bounds.count(maxPendingBytes ?? defaultPendingBytes, "a `maxPendingBytes`"),
    maxLength: Math.round(maxMs * samplesPerMs),
    maxBytes: bytes ?? Infinity
  }
})
