/**
 * The voice gateway as the external sender of a group (RFC 9420, 12.1.8.1; DAVE whitepaper, External Sender): its key and
 * credential (op 25), and the proposals that it signs (op 27). It has to know the group's id and epoch, but no secrets.
 *
 * @since 0.1.0
 */
import { createECDH, createPrivateKey } from "node:crypto"
import type { Random } from "../CoreContext.ts"
import { concat, hex, u16, u32, u64, u8, vector } from "./Bytes.ts"
import type { KeyPackage } from "./KeyPackage.ts"
import { mlsVersion, reference, sign } from "./Labels.ts"

/**
 * A signed proposal.
 *
 * @category models
 * @since 0.1.0
 */
export interface Proposal {
  /** The ProposalRef, 32 bytes, as hexadecimal digits. */
  readonly id: string
  readonly ref: Uint8Array
  /** The MLSMessage. */
  readonly message: Uint8Array
}

/**
 * @category models
 * @since 0.1.0
 */
export interface ExternalSender {
  /** The ExternalSender structure. */
  readonly bytes: Uint8Array
  readonly add: (groupId: Uint8Array, epoch: bigint, keyPackage: KeyPackage) => Proposal
  readonly remove: (groupId: Uint8Array, epoch: bigint, leaf: number) => Proposal
}

/** Discord's is unknown; this is the one of libdave's test server. */
const identity = Uint8Array.of(0, 1, 1, 0)

const proposalTypes = { add: 1, remove: 3 } as const

const wireFormat = 1

/**
 * Makes an external sender whose key comes from the seed. Signatures still differ from run to run.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (random: Random): ExternalSender => {
  const scalar = random.bytes(32)
  // Neither 0 nor as great as the order of the curve.
  scalar[0] = (scalar[0] ?? 0) & 0x7f
  scalar[31] = (scalar[31] ?? 0) | 1
  const ecdh = createECDH("prime256v1")
  ecdh.setPrivateKey(scalar)
  const point = ecdh.getPublicKey()
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url")
  const privateKey = createPrivateKey({
    key: {
      kty: "EC",
      crv: "P-256",
      x: base64(point.subarray(1, 33)),
      y: base64(point.subarray(33)),
      d: base64(scalar)
    },
    format: "jwk"
  })

  const propose = (groupId: Uint8Array, epoch: bigint, type: number, body: Uint8Array): Proposal => {
    const content = concat(
      vector(groupId),
      u64(epoch),
      u8(2), // an external sender
      u32(0), // the first of the list
      vector(),
      u8(2), // a proposal
      u16(type),
      body
    )
    const framed = concat(u16(mlsVersion), u16(wireFormat), content)
    const signature = vector(sign(privateKey, "FramedContentTBS", framed))
    const ref = reference("Proposal", concat(u16(wireFormat), content, signature))
    return { id: hex(ref), ref, message: concat(framed, signature) }
  }

  return {
    bytes: concat(vector(point), u16(1), vector(identity)),
    add: (groupId, epoch, keyPackage) => propose(groupId, epoch, proposalTypes.add, keyPackage.bytes),
    remove: (groupId, epoch, leaf) => propose(groupId, epoch, proposalTypes.remove, u32(leaf))
  }
}

/**
 * The payload of op 27, appending.
 *
 * @category codecs
 * @since 0.1.0
 */
export const appending = (proposals: ReadonlyArray<Proposal>): Uint8Array =>
  vector(...proposals.map(({ message }) => message))

/**
 * The payload of op 27, revoking.
 *
 * @category codecs
 * @since 0.1.0
 */
export const revoking = (proposals: ReadonlyArray<Proposal>): Uint8Array =>
  vector(...proposals.map(({ ref }) => vector(ref)))
