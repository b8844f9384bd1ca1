import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { readFileSync } from "node:fs"
import * as ByteSource from "../../../src/audio/ByteSource.ts"
import * as FlacReader from "../../../src/audio/format/FlacReader.ts"
import type { Packet } from "../../../src/audio/format/PacketReader.ts"
import * as PacketSource from "../../../src/audio/format/PacketSource.ts"
import * as Decoders from "../../../src/audio/source/Decoders.ts"

const bytes = new Uint8Array(readFileSync(new URL("../files/chirp.flac", import.meta.url)))

describe("Decoders", () => {
  it.live("are freed with their scope, but finish what they are decoding", () =>
    Effect.gen(function*() {
      const source = yield* PacketSource.open(ByteSource.memory(bytes, "it"), FlacReader.make())
      const packets: Array<Packet> = []
      while (packets.length < 8) packets.push(...(yield* source.pull))
      const before = Decoders.open()
      const scope = yield* Scope.make()
      const decoder = yield* Decoders.make(source.header, "it").pipe(Scope.provide(scope))
      assert.strictEqual(Decoders.open(), before + 1)
      // nobody waits for the result any more
      const decoding = decoder.decode(packets)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(Decoders.open(), before)
      const { blocks, problem } = yield* Effect.promise(() => decoding)
      assert.deepStrictEqual([blocks.length, problem], [packets.length, undefined])
    }))
})
