import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { OpusDecoder } from "../../../src/OpusDecoder.ts"
import type { OpusEncoder } from "../../../src/OpusEncoder.ts"
import { UserId } from "../../../src/protocol/Identifier.ts"
import * as Decoding from "../../../src/receive/record/Decoding.ts"
import * as MixedFile from "../../../src/receive/record/MixedFile.ts"
import { MockOpusDecoder } from "../../../src/testing/index.ts"
import * as Speaker from "./speaker.ts"

const second = 48_000

/** A WAV file is not encoded. */
const encoders: OpusEncoder["Service"] = { make: () => Effect.die("nothing is encoded") }

describe("MixedFile", () => {
  it.effect("keeps decoders of those who speak, and frees those of the others", () =>
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
      // a hundred come, one after another, and say a second each
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
      // no more decoders can be had: the recording goes on
      yield* mock.refuse
      for (let n = 0; n < 2; n++) {
        decoding.place({ userId: ever, data: Speaker.sound(n), samples: 960, at: 200 * second + n * 960, sound: true })
      }
      yield* advance(201 * second)
      yield* mixed.finish(201 * second)
      assert.strictEqual(bytes, 44 + 4 * 201 * second)
      assert.strictEqual(decoding.undecodable(), 1)
    }).pipe(Effect.scoped, Effect.provide(MockOpusDecoder.layer)))
})
