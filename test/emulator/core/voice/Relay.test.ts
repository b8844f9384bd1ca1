import { assert, describe, it } from "@effect/vitest"
import { type Profile, today, year2022 } from "../../../../src/emulator/core/Profile.ts"
import type { HeardReport } from "../../../../src/emulator/core/voice/VoiceHalf.ts"
import { type EncryptionMode, modes } from "../../../../src/protocol/EncryptionMode.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"
import {
  channelId,
  closingSilence,
  guildId,
  makeClient,
  makeWorld,
  open,
  opus,
  otherChannelId,
  server,
  silence
} from "./kit.ts"

const hex = (bytes: Uint8Array | undefined) => bytes === undefined ? "nothing" : Buffer.from(bytes).toString("hex")

const everyMode: Profile = { ...today, modes, maxPadding: 40, paddingRate: 1 }

const pair = (profile: Profile = today, mode?: EncryptionMode, hooks = {}) => {
  const world = makeWorld(profile, hooks)
  const alice = makeClient(world, "1")
  const bob = makeClient(world, "2")
  alice.join(mode ?? profile.modes[0])
  bob.join(mode ?? profile.modes[0])
  world.datagrams.length = 0
  return { world, alice, bob }
}

describe("Relay", () => {
  describe("discovery", () => {
    it("answers with the observed source address", () => {
      const world = makeWorld()
      const client = makeClient(world, "1")
      world.grant("1")
      client.connect()
      client.identify()
      client.takeReady()
      client.datagram(client.discoveryRequest(), { address: "192.0.2.7", port: 54_321 })
      const address = Buffer.concat([Buffer.from("192.0.2.7"), Buffer.alloc(64 - 9)]).toString("hex")
      const ssrc = client.state.ssrc.toString(16).padStart(8, "0")
      assert.strictEqual(hex(world.datagrams[0]?.bytes), `00020046${ssrc}${address}d431`)
      assert.deepStrictEqual(world.datagrams[0]?.to, { address: "192.0.2.7", port: 54_321 })
    })

    it("answers the 70-byte form, with a little-endian port, when the profile supports it", () => {
      for (const [profile, answers] of [[year2022, 1], [today, 0]] as const) {
        const world = makeWorld(profile)
        const client = makeClient(world, "1", { version: 4 })
        world.grant("1")
        client.connect()
        client.identify()
        client.takeReady()
        const request = Buffer.alloc(70)
        request.writeUInt32BE(client.state.ssrc)
        client.datagram(request, { address: "192.0.2.7", port: 54_321 })
        assert.lengthOf(world.datagrams, answers)
        if (answers === 1) {
          const ssrc = client.state.ssrc.toString(16).padStart(8, "0")
          const address = Buffer.concat([Buffer.from("192.0.2.7"), Buffer.alloc(64 - 9)]).toString("hex")
          assert.strictEqual(hex(world.datagrams[0]?.bytes), `${ssrc}${address}31d4`)
        }
      }
    })

    it("does not answer requests with an unknown SSRC or with garbage", () => {
      const { alice, world } = pair()
      const foreign = alice.discoveryRequest()
      foreign[7] = (foreign[7] ?? 0) ^ 0x55
      alice.datagram(foreign)
      assert.deepStrictEqual(world.violations(), [])
      const garbage = alice.discoveryRequest()
      garbage[40] = 1
      alice.datagram(garbage)
      assert.deepStrictEqual(world.datagrams, [])
      assert.deepStrictEqual([world.violations(), world.advice()], [["discovery-garbage"], []])
      // Garbage that a fault made of a request is not the client's.
      world.wait(1_001)
      world.faults.add(({ op }) => op === "discovery" ? { _tag: "Replace", frame: garbage } : undefined)
      alice.datagram(alice.discoveryRequest())
      assert.deepStrictEqual(world.violations(), ["discovery-garbage"])
      assert.strictEqual(world.counter("tampered:discovery-garbage"), 1)
    })

    it("answers requests with garbage when the profile does", () => {
      const world = makeWorld(year2022)
      const client = makeClient(world, "1", { version: 4 })
      world.grant("1")
      client.connect()
      client.identify()
      client.takeReady()
      const garbage = client.discoveryRequest()
      garbage.fill(0x55, 8)
      client.datagram(garbage, { address: "192.0.2.7", port: 54_321 })
      const address = Buffer.concat([Buffer.from("192.0.2.7"), Buffer.alloc(64 - 9)]).toString("hex")
      const ssrc = client.state.ssrc.toString(16).padStart(8, "0")
      assert.strictEqual(hex(world.datagrams[0]?.bytes), `00020046${ssrc}${address}d431`)
      assert.deepStrictEqual([world.violations(), world.advice()], [[], ["discovery-garbage"]])
    })
  })

  describe("the address in Select Protocol", () => {
    const misled = (profile: Profile, discovers: boolean) => {
      const world = makeWorld(profile)
      const [client, other] = ["1", "2"].map((user) => makeClient(world, user))
      assert.isDefined(client)
      assert.isDefined(other)
      other.join()
      world.grant("1")
      client.connect()
      client.identify()
      client.takeReady()
      if (discovers) client.datagram(client.discoveryRequest())
      client.select("aead_aes256_gcm_rtpsize", { address: "8.8.8.8", port: 51_966 })
      client.speaking()
      client.talk([opus(1)])
      world.datagrams.length = 0
      other.talk([opus(2)])
      return { world, heard: client.heard().length }
    }

    it("draws advice if IP discovery did not find it", () => {
      for (const discovers of [true, false]) {
        const { heard, world } = misled(today, discovers)
        assert.deepStrictEqual([world.advice(), world.violations()], [["address-not-discovered"], []])
        assert.isAbove(heard, 0, "it is sent to where it is seen")
      }
    })

    it("receives the audio when the profile says so", () => {
      const { heard, world } = misled({ ...today, mediaTarget: "selected" }, true)
      assert.deepStrictEqual(world.advice(), ["address-not-discovered"])
      assert.strictEqual(heard, 0)
      const { alice, bob, world: right } = pair({ ...today, mediaTarget: "selected" })
      alice.talk([opus(1)])
      assert.isAbove(bob.heard().length, 0)
      assert.deepStrictEqual(right.advice(), [])
    })
  })

  it("answers pings and swallows keepalives, or echoes them when the profile does", () => {
    for (
      const [echoKeepalive, expected] of [
        [false, ["1337f00d00000007"]],
        [true, ["1337f00d00000007", "0500000000000000"]]
      ] as const
    ) {
      const { alice, world } = pair({ ...today, echoKeepalive })
      for (const text of ["1337cafe00000007", "0500000000000000", "c90000000000000000", "00000001", ""]) {
        alice.datagram(Buffer.from(text, "hex"))
      }
      assert.deepStrictEqual(world.datagrams.map(({ bytes }) => hex(bytes)), [...expected])
      assert.deepStrictEqual(world.violations(), [])
    }
  })

  describe("audio", () => {
    it.each(modes)("reaches a member and a scripted participant bit for bit in %s", (mode) => {
      const profile = { ...everyMode, modes: [mode, ...modes.filter((other) => other !== mode)] }
      const { alice, bob, world } = pair(profile, mode)
      const guest = world.half.participants.join({ userId: makeClient(world, "3").userId, guildId, channelId, server })
      const heard: Array<string> = []
      guest.onHeard((frame) =>
        heard.push(`${frame.userId} ${frame.ssrc} ${frame.sequence} ${frame.timestamp} ${hex(frame.payload)}`)
      )
      const frames = Array.from({ length: 60 }, (_, i) => Uint8Array.from([...opus(i), ...new Uint8Array(i * 7)]))
      const { sequence, ssrc, timestamp } = { ...alice.state }
      alice.talk(frames)
      const expected = [...frames, ...closingSilence()].map((payload, i) =>
        `1 ${ssrc} ${sequence + i} ${timestamp + 960 * i} ${hex(payload)}`
      )
      assert.deepStrictEqual(heard, expected)
      assert.deepStrictEqual(
        bob.heard().map((frame) => `1 ${frame.ssrc} ${frame.sequence} ${frame.timestamp} ${hex(frame.payload)}`),
        expected
      )
      const paddings = bob.heard().map((frame) => frame.padding)
      assert.isTrue(
        Math.max(...paddings) > 30 && Math.max(...paddings) <= 40 && Math.min(...paddings.slice(0, 60)) < 10
      )
      assert.isAbove(Math.min(...paddings.slice(0, 60)), 0)
      assert.deepStrictEqual(paddings.slice(60), [0, 0, 0, 0, 0])
      world.wait(5_000)
      assert.deepStrictEqual(world.violations(), [])
      assert.deepStrictEqual(world.advice(), [])
      assert.lengthOf(alice.heard(), 0)
    })

    it("passes in both directions between members with different modes", () => {
      const world = makeWorld(everyMode)
      const alice = makeClient(world, "1")
      const bob = makeClient(world, "2")
      alice.join("xsalsa20_poly1305")
      bob.join("aead_xchacha20_poly1305_rtpsize")
      world.datagrams.length = 0
      for (let i = 0; i < 10; i++) {
        alice.say(opus(i))
        bob.say(opus(100 + i))
        world.wait(20)
      }
      assert.deepStrictEqual(
        bob.heard().map(({ payload }) => hex(payload)),
        Array.from({ length: 10 }, (_, i) => hex(opus(i)))
      )
      assert.deepStrictEqual(
        alice.heard().map(({ payload }) => hex(payload)),
        Array.from({ length: 10 }, (_, i) => hex(opus(100 + i)))
      )
    })

    it("has header elements 1 and 9 except for silence, and none when the profile has none", () => {
      const { alice, bob } = pair()
      alice.speaking(5)
      alice.say(opus(1))
      alice.say(silence)
      const [loud, quiet] = bob.heard()
      assert.deepStrictEqual([...loud?.elements.keys() ?? []], [1, 9])
      assert.deepStrictEqual(loud?.elements.get(9), [0b011])
      assert.strictEqual(quiet?.elements.size, 0)
      const plain = pair({ ...today, headerExtension: false })
      plain.alice.say(opus(1))
      assert.strictEqual(plain.bob.heard()[0]?.elements.size, 0)
    })

    it("is padded in one of ten packets but never in silence, and not at all in 2022 or when the profile says so", () => {
      const padded = (profile: Profile, mode?: EncryptionMode) => {
        const { alice, bob, world } = pair(profile, mode)
        alice.talk(Array.from({ length: 1_000 }, (_, i) => opus(i)))
        const { length } = bob.heard().filter(({ payload }) => payload.length === opus(0).length)
        assert.strictEqual(length, 1_000)
        assert.deepStrictEqual(world.violations(), [])
        return bob.heard().map(({ padding }) => padding)
      }
      const paddings = padded(today).filter((padding) => padding > 0)
      assert.isTrue(paddings.length > 60 && paddings.length < 140, `${paddings.length}`)
      assert.isTrue(Math.min(...paddings) <= 3 && Math.max(...paddings) >= 30 && Math.max(...paddings) <= 32)
      assert.deepStrictEqual(padded(today).slice(-5), [0, 0, 0, 0, 0])
      const none = Array.from({ length: 1_005 }, () => 0)
      assert.deepStrictEqual(padded({ ...today, maxPadding: 0, paddingRate: 1 }), none)
      assert.deepStrictEqual(padded({ ...today, paddingRate: 0 }), none)
      assert.deepStrictEqual(padded({ ...year2022, versions: today.versions }, "xsalsa20_poly1305"), none)
    })

    it("loses the extension and the padding of the sender", () => {
      for (const mode of modes) {
        const { alice, bob, world } = pair(everyMode, mode)
        const head = alice.packet(new Uint8Array(0))
        head[0] = 0xb1
        const csrc = [9, 9, 9, 9]
        const extension = [0xbe, 0xde, 0, 2, 0x12, 1, 2, 3, 0, 0, 0, 0]
        const padding = [0, 0, 3]
        alice.datagram(alice.sealed(Uint8Array.from([...head, ...csrc, ...extension, ...opus(5), ...padding])))
        assert.strictEqual(hex(bob.heard()[0]?.payload), hex(opus(5)), mode)
        assert.deepStrictEqual(world.violations(), [])
      }
    })

    it("stays in its channel", () => {
      const { alice, world } = pair()
      const carol = makeClient(world, "3")
      world.grant("3", { channelId: otherChannelId })
      carol.connect()
      carol.identify()
      carol.takeReady()
      carol.datagram(carol.discoveryRequest())
      carol.select("aead_aes256_gcm_rtpsize")
      alice.talk([opus(1)])
      assert.lengthOf(carol.heard(), 0)
    })

    it("does not reach deafened members and does not come from muted ones", () => {
      let deaf = ""
      let mute = ""
      const { alice, bob } = pair(today, undefined, {
        hears: (userId: string) => userId !== deaf,
        speaks: (userId: string) => userId !== mute
      })
      deaf = "2"
      alice.say(opus(1))
      assert.lengthOf(bob.heard(), 0)
      deaf = ""
      mute = "1"
      alice.say(opus(2))
      assert.lengthOf(bob.heard(), 0)
      mute = ""
      alice.say(opus(3))
      assert.lengthOf(bob.heard(), 1)
    })

    it("never uses a nonce twice for one listener", () => {
      const { alice, bob, world } = pair()
      const carol = makeClient(world, "3")
      carol.join()
      world.datagrams.length = 0
      for (let i = 0; i < 50; i++) {
        alice.say(opus(i))
        carol.say(opus(i))
      }
      const nonces = world.datagrams.filter(({ to }) => to.port === bob.address.port).map(({ bytes }) =>
        hex(bytes.slice(-4))
      )
      assert.lengthOf(nonces, 100)
      assert.strictEqual(new Set(nonces).size, 100)
    })

    it("follows a client whose address changes, but not a forger", () => {
      const { alice, bob, world } = pair()
      bob.say(silence)
      const packet = bob.sealed(bob.packet(silence))
      bob.datagram(packet, { address: "203.0.113.1", port: 999 })
      alice.say(opus(1))
      assert.deepStrictEqual(world.datagrams.at(-1)?.to, { address: "203.0.113.1", port: 999 })
      bob.datagram(packet, { address: "203.0.113.66", port: 666 })
      const forged = packet.slice()
      forged[20] = (forged[20] ?? 0) ^ 1
      bob.datagram(forged, { address: "203.0.113.66", port: 666 })
      alice.say(opus(2))
      assert.deepStrictEqual(world.datagrams.at(-1)?.to, { address: "203.0.113.1", port: 999 })
    })

    it("goes to the address of op 1 only after something came from there", () => {
      const world = makeWorld()
      const alice = makeClient(world, "1")
      const bob = makeClient(world, "2")
      alice.join()
      world.grant("2")
      bob.connect()
      bob.identify()
      bob.takeReady()
      bob.select("aead_aes256_gcm_rtpsize")
      alice.say(opus(1))
      assert.lengthOf(bob.heard(), 0)
      assert.strictEqual(world.counter("datagram-no-address"), 1)
      bob.datagram(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0))
      alice.say(opus(2))
      assert.lengthOf(bob.heard(), 1)
    })

    it("is still decrypted with the former key for a while", () => {
      const { alice, bob, world } = pair()
      const underWay = [1, 2].map((n) => {
        const packet = alice.sealed(alice.packet(opus(n)))
        alice.state.sequence++
        alice.state.timestamp += 960
        return packet
      })
      // This also holds if one new key follows another.
      alice.select("aead_xchacha20_poly1305_rtpsize")
      alice.select("aead_xchacha20_poly1305_rtpsize")
      alice.datagram(underWay[0] ?? silence)
      alice.say(opus(3))
      assert.deepStrictEqual(bob.heard().map(({ payload }) => payload[1]), [1, 3])
      assert.deepStrictEqual(world.violations(), [])
      world.wait(5_001)
      alice.datagram(underWay[1] ?? silence)
      assert.deepStrictEqual(world.violations(), ["unsealed-packet"])
    })
  })

  describe("violations", () => {
    it("are reported for a nonce that is used twice, but not for a datagram that arrives twice", () => {
      const { alice, bob, world } = pair()
      alice.say(opus(1))
      const packet = alice.sealed(alice.packet(opus(2)))
      alice.datagram(packet)
      alice.datagram(packet)
      assert.deepStrictEqual(world.violations(), [])
      assert.lengthOf(bob.heard(), 2)
      alice.state.nonce--
      alice.datagram(alice.sealed(alice.packet(opus(3))))
      assert.deepStrictEqual(world.violations(), ["nonce-repeated"])
      assert.lengthOf(bob.heard(), 2)
    })

    it("are reported for a nonce of RTP that is used again for RTCP", () => {
      const { alice, world } = pair()
      alice.say(opus(1))
      alice.state.nonce--
      alice.datagram(alice.sealed(senderReport(alice.state.ssrc), true))
      assert.deepStrictEqual(world.violations(), ["nonce-repeated"])
    })

    it("are reported for a foreign SSRC", () => {
      const { alice, bob, world } = pair()
      alice.datagram(alice.sealed(alice.packet(opus(1), { ssrc: bob.state.ssrc })))
      world.wait(2_000)
      alice.datagram(alice.sealed(alice.packet(opus(1), { ssrc: 77 })))
      assert.deepStrictEqual(world.violations(), ["wrong-ssrc", "wrong-ssrc"])
      assert.lengthOf(bob.heard(), 0)
    })

    it("are reported for audio under the SSRC of the client's own video", () => {
      const { alice, bob, world } = pair()
      alice.datagram(alice.sealed(alice.packet(opus(1), { ssrc: alice.state.ssrc + 1 })))
      assert.deepStrictEqual(world.violations(), ["wrong-ssrc"])
      assert.lengthOf(bob.heard(), 0)
    })

    it("are reported for packets that are not encrypted or use another key, once a second", () => {
      const { alice, bob, world } = pair()
      alice.datagram(alice.packet(opus(1)))
      for (let i = 0; i < 100; i++) alice.datagram(alice.packet(new Uint8Array(40)))
      assert.deepStrictEqual(world.violations(), ["unsealed-packet"])
      assert.strictEqual(world.counter("again:unsealed-packet"), 100)
      world.wait(1_001)
      alice.state.key = new Uint8Array(32)
      alice.say(opus(2))
      assert.deepStrictEqual(world.violations(), ["unsealed-packet", "unsealed-packet"])
      assert.include(
        world.messages()[1],
        "an RTP packet does not authenticate: aead_aes256_gcm_rtpsize consists of the header, "
      )
      assert.lengthOf(bob.heard(), 0)
    })

    it("are reported for another payload type", () => {
      const { alice, bob, world } = pair()
      alice.datagram(alice.sealed(alice.packet(opus(1), { type: 111 })))
      assert.deepStrictEqual(world.violations(), ["wrong-payload-type"])
      assert.lengthOf(bob.heard(), 0)
    })

    it("are not reported for a payload type that was chosen for Opus (op 14), which listeners get as their own", () => {
      const { alice, bob, world } = pair()
      alice.send(14, { codecs: [{ name: "opus", type: "audio", priority: 1000, payload_type: 111 }] })
      alice.datagram(alice.sealed(alice.packet(opus(1), { type: 111 })))
      assert.deepStrictEqual(world.violations(), [])
      assert.lengthOf(bob.heard(), 1)
      bob.say(opus(2))
      assert.deepStrictEqual(
        world.datagrams.filter(({ to }) => to.port === alice.address.port).map(({ bytes }) => bytes[1]),
        [111]
      )
      alice.datagram(alice.sealed(alice.packet(opus(3))))
      assert.deepStrictEqual(world.violations(), ["wrong-payload-type"])
    })

    it("are reported for an extension or padding that is longer than its packet", () => {
      const { alice, bob, world } = pair()
      for (const [first, payload] of [[0x90, [0xbe, 0xde, 0, 9, 1]], [0xa0, [1, 2, 200]]] as const) {
        const packet = alice.packet(Uint8Array.from(payload))
        packet[0] = first
        alice.datagram(alice.sealed(packet))
        world.wait(1_001)
      }
      assert.deepStrictEqual(world.violations(), ["malformed", "malformed"])
      assert.lengthOf(bob.heard(), 0)
    })

    const silentClient = (audioBeforeSpeaking: "drop" | "close") => {
      const world = makeWorld({ ...today, audioBeforeSpeaking })
      const bob = makeClient(world, "2")
      bob.join()
      const alice = makeClient(world, "1")
      world.grant("1")
      alice.connect()
      alice.identify()
      alice.takeReady()
      alice.select("aead_aes256_gcm_rtpsize")
      alice.speaking(0)
      return { alice, bob, world }
    }

    it("are not reported for silence before Speaking, which only draws advice and is dropped", () => {
      for (const audioBeforeSpeaking of ["drop", "close"] as const) {
        const { alice, bob, world } = silentClient(audioBeforeSpeaking)
        alice.say(Uint8Array.of(0xf8, 0xff, 0xfe))
        world.wait(300)
        assert.deepStrictEqual([world.violations(), world.advice()], [[], ["silence-before-speaking"]])
        assert.isUndefined(alice.closed())
        assert.lengthOf(bob.heard(), 0)
        alice.say(opus(1))
        world.wait(300)
        assert.deepStrictEqual(world.violations(), ["audio-before-speaking"])
        assert.strictEqual(alice.closed(), audioBeforeSpeaking === "close" ? 4020 : undefined)
      }
    })

    it("are not reported for audio before a Speaking that may have been lost with its connection", () => {
      const { alice, world } = silentClient("close")
      alice.say(opus(1))
      assert.isTrue(world.half.terminateUser(UserId.make("1")))
      world.wait(300)
      assert.deepStrictEqual(world.violations(), [])
      assert.strictEqual(world.counter("tampered:audio-before-speaking"), 1)
    })

    it("are reported for audio before Speaking, unless it only overtook it", () => {
      for (
        const [audioBeforeSpeaking, late, expected, code] of [
          ["drop", true, ["audio-before-speaking"], undefined],
          ["close", true, ["audio-before-speaking"], 4020],
          ["close", false, [], undefined]
        ] as const
      ) {
        const { alice, bob, world } = silentClient(audioBeforeSpeaking)
        alice.say(opus(1))
        if (!late) alice.speaking(1)
        world.wait(300)
        assert.deepStrictEqual(world.violations(), [...expected])
        assert.strictEqual(alice.closed(), code)
        assert.lengthOf(bob.heard(), late ? 0 : 1)
        if (!late) {
          alice.say(opus(2))
          assert.lengthOf(bob.heard(), 2)
        }
      }
    })

    it("are not reported for packets that faults have changed", () => {
      const { alice, bob, world } = pair()
      const random = world.faults.add(({ index, point }, dice) => {
        if (point !== "datagram-in") return undefined
        if (index % 5 === 0) return { _tag: "Drop" }
        if (index % 5 === 1) return { _tag: "Delay", ms: dice.int(300) }
        if (index % 5 === 2) return { _tag: "Duplicate", copies: 2 }
        return index % 5 === 3
          ? { _tag: "Replace", frame: Uint8Array.of(0x80, 0x78, ...new Uint8Array(60)) }
          : undefined
      })
      alice.talk(Array.from({ length: 95 }, (_, i) => opus(i)))
      world.wait(5_000)
      random()
      assert.deepStrictEqual(world.violations(), [])
      assert.deepStrictEqual(world.advice(), [])
      assert.lengthOf(bob.heard(), 20 + 3 * 20 + 20)
    })

    it("are not reported for packets of a session that is over, or of unknown senders", () => {
      const { alice, world } = pair()
      world.half.revocation({ userId: alice.userId, guildId })({ code: 4014, reason: "Disconnected." })
      alice.say(opus(1))
      world.half.datagram(
        server,
        { address: "198.51.100.9", port: 9 },
        Uint8Array.of(0x80, 0x78, ...new Uint8Array(60))
      )
      assert.deepStrictEqual(world.violations(), [])
      assert.strictEqual(world.counter("datagram-after-leave"), 1)
      assert.strictEqual(world.counter("datagram-unknown-source"), 1)
    })
  })

  describe("advice", () => {
    it("is given on timestamps and closing silence", () => {
      const { alice, world } = pair()
      alice.talk([opus(1), opus(2)])
      world.wait(3_000)
      alice.talk(Array.from({ length: 20 }, (_, i) => opus(i)), 0)
      alice.drop(1000)
      assert.deepStrictEqual(world.advice(), ["timestamp-off-clock", "missing-closing-silence"])
    })

    it("does not ask for closing silence from a client that is kicked", () => {
      for (const voluntary of [false, true]) {
        const { alice, world } = pair()
        alice.talk([opus(1), opus(2)], 0)
        world.half.revocation({ userId: alice.userId, guildId })({ code: 4014, reason: "Disconnected.", voluntary })
        assert.deepStrictEqual(world.advice(), voluntary ? ["missing-closing-silence"] : [])
      }
    })
  })

  it.each(modes)("answers a sender report with a receiver report in %s", (mode) => {
    const { alice, world } = pair(everyMode, mode)
    alice.talk([opus(1), opus(2)])
    world.datagrams.length = 0
    alice.datagram(alice.sealed(senderReport(alice.state.ssrc), true))
    const answer = world.datagrams[0]
    assert.deepStrictEqual(answer?.to, alice.address)
    assert.strictEqual(hex(answer?.bytes.subarray(0, 8)), "81c9000700000001")
    const report = Buffer.from(open(mode, alice.state.key, answer?.bytes ?? silence, true))
    assert.lengthOf(report, 32)
    assert.strictEqual(report.readUInt32BE(8), alice.state.ssrc)
    assert.strictEqual(report.readUInt32BE(16), alice.state.sequence - 1)
    assert.strictEqual(hex(report.subarray(24, 28)), "33445566")
    assert.deepStrictEqual(world.violations(), [])
  })

  it.each(modes)("forwards a sender report to the others without its report blocks in %s", (mode) => {
    const { alice, bob, world } = pair(everyMode, mode)
    const guest = world.half.participants.join({ userId: UserId.make("8"), guildId, channelId, server })
    const reports: Array<HeardReport> = []
    guest.onReport((report) => reports.push(report))
    alice.talk([opus(1), opus(2)])
    world.datagrams.length = 0
    const withBlock = Buffer.concat([senderReport(alice.state.ssrc), Buffer.alloc(24)])
    withBlock.writeUInt16BE(0x81c8)
    withBlock.writeUInt16BE(12, 2)
    alice.datagram(alice.sealed(withBlock, true))
    const forwarded = world.datagrams.find(({ to }) => to.port === bob.address.port)
    assert.strictEqual(
      hex(open(mode, bob.state.key, forwarded?.bytes ?? silence, true)),
      hex(senderReport(alice.state.ssrc))
    )
    assert.deepStrictEqual(reports, [{
      userId: alice.userId,
      ssrc: alice.state.ssrc,
      ntpTimestamp: 0x1122334455667788n,
      rtpTimestamp: 0,
      packetCount: 0,
      octetCount: 0,
      arrivalMs: world.timers.now()
    }])
    assert.deepStrictEqual(world.violations(), [])
  })

  it("does not forward sender reports of muted members, or any when the profile says so", () => {
    for (
      const [profile, hooks] of [
        [today, { speaks: () => false }],
        [{ ...today, relaySenderReports: false }, {}]
      ] as const
    ) {
      const { alice, world } = pair(profile, undefined, hooks)
      alice.datagram(alice.sealed(senderReport(alice.state.ssrc), true))
      assert.deepStrictEqual(world.datagrams.map(({ to }) => to), [alice.address])
    }
  })

  it("checks RTCP reports as they were sent", () => {
    const { alice, bob, world } = pair()
    const foreign = Buffer.concat([senderReport(alice.state.ssrc), senderReport(bob.state.ssrc)])
    alice.datagram(alice.sealed(foreign, true))
    assert.deepStrictEqual(world.violations(), ["wrong-ssrc"])
    const cut = senderReport(alice.state.ssrc)
    cut[3] = 7
    alice.datagram(alice.sealed(cut, true))
    assert.deepStrictEqual(world.violations(), ["wrong-ssrc", "malformed"])
    assert.strictEqual(world.counter("rtcp-dropped"), 1)
  })

  it("reports losses that faults caused, and judges what was sent", () => {
    const { alice, world } = pair()
    let nth = 0
    world.faults.add(({ op, point }) =>
      op === "rtp" && point === "datagram-in" && ++nth % 4 === 0 ? { _tag: "Drop" } : undefined
    )
    alice.talk(Array.from({ length: 100 }, (_, i) => opus(i)), 0)
    world.datagrams.length = 0
    const report = Buffer.from(senderReport(alice.state.ssrc))
    report.writeUInt32BE(alice.state.timestamp, 16)
    report.writeUInt32BE(100, 20)
    alice.datagram(alice.sealed(report, true))
    const answer = world.datagrams.find(({ to }) => to.port === alice.address.port)
    const plain = Buffer.from(open(today.modes[0] ?? "", alice.state.key, answer?.bytes ?? silence, true))
    // The hundredth packet is missing as well, but the receiver cannot know that.
    assert.strictEqual(plain.readUInt32BE(12) & 0xff_ffff, 24)
    assert.strictEqual(plain[12], Math.floor(24 / 99 * 256))
    assert.deepStrictEqual(world.violations(), [])
  })
})

function senderReport(ssrc: number): Uint8Array {
  const bytes = Buffer.alloc(28)
  bytes.writeUInt32BE(0x80c8_0006)
  bytes.writeUInt32BE(ssrc, 4)
  Buffer.from("1122334455667788", "hex").copy(bytes, 8)
  return bytes
}
