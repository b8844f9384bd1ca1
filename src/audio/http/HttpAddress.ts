/**
 * Which network addresses may be connected to. A host name says nothing about that: its owner may let it lead anywhere, and
 * elsewhere a moment later. What counts is the address of each connection, at the time it is made.
 *
 * @since 0.1.0
 */
import * as Dns from "node:dns"
import * as Net from "node:net"
import type { Fetch } from "./HttpFetch.ts"

/**
 * Which addresses may be connected to. `"public"` allows those of {@link isPublic}. A function is called for each connection
 * with the address, as text such as `192.0.2.1` or `2001:db8::1`, and the port; if a name has several addresses, with each of
 * them.
 *
 * @category models
 * @since 0.1.0
 */
export type Addresses = "any" | "public" | ((address: string, port: number) => boolean)

/**
 * The parts of IPv4 that are not in the public internet: what the IANA IPv4 Special-Purpose Address Registry (RFC 6890) lists
 * as not globally reachable or as deprecated, and multicast (RFC 5771).
 */
const special4: ReadonlyArray<readonly [network: string, bits: number]> = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  // not in any registry: each virtual machine at Azure has its host there (Microsoft Learn, "What is IP address
  // 168.63.129.16?")
  ["168.63.129.16", 32]
]

/**
 * The parts of the global unicast addresses that are not public, by the IANA IPv6 Special-Purpose Address Registry: protocol
 * assignments, including Teredo, documentation, and 6to4, which contains an IPv4 address.
 */
const special6: ReadonlyArray<readonly [network: string, bits: number]> = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20]
]

/** NAT64 stands for all of IPv4 (RFC 6052, 2.1). */
const nat64 = "64:ff9b::"

const refused = new Net.BlockList()
for (const [network, bits] of special4) {
  refused.addSubnet(network, bits, "ipv4")
  refused.addSubnet(`${nat64}${network}`, 96 + bits, "ipv6")
}
for (const [network, bits] of special6) refused.addSubnet(network, bits, "ipv6")

/** Global unicast (IANA Internet Protocol Version 6 Address Space): everything else is on this machine or in its network. */
const global6 = new Net.BlockList()
global6.addSubnet("2000::", 3, "ipv6")
global6.addSubnet(nat64, 96, "ipv6")

/**
 * Whether an IPv4 or IPv6 address belongs to the public internet, by IANA's registries of special-purpose addresses: not this
 * machine, a private network, link-local (where clouds have their metadata), shared by a provider, multicast, or reserved.
 * False for anything that is not an address.
 *
 * @category guards
 * @since 0.1.0
 */
export const isPublic = (address: string): boolean => {
  const family = Net.isIP(address)
  if (family === 4) return !refused.check(address, "ipv4")
  return family === 6 && global6.check(address, "ipv6") && !refused.check(address, "ipv6")
}

/**
 * The whole message: it does not tell the person who gave the URL where a name leads in someone's network.
 *
 * @category errors
 * @since 0.1.0
 */
export const refusal = "it leads to an address that the option `addresses` does not allow"

class AddressRefused extends Error {
  override readonly name = "AddressRefused"
  override readonly message = refusal
}

/**
 * Whether a request has failed because it leads to an address that may not be connected to, which `fetch` has as the cause of
 * its error.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRefused = (cause: unknown): boolean =>
  cause instanceof AddressRefused || (cause instanceof Error && cause.cause instanceof AddressRefused)

/**
 * Whether this refuses any address at all.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRule = (addresses: Addresses | undefined): boolean => addresses !== undefined && addresses !== "any"

type Allows = (address: string, port: number) => boolean

/** A lookup that finds only allowed addresses, so that the address that is checked is the one that is connected to. */
const lookupOf = (allows: Allows, port: number): Net.LookupFunction => (hostname, options, done) => {
  Dns.lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error !== null) return done(error, [])
    try {
      const allowed = found.filter(({ address }) => allows(address, port))
      const [first] = allowed
      if (first === undefined) return done(new AddressRefused(), [])
      if (options.all === true) done(null, allowed)
      else done(null, first.address, first.family)
    } catch (cause) {
      done(cause instanceof Error ? cause : new Error(String(cause)), [])
    }
  })
}

const make = async (allows: Allows): Promise<Fetch> => {
  // Node's `fetch` accepts only agents of its own; by the name of the package, Bun provides one that ignores agents
  const { Agent, buildConnector, fetch } = await import("undici/index.js")
  const agent = new Agent({
    allowH2: false,
    connect: (options, done) => {
      const port = Number(options.port) || (options.protocol === "https:" ? 443 : 80)
      const host = options.hostname.replace(/^\[(.*)\]$/, "$1")
      try {
        // an IP address is not looked up
        if (Net.isIP(host) !== 0 && !allows(host, port)) return done(new AddressRefused(), null)
      } catch (cause) {
        return done(cause instanceof Error ? cause : new Error(String(cause)), null)
      }
      buildConnector({ allowH2: false, lookup: lookupOf(allows, port) })(options, done)
    }
  })
  return (url, request) => fetch(url, { ...request, dispatcher: agent })
}

const made = new WeakMap<Allows, Promise<Fetch>>()

/**
 * The `fetch` of Node. On other runtimes it is that of the package, from which Node has its own: theirs report failed
 * requests in another way, so that another attempt would seem useless (Bun), or leave a compressed answer as it is (Deno).
 */
const plain: Fetch = process.versions["bun"] === undefined && process.versions["deno"] === undefined
  ? (url, request) => fetch(url, request)
  : async (url, request) => (await import("undici/index.js")).fetch(url, request)

/**
 * A `fetch` that makes all of its connections only to those addresses, also after a redirect. Connections are shared by those
 * who have the same rule.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fetchOf = (addresses: Addresses | undefined): Fetch => {
  if (addresses === undefined || addresses === "any") return plain
  const allows = addresses === "public" ? isPublic : addresses
  return async (url, request) => {
    const guarded = made.get(allows) ?? make(allows)
    made.set(allows, guarded)
    return (await guarded)(url, request)
  }
}
