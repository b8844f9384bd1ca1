import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Profile from "../../src/emulator/core/Profile.ts"
import type { EncryptionMode } from "../../src/protocol/EncryptionMode.ts"
import { sequenceDelta, timestampDelta } from "../../src/protocol/RtpPacket.ts"
import type { VoiceVersion } from "../../src/protocol/VoicePayload.ts"
import * as Rig from "./rig.ts"

const visit = (version: VoiceVersion, mode: EncryptionMode) =>
  Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby", { version, modes: [mode] })
    const state = yield* session.state
    assert(state._tag === "Ready")
    assert.strictEqual(state.mode, mode)
    assert.strictEqual(state.version, version)
    const track = yield* session.play(Rig.source(30))
    assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
    yield* Effect.sleep("1 second")
    const heard = yield* guest.heard
    assert.deepStrictEqual(
      heard.map(({ payload }) => payload),
      [...Rig.payloads(Rig.frames(30)), ...Array.from({ length: 5 }, () => Rig.silence)]
    )
    heard.forEach((frame, i) => {
      const before = heard[i - 1]
      if (before === undefined) return
      assert.strictEqual(sequenceDelta(frame.sequence, before.sequence), 1)
      assert.strictEqual(timestampDelta(frame.timestamp, before.timestamp), 960)
      assert.strictEqual(frame.arrivalMs - before.arrivalMs, 20)
    })
    yield* Effect.sleep("2 minutes")
    return yield* session.statistics
  })

const suite = (profile: Profile.Profile, version: VoiceVersion, mode: EncryptionMode) =>
  it.effect(`sends every frame on time, then silence: version ${version}, ${mode}`, () =>
    Effect.gen(function*() {
      const statistics = yield* Rig.run(visit(version, mode))
      // one at once, and one in each of the 13.75 s intervals of slightly more than two minutes
      assert.strictEqual(statistics.heartbeatsSent, 9)
      assert.strictEqual(statistics.roundTripMs, 2 * Rig.latencyMs)
      assert.strictEqual(statistics.packetsSent, 35)
      assert.strictEqual(statistics.silencePacketsSent, 5)
      assert.strictEqual(statistics.malformedMessages, 0)
      assert.strictEqual(statistics.unknownOpcodes, 0)
      yield* Rig.left
      yield* Rig.blameless
    }).pipe(Effect.provide(Rig.memory({ profile }))))

describe("playing", () => {
  describe("with Discord of today", () => {
    for (const version of Profile.today.versions) {
      // below version 8 the bot does not encrypt
      for (const mode of Profile.today.modes) suite(version < 8 ? Rig.open : Profile.today, version, mode)
    }
  })

  describe("with a heartbeat interval that is a float", () => {
    for (const version of [4, 8] as const) {
      const profile = version < 8 ? Rig.open : Profile.today
      suite({ ...profile, floatHeartbeatInterval: true }, version, "aead_xchacha20_poly1305_rtpsize")
    }
  })

  describe("with Discord of 2022", () => {
    for (const version of Profile.year2022.versions) {
      for (const mode of Profile.year2022.modes) suite(Profile.year2022, version, mode)
    }
  })
})
