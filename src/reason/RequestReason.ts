/**
 * The reasons of requests that cannot be fulfilled.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ChannelId, GuildId } from "../protocol/Identifier.ts"

const key = "effect-discord-voice/VoiceError"

/**
 * There is already a session in this guild. Discord allows a bot one voice connection per guild.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AlreadyJoined extends Schema.TaggedError<AlreadyJoined>(`${key}/AlreadyJoined`)("AlreadyJoined", {
  guildId: GuildId,
  channelId: ChannelId
}) {
  override get message(): string {
    return `There is a voice session in guild ${this.guildId} already (channel ${this.channelId}). A bot has one voice connection in a guild: close that session first, or move it.`
  }
}

/**
 * An operation needed a connection, but the session or connection has ended or, if `isReconnecting`, has no connection at the
 * moment. With `isLayerClosed` the scope of the gateway's layer has closed, which ends all of its sessions.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotConnected extends Schema.TaggedError<NotConnected>(`${key}/NotConnected`)("NotConnected", {
  operation: Schema.String,
  isReconnecting: Schema.optionalKey(Schema.Boolean),
  isLayerClosed: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    if (this.isLayerClosed === true) {
      return `${this.operation} is closed, because the scope of its layer has closed, and so are its sessions. Provide the layer to ` +
        "all that uses a session, not to VoiceSession.join alone."
    }
    return this.isReconnecting === true
      ? `${this.operation} needs a live voice connection, and there is none at the moment: the session is on its way to one, and ` +
        "its changes tell when it is there."
      : `${this.operation} needs a live voice connection, and this one has ended. Why is in the state and the awaitClosed of ` +
        "its session, or in the awaitEnd of a connection without one."
  }
}

/**
 * The operation, or an option of it, is not supported.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Unsupported extends Schema.TaggedError<Unsupported>(`${key}/Unsupported`)("Unsupported", {
  feature: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.feature} is not supported: ${this.detail}.`
  }
}
