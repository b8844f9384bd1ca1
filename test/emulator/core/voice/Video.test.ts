import { assert, describe, it } from "@effect/vitest"
import { type Profile, today } from "../../../../src/emulator/core/Profile.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"
import { channelId, field, guildId, makeClient, makeWorld, open, otherChannelId, server } from "./kit.ts"

type Client = ReturnType<typeof makeClient>

const profile: Profile = { ...today, guestVideo: "sent" }
const where = { userId: UserId.make("9"), guildId, channelId, server }
const shown = { flags: 0, platform: 0, video: true }

const codecs = [
  { name: "opus", type: "audio", priority: 1000, payload_type: 120 },
  { name: "H264", type: "video", priority: 1000, payload_type: 103, rtx_payload_type: 104 }
]

const make = () => {
  const world = makeWorld(profile)
  /** The packets other than audio that a client received: payload type, marker, SSRC, sequence, timestamp and payload. */
  const seen = (client: Client) =>
    world.datagrams
      .filter(({ bytes, to }) =>
        to.port === client.address.port && ((bytes[1] ?? 0) & 0x7f) !== 120 && bytes[0] === 0x90
      )
      .map(({ bytes }) => {
        const plain = open(client.state.mode, client.state.key, bytes)
        const view = new DataView(plain.buffer, plain.byteOffset, plain.length)
        assert.deepStrictEqual([view.getUint16(12), view.getUint16(14)], [0xbede, 2])
        return {
          type: view.getUint8(1) & 0x7f,
          marker: view.getUint8(1) >> 7 === 1,
          sequence: view.getUint16(2),
          timestamp: view.getUint32(4),
          ssrc: view.getUint32(8),
          payload: plain.slice(24)
        }
      })
  return { world, seen }
}

describe("video", () => {
  it("of a scripted participant has its own SSRCs, and the payload types that each client has chosen", () => {
    const { seen, world } = make()
    const guest = world.half.participants.join(where, { shown })
    const plain = makeClient(world, "1")
    plain.join()
    const named = makeClient(world, "2")
    named.join()
    named.send(14, { codecs })
    const from = seen(named).length
    world.wait(2_000)
    assert.sameMembers([...new Set(seen(plain).map(({ type }) => type))], [101, 102])
    assert.sameMembers([...new Set(seen(named).slice(from).map(({ type }) => type))], [103, 104])
    const video = seen(plain).filter(({ type }) => type === 101)
    const again = seen(plain).filter(({ type }) => type === 102)
    assert.isTrue(video.every(({ ssrc }) => ssrc === guest.ssrc + 1))
    assert.isTrue(again.every(({ ssrc }) => ssrc === guest.ssrc + 2))
    video.forEach(({ sequence, timestamp }, i) => {
      const before = video[i - 1]
      if (before === undefined) return
      assert.strictEqual(sequence, (before.sequence + 1) & 0xffff)
      assert.strictEqual(timestamp, before.marker ? (before.timestamp + 3_000) >>> 0 : before.timestamp)
    })
    assert.closeTo(video.filter(({ marker }) => marker).length, 60, 2)
    // A retransmission names its packet and repeats its bytes (RFC 4588, 4).
    for (const { payload } of again) {
      const original = video.find(({ sequence }) => sequence === (payload[0] ?? 0) * 256 + (payload[1] ?? 0))
      if (original !== undefined) assert.deepStrictEqual(payload.subarray(2), original.payload)
    }
    assert.isAtLeast(again.length, 2)
    assert.deepStrictEqual(world.violations(), [])
  })

  it("is announced with its codec (ops 12 and 14), and stops when it is turned off", () => {
    const { seen, world } = make()
    const guest = world.half.participants.join(where)
    const client = makeClient(world, "1")
    client.join()
    assert.deepStrictEqual<unknown>(client.last(12), {
      user_id: "9",
      audio_ssrc: guest.ssrc,
      video_ssrc: 0,
      streams: []
    })
    assert.isUndefined(client.last(14))
    world.wait(500)
    assert.lengthOf(seen(client), 0)
    guest.show(shown)
    assert.strictEqual(field(client.last(12), "video_ssrc"), guest.ssrc + 1)
    assert.deepStrictEqual<unknown>(client.last(14), {
      audio_codec: "opus",
      video_codec: "H264",
      media_session_id: field(client.last(4), "media_session_id")
    })
    world.wait(500)
    const count = seen(client).length
    assert.isAbove(count, 20)
    guest.show({ ...shown, video: false })
    world.wait(500)
    assert.lengthOf(seen(client), count)
    guest.show(shown)
    guest.move({ channelId: otherChannelId, server })
    world.wait(500)
    assert.lengthOf(seen(client), count + 8)
    guest.leave()
    world.wait(500)
    assert.strictEqual(world.counter("video-dropped"), 0)
  })

  it("is sent only to clients that want it (op 15)", () => {
    const { seen, world } = make()
    const client = makeClient(world, "1")
    client.join()
    const guest = world.half.participants.join(where, { shown })
    world.wait(200)
    for (
      const [wants, isSent] of [
        [{ any: 0 }, false],
        [{ any: 100 }, true],
        [{ any: 100, [guest.ssrc + 1]: 0 }, false],
        [{ [guest.ssrc + 1]: 50 }, true],
        [{}, false]
      ] as const
    ) {
      client.send(15, wants)
      const count = seen(client).length
      world.wait(200)
      assert.strictEqual(seen(client).length > count, isSent, JSON.stringify(wants))
    }
    assert.isAbove(world.counter("video-unwanted"), 0)
  })

  it("of a client is forwarded once it was announced under its own SSRCs, and foreign SSRCs are refused", () => {
    const { seen, world } = make()
    const client = makeClient(world, "1")
    client.join()
    const other = makeClient(world, "2")
    other.join()
    const { ssrc } = client.state
    const say = (type: number, offset = 1) =>
      client.datagram(client.sealed(client.packet(Uint8Array.of(1, 2, 3), { ssrc: ssrc + offset, type })))
    say(105)
    assert.lengthOf(seen(other), 0)
    assert.strictEqual(world.counter("video-dropped"), 1)
    const streams = [{ type: "video", rid: "100", ssrc: ssrc + 1, rtx_ssrc: ssrc + 2 }]
    client.send(12, { audio_ssrc: ssrc, video_ssrc: ssrc + 1, rtx_ssrc: ssrc + 2, streams })
    say(105)
    say(106, 2)
    assert.deepStrictEqual(seen(other).map(({ payload, ssrc, type }) => [ssrc, type, payload.join()]), [
      [ssrc + 1, 101, "1,2,3"],
      [ssrc + 2, 102, "1,2,3"]
    ])
    assert.deepStrictEqual(world.violations(), [])
    const told = other.messages().length
    client.send(12, { audio_ssrc: other.state.ssrc, video_ssrc: 0, rtx_ssrc: 0, streams: [] })
    client.send(12, { audio_ssrc: ssrc, video_ssrc: ssrc + 1, rtx_ssrc: 0, streams: [{ type: "video", ssrc: 7 }] })
    assert.deepStrictEqual(world.violations(), ["wrong-ssrc", "wrong-ssrc"])
    assert.lengthOf(other.messages(), told)
  })
})
