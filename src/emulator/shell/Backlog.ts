/**
 * What is in the operating system's buffers of UDP sockets and has not been read yet.
 *
 * @since 0.1.0
 */

/** The maximum number of datagrams of a socket that libuv reads in one turn of the event loop. */
const datagramsAtOnce = 32

/** The space that an audio packet takes in a kernel buffer, in bytes. */
const datagramBytes = 1024

/**
 * @category models
 * @since 0.1.0
 */
export interface Backlog {
  /** Tells that a datagram was read from one of the sockets. */
  readonly read: () => void
  /**
   * Calls `f` when everything that is in the sockets has been read. Sockets are read between timers and immediates; if a whole
   * turn read less than the maximum, there is no more. With hundreds of clients there always is more: then it is called after
   * the number of turns that read a full buffer.
   */
  readonly after: (f: () => void) => void
}

/**
 * For sockets with receive buffers of this size.
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
