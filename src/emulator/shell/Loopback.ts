/**
 * The shell with real sockets, all on 127.0.0.1: one HTTP server for REST and the main gateway, and for each voice server
 * one HTTP server with its gateway and one UDP socket. Foreign clients connect to it as to Discord. Whatever they send is
 * counted and answered, or dropped; nothing of it ends the process.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Dgram from "node:dgram"
import * as Http from "node:http"
import * as Https from "node:https"
import type * as Net from "node:net"
import { WebSocketServer } from "ws"
import * as Core from "../core/Core.ts"
import type { ConnectionId, Output, VoiceServerId } from "../core/CoreContext.ts"
import * as Sent from "../core/messages/Sent.ts"
import * as Backlog from "./Backlog.ts"
import * as Certificate from "./Certificate.ts"
import { ClientSocket } from "./ClientSocket.ts"
import * as Driver from "./Driver.ts"
import { type EmulatorError, ListenFailed, make as makeError } from "./EmulatorError.ts"
import { isForm, makeCounters, type Shell, type ShellOptions, type VoiceServer } from "./Shell.ts"
import * as Standstill from "./Standstill.ts"

/**
 * Ports to listen at; 0, and everything that is not given, is a free one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ports {
  /** The main gateway and REST. */
  readonly gateway?: number | undefined
  /** The gateways of the voice servers, in the order of their regions. */
  readonly voice?: ReadonlyArray<number> | undefined
  /** The UDP sockets of the voice servers, in the order of their regions. */
  readonly udp?: ReadonlyArray<number> | undefined
}

/**
 * Options of {@link make}.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoopbackOptions extends ShellOptions {
  readonly ports: Ports
}

type Target = { readonly _tag: "Gateway" } | { readonly _tag: "Voice"; readonly server: VoiceServerId }

const host = "127.0.0.1"

/** Larger than what Discord takes, so that the core can judge what is too large; the rest is closed with 1009. */
const maxMessageBytes = 256 * 1024
/** What may wait for a client that does not read, in bytes, before it is dropped. */
const maxWaitingBytes = 16 * 1024 * 1024
const maxConnections = 4096
const receiveBufferBytes = 4 * 1024 * 1024

/** REST, and the files of messages and sounds. */
const restPrefix = /^\/(?:api(?:\/v\d+)?(?=\/|\?|$)|(?:attachments|soundboard-sounds)\/)/

const codeOf = (error: Error): string => "code" in error && typeof error.code === "string" ? error.code : "unknown"

const listenFailed = (protocol: "TCP" | "UDP", port: number, error: Error) =>
  makeError(new ListenFailed({ protocol, address: host, port, code: codeOf(error), detail: error.message }))

/** A port out of range is an exception, a port in use an event. */
const listening = (
  protocol: "TCP" | "UDP",
  port: number,
  emitter: Net.Server | Dgram.Socket,
  listen: (done: () => void) => void
): Effect.Effect<void, EmulatorError> =>
  Effect.callback((resume) => {
    const onError = (error: Error) => resume(Effect.fail(listenFailed(protocol, port, error)))
    emitter.once("error", onError)
    try {
      listen(() => {
        emitter.off("error", onError)
        resume(Effect.void)
      })
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)))
    }
  })

const portOf = (address: Net.AddressInfo | string | null): number =>
  typeof address === "object" && address !== null ? address.port : 0

