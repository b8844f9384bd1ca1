/**
 * What Discord's servers do besides forwarding audio, as far as it is known: our client on the emulator with these
 * habits.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Profile } from "../../src/emulator/core/Profile.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type * as Receive from "../../src/receive/Receive.ts"
import * as Rig from "./rig.ts"
import { codecs, encoded, tone } from "./tones.ts"

/** Names frames of `Rig.frames` by their seed and number. */
const named = (data: Uint8Array) => `${data[3]}/${data[2]}`

const said = (frames: ReadonlyArray<Receive.ReceivedFrame>) =>
  frames.filter(({ kind }) => kind === "audio").map(({ data }) => named(data))

const names = (...stretches: ReadonlyArray<ReadonlyArray<{ readonly data: Uint8Array }>>) =>
  stretches.flatMap((stretch) => stretch.map(({ data }) => named(data)))

/** Everything was decrypted, and nothing counts as a failure. */
const clean = { undecryptable: 0, unencrypted: 0, fromNonMembers: 0, unknownSenders: 0, failedToOpen: 0, malformed: 0 }

const loudness = 12_000
const hertz = 300

const spoken = (count: number) => encoded(tone(hertz, count, loudness))

const steepest = (pieces: ReadonlyArray<{ readonly pcm: Int16Array }>) => {
  let most = 0
  let last = 0
  for (const { pcm } of pieces) {
    for (const value of pcm) {
      most = Math.max(most, Math.abs(value - last))
      last = value
    }
  }
  return most
}

describe("silence that the server adds", () => {
  for (const addedSilenceNumbers of ["fitted", "clashing"] as const) {
    const profile: Profile = { ...Rig.open, addedSilence: 5, addedSilenceNumbers }
    for (const e2ee of [true, false]) {
      const kind = `${addedSilenceNumbers}, ${e2ee ? "" : "not "}encrypted`
      it.effect(`ends an utterance, is no failure, and costs nothing of what follows, ${kind}`, () =>
        Rig.run(Effect.gen(function*() {
          const discord = yield* Emulator.Emulator
          const guest = yield* Rig.guest("lobby", "guest", { e2ee, audio: { sequence: 65_500 } })
          const session = yield* Rig.join("lobby")
          yield* Rig.encrypted(session)
          yield* Effect.sleep("1 second")
          const frames = yield* Rig.keep(session.receive.user(guest.userId))
          const speaking = yield* Rig.keep(session.receive.speaking)
          const stretches = [1, 2, 3, 4].map((seed) => Rig.frames(30, seed))
          const pauses = [130, 300, 700, 2_500]
          for (const [i, stretch] of stretches.entries()) {
            yield* guest.speak(stretch, { trailingSilence: false })
            yield* Effect.sleep(pauses[i] ?? 0)
          }
          const added = (yield* discord.counters).get("silence-added") ?? 0
          assert.strictEqual(added, 2 + 5 + 5 + 5)
          assert.deepStrictEqual(said(frames), names(...stretches))
          assert.lengthOf(frames.filter(({ data, kind }) => kind === "silence" && data.length === 3), added)
          assert.deepInclude(session.receive.statistics(guest.userId), {
            received: 120 + added,
            delivered: 120 + added,
            lost: 0
          })
          assert.deepInclude(yield* session.statistics, { ...clean, framesDecrypted: e2ee ? 120 : 0, packetsLost: 0 })
          // speaking ends when nothing comes any more, and begins with the first packet
          assert.deepStrictEqual(speaking.map((told) => told.speaking), stretches.flatMap(() => [true, false]))
          const begins = speaking.filter((told) => told.speaking).map(({ atMs }) => atMs)
          begins.slice(1).forEach((atMs, i) => {
            assert.closeTo(atMs - (begins[i] ?? 0), 580 + (pauses[i] ?? 0), 1)
          })
          yield* Rig.blameless
        })).pipe(Effect.provide(Rig.memory({ profile }))))
    }

    it.effect(`causes no click, ${addedSilenceNumbers}`, () =>
      Rig.run(Effect.gen(function*() {
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        yield* Rig.encrypted(session)
        yield* Effect.sleep("1 second")
        const heard = yield* Rig.keep(session.receive.user(guest.userId, { channels: 1 }))
        const ticks = yield* Rig.keep(session.receive.ticksPcm({ channels: 1 }))
        const mixed = yield* Rig.keep(session.receive.mixed({ channels: 1 }))
        const frames = yield* spoken(30)
        for (const pause of [130, 400, 1_500]) {
          yield* guest.speak(frames, { trailingSilence: false })
          yield* Effect.sleep(pause)
        }
        const parts = ticks.flatMap(({ participants }) => participants.get(guest.userId) ?? [])
        for (const pieces of [heard, parts, mixed]) {
          assert.isTrue(pieces.some(({ pcm }) => pcm.some((value) => value > loudness * 0.9)))
          // except for the fade, nothing is steeper than the tone itself
          assert.isBelow(steepest(pieces), 1.5 * loudness * 2 * Math.PI * hertz / 48_000)
        }
      })).pipe(Effect.provide([Rig.memory({ profile }), codecs])))
  }

  it.effect("can be missing without a click, also if a member is removed while it speaks", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      yield* Effect.sleep("1 second")
      const heard = yield* Rig.keep(session.receive.user(guest.userId, { channels: 1 }))
      const mixed = yield* Rig.keep(session.receive.mixed({ channels: 1 }))
      const frames = yield* spoken(30)
      yield* guest.speak(frames, { trailingSilence: false })
      yield* Effect.sleep("1 second")
      yield* guest.speak(frames)
      yield* Effect.sleep("1 second")
      yield* Effect.forkChild(Effect.ignore(guest.speak(frames)), { startImmediately: true })
      yield* Effect.sleep("310 millis")
      yield* discord.faults.kick("guest")
      yield* Effect.sleep("1 second")
      for (const pieces of [heard, mixed]) {
        assert.isBelow(steepest(pieces), 1.5 * loudness * 2 * Math.PI * hertz / 48_000)
      }
      assert.isAbove(mixed.filter(({ speakers }) => speakers.length > 0).length, 70)
    })).pipe(Effect.provide([Rig.memory(), codecs])))

  it.effect("ends the utterance of a member whom a moderator mutes", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session)
      const frames = yield* Rig.keep(session.receive.user(guest.userId))
      yield* Effect.forkChild(guest.speak(Rig.frames(100, 1)), { startImmediately: true })
      yield* Effect.sleep("500 millis")
      yield* discord.faults.muteUser("guest", { mute: true })
      yield* Effect.sleep("1 second")
      const audio = frames.filter(({ kind }) => kind === "audio")
      const silence = frames.filter(({ data }) => data.length === 3)
      assert.isAbove(audio.length, 10)
      assert.lengthOf(silence, 5)
      assert.isAbove(silence[0]?.sequence ?? 0, audio.at(-1)?.sequence ?? Infinity)
      assert.deepInclude(yield* session.statistics, clean)
    })).pipe(Effect.provide(Rig.memory({ profile: { ...Rig.open, addedSilence: 5 } }))))
})

