/**
 * Key packages and commits, valid or with chosen mistakes, written with buffers alone.
 */
import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto"

export const V = (...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  if (length < 64) return Buffer.concat([Buffer.of(length), content])
  if (length < 16384) return Buffer.concat([Buffer.of(0x40 | (length >> 8), length & 0xff), content])
  const head = Buffer.alloc(4)
  head.writeUInt32BE((0x8000_0000 + length) >>> 0)
  return Buffer.concat([head, content])
}

export const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

export const pair = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const { x = "", y = "" } = publicKey.export({ format: "jwk" })
  return {
    privateKey,
    point: Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")])
  }
}

const sign = (key: KeyObject, label: string, content: Uint8Array): Buffer =>
  createSign("sha256").update(Buffer.concat([V(Buffer.from(`MLS 1.0 ${label}`)), V(content)])).sign(key)

const keys = pair()
const other = pair()

export interface Wrong {
  readonly suite?: number
  readonly credential?: number
  readonly identity?: Uint8Array
  readonly notBefore?: bigint
  readonly notAfter?: bigint
  readonly leafExtensions?: Uint8Array
  readonly extensions?: Uint8Array
  readonly initKey?: Uint8Array
  readonly leafSigner?: "other"
  readonly signer?: "other"
}

/** A key package that is valid except for the given mistakes. The signatures match its content. */
export const keyPackage = (user: string, wrong: Wrong = {}): Buffer => {
  const leaf = Buffer.concat([
    V(pair().point),
    V(keys.point),
    Buffer.of(0, wrong.credential ?? 1),
    V(wrong.identity ?? u64(BigInt(user))),
    V(Buffer.of(0, 1)),
    V(Buffer.of(0, 2)),
    V(),
    V(),
    V(Buffer.of(0, 1)),
    Buffer.of(1),
    u64(wrong.notBefore ?? 0n),
    u64(wrong.notAfter ?? 0xffff_ffff_ffff_ffffn),
    V(wrong.leafExtensions ?? Buffer.alloc(0))
  ])
  const signed = Buffer.concat([
    Buffer.of(0, 1, 0, wrong.suite ?? 2),
    V(wrong.initKey ?? pair().point),
    leaf,
    V(sign(wrong.leafSigner === "other" ? other.privateKey : keys.privateKey, "LeafNodeTBS", leaf)),
    V(wrong.extensions ?? Buffer.alloc(0))
  ])
  const signer = wrong.signer === "other" ? other.privateKey : keys.privateKey
  return Buffer.concat([signed, V(sign(signer, "KeyPackageTBS", signed))])
}

/** A commit, by default without a path. Its signature and tags are made up, because the server cannot check them. */
export const commit = (options: {
  readonly group: string
  readonly epoch: bigint
  readonly leaf: number
  /** Each one starts with its type byte. */
  readonly proposals: ReadonlyArray<Uint8Array>
  readonly path?: Uint8Array
}): Buffer =>
  Buffer.concat([
    Buffer.of(0, 1, 0, 1),
    V(u64(BigInt(options.group))),
    u64(options.epoch),
    Buffer.of(1, 0, 0, 0, options.leaf),
    V(),
    Buffer.of(3),
    V(...options.proposals),
    options.path === undefined ? Buffer.of(0) : Buffer.concat([Buffer.of(1), options.path]),
    V(Buffer.alloc(70, 1)),
    V(Buffer.alloc(32, 2)),
    V(Buffer.alloc(32, 3))
  ])

/** A path that consists of a leaf without further nodes, signed for its position. */
export const path = (options: {
  readonly group: string
  readonly leaf: number
  readonly identity: Uint8Array
  readonly signatureKey: Buffer
  readonly signer: KeyObject
}): Buffer => {
  const leaf = Buffer.concat([
    V(pair().point),
    V(options.signatureKey),
    Buffer.of(0, 1),
    V(options.identity),
    V(Buffer.of(0, 1)),
    V(Buffer.of(0, 2)),
    V(),
    V(),
    V(Buffer.of(0, 1)),
    Buffer.of(3),
    V(),
    V()
  ])
  const place = Buffer.concat([leaf, V(u64(BigInt(options.group))), Buffer.of(0, 0, 0, options.leaf)])
  return Buffer.concat([leaf, V(sign(options.signer, "LeafNodeTBS", place)), V()])
}

export const byReference = (ref: Uint8Array): Buffer => Buffer.concat([Buffer.of(2), V(ref)])
