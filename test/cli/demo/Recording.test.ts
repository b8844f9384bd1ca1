import { assert, describe, it } from "@effect/vitest"
import { OggOpusDecoder } from "ogg-opus-decoder"
import * as Recording from "../../../src/cli/demo/Recording.ts"
import { packet, readPackets } from "../../audio/samples.ts"
import { closing, frames, hear } from "./heard.ts"

const options = { title: "a song", channels: 2 } as const

describe("Recording", () => {
  it("contains every frame once, bit for bit, in the order in which it was sent", () => {
    const sent = [...frames(40), ...closing]
    const heard = hear(sent)
    const [a = [], b = []] = [heard.slice(10, 11), heard.slice(11, 12)]
    const shuffled = [...heard.slice(0, 10), ...b, ...a, ...a, ...heard.slice(12)]
    assert.deepStrictEqual(readPackets(Recording.encode(shuffled, options), 1).slice(2), sent.map(({ data }) => data))
  })

  it("is as long as what was sent, with silence in place of lost frames", async () => {
    const sent = Array.from({ length: 100 }, (_, i) => packet(i))
    const heard = hear(sent).filter((_, i) => i < 20 || i >= 60)
    const decoder = new OggOpusDecoder()
    await decoder.ready
    const { samplesDecoded } = await decoder.decodeFile(Recording.encode(heard, options))
    decoder.free()
    assert.strictEqual(samplesDecoded, 100 * 960 - 312)
  })

  it("keeps time across the wrap of the timestamp and across pauses", () => {
    const before = hear(frames(3), { timestamp: 0xffff_ff00, sequence: 65_534 })
    const after = hear(frames(1), { timestamp: 47_744, sequence: 1 })
    const positions = Recording.positioned([...before, ...after]).map(({ position }) => position)
    assert.deepStrictEqual(positions, [0, 960, 1920, 48_000])
  })

  it("can be empty", () => {
    assert.deepStrictEqual(Recording.positioned([]), [])
    assert.strictEqual(readPackets(Recording.encode([], options), 1).length, 2)
  })
})
