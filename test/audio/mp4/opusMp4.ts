import { Effect } from "effect"
import * as Mediabunny from "mediabunny"
import { opusHead } from "../samples.ts"

export interface Timed {
  readonly atMs: number
  readonly data: Uint8Array
}

/** Opus packets of 20 ms each, in an MP4. */
export const opusMp4 = (packets: ReadonlyArray<Timed>, options: Mediabunny.IsobmffOutputFormatOptions = {}) =>
  Effect.promise(async () => {
    const target = new Mediabunny.BufferTarget()
    const output = new Mediabunny.Output({ format: new Mediabunny.Mp4OutputFormat(options), target })
    const track = new Mediabunny.EncodedAudioPacketSource("opus")
    output.addAudioTrack(track)
    await output.start()
    const description = opusHead({ preSkip: 0 })
    const meta = { decoderConfig: { codec: "opus", numberOfChannels: 2, sampleRate: 48_000, description } }
    for (const { atMs, data } of packets) {
      await track.add(new Mediabunny.EncodedPacket(data, "key", atMs / 1_000, 0.02), meta)
    }
    await output.finalize()
    return new Uint8Array(target.buffer ?? new ArrayBuffer(0))
  })
