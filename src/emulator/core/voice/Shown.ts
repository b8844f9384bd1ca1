/**
 * What the voice gateway reports about a scripted participant's client: its settings for clips, its platform, and its video.
 * Discord documents none of it.
 *
 * @since 0.1.0
 */
import { Ssrc } from "../../../protocol/Identifier.ts"
import type { ServerVideo } from "../../../protocol/VoicePayload.ts"

/**
 * The content of Client Flags (op 18) and Client Platform (op 20), where null is possible.
 *
 * @category models
 * @since 0.1.0
 */
export interface Client {
  /** Bits: 1 clips, 2 voice recording, 4 clips by viewers. Default 0. */
  readonly flags: number | null
  /** 0 desktop, 1 mobile, 2 Xbox, 3 PlayStation. Default 0. */
  readonly platform: number | null
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Shown extends Client {
  readonly video: boolean
}

/**
 * The default.
 *
 * @category constants
 * @since 0.1.0
 */
export const usual: Shown = { flags: 0, platform: 0, video: false }

/**
 * The content of Video (op 12) for one stream, or for none: a session owns the two SSRCs after that of its audio.
 *
 * @category constructors
 * @since 0.1.0
 */
export const video = ({ ssrc }: { readonly ssrc: Ssrc }, on: boolean): Omit<ServerVideo["d"], "user_id"> => {
  if (!on) return { audio_ssrc: ssrc, video_ssrc: Ssrc.make(0), streams: [] }
  const [own, rtx] = [Ssrc.make(ssrc + 1), Ssrc.make(ssrc + 2)]
  const stream = {
    type: "video",
    rid: "100",
    quality: 100,
    active: true,
    ssrc: own,
    rtx_ssrc: rtx,
    max_bitrate: 2_500_000,
    max_framerate: 30,
    max_resolution: { type: "fixed", width: 1_280, height: 720 }
  }
  return { audio_ssrc: ssrc, video_ssrc: own, streams: [stream] }
}
