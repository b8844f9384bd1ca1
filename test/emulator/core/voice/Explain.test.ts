import { assert, describe, it } from "@effect/vitest"
import { today } from "../../../../src/emulator/core/Profile.ts"
import { guildId, makeClient, makeWorld } from "./kit.ts"

type Client = ReturnType<typeof makeClient>

const identified = (client: Client) => {
  client.identify()
  client.takeReady()
}

describe("Explain", () => {
  it.each<readonly [wrong: string, act: (client: Client) => void, said: string]>([
    ["text that is not JSON", (client) => client.raw("{"), "(4002): the text is not JSON"],
    ["a missing field", (client) => {
      identified(client)
      client.send(5, { speaking: 1, ssrc: client.state.ssrc })
    }, "(4002): Speaking (op 5): d.delay: Missing key"],
    ["a heartbeat without a time", (client) => client.send(3, {}), "(4020): Heartbeat (op 3): d.t: Missing key"],
    [
      "Select Protocol before Identify",
      (client) => client.select("aead_aes256_gcm_rtpsize"),
      "(4003): Select Protocol (op 1) was sent before Identify (op 0) or Resume (op 7), one of which must follow Hello"
    ],
    [
      "a binary message before Identify",
      (client) => client.raw(Uint8Array.of(26)),
      "(4003): op 26 was sent before Identify (op 0) or Resume (op 7), one of which must follow Hello"
    ],
    [
      "a second Identify",
      (client) => {
        identified(client)
        client.identify()
      },
      "(4005): Identify (op 0) was sent a second time on this connection: beginning or resuming a session requires a new WebSocket"
    ],
    [
      "a server_id that is not the guild's",
      (client) => client.identify({ server_id: "5" }),
      "(4011): server_id 5 is not a guild: it must be the guild_id of VOICE_SERVER_UPDATE"
    ],
    [
      "a wrong token",
      (client) => client.identify({ token: "secret" }),
      "(4004): token must be the one in VOICE_SERVER_UPDATE"
    ],
    [
      "a wrong user and a wrong session",
      (client) => client.identify({ user_id: "5", session_id: "secret" }),
      "(4006): user_id 5 is not the bot's user id, 1; session_id is not the one in the bot's own VOICE_STATE_UPDATE"
    ],
    ["a mode that was not offered", (client) => {
      identified(client)
      client.select("aes256_gcm")
    }, `(4016): Ready offers ${today.modes.join(", ")}, but Select Protocol names another mode`],
    ["an opcode that no client sends", (client) => client.send(99, {}), "(4001): clients do not send op 99"]
  ])("says what is wrong with %s", (_wrong, act, said) => {
    const world = makeWorld()
    const client = makeClient(world, "1")
    world.grant("1")
    client.connect()
    act(client)
    assert.lengthOf(world.messages(), 1)
    assert.include(world.messages()[0], said)
    assert.notInclude(world.messages()[0], "secret")
  })

  it("says which announcement is missing for a channel with end-to-end encryption", () => {
    const world = makeWorld()
    const client = makeClient(world, "1")
    world.grant("1", { e2ee: "required" })
    client.connect()
    client.identify()
    assert.include(world.messages()[0], "(4017): Identify must announce max_dave_protocol_version 1")
  })

  it("says what is wrong with a Resume", () => {
    const world = makeWorld()
    const client = makeClient(world, "1")
    client.join()
    client.drop()
    client.connect()
    client.resume({ session_id: "secret" })
    assert.include(world.messages()[0], "(4006): session_id is not the one in the bot's own VOICE_STATE_UPDATE")
    assert.notInclude(world.messages()[0], guildId)
  })
})
