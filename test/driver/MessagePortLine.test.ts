import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Predicate, Redacted, Scope, Stream } from "effect"
import { EventEmitter } from "node:events"
import * as MessagePortLine from "../../src/driver/MessagePortLine.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceSocket from "../../src/VoiceSocket.ts"
import * as Rig from "../integration/rig.ts"
import * as Mock from "./mockServer.ts"
import * as Ports from "./ports.ts"

const memory = (make: () => Ports.Ports) => Ports.layer(make).pipe(Layer.provideMerge(Rig.memory()))

const connect = (options?: VoiceDriver.ConnectOptions, change?: Partial<VoiceDriver.ConnectionInfo>) =>
  Effect.gen(function*() {
    const info = yield* Rig.grant("lobby")
    const driver = yield* VoiceDriver.VoiceDriver
    return yield* driver.connect(new VoiceDriver.ConnectionInfo({ ...info, ...change }), options)
  })

/** What any clone can carry: no functions, and no class instances other than bytes and shared memory. */
const isPlain = (value: unknown): boolean => {
  if (value === null || ["string", "number", "boolean", "undefined"].includes(typeof value)) return true
  if (typeof value !== "object") return false
  if (Array.isArray(value)) return value.every(isPlain)
  if (value instanceof Uint8Array || value instanceof SharedArrayBuffer) return true
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain)
}

