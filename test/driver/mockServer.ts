import { assert } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Result } from "effect"
import * as AudioClock from "../../src/AudioClock.ts"
import * as Dave from "../../src/Dave.ts"
import * as Datagram from "../../src/protocol/Datagram.ts"
import { ChannelId, GuildId, Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as IpDiscovery from "../../src/protocol/IpDiscovery.ts"
import * as RtpPacket from "../../src/protocol/RtpPacket.ts"
import * as VoicePayload from "../../src/protocol/VoicePayload.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import * as MockTransport from "../../src/testing/MockTransport.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import type * as VoiceError from "../../src/VoiceError.ts"
import * as VoiceSocket from "../../src/VoiceSocket.ts"
import * as VoiceUdp from "../../src/VoiceUdp.ts"

/** A driver whose server is the test. */
export const layerWith = (
  crypto: Layer.Layer<VoiceCrypto.VoiceCrypto>,
  dave: Layer.Layer<Dave.Dave> = Dave.layerDisabled
) =>
  VoiceDriver.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(VoiceSocket.layer, VoiceUdp.layer, crypto, dave)),
    Layer.provideMerge(MockTransport.layer),
    Layer.provideMerge(AudioClock.layerEffectClock)
  )

export const layer = layerWith(VoiceCrypto.layer)

export const info = new VoiceDriver.ConnectionInfo({
  endpoint: "voice.example:2048",
  serverId: GuildId.make("10"),
  channelId: ChannelId.make("20"),
  userId: UserId.make("30"),
  sessionId: Redacted.make("session"),
  token: Redacted.make("secret-token")
})

export const ssrc = Ssrc.make(7_000)
export const mode = "aead_aes256_gcm_rtpsize"
export const key = (n: number) => Array.from({ length: 32 }, (_, i) => (i * 7 + n) & 0xff)

/** A server that has just described a session, and whatever is being connected meanwhile. */
export const describeTo = <A, R>(
  connecting: Effect.Effect<A, VoiceError.VoiceError, R>,
  options: VoiceDriver.ConnectOptions,
  early: ReadonlyArray<VoicePayload.ServerMessage> = [],
  daveVersion = 0
) =>
  Effect.gen(function*() {
    const webSockets = yield* MockTransport.MockWebSockets
    const datagrams = yield* MockTransport.MockDatagrams
    const version = options.version ?? 8
    const fiber = yield* Effect.forkScoped(connecting, { startImmediately: true })
    const peer = yield* webSockets.accept
    const say = (message: VoicePayload.ServerMessage) =>
      peer.send(Result.getOrThrow(VoicePayload.encodeServer(version, message)))

    const beats: Array<string> = []
    /** The next message that is not a heartbeat. */
    const take = Effect.gen(function*() {
      while (true) {
        const frame = yield* peer.take
        assert(typeof frame === "string")
        const message = Result.getOrThrow(VoicePayload.decodeClient(version, frame))
        assert(message.op !== "unknown")
        if (message.op !== 3) return message
        beats.push(frame)
      }
    })

    yield* say({ op: 8, d: { v: version, heartbeat_interval: 10_000 } })
    const identify = yield* take
    assert.strictEqual(identify.op, 0)
    yield* say({ op: 2, d: { ssrc, ip: "203.0.113.1", port: 50_001, modes: [mode] } })
    yield* Effect.forEach(early, say)
    const udp = yield* datagrams.accept
    /** The next datagram that is neither a ping nor a report. */
    const takeDatagram = Effect.gen(function*() {
      while (true) {
        const datagram = yield* udp.take
        const kind = Datagram.classify(datagram)
        if (kind !== "ping" && kind !== "rtcp") return datagram
      }
    })
    yield* takeDatagram
    yield* udp.deliver(IpDiscovery.encodeResponse({ ssrc, address: "198.51.100.1", port: 40_000 }))
    const select = yield* take
    assert.strictEqual(select.op, 1)
    yield* say({ op: 4, d: { mode, secret_key: key(0), dave_protocol_version: daveVersion } })
    return { fiber, peer, udp, say, take, takeDatagram, beats, identify }
  })

/** A server that has just described a session, and the connection that is being made. */
export const describe = Effect.fnUntraced(function*(
  options: VoiceDriver.ConnectOptions = {},
  /** What the server says right after Ready. */
  early: ReadonlyArray<VoicePayload.ServerMessage> = []
) {
  const driver = yield* VoiceDriver.VoiceDriver
  return yield* describeTo(driver.connect(info, options), options, early)
})

/** A connection and the server's end of it. */
export const connect = Effect.fnUntraced(function*(...options: Parameters<typeof describe>) {
  const { fiber, ...server } = yield* describe(...options)
  const connection = yield* Fiber.join(fiber)
  const speaking = yield* server.take
  assert.deepStrictEqual(speaking, { op: 5, d: { speaking: 1, delay: 0, ssrc } })
  return { connection, ...server }
})

/** The server's cipher for a key. */
export const cipher = (n: number) =>
  Effect.flatMap(VoiceCrypto.VoiceCrypto, (crypto) => crypto.make(mode, Redacted.make(Uint8Array.from(key(n)))))

/** The payload of a packet that was sealed with this cipher, or `undefined`. */
export const opened = (packet: Uint8Array, cipher: VoiceCrypto.PacketCipher) => {
  const length = cipher.open(packet, 12, packet.length)
  if (length < 0) return undefined
  const header = RtpPacket.makeHeader()
  assert.isUndefined(RtpPacket.readHeader(packet, length, header))
  return { sequence: header.sequence, timestamp: header.timestamp, payload: packet.slice(12, length) }
}

export const sealed = (
  cipher: VoiceCrypto.PacketCipher,
  from: number,
  sequence: number,
  payload: Uint8Array,
  payloadType: number = RtpPacket.payloadTypeOpus
) => {
  const packet = new Uint8Array(12 + payload.length + cipher.expansionBytes)
  RtpPacket.writeHeader(packet, false, payloadType, sequence, sequence * 960, Ssrc.make(from))
  packet.set(payload, 12)
  return packet.subarray(0, cipher.seal(packet, 12, 12 + payload.length))
}

export const ringOf = (frames: ReadonlyArray<{ readonly data: Uint8Array; readonly samples: number }>) => {
  const ring = FrameRing.make()
  for (const { data, samples } of frames) assert.isTrue(ring.write(data, samples))
  return ring
}
