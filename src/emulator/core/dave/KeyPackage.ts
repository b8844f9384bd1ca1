/**
 * KeyPackage (RFC 9420, 10; DAVE whitepaper, Key Packages): what a client sends (op 26) to be added to a group.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { UserId } from "../../../protocol/Identifier.ts"
import { equal, reader, u64 } from "./Bytes.ts"
import { ciphersuite, mlsVersion, publicKey, reference, verify } from "./Labels.ts"
import * as LeafNode from "./LeafNode.ts"

/**
 * A key package that has passed all checks.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyPackage {
  /** The bare structure; a copy. */
  readonly bytes: Uint8Array
  /** KeyPackageRef, 32 bytes. */
  readonly ref: Uint8Array
  readonly signatureKey: Uint8Array
}

/**
 * Why a key package is refused.
 *
 * - `malformed`: it cannot be read, or something follows it.
 * - `wrong-suite`: another version of MLS or another ciphersuite.
 * - `wrong-credential`: not a basic credential with the user's id as eight bytes, big-endian.
 * - `wrong-lifetime`: not from 0 to 2^64-1.
 * - `wrong-extensions`: it has extensions.
 * - `wrong-key`: a key is not an uncompressed point of P-256.
 * - `bad-signature`: leaf node or package are not signed with the key of the leaf.
 *
 * @category models
 * @since 0.1.0
 */
export type Problem =
  | "malformed"
  | "wrong-suite"
  | "wrong-credential"
  | "wrong-lifetime"
  | "wrong-extensions"
  | "wrong-key"
  | "bad-signature"

/**
 * The identity of a member: its user id as eight bytes, big-endian.
 *
 * @category constructors
 * @since 0.1.0
 */
export const identityOf = (userId: UserId): Uint8Array => u64(BigInt.asUintN(64, BigInt(userId)))

const forever = 0xffff_ffff_ffff_ffffn

/** According to the whitepaper it is an MLSMessage(KeyPackage); every known client sends the bare structure. */
const bare = (payload: Uint8Array): Uint8Array => {
  const isMessage = payload[0] === 0 && payload[1] === 1 && payload[2] === 0 && payload[3] === 5
  return payload.slice(isMessage ? 4 : 0)
}

/**
 * Reads and checks the key package of a user, bare or as MLSMessage. Never throws.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = (payload: Uint8Array, userId: UserId): Result.Result<KeyPackage, Problem> => {
  const bytes = bare(payload)
  const input = reader(bytes)
  const version = input.u16()
  const suite = input.u16()
  if (input.failed()) return Result.fail("malformed")
  if (version !== mlsVersion || suite !== ciphersuite) return Result.fail("wrong-suite")
  const initKey = input.vector()
  const leaf = LeafNode.read(input, bytes)
  if (leaf === undefined) return Result.fail("malformed")
  const extensions = input.vector()
  const signed = bytes.subarray(0, input.at())
  const signature = input.vector()
  if (input.failed() || input.left() > 0 || leaf.lifetime === undefined) return Result.fail("malformed")
  if (leaf.credentialType !== 1 || !equal(leaf.identity, identityOf(userId))) return Result.fail("wrong-credential")
  if (leaf.lifetime[0] !== 0n || leaf.lifetime[1] !== forever) return Result.fail("wrong-lifetime")
  if (leaf.extensions.length > 0 || extensions.length > 0) return Result.fail("wrong-extensions")
  for (const key of [initKey, leaf.encryptionKey, leaf.signatureKey]) {
    if (publicKey(key) === undefined) return Result.fail("wrong-key")
  }
  return LeafNode.isSigned(leaf) && verify(leaf.signatureKey, "KeyPackageTBS", signed, signature)
    ? Result.succeed({ bytes, ref: reference("KeyPackage", bytes), signatureKey: leaf.signatureKey })
    : Result.fail("bad-signature")
}
