import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random, Stream } from "effect"
import * as Dgram from "node:dgram"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as Rig from "./rig.ts"

/** Open sockets and running timers of this process. */
const handles = (which = /TCP|UDP|TLS|Timeout|Immediate/) =>
  process.getActiveResourcesInfo().filter((name) => which.test(name)).toSorted()

/** Sockets only: the emulator has timers that come and go. */
const sockets = () => handles(/TCP|UDP|TLS/)

const openSocket = Effect.acquireRelease(
  Effect.callback<Dgram.Socket>((resume) => {
    const socket = Dgram.createSocket("udp4")
    socket.bind(0, "127.0.0.1", () => resume(Effect.succeed(socket)))
  }),
  (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
)

const send = (socket: Dgram.Socket, bytes: Uint8Array, port: number) =>
  Effect.callback<void>((resume) => socket.send(bytes, port, "127.0.0.1", () => resume(Effect.void)))

/** Random bytes of all lengths that fit, half of them looking like RTP at first sight. */
const garbage = Effect.gen(function*() {
  const length = yield* Random.nextIntBetween(0, 1_472)
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = yield* Random.nextIntBetween(0, 255)
  if (length > 1 && (yield* Random.nextBoolean)) {
    bytes[0] = 0x80 | (yield* Random.nextIntBetween(0, 63))
    bytes[1] = (yield* Random.nextBoolean) ? 120 : 200
  }
  return bytes
})

const flood = Effect.fnUntraced(function*(socket: Dgram.Socket, port: number, count: number) {
  // made once and sent often: making them is not what is tested
  const datagrams = yield* Effect.replicateEffect(garbage, 250).pipe(Random.withSeed("flood"))
  for (let i = 0; i < count; i++) yield* send(socket, datagrams[i % datagrams.length] ?? new Uint8Array(0), port)
})

/**
 * A socket between the bot and the voice server that can send as the voice server: Ready names it, and it forwards
 * everything.
 */
const between = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const socket = yield* openSocket
  const servers = new Set(discord.urls.voice.map(({ udp }) => udp.port))
  const { port } = socket.address()
  let server = 0
  let client = 0
  socket.on("message", (bytes, from) => {
    if (servers.has(from.port)) socket.send(bytes, client, "127.0.0.1")
    else {
      client = from.port
      socket.send(bytes, server, "127.0.0.1")
    }
  })
  yield* discord.faults.add(({ frame, op, point }) => {
    if (point !== "voice-out" || op !== 2 || typeof frame !== "string") return undefined
    const ready = JSON.parse(frame)
    server = ready.d.port
    return { _tag: "Replace", frame: JSON.stringify({ ...ready, d: { ...ready.d, port } }) }
  })
  return { socket, client: () => client }
})

const playsTo = Effect.fnUntraced(function*(connection: VoiceDriver.VoiceConnection, seed: number) {
  const guest = yield* Rig.guest("lobby", `guest ${seed}`)
  yield* Rig.encrypted(connection, guest.userId)
  yield* connection.attach(Rig.ringOf(Rig.frames(20, seed)))
  const heard = yield* guest.awaitFrames(20)
  assert.deepStrictEqual(heard.map(({ payload }) => payload), Rig.payloads(Rig.frames(20, seed)))
}, Effect.scoped)

