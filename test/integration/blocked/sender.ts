/**
 * A bot in its own process that plays forever, with a gateway that accepts everything. It notes what only the sender
 * can know, and blocks its event loop on command.
 */
import { Effect, Layer } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as AudioClock from "../../../src/AudioClock.ts"
import { ChannelId, GuildId, UserId } from "../../../src/protocol/Identifier.ts"
import * as MockGateway from "../../../src/testing/MockGateway.ts"
import * as Transport from "../../../src/Transport.ts"
import * as Voice from "../../../src/Voice.ts"
import * as VoiceSession from "../../../src/VoiceSession.ts"
import { args, fail, onTold, tell } from "../../interop/script.ts"
import { type Blocked, type Log, now } from "./messages.ts"

const { endpoint } = args<{ readonly endpoint: string }>()

const held: Array<readonly [number, number]> = []
const beats: Array<{ readonly atMs: number; readonly packets: number }> = []
let packets = 0
let calledAtMs = 0

const Clock = Layer.effect(
  AudioClock.AudioClock,
  Effect.map(AudioClock.AudioClock, (clock) =>
    AudioClock.AudioClock.of({
      ...clock,
      register: (sender) =>
        clock.register({
          onDue: (nowMs) => {
            calledAtMs = nowMs
            return sender.onDue(nowMs)
          }
        })
    }))
).pipe(Layer.provide(AudioClock.layer))

const Datagrams = Layer.effect(
  Transport.DatagramTransport,
  Effect.map(Transport.DatagramTransport, (transport) =>
    Transport.DatagramTransport.of({
      connect: (remote) =>
        Effect.map(transport.connect(remote), (socket) => ({
          ...socket,
          send: (packet, length) => {
            const left = socket.send(packet, length)
            // IP discovery and keepalives have a different first byte
            if (packet[0] === 0x80 || packet[0] === 0x90) {
              packets++
              const ms = performance.now() - calledAtMs
              if (ms >= 1) held.push([((packet[2] ?? 0) << 8) | (packet[3] ?? 0), ms])
            }
            return left
          }
        }))
    }))
).pipe(Layer.provide(Transport.layer))

const WebSockets = Layer.effect(
  Transport.WebSocketTransport,
  Effect.map(Transport.WebSocketTransport, (transport) =>
    Transport.WebSocketTransport.of({
      connect: (url, options) =>
        Effect.map(transport.connect(url, options), (connection) => ({
          ...connection,
          send: (frame) => {
            if (typeof frame === "string" && JSON.parse(frame).op === 3) beats.push({ atMs: now(), packets })
            return connection.send(frame)
          }
        }))
    }))
).pipe(Layer.provide(Transport.layer))

const packet = { data: new Uint8Array(160).fill(0xfc), samples: 960 }

const endless: Iterable<AudioSource.OpusFrame> = {
  [Symbol.iterator]: () => ({ next: () => ({ done: false, value: packet }) })
}

const userId = UserId.make("400000000000000001")

const program = Effect.gen(function*() {
  const session = yield* VoiceSession.join({
    guildId: GuildId.make("200000000000000001"),
    channelId: ChannelId.make("300000000000000001")
  })
  yield* session.play(AudioSource.fromFrames(endless))
  return yield* session.awaitClosed
})

// A packet that is a frame late is given a new due time, less than a frame away. If the process stalls again before
// then, both stalls count as one.
const tickMs = 5
const frameMs = 20
let longestStallMs = 0
let lastMs = now()
let sinceMs = lastMs
let calmMs = 0
setInterval(() => {
  const atMs = now()
  const stallMs = atMs - lastMs
  if (stallMs >= frameMs - tickMs) {
    if (calmMs >= 2 * frameMs) sinceMs = lastMs
    calmMs = 0
  } else calmMs += stallMs
  longestStallMs = Math.max(longestStallMs, calmMs === 0 ? atMs - sinceMs : stallMs)
  lastMs = atMs
}, tickMs)

onTold((command) => {
  switch (command._tag) {
    case "Block": {
      const fromMs = now()
      const untilMs = fromMs + Number(command["ms"])
      while (now() < untilMs);
      const blocked: Blocked = { _tag: "Blocked", fromMs, untilMs }
      return tell({ ...blocked })
    }
    case "Log": {
      const log: Log = { _tag: "Log", held, beats, longestStallMs }
      return tell({ ...log })
    }
  }
})

Effect.runPromise(
  Effect.scoped(program).pipe(
    Effect.provide([
      Voice.layerNoDeps.pipe(Layer.provideMerge(Layer.mergeAll(Clock, Datagrams, WebSockets))),
      MockGateway.layer({
        userId,
        answer: MockGateway.answerWith({ userId, sessionId: "session", token: "token", endpoint })
      })
    ])
  )
).catch(fail)
