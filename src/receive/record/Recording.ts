/**
 * What goes into a recorder and what comes out: options, what it needs of a session, and the recording.
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
 * What a recorder needs of a session. A `VoiceSession` has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly guildId: GuildId
  readonly channelId: Effect.Effect<ChannelId>
  readonly userId: UserId
  /** The state now and each one after it; ends behind `Closed`. */
  readonly changes: Stream.Stream<
    | { readonly _tag: "Ready"; readonly channelId: ChannelId }
    | { readonly _tag: "Resuming" | "Joining" | "Connecting" | "Reconnecting" | "AwaitingServer" | "Closed" }
  >
  readonly packets: Stream.Stream<Line.AudioPacket, VoiceError.VoiceError>
  /** Those who are not told of before they change. Without it they have no names in the manifest until then. */
  readonly members?: Effect.Effect<ReadonlyMap<UserId, Member>> | undefined
  readonly events: Effect.Effect<Stream.Stream<Happening>, never, Scope.Scope>
  /** What we send; it is asked for with `self` only. */
  readonly sent: Stream.Stream<SentFrame>
  readonly receive: Pick<Receive, "participants">
}

/**
 * How large a recording may become. It ends by itself, whole and playable, when the first is reached.
 *
 * @category models
 * @since 0.1.0
 */
export interface Maximum {
  /** The length of its files, which a pause is a part of. More than 0. */
  readonly duration?: Duration.Input | undefined
  /**
   * Of all files of sound together, to the byte; the manifest comes on top. From 256 KiB on. What completes the files, and what is
   * still to be encoded, is set aside all along, so that some may be left: 50 KB for `mixed.ogg`.
   */
  readonly bytes?: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<E = never, R = never> {
  /** Is made if it is not there. A recording that is in it already is never written over. */
  readonly folder: string
  /**
   * A file for each user: `<user id>.ogg`, bit for bit as it came, or `<user id>.wav`, decoded to 48 kHz stereo of 16 bits. WAV takes
   * 11.5 MB a minute and user, silence included, which takes no room on disks that know holes. Default "opus".
   */
  readonly files?: "opus" | "wav" | "none" | undefined
  /** A file with all users in one, `mixed.ogg` or `mixed.wav`, or none, so that nothing is decoded. Default "opus". */
  readonly mixed?: "opus" | "wav" | "none" | undefined
  /**
   * Who of the others is recorded. `member` is what is known of them, as `session.members` has it: no bots are
   * `(_, member) => member?.bot !== true`. It is asked anew with each packet. Of somebody who is heard sooner than a gateway has told of
   * them, `member` is absent, or lacks that. Default everybody. What it throws for those who are there at the start is `Unsupported`.
   */
  readonly users?: ((userId: UserId, member?: Member) => boolean) | undefined
  /** Whether we are recorded, too: what the session plays, as it is sent, in a file of our own and in the mixed one. Default false. */
  readonly self?: boolean | undefined
  /** When it ends by itself. Default never. */
  readonly maximum?: Maximum | undefined
  /**
   * Runs when everything is ready and before the first packet is taken, to tell people that they are being recorded, or to
   * ask them. The recording starts when it has succeeded, and not at all if it fails.
   */
  readonly onStart?: Effect.Effect<unknown, E, R> | undefined
  /** Comments of the Ogg files, such as TITLE. Default: the DATE of the recording. ARTIST is the user's id, or "all", in any case. */
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
  /** Length of all files of sound together. */
  readonly bytes: number
  readonly isPaused: boolean
  /** Bytes that wait for the disk. */
  readonly pendingBytes: number
  /** Packets that were left out because the disk is too slow. */
  readonly dropped: number
  /** Packets that no decoder took, so that they are not in the mixed file, nor in WAV. */
  readonly undecodable: number
}

/**
 * A recording that runs. It ends when it is stopped, when its scope closes, when the session ends, when its `maximum` is reached, and
 * when the disk fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recording {
  readonly folder: string
  /** When it began, in milliseconds of the monotonic clock, which utterances and ticks are placed by: 0 of all its files. */
  readonly startMs: number
  /** As it is now. */
  readonly manifest: Effect.Effect<Manifest>
  readonly statistics: Effect.Effect<Statistics>
  /**
   * What is said from now on is in no file, until it goes on: files keep their time line with silence, and `pauses` in the manifest
   * names the gap. Pausing twice is harmless.
   */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  /**
   * How loud a user is in the mixed file, and whether at all, from now on and within 20 ms; what is left out stays as it is. It changes
   * nothing in the users' own files. Fails with `Unsupported` for a gain that is no number from 0 to 10, and where there is no mixed file.
   */
  readonly setLevel: (
    userId: UserId,
    level: { readonly gain?: number | undefined; readonly muted?: boolean | undefined }
  ) => Effect.Effect<void, VoiceError.VoiceError>
  /** Who has another level than the usual one, gain 1 and not muted. */
  readonly levels: Effect.Effect<ReadonlyMap<UserId, Level>>
  /** Completes all files. Fails with `RecordingFailed`, as `awaitEnd` does. Stopping twice is harmless. */
  readonly stop: Effect.Effect<Manifest, VoiceError.VoiceError>
  /**
   * The manifest of a recording that has ended; `endedBy` says why. Fails with `RecordingFailed` when it could not be written any further; what was
   * written stays, and can be played. Dies of what `users` throws, which ends a recording in the same way.
   */
  readonly awaitEnd: Effect.Effect<Manifest, VoiceError.VoiceError>
}

/**
 * Options that are complete and make sense. Times are in samples at 48 kHz.
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
/** With less, what has to be set aside would leave nothing. */
const leastBytes = 256 * 1024

const unsupported = (feature: string, detail: string) =>
  VoiceError.fail(new VoiceError.Unsupported({ feature, detail }))

/**
 * Fails with `NotConnected` for a session that has ended.
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
 * Runs what asks `users`. Fails with `Unsupported` if that throws.
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
          feature: "A recording with a choice of users that throws",
          detail: thrown instanceof Error ? thrown.message : String(thrown)
        })
      )
  })

/**
 * Fails with `Unsupported` for the first option that cannot be.
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
      return yield* unsupported(`a recording as ${format}`, `the formats are ${formats.join(", ")}`)
    }
  }
  if (files === "none" && mixed === "none") {
    return yield* unsupported("a recording without files", "let it have those of users, or the mixed one")
  }
  const { bytes, duration } = maximum
  const maxMs = duration === undefined ? Infinity : yield* Bounds.span(duration, "a recording")
  if (maxMs === 0) return yield* unsupported("a recording of no time", "its maximum has to be more than 0")
  if (bytes !== undefined && !(Number.isInteger(bytes) && bytes >= leastBytes)) {
    return yield* unsupported(
      `a recording of ${bytes} bytes`,
      `its maximum has to be a whole number from ${leastBytes} on`
    )
  }
  if (storage.needsMaximum === true && bytes === undefined && duration === undefined) {
    return yield* unsupported("a recording in memory without a maximum", "say how long or how large it may become")
  }
  return {
    files,
    mixed,
    hold: Math.round((yield* Bounds.span(hold ?? defaultHold, "a hold")) * samplesPerMs),
    maxPending: yield* Bounds.count(maxPendingBytes ?? defaultPendingBytes, "a number of bytes to hold"),
    maxLength: Math.round(maxMs * samplesPerMs),
    maxBytes: bytes ?? Infinity
  }
})
