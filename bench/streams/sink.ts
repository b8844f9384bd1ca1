/**
 * Where the packets of the streams bench go: a process with as much of a voice server as a client needs to come up (a
 * gateway that says yes, IP discovery, and where calls are end-to-end encrypted another member for each), and UDP sockets
 * that note which packet arrived when. It opens nothing: what it costs must not depend on who sends.
 */
import { createSocket } from "node:dgram"
import { createServer } from "node:https"
import { type WebSocket, WebSocketServer } from "ws"
import { UserId } from "../../src/protocol/Identifier.ts"
import * as DaveServer from "../dave/server.ts"
import { type Arrivals, channelId, type FromSink, type SinkArguments, type ToSink, userId } from "./messages.ts"

const { certificate, maxSeconds, maxStreams, privateKey, sockets }: SinkArguments = JSON.parse(process.argv[2] ?? "")

const say = (message: FromSink) => process.send?.(message)

const discoveryBytes = 74
const heartbeatIntervalMs = 13_750
const frameMs = 20

/** The other member of each group. */
const guest = UserId.make("500000000000000001")
const client = UserId.make(userId)
const transitionId = 1

let modes: ReadonlyArray<string> = []
let e2ee = false
let groups = 0
let awaited: number | undefined
let nextSsrc = 1
const udpPorts: Array<number> = []

// Notes of the round, in arrays that are there before it.
const capacity = maxStreams * (maxSeconds + 1) * (1000 / frameMs) * 2
const arrivedMs = new Float64Array(capacity)
const streamOf = new Uint32Array(capacity)
const sequenceOf = new Uint16Array(capacity)
let noted = 0
let shortest = Infinity
let recording = false

const onDatagram = (socket: ReturnType<typeof createSocket>) => (datagram: Buffer, from: { port: number }) => {
  if (recording) {
    const second = datagram[1] ?? 0
    // an RTP packet is longer than a keepalive, not a discovery request, and not RTCP
    if (second >= 200 && second <= 206) return
    if (datagram.length > 16 && datagram[0] !== 0 && noted < capacity) {
      arrivedMs[noted] = performance.now()
      streamOf[noted] = datagram.readUInt32BE(8)
      sequenceOf[noted] = datagram.readUInt16BE(2)
      noted++
      shortest = Math.min(shortest, datagram.length)
    }
    return
  }
  if (datagram.length !== discoveryBytes || datagram.readUInt16BE(0) !== 1) return
  const reply = Buffer.alloc(discoveryBytes)
  reply.writeUInt16BE(2, 0)
  reply.writeUInt16BE(70, 2)
  datagram.copy(reply, 4, 4, 8)
  reply.write("127.0.0.1", 8, "ascii")
  reply.writeUInt16BE(from.port, 72)
  socket.send(reply, from.port, "127.0.0.1")
}

/**
 * Polls without sleeping while packets are counted. On loopback a sender pays for waking its receiver, several times the
 * price of sending, and who sends slowly pays for every packet; towards a network card nobody does.
 */
const stayAwake = (): void => {
  if (recording) setImmediate(stayAwake)
}

