/**
 * A driver without a network: connections are established immediately, frames are taken when they are due on the clock of the
 * test, and the test decides what the other side does.
 *
 * **Example** (What a bot played)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MockVoiceDriver, Time } from "effect-discord-voice/testing"
 *
 * const test = Effect.gen(function*() {
 *   const driver = yield* MockVoiceDriver.MockVoiceDriver
 *   // ... fork the program under test ...
 *   yield* Time.advance("2 seconds")
 *   const frames = yield* driver.frames
 *   yield* driver.end(new VoiceError.ServerCrashed({ code: 4015, detail: "" }))
 * }).pipe(Effect.provide(MockVoiceDriver.layer))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AudioClock from "../AudioClock.ts"
import * as Plain from "../crypto/Plain.ts"
import type * as Engine from "../driver/Engine.ts"
import type * as Line from "../driver/Line.ts"
import * as MediaSender from "../driver/media/MediaSender.ts"
import { Ssrc } from "../protocol/Identifier.ts"
import * as OpusPacket from "../protocol/OpusPacket.ts"
import * as RtpPacket from "../protocol/RtpPacket.ts"
import * as VoicePayload from "../protocol/VoicePayload.ts"
import * as FrameRing from "../ring/FrameRing.ts"
import * as VoiceDriver from "../VoiceDriver.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * Controls of {@link layer}.
 *
 * @category services
 * @since 0.1.0
 */
export class MockVoiceDriver extends Context.Service<MockVoiceDriver, {
  /** The records with which connections were requested, in order. */
  readonly connections: Effect.Effect<ReadonlyArray<VoiceDriver.ConnectionInfo>>
  /** The Opus packets sent so far on any connection, without the closing silence. */
  readonly frames: Effect.Effect<ReadonlyArray<Uint8Array>>
  /** The commands that connections received, apart from frames: speaking flags, mute, pause and so on. */
  readonly commands: Effect.Effect<ReadonlyArray<VoiceDriver.Command>>
  /** Emits an event, such as `Speaking` or `Packet`, on every live connection. */
  readonly emit: (event: VoiceDriver.Event) => Effect.Effect<void>
  /** Ends every live connection with this reason. */
  readonly end: (reason: VoiceError.Reason) => Effect.Effect<void>
  /** Makes the next connection fail with this reason. Can be called several times. */
  readonly refuse: (reason: VoiceError.Reason) => Effect.Effect<void>
}>()("effect-discord-voice/testing/MockVoiceDriver") {}

/**
 * The statistics of a connection on which nothing has happened.
 *
 * @category constants
 * @since 0.1.0
 */
export const zeroStatistics: Line.Statistics = {
  heartbeatsSent: 0,
  resumes: 0,
  packetsSent: 0,
  silencePacketsSent: 0,
  bytesSent: 0,
  sendErrors: 0,
  reanchored: 0,
  latenessP50Ms: 0,
  latenessP99Ms: 0,
  latenessMaxMs: 0,
  packetsReceived: 0,
  packetsOpened: 0,
  failedToOpen: 0,
  malformed: 0,
  badPadding: 0,
  empty: 0,
  unheard: 0,
  afterLeaving: 0,
  otherMedia: 0,
  packetsLost: 0,
  packetsReordered: 0,
  sources: [],
  rtcpSent: 0,
  rtcpReceived: 0,
  rtcpFailedToOpen: 0,
  rtcpMalformed: 0,
  unknownDatagrams: 0,
  malformedMessages: 0,
  unknownOpcodes: 0,
  framesEncrypted: 0,
  failedToEncrypt: 0,
  framesWithheld: 0,
  framesDecrypted: 0,
  undecryptable: 0,
  fromNonMembers: 0,
  unencrypted: 0,
  unknownSenders: 0,
  e2eeTransitions: 0,
  e2eeRejections: 0,
  e2eeRecoveries: 0
}

