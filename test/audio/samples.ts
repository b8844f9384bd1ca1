/**
 * Audio for the tests, made on the spot: packets, and containers that are written and parsed by code that shares
 * nothing with the library.
 */
import * as Crypto from "node:crypto"

export interface Packet {
  readonly data: Uint8Array
  readonly samples: number
}

/** Bytes that look random, but are the same each time. */
export const noise = (seed: number, length: number): Uint8Array => {
  const parts: Array<Buffer> = []
  for (let i = 0; i * 32 < length; i++) parts.push(Crypto.createHash("sha256").update(`${seed}/${i}`).digest())
  return new Uint8Array(Buffer.concat(parts).subarray(0, length))
}

const durations: ReadonlyArray<readonly [toc: number, samples: number]> = [
  [28 << 3, 120],
  [29 << 3, 240],
  [30 << 3, 480],
  [31 << 3, 960],
  [2 << 3, 1920],
  [3 << 3, 2880]
]

/** A packet of one frame. `kind` 0 to 5 stands for 2.5, 5, 10, 20, 40 and 60 ms. */
export const packet = (seed: number, kind = 3, bytes = 100): Packet => {
  const [toc, samples] = durations[kind] ?? [31 << 3, 960]
  const data = new Uint8Array(1 + bytes)
  data[0] = toc | 4
  data.set(noise(seed, bytes), 1)
  return { data, samples }
}

/** 120 ms in six frames of equal size, in a packet that can span more than one Ogg page. */
export const longPacket = (seed: number, bytes = 7200): Packet => {
  const data = new Uint8Array(2 + bytes)
  data[0] = (31 << 3) | 4 | 3
  data[1] = 6
  data.set(noise(seed, bytes), 2)
  return { data, samples: 5760 }
}

/** Packets of all durations, with sizes around the segment boundaries. */
export const mixed = (seed: number, count = 40): Array<Packet> =>
  Array.from({ length: count }, (_, i) =>
    i % 9 === 8
      ? longPacket(seed + i)
      : packet(seed + i, i % 6, [253, 254, 255, 508, 509, 510, 1, 0, 900][(i + seed) % 9]))

export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

export const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))

/** Packets as text, which makes differences readable. */
export const shown = (packets: ReadonlyArray<Packet>): Array<string> =>
  packets.map(({ data, samples }) => `${samples}: ${Buffer.from(data).toString("hex")}`)

// Ogg, exactly as RFC 3533 defines it

export interface Page {
  readonly flags: number
  readonly granule: bigint
  readonly serial: number
  sequence: number
  readonly lacing: ReadonlyArray<number>
  readonly body: Uint8Array
}

/** The checksum, computed bit by bit as the RFC describes it. */
const crc = (bytes: Uint8Array): number => {
  let register = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const carry = (register >>> 31) ^ ((byte >> bit) & 1)
      register = (register << 1) >>> 0
      if (carry === 1) register = (register ^ 0x04c11db7) >>> 0
    }
  }
  return register
}

export const writePage = (page: Page): Uint8Array => {
  const head = Buffer.alloc(27 + page.lacing.length)
  head.write("OggS", "latin1")
  head[5] = page.flags
  head.writeBigInt64LE(page.granule, 6)
  head.writeUInt32LE(page.serial, 14)
  head.writeUInt32LE(page.sequence, 18)
  head[26] = page.lacing.length
  head.set(page.lacing, 27)
  const bytes = Buffer.concat([head, page.body])
  bytes.writeUInt32LE(crc(bytes), 22)
  return new Uint8Array(bytes)
}

