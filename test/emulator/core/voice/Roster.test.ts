import { assert, describe, it } from "@effect/vitest"
import { today } from "../../../../src/emulator/core/Profile.ts"
import { guildId, makeClient, makeWorld, opus } from "./kit.ts"

describe("SSRCs", () => {
  const drawn = (largestSsrc: number): ReadonlyArray<number> => {
    const world = makeWorld({ ...today, largestSsrc })
    return Array.from({ length: 40 }, (_, i) => {
      const client = makeClient(world, String(i + 1))
      world.grant(client.userId)
      client.connect()
      client.identify()
      client.takeReady()
      return client.state.ssrc
    })
  }

  it("fit into a signed 32-bit number, as Discord's do", () => {
    const ssrcs = drawn(today.largestSsrc)
    assert.strictEqual(new Set(ssrcs).size, 40)
    // The two numbers after it belong to the video.
    assert.isTrue(ssrcs.every((ssrc) => ssrc > 0 && ssrc + 2 <= 0x7fff_ffff))
  })

  it("are given to another user when the profile says so, who is not blamed for late packets of the first", () => {
    const world = makeWorld({ ...today, ssrcReuse: "after-leaving" })
    const [ann, bob, carl] = ["1", "2", "3"].map((user) => makeClient(world, user))
    assert.isDefined(ann)
    assert.isDefined(bob)
    assert.isDefined(carl)
    const leave = (client: typeof ann) =>
      world.half.revocation({ userId: client.userId, guildId })({ code: 4014, reason: "Disconnected." })
    ann.join()
    carl.join()
    const first = { ...ann.state }
    leave(ann)
    // Not to the user who had it before.
    ann.join()
    assert.notStrictEqual(ann.state.ssrc, first.ssrc)
    const second = { ...ann.state }
    leave(ann)
    bob.join()
    assert.strictEqual(bob.state.ssrc, first.ssrc)
    assert.strictEqual(world.counter("ssrc-reused"), 1)
    carl.news()
    // A packet that was still in flight.
    Object.assign(ann.state, first)
    ann.say(opus(1))
    assert.strictEqual(world.counter("datagram-after-leave"), 1)
    bob.say(opus(2))
    assert.deepStrictEqual(carl.heard().map(({ payload, ssrc }) => [ssrc, payload[1]]), [[first.ssrc, 2]])
    // The user's own packets are judged as usual.
    bob.datagram(Uint8Array.of(...bob.packet(opus(3)), ...new Uint8Array(20)))
    assert.deepStrictEqual(world.violations(), ["unsealed-packet"])
    assert.notStrictEqual(second.ssrc, first.ssrc)
  })

  it("are as large as the profile says", () => {
    assert.isTrue(drawn(0xffff_ffff).some((ssrc) => ssrc > 0x7fff_ffff))
    assert.isTrue(drawn(0x1_0000).every((ssrc) => ssrc + 2 <= 0x1_0000))
  })
})
