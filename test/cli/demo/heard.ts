/** The frames that a listener hears, on time, as the emulator reports them. */
import type { HeardFrame } from "../../../src/emulator/Emulator.ts"
import { UserId } from "../../../src/protocol/Identifier.ts"
import { type Packet, packet } from "../../audio/samples.ts"

export const silence = Uint8Array.of(0xf8, 0xff, 0xfe)

export const frames = (count: number): Array<Packet> =>
  Array.from({ length: count }, (_, i) => packet(i, i % 3 === 2 ? 2 : 3))

export const hear = (
  sent: ReadonlyArray<Packet>,
  options?: { readonly ssrc?: number; readonly sequence?: number; readonly timestamp?: number; readonly atMs?: number }
): Array<HeardFrame> => {
  let samples = 0
  return sent.map(({ data, samples: length }, i) => {
    const frame: HeardFrame = {
      userId: UserId.make("1"),
      ssrc: options?.ssrc ?? 1,
      sequence: ((options?.sequence ?? 65_530) + i) & 0xffff,
      timestamp: ((options?.timestamp ?? 0xffff_f000) + samples) >>> 0,
      payload: data.slice(),
      arrivalMs: (options?.atMs ?? 500) + samples / 48,
      silence: Buffer.compare(data, silence) === 0,
      encrypted: false
    }
    samples += length
    return frame
  })
}

export const closing = Array.from({ length: 5 }, (): Packet => ({ data: silence, samples: 960 }))
