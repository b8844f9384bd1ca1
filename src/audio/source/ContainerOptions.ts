/**
 * How sources of bytes are read. Exported through `AudioSource`.
 *
 * @since 0.1.0
 */
import type { FfmpegOptions } from "./Ffmpeg.ts"

/**
 * The options that the constructors of byte sources share.
 *
 * @category models
 * @since 0.1.0
 */
export interface ContainerOptions {
  /** The name for messages and displays. */
  readonly name?: string | undefined
  /**
   * How to call ffmpeg for formats that this process does not decode; `false` never calls it. Default: `ffmpeg` on the PATH,
   * if it is there.
   */
  readonly ffmpeg?: FfmpegOptions | false | undefined
}