export const readPages = (file: Uint8Array): Array<Page> => {
  const bytes = Buffer.from(file)
  const pages: Array<Page> = []
  let offset = 0
  while (offset < bytes.length) {
    if (bytes.toString("latin1", offset, offset + 4) !== "OggS") throw new Error(`no page at ${offset}`)
    const segments = bytes[offset + 26] ?? 0
    const lacing = [...bytes.subarray(offset + 27, offset + 27 + segments)]
    const body = offset + 27 + segments
    const end = body + lacing.reduce((sum, length) => sum + length, 0)
    const copy = Buffer.from(bytes.subarray(offset, end))
    const checksum = copy.readUInt32LE(22)
    copy.writeUInt32LE(0, 22)
    if (crc(copy) !== checksum) throw new Error(`bad checksum at ${offset}`)
    pages.push({
      flags: bytes[offset + 5] ?? 0,
      granule: bytes.readBigInt64LE(offset + 6),
      serial: bytes.readUInt32LE(offset + 14),
      sequence: bytes.readUInt32LE(offset + 18),
      lacing,
      body: new Uint8Array(bytes.subarray(body, end))
    })
    offset = end
  }
  return pages
}

/** The packets of one logical stream, headers included. */
export const readPackets = (file: Uint8Array, serial: number): Array<Uint8Array> => {
  const packets: Array<Uint8Array> = []
  let parts: Array<Uint8Array> = []
  for (const page of readPages(file)) {
    if (page.serial !== serial) continue
    let offset = 0
    for (const length of page.lacing) {
      parts.push(page.body.subarray(offset, offset + length))
      offset += length
      if (length < 255) {
        packets.push(concat(...parts))
        parts = []
      }
    }
  }
  return packets
}

export const opusHead = (options?: {
  readonly channels?: number
  readonly preSkip?: number
  readonly gain?: number
  readonly family?: number
  readonly version?: number
}): Uint8Array => {
  const bytes = Buffer.alloc(19)
  bytes.write("OpusHead", "latin1")
  bytes[8] = options?.version ?? 1
  bytes[9] = options?.channels ?? 2
  bytes.writeUInt16LE(options?.preSkip ?? 312, 10)
  bytes.writeUInt32LE(44_100, 12)
  bytes.writeInt16LE(options?.gain ?? 0, 16)
  bytes[18] = options?.family ?? 0
  return new Uint8Array(bytes)
}

export const opusTags = (padding = 0): Uint8Array => concat(ascii("OpusTags"), new Uint8Array(8 + padding))

/** Packets in pages of at most `segments` segments. Packets continue over the end of a page where necessary. */
export const pagesOf = (
  packets: ReadonlyArray<Packet>,
  options?: {
    readonly serial?: number
    readonly segments?: number
    readonly head?: Uint8Array
    readonly tags?: Uint8Array
    readonly last?: boolean
    readonly startGranule?: number
  }
): Array<Page> => {
  const serial = options?.serial ?? 7
  const size = options?.segments ?? 20
  const pages: Array<Page> = []
  const add = (list: ReadonlyArray<Packet>, first: number, from: number, last: boolean) => {
    const lacing: Array<{ readonly length: number; readonly end: number; readonly bytes: Uint8Array }> = []
    let granule = from
    for (const { data, samples } of list) {
      granule += samples
      for (let offset = 0; offset <= data.length; offset += 255) {
        const bytes = data.subarray(offset, offset + 255)
        lacing.push({ length: bytes.length, end: bytes.length < 255 ? granule : -1, bytes })
      }
    }
    for (let i = 0; i < lacing.length; i += size) {
      const part = lacing.slice(i, i + size)
      const continued = i > 0 && lacing[i - 1]?.length === 255
      const final = i + size >= lacing.length
      pages.push({
        flags: (continued ? 1 : 0) | (i === 0 ? first : 0) | (last && final ? 4 : 0),
        granule: BigInt(part.reduce((granule, { end }) => Math.max(granule, end), -1)),
        serial,
        sequence: pages.length,
        lacing: part.map(({ length }) => length),
        body: concat(...part.map(({ bytes }) => bytes))
      })
    }
  }
  add([{ data: options?.head ?? opusHead(), samples: 0 }], 2, 0, false)
  add([{ data: options?.tags ?? opusTags(), samples: 0 }], 0, 0, false)
  add(packets, 0, options?.startGranule ?? 0, options?.last ?? true)
  return pages
}

