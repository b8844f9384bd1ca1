import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Random, Result, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Dave from "../../src/Dave.ts"
import * as Engine from "../../src/driver/Engine.ts"
import type * as Line from "../../src/driver/Line.ts"
import * as Rtcp from "../../src/driver/media/Rtcp.ts"
import * as Datagram from "../../src/protocol/Datagram.ts"
import * as DaveFrame from "../../src/protocol/DaveFrame.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as RtcpPacket from "../../src/protocol/RtcpPacket.ts"
import * as RtpPacket from "../../src/protocol/RtpPacket.ts"
import * as VoicePayload from "../../src/protocol/VoicePayload.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import * as MockDave from "../../src/testing/MockDave.ts"
import * as MockTransport from "../../src/testing/MockTransport.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import type * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as VoiceSocket from "../../src/VoiceSocket.ts"
import * as Rig from "../integration/rig.ts"
import * as Mock from "./mockServer.ts"

const guest = UserId.make("31")
const frames = Rig.frames(20)

/** Collects packets while the scope is open. */
const listen = (connection: VoiceDriver.VoiceConnection) =>
  Effect.gen(function*() {
    const packets: Array<VoiceDriver.AudioPacket> = []
    yield* connection.packets.pipe(
      Stream.runForEach((packet) => Effect.sync(() => packets.push(packet))),
      Effect.forkScoped({ startImmediately: true })
    )
    return packets
  })

/** An engine that is up, all its events, and the server's end. */
const engine = Effect.fnUntraced(function*(
  options: VoiceDriver.ConnectOptions = {},
  early: ReadonlyArray<VoicePayload.ServerMessage> = [],
  daveVersion = 0
) {
  const events: Array<Line.Event> = []
  const connecting = Engine.connect(Mock.info, options, (event) => events.push(event))
  const { fiber, ...server } = yield* Mock.describeTo(connecting, options, early, daveVersion)
  const up = yield* Fiber.join(fiber)
  const command = (command: Line.Command) => up.command(command)
  const attach = (frames: Parameters<typeof Mock.ringOf>[0]) => {
    const ring = FrameRing.make({ capacityBytes: 1 << 17 })
    for (const { data, samples } of frames) assert.isTrue(ring.write(data, samples))
    const { buffer } = ring
    assert(buffer instanceof SharedArrayBuffer)
    command({ _tag: "Attach", track: 1, ring: buffer, paused: false })
    return ring
  }
  const ends = () => events.filter(({ _tag }) => _tag === "Ended").length
  return { events, command, attach, ends, ...server }
})

/** The datagrams of this kind that have been sent so far. */
const sentOf = Effect.fnUntraced(function*(
  kind: ReturnType<typeof Datagram.classify>,
  udp: Effect.Success<ReturnType<typeof Mock.connect>>["udp"]
) {
  const found: Array<Uint8Array> = []
  while ((yield* udp.waiting) > 0) {
    const datagram = yield* udp.take
    if (Datagram.classify(datagram) === kind) found.push(datagram)
  }
  return found
})

/** Why the engine has ended, with the kind if encryption is the reason. */
const endedBy = (events: ReadonlyArray<Line.Event>) =>
  events.flatMap((event) => {
    if (event._tag !== "Ended") return []
    const { reason } = event.error
    return [[reason._tag, reason._tag === "E2eeFailed" ? reason.kind : undefined]]
  })

const longFrames = Array.from({ length: 1_000 }, (_, i) => ({ data: Uint8Array.of(0xfc, i & 0xff), samples: 960 }))

/** Ciphers that can seal seven packets. */
const exhausting = Layer.effectContext(Effect.map(
  VoiceCrypto.VoiceCrypto,
  (crypto) =>
    Context.make(VoiceCrypto.VoiceCrypto, {
      ...crypto,
      make: (mode, key) =>
        Effect.map(crypto.make(mode, key), (cipher) => ({
          ...cipher,
          seal: (buffer: Uint8Array, clear: number, length: number) =>
            cipher.sealed() === 7 ? -1 : cipher.seal(buffer, clear, length)
        }))
    })
)).pipe(Layer.provide(VoiceCrypto.layer))

/** Sockets on which Identify takes a second to be sent. */
const slowIdentify = Layer.effect(
  VoiceSocket.VoiceSocket,
  Effect.map(VoiceSocket.VoiceSocket, (sockets) => ({
    open: (to) =>
      Effect.map(sockets.open(to), (socket) => ({
        ...socket,
        send: (message: VoicePayload.ClientMessage) =>
          message.op === 0 ? Effect.andThen(Effect.sleep("1 second"), socket.send(message)) : socket.send(message)
      }))
  }))
)

