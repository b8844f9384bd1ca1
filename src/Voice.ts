/**
 * Everything that a voice program needs, in one layer: sockets, transport encryption, Opus, the beat and the driver. Only the
 * `Gateway` is left to provide, since every program brings its own Discord library.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import * as AudioClock from "./AudioClock.ts"
import * as Dave from "./Dave.ts"
import * as Mixer from "./Mixer.ts"
import * as OpusDecoder from "./OpusDecoder.ts"
import * as OpusEncoder from "./OpusEncoder.ts"
import * as Transport from "./Transport.ts"
import * as VoiceCrypto from "./VoiceCrypto.ts"
import * as VoiceDriver from "./VoiceDriver.ts"
import * as VoiceSocket from "./VoiceSocket.ts"
import * as VoiceUdp from "./VoiceUdp.ts"

/**
 * The services that {@link layer} provides.
 *
 * @category models
 * @since 0.1.0
 */
export type Voice =
  | AudioClock.AudioClock
  | Dave.Dave
  | Mixer.Mixer
  | OpusDecoder.OpusDecoder
  | OpusEncoder.OpusEncoder
  | VoiceCrypto.VoiceCrypto
  | VoiceDriver.VoiceDriver
  | VoiceSocket.VoiceSocket
  | VoiceUdp.VoiceUdp

const over = <R>(
  driver: Layer.Layer<VoiceDriver.VoiceDriver, never, R>,
  dave: Layer.Layer<Dave.Dave>,
  mixer: Layer.Layer<Mixer.Mixer>
) =>
  // built fresh: otherwise a program that puts the same layers over something else, with all of this beneath, would be given
  // these again
  Layer.fresh(driver).pipe(
    Layer.provideMerge(Layer.mergeAll(
      Layer.fresh(VoiceSocket.layer),
      Layer.fresh(VoiceUdp.layer),
      VoiceCrypto.layer,
      dave,
      mixer,
      OpusEncoder.layer,
      OpusDecoder.layer
    ))
  )

/**
 * The layer without its foundation: you provide the transports and the clock of the beat, as in tests that stay in memory.
 * End-to-end encryption and mixing run in the caller's thread, so that they follow that clock.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNoDeps: Layer.Layer<
  Exclude<Voice, AudioClock.AudioClock>,
  never,
  AudioClock.AudioClock | Transport.DatagramTransport | Transport.WebSocketTransport
> = over(VoiceDriver.layer, Dave.layer, Mixer.layer)

/**
 * Voice for Node: `ws`, `node:dgram`, the system's monotonic clock, libopus in WebAssembly, a thread for end-to-end
 * encryption, and threads for mixing when there is more than one mix.
 *
 * The driver in this layer is built over the layer's own parts. It does not use a `VoiceUdp`, or another of these services,
 * that you provide to this layer or merge with it. To replace such a part, build another driver over your part and the rest
 * of this layer. If you only want to replace the sockets, use {@link layerNoDeps}.
 *
 * ```ts
 * import { Voice, VoiceDriver } from "effect-discord-voice"
 * import { Layer } from "effect"
 *
 * const VoiceLive = VoiceDriver.layer.pipe(
 *   Layer.provide(MyVoiceUdp),
 *   Layer.provideMerge(Voice.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Voice> = over(VoiceDriver.layer, Dave.layerThread, Mixer.layerThread).pipe(
  Layer.provide(Transport.layer),
  Layer.provideMerge(AudioClock.layer)
)

/**
 * The layer for programs whose own work blocks the thread for more than a few milliseconds. Connections, encryption and the
 * beat run in a thread of their own (`VoiceDriver.layerThread`), and every mix is made in a thread (`Mixer.layerThreadWith`).
 * While the program is busy, whatever was read ahead of a track keeps playing.
 *
 * ```ts
 * import { Mixer, Voice, VoiceDriver } from "effect-discord-voice"
 * import { Layer } from "effect"
 *
 * // another driver or mixer takes the place of those in it, whose threads are not started then
 * const VoiceLive = Layer.mergeAll(
 *   Voice.layerThread,
 *   VoiceDriver.layerThreadWith({ dave: "disabled" }),
 *   Mixer.layerThreadWith({ use: "always", threads: 1 })
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerThread: Layer.Layer<Voice> = over(
  VoiceDriver.layerThread,
  Dave.layerThread,
  Mixer.layerThreadWith({ use: "always" })
).pipe(
  Layer.provide(Transport.layer),
  Layer.provideMerge(AudioClock.layer)
)
