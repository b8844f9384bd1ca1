import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Rtcp from "../../src/driver/media/Rtcp.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"

const seconds = 30
const spoken = seconds * 50

/** Reports are sent at random times: at one moment in twenty, an estimate of jitter is far from the mean. */
const seeded = Random.withSeed("reports")

/** Listens without keeping anything. */
const listen = (session: VoiceSession.VoiceSession) =>
  Effect.forkScoped(Stream.runDrain(session.packets), { startImmediately: true })

describe("statistics of a call", () => {
  it.effect("contain all round trips", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* Rig.join("lobby")
      yield* Rig.guest()
      const track = yield* session.play(Rig.source(500))
      yield* track.awaitEnd
      // the first heartbeat of the main gateway comes within its interval
      yield* Effect.sleep("45 seconds")
      const { gatewayRoundTripMs, mediaRoundTripMs, pingRoundTripMs, roundTripMs, rtcpReceived, rtcpSent } =
        yield* session
          .statistics
      for (const ms of [gatewayRoundTripMs, mediaRoundTripMs, pingRoundTripMs, roundTripMs]) {
        assert.approximately(ms ?? 0, 74, 0.1)
      }
      assert.isAtLeast(rtcpSent, 1)
      assert.strictEqual(rtcpReceived, rtcpSent)
      yield* Rig.blameless
    })).pipe(seeded, Effect.provide(Rig.memory({ network: { latencyMs: 37 } }))))

  it.effect("count no stall if a source is late, mixed or not", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* Rig.join("lobby")
      yield* Rig.guest()
      // as speech is made: every tenth piece of 20 ms is 40 ms late
      const late = (i: number) => Effect.sleep(i % 10 === 9 ? "60 millis" : "20 millis")
      const pieces = Stream.mapEffect(Stream.range(0, 49), (i) => Effect.as(late(i), new Int16Array(960).fill(1_000)))
      const frames = Stream.mapEffect(
        Stream.fromIterable(Rig.frames(50)).pipe(Stream.zipWithIndex),
        ([frame, i]) => Effect.as(late(i), frame)
      )
      for (let turn = 0; turn < 12; turn++) {
        const speech = turn % 2 === 0
          ? AudioSource.fromPcm(pieces, { rate: 48_000, channels: 1 })
          : AudioSource.fromFrames(frames)
        const track = yield* session.play(speech, { lead: 0 })
        yield* track.awaitEnd
        yield* Effect.sleep("1 second")
      }
      const { reanchored, silencePacketsSent } = yield* session.statistics
      assert.strictEqual(reanchored, 0)
      // the stream was also closed in between for what is not mixed
      assert.isAbove(silencePacketsSent, 12 * 5)
    })).pipe(Effect.provide([Rig.memory(), OpusEncoder.layer])))

  it.effect("contain the loss and jitter of what we send, as the server counts them", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const session = yield* Rig.join("lobby")
      const guest = yield* Rig.guest()
      yield* discord.faults.datagrams("bot", { direction: "in", loss: 0.1, delayMs: 5, jitterMs: 15 })
      const track = yield* session.play(Rig.source(spoken))
      const shares: Array<number> = []
      for (let i = 0; i < seconds; i++) {
        yield* Effect.sleep("1 second")
        const { sentLossShare } = yield* session.statistics
        if (sentLossShare !== undefined && sentLossShare !== shares.at(-1)) shares.push(sentLossShare)
      }
      yield* track.awaitEnd
      const { packetsSent, sentJitterMs, sentLost } = yield* session.statistics
      const heard = yield* guest.heard
      const missing = packetsSent - heard.length
      // the last report is up to 7.5 s old, and any sender report may be lost as well
      assert.isAtLeast(sentLost ?? 0, missing * 0.6)
      assert.isAtMost(sentLost ?? 0, missing)
      assert.isAtLeast(shares.length, 3)
      assert.approximately(shares.reduce((sum, share) => sum + share, 0) / shares.length, 0.1, 0.04)
      // two uniform delays of up to 15 ms differ by 5 ms on average
      assert.approximately(sentJitterMs ?? 0, 5, 1.5)
      yield* Rig.blameless
    })).pipe(seeded, Effect.provide(Rig.memory())))

  it.effect("contain the loss and jitter of what we hear, by source", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const other = yield* Rig.guest("lobby", "other")
      const session = yield* Rig.join("lobby")
      yield* listen(session)
      yield* discord.faults.datagrams("bot", { direction: "out", loss: 0.2, delayMs: 1, jitterMs: 12 })
      yield* Effect.forkScoped(guest.speak(Rig.frames(spoken)))
      yield* other.speak(Rig.frames(50))
      yield* Effect.sleep("35 seconds")
      const statistics = yield* session.statistics
      const [of, ofOther] = [guest, other].map(({ userId }) =>
        statistics.sources.find((source) => source.userId === userId) ?? assert.fail("no such source")
      )
      const sent = spoken + 5
      // losses before the first packet that arrives and after the last one cannot be noticed
      assert.isAtMost((of?.packets ?? 0) + (of?.lost ?? 0), sent)
      assert.isAtLeast((of?.packets ?? 0) + (of?.lost ?? 0), sent - 10)
      assert.approximately((ofOther?.packets ?? 0) + (ofOther?.lost ?? 0), 50, 5)
      assert.approximately((of?.lost ?? 0) / sent, 0.2, 0.04)
      assert.approximately(of?.lossShare ?? 0, 0.2, 0.15)
      assert.approximately(of?.jitterMs ?? 0, 4, 1.5)
      assert.strictEqual(statistics.packetsLost, (of?.lost ?? 0) + (ofOther?.lost ?? 0))
      assert.strictEqual(statistics.packetsOpened, statistics.packetsReceived)
      yield* Rig.blameless
    })).pipe(seeded, Effect.provide(Rig.memory())))

  it.effect("count duplicates and late packets, and report no loss for them", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* listen(session)
      yield* discord.faults.datagrams("bot", { direction: "out", duplicate: 0.1, reorder: 0.1 })
      yield* guest.speak(Rig.frames(1_000))
      yield* Effect.sleep("2 seconds")
      const { packetsLost, packetsReceived, packetsReordered } = yield* session.statistics
      assert.strictEqual(packetsLost, 0)
      assert.isAtLeast(packetsReordered, packetsReceived - 1_005 + 50)
    })).pipe(seeded, Effect.provide(Rig.memory())))

  it.effect("contain the sender reports of others, which match what they sent", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* listen(session)
      yield* discord.createUser({ name: "second", bot: true })
      const frames = Rig.frames(1_000)
      yield* Effect.gen(function*() {
        const second = yield* Rig.join("lobby")
        const track = yield* second.play(AudioSource.fromFrames(frames))
        yield* track.awaitEnd
        const [source] = (yield* session.statistics).sources
        const heard = yield* guest.heard
        const reports = yield* guest.senderReports
        assert.isAtLeast(reports.length, 2)
        for (const report of reports) {
          assert.strictEqual(report.userId, second.userId)
          // its timestamp is that of what was sent at the time that it names
          const unixMs = Rtcp.unixMsOf(report.ntpTimestamp)
          const near = heard.find(({ arrivalMs }) => arrivalMs >= report.arrivalMs) ?? heard.at(-1)
          assert.isDefined(near)
          const offMs = ((near.timestamp - report.rtpTimestamp) | 0) / 48 - (near.arrivalMs - report.arrivalMs)
          assert.approximately(offMs, 0, 1.5)
          assert.isAtMost(Math.abs(unixMs - report.arrivalMs), 10_000_000_000_000)
          const before = heard.filter(({ arrivalMs }) => arrivalMs < report.arrivalMs).length
          assert.approximately(report.packetCount, before, 1)
        }
        const last = reports.at(-1)
        assert.deepStrictEqual(source?.senderReport, {
          unixMs: Rtcp.unixMsOf(last?.ntpTimestamp ?? 0n),
          timestamp: last?.rtpTimestamp ?? 0
        })
      }).pipe(Effect.scoped, Effect.provide(discord.layerVoice("second")))
      yield* Rig.blameless
    })).pipe(seeded, Effect.provide(Rig.memory())))

  it.effect("are reported to the server with reports: all", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby", { reports: "all" })
      yield* listen(session)
      yield* guest.speak(Rig.frames(1_500))
      const received = (yield* session.statistics).rtcpSent
      assert.isAtLeast(received, 3)
      yield* Effect.sleep("20 seconds")
      assert.isAtMost((yield* session.statistics).rtcpSent, received + 1)
      assert.isAtLeast((yield* discord.counters).get("rtcp:ReceiverReport") ?? 0, received)
      yield* Rig.blameless
    })).pipe(seeded, Effect.provide(Rig.memory())))

  it.effect("send and receive no reports with reports: none", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* Rig.join("lobby", { reports: "none" })
      yield* Rig.guest()
      const track = yield* session.play(Rig.source(500))
      yield* track.awaitEnd
      const { mediaRoundTripMs, rtcpReceived, rtcpSent } = yield* session.statistics
      assert.deepStrictEqual([mediaRoundTripMs, rtcpReceived, rtcpSent], [undefined, 0, 0])
    })).pipe(seeded, Effect.provide(Rig.memory())))
})
