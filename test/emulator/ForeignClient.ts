/**
 * A Discord voice client as someone else might have written it: it shares no code with the library. It speaks through a
 * `Wire`, which is real sockets in one test and the in-memory transports in another.
 */
import { Data, Effect, Queue, type Scope } from "effect"
import * as Crypto from "node:crypto"
import * as Dgram from "node:dgram"
import { WebSocket } from "ws"
import { type Profile, today } from "../../src/emulator/core/Profile.ts"
import { DatagramTransport, WebSocketTransport } from "../../src/Transport.ts"

/** A Discord whose channels are open to this client, which does not support end-to-end encryption. */
export const profile: Profile = { ...today, channelE2ee: "optional" }

export class Unexpected extends Data.TaggedError("Unexpected")<{ readonly message: string }> {}

export interface Closed {
  readonly closed: number
  readonly reason: string
}

export type Incoming = string | Uint8Array | Closed

export interface Socket {
  readonly incoming: Queue.Dequeue<Incoming>
  readonly send: (frame: string | Uint8Array) => void
  readonly close: (code: number) => void
  readonly terminate: () => void
}

export interface Udp {
  readonly local: { readonly address: string; readonly port: number }
  readonly incoming: Queue.Dequeue<Uint8Array>
  readonly send: (bytes: Uint8Array) => void
}

export interface Wire {
  readonly webSocket: (url: string) => Effect.Effect<Socket, Error, Scope.Scope>
  readonly udp: (remote: { address: string; port: number }) => Effect.Effect<Udp, Error, Scope.Scope>
}

export const realWire = (ca?: string): Wire => ({
  webSocket: Effect.fnUntraced(function*(url: string) {
    const incoming = yield* Queue.unbounded<Incoming>()
    const ws = yield* Effect.acquireRelease(
      Effect.sync(() => new WebSocket(url, ca === undefined ? {} : { ca })),
      (ws) => Effect.sync(() => ws.terminate())
    )
    ws.on("message", (data: Buffer, binary) => Queue.offerUnsafe(incoming, binary ? data : data.toString()))
    ws.on("close", (closed, reason) => Queue.offerUnsafe(incoming, { closed, reason: reason.toString() }))
    yield* Effect.callback<void, Error>((resume) => {
      ws.once("open", () => resume(Effect.void))
      ws.on("error", (error) => resume(Effect.fail(error)))
    })
    return {
      incoming,
      send: (frame) => ws.send(frame),
      close: (code) => ws.close(code),
      terminate: () => ws.terminate()
    }
  }),
  udp: Effect.fnUntraced(function*(remote: { address: string; port: number }) {
    const incoming = yield* Queue.unbounded<Uint8Array>()
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => Dgram.createSocket("udp4")),
      (socket) => Effect.sync(() => socket.close())
    )
    socket.on("message", (bytes) => Queue.offerUnsafe(incoming, bytes))
    yield* Effect.callback<void>((resume) => {
      socket.bind(0, "127.0.0.1", () => resume(Effect.void))
    })
    return {
      local: { address: "127.0.0.1", port: socket.address().port },
      incoming,
      send: (bytes) => socket.send(bytes, remote.port, remote.address)
    }
  })
})

/** The library's transport services, which lead to the core when they are in memory. */
export const transportWire: Effect.Effect<Wire, never, WebSocketTransport | DatagramTransport> = Effect.gen(
  function*() {
    const sockets = yield* WebSocketTransport
    const datagrams = yield* DatagramTransport
    const context = yield* Effect.context<never>()
    const run = Effect.runForkWith(context)
    return {
      webSocket: Effect.fnUntraced(function*(url: string) {
        const incoming = yield* Queue.unbounded<Incoming>()
        const connection = yield* sockets.connect(url)
        yield* Queue.take(connection.frames).pipe(
          Effect.flatMap((frame) => Queue.offer(incoming, frame)),
          Effect.forever,
          Effect.catch(({ code, reason }) => Queue.offer(incoming, { closed: code, reason })),
          Effect.forkScoped
        )
        return {
          incoming,
          send: (frame) => void run(connection.send(frame)),
          close: (code) => void run(connection.close(code, "")),
          terminate: () => void run(connection.terminate)
        }
      }),
      udp: Effect.fnUntraced(function*(remote: { address: string; port: number }) {
        const incoming = yield* Queue.unbounded<Uint8Array>()
        const socket = yield* datagrams.connect(remote)
        socket.onDatagram((bytes) => Queue.offerUnsafe(incoming, bytes))
        return { local: socket.local, incoming, send: (bytes) => socket.send(bytes, bytes.length) }
      })
    }
  }
)

