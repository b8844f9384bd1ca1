import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { OggOpusDecoder } from "ogg-opus-decoder"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as Book from "../../src/receive/record/Book.ts"
import type { Outputs } from "../../src/receive/record/Outputs.ts"
import * as UserFile from "../../src/receive/record/UserFile.ts"
import * as Kit from "./record/kit.ts"

const second = 48_000
const hour = 3_600 * second

/** Outputs that only keep what they are given. */
const keeping = () => {
  const files = new Map<string, Array<Uint8Array>>()
  const outputs: Pick<Outputs, "create"> = {
    create: (name) => {
      const parts: Array<Uint8Array> = []
      files.set(name, parts)
      return {
        append: (bytes) => parts.push(bytes),
        overwrite: () => assert.fail("nothing is written over"),
        resize: () => assert.fail("nothing is filled"),
        written: () => ({ name, bytes: 0 })
      }
    }
  }
  return { outputs, file: (name: string) => new Uint8Array(Buffer.concat(files.get(name) ?? [])) }
}

/** The positions of clicks in an hour of sound, which is too large to decode at once. */
const clicksOf = (bytes: Uint8Array) =>
  Effect.promise(async () => {
    const decoder = new OggOpusDecoder()
    await decoder.ready
    const clicks: Array<number> = []
    let samples = 0
    const take = (left: Float32Array) => {
      for (const at of Kit.clicksIn(left)) {
        if (samples + at - (clicks.at(-1) ?? -Infinity) > 4_800) clicks.push(samples + at)
      }
      samples += left.length
    }
    for (let at = 0; at < bytes.length; at += 8_192) {
      take((await decoder.decode(bytes.subarray(at, at + 8_192))).channelData[0] ?? new Float32Array())
    }
    take((await decoder.flush()).channelData[0] ?? new Float32Array())
    decoder.free()
    return { clicks, samples }
  })

describe("Recorder", () => {
  it.effect(
    "aligns the files of senders whose clocks are off by 100 ppm to 2.5 ms over an hour",
    () =>
      Effect.gen(function*() {
        // a click half a second into each one-second stretch, once a minute
        const stretch = yield* Kit.clicks(50, [24_000])
        const { file, outputs } = keeping()
        const book = Book.make({
          files: UserFile.make("opus", outputs, {}),
          afford: () => true,
          now: () => 0,
          hold: 400 * 48,
          isWanted: () => true,
          isOpen: () => true,
          onPlaced: undefined
        })
        const senders = [-100, 0, 100].map((ppm, i) => ({
          ppm,
          userId: UserId.make(String(i + 1)),
          ssrc: Ssrc.make(i + 1)
        }))
        const packets = senders.flatMap(({ ppm, ssrc, userId }, i) =>
          Array.from({ length: 60 }, (_, minute) => {
            // the same moment by our clock, at a whole sample of the sender's
            const from = Math.round((minute * 60 + 5) * second * (1 + ppm * 1e-6))
            return stretch.map(({ data }, frame) => {
              const media = from + frame * 960
              return {
                arrival: media / (1 + ppm * 1e-6) + 480,
                packet: {
                  ssrc,
                  userId,
                  sequence: (minute * 50 + frame) & 0xffff,
                  timestamp: (media + i * 1_500_000_000) >>> 0,
                  payload: data,
                  arrivalMs: 0
                }
              }
            })
          }).flat()
        ).toSorted((a, b) => a.arrival - b.arrival)
        let now = 0
        const pass = (until: number): void => {
          for (; now + 4_800 <= until; book.advance(now)) now += 4_800
        }
        for (const { arrival, packet } of packets) {
          pass(arrival)
          book.take(packet, arrival)
        }
        pass(hour)
        book.finish(hour)

        const found = yield* Effect.forEach(senders, ({ userId }) => clicksOf(file(`${userId}.ogg`)))
        for (const { clicks, samples } of found) {
          assert.closeTo(samples, hour, 5)
          assert.lengthOf(clicks, 60)
        }
        const [slow, exact, fast] = found.map(({ clicks }) => clicks)
        exact?.forEach((at, i) => {
          assert.isAtMost(Math.abs(at - (slow?.[i] ?? 0)), 120)
          assert.isAtMost(Math.abs(at - (fast?.[i] ?? 0)), 120)
          assert.isAtMost(Math.abs((fast?.[i] ?? 0) - (slow?.[i] ?? 0)), 120)
          assert.closeTo(at, (i * 60 + 5) * second + 24_000 + 480, 120)
        })
      }).pipe(Effect.provide(OpusEncoder.layer)),
    300_000
  )
})
