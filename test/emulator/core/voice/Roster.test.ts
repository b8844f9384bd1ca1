import { assert, describe, it } from "@effect/vitest"
import { today } from "../../../../src/emulator/core/Profile.ts"
import { makeClient, makeWorld } from "./kit.ts"

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

  it("are numbers that also fit where they have a sign, as Discord's do", () => {
    const ssrcs = drawn(today.largestSsrc)
    assert.strictEqual(new Set(ssrcs).size, 40)
    // two more belong to the video
    assert.isTrue(ssrcs.every((ssrc) => ssrc > 0 && ssrc + 2 <= 0x7fff_ffff))
  })

  it("are as great as the profile says", () => {
    assert.isTrue(drawn(0xffff_ffff).some((ssrc) => ssrc > 0x7fff_ffff))
    assert.isTrue(drawn(0x1_0000).every((ssrc) => ssrc + 2 <= 0x1_0000))
  })
})
