import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"

/**
 * Why a session reconnects within two minutes in which nothing comes over UDP, after one minute in which something did.
 */
const reasons = Effect.fnUntraced(function*(options: Partial<VoiceSession.JoinOptions>) {
  const discord = yield* Emulator.Emulator
  const session = yield* Rig.join("lobby", options)
  const found = new Set<string>()
  yield* session.changes.pipe(
    Stream.runForEach((state) =>
      Effect.sync(() => state._tag === "Reconnecting" && found.add(state.error.reason._tag))
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.sleep("1 minute")
  assert.deepStrictEqual([...found], [])
  yield* discord.faults.datagrams("bot", { direction: "out", loss: 1 })
  yield* Effect.sleep("2 minutes")
  return [...found]
})

describe("a session that no longer gets answers over UDP", () => {
  const test = (name: string, options: Partial<VoiceSession.JoinOptions>, wanted: string | undefined) =>
    it.effect(name, () =>
      Rig.run(Effect.gen(function*() {
        assert.strictEqual((yield* reasons(options))[0], wanted)
      })).pipe(Effect.provide(Rig.memory())))

  test("reconnects by default", {}, "UdpLost")
  test("reconnects with udpSilence: lost", { udpSilence: "lost" }, "UdpLost")
  test("stays connected with udpSilence: ignored", { udpSilence: "ignored" }, undefined)
})
