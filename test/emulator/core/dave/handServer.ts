/**
 * The voice gateway's half of MLS, written with node:crypto alone: external proposals, and just enough of a parser to take
 * the commit out of opcode 28. It shares nothing with the emulator's own group, so it checks a member independently.
 */
import { createHash, generateKeyPairSync, sign } from "node:crypto"

const concat = (...parts: ReadonlyArray<Uint8Array | ReadonlyArray<number>>): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => Array.from(part)))

/** Bytes with the variable-length prefix of MLS (RFC 9000, 16). */
export const vector = (bytes: Uint8Array): Uint8Array => {
  const { length } = bytes
  if (length < 0x40) return concat([length], bytes)
  if (length < 0x4000) return concat([0x40 | (length >>> 8), length & 0xff], bytes)
  return concat([0x80 | (length >>> 24), (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff], bytes)
}

const uint = (value: number | bigint | string, bytes: number): Uint8Array => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64BE(BigInt(value))
  return buffer.subarray(8 - bytes)
}

const label = (text: string) => vector(Buffer.from(text))

/** Reads MLS structures from the beginning. */
export const reader = (bytes: Uint8Array) => {
  let at = 0
  const byte = () => bytes[at++] ?? 0
  const take = (length: number) => bytes.subarray(at, at += length)
  const length = () => {
    const first = byte()
    const more = [0, 1, 3][first >>> 6] ?? 0
    let value = first & 0x3f
    for (let i = 0; i < more; i++) value = value * 256 + byte()
    return value
  }
  return { byte, take, block: () => take(length()), at: () => at }
}

/** Splits the payload of opcode 28 into the commit, whose proposals are read, and the Welcome. */
export const splitCommit = (payload: Uint8Array) => {
  const read = reader(payload)
  read.take(4)
  read.block()
  const epoch = Number(Buffer.from(read.take(8)).readBigUInt64BE())
  read.take(5)
  read.block()
  read.take(1)
  const proposals = reader(read.block())
  const references: Array<string> = []
  while (true) {
    if (proposals.byte() !== 2) break
    references.push(Buffer.from(proposals.block()).toString("hex"))
  }
  if (read.byte() === 1) {
    // The committer's leaf node, then the nodes of its path.
    read.block()
    read.block()
    read.take(2)
    read.block()
    for (let i = 0; i < 5; i++) read.block()
    if (read.byte() === 1) read.take(16)
    else read.block()
    read.block()
    read.block()
    read.block()
  }
  read.block()
  read.block()
  read.block()
  return { epoch, references, commit: payload.subarray(0, read.at()), welcome: payload.subarray(read.at()) }
}

export interface Proposal {
  readonly message: Uint8Array
  readonly reference: string
}

/** An external sender with its own key. */
export const make = (channelId: string) => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const point = publicKey.export({ format: "der", type: "spki" }).subarray(-65)

  const propose = (epoch: number, proposal: Uint8Array): Proposal => {
    const content = concat(
      vector(uint(channelId, 8)),
      uint(epoch, 8),
      [2],
      uint(0, 4),
      [0],
      [2],
      proposal
    )
    const signed = concat(label("MLS 1.0 FramedContentTBS"), vector(concat([0, 1, 0, 1], content)))
    const signature = vector(sign("sha256", signed, privateKey))
    const reference = createHash("sha256")
      .update(label("MLS 1.0 Proposal Reference"))
      .update(vector(concat([0, 1], content, signature)))
      .digest("hex")
    return { message: concat([0, 1, 0, 1], content, signature), reference }
  }

  return {
    externalSender: concat(vector(point), [0, 1], vector(Uint8Array.of(0, 1, 1, 0))),
    add: (epoch: number, keyPackage: Uint8Array) => propose(epoch, concat([0, 1], keyPackage)),
    remove: (epoch: number, leaf: number) => propose(epoch, concat([0, 3], uint(leaf, 4))),
    /** The payload of opcode 27, append. */
    append: (proposals: ReadonlyArray<Proposal>) => vector(concat(...proposals.map(({ message }) => message))),
    /** The payload of opcode 27, revoke. */
    revoke: (proposals: ReadonlyArray<Proposal>) =>
      vector(concat(...proposals.map(({ reference }) => vector(Buffer.from(reference, "hex")))))
  }
}
