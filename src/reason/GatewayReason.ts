/**
 * The reasons of the main gateway: why we are not, or no longer, in a channel, and failures of its connection or of the Discord
 * library that provides it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ChannelId, GuildId } from "../protocol/Identifier.ts"
import { said } from "./CloseReason.ts"

const key = "effect-discord-voice/VoiceError"

const joinHelp = {
  gateway:
    "the main gateway has not sent the bot's request: it is not connected, or is holding the request back because of its " +
    "send limit. Its warnings in the log, or those of your Discord library, say which; check the token, " +
    "the URL and the network",
  userId:
    "the gateway does not know the bot's user id, so it cannot tell the bot's own VOICE_STATE_UPDATE from those of " +
    "others. It has most likely missed READY: pass the option userId to its layer",
  guild: "the guild is unavailable because of an outage at Discord. Try again when the outage is over",
  both:
    "neither VOICE_STATE_UPDATE nor VOICE_SERVER_UPDATE arrived. The channel may be full, its id may be wrong, the bot may lack the permission View " +
    "Channel or Connect, or it may be in the channel already",
  VOICE_STATE_UPDATE:
    "the bot's own VOICE_STATE_UPDATE did not arrive. The gateway connection most likely lacks the intent " +
    "GuildVoiceStates (1 << 7), or your Discord library does not pass the event on",
  VOICE_SERVER_UPDATE:
    "no VOICE_SERVER_UPDATE arrived. The bot may still be in this channel from an earlier process: leave it first",
  endpoint: "VOICE_SERVER_UPDATE arrived without an endpoint: Discord did not find a voice server in time",
  connection:
    "Discord has let the bot in, but the connection to its voice server is not up yet. The session keeps connecting"
} as const

/**
 * The main gateway did not send both voice events in time (milliseconds). `missing` says which did not arrive: `userId` means
 * that the gateway does not know who we are, `guild` that the guild has an outage that the gateway knows of, `gateway` that it
 * has not accepted the request, and `connection` (of a move) that nothing is missing from the gateway, but the connection that
 * should follow.
 *
 * @category reasons
 * @since 0.1.0
 */
export class JoinTimedOut extends Schema.TaggedError<JoinTimedOut>(`${key}/JoinTimedOut`)("JoinTimedOut", {
  guildId: GuildId,
  channelId: ChannelId,
  missing: Schema.Literals([
    "gateway",
    "userId",
    "guild",
    "both",
    "VOICE_STATE_UPDATE",
    "VOICE_SERVER_UPDATE",
    "endpoint",
    "connection"
  ]),
  elapsedMs: Schema.Finite
}) {
  override get message(): string {
    return `Joining channel ${this.channelId} of guild ${this.guildId} did not finish within ${
      Math.round(this.elapsedMs)
    } ms: ${joinHelp[this.missing]}.`
  }
}

/**
 * A moderator removed us from the channel.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Kicked
  extends Schema.TaggedError<Kicked>(`${key}/Kicked`)("Kicked", { guildId: GuildId, channelId: ChannelId })
{
  override get message(): string {
    return `The bot was removed from channel ${this.channelId} of guild ${this.guildId}. Do not join again until someone asks for it.`
  }
}

/**
 * The channel that we were in does not exist any more.
 *
 * @category reasons
 * @since 0.1.0
 */
export class CallEnded
  extends Schema.TaggedError<CallEnded>(`${key}/CallEnded`)("CallEnded", { guildId: GuildId, channelId: ChannelId })
{
  override get message(): string {
    return `The call in channel ${this.channelId} of guild ${this.guildId} has ended: the channel was most likely deleted.`
  }
}

/**
 * The main gateway closed permanently. `name` is the name of the close code; `remedy` says what to do.
 *
 * @category reasons
 * @since 0.1.0
 */
export class GatewayClosed extends Schema.TaggedError<GatewayClosed>(`${key}/GatewayClosed`)("GatewayClosed", {
  code: Schema.Int,
  name: Schema.String,
  remedy: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `The main gateway closed the connection: ${this.name} ${said(this)}. ${this.remedy}`
  }
}

/**
 * The main gateway could not be reached. `status` is the HTTP status, if there was one.
 *
 * @category reasons
 * @since 0.1.0
 */
export class GatewayUnreachable
  extends Schema.TaggedError<GatewayUnreachable>(`${key}/GatewayUnreachable`)("GatewayUnreachable", {
    url: Schema.String,
    status: Schema.optionalKey(Schema.Int),
    detail: Schema.String
  })
{
  override get message(): string {
    const status = this.status === undefined ? "" : ` (HTTP ${this.status})`
    const hint = this.status === 401 ? " The bot token is wrong." : " Check the network and the URL."
    return `The main gateway at ${this.url} could not be reached${status}: ${this.detail}.${hint}`
  }
}

/**
 * The underlying Discord library has given up our guild: no voice event of this guild arrives any more, and any session that we
 * had there is gone on Discord's side or will be. The next request starts again.
 *
 * @category reasons
 * @since 0.1.0
 */
export class GatewayDetached
  extends Schema.TaggedError<GatewayDetached>(`${key}/GatewayDetached`)("GatewayDetached", { guildId: GuildId })
{
  override get message(): string {
    return `The Discord library gave up voice in guild ${this.guildId}: its shard has disconnected permanently, the guild is unavailable, or the bot is no longer a member of it. Join again once the library is connected.`
  }
}

/**
 * The bot is no longer a member of the guild: it was removed or banned, or the guild was deleted (Discord docs, Gateway Events,
 * Guild Delete). A gateway that is based on another library's adapters reports `GatewayDetached` instead.
 *
 * @category reasons
 * @since 0.1.0
 */
export class RemovedFromGuild
  extends Schema.TaggedError<RemovedFromGuild>(`${key}/RemovedFromGuild`)("RemovedFromGuild", { guildId: GuildId })
{
  override get message(): string {
    return `The bot is no longer a member of guild ${this.guildId}: it was removed or banned, or the guild was deleted. Do not join again until the bot is invited back.`
  }
}

/**
 * A request to Discord's REST API (`Gateway.Rest`) was refused, or got no answer. `status` is the status of the answer and
 * `errorCode` Discord's own error number (Discord docs, Opcodes and Status Codes, JSON Error Codes), if there are any. Tokens
 * are removed from `path`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class RestFailed extends Schema.TaggedError<RestFailed>(`${key}/RestFailed`)("RestFailed", {
  method: Schema.String,
  path: Schema.String,
  detail: Schema.String,
  status: Schema.optionalKey(Schema.Int),
  errorCode: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    const numbers = [this.status, this.errorCode].filter((number) => number !== undefined).join(", code ")
    return `${this.method} ${this.path} failed${numbers === "" ? "" : ` (${numbers})`}: ${
      this.detail.replace(/\.$/, "")
    }.`
  }
}

/**
 * The main gateway, or the Discord library that provides it, could not accept our request or has ended its events.
 *
 * @category reasons
 * @since 0.1.0
 */
export class GatewayFailed
  extends Schema.TaggedError<GatewayFailed>(`${key}/GatewayFailed`)("GatewayFailed", { detail: Schema.String })
{
  override get message(): string {
    return `The main gateway failed: ${this.detail.replace(/\.$/, "")}.`
  }
}
