import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Rig from "./rig.ts"

describe("VoiceSession", () => {
  it.effect("sends its speaking options as the bits of Discord's flags", () =>
    Effect.gen(function*() {
      const it = yield* Rig.make()
      const session = yield* it.join
      yield* session.setSpeaking({ soundshare: true })
      yield* session.setSpeaking({ microphone: false, priority: true })
      yield* session.setSpeaking({})
      const flags = (yield* it.driver.commands).flatMap((command) =>
        command._tag === "SetSpeaking" ? [command.flags] : []
      )
      assert.deepStrictEqual(flags.slice(-3), [1 | 2, 4, 1])
    }))
})
