/**
 * The errors of the emulator itself, as one error with a tagged reason. Mistakes of a client are never errors here: they are
 * counted, judged, and answered as Discord answers them.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const key = "effect-discord-voice/EmulatorError"

/**
 * A listener on loopback could not be opened. `code` is the operating system's, such as `EADDRINUSE`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ListenFailed extends Schema.TaggedError<ListenFailed>(`${key}/ListenFailed`)("ListenFailed", {
  protocol: Schema.Literals(["TCP", "UDP"]),
  address: Schema.String,
  port: Schema.Int,
  code: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    const where = `${this.protocol} port ${this.port} of ${this.address}`
    if (this.code === "EADDRINUSE") {
      return `${where} is in use. Stop the program that uses it, or choose another port; 0 picks a free one.`
    }
    if (this.code === "EACCES") {
      return `This process may not use ${where}. Choose a port above 1023; 0 picks a free one.`
    }
    return `${where} could not be opened: ${this.detail}. Choose another port; 0 picks a free one.`
  }
}

/**
 * The certificate for TLS could not be created.
 *
 * @category reasons
 * @since 0.1.0
 */
export class CertificateFailed
  extends Schema.TaggedError<CertificateFailed>(`${key}/CertificateFailed`)("CertificateFailed", {
    detail: Schema.String
  })
{
  override get message(): string {
    return `The emulator's certificate could not be created: ${this.detail}. Run the emulator without TLS.`
  }
}

/**
 * Nothing has this name or id.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownName extends Schema.TaggedError<UnknownName>(`${key}/UnknownName`)("UnknownName", {
  kind: Schema.Literals(["guild", "channel", "user"]),
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const known = this.known.length === 0 ? "There are none" : `Known ones: ${this.known.join(", ")}`
    return `The emulator has no ${this.kind} "${this.name}". ${known}. Create it first, or use its name or id.`
  }
}

/**
 * The name is already in use. Names are handles, so they are unique.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NameTaken extends Schema.TaggedError<NameTaken>(`${key}/NameTaken`)("NameTaken", {
  kind: Schema.Literals(["guild", "channel", "user"]),
  name: Schema.String
}) {
  override get message(): string {
    return `The emulator already has a ${this.kind} named "${this.name}". Names must be unique: choose another.`
  }
}

/**
 * A scripted participant could not join a channel.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotJoinable extends Schema.TaggedError<NotJoinable>(`${key}/NotJoinable`)("NotJoinable", {
  user: Schema.String,
  channel: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `"${this.user}" cannot join "${this.channel}": ${this.detail}.`
  }
}

/**
 * A user is not in the voice channel or guild that the operation requires.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotInVoice extends Schema.TaggedError<NotInVoice>(`${key}/NotInVoice`)("NotInVoice", {
  user: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `"${this.user}" is not in voice: ${this.detail}.`
  }
}

/**
 * There was nothing for a fault to act on.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NothingToDo extends Schema.TaggedError<NothingToDo>(`${key}/NothingToDo`)("NothingToDo", {
  action: Schema.String,
  target: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `"${this.action}" had no effect on "${this.target}": ${this.detail}.`
  }
}

/**
 * A slash command could not be used, or the bot did not answer.
 *
 * @category reasons
 * @since 0.1.0
 */
export class CommandFailed extends Schema.TaggedError<CommandFailed>(`${key}/CommandFailed`)("CommandFailed", {
  command: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `The command "${this.command}" failed: ${this.detail}.`
  }
}

/**
 * A message could not be written, or the expected message did not appear.
 *
 * @category reasons
 * @since 0.1.0
 */
export class MessageFailed extends Schema.TaggedError<MessageFailed>(`${key}/MessageFailed`)("MessageFailed", {
  channel: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `Chatting in "${this.channel}" failed: ${this.detail}.`
  }
}

/**
 * A scripted participant could not send a sound or an emoji to its channel.
 *
 * @category reasons
 * @since 0.1.0
 */
export class EffectFailed extends Schema.TaggedError<EffectFailed>(`${key}/EffectFailed`)("EffectFailed", {
  user: Schema.String,
  effect: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `"${this.user}" cannot send ${this.effect}: ${this.detail}.`
  }
}

/**
 * An option is invalid.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidOption extends Schema.TaggedError<InvalidOption>(`${key}/InvalidOption`)("InvalidOption", {
  option: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `The emulator's option \`${this.option}\` is invalid: ${this.detail}.`
  }
}

/**
 * All reasons.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Union([
  ListenFailed,
  CertificateFailed,
  UnknownName,
  NameTaken,
  NotJoinable,
  NotInVoice,
  NothingToDo,
  InvalidOption,
  CommandFailed,
  MessageFailed,
  EffectFailed
])

/**
 * @category models
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * The error of the emulator. `message` is the message of its reason. Handle a reason with `Effect.catchReason("EmulatorError",
 * "ListenFailed", ...)`.
 *
 * @category errors
 * @since 0.1.0
 */
export class EmulatorError extends Schema.TaggedError<EmulatorError>(key)("EmulatorError", { reason: Reason }) {
  override get message(): string {
    return this.reason.message
  }
}

/**
 * Makes an error with a reason.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (reason: Reason): EmulatorError => new EmulatorError({ reason })
