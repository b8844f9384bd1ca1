import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import type { DatagramSocket, Frame } from "../../../src/transport/Socket.ts"
import { DatagramError, WebSocketClosed, WebSocketOpenError } from "../../../src/transport/TransportError.ts"
import type { Entry } from "../../../src/transport/wire/Entry.ts"
import { CurrentLog, type Datagrams, Log } from "../../../src/transport/wire/Log.ts"
import * as Wire from "../../../src/transport/wire/Wire.ts"

/** A log whose time is set by the test, in milliseconds. */
const logging = (datagrams: Datagrams = "counted") => {
  const entries: Array<Entry> = []
  const time = { ms: 0 }
  const log = new Log({
    write: (entry) => entries.push(entry),
    onFailed: (error) => assert.fail(String(error)),
    datagrams,
    nowNanos: () => BigInt(time.ms * 1e6),
    originNanos: 0n,
    prefix: ""
  })
  return { entries, time, within: Effect.provideService(CurrentLog, log) }
}

/** A WebSocket that hears only what the test offers, and a record of what was done with it. */
const webSockets = Effect.gen(function*() {
  const frames = yield* Queue.unbounded<Frame, WebSocketClosed>()
  const done: Array<unknown> = []
  const note = (what: unknown) => Effect.sync(() => void done.push(what))
  const connect = (url: string) =>
    Effect.as(note(url), {
      frames,
      send: note,
      close: (code: number, reason: string) => note({ code, reason }),
      terminate: note("terminated")
    })
  return { done, frames, transport: { connect } }
})

const address = { address: "2001:db8::1", port: 50_000 }

/** A UDP socket that keeps what is sent. */
const udp = () => {
  const sent: Array<Uint8Array> = []
  let handler: ((datagram: Uint8Array) => void) | undefined
  const socket: DatagramSocket = {
    local: { address: "::1", port: 1 },
    send: (packet, length, isAsked) => {
      sent.push(packet.slice(0, length))
      return isAsked ?? false
    },
    prefetch: (step) => step + 7,
    onDatagram: (next) => {
      handler = next
    },
    hasAddress: () => false,
    statistics: () => ({ sent: sent.length, sendErrors: 1, received: 2, socketErrors: 3 })
  }
  return { sent, transport: { connect: () => Effect.succeed(socket) }, hears: (bytes: Uint8Array) => handler?.(bytes) }
}

/** Sixteen bytes, and two of sound, like a packet with the beginning of an extension. */
const rtp = Uint8Array.from([0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 4, 5, 6, 7, 0xaa, 0xbb])

