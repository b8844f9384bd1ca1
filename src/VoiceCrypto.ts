/**
 * Transport encryption: chooses a mode, seals RTP and RTCP packets on their way out and opens them on their way in.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { EncryptionMode } from "./protocol/EncryptionMode.ts"
import type { VoiceError } from "./VoiceError.ts"

/**
 * The mode of a cipher. `plain` leaves packets as they are and is for tests only: it is never chosen.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = EncryptionMode | "plain"

/**
 * Seals and opens the packets of one connection under one key. Plain code for the 20 ms beat: nothing is allocated per
 * packet, and nothing throws.
 *
 * @category models
 * @since 0.1.0
 */
export interface PacketCipher {
  readonly mode: Mode
  /** How many bytes a sealed packet is longer than its plain form. */
  readonly expansionBytes: number
  /**
   * Makes a zeroed buffer of `size` bytes that this cipher works on fastest (in the memory of its engine, where it has
   * one). Any other buffer works too. It is released with the cipher's scope.
   */
  readonly allocate: (size: number) => Uint8Array
  /**
   * Seals the packet in `buffer[0, plainLength)` in place: header first, then the payload. `clearLength` is the length of
   * the part that stays readable: 12 + 4 * CSRC count (+ 4 with an extension) in the rtpsize modes, 12 in the others, 8
   * for RTCP. The buffer needs `expansionBytes` of room behind. Returns the sealed length, or -1 when the nonces of this
   * key are used up (2^32 packets; 2^26 in `xsalsa20_poly1305`) or the buffer is too small.
   */
  readonly seal: (buffer: Uint8Array, clearLength: number, plainLength: number) => number
  /**
   * Opens the packet in `buffer[0, length)` in place. Afterwards `buffer[clearLength, result)` is the plain payload.
   * Returns the plain length, or -1 when it is too short or does not authenticate.
   */
  readonly open: (buffer: Uint8Array, clearLength: number, length: number) => number
  /** Packets sealed under this key so far. */
  readonly sealed: () => number
}

/**
 * @category services
 * @since 0.1.0
 */
export class VoiceCrypto extends Context.Service<VoiceCrypto, {
  /** The modes this service can do, best first. */
  readonly preference: ReadonlyArray<EncryptionMode>
  /** The first mode of the preference that the server offers. Fails with `NoCommonMode`. */
  readonly choose: (
    offered: ReadonlyArray<string>,
    preference?: ReadonlyArray<EncryptionMode>
  ) => Effect.Effect<EncryptionMode, VoiceError>
  /** A cipher for a 32-byte key. Its memory is wiped when the scope closes. Fails with `CryptoFailed`. */
  readonly make: (
    mode: Mode,
    key: Redacted.Redacted<Uint8Array>
  ) => Effect.Effect<PacketCipher, VoiceError, Scope.Scope>
}>()("effect-discord-voice/VoiceCrypto") {}
