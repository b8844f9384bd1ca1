import { assert, describe, it } from "@effect/vitest"
import * as Nat from "../../../src/emulator/core/Nat.ts"

const socket = { address: "127.0.0.1", port: 5000 }
const other = { address: "127.0.0.1", port: 5001 }

describe("Nat", () => {
  it("leaves addresses unchanged by default", () => {
    const nat = Nat.make()
    assert.strictEqual(nat.inbound(socket), socket)
    assert.strictEqual(nat.outbound(socket), socket)
    assert.strictEqual(nat.latest(socket), socket)
  })

  it("gives a client a new address at each change, and loses what is sent to its former ones", () => {
    const nat = Nat.make()
    const seen = [socket]
    for (let i = 0; i < 3; i++) {
      // Every address that the client has ever had identifies it.
      nat.change(seen[i === 0 ? 0 : i - 1] ?? socket)
      const now = nat.inbound(socket)
      assert.notDeepEqual(now, seen.at(-1))
      assert.deepStrictEqual(nat.outbound(now), socket)
      for (const former of seen) {
        assert.isUndefined(nat.outbound(former))
        assert.deepStrictEqual(nat.latest(former), now)
      }
      seen.push(now)
    }
    assert.strictEqual(new Set(seen.map(({ address, port }) => `${address}:${port}`)).size, 4)
  })

  it("leaves other sockets alone", () => {
    const nat = Nat.make()
    nat.change(socket)
    assert.deepStrictEqual(nat.inbound(other), other)
    assert.deepStrictEqual(nat.outbound(other), other)
    nat.change(other)
    assert.notDeepEqual(nat.inbound(other), nat.inbound(socket))
    assert.deepStrictEqual(nat.outbound(nat.inbound(other)), other)
  })
})
