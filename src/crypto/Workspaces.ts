/**
 * The buffers in which packets are made. All senders of a process use them in turn, so they stay in the processor's cache and a
 * connection does not need its own.
 *
 * @since 0.1.0
 */
import type { Workspace } from "./PacketCipher.ts"

/**
 * The size of one buffer: a packet of 20 ms has some hundred bytes, and 1,500 at most.
 *
 * @internal
 */
export const bytes = 2_048

/** The distance of two buffers. Not a power of two: the starts of all buffers would share a few cache lines. */
const strideBytes = bytes + 192

/**
 * More than can wait to be sent, so no buffer is reused before.
 *
 * @internal
 */
export const buffers = 256

/**
 * The total size of all buffers.
 *
 * @internal
 */
export const blockBytes = buffers * strideBytes

/**
 * Makes a workspace whose buffers are allocated all at once, and again if they are lost.
 *
 * @internal
 */
export const make = (allocate: () => ReadonlyArray<Uint8Array>): Workspace => {
  let all: Array<Uint8Array> = []
  let turn = 0
  let inUse = 0
  return {
    next: (size) => {
      inUse++
      if (size > bytes) return new Uint8Array(size)
      turn = (turn + 1) % buffers
      let buffer = all[turn]
      // a buffer in WebAssembly memory is detached (empty) when that memory grows
      if (buffer === undefined || buffer.length === 0) {
        all = [...allocate()]
        buffer = all[turn]
      }
      return buffer ?? new Uint8Array(bytes)
    },
    release: () => {
      // the last buffers used are still in the processor's caches
      if (--inUse === 0) turn = 0
    },
    replace: (buffer) => {
      const index = all.indexOf(buffer)
      if (index >= 0) all[index] = new Uint8Array(bytes)
    }
  }
}

/**
 * Cuts a block into consecutive buffers of `bytes` bytes.
 *
 * @internal
 */
export const cut = (block: ArrayBufferLike, offset: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: buffers }, (_, i) => new Uint8Array(block, offset + i * strideBytes, bytes))

/**
 * The workspace of ciphers that work on any memory.
 *
 * @internal
 */
export const ordinary: Workspace = make(() => cut(new ArrayBuffer(blockBytes), 0))
