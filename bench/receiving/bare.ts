/**
 * The bare loop: receives and opens, in place of everything else. No gateway, no order, no streams.
 */
import { createDecipheriv, createSecretKey } from "node:crypto"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { arguments_, counts, run } from "./listener.ts"

const clear = 16
const tagBytes = 16
const nonceBytes = 4

run(async () => {
  const key = createSecretKey(Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 7) & 0xff)))
  const nonce = Buffer.alloc(12)
  const socket = createSocket("udp4")
  socket.on("message", (packet) => {
    if (packet.length < clear + tagBytes + nonceBytes || packet[1] !== 0x78) return
    const end = packet.length - tagBytes - nonceBytes
    packet.copy(nonce, 0, packet.length - nonceBytes)
    const decipher = createDecipheriv("aes-256-gcm", key, nonce)
    decipher.setAAD(packet.subarray(0, clear))
    decipher.setAuthTag(packet.subarray(end, end + tagBytes))
    const opened = decipher.update(packet.subarray(clear, end))
    try {
      decipher.final()
    } catch {
      counts.died++
      return
    }
    if (opened.length > 0) counts.frames++
  })
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  const discovery = Buffer.alloc(74)
  discovery.writeUInt16BE(1, 0)
  discovery.writeUInt16BE(70, 2)
  socket.send(discovery, arguments_.udp, "127.0.0.1")
  await once(socket, "message")
})
