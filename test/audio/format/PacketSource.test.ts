import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as ByteSource from "../../../src/audio/ByteSource.ts"
import * as Mp3Reader from "../../../src/audio/format/Mp3Reader.ts"
import * as PacketSource from "../../../src/audio/format/PacketSource.ts"

const mp3 = readFileSync(new URL("../files/chirp.mp3", import.meta.url))

describe("PacketSource", () => {
  it.effect("fails a seek on whose way nothing can be read, and seeks again once it can", () =>
    Effect.gen(function*() {
      let isBroken = false
      const memory = ByteSource.memory(mp3, "it")
      const bytes: ByteSource.ByteSource = {
        ...memory,
        next: Effect.suspend(() => isBroken ? ByteSource.failure("it", "Unreadable", "the line is dead") : memory.next)
      }
      const { header, pull, seek } = yield* PacketSource.open(bytes, Mp3Reader.make())
      if (seek === undefined) return assert.fail("it can be sought in")
      // what it has read past it finds again without reading
      yield* pull
      isBroken = true
      const { reason } = yield* Effect.flip(seek(header.rate))
      assert.strictEqual(reason._tag === "SourceFailed" && reason.kind, "Unreadable")
      isBroken = false
      yield* seek(header.rate)
      const start = (yield* pull)[0]?.start ?? 0
      assert.closeTo(start / header.rate, 1, 0.1)
    }))

  it.effect("takes a seek behind the end, which the next pull tells", () =>
    Effect.gen(function*() {
      const { header, pull, seek } = yield* PacketSource.open(ByteSource.memory(mp3, "it"), Mp3Reader.make())
      if (seek === undefined) return assert.fail("it can be sought in")
      yield* seek(1_000 * header.rate)
      yield* pull
      const end = yield* Effect.flip(pull)
      assert.strictEqual(end._tag, "Done")
    }))
})
