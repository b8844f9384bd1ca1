/**
 * The minimum of a voice server that a client needs to connect, in its own process, which notes what arrives when. It
 * decrypts no packet: the sequence number and the timestamp are not encrypted.
 */
import { createSocket } from "node:dgram"
import { WebSocketServer } from "ws"
import { args, onTold, tell } from "../../interop/script.ts"
import { now, type Packet, type Report } from "./messages.ts"

const { heartbeatMs } = args<{ readonly heartbeatMs: number }>()

const discoveryBytes = 74
const packets: Array<Packet> = []
const nonces: Array<number> = []
let connections = 0
let wanted = { packets: Infinity, beats: Infinity }

const look = (): void => {
  if (packets.length < wanted.packets || nonces.length < wanted.beats) return
  wanted = { packets: Infinity, beats: Infinity }
  tell({ _tag: "Heard", packets: packets.length })
}

// Timers run before sockets are read. So when this timer runs, everything that came before its previous call has been
// read, and what is read from here on has come since. The exception is when there was more than libuv reads at once:
// then some of it is still waiting.
const datagramsAtOnce = 32
let sinceMs = now()
let lastMs = sinceMs
let datagramsRead = 0
setInterval(() => {
  if (datagramsRead < datagramsAtOnce) sinceMs = lastMs
  lastMs = now()
  datagramsRead = 0
}, 1)

/** RTCP, which nothing answers here. */
const isReport = (datagram: Buffer) => (datagram[1] ?? 0) >= 200 && (datagram[1] ?? 0) <= 206

const udp = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 })
udp.on("message", (datagram, from) => {
  datagramsRead++
  if (isReport(datagram)) return
  if (datagram.length > 16 && datagram[0] !== 0) {
    packets.push({ sequence: datagram.readUInt16BE(2), timestamp: datagram.readUInt32BE(4), sinceMs, atMs: now() })
    return look()
  }
  if (datagram.length !== discoveryBytes) return
  const reply = Buffer.alloc(discoveryBytes)
  reply.writeUInt16BE(2, 0)
  reply.writeUInt16BE(70, 2)
  datagram.copy(reply, 4, 4, 8)
  reply.write("127.0.0.1", 8, "ascii")
  reply.writeUInt16BE(from.port, 72)
  udp.send(reply, from.port, "127.0.0.1")
})

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false })
server.on("connection", (socket) => {
  connections++
  const send = (op: number, d: unknown) => socket.send(JSON.stringify({ op, d }))
  send(8, { v: 8, heartbeat_interval: heartbeatMs })
  socket.on("error", () => socket.terminate())
  socket.on("message", (data) => {
    const { d, op } = JSON.parse(String(data))
    switch (op) {
      case 0:
        return send(2, { ssrc: 1, ip: "127.0.0.1", port: udp.address().port, modes: [`aead_aes256_gcm_rtpsize`] })
      case 1:
        return send(4, {
          mode: d.data.mode,
          secret_key: Array.from({ length: 32 }, (_, i) => i),
          dave_protocol_version: 0
        })
      case 3:
        nonces.push(d.t ?? d)
        send(6, d.t === undefined ? d : { t: d.t })
        return look()
    }
  })
})

onTold((command) => {
  switch (command._tag) {
    // the test sends these numbers
    case "Await":
      wanted = { packets: Number(command["packets"]), beats: Number(command["beats"] ?? 0) }
      return look()
    case "Report": {
      const report: Report = { _tag: "Report", packets, nonces, connections }
      return tell({ ...report })
    }
  }
})

udp.bind(0, "127.0.0.1", () => {
  const listening = () => {
    const address = server.address()
    if (address === null || typeof address === "string") throw new Error("The sink has no port.")
    tell({ _tag: "Listening", endpoint: `ws://127.0.0.1:${address.port}` })
  }
  if (server.address() === null) server.on("listening", listening)
  else listening()
})
