import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Profile from "../../src/emulator/core/Profile.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type { EncryptionMode } from "../../src/protocol/EncryptionMode.ts"
import { sequenceDelta, timestampDelta } from "../../src/protocol/RtpPacket.ts"
import type * as VoiceDriver from "../../src/VoiceDriver.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"

const closing = Array.from({ length: 5 }, () => Rig.silence)

/**
 * Announces the speaker before anything is said: UDP may overtake the WebSocket, and then the sender of the first
 * packet is unknown.
 */
const announced = Effect.fnUntraced(function*(guest: Emulator.Participant) {
  yield* guest.setSpeaking(1)
  yield* Effect.sleep("10 millis")
  return guest
})

/** Keeps what a session receives while the scope is open. */
const listen = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession) {
  const packets: Array<VoiceDriver.AudioPacket> = []
  yield* session.packets.pipe(
    Stream.runForEach((packet) => Effect.sync(() => packets.push(packet))),
    Effect.forkScoped({ startImmediately: true })
  )
  return packets
})

const inOrder = (packets: ReadonlyArray<VoiceDriver.AudioPacket>) =>
  packets.forEach((packet, i) => {
    const before = packets[i - 1]
    if (before === undefined) return
    assert.strictEqual(sequenceDelta(packet.sequence, before.sequence), 1)
    assert.strictEqual(timestampDelta(packet.timestamp, before.timestamp), 960)
    assert.strictEqual(packet.arrivalMs - before.arrivalMs, 20)
  })

const hearing = (profile: Profile.Profile, mode: EncryptionMode, version: 4 | 8) =>
  it.effect(`hears ${mode}, header extension ${profile.headerExtension}, padding up to ${profile.maxPadding}`, () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby", { modes: [mode], version })
      const packets = yield* listen(session)
      const spoken = Rig.frames(60)
      yield* announced(guest)
      yield* guest.speak(spoken)
      yield* Effect.sleep("100 millis")
      assert.deepStrictEqual(packets.map(({ payload }) => payload), [...Rig.payloads(spoken), ...closing])
      const ssrc = yield* guest.ssrc
      assert.isTrue(packets.every((packet) => packet.userId === guest.userId && packet.ssrc === ssrc))
      inOrder(packets)
      const { badPadding, empty, failedToOpen, malformed, packetsOpened, packetsReceived, unheard } = yield* session
        .statistics
      assert.deepStrictEqual([badPadding, empty, failedToOpen, malformed, unheard], [0, 0, 0, 0, 0])
      assert.deepStrictEqual([packetsReceived, packetsOpened], [65, 65])
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory({ profile }))))

