import { assert, describe, it } from "@effect/vitest"
import { opus, silence } from "../voice/kit.ts"
import { type DaveClient, makeDaveClient, settle, together } from "./kit.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

describe("Frames", () => {
  const encrypted = (client: DaveClient, frame: Uint8Array) =>
    new Uint8Array(client.session().encryptOpus(Buffer.from(frame)))

  it("reach the other members of the group unchanged and can be decrypted there", () => {
    const { a, b, world } = together(2)
    const frame = encrypted(a, opus(1))
    a.say(frame)
    const [heard] = b.heard()
    assert.isDefined(heard)
    assert.strictEqual(hex(heard.payload), hex(frame))
    assert.strictEqual(hex(b.session().decrypt("1", 0, Buffer.from(heard.payload))), hex(opus(1)))
    assert.deepStrictEqual(world.violations(), [])
  })

  it("are withheld from a member that still waits for its group or its transition", () => {
    const { a, b, world } = together(2)
    a.muteReady = true
    const c = makeDaveClient(world, "3")
    c.enter()
    a.say(encrypted(a, opus(1)))
    settle(a, b, c)
    a.say(encrypted(a, opus(2)))
    assert.strictEqual(c.heard().length, 0)
    assert.strictEqual(b.heard().length, 2)
    assert.strictEqual(world.counter("dave-frame-withheld"), 2)
    world.wait(2_000)
    a.say(encrypted(a, opus(3)))
    assert.strictEqual(c.heard().length, 1)
  })

  it("are withheld from a client without encryption, and from one that has reported an invalid commit", () => {
    const { a, b, c, world } = together(3)
    b.send(31, { transition_id: 1 })
    const plain = makeDaveClient(world, "9", { max: 0 })
    plain.enter()
    a.say(encrypted(a, opus(1)))
    assert.deepStrictEqual([b.heard().length, c.heard().length, plain.heard().length], [0, 1, 0])
    assert.strictEqual(world.counter("dave-frame-withheld"), 2)
  })

  it("in plain text are a violation some time after the transition, unless they are silence", () => {
    const { a, world } = together(2)
    a.say(opus(1))
    world.wait(2_500)
    a.say(silence)
    assert.deepStrictEqual(world.violations(), [])
    a.say(opus(2))
    assert.deepStrictEqual(world.violations(), ["dave-plain-audio"])
  })

  it("can be lost without advice, although the server cannot tell how long they are", () => {
    const { a, world } = together(2)
    const frame = encrypted(a, opus(1))
    // Ciphertext can begin like a packet of 60 ms.
    frame[0] = 0x18
    for (let i = 0; i < 20; i++) {
      if (i % 5 === 4) {
        a.state.sequence++
        a.state.timestamp += 960
      }
      a.say(frame)
      world.wait(20)
    }
    assert.deepStrictEqual(world.advice(), [])
  })

  it("in plain text are correct when a downgrade is due", () => {
    const { a, world } = together(2)
    const plain = makeDaveClient(world, "9", { max: 0 })
    plain.enter()
    world.wait(2_500)
    a.say(opus(2))
    assert.strictEqual(plain.heard().length, 1)
    assert.deepStrictEqual(world.violations(), [])
  })
})
