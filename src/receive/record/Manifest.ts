/**
 * What a recording says of itself, beside its files: `recording.json`. Times in milliseconds count from the start of the
 * recording, unless they are dates.
 *
 * @since 0.1.0
 */
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

/**
 * A file. While the recording runs, and after a crash, size and hash are those of the bytes that had been written when the
 * manifest was: the file begins with them. A WAV file, whose header changes, has its hash at the end only.
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
  /** Absent for one who never spoke. */
  file: Schema.optionalKey(RecordedFile),
  /** When the user was in the channel, as far as the voice gateway has told. Without an end: until the recording's. */
  present: Schema.Array(Schema.Struct({ fromMs: Milliseconds, toMs: Schema.optionalKey(Milliseconds) })),
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
 * - `complete`: it was stopped, its scope was closed, or the session ended.
 * - `failed`: it could not be written any further; `failure` says why.
 * - `repaired`: it was completed after a crash.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Manifest = Schema.Struct({
  format: Schema.Literal("effect-discord-voice/recording/1"),
  state: Schema.Literals(["recording", "complete", "failed", "repaired"]),
  failure: Schema.optionalKey(Schema.String),
  guildId: GuildId,
  /** Those that the session was in, in order. */
  channels: Schema.Array(Schema.Struct({ channelId: ChannelId, fromMs: Milliseconds })),
  /** Who recorded. What this user said is in no file. */
  recordedBy: UserId,
  /** ISO 8601. */
  startedAt: Schema.String,
  durationMs: Milliseconds,
  /** When there was no connection: nobody could be heard. */
  interruptions: Schema.Array(Schema.Struct({ fromMs: Milliseconds, toMs: Schema.optionalKey(Milliseconds) })),
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
