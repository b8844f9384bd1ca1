import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Ahead from "../../src/dave/Ahead.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import { uint } from "../protocol/arbitraries.ts"

/**
 * Both sides in one thread. A frame is "encrypted" by the epoch in front of it. With `late`, the side that encrypts
 * hears one message of the other side at a time, after it has filled the lane that it knows.
 */
const rig = (encrypting = true, late = false) => {
  const ring = FrameRing.make()
  assert(ring.buffer instanceof SharedArrayBuffer)
  const { buffer } = ring
  let writer: Ahead.Writer | undefined
  let ahead: Int32Array = new Int32Array(2)
  const words: Array<() => void> = []
  const hear = (word: () => void): void => late ? void words.push(word) : word()
  const state = { encrypting, epoch: 1, fails: false, expansion: 0, encrypted: 0, failed: 0, opened: 0, closed: 0 }
  const source = Ahead.source(ring, {
    isEncrypting: () => state.encrypting,
    onFrame: (isEncrypted) => {
      if (isEncrypted) state.encrypted++
      else state.failed++
    }
  }, {
    open: (memory) => {
      state.opened++
      ahead = new Int32Array(memory)
      hear(() => {
        writer = Ahead.writer(buffer, memory)
      })
    },
    close: () => {
      state.closed++
      hear(() => {
        writer = undefined
      })
    }
  })
  const into = new Uint8Array(32_768)
  return {
    ring,
    state,
    source,
    fill: () => {
      writer?.fill((frame) =>
        state.fails ? undefined : Uint8Array.of(state.epoch, ...frame, ...new Uint8Array(state.expansion))
      )
      words.shift()?.()
    },
    restart: () => writer?.restart(),
    /** How many bytes were ever written ahead. */
    written: () => ahead[0],
    /** So many bytes were written and read before. */
    begin: (bytes: number) => {
      ahead[0] = bytes
      ahead[1] = bytes
    },
    take: () => {
      if (source.next() < 0) return undefined
      const length = source.read(into, 12)
      return Array.from(into.subarray(12, 12 + length))
    }
  }
}

const frame = (n: number, length = 3) => Uint8Array.from({ length }, () => n)

