/** Sound files without audible content. */

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

/** Opus in Ogg, with `bytes` of audio data. */
export const ogg = (seconds: number, bytes = 600): Uint8Array => {
  const end = BigInt(312 + Math.round(seconds * 48_000))
  const body = Array.from({ length: Math.ceil(bytes / 60_000) }, (_, i) => Math.min(60_000, bytes - i * 60_000))
  return Buffer.concat([
    page(7, 0n, opusHead(312)),
    // A page of another stream, which has to be ignored.
    page(8, 1n << 40n, new Uint8Array(1)),
    // A page in which no packet ends.
    page(7, -1n, new Uint8Array(1)),
    ...body.map((length) => page(7, end, new Uint8Array(length)))
  ])
}

/** Vorbis in Ogg. With a rate of 0, the duration is unknown. */
export const vorbis = (seconds: number, rate = 44_100): Uint8Array =>
  Buffer.concat([page(7, 0n, vorbisHead(rate)), page(7, BigInt(Math.round(seconds * rate)), new Uint8Array(9))])

/** MP3 frames, optionally after an ID3 tag: 1152 samples each at 44100 Hz; or MPEG-2, with half as many of both. */
export const mp3 = (frames: number, { isLower = false, tag = 0, table = "" } = {}): Uint8Array => {
  // 128 kbit/s, or 64 kbit/s in MPEG-2; one byte more if the padding bit is set.
  const frame = new Uint8Array(isLower ? 208 : 418)
  frame.set([0xff, isLower ? 0xf3 : 0xfb, isLower ? 0x80 : 0x92])
  const first = Uint8Array.from(frame)
  first.set(Buffer.from(table), 36)
  const head = new Uint8Array(tag === 0 ? 0 : 10 + tag)
  head.set(tag === 0 ? [] : [...Buffer.from("ID3"), 4, 0, 0, 0, 0, tag >> 7, tag & 0x7f])
  return Buffer.concat([head, ...(table === "" ? [] : [first]), ...Array.from({ length: frames }, () => frame)])
}

/** A data URI, as sounds are sent over REST. */
export const uri = (data: Uint8Array, type = "audio/ogg"): string =>
  `data:${type};base64,${Buffer.from(data).toString("base64")}`
