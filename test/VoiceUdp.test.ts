import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import * as Dgram from "node:dgram"
import * as Datagram from "../src/protocol/Datagram.ts"
import { Ssrc } from "../src/protocol/Identifier.ts"
import * as IpDiscovery from "../src/protocol/IpDiscovery.ts"
import * as MockTransport from "../src/testing/MockTransport.ts"
import * as Transport from "../src/Transport.ts"
import * as VoiceUdp from "../src/VoiceUdp.ts"

const TestLayer = VoiceUdp.layer.pipe(Layer.provideMerge(MockTransport.layerDatagram))

const ssrc = Ssrc.make(0x1122_3344)
const server = { address: "203.0.113.5", port: 50_001 }

const open = Effect.flatMap(VoiceUdp.VoiceUdp, (udp) => udp.open({ ...server, ssrc }))

const pairWith = Effect.fnUntraced(function*(silence: "lost" | "ignored" | undefined) {
  const network = yield* MockTransport.MockDatagrams
  const udp = yield* VoiceUdp.VoiceUdp
  const socket = yield* udp.open({ ...server, ssrc, silence })
  return { socket, peer: yield* network.accept, network }
})

const pair = pairWith(undefined)

const response = (options: Partial<IpDiscovery.Response> = {}) =>
  IpDiscovery.encodeResponse({ ssrc, address: "198.51.100.7", port: 40_000, ...options })

/** The next discovery request, past the pings. */
const takeRequest = (peer: MockTransport.DatagramPeer): Effect.Effect<Uint8Array> =>
  Effect.filterOrElse(
    peer.take,
    (datagram) => Datagram.classify(datagram) === "discovery",
    () => takeRequest(peer)
  )

/** Everything that was sent and not taken: discovery requests and pings. */
const takeAll = Effect.fnUntraced(function*(peer: MockTransport.DatagramPeer) {
  const kinds: Array<Datagram.Kind> = []
  while ((yield* peer.waiting) > 0) kinds.push(Datagram.classify(yield* peer.take))
  return {
    requests: kinds.filter((kind) => kind === "discovery").length,
    pings: kinds.filter((kind) => kind === "ping").length
  }
})

const discover = (socket: VoiceUdp.Socket) => Effect.forkChild(socket.discover, { startImmediately: true })