describe("Ahead", () => {
  it("gives frames once they are encrypted, and leaves them in their ring until they are taken", () => {
    const { fill, ring, source, state, take } = rig()
    for (let i = 1; i <= 10; i++) ring.write(frame(i), 960)
    assert.isUndefined(take(), "not encrypted yet")
    fill()
    assert.strictEqual(ring.framesRead(), 0)
    assert.deepStrictEqual(take(), [1, 1, 1, 1])
    assert.strictEqual(source.samples(), 960)
    assert.strictEqual(ring.positionMs(), 20)
    for (let i = 2; i <= 6; i++) assert.deepStrictEqual(take(), [1, i, i, i])
    assert.isUndefined(take(), "120 ms are encrypted ahead")
    fill()
    for (let i = 7; i <= 10; i++) assert.deepStrictEqual(take(), [1, i, i, i])
    assert.isFalse(source.isDrained())
    ring.end()
    assert.isTrue(source.isDrained())
    assert.strictEqual(state.encrypted, 10)
  })

  it("encrypts frames again that were not taken when the epoch changes", () => {
    const { fill, restart, ring, state, take } = rig()
    for (let i = 1; i <= 3; i++) ring.write(frame(i), 960)
    take()
    fill()
    assert.deepStrictEqual(take(), [1, 1, 1, 1])
    state.epoch = 2
    restart()
    assert.isUndefined(take(), "a frame of the former epoch is not sent")
    fill()
    assert.deepStrictEqual(take(), [2, 2, 2, 2])
    assert.deepStrictEqual(take(), [2, 3, 3, 3])
  })

  it("passes plain frames while nothing has to be encrypted, and finds its place again", () => {
    const { fill, ring, state, take } = rig()
    for (let i = 1; i <= 6; i++) ring.write(frame(i), 960)
    take()
    fill()
    state.encrypting = false
    assert.deepStrictEqual(take(), [1, 1, 1])
    fill()
    assert.deepStrictEqual(take(), [2, 2, 2])
    state.encrypting = true
    assert.isUndefined(take(), "what was made before may be of a former epoch")
    fill()
    assert.deepStrictEqual(take(), [1, 3, 3, 3])
    state.encrypting = false
    assert.deepStrictEqual(take(), [4, 4, 4])
    fill()
    state.encrypting = true
    take()
    fill()
    assert.deepStrictEqual(take(), [1, 5, 5, 5])
  })

  it("has no lane until it needs one, and closes it when it no longer does", () => {
    const { fill, ring, source, state, take } = rig(false)
    for (let i = 1; i <= 4; i++) ring.write(frame(i), 960)
    assert.deepStrictEqual(take(), [1, 1, 1])
    assert.deepInclude(state, { opened: 0, closed: 0 })
    state.encrypting = true
    take()
    assert.deepInclude(state, { opened: 1, closed: 0 })
    fill()
    assert.deepStrictEqual(take(), [1, 2, 2, 2])
    state.encrypting = false
    assert.deepStrictEqual(take(), [3, 3, 3])
    assert.deepInclude(state, { opened: 1, closed: 1 })
    source.close()
    assert.deepInclude(state, { opened: 1, closed: 1 })
  })

  it("starts to encrypt before its turn comes", () => {
    const { fill, ring, state, take } = rig()
    assert.strictEqual(state.opened, 1)
    ring.write(frame(1), 960)
    fill()
    assert.deepStrictEqual(take(), [1, 1, 1, 1])
  })

  it("keeps a frame for which there is no room until there is", () => {
    const { fill, ring, state, take } = rig()
    state.expansion = 7_000
    for (let i = 1; i <= 20; i++) assert.isTrue(ring.write(frame(i), 960))
    fill()
    for (let i = 1; i <= 20; i++) {
      assert.deepStrictEqual(take()?.slice(0, 4), [1, i, i, i])
      fill()
    }
  })

  it("encrypts a frame again that had no room when the epoch changes", () => {
    const { fill, restart, ring, state, take } = rig()
    state.expansion = 7_000
    for (let i = 1; i <= 6; i++) ring.write(frame(i), 960)
    fill()
    for (let i = 1; i <= 4; i++) assert.deepStrictEqual(take()?.slice(0, 4), [1, i, i, i])
    state.epoch = 2
    restart()
    fill()
    for (let i = 5; i <= 6; i++) assert.deepStrictEqual(take()?.slice(0, 4), [2, i, i, i])
  })

  it.each([255, 1])(
    "continues at the start of its lane when the last frame of a round did not fit, over old bytes of %d",
    (filler) => {
      const { fill, ring, take } = rig()
      for (let i = 0; i < 400; i++) {
        const bytes = frame(filler, 900 + (i * 37) % 600)
        bytes[1] = i & 0xff
        ring.write(bytes, 960)
        fill()
        assert.deepStrictEqual(take(), [1, ...bytes])
      }
    }
  )

  /** The length of a frame whose record takes so many bytes, with an expansion of 8,000. */
  const lengthOf = (record: number) => record - 8_013

  it.each([0, 4, 8, 12, 16])(
    "continues at the start of its lane when %d bytes are left after the last frame",
    (left) => {
      const { fill, ring, state, take } = rig()
      state.expansion = 8_000
      ring.write(frame(1, lengthOf(12_000)), 960)
      ring.write(frame(2, lengthOf(12_000)), 960)
      fill()
      assert.deepStrictEqual(take()?.slice(0, 3), [1, 1, 1])
      ring.write(frame(3, lengthOf(8_768 - left)), 960)
      fill()
      state.expansion = 0
      // the least there is: 12 bytes
      state.fails = true
      ring.write(frame(4), 960)
      fill()
      state.fails = false
      ring.write(frame(5), 960)
      fill()
      assert.deepStrictEqual(take()?.slice(0, 3), [1, 2, 2])
      assert.deepStrictEqual(take()?.slice(0, 3), [1, 3, 3])
      assert.deepStrictEqual(take(), [])
      assert.deepStrictEqual(take(), [1, 5, 5, 5])
    }
  )

  it("never overwrites a frame that was not taken, and uses the lane to the last byte", () => {
    for (const [record, fits] of [[12_000, true], [12_004, false]] as const) {
      const { fill, ring, state, take } = rig()
      state.expansion = 8_000
      for (const [n, size] of [[1, 12_000], [2, 12_000], [3, record]] as const) {
        assert.isTrue(ring.write(frame(n, lengthOf(size)), 960))
      }
      fill()
      assert.deepStrictEqual(take()?.slice(0, 3), [1, 1, 1])
      // behind the second one are 8,768 bytes, and at the start 12,000
      fill()
      assert.deepStrictEqual(take()?.slice(0, 3), [1, 2, 2])
      if (!fits) {
        assert.isUndefined(take())
        fill()
      }
      assert.deepStrictEqual(take()?.slice(0, 3), [1, 3, 3])
    }
    // to the last byte
    const { fill, ring, state, take } = rig()
    state.expansion = 8_000
    for (const [n, size] of [[1, 12_000], [2, 12_000], [3, 8_768]] as const) ring.write(frame(n, lengthOf(size)), 960)
    fill()
    for (let i = 1; i <= 3; i++) assert.deepStrictEqual(take()?.slice(0, 3), [1, i, i])
  })

  it("continues when its 32-bit counters of bytes roll over", () => {
    for (const before of [2 ** 31 - 12_000, 2 ** 32 - 12_000]) {
      const { begin, fill, ring, state, take } = rig()
      begin(before)
      state.expansion = 7_000
      for (let i = 1; i <= 20; i++) ring.write(frame(i), 960)
      for (let i = 1; i <= 20; i++) {
        fill()
        assert.deepStrictEqual(take()?.slice(0, 4), [1, i, i, i])
      }
    }
  })

  it("writes a frame that had to wait only once", () => {
    const { fill, ring, state, take, written } = rig()
    state.expansion = 7_000
    for (let i = 1; i <= 5; i++) ring.write(frame(i), 960)
    fill()
    take()
    fill()
    for (let i = 2; i <= 5; i++) assert.deepStrictEqual(take()?.slice(0, 4), [1, i, i, i])
    const before = written()
    fill()
    assert.strictEqual(written(), before)
  })

  it("keeps a waiting frame of silence unchanged while others encrypt", () => {
    const { fill, ring, state, take } = rig()
    state.expansion = 8_000
    ring.write(frame(1, lengthOf(12_000)), 960)
    ring.write(frame(2, lengthOf(12_000)), 960)
    ring.write(frame(3, lengthOf(8_760)), 960)
    ring.write(OpusPacket.silenceFrame(), 960)
    fill()
    const other = rig()
    other.ring.write(frame(9), 960)
    other.fill()
    for (let i = 1; i <= 3; i++) assert.deepStrictEqual(take()?.slice(0, 3), [1, i, i])
    fill()
    assert.deepStrictEqual(take(), Array.from(OpusPacket.silenceFrame()))
  })

  it("skips discarded frames", () => {
    const { fill, ring, source, take } = rig()
    for (let i = 1; i <= 12; i++) ring.write(frame(i), 960)
    take()
    fill()
    for (let i = 0; i < 9; i++) source.discard()
    assert.isUndefined(take())
    fill()
    assert.deepStrictEqual(take(), [1, 10, 10, 10])
  })

  it("leaves silence as it is, and reports which frames failed", () => {
    const { fill, ring, state, take } = rig()
    ring.write(OpusPacket.silenceFrame(), 960)
    ring.write(frame(1), 960)
    take()
    fill()
    assert.deepStrictEqual(take(), Array.from(OpusPacket.silenceFrame()))
    assert.strictEqual(state.encrypted, 0)
    assert.deepStrictEqual(take(), [1, 1, 1, 1])
    state.fails = true
    ring.write(frame(2), 960)
    fill()
    assert.deepStrictEqual(take(), [], "its time passes, and it is not sent")
    assert.strictEqual(state.failed, 1)
  })

  it("tells the other side that nobody takes frames any more", () => {
    const { fill, ring, source, state } = rig()
    ring.write(frame(1), 960)
    source.next()
    source.close()
    assert.strictEqual(state.closed, 1)
    fill()
    state.encrypting = true
    assert.strictEqual(source.next(), -1)
  })

  const Step = Schema.Union([
    Schema.Struct({ _tag: Schema.tag("write"), length: uint(2_000) }),
    Schema.Struct({ _tag: Schema.tag("fill") }),
    Schema.Struct({ _tag: Schema.tag("take") }),
    Schema.Struct({ _tag: Schema.tag("discard") }),
    Schema.Struct({ _tag: Schema.tag("epoch") }),
    Schema.Struct({ _tag: Schema.tag("switch") })
  ])

  it.prop("never loses, repeats, mixes or mislabels a frame", [
    Arbitrary.array(Arbitrary.schema(Step), { maxLength: 400 }),
    Arbitrary.schema(Schema.Boolean)
  ], ([steps, late]) => {
    const { fill, restart, ring, source, state, take } = rig(true, late)
    const waiting: Array<Array<number>> = []
    let written = 0
    for (const step of steps) {
      switch (step._tag) {
        case "write": {
          const data = Uint8Array.from({ length: 1 + step.length }, (_, i) => (written * 31 + i) & 0xff)
          if (ring.write(data, 960)) {
            waiting.push(Array.from(data))
            written++
          }
          break
        }
        case "fill":
          fill()
          break
        case "take": {
          const taken = take()
          if (taken === undefined) break
          const expected = waiting.shift()
          assert(expected !== undefined)
          const isSilence = OpusPacket.isSilence(Uint8Array.from(expected))
          assert.deepStrictEqual(taken, state.encrypting && !isSilence ? [state.epoch, ...expected] : expected)
          break
        }
        case "discard":
          source.discard()
          waiting.shift()
          break
        case "epoch":
          state.epoch = (state.epoch + 1) & 0xff
          restart()
          break
        case "switch":
          state.encrypting = !state.encrypting
          break
      }
    }
    // whatever has happened, the rest comes out
    for (let i = 0; i < 10_000 && waiting.length > 0; i++) {
      fill()
      const taken = take()
      if (taken !== undefined) assert.strictEqual(taken.at(-1), waiting.shift()?.at(-1))
    }
    assert.deepStrictEqual(waiting, [])
  })
})
