import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Rig from "../integration/rig.ts"
import * as Group from "./Group.ts"
import * as Trial from "./Trial.ts"

const script = "discordjs-voice.script.ts"

const isReady = Trial.isState("ready 4")

describe("@discordjs/voice 0.19.2, end-to-end encrypted", () => {
  it.live("hears and is heard while our client and others come and go", () => Group.othersComeAndGo(script), 180_000)

  it.live(
    "shows the same privacy code and verification codes as the others",
    () => Group.showsCodes(script)
  )

  it.live(
    "stops encrypting while a member who cannot is there, and encrypts again afterward",
    () => Group.goesWithout(script)
  )

  it.live("with its encryption off, makes a call unencrypted until it leaves", () => Group.makesPlain(script), 120_000)

  it.live(
    "moves, is moved, cut off and kicked, leaves and comes back, and is in the group each time",
    () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* discord.join({ user: "guest", channel: "secure" })
        const other = yield* discord.join({ user: "other", channel: "vault" })
        const client = yield* Trial.start(script, { e2ee: true })
        const us = yield* Trial.ours("secure")
        const { foreign } = client
        const together = Effect.fnUntraced(function*(seed: number) {
          yield* Group.agreed("secure", client, [guest], us)
          yield* Trial.speaks(client, guest, seed, us)
          yield* Trial.listens(client, guest, seed + 1, us)
        })

        yield* client.join("secure")
        for (const { userId } of [guest, other, us]) yield* client.listen(userId)
        yield* together(1)

        yield* client.join("vault")
        yield* Group.agreed("vault", client, [other])
        yield* Trial.speaks(client, other, 3)
        yield* Trial.listens(client, other, 4)
        assert.isEmpty(Trial.ofSpeech(us.heard(client.userId), 3))

        const moved = foreign.told().length
        yield* discord.faults.moveUser("bot", "secure")
        yield* foreign.until(isReady, moved)
        yield* together(5)

        const cut = foreign.told().length
        yield* discord.faults.terminateVoice("bot")
        yield* foreign.until(Trial.isState("connecting 5"), cut)
        yield* foreign.until(isReady, cut)
        yield* together(7)

        const kicked = foreign.told().length
        yield* discord.faults.kick("bot")
        yield* foreign.until(Trial.isState("disconnected 6"), kicked)
        yield* client.join("secure")
        yield* together(9)

        yield* client.leave
        yield* Trial.gone(client)
        yield* client.join("secure")
        for (const { userId } of [guest, us]) yield* client.listen(userId)
        yield* together(11)
        yield* Trial.blameless
      }).pipe(Effect.provide(Trial.us), Effect.scoped, Effect.provide(Group.discord))
  )

  /** A newcomer changes the group, and the client's socket is cut before it receives the commit. */
  const missesCommit = Effect.fnUntraced(function*(client: Trial.Client) {
    const discord = yield* Emulator.Emulator
    const { foreign } = client
    const before = yield* client.privacyCode
    const cut = foreign.told().length
    yield* discord.faults.when({ point: "voice-out", user: "bot", op: 29, nth: 1 }, { cut: "before" })
    const newcomer = yield* discord.join({ user: "newcomer", channel: "secure" })
    yield* foreign.until(Trial.isState("connecting 5"), cut)
    yield* foreign.until(isReady, cut)
    yield* Trial.until(Effect.gen(function*() {
      const codes = yield* Effect.orDie(discord.privacyCodes("secure"))
      assert.lengthOf(codes, 2)
      assert.lengthOf(new Set(codes.values()), 1)
      assert.notInclude(Array.from(codes.values()), before)
    }))
    assert.strictEqual(yield* client.privacyCode, before)
    return newcomer
  })

  it.live(
    "ignores replayed group messages (no thread is known), and is added again after 36 packets",
    () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* discord.join({ user: "guest", channel: "secure" })
        const us = yield* Trial.ours("secure")
        const client = yield* Trial.start(script, { e2ee: true })
        yield* client.join("secure")
        yield* client.listen(guest.userId)
        yield* client.listen(us.userId)
        yield* Group.agreed("secure", client, [guest], us)
        yield* Trial.listens(client, guest, 1, us)

        const newcomer = yield* missesCommit(client)
        yield* guest.speak(Rig.frames(60, 3))
        yield* Group.agreed("secure", client, [guest, newcomer], us)
        assert.strictEqual((yield* discord.counters).get("dave-invalid-commit"), 1)
        const early = Trial.ofSpeech(client.heard(guest.userId), 3).filter(([, , number = 0]) => number <= 36)
        assert.deepStrictEqual(early, [])
        yield* Trial.listens(client, guest, 4, us)
        yield* Trial.speaks(client, newcomer, 5, us)
        yield* Trial.blameless
      }).pipe(Effect.provide(Trial.us), Effect.scoped, Effect.provide(Group.discord))
  )

  it.live(
    "ends its streams after a missed commit if transition 0 was the last one (openclaw/openclaw#81518)",
    () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* discord.join({ user: "guest", channel: "secure" })
        const client = yield* Trial.start(script, { e2ee: true })
        yield* client.join("secure")
        yield* client.listen(guest.userId)
        yield* Group.agreed("secure", client, [guest])
        yield* Trial.listens(client, guest, 1)

        yield* missesCommit(client)
        yield* guest.speak(Rig.frames(60, 2))
        const { error } = yield* client.foreign.untilTag("Failed")
        assert.match(String(error), /^Error: Failed to decrypt/)
        assert.isUndefined((yield* discord.counters).get("dave-invalid-commit"))
        yield* Trial.blameless
      }).pipe(Effect.scoped, Effect.provide(Group.discord))
  )

  it.live(
    "speaks in the clear until it is in the group (no thread is known)",
    () => Group.speaksTooEarly(script)
  )
})
