import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Scope } from "effect"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import { Ssrc } from "../../src/protocol/Identifier.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import {
  MockOpusDecoder,
  MockOpusEncoder,
  MockVoiceCrypto,
  MockVoiceSocket,
  MockVoiceUdp
} from "../../src/testing/index.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import * as VoiceSocket from "../../src/VoiceSocket.ts"
import * as VoiceUdp from "../../src/VoiceUdp.ts"

const reasonOf = <A, R>(effect: Effect.Effect<A, VoiceError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason._tag)

describe("MockVoiceSocket", () => {
  const open = Effect.flatMap(VoiceSocket.VoiceSocket, (socket) => socket.open({ endpoint: "host:1", version: 8 }))

  it.effect("records sent messages, and delivers what the test pushes", () =>
    Effect.gen(function*() {
      const gateways = yield* MockVoiceSocket.MockVoiceSocket
      const connection = yield* open
      const peer = yield* gateways.accept
      assert.strictEqual(peer.endpoint, "host:1")
      yield* connection.send({ op: 3, d: { t: 1 } })
      yield* connection.sendDave({ op: 26, keyPackage: Uint8Array.of(1) })
      assert.strictEqual((yield* peer.take).op, 3)
      assert.strictEqual((yield* peer.take).op, 26)
      yield* peer.push({ op: 13, d: { user_id: "5" as never }, seq: 0 })
      yield* peer.pushDave({ op: 25, seq: 1, externalSender: Uint8Array.of(2) })
      yield* peer.pushMalformed("bad")
      yield* peer.close(4022, "over")
      const tags = yield* Effect.replicateEffect(connection.take, 3)
      assert.deepStrictEqual(tags.map((incoming) => incoming._tag), ["Message", "Dave", "Malformed"])
      assert.strictEqual(connection.lastSequence(), 1)
      assert.strictEqual(yield* reasonOf(connection.take), "CallTerminated")
      assert.strictEqual(yield* reasonOf(connection.send({ op: 3, d: { t: 1 } })), "CallTerminated")
      assert.deepStrictEqual(yield* peer.closed, { code: 4022, detail: "over" })
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("refuses on demand, and sees the client's close and the end of the scope", () =>
    Effect.gen(function*() {
      const gateways = yield* MockVoiceSocket.MockVoiceSocket
      yield* gateways.refuse("Rejected", 403)
      assert.strictEqual(yield* reasonOf(open), "SocketOpenFailed")
      const connection = yield* open
      yield* connection.close(1000, "bye")
      const first = yield* gateways.accept
      assert.deepStrictEqual(yield* first.closed, { code: 1000, detail: "bye" })
      yield* Effect.scoped(open)
      const second = yield* gateways.accept
      assert.strictEqual((yield* second.closed).code, 1006)
      assert.strictEqual(yield* gateways.waiting, 0)
    }).pipe(Effect.provide(MockVoiceSocket.layer)))
})

describe("MockVoiceUdp", () => {
  const open = Effect.flatMap(
    VoiceUdp.VoiceUdp,
    (udp) => udp.open({ address: "203.0.113.1", port: 5, ssrc: Ssrc.make(9) })
  )

  it.effect("answers discovery, copies what is sent, and delivers media", () =>
    Effect.gen(function*() {
      const servers = yield* MockVoiceUdp.MockVoiceUdp
      const scope = yield* Scope.make()
      const socket = yield* Scope.provide(open, scope)
      const peer = yield* servers.accept
      assert.deepStrictEqual(peer.remote, { address: "203.0.113.1", port: 5 })
      assert.deepStrictEqual(yield* socket.discover, { address: "192.0.2.9", port: 9 })
      yield* servers.loseDiscovery
      assert.strictEqual(yield* reasonOf(socket.discover), "DiscoveryUnanswered")
      const buffer = Uint8Array.of(1, 2, 3)
      socket.media.send(buffer, 2)
      buffer.fill(0)
      assert.deepStrictEqual(yield* peer.take, Uint8Array.of(1, 2))
      socket.sendReport(Uint8Array.of(7, 8), 1)
      assert.strictEqual(yield* peer.waiting, 0)
      assert.deepStrictEqual(yield* peer.takeReport, Uint8Array.of(7))
      yield* peer.deliver("rtp", Uint8Array.of(1))
      const heard: Array<string> = []
      socket.onMedia((kind) => heard.push(kind))
      yield* peer.deliver("rtcp", Uint8Array.of(1))
      assert.deepStrictEqual(heard, ["rtcp"])
      yield* Scope.close(scope, Exit.void)
      yield* peer.closed
      socket.media.send(buffer, 1)
      assert.deepInclude(socket.statistics(), { sent: 2, sendErrors: 1, received: 2, dropped: 1 })
      yield* servers.refuse
      assert.strictEqual(yield* reasonOf(open), "UdpFailed")
    }).pipe(Effect.provide(MockVoiceUdp.layer({ discovered: { address: "192.0.2.9", port: 9 } }))))

  it.effect("loses and refuses as often as told, and counts keepalives", () =>
    Effect.gen(function*() {
      const servers = yield* MockVoiceUdp.MockVoiceUdp
      yield* servers.refuse
      yield* servers.refuse
      assert.strictEqual(yield* reasonOf(open), "UdpFailed")
      assert.strictEqual(yield* reasonOf(open), "UdpFailed")
      const scope = yield* Scope.make()
      const socket = yield* Scope.provide(open, scope)
      assert.strictEqual(yield* servers.waiting, 1)
      const peer = yield* servers.accept
      assert.strictEqual(peer.ssrc, 9)
      yield* servers.loseDiscovery
      yield* Effect.flip(socket.discover)
      assert.deepStrictEqual(yield* socket.discover, { address: "192.0.2.1", port: 50_000 })
      socket.media.send(Uint8Array.of(1), 1)
      assert.strictEqual(yield* peer.waiting, 1)
      socket.keepAlive()
      socket.ping()
      yield* Scope.close(scope, Exit.void)
      yield* peer.deliver("rtp", Uint8Array.of(1))
      assert.deepInclude(socket.statistics(), { sent: 1, received: 0, dropped: 0, keepalives: 2 })
    }).pipe(Effect.provide(MockVoiceUdp.layer())))
})

describe("MockVoiceCrypto", () => {
  it.effect("chooses modes as usual and leaves packets unchanged", () =>
    Effect.gen(function*() {
      const crypto = yield* VoiceCrypto.VoiceCrypto
      const control = yield* MockVoiceCrypto.MockVoiceCrypto
      const mode = yield* crypto.choose(["other", "aead_xchacha20_poly1305_rtpsize"])
      assert.strictEqual(mode, "aead_xchacha20_poly1305_rtpsize")
      assert.strictEqual(yield* reasonOf(crypto.choose(["other"])), "NoCommonMode")
      const key = Redacted.make(new Uint8Array(32))
      const cipher = yield* crypto.make(mode, key)
      const packet = Uint8Array.of(1, 2, 3, 4)
      assert.strictEqual(cipher.seal(packet, 2, 4), 4)
      assert.strictEqual(cipher.open(packet, 2, 4), 4)
      // A packet without content is valid.
      assert.strictEqual(cipher.open(packet, 2, 2), 2)
      assert.strictEqual(cipher.seal(packet, 2, 5), -1)
      assert.strictEqual(cipher.open(packet, 2, 1), -1)
      assert.deepStrictEqual(packet, Uint8Array.of(1, 2, 3, 4))
      assert.strictEqual(cipher.sealed(), 1)
      assert.deepStrictEqual(yield* control.made, [{ mode, key }])
      yield* control.refuse
      assert.strictEqual(yield* reasonOf(crypto.make(mode, key)), "CryptoFailed")
    }).pipe(Effect.scoped, Effect.provide(MockVoiceCrypto.layer)))
})

describe("MockOpusEncoder and MockOpusDecoder", () => {
  const layers = [MockOpusEncoder.layer, MockOpusDecoder.layer] as const
  const codecs = (options: OpusEncoder.EncoderOptions) =>
    Effect.gen(function*() {
      const { make: makeEncoder } = yield* OpusEncoder.OpusEncoder
      const { make: makeDecoder } = yield* OpusDecoder.OpusDecoder
      return { encoder: yield* makeEncoder(options), decoder: yield* makeDecoder(options) }
    })
  const frame = (samples: number, channels: number, first: number) =>
    Int16Array.from({ length: samples * channels }, (_, i) => first + (i % channels))

  it.effect.each([120, 240, 480, 960, 1920, 2880].flatMap((samples) => [[samples, 1], [samples, 2]] as const))(
    "distinguish frames of %d samples and %d channels",
    ([samples, channels]) =>
      Effect.gen(function*() {
        const { decoder, encoder } = yield* codecs({ channels, fec: true })
        const first = yield* encoder.encode(frame(samples, channels, -300))
        const second = yield* encoder.encode(frame(samples, channels, 4000))
        assert.strictEqual(OpusPacket.samples(second), samples)
        assert.strictEqual(((second[0] ?? 0) >> 2) & 1, channels - 1)
        assert.deepStrictEqual(yield* decoder.decode(first), frame(samples, channels, -300))
        assert.deepStrictEqual(yield* decoder.decode(second), frame(samples, channels, 4000))
        assert.deepStrictEqual(yield* decoder.recover(second, samples), frame(samples, channels, -300))
        assert.deepStrictEqual(yield* decoder.conceal(samples), new Int16Array(samples * channels))
      }).pipe(Effect.scoped, Effect.provide([...layers]))
  )

  it.effect("work at lower rates as well", () =>
    Effect.gen(function*() {
      const { encoder } = yield* codecs({ channels: 1, fec: true })
      const decoder = yield* (yield* OpusDecoder.OpusDecoder).make({ channels: 1, rate: 16_000 })
      yield* encoder.encode(frame(960, 1, 500))
      const packet = yield* encoder.encode(frame(960, 1, 700))
      assert.deepStrictEqual(yield* decoder.decode(packet), frame(320, 1, 700))
      assert.deepStrictEqual(yield* decoder.recover(packet, 960), frame(320, 1, 500))
      assert.deepStrictEqual(yield* decoder.conceal(960), new Int16Array(320))
    }).pipe(Effect.scoped, Effect.provide([...layers])))

  it.effect("recognize silence, refuse invalid frames and packets, and count", () =>
    Effect.gen(function*() {
      const encoding = yield* MockOpusEncoder.MockOpusEncoder
      const decoding = yield* MockOpusDecoder.MockOpusDecoder
      yield* Effect.scoped(Effect.gen(function*() {
        const { decoder, encoder } = yield* codecs({})
        assert.deepStrictEqual(yield* decoder.decode(OpusPacket.silenceFrame()), new Int16Array(1920))
        assert.strictEqual(yield* reasonOf(encoder.encode(new Int16Array(100))), "EncodeFailed")
        assert.strictEqual(yield* reasonOf(decoder.decode(new Uint8Array(0))), "EncodeFailed")
        assert.strictEqual(yield* encoding.live, 1)
        assert.strictEqual(yield* decoding.live, 1)
        yield* encoder.encode(new Int16Array(1920))
      }))
      assert.strictEqual(yield* encoding.live, 0)
      assert.strictEqual(yield* decoding.live, 0)
      assert.strictEqual(yield* encoding.frames, 1)
      assert.strictEqual(yield* decoding.packets, 1)
      yield* encoding.refuse
      assert.strictEqual(yield* reasonOf(codecs({})), "CodecUnavailable")
      yield* decoding.refuse
      assert.strictEqual(yield* reasonOf(codecs({})), "CodecUnavailable")
    }).pipe(Effect.scoped, Effect.provide([...layers])))
})
