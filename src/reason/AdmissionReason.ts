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
  NotMember: "the bot is not a member of the guild, or the guild id is wrong. Invite the bot first",
  UnknownChannel: "the guild has no such channel: its id is wrong, or it was deleted",
  NotVoice: "it is neither a voice channel nor a stage channel",
  ViewChannel: "the bot lacks the permission View Channel there",
  Connect: "the bot lacks the permission Connect there",
  TimedOut: "a moderator has timed the bot out in this guild, and it cannot connect until the timeout ends",
  Full: "the channel is full. With the permission Move Members, the bot could join anyway"
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
    return `Discord does not let the bot into channel ${this.channelId} of guild ${this.guildId}: ${
      help[this.obstacle]
    }.`
  }
}
