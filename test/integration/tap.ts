import { Clock, Effect, Exit, Layer, Option } from "effect"
import type * as AudioClock from "../../src/AudioClock.ts"
import * as Dave from "../../src/Dave.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as Mixer from "../../src/Mixer.ts"
import * as RtpPacket from "../../src/protocol/RtpPacket.ts"
import * as Transport from "../../src/Transport.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import * as VoiceSocket from "../../src/VoiceSocket.ts"
import * as VoiceUdp from "../../src/VoiceUdp.ts"

/** A message that a bot sent to a voice gateway. `socket` counts its voice WebSockets, from 1. */
export interface Sent {
  readonly socket: number
  readonly atMs: number
  readonly op: number
  readonly d: Readonly<Record<string, unknown>>
}

/** The RTP header of a packet that a bot sent. */
export interface SentPacket {
  readonly atMs: number
  readonly ssrc: number
  readonly sequence: number
  readonly timestamp: number
  readonly bytes: number
}

/** What a bot does on its transports, seen from below: before any fault, and whether anybody receives it or not. */
export interface Tap {
  readonly sent: Array<Sent>
  readonly packets: Array<SentPacket>
  /** Close codes of voice WebSockets that were closed by the other side. */
  readonly codes: Map<number, number>
  /** How many voice WebSockets are open, and the most that were open at once. */
  readonly voice: { open: number; most: number; made: number }
  /** The same for UDP sockets. */
  readonly datagram: { open: number; most: number }
  readonly gateway: { open: number; most: number }
  /** The bot's layers on these transports. */
  readonly layer: Layer.Layer<
    Gateway.Gateway | VoiceDriver.VoiceDriver,
    VoiceError,
    AudioClock.AudioClock | Emulator.Emulator
  >
}

const counted = (counter: { open: number; most: number }) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      counter.most = Math.max(counter.most, ++counter.open)
    }),
    () => Effect.sync(() => counter.open--)
  )

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const messageOf = (frame: Transport.Frame): Pick<Sent, "op" | "d"> | undefined => {
  if (typeof frame !== "string") return undefined
  const value: unknown = JSON.parse(frame)
  if (!isRecord(value) || typeof value["op"] !== "number") return undefined
  return { op: value["op"], d: isRecord(value["d"]) ? value["d"] : {} }
}

const gatewayHost = "gateway.emulator"

/** Returns a function for the milliseconds since this moment. */
const elapsed = Effect.map(Clock.Clock, (clock) => {
  const startedAt = clock.monotonicTimeNanosUnsafe()
  return () => Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1_000_000
})

/** Taps the transports of the bot with this name. */
export const make = (user = "bot"): Tap => {
  const sent: Array<Sent> = []
  const packets: Array<SentPacket> = []
  const codes = new Map<number, number>()
  const voice = { open: 0, most: 0, made: 0 }
  const datagram = { open: 0, most: 0 }
  const gateway = { open: 0, most: 0 }
  const header = RtpPacket.makeHeader()

  const webSocketTransport = Layer.effect(
    Transport.WebSocketTransport,
    Effect.gen(function*() {
      const transport = yield* Transport.WebSocketTransport
      const nowMs = yield* elapsed
      return {
        connect: Effect.fnUntraced(function*(url: string, options?: Transport.WebSocketOptions) {
          if (URL.canParse(url) && new URL(url).host === gatewayHost) {
            yield* counted(gateway)
            return yield* transport.connect(url, options)
          }
          yield* counted(voice)
          const socket = ++voice.made
          const connection = yield* transport.connect(url, options)
          let left = false
          // a socket that has ended is released at once: a fiber that waits for its code would be too late
          yield* Effect.addFinalizer(() =>
            Effect.sync(() => {
              const { state } = connection.frames
              if (state._tag === "Open" || left) return
              const closed = Exit.findErrorOption(state.exit)
              if (Option.isSome(closed)) codes.set(socket, closed.value.code)
            })
          )
          return {
            ...connection,
            send: (frame: Transport.Frame) => {
              const message = messageOf(frame)
              if (message !== undefined) sent.push({ socket, atMs: nowMs(), ...message })
              return connection.send(frame)
            },
            close: (code: number, reason: string) =>
              Effect.suspend(() => {
                left = true
                return connection.close(code, reason)
              })
          }
        })
      }
    })
  )

  const datagramTransport = Layer.effect(
    Transport.DatagramTransport,
    Effect.gen(function*() {
      const transport = yield* Transport.DatagramTransport
      const nowMs = yield* elapsed
      return {
        connect: Effect.fnUntraced(function*(remote: { readonly address: string; readonly port: number }) {
          yield* counted(datagram)
          const socket = yield* transport.connect(remote)
          return {
            ...socket,
            send: (packet: Uint8Array, length: number) => {
              if (
                length > RtpPacket.fixedHeaderBytes && packet[0] === RtpPacket.versionBits &&
                packet[1] === RtpPacket.payloadTypeOpus
              ) {
                RtpPacket.readHeader(packet, length, header)
                const { sequence, ssrc, timestamp } = header
                packets.push({ atMs: nowMs(), ssrc, sequence, timestamp, bytes: length })
              }
              return socket.send(packet, length)
            }
          }
        })
      }
    })
  )

  const layer = Layer.unwrap(Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    const { token } = yield* Effect.orDie(discord.user(user))
    const transports = Layer.merge(webSocketTransport, datagramTransport).pipe(Layer.provide(discord.transport))
    return VoiceDriver.layer.pipe(
      Layer.provide(Layer.mergeAll(VoiceSocket.layer, VoiceUdp.layer, VoiceCrypto.layer, Dave.layer)),
      Layer.merge(Gateway.layer({ token, url: discord.urls.gateway })),
      Layer.merge(Mixer.layer),
      Layer.provide(transports)
    )
  }))

  return { sent, packets, codes, voice, datagram, gateway, layer }
}
