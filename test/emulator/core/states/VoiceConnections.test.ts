import { assert, describe, it } from "@effect/vitest"
import * as Harness from "../Harness.ts"
import { pair, sessionId, story } from "../Harness.ts"

describe("VoiceConnections", () => {
  it("keep the new connection of a move that closes the old one last", () => {
    const h = Harness.make({ profile: { voiceCloseOrder: "event-first" } })
    const client = h.login()
    h.join(client, h.lobby)
    h.join(client, h.other)
    assert.deepStrictEqual(story(h, client), [...pair, ...pair, "close 4014"])
    client.take()
    h.join(client, h.other)
    assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_STATE_UPDATE"])
  })

  it("do not apply the late close of an old connection to one that was opened with the new token", () => {
    const changes = {
      "a move": (h: Harness.Harness) => h.core.moveUser(h.bot.id, h.other),
      "another server": (h: Harness.Harness) => h.core.moveServer(h.lobby),
      "another server, and then a move": (h: Harness.Harness) =>
        h.core.moveServer(h.lobby, { only: "event" }) && h.core.moveUser(h.bot.id, h.other)
    }
    for (const [name, change] of Object.entries(changes)) {
      for (const closesOwn of [true, false]) {
        const h = Harness.make({
          realVoice: true,
          profile: {
            channelE2ee: "optional",
            voiceCloseOrder: "event-first",
            voiceEventOrder: "server-first",
            voiceEventGapMs: 300
          }
        })
        const client = h.login()
        const open = () => {
          const voice = h.connectVoice()
          const { token } = client.events("VOICE_SERVER_UPDATE").at(-1) ?? {}
          const { session_id } = client.events("VOICE_STATE_UPDATE").at(-1) ?? {}
          voice.send({ op: 0, d: { server_id: h.guildId, user_id: h.bot.id, session_id, token } })
          return voice
        }
        h.join(client, h.lobby)
        h.core.advance(300)
        const old = open()
        h.core.advance(1_000)
        assert.isTrue(change(h), name)
        h.core.advance(1_050)
        if (closesOwn) old.disconnect(1000)
        const fresh = open()
        h.core.advance(2_000)
        assert.isUndefined(fresh.closeCode(), name)
        assert.lengthOf(h.core.snapshot().voiceSessions, 1, name)
        if (!closesOwn) assert.include([4014, 4022], old.closeCode(), name)
        assert.deepStrictEqual(h.core.verdicts(), [], name)
      }
    }
  })

  it("apply a late close to every earlier connection, even if the client has opened no other", () => {
    const h = Harness.make({
      realVoice: true,
      profile: { channelE2ee: "optional", voiceCloseOrder: "event-first", voiceEventDelayMs: 300 }
    })
    const client = h.login()
    h.join(client, h.lobby)
    h.core.advance(300)
    const voice = h.connectVoice()
    const { token } = client.events("VOICE_SERVER_UPDATE").at(-1) ?? {}
    voice.send({ op: 0, d: { server_id: h.guildId, user_id: h.bot.id, session_id: sessionId(client), token } })
    // This leaves the connection open, although its token is replaced.
    h.core.moveServer(h.lobby, { only: "event" })
    h.core.kick(h.bot.id)
    h.core.advance(599)
    assert.isUndefined(voice.closeCode())
    h.core.advance(600)
    assert.strictEqual(voice.closeCode(), 4014)
  })
})
