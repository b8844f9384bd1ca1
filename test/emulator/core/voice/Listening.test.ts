import { assert, describe, it } from "@effect/vitest"
import * as FaultRules from "../../../../src/emulator/core/faults/FaultRules.ts"
import { type Profile, today } from "../../../../src/emulator/core/Profile.ts"
import { silentMs } from "../../../../src/emulator/core/voice/Listening.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"
import { channelId, guildId, makeClient, makeWorld, opus, server } from "./kit.ts"

const mode = "aead_aes256_gcm_rtpsize"

/** A speaker, and a listener that has gone through the handshake up to the session description. */
const scene = (profile: Partial<Profile> = {}, hears = () => true) => {
  const world = makeWorld({ ...today, ...profile }, { hears })
  const speaker = makeClient(world, "1")
  speaker.join()
  const listener = makeClient(world, "2")
  world.grant("2")
  const enter = () => {
    listener.connect()
    listener.identify()
    listener.takeReady()
    listener.datagram(listener.discoveryRequest())
    listener.select(mode)
  }
  let nextBeatMs = world.timers.now()
  /** Lets the speaker go on for a time. Both send heartbeats, and `each` runs every second. */
  const goOn = (ms: number, options: { readonly each?: () => void; readonly beats?: boolean } = {}) => {
    for (let at = 0; at < ms; at += 20) {
      if (world.timers.now() >= nextBeatMs) {
        nextBeatMs += today.voiceHeartbeatIntervalMs
        for (const client of options.beats === false ? [speaker] : [speaker, listener]) {
          client.send(3, { t: 1, seq_ack: 9 })
        }
      }
      if (at % 1_000 === 0) options.each?.()
      speaker.say(opus(at / 20))
      world.wait(20)
    }
  }
  return { world, speaker, listener, enter, goOn }
}

const keepalive = Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0)

describe("a listener that has not sent Speaking", () => {
  it("hears others, and gets advice once after five seconds", () => {
    const { enter, goOn, listener, world } = scene()
    enter()
    goOn(4_980)
    assert.lengthOf(listener.heard(), 249)
    assert.deepStrictEqual(world.advice(), [])
    goOn(10_000)
    assert.lengthOf(listener.heard(), 749)
    assert.deepStrictEqual(world.advice(), ["listening-before-speaking"])
  })

  it("hears nothing if the profile withholds audio, until it sends Speaking, even without flags", () => {
    const { enter, goOn, listener, world } = scene({ audioToUnannounced: "withhold" })
    enter()
    goOn(6_000)
    assert.lengthOf(listener.heard(), 0)
    assert.strictEqual(world.counter("rtp-withheld"), 300)
    listener.speaking(0)
    goOn(1_000)
    assert.lengthOf(listener.heard(), 50)
    assert.deepStrictEqual(world.advice(), ["listening-before-speaking"])
  })

  for (const audioToUnannounced of ["withhold", "forward"] as const) {
    it(`can be reached by a participant at the step that audioToUnannounced "${audioToUnannounced}" requires`, () => {
      const { listener, world } = scene({ audioToUnannounced })
      const guest = world.half.participants.join({ userId: UserId.make("3"), guildId, channelId, server }, {
        e2ee: false
      })
      const reached = () => guest.reaches(UserId.make("2"))
      assert.isFalse(reached())
      listener.connect()
      listener.identify()
      listener.takeReady()
      assert.isFalse(reached())
      listener.datagram(listener.discoveryRequest())
      assert.isFalse(reached())
      listener.select(mode)
      assert.strictEqual(reached(), audioToUnannounced === "forward")
      listener.speaking(0)
      assert.isTrue(reached())
      guest.leave()
      assert.isFalse(reached())
    })
  }

  it("gets no advice if Speaking comes in time, if nobody speaks, or if a fault dropped it", () => {
    const inTime = scene()
    inTime.enter()
    inTime.goOn(3_000)
    inTime.listener.speaking(0)
    inTime.goOn(10_000)
    assert.deepStrictEqual(inTime.world.advice(), [])

    const alone = scene()
    alone.enter()
    alone.world.wait(10_000)
    assert.deepStrictEqual(alone.world.advice(), [])

    const lost = scene()
    lost.world.faults.add(FaultRules.make({ point: "voice-in", op: 5 }, undefined, "drop", () => {}))
    lost.enter()
    lost.listener.speaking()
    lost.goOn(10_000)
    assert.deepStrictEqual(lost.world.advice(), [])
    assert.strictEqual(lost.world.counter("tampered:listening-before-speaking"), 1)
  })

  it("gets no advice while its connection is lost, because Speaking may be lost as well", () => {
    const { enter, goOn, listener, world } = scene()
    enter()
    listener.drop()
    goOn(10_000, { beats: false })
    listener.connect()
    listener.resume()
    listener.speaking()
    goOn(1_000)
    assert.deepStrictEqual(world.advice(), [])
  })
})

