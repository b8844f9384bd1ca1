/**
 * The buffers in which packets are made. They are used in turn by all senders of a process, so that they stay in the
 * processor's cache and a connection needs none of its own.
 *
 * @since 0.1.0
 */
import type { Workspace } from "./PacketCipher.ts"

/**
 * Size of one buffer: a packet of 20 ms has some hundred bytes, and 1,500 at most.
 *
 * @internal
 */
export const bytes = 2_048

/**
 * From one buffer to the next. Not a power of two: the starts of all buffers would share a few lines of the processor's
 * caches.
 */
const strideBytes = bytes + 192

/**
 * More than may wait for being sent, so that no buffer is used again before.
 *
 * @internal
 */
export const buffers = 256

/**
 * What all buffers take together.
 *
 * @internal
 */
export const blockBytes = buffers * strideBytes

/**
 * A workspace whose buffers are made all at once, and anew should they be gone.
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
      // what was used last is still in the processor's caches
      if (--inUse === 0) turn = 0
    },
    replace: (buffer) => {
      const index = all.indexOf(buffer)
      if (index >= 0) all[index] = new Uint8Array(bytes)
    }
  }
}

/**
 * Buffers of `bytes` bytes, one behind the other in a block.
 *
 * @internal
 */
export const cut = (block: ArrayBufferLike, offset: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: buffers }, (_, i) => new Uint8Array(block, offset + i * strideBytes, bytes))

/**
 * The one for ciphers that work on any memory.
 *
 * @internal
 */
export const ordinary: Workspace = make(() => cut(new ArrayBuffer(blockBytes), 0))