/**
 * Opens the listeners. They close with the scope, and every connection with them, at once. Fails with the reasons
 * `ListenFailed` and `CertificateFailed`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(
  function*(options: LoopbackOptions): Effect.fn.Return<Shell, EmulatorError, Scope.Scope> {
    const certificate = options.tls ? yield* Certificate.make : undefined
    const counters = makeCounters()
    const clients = new Map<ConnectionId, ClientSocket>()
    // What the core says to a connection while it accepts it, before the upgrade is answered.
    const early = new Map<ConnectionId, Array<Output>>()
    const admitted = new WeakMap<Http.IncomingMessage, ConnectionId>()
    const datagrams = new Map<VoiceServerId, Dgram.Socket>()
    const runLater = yield* FiberSet.makeRuntime<never>()
    let connections = 0
    const backlog = Backlog.make(receiveBufferBytes)

    const sendFrame = (client: ClientSocket, frame: string | Uint8Array) => {
      if (client.readyState !== client.OPEN) return
      if (client.bufferedAmount > maxWaitingBytes) {
        counters.add("websocket-reads-too-slowly")
        return client.terminate()
      }
      client.send(frame)
    }
    /** A fault of the caller's own may ask for a code or a reason that no close frame can carry. */
    const closeFrame = (client: ClientSocket, code: number, reason: string) => {
      try {
        client.closeFromHere(code, reason)
      } catch {
        counters.add("close-frame-impossible")
        client.terminate()
      }
    }
    const deliver = (output: Output): void => {
      if (output._tag === "Datagram") {
        // A client chooses the address by itself (Select Protocol), and nothing may leave this machine.
        if (!output.to.address.startsWith("127.") || output.to.port < 1 || output.to.port > 65_535) {
          return counters.add("datagram-to-foreign-address")
        }
        // Sending waits for the next turn of the event loop, when the bytes have other contents.
        datagrams.get(output.server)?.send(new Uint8Array(output.bytes), output.to.port, output.to.address, (error) => {
          if (error !== null) counters.add("datagram-send-error")
        })
        return
      }
      const waiting = early.get(output.connection)
      if (waiting !== undefined) {
        waiting.push(output)
        return
      }
      const client = clients.get(output.connection)
      if (client === undefined) return
      switch (output._tag) {
        case "Text":
          return sendFrame(client, output.text)
        case "Binary":
          return sendFrame(client, output.bytes)
        case "Close":
          clients.delete(output.connection)
          return closeFrame(client, output.code, output.reason)
        case "Terminate":
          clients.delete(output.connection)
          return client.terminate()
      }
    }

    const standstillMs = yield* Standstill.make
    const wallMs = yield* Clock.currentTimeMillis
    const driver = yield* Driver.make({
      core: (context) => Core.make({ profile: options.profile, seed: options.seed, standstillMs, wallMs, ...context }),
      deliver,
      afterInputs: backlog.after
    })

    const welcome = (id: ConnectionId, client: ClientSocket) => {
      clients.set(id, client)
      client.on("error", (error) => counters.add(`websocket-error ${codeOf(error)}`))
      client.on("message", (data, isBinary) => {
        // With the default `binaryType` the bytes always come as one Buffer.
        if (!Buffer.isBuffer(data)) return
        const frame = isBinary ? data : data.toString()
        driver.run((core) => {
          // After the core has closed it, what still comes is nobody's.
          if (clients.has(id)) core.receive(id, frame)
        })
      })
      let isLeaving = false
      const gone = (code: number) => {
        clients.delete(id)
        driver.run((core) => core.disconnected(id, code))
      }
      // behind the datagrams that were sent before it
      client.onCloseFrame = (code, answer) => {
        isLeaving = true
        backlog.after(() => {
          gone(code)
          answer()
        })
      }
      client.on("close", (code) => {
        if (!isLeaving) gone(code)
      })
      const waiting = early.get(id) ?? []
      early.delete(id)
      for (const output of waiting) deliver(output)
    }

    /** Asks the core before the upgrade is answered, so that a refusal is an HTTP status. */
    const admit = (
      target: Target,
      request: Http.IncomingMessage,
      answer: (accepted: boolean, status?: number) => void
    ) => {
      const path = request.url ?? "/"
      if (!path.startsWith("/") || !URL.canParse(path, "ws://localhost")) {
        counters.add("upgrade-with-invalid-url")
        return answer(false, 400)
      }
      const search = new URL(path, "ws://localhost").searchParams
      driver.run((core) => {
        const id = ++connections
        early.set(id, [])
        const refused = core.accept(id, { ...target, search })
        if (refused !== undefined) {
          early.delete(id)
          counters.add("upgrade-refused")
          return answer(false, refused.reject)
        }
        admitted.set(request, id)
        answer(true)
        // Still there only if the client has gone in the meantime.
        if (early.delete(id)) core.disconnected(id, 1006)
      })
    }

    const answerRest = (request: Http.IncomingMessage, response: Http.ServerResponse, body: string | Uint8Array) => {
      driver.run((core) => {
        let answered = false
        try {
          const answer = core.rest({
            method: request.method ?? "GET",
            path: request.url ?? "/",
            authorization: request.headers.authorization,
            range: request.headers.range,
            reason: request.headers["x-audit-log-reason"]?.toString(),
            body: body.length === 0 ? undefined : body
          })
          const finish = () => {
            if (answer.status === 0) return request.socket.destroy()
            const text = answer.text ?? (answer.body === undefined ? undefined : JSON.stringify(answer.body))
            // libraries read what says that it is JSON
            const kind = text === undefined ? {} : { "content-type": "application/json" }
            response.writeHead(answer.status, { ...kind, ...answer.headers })
            response.end(answer.bytes ?? text)
          }
          if (answer.delayMs === undefined) finish()
          else runLater(Effect.delay(Effect.sync(finish), answer.delayMs))
          answered = true
        } finally {
          if (!answered) plain(response, 500, "500: Internal Server Error")
        }
      })
    }
    const refuse = (response: Http.ServerResponse, status: number, body: unknown) => {
      counters.add(`http-${status}`)
      response.writeHead(status, { "content-type": "application/json", connection: "close" })
      response.end(JSON.stringify(body))
    }
    const plain = (response: Http.ServerResponse, status: number, message: string) =>
      refuse(response, status, { code: 0, message })
    const rest = (request: Http.IncomingMessage, response: Http.ServerResponse) => {
      if (!restPrefix.test(request.url ?? "/")) return plain(response, 404, "404: Not Found")
      const parts: Array<Buffer> = []
      const isOfFiles = isForm(request.headers["content-type"])
      const most = Sent.largestBody[isOfFiles ? "form" : "json"]
      let length = 0
      request.on("error", () => counters.add("http-request-error"))
      request.on("data", (part: Buffer) => {
        length += part.length
        if (length <= most) parts.push(part)
        else parts.length = 0
      })
      request.on("end", () => {
        // not before: who is still sending would not read it
        if (length > most) return refuse(response, Sent.tooLarge.status, Sent.tooLarge.body)
        answerRest(request, response, isOfFiles ? Buffer.concat(parts) : Buffer.concat(parts).toString())
      })
    }

    const listen = Effect.fnUntraced(function*(
      port: number,
      onRequest: (request: Http.IncomingMessage, response: Http.ServerResponse) => void,
      target: () => Target | undefined
    ) {
      const open = new Set<Net.Socket>()
      const sockets = new WebSocketServer<typeof ClientSocket>({
        noServer: true,
        WebSocket: ClientSocket,
        maxPayload: maxMessageBytes,
        perMessageDeflate: false,
        verifyClient: (
          { req }: { readonly req: Http.IncomingMessage },
          answer: (ok: boolean, status?: number) => void
        ) => {
          const to = target()
          if (to === undefined) answer(false, 503)
          else admit(to, req, answer)
        }
      })
      const server = certificate === undefined
        ? Http.createServer(onRequest)
        : Https.createServer({ cert: certificate.certificate, key: certificate.privateKey }, onRequest)
      server.maxConnections = maxConnections
      server.headersTimeout = 10_000
      server.requestTimeout = 20_000
      server.on("connection", (socket: Net.Socket) => {
        open.add(socket)
        socket.on("error", () => counters.add("tcp-error"))
        socket.on("close", () => open.delete(socket))
      })
      server.on("clientError", (error: Error, socket: Net.Socket) => {
        counters.add(`http-error ${codeOf(error)}`)
        if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
        else socket.destroy()
      })
      server.on("tlsClientError", (error: Error) => counters.add(`tls-error ${codeOf(error)}`))
      server.on("upgrade", (request: Http.IncomingMessage, socket: Net.Socket, head: Buffer) => {
        socket.on("error", () => counters.add("tcp-error"))
        sockets.handleUpgrade(request, socket, head, (client) => {
          const id = admitted.get(request)
          if (id === undefined) client.terminate()
          else welcome(id, client)
        })
      })
      sockets.on("wsClientError", (error: Error, socket: Net.Socket) => {
        counters.add("upgrade-malformed")
        socket.end(`HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n${error.message}`)
      })
      yield* Effect.acquireRelease(
        listening("TCP", port, server, (done) => server.listen({ port, host, exclusive: true }, done)),
        () =>
          Effect.callback<void>((resume) => {
            server.close(() => resume(Effect.void))
            for (const socket of open) socket.destroy()
          })
      )
      server.on("error", (error) => counters.add(`server-error ${codeOf(error)}`))
      return portOf(server.address())
    })

    const listenUdp = Effect.fnUntraced(function*(port: number) {
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => Dgram.createSocket("udp4")),
        (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
      )
      yield* listening("UDP", port, socket, (done) => socket.bind({ port, address: host, exclusive: true }, done))
      socket.on("error", (error) => counters.add(`datagram-error ${codeOf(error)}`))
      yield* Effect.try(() => socket.setRecvBufferSize(receiveBufferBytes)).pipe(
        Effect.catch(() => Effect.sync(() => counters.add("receive-buffer-is-small")))
      )
      return socket
    })

    const gatewayPort = yield* listen(options.ports.gateway ?? 0, rest, () => ({ _tag: "Gateway" }))
    const voice: Array<VoiceServer> = []
    for (const [index, region] of options.regions.entries()) {
      let id: VoiceServerId | undefined
      const port = yield* listen(
        options.ports.voice?.[index] ?? 0,
        (request, response) => {
          request.resume()
          plain(response, 404, "404: Not Found")
        },
        () => id === undefined ? undefined : { _tag: "Voice", server: id }
      )
      const socket = yield* listenUdp(options.ports.udp?.[index] ?? 0)
      const udp = { address: host, port: socket.address().port }
      // JDA takes the endpoint for a URL, of which a number cannot be the scheme, and Discord's are names too
      const endpoint = options.tls ? `localhost:${port}` : `ws://${host}:${port}`
      const server = yield* driver.call((core) => core.createVoiceServer({ region, endpoint, udp }))
      id = server
      datagrams.set(server, socket)
      socket.on("message", (bytes, from) => {
        backlog.read()
        driver.run((core) => core.datagram(server, from, bytes))
      })
      voice.push({ id: server, region, endpoint, udp })
    }
    const gateway = `${options.tls ? "wss" : "ws"}://${host}:${gatewayPort}`
    yield* driver.call((core) => core.setGatewayUrl(gateway))

    return {
      driver,
      gateway,
      rest: `${options.tls ? "https" : "http"}://${host}:${gatewayPort}/api/v10`,
      certificate: certificate?.authority,
      voice,
      settle: () => Effect.void,
      counters: counters.read
    }
  }
)
