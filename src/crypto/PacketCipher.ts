/**
 * The interface of a cipher, and the buffers in which its packets are made. `VoiceCrypto` exports them.
 *
 * @since 0.1.0
 */
import type { EncryptionMode } from "../protocol/EncryptionMode.ts"

/**
 * The mode of a cipher. `plain` leaves packets unchanged and is for tests only: it is never chosen.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = EncryptionMode | "plain"

/**
 * Buffers in which all senders of a process make their packets, in the memory of the cipher's engine if it has its own. A
 * buffer is reused after `workspaceBuffers` others: fill, seal and send it before that.
 *
 * @category models
 * @since 0.1.0
 */
export interface Workspace {
  /** Returns a buffer of at least `size` bytes. Its content is arbitrary. */
  readonly next: (size: number) => Uint8Array
  /** Tells that a buffer from `next` is not needed any more. Once none is, the same buffers are used again. */
  readonly release: () => void
  /** Tells that a buffer will be read later (a datagram that waits in Node), so another one takes its place. */
  readonly replace: (buffer: Uint8Array) => void
}

/**
 * Seals and opens the packets of one connection under one key. Plain code for the 20 ms beat: it allocates nothing per packet,
 * and nothing throws.
 *
 * @category models
 * @since 0.1.0
 */
export interface PacketCipher {
  readonly mode: Mode
  /** The number of bytes by which a sealed packet is longer than the plain one. */
  readonly expansionBytes: number
  /**
   * Allocates a zeroed buffer of `size` bytes with which this cipher is fastest (in the memory of its engine, if it has its
   * own). Any other buffer works, too. It is released with the cipher's scope: do not use it afterwards, because it may then
   * contain another cipher's packets. When the engine's memory is used up (at some thousand connections), it is an ordinary
   * buffer.
   */
  readonly allocate: (size: number) => Uint8Array
  /** The buffers in which packets are made, shared by all ciphers of an engine. */
  readonly workspace: Workspace
  /**
   * Seals the packet in `buffer[0, plainLength)` in place: header first, then the payload. `clearLength` is the length of the
   * part that stays readable: 12 + 4 * CSRC count (+ 4 with an extension) in the rtpsize modes, 12 in the others, 8 for RTCP.
   * The buffer needs room for `expansionBytes` more. Returns the sealed length, or -1 if the nonces of this key are used up
   * (2^32 packets; 2^26 in `xsalsa20_poly1305`), the buffer is too small, or the scope is closed.
   *
   * In `xsalsa20_poly1305` the RTP header is the nonce: no two packets under a key may have the same first 12 bytes, and RTCP
   * packets, whose headers repeat, are refused (-1).
   */
  readonly seal: (buffer: Uint8Array, clearLength: number, plainLength: number) => number
  /**
   * Opens the packet in `buffer[0, length)` in place. Afterwards `buffer[clearLength, result)` is the plain payload. Returns
   * the plain length, or -1 if the packet is too short or does not authenticate; the bytes after the clear header are then
   * unspecified. Opening does not affect sealing: each has its own nonces.
   */
  readonly open: (buffer: Uint8Array, clearLength: number, length: number) => number
  /** Reads ahead of time what `seal` will need. See `AudioClock.Sender.prefetch`. Optional. */
  readonly prefetch?: ((step: number) => number) | undefined
  /** The number of packets sealed under this key so far. */
  readonly sealed: () => number
}
