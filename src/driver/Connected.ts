/**
 * An established connection, and the events while it is being established.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type * as Dave from "../Dave.ts"
import type { EncryptionMode } from "../protocol/EncryptionMode.ts"
import type { UserId } from "../protocol/Identifier.ts"
import { printable } from "../protocol/internal/printable.ts"
import * as FrameRing from "../ring/FrameRing.ts"
import type * as VoiceCrypto from "../VoiceCrypto.ts"
import * as VoiceError from "../VoiceError.ts"
import type * as VoiceUdp from "../VoiceUdp.ts"
import type * as E2ee from "./e2ee/E2ee.ts"
import type * as Line from "./Line.ts"
import type * as MediaReceiver from "./media/MediaReceiver.ts"
import type * as Reception from "./media/Reception.ts"
import type * as Rtcp from "./media/Rtcp.ts"
import type * as Sending from "./media/Sending.ts"
import type * as Signalling from "./signalling/Signalling.ts"
import type * as SsrcMap from "./SsrcMap.ts"
import * as Statistics from "./Statistics.ts"

/**
 * A cipher, the description that it was made from, and its scope.
 *
 * @category models
 * @since 0.1.0
 */
export interface Key {
  readonly cipher: VoiceCrypto.PacketCipher
  readonly bytes: Uint8Array
  readonly scope: Scope.Closeable
}

/**
 * Makes the key of a Session Description (op 4).
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeKey = Effect.fnUntraced(function*(
  { crypto, keys, mode }: Pick<Parts, "crypto" | "keys" | "mode">,
  d: Signalling.Description
): Effect.fn.Return<Key, VoiceError.VoiceError> {
  if (!("secret_key" in d)) {
    return yield* VoiceError.fail(new VoiceError.ProtocolViolated({ detail: "the session does not use UDP" }))
  }
  if (d.mode !== mode) {
    return yield* VoiceError.fail(
      new VoiceError.ProtocolViolated({
        detail: `the server chose mode ${printable(d.mode)} although ${mode} was selected`
      })
    )
  }
  const scope = yield* Scope.fork(keys)
  const bytes = Uint8Array.from(d.secret_key)
  const made = crypto.make(mode, Redacted.make(bytes))
  return { cipher: yield* Scope.provide(made, scope), bytes, scope }
})

/**
 * Keeps what the voice gateway and the group report until something receives it.
 *
 * @category models
 * @since 0.1.0
 */
export class Told {
  readonly ended = Deferred.makeUnsafe<never, VoiceError.VoiceError>()
  endedBy: VoiceError.VoiceError | undefined
  /** The last Session Description, until its key is in use. */
  description: Signalling.Description | undefined
  udp: VoiceUdp.Socket | undefined
  #onDescribed: ((description: Effect.Effect<Signalling.Description>) => void) | undefined
  #gate: Sending.Gate = { _tag: "open" }
  #isEncrypting = false
  #early: Array<Signalling.Outgoing> | undefined
  #gateway: Signalling.Signalling | undefined
  #connected: Connected | undefined

  /** Waits for the first Session Description. */
  get described(): Effect.Effect<Signalling.Description> {
    return Effect.callback((resume) => {
      if (this.description === undefined) this.#onDescribed = resume
      else resume(Effect.succeed(this.description))
    })
  }

  describe(description: Signalling.Description): Effect.Effect<void> {
    const onDescribed = this.#onDescribed
    this.#onDescribed = undefined
    this.description = description
    onDescribed?.(Effect.succeed(description))
    return this.#connected?.renew() ?? Effect.void
  }

