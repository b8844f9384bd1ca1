import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type { EncryptionMode } from "../../src/protocol/EncryptionMode.ts"
import * as Rig from "../integration/rig.ts"
import * as Trial from "./Trial.ts"

const script = "discordjs-voice.script.ts"

/**
 * Only one mode, so that the client has no choice, and audio as Discord's servers send it, with extension and padding.
 * Its end-to-end encryption is off here.
 */
const discordOf = (mode: EncryptionMode) =>
  Emulator.layer({
    tls: true,
    profile: {
      ...Rig.open,
      modes: [mode],
      maxPadding: 200,
      paddingRate: 1,
      voiceHeartbeatIntervalMs: 1_000,
      // a separate process may stand still for some of them
      heartbeatTolerance: 30
    },
    world: { channels: [{ name: "other" }] }
  })

/** Both the connection and its networking are ready, in the library's terms. */
const isReady = Trial.isState("ready 4")

const visit = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const other = yield* discord.join({ user: "other", channel: "other" })
  const client = yield* Trial.start(script)
  const us = yield* Trial.ours("lobby")
  const { foreign } = client

  yield* client.join("lobby")
  for (const { userId } of [guest, other, us]) yield* client.listen(userId)
  yield* Trial.speaks(client, guest, 1, us)
  yield* Trial.listens(client, guest, 2, us)

  yield* client.join("other")
  yield* Trial.speaks(client, other, 3)
  yield* Trial.listens(client, other, 4)
  assert.isEmpty(Trial.ofSpeech(us.heard(client.userId), 3))

  const moved = foreign.told().length
  yield* discord.faults.moveUser("bot", "lobby")
  yield* foreign.until(isReady, moved)
  yield* Trial.speaks(client, guest, 5, us)
  yield* Trial.listens(client, guest, 6, us)

  const cut = foreign.told().length
  yield* discord.faults.terminateVoice("bot")
  yield* foreign.until(Trial.isState("connecting 5"), cut)
  yield* foreign.until(isReady, cut)
  yield* Trial.speaks(client, guest, 7, us)
  yield* Trial.listens(client, guest, 8, us)

  const kicked = foreign.told().length
  yield* discord.faults.kick("bot")
  yield* foreign.until(Trial.isState("disconnected 6"), kicked)
  yield* client.join("lobby")
  yield* Trial.speaks(client, guest, 9, us)
  yield* client.leave
  yield* Trial.gone(client)
  yield* Trial.blameless
})

describe.concurrent("@discordjs/voice 0.19.2", () => {
  // introduced by the change below, together with the numbers themselves
  it.live(
    "does not acknowledge the message with the number 0 (discordjs/discord.js#10918)",
    () =>
      Effect.gen(function*() {
        const client = yield* Trial.start(script)
        assert.deepStrictEqual(yield* Trial.acknowledgements(client), [-1, 3])
        yield* Trial.blameless
      }).pipe(Effect.scoped, Effect.provide(discordOf("aead_aes256_gcm_rtpsize")))
  )

  for (const mode of ["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"] as const) {
    it.live(
      `speaks and listens, is moved, cut off, kicked and comes back (${mode})`,
      () => Effect.provide(visit, Trial.us).pipe(Effect.scoped, Effect.provide(discordOf(mode)))
    )
  }
})
