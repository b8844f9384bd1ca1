import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Queue, Redacted } from "effect"
import * as Dgram from "node:dgram"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import { WebSocket } from "ws"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Foreign from "./ForeignClient.ts"
import { foreignVisit } from "./scenario.ts"

const get = (url: string, options: Https.RequestOptions & { body?: string } = {}) =>
  Effect.callback<{ status: number; body: { readonly url?: string } }, Error>((resume) => {
    const { body = "", ...rest } = options
    const request = (url.startsWith("https") ? Https : Http).request(url, { agent: false, ...rest }, (response) => {
      const parts: Array<Buffer> = []
      response.on("data", (part) => parts.push(part))
      response.on("error", (error) => resume(Effect.fail(error)))
      response.on("end", () => {
        const text = Buffer.concat(parts).toString()
        resume(Effect.succeed({ status: response.statusCode ?? 0, body: text === "" ? {} : JSON.parse(text) }))
      })
    })
    request.on("error", (error) => resume(Effect.fail(error)))
    request.end(body)
  })

/** Sends bytes to a TCP port and waits until the other side has hung up. */
const rawTcp = (url: string, bytes: Uint8Array | string) =>
  Effect.callback<string>((resume) => {
    const { hostname, port } = new URL(url)
    const socket = Net.connect(Number(port), hostname, () => socket.write(bytes))
    const parts: Array<Buffer> = []
    socket.on("data", (part) => parts.push(part))
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(Buffer.concat(parts).toString())))
    return Effect.sync(() => socket.destroy())
  })

const until = Effect.fnUntraced(function*<A>(read: Effect.Effect<A>, fits: (value: A) => boolean) {
  while (true) {
    const value = yield* read
    if (fits(value)) return value
    yield* Effect.sleep("2 millis")
  }
})

/** The sockets that this process has open. */
const sockets = () => process.getActiveResourcesInfo().filter((name) => /TCP|UDP/i.test(name))

