/**
 * What codecs are told. `OpusEncoder` and `OpusDecoder` give these to users.
 *
 * @since 0.1.0
 */

/**
 * How to encode.
 *
 * @category models
 * @since 0.1.0
 */
export interface EncoderOptions {
  /** Default 2. */
  readonly channels?: 1 | 2 | undefined
  /** What libopus tunes for. Default "audio". */
  readonly application?: "audio" | "voip" | "lowdelay" | undefined
  /** Bits per second, 500 to 512000. Default: libopus decides by channels. */
  readonly bitrate?: number | undefined
  /** 0 (cheap) to 10 (best). Default: libopus's own. */
  readonly complexity?: number | undefined
  /** In-band forward error correction. Default false. */
  readonly fec?: boolean | undefined
  /** The loss to prepare for, 0 to 100 percent; takes effect with `fec`. Default 0. */
  readonly expectedLossPercent?: number | undefined
  /** Discontinuous transmission. Default false. */
  readonly dtx?: boolean | undefined
  /**
   * The widest band of sound to encode: up to 4, 6, 8, 12 or 20 kHz. At a low bitrate libopus takes a narrower one by itself. Default
   * "fullband".
   */
  readonly bandwidth?: "narrowband" | "mediumband" | "wideband" | "superwideband" | "fullband" | undefined
  /** What the sound is, for libopus's choice of how to encode it. Default "auto": it finds out by itself. */
  readonly signal?: "auto" | "voice" | "music" | undefined
}

/**
 * What of an encoder can be changed while it encodes. What is left out stays as it is; a bitrate or signal of "auto" is what libopus
 * decides.
 *
 * @category models
 * @since 0.1.0
 */
export interface EncoderSettings
  extends Pick<EncoderOptions, "complexity" | "fec" | "expectedLossPercent" | "dtx" | "bandwidth" | "signal">
{
  readonly bitrate?: number | "auto" | undefined
}

/**
 * Samples a second that Opus decodes to.
 *
 * @category models
 * @since 0.1.0
 */
export type Rate = 8_000 | 12_000 | 16_000 | 24_000 | 48_000
