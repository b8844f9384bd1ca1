/**
 * The version of Discord that the demo emulates for the requested encryption mode and gateway version: the one that has both,
 * or today's with what was requested added.
 *
 * @since 0.1.0
 */
import * as Profile from "../../emulator/core/Profile.ts"
import type { EncryptionMode } from "../../protocol/EncryptionMode.ts"
import { recommendedVersion, type VoiceVersion } from "../../protocol/VoicePayload.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Setting {
  readonly profile: Profile.Profile
  readonly version: VoiceVersion
  /** `undefined`: what the client prefers. */
  readonly modes: ReadonlyArray<EncryptionMode> | undefined
  /** The end-to-end encryption of the channel: required, unless the bot cannot encrypt. */
  readonly e2ee: "required" | "optional"
}

/**
 * Chooses the setting.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (mode: EncryptionMode | undefined, version: VoiceVersion | undefined): Setting => {
  const has = (profile: Profile.Profile): boolean =>
    (mode === undefined || profile.modes.includes(mode)) &&
    (version === undefined || profile.versions.includes(version))
  const profile = [Profile.today, Profile.year2022].find(has) ?? {
    ...Profile.today,
    modes: mode === undefined ? Profile.today.modes : [mode],
    versions: version === undefined ? Profile.today.versions : [version]
  }
  const newest = profile.versions.reduce((a, b) => a > b ? a : b, 1)
  const chosen = version ?? (profile.versions.includes(recommendedVersion) ? recommendedVersion : newest)
  return {
    profile,
    version: chosen,
    e2ee: profile.e2ee && chosen >= recommendedVersion ? "required" : "optional",
    modes: mode === undefined ? undefined : [mode]
  }
}
