/**
 * The shell with real sockets, all on 127.0.0.1: one HTTP server for REST and the main gateway, and for each voice server one
 * HTTP server with its gateway and one UDP socket. Any client connects to it as to Discord. Whatever clients send is counted
 * and answered, or dropped; nothing of it ends the process.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type * as Dgram from "node:dgram"
import type * as Http from "node:http"
import * as Https from "node:https"
import type * as Net from "node:net"
import { WebSocketServer } from "ws"
import * as Core from "../core/Core.ts"
import type { Address, ConnectionId, Output, VoiceServerId } from "../core/CoreContext.ts"
import * as Sent from "../core/messages/Sent.ts"
import * as Random from "../core/Random.ts"
import * as Backlog from "./Backlog.ts"
import * as Certificate from "./Certificate.ts"
import { ClientSocket } from "./ClientSocket.ts"
import * as Driver from "./Driver.ts"
import type { EmulatorError } from "./EmulatorError.ts"
import * as Listening from "./Listening.ts"
import * as Network from "./Network.ts"
import { isForm, makeCounters, type Shell, type ShellOptions, type VoiceServer } from "./Shell.ts"
import * as Standstill from "./Standstill.ts"

/** An import of this module would evaluate all of its exports, and one of them loads Node's undici. */
const { createServer } = process.getBuiltinModule("node:http")

/**
 * The ports to listen on. 0 and ports that are not given mean a free one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ports {
  /** The port of the main gateway and REST. */
  readonly gateway?: number | undefined
  /** The ports of the voice servers' gateways, in the order of their regions. */
  readonly voice?: ReadonlyArray<number> | undefined
  /** The ports of the voice servers' UDP sockets, in the order of their regions. */
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
  /** Default: only the network of this machine. */
  readonly network: Network.NetworkOptions | undefined
}

/** The two directions between a client and the core. */
interface Lanes {
  readonly toCore: Network.Lane
  readonly toClient: Network.Lane
}

type ToConnection = Exclude<Output, { readonly _tag: "Datagram" }>

/** A WebSocket that the core knows. */
interface Link extends Lanes {
  client: ClientSocket | undefined
  /** What the core sends while it accepts the connection, before the upgrade is answered. */
  readonly early: Array<ToConnection>
}

type Target = { readonly _tag: "Gateway" } | { readonly _tag: "Voice"; readonly server: VoiceServerId }

/** More than Discord accepts, so that the core can judge messages that are too large; larger ones are closed with 1009. */
const maxMessageBytes = 256 * 1024
/** How much may wait for a client that does not read, in bytes, before it is dropped. */
const maxWaitingBytes = 16 * 1024 * 1024
const maxConnections = 4096
const receiveBufferBytes = 4 * 1024 * 1024

/** REST, and the files of messages and sounds. */
const restPrefix = /^\/(?:api(?:\/v\d+)?(?=\/|\?|$)|(?:attachments|soundboard-sounds)\/)/

