import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import * as Profile from "../../src/emulator/core/Profile.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type { EncryptionMode } from "../../src/protocol/EncryptionMode.ts"
import type * as Receive from "../../src/receive/Receive.ts"
import { MockOpusDecoder } from "../../src/testing/index.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"
import { codecs, encoded, tone } from "./tones.ts"

const closing = Array.from({ length: 5 }, () => Rig.silence)

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)

const ofKind = (frames: ReadonlyArray<Receive.ReceivedFrame>, kind: Receive.ReceivedFrame["kind"]) =>
  frames.filter((frame) => frame.kind === kind)

const dataOf = (frames: ReadonlyArray<Receive.ReceivedFrame>) =>
  frames.filter(({ data }) => data.length > 0).map(({ data }) => data)

const continuous = (frames: ReadonlyArray<Receive.ReceivedFrame>) =>
  frames.forEach((frame, i) => {
    const before = frames[i - 1]
    if (before === undefined) return
    assert.strictEqual(frame.timestamp, before.timestamp + before.samples)
    assert.strictEqual(frame.sequence, before.sequence + before.packets)
    assert.isAtLeast(frame.atMs, before.atMs)
  })

/** Everything that arrived is accounted for. */
const balanced = (session: VoiceSession.VoiceSession) => {
  const { delivered, duplicates, late, malformed, overflowed, received, strays, waiting } = session.receive.statistics()
  assert.strictEqual(delivered + duplicates + late + malformed + overflowed + strays + waiting, received)
}

/** The end-to-end encryption engine accepts nothing that was sent before the first frame that it has decrypted. */
const warmUp = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession, guest: Emulator.Participant) {
  yield* Rig.keep(session.receive.user(guest.userId))
  yield* guest.speak(Rig.frames(5, 9))
  yield* Effect.sleep("500 millis")
}, Effect.scoped)

/** Every length of padding, and both wraparounds, in 300 packets. */
const audio: Emulator.AudioOptions = {
  sequence: 65_400,
  timestamp: 0x1_0000_0000 - 150 * 960,
  padding: Array.from({ length: 256 }, (_, i) => i)
}

const hearing = (profile: Profile.Profile, mode: EncryptionMode, version: 4 | 8) =>
  it.effect(`receives ${mode} with header extension ${profile.headerExtension}, every padding, both wraparounds`, () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest("lobby", "guest", { audio })
      const session = yield* Rig.join("lobby", { modes: [mode], version })
      yield* Rig.encrypted(session)
      const frames = yield* Rig.keep(session.receive.user(guest.userId))
      const spoken = Rig.frames(295)
      yield* Effect.sleep("1 second")
      const from = yield* nowMs
      yield* guest.speak(spoken)
      yield* Effect.sleep("500 millis")
      assert.deepStrictEqual(dataOf(frames), [...Rig.payloads(spoken), ...closing])
      continuous(frames)
      frames.forEach((frame, i) => assert.closeTo(frame.atMs, from + Rig.latencyMs + i * 20, 1))
      assert.deepInclude(session.receive.statistics(), { received: 300, delivered: 300, lost: 0, resyncs: 0 })
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory({ profile }))))