describe("Engine, whatever a server does", () => {
  it.effect("survives malformed JSON, unknown opcodes and binary garbage, and counts them", () =>
    Rig.run(Effect.gen(function*() {
      const { connection, peer, say } = yield* Mock.connect()
      const malformed = [
        "",
        "{",
        "null",
        "[]",
        "{\"op\":\"2\"}",
        "{\"op\":2,\"d\":{\"ssrc\":-1}}",
        "{\"op\":5,\"d\":null}",
        "{\"op\":6,\"d\":{\"t\":\"x\"}}",
        "{\"op\":8,\"d\":{\"heartbeat_interval\":0}}",
        "{\"op\":8,\"d\":{\"heartbeat_interval\":-5}}",
        new Uint8Array(0),
        Uint8Array.of(1),
        Uint8Array.of(0, 1, 250, 3)
      ]
      for (const frame of malformed) yield* peer.send(frame)
      const unknown = ["{\"op\":99}", "{\"op\":200,\"d\":{\"x\":1},\"seq\":4}", "{\"op\":-1,\"d\":null}"]
      for (const frame of unknown) yield* peer.send(frame)
      yield* say({ op: 11, d: { user_ids: [guest] } })
      yield* Effect.sleep("1 second")
      const statistics = yield* connection.statistics
      assert.strictEqual(statistics.malformedMessages + statistics.unknownOpcodes, malformed.length + unknown.length)
      assert.isAtLeast(statistics.unknownOpcodes, 2)
      // it still plays
      yield* connection.attach(Mock.ringOf(frames))
      yield* Effect.sleep("1 second")
      assert.strictEqual((yield* connection.statistics).packetsSent, frames.length + 5)
    })).pipe(Effect.provide(Mock.layer)))

  const key = JSON.stringify(Array.from({ length: 32 }, () => 1))
  const descriptions: ReadonlyArray<readonly [string, boolean]> = [
    [`"mode":"m","secret_key":[1,2]`, true],
    [`"secret_key":"AQI="`, true],
    [`"secret_key":null`, true],
    [`"mode":5`, true],
    [`"secret_key":${key}`, true],
    [`"mode":"aead_aes256_gcm_rtpsize","secret_key":${key},"dave_protocol_version":"1"`, true],
    [`"mode":"aead_aes256_gcm_rtpsize"`, false],
    [`"media_session_id":"m"`, false],
    [`"sdp":5`, false]
  ]
  for (const [d, ends] of descriptions) {
    it.effect(`${ends ? "ends at" : "counts"} a later Session Description that cannot be read: ${d.slice(0, 90)}`, () =>
      Rig.run(Effect.gen(function*() {
        const { connection, peer } = yield* Mock.connect()
        yield* peer.send(`{"op":4,"d":{${d}}}`)
        yield* Effect.sleep("1 second")
        const end = yield* Effect.timeoutOption(Effect.flip(connection.awaitEnd), "1 second")
        assert.strictEqual(end._tag === "Some" ? end.value.reason._tag : "on", ends ? "ProtocolViolated" : "on")
        if (ends) return
        assert.strictEqual((yield* connection.statistics).malformedMessages, 1)
      })).pipe(Effect.provide(Mock.layer)))
  }

  it.effect("keeps its UDP socket alive every 5 seconds, and sends reports about as often with audio", () =>
    Rig.run(Effect.gen(function*() {
      const { beats, connection, peer, say, udp } = yield* Mock.connect()
      const acknowledge = (frame: unknown) => {
        const { d, op } = JSON.parse(String(frame))
        return op === 3 ? say({ op: 6, d: { t: d.t } }) : Effect.void
      }
      yield* Effect.forEach(beats, acknowledge)
      yield* Effect.forever(Effect.flatMap(peer.take, acknowledge)).pipe(Effect.forkScoped({ startImmediately: true }))
      const heard = Effect.gen(function*() {
        const kinds: Record<string, number> = {}
        while ((yield* udp.waiting) > 0) {
          const kind = Datagram.classify(yield* udp.take)
          kinds[kind] = (kinds[kind] ?? 0) + 1
        }
        return kinds
      })
      yield* heard
      yield* Effect.sleep("60 seconds")
      assert.deepStrictEqual(yield* heard, { ping: 12 })
      const ring = FrameRing.make({ capacityBytes: 1 << 17 })
      for (let i = 0; i < 3_000; i++) assert.isTrue(ring.write(Uint8Array.of(0xfc, 1, 2, 3), 960))
      yield* connection.attach(ring)
      yield* Effect.sleep("55 seconds")
      const { ping, rtcp = 0, rtp } = yield* heard
      assert.strictEqual(ping, 11)
      assert.isAtLeast(rtp ?? 0, 2_700)
      // between two reports are at least half of 5 seconds, and at most one and a half times as much
      assert.isTrue(rtcp >= 7 && rtcp <= 22, `${rtcp} reports`)
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("keeps its UDP socket alive right after a new WebSocket, and continues every 5 seconds", () =>
    Rig.run(Effect.gen(function*() {
      const { connection, peer, udp } = yield* Mock.connect()
      yield* Effect.sleep("3 seconds")
      yield* sentOf("ping", udp)
      const resumed = yield* Effect.forkScoped(
        Stream.runHead(Stream.filter(yield* connection.events, ({ _tag }) => _tag === "Resumed")),
        { startImmediately: true }
      )
      yield* peer.terminate
      const next = yield* (yield* MockTransport.MockWebSockets).accept
      yield* next.send("{\"op\":8,\"d\":{\"v\":8,\"heartbeat_interval\":60000}}")
      yield* Effect.sleep("1 second")
      assert.lengthOf(yield* sentOf("ping", udp), 0)
      yield* next.send("{\"op\":9,\"d\":null}")
      yield* Fiber.join(resumed)
      assert.lengthOf(yield* sentOf("ping", udp), 1)
      // at 5 and at 10 seconds
      yield* Effect.sleep("900 millis")
      assert.lengthOf(yield* sentOf("ping", udp), 0)
      yield* Effect.sleep("6 seconds")
      assert.lengthOf(yield* sentOf("ping", udp), 2)
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("answers a heartbeat that the server requests", () =>
    Rig.run(Effect.gen(function*() {
      const { peer, say } = yield* Mock.connect()
      while ((yield* peer.waiting) > 0) yield* peer.take
      yield* say({ op: 11, d: { user_ids: [guest] }, seq: 41 })
      yield* say({ op: 3, d: { t: 77 } })
      assert.strictEqual(yield* peer.take, "{\"op\":3,\"d\":{\"t\":77,\"seq_ack\":41}}")
    })).pipe(Effect.provide(Mock.layer)))

  for (const version of [4, 7, 8, 9] as const) {
    it.effect(`sends heartbeats of version ${version}`, () =>
      Rig.run(Effect.gen(function*() {
        const { beats } = yield* Mock.connect({ version })
        const { d, op } = JSON.parse(beats[0] ?? "")
        assert.strictEqual(op, 3)
        assert.isTrue(Number.isInteger(version < 8 ? d : d.t))
        assert.strictEqual(d.seq_ack, version < 8 ? undefined : -1)
      })).pipe(Effect.provide(Mock.layer)))
  }

  it.effect("keeps a single heartbeat, with the new interval, when Hello comes again", () =>
    Rig.run(Effect.gen(function*() {
      const { connection, peer, say } = yield* Mock.connect()
      yield* Effect.forever(Effect.flatMap(peer.take, (frame) => {
        const { d, op } = JSON.parse(String(frame))
        return op === 3 ? say({ op: 6, d: { t: d.t } }) : Effect.void
      })).pipe(Effect.forkScoped({ startImmediately: true }))
      for (let i = 0; i < 3; i++) yield* say({ op: 8, d: { v: 8, heartbeat_interval: 1_000 } })
      yield* Effect.sleep("1 millis")
      const before = (yield* connection.statistics).heartbeatsSent
      yield* Effect.sleep("10 seconds")
      assert.strictEqual((yield* connection.statistics).heartbeatsSent - before, 10)
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("sends no more than one heartbeat a second, whatever Hello says", () =>
    Rig.run(Effect.gen(function*() {
      const { connection, peer, say } = yield* Mock.connect()
      yield* Effect.forever(Effect.flatMap(peer.take, (frame) => {
        const { d, op } = JSON.parse(String(frame))
        return op === 3 ? say({ op: 6, d: { t: d.t } }) : Effect.void
      })).pipe(Effect.forkScoped({ startImmediately: true }))
      yield* say({ op: 8, d: { v: 8, heartbeat_interval: 0.01 } })
      yield* Effect.sleep("1 millis")
      const before = (yield* connection.statistics).heartbeatsSent
      yield* Effect.sleep("10 seconds")
      assert.strictEqual((yield* connection.statistics).heartbeatsSent - before, 10)
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("ends its audio with silence under the newest key", () =>
    Rig.run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { connection, say, takeDatagram } = yield* Scope.provide(Mock.connect(), scope)
      const [former, next] = [yield* Mock.cipher(0), yield* Mock.cipher(1)]
      yield* connection.attach(Mock.ringOf(frames))
      yield* Effect.sleep("100 millis")
      yield* say({ op: 4, d: { mode: Mock.mode, secret_key: Mock.key(1), dave_protocol_version: 0 } })
      yield* Effect.sleep("200 millis")
      yield* Scope.close(scope, Exit.void)
      const payloads: Array<Uint8Array> = []
      let packet = yield* Effect.timeoutOption(takeDatagram, "1 second")
      while (Option.isSome(packet)) {
        const found = Mock.opened(packet.value.slice(), next) ?? Mock.opened(packet.value.slice(), former)
        assert.isDefined(found)
        payloads.push(found.payload)
        packet = yield* Effect.timeoutOption(takeDatagram, "1 second")
      }
      assert.isTrue(payloads.slice(-5).every((payload) => OpusPacket.isSilence(payload)))
      assert.isFalse(OpusPacket.isSilence(payloads.at(-6) ?? new Uint8Array(0)))
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("continues without loss under a new key", () =>
    Rig.run(Effect.gen(function*() {
      const { connection, say, takeDatagram, udp } = yield* Mock.connect()
      const [former, next] = [yield* Mock.cipher(0), yield* Mock.cipher(1)]
      const packets = yield* listen(connection)
      yield* connection.attach(Mock.ringOf(frames))
      yield* Effect.sleep("200 millis")
      yield* udp.deliver(Mock.sealed(former, 9, 1, Uint8Array.of(0xfc, 1)))
      yield* say({ op: 4, d: { mode: Mock.mode, secret_key: Mock.key(1), dave_protocol_version: 0 } })
      yield* Effect.sleep("1 second")
      yield* udp.deliver(Mock.sealed(next, 9, 2, Uint8Array.of(0xfc, 2)))
      yield* udp.deliver(Mock.sealed(former, 9, 3, Uint8Array.of(0xfc, 3)))
      yield* Effect.sleep("1 millis")

      const sent: Array<{ readonly byFormer: boolean; readonly payload: Uint8Array; readonly sequence: number }> = []
      while (sent.length < frames.length) {
        const packet = yield* takeDatagram
        const byFormer = Mock.opened(packet.slice(), former)
        const byNext = Mock.opened(packet.slice(), next)
        assert.isTrue((byFormer === undefined) !== (byNext === undefined))
        const found = byFormer ?? byNext
        if (found !== undefined) sent.push({ ...found, byFormer: byFormer !== undefined })
      }
      assert.deepStrictEqual(sent.map(({ payload }) => payload), Rig.payloads(frames))
      const switched = sent.findIndex(({ byFormer }) => !byFormer)
      assert.isAtLeast(switched, 5)
      assert.isTrue(sent.slice(switched).every(({ byFormer }) => !byFormer))
      sent.forEach(({ sequence }, i) => {
        const before = sent[i - 1]
        if (before !== undefined) assert.strictEqual(RtpPacket.sequenceDelta(sequence, before.sequence), 1)
      })
      assert.deepStrictEqual(packets.map(({ payload }) => payload[1]), [1, 2])
      assert.strictEqual((yield* connection.statistics).failedToOpen, 1)
    })).pipe(Effect.provide(Mock.layer)))

  /** Keys take a millisecond to make. */
  const slowCrypto = Layer.effect(
    VoiceCrypto.VoiceCrypto,
    Effect.map(
      VoiceCrypto.VoiceCrypto,
      (crypto) =>
        VoiceCrypto.VoiceCrypto.of({ ...crypto, make: (...key) => Effect.delay(crypto.make(...key), "1 millis") })
    )
  ).pipe(Layer.provide(VoiceCrypto.layer))
  const slow = Mock.layerWith(slowCrypto)

  it.effect("uses the last of two keys that come at once", () =>
    Rig.run(Effect.gen(function*() {
      const { fiber, say, takeDatagram } = yield* Mock.describe()
      yield* say({ op: 4, d: { mode: Mock.mode, secret_key: Mock.key(1), dave_protocol_version: 0 } })
      const connection = yield* Fiber.join(fiber)
      yield* connection.attach(Mock.ringOf(frames))
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(
        Mock.opened((yield* takeDatagram).slice(), yield* Mock.cipher(1))?.payload,
        Rig.payloads(frames)[0]
      )
    })).pipe(Effect.provide(slow)))

  it.effect("ends for a reason that comes right after the Session Description, too", () =>
    Rig.run(Effect.gen(function*() {
      const { fiber, peer } = yield* Mock.describe()
      yield* peer.close(4014)
      const reason = yield* Rig.reasonOf(Effect.flatMap(Fiber.join(fiber), ({ awaitEnd }) => awaitEnd))
      assert.strictEqual(reason._tag, "Disconnected")
    })).pipe(Effect.provide(slow)))

  it.effect("continues to count nonces when the key it has is given again", () =>
    Rig.run(Effect.gen(function*() {
      const { connection, say, takeDatagram } = yield* Mock.connect()
      yield* connection.attach(Mock.ringOf(frames))
      yield* Effect.sleep("200 millis")
      yield* say({ op: 4, d: { mode: Mock.mode, secret_key: Mock.key(0), dave_protocol_version: 0 } })
      yield* Effect.sleep("1 second")
      // the counter is the last four bytes of a packet
      const counters: Array<number> = []
      while (counters.length < frames.length) {
        const packet = Buffer.from(yield* takeDatagram)
        counters.push(packet.readUInt32BE(packet.length - 4))
      }
      for (const [i, counter] of counters.entries()) assert.strictEqual(counter, ((counters[0] ?? 0) + i) >>> 0)
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("continues to count nonces when a later key is given again", () =>
    Rig.run(Effect.gen(function*() {
      const { connection, say, takeDatagram } = yield* Mock.connect()
      const again = say({ op: 4, d: { mode: Mock.mode, secret_key: Mock.key(1), dave_protocol_version: 0 } })
      yield* again
      yield* Effect.sleep("1 millis")
      yield* connection.attach(Mock.ringOf(frames))
      yield* Effect.sleep("200 millis")
      yield* again
      yield* Effect.sleep("1 second")
      const counters: Array<number> = []
      while (counters.length < frames.length) {
        const packet = Buffer.from(yield* takeDatagram)
        counters.push(packet.readUInt32BE(packet.length - 4))
      }
      for (const [i, counter] of counters.entries()) assert.strictEqual(counter, ((counters[0] ?? 0) + i) >>> 0)
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("seals and opens reports under the newest key, too", () =>
    Rig.run(Effect.gen(function*() {
      const { attach, command, events, say, udp } = yield* engine()
      const next = yield* Mock.cipher(1)
      yield* say({ op: 4, d: { mode: Mock.mode, secret_key: Mock.key(1), dave_protocol_version: 0 } })
      yield* Effect.sleep("1 millis")
      attach(longFrames)
      yield* Effect.sleep("8 seconds")
      const reports = yield* sentOf("rtcp", udp)
      assert.isAbove(reports.length, 0)
      for (const report of reports) {
        const length = next.open(report, 8, report.length)
        assert.isAbove(length, 0)
        assert.deepInclude(Result.getOrThrow(RtcpPacket.decode(report.subarray(0, length)))[0], {
          _tag: "SenderReport",
          ssrc: Mock.ssrc
        })
      }
      const plain = RtcpPacket.encode([{ _tag: "ReceiverReport", ssrc: 1, reports: [], extension: new Uint8Array(0) }])
      const buffer = new Uint8Array(plain.length + next.expansionBytes)
      buffer.set(plain)
      yield* udp.deliver(buffer.subarray(0, next.seal(buffer, 8, plain.length)))
      yield* Effect.sleep("1 millis")
      command({ _tag: "AskStatistics", request: 5 })
      const answer = events.at(-1)
      assert(answer?._tag === "Statistics")
      assert.strictEqual(answer.request, 5)
      assert.deepInclude(answer.value, { rtcpReceived: 1, rtcpFailedToOpen: 0, rtcpSent: reports.length })
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("releases a key when there is a newer one, and the last with the connection", () =>
    Effect.gen(function*() {
      const open: Array<number> = []
      let made = 0
      const counting = Layer.effect(
        VoiceCrypto.VoiceCrypto,
        Effect.map(VoiceCrypto.VoiceCrypto, (crypto) =>
          VoiceCrypto.VoiceCrypto.of({
            ...crypto,
            make: (...key) =>
              Effect.andThen(
                Effect.acquireRelease(
                  Effect.sync(() => {
                    open.push(++made)
                    return made
                  }),
                  (number) => Effect.sync(() => void open.splice(open.indexOf(number), 1))
                ),
                crypto.make(...key)
              )
          }))
      ).pipe(Layer.provide(VoiceCrypto.layer))
      yield* Rig.run(Effect.gen(function*() {
        const { say } = yield* engine()
        assert.deepStrictEqual(open, [1])
        for (const n of [1, 2]) {
          yield* say({ op: 4, d: { mode: Mock.mode, secret_key: Mock.key(n), dave_protocol_version: 0 } })
          yield* Effect.sleep("1 millis")
          assert.deepStrictEqual(open, [n + 1])
        }
      })).pipe(Effect.provide(Mock.layerWith(counting)))
      assert.deepStrictEqual(open, [])
    }))

  it.effect("tries five times to resume by default", () =>
    Rig.run(Effect.gen(function*() {
      const webSockets = yield* MockTransport.MockWebSockets
      for (const refusals of [4, 5]) {
        const { ends, peer } = yield* engine()
        for (let times = 0; times < refusals; times++) yield* webSockets.refuse("Refused")
        yield* peer.terminate
        yield* Effect.sleep("10 seconds")
        assert.strictEqual(yield* webSockets.waiting, refusals === 4 ? 1 : 0)
        assert.strictEqual(ends(), refusals === 4 ? 0 : 1)
        if (refusals === 4) yield* webSockets.accept
      }
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("stops sending, after silence, when it has ended, and reports its end once", () =>
    Rig.run(Effect.gen(function*() {
      const { attach, ends, peer, udp } = yield* engine()
      const cipher = yield* Mock.cipher(0)
      attach(longFrames.slice(0, 500))
      yield* Effect.sleep("200 millis")
      yield* peer.close(4014)
      yield* Effect.sleep("1 millis")
      assert.strictEqual(ends(), 1)
      const sent = (yield* sentOf("rtp", udp)).map((packet) => Mock.opened(packet, cipher)?.payload)
      const isSilence = sent.map((payload) => payload !== undefined && OpusPacket.isSilence(payload))
      assert.deepStrictEqual(isSilence.slice(-6), [false, true, true, true, true, true])
      yield* Effect.sleep("5 seconds")
      assert.deepStrictEqual(yield* sentOf("rtp", udp), [])
      assert.strictEqual(ends(), 1)
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("ends once, even if a second reason follows the first", () =>
    Rig.run(Effect.gen(function*() {
      const { attach, ends, events, peer } = yield* engine()
      attach(frames)
      yield* Effect.sleep("1 second")
      assert.strictEqual(ends(), 1, "its nonces are used up")
      yield* peer.close(4014)
      yield* Effect.sleep("1 second")
      assert.strictEqual(ends(), 1)
      const ended = events.find(({ _tag }) => _tag === "Ended")
      assert(ended?._tag === "Ended")
      assert.strictEqual(ended.error.reason._tag, "CryptoFailed")
    })).pipe(Effect.provide(Mock.layerWith(exhausting))))

  it.effect("reports no end when it is left, even if its last packets find no nonces", () =>
    Effect.gen(function*() {
      const [ends, sent, udp] = yield* Rig.run(Effect.gen(function*() {
        const { attach, ends, udp } = yield* engine()
        attach(frames)
        yield* Effect.sleep("120 millis")
        const sent = yield* sentOf("rtp", udp)
        return [ends, sent.length, udp] as const
      }))
      const closing = yield* sentOf("rtp", udp)
      assert.isBelow(closing.length, 5)
      assert.strictEqual(sent + closing.length, 7)
      assert.strictEqual(ends(), 0)
    }).pipe(Effect.provide(Mock.layerWith(exhausting))))

  it.effect("announces the speaking flags that it was given", () =>
    Rig.run(Effect.gen(function*() {
      const { take } = yield* engine({ speaking: 5 })
      assert.deepStrictEqual(yield* take, { op: 5, d: { speaking: 5, delay: 0, ssrc: Mock.ssrc } })
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("begins with random sequence numbers and timestamps", () =>
    Effect.gen(function*() {
      const sequences = new Set<number>()
      const timestamps = new Set<number>()
      for (let i = 0; i < 4; i++) {
        yield* Rig.run(Effect.gen(function*() {
          const { attach, takeDatagram } = yield* engine()
          const cipher = yield* Mock.cipher(0)
          attach(frames)
          const first = Mock.opened(yield* takeDatagram, cipher)
          assert.isDefined(first)
          sequences.add(first.sequence)
          timestamps.add(first.timestamp)
        })).pipe(Effect.provide(Layer.fresh(Mock.layer)))
      }
      assert.isAbove(sequences.size, 2)
      assert.isAbove(timestamps.size, 2)
    }))

  for (const reports of [undefined, "sender", "all"] as const) {
    it.effect(`reports on others ${reports === "all" ? "" : "not "}with reports: ${reports ?? "left out"}`, () =>
      Rig.run(Effect.gen(function*() {
        const { command, udp } = yield* engine(reports === undefined ? {} : { reports })
        const cipher = yield* Mock.cipher(0)
        command({ _tag: "Listen", on: true })
        for (let i = 0; i < 10; i++) {
          yield* udp.deliver(Mock.sealed(cipher, 9, i, Uint8Array.of(0xfc, i)))
          yield* Effect.sleep("900 millis")
        }
        assert.strictEqual((yield* sentOf("rtcp", udp)).length > 0, reports === "all")
      })).pipe(Effect.provide(Mock.layer)))
  }

  it.effect("sends a report after about 2.5 seconds, then every 5, with the wall-clock time", () => {
    const worldMs = Date.UTC(2026, 1, 3)
    const program = Effect.gen(function*() {
      const { attach, udp } = yield* engine()
      const cipher = yield* Mock.cipher(0)
      attach(longFrames)
      yield* Effect.sleep("9 seconds")
      const reports = yield* sentOf("rtcp", udp)
      return reports.map((report) => {
        const length = cipher.open(report, 8, report.length)
        const [packet] = Result.getOrThrow(RtcpPacket.decode(report.subarray(0, length)))
        assert(packet?._tag === "SenderReport")
        return Math.round(Rtcp.unixMsOf(packet.ntpTimestamp) - worldMs)
      })
    })
    // the random draw is the middle of each interval
    const middle = { nextDoubleUnsafe: () => 0.5, nextIntUnsafe: () => 0 }
    return Effect.gen(function*() {
      yield* TestClock.setTime(worldMs)
      assert.deepStrictEqual(yield* Rig.run(program), [2_500, 7_500])
    }).pipe(Effect.provide(Mock.layer), Effect.provideService(Random.Random, middle))
  })

  it.effect("names the user of each source in its statistics", () =>
    Rig.run(Effect.gen(function*() {
      const { command, events, udp } = yield* engine({}, [
        { op: 5, d: { user_id: guest, ssrc: Ssrc.make(9), speaking: 1 } }
      ])
      const cipher = yield* Mock.cipher(0)
      command({ _tag: "Listen", on: true })
      for (const from of [9, 10]) yield* udp.deliver(Mock.sealed(cipher, from, 1, Uint8Array.of(0xfc)))
      yield* Effect.sleep("1 millis")
      command({ _tag: "AskStatistics", request: 3 })
      const answer = events.at(-1)
      assert(answer?._tag === "Statistics")
      assert.deepStrictEqual(answer.value.sources.map(({ ssrc, userId }) => [Number(ssrc), userId]), [
        [9, guest],
        [10, undefined]
      ])
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("drops the source of an SSRC from its statistics when its user has left", () =>
    Rig.run(Effect.gen(function*() {
      const { command, events, say, udp } = yield* engine({}, [
        { op: 5, d: { user_id: guest, ssrc: Ssrc.make(9), speaking: 1 } }
      ])
      const cipher = yield* Mock.cipher(0)
      command({ _tag: "Listen", on: true })
      yield* udp.deliver(Mock.sealed(cipher, 9, 1, Uint8Array.of(0xfc)))
      yield* Effect.sleep("1 millis")
      yield* say({ op: 13, d: { user_id: guest } })
      yield* Effect.sleep("1 millis")
      command({ _tag: "AskStatistics", request: 3 })
      const answer = events.at(-1)
      assert(answer?._tag === "Statistics")
      assert.deepStrictEqual(answer.value.sources, [])
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("opens no group at a version without end-to-end encryption", () =>
    Rig.run(Effect.gen(function*() {
      const { events } = yield* engine({ version: 7 })
      assert.deepStrictEqual(events, [])
    })).pipe(
      Effect.provide(Mock.layerWith(
        VoiceCrypto.layer,
        Layer.succeed(Dave.Dave, { maxVersion: 1, open: () => Effect.die("nobody wants a group") })
      ))
    ))

  it.effect("answers each request for a verification code with its number", () =>
    Rig.run(Effect.gen(function*() {
      const { command, events } = yield* engine()
      for (const request of [41, 42]) command({ _tag: "AskVerificationCode", request, userId: guest })
      yield* Effect.sleep("1 millis")
      const answers = events.filter((event) => event._tag === "VerificationCode")
      assert.deepStrictEqual(answers.map(({ request }) => request), [41, 42])
      for (const { failure } of answers) assert.strictEqual(failure, "the call is not end-to-end encrypted")
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("sends nothing that has to be encrypted and cannot be yet, from the first packet on", () =>
    Rig.run(Effect.gen(function*() {
      const { attach, command, events, udp } = yield* engine({}, [{ op: 11, d: { user_ids: [guest] } }], 1)
      const ring = attach(frames)
      yield* Effect.sleep("1 second")
      // the audio waits, and is not consumed as if nobody had to hear it
      assert.deepStrictEqual(yield* sentOf("rtp", udp), [])
      assert.strictEqual(ring.framesRead(), 0)
      yield* Effect.sleep("10 seconds")
      assert.deepStrictEqual(yield* sentOf("rtp", udp), [])
      assert.strictEqual(ring.framesRead(), frames.length)
      command({ _tag: "AskStatistics", request: 1 })
      const answer = events.at(-1)
      assert(answer?._tag === "Statistics")
      assert.deepInclude(answer.value, { framesWithheld: frames.length, failedToEncrypt: 0 })
    })).pipe(Effect.provide(Mock.layerWith(VoiceCrypto.layer, MockDave.layer))))

  it.effect("encrypts even the first packet if the group came before anything could be sent", () =>
    Rig.run(Effect.gen(function*() {
      const bytes = Uint8Array.of(1, 2, 3)
      const connecting = Engine.connect(Mock.info, {}, () => {})
      const { fiber, peer, takeDatagram } = yield* Mock.describeTo(connecting, {}, [
        { op: 11, d: { user_ids: [guest] } }
      ], 1)
      for (
        const frame of [
          { op: 25, seq: 2, externalSender: bytes },
          { op: 27, seq: 3, operation: "append", payload: bytes },
          { op: 30, seq: 4, transitionId: 0, welcome: bytes }
        ] as const
      ) yield* peer.send(Result.getOrThrow(DaveFrame.encodeServer(frame)))
      const engine = yield* Fiber.join(fiber)
      const { buffer } = Mock.ringOf(frames)
      assert(buffer instanceof SharedArrayBuffer)
      engine.command({ _tag: "Attach", track: 1, ring: buffer, paused: false })
      const first = Mock.opened((yield* takeDatagram).slice(), yield* Mock.cipher(0))
      assert.deepStrictEqual(first?.payload, MockDave.protect(frames[0]?.data ?? assert.fail("a frame"), 1))
    })).pipe(Effect.provide(Mock.layerWith(slowCrypto, MockDave.layer))))

  it.effect("answers messages about a group while Identify is still on its way", () =>
    Rig.run(Effect.gen(function*() {
      const webSockets = yield* MockTransport.MockWebSockets
      yield* Effect.forkScoped(Engine.connect(Mock.info, {}, () => {}), { startImmediately: true })
      const peer = yield* webSockets.accept
      for (
        const message of [
          { op: 8, d: { v: 8, heartbeat_interval: 10_000 } },
          { op: 24, d: { epoch: 1, protocol_version: 1 }, seq: 1 }
        ] as const
      ) yield* peer.send(Result.getOrThrow(VoicePayload.encodeServer(8, message)))
      while (true) {
        const frame = yield* peer.take
        if (typeof frame === "string") continue
        assert.strictEqual(Result.getOrThrow(DaveFrame.decodeClient(frame)).op, 26)
        return
      }
    })).pipe(Effect.provide(Layer.provideMerge(slowIdentify, Mock.layerWith(VoiceCrypto.layer, MockDave.layer)))))

  it.effect("ends if the voice gateway demands an unknown version of encryption", () =>
    Rig.run(Effect.gen(function*() {
      const { events, say } = yield* engine({}, [], 1)
      yield* say({ op: 24, d: { epoch: 1, protocol_version: 2 } })
      yield* Effect.sleep("1 millis")
      assert.deepStrictEqual(endedBy(events), [["E2eeFailed", "Version"]])
    })).pipe(Effect.provide(Mock.layerWith(VoiceCrypto.layer, MockDave.layer))))

  it.effect("ends if its group is lost with the thread that keeps it", () => {
    const lost: Array<(error: VoiceError.VoiceError) => void> = []
    const dave = Layer.effect(
      Dave.Dave,
      Effect.map(Dave.Dave, (dave): Dave.Dave["Service"] => ({
        ...dave,
        open: (options) => {
          if (options.onLost !== undefined) lost.push(options.onLost)
          return dave.open(options)
        }
      }))
    ).pipe(Layer.provide(MockDave.layer))
    return Rig.run(Effect.gen(function*() {
      const { events } = yield* engine({}, [], 1)
      const error = VoiceError.make(new VoiceError.E2eeFailed({ kind: "Thread", detail: "its thread has ended" }))
      for (const tell of lost) tell(error)
      assert.deepStrictEqual(endedBy(events), [["E2eeFailed", "Thread"]])
    })).pipe(Effect.provide(Mock.layerWith(VoiceCrypto.layer, dave)))
  })

  it.effect("ends if a new key comes with another mode", () =>
    Rig.run(Effect.gen(function*() {
      const { connection, say } = yield* Mock.connect()
      yield* say({ op: 4, d: { mode: "aead_xchacha20_poly1305_rtpsize", secret_key: Mock.key(1) } })
      const reason = yield* Rig.reasonOf(connection.awaitEnd)
      assert.strictEqual(reason._tag, "ProtocolViolated")
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("gives packets without a user until their sender is named, and follows changes", () =>
    Rig.run(Effect.gen(function*() {
      const { connection, say, udp } = yield* Mock.connect()
      const cipher = yield* Mock.cipher(0)
      const packets = yield* listen(connection)
      let sequence = 0
      const hear = Effect.fnUntraced(function*(from: number) {
        yield* udp.deliver(Mock.sealed(cipher, from, ++sequence, Uint8Array.of(0xfc, sequence)))
        yield* Effect.sleep("1 millis")
        return packets.at(-1)
      })
      assert.isFalse(Object.hasOwn((yield* hear(9)) ?? {}, "userId"))
      // the flags may be missing
      yield* say({ op: 5, d: { user_id: guest, ssrc: Ssrc.make(9) } })
      yield* Effect.sleep("1 millis")
      assert.strictEqual((yield* hear(9))?.userId, guest)
      // after a rejoin under another SSRC, the former one belongs to nobody, and packets in transit go to no one else
      yield* say({ op: 12, d: { user_id: guest, audio_ssrc: Ssrc.make(10), video_ssrc: Ssrc.make(0), streams: [] } })
      yield* Effect.sleep("1 millis")
      assert.strictEqual((yield* hear(10))?.userId, guest)
      yield* hear(9)
      yield* say({ op: 13, d: { user_id: guest } })
      yield* Effect.sleep("1 millis")
      yield* hear(10)
      assert.strictEqual(packets.length, sequence - 2)
      assert.strictEqual((yield* connection.statistics).afterLeaving, 2)
      yield* Effect.sleep("1 second")
      assert.isUndefined((yield* hear(10))?.userId)
      assert.strictEqual(packets.length, sequence - 2)
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("remembers users who were introduced before the Session Description", () =>
    Rig.run(Effect.gen(function*() {
      const other = UserId.make("32")
      const { connection, udp } = yield* Mock.connect({}, [
        { op: 5, d: { user_id: guest, ssrc: Ssrc.make(9), speaking: 1 } },
        { op: 12, d: { user_id: other, audio_ssrc: Ssrc.make(10), video_ssrc: Ssrc.make(11), streams: [] } }
      ])
      const cipher = yield* Mock.cipher(0)
      const packets = yield* listen(connection)
      yield* udp.deliver(Mock.sealed(cipher, 9, 1, Uint8Array.of(0xfc)))
      yield* udp.deliver(Mock.sealed(cipher, 10, 1, Uint8Array.of(0xfc)))
      yield* Effect.sleep("1 millis")
      assert.deepStrictEqual(packets.map(({ userId }) => userId), [guest, other])
      assert.sameMembers([...connection.members()], [guest, other])
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("reports what ops 12, 18 and 20 say about clients, also before anyone observes", () =>
    Rig.run(Effect.gen(function*() {
      const other = UserId.make("32")
      const { connection, say } = yield* Mock.connect({}, [
        { op: 18, d: { user_id: other, flags: 2 } },
        { op: 20, d: { user_id: other, platform: 1 } }
      ])
      assert.deepStrictEqual([...connection.clients], [[other, { flags: 2, platform: 1 }]])
      const told: Array<VoiceDriver.Happening> = []
      yield* connection.observe({ onEvent: (event) => told.push(event), onOver: () => {} })
      const video = { user_id: other, audio_ssrc: Ssrc.make(0), streams: [] }
      yield* say({ op: 12, d: { ...video, video_ssrc: Ssrc.make(11) } })
      yield* say({ op: 12, d: { ...video, video_ssrc: Ssrc.make(0) } })
      yield* say({ op: 18, d: { user_id: other, flags: null } })
      yield* say({ op: 20, d: { user_id: other, platform: null } })
      // these say nothing
      yield* say({ op: 12, d: video })
      yield* say({ op: 18, d: { user_id: other } })
      yield* say({ op: 20, d: { user_id: other } })
      yield* Effect.sleep("1 millis")
      assert.deepStrictEqual(told, [
        { _tag: "Described", userId: other, video: true },
        { _tag: "Described", userId: other, video: false },
        { _tag: "Described", userId: other, flags: null },
        { _tag: "Described", userId: other, platform: null }
      ])
      assert.deepStrictEqual([...connection.clients], [[other, { video: false }]])
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("delays the first packet so that Speaking has a lead", () =>
    Rig.run(Effect.gen(function*() {
      // so that the lead does not come from the grid of the beat by chance
      yield* Effect.sleep("10 millis")
      const { connection, takeDatagram } = yield* Mock.connect()
      yield* connection.attach(Mock.ringOf(frames))
      const [, elapsedMs] = yield* Rig.timed(takeDatagram)
      assert.isAtLeast(elapsedMs, 20)
      assert.isAtMost(elapsedMs, 40)
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("counts datagrams that are not audio or cannot be opened", () =>
    Rig.run(Effect.gen(function*() {
      const { connection, udp } = yield* Mock.connect()
      const cipher = yield* Mock.cipher(0)
      const stranger = yield* Mock.cipher(5)
      yield* udp.deliver(Mock.sealed(cipher, 9, 1, Uint8Array.of(0xfc)))
      const packets = yield* listen(connection)
      yield* udp.deliver(Mock.sealed(stranger, 9, 2, Uint8Array.of(0xfc)))
      yield* udp.deliver(Mock.sealed(cipher, 9, 3, Uint8Array.of(0xfc), 105))
      yield* udp.deliver(Mock.sealed(cipher, 9, 4, new Uint8Array(0)))
      yield* udp.deliver(Mock.sealed(cipher, 9, 5, Uint8Array.of(0xfc)).subarray(0, 13))
      yield* udp.deliver(new Uint8Array(3))
      yield* udp.deliver(Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0))
      yield* Effect.sleep("1 millis")
      const {
        empty,
        failedToOpen,
        otherMedia,
        packetsOpened,
        packetsReceived,
        rtcpReceived,
        unheard,
        unknownDatagrams
      } = yield* connection.statistics
      assert.deepStrictEqual(
        { empty, failedToOpen, otherMedia, packetsOpened, packetsReceived, rtcpReceived, unheard, unknownDatagrams },
        {
          empty: 1,
          failedToOpen: 2,
          otherMedia: 1,
          packetsOpened: 0,
          packetsReceived: 5,
          rtcpReceived: 1,
          unheard: 1,
          unknownDatagrams: 1
        }
      )
      assert.deepStrictEqual(packets, [])
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("holds a bounded number of packets for a slow reader, and counts the dropped ones", () =>
    Rig.run(Effect.gen(function*() {
      const { connection, udp } = yield* Mock.connect({ receiveCapacity: 10 })
      const cipher = yield* Mock.cipher(0)
      const fiber = yield* connection.packets.pipe(
        Stream.mapEffect((packet) => Effect.as(Effect.sleep("1 second"), packet.sequence)),
        Stream.take(5),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* Effect.yieldNow
      for (let i = 0; i < 100; i++) yield* udp.deliver(Mock.sealed(cipher, 9, i, Uint8Array.of(0xfc, i)))
      const sequences = yield* Fiber.join(fiber)
      assert.isAtLeast(connection.packetsDropped(), 80)
      assert.isAtMost(connection.packetsDropped(), 90)
      // the last packets it gets are the newest
      assert.isAtLeast(sequences.at(-1) ?? 0, 90)
      assert.deepStrictEqual(sequences, sequences.toSorted((a, b) => a - b))
    })).pipe(Effect.provide(Mock.layer)))

  it.effect("closes with 1000 when its scope closes, after five frames of silence", () =>
    Effect.gen(function*() {
      const [peer, udp] = yield* Rig.run(Effect.gen(function*() {
        const { connection, peer, udp } = yield* Mock.connect()
        yield* connection.attach(Mock.ringOf(frames))
        yield* Effect.sleep("200 millis")
        return [peer, udp] as const
      }))
      assert.strictEqual((yield* peer.closed).code, 1000)
      yield* udp.closed
      const cipher = yield* Mock.cipher(0)
      const sent: Array<Uint8Array | undefined> = []
      while ((yield* udp.waiting) > 0) sent.push(Mock.opened(yield* udp.take, cipher)?.payload)
      assert.deepStrictEqual(sent.slice(-5), Array.from({ length: 5 }, () => Rig.silence))
      assert.deepStrictEqual(sent.at(-6), frames[sent.filter((payload) => payload !== undefined).length - 6]?.data)
    }).pipe(Effect.provide(Mock.layer)))

  it.effect("ends with CryptoFailed when the nonces of its key are used up", () =>
    Rig.run(Effect.gen(function*() {
      const { connection } = yield* Mock.connect()
      yield* connection.attach(Mock.ringOf(frames))
      const reason = yield* Rig.reasonOf(connection.awaitEnd)
      assert(reason._tag === "CryptoFailed")
      assert.strictEqual(reason.mode, Mock.mode)
    })).pipe(Effect.provide(Mock.layerWith(exhausting))))
})