describe("receiving", () => {
  for (const headerExtension of [true, false]) {
    for (const maxPadding of [0, 255]) {
      const audio = { headerExtension, maxPadding, paddingRate: 1 }
      for (const mode of Profile.today.modes) hearing({ ...Profile.today, ...audio }, mode, 8)
      for (const mode of Profile.year2022.modes) hearing({ ...Profile.year2022, ...audio }, mode, 4)
    }
  }

  it.effect("continues through the wraparound of the sequence number", () =>
    Rig.run(
      Effect.gen(function*() {
        // 65,536 frames would take long end-to-end encrypted
        const guest = yield* Rig.guest("lobby", "guest", { e2ee: false })
        const session = yield* Rig.join("lobby")
        const packets = yield* listen(session)
        // a sequence starts anywhere: this many packets pass its end in any case
        const spoken = Array.from({ length: 0x1_0000 }, (_, i) => ({
          data: Uint8Array.of(0xfc, i >>> 8, i & 0xff),
          samples: 960
        }))
        yield* guest.speak(spoken, { trailingSilence: false })
        yield* Effect.sleep("100 millis")
        assert.strictEqual(packets.length, spoken.length)
        assert.isTrue(packets.every(({ payload }, i) => payload[1] === i >>> 8 && payload[2] === (i & 0xff)))
        assert.isTrue(
          packets.some(({ sequence }, i) => sequence === 0 && (packets[i - 1]?.sequence ?? 0xffff) === 0xffff)
        )
        inOrder(packets)
      }),
      0x1_0000 * 20 + 10_000
    ).pipe(Effect.provide(Rig.memory({ profile: Rig.open }))), 300_000)

  it.effect("delivers packets of an unknown sender, and names the sender once it is announced", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* Effect.scoped(Effect.gen(function*() {
        yield* discord.faults.add(({ op, point }) => point === "voice-out" && op === 5 ? { _tag: "Drop" } : undefined)
        // an encrypted frame could not be decrypted
        const guest = yield* Rig.guest("lobby", "quiet", { e2ee: false })
        const session = yield* Rig.join("lobby")
        const packets = yield* listen(session)
        yield* guest.speak(Rig.frames(10))
        yield* Effect.sleep("100 millis")
        assert.deepStrictEqual(packets.map(({ payload }) => payload), [...Rig.payloads(Rig.frames(10)), ...closing])
        assert.isTrue(packets.every((packet) => !Object.hasOwn(packet, "userId")))
      }))
      yield* Effect.sleep("100 millis")

      let withheld = true
      yield* discord.faults.add(({ op, point }) =>
        point === "voice-out" && op === 5 && withheld ? { _tag: "Delay", ms: 100 } : undefined
      )
      const guest = yield* Rig.guest("lobby", "late", { e2ee: false })
      const session = yield* Rig.join("lobby")
      const packets = yield* listen(session)
      yield* guest.speak(Rig.frames(20))
      yield* Effect.sleep("100 millis")
      withheld = false
      assert.isUndefined(packets[0]?.userId)
      assert.strictEqual(packets.at(-1)?.userId, guest.userId)
      assert.strictEqual(packets.length, 25)
    })).pipe(Effect.provide(Rig.memory({ profile: Rig.open }))))

  it.effect("tells several speakers apart, also one who came back with another SSRC", () =>
    Rig.run(Effect.gen(function*() {
      const guests = yield* Effect.forEach(["a", "b", "c"], (user) => Rig.guest("lobby", user))
      const session = yield* Rig.join("lobby")
      const packets = yield* listen(session)
      yield* Effect.forEach(guests, announced)
      yield* Effect.forEach(guests, (guest, i) => guest.speak(Rig.frames(10, i + 1)), { concurrency: 3 })
      yield* Effect.sleep("100 millis")
      guests.forEach((guest, i) => {
        const heard = packets.filter(({ userId }) => userId === guest.userId)
        assert.deepStrictEqual(heard.map(({ payload }) => payload), [
          ...Rig.payloads(Rig.frames(10, i + 1)),
          ...closing
        ])
      })
      assert.strictEqual(packets.length, 45)

      const [first] = guests
      assert.isDefined(first)
      const former = yield* first.ssrc
      yield* first.leave
      const again = yield* Rig.guest("lobby", "a")
      yield* announced(again)
      yield* again.speak(Rig.frames(10, 9))
      yield* Effect.sleep("100 millis")
      const heard = packets.slice(45)
      assert.strictEqual(heard.length, 15)
      assert.notStrictEqual(heard[0]?.ssrc, former)
      assert.isTrue(heard.every(({ userId }) => userId === again.userId))
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("does not decrypt what nobody listens to, and counts it", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      yield* guest.speak(Rig.frames(20))
      yield* Effect.sleep("100 millis")
      const before = yield* session.statistics
      assert.deepStrictEqual([before.packetsReceived, before.unheard, before.packetsOpened], [25, 25, 0])

      const some = yield* session.packets.pipe(
        Stream.take(10),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* guest.speak(Rig.frames(20))
      assert.strictEqual((yield* Fiber.join(some)).length, 10)
      yield* Effect.sleep("100 millis")
      const after = yield* session.statistics
      assert.strictEqual(after.packetsReceived, 50)
      assert.isAtLeast(after.unheard, 39)
      assert.strictEqual(after.unheard + after.packetsOpened, 50)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("delivers everything to each of two listeners", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      const one = yield* listen(session)
      const other = yield* listen(session)
      yield* guest.speak(Rig.frames(20))
      yield* Effect.sleep("100 millis")
      assert.strictEqual(one.length, 25)
      assert.deepStrictEqual(one, other)
      assert.strictEqual((yield* session.statistics).packetsOpened, 25)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("delivers nothing while the bot is deaf", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby", { selfDeaf: true })
      const packets = yield* listen(session)
      yield* guest.speak(Rig.frames(10, 1))
      yield* session.setSelf({ deaf: false })
      yield* Effect.sleep("100 millis")
      assert.deepStrictEqual(packets, [])
      yield* guest.speak(Rig.frames(10, 2))
      yield* Effect.sleep("100 millis")
      assert.deepStrictEqual(packets.map(({ payload }) => payload), [...Rig.payloads(Rig.frames(10, 2)), ...closing])
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("ends the stream of packets with the reason for which the connection ended", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const session = yield* Rig.join("lobby")
      const listening = yield* Effect.forkChild(Rig.reasonOf(Stream.runDrain(session.packets)), {
        startImmediately: true
      })
      yield* Effect.sleep("1 second")
      yield* discord.faults.kick("bot")
      assert.strictEqual((yield* Fiber.join(listening))._tag, "Kicked")
      assert.strictEqual((yield* Rig.reasonOf(Stream.runDrain(session.packets)))._tag, "Kicked")
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("survives loss, duplicates and reordering: what arrives is intact", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      const packets = yield* listen(session)
      const spoken = Rig.frames(200)
      yield* guest.speak(spoken)
      yield* Effect.sleep("1 second")
      const known = new Set(Rig.payloads(spoken).map((payload) => payload.join()))
      const heard = packets.map(({ payload }) => payload).filter((payload) => payload.length > 3)
      assert.isTrue(heard.every((payload) => known.has(payload.join())))
      assert.isAbove(new Set(heard.map((payload) => payload.join())).size, 140)
      assert.strictEqual((yield* session.statistics).failedToOpen, 0)
    })).pipe(Effect.provide(Rig.memory({
      network: { latencyMs: 20, jitterMs: 15, loss: 0.1, duplicate: 0.1, reorder: 0.1 }
    }))))
})
