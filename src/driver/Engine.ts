/**
 * The driver's side of one connection: the handshake of the voice gateway, the heartbeat, the media in both directions.
 * It takes commands and emits events, as described in `Line`, and knows nothing of sessions.
 *
 * The order is that of Discord's documentation (Voice Connections): open the WebSocket, Hello, Identify, Ready, IP
 * discovery, Select Protocol, Session Description, Speaking. Every part has a deadline of its own.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { AudioClock } from "../AudioClock.ts"
import * as Dave from "../Dave.ts"
import type { UserId } from "../protocol/Identifier.ts"
import * as VoicePayload from "../protocol/VoicePayload.ts"
import * as VoiceCrypto from "../VoiceCrypto.ts"
import * as VoiceError from "../VoiceError.ts"
import * as VoiceSocket from "../VoiceSocket.ts"
import * as VoiceUdp from "../VoiceUdp.ts"
import * as Chores from "./Chores.ts"
import * as E2ee from "./E2ee.ts"
import * as FrameRing from "./FrameRing.ts"
import type * as Line from "./Line.ts"
import * as MediaReceiver from "./MediaReceiver.ts"
import * as MediaSender from "./MediaSender.ts"
import * as Phase from "./Phase.ts"
import * as Reception from "./Reception.ts"
import * as Rtcp from "./Rtcp.ts"
import * as Signalling from "./Signalling.ts"
import * as Span from "./Span.ts"
import * as SsrcMap from "./SsrcMap.ts"
import * as Statistics from "./Statistics.ts"

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
export type Services = AudioClock | Dave.Dave | VoiceCrypto.VoiceCrypto | VoiceSocket.VoiceSocket | VoiceUdp.VoiceUdp

/**
 * @category constants
 * @since 0.1.0
 */
export const defaultPhaseTimeoutMs = 10_000
const defaultResumeAttempts = 5

