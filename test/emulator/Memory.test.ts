import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Queue, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Emulator from "../../src/emulator/Emulator.ts"
import { DatagramTransport, WebSocketTransport } from "../../src/Transport.ts"
import * as Foreign from "./ForeignClient.ts"
import { enter, foreignVisit } from "./scenario.ts"

/** The emulator together with its transports. */
const memory = (options?: Emulator.MemoryOptions) =>
  Layer.unwrap(Emulator.Emulator.useSync(({ transport }) => transport)).pipe(
    Layer.provideMerge(Emulator.layerMemory({ profile: Foreign.profile, ...options }))
  )

const gatewayUrl = Emulator.Emulator.useSync(({ urls }) => `${urls.gateway}/?v=10&encoding=json`)

const connect = Effect.flatMap(gatewayUrl, (url) => WebSocketTransport.use((transport) => transport.connect(url)))

const voiceUdp = Emulator.Emulator.useSync(({ urls }) => urls.voice[0]?.udp ?? { address: "", port: 0 })

const request = (ssrc: number) => {
  const bytes = Buffer.alloc(74)
  bytes.writeUInt16BE(1, 0)
  bytes.writeUInt16BE(70, 2)
  bytes.writeUInt32BE(ssrc, 4)
  return bytes
}

/** Runs a program while two virtual seconds pass. */
const inTwoSeconds = Effect.fnUntraced(function*<A, E, R>(
  program: (wire: Foreign.Wire) => Effect.Effect<A, E, R>
) {
  const fiber = yield* Effect.forkScoped(program(yield* Foreign.transportWire), { startImmediately: true })
  yield* Emulator.Emulator.use((discord) => discord.settle)
  yield* TestClock.adjust("2 seconds")
  return yield* Fiber.join(fiber)
})

const visit = inTwoSeconds(foreignVisit)

