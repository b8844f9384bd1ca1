import { assert, describe, it } from "@effect/vitest"
import * as Harness from "../Harness.ts"
import { pair } from "../Harness.ts"

describe("VoiceEvents of a join", () => {
  it("are sent in another order, in a random order, or later, when the profile says so", () => {
    const reversed = pair.toReversed()
    const first = Harness.make({ profile: { voiceEventOrder: "server-first" } })
    const client = first.login()
    first.join(client, first.lobby)
    assert.deepStrictEqual(Harness.names(client.take()), reversed)

    const random = Harness.make({ profile: { voiceEventOrder: "random" } })
    const orders = new Set<string>()
    const mover = random.login()
    for (let i = 0; i < 20; i++) {
      random.join(mover, i % 2 === 0 ? random.lobby : random.other)
      orders.add(Harness.names(mover.take()).join())
    }
    assert.deepStrictEqual(orders, new Set([pair.join(), reversed.join()]))

    const slow = Harness.make({ profile: { voiceEventDelayMs: 300, voiceEventGapMs: 50 } })
    const waiting = slow.login()
    slow.join(waiting, slow.lobby)
    slow.core.advance(299)
    assert.deepStrictEqual(waiting.take(), [])
    slow.core.advance(300)
    assert.deepStrictEqual(Harness.names(waiting.take()), ["VOICE_STATE_UPDATE"])
    slow.core.advance(349)
    assert.deepStrictEqual(waiting.take(), [])
    slow.core.advance(350)
    assert.deepStrictEqual(Harness.names(waiting.take()), ["VOICE_SERVER_UPDATE"])
  })

  it("never let a later state overtake an earlier one", () => {
    for (let seed = 0; seed < 10; seed++) {
      const h = Harness.make({
        seed,
        profile: { voiceEventOrder: "random", voiceEventDelayMs: 20, voiceEventGapMs: 100, voiceCloseOrder: "random" }
      })
      const client = h.login()
      h.join(client, h.lobby)
      h.core.advance(1)
      h.join(client, h.other)
      h.core.advance(2)
      h.join(client, null)
      h.core.advance(1000)
      assert.deepStrictEqual(
        client.events("VOICE_STATE_UPDATE").map((state) => state["channel_id"]),
        [h.lobby, h.other, null]
      )
      // A server whose token is no longer valid is not announced either.
      assert.deepStrictEqual(client.events("VOICE_SERVER_UPDATE"), [])
      assert.deepStrictEqual(h.core.snapshot().voiceStates, [])
    }
  })

  it("announce only the server of the last of two joins, with its valid token", () => {
    const h = Harness.make({ profile: { voiceEventGapMs: 100 } })
    const client = h.login()
    h.join(client, h.lobby)
    h.core.advance(50)
    h.join(client, h.other)
    h.core.advance(1_000)
    const servers = client.events("VOICE_SERVER_UPDATE")
    assert.lengthOf(servers, 1)
    h.core.createVoiceServer({ region: "there", endpoint: "voice2.test:1", udp: { address: "127.0.0.1", port: 2 } })
    h.core.moveServer(h.other, { nullEndpointFirst: true })
    h.core.advance(5_000)
    assert.deepStrictEqual(
      client.events("VOICE_SERVER_UPDATE").map(({ endpoint }) => endpoint).slice(1),
      [null, "voice2.test:1"]
    )
  })
})