describe("listening", () => {
  for (const headerExtension of [true, false]) {
    for (const mode of Profile.today.modes) hearing({ ...Profile.today, headerExtension }, mode, 8)
    for (const mode of Profile.year2022.modes) hearing({ ...Profile.year2022, headerExtension }, mode, 4)
  }

  it.effect("keeps ticks in step with a sender whose clock is off, at any frame length", () =>
    Rig.run(
      Effect.gen(function*() {
        const fast = yield* Rig.guest("lobby", "fast", { audio: { clockPpm: 1_000 }, e2ee: false })
        const long = yield* Rig.guest("lobby", "long", { audio: { clockPpm: -1_000 }, e2ee: false })
        const session = yield* Rig.join("lobby")
        const ticks = yield* Rig.keep(session.receive.ticks)
        yield* Effect.sleep("1 second")
        const of = (count: number, first: number, samples: number) =>
          Array.from({ length: count }, (_, i) => ({ data: Uint8Array.of(first, i >>> 8, i & 0xff), samples }))
        const [short, slow] = [of(1_500, 0xfc, 960), of(500, 0x18, 2_880)]
        yield* Effect.all([fast.speak(short), long.speak(slow)], { concurrency: 2 })
        yield* Effect.sleep("1 second")
        for (const [guest, spoken, samples] of [[fast, short, 960], [long, slow, 2_880]] as const) {
          const parts = ticks.map(({ participants }) => participants.get(guest.userId))
          const heard = parts.flatMap((part) => part?.frames ?? []).filter(({ kind }) => kind === "audio")
          assert.deepStrictEqual(heard.map(({ data }) => data), spoken.map(({ data }) => data))
          ticks.forEach(({ atMs, participants }) => {
            for (const frame of participants.get(guest.userId)?.frames ?? []) {
              if (Math.abs(frame.atMs - atMs) > 21) assert.fail(`${frame.atMs - atMs} ms off, ${samples}`)
            }
          })
          // 30 ms in 30 s: one tick too few or too many, now and then
          assert.isAtMost(parts.filter((part) => part?.kind === "missing").length, 3)
        }
      })
    ).pipe(Effect.provide(Rig.memory({ profile: Rig.open }))))

  for (const [loss, duplicate, reorder, jitterMs] of [[0, 0, 0, 200], [0.05, 0.1, 0, 30], [0.3, 0.1, 0.2, 100]]) {
    it.effect(`copes with loss ${loss}, duplicates ${duplicate}, reordering ${reorder}, jitter ${jitterMs} ms`, () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        yield* Rig.encrypted(session)
        yield* warmUp(session, guest)
        const frames = yield* Rig.keep(session.receive.user(guest.userId))
        yield* discord.faults.datagrams("bot", { direction: "out", loss, duplicate, reorder, jitterMs })
        const spoken = Rig.frames(400)
        const from = yield* nowMs
        yield* guest.speak(spoken)
        yield* Effect.sleep("1 second")
        continuous(frames)
        balanced(session)
        const heard = ofKind(frames, "audio")
        const known = new Map(Rig.payloads(spoken).map((payload, i) => [payload.join(), i]))
        heard.forEach((frame, i) => {
          const at = known.get(frame.data.join()) ?? assert.fail("nobody has said this")
          const [first] = heard
          // once, in order, and in its place
          const before = heard[i - 1]
          if (before !== undefined) assert.isAbove(at, known.get(before.data.join()) ?? -1)
          const firstAt = known.get(first?.data.join() ?? "") ?? 0
          assert.strictEqual(frame.timestamp - (first?.timestamp ?? 0), (at - firstAt) * 960)
          // the first second is for learning the network
          if (at > 50) assert.closeTo(frame.atMs, from + Rig.latencyMs + at * 20, 20)
        })
        const { delivered, lost } = session.receive.statistics()
        assert.isAtLeast(delivered + lost, 390)
        const { late } = session.receive.statistics()
        // until the network is known
        if (loss === 0) assert.isAtMost(late, 10)
        if (loss === 0) assert.strictEqual(heard.length, spoken.length - late)
        else assert.isAbove(heard.length, 400 * (1 - (loss ?? 0) - 0.1))
      })).pipe(Effect.provide(Rig.memory())))
  }

  it.effect("loses nothing to 200 ms of jitter if the buffer is deep enough", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby", { receive: { startDepth: 220, maxDepth: 220 } })
      yield* Rig.encrypted(session)
      yield* warmUp(session, guest)
      const frames = yield* Rig.keep(session.receive.user(guest.userId))
      yield* discord.faults.datagrams("bot", { direction: "out", jitterMs: 200 })
      const spoken = Rig.frames(400)
      yield* guest.speak(spoken)
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(dataOf(frames), [...Rig.payloads(spoken), ...closing])
      continuous(frames)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("loses corrupted packets and nothing else", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      const frames = yield* Rig.keep(session.receive.user(guest.userId))
      yield* discord.faults.datagrams("bot", { direction: "out", corrupt: 0.1 })
      yield* guest.speak(Rig.frames(500))
      yield* Effect.sleep("1 second")
      continuous(frames)
      balanced(session)
      const { failedToOpen, malformed, otherMedia, packetsReceived, unknownDatagrams } = yield* session.statistics
      const bad = failedToOpen + malformed + otherMedia
      assert.strictEqual(packetsReceived + unknownDatagrams, 505)
      assert.isAbove(bad, 20)
      const { delivered, lost, received } = session.receive.statistics()
      assert.strictEqual(received, packetsReceived - bad)
      assert.strictEqual(delivered, received)
      // nothing reveals bad packets at the very end
      assert.isAtLeast(delivered + lost, 500)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("keeps the stream of a user who leaves and comes back with another SSRC", () =>
    Rig.run(Effect.gen(function*() {
      const first = yield* Rig.guest("lobby", "a")
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      const frames = yield* Rig.keep(session.receive.user(first.userId))
      const all = yield* Rig.keep(session.receive.frames)
      yield* first.speak(Rig.frames(20, 1))
      const former = yield* first.ssrc
      yield* Effect.sleep("300 millis")
      yield* first.leave
      yield* Effect.sleep("2 seconds")
      assert.notInclude(yield* session.receive.participants, first.userId)
      const again = yield* Rig.guest("lobby", "a")
      yield* Rig.encrypted(session, again.userId)
      const from = yield* nowMs
      yield* again.speak(Rig.frames(20, 2))
      yield* Effect.sleep("500 millis")
      assert.notStrictEqual(yield* again.ssrc, former)
      assert.deepStrictEqual(
        dataOf(frames),
        [...Rig.payloads(Rig.frames(20, 1)), ...closing, ...Rig.payloads(Rig.frames(20, 2)), ...closing]
      )
      continuous(frames)
      assert.deepStrictEqual(all, frames)
      assert.closeTo(frames.at(-25)?.atMs ?? 0, from + Rig.latencyMs, 5)
      assert.deepInclude(session.receive.statistics(first.userId), { lost: 0, resyncs: 1, delivered: 50 })
    })).pipe(Effect.provide(Rig.memory())))

  for (
    const [name, happen] of [
      ["reconnect", (discord: Emulator.Emulator["Service"]) => discord.faults.moveServer("lobby")],
      ["resume", (discord: Emulator.Emulator["Service"]) => discord.faults.terminateVoice("bot")]
    ] as const
  ) {
    it.effect(`keeps the stream of a user through a ${name}`, () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        yield* Rig.encrypted(session)
        const frames = yield* Rig.keep(session.receive.user(guest.userId))
        yield* guest.speak(Rig.frames(20, 1))
        yield* Effect.sleep("300 millis")
        yield* happen(discord)
        yield* Effect.sleep("5 seconds")
        yield* Rig.encrypted(session, guest.userId)
        yield* guest.speak(Rig.frames(20, 2))
        yield* Effect.sleep("500 millis")
        assert.deepStrictEqual(
          dataOf(frames),
          [...Rig.payloads(Rig.frames(20, 1)), ...closing, ...Rig.payloads(Rig.frames(20, 2)), ...closing]
        )
        continuous(frames)
      })).pipe(Effect.provide(Rig.memory())))
  }

  it.effect("keeps the stream of a user when the bot moves", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      const frames = yield* Rig.keep(session.receive.user(guest.userId))
      yield* Rig.encrypted(session)
      yield* guest.speak(Rig.frames(20, 1))
      yield* Effect.sleep("300 millis")
      yield* discord.createChannel({ name: "other" })
      const other = yield* discord.channel("other")
      yield* guest.leave
      yield* session.move(other)
      const again = yield* Rig.guest("other")
      yield* Rig.encrypted(session, again.userId)
      yield* again.speak(Rig.frames(20, 2))
      yield* Effect.sleep("500 millis")
      assert.deepStrictEqual(
        dataOf(frames),
        [...Rig.payloads(Rig.frames(20, 1)), ...closing, ...Rig.payloads(Rig.frames(20, 2)), ...closing]
      )
      continuous(frames)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("waits a while for the user of an unknown SSRC, encrypted or not", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      let delayMs = 200
      yield* discord.faults.add(({ op, point }) =>
        point === "voice-out" && op === 5 ? { _tag: "Delay", ms: delayMs } : undefined
      )
      for (const e2ee of [false, true]) {
        yield* Effect.scoped(Effect.gen(function*() {
          const guest = yield* Rig.guest("lobby", "guest", { e2ee })
          const session = yield* Rig.join("lobby")
          if (e2ee) yield* Rig.encrypted(session, guest.userId)
          const frames = yield* Rig.keep(session.receive.user(guest.userId))
          yield* guest.speak(Rig.frames(20))
          yield* Effect.sleep("1 second")
          assert.deepStrictEqual(dataOf(frames), [...Rig.payloads(Rig.frames(20)), ...closing])
          continuous(frames)
          yield* guest.leave
        }))
        yield* Effect.sleep("100 millis")
      }
      delayMs = 5_000
      const guest = yield* Rig.guest("lobby", "late", { e2ee: false })
      const session = yield* Rig.join("lobby")
      const frames = yield* Rig.keep(session.receive.user(guest.userId))
      yield* guest.speak(Rig.frames(20))
      yield* Effect.sleep("2 seconds")
      assert.deepStrictEqual(frames, [])
      assert.strictEqual(session.receive.statistics().unknownSenders, 25)
    })).pipe(Effect.provide(Rig.memory({ profile: Rig.open }))))

  it.effect("learns from the main gateway who comes and goes if the voice gateway does not tell", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      for (const op of [11, 13]) yield* discord.faults.when({ user: "bot", point: "voice-out", op }, "drop")
      const session = yield* Rig.join("lobby", { version: 4 })
      yield* Rig.guest("stage", "away")
      const guest = yield* Rig.guest("lobby", "guest")
      yield* Effect.sleep("100 millis")
      assert.deepStrictEqual(yield* session.receive.participants, [guest.userId])
      yield* guest.speak(Rig.frames(5))
      yield* guest.leave
      yield* Effect.sleep("100 millis")
      assert.deepStrictEqual(yield* session.receive.participants, [])
    })).pipe(Effect.provide(Rig.memory({ profile: Profile.year2022 }))))

  it.effect("decrypts only the users who are listened to", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const other = yield* discord.join({ user: "other", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      const both = Effect.all([guest.speak(Rig.frames(20)), other.speak(Rig.frames(20))], { concurrency: 2 })
      // so that it is known whose SSRCs they are
      yield* both
      yield* Effect.sleep("100 millis")
      const frames = yield* Rig.keep(session.receive.user(guest.userId))
      yield* both
      yield* Effect.sleep("500 millis")
      assert.lengthOf(dataOf(frames), 25)
      assert.deepInclude(yield* session.statistics, { packetsOpened: 25, unheard: 75 })
      assert.sameMembers([...yield* session.receive.participants], [guest.userId, other.userId])
      yield* Effect.scoped(Effect.gen(function*() {
        const ofOther = yield* Rig.keep(session.receive.user(other.userId, {}))
        yield* both
        yield* Effect.sleep("500 millis")
        assert.lengthOf(ofOther, 25)
      }))
      yield* both
      yield* Effect.sleep("500 millis")
      assert.lengthOf(dataOf(frames), 75)
      assert.deepInclude(yield* session.statistics, { packetsOpened: 100, unheard: 100, packetsLost: 0 })
    })).pipe(Effect.provide(Layer.merge(Rig.memory(), MockOpusDecoder.layer))))

  it.effect("decrypts nothing while nobody listens or the bot is deaf", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      yield* guest.speak(Rig.frames(20))
      yield* Effect.sleep("100 millis")
      assert.deepInclude(yield* session.statistics, { packetsOpened: 0, unheard: 25 })
      yield* Effect.scoped(Effect.gen(function*() {
        const frames = yield* Rig.keep(session.receive.user(guest.userId))
        const ticks = yield* Rig.keep(session.receive.ticks)
        yield* guest.speak(Rig.frames(20))
        yield* Effect.sleep("500 millis")
        assert.lengthOf(dataOf(frames), 25)
        assert.isAbove(ticks.length, 40)
        yield* session.setSelf({ deaf: true })
        yield* Effect.sleep("100 millis")
        const before = yield* session.statistics
        yield* guest.speak(Rig.frames(20))
        yield* Effect.sleep("500 millis")
        assert.strictEqual((yield* session.statistics).packetsOpened, before.packetsOpened)
        yield* session.setSelf({ deaf: false })
        yield* Effect.sleep("100 millis")
        yield* guest.speak(Rig.frames(20))
        yield* Effect.sleep("500 millis")
        assert.lengthOf(dataOf(frames), 50)
      }))
      const { packetsOpened } = yield* session.statistics
      yield* guest.speak(Rig.frames(20))
      yield* Effect.sleep("100 millis")
      assert.deepInclude(yield* session.statistics, { packetsOpened, otherMedia: 0 })
    })).pipe(Effect.provide(Rig.memory())))

  for (const whose of ["ourselves", "a moderator"] as const) {
    it.effect(`does not count audio as lost while deafened by ${whose}`, () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        const setDeaf = (deaf: boolean) =>
          whose === "ourselves"
            ? session.setSelf({ deaf })
            : Effect.ignore(discord.faults.muteUser(session.userId, { deaf }))
        const frames = yield* Rig.keep(session.receive.user(guest.userId))
        const fromMs = yield* nowMs
        for (const heard of [true, false, true, false, true]) {
          yield* setDeaf(!heard)
          yield* Effect.sleep("100 millis")
          yield* guest.speak(Rig.frames(heard ? 20 : 100))
          yield* Effect.sleep(heard ? "600 millis" : "2200 millis")
        }
        yield* setDeaf(false)
        assert.lengthOf(dataOf(frames), 75)
        assert.deepInclude(session.receive.statistics(), { lost: 0, resyncs: 0, received: 75, delivered: 75 })
        assert.deepInclude(yield* session.statistics, { packetsOpened: 75, packetsLost: 0 })
        // the time passes in silence
        continuous(frames)
        const samples = frames.reduce((sum, frame) => sum + frame.samples, 0)
        assert.closeTo(samples / 48, (yield* nowMs) - fromMs - 700, 100)
      })).pipe(Effect.provide(Layer.merge(Rig.memory(), MockOpusDecoder.layer))))
  }

  it.effect("is the same object on every access, and reports an end that has already happened", () =>
    Rig.run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(Rig.join("lobby"), scope)
      yield* Scope.close(scope, Exit.void)
      const { receive } = session
      assert.strictEqual(receive, session.receive)
      const { frames, speaking, ticks } = receive
      for (const heard of [Stream.runDrain(frames), Stream.runDrain(ticks), Stream.runDrain(speaking)]) {
        assert.strictEqual((yield* Rig.reasonOf(heard))._tag, "NotConnected")
      }
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("drops the oldest frames of a slow reader, reports it, and holds up nobody else", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby", { receive: { capacity: 10 } })
      yield* Rig.encrypted(session)
      const slow: Array<Receive.ReceivedFrame> = []
      const gate = yield* Effect.forkScoped(
        session.receive.user(guest.userId).pipe(
          Stream.rechunk(1),
          Stream.runForEach((frame) => Effect.andThen(Effect.sync(() => slow.push(frame)), Effect.sleep("1 second")))
        ),
        { startImmediately: true }
      )
      const quick = yield* Rig.keep(session.receive.user(guest.userId))
      yield* guest.speak(Rig.frames(100))
      yield* Effect.sleep("30 seconds")
      assert.lengthOf(dataOf(quick), 105)
      const dropped = slow.reduce((sum, frame) => sum + (frame.dropped ?? 0), 0)
      assert.isAbove(dropped, 50)
      assert.strictEqual(slow.length + dropped, 105)
      assert.strictEqual(session.receive.statistics().dropped, dropped)
      yield* Fiber.interrupt(gate)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("derives who speaks from the audio alone", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      yield* guest.setSpeaking(1)
      const told = yield* Rig.keep(session.receive.speaking)
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(told, [])
      const from = yield* nowMs
      yield* guest.speak(Rig.frames(50))
      yield* Effect.sleep("1 second")
      yield* guest.speak(Rig.frames(50), { trailingSilence: false })
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(told.map(({ speaking }) => speaking), [true, false, true, false])
      assert.closeTo(told[0]?.atMs ?? 0, from + Rig.latencyMs, 1)
      assert.closeTo(told[1]?.atMs ?? 0, from + Rig.latencyMs + 1_020, 1)
      yield* Effect.forkChild(Effect.ignore(guest.speak(Rig.frames(50))), { startImmediately: true })
      yield* Effect.sleep("200 millis")
      yield* discord.faults.kick("guest")
      yield* Effect.sleep("20 millis")
      assert.deepStrictEqual(told.slice(4).map(({ speaking }) => speaking), [true, false])
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("emits a tick every 20 ms, in step, whether anybody speaks or not", () =>
    Rig.run(Effect.gen(function*() {
      const guests = yield* Effect.forEach(["a", "b", "c"], (user) => Rig.guest("lobby", user))
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      const ticks: Array<readonly [tick: Receive.Tick, nowMs: number]> = []
      const from = yield* nowMs
      yield* session.receive.ticks.pipe(
        Stream.runForEach((tick) => Effect.map(nowMs, (now) => ticks.push([tick, now]))),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Effect.sleep("500 millis")
      yield* Effect.forEach(guests, (guest, i) => guest.speak(Rig.frames(50, i + 1)), { concurrency: 3 })
      yield* Effect.sleep("3 seconds")
      const until = yield* nowMs
      // one may be due at this very moment
      assert.closeTo(ticks.length, (until - from) / 20, 1)
      ticks.forEach(([{ atMs, index, participants }, now], i) => {
        assert.strictEqual(index, i)
        assert.closeTo(now, from + (i + 1) * 20, 1)
        assert.closeTo(atMs, from + i * 20 - 200, 1e-3)
        assert.strictEqual(participants.size, 3)
      })
      const firsts = guests.map(({ userId }) => {
        const frames = ticks.flatMap(([{ participants }]) => participants.get(userId)?.frames ?? [])
        assert.lengthOf(frames, 55)
        return ticks.findIndex(([{ participants }]) => (participants.get(userId)?.frames.length ?? 0) > 0)
      })
      assert.strictEqual(new Set(firsts).size, 1)
      for (const [{ participants }] of ticks.slice(firsts[0], (firsts[0] ?? 0) + 50)) {
        for (const { frames, kind } of participants.values()) {
          assert.strictEqual(kind, "audio")
          assert.lengthOf(frames, 1)
        }
      }
      assert.strictEqual(session.receive.statistics().dropped, 0)
    })).pipe(Effect.provide(Rig.memory())))
})

const level = (pcm: Int16Array) => Math.sqrt(pcm.reduce((sum, value) => sum + value * value, 0) / pcm.length)

/** How strong a frequency is. */
const strength = (pcm: Int16Array, channels: number, rate: number, hertz: number) => {
  let re = 0
  let im = 0
  const count = pcm.length / channels
  for (let i = 0; i < count; i++) {
    const value = pcm[i * channels] ?? 0
    re += value * Math.cos(2 * Math.PI * hertz * i / rate)
    im += value * Math.sin(2 * Math.PI * hertz * i / rate)
  }
  return 2 * Math.hypot(re, im) / count
}

const joined = (pieces: ReadonlyArray<Int16Array>) => Int16Array.from(pieces.flatMap((piece) => [...piece]))

describe("listening to PCM", () => {
  for (const rate of [8_000, 12_000, 16_000, 24_000, 48_000] as const) {
    for (const channels of [1, 2] as const) {
      it.effect(`decodes to ${rate} Hz, ${channels} channels`, () =>
        Rig.run(Effect.gen(function*() {
          const guest = yield* Rig.guest()
          const session = yield* Rig.join("lobby")
          yield* Rig.encrypted(session)
          const frames = yield* Rig.keep(session.receive.user(guest.userId, { rate, channels }))
          yield* Effect.sleep("100 millis")
          yield* guest.speak(yield* encoded(tone(1_000, 50, 8_000)))
          yield* Effect.sleep("500 millis")
          assert.lengthOf(frames, 55)
          assert.isTrue(frames.every(({ pcm }) => pcm.length === 960 * rate / 48_000 * channels))
          const pcm = joined(frames.slice(10, 45).map(({ pcm }) => pcm))
          assert.closeTo(strength(pcm, channels, rate, 1_000), 8_000, 800)
        })).pipe(Effect.provide([Rig.memory(), codecs])))
    }
  }

  it.effect("conceals lost frames, and recovers a frame if the next packet contains it", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      const frames = yield* Rig.keep(session.receive.user(guest.userId, { rate: 16_000, channels: 1 }))
      let count = 0
      yield* discord.faults.add(({ op, point }) => {
        if (point !== "datagram-out" || op !== "rtp") return undefined
        count++
        return count === 20 || count === 24 || count === 25 ? { _tag: "Drop" } : undefined
      })
      // the encoder takes a tone for speech for half a second, and then for noise, which it does not send redundantly
      yield* guest.speak(
        yield* encoded(tone(300, 50, 8_000), {
          application: "voip",
          fec: true,
          expectedLossPercent: 20,
          bitrate: 24_000
        })
      )
      yield* Effect.sleep("500 millis")
      assert.deepStrictEqual(frames.slice(19, 20).map(({ kind }) => kind), ["recovered"])
      assert.deepStrictEqual(frames.slice(23, 25).map(({ kind }) => kind), ["concealed", "recovered"])
      assert.lengthOf(frames, 55)
      // as loud as if nothing had been lost; concealed frames would fade
      assert.isAbove(level(frames[19]?.pcm ?? new Int16Array(0)), 5_000)
      assert.isAbove(level(frames[23]?.pcm ?? new Int16Array(0)), 1_000)
    })).pipe(Effect.provide([Rig.memory(), codecs])))

  it.effect("fills a pause with silence, a second at a time", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      const frames = yield* Rig.keep(session.receive.user(guest.userId, { rate: 8_000, channels: 1 }))
      const from = yield* nowMs
      yield* guest.speak(Rig.frames(10))
      yield* Effect.sleep("2500 millis")
      const again = yield* nowMs
      yield* guest.speak(Rig.frames(10))
      yield* Effect.sleep("500 millis")
      const total = frames.reduce((sum, { pcm }) => sum + pcm.length, 0)
      assert.closeTo(total / 8, again - from + 300, 5)
      assert.isAtMost(Math.max(...frames.map(({ pcm }) => pcm.length)), 8_000)
    })).pipe(Effect.provide([Rig.memory(), codecs])))

  it.effect("mixes everyone who speaks every 20 ms, and limits what would be too loud", () =>
    Rig.run(Effect.gen(function*() {
      const one = yield* Rig.guest("lobby", "one")
      const two = yield* Rig.guest("lobby", "two")
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      const mixed = yield* Rig.keep(session.receive.mixed({ rate: 48_000, channels: 1 }))
      const ticks = yield* Rig.keep(session.receive.ticksPcm({ rate: 48_000, channels: 1 }))
      const [a, b] = [yield* encoded(tone(500, 50, 20_000)), yield* encoded(tone(1_500, 50, 20_000))]
      yield* Effect.sleep("100 millis")
      yield* Effect.forEach([[one, a], [two, b]] as const, ([guest, frames]) => guest.speak(frames), { concurrency: 2 })
      yield* Effect.sleep("1 second")
      assert.isTrue(mixed.every(({ pcm }) => pcm.length === 960))
      const loud = mixed.filter(({ speakers }) => speakers.length === 2)
      assert.isAtLeast(loud.length, 50)
      const pcm = joined(loud.slice(10, 40).map(({ pcm }) => pcm))
      assert.isAbove(strength(pcm, 1, 48_000, 500), 10_000)
      assert.isAbove(strength(pcm, 1, 48_000, 1_500), 10_000)
      assert.isBelow(Math.max(...pcm.map(Math.abs)), 32_767)
      assert.isTrue(mixed.slice(-10).every(({ pcm, speakers }) => speakers.length === 0 && level(pcm) === 0))
      assert.strictEqual(ticks.length, mixed.length)
      const heard = joined(ticks.map(({ participants }) => participants.get(one.userId)?.pcm ?? new Int16Array(0)))
      assert.isBelow(strength(heard.slice(30 * 960, 50 * 960), 1, 48_000, 1_500), 500)
    })).pipe(Effect.provide([Rig.memory(), codecs])))

  it.effect("changes and mutes levels in a running mix without a click, and keeps them through a reconnect", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guests = { one: yield* Rig.guest("lobby", "one"), two: yield* Rig.guest("lobby", "two") }
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      const mixed = yield* Rig.keep(session.receive.mixed({ rate: 48_000, channels: 1 }))
      const ticks = yield* Rig.keep(session.receive.ticksPcm({ rate: 48_000, channels: 1 }))
      yield* Effect.sleep("100 millis")
      const speaking = Effect.all([
        guests.one.speak(yield* encoded(tone(500, 200, 6_000))),
        guests.two.speak(yield* encoded(tone(1_500, 200, 6_000)))
      ], { concurrency: 2 })
      yield* Effect.forkChild(speaking, { startImmediately: true })
      yield* Effect.sleep("800 millis")
      const { receive } = session
      const of = { one: guests.one.userId, two: guests.two.userId }
      /** The strength of both users' tones in the 400 ms after a change. */
      const heardAfter = Effect.fnUntraced(function*(change: Effect.Effect<void, VoiceError>) {
        yield* change
        const from = mixed.length + 1
        yield* Effect.sleep("440 millis")
        const frames = mixed.slice(from, from + 20)
        const pcm = joined(frames.map((frame) => frame.pcm))
        return {
          one: strength(pcm, 1, 48_000, 500),
          two: strength(pcm, 1, 48_000, 1_500),
          speakers: frames.at(-1)?.speakers ?? []
        }
      })
      const usual = yield* heardAfter(Effect.void)
      const quiet = yield* heardAfter(receive.setLevel(of.one, { gain: 0.25 }))
      assert.closeTo(quiet.one / usual.one, 0.25, 0.02)
      assert.closeTo(quiet.two / usual.two, 1, 0.05)
      const muted = yield* heardAfter(receive.setLevel(of.two, { muted: true }))
      assert.isBelow(muted.two, usual.two / 200)
      assert.deepStrictEqual(muted.speakers, [of.one])
      const swapped = yield* heardAfter(
        Effect.andThen(receive.setLevel(of.two, { muted: false, gain: 2 }), receive.setLevel(of.one, { muted: true }))
      )
      assert.closeTo(swapped.two / usual.two, 2, 0.1)
      assert.isBelow(swapped.one, usual.one / 200)
      assert.deepStrictEqual([...yield* receive.levels], [
        [of.one, { gain: 0.25, muted: true }],
        [of.two, { gain: 2, muted: false }]
      ])
      yield* Effect.sleep("1 second")
      // the ramps are no steeper than two tones, one of them doubled
      const all = joined(mixed.map(({ pcm }) => pcm))
      const steepest = all.reduce(
        (most, value, i) => i === 0 ? 0 : Math.max(most, Math.abs(value - (all[i - 1] ?? 0))),
        0
      )
      assert.isBelow(steepest, 12_000 * 2 * Math.PI * 1_500 / 48_000 + 6_000 * 2 * Math.PI * 500 / 48_000)
      // nothing else has changed
      const others = joined(
        ticks.slice(-60, -20).map(({ participants }) => participants.get(of.one)?.pcm ?? new Int16Array(0))
      )
      assert.isAbove(level(others), 0)
      yield* discord.faults.expireVoice("bot")
      yield* Effect.sleep("2 seconds")
      yield* Rig.encrypted(session)
      const from = mixed.length
      yield* Effect.all([
        guests.one.speak(yield* encoded(tone(500, 50, 6_000))),
        guests.two.speak(yield* encoded(tone(1_500, 50, 6_000)))
      ], { concurrency: 2 })
      const again = joined(mixed.slice(from + 30, from + 50).map(({ pcm }) => pcm))
      assert.isBelow(strength(again, 1, 48_000, 500), usual.one / 200)
      assert.closeTo(strength(again, 1, 48_000, 1_500) / usual.two, 2, 0.1)
      const { reason } = yield* Effect.flip(receive.setLevel(of.one, { gain: Number.NaN }))
      assert.strictEqual(reason._tag, "Unsupported")
    })).pipe(Effect.provide([Rig.memory(), codecs])))
})