describe("Memory", () => {
  it.effect("carries a foreign client on virtual time", () =>
    Effect.gen(function*() {
      const { discord, server, voice } = yield* visit
      assert.strictEqual(server.endpoint, "ws://voice-1.emulator")
      assert.strictEqual(discord.urls.gateway, "ws://gateway.emulator")
      assert.match(voice.local.address, /^10\.1\./)
      assert.deepStrictEqual(yield* discord.violations, [])
      assert.deepStrictEqual(yield* discord.advice, [])
    }).pipe(Effect.provide(memory())))

  it.effect("carries a foreign client over a slow network", () =>
    Effect.gen(function*() {
      const { heard, received } = yield* visit
      assert.isTrue(heard.every(({ sequence }, index) => index === 0 || sequence === (heard[0]?.sequence ?? 0) + index))
      assert.isAtLeast((received[0]?.arrivalMs ?? 0) - 0, 12 * 30)
    }).pipe(Effect.provide(memory({ network: { latencyMs: 30, jitterMs: 10 } }))))

  it.effect("writes endpoints as Discord does when TLS is requested", () =>
    Effect.gen(function*() {
      const { server } = yield* visit
      assert.strictEqual(server.endpoint, "voice-1.emulator:443")
    }).pipe(Effect.provide(memory({ tls: true }))))

  it.effect("produces the same run for the same seed, and a different run for another seed", () =>
    Effect.gen(function*() {
      const run = (seed: number) =>
        visit.pipe(
          Effect.map(({ channel, guild, heard, main, received, server, voice }) => ({
            channel,
            guild,
            heard,
            key: voice.key,
            received,
            server,
            ssrc: voice.ssrc,
            user: main.userId
          })),
          Effect.scoped,
          Effect.provide(memory({ seed, network: { latencyMs: 5, jitterMs: 20 } }), { local: true }),
          // Arrival times come from the clock, which has to start from zero again.
          Effect.provide(TestClock.layer(), { local: true })
        )
      const [first, again, other] = [yield* run(7), yield* run(7), yield* run(8)]
      assert.deepStrictEqual(first, again)
      assert.notDeepEqual(first.key, other.key)
      assert.notStrictEqual(first.server.token, other.server.token)
      assert.notDeepEqual(
        first.received.map(({ arrivalMs }) => arrivalMs - (first.received[0]?.arrivalMs ?? 0)),
        other.received.map(({ arrivalMs }) => arrivalMs - (other.received[0]?.arrivalMs ?? 0))
      )
    }))

  it.effect("refuses addresses that a real transport could not open", () =>
    Effect.gen(function*() {
      const transport = yield* WebSocketTransport
      const open = (url: string) =>
        Effect.map(Effect.flip(transport.connect(url)), ({ kind, status }) => [kind, status])
      const [nobody, noUrl, http, tls, noVersion] = yield* Effect.all([
        open("ws://voice-9.emulator/?v=8"),
        open("voice-1.emulator"),
        open("http://voice-1.emulator"),
        open("wss://voice-1.emulator/?v=8"),
        open("ws://voice-1.emulator")
      ])
      assert.deepStrictEqual(nobody, ["Refused", undefined])
      assert.deepStrictEqual(noUrl, ["InvalidUrl", undefined])
      assert.deepStrictEqual(http, ["InvalidUrl", undefined])
      assert.deepStrictEqual(tls, ["Tls", undefined])
      assert.deepStrictEqual(noVersion, ["Rejected", 400])
      const secret = yield* Effect.flip(transport.connect("ws://nobody.emulator/?token=secret"))
      assert.notInclude(secret.message, "secret")
      const datagrams = yield* DatagramTransport
      const noAddress = yield* Effect.flip(datagrams.connect({ address: "voice-1.emulator", port: 50_001 }))
      assert.strictEqual(noAddress._tag, "DatagramError")
      const noPort = yield* Effect.flip(datagrams.connect({ address: "10.0.0.1", port: 0 }))
      assert.strictEqual(noPort._tag, "DatagramError")
    }).pipe(Effect.scoped, Effect.provide(memory())))

  it.effect("gives up opening a connection after the time limit", () =>
    Effect.gen(function*() {
      const url = yield* gatewayUrl
      const transport = yield* WebSocketTransport
      const slow = yield* transport.connect(url, { openTimeout: "5 seconds" }).pipe(
        Effect.flip,
        Effect.forkScoped({ startImmediately: true })
      )
      const patient = yield* Effect.forkScoped(transport.connect(url), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(slow)).kind, "TimedOut")
      yield* TestClock.adjust("2 seconds")
      const connection = yield* Fiber.join(patient)
      assert.match(String(yield* Queue.take(connection.frames)), /"op":10/)
    }).pipe(Effect.scoped, Effect.provide(memory({ network: { latencyMs: 3000 } }))))

  it.effect("ends the frames with the server's close code, and then refuses to send", () =>
    Effect.gen(function*() {
      const connection = yield* connect
      yield* Queue.take(connection.frames)
      yield* connection.send("{")
      const closed = yield* Effect.flip(Queue.take(connection.frames))
      assert.deepInclude(closed, { _tag: "WebSocketClosed", code: 4002 })
      assert.deepStrictEqual(yield* Effect.flip(connection.send("late")), closed)
      yield* connection.close(1000, "")
      yield* connection.terminate
      assert.deepStrictEqual(yield* Effect.flip(Queue.take(connection.frames)), closed)
    }).pipe(Effect.scoped, Effect.provide(memory())))

  it.effect("answers a close with the same code, after delivering what was sent before it", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const token = Redacted.value((yield* discord.user("bot")).token)
      const connection = yield* connect
      yield* Queue.take(connection.frames)
      yield* connection.send(JSON.stringify({
        op: 2,
        d: { token, intents: 129, properties: { os: "", browser: "", device: "" } }
      }))
      yield* connection.close(4000, "resume me")
      yield* connection.close(1000, "no")
      const late = yield* Effect.forkScoped(Effect.flip(connection.send("late")), { startImmediately: true })
      yield* discord.settle
      const frames: Array<unknown> = []
      const closed = yield* Effect.flip(
        Effect.forever(Effect.map(Queue.take(connection.frames), (frame) => frames.push(frame)))
      )
      assert.match(String(frames[0]), /READY/)
      assert.deepInclude(closed, { code: 4000, reason: "resume me" })
      assert.deepStrictEqual(yield* Fiber.join(late), closed)
      const [session] = (yield* discord.snapshot).gatewaySessions
      assert.strictEqual(session?.connected, false)
    }).pipe(Effect.scoped, Effect.provide(memory())))

  it.effect("drops the connection when its scope closes", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const wire = yield* Foreign.transportWire
      const token = Redacted.value((yield* discord.user("bot")).token)
      const scope = yield* Scope.make()
      yield* Scope.provide(Foreign.login(wire, discord.urls.gateway, token), scope)
      assert.deepStrictEqual((yield* discord.snapshot).gatewaySessions.map(({ connected }) => connected), [true])
      yield* Scope.close(scope, Exit.void)
      yield* discord.settle
      assert.deepStrictEqual((yield* discord.snapshot).gatewaySessions.map(({ connected }) => connected), [false])
    }).pipe(Effect.provide(memory())))

  it.effect("closes with 1009 when a message is too large for the client", () =>
    Effect.gen(function*() {
      const url = yield* gatewayUrl
      const connection = yield* WebSocketTransport.use((transport) => transport.connect(url, { maxPayloadBytes: 4 }))
      const closed = yield* Effect.flip(Queue.take(connection.frames))
      assert.strictEqual(closed.code, 1009)
    }).pipe(Effect.scoped, Effect.provide(memory())))

  it.effect("ends every connection when the emulator's scope closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(memory(), scope)
      const connection = yield* Effect.provide(connect, context)
      yield* Queue.take(connection.frames)
      const udp = yield* voiceUdp.pipe(
        Effect.flatMap((remote) => DatagramTransport.use((transport) => transport.connect(remote))),
        Effect.provide(context)
      )
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Effect.flip(Queue.take(connection.frames))).code, 1006)
      assert.strictEqual((yield* Effect.flip(connection.send("late"))).code, 1006)
      udp.send(request(1), 74)
      const again = yield* Effect.flip(Effect.provide(connect, context))
      assert.strictEqual(again._tag === "WebSocketOpenError" ? again.kind : "", "Refused")
    }))

  it.effect("applies the latency in each direction, and delivers nothing earlier", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkScoped(connect, { startImmediately: true })
      yield* TestClock.adjust("499 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const connection = yield* Fiber.join(fiber)
      assert.strictEqual(Queue.sizeUnsafe(connection.frames), 1)
    }).pipe(Effect.scoped, Effect.provide(memory({ network: { latencyMs: 250 } }))))

  it.effect("closes the connection of a client without heartbeats on virtual time", () =>
    Effect.gen(function*() {
      const connection = yield* connect
      yield* Queue.take(connection.frames)
      yield* TestClock.adjust("5 minutes")
      const closed = yield* Effect.flip(Effect.forever(Queue.take(connection.frames)))
      assert.strictEqual(closed.code, 4009)
    }).pipe(Effect.scoped, Effect.provide(memory())))

  it.effect("copies sent datagrams, and never answers within the call", () =>
    Effect.gen(function*() {
      const { discord, voice } = yield* inTwoSeconds(enter)
      const datagrams = yield* DatagramTransport
      const remote = yield* voiceUdp
      const socket = yield* datagrams.connect(remote)
      const answers: Array<Uint8Array> = []
      socket.onDatagram((datagram) => answers.push(datagram))
      const bytes = request(voice.ssrc)
      socket.send(bytes, 74)
      bytes.fill(0)
      assert.deepStrictEqual(answers, [])
      yield* discord.settle
      assert.strictEqual(answers.length, 1)
      assert.strictEqual(Buffer.from(answers[0] ?? []).readUInt32BE(4), voice.ssrc)
      assert.deepStrictEqual(socket.statistics(), { sent: 1, sendErrors: 0, received: 1, socketErrors: 0 })
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.provide(memory())))

  it.effect("sends no datagram after the socket's scope has closed", () =>
    Effect.gen(function*() {
      const remote = yield* voiceUdp
      const socket = yield* Effect.scoped(DatagramTransport.use((transport) => transport.connect(remote)))
      socket.send(request(1), 74)
      assert.deepStrictEqual(socket.statistics(), { sent: 0, sendErrors: 1, received: 0, socketErrors: 0 })
    }).pipe(Effect.provide(memory())))

  describe("datagrams", () => {
    /** Sends numbered keepalives that a 2022 server echoes, and returns the order in which the echoes come back. */
    const echoes = (network: Emulator.NetworkOptions, seed = 1) =>
      Effect.gen(function*() {
        const { voice } = yield* inTwoSeconds(enter)
        const seen: Array<number> = []
        for (let index = 0; index < 100; index++) {
          const bytes = Buffer.from([0x13, 0x37, 0xca, 0xfe, 0, 0, 0, index])
          voice.udp.send(bytes)
          yield* TestClock.adjust("20 millis")
        }
        yield* TestClock.adjust("1 second")
        for (let exit = Queue.takeUnsafe(voice.udp.incoming); exit !== undefined;) {
          if (Exit.isSuccess(exit) && exit.value.length === 8) seen.push(Buffer.from(exit.value).readUInt32BE(4))
          exit = Queue.takeUnsafe(voice.udp.incoming)
        }
        return seen
      }).pipe(Effect.scoped, Effect.provide(memory({ network, seed }), { local: true }))

    const inOrder = Array.from({ length: 100 }, (_, index) => index)

    it.effect("arrive once and in order", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* echoes({}), inOrder)
        assert.deepStrictEqual(yield* echoes({ latencyMs: 10, jitterMs: 100 }), inOrder)
      }))

    it.effect("are duplicated when the network says so", () =>
      Effect.gen(function*() {
        const seen = yield* echoes({ duplicate: 1 })
        assert.deepStrictEqual(seen, inOrder.flatMap((index) => [index, index, index, index]))
      }))

    it.effect("are reordered in a way that the seed decides", () =>
      Effect.gen(function*() {
        const reordered = yield* echoes({ reorder: 0.1 })
        assert.deepStrictEqual(reordered.toSorted((a, b) => a - b), inOrder)
        assert.notDeepEqual(reordered, inOrder)
        assert.deepStrictEqual(yield* echoes({ reorder: 0.1 }), reordered)
        assert.notDeepEqual(yield* echoes({ reorder: 0.1 }, 2), reordered)
      }))
  })

  it.effect("loses every datagram when told to, without the sender noticing", () =>
    Effect.gen(function*() {
      const remote = yield* voiceUdp
      const socket = yield* DatagramTransport.use((transport) => transport.connect(remote))
      socket.onDatagram(() => assert.fail("arrived"))
      socket.send(request(1), 74)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(socket.statistics(), { sent: 1, sendErrors: 0, received: 0, socketErrors: 0 })
    }).pipe(Effect.scoped, Effect.provide(memory({ network: { loss: 1 } }))))
})
