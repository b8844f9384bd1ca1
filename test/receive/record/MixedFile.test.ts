import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { OpusDecoder } from "../../../src/OpusDecoder.ts"
import * as OpusEncoders from "../../../src/OpusEncoder.ts"
import { UserId } from "../../../src/protocol/Identifier.ts"
import * as Decoding from "../../../src/receive/record/Decoding.ts"
import * as MixedFile from "../../../src/receive/record/MixedFile.ts"
import { MockOpusDecoder } from "../../../src/testing/index.ts"
import * as Kit from "./kit.ts"
import { leftOf } from "./recording.ts"
import * as Speaker from "./speaker.ts"

const second = 48_000

/** Never used, since a WAV file is not encoded. */
const encoders: OpusEncoders.OpusEncoder["Service"] = { make: () => Effect.die("nothing is encoded") }

/** An encoder that returns frames of the maximum size and counts them, and the file that they go to. */
const counting = Effect.fnUntraced(function*() {
  const state = { bytes: 0, encoded: 0, isOpen: true }
  const packet = new Uint8Array(1_276).fill(7)
  packet[0] = 0xfc
  const encoder: OpusEncoders.Encoder = {
    channels: 2,
    encode: () =>
      Effect.sync(() => {
        state.encoded++
        return packet
      }),
    setBitrate: () => Effect.void,
    setExpectedLoss: () => Effect.void,
    setPrediction: () => Effect.void,
    setVariableBitrate: () => Effect.void
  }
  const mixed = yield* MixedFile.make({
    format: "opus",
    outputs: {
      create: (name) => ({
        append: (part) => void (state.bytes += part.length),
        overwrite: () => {},
        resize: () => {},
        written: () => ({ name, bytes: state.bytes })
      })
    },
    isOpen: () => state.isOpen,
    tags: {},
    encoders: { make: () => Effect.succeed(encoder) }
  })
  return { mixed, state }
})

const sound = (frames: number) => new Int16Array(frames * 1_920).fill(1_000)