/** The fields of all messages; each message has some of them. */
interface Body {
  readonly endpoint: string
  readonly heartbeat_interval: number
  readonly ip: string
  readonly port: number
  readonly resume_gateway_url: string
  readonly secret_key: ReadonlyArray<number>
  readonly session_id: string
  readonly ssrc: number
  readonly token: string
  readonly user: { readonly id: string }
  readonly user_id: string
}

interface Message {
  readonly op: number
  readonly d: Body
  readonly t?: string
  readonly s?: number
  readonly seq?: number
}

/** The next JSON message that fits; other messages are skipped. */
export const expect = (socket: Socket, what: string, fits: (message: Message) => boolean) =>
  Effect.gen(function*() {
    while (true) {
      const frame = yield* Queue.take(socket.incoming)
      if (typeof frame === "string") {
        const message: Message = JSON.parse(frame)
        if (fits(message)) return message
      } else if ("closed" in frame) {
        return yield* new Unexpected({ message: `closed ${frame.closed} ${frame.reason} while waiting for ${what}` })
      }
    }
  })

export const expectOp = (socket: Socket, op: number) => expect(socket, `op ${op}`, (message) => message.op === op)

export const expectClose = (socket: Socket) =>
  Effect.gen(function*() {
    while (true) {
      const frame = yield* Queue.take(socket.incoming)
      if (typeof frame === "object" && "closed" in frame) return frame
    }
  })

const json = (socket: Socket, op: number, d: unknown) => socket.send(JSON.stringify({ op, d }))

const beat = (socket: Socket, intervalMs: number, d: () => unknown, op: number) =>
  Effect.forever(Effect.andThen(Effect.sleep(intervalMs), Effect.sync(() => json(socket, op, d())))).pipe(
    Effect.forkScoped
  )

/** Main gateway: Hello, Identify, READY; sends heartbeats until the scope closes. */
export const login = Effect.fnUntraced(function*(wire: Wire, gateway: string, token: string, intents = 129) {
  const socket = yield* wire.webSocket(`${gateway}/?v=10&encoding=json`)
  const hello = yield* expectOp(socket, 10)
  yield* beat(socket, hello.d.heartbeat_interval, () => null, 1)
  json(socket, 2, { token, intents, properties: { os: "linux", browser: "foreign", device: "foreign" } })
  const ready = yield* expect(socket, "READY", (message) => message.t === "READY")
  const userId = ready.d.user.id
  return { socket, userId, resumeUrl: ready.d.resume_gateway_url }
})

export interface Server {
  readonly sessionId: string
  readonly token: string
  readonly endpoint: string
}

/** Sends op 4 and waits for both voice events, in either order. */
export const ask = Effect.fnUntraced(
  function*(main: { socket: Socket; userId: string }, guild: string, channel: string) {
    json(main.socket, 4, { guild_id: guild, channel_id: channel, self_mute: false, self_deaf: false })
    let sessionId: string | undefined
    let server: { token: string; endpoint: string } | undefined
    while (sessionId === undefined || server === undefined) {
      const message = yield* expect(
        main.socket,
        "the voice events",
        ({ d, t }) => t === "VOICE_STATE_UPDATE" && d.user_id === main.userId || t === "VOICE_SERVER_UPDATE"
      )
      if (message.t === "VOICE_STATE_UPDATE") sessionId = message.d.session_id
      else server = message.d
    }
    return { sessionId, token: server.token, endpoint: server.endpoint }
  }
)

export interface Heard {
  readonly ssrc: number
  readonly sequence: number
  readonly timestamp: number
  readonly payload: Uint8Array
}

const mode = "aead_aes256_gcm_rtpsize"

