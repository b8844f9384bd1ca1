import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Profile from "../../src/emulator/core/Profile.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type { EncryptionMode } from "../../src/protocol/EncryptionMode.ts"
import { sequenceDelta } from "../../src/protocol/RtpPacket.ts"
import type { VoiceVersion } from "../../src/protocol/VoicePayload.ts"
import * as Rig from "./rig.ts"

const closing = Array.from({ length: 5 }, () => Rig.silence)

/** End-to-end encryption came with version 8. */
const isEncrypted = (version: VoiceVersion) => version >= 8

/** Over real sockets, the bot plays to a guest while it hears the guest. */
const visit = (version: VoiceVersion, mode: EncryptionMode) =>
  Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby", { version, modes: [mode] })
    const state = yield* session.state
    assert(state._tag === "Ready")
    assert.deepStrictEqual([state.version, state.mode], [version, mode])
    const group = yield* Rig.encrypted(session)
    assert.strictEqual(group !== undefined, isEncrypted(version))
    yield* Rig.settled(Effect.map(guest.e2ee, (theirs) => assert.strictEqual(theirs?.privacyCode, group?.privacyCode)))
    const spoken = Rig.frames(30, 1)
    const listening = yield* session.packets.pipe(
      Stream.take(spoken.length + closing.length),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )
    // from here on, packets are decrypted
    yield* session.statistics
    yield* Effect.forkChild(Effect.orDie(guest.speak(spoken)), { startImmediately: true })
    const track = yield* session.play(Rig.source(30, 2))
    assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })

    const received = yield* Fiber.join(listening)
    assert.deepStrictEqual(received.map(({ payload }) => payload), [...Rig.payloads(spoken), ...closing])
    assert.strictEqual(received.at(-1)?.userId, guest.userId)
    yield* Rig.settled(Effect.map(guest.heard, (heard) => assert.lengthOf(heard, 30 + closing.length)))
    const heard = yield* guest.heard
    assert.deepStrictEqual(heard.map(({ payload }) => payload), [...Rig.payloads(Rig.frames(30, 2)), ...closing])
    assert.isTrue(heard.every(({ encrypted, silence }) => encrypted === (isEncrypted(version) && !silence)))
    // timestamps follow the wall clock here, and so does advice about them: see the tests on virtual time
    assert.deepStrictEqual(
      heard.map(({ sequence }) => sequenceDelta(sequence, heard[0]?.sequence ?? 0)),
      heard.map((_, i) => i)
    )
    assert.deepStrictEqual(yield* Emulator.Emulator.use(({ violations }) => violations), [])
  })

const suite = (profile: Profile.Profile) => {
  for (const version of profile.versions) {
    it.live(`arrives intact at version ${version}, in each mode`, () =>
      Effect.forEach(profile.modes, (mode) =>
        visit(version, mode).pipe(
          Effect.scoped,
          Effect.andThen(Rig.settled(Rig.left)),
          // no channel of today is open to a bot that cannot encrypt
          Effect.provide(
            Rig.loopback({ profile: isEncrypted(version) ? profile : { ...profile, channelE2ee: "optional" } }),
            { local: true }
          )
        ), { concurrency: "unbounded", discard: true }))
  }
}

describe("audio in both directions over real sockets", () => {
  describe("with Discord of today", () => suite(Profile.today))
  describe("with Discord of 2022", () => suite(Profile.year2022))
})
