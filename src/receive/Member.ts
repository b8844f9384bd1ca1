/**
 * Another user in the channel of a session.
 *
 * @since 0.1.0
 */
import type { UserId } from "../protocol/Identifier.ts"

/**
 * The kind of device that a user is connected with.
 *
 * @category models
 * @since 0.1.0
 */
export type Platform = "desktop" | "mobile" | "xbox" | "playstation"

/**
 * Another user in our channel. Unknown properties are absent.
 *
 * The main gateway reports `selfMute` to `name`. The voice adapter of a library passes on only our own voice state. Without the
 * option `occupants` of `Gateway.layerAdapter`, only the values from the voice gateway are known: `flags`, `platform` and
 * `video`, which Discord does not document.
 *
 * @category models
 * @since 0.1.0
 */
export interface Member {
  readonly userId: UserId
  /** Whether the user has muted (`selfMute`) or deafened (`selfDeaf`) themselves. */
  readonly selfMute?: boolean
  readonly selfDeaf?: boolean
  /** Whether a moderator has muted or deafened the user. */
  readonly mute?: boolean
  readonly deaf?: boolean
  /** Whether the user is in the audience of a stage, or is not permitted to speak. */
  readonly suppress?: boolean
  /** Whether the camera is on. */
  readonly video?: boolean
  /** Whether the user shares a screen or a game. */
  readonly streaming?: boolean
  readonly bot?: boolean
  /** The name as the guild shows it: the nickname, else the display name, else the account name. */
  readonly name?: string
  /**
   * Bits of `VoicePayload.ClientFlag`: the user's settings for Discord's Clips. `VoiceRecording` allows others to include the
   * user's voice in clips. That is not consent to anything else.
   */
  readonly flags?: number
  readonly platform?: Platform
}
