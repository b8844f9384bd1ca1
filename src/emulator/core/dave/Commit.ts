/**
 * What a client sends to change a group (op 28): a commit as PublicMessage (RFC 9420, 6 and 12.4), and a Welcome (12.4.3.1) if
 * it adds members.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { concat, equal, hex, type Reader, reader, u16, vector } from "./Bytes.ts"
import { ciphersuite, mlsVersion } from "./Labels.ts"
import * as LeafNode from "./LeafNode.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Commit {
  /** The MLSMessage; a view. */
  readonly bytes: Uint8Array
  readonly groupId: Uint8Array
  readonly epoch: bigint
  /** The leaf of the sender; `undefined` if it is not a member. */
  readonly leaf: number | undefined
  /** The ProposalRefs as hexadecimal digits, in order. */
  readonly refs: ReadonlyArray<string>
  /** Whether there are proposals by value. Those after the first of them are not read. */
  readonly byValue: boolean
  /** The committer's new leaf, if the commit has a path. */
  readonly path: LeafNode.LeafNode | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Welcome {
  /** The KeyPackageRef (as hexadecimal digits) and the secrets of each new member. */
  readonly secrets: ReadonlyArray<{ readonly member: string; readonly bytes: Uint8Array }>
  readonly groupInfo: Uint8Array
}

/**
 * @category models
 * @since 0.1.0
 */
export interface CommitWelcome {
  readonly commit: Commit
  readonly welcome: Welcome | undefined
}

/**
 * Why an op 28 cannot be read: `malformed`, `not-a-commit` (another MLS message, or an encrypted one), or `malformed-welcome`.
 *
 * @category models
 * @since 0.1.0
 */
export type Problem = "malformed" | "not-a-commit" | "malformed-welcome"

const readSender = (input: Reader): number | undefined => {
  const type = input.u8()
  if (type === 1) return input.u32()
  // External senders have an index, new members nothing.
  if (type === 2) input.u32()
  return undefined
}

const readProposals = (
  bytes: Uint8Array
): { readonly refs: ReadonlyArray<string>; readonly byValue: boolean } | undefined => {
  const input = reader(bytes)
  const refs: Array<string> = []
  while (input.left() > 0) {
    const type = input.u8()
    if (type === 1) return { refs, byValue: true }
    if (type !== 2) return undefined
    refs.push(hex(input.vector()))
  }
  return input.failed() ? undefined : { refs, byValue: false }
}

const readNodes = (bytes: Uint8Array): boolean => {
  const input = reader(bytes)
  while (input.left() > 0) {
    input.vector()
    const ciphertexts = reader(input.vector())
    while (ciphertexts.left() > 0) {
      ciphertexts.vector()
      ciphertexts.vector()
    }
    if (ciphertexts.failed()) return false
  }
  return !input.failed()
}

const readCommit = (input: Reader, bytes: Uint8Array): Result.Result<Commit, Problem> => {
  const version = input.u16()
  const wireFormat = input.u16()
  if (input.failed()) return Result.fail("malformed")
  if (version !== mlsVersion || wireFormat !== 1) return Result.fail("not-a-commit")
  const groupId = input.vector()
  const epoch = input.u64()
  const leaf = readSender(input)
  input.vector()
  const contentType = input.u8()
  if (input.failed()) return Result.fail("malformed")
  if (contentType !== 3) return Result.fail("not-a-commit")
  const proposals = readProposals(input.vector())
  const hasPath = input.u8()
  if (proposals === undefined || hasPath > 1) return Result.fail("malformed")
  let path: LeafNode.LeafNode | undefined
  if (hasPath === 1) {
    path = LeafNode.read(input, bytes)
    if (path === undefined || !readNodes(input.vector())) return Result.fail("malformed")
  }
  input.vector() // signature
  input.vector() // confirmation tag
  if (leaf !== undefined) input.vector() // membership tag
  if (input.failed()) return Result.fail("malformed")
  return Result.succeed({ bytes: bytes.subarray(0, input.at()), groupId, epoch, leaf, ...proposals, path })
}

/**
 * Reads a bare Welcome up to the end of the bytes. Never throws.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeWelcome = (bytes: Uint8Array): Welcome | undefined => {
  const input = reader(bytes)
  if (input.u16() !== ciphersuite) return undefined
  const list = input.vector()
  const groupInfo = input.vector()
  if (input.failed() || input.left() > 0) return undefined
  const entries = reader(list)
  const secrets: Array<Welcome["secrets"][number]> = []
  while (entries.left() > 0) {
    const start = entries.at()
    const member = hex(entries.vector())
    entries.vector()
    entries.vector()
    secrets.push({ member, bytes: list.subarray(start, entries.at()) })
  }
  return entries.failed() ? undefined : { secrets, groupInfo }
}

/**
 * The Welcome for the owner of one key package, without the parts for others; `undefined` if it contains nothing for that one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const target = (welcome: Welcome, keyPackageRef: Uint8Array): Uint8Array | undefined => {
  const wanted = hex(keyPackageRef)
  const secret = welcome.secrets.find(({ member }) => member === wanted)
  return secret && concat(u16(ciphersuite), vector(secret.bytes), vector(welcome.groupInfo))
}

/**
 * Reads the payload of op 28. Never throws.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = (payload: Uint8Array): Result.Result<CommitWelcome, Problem> => {
  const input = reader(payload)
  const commit = readCommit(input, payload)
  if (Result.isFailure(commit)) return Result.fail(commit.failure)
  if (input.left() === 0) return Result.succeed({ commit: commit.success, welcome: undefined })
  const welcome = decodeWelcome(payload.subarray(input.at()))
  return welcome === undefined
    ? Result.fail("malformed-welcome")
    : Result.succeed({ commit: commit.success, welcome })
}

/**
 * Whether the path of a commit keeps the credential and the signature key of its sender.
 *
 * @category guards
 * @since 0.1.0
 */
export const keepsIdentity = (
  path: LeafNode.LeafNode,
  identity: Uint8Array,
  signatureKey: Uint8Array
): boolean =>
  path.source === 3 && path.credentialType === 1 && equal(path.identity, identity) &&
  equal(path.signatureKey, signatureKey)