describe("a listener that sends no keepalives", () => {
  const long = silentMs + 1_000

  it("gets advice once after a minute", () => {
    const { enter, goOn, listener, world } = scene()
    enter()
    listener.speaking()
    goOn(silentMs - 1_000)
    assert.deepStrictEqual(world.advice(), [])
    goOn(2 * long)
    assert.deepStrictEqual(world.advice(), ["keepalive-missing"])
    assert.deepStrictEqual(world.violations(), [])
  })

  it("gets no advice while it sends anything at all", () => {
    const sendings: ReadonlyArray<(client: ReturnType<typeof scene>["listener"]) => void> = [
      (client) => client.datagram(keepalive),
      (client) => client.datagram(Buffer.from("1337cafe00000007", "hex")),
      (client) => client.datagram(Uint8Array.of(0x80, 0xc8, 0, 0)),
      (client) => client.datagram(client.discoveryRequest()),
      (client) => client.say(opus(1), 42 * 48_000)
    ]
    for (const send of sendings) {
      const { enter, goOn, listener, world } = scene()
      enter()
      listener.speaking()
      let seconds = 0
      goOn(2 * long, {
        each: () => {
          // The slowest known keepalives come with heartbeats every 41.25 s.
          if (seconds++ % 42 === 0) send(listener)
        }
      })
      assert.notInclude(world.advice(), "keepalive-missing")
    }
  })

  it("gets no advice while nothing is sent to it, and gets it as soon as something is", () => {
    let hears = false
    const { enter, goOn, listener, world } = scene({}, () => hears)
    enter()
    listener.speaking()
    goOn(2 * long)
    assert.deepStrictEqual(world.advice(), [])
    hears = true
    goOn(20)
    assert.deepStrictEqual(world.advice(), ["keepalive-missing"])
  })

  it("gets no advice if it may be dead, if its connection is lost, or if its address is pinned elsewhere", () => {
    const silent = scene({ heartbeatTolerance: 100 })
    silent.enter()
    silent.listener.speaking()
    silent.goOn(2 * long, { beats: false })
    assert.deepStrictEqual(silent.world.advice(), [])

    const lost = scene({ resumeWindowMs: 1_000_000 })
    lost.enter()
    lost.listener.speaking()
    lost.listener.drop()
    lost.goOn(2 * long, { beats: false })
    assert.deepStrictEqual(lost.world.advice(), [])

    const elsewhere = scene()
    elsewhere.enter()
    elsewhere.listener.speaking()
    elsewhere.world.half.disturbance.pin(elsewhere.listener.userId)
    elsewhere.goOn(2 * long)
    assert.deepStrictEqual(elsewhere.world.advice(), [])
  })

  it("gets no advice if a fault dropped its keepalives", () => {
    const { enter, goOn, listener, world } = scene()
    world.faults.add(
      FaultRules.make({ point: "datagram-in", user: "2", op: "keepalive" }, listener.userId, "drop", () => {})
    )
    enter()
    listener.speaking()
    goOn(long, { each: () => listener.datagram(keepalive) })
    assert.deepStrictEqual(world.advice(), [])
    assert.strictEqual(world.counter("keepalive"), 0)
  })
})