describe("a bot over loopback", () => {
  it.live("plays for a second, listens and leaves without leaving sockets or timers open", () =>
    Effect.gen(function*() {
      const before = handles()
      yield* Effect.gen(function*() {
        yield* Rig.visit
        yield* Rig.settled(Rig.left)
        yield* Effect.scoped(Effect.gen(function*() {
          const guest = yield* Rig.guest("lobby", "another")
          const session = yield* Rig.join("lobby")
          yield* Rig.encrypted(session, guest.userId)
          const track = yield* session.play(Rig.source(50, 7))
          assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
          const heard = yield* guest.awaitFrames(50)
          assert.deepStrictEqual(heard.map(({ payload }) => payload), Rig.payloads(Rig.frames(50, 7)))
        }))
        yield* Rig.settled(Rig.left)
        yield* Rig.blamelessAtAnyTime
      }).pipe(Effect.scoped, Effect.provide(Rig.loopback(), { local: true }))
      yield* Rig.settled(Effect.sync(() => assert.deepStrictEqual(handles(), before)))
    }))

  it.live("releases all of its sockets while the emulator keeps running", () =>
    Effect.gen(function*() {
      const before = sockets()
      yield* Effect.gen(function*() {
        const session = yield* Rig.join("lobby")
        yield* session.play(Rig.source(500))
        yield* Effect.sleep("100 millis")
      }).pipe(Effect.scoped, Effect.provide(Rig.bot, { local: true }))
      yield* Rig.settled(Rig.left)
      yield* Rig.settled(Effect.sync(() => assert.deepStrictEqual(sockets(), before)))
    }).pipe(Effect.provide(Rig.floor())))

  it.live("makes a visit over TLS, with endpoints written as Discord writes them", () =>
    Rig.visit.pipe(Effect.scoped, Effect.provide(Rig.loopback({ tls: true }))))

  it.live("survives ten thousand datagrams from a stranger", () =>
    Effect.gen(function*() {
      const driver = yield* VoiceDriver.VoiceDriver
      const connection = yield* driver.connect(yield* Rig.grant("lobby"))
      yield* Effect.forkScoped(Stream.runDrain(connection.packets), { startImmediately: true })
      const stranger = yield* openSocket
      yield* flood(stranger, connection.established.port, 10_000)
      yield* playsTo(connection, 1)
      // the socket is connected to the voice server, so the system keeps strangers out
      const { failedToOpen, packetsReceived, unknownDatagrams } = yield* connection.statistics
      assert.deepStrictEqual([failedToOpen, packetsReceived, unknownDatagrams], [0, 0, 0])
      yield* Rig.blamelessAtAnyTime
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback())))

  it.live("survives ten thousand datagrams from the voice server's own address, and counts them", () =>
    Effect.gen(function*() {
      const middle = yield* between
      const driver = yield* VoiceDriver.VoiceDriver
      const connection = yield* driver.connect(yield* Rig.grant("lobby"))
      const heard: Array<VoiceDriver.AudioPacket> = []
      yield* connection.packets.pipe(
        Stream.runForEach((packet) => Effect.sync(() => heard.push(packet))),
        Effect.forkScoped({ startImmediately: true })
      )
      const playing = yield* Effect.forkChild(playsTo(connection, 1), { startImmediately: true })
      yield* flood(middle.socket, middle.client(), 10_000)
      yield* Fiber.join(playing)
      yield* playsTo(connection, 2)
      const { badPadding, failedToOpen, malformed, otherMedia, packetsReceived, rtcpReceived, unknownDatagrams } =
        yield* connection.statistics
      assert.isAbove(failedToOpen, 100)
      assert.isAbove(otherMedia, 0)
      assert.isAbove(rtcpReceived, 100)
      assert.isAbove(unknownDatagrams, 100)
      assert.strictEqual(packetsReceived, badPadding + failedToOpen + malformed + otherMedia)
      assert.deepStrictEqual(heard, [])
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback())))

  it.live("is heard to its closing silence even if more datagrams come before it than are read at once", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const stranger = yield* openSocket
      const port = discord.urls.voice[0]?.udp.port ?? assert.fail("no voice server")
      yield* Effect.callback<void>((resume) => stranger.connect(port, "127.0.0.1", () => resume(Effect.void)))
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* Rig.join("lobby")
        yield* session.play(Rig.source(500))
        yield* guest.awaitFrames(20)
        for (let i = 0; i < 300; i++) stranger.send(Uint8Array.of(1))
      }))
      assert.deepStrictEqual(
        (yield* guest.heard).slice(-6).map(({ silence }) => silence),
        [false, true, true, true, true, true]
      )
      yield* Rig.blamelessAtAnyTime
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback())))

  it.live("resumes when its WebSocket is cut, and loses nothing of what plays", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session, guest.userId)
      const track = yield* session.play(Rig.source(100))
      yield* guest.awaitFrames(20)
      yield* discord.faults.terminateVoice("bot")
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.strictEqual((yield* session.statistics).resumes, 1)
      const heard = yield* guest.awaitFrames(100)
      assert.deepStrictEqual(heard.map(({ payload }) => payload), Rig.payloads(Rig.frames(100)))
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback())))
})