const open = (key: Uint8Array, packet: Uint8Array): Heard => {
  const bytes = Buffer.from(packet)
  const first = bytes.readUInt8(0)
  const clear = 12 + 4 * (first & 0x0f) + (first & 0x10 ? 4 : 0)
  const words = first & 0x10 ? bytes.readUInt16BE(clear - 2) : 0
  const nonce = Buffer.concat([bytes.subarray(-4), Buffer.alloc(8)])
  const decipher = Crypto.createDecipheriv("aes-256-gcm", key, nonce)
  decipher.setAAD(bytes.subarray(0, clear))
  decipher.setAuthTag(bytes.subarray(-20, -4))
  const inner = Buffer.concat([decipher.update(bytes.subarray(clear, -20)), decipher.final()])
  const padding = first & 0x20 ? inner.readUInt8(inner.length - 1) : 0
  return {
    ssrc: bytes.readUInt32BE(8),
    sequence: bytes.readUInt16BE(2),
    timestamp: bytes.readUInt32BE(4),
    payload: new Uint8Array(inner.subarray(4 * words, inner.length - padding))
  }
}

const seal = (key: Uint8Array, header: Buffer, payload: Uint8Array, counter: number): Uint8Array => {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(counter)
  const cipher = Crypto.createCipheriv("aes-256-gcm", key, nonce)
  cipher.setAAD(header)
  return Buffer.concat([header, cipher.update(payload), cipher.final(), cipher.getAuthTag(), nonce.subarray(0, 4)])
}

/** Voice gateway: Identify, discovery, Select Protocol, session description, Speaking; sends heartbeats until the scope closes. */
export const joinVoice = Effect.fnUntraced(function*(
  wire: Wire,
  main: { userId: string },
  guild: string,
  channel: string,
  server: Server
) {
  const base = server.endpoint.includes("://") ? server.endpoint : `wss://${server.endpoint}`
  const socket = yield* wire.webSocket(`${base}/?v=8`)
  const hello = yield* expectOp(socket, 8)
  yield* beat(socket, hello.d.heartbeat_interval, () => ({ t: 1, seq_ack: -1 }), 3)
  json(socket, 0, {
    server_id: guild,
    channel_id: channel,
    user_id: main.userId,
    session_id: server.sessionId,
    token: server.token,
    max_dave_protocol_version: 0
  })
  const ready = yield* expectOp(socket, 2)
  const ssrc = ready.d.ssrc

  const udp = yield* wire.udp({ address: ready.d.ip, port: ready.d.port })
  const request = Buffer.alloc(74)
  request.writeUInt16BE(1, 0)
  request.writeUInt16BE(70, 2)
  request.writeUInt32BE(ssrc, 4)
  udp.send(request)
  const answer = Buffer.from(yield* Queue.take(udp.incoming))
  const address = answer.subarray(8, answer.indexOf(0, 8)).toString()
  const port = answer.readUInt16BE(72)

  json(socket, 1, { protocol: "udp", data: { address, port, mode } })
  const description = yield* expectOp(socket, 4)
  const key = Uint8Array.from(description.d.secret_key)
  json(socket, 5, { speaking: 1, delay: 0, ssrc })

  let sequence = 0
  let timestamp = 0
  let counter = 0
  return {
    socket,
    udp,
    ssrc,
    discovered: { address, port },
    local: udp.local,
    discovery: answer,
    key,
    /** Sends one frame of 20 ms. */
    speak: (payload: Uint8Array) => {
      const header = Buffer.from([0x80, 0x78, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
      header.writeUInt16BE(sequence++, 2)
      header.writeUInt32BE(timestamp, 4)
      header.writeUInt32BE(ssrc, 8)
      timestamp += 960
      udp.send(seal(key, header, payload, counter++))
    },
    /** The next packet that is not silence, decrypted. */
    hear: Effect.gen(function*() {
      while (true) {
        const packet = yield* Queue.take(udp.incoming)
        if ((packet[0] ?? 0) >>> 6 !== 2) continue
        const heard = open(key, packet)
        if (Buffer.compare(heard.payload, Buffer.from([0xf8, 0xff, 0xfe])) !== 0) return heard
      }
    })
  }
})

export const opus = (count: number): Array<{ data: Uint8Array; samples: number }> =>
  Array.from({ length: count }, (_, index) => ({ data: Uint8Array.of(0xfc, index & 0xff, 1, 2, 3), samples: 960 }))

/** The next frame of any kind. */
export const expectAny = (socket: Socket) => Queue.take(socket.incoming)
