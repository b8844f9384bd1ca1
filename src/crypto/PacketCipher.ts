/**
 * What a cipher does, and where packets are made for it. `VoiceCrypto` gives these to users.
 *
 * @since 0.1.0
 */
import type { EncryptionMode } from "../protocol/EncryptionMode.ts"

/**
 * The mode of a cipher. `plain` leaves packets as they are and is for tests only: it is never chosen.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = EncryptionMode | "plain"

/**
 * Buffers in which all senders of a process make their packets, in the memory of the cipher's engine where it has one. A
 * buffer is used again after `workspaceBuffers` others: fill, seal and send it before that.
 *
 * @category models
 * @since 0.1.0
 */
export interface Workspace {
  /** A buffer of `size` bytes or more. What stood in it is of no use. */
  readonly next: (size: number) => Uint8Array
  /** Says that a buffer that `next` gave is needed no longer. Once none is, the same ones come again. */
  readonly release: () => void
  /** Says that somebody will read the buffer later (a datagram that waits in Node), so that another takes its place. */
  readonly replace: (buffer: Uint8Array) => void
}

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
   * one). Any other buffer works too. It is released with the cipher's scope: do not touch it afterwards, another cipher's
   * packets may stand there. When the engine's memory is used up (some thousand connections) it is an ordinary buffer.
   */
  readonly allocate: (size: number) => Uint8Array
  /** Where packets are made, shared by all ciphers of an engine. */
  readonly workspace: Workspace
  /**
   * Seals the packet in `buffer[0, plainLength)` in place: header first, then the payload. `clearLength` is the length of
   * the part that stays readable: 12 + 4 * CSRC count (+ 4 with an extension) in the rtpsize modes, 12 in the others, 8
   * for RTCP. The buffer needs `expansionBytes` of room behind. Returns the sealed length, or -1 when the nonces of this
   * key are used up (2^32 packets; 2^26 in `xsalsa20_poly1305`), the buffer is too small, or the scope is closed.
   *
   * In `xsalsa20_poly1305` the RTP header is the nonce: no two packets under a key may have the same first 12 bytes, and
   * RTCP packets, whose headers repeat, are refused (-1).
   */
  readonly seal: (buffer: Uint8Array, clearLength: number, plainLength: number) => number
  /**
   * Opens the packet in `buffer[0, length)` in place. Afterwards `buffer[clearLength, result)` is the plain payload.
   * Returns the plain length, or -1 when it is too short or does not authenticate; what stands behind the clear header is
   * unspecified then. Opening does not disturb sealing: the two have nonces of their own.
   */
  readonly open: (buffer: Uint8Array, clearLength: number, length: number) => number
  /** Reads what `seal` will need ahead of its time. See `AudioClock.Sender.prefetch`. A cipher may do without. */
  readonly prefetch?: ((step: number) => number) | undefined
  /** Packets sealed under this key so far. */
  readonly sealed: () => number
}