describe("MessagePortLine", () => {
  it.effect("carries a whole visit", () =>
    Effect.gen(function*() {
      yield* Rig.run(Rig.visit)
      yield* Rig.left
    }).pipe(Effect.provide(memory(Ports.virtual))))

  it.live("carries a whole visit through a MessageChannel, over loopback", () =>
    Rig.visit.pipe(Effect.scoped, Effect.provide(Ports.layer(Ports.real).pipe(Layer.provideMerge(Rig.loopback())))))

  it.effect("does not end a connection that is opened again while an end is being reported", () =>
    Effect.gen(function*() {
      const events = new EventEmitter()
      const client = yield* MessagePortLine.makeClient({
        postMessage: () => {},
        on: (event, listener) => events.on(event, listener),
        off: (event, listener) => events.off(event, listener)
      })
      const open = (emit: () => void) => Effect.scoped(client.open(Mock.info, {}, emit))
      const scope = yield* Effect.scope
      let next: Fiber.Fiber<unknown, unknown> | undefined
      const reopen = () => {
        client.renew()
        next = Effect.runSync(Effect.forkIn(open(() => {}), scope, { startImmediately: true }))
      }
      const first = yield* Effect.forkChild(Effect.exit(open(reopen)), { startImmediately: true })
      events.emit("exit", 1)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(first)))
      assert.isDefined(next)
      assert.isUndefined(next?.pollUnsafe())
    }).pipe(Effect.scoped))

  it.effect("leaves alone what was closed before its thread ended, and a ring that another driver took over", () =>
    Effect.gen(function*() {
      const events = new EventEmitter()
      const established = { version: 8, ssrc: 1, mode: Mock.mode, address: "198.51.100.1", port: 1 }
      const client = yield* MessagePortLine.makeClient({
        postMessage: (message) => {
          if (!Predicate.hasProperty(message, "_tag") || !Predicate.hasProperty(message, "id")) return
          const { _tag, id } = message
          if (_tag === "Connect") events.emit("message", { _tag: "Connected", id, established })
          if (_tag === "Close") events.emit("message", { _tag: "Closed", id })
        },
        on: (event, listener) => events.on(event, listener),
        off: (event, listener) => events.off(event, listener)
      })
      const told: Array<string> = []
      const { buffer } = Mock.ringOf([])
      assert(buffer instanceof SharedArrayBuffer)
      const ring = FrameRing.fromBuffer(buffer)
      yield* Effect.scoped(Effect.gen(function*() {
        const engine = yield* client.open(Mock.info, {}, ({ _tag }) => told.push(_tag))
        engine.command({ _tag: "Attach", track: 1, ring: buffer, paused: false })
      }))
      ring.open()
      events.emit("exit", 1)
      assert.deepStrictEqual(told, [])
      assert.isTrue(ring.isTaken())
    }).pipe(Effect.scoped))

  describe("data that crosses", () => {
    const crossed: Array<Ports.Crossed> = []
    it.effect("is plain, and contains secrets only where they are needed", () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const secrets: Array<string> = []
        yield* discord.faults.add(({ frame, op, point }) => {
          if (point !== "voice-in" && point !== "voice-out") return undefined
          if (typeof frame !== "string") return undefined
          const { d } = JSON.parse(frame)
          if (op === 0) secrets.push(d.token)
          if (op === 4) secrets.push(JSON.stringify(d.secret_key))
          return undefined
        })
        yield* Rig.run(Rig.visit)

        const tags = (direction: string) =>
          new Set(
            crossed.filter((it) => it.direction === direction).map(({ message }) =>
              typeof message === "object" && message !== null && "_tag" in message ? message._tag : undefined
            )
          )
        assert.deepStrictEqual(tags("down"), new Set(["Connect", "Command", "Close"]))
        assert.deepStrictEqual(tags("up"), new Set(["Serving", "Connected", "Event", "Closed"]))
        assert.isTrue(crossed.every(({ message }) => isPlain(message)))

        const [token = "", key = ""] = secrets
        assert.isAbove(token.length, 8)
        assert.isAbove(key.length, 64)
        const texts = crossed.map(({ message }) => JSON.stringify(message))
        assert.deepStrictEqual(
          texts.filter((text) => text.includes(token)).map((text) => JSON.parse(text)._tag),
          ["Connect"]
        )
        assert.isFalse(texts.some((text) => text.includes(key)))
      }).pipe(Effect.provide(memory(() => Ports.virtual(crossed)))))

    it.effect("contains the payload of a received packet, but no bytes next to it", () =>
      Effect.gen(function*() {
        const crossed: Array<Ports.Crossed> = []
        const line = yield* Layer.build(memory(() => Ports.virtual(crossed)))
        yield* Rig.run(Rig.visit).pipe(Effect.provideContext(line))
        let packets = 0
        for (const { message } of crossed) {
          const payload = (message as { readonly event?: { readonly packet?: { readonly payload: Uint8Array } } }).event
            ?.packet?.payload
          if (payload === undefined) continue
          packets++
          assert.strictEqual(payload.buffer.byteLength, payload.byteLength)
        }
        assert.strictEqual(packets, 30)
      }))
  })

  describe("fails like the driver in this process", () => {
    const drop = (point: Emulator.FaultPoint, op: number | string): Emulator.Fault => (subject) =>
      subject.point === point && subject.op === op ? { _tag: "Drop" } : undefined
    const cases: ReadonlyArray<
      readonly [string, VoiceDriver.ConnectOptions, Partial<VoiceDriver.ConnectionInfo>, Emulator.Fault | undefined]
    > = [
      ["for a wrong token", {}, { token: Redacted.make("wrong") }, undefined],
      ["if nobody is there", {}, { endpoint: "ws://nobody.emulator" }, undefined],
      ["without a common mode", { modes: ["xsalsa20_poly1305"] }, {}, undefined],
      ["without Hello", { phaseTimeoutMs: 700 }, {}, drop("voice-out", 8)],
      ["without a Session Description", {}, {}, drop("voice-out", 4)],
      ["without IP discovery", {}, {}, drop("datagram-in", "discovery")]
    ]
    for (const [what, options, change, fault] of cases) {
      it.effect(what, () =>
        Effect.gen(function*() {
          const reason = Rig.run(Effect.gen(function*() {
            const discord = yield* Emulator.Emulator
            if (fault !== undefined) yield* discord.faults.add(fault)
            return yield* Rig.reasonOf(connect(options, change))
          }))
          const here = yield* Effect.scoped(
            Effect.flatMap(Layer.build(Rig.memory()), (context) => Effect.provideContext(reason, context))
          )
          const there = yield* Effect.scoped(
            Effect.flatMap(Layer.build(memory(Ports.virtual)), (context) => Effect.provideContext(reason, context))
          )
          assert.deepStrictEqual(there, here)
          assert.strictEqual(there.message, here.message)
        }))
    }

    it.effect("when a connection is lost", () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const connection = yield* connect()
        yield* discord.faults.closeVoice("bot", 4011, "gone")
        const reason = yield* Rig.reasonOf(connection.awaitEnd)
        assert(reason._tag === "ServerNotFound")
        assert.strictEqual(reason.detail, "gone")
        assert.strictEqual((yield* Rig.reasonOf(connection.statistics))._tag, "ServerNotFound")
        assert.strictEqual((yield* Rig.reasonOf(connection.setSpeaking(1)))._tag, "NotConnected")
      })).pipe(Effect.provide(memory(Ports.virtual))))
  })

  describe("closing", () => {
    it.effect("closes the connection at the other end when the scope closes here", () =>
      Effect.gen(function*() {
        const [, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
          const scope = yield* Scope.make()
          const info = yield* Rig.grant("lobby")
          const driver = yield* VoiceDriver.VoiceDriver
          yield* driver.connect(info).pipe(Scope.provide(scope))
          const closed = yield* Rig.timed(Scope.close(scope, Exit.void))
          const discord = yield* Emulator.Emulator
          assert.deepStrictEqual((yield* discord.snapshot).voiceSessions, [])
          return closed
        }))
        assert.isAtMost(elapsedMs, 10)
        yield* Rig.blameless
      }).pipe(Effect.provide(memory(Ports.virtual))))

    for (const afterMs of [0, 1, 3, 5, 8]) {
      it.effect(`closes a connection that is interrupted ${afterMs} ms after it was begun`, () =>
        Rig.run(Effect.gen(function*() {
          const info = yield* Rig.grant("lobby")
          const driver = yield* VoiceDriver.VoiceDriver
          const fiber = yield* Effect.andThen(driver.connect(info), Effect.never).pipe(
            Effect.scoped,
            Effect.forkChild({ startImmediately: true })
          )
          yield* Effect.sleep(afterMs)
          const [, elapsedMs] = yield* Rig.timed(Fiber.interrupt(fiber))
          assert.isAtMost(elapsedMs, 10)
          yield* Effect.sleep("10 millis")
          const discord = yield* Emulator.Emulator
          assert.deepStrictEqual((yield* discord.snapshot).voiceSessions, [])
        })).pipe(Effect.provide(memory(Ports.virtual))))
    }

    /** A way to connect through ports that the test serves itself. */
    const served = Effect.gen(function*() {
      const ports = Ports.virtual()
      const serving = yield* Effect.forkChild(VoiceDriver.serve(ports.far), { startImmediately: true })
      const driver = yield* Effect.map(
        Layer.build(VoiceDriver.layerMessagePort(ports.near)),
        (context) => VoiceDriver.VoiceDriver.pipe(Effect.provideContext(context))
      )
      const { connect } = yield* driver
      const info = yield* Rig.grant("lobby")
      return { ports, serving, connect, info }
    })

    it.effect("ends every connection when the other end stops serving, and reports that here", () =>
      Rig.run(Effect.gen(function*() {
        const { connect, info, ports, serving } = yield* served
        const connection = yield* connect(info)
        const events = yield* connection.events
        yield* Fiber.interrupt(serving)
        const discord = yield* Emulator.Emulator
        assert.deepStrictEqual((yield* discord.snapshot).voiceSessions, [])
        assert.strictEqual((yield* Rig.reasonOf(connection.awaitEnd))._tag, "ConnectionLost")
        assert.deepStrictEqual((yield* Stream.runCollect(events)).map(({ _tag }) => _tag), ["Ended"])
        const [reason, elapsedMs] = yield* Rig.timed(Rig.reasonOf(connect(info)))
        assert.strictEqual(reason._tag, "SocketOpenFailed")
        assert.strictEqual(elapsedMs, 0)

        yield* Effect.forkChild(VoiceDriver.serve(ports.far), { startImmediately: true })
        yield* Effect.sleep("1 millis")
        yield* connect(info)
      })).pipe(Effect.provide(Rig.memory())))

    it.effect("fails an attempt to connect when the other end stops serving", () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        yield* discord.faults.add(({ op, point }) => point === "voice-out" && op === 2 ? { _tag: "Drop" } : undefined)
        const { connect, info, serving } = yield* served
        const connecting = yield* Effect.forkChild(Rig.reasonOf(connect(info)), { startImmediately: true })
        yield* Effect.sleep("100 millis")
        yield* Fiber.interrupt(serving)
        assert.strictEqual((yield* Fiber.join(connecting))._tag, "SocketOpenFailed")
        assert.deepStrictEqual((yield* discord.snapshot).voiceSessions, [])
      })).pipe(Effect.provide(Rig.memory())))

    it.effect("fails an attempt whose driver dies of a defect", () =>
      Rig.run(Effect.gen(function*() {
        const { connect, info } = yield* served
        // twice, since the server has outlived the first
        for (let i = 0; i < 2; i++) assert.strictEqual((yield* Rig.reasonOf(connect(info)))._tag, "SocketOpenFailed")
      })).pipe(
        Effect.provideService(VoiceSocket.VoiceSocket, { open: () => Effect.die("broken") }),
        Effect.provide(Layer.merge(Rig.memory(), Logger.layer([])))
      ))

    it.effect("ends both sides when the port closes", () =>
      Rig.run(Effect.gen(function*() {
        const { connect, info, ports } = yield* served
        const connection = yield* connect(info)
        ports.close()
        assert.strictEqual((yield* Rig.reasonOf(connection.awaitEnd))._tag, "ConnectionLost")
        yield* Effect.sleep("100 millis")
        const discord = yield* Emulator.Emulator
        assert.deepStrictEqual((yield* discord.snapshot).voiceSessions, [])
      })).pipe(Effect.provide(Rig.memory())))
  })

  it.effect("survives messages that are not its own, at both ends", () =>
    Effect.gen(function*() {
      const ports = Ports.virtual()
      const line = memory(() => ports)
      yield* Effect.gen(function*() {
        for (
          const message of [
            undefined,
            null,
            1,
            "x",
            {},
            { _tag: "Connect" },
            { _tag: "Command", id: 1, command: {} },
            {
              _tag: "Close",
              id: 99
            },
            { _tag: "Event", id: 1 },
            { _tag: "Failed", id: 1, error: {} },
            new Uint8Array(4)
          ]
        ) {
          for (const post of [ports.near.postMessage, ports.far.postMessage]) post(message)
        }
        yield* Rig.run(Rig.visit)
      }).pipe(Effect.provide(line))
    }))

  it.effect("gives up on an end that nobody serves", () =>
    Effect.gen(function*() {
      const silent = yield* Layer.build(VoiceDriver.layerMessagePort(Ports.virtual().near))
      const { reason } = yield* Rig.run(Effect.scoped(Effect.flip(Effect.provideContext(connect(), silent))))
      assert.strictEqual(reason._tag, "SocketOpenFailed")
      assert.include(reason.message, "VoiceDriver.serve")
    }).pipe(Effect.provide(Rig.memory())))

  for (const [where, line] of [["over a port", memory(Ports.virtual)], ["in this process", Rig.memory()]] as const) {
    it.effect(`accepts and rejects options ${where}`, () =>
      Effect.gen(function*() {
        const wrong: ReadonlyArray<readonly [VoiceDriver.ConnectOptions, string]> = [
          [{ resumeAttempts: 1_000 }, "resumeAttempts"],
          [{ receiveCapacity: Infinity }, "receiveCapacity"],
          [{ phaseTimeoutMs: 0 }, "phaseTimeoutMs"]
        ]
        for (const [options, name] of wrong) {
          const { reason } = yield* Rig.run(Effect.scoped(Effect.flip(connect(options))))
          assert.strictEqual(reason._tag, "Unsupported")
          assert.include(reason.message, name)
        }
        const { established } = yield* Rig.run(connect({ phaseTimeoutMs: undefined, version: undefined }))
        assert.strictEqual(established.version, 8)
      }).pipe(Effect.provide(line)))
  }
})
