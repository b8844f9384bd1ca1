/**
 * The bare loop: what cannot be left out. One timer on a 1 ms grid, streams spread over the 20 slots of a frame, and for
 * each packet an RTP header, the cipher's call and `send` on a connected socket. No gateway, no source, no error handling.
 */
import loadSodium from "libsodium"
import { createCipheriv, createSecretKey, randomBytes } from "node:crypto"
import { createSocket, type Socket } from "node:dgram"
import { once } from "node:events"
import { arguments_, each, frame, run } from "./player.ts"

const { count, mode, ports } = arguments_
const headerBytes = 12
const tagBytes = 16
const slots = 20

interface Stream {
  readonly socket: Socket
  readonly key: Uint8Array
  sequence: number
  timestamp: number
  nonce: number
}

const payload = frame()
const packetBytes = headerBytes + payload.length + tagBytes + 4

/** Writes header and nonce, seals, and gives the packet, which lies at the same place each time. */
const sealer = async (): Promise<(stream: Stream, ssrc: number) => Uint8Array> => {
  const header = (packet: Buffer, stream: Stream, ssrc: number) => {
    packet[0] = 0x80
    packet[1] = 0x78
    packet.writeUInt16BE(stream.sequence, 2)
    packet.writeUInt32BE(stream.timestamp, 4)
    packet.writeUInt32BE(ssrc, 8)
    packet.writeUInt32BE(stream.nonce, packetBytes - 4)
  }
  if (mode === "aead_aes256_gcm_rtpsize") {
    const keys = new Map<Stream, ReturnType<typeof createSecretKey>>()
    const packet = Buffer.alloc(packetBytes)
    const aad = packet.subarray(0, headerBytes)
    const nonce = Buffer.alloc(12)
    return (stream, ssrc) => {
      let key = keys.get(stream)
      if (key === undefined) keys.set(stream, key = createSecretKey(stream.key))
      header(packet, stream, ssrc)
      nonce.writeUInt32BE(stream.nonce, 0)
      const cipher = createCipheriv("aes-256-gcm", key, nonce)
      cipher.setAAD(aad)
      packet.set(cipher.update(payload), headerBytes)
      cipher.final()
      packet.set(cipher.getAuthTag(), headerBytes + payload.length)
      return packet
    }
  }
  const sodium = await loadSodium({ getRandomValue: () => randomBytes(4).readUInt32LE(0) })
  const at = sodium._malloc(packetBytes)
  const plain = sodium._malloc(payload.length)
  const nonceAt = sodium._malloc(24)
  const keys = new Map<Stream, number>()
  for (const stream of streams) {
    const key = sodium._malloc(32)
    sodium.HEAPU8.set(stream.key, key)
    keys.set(stream, key)
  }
  sodium.HEAPU8.set(payload, plain)
  sodium.HEAPU8.fill(0, nonceAt, nonceAt + 24)
  const packet = Buffer.from(sodium.HEAPU8.buffer, at, packetBytes)
  const nonce = Buffer.from(sodium.HEAPU8.buffer, nonceAt, 24)
  const encrypt = sodium._crypto_aead_xchacha20poly1305_ietf_encrypt
  return (stream, ssrc) => {
    header(packet, stream, ssrc)
    nonce.writeUInt32BE(stream.nonce, 0)
    encrypt(at + headerBytes, 0, plain, payload.length, 0, at, headerBytes, 0, 0, nonceAt, keys.get(stream) ?? 0)
    return packet
  }
}

const streams: Array<Stream> = []

const connect = async () => {
  await each(count, 50, async (index) => {
    const socket = createSocket("udp4")
    socket.connect(ports[index % ports.length] ?? 0, "127.0.0.1")
    await once(socket, "connect")
    streams[index] = { socket, key: randomBytes(32), sequence: 0, timestamp: 0, nonce: 0 }
  })
  return []
}

const play = async () => {
  const seal = await sealer()
  const bySlot: Array<Array<number>> = Array.from({ length: slots }, () => [])
  for (let i = 0; i < count; i++) bySlot[i % slots]?.push(i)
  let slot = Math.ceil(performance.now())
  const step = () => {
    for (const now = performance.now(); slot <= now; slot++) {
      for (const index of bySlot[slot % slots] ?? []) {
        const stream = streams[index]
        if (stream === undefined) continue
        stream.socket.send(seal(stream, index + 1), 0, packetBytes)
        stream.sequence = (stream.sequence + 1) & 0xffff
        stream.timestamp = (stream.timestamp + 960) >>> 0
        stream.nonce = (stream.nonce + 1) >>> 0
      }
    }
    while (bySlot[slot % slots]?.length === 0) slot++
    setTimeout(wake, Math.max(0, slot - performance.now()))
  }
  const wake = () => {
    // a timer may fire a fraction of a millisecond early
    const early = slot - performance.now()
    if (early > 0) setTimeout(wake, early)
    else step()
  }
  step()
}

run({ connect, play })
