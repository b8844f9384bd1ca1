/**
 * What lies in the operating system's buffers of UDP sockets and was not read yet.
 *
 * @since 0.1.0
 */

/** How many datagrams of a socket are read in one turn of the event loop at the most, by libuv. */
const datagramsAtOnce = 32

/** What the kernel takes of a buffer for a packet of sound, in bytes. */
const datagramBytes = 1024

/**
 * @category models
 * @since 0.1.0
 */
export interface Backlog {
  /** A datagram has come out of one of the sockets. */
  readonly read: () => void
  /**
   * Calls `f` when what lies in the sockets has been read. They are read between timers and immediates; where less than there may
   * be at once was read in a whole turn, there is no more. With hundreds of clients there always is: then after as many turns as a
   * full buffer is read in.
   */
  readonly after: (f: () => void) => void
}

/**
 * Of sockets with receive buffers of so many bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (bufferBytes: number): Backlog => {
  let count = 0

  const wait = (f: () => void, turnsLeft: number): void => {
    setImmediate(() => {
      const before = count
      setImmediate(() => {
        if (count - before < datagramsAtOnce || turnsLeft === 0) f()
        else wait(f, turnsLeft - 1)
      })
    })
  }

  return {
    read: () => {
      count++
    },
    after: (f) => wait(f, Math.ceil(bufferBytes / datagramBytes / datagramsAtOnce))
  }
}
