/**
 * The driver's side of one connection: the handshake of the voice gateway, the heartbeat, the media in both directions.
 * It takes commands and emits events, as described in `Line`, and knows nothing of sessions.
 *
 * The order is that of Discord's documentation (Voice Connections): open the WebSocket, Hello, Identify, Ready, IP
 * discovery, Select Protocol, Session Description, Speaking. Every part has a deadline of its own.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { AudioClock } from "../AudioClock.ts"
import * as VoicePayload from "../protocol/VoicePayload.ts"
import * as VoiceCrypto from "../VoiceCrypto.ts"
import * as VoiceError from "../VoiceError.ts"
import * as VoiceSocket from "../VoiceSocket.ts"
import * as VoiceUdp from "../VoiceUdp.ts"
import * as FrameRing from "./FrameRing.ts"
import * as Heartbeat from "./Heartbeat.ts"
import type * as Line from "./Line.ts"
import * as MediaReceiver from "./MediaReceiver.ts"
import * as MediaSender from "./MediaSender.ts"

/**
 * A connection that is up. `command` never waits and never throws; what it leads to comes as events.
 *
 * @category models
 * @since 0.1.0
 */
export interface Engine {
  readonly established: Line.Established
  readonly command: (command: Line.Command) => void
}

/**
 * The services that a connection is made of.
 *
 * @category models
 * @since 0.1.0
 */
export type Services = AudioClock | VoiceCrypto.VoiceCrypto | VoiceSocket.VoiceSocket | VoiceUdp.VoiceUdp

const defaultPhaseTimeoutMs = 10_000

/** How long to wait for the other side's close frame when we leave. */
const closeTimeoutMs = 1_000

/** Time for Speaking (op 5) on the WebSocket to overtake the first packet on UDP. */
const speakingLeadMs = 20

type DescriptionData = Extract<VoicePayload.ServerMessage, { op: 4 }>["d"]