const make = Effect.gen(function*() {
  const clock = yield* AudioClock.AudioClock
  const infos: Array<VoiceDriver.ConnectionInfo> = []
  const frames: Array<Uint8Array> = []
  const commands: Array<VoiceDriver.Command> = []
  const refusals: Array<VoiceError.Reason> = []
  const live = new Set<(event: Line.Event) => void>()

  const open = (options: Line.ConnectOptions) => (emit: (event: Line.Event) => void) =>
    Effect.gen(function*() {
      const refusal = refusals.shift()
      if (refusal !== undefined) return yield* VoiceError.fail(refusal)
      const ssrc = Ssrc.make(infos.length)
      const sender = yield* Effect.acquireRelease(
        Effect.sync(() =>
          MediaSender.make({
            clock,
            cipher: Plain.make(),
            ssrc,
            sequence: 0,
            timestamp: 0,
            notBeforeMs: clock.now(),
            outlet: {
              send: (packet, length) => {
                const payload = packet.slice(RtpPacket.fixedHeaderBytes, length)
                if (!OpusPacket.isSilence(payload)) frames.push(payload)
                return true
              }
            },
            onTrack: (_tag, track) => emit({ _tag, track }),
            onExhausted: () => {}
          })
        ),
        (made) => Effect.sync(() => made.close())
      )
      yield* Effect.acquireRelease(
        Effect.sync(() => live.add(emit)),
        () => Effect.sync(() => live.delete(emit))
      )
      const engine: Engine.Engine = {
        established: {
          version: options.version ?? VoicePayload.recommendedVersion,
          ssrc,
          mode: "plain",
          address: "127.0.0.1",
          port: 1
        },
        command: (command) => {
          commands.push(command)
          switch (command._tag) {
            case "Attach":
              return command.after === undefined
                ? sender.attach(command.track, FrameRing.fromBuffer(command.ring), command.paused)
                : sender.attachAfter(
                  command.track,
                  FrameRing.fromBuffer(command.ring),
                  command.paused,
                  command.after
                )
            case "Detach":
              return sender.detach(command.track)
            case "SetPaused":
              return sender.setPaused(command.track, command.paused)
            case "SetMuted":
              return sender.setMuted(command.muted)
            case "AskStatistics": {
              const { bytes, packets, silencePackets } = sender.statistics()
              const value = {
                ...zeroStatistics,
                packetsSent: packets,
                silencePacketsSent: silencePackets,
                bytesSent: bytes
              }
              return emit({ _tag: "Statistics", request: command.request, value })
            }
            case "AskVerificationCode":
              return emit({
                _tag: "VerificationCode",
                request: command.request,
                failure: "the call is not end-to-end encrypted"
              })
            case "Listen":
            case "SetSpeaking":
              return
          }
        }
      }
      return engine
    })

  return Context.make(VoiceDriver.VoiceDriver, {
    connect: (info, options = {}) =>
      Effect.suspend(() => {
        infos.push(info)
        return VoiceDriver.makeConnection(info, options, open(options))
      })
  }).pipe(
    Context.add(MockVoiceDriver, {
      connections: Effect.sync(() => [...infos]),
      frames: Effect.sync(() => [...frames]),
      commands: Effect.sync(() => [...commands]),
      emit: (event) => Effect.sync(() => live.forEach((emit) => emit(event))),
      end: (reason) =>
        Effect.sync(() => {
          const error = VoiceError.make(reason)
          // a session may have reconnected by the time the first one has ended
          for (const emit of Array.from(live)) emit({ _tag: "Ended", error })
        }),
      refuse: (reason) => Effect.sync(() => void refusals.push(reason))
    })
  )
})

/**
 * A driver whose other side is the test. Its beat follows Effect's `Clock`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<MockVoiceDriver | VoiceDriver.VoiceDriver> = Layer.effectContext(make).pipe(
  Layer.provide(AudioClock.layerEffectClock)
)
