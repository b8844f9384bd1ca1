/**
 * The reasons of sound: what codecs, sources and recordings can do.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const key = "effect-discord-voice/VoiceError"

/**
 * An Opus encoder or decoder could not be made. `limit` is the number a process can have, where that is the cause.
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
      : `This library can hold ${this.limit} codecs in a process. Close those that are not needed, or provide another codec layer.`
    return `No Opus codec from ${this.codec}: ${this.detail}. ${remedy}`
  }
}

/**
 * Opus refused to encode or decode.
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
 * An audio source could not be opened or read. `positionMs` is how much of it was read before. `cause` is what was thrown, or what a
 * stream or another source has failed with, where there is such: `message` says what counts of it.
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
  Unwritable: "Check that the folder exists or can be made, and that this process may write there.",
  Exists: "Nothing is ever written over: choose another folder.",
  DiskFull:
    "What was written stays and can be played. Make room, and start another recording in another folder, or repair this one.",
  NotARecording: "Check the folder.",
  Failed: "What was written stays and can be played."
} as const

/**
 * A recording could not be written. `path` is the file or folder.
 *
 * - `Unwritable`: the folder cannot be made or written to.
 * - `Exists`: there is a recording in the folder already.
 * - `DiskFull`: there is no room left, or the quota is used up.
 * - `NotARecording`: there is nothing in the folder that could be repaired.
 * - `Failed`: something else, such as a disk that is gone or takes nothing any more.
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