/**
 * Connects, and stays connected until the scope closes or `Ended` is emitted. Fails with the reason of the close code, or
 * with the phase that timed out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const connect = Effect.fnUntraced(function*(
  info: Line.ConnectionInfo,
  options: Line.ConnectOptions,
  emit: (event: Line.Event) => void
): Effect.fn.Return<Engine, VoiceError.VoiceError, Services | Scope.Scope> {
  const clock = yield* AudioClock
  const sockets = yield* VoiceSocket.VoiceSocket
  const udps = yield* VoiceUdp.VoiceUdp
  const crypto = yield* VoiceCrypto.VoiceCrypto
  const scope = yield* Effect.scope
  const version = options.version ?? VoicePayload.recommendedVersion
  const phaseTimeoutMs = options.phaseTimeoutMs ?? defaultPhaseTimeoutMs

  const ended = yield* Deferred.make<never, VoiceError.VoiceError>()
  const within = <A, R>(phase: VoiceError.Phase, effect: Effect.Effect<A, VoiceError.VoiceError, R>) =>
    Effect.raceFirst(effect, Deferred.await(ended)).pipe(
      Effect.timeoutOrElse({
        duration: Duration.millis(phaseTimeoutMs),
        orElse: () => VoiceError.fail(new VoiceError.PhaseTimedOut({ phase, elapsedMs: phaseTimeoutMs }))
      })
    )

  const socket = yield* within("open", sockets.open({ endpoint: info.endpoint, version }))
  const outgoing = yield* Queue.unbounded<VoicePayload.ClientMessage>()
  const post = (message: VoicePayload.ClientMessage) => void Queue.offerUnsafe(outgoing, message)
  const heartbeat = yield* Heartbeat.make((t) => {
    const seq = socket.lastSequence()
    return socket.send({ op: 3, d: version >= 8 ? { t, seq_ack: seq } : { t } })
  })

  const hello = yield* Deferred.make<number>()
  const ready = yield* Deferred.make<Extract<VoicePayload.ServerMessage, { op: 2 }>["d"]>()
  const description = yield* Deferred.make<DescriptionData>()
  let onDescription: (d: DescriptionData) => Effect.Effect<void> = (d) => Deferred.succeed(description, d)
  let receiver: MediaReceiver.MediaReceiver | undefined
  let sender: MediaSender.MediaSender | undefined
  let heartbeatFiber: Fiber.Fiber<unknown, unknown> | undefined
  let heartbeatIntervalMs = 0
  let identified = false
  let malformedMessages = 0
  let unknownOpcodes = 0
  const assignments: Array<Extract<VoicePayload.ServerMessage, { op: 5 | 12 }>["d"]> = []

  const fail = (error: VoiceError.VoiceError) => Deferred.fail(ended, error)

  const startHeartbeat = Effect.suspend(() => {
    if (!identified || heartbeatIntervalMs === 0) return Effect.void
    const former = heartbeatFiber
    return heartbeat.run(heartbeatIntervalMs).pipe(
      Effect.catch(fail),
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.tap((fiber) =>
        Effect.sync(() => {
          heartbeatFiber = fiber
        })
      ),
      // Hello may come again; there is never more than one heartbeat
      Effect.andThen(former === undefined ? Effect.void : Fiber.interrupt(former)),
      Effect.asVoid
    )
  })

  const onSpeaking = (d: Extract<VoicePayload.ServerMessage, { op: 5 }>["d"]) => {
    if (receiver === undefined) assignments.push(d)
    else receiver.assign(d.ssrc, d.user_id)
    emit({ _tag: "Speaking", userId: d.user_id, ssrc: d.ssrc, flags: d.speaking })
  }

  const onMessage = (message: VoicePayload.ServerMessage): Effect.Effect<unknown> => {
    switch (message.op) {
      case 8:
        heartbeatIntervalMs = message.d.heartbeat_interval
        // in this order: whoever waits for Hello starts the first heartbeat itself
        return Effect.andThen(startHeartbeat, Deferred.succeed(hello, heartbeatIntervalMs))
      case 2:
        return Deferred.succeed(ready, message.d)
      case 4:
        return onDescription(message.d)
      case 3:
        return Effect.ignore(socket.send({ op: 3, d: { t: message.d?.t ?? 0, seq_ack: socket.lastSequence() } }))
      case 6: {
        const roundTripMs = heartbeat.acknowledge(message.d.t)
        if (roundTripMs >= 0) emit({ _tag: "Heartbeat", roundTripMs })
        return Effect.void
      }
      case 5:
        onSpeaking(message.d)
        return Effect.void
      case 11:
        emit({ _tag: "UsersConnected", userIds: message.d.user_ids })
        return Effect.void
      case 12:
        if (message.d.audio_ssrc !== 0) {
          if (receiver === undefined) assignments.push(message.d)
          else receiver.assign(message.d.audio_ssrc, message.d.user_id)
        }
        return Effect.void
      case 13:
        receiver?.forget(message.d.user_id)
        emit({ _tag: "UserDisconnected", userId: message.d.user_id })
        return Effect.void
      default:
        return Effect.void
    }
  }

  const read = Effect.flatMap(Queue.take(socket.incoming), (incoming) => {
    switch (incoming._tag) {
      case "Malformed":
        malformedMessages++
        return Effect.logDebug(`malformed message from the voice gateway: ${incoming.detail}`)
      case "Dave":
        return Effect.void
      case "Message": {
        if (incoming.message.op !== "unknown") return onMessage(incoming.message)
        unknownOpcodes++
        return Effect.void
      }
    }
  })
  yield* Effect.forever(read).pipe(Effect.catch(fail), Effect.forkScoped({ startImmediately: true }))
  yield* Effect.flatMap(Queue.take(outgoing), socket.send).pipe(
    Effect.forever,
    Effect.catch(fail),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.addFinalizer(() =>
    socket.close(1000, "").pipe(
      Effect.andThen(Deferred.await(ended)),
      Effect.timeoutOption(Duration.millis(closeTimeoutMs)),
      Effect.ignore
    )
  )

  yield* within("hello", Deferred.await(hello))
  yield* socket.send({
    op: 0,
    d: {
      server_id: info.serverId,
      user_id: info.userId,
      session_id: info.sessionId,
      token: Redacted.value(info.token),
      ...(version >= 9 ? { channel_id: info.channelId } : {}),
      ...(version >= 8 ? { max_dave_protocol_version: 0 } : {})
    }
  })
  identified = true
  yield* startHeartbeat
  const { ip, modes, port, ssrc } = yield* within("ready", Deferred.await(ready))
  const mode = yield* crypto.choose(modes, options.modes)

  const udp = yield* udps.open({ address: ip, port, ssrc })
  const self = yield* Effect.raceFirst(udp.discover, Deferred.await(ended))
  yield* socket.send({
    op: 1,
    d: { protocol: "udp", data: { address: self.address, port: self.port, mode } }
  })
  const agreed = yield* within("session-description", Deferred.await(description))
  const makeCipher = Effect.fnUntraced(function*(d: DescriptionData) {
    if (!("secret_key" in d)) {
      return yield* VoiceError.fail(new VoiceError.ProtocolViolated({ detail: "the session is not one over UDP" }))
    }
    if (d.mode !== mode) {
      return yield* VoiceError.fail(
        new VoiceError.ProtocolViolated({ detail: `mode ${d.mode} was given though ${mode} was selected` })
      )
    }
    return yield* crypto.make(mode, Redacted.make(Uint8Array.from(d.secret_key)))
  })
  const cipher = yield* makeCipher(agreed)

  const media = MediaReceiver.make({
    cipher,
    now: clock.now,
    onPacket: (packet) => emit({ _tag: "Packet", packet })
  })
  receiver = media
  for (const d of assignments.splice(0)) media.assign("ssrc" in d ? d.ssrc : d.audio_ssrc, d.user_id)
  let rtcpReceived = 0
  udp.onMedia((kind, datagram) => {
    if (kind === "rtp") media.receive(datagram)
    else rtcpReceived++
  })

  const speak = (speaking: number) => socket.send({ op: 5, d: { speaking, delay: 0, ssrc } })
  yield* speak(options.speaking ?? VoicePayload.SpeakingFlag.Microphone)

  const player = MediaSender.make({
    clock,
    cipher,
    ssrc,
    sequence: yield* Random.nextIntBetween(0, 0xffff),
    timestamp: yield* Random.nextIntBetween(0, 0xffff_ffff),
    notBeforeMs: clock.now() + speakingLeadMs,
    send: udp.send,
    onTrack: (_tag, track) => emit({ _tag, track }),
    onExhausted: () =>
      Deferred.doneUnsafe(
        ended,
        VoiceError.fail(
          new VoiceError.CryptoFailed({ mode, detail: "its nonces are used up; connect anew for a new key" })
        )
      )
  })
  sender = player
  yield* Effect.addFinalizer(() => Effect.sync(player.close))

  // a later Session Description brings a new key, and nonces start anew with it
  onDescription = (d) =>
    makeCipher(d).pipe(
      Scope.provide(scope),
      Effect.tap((next) =>
        Effect.sync(() => {
          player.setCipher(next)
          media.setCipher(next)
        })
      ),
      Effect.catch(fail)
    )

  yield* Deferred.await(ended).pipe(
    Effect.catch((error) =>
      Effect.sync(() => {
        sender?.close()
        emit({ _tag: "Ended", error })
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )

  const statistics = (): Line.Statistics => {
    const out = player.statistics()
    const into = media.statistics()
    const datagrams = udp.statistics()
    const roundTripMs = heartbeat.roundTripMs()
    return {
      ...(roundTripMs === undefined ? {} : { roundTripMs }),
      heartbeatsSent: heartbeat.sent(),
      packetsSent: out.packets,
      silencePacketsSent: out.silencePackets,
      bytesSent: out.bytes,
      sendErrors: datagrams.sendErrors,
      reanchored: out.reanchored,
      latenessP50Ms: out.lateness.percentile(0.5),
      latenessP99Ms: out.lateness.percentile(0.99),
      latenessMaxMs: out.lateness.max(),
      packetsReceived: into.received,
      packetsOpened: into.opened,
      failedToOpen: into.failedToOpen,
      malformed: into.malformed,
      badPadding: into.badPadding,
      empty: into.empty,
      unheard: into.unheard,
      otherMedia: into.otherMedia,
      rtcpReceived,
      unknownDatagrams: datagrams.unknown,
      malformedMessages,
      unknownOpcodes
    }
  }

  const command = (command: Line.Command): void => {
    switch (command._tag) {
      case "Attach":
        return player.attach(command.track, FrameRing.fromBuffer(command.ring), command.paused)
      case "Detach":
        return player.detach(command.track)
      case "SetPaused":
        return player.setPaused(command.track, command.paused)
      case "SetMuted":
        return player.setMuted(command.muted)
      case "SetSpeaking":
        return post({ op: 5, d: { speaking: command.flags, delay: 0, ssrc } })
      case "Listen":
        return media.setListening(command.on)
      case "AskStatistics":
        return emit({ _tag: "Statistics", request: command.request, value: statistics() })
    }
  }

  return {
    established: { version, ssrc, mode, address: self.address, port: self.port },
    command
  }
})