  post(message: Signalling.Outgoing): void {
    if (this.#gateway !== undefined) this.#gateway.post(message)
    else (this.#early ??= []).push(message)
  }

  setGate(gate: Sending.Gate): void {
    this.#gate = gate
    this.#connected?.setGate(gate)
  }

  setEncrypting(isEncrypting: boolean): void {
    this.#isEncrypting = isEncrypting
    this.#connected?.setEncrypting(isEncrypting)
  }

  /**
   * Whatever cost us the socket may have cost us our mapping at a NAT: a client that only listens would hear nothing until the
   * next keepalive.
   */
  resumed(): void {
    this.udp?.ping()
  }

  end(error: VoiceError.VoiceError): void {
    if (this.endedBy !== undefined) return
    this.endedBy = error
    Deferred.doneUnsafe(this.ended, Effect.fail(error))
    this.#connected?.end(error)
  }

  /** Connects our side to the gateway. */
  toGateway(gateway: Signalling.Signalling): void {
    this.#gateway = gateway
    this.#early?.forEach((message) => gateway.post(message))
    this.#early = undefined
  }

  toConnected(connected: Connected): void {
    this.#connected = connected
    connected.setGate(this.#gate)
    connected.setEncrypting(this.#isEncrypting)
  }
}

/**
 * The parts of an established connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parts {
  readonly emit: (event: Line.Event) => void
  readonly told: Told
  readonly scope: Scope.Scope
  readonly context: Context.Context<never>
  readonly established: Line.Established
  readonly crypto: VoiceCrypto.VoiceCrypto["Service"]
  readonly mode: EncryptionMode
  /** The scope of the keys, which outlive the sender: its last packets are sealed when the scope closes. */
  readonly keys: Scope.Scope
  readonly gateway: Signalling.Signalling
  readonly group: Dave.Group | undefined
  readonly e2ee: E2ee.E2ee | undefined
  readonly users: SsrcMap.SsrcMap
  readonly reception: Reception.Reception
  readonly udp: VoiceUdp.Socket
  readonly media: MediaReceiver.MediaReceiver
  readonly sender: Sending.MediaSender
  readonly rtcp: Rtcp.Rtcp
}

/**
 * Takes commands and emits events until it is closed. Its end is not reported before {@link Connected.up}.
 *
 * @category models
 * @since 0.1.0
 */
export class Connected {
  readonly #parts: Parts
  #key: Key
  #isUp = false

  constructor(parts: Parts, key: Key) {
    this.#parts = parts
    this.#key = key
  }

  get established(): Line.Established {
    return this.#parts.established
  }

  /** From now on the end is reported. */
  up(): void {
    this.#isUp = true
    const { endedBy } = this.#parts.told
    if (endedBy !== undefined) this.end(endedBy)
  }

  end(error: VoiceError.VoiceError): void {
    if (!this.#isUp) return
    this.#parts.sender.close()
    this.#parts.emit({ _tag: "Ended", error })
  }

  close(): void {
    this.#isUp = false
    this.#parts.sender.close()
  }

  setGate(gate: Sending.Gate): void {
    this.#parts.sender.setGate(gate)
  }

  setEncrypting(isEncrypting: boolean): void {
    this.#parts.sender.setEncrypting(isEncrypting)
  }

  receive(kind: "rtp" | "rtcp", datagram: Uint8Array): void {
    if (kind === "rtp") this.#parts.media.receive(datagram)
    else this.#parts.rtcp.receive(datagram)
  }

  /** A later Session Description brings a new key, whose nonces start again. */
  renew(): Effect.Effect<void> {
    const { media, rtcp, sender, told } = this.#parts
    return Effect.gen({ self: this }, function*() {
      const { description } = told
      told.description = undefined
      if (description === undefined || this.#isGivenAgain(description)) return
      const next = yield* makeKey(this.#parts, description)
      const former = this.#key
      this.#key = next
      sender.setCipher(next.cipher)
      media.setCipher(next.cipher)
      rtcp.setCipher(next.cipher)
      yield* Scope.close(former.scope, Exit.void)
    }).pipe(
      Effect.catch((error) => Effect.sync(() => told.end(error))),
      Effect.uninterruptible
    )
  }

  command(command: Line.Command): void {
    const { emit, established, gateway, media, sender } = this.#parts
    switch (command._tag) {
      case "Attach":
        return this.#attach(command)
      case "Detach":
        return sender.detach(command.track)
      case "SetPaused":
        return sender.setPaused(command.track, command.paused)
      case "SetMuted":
        return sender.setMuted(command.muted)
      case "SetSpeaking":
        return gateway.setSpeaking(command.flags, established.ssrc)
      case "Listen":
        return media.setListening(command.on, command.users)
      case "AskStatistics":
        return emit({ _tag: "Statistics", request: command.request, value: this.#statistics() })
      case "AskVerificationCode":
        return this.#tellVerificationCode(command.request, command.userId)
    }
  }

  /** A key that is given again keeps its cipher: a new one would count nonces from 0, and use them twice. */
  #isGivenAgain(next: Signalling.Description): boolean {
    return "secret_key" in next && next.mode === this.#parts.mode &&
      Buffer.compare(this.#key.bytes, Uint8Array.from(next.secret_key)) === 0
  }

  #attach({ after, paused, ring, track }: Extract<Line.Command, { readonly _tag: "Attach" }>): void {
    const { e2ee, sender } = this.#parts
    const plain = FrameRing.fromBuffer(ring)
    const frames = e2ee === undefined ? plain : e2ee.protect(plain)
    if (after === undefined) sender.attach(track, frames, paused)
    else sender.attachAfter(track, frames, paused, after)
  }

  #statistics(): Line.Statistics {
    const { e2ee, gateway, media, reception, rtcp, sender, udp, users } = this.#parts
    return Statistics.gather({
      sender: sender.statistics(),
      receiver: media.statistics(),
      lost: reception.lost(),
      reordered: reception.reordered(),
      sources: reception.sources((ssrc) => users.userOf(ssrc)),
      datagrams: udp.statistics(),
      reports: rtcp.statistics(),
      gateway: gateway.statistics(),
      e2ee: e2ee?.statistics()
    })
  }

  #tellVerificationCode(request: number, userId: UserId): void {
    const { context, emit, group, scope } = this.#parts
    const answer = group === undefined
      ? Effect.succeed({ failure: "the call is not end-to-end encrypted" })
      : group.verificationCode(userId).pipe(
        Effect.map((code) => ({ code, failure: "" })),
        Effect.catch(({ detail }) => Effect.succeed({ failure: detail }))
      )
    const told = Effect.map(answer, (answer) => emit({ _tag: "VerificationCode", request, ...answer }))
    Effect.runForkWith(context)(Effect.forkIn(told, scope))
  }
}
