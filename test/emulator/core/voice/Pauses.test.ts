import { assert, describe, it } from "@effect/vitest"
import { type Profile, today } from "../../../../src/emulator/core/Profile.ts"
import { closingSilence, makeClient, makeWorld, opus, silence } from "./kit.ts"

const profile: Profile = { ...today, addedSilence: 3, maxPadding: 0 }

const pair = (change: Partial<Profile> = {}, speaks: () => boolean = () => true) => {
  const world = makeWorld({ ...profile, ...change }, { speaks })
  const alice = makeClient(world, "1")
  alice.join()
  const bob = makeClient(world, "2")
  bob.join()
  alice.state.sequence = 65_534
  alice.state.timestamp = 0xffff_ffff - 960
  const first = { sequence: alice.state.sequence, timestamp: alice.state.timestamp }
  /** What bob has heard: its distance from the first packet, in packets and in units of 20 ms, and its content. */
  const heard = () =>
    bob.heard().map(({ payload, sequence, timestamp }) => [
      (sequence - first.sequence) & 0xffff,
      Math.round(((timestamp - first.timestamp) | 0) / 960),
      payload.length === 3 && payload[0] === 0xf8 ? "silence" : payload[1]
    ])
  const talk = (...numbers: ReadonlyArray<number>) => alice.talk(numbers.map(opus), 0)
  /** The sender's own clock advances as well. */
  const pause = (ms: number) => {
    alice.state.timestamp = (alice.state.timestamp + ms * 48) >>> 0
    world.wait(ms)
  }
  return { alice, bob, heard, pause, talk, world }
}

describe("silence that the server adds", () => {
  it("is sent when audio stops, by the clock, and shifts the sequence numbers after it", () => {
    const { bob, heard, pause, talk, world } = pair()
    talk(1, 2)
    pause(200)
    talk(3)
    pause(90)
    talk(4, 5)
    assert.deepStrictEqual(heard(), [
      [0, 0, 1],
      [1, 1, 2],
      [2, 6, "silence"],
      [3, 7, "silence"],
      [4, 8, "silence"],
      [5, 12, 3],
      [6, 17, "silence"],
      [7, 18, 4],
      [8, 19, 5]
    ])
    // As in a sender's closing silence, there is neither an extension nor padding.
    assert.isTrue(bob.heard().every(({ elements, payload }) => payload.length > 3 || elements.size === 0))
    assert.strictEqual(world.counter("silence-added"), 4)
    assert.deepStrictEqual([...world.violations(), ...world.advice()], [])
  })

  it("shifts the timestamps of a sender whose timestamps stand still during the pause", () => {
    const { heard, talk, world } = pair()
    talk(1)
    world.wait(300)
    talk(2, 3)
    assert.deepStrictEqual(heard().slice(-2), [[4, 8, 2], [5, 9, 3]])
  })

  it("has the same sequence numbers as what follows, when the profile says so", () => {
    const { heard, pause, talk } = pair({ addedSilenceNumbers: "clashing" })
    talk(1, 2)
    pause(200)
    talk(3, 4)
    assert.deepStrictEqual(heard(), [
      [0, 0, 1],
      [1, 1, 2],
      [2, 2, "silence"],
      [3, 3, "silence"],
      [4, 4, "silence"],
      [2, 12, 3],
      [3, 13, 4]
    ])
  })

  it("is not sent when the sender closes with silence itself, with any number of frames", () => {
    const { alice, heard, pause, talk } = pair()
    talk(1)
    alice.say(silence)
    pause(1_000)
    alice.talk([opus(2), ...closingSilence()], 0)
    pause(1_000)
    assert.lengthOf(heard(), 8)
  })

  it("is sent when a speaker is muted, and not when one leaves", () => {
    let speaks = true
    const { alice, heard, talk, world } = pair({}, () => speaks)
    talk(1)
    speaks = false
    talk(2, 3, 4, 5, 6, 7, 8, 9, 10)
    assert.deepStrictEqual(heard().map(([, , what]) => what), [1, "silence", "silence", "silence"])
    speaks = true
    talk(11)
    // The withheld packets are missing.
    assert.deepStrictEqual(heard().at(-1), [13, 10, 11])
    world.half.revocation({ userId: alice.userId, guildId: world.grant("1").guildId })({ code: 4014, reason: "" })
    world.wait(1_000)
    assert.lengthOf(heard(), 5)
  })

  it("keeps reordered packets in their places, on both sides of a pause", () => {
    const { alice, heard, world } = pair()
    const [one, two, three, four] = [1, 2, 3, 4].map((n) => {
      const sealed = alice.sealed(alice.packet(opus(n)))
      alice.state.sequence = (alice.state.sequence + 1) & 0xffff
      alice.state.timestamp = (alice.state.timestamp + (n === 2 ? 9_600 : 960)) >>> 0
      return sealed
    })
    for (const packet of [two, one]) if (packet !== undefined) alice.datagram(packet)
    world.wait(200)
    for (const packet of [four, three]) if (packet !== undefined) alice.datagram(packet)
    assert.deepStrictEqual(
      heard().filter(([, , what]) => what !== "silence").map(([number, , what]) => [number, what]),
      [
        [1, 2],
        [0, 1],
        [6, 4],
        [5, 3]
      ]
    )
  })
})
