import { assert, describe, it } from "@effect/vitest"
import * as Harness from "../Harness.ts"
import { token } from "../Harness.ts"

describe("VoiceServers", () => {
  it("announce a null endpoint first if a server has to be allocated for a join", () => {
    const h = Harness.make({ profile: { allocationMs: 2000 } })
    const client = h.login()
    h.join(client, h.lobby)
    assert.deepInclude(client.events("VOICE_SERVER_UPDATE")[0], { endpoint: null })
    const early = token(client)
    assert.isUndefined(h.grant(early))
    h.core.advance(2000)
    assert.strictEqual(client.events("VOICE_SERVER_UPDATE").length, 2)
    assert.deepInclude(client.events("VOICE_SERVER_UPDATE")[1], { endpoint: "voice1.test:2048" })
    assert.notStrictEqual(token(client), early)
    assert.isDefined(h.grant(token(client)))
    // A client that leaves meanwhile gets no server; if it comes back, the wait starts again.
    h.join(client, h.other)
    h.join(client, null)
    client.take()
    h.core.advance(3000)
    h.join(client, h.other)
    client.take()
    h.core.advance(4999)
    assert.deepStrictEqual(client.take(), [])
    h.core.advance(5000)
    assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_SERVER_UPDATE"])
    assert.strictEqual(h.core.snapshot().channels.find((channel) => channel.id === h.other)?.server, 1)
  })

  it("revoke the token of a server as soon as a channel leaves it, even before there is another", () => {
    const h = Harness.make()
    const client = h.login()
    h.join(client, h.lobby)
    const former = token(client)
    assert.isDefined(h.grant(former))
    assert.isTrue(h.core.moveServer(h.lobby, { nullEndpointFirst: true, delayMs: 1_000 }))
    assert.isUndefined(h.grant(former))
    h.core.advance(1_000)
    assert.isDefined(h.grant(token(client)))
    assert.isUndefined(h.grant(former))
  })
})