export const ogg = (...args: Parameters<typeof pagesOf>): Uint8Array => concat(...pagesOf(...args).map(writePage))

// Matroska, exactly as RFC 9559 defines it

const vint = (value: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  let left = value
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = left % 256
    left = Math.floor(left / 256)
  }
  bytes[0] = (bytes[0] ?? 0) | (1 << (8 - length))
  return bytes
}

/** An element by its ID in hexadecimal. The size `"unknown"` leaves its length open. */
export const element = (id: string, body: Uint8Array, size?: "unknown" | number): Uint8Array =>
  concat(
    new Uint8Array(Buffer.from(id, "hex")),
    size === "unknown" ? Uint8Array.of(0x01, 255, 255, 255, 255, 255, 255, 255) : vint(size ?? body.length, 8),
    body
  )

export const ebml = (type = "webm"): Uint8Array => element("1a45dfa3", element("4282", ascii(type)))

const float64 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return new Uint8Array(bytes)
}

export const info = (durationMs: number): Uint8Array => element("1549a966", element("4489", float64(durationMs)))

export const trackEntry = (options?: {
  readonly number?: number
  readonly type?: number
  readonly codec?: string
  readonly head?: Uint8Array | null
  readonly stripped?: Uint8Array
  readonly algorithm?: number
  readonly channels?: number
  readonly rate?: number
  readonly bits?: number
}): Uint8Array => {
  const audio = [element("9f", Uint8Array.of(options?.channels ?? 2))]
  if (options?.rate !== undefined) audio.push(element("b5", float64(options.rate)))
  if (options?.bits !== undefined) audio.push(element("6264", Uint8Array.of(options.bits)))
  const parts = [
    element("d7", Uint8Array.of(options?.number ?? 1)),
    element("83", Uint8Array.of(options?.type ?? 2)),
    element("86", ascii(options?.codec ?? "A_OPUS")),
    element("e1", concat(...audio))
  ]
  if (options?.head !== null) parts.push(element("63a2", options?.head ?? opusHead()))
  if (options?.stripped !== undefined) {
    const compression = element(
      "5034",
      concat(element("4254", Uint8Array.of(options.algorithm ?? 3)), element("4255", options.stripped))
    )
    parts.push(element("6d80", element("6240", compression)))
  }
  return element("ae", concat(...parts))
}

export const tracks = (...entries: ReadonlyArray<Uint8Array>): Uint8Array => element("1654ae6b", concat(...entries))

/** The content of a block: track number, time 0, flags, body. */
export const blockBody = (track: number, lacing: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array =>
  concat(Uint8Array.of(0x80 | track, 0, 0, 0x80 | (lacing << 1)), ...parts)

export const simpleBlock = (track: number, data: Uint8Array): Uint8Array => element("a3", blockBody(track, 0, data))

export const cluster = (blocks: ReadonlyArray<Uint8Array>, size?: "unknown"): Uint8Array =>
  element("1f43b675", concat(element("e7", Uint8Array.of(0)), ...blocks), size)

export const segment = (parts: ReadonlyArray<Uint8Array>, size?: "unknown" | number): Uint8Array =>
  element("18538067", concat(...parts), size)

/** A plain WebM with clusters of `inCluster` packets each. */
export const webm = (
  packets: ReadonlyArray<Packet>,
  options?: { readonly inCluster?: number; readonly segmentSize?: "unknown"; readonly clusterSize?: "unknown" }
): Uint8Array => {
  const size = options?.inCluster ?? 10
  const clusters: Array<Uint8Array> = []
  for (let i = 0; i < packets.length; i += size) {
    clusters.push(cluster(packets.slice(i, i + size).map(({ data }) => simpleBlock(1, data)), options?.clusterSize))
  }
  return concat(ebml(), segment([info(1234), tracks(trackEntry()), ...clusters], options?.segmentSize))
}