/**
 * Opens the listeners. They close with the scope, and with them every connection, immediately. Fails with the reasons
 * `ListenFailed` and `CertificateFailed`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(
  function*(options: LoopbackOptions): Effect.fn.Return<Shell, EmulatorError, Scope.Scope> {
    const certificate = options.tls ? yield* Certificate.make : undefined
    const counters = makeCounters()
    const seeds = Network.diceOf(options.seed)
    // the order in which lanes are used varies, so each has its own random source
    const network = options.network === undefined
      ? Network.direct
      : yield* Network.make(options.network, () => Random.make(seeds.int(2 ** 32)))
    const lanes = (): Lanes => ({ toCore: network.lane(), toClient: network.lane() })
    // those that the core still has
    const links = new Map<ConnectionId, Link>()
    const admitted = new WeakMap<Http.IncomingMessage, { readonly id: ConnectionId; readonly link: Link }>()
    const datagrams = new Map<VoiceServerId, Dgram.Socket>()
    const noNetwork = options.network === undefined ? lanes() : undefined
    const routes = new Map<string, Lanes>()
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
    /** A user-defined fault may request a code or a reason that a close frame cannot carry. */
    const closeFrame = (client: ClientSocket, code: number, reason: string) => {
      try {
        client.closeFromHere(code, reason)
      } catch {
        counters.add("close-frame-impossible")
        client.terminate()
      }
    }
    const route = (server: VoiceServerId, { address, port }: Address): Lanes => {
      if (noNetwork !== undefined) return noNetwork
      const key = `${server} ${address}:${port}`
      const found = routes.get(key) ?? lanes()
      routes.set(key, found)
      return found
    }
    const sendDatagram = (server: VoiceServerId, to: Address, bytes: Uint8Array): void => {
      // A client chooses the address itself (Select Protocol), and nothing may leave this machine.
      if (!to.address.startsWith("127.") || to.port < 1 || to.port > 65_535) {
        return counters.add("datagram-to-foreign-address")
      }
      // The datagram is sent in the next turn of the event loop, when the bytes have other contents.
      const copy = new Uint8Array(bytes)
      network.datagram(
        route(server, to).toClient,
        () =>
          datagrams.get(server)?.send(copy, to.port, to.address, (error) => {
            if (error !== null) counters.add("datagram-send-error")
          })
      )
    }
    const carryOut = (link: Link, output: ToConnection): void => {
      const { client } = link
      if (client === undefined) {
        link.early.push(output)
        return
      }
      switch (output._tag) {
        case "Text":
          return sendFrame(client, output.text)
        case "Binary":
          return sendFrame(client, output.bytes)
        case "Close":
          return closeFrame(client, output.code, output.reason)
        case "Terminate":
          return client.terminate()
      }
    }
    const deliver = (output: Output): void => {
      if (output._tag === "Datagram") return sendDatagram(output.server, output.to, output.bytes)
      const link = links.get(output.connection)
      if (link === undefined) return
      // whatever still arrives from it is ignored
      if (output._tag === "Close" || output._tag === "Terminate") links.delete(output.connection)
      network.reliable(link.toClient, () => carryOut(link, output))
    }

    const standstillMs = yield* Standstill.make
    const wallMs = yield* Clock.currentTimeMillis
    const driver = yield* Driver.make({
      core: (context) => Core.make({ profile: options.profile, seed: options.seed, standstillMs, wallMs, ...context }),
      deliver,
      afterInputs: backlog.after
    })

    const welcome = (id: ConnectionId, link: Link, client: ClientSocket) => {
      link.client = client
      client.on("error", (error) => counters.add(`websocket-error ${Listening.codeOf(error)}`))
      client.on("message", (data, isBinary) => {
        // With the default `binaryType` the bytes always arrive as one Buffer.
        if (!Buffer.isBuffer(data)) return
        const frame = isBinary ? data : data.toString()
        network.reliable(link.toCore, () =>
          driver.run((core) => {
            if (links.has(id)) core.receive(id, frame)
          }))
      })
      let isLeaving = false
      const gone = (code: number, andThen: () => void) =>
        network.reliable(link.toCore, () => {
          links.delete(id)
          driver.run((core) => core.disconnected(id, code))
          andThen()
        })
      // after the datagrams that were sent before it
      client.onCloseFrame = (code, answer) => {
        isLeaving = true
        backlog.after(() => gone(code, () => network.reliable(link.toClient, answer)))
      }
      client.on("close", (code) => {
        if (!isLeaving) gone(code, () => {})
      })
      for (const output of link.early.splice(0)) carryOut(link, output)
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
      const id = ++connections
      const link: Link = { ...lanes(), client: undefined, early: [] }
      const accept = (core: Core.Core) => {
        links.set(id, link)
        const refused = core.accept(id, { ...target, search })
        network.reliable(link.toClient, () => {
          if (refused !== undefined) {
            links.delete(id)
            counters.add("upgrade-refused")
            return answer(false, refused.reject)
          }
          admitted.set(request, { id, link })
          answer(true)
          if (link.client !== undefined) return
          // it has gone in the meantime
          links.delete(id)
          driver.run((core) => core.disconnected(id, 1006))
        })
      }
      network.reliable(link.toCore, () => driver.run(accept))
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
            // libraries check that the content type is JSON
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
        // not earlier: a client that is still sending would not read it
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
        ? createServer(onRequest)
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
        counters.add(`http-error ${Listening.codeOf(error)}`)
        if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
        else socket.destroy()
      })
      server.on("tlsClientError", (error: Error) => counters.add(`tls-error ${Listening.codeOf(error)}`))
      server.on("upgrade", (request: Http.IncomingMessage, socket: Net.Socket, head: Buffer) => {
        socket.on("error", () => counters.add("tcp-error"))
        sockets.handleUpgrade(request, socket, head, (client) => {
          const upgrade = admitted.get(request)
          if (upgrade === undefined) client.terminate()
          else welcome(upgrade.id, upgrade.link, client)
        })
      })
      sockets.on("wsClientError", (error: Error, socket: Net.Socket) => {
        counters.add("upgrade-malformed")
        socket.end(`HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n${error.message}`)
      })
      const bound = yield* Listening.tcp(port, server, open)
      server.on("error", (error) => counters.add(`server-error ${Listening.codeOf(error)}`))
      return bound
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
      const socket = yield* Listening.udp(options.ports.udp?.[index] ?? 0, receiveBufferBytes, counters.add)
      const udp = { address: Listening.host, port: socket.address().port }
      // JDA treats the endpoint as a URL, whose scheme cannot be a number, and Discord's endpoints are also names
      const endpoint = options.tls ? `localhost:${port}` : `ws://${Listening.host}:${port}`
      const server = yield* driver.call((core) => core.createVoiceServer({ region, endpoint, udp }))
      id = server
      datagrams.set(server, socket)
      socket.on("message", (bytes, from) => {
        backlog.read()
        // a datagram may arrive twice, and the core processes the bytes in place
        network.datagram(route(server, from).toCore, () => {
          const copy = new Uint8Array(bytes)
          driver.run((core) => core.datagram(server, from, copy))
        })
      })
      voice.push({ id: server, region, endpoint, udp })
    }
    const gateway = `${options.tls ? "wss" : "ws"}://${Listening.host}:${gatewayPort}`
    yield* driver.call((core) => core.setGatewayUrl(gateway))

    return {
      driver,
      gateway,
      rest: `${options.tls ? "https" : "http"}://${Listening.host}:${gatewayPort}/api/v10`,
      certificate: certificate?.authority,
      voice,
      settle: () => Effect.void,
      counters: counters.read
    }
  }
)