describe("VoiceUdp", () => {
  it.effect("opens a socket to the address from Ready, or reports why not", () =>
    Effect.gen(function*() {
      const { network, peer } = yield* pair
      assert.deepStrictEqual(peer.remote, { ...server })
      yield* network.refuse
      const { reason } = yield* Effect.flip(open)
      assert(reason._tag === "UdpFailed")
      assert.strictEqual(reason.port, server.port)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("discovers its own address with a 74-byte request", () =>
    Effect.gen(function*() {
      const { peer, socket } = yield* pair
      const fiber = yield* discover(socket)
      const request = Result.getOrThrow(IpDiscovery.decodeRequest(yield* takeRequest(peer), "74"))
      assert.deepStrictEqual(request, { form: "74", ssrc, zeroed: true })
      yield* peer.deliver(response())
      assert.deepStrictEqual(yield* Fiber.join(fiber), { address: "198.51.100.7", port: 40_000 })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("asks again each second, and accepts an answer to the third request", () =>
    Effect.gen(function*() {
      const { peer, socket } = yield* pair
      const fiber = yield* discover(socket)
      assert.strictEqual((yield* takeAll(peer)).requests, 1)
      yield* TestClock.adjust("999 millis")
      assert.strictEqual((yield* takeAll(peer)).requests, 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* takeAll(peer)).requests, 1)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual((yield* takeAll(peer)).requests, 1)
      yield* peer.deliver(response())
      assert.strictEqual((yield* Fiber.join(fiber)).port, 40_000)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* takeAll(peer)).requests, 0)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("ignores answers for another SSRC, of a wrong shape, requests, media and noise", () =>
    Effect.gen(function*() {
      const { peer, socket } = yield* pair
      const fiber = yield* discover(socket)
      yield* peer.deliver(response({ ssrc: 1 }))
      const truncated = response()
      yield* peer.deliver(truncated.subarray(0, 73))
      const noLength = response()
      noLength[3] = 69
      yield* peer.deliver(noLength)
      const noAddress = response()
      noAddress.fill(0, 8, 72)
      yield* peer.deliver(noAddress)
      yield* peer.deliver(IpDiscovery.encodeRequest(ssrc))
      yield* peer.deliver(IpDiscovery.encodeResponse({ ssrc, address: "198.51.100.7", port: 1 }, "70"))
      yield* peer.deliver(Uint8Array.of(1, 2, 3))
      yield* Effect.yieldNow
      assert.isUndefined(fiber.pollUnsafe())
      assert.strictEqual(socket.statistics().unknown, 7)
      yield* peer.deliver(response())
      assert.strictEqual((yield* Fiber.join(fiber)).address, "198.51.100.7")
      // Duplicates of the answer are no longer expected.
      yield* peer.deliver(response())
      assert.strictEqual(socket.statistics().unknown, 8)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("gives up after ten seconds if all ten requests stay unanswered", () =>
    Effect.gen(function*() {
      const { peer, socket } = yield* pair
      const fiber = yield* discover(socket)
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      assert.strictEqual((yield* takeAll(peer)).requests, 10)
      yield* TestClock.adjust("1 millis")
      const { reason } = yield* Effect.flip(Fiber.join(fiber))
      assert(reason._tag === "DiscoveryUnanswered")
      assert.deepStrictEqual(
        { ...server, tries: 10, elapsedMs: 10_000 },
        { address: reason.address, port: reason.port, tries: reason.tries, elapsedMs: reason.elapsedMs }
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* takeAll(peer)).requests, 0)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("can discover again, and twice at the same time", () =>
    Effect.gen(function*() {
      const { peer, socket } = yield* pair
      const first = yield* discover(socket)
      const second = yield* discover(socket)
      yield* peer.deliver(response())
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      const third = yield* discover(socket)
      yield* peer.deliver(response({ port: 41_000 }))
      assert.strictEqual((yield* Fiber.join(third)).port, 41_000)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("pings whenever it is kept alive, and at no other time", () =>
    Effect.gen(function*() {
      const { peer, socket } = yield* pair
      const fiber = yield* discover(socket)
      yield* peer.deliver(response())
      yield* Fiber.join(fiber)
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual((yield* takeAll(peer)).pings, 0)
      for (let i = 0; i < 14; i++) assert.isUndefined(socket.keepAlive())
      assert.strictEqual((yield* takeAll(peer)).pings, 14)
      assert.strictEqual(socket.statistics().keepalives, 14)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("asks whether a ping could be sent", () =>
    Effect.gen(function*() {
      const asked: Array<boolean> = []
      const transport = yield* Transport.DatagramTransport
      const udp = yield* VoiceUdp.VoiceUdp.pipe(Effect.provide(
        Layer.fresh(VoiceUdp.layer).pipe(Layer.provide(Layer.succeed(Transport.DatagramTransport, {
          connect: (remote) =>
            Effect.map(transport.connect(remote), (socket): Transport.DatagramSocket => ({
              ...socket,
              send: (packet, length, isAsked = false) => {
                asked.push(isAsked)
                return socket.send(packet, length, isAsked)
              }
            }))
        })))
      ))
      const socket = yield* udp.open({ ...server, ssrc })
      socket.keepAlive()
      assert.deepStrictEqual(asked, [true])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("sends pings and reports on its own socket when packets take another path", () =>
    Effect.gen(function*() {
      const { peer, socket } = yield* pair
      const { media } = socket
      const sent: Array<number> = []
      Object.assign(socket, {
        media: {
          send: (packet: Uint8Array, length: number) => {
            sent.push(length)
            return media.send(packet, length)
          }
        }
      })
      assert.isUndefined(socket.keepAlive())
      socket.media.send(Uint8Array.of(0x80, 0x78, 0, 0), 4)
      socket.sendReport(Uint8Array.of(0x80, 200, 0, 0), 4)
      assert.deepStrictEqual(sent, [4])
      assert.strictEqual(socket.statistics().sent, 3)
      assert.strictEqual(yield* peer.waiting, 3)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("measures the round trip of a ping, and counts strange replies as unknown", () =>
    Effect.gen(function*() {
      const { peer, socket } = yield* pair
      socket.keepAlive()
      const ping = Result.getOrThrow(Datagram.decodePing(yield* peer.take))
      assert.isUndefined(socket.statistics().roundTripMs)
      yield* TestClock.adjust("37 millis")
      yield* peer.deliver(Datagram.encodePong(ping))
      assert.deepInclude(socket.statistics(), { pongs: 1, roundTripMs: 37, unknown: 0 })
      yield* peer.deliver(Datagram.encodePong(ping))
      yield* peer.deliver(Datagram.encodePong(4_000_000))
      yield* peer.deliver(Datagram.encodePing(ping))
      assert.deepInclude(socket.statistics(), { pongs: 1, roundTripMs: 37, unknown: 3 })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("forgets pings that get no reply", () =>
    Effect.gen(function*() {
      const { peer, socket } = yield* pair
      socket.keepAlive()
      const first = yield* peer.take
      for (let i = 0; i < 16; i++) socket.keepAlive()
      yield* peer.deliver(Datagram.encodePong(Result.getOrThrow(Datagram.decodePing(first))))
      yield* peer.deliver(Datagram.encodePong(1))
      assert.deepInclude(socket.statistics(), { pongs: 1, unknown: 1 })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("hands media to the handler, and counts media that comes without one", () =>
    Effect.gen(function*() {
      const { peer, socket } = yield* pair
      const rtp = new Uint8Array(40)
      rtp.set([0x80, 0x78])
      const rtcp = new Uint8Array(40)
      rtcp.set([0x80, 200])
      yield* peer.deliver(rtp)
      const heard: Array<readonly [string, Uint8Array]> = []
      socket.onMedia((kind, datagram) => heard.push([kind, datagram]))
      yield* peer.deliver(rtp)
      yield* peer.deliver(rtcp)
      assert.deepStrictEqual(heard, [["rtp", rtp], ["rtcp", rtcp]])
      const buffer = Uint8Array.of(1, 2, 3, 4)
      socket.media.send(buffer, 3)
      buffer.fill(0)
      assert.deepStrictEqual(yield* peer.take, Uint8Array.of(1, 2, 3))
      assert.deepInclude(socket.statistics(), { sent: 1, sendErrors: 0, received: 3, dropped: 1, unknown: 0 })
    }).pipe(Effect.provide(TestLayer)))

  describe("detecting a dead socket", () => {
    /** A socket that is kept alive, and why it was lost, if it was. */
    const watchedWith = Effect.fnUntraced(function*(silence: "lost" | "ignored" | undefined) {
      const { peer, socket } = yield* pairWith(silence)
      const discovering = yield* discover(socket)
      yield* peer.deliver(response())
      yield* Fiber.join(discovering)
      const lost = Effect.gen(function*() {
        while (true) {
          const error = socket.keepAlive()
          if (error !== undefined) return error
          yield* Effect.sleep(VoiceUdp.keepaliveMs)
        }
      })
      const fiber = yield* Effect.forkChild(lost, { startImmediately: true })
      yield* TestClock.adjust("1 millis")
      const sign = Effect.gen(function*() {
        if (fiber.pollUnsafe() === undefined) return undefined
        const { reason } = yield* Fiber.join(fiber)
        assert(reason._tag === "UdpLost")
        assert.deepInclude(reason, server)
        return reason.sign
      })
      const pong = Effect.gen(function*() {
        while ((yield* peer.waiting) > 0) {
          const ping = Datagram.decodePing(yield* peer.take)
          if (Result.isSuccess(ping)) yield* peer.deliver(Datagram.encodePong(ping.success))
        }
      })
      return { peer, socket, sign, pong }
    })
    const watched = watchedWith(undefined)
    const speak = (socket: VoiceUdp.Socket, packets: number) =>
      Effect.sync(() => {
        for (let i = 0; i < packets; i++) socket.media.send(new Uint8Array(12), 12)
      })
    const report = Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0)

    it.effect("does not report a socket that was silent from the start", () =>
      Effect.gen(function*() {
        const { sign, socket } = yield* watched
        for (let i = 0; i < 100; i++) {
          yield* speak(socket, 250)
          yield* TestClock.adjust("5 seconds")
        }
        assert.isUndefined(yield* sign)
      }).pipe(Effect.provide(TestLayer)))

    it.effect("reports a socket that has lost its address", () =>
      Effect.gen(function*() {
        const { peer, sign } = yield* watched
        yield* peer.loseAddress
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* sign, "address-gone")
      }).pipe(Effect.provide(TestLayer)))

    it.effect("reports a socket that could send nothing for ten seconds, and not for less", () =>
      Effect.gen(function*() {
        const { peer, sign } = yield* watched
        yield* peer.setSending(false)
        yield* TestClock.adjust("5 seconds")
        yield* peer.setSending(true)
        yield* TestClock.adjust("5 seconds")
        yield* peer.setSending(false)
        yield* TestClock.adjust("5 seconds")
        assert.isUndefined(yield* sign)
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* sign, "send-errors")
      }).pipe(Effect.provide(TestLayer)))

    it.effect("reports a socket whose pings are no longer answered", () =>
      Effect.gen(function*() {
        const { pong, sign } = yield* watched
        for (let i = 0; i < 10; i++) {
          yield* pong
          yield* TestClock.adjust("5 seconds")
        }
        // three unanswered pings are not a sign yet
        yield* TestClock.adjust("15 seconds")
        yield* pong
        yield* TestClock.adjust("20 seconds")
        assert.isUndefined(yield* sign)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* sign, "no-replies")
      }).pipe(Effect.provide(TestLayer)))

    it.effect("with silence ignored, reports failed sends but not missing answers", () =>
      Effect.gen(function*() {
        const { peer, pong, sign } = yield* watchedWith("ignored")
        for (let i = 0; i < 10; i++) {
          yield* pong
          yield* TestClock.adjust("5 seconds")
        }
        yield* TestClock.adjust("5 minutes")
        assert.isUndefined(yield* sign)
        yield* peer.setSending(false)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* sign, "send-errors")
      }).pipe(Effect.provide(TestLayer)))

    it.effect("is not confused by extra pings, any number of them at once", () =>
      Effect.gen(function*() {
        const { peer, pong, sign, socket } = yield* watched
        yield* pong
        for (let i = 0; i < 3; i++) {
          for (let ping = 0; ping < 10; ping++) socket.ping()
          yield* TestClock.adjust("5 seconds")
        }
        assert.isUndefined(yield* sign)
        assert.strictEqual(socket.statistics().keepalives, 34)
        yield* pong
        yield* peer.setSending(false)
        yield* TestClock.adjust("5 seconds")
        for (let ping = 0; ping < 10; ping++) socket.ping()
        assert.isUndefined(yield* sign)
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* sign, "send-errors")
      }).pipe(Effect.provide(TestLayer)))

    it.effect("reports a socket that no longer gets reports about what it sends", () =>
      Effect.gen(function*() {
        const { peer, sign, socket } = yield* watched
        for (let i = 0; i < 5; i++) {
          yield* speak(socket, 250)
          yield* peer.deliver(report)
          yield* TestClock.adjust("5 seconds")
        }
        // while it is silent, nothing is reported, however long that takes; nobody reports on our own reports either
        for (let i = 0; i < 2_000; i++) socket.sendReport(new Uint8Array(28), 28)
        yield* TestClock.adjust("3 hours")
        assert.isUndefined(yield* sign)
        // frames of 120 ms, and at times nothing to send
        for (const packets of [42, 42, 5, 42, 42, 0, 42, 42]) {
          yield* speak(socket, packets)
          yield* TestClock.adjust("5 seconds")
        }
        assert.isUndefined(yield* sign)
        yield* speak(socket, 42)
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* sign, "no-replies")
      }).pipe(Effect.provide(TestLayer)))

    it.effect("does not report a socket while answers of one kind still come", () =>
      Effect.gen(function*() {
        const { peer, pong, sign, socket } = yield* watched
        const speakOn = (answer: Effect.Effect<void>, looks: number) =>
          Effect.gen(function*() {
            for (let i = 0; i < looks; i++) {
              yield* speak(socket, 250)
              yield* answer
              yield* TestClock.adjust("5 seconds")
            }
          })
        // pings first: they are subtracted from what was sent
        yield* speakOn(Effect.andThen(pong, peer.deliver(report)), 5)
        yield* speakOn(pong, 100)
        assert.isUndefined(yield* sign)
        yield* speakOn(peer.deliver(report), 100)
        assert.isUndefined(yield* sign)
        yield* speakOn(Effect.void, 6)
        assert.strictEqual(yield* sign, "no-replies")
      }).pipe(Effect.provide(TestLayer)))

    it.effect("does not report a socket that sends nothing but pings", () =>
      Effect.gen(function*() {
        const { peer, sign, socket } = yield* watched
        yield* peer.deliver(report)
        yield* peer.deliver(report)
        for (let i = 0; i < 20; i++) {
          for (let ping = 0; ping < 20; ping++) socket.ping()
          yield* TestClock.adjust("5 seconds")
        }
        assert.isUndefined(yield* sign)
      }).pipe(Effect.provide(TestLayer)))

    it.effect("counts only receiver reports, whatever other RTCP comes or stops", () =>
      Effect.gen(function*() {
        const { peer, sign, socket } = yield* watched
        const senderReport = Uint8Array.from(report, (byte, i) => i === 1 ? 200 : byte)
        for (let i = 0; i < 5; i++) yield* peer.deliver(senderReport)
        for (let n = 0; n < 20; n++) yield* Effect.andThen(speak(socket, 250), TestClock.adjust("5 seconds"))
        assert.isUndefined(yield* sign)
        yield* peer.deliver(report)
        yield* peer.deliver(report)
        for (let n = 0; n < 7; n++) {
          assert.isUndefined(yield* sign)
          yield* peer.deliver(senderReport)
          yield* Effect.andThen(speak(socket, 250), TestClock.adjust("5 seconds"))
        }
        assert.strictEqual(yield* sign, "no-replies")
      }).pipe(Effect.provide(TestLayer)))

    it.effect("does not report a socket while some of its packets can be sent", () =>
      Effect.gen(function*() {
        const { peer, sign, socket } = yield* watched
        for (let i = 0; i < 10; i++) {
          yield* peer.setSending(false)
          yield* speak(socket, 100)
          yield* peer.setSending(true)
          yield* TestClock.adjust("5 seconds")
        }
        assert.strictEqual(socket.statistics().sendErrors, 1_000)
        assert.isUndefined(yield* sign)
      }).pipe(Effect.provide(TestLayer)))

    it.effect("does not report a socket that got a report only once", () =>
      Effect.gen(function*() {
        const { peer, sign, socket } = yield* watched
        yield* peer.deliver(report)
        for (let n = 0; n < 100; n++) yield* Effect.andThen(speak(socket, 250), TestClock.adjust("5 seconds"))
        assert.isUndefined(yield* sign)
      }).pipe(Effect.provide(TestLayer)))

    for (
      const [name, gaps, patience] of [
        ["the longest time between two counts", [0, 4, 1, 1], 20],
        ["the time until the first does not", [40, 1], 6]
      ] as const
    ) {
      it.effect(`derives its patience from earlier reports: ${name}`, () =>
        Effect.gen(function*() {
          const { peer, sign, socket } = yield* watched
          const look = Effect.andThen(speak(socket, 250), TestClock.adjust("5 seconds"))
          for (const gap of gaps) {
            for (let n = 0; n < gap; n++) yield* look
            yield* peer.deliver(report)
          }
          for (let n = 0; n < patience; n++) yield* look
          assert.isUndefined(yield* sign)
          yield* look
          assert.strictEqual(yield* sign, "no-replies")
        }).pipe(Effect.provide(TestLayer)))
    }

    it.effect("waits for as long as earlier reports were apart", () =>
      Effect.gen(function*() {
        const { peer, sign, socket } = yield* watched
        const look = Effect.andThen(speak(socket, 250), TestClock.adjust("5 seconds"))
        for (let i = 0; i < 3; i++) {
          for (let n = 0; n < 4; n++) yield* look
          yield* peer.deliver(report)
        }
        for (let n = 0; n < 20; n++) yield* look
        assert.isUndefined(yield* sign)
        yield* look
        assert.strictEqual(yield* sign, "no-replies")
      }).pipe(Effect.provide(TestLayer)))
  })

  it.live("discovers and pings over loopback", () =>
    Effect.gen(function*() {
      const echo = yield* Effect.acquireRelease(
        Effect.callback<Dgram.Socket>((resume) => {
          const socket = Dgram.createSocket("udp4")
          socket.bind(0, "127.0.0.1", () => resume(Effect.succeed(socket)))
        }),
        (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
      )
      const pinged = yield* Deferred.make<void>()
      let requests = 0
      echo.on("message", (bytes, from) => {
        const ping = Datagram.decodePing(bytes)
        if (Result.isSuccess(ping)) {
          echo.send(Datagram.encodePong(ping.success), from.port, from.address)
          Deferred.doneUnsafe(pinged, Exit.void)
        }
        // The first request is lost.
        if (Datagram.classify(bytes) === "discovery" && ++requests > 1) {
          echo.send(IpDiscovery.encodeResponse({ ssrc, address: from.address, port: from.port }), from.port)
        }
      })
      const udp = yield* VoiceUdp.VoiceUdp
      const socket = yield* udp.open({ address: "127.0.0.1", port: echo.address().port, ssrc })
      socket.keepAlive()
      const { address } = yield* socket.discover
      assert.strictEqual(address, "127.0.0.1")
      yield* Deferred.await(pinged)
      const statistics = socket.statistics()
      assert.strictEqual(statistics.pongs, 1)
      assert.isAbove(statistics.roundTripMs ?? 0, 0)
      assert.strictEqual(statistics.sent, 3)
    }).pipe(Effect.provide(VoiceUdp.layer.pipe(Layer.provide(Transport.layer)))))
})