describe("MixedFile", () => {
  it.effect("keeps the decoders of users who speak, and frees all others", () =>
    Effect.gen(function*() {
      const mock = yield* MockOpusDecoder.MockOpusDecoder
      let bytes = 0
      const mixed = yield* MixedFile.make({
        format: "wav",
        outputs: {
          create: (name) => ({
            append: (part) => void (bytes += part.length),
            overwrite: () => {},
            resize: (to) => {
              bytes = to
            },
            written: () => ({ name, bytes })
          })
        },
        isOpen: () => true,
        tags: {},
        encoders
      })
      const decoding = yield* Decoding.make(yield* OpusDecoder, (_userId, pcm, at) => mixed.add(pcm, at))
      const advance = (settled: number) => Effect.andThen(decoding.advance(settled), mixed.advance(settled))
      const ever = UserId.make("1")
      let most = 0
      // a hundred users come one after another, and each speaks for a second
      for (let user = 0; user < 100; user++) {
        for (let n = 0; n < 50; n++) {
          const at = user * second + n * 960
          for (const userId of [ever, UserId.make(String(100 + user))]) {
            decoding.place({ userId, data: Speaker.sound(n), samples: 960, at, sound: true })
          }
        }
        yield* advance((user + 1) * second)
        most = Math.max(most, yield* mock.live)
      }
      assert.isAtMost(most, 13)
      assert.strictEqual(yield* mock.packets, 2 * 50 * 100)
      yield* advance(200 * second)
      assert.strictEqual(yield* mock.live, 0)
      // no more decoders are available, and the recording continues
      yield* mock.refuse
      for (let n = 0; n < 2; n++) {
        decoding.place({ userId: ever, data: Speaker.sound(n), samples: 960, at: 200 * second + n * 960, sound: true })
      }
      yield* advance(201 * second)
      yield* mixed.finish(201 * second)
      assert.strictEqual(bytes, 44 + 4 * 201 * second)
      assert.strictEqual(decoding.undecodable(), 1)
    }).pipe(Effect.scoped, Effect.provide(MockOpusDecoder.layer)))

  it.effect("loses nothing of what is settled while its end is still to come", () =>
    Effect.gen(function*() {
      let bytes = Buffer.alloc(0)
      const mixed = yield* MixedFile.make({
        format: "wav",
        outputs: {
          create: (name) => ({
            append: (part) => void (bytes = Buffer.concat([bytes, part])),
            overwrite: (part, position) => void bytes.set(part, position),
            resize: (to) => void (bytes = Buffer.concat([bytes.subarray(0, to)], to)),
            written: () => ({ name, bytes: bytes.length })
          })
        },
        isOpen: () => true,
        tags: {},
        encoders
      })
      // the output of a decoder is delayed by its look-ahead
      const even = new Int16Array(1_920).fill(1_000)
      for (let n = 0; n < 50; n++) {
        mixed.add(even, n * 960 - 312)
        yield* mixed.advance((n + 1) * 960)
      }
      yield* mixed.finish(50 * 960 - 312)
      const left = leftOf(bytes)
      assert.strictEqual(left.length, 50 * 960 - 312)
      assert.deepStrictEqual([...new Set(left)], [1_000 / 32_768])
    }).pipe(Effect.scoped))

  it.effect("contains the end of a sound before silence, which an encoder gives with the next frame", () =>
    Effect.gen(function*() {
      let bytes = Buffer.alloc(0)
      const mixed = yield* MixedFile.make({
        format: "opus",
        outputs: {
          create: (name) => ({
            append: (part) => void (bytes = Buffer.concat([bytes, part])),
            overwrite: () => {},
            resize: () => {},
            written: () => ({ name, bytes: bytes.length })
          })
        },
        isOpen: () => true,
        tags: {},
        encoders: yield* OpusEncoders.OpusEncoder
      })
      mixed.add(Int16Array.from({ length: 2 * second }, (_, i) => 8_000 * Math.sin((i >> 1) / 5)), 0)
      yield* mixed.advance(2 * second)
      yield* mixed.finish(2 * second)
      const { left } = yield* Kit.decode(bytes)
      const loudest = (from: number, to: number) => Math.max(...left.slice(from, to))
      assert.isAbove(loudest(second - 100, second), 0.1)
      assert.isBelow(loudest(second + 1_000, 2 * second), 0.001)
    }).pipe(Effect.scoped, Effect.provide(OpusEncoders.layer)))

  it.effect("needs no more bytes in the end than it announced, and announces fewer once it has written some", () =>
    Effect.gen(function*() {
      const { mixed, state } = yield* counting()
      const length = 100 * 960
      mixed.add(sound(100), 0)
      const promised = mixed.due(length)
      yield* mixed.advance(90 * 960)
      const before = { bytes: state.bytes, due: mixed.due(length) }
      mixed.flush()
      // what was still open is a page now
      assert.closeTo(before.due - mixed.due(length), state.bytes - before.bytes, 200)
      yield* mixed.finish(length)
      assert.isAtMost(state.bytes, promised)
    }).pipe(Effect.scoped))

  it.effect("asks an encoder for the end of a sound at the very end, but not after a gap", () =>
    Effect.gen(function*() {
      const { mixed, state } = yield* counting()
      mixed.add(sound(10), 0)
      yield* mixed.advance(10 * 960 + 312)
      assert.strictEqual(state.encoded, 10)
      state.isOpen = false
      yield* mixed.advance(11 * 960 + 312)
      state.isOpen = true
      yield* mixed.advance(12 * 960 + 312)
      assert.strictEqual(state.encoded, 10)
      mixed.add(sound(1), 12 * 960)
      yield* mixed.finish(13 * 960)
      assert.strictEqual(state.encoded, 12)
    }).pipe(Effect.scoped))

  for (
    const [format, ...room] of [
      ["opus", true, false, false, true],
      ["wav", true, false, false, true],
      ["opus", true, true, false, false]
    ] as const
  ) {
    it.effect(`is silent where there was no room, and on time elsewhere, as ${format}: ${room.join(" ")}`, () =>
      Effect.gen(function*() {
        let bytes = Buffer.alloc(0)
        let isOpen = true
        const mixed = yield* MixedFile.make({
          format,
          outputs: {
            create: (name) => ({
              append: (part) => void (bytes = Buffer.concat([bytes, part])),
              overwrite: (part, position) => void bytes.set(part, position),
              resize: (to) => void (bytes = Buffer.concat([bytes.subarray(0, to)], to)),
              written: () => ({ name, bytes: bytes.length })
            })
          },
          isOpen: () => isOpen,
          tags: {},
          encoders: yield* OpusEncoders.OpusEncoder
        })
        const tone = Int16Array.from({ length: 2 * second }, (_, i) => 8_000 * Math.sin((i >> 1) / 20))
        for (let from = 0; from < 4; from++) {
          mixed.add(tone, from * second)
          isOpen = room[from] === true
          // the end of a second is settled with the next one
          yield* mixed.advance((from + 1) * second)
        }
        yield* mixed.finish(4 * second)
        const left = format === "wav" ? leftOf(bytes) : (yield* Kit.decode(bytes)).left
        assert.strictEqual(left.length, 4 * second)
        const loudness = [0, 1, 2, 3].map((at) => {
          const part = left.slice((at + 0.1) * second, (at + 0.9) * second)
          return Math.max(...Array.from({ length: 80 }, (_, i) => Math.abs(part[i] ?? 0))) > 0.1
        })
        assert.deepStrictEqual(loudness, room)
      }).pipe(Effect.scoped, Effect.provide(OpusEncoders.layer)))
  }
})