describe("an SSRC that passes to another user", () => {
  const profile: Profile = { ...Rig.open, ssrcReuse: "after-leaving" }

  for (const e2ee of [true, false]) {
    it.effect(`keeps the users' audio, decoders and counts apart, ${e2ee ? "" : "not "}encrypted`, () =>
      Rig.run(Effect.gen(function*() {
        const guest = (user: string) => Rig.guest("lobby", user, { e2ee })
        const ann = yield* guest("ann")
        const session = yield* Rig.join("lobby")
        yield* Rig.encrypted(session)
        const all = yield* Rig.keep(session.receive.frames)
        const of = (userId: string) => all.filter((frame) => frame.userId === userId)
        yield* Effect.sleep("500 millis")
        yield* ann.speak(Rig.frames(40, 1))
        const ssrc = yield* ann.ssrc
        yield* ann.leave
        yield* Effect.sleep("2 seconds")
        const bob = yield* guest("bob")
        assert.strictEqual(yield* bob.ssrc, ssrc)
        if (e2ee) yield* Rig.encrypted(session, bob.userId)
        yield* Effect.sleep("2 seconds")
        yield* bob.speak(Rig.frames(40, 2))
        const again = yield* guest("ann")
        assert.notStrictEqual(yield* again.ssrc, ssrc)
        if (e2ee) yield* Rig.encrypted(session, again.userId)
        yield* Effect.sleep("2 seconds")
        yield* Effect.all([again.speak(Rig.frames(40, 3)), bob.speak(Rig.frames(40, 4))], { concurrency: 2 })
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(said(of(ann.userId)), names(Rig.frames(40, 1), Rig.frames(40, 3)))
        assert.deepStrictEqual(said(of(bob.userId)), names(Rig.frames(40, 2), Rig.frames(40, 4)))
        assert.deepInclude(session.receive.statistics(bob.userId), { received: 90, delivered: 90, lost: 0, resyncs: 0 })
        const statistics = yield* session.statistics
        assert.deepInclude(statistics, { ...clean, packetsLost: 0, packetsReordered: 0 })
        // the reports on the stream are about bob's packets alone
        const source = statistics.sources.find((one) => one.ssrc === ssrc)
        assert.deepInclude(source, { userId: bob.userId, packets: 90, lost: 0 })
        yield* Rig.blameless
      })).pipe(Effect.provide(Rig.memory({ profile }))))
  }

  it.effect("does not attribute late packets of its previous user to the new one", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ann = yield* Rig.guest("lobby", "ann", { e2ee: false })
      const session = yield* Rig.join("lobby")
      const all = yield* Rig.keep(session.receive.frames)
      const speaking = yield* Rig.keep(session.receive.speaking)
      yield* Effect.sleep("500 millis")
      yield* ann.speak(Rig.frames(20, 1))
      // its last packets are delayed
      const late = yield* discord.faults.when({ user: "bot", point: "datagram-out", op: "rtp" }, { delayMs: 300 })
      yield* ann.speak(Rig.frames(10, 2), { trailingSilence: false })
      const ssrc = yield* ann.ssrc
      yield* ann.leave
      yield* late.stop
      yield* Effect.sleep("600 millis")
      const bob = yield* Rig.guest("lobby", "bob", { e2ee: false })
      assert.strictEqual(yield* bob.ssrc, ssrc)
      yield* bob.speak(Rig.frames(20, 3))
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(said(all.filter(({ userId }) => userId === bob.userId)), names(Rig.frames(20, 3)))
      assert.deepStrictEqual(
        speaking.filter(({ userId }) => userId === bob.userId).map((told) => told.speaking),
        [true, false]
      )
      assert.isAbove((yield* session.statistics).afterLeaving, 5)
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory({ profile }))))
})

