import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Queue, Redacted } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "../integration/rig.ts"
import * as Foreign from "./ForeignClient.ts"
import { enter, foreignVisit } from "./scenario.ts"

const wire = Foreign.realWire()

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

/** A foreign client sends numbered keepalives, which a server of 2022 echoes. Returns how often each came back. */
const echoes = (network: Emulator.NetworkOptions, seed: number) =>
  Effect.gen(function*() {
    const { voice } = yield* enter(wire)
    const counts = Array.from({ length: 40 }, () => 0)
    for (const index of counts.keys()) voice.udp.send(Buffer.from([0x13, 0x37, 0xca, 0xfe, 0, 0, 0, index]))
    // Nothing overtakes the last one.
    for (let last = -1; last < counts.length - 1;) {
      const bytes = Buffer.from(yield* Queue.take(voice.udp.incoming))
      if (bytes.length !== 8) continue
      last = bytes.readUInt32BE(4)
      counts[last] = (counts[last] ?? 0) + 1
    }
    // Further copies of the last one are not waited for, so its count is left out.
    return counts.slice(0, -1)
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Emulator.layer({ network, seed, profile: { ...Foreign.profile, echoKeepalive: true } }),
      { local: true }
    )
  )

describe("The simulated network on loopback", () => {
  it.live("delays a foreign client's messages and datagrams and keeps their order", () =>
    Effect.gen(function*() {
      const { discord, voice } = yield* foreignVisit(wire)
      const sentMs = yield* nowMs
      voice.socket.send(JSON.stringify({ op: 3, d: { t: 1, seq_ack: -1 } }))
      yield* Foreign.expectOp(voice.socket, 6)
      assert.isAtLeast((yield* nowMs) - sentMs, 60 - 1)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(
      Effect.scoped,
      Effect.provide(Emulator.layer({ profile: Foreign.profile, network: { latencyMs: 30, jitterMs: 10 } }))
    ))

  it.live("loses datagrams of a session, which is not blamed for that", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const guildId = yield* discord.guild("guild")
      const session = yield* VoiceSession.join({ guildId, channelId: yield* discord.channel("lobby") })
      const track = yield* session.play(AudioSource.fromFrames(Foreign.opus(100)))
      yield* track.awaitEnd
      const heard = yield* guest.awaitFrames(70)
      const [first, last] = [heard[0]?.sequence ?? 0, heard.at(-1)?.sequence ?? 0]
      assert.isBelow(heard.length, last - first + 1)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback({ network: { latencyMs: 10, jitterMs: 10, loss: 0.15 } }))))

  it.live("delivers refusals and close codes unchanged, only later", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const voice = discord.urls.voice[0]?.endpoint ?? ""
      const refused = yield* Effect.flip(wire.webSocket(voice))
      assert.include(refused.message, "400")
      const { token } = yield* discord.user("bot")
      const { socket } = yield* Foreign.login(wire, discord.urls.gateway, Redacted.value(token))
      yield* discord.faults.closeGateway("bot", 4000)
      assert.strictEqual((yield* Foreign.expectClose(socket)).closed, 4000)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer({ network: { latencyMs: 20 } }))))

  it.live("decides by the seed which of a client's datagrams are duplicated", () =>
    Effect.gen(function*() {
      const doubled = { duplicate: 0.5 }
      const first = yield* echoes(doubled, 1)
      assert.include(first, 1)
      assert.include(first, 4)
      assert.deepStrictEqual(yield* echoes(doubled, 1), first)
      assert.notDeepEqual(yield* echoes(doubled, 2), first)
    }))
})