const percentile = (sorted: Float64Array, share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

const arrivals = (expected: number): Arrivals => {
  const streams = new Map<number, { readonly at: Array<number>; readonly index: Array<number> }>()
  for (let i = 0; i < noted; i++) {
    const ssrc = streamOf[i] ?? 0
    let stream = streams.get(ssrc)
    if (stream === undefined) streams.set(ssrc, stream = { at: [], index: [] })
    const sequence = sequenceOf[i] ?? 0
    const last = stream.index.at(-1)
    // sequence numbers wrap at 65536
    const index = last === undefined ? sequence : last + (((sequence - last + 32_768) & 0xffff) - 32_768)
    stream.at.push(arrivedMs[i] ?? 0)
    stream.index.push(index)
  }
  const late: Array<number> = []
  const rates: Array<number> = []
  let lost = 0
  for (const { at, index } of streams.values()) {
    const offsets = at.map((ms, i) => ms - (index[i] ?? 0) * frameMs)
    const earliest = offsets.reduce((least, ms) => Math.min(least, ms), Infinity)
    for (const ms of offsets) late.push(ms - earliest)
    const first = index.reduce((least, i) => Math.min(least, i), Infinity)
    const last = index.reduce((greatest, i) => Math.max(greatest, i), -Infinity)
    const missing = last - first + 1 - new Set(index).size
    lost += missing
    for (let i = 0; i < missing; i++) late.push(Infinity)
    rates.push(((at.length - 1) * 1000) / ((at.at(-1) ?? 0) - (at[0] ?? 0)))
  }
  // a stream that sent nothing is the slowest
  for (let i = streams.size; i < expected; i++) rates.push(0)
  const sorted = Float64Array.from(late).toSorted()
  rates.sort((a, b) => a - b)
  return {
    packets: noted,
    streams: streams.size,
    lost,
    shortest,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    max: sorted.at(-1) ?? Number.NaN,
    slowest: rates[0] ?? 0,
    median: rates[rates.length >>> 1] ?? 0
  }
}

const onGroup = () => {
  if (awaited === undefined || groups < awaited) return
  awaited = undefined
  say({ _tag: "Grouped" })
}

const serve = (socket: WebSocket) => {
  const ssrc = nextSsrc++
  const hasGroup = e2ee
  let sequence = 0
  const send = (op: number, d: unknown) => socket.send(JSON.stringify({ op, d }))
  /** `u16 seq | u8 op | payload` */
  const sendBinary = (op: number, ...parts: ReadonlyArray<Uint8Array>) =>
    socket.send(Buffer.concat([Buffer.of(0, ++sequence, op), ...parts]))
  send(8, { v: 8, heartbeat_interval: heartbeatIntervalMs })
  socket.on("error", () => socket.terminate())
  socket.on("message", (data, isBinary) => {
    if (isBinary) {
      // `u8 op | payload`; with the default `binaryType` of `ws` the bytes always come as one Buffer
      if (!hasGroup || !Buffer.isBuffer(data) || data[0] !== 26) return
      const { welcome } = DaveServer.pair(channelId, guest, client, data.subarray(1))
      return sendBinary(30, Buffer.of(0, transitionId), welcome)
    }
    const { d, op } = JSON.parse(String(data))
    switch (op) {
      case 0:
        return send(2, { ssrc, ip: "127.0.0.1", port: udpPorts[ssrc % udpPorts.length], modes })
      case 1:
        send(4, {
          mode: d.data.mode,
          secret_key: Array.from({ length: 32 }, (_, i) => (i * 7 + ssrc) & 0xff),
          dave_protocol_version: hasGroup ? 1 : 0
        })
        if (!hasGroup) return
        send(11, { user_ids: [guest] })
        return sendBinary(25, DaveServer.externalSender)
      case 3:
        return send(6, { t: d.t })
      case 23:
        send(22, { transition_id: transitionId })
        groups++
        return onGroup()
    }
  })
}

const openUdp = () =>
  new Promise<number>((resolve) => {
    const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 })
    socket.on("message", onDatagram(socket))
    socket.bind(0, "127.0.0.1", () => resolve(socket.address().port))
  })

for (let i = 0; i < sockets; i++) udpPorts.push(await openUdp())
const server = createServer({ cert: certificate, key: privateKey })
new WebSocketServer({ server, perMessageDeflate: false }).on("connection", serve)
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  say({ _tag: "Listening", port: address.port, udp: udpPorts })
})

process.on("message", (message) => {
  // the bench says what `ToSink` says
  const told = message as ToSink
  switch (told._tag) {
    case "Offer":
      modes = told.modes
      e2ee = told.e2ee
      groups = 0
      nextSsrc = 1
      return say({ _tag: "Offered" })
    case "AwaitGroups":
      awaited = told.count
      return onGroup()
    case "Begin":
      noted = 0
      shortest = Infinity
      recording = true
      stayAwake()
      return say({ _tag: "Begun" })
    case "End":
      recording = false
      return say({ _tag: "Ended", arrivals: arrivals(told.streams) })
  }
})
process.on("disconnect", () => process.exit(0))
