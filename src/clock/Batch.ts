/**
 * Holds the packets of a slot's senders until all of them are ready: first all are sealed, then all are sent, so that neither
 * phase evicts the other's code and data from the processor's caches between two packets.
 *
 * @since 0.1.0
 */

/**
 * Receives a packet that is ready, at the end of the turn in which it was made. `packet` is a buffer of a workspace.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outlet {
  readonly deliver: (packet: Uint8Array, length: number) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Batch {
  /** Adds a packet. If there is no room, the waiting packets are delivered. */
  readonly post: (outlet: Outlet, packet: Uint8Array, length: number) => void
  /** Delivers the waiting packets, in order. */
  readonly flush: () => void
}

/**
 * The number of packets that may wait for the end of their slot.
 *
 * @category constants
 * @since 0.1.0
 */
export const batchPackets = 128

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Batch => {
  // filled once and then overwritten, so that packets allocate nothing
  const outlets: Array<Outlet> = []
  const packets: Array<Uint8Array> = []
  const lengths = new Uint32Array(batchPackets)
  let posted = 0

  const flush = (): void => {
    for (let i = 0; i < posted; i++) {
      const packet = packets[i]
      if (packet !== undefined) outlets[i]?.deliver(packet, lengths[i] ?? 0)
    }
    posted = 0
  }

  const post = (outlet: Outlet, packet: Uint8Array, length: number): void => {
    if (posted === batchPackets) flush()
    outlets[posted] = outlet
    packets[posted] = packet
    lengths[posted] = length
    posted++
  }

  return { post, flush }
}
