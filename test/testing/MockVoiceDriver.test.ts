import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Redacted, Schedule, Scope, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Mixer from "../../src/Mixer.ts"
import { ChannelId, GuildId, Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as VoicePayload from "../../src/protocol/VoicePayload.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import * as MockGateway from "../../src/testing/MockGateway.ts"
import * as MockVoiceDriver from "../../src/testing/MockVoiceDriver.ts"
import * as Time from "../../src/testing/Time.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"

const userId = UserId.make("3")
const where = { guildId: GuildId.make("1"), channelId: ChannelId.make("2") }

const layer = Layer.mergeAll(
  MockVoiceDriver.layer,
  Mixer.layer,
  MockGateway.layer({
    userId,
    answer: MockGateway.answerWith({ userId, sessionId: "s", token: "t", endpoint: "voice.example:443" })
  })
)

const info = new VoiceDriver.ConnectionInfo({
  endpoint: "voice.example:443",
  serverId: where.guildId,
  channelId: where.channelId,
  userId,
  sessionId: Redacted.make("s"),
  token: Redacted.make("t")
})

const frames = Array.from({ length: 75 }, (_, i) => ({ data: Uint8Array.of(0xfc, i), samples: 960 }))

describe("MockVoiceDriver", () => {
  it.effect("receives what a session plays, in time", () =>
    Effect.gen(function*() {
      const driver = yield* MockVoiceDriver.MockVoiceDriver
      const session = yield* VoiceSession.join(where)
      const track = yield* session.play(AudioSource.fromFrames(frames))
      yield* Time.advance("520 millis")
      assert.isAtMost((yield* driver.frames).length, 26)
      assert.isAtLeast((yield* driver.frames).length, 24)
      yield* Time.advance("2 seconds")
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.deepStrictEqual(yield* driver.frames, frames.map(({ data }) => data))
      assert.strictEqual((yield* session.statistics).silencePacketsSent, 5)
      assert.strictEqual((yield* driver.connections)[0]?.endpoint, "voice.example:443")
    }).pipe(Effect.provide(layer)))

  it.effect("emits the events of the test, and ends when the test says so", () =>
    Effect.gen(function*() {
      const driver = yield* MockVoiceDriver.MockVoiceDriver
      const session = yield* VoiceSession.join({ ...where, policy: VoiceSession.policyNever })
      const heard = yield* session.packets.pipe(
        Stream.map(({ userId }) => userId),
        Stream.runHead,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Time.advance(0)
      const packet = {
        ssrc: Ssrc.make(9),
        userId: UserId.make("4"),
        sequence: 1,
        timestamp: 1,
        payload: Uint8Array.of(1),
        arrivalMs: 0
      }
      yield* driver.emit({ _tag: "Packet", packet })
      assert.strictEqual(Option.getOrUndefined(yield* Fiber.join(heard)), "4")
      yield* driver.end(new VoiceError.ServerCrashed({ code: 4015, detail: "" }))
      assert.strictEqual((yield* Effect.flip(session.awaitClosed)).reason._tag, "ServerCrashed")
    }).pipe(Effect.provide(layer)))

  it.effect("ends the current connections, but not those that replace them at once", () =>
    Effect.gen(function*() {
      const driver = yield* MockVoiceDriver.MockVoiceDriver
      const session = yield* VoiceSession.join({ ...where, policy: { backoff: Schedule.recurs(5) } })
      yield* driver.end(new VoiceError.SessionInvalid({ code: 4006, detail: "" }))
      yield* Time.advance("1 second")
      assert.strictEqual((yield* session.state)._tag, "Ready")
      assert.lengthOf(yield* driver.connections, 2)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("refuses to connect when told to", () =>
    Effect.gen(function*() {
      const driver = yield* MockVoiceDriver.MockVoiceDriver
      yield* driver.refuse(new VoiceError.E2eeRequired({ code: 4017, detail: "" }))
      assert.strictEqual((yield* Effect.flip(VoiceSession.join(where))).reason._tag, "E2eeRequired")
      yield* Effect.scoped(VoiceSession.join(where))
    }).pipe(Effect.provide(layer)))

  it.effect("carries out commands as a driver does, and records them", () =>
    Effect.gen(function*() {
      const driver = yield* MockVoiceDriver.MockVoiceDriver
      const session = yield* VoiceSession.join(where)
      const track = yield* session.play(AudioSource.fromFrames(frames))
      yield* Time.advance("220 millis")
      const sent = (yield* driver.frames).length
      yield* track.pause
      yield* Time.advance("2 seconds")
      assert.isAtMost((yield* driver.frames).length, sent + 1)
      assert.isFalse((yield* driver.frames).some((frame) => OpusPacket.isSilence(frame)))
      yield* track.resume
      yield* Time.advance("200 millis")
      assert.isAtLeast((yield* driver.frames).length, sent + 8)
      yield* session.setSelf({ mute: true })
      const muted = (yield* driver.frames).length
      yield* Time.advance("300 millis")
      assert.isAtMost((yield* driver.frames).length, muted + 1)
      yield* session.setSelf({ mute: false })
      yield* track.stop
      yield* Time.advance("300 millis")
      assert.isBelow((yield* driver.frames).length, frames.length)
      const told = (yield* driver.commands).map(({ _tag }) => _tag)
      assert.includeMembers(told, ["Attach", "SetPaused", "SetMuted"])
      const { bytesSent, packetsSent, silencePacketsSent } = yield* session.statistics
      assert.strictEqual((yield* driver.connections).length, 1)
      assert.strictEqual(packetsSent - silencePacketsSent, (yield* driver.frames).length)
      assert.isAbove(bytesSent, 2 * packetsSent)
      assert.isDefined(yield* Effect.flip(session.verificationCode(UserId.make("4"))))
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("takes nothing more from a detached track, or from a paused track that follows another", () =>
    Effect.gen(function*() {
      const driver = yield* MockVoiceDriver.MockVoiceDriver
      const { connect } = yield* VoiceDriver.VoiceDriver
      const connection = yield* connect(info)
      const ringOf = (first: number, count: number) => {
        const ring = FrameRing.make()
        ring.open()
        for (let i = 0; i < count; i++) ring.write(Uint8Array.of(0xfc, first + i), 960)
        return ring
      }
      const detached = yield* connection.attach(ringOf(0, 50))
      yield* Time.advance("200 millis")
      yield* connection.detach(detached)
      const sent = (yield* driver.frames).length
      assert.isAtLeast(sent, 9)
      yield* Time.advance("300 millis")
      assert.lengthOf(yield* driver.frames, sent)
      const ring = ringOf(100, 5)
      yield* connection.attach(ring)
      const latter = yield* connection.attach(ringOf(200, 5), { after: "drained", paused: true })
      ring.end()
      yield* Time.advance("300 millis")
      const numbers = Effect.map(driver.frames, (all) => all.slice(sent).map(([, number]) => number))
      assert.deepStrictEqual(yield* numbers, [100, 101, 102, 103, 104])
      yield* connection.setPaused(latter, false)
      yield* Time.advance("300 millis")
      assert.deepStrictEqual(yield* numbers, [100, 101, 102, 103, 104, 200, 201, 202, 203, 204])
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("uses the requested version, and does nothing after its scope has closed", () =>
    Effect.gen(function*() {
      const driver = yield* MockVoiceDriver.MockVoiceDriver
      const { connect } = yield* VoiceDriver.VoiceDriver
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(connect(info, { version: 4 }), scope)
      const ring = FrameRing.make()
      for (let i = 0; i < 50; i++) ring.write(Uint8Array.of(0xfc, i), 960)
      yield* first.attach(ring)
      yield* Time.advance("200 millis")
      const second = yield* connect(info)
      assert.deepStrictEqual([first.established.version, second.established.version], [
        4,
        VoicePayload.recommendedVersion
      ])
      assert.deepStrictEqual(yield* driver.connections, [info, info])
      assert.notStrictEqual(first.established.ssrc, second.established.ssrc)
      yield* Scope.close(scope, Exit.void)
      const sent = (yield* driver.frames).length
      assert.isAtLeast(sent, 9)
      yield* Time.advance("200 millis")
      assert.lengthOf(yield* driver.frames, sent)
      yield* driver.end(new VoiceError.ServerCrashed({ code: 4015, detail: "" }))
      assert.strictEqual((yield* Effect.flip(second.awaitEnd)).reason._tag, "ServerCrashed")
    }).pipe(Effect.scoped, Effect.provide(layer)))
})
