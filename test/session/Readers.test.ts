import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import { type Host, Readers } from "../../src/session/Readers.ts"
import type * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as FakeConnection from "../audio/FakeConnection.ts"

const packet: VoiceDriver.AudioPacket = {
  ssrc: Ssrc.make(9),
  sequence: 1,
  timestamp: 960,
  payload: Uint8Array.of(0xfc),
  arrivalMs: 0
}

const left = VoiceError.make(new VoiceError.NotConnected({ operation: "The test" }))

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })
const turns = Effect.repeat(Effect.yieldNow, { times: 20 })

/** Readers of a session whose connection logs how it is listened to. */
const rig = Effect.fnUntraced(function*(capacity = 16) {
  const fake = yield* FakeConnection.make
  const log: Array<string> = []
  const heard: {
    say: (packet: VoiceDriver.AudioPacket) => void
    only: () => ReadonlySet<UserId> | undefined
  } = { say: () => {}, only: () => undefined }
  const connection: VoiceDriver.VoiceConnection = {
    ...fake.connection,
    listen: (onPacket, only = () => undefined) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          log.push("listen")
          Object.assign(heard, { say: onPacket, only })
        }),
        () => Effect.sync(() => log.push("stop"))
      ),
    relisten: Effect.sync(() => log.push("relisten"))
  }
  const now: {
    connection: VoiceDriver.VoiceConnection | undefined
    isDeaf: boolean
    over: VoiceError.VoiceError | undefined
  } = { connection, isDeaf: false, over: undefined }
  const host: Host = { connection: () => now.connection, isDeaf: () => now.isDeaf, over: () => now.over }
  return { readers: new Readers(host, capacity), log, heard, now }
})

const reader = (only?: ReadonlySet<UserId>) => {
  const packets: Array<VoiceDriver.AudioPacket> = []
  const ends: Array<VoiceError.VoiceError> = []
  return {
    packets,
    ends,
    onPacket: (packet: VoiceDriver.AudioPacket) => void packets.push(packet),
    only: () => only,
    onOver: (error: VoiceError.VoiceError) => void ends.push(error)
  }
}

describe("Readers", () => {
  it.effect("listen once for all of them, from the first to the last", () =>
    Effect.gen(function*() {
      const { heard, log, readers } = yield* rig()
      const [one, other] = [reader(), reader()]
      const scope = yield* Scope.make()
      yield* Scope.provide(readers.read(one), scope)
      heard.say(packet)
      yield* Effect.scoped(Effect.andThen(readers.read(other), Effect.sync(() => heard.say(packet))))
      heard.say(packet)
      assert.lengthOf(one.packets, 3)
      assert.lengthOf(other.packets, 1)
      assert.deepStrictEqual(log, ["listen", "relisten", "relisten"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log.slice(3), ["stop"])
    }))

  it.effect("hear everyone that one of them wants to hear, and everybody if one wants everybody", () =>
    Effect.gen(function*() {
      const { heard, readers } = yield* rig()
      const [a, b] = [UserId.make("31"), UserId.make("32")]
      yield* readers.read(reader(new Set([a])))
      yield* readers.read(reader(new Set([b])))
      assert.deepStrictEqual(heard.only(), new Set([a, b]))
      yield* readers.read(reader())
      assert.isUndefined(heard.only())
    }))

  it.effect("listen to nothing without a connection or while the bot is deaf", () =>
    Effect.gen(function*() {
      const { log, now, readers } = yield* rig()
      const { connection } = now
      now.connection = undefined
      yield* readers.read(reader())
      yield* readers.reread
      assert.deepStrictEqual(log, [])
      now.connection = connection
      now.isDeaf = true
      yield* readers.listen()
      assert.deepStrictEqual(log, [])
      now.isDeaf = false
      yield* readers.listen()
      now.isDeaf = true
      yield* readers.listen()
      assert.deepStrictEqual(log, ["listen", "stop"])
    }))

  it.effect("begin with the next connection before they leave the former one", () =>
    Effect.gen(function*() {
      const { log, readers } = yield* rig()
      yield* readers.read(reader())
      yield* readers.listen()
      yield* turns
      assert.deepStrictEqual(log, ["listen", "listen", "stop"])
    }))

  it.effect("are told the end, even if it came before them", () =>
    Effect.gen(function*() {
      const { now, readers } = yield* rig()
      const [early, late] = [reader(), reader()]
      yield* readers.read(early)
      now.over = left
      readers.end(left)
      yield* readers.read(late)
      assert.deepStrictEqual([early.ends, late.ends], [[left], [left]])
      assert.strictEqual(yield* Effect.flip(Stream.runCollect(readers.packets)), left)
    }))

  it.effect("hold a bounded number of packets each", () =>
    Effect.gen(function*() {
      const { heard, readers } = yield* rig(4)
      const reading = yield* start(
        readers.packets.pipe(
          Stream.mapEffect((read) => Effect.as(turns, read.sequence)),
          Stream.take(4),
          Stream.runCollect
        )
      )
      yield* Effect.yieldNow
      for (let sequence = 0; sequence < 100; sequence++) heard.say({ ...packet, sequence })
      const sequences = yield* Fiber.join(reading)
      assert.isAbove(readers.packetsDropped(), 80)
      assert.isAtLeast(sequences.at(-1) ?? 0, 97)
    }))
})
