/**
 * What a recording says of itself, beside its files: `recording.json`. Times in milliseconds count from the start of the
 * recording, unless they are dates.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"

/**
 * The name of the manifest in the recording's folder.
 *
 * @category constants
 * @since 0.1.0
 */
export const fileName = "recording.json"

const Count = Schema.Natural
const Milliseconds = Schema.Finite

/** Without an end: until the recording's. */
const Span = Schema.Struct({ fromMs: Milliseconds, toMs: Schema.optionalKey(Milliseconds) })

/**
 * Why a recording is complete.
 *
 * - `stop`: it was stopped.
 * - `scope`: its scope was closed.
 * - `session`: the session has ended.
 * - `maximum-duration`, `maximum-bytes`: it has become as long, or as large, as it may.
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
 * A file. While the recording runs, and after a crash, size and hash are those of the bytes that had been written when the
 * manifest was: the file begins with them. WAV files, whose headers change, have their hash at the end only.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RecordedFile = Schema.Struct({
  name: Schema.String,
  bytes: Count,
  /** Lower-case hexadecimal. */
  sha256: Schema.optionalKey(Schema.String)
})

/**
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
  /** The last one known, as the guild shows it. Absent where no gateway has told it, and for `recordedBy`. */
  name: Schema.optionalKey(Schema.String),
  /** Absent for one who never spoke, or where there are no files of users. */
  file: Schema.optionalKey(RecordedFile),
  /** When the user was in the channel, as far as the voice gateway has told. Without an end: until the recording's. */
  present: Schema.Array(Span),
  /** The first 500 that the user had. */
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
  /** Gaps beyond the five hundred that are kept. */
  gapsOmitted: Count,
  /** The mean delay of the user's packets above the least one, of late. */
  jitterMs: Milliseconds,
  /** The greatest distance between the place of a packet in the file and its time, as it was known then. */
  alignmentErrorMs: Milliseconds
})

/**
 * - `recording`: it runs, or the process has died; `Recorder.repair` completes the files.
 * - `complete`: it has ended, and `endedBy` says how.
 * - `failed`: it could not be written any further; `failure` says why.
 * - `repaired`: it was completed after a crash. `Recorder.repair` says which parts of it are older than the files.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Manifest = Schema.Struct({
  format: Schema.Literal("effect-discord-voice/recording/1"),
  state: Schema.Literals(["recording", "complete", "failed", "repaired"]),
  failure: Schema.optionalKey(Schema.String),
  /** Of one that is complete. */
  endedBy: Schema.optionalKey(EndedBy),
  guildId: GuildId,
  /** Those that the session was in, in order. */
  channels: Schema.Array(Schema.Struct({ channelId: ChannelId, fromMs: Milliseconds })),
  /** Who recorded. What this user said is in the files if the option `self` was given. */
  recordedBy: UserId,
  /** ISO 8601. */
  startedAt: Schema.String,
  durationMs: Milliseconds,
  /** When there was no connection: nobody could be heard. */
  interruptions: Schema.Array(Span),
  /** When it was paused: what was said then is in no file, which are silent meanwhile. */
  pauses: Schema.Array(Span).pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  mixed: Schema.optionalKey(RecordedFile),
  users: Schema.Array(RecordedUser),
  /** Packets of which nobody said whose they are. */
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
 * Reads the text of a manifest. Fails with a `SchemaError`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = Schema.decodeUnknownEffect(Json)

/**
 * The text of a manifest, for people as well. Its values are what they are in JSON.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = (manifest: Manifest): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`)
