/**
 * A network address translation between the clients and the voice servers. Initially everyone is seen at the address of its own
 * socket. When a mapping is changed, the client appears at another address, and what is sent to the previous one is lost, as
 * with a router that has restarted or forgotten a mapping.
 *
 * @since 0.1.0
 */
import type { Address } from "./CoreContext.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Nat {
  /** The address from which a datagram of this socket appears to come. */
  readonly inbound: (from: Address) => Address
  /** The socket at an address; `undefined` if the mapping is gone. */
  readonly outbound: (to: Address) => Address | undefined
  /** Gives another address to the client that is or was seen at an address. */
  readonly change: (seen: Address) => void
  /** The current address of the client that is or was seen at an address. */
  readonly latest: (seen: Address) => Address
}

/** TEST-NET-3 (RFC 5737): no socket has such an address. */
const network = "203.0.113"
const firstPort = 1024
const ports = 60_000
const hosts = 254

const keyOf = ({ address, port }: Address): string => `${address}/${port}`

/**
 * Makes a translation without mappings.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Nat => {
  const seenAt = new Map<string, Address>()
  // Every address that a changed client has had, with its socket.
  const behind = new Map<string, Address>()
  let changes = 0

  const socketOf = (seen: Address): Address => behind.get(keyOf(seen)) ?? seen
  const inbound = (from: Address): Address => seenAt.size === 0 ? from : seenAt.get(keyOf(from)) ?? from

  return {
    inbound,
    outbound: (to) => {
      if (seenAt.size === 0) return to
      const socket = socketOf(to)
      return keyOf(inbound(socket)) === keyOf(to) ? socket : undefined
    },
    change: (seen) => {
      const socket = socketOf(seen)
      const address = {
        address: `${network}.${1 + Math.floor(changes / ports) % hosts}`,
        port: firstPort + changes % ports
      }
      changes++
      seenAt.set(keyOf(socket), address)
      behind.set(keyOf(socket), socket)
      behind.set(keyOf(address), socket)
    },
    latest: (seen) => inbound(socketOf(seen))
  }
}
