/**
 * The machine's addresses, shared by all sockets: reading them for each socket would cost more than all keepalives.
 *
 * @since 0.1.0
 */

const staleMs = 1_000

/**
 * Makes a function that tells whether the machine has an address. `read` returns the machine's addresses; it is called at most
 * once per second, measured by `now` in milliseconds. If it throws, the last addresses that it returned count. Before there are
 * any, every address counts as the machine's: Android does not show them to programs, and a process without free file
 * descriptors cannot read them either.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (read: () => Iterable<string>, now: () => number): (address: string) => boolean => {
  let addresses: ReadonlySet<string> | undefined
  let readMs = -Infinity
  return (address) => {
    const nowMs = now()
    if (nowMs - readMs > staleMs) {
      readMs = nowMs
      try {
        addresses = new Set(read())
      } catch {
        // the beat asks: an exception would end it
      }
    }
    return addresses === undefined || addresses.has(address)
  }
}
