/**
 * The values of libopus's controls (opus_defines.h), which are the same for every build of it.
 *
 * @since 0.1.0
 */

/**
 * `application` of `opus_encoder_create`.
 *
 * @internal
 */
export const applications = { voip: 2048, audio: 2049, lowdelay: 2051 } as const

/**
 * Of `OPUS_SET_MAX_BANDWIDTH`.
 *
 * @internal
 */
export const bandwidths = {
  narrowband: 1101,
  mediumband: 1102,
  wideband: 1103,
  superwideband: 1104,
  fullband: 1105
} as const

/**
 * Of `OPUS_SET_SIGNAL`.
 *
 * @internal
 */
export const signals = { auto: -1000, voice: 3001, music: 3002 } as const
