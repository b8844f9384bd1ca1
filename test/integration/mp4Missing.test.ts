import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { vi } from "vitest"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { collect } from "../audio/listen.ts"

vi.mock("mediabunny", () => {
  throw new Error("it is not installed")
})

describe("an MP4 file without the package that reads it", () => {
  it.live("is reported as Unsupported rather than damaged, and is given to ffmpeg", () =>
    Effect.gen(function*() {
      const song = fileURLToPath(new URL("../audio/files/chirp.m4a", import.meta.url))
      const refused = yield* collect(AudioSource.fromFile(song, { ffmpeg: false }))
      assert.strictEqual(refused.end, "Unsupported")
      assert.match(refused.message, /the MP4 reader cannot be loaded: /)
      const given = yield* collect(AudioSource.fromFile(song, { ffmpeg: { command: "no-such-program" } }))
      assert.match(given.message, /no-such-program was not found on the PATH/)
    }))
})