/** Time for Speaking (op 5) on the WebSocket to overtake the first packet on UDP. */
const speakingLeadMs = 20

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
  const dave = yield* Dave.Dave
  const scope = yield* Effect.scope
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const version = options.version ?? VoicePayload.recommendedVersion
  const phaseTimeoutMs = options.phaseTimeoutMs ?? defaultPhaseTimeoutMs

  const ended = yield* Deferred.make<never, VoiceError.VoiceError>()
  let onEnd: ((error: VoiceError.VoiceError) => void) | undefined
  let endedBy: VoiceError.VoiceError | undefined
  const end = (error: VoiceError.VoiceError): void => {
    if (endedBy !== undefined) return
    endedBy = error
    Deferred.doneUnsafe(ended, Effect.fail(error))
    onEnd?.(error)
  }
  const reception = Reception.make()
  // what comes of an SSRC next is another stream
  const users = SsrcMap.make({ now: clock.now, onFreed: reception.forget })
  const early: Array<Signalling.Outgoing> = []
  let post = (message: Signalling.Outgoing): void => void early.push(message)
  let gate: MediaSender.Gate = { _tag: "open" }
  let isEncrypting = false
  let player: MediaSender.MediaSender | undefined
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
    send: (message) => post(message),
    onGate: (next) => {
      gate = next
      player?.setGate(next)
    },
    onEncrypting: (next) => {
      isEncrypting = next
      player?.setEncrypting(next)
    },
    onPacket,
    onChange: (state) => emit({ _tag: "E2eeChanged", e2ee: state }),
    onFailed: end
  })
  /** The last Session Description, until its key is in use. */
  let latest: Signalling.Description | undefined
  let onDescribed: ((description: Effect.Effect<Signalling.Description>) => void) | undefined
  let renew: Effect.Effect<void> = Effect.void
  let onResumed = (): void => undefined
  const gateway = yield* Signalling.make({
    info,
    version,
    sockets,
    users,
    emit,
    onDescription: (next) => {
      latest = next
      onDescribed?.(Effect.succeed(next))
      return renew
    },
    ended,
    onLost: end,
    onResumed: () => onResumed(),
    phaseTimeoutMs,
    resumeAttempts: options.resumeAttempts ?? defaultResumeAttempts,
    maxDaveVersion,
    e2ee
  })
  const within = <A, R>(phase: VoiceError.Phase, effect: Effect.Effect<A, VoiceError.VoiceError, R>) =>
    Phase.within(phase, phaseTimeoutMs, ended, effect, gateway.lastMalformed)
  post = gateway.post
  early.forEach(post)
  const { ip, modes, port, ssrc } = yield* within("ready", gateway.ready)
  const mode = yield* crypto.choose(modes, options.modes)

  const udp = yield* udps.open({ address: ip, port, ssrc })
  yield* Chores.run(clock, 0, () => {
    const error = udp.keepAlive()
    if (error === undefined) return VoiceUdp.keepaliveMs
    end(error)
    return Infinity
  })
  // what cost us the socket may have cost us our mapping at a NAT: whoever only listens would hear nothing until the next keepalive
  onResumed = udp.ping
  const self = yield* Effect.raceFirst(udp.discover, Deferred.await(ended)).pipe(
    Span.around("VoiceDriver.phase.discovery")
  )
  yield* gateway.send({
    op: 1,
    d: { protocol: "udp", data: { address: self.address, port: self.port, mode } }
  })
  // keys outlive the sender, whose last packets are sealed when the scope closes
  const keys = yield* Scope.fork(scope)
  const makeCipher = (d: Signalling.Description) =>
    Effect.gen(function*() {
      if (!("secret_key" in d)) {
        return yield* VoiceError.fail(new VoiceError.ProtocolViolated({ detail: "the session is not one over UDP" }))
      }
      if (d.mode !== mode) {
        return yield* VoiceError.fail(
          new VoiceError.ProtocolViolated({ detail: `mode ${d.mode} was given though ${mode} was selected` })
        )
      }
      const keyScope = yield* Scope.fork(keys)
      const bytes = Uint8Array.from(d.secret_key)
      const made = crypto.make(mode, Redacted.make(bytes))
      return { cipher: yield* Scope.provide(made, keyScope), bytes, keyScope }
    })
  const described = Effect.callback<Signalling.Description>((resume) => {
    onDescribed = resume
    if (latest !== undefined) resume(Effect.succeed(latest))
  })
  const description = yield* within("session-description", described)
  onDescribed = undefined
  // the group hears of it before anybody can play
  yield* Effect.yieldNow
  let key = yield* makeCipher(description)
  const { cipher } = key
  /** A key that is given again keeps its cipher: another one would count nonces from 0, and use them twice. */
  const isGivenAgain = (next: Signalling.Description) =>
    "secret_key" in next && next.mode === mode && Buffer.compare(key.bytes, Uint8Array.from(next.secret_key)) === 0

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
      end(VoiceError.make(
        new VoiceError.CryptoFailed({ mode, detail: "its nonces are used up; connect anew for a new key" })
      ))
  })
  player = sender
  const rtcp = Rtcp.make({
    cipher,
    ssrc,
    users,
    reception,
    sender,
    now: clock.now,
    unixMs: yield* Clock.currentTimeMillis,
    reports: options.reports ?? "sender",
    send: udp.sendReport
  })
  udp.onMedia((kind, datagram) => kind === "rtp" ? media.receive(datagram) : rtcp.receive(datagram))
  const random = yield* Random.Random
  yield* Chores.run(clock, Rtcp.nextMs(true, random.nextDoubleUnsafe()), () => {
    rtcp.report()
    return Rtcp.nextMs(false, random.nextDoubleUnsafe())
  })
  sender.setGate(gate)
  sender.setEncrypting(isEncrypting)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      onEnd = undefined
      sender.close()
    })
  )

  // a later Session Description brings a new key, and nonces start anew with it
  renew = Effect.gen(function*() {
    const description = latest
    latest = undefined
    if (description === undefined || isGivenAgain(description)) return
    const next = yield* makeCipher(description)
    const former = key
    key = next
    sender.setCipher(next.cipher)
    media.setCipher(next.cipher)
    rtcp.setCipher(next.cipher)
    yield* Scope.close(former.keyScope, Exit.void)
  }).pipe(
    Effect.catch((error) => Effect.sync(() => end(error))),
    Effect.uninterruptible
  )
  // one that came meanwhile
  yield* renew

  onEnd = (error) => {
    sender.close()
    emit({ _tag: "Ended", error })
  }
  if (endedBy !== undefined) onEnd(endedBy)

  const statistics = (): Line.Statistics =>
    Statistics.gather({
      sender: sender.statistics(),
      receiver: media.statistics(),
      lost: reception.lost(),
      reordered: reception.reordered(),
      sources: reception.sources(users.userOf),
      datagrams: udp.statistics(),
      reports: rtcp.statistics(),
      gateway: gateway.statistics(),
      e2ee: e2ee?.statistics()
    })

  const attach = ({ after, paused, ring, track }: Extract<Line.Command, { readonly _tag: "Attach" }>): void => {
    const plain = FrameRing.fromBuffer(ring)
    const frames = e2ee === undefined ? plain : e2ee.protect(plain)
    if (after === undefined) sender.attach(track, frames, paused)
    else sender.attachAfter(track, frames, paused, after)
  }

  const tellVerificationCode = (request: number, userId: UserId) =>
    (group === undefined
      ? Effect.succeed({ failure: "the call is not end-to-end encrypted" })
      : group.verificationCode(userId).pipe(
        Effect.map((code) => ({ code, failure: "" })),
        Effect.catch(({ detail }) => Effect.succeed({ failure: detail }))
      )).pipe(
        Effect.map((answer) => emit({ _tag: "VerificationCode", request, ...answer })),
        Effect.forkIn(scope)
      )

  const command = (command: Line.Command): void => {
    switch (command._tag) {
      case "Attach":
        return attach(command)
      case "Detach":
        return sender.detach(command.track)
      case "SetPaused":
        return sender.setPaused(command.track, command.paused)
      case "SetMuted":
        return sender.setMuted(command.muted)
      case "SetSpeaking":
        return gateway.setSpeaking(command.flags, ssrc)
      case "Listen":
        return media.setListening(command.on, command.users)
      case "AskStatistics":
        return emit({ _tag: "Statistics", request: command.request, value: statistics() })
      case "AskVerificationCode":
        return void fork(tellVerificationCode(command.request, command.userId))
    }
  }

  yield* Effect.annotateCurrentSpan({ version, mode })
  return {
    established: { version, ssrc, mode, address: self.address, port: self.port },
    command
  }
}, (effect, { channelId, endpoint, serverId }) =>
  Span.around("VoiceDriver.connect", {
    attributes: { guild: serverId, channel: channelId, endpoint }
  })(effect))
