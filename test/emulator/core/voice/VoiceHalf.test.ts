import { assert, describe, it } from "@effect/vitest"
import { today, year2022 } from "../../../../src/emulator/core/Profile.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import { modes } from "../../../../src/protocol/EncryptionMode.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"
import { channelId, guildId, makeClient, makeWorld, opus, server } from "./kit.ts"

const profiles = [today, year2022, {
  ...today,
  modes,
  maxPadding: 255,
  paddingRate: 1,
  audioBeforeSpeaking: "close" as const
}]

describe("VoiceHalf", () => {
  it("never throws, whatever comes in", () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = Random.make(seed)
      const profile = profiles[seed % profiles.length] ?? today
      const world = makeWorld(profile, {}, seed)
      const version = profile.versions[seed % profile.versions.length] ?? 8
      const client = makeClient(world, "1", { version })
      const other = makeClient(world, "2", { version })
      world.half.participants.join({ userId: UserId.make("9"), guildId, channelId, server })
      const mutate = (bytes: Uint8Array) => {
        const changed = Uint8Array.from(
          bytes.subarray(0, random.int(4) === 0 ? random.int(bytes.length + 1) : undefined)
        )
        for (let i = random.int(4); i > 0 && changed.length > 0; i--) {
          changed[random.int(changed.length)] = random.int(256)
        }
        return changed
      }
      const value = (depth: number): unknown =>
        [
          null,
          true,
          -1,
          random.int(40),
          2 ** random.int(70),
          1.5,
          "",
          "1",
          client.state.ssrc,
          "aead_aes256_gcm_rtpsize",
          depth > 2 ? [] : [value(depth + 1)],
          depth > 2 ? {} : { d: value(depth + 1), mode: value(3), protocol: "udp", data: value(depth + 1), t: value(3) }
        ][random.int(12)]
      for (let i = 0; i < 150; i++) {
        if (client.closed() !== undefined || client.connection === 0) {
          client.join(profile.modes[random.int(profile.modes.length)])
          if (random.int(2) === 0) other.drop(random.int(2) === 0 ? 1006 : 1000)
        }
        switch (random.int(10)) {
          case 0:
            client.send(random.int(35), value(0))
            break
          case 1:
            client.raw(JSON.stringify(value(0)))
            break
          case 2:
            client.raw(Buffer.from(mutate(Buffer.from(`{"op":3,"d":{"t":1}}`))).toString("latin1"))
            break
          case 3:
            client.raw(random.bytes(random.int(40)))
            break
          case 4:
            client.datagram(random.bytes(random.int(100)))
            break
          case 5:
            client.datagram(mutate(client.discoveryRequest()))
            break
          case 6:
            client.datagram(mutate(client.sealed(client.packet(opus(i)))))
            break
          case 7:
            client.datagram(client.sealed(mutate(client.packet(opus(i)))))
            break
          case 8: {
            const rtcp = Uint8Array.from(client.packet(random.bytes(random.int(60))))
            rtcp[1] = 200 + random.int(7)
            rtcp.set(rtcp.subarray(8, 12), 4)
            client.datagram(client.sealed(rtcp, true))
            break
          }
          default:
            world.wait(random.int(3_000))
        }
        if (random.int(40) === 0) client.drop()
        if (client.closed() === undefined && world.half.owns(client.connection)) continue
        client.drop()
        world.grant("1", { token: "gone" })
        for (const { userId } of world.half.sessions()) {
          if (userId === "1") world.half.revocation({ userId, guildId })({ code: 4006, reason: "x" })
        }
        client.join(profile.modes[0])
      }
      assert.isTrue(world.violations().length > 0)
    }
  })

  it("ignores connections, servers and users that it does not know", () => {
    const world = makeWorld()
    world.half.receive(5, "x")
    world.half.disconnected(5, 1006)
    world.half.datagram(99, { address: "10.0.0.9", port: 1 }, new Uint8Array(20))
    world.half.closeUser(UserId.make("5"), 4014, "x")
    world.half.terminateUser(UserId.make("5"))
    world.half.revocation({ userId: UserId.make("5"), guildId })({ code: 4014, reason: "x" })
    assert.isFalse(world.half.owns(5))
    assert.deepStrictEqual(world.half.sessions(), [])
  })

  it("gives the same run for the same seed", () => {
    const run = () => {
      const world = makeWorld(today, {}, 42)
      const client = makeClient(world, "1")
      client.join()
      const guest = world.half.participants.join({ userId: UserId.make("9"), guildId, channelId, server })
      guest.speak([{ data: opus(1), samples: 960 }])
      world.wait(1_000)
      return JSON.stringify([
        world.inbox(client.connection),
        world.datagrams.map(({ bytes }) => Buffer.from(bytes).toString("hex"))
      ])
    }
    assert.strictEqual(run(), run())
  })

  it("forgets sessions that are over", () => {
    const world = makeWorld()
    for (let i = 1; i <= 50; i++) {
      const client = makeClient(world, String(i))
      client.join()
      client.drop(1000)
    }
    assert.deepStrictEqual(world.half.sessions(), [])
    assert.isUndefined(world.timers.nextDueMs())
  })
})
