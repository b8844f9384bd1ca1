/** Files of sounds, in which nothing is heard. */

const page = (serial: number, position: bigint, body: Uint8Array): Uint8Array => {
  const segments = [...Array.from({ length: Math.floor(body.length / 255) }, () => 255), body.length % 255]
  const head = new Uint8Array(27 + segments.length)
  const view = new DataView(head.buffer)
  head.set(Buffer.from("OggS"))
  view.setBigInt64(6, position, true)
  view.setUint32(14, serial, true)
  head[26] = segments.length
  head.set(segments, 27)
  return Buffer.concat([head, body])
}

const opusHead = (preSkip: number): Uint8Array => {
  const head = new Uint8Array(19)
  head.set(Buffer.from("OpusHead"))
  new DataView(head.buffer).setUint16(10, preSkip, true)
  return head
}

const vorbisHead = (rate: number): Uint8Array => {
  const head = new Uint8Array(30)
  head.set(Buffer.from("\x01vorbis"))
  new DataView(head.buffer).setUint32(12, rate, true)
  return head
}

/** Opus in Ogg, with `bytes` of it. */
export const ogg = (seconds: number, bytes = 600): Uint8Array => {
  const end = BigInt(312 + Math.round(seconds * 48_000))
  const body = Array.from({ length: Math.ceil(bytes / 60_000) }, (_, i) => Math.min(60_000, bytes - i * 60_000))
  return Buffer.concat([
    page(7, 0n, opusHead(312)),
    // of another stream, which counts for nothing
    page(8, 1n << 40n, new Uint8Array(1)),
    // no packet ends in it
    page(7, -1n, new Uint8Array(1)),
    ...body.map((length) => page(7, end, new Uint8Array(length)))
  ])
}

/** Vorbis in Ogg, or nothing that is known where the rate is 0. */
export const vorbis = (seconds: number, rate = 44_100): Uint8Array =>
  Buffer.concat([page(7, 0n, vorbisHead(rate)), page(7, BigInt(Math.round(seconds * rate)), new Uint8Array(9))])

/** Frames of MP3 behind what is said of them: 44100 samples a second, 1152 each; or of MPEG-2, of half as many of both. */
export const mp3 = (frames: number, { isLower = false, tag = 0, table = "" } = {}): Uint8Array => {
  // 128 kbit/s, or 64 in the other version; one byte more where its bit says so
  const frame = new Uint8Array(isLower ? 208 : 418)
  frame.set([0xff, isLower ? 0xf3 : 0xfb, isLower ? 0x80 : 0x92])
  const first = Uint8Array.from(frame)
  first.set(Buffer.from(table), 36)
  const head = new Uint8Array(tag === 0 ? 0 : 10 + tag)
  head.set(tag === 0 ? [] : [...Buffer.from("ID3"), 4, 0, 0, 0, 0, tag >> 7, tag & 0x7f])
  return Buffer.concat([head, ...(table === "" ? [] : [first]), ...Array.from({ length: frames }, () => frame)])
}

/** As it is sent over REST. */
export const uri = (data: Uint8Array, type = "audio/ogg"): string =>
  `data:${type};base64,${Buffer.from(data).toString("base64")}`
