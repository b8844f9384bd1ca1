/**
 * Where the packets of the receiving bench come from: as much of a voice server as a client needs to come up, and speakers
 * whose packets are sealed before they are sent, so that sending costs little more than `send`.
 */
import { createCipheriv, createSecretKey } from "node:crypto"
import { createSocket } from "node:dgram"
import { createServer } from "node:https"
import { type WebSocket, WebSocketServer } from "ws"
import { type FromSource, speakerId, ssrcOf, type ToSource } from "./messages.ts"

const { certificate, payload, privateKey }: {
  readonly certificate: string
  readonly privateKey: string
  /** An Opus packet of 20 ms, base64. */
  readonly payload: string
} = JSON.parse(process.argv[2] ?? "")

const say = (message: FromSource) => process.send?.(message)

const discoveryBytes = 74
const headerBytes = 12
const preambleBytes = 4
const extensionBytes = 4
const tagBytes = 16
const nonceBytes = 4
const frameMs = 20
const frameSamples = 960
const mode = "aead_aes256_gcm_rtpsize"
const secretKey = Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 7) & 0xff))
const key = createSecretKey(secretKey)
const opus = Buffer.from(payload, "base64")

let speakers = 0
let nonce = 0
/** How many frames each speaker has sent. */
let sent = 0
let target: { readonly address: string; readonly port: number } | undefined

const udp = createSocket({ type: "udp4", sendBufferSize: 4 * 1024 * 1024 })
udp.on("message", (datagram, from) => {
  if (datagram.length !== discoveryBytes || datagram.readUInt16BE(0) !== 1) return
  const reply = Buffer.alloc(discoveryBytes)
  reply.writeUInt16BE(2, 0)
  reply.writeUInt16BE(70, 2)
  datagram.copy(reply, 4, 4, 8)
  reply.write("127.0.0.1", 8, "ascii")
  reply.writeUInt16BE(from.port, 72)
  target = { address: "127.0.0.1", port: from.port }
  udp.send(reply, from.port, "127.0.0.1")
  say({ _tag: "Found" })
})

const packetBytes = headerBytes + preambleBytes + extensionBytes + opus.length + tagBytes + nonceBytes

/** With the header extension that Discord's server adds: without it, a packet is not as it comes. */
const seal = (packet: Buffer, speaker: number, frame: number): void => {
  packet[0] = 0x90
  packet[1] = 0x78
  packet.writeUInt16BE(frame & 0xffff, 2)
  packet.writeUInt32BE((frame * frameSamples) >>> 0, 4)
  packet.writeUInt32BE(ssrcOf(speaker), 8)
  packet.writeUInt32BE(0xbede_0001, headerBytes)
  const clear = headerBytes + preambleBytes
  const iv = Buffer.alloc(12)
  iv.writeUInt32BE(nonce, 0)
  const cipher = createCipheriv("aes-256-gcm", key, iv)
  cipher.setAAD(packet.subarray(0, clear))
  packet.set(cipher.update(Buffer.of(0x10, 0xff, 0x90, 0x04)), clear)
  packet.set(cipher.update(opus), clear + extensionBytes)
  cipher.final()
  packet.set(cipher.getAuthTag(), clear + extensionBytes + opus.length)
  packet.writeUInt32BE(nonce, packetBytes - nonceBytes)
  nonce = (nonce + 1) >>> 0
}

const send = (ms: number, badEvery: number): void => {
  const frames = Math.round(ms / frameMs)
  const count = frames * speakers
  const all = Buffer.alloc(count * packetBytes)
  const packets: Array<Buffer> = []
  let bad = 0
  for (let i = 0; i < count; i++) {
    const packet = all.subarray(i * packetBytes, (i + 1) * packetBytes)
    seal(packet, i % speakers, sent + Math.floor(i / speakers))
    if (badEvery > 0 && i % badEvery === badEvery - 1) {
      packet[packetBytes - nonceBytes - 1] = (packet[packetBytes - nonceBytes - 1] ?? 0) ^ 1
      bad++
    }
    packets.push(packet)
  }
  sent += frames
  const { address, port } = target ?? { address: "127.0.0.1", port: udp.address().port }
  const startMs = performance.now()
  let next = 0
  let lateMs = 0
  const step = (): void => {
    const due = Math.min(count, Math.floor((performance.now() - startMs) / frameMs * speakers))
    if (due > next) lateMs = Math.max(lateMs, performance.now() - startMs - next / speakers * frameMs)
    for (; next < due; next++) udp.send(packets[next] ?? all, port, address)
    if (next < count) setImmediate(step)
    else say({ _tag: "Sent", packets: count, bad, lateMs })
  }
  step()
}

const serve = (socket: WebSocket) => {
  const tell = (op: number, d: unknown) => socket.send(JSON.stringify({ op, d }))
  tell(8, { v: 8, heartbeat_interval: 13_750 })
  socket.on("error", () => socket.terminate())
  socket.on("message", (data, isBinary) => {
    if (isBinary) return
    const { d, op } = JSON.parse(String(data))
    if (op === 0) tell(2, { ssrc: 1, ip: "127.0.0.1", port: udp.address().port, modes: [mode] })
    if (op === 3) tell(6, { t: d.t })
    if (op === 1) {
      tell(4, { mode, secret_key: [...secretKey], dave_protocol_version: 0 })
      for (let i = 0; i < speakers; i++) tell(5, { user_id: speakerId(i), ssrc: ssrcOf(i), speaking: 1 })
    }
  })
}

const server = createServer({ cert: certificate, key: privateKey })
new WebSocketServer({ server, perMessageDeflate: false }).on("connection", serve)
udp.bind(0, "127.0.0.1", () =>
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    if (address === null || typeof address === "string") throw new Error("no port")
    say({ _tag: "Listening", port: address.port, udp: udp.address().port })
  }))

process.on("message", (message) => {
  // the bench says what `ToSource` says
  const told = message as ToSource
  if (told._tag === "Send") return send(told.ms, told.badEvery)
  speakers = told.speakers
  sent = 0
  nonce = 0
  target = undefined
  say({ _tag: "Offered" })
})
process.on("disconnect", () => process.exit(0))
