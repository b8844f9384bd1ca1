/**
 * The reasons of audio errors: codecs, sources and recordings.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const key = "effect-discord-voice/VoiceError"

/**
 * An Opus encoder or decoder could not be created. If a limit was reached, `limit` is the number that a process can have.
 *
 * @category reasons
 * @since 0.1.0
 */
export class CodecUnavailable
  extends Schema.TaggedError<CodecUnavailable>(`${key}/CodecUnavailable`)("CodecUnavailable", {
    codec: Schema.String,
    limit: Schema.optionalKey(Schema.Int),
    detail: Schema.String
  })
{
  override get message(): string {
    const remedy = this.limit === undefined
      ? "Check its options and what is installed, or provide another codec layer."
      : `This library supports at most ${this.limit} codecs in a process. Close codecs that you no longer need, or provide another codec layer.`
    return `No codec is available from ${this.codec}: ${this.detail}. ${remedy}`
  }
}

/**
 * Opus failed to encode or decode.
 *
 * @category reasons
 * @since 0.1.0
 */
export class EncodeFailed extends Schema.TaggedError<EncodeFailed>(`${key}/EncodeFailed`)("EncodeFailed", {
  codec: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.codec} failed: ${this.detail}.`
  }
}

/**
 * An audio source could not be opened or read. `positionMs` is how much had been read before. `cause` is what was thrown, or
 * the error of a stream or of another source, if there is one. `message` contains what matters of it.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SourceFailed extends Schema.TaggedError<SourceFailed>(`${key}/SourceFailed`)("SourceFailed", {
  source: Schema.String,
  kind: Schema.Literals([
    "NotFound",
    "Unreadable",
    "Empty",
    "UnknownFormat",
    "Unsupported",
    "Corrupt",
    "Truncated",
    "TooLarge",
    "AddressRefused",
    "Failed"
  ]),
  positionMs: Schema.Finite,
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    const position = this.positionMs > 0 ? ` at ${(this.positionMs / 1000).toFixed(2)} s` : ""
    return `The audio source ${this.source} failed${position} (${this.kind}): ${this.detail}.`
  }
}

const recordingRemedies = {
  Unwritable: "Check that the folder exists or can be created, and that this process may write there.",
  Exists: "A recording never overwrites files: choose another folder.",
  DiskFull:
    "What was written is kept and can be played. Free up space, then start another recording in another folder, or repair this one.",
  NotARecording: "Check that this is the right folder.",
  Failed: "What was written is kept and can be played."
} as const

/**
 * A recording could not be written. `path` is the file or folder.
 *
 * - `Unwritable`: the folder cannot be created or written to.
 * - `Exists`: the folder already contains a recording.
 * - `DiskFull`: there is no space left, or the quota is exhausted.
 * - `NotARecording`: the folder contains nothing that could be repaired.
 * - `Failed`: anything else, such as a disk that is gone or does not accept data any more.
 *
 * @category reasons
 * @since 0.1.0
 */
export class RecordingFailed extends Schema.TaggedError<RecordingFailed>(`${key}/RecordingFailed`)("RecordingFailed", {
  path: Schema.String,
  kind: Schema.Literals(["Unwritable", "Exists", "DiskFull", "NotARecording", "Failed"]),
  detail: Schema.String
}) {
  override get message(): string {
    return `The recording failed at ${this.path} (${this.kind}): ${this.detail}. ${recordingRemedies[this.kind]}`
  }
}
