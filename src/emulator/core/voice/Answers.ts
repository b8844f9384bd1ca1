/**
 * The answers of the voice gateway that are the same for everybody.
 *
 * @since 0.1.0
 */
import type { EncryptionMode } from "../../../protocol/EncryptionMode.ts"
import { Ssrc } from "../../../protocol/Identifier.ts"
import type { ServerMessage } from "../../../protocol/VoicePayload.ts"
import type { Address } from "../CoreContext.ts"

/**
 * Roughly what a real server said in 2026. Nobody reads it.
 *
 * @category constants
 * @since 0.1.0
 */
export const backendVersion = { voice: "0.13.4", rtc_worker: "0.5.0" } as const

/**
 * Ready (op 2) of a session. The two SSRCs after that of its audio belong to its video.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readyOf = (ssrc: Ssrc, udp: Address, modes: ReadonlyArray<EncryptionMode>): ServerMessage => ({
  op: 2,
  d: {
    ssrc,
    ip: udp.address,
    port: udp.port,
    modes: [...modes],
    experiments: [],
    streams: [{
      type: "video",
      rid: "100",
      quality: 100,
      active: false,
      ssrc: Ssrc.make(ssrc + 1),
      rtx_ssrc: Ssrc.make(ssrc + 2)
    }]
  }
})
