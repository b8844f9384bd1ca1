import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type { EncryptionMode } from "../../src/protocol/EncryptionMode.ts"
import * as Rig from "../integration/rig.ts"
import * as Trial from "./Trial.ts"

const script = "dysnomia.script.ts"
const song = fileURLToPath(new URL("../../examples/song.ogg", import.meta.url))

/**
 * Heartbeats are frequent, because this library sends its keepalive together with them. Its end-to-end encryption is
 * off here.
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

const visit = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const lobby = yield* discord.channel("lobby")
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const other = yield* discord.join({ user: "other", channel: "other" })
  const client = yield* Trial.start(script)
  const us = yield* Trial.ours("lobby")
  const { foreign } = client

  const world = yield* foreign.untilTag("World")
  assert.strictEqual(world["user"], "bot")
  assert.strictEqual(world["guild"], "guild")
  assert.deepInclude(world["channels"], { id: lobby, name: "lobby" })
  assert.deepInclude(world["occupants"], { user: guest.userId, channel: lobby })

  yield* client.join("lobby")
  for (const { userId } of [guest, other, us]) yield* client.listen(userId)
  yield* client.playFile(song)
  const packets = yield* Trial.packetsOf(song)
  yield* Trial.until(Effect.gen(function*() {
    const heard = (yield* guest.heard).filter(({ silence, userId }) => !silence && userId === client.userId)
    assert.deepStrictEqual(heard.map(({ payload }) => payload), packets)
    assert.deepStrictEqual(us.heard(client.userId), packets)
  }))
  yield* Trial.speaks(client, guest, 1, us)
  yield* Trial.listens(client, guest, 2, us)

  yield* client.join("other")
  yield* Trial.speaks(client, other, 3)
  yield* Trial.listens(client, other, 4)

  const moved = foreign.told().length
  yield* discord.faults.moveUser("bot", "lobby")
  yield* foreign.until(Trial.isState("ready"), moved)
  yield* Trial.speaks(client, guest, 5, us)
  yield* Trial.listens(client, guest, 6, us)

  const cut = foreign.told().length
  yield* discord.faults.terminateVoice("bot")
  yield* foreign.until(Trial.isState("resumed"), cut)
  yield* Trial.speaks(client, guest, 7, us)
  yield* Trial.listens(client, guest, 8, us)

  const kicked = foreign.told().length
  yield* discord.faults.kick("bot")
  yield* foreign.until(Trial.isState("disconnected"), kicked)
  yield* client.join("lobby")
  yield* Trial.speaks(client, guest, 9, us)
  yield* client.leave
  yield* Trial.gone(client)
  yield* Trial.blameless
})

describe.concurrent("dysnomia 0.2", () => {
  // introduced by the change below, together with the numbers themselves
  it.live(
    "does not acknowledge the message with the number 0 (projectdysnomia/dysnomia#156)",
    () =>
      Effect.gen(function*() {
        const client = yield* Trial.start(script)
        assert.deepStrictEqual(yield* Trial.acknowledgements(client), [-1, 3])
        yield* Trial.blameless
      }).pipe(Effect.scoped, Effect.provide(discordOf("aead_aes256_gcm_rtpsize")))
  )

  for (const mode of ["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"] as const) {
    it.live(
      `logs in, plays and listens, is moved, cut off, kicked and comes back (${mode})`,
      () => Effect.provide(visit, Trial.us).pipe(Effect.scoped, Effect.provide(discordOf(mode)))
    )
  }
})
