/**
 * No encryption at all, for tests: a packet is its own sealed form.
 *
 * @since 0.1.0
 */
import { canOpen, canSeal, type Cipher } from "./Cipher.ts"
import * as Workspaces from "./Workspaces.ts"

/** @internal */
export const make = (): Cipher => {
  let sealed = 0
  let closed = false
  return {
    mode: "plain",
    expansionBytes: 0,
    allocate: (size) => new Uint8Array(size),
    workspace: Workspaces.ordinary,
    seal: (buffer, clearLength, plainLength) => {
      if (closed || !canSeal(buffer, clearLength, plainLength, 0)) return -1
      sealed += 1
      return plainLength
    },
    open: (buffer, clearLength, length) => closed || !canOpen(buffer, clearLength, length, 0) ? -1 : length,
    sealed: () => sealed,
    close: () => {
      closed = true
    }
  }
}