describe("Wire", () => {
  it.effect("passes everything on to a WebSocket, whether it is logged or not", () =>
    Effect.gen(function*() {
      const use = Effect.fnUntraced(function*(transport: Parameters<typeof Wire.webSocket>[1]) {
        const socket = yield* Wire.webSocket("voice", transport, "wss://voice.example/?v=8", {})
        yield* socket.send("text")
        yield* socket.send(Uint8Array.of(1))
        yield* socket.close(4_000, "enough")
        yield* socket.terminate
        return [yield* socket.take, yield* Effect.flip(socket.take)]
      })
      const closed = new WebSocketClosed({ code: 4_014, reason: "gone" })
      const run = Effect.gen(function*() {
        const { done, frames, transport } = yield* webSockets
        yield* Queue.offer(frames, "heard")
        yield* Queue.fail(frames, closed)
        return [done, yield* Effect.scoped(use(transport))]
      })
      const { entries, within } = logging()
      const plain = yield* run
      assert.deepStrictEqual(plain, [
        ["wss://voice.example/?v=8", "text", Uint8Array.of(1), { code: 4_000, reason: "enough" }, "terminated"],
        ["heard", closed]
      ])
      assert.isEmpty(entries)
      assert.deepStrictEqual(yield* within(run), plain)
      assert.deepStrictEqual(entries.map(({ kind }) => kind), [
        "open",
        "message",
        "binary",
        "closing",
        "message",
        "closed",
        "released"
      ])
    }))

  it.effect("logs why a socket cannot be opened, and that it is gone", () =>
    Effect.gen(function*() {
      const { entries, within } = logging()
      const error = new WebSocketOpenError({
        url: "wss://voice.example",
        kind: "Refused",
        detail: "connect EHOSTUNREACH 192.0.2.1:443 - Local (10.1.2.3:51234)"
      })
      const failed = yield* Wire.webSocket("main", { connect: () => Effect.fail(error) }, "wss://voice.example", {})
        .pipe(
          Effect.scoped,
          within,
          Effect.flip
        )
      assert.strictEqual(failed, error)
      const lost = new DatagramError({ ...address, detail: "ENETUNREACH" })
      assert.strictEqual(
        yield* Wire.datagrams({ connect: () => Effect.fail(lost) }, address, 5).pipe(
          Effect.scoped,
          within,
          Effect.flip
        ),
        lost
      )
      assert.deepStrictEqual(entries, [
        { kind: "open", at: 0, socket: "gateway 1", remote: "wss://voice.example/" },
        { kind: "refused", at: 0, socket: "gateway 1", detail: "connect EHOSTUNREACH 192.0.2.1:443" },
        { kind: "released", at: 0, socket: "gateway 1" },
        { kind: "open", at: 0, socket: "udp 1", remote: "[2001:db8::1]:50000", ssrc: 5 },
        { kind: "refused", at: 0, socket: "udp 1", detail: "ENETUNREACH" },
        { kind: "released", at: 0, socket: "udp 1" }
      ])
    }))

  it.effect("logs the first 64 KiB of a binary message, and its length", () =>
    Effect.gen(function*() {
      const { entries, within } = logging()
      const { transport } = yield* webSockets
      yield* Wire.webSocket("voice", transport, "wss://voice.example", {}).pipe(
        Effect.flatMap(({ send }) => send(new Uint8Array(70_000).subarray(10).fill(0xab))),
        Effect.scoped,
        within
      )
      const binary = entries.find((entry) => entry.kind === "binary")
      assert.strictEqual(binary?.bytes, 69_990)
      assert.strictEqual(binary?.hex, "ab".repeat(65_536))
    }))

  it.effect("passes datagrams on unchanged, and counts them second by second", () =>
    Effect.gen(function*() {
      const { entries, time, within } = logging()
      const { hears, sent, transport } = udp()
      const heard: Array<Uint8Array> = []
      yield* Effect.gen(function*() {
        const socket = yield* Wire.datagrams(transport, address, 5)
        assert.strictEqual(socket.prefetch?.(1), 8)
        assert.isFalse(socket.hasAddress())
        assert.strictEqual(socket.statistics().sendErrors, 1)
        socket.onDatagram((datagram) => heard.push(datagram))
        const longer = Uint8Array.from([...rtp, 9, 9, 9])
        assert.isTrue(socket.send(longer, rtp.length, true))
        assert.isFalse(socket.send(longer, rtp.length))
        hears(rtp)
        time.ms = 1_000
        hears(Uint8Array.of(1))
      }).pipe(Effect.scoped, within)
      assert.deepStrictEqual(sent, [rtp, rtp])
      assert.deepStrictEqual(heard, [rtp, Uint8Array.of(1)])
      const none = {}
      assert.deepStrictEqual(entries.filter(({ kind }) => kind === "datagrams"), [
        {
          kind: "datagrams",
          at: 1_000,
          socket: "udp 1",
          sent: { rtp: { packets: 2, bytes: 36 } },
          received: { rtp: { packets: 1, bytes: 18 } }
        },
        { kind: "datagrams", at: 1_000, socket: "udp 1", sent: none, received: { unknown: { packets: 1, bytes: 1 } } }
      ])
    }))

  it.effect("logs the first 16 bytes of each datagram on request", () =>
    Effect.gen(function*() {
      const { entries, within } = logging("each")
      const { hears, transport } = udp()
      yield* Effect.gen(function*() {
        const socket = yield* Wire.datagrams(transport, address, 5)
        socket.onDatagram(() => undefined)
        socket.send(rtp, rtp.length)
        hears(Uint8Array.of(1, 2))
      }).pipe(Effect.scoped, within)
      assert.deepStrictEqual(entries.filter(({ kind }) => kind === "datagram"), [
        {
          kind: "datagram",
          at: 0,
          socket: "udp 1",
          direction: "out",
          bytes: 18,
          type: "rtp",
          header: "90780001000000020000000304050607"
        },
        { kind: "datagram", at: 0, socket: "udp 1", direction: "in", bytes: 2, type: "unknown", header: "0102" }
      ])
    }))

  it.effect("logs no byte of sound in the header of a datagram", () =>
    Effect.gen(function*() {
      const { entries, within } = logging("each")
      const { transport } = udp()
      const packet = (first: number) => Uint8Array.of(first, 0x78, ...Array.from({ length: 40 }, (_, i) => i))
      yield* Effect.gen(function*() {
        const socket = yield* Wire.datagrams(transport, address, 5)
        for (const first of [0x80, 0x81, 0x90, 0x9f]) socket.send(packet(first), 42)
      }).pipe(Effect.scoped, within)
      const sizes = entries.flatMap((entry) => entry.kind === "datagram" ? [entry.header.length / 2] : [])
      assert.deepStrictEqual(sizes, [12, 16, 16, 16])
    }))

  it.effect("reports its failure once, and is in nobody's way", () =>
    Effect.gen(function*() {
      const failures: Array<unknown> = []
      let tries = 0
      const log = new Log({
        write: () => {
          tries++
          throw new Error("full")
        },
        onFailed: (error) => failures.push(error),
        datagrams: "each",
        nowNanos: () => 0n,
        originNanos: 0n,
        prefix: ""
      })
      const { done, frames, transport } = yield* webSockets
      const sockets = udp()
      yield* Queue.offer(frames, "heard")
      const heard = yield* Effect.gen(function*() {
        const udp = yield* Wire.datagrams(sockets.transport, address, 5)
        udp.send(rtp, rtp.length)
        const socket = yield* Wire.webSocket("voice", transport, "wss://voice.example", {})
        yield* socket.send("said")
        yield* socket.close(1_000, "")
        return yield* socket.take
      }).pipe(Effect.scoped, Effect.provideService(CurrentLog, log))
      assert.strictEqual(heard, "heard")
      assert.deepStrictEqual(done, ["wss://voice.example", "said", { code: 1_000, reason: "" }])
      assert.deepStrictEqual(sockets.sent, [rtp])
      assert.deepStrictEqual([failures, tries], [[new Error("full")], 1])
    }))

  it.effect("passes on messages that are nested too deeply to be logged", () =>
    Effect.gen(function*() {
      const { entries, within } = logging()
      const { done, frames, transport } = yield* webSockets
      const deep = `{"op":99,"d":${"[".repeat(100_000)}${"]".repeat(100_000)}}`
      yield* Queue.offer(frames, deep)
      yield* Effect.gen(function*() {
        const socket = yield* Wire.webSocket("voice", transport, "wss://voice.example", {})
        yield* socket.send(deep)
        assert.strictEqual(yield* socket.take, deep)
      }).pipe(Effect.scoped, within)
      assert.strictEqual(done[1], deep)
      const sizes = entries.flatMap((entry) => entry.kind === "message" ? [JSON.stringify(entry.message).length] : [])
      assert.deepStrictEqual(sizes.map((size) => size < 200), [true, true])
    }))
})
