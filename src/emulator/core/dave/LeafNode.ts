/**
 * LeafNode (RFC 9420, 7.2): keys and credential of one member, in a key package or in the path of a commit.
 *
 * @since 0.1.0
 */
import { concat, type Reader, u32, vector } from "./Bytes.ts"
import { verify } from "./Labels.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface LeafNode {
  readonly encryptionKey: Uint8Array
  readonly signatureKey: Uint8Array
  /** 1 is basic, the only type in DAVE. The identity of other types is not read. */
  readonly credentialType: number
  readonly identity: Uint8Array
  /** 1 key package, 2 update, 3 commit. */
  readonly source: number
  /** For a key package: not before and not after. */
  readonly lifetime: readonly [bigint, bigint] | undefined
  readonly extensions: Uint8Array
  readonly signature: Uint8Array
  /** The bytes before the signature. */
  readonly signed: Uint8Array
}

/**
 * Reads a leaf node with a basic credential. `bytes` are the bytes of the reader. Returns `undefined` for anything else,
 * whether or not the reader has also failed.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (reader: Reader, bytes: Uint8Array): LeafNode | undefined => {
  const start = reader.at()
  const encryptionKey = reader.vector()
  const signatureKey = reader.vector()
  const credentialType = reader.u16()
  // Credentials of other types have no common length.
  if (credentialType !== 1 && credentialType !== 2) return undefined
  const identity = reader.vector()
  // Capabilities: versions, ciphersuites, extensions, proposals, credentials.
  for (let i = 0; i < 5; i++) reader.vector()
  const source = reader.u8()
  let lifetime: readonly [bigint, bigint] | undefined
  if (source === 1) lifetime = [reader.u64(), reader.u64()]
  else if (source === 3) reader.vector()
  else if (source !== 2) return undefined
  const extensions = reader.vector()
  const signed = bytes.subarray(start, reader.at())
  const signature = reader.vector()
  if (reader.failed()) return undefined
  return { encryptionKey, signatureKey, credentialType, identity, source, lifetime, extensions, signature, signed }
}

/**
 * Whether the leaf is signed with its own key. Outside of a key package, the signature covers the group and the leaf index.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSigned = (leaf: LeafNode, place?: { readonly groupId: Uint8Array; readonly index: number }): boolean => {
  const content = leaf.source === 1 || place === undefined
    ? leaf.signed
    : concat(leaf.signed, vector(place.groupId), u32(place.index))
  return verify(leaf.signatureKey, "LeafNodeTBS", content, leaf.signature)
}
