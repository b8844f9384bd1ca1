/**
 * Identifiers as Discord writes them.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A Discord id: an unsigned 64-bit integer as a decimal string of 1 to 20 digits.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Snowflake = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^\d{1,20}$/, { expected: "a Discord id of 1 to 20 digits" }))
)

/**
 * The id of a user or bot.
 *
 * @category schemas
 * @since 0.1.0
 */
export const UserId = Snowflake.pipe(Schema.brand("UserId"))

/**
 * @category models
 * @since 0.1.0
 */
export type UserId = typeof UserId.Type

/**
 * The id of a guild. The voice gateway calls it the server id.
 *
 * @category schemas
 * @since 0.1.0
 */
export const GuildId = Snowflake.pipe(Schema.brand("GuildId"))

/**
 * @category models
 * @since 0.1.0
 */
export type GuildId = typeof GuildId.Type

/**
 * The id of a channel.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChannelId = Snowflake.pipe(Schema.brand("ChannelId"))

/**
 * @category models
 * @since 0.1.0
 */
export type ChannelId = typeof ChannelId.Type

/**
 * The synchronization source of an RTP stream: an unsigned 32-bit integer, assigned by the voice gateway in Ready (op 2).
 *
 * @category schemas
 * @since 0.1.0
 */
export const Ssrc = Schema.Int.pipe(
  Schema.check(Schema.isBetween({ minimum: 0, maximum: 0xffff_ffff })),
  Schema.brand("Ssrc")
)

/**
 * @category models
 * @since 0.1.0
 */
export type Ssrc = typeof Ssrc.Type
