/**
 * The description of a recording, stored next to its files: `recording.json`. Times in milliseconds count from the start of the
 * recording, unless they are dates.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"

/**
 * The file name of the manifest in the recording's folder.
 *
 * @category constants
 * @since 0.1.0
 */
export const fileName = "recording.json"

const Count = Schema.Natural
const Milliseconds = Schema.Finite

/** A span of time. Without `toMs` it lasts until the end of the recording. */
const Span = Schema.Struct({ fromMs: Milliseconds, toMs: Schema.optionalKey(Milliseconds) })

/**
 * Why a recording is complete.
 *
 * - `stop`: it was stopped.
 * - `scope`: its scope was closed.
 * - `session`: the session has ended.
 * - `maximum-duration`, `maximum-bytes`: it has reached its maximum length or size.
 *
 * @category schemas
 * @since 0.1.0
 */
export const EndedBy = Schema.Literals(["stop", "scope", "session", "maximum-duration", "maximum-bytes"])

/**
 * @category models
 * @since 0.1.0
 */
export type EndedBy = typeof EndedBy.Type

/**
 * A file of the recording. While the recording runs, and after a crash, size and hash are those of the bytes that had been
 * written when the manifest was: the file begins with these bytes. WAV files have a hash only at the end, because their headers
 * change.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RecordedFile = Schema.Struct({
  name: Schema.String,
  bytes: Count,
  /** In lower-case hexadecimal. */
  sha256: Schema.optionalKey(Schema.String)
})

/**
 * A gap in a user's audio.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RecordedGap = Schema.Struct({
  atMs: Milliseconds,
  durationMs: Milliseconds,
  packets: Count,
  /** `lost` on the way to us, or `dropped` by us because the disk was too slow. */
  cause: Schema.Literals(["lost", "dropped"])
})

/**
 * A user of the call.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RecordedUser = Schema.Struct({
  userId: UserId,
  /** The last known name, as the guild shows it. Absent if no gateway has reported one, and for `recordedBy`. */
  name: Schema.optionalKey(Schema.String),
  /** Absent if the user never spoke, or if there are no files of users. */
  file: Schema.optionalKey(RecordedFile),
  /**
   * When the user was in the channel, as far as the voice gateway has reported. Without `toMs`: until the end of the recording.
   */
  present: Schema.Array(Span),
  /** The first 500 SSRCs of the user. */
  ssrcs: Schema.Array(Schema.Int),
  packets: Schema.Struct({
    written: Count,
    lost: Count,
    duplicates: Count,
    late: Count,
    malformed: Count,
    dropped: Count
  }),
  gaps: Schema.Array(RecordedGap),
  /** The number of gaps beyond the 500 that are kept. */
  gapsOmitted: Count,
  /** The recent mean delay of the user's packets above the minimum. */
  jitterMs: Milliseconds,
  /** The greatest distance between the place of a packet in the file and its time, as estimated then. */
  alignmentErrorMs: Milliseconds
})

/**
 * The manifest of a recording. Its `state` is
 *
 * - `recording`: it is running, or the process has died. In the latter case `Recorder.repair` completes the files.
 * - `complete`: it has ended, and `endedBy` says why.
 * - `failed`: it could not be written any further, and `failure` says why.
 * - `repaired`: it was completed after a crash. See `Recorder.repair` for which values are older than the files.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Manifest = Schema.Struct({
  format: Schema.Literal("effect-discord-voice/recording/1"),
  state: Schema.Literals(["recording", "complete", "failed", "repaired"]),
  failure: Schema.optionalKey(Schema.String),
  /** Present if the recording is complete. */
  endedBy: Schema.optionalKey(EndedBy),
  guildId: GuildId,
  /** The channels that the session was in, in order. */
  channels: Schema.Array(Schema.Struct({ channelId: ChannelId, fromMs: Milliseconds })),
  /** The user who recorded. What this user said is in the files only with the option `self`. */
  recordedBy: UserId,
  /** ISO 8601. */
  startedAt: Schema.String,
  durationMs: Milliseconds,
  /** When there was no connection, so nobody could be heard. */
  interruptions: Schema.Array(Span),
  /** When the recording was paused. The files are silent for that time. */
  pauses: Schema.Array(Span).pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  mixed: Schema.optionalKey(RecordedFile),
  users: Schema.Array(RecordedUser),
  /** Packets whose sender never became known. */
  unknownPackets: Count
})

/**
 * @category models
 * @since 0.1.0
 */
export type Manifest = typeof Manifest.Type

/**
 * @category models
 * @since 0.1.0
 */
export type RecordedFile = typeof RecordedFile.Type

/**
 * @category models
 * @since 0.1.0
 */
export type RecordedUser = typeof RecordedUser.Type

const Json = Schema.fromJsonString(Manifest)

/**
 * Parses a manifest. Fails with a `SchemaError`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = Schema.decodeUnknownEffect(Json)

/**
 * Encodes a manifest as indented JSON.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = (manifest: Manifest): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`)
