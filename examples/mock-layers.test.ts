/**
 * Tests a bot with mock layers for single services, without any connection. Run it with Vitest.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Stream } from "effect"
import {
  AudioClock,
  ChannelId,
  Dave,
  GuildId,
  Mixer,
  Ssrc,
  UserId,
  VoiceDriver,
  VoiceError,
  VoiceSession
} from "effect-discord-voice"
import {
  MockGateway,
  MockOpusDecoder,
  MockOpusEncoder,
  MockVoiceCrypto,
  MockVoiceDriver,
  MockVoiceSocket,
  MockVoiceUdp,
  Time
} from "effect-discord-voice/testing"
import { greeter } from "./greeter.ts"

const where = { guildId: GuildId.make("10"), channelId: ChannelId.make("20") }

describe("with mock layers", () => {
  it.effect("fails with the error of a driver, without a connection", () =>
    Effect.gen(function*() {
      const full = VoiceError.make(new VoiceError.RateLimited({ code: 4021, detail: "too many" }))
      const Driver = Layer.succeed(VoiceDriver.VoiceDriver, { connect: () => Effect.fail(full) })
      const error = yield* greeter(where).pipe(
        Effect.provide([Driver, Mixer.layer, MockOpusEncoder.layer]),
        Effect.flip
      )
      assert.strictEqual(error.reason._tag, "RateLimited")

      const discord = yield* MockGateway.MockGateway
      assert.strictEqual((yield* discord.take).channel_id, where.channelId)
      assert.isNull((yield* discord.take).channel_id, "it leaves the channel again")
    }).pipe(Effect.provide(GatewayTest)))

  it.effect("hears a user for whom the test sends packets", () =>
    Effect.gen(function*() {
      const driver = yield* MockVoiceDriver.MockVoiceDriver
      const session = yield* VoiceSession.join(where)
      const hearing = yield* session.receive.user(UserId.make("2")).pipe(
        Stream.filter(({ kind }) => kind === "audio"),
        Stream.take(10),
        Stream.runCollect,
        Effect.forkScoped
      )
      yield* Time.advance(0)
      const ssrc = Ssrc.make(9)
      const userId = UserId.make("2")
      for (let i = 0; i < 10; i++) {
        const arrivalMs = Number(yield* Clock.monotonicTimeNanos) / 1_000_000
        // the first byte is the header of an Opus packet, the rest can be anything
        const payload = Uint8Array.of(0xfc, i)
        yield* driver.emit({
          _tag: "Packet",
          packet: { ssrc, userId, sequence: i, timestamp: i * 960, payload, arrivalMs }
        })
        yield* Time.advance("20 millis")
      }
      yield* Time.advance("1 second")
      const frames = yield* Fiber.join(hearing)
      assert.deepStrictEqual(frames.map(({ data }) => data[1]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    }).pipe(
      Effect.scoped,
      Effect.provide([GatewayTest, MockVoiceDriver.layer, Mixer.layer, MockOpusEncoder.layer, MockOpusDecoder.layer])
    ))

  it.effect("sends encoded audio to a voice server that the test plays", () =>
    Effect.gen(function*() {
      const bot = yield* greeter(where).pipe(Effect.forkScoped)
      const gateway = yield* (yield* MockVoiceSocket.MockVoiceSocket).accept
      yield* gateway.push({ op: 8, d: { v: 8, heartbeat_interval: 13_750 } })
      assert.strictEqual((yield* gateway.take).op, 0, "Identify")
      yield* gateway.push({ op: 2, d: { ssrc: Ssrc.make(7), ip: "192.0.2.2", port: 50_000, modes: [mode] } })
      assert.strictEqual((yield* gateway.take).op, 3, "the first heartbeat")
      assert.strictEqual((yield* gateway.take).op, 1, "Select Protocol")
      yield* gateway.push({ op: 4, d: { mode, secret_key: Array.from({ length: 32 }, () => 1) } })

      const server = yield* (yield* MockVoiceUdp.MockVoiceUdp).accept
      yield* Time.advance("2 seconds")
      const packet = yield* server.take
      assert.strictEqual(new DataView(packet.buffer).getUint32(8), 7, "our SSRC")
      assert.strictEqual(yield* server.waiting, 49 + 5, "a second of sound, and the silence that ends it")

      yield* gateway.close(4017)
      const error = yield* Effect.flip(Fiber.join(bot))
      assert.strictEqual(error.reason._tag, "E2eeRequired")
      assert.strictEqual(yield* (yield* MockOpusEncoder.MockOpusEncoder).live, 0, "the encoder is freed")
    }).pipe(Effect.scoped, Effect.provide([GatewayTest, DriverTest, Mixer.layer, MockOpusEncoder.layer])))
})

const mode = "aead_aes256_gcm_rtpsize"

/** A main gateway that lets the bot in. */
const GatewayTest = MockGateway.layer({
  answer: MockGateway.answerWith({
    userId: UserId.make("1"),
    sessionId: "session",
    token: "token",
    endpoint: "voice.example:443"
  })
})

/** The real driver, with a voice server that the test plays. */
const DriverTest = VoiceDriver.layer.pipe(
  Layer.provideMerge([MockVoiceSocket.layer, MockVoiceUdp.layer(), MockVoiceCrypto.layer, Dave.layerDisabled]),
  Layer.provide(AudioClock.layerEffectClock)
)
