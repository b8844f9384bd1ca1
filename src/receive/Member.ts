/**
 * Somebody else in the channel of a session.
 *
 * @since 0.1.0
 */
import type { UserId } from "../protocol/Identifier.ts"

/**
 * What a user is connected with.
 *
 * @category models
 * @since 0.1.0
 */
export type Platform = "desktop" | "mobile" | "xbox" | "playstation"

/**
 * Somebody else in our channel. What is not known is absent.
 *
 * The main gateway tells `selfMute` to `name`. A library's voice adapter hands over our own voice state only: without the option
 * `occupants` of `Gateway.layerAdapter` there is nothing but what the voice gateway tells: `flags`, `platform` and `video`, which
 * Discord does not document.
 *
 * @category models
 * @since 0.1.0
 */
export interface Member {
  readonly userId: UserId
  /** The user's own doing. */
  readonly selfMute?: boolean
  readonly selfDeaf?: boolean
  /** A moderator's doing. */
  readonly mute?: boolean
  readonly deaf?: boolean
  /** In the audience of a stage, or without the permission to speak. */
  readonly suppress?: boolean
  /** The camera is on. */
  readonly video?: boolean
  /** Shows a screen or a game. */
  readonly streaming?: boolean
  readonly bot?: boolean
  /** As the guild shows it: the nickname there, else the name that the user has chosen, else the account's. */
  readonly name?: string
  /**
   * Bits of `VoicePayload.ClientFlag`: what the user has set for Discord's Clips. `VoiceRecording` lets clips of others have the
   * voice, which is no consent to anything else.
   */
  readonly flags?: number
  readonly platform?: Platform
}
