/**
 * The options of codecs. Exported through `OpusEncoder` and `OpusDecoder`.
 *
 * @since 0.1.0
 */

/**
 * The options of an encoder.
 *
 * @category models
 * @since 0.1.0
 */
export interface EncoderOptions {
  /** The number of channels. Default 2. */
  readonly channels?: 1 | 2 | undefined
  /** What libopus optimizes for. Default "audio". */
  readonly application?: "audio" | "voip" | "lowdelay" | undefined
  /** The bitrate in bits per second, 500 to 512000. Default: libopus decides by the number of channels. */
  readonly bitrate?: number | undefined
  /** The complexity, 0 (cheap) to 10 (best). Default: libopus's own. */
  readonly complexity?: number | undefined
  /** Whether to use in-band forward error correction. Default false. */
  readonly fec?: boolean | undefined
  /** The loss to prepare for, 0 to 100 percent; takes effect with `fec`. Default 0. */
  readonly expectedLossPercent?: number | undefined
  /** Whether to use discontinuous transmission. Default false. */
  readonly dtx?: boolean | undefined
  /**
   * The widest audio bandwidth to encode: up to 4, 6, 8, 12 or 20 kHz. At a low bitrate, libopus chooses a narrower one.
   * Default "fullband".
   */
  readonly bandwidth?: "narrowband" | "mediumband" | "wideband" | "superwideband" | "fullband" | undefined
  /** The kind of sound, which libopus considers when it chooses how to encode. Default "auto": libopus detects it. */
  readonly signal?: "auto" | "voice" | "music" | undefined
}

/**
 * The settings of an encoder that can be changed while it encodes. Settings that are left out stay as they are; with "auto",
 * libopus decides on the bitrate or detects the signal.
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
 * The sample rates that Opus decodes to, in hertz.
 *
 * @category models
 * @since 0.1.0
 */
export type Rate = 8_000 | 12_000 | 16_000 | 24_000 | 48_000
