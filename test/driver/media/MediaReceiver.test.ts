import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import type * as Line from "../../../src/driver/Line.ts"
import * as MediaReceiver from "../../../src/driver/media/MediaReceiver.ts"
import * as Reception from "../../../src/driver/media/Reception.ts"
import * as SsrcMap from "../../../src/driver/SsrcMap.ts"
import * as EncryptionMode from "../../../src/protocol/EncryptionMode.ts"
import { Ssrc, UserId } from "../../../src/protocol/Identifier.ts"
import * as RtpPacket from "../../../src/protocol/RtpPacket.ts"
import * as VoiceCrypto from "../../../src/VoiceCrypto.ts"

const key = Redacted.make(Uint8Array.from({ length: 32 }, (_, i) => i))
const anna = UserId.make("1")

const rig = Effect.fnUntraced(function*(mode: VoiceCrypto.Mode) {
  const crypto = yield* VoiceCrypto.VoiceCrypto
  const packets: Array<Line.AudioPacket> = []
  const users = SsrcMap.make({ now: () => 5 })
  const reception = Reception.make()
  const receiver = MediaReceiver.make({
    users,
    reception,
    cipher: yield* crypto.make(mode, key),
    now: () => 5,
    onPacket: (packet) => packets.push(packet)
  })
  receiver.setListening(true)
  const remote = yield* crypto.make(mode, key)
  const clearOf = (plain: Uint8Array) => {
    const header = RtpPacket.makeHeader()
    RtpPacket.readHeader(plain, plain.length, header)
    return mode !== "plain" && EncryptionMode.spec(mode).clearHeader === "rtpsize" ? header.clearLength : 12
  }
  const seal = (packet: RtpPacket.RtpPacket) => {
    const plain = RtpPacket.encode(packet)
    const buffer = new Uint8Array(plain.length + 64)
    buffer.set(plain)
    const length = remote.seal(buffer, clearOf(plain), plain.length)
    assert.isAbove(length, 0)
    return buffer.slice(0, length)
  }
  return { packets, receiver, reception, seal, users }
})

const packet = (payload: Uint8Array, more?: Partial<RtpPacket.RtpPacket>): RtpPacket.RtpPacket => ({
  marker: false,
  payloadType: 120,
  sequence: 65_535,
  timestamp: 0xffff_ffff,
  ssrc: 42,
  csrcs: [],
  payload,
  paddingLength: 0,
  ...more
})

const opus = Uint8Array.of(0x78, 1, 2, 3, 4, 5)

