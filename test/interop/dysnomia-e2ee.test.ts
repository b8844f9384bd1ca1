import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Group from "./Group.ts"
import * as Trial from "./Trial.ts"

const script = "dysnomia.script.ts"

const isReady = Trial.isState("ready")

describe("dysnomia 0.2, end-to-end encrypted", () => {
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
        yield* foreign.until(Trial.isState("resumed"), cut)
        yield* together(7)

        const kicked = foreign.told().length
        yield* discord.faults.kick("bot")
        yield* foreign.until(Trial.isState("disconnected"), kicked)
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

  it.live("accepts a replayed commit if its socket was cut before the commit", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* discord.join({ user: "guest", channel: "secure" })
      const us = yield* Trial.ours("secure")
      const client = yield* Trial.start(script, { e2ee: true })
      yield* client.join("secure")
      for (const { userId } of [guest, us]) yield* client.listen(userId)
      yield* Group.agreed("secure", client, [guest], us)

      const cut = client.foreign.told().length
      yield* discord.faults.when({ point: "voice-out", user: "bot", op: 29, nth: 1 }, { cut: "before" })
      const newcomer = yield* discord.join({ user: "newcomer", channel: "secure" })
      yield* client.foreign.until(Trial.isState("resumed"), cut)
      yield* Group.agreed("secure", client, [guest, newcomer], us)
      yield* Trial.speaks(client, newcomer, 1, us)
      yield* Trial.listens(client, guest, 2, us)
      assert.isUndefined((yield* discord.counters).get("dave-invalid-commit"))
      yield* Trial.blameless
    }).pipe(Effect.provide(Trial.us), Effect.scoped, Effect.provide(Group.discord)))

  it.live(
    "speaks in the clear until it is in the group (no thread is known)",
    () => Group.speaksTooEarly(script)
  )
})
