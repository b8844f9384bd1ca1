/**
 * Replaces one part of the driver: a `VoiceUdp` that counts the media datagrams in both directions. The driver gets it
 * in two ways: over `Voice.layer`, and in a voice layer that is put together by hand. Runs against the emulator; no
 * token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Fiber, Layer, Stream } from "effect"
import {
  AudioClock,
  AudioSource,
  Dave,
  Mixer,
  OpusDecoder,
  OpusEncoder,
  Transport,
  Voice,
  VoiceCrypto,
  VoiceDriver,
  VoiceSession,
  VoiceSocket,
  VoiceUdp
} from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const counts = { sent: 0, received: 0 }

/** Wraps a socket. The functions that are called in the beat must not throw. */
const counted = (socket: VoiceUdp.Socket): VoiceUdp.Socket => ({
  discover: socket.discover,
  media: {
    send: (packet, length, isAsked) => {
      counts.sent++
      return socket.media.send(packet, length, isAsked)
    },
    prefetch: socket.media.prefetch === undefined ? undefined : (step) => socket.media.prefetch?.(step) ?? 0
  },
  sendReport: (packet, length) => socket.sendReport(packet, length),
  onMedia: (handler) =>
    socket.onMedia((kind, datagram) => {
      counts.received++
      handler(kind, datagram)
    }),
  keepAlive: () => socket.keepAlive(),
  ping: () => socket.ping(),
  statistics: () => socket.statistics()
})

/** Wraps another `VoiceUdp`: the layer requires one, and provides one. */
const CountedUdp = Layer.effect(
  VoiceUdp.VoiceUdp,
  Effect.map(
    VoiceUdp.VoiceUdp,
    ({ open }) => VoiceUdp.VoiceUdp.of({ open: (options) => Effect.map(open(options), counted) })
  )
)

/** A driver with our `VoiceUdp`, and with the other parts of `Voice.layer` unchanged. */
const OverVoice = VoiceDriver.layer.pipe(
  Layer.provide(CountedUdp),
  Layer.provideMerge(Voice.layer)
)

/** The parts of `Voice.layer`, from top to bottom. */
const ByHand = VoiceDriver.layer.pipe(
  Layer.provide(CountedUdp),
  Layer.provideMerge([
    VoiceSocket.layer,
    VoiceUdp.layer,
    VoiceCrypto.layer,
    Dave.layerThread,
    Mixer.layerThread,
    OpusEncoder.layer,
    OpusDecoder.layer
  ]),
  Layer.provide(Transport.layer),
  Layer.provideMerge(AudioClock.layer)
)

const talk = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, isReady: Effect.Effect<void, unknown>) {
  const session = yield* VoiceSession.join(where)
  // wait for the connection, however long it takes on a busy machine
  yield* isReady
  const hearing = yield* session.packets.pipe(Stream.take(25), Stream.runDrain, Effect.forkScoped)
  const track = yield* session.play(AudioSource.fromPcm(tone.pcm(1), { channels: 2, rate: 48_000 }))
  yield* track.awaitEnd
  yield* Fiber.join(hearing)
  return yield* session.statistics
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const speech = yield* Effect.provide(tone.frames(1), OpusEncoder.layer)
  for (const [name, voice] of Object.entries({ "over Voice.layer": OverVoice, "by hand": ByHand })) {
    Object.assign(counts, { sent: 0, received: 0 })
    const guest = yield* discord.join({ user: `guest ${name}`, channel: "lobby" })
    yield* Effect.forkScoped(Effect.andThen(guest.awaitFrames(1), guest.speak(speech)))
    const bot = discord.layerGateway(`bot ${name}`)
    const { packetsSent } = yield* talk(where, guest.awaitHeardBy(`bot ${name}`)).pipe(
      Effect.provide(Layer.merge(bot, voice))
    )
    yield* Effect.log(`${name}: ${counts.sent} datagrams sent, ${counts.received} received`)
    assert.ok(counts.sent >= packetsSent && packetsSent >= 50, "a second in frames of 20 ms")
    assert.ok(counts.received >= 25)
    yield* guest.leave
  }
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
