/**
 * The driver's side of one connection: the handshake with the voice gateway, the heartbeat, and media in both directions. It
 * takes commands and emits events, as described in `Line`, and knows nothing about sessions.
 *
 * The order is that of Discord's documentation (Voice Connections): open the WebSocket, Hello, Identify, Ready, IP discovery,
 * Select Protocol, Session Description, Speaking. Every phase has its own deadline.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { AudioClock } from "../AudioClock.ts"
import * as Dave from "../Dave.ts"
import * as VoicePayload from "../protocol/VoicePayload.ts"
import * as VoiceCrypto from "../VoiceCrypto.ts"
import * as VoiceError from "../VoiceError.ts"
import * as VoiceSocket from "../VoiceSocket.ts"
import * as VoiceUdp from "../VoiceUdp.ts"
import * as Chores from "./Chores.ts"
import * as Connected from "./Connected.ts"
import * as E2ee from "./e2ee/E2ee.ts"
import type * as Line from "./Line.ts"
import * as MediaReceiver from "./media/MediaReceiver.ts"
import * as MediaSender from "./media/MediaSender.ts"
import * as Reception from "./media/Reception.ts"
import * as Rtcp from "./media/Rtcp.ts"
import * as Phase from "./signalling/Phase.ts"
import * as Signalling from "./signalling/Signalling.ts"
import * as Span from "./signalling/Span.ts"
import * as SsrcMap from "./SsrcMap.ts"

/**
 * An established connection. `command` never waits and never throws; its results are events.
 *
 * @category models
 * @since 0.1.0
 */
export interface Engine {
  readonly established: Line.Established
  readonly command: (command: Line.Command) => void
}

/**
 * The services that a connection uses.
 *
 * @category models
 * @since 0.1.0
 */
export type Services = AudioClock | Dave.Dave | VoiceCrypto.VoiceCrypto | VoiceSocket.VoiceSocket | VoiceUdp.VoiceUdp

/**
 * @category constants
 * @since 0.1.0
 */
export const defaultPhaseTimeoutMs = 10_000
const defaultResumeAttempts = 5

/** The time that Speaking (op 5) on the WebSocket has to overtake the first packet on UDP. */
const speakingLeadMs = 20

/**
 * Connects, and stays connected until the scope closes or `Ended` is emitted. Fails with the reason of the close code, or with
 * the phase that timed out.
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
  const dave = yield* Dave.Dave
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const version = options.version ?? VoicePayload.recommendedVersion
  const phaseTimeoutMs = options.phaseTimeoutMs ?? defaultPhaseTimeoutMs

  const told = new Connected.Told()
  const end = (error: VoiceError.VoiceError) => told.end(error)
  const reception = Reception.make()
  // what comes from an SSRC next is a different stream
  const users = SsrcMap.make({ now: clock.now, onFreed: (ssrc) => reception.forget(ssrc) })
  const onPacket = (packet: Line.AudioPacket) => emit({ _tag: "Packet", packet })
  const maxDaveVersion = version >= 8 ? dave.maxVersion : 0
  const group = maxDaveVersion === 0
    ? undefined
    : yield* dave.open({
      userId: info.userId,
      channelId: info.channelId,
      onLost: end
    })
  const e2ee = group === undefined ? undefined : yield* E2ee.make({
    group,
    self: info.userId,
    maxVersion: maxDaveVersion,
    users,
    now: clock.now,
    send: (message) => told.post(message),
    onGate: (gate) => told.setGate(gate),
    onEncrypting: (isEncrypting) => told.setEncrypting(isEncrypting),
    onPacket,
    onChange: (state) => emit({ _tag: "E2eeChanged", e2ee: state }),
    onFailed: end
  })
  const gateway = yield* Signalling.make({
    info,
    version,
    sockets,
    users,
    emit,
    onDescription: (description) => told.describe(description),
    ended: told.ended,
    onLost: end,
    onResumed: () => told.resumed(),
    phaseTimeoutMs,
    resumeAttempts: options.resumeAttempts ?? defaultResumeAttempts,
    maxDaveVersion,
    e2ee
  })
  const within = <A, R>(phase: VoiceError.Phase, effect: Effect.Effect<A, VoiceError.VoiceError, R>) =>
    Phase.within(phase, phaseTimeoutMs, told.ended, effect, () => gateway.lastMalformed())
  told.toGateway(gateway)
  const { ip, modes, port, ssrc } = yield* within("ready", gateway.ready)
  const mode = yield* crypto.choose(modes, options.modes)

  const udp = yield* udps.open({ address: ip, port, ssrc, silence: options.udpSilence })
  yield* Chores.run(clock, 0, () => {
    const error = udp.keepAlive()
    if (error === undefined) return VoiceUdp.keepaliveMs
    told.end(error)
    return Infinity
  })
  told.udp = udp
  const self = yield* Effect.raceFirst(udp.discover, Deferred.await(told.ended)).pipe(
    Span.around("VoiceDriver.phase.discovery")
  )
  yield* gateway.send({
    op: 1,
    d: { protocol: "udp", data: { address: self.address, port: self.port, mode } }
  })
  const keys = yield* Scope.fork(scope)
  const description = yield* within("session-description", told.described)
  // the group learns of it before anything can be played
  yield* Effect.yieldNow
  const key = yield* Connected.makeKey({ crypto, keys, mode }, description)
  const { cipher } = key

  const media = MediaReceiver.make({
    cipher,
    users,
    reception,
    now: clock.now,
    onPacket: e2ee === undefined ? onPacket : e2ee.receive
  })

  gateway.setSpeaking(options.speaking ?? VoicePayload.SpeakingFlag.Microphone, ssrc)
  yield* gateway.established

  const sender = MediaSender.make({
    clock,
    cipher,
    ssrc,
    sequence: yield* Random.nextIntBetween(0, 0xffff),
    timestamp: yield* Random.nextIntBetween(0, 0xffff_ffff),
    notBeforeMs: clock.now() + speakingLeadMs,
    outlet: udp.media,
    onTrack: (_tag, track) => emit({ _tag, track }),
    onExhausted: () =>
      told.end(VoiceError.make(
        new VoiceError.CryptoFailed({ mode, detail: "its nonces are used up; connect again for a new key" })
      ))
  })
  const rtcp = Rtcp.make({
    cipher,
    ssrc,
    users,
    reception,
    sender,
    now: clock.now,
    unixMs: yield* Clock.currentTimeMillis,
    reports: options.reports ?? "sender",
    send: (packet, length) => udp.sendReport(packet, length)
  })
  const connected = new Connected.Connected({
    emit,
    told,
    scope,
    context,
    established: { version, ssrc, mode, address: self.address, port: self.port },
    crypto,
    mode,
    keys,
    gateway,
    group,
    e2ee,
    users,
    reception,
    udp,
    media,
    sender,
    rtcp
  }, key)
  udp.onMedia((kind, datagram) => connected.receive(kind, datagram))
  const random = yield* Random.Random
  yield* Chores.run(clock, Rtcp.nextMs(true, random.nextDoubleUnsafe()), () => {
    rtcp.report()
    return Rtcp.nextMs(false, random.nextDoubleUnsafe())
  })
  told.toConnected(connected)
  yield* Scope.addFinalizerExit(scope, () => Effect.sync(() => connected.close()))
  // a description that arrived in the meantime
  yield* connected.renew()
  connected.up()

  yield* Effect.annotateCurrentSpan({ version, mode })
  return connected
}, (effect, { channelId, endpoint, serverId }) =>
  Span.around("VoiceDriver.connect", {
    attributes: { guild: serverId, channel: channelId, endpoint }
  })(effect))
