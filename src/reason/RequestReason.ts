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
    return `There is already a voice session in guild ${this.guildId} (channel ${this.channelId}). A bot can have one voice connection per guild: close that session first, or move it.`
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
      return `${this.operation} and its sessions are closed, because the scope of its layer has closed. Provide the layer to ` +
        "everything that uses a session, not only to VoiceSession.join."
    }
    return this.isReconnecting === true
      ? `${this.operation} needs a live voice connection, and there is none at the moment: the session is still connecting. Its ` +
        "changes say when the connection is ready."
      : `${this.operation} needs a live voice connection, and this one has ended. The session's state ` +
        "and awaitClosed say why, or awaitEnd for a connection without a session."
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
    const { detail, feature } = this
    return `${feature.charAt(0).toUpperCase()}${feature.slice(1)} is not supported: ${detail}.`
  }
}
