import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { codec } from "../../src/codec/FloatCodec.ts"
import * as Heard from "../../src/mixer/Heard.ts"
import type { FromMixes } from "../../src/mixer/messages.ts"
import * as Mixes from "../../src/mixer/Mixes.ts"
import * as PcmRing from "../../src/mixer/PcmRing.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"

/** Mixes that are controlled by messages, with a count of their open encoders. */
const make = () => {
  const { encoder } = codec
  const encoders = { open: 0, isWornOut: false }
  vi.spyOn(codec, "encoder").mockImplementation(async (options) => {
    const made = await encoder(options)
    encoders.open++
    return {
      ...made,
      encode: (...pcm) => {
        if (encoders.isWornOut) throw new Error("it is worn out")
        return made.encode(...pcm)
      },
      free: () => {
        encoders.open--
        made.free()
      }
    }
  })
  const said: Array<FromMixes> = []
  const { close, receive } = Mixes.make((message) => said.push(message))
  const rings = new Map<number, FrameRing.FrameRing>()
  const send = (mix: number) => {
    const ring = FrameRing.make()
    const { buffer } = ring
    assert(buffer instanceof SharedArrayBuffer)
    rings.set(mix, ring)
    receive({ _tag: "Open", mix, setup: { ring: buffer, heard: Heard.makeBuffer(), encoder: {}, aheadMs: 100 } })
  }
  return {
    said,
    encoders,
    close,
    receive,
    /** Requests a mix. */
    send,
    open: async (mix: number) => {
      send(mix)
      await vi.waitUntil(() => said.some((message) => message.mix === mix))
    },
    /** Plays a second of something. */
    play: (mix: number) => {
      const ring = PcmRing.make(1_000)
      ring.write(new Float32Array(96_000), 0)
      const input = { input: 1, slot: 0, format: "pcm", gain: 1, paused: false, fadeInMs: 0, curve: "linear" } as const
      receive({ _tag: "Command", mix, command: { _tag: "Add", input: { ...input, ring: ring.buffer } } })
    },
    bufferedMs: (mix: number) => rings.get(mix)?.bufferedMs()
  }
}

describe("Mixes", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }))
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  it("are filled every ten milliseconds while there are any", async () => {
    const { bufferedMs, close, encoders, open, play, receive, said } = make()
    await open(1)
    assert.strictEqual(vi.getTimerCount(), 1)
    await open(2)
    assert.deepStrictEqual(said, [1, 2].map((mix) => ({ _tag: "Opened", mix, failure: undefined })))
    play(1)
    vi.advanceTimersByTime(9)
    const before = bufferedMs(1) ?? 0
    assert.isBelow(before, 100)
    vi.advanceTimersByTime(1)
    assert.isAbove(bufferedMs(1) ?? 0, before)
    assert.strictEqual(vi.getTimerCount(), 1)
    receive({ _tag: "Close", mix: 1 })
    assert.deepStrictEqual([vi.getTimerCount(), encoders.open], [1, 1])
    receive({ _tag: "Close", mix: 2 })
    assert.deepStrictEqual([vi.getTimerCount(), encoders.open], [0, 0])
    await open(3)
    await open(4)
    assert.strictEqual(vi.getTimerCount(), 1)
    close()
    assert.deepStrictEqual([vi.getTimerCount(), encoders.open], [0, 0])
  })

  it("report nothing about a mix that was closed while it was opening", async () => {
    const { encoders, open, play, receive, said, send } = make()
    send(1)
    play(1)
    receive({ _tag: "Close", mix: 1 })
    assert.strictEqual(vi.getTimerCount(), 0)
    receive({ _tag: "Close", mix: 9 })
    await open(2)
    await vi.waitUntil(() => encoders.open === 1)
    assert.deepStrictEqual(said.map(({ mix }) => mix), [2])
    receive({ _tag: "Close", mix: 2 })
    assert.deepStrictEqual([vi.getTimerCount(), encoders.open], [0, 0])
  })

  it("report why a mix could not be opened, and forget it", async () => {
    const { open, receive, said, send } = make()
    vi.spyOn(codec, "encoder").mockRejectedValueOnce(new Error("no memory")).mockRejectedValueOnce("no encoder")
    send(1)
    send(2)
    await vi.waitUntil(() => said.length === 2)
    assert.deepStrictEqual(said, [
      { _tag: "Opened", mix: 1, failure: "no memory" },
      { _tag: "Opened", mix: 2, failure: "no encoder" }
    ])
    await open(3)
    receive({ _tag: "Close", mix: 3 })
    assert.strictEqual(vi.getTimerCount(), 0)
  })

  it("report why a mix has broken", async () => {
    const { encoders, open, play, said } = make()
    await open(5)
    encoders.isWornOut = true
    play(5)
    vi.advanceTimersByTime(10)
    assert.deepStrictEqual(said.slice(1), [{ _tag: "Broken", mix: 5, detail: "it is worn out" }])
  })
})