describe("video of others", () => {
  for (const e2ee of [true, false]) {
    it.effect(`is counted and otherwise ignored, whoever is listened to, ${e2ee ? "" : "not "}encrypted`, () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* Rig.guest("lobby", "guest", { e2ee })
        const session = yield* Rig.join("lobby")
        yield* Rig.encrypted(session)
        const one = yield* Rig.keep(session.receive.user(guest.userId))
        const all = yield* Rig.keep(session.receive.frames)
        const packets = yield* Rig.keep(session.packets)
        yield* guest.setSelf({ video: true })
        yield* Effect.sleep("1 second")
        assert.strictEqual((yield* session.members).get(guest.userId)?.video, true)
        yield* guest.speak(Rig.frames(100, 1))
        yield* Effect.sleep("1 second")
        for (const heard of [one, all]) assert.deepStrictEqual(said(heard), names(Rig.frames(100, 1)))
        const ssrc = yield* guest.ssrc
        assert.lengthOf(packets, 105)
        assert.isTrue(packets.every((packet) => packet.ssrc === ssrc && packet.userId === guest.userId))
        assert.deepInclude(session.receive.statistics(guest.userId), { received: 105, delivered: 105, lost: 0 })
        const statistics = yield* session.statistics
        assert.deepInclude(statistics, { ...clean, packetsOpened: 105, packetsLost: 0, unknownDatagrams: 0 })
        assert.deepInclude(statistics, { malformedMessages: 0, unknownOpcodes: 0 })
        assert.lengthOf(statistics.sources, 1)
        assert.isAbove(statistics.otherMedia, 150)
        assert.strictEqual(statistics.packetsReceived, statistics.packetsOpened + statistics.otherMedia)
        assert.strictEqual((yield* discord.counters).get("video-forwarded"), statistics.otherMedia)
        yield* guest.setSelf({ video: false })
        yield* Effect.sleep("1 second")
        const { otherMedia } = yield* session.statistics
        yield* Effect.sleep("1 second")
        assert.strictEqual((yield* session.statistics).otherMedia, otherMedia)
        yield* Rig.blameless
      })).pipe(Effect.provide(Rig.memory({ profile: { ...Rig.open, guestVideo: "sent" } }))))
  }
})
