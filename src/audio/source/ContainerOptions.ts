/**
 * How sources of bytes are read. `AudioSource` gives this to users.
 *
 * @since 0.1.0
 */
import type { FfmpegOptions } from "./Ffmpeg.ts"

/**
 * What the constructors of bytes have in common.
 *
 * @category models
 * @since 0.1.0
 */
export interface ContainerOptions {
  /** For messages and displays. */
  readonly name?: string | undefined
  /**
   * How ffmpeg is called for what nothing in this process decodes; `false` for not at all. Default: `ffmpeg` on the PATH, where
   * there is one.
   */
  readonly ffmpeg?: FfmpegOptions | false | undefined
}