describe("MediaReceiver", () => {
  it.effect("does not open packets of unwanted users, but opens those of unnamed senders", () =>
    Effect.gen(function*() {
      const { packets, receiver, reception, seal, users } = yield* rig("aead_aes256_gcm_rtpsize")
      const bert = UserId.make("2")
      users.assign(Ssrc.make(42), anna)
      users.assign(Ssrc.make(43), bert)
      const say = (sequence: number) => {
        for (const ssrc of [42, 43, 44]) receiver.receive(seal(packet(opus, { ssrc, sequence })))
        return packets.splice(0).map((one) => one.ssrc)
      }
      receiver.setListening(true, [anna])
      assert.deepStrictEqual(say(1), [42, 44])
      assert.deepStrictEqual(say(2), [42, 44])
      receiver.setListening(true, [anna, bert])
      assert.deepStrictEqual(say(3), [42, 43, 44])
      receiver.setListening(true, [anna])
      for (let sequence = 4; sequence < 14; sequence++) assert.deepStrictEqual(say(sequence), [42, 44])
      receiver.setListening(true)
      assert.deepStrictEqual(say(14), [42, 43, 44])
      assert.deepInclude(receiver.statistics(), { opened: 4 * 1 + 10 * 2 + 2 * 2 + 2, unheard: 12 })
      // packets that were not opened do not count as lost
      assert.strictEqual(reception.lost(), 0)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("does not count packets as lost that came while it did not listen", () =>
    Effect.gen(function*() {
      const { receiver, reception, seal } = yield* rig("aead_aes256_gcm_rtpsize")
      const hear = (sequence: number) => receiver.receive(seal(packet(opus, { sequence })))
      for (let sequence = 0; sequence < 5; sequence++) hear(sequence)
      receiver.setListening(false)
      for (let sequence = 5; sequence < 15; sequence++) hear(sequence)
      assert.strictEqual(receiver.statistics().unheard, 10)
      receiver.setListening(true)
      for (let sequence = 15; sequence < 20; sequence++) hear(sequence)
      assert.strictEqual(reception.lost(), 0)
      // but it counts those that it did listen for
      receiver.setListening(true)
      hear(22)
      assert.strictEqual(reception.lost(), 2)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  for (const mode of [...EncryptionMode.modes, "plain"] as const) {
    it.effect(`opens ${mode}, and removes extension and padding`, () =>
      Effect.gen(function*() {
        const { packets, receiver, seal } = yield* rig(mode)
        const extension = { profile: 0xbede, data: Uint8Array.of(0x10, 0xff, 0, 0, 0x90, 2, 0, 0) }
        const shapes = [
          packet(opus),
          packet(opus, { extension }),
          packet(opus, { extension: { profile: 0xbede, data: new Uint8Array(4 * 257).fill(0x10) } }),
          packet(opus, { csrcs: [1, 2, 3] }),
          packet(opus, { csrcs: [9], extension, paddingLength: 7 }),
          packet(opus, { paddingLength: 255 })
        ]
        for (const shape of shapes) receiver.receive(seal(shape))
        assert.strictEqual(packets.length, shapes.length)
        for (const received of packets) {
          assert.deepStrictEqual(Uint8Array.from(received.payload), opus)
          assert.strictEqual(received.sequence, 65_535)
          assert.strictEqual(received.timestamp, 0xffff_ffff)
          assert.strictEqual(received.arrivalMs, 5)
        }
        assert.strictEqual(receiver.statistics().opened, shapes.length)
      }).pipe(Effect.provide(VoiceCrypto.layer)))
  }

  it.effect("counts what it cannot use by cause, and continues", () =>
    Effect.gen(function*() {
      const { packets, receiver, seal } = yield* rig("aead_aes256_gcm_rtpsize")
      const forged = seal(packet(opus))
      forged[20] = (forged[20] ?? 0) ^ 1
      receiver.receive(forged)
      receiver.receive(new Uint8Array(5))
      receiver.receive(seal(packet(new Uint8Array(0))))
      receiver.receive(seal(packet(new Uint8Array(0), { paddingLength: 4 })))
      receiver.receive(seal(packet(opus, { payloadType: 101 })))
      const padded = RtpPacket.encode(packet(Uint8Array.of(1, 2, 200)))
      padded[0] = (padded[0] ?? 0) | RtpPacket.paddingBit
      const crypto = yield* VoiceCrypto.VoiceCrypto
      const remote = yield* crypto.make("aead_aes256_gcm_rtpsize", key)
      const buffer = new Uint8Array(64)
      buffer.set(padded)
      receiver.receive(buffer.slice(0, remote.seal(buffer, 12, padded.length)))
      assert.deepStrictEqual(packets, [])
      receiver.receive(seal(packet(opus)))
      assert.strictEqual(packets.length, 1)
      assert.deepStrictEqual(receiver.statistics(), {
        received: 7,
        opened: 1,
        failedToOpen: 1,
        malformed: 1,
        badPadding: 1,
        empty: 2,
        unheard: 0,
        otherMedia: 1,
        afterLeaving: 0
      })
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("does not believe an extension that claims to be longer than the packet", () =>
    Effect.gen(function*() {
      for (const [words, malformed] of [[2, 0], [3, 0], [4, 1], [0xffff, 1]] as const) {
        const { packets, receiver } = yield* rig("aead_aes256_gcm_rtpsize")
        const crypto = yield* VoiceCrypto.VoiceCrypto
        const remote = yield* crypto.make("aead_aes256_gcm_rtpsize", key)
        const extension = { profile: 0xbede, data: new Uint8Array(4) }
        const plain = RtpPacket.encode(packet(new Uint8Array(8).fill(7), { extension }))
        plain[14] = words >> 8
        plain[15] = words & 0xff
        const buffer = new Uint8Array(plain.length + 64)
        buffer.set(plain)
        receiver.receive(buffer.slice(0, remote.seal(buffer, 16, plain.length)))
        assert.deepInclude(receiver.statistics(), { failedToOpen: 0, malformed, empty: words === 3 ? 1 : 0 })
        assert.lengthOf(packets, words === 2 ? 1 : 0)
      }
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("continues to count losses of users it still hears when it hears fewer", () =>
    Effect.gen(function*() {
      const { receiver, reception, seal, users } = yield* rig("plain")
      users.assign(Ssrc.make(42), anna)
      receiver.setListening(true, [anna, UserId.make("2")])
      receiver.receive(seal(packet(opus, { sequence: 1 })))
      receiver.setListening(true, [anna])
      receiver.receive(seal(packet(opus, { sequence: 3 })))
      assert.strictEqual(reception.lost(), 1)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("drops packets of a user who has left, even if another user gets the SSRC next", () =>
    Effect.gen(function*() {
      const { packets, receiver, reception, seal, users } = yield* rig("plain")
      users.assign(Ssrc.make(42), anna)
      receiver.receive(seal(packet(opus, { sequence: 1 })))
      users.forget(anna)
      receiver.receive(seal(packet(opus, { sequence: 2 })))
      receiver.receive(seal(packet(opus, { sequence: 1, ssrc: 43 })))
      users.assign(Ssrc.make(42), UserId.make("2"))
      receiver.receive(seal(packet(opus, { sequence: 7 })))
      assert.deepStrictEqual(packets.map(({ userId }) => userId), [anna, undefined, UserId.make("2")])
      assert.deepInclude(receiver.statistics(), { opened: 3, afterLeaving: 1 })
      // a packet that comes before its name, and begins somewhere else
      users.forget(UserId.make("2"))
      reception.forget(42)
      receiver.receive(seal(packet(opus, { sequence: 8 })))
      receiver.receive(seal(packet(opus, { sequence: 20_000 })))
      receiver.receive(seal(packet(opus, { sequence: 9, timestamp: 50_000_000 })))
      assert.lengthOf(packets, 5)
      assert.deepInclude(receiver.statistics(), { opened: 5, afterLeaving: 2 })
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("does not even open packets while nobody listens", () =>
    Effect.gen(function*() {
      const { packets, receiver, seal } = yield* rig("plain")
      receiver.setListening(false)
      receiver.receive(seal(packet(opus)))
      receiver.setListening(true)
      receiver.receive(seal(packet(opus)))
      assert.strictEqual(packets.length, 1)
      assert.strictEqual(receiver.statistics().unheard, 1)
    }).pipe(Effect.provide(VoiceCrypto.layer)))

  it.effect("names the user of an SSRC if that is known", () =>
    Effect.gen(function*() {
      const { packets, receiver, seal, users } = yield* rig("plain")
      receiver.receive(seal(packet(opus, { ssrc: 1 })))
      users.assign(Ssrc.make(1), anna)
      receiver.receive(seal(packet(opus, { ssrc: 1 })))
      assert.deepStrictEqual(packets.map(({ userId }) => userId), [undefined, anna])
    }).pipe(Effect.provide(VoiceCrypto.layer)))
})
