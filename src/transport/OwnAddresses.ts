/**
 * The machine's addresses, which all sockets ask for: reading them anew for each would cost more than all keepalives.
 *
 * @since 0.1.0
 */

const staleMs = 1_000

/**
 * Whether the machine has an address. `read` gives those that it has; it is asked once a second at most, by `now` in milliseconds.
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
