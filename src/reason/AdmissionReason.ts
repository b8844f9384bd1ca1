/**
 * The reasons why Discord does not admit us to a channel. Discord does not answer such a request; the reason comes from the
 * REST API, which is asked about guild, channel and permissions afterwards.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ChannelId, GuildId } from "../protocol/Identifier.ts"

const key = "effect-discord-voice/VoiceError"

/**
 * What keeps us out of a channel.
 *
 * - `NotMember`: we are not a member of the guild, or its id is wrong.
 * - `UnknownChannel`: the guild has no such channel.
 * - `NotVoice`: it is neither a voice channel nor a stage.
 * - `ViewChannel`, `Connect`: this permission is missing.
 * - `TimedOut`: a moderator has given us a timeout in the guild.
 * - `Full`: the channel is full, and we lack the permission Move Members, which would admit us anyway.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Obstacle = Schema.Literals([
  "NotMember",
  "UnknownChannel",
  "NotVoice",
  "ViewChannel",
  "Connect",
  "TimedOut",
  "Full"
])

/**
 * @category models
 * @since 0.1.0
 */
export type Obstacle = typeof Obstacle.Type

const help: Record<Obstacle, string> = {
  NotMember: "we are no member of the guild, or its id is wrong. Invite the bot first",
  UnknownChannel: "the guild has no such channel: its id is wrong, or it was deleted",
  NotVoice: "it is neither a voice channel nor a stage",
  ViewChannel: "the permission View Channel is missing there",
  Connect: "the permission Connect is missing there",
  TimedOut: "a moderator has given us a timeout in this guild, and nobody can connect before it is over",
  Full: "all its places are taken. With the permission Move Members we would get in all the same"
}

/**
 * Discord has not admitted us to a channel, for this reason. The gateway client of this library finds the reason out, and
 * another one does if it has the option `obstacle`. Otherwise the error is a `JoinTimedOut`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotAdmitted extends Schema.TaggedError<NotAdmitted>(`${key}/NotAdmitted`)("NotAdmitted", {
  guildId: GuildId,
  channelId: ChannelId,
  obstacle: Obstacle
}) {
  override get message(): string {
    return `Discord does not let us into channel ${this.channelId} of guild ${this.guildId}: ${help[this.obstacle]}.`
  }
}