describe("Loopback", () => {
  it.live("carries a foreign client over real sockets", () =>
    Effect.gen(function*() {
      const { server } = yield* foreignVisit(Foreign.realWire())
      assert.match(server.endpoint, /^ws:\/\/127\.0\.0\.1:\d+$/)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer({ profile: Foreign.profile }))))

  it.live("carries a foreign client over TLS, with endpoints written as Discord writes them", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      assert.match(discord.urls.gateway, /^wss:/)
      const { server } = yield* foreignVisit(Foreign.realWire(discord.urls.cert))
      assert.match(server.endpoint, /^localhost:\d+$/)

      const token = Redacted.value((yield* discord.user("bot")).token)
      const rest = yield* get(`${discord.urls.rest}/gateway/bot`, {
        ca: discord.urls.cert,
        headers: { authorization: `Bot ${token}` }
      })
      assert.strictEqual(rest.body.url, discord.urls.gateway)

      const stranger = yield* Effect.exit(Foreign.realWire().webSocket(discord.urls.gateway))
      assert.include(String(Exit.isFailure(stranger) ? stranger.cause : ""), "certificate")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer({ profile: Foreign.profile, tls: true }))))

  it.live("uses the clock of its process for arrival times and in the snapshot", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)
      const speaker = yield* discord.join({ user: "speaker", channel: "lobby" })
      const listener = yield* discord.join({ user: "listener", channel: "lobby" })
      const beforeMs = yield* nowMs
      yield* speaker.speak(Foreign.opus(2))
      const heard = yield* listener.awaitFrames(2)
      const times = [
        beforeMs,
        ...heard.map(({ arrivalMs }) => arrivalMs),
        (yield* discord.snapshot).nowMs,
        yield* nowMs
      ]
      assert.deepStrictEqual(times, times.toSorted((a, b) => a - b))
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("answers REST under every API prefix, and nowhere else", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const token = Redacted.value((yield* discord.user("bot")).token)
      const origin = new URL(discord.urls.rest).origin
      const headers = { authorization: `Bot ${token}` }
      for (const prefix of ["/api/v10", "/api/v9", "/api"]) {
        const { body, status } = yield* get(`${origin}${prefix}/gateway/bot`, { headers })
        assert.deepStrictEqual([status, body.url], [200, discord.urls.gateway], prefix)
      }
      assert.strictEqual((yield* get(`${origin}/api/v10/gateway/bot`)).status, 401)
      assert.strictEqual((yield* get(`${origin}/elsewhere`)).status, 404)
      const tooLarge = yield* get(`${discord.urls.rest}/gateway/bot`, {
        method: "POST",
        headers,
        body: "x".repeat(1_100_000)
      })
      assert.strictEqual(tooLarge.status, 413)
    }).pipe(Effect.provide(Emulator.layer())))

  it.live("accepts a hundred commands with options and translations in one request", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const bot = yield* discord.user("bot")
      const description = "d".repeat(100)
      const commands = Array.from({ length: 100 }, (_, i) => ({
        name: `command-${i}`,
        description,
        description_localizations: Object.fromEntries(["de", "fr", "ja", "ko"].map((locale) => [locale, description])),
        options: Array.from({ length: 5 }, (_, n) => ({ type: 3, name: `option-${n}`, description }))
      }))
      const registered = yield* Effect.promise(() =>
        fetch(`${discord.urls.rest}/applications/${bot.id}/commands`, {
          method: "PUT",
          headers: { authorization: `Bot ${Redacted.value(bot.token)}`, "content-type": "application/json" },
          body: JSON.stringify(commands)
        })
      )
      assert.strictEqual(registered.status, 200)
      assert.lengthOf(yield* Effect.promise(async () => Array.from(Object(await registered.json()))), 100)
    }).pipe(Effect.provide(Emulator.layer())))

  it.live("delays a REST answer when a fault says so", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.faults.add(({ point }) => point === "rest" ? { _tag: "Delay", ms: 50 } : undefined)
      const before = process.hrtime.bigint()
      assert.strictEqual((yield* get(`${discord.urls.rest}/gateway`)).status, 200)
      assert.isAtLeast(Number(process.hrtime.bigint() - before) / 1e6, 45)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("listens on the given ports, and says what to do when one is in use", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const taken = Number(new URL(discord.urls.gateway).port)
      const takenUdp = discord.urls.voice[0]?.udp.port ?? 0
      const tcp = yield* Effect.flip(
        Effect.provide(Emulator.Emulator, Emulator.layer({ ports: { gateway: taken } }), { local: true })
      )
      assert.deepInclude(tcp.reason, { _tag: "ListenFailed", protocol: "TCP", port: taken, code: "EADDRINUSE" })
      assert.include(tcp.message, `TCP port ${taken} of 127.0.0.1 is in use`)
      assert.include(tcp.message, "choose another port")
      const udp = yield* Effect.flip(
        Effect.provide(Emulator.Emulator, Emulator.layer({ ports: { udp: [takenUdp] } }), { local: true })
      )
      assert.deepInclude(udp.reason, { _tag: "ListenFailed", protocol: "UDP", port: takenUdp, code: "EADDRINUSE" })
      const impossible = yield* Effect.flip(
        Effect.provide(Emulator.Emulator, Emulator.layer({ ports: { voice: [70_000] } }), { local: true })
      )
      assert.strictEqual(impossible.reason._tag, "ListenFailed")
    }).pipe(Effect.provide(Emulator.layer())))

  it.live("can reuse the same ports as soon as its scope has closed", () =>
    Effect.gen(function*() {
      const portsOf = ({ urls }: Emulator.Emulator["Service"]): Emulator.Ports => ({
        gateway: Number(new URL(urls.gateway).port),
        voice: urls.voice.map(({ endpoint }) => Number(new URL(endpoint).port)),
        udp: urls.voice.map(({ udp }) => udp.port)
      })
      const listen = (ports: Emulator.Ports) =>
        Effect.provide(Emulator.Emulator.useSync(portsOf), Emulator.layer({ ports }), { local: true })
      const ports = yield* listen({})
      assert.deepStrictEqual(yield* listen(ports), ports)
      assert.deepStrictEqual(yield* listen(ports), ports)
    }))

  it.live("leaves no handle open, even while clients are still connected", () =>
    Effect.gen(function*() {
      yield* until(Effect.sync(sockets), (now) => now.length === 0)
      const clients = yield* Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const { hostname, port } = new URL(discord.urls.gateway)
        const idle = Net.connect(Number(port), hostname)
        idle.on("error", () => {})
        const half = Net.connect(
          Number(port),
          hostname,
          () => half.write("GET /api/v10/gateway HTTP/1.1\r\nhost: x\r\n")
        )
        half.on("error", () => {})
        const open = new WebSocket(`${discord.urls.gateway}/?v=10&encoding=json`)
        const closed = Promise.withResolvers<number>()
        open.on("close", closed.resolve)
        yield* Effect.promise(() => new Promise((resolve) => open.once("message", resolve)))
        assert.include(sockets(), "UDPWrap")
        assert.isAtLeast(sockets().length, 8)
        return { idle, half, closed: closed.promise }
      }).pipe(Effect.provide(Emulator.layer()))
      assert.strictEqual(yield* Effect.promise(() => clients.closed), 1006)
      clients.idle.destroy()
      clients.half.destroy()
      yield* until(Effect.sync(sockets), (now) => now.length === 0)
    }))

  it.live("survives input that no Discord client would send", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const gateway = discord.urls.gateway
      const voice = discord.urls.voice[0]
      assert.isDefined(voice)
      if (voice === undefined) return
      const noise = Uint8Array.from({ length: 2000 }, (_, index) => index * 73 & 0xff)

      yield* rawTcp(gateway, noise)
      const refused = yield* rawTcp(
        voice.endpoint,
        "GET /?v=8 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
      )
      assert.match(refused, /^HTTP\/1\.1 400/)

      const tooLarge = yield* Foreign.realWire().webSocket(`${gateway}/?v=10&encoding=json`)
      tooLarge.send("x".repeat(1_000_000))
      assert.strictEqual((yield* Foreign.expectClose(tooLarge)).closed, 1009)

      const nonsense = yield* Foreign.realWire().webSocket(`${gateway}/?v=10&encoding=json`)
      nonsense.send("{")
      assert.strictEqual((yield* Foreign.expectClose(nonsense)).closed, 4002)

      const upgraded = yield* rawTcp(
        gateway,
        Buffer.concat([
          Buffer.from(
            "GET /?v=10&encoding=json HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n" +
              "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
          ),
          // Reserved bits and no mask: this is not a WebSocket frame.
          noise
        ])
      )
      assert.match(upgraded, /^HTTP\/1\.1 101/)

      const udp = Dgram.createSocket("udp4")
      for (const length of [0, 1, 7, 8, 12, 73, 74, 75, 1400]) {
        udp.send(noise.subarray(0, length), voice.udp.port, voice.udp.address)
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => udp.close()))

      const noVersion = yield* Effect.flip(Foreign.realWire().webSocket(voice.endpoint))
      assert.include(noVersion.message, "400")

      yield* foreignVisit(Foreign.realWire())
      const counters = yield* discord.counters
      assert.isAtLeast(counters.get("upgrade-malformed") ?? 0, 1)
      assert.isAtLeast(counters.get("upgrade-refused") ?? 0, 1)
      assert.isTrue([...counters.keys()].some((name) => name.startsWith("http-error")))
      assert.isTrue([...counters.keys()].some((name) => name.startsWith("websocket-error")))
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer({ profile: Foreign.profile }))))

  it.live("sends no datagram to another machine, whatever address a client selects", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guild = yield* discord.guild("guild")
      const channel = yield* discord.channel("lobby")
      const token = Redacted.value((yield* discord.user("bot")).token)
      const wire = Foreign.realWire()
      const main = yield* Foreign.login(wire, discord.urls.gateway, token)
      const server = yield* Foreign.ask(main, guild, channel)
      const foreign: Foreign.Wire = {
        ...wire,
        // Replaces the discovery's answer with an address of TEST-NET-3.
        udp: (remote) =>
          Effect.map(wire.udp(remote), (udp) => {
            const answer = Buffer.alloc(74)
            answer.write("203.0.113.7", 8)
            answer.writeUInt16BE(4000, 72)
            return { ...udp, send: () => void Queue.offerUnsafe(udp.incoming as Queue.Queue<Uint8Array>, answer) }
          })
      }
      const voice = yield* Foreign.joinVoice(foreign, main, guild, channel, server)
      assert.strictEqual(voice.discovered.address, "203.0.113.7")
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      yield* guest.speak(Foreign.opus(2))
      assert.isAtLeast((yield* discord.counters).get("datagram-no-address") ?? 0, 2)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer({ profile: Foreign.profile }))))

  it.live("has one voice server for each region, each with its own ports", () =>
    Effect.gen(function*() {
      const { urls } = yield* Emulator.Emulator
      assert.deepStrictEqual(urls.voice.map(({ region }) => region), ["one", "two", "three"])
      const ports = urls.voice.flatMap(({ endpoint, udp }) => [endpoint, udp.port])
      assert.strictEqual(new Set(ports).size, 6)
    }).pipe(Effect.provide(Emulator.layer({ voiceServers: ["one", "two", "three"] }))))
})
