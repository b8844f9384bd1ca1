/**
 * The machine's addresses, shared by all sockets: reading them for each socket would cost more than all keepalives.
 *
 * @since 0.1.0
 */

const staleMs = 1_000

/**
 * Makes a function that tells whether the machine has an address. `read` returns the machine's addresses; it is called at most
 * once per second, measured by `now` in milliseconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (read: () => Iterable<string>, now: () => number): (address: string) => boolean => {
  let addresses: ReadonlySet<string> = new Set()
  let readMs = -Infinity
  return (address) => {
    const nowMs = now()
    if (nowMs - readMs > staleMs) {
      readMs = nowMs
      addresses = new Set(read())
    }
    return addresses.has(address)
  }
}
