/**
 * The buffers in which packets are made. One serves all senders of a process, because a packet has left when `send`
 * returns; so it stays in the processor's cache, and a connection needs no buffer of its own.
 *
 * @since 0.1.0
 */
import type { Workspace } from "../VoiceCrypto.ts"

/**
 * @internal
 */
export const bytes = 8_192

/**
 * A workspace whose buffers are made by `next`.
 *
 * @internal
 */
export const make = (next: () => Uint8Array): Workspace => {
  let current: Uint8Array | undefined
  return {
    buffer: () => {
      // a buffer in WebAssembly memory is detached (empty) when that memory grows
      if (current === undefined || current.length === 0) current = next()
      return current
    },
    replace: () => {
      current = next()
    }
  }
}

/**
 * The one for ciphers that work on any memory.
 *
 * @internal
 */
export const ordinary: Workspace = make(() => new Uint8Array(bytes))
