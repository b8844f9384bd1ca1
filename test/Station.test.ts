import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import * as AudioSource from "../src/audio/AudioSource.ts"
import type * as Track from "../src/audio/Track.ts"
import * as Emulator from "../src/emulator/Emulator.ts"
import * as OpusPacket from "../src/protocol/OpusPacket.ts"
import * as Station from "../src/Station.ts"
import * as VoiceSession from "../src/VoiceSession.ts"
import * as Rig from "./integration/rig.ts"
import * as Hearing from "./mixer/hearing.ts"

const audio = (heard: ReadonlyArray<Emulator.HeardFrame>) =>
  heard.filter(({ payload }) => !OpusPacket.isSilence(payload)).map(({ payload }) => payload)

/** A bot in its own channel, with a guest who listens. */
const audience = Effect.fnUntraced(function*(name: string) {
  const discord = yield* Emulator.Emulator
  const guest = yield* Rig.guest(name, `${name}'s guest`)
  const where = {
    guildId: yield* Effect.orDie(discord.guild("guild")),
    channelId: yield* Effect.orDie(discord.channel(name))
  }
  const session = yield* VoiceSession.join(where).pipe(
    Effect.provide(yield* Layer.build(discord.layerVoice(`${name}'s bot`)))
  )
  return { guest, session }
})

const names = ["lobby", "garden", "cellar"]

const world = Rig.memory({
  world: {
    channels: names.map((name) => ({ name })),
    users: names.map((name) => ({ name: `${name}'s bot`, bot: true }))
  }
})

const patient = { starveTimeout: "1 hour" } as const

describe("Station", () => {
  it.effect("passes Opus through to all listeners, bit for bit", () =>
    Rig.run(Effect.gen(function*() {
      const station = yield* Station.make()
      const all = yield* Effect.forEach(names, audience)
      const tracks = yield* Effect.forEach(all, ({ session }) => session.play(station.source, patient))
      assert.strictEqual(station.listeners(), 3)
      const frames = Rig.frames(100)
      const track = yield* station.play(AudioSource.fromFrames(frames))
      assert.strictEqual((yield* track.awaitEnd)._tag, "Finished")
      yield* Effect.sleep("1 second")
      for (const { guest } of all) {
        assert.deepStrictEqual(audio(yield* guest.heard), Rig.payloads(frames))
      }
      assert.strictEqual(station.dropped(), 0)
      for (const { state } of tracks) assert.strictEqual((yield* state)._tag, "Buffering")
      yield* Rig.blameless
    })).pipe(Effect.provide(world)))

  it.effect("opens nothing after it has ended, and does not play what is interrupted while it opens", () =>
    Rig.run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const station = yield* Scope.provide(Station.make(), scope)
      const hanging: AudioSource.AudioSource = { name: "hanging", open: Effect.never }
      const first = yield* Effect.forkChild(station.play(hanging), { startImmediately: true })
      assert.deepStrictEqual(yield* station.interrupt, [])
      assert.deepStrictEqual(yield* (yield* Fiber.join(first)).awaitEnd, { _tag: "Stopped" })
      const second = yield* Effect.forkChild(Effect.flip(station.play(hanging)), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(second)).reason._tag, "NotConnected")
      assert.strictEqual((yield* Effect.flip(station.play(hanging))).reason._tag, "NotConnected")
      assert.deepStrictEqual(yield* station.tracks, [])
    })).pipe(Effect.provide(world)))

  it.effect("mixes and encodes once: all listeners hear the same packets", () =>
    Rig.run(Effect.gen(function*() {
      const station = yield* Station.make()
      const all = yield* Effect.forEach(names, audience)
      yield* Effect.forEach(all, ({ session }) => session.play(station.source, patient))
      yield* station.play(Hearing.pcm(Hearing.sine(440), 3_000))
      const voice = yield* station.play(Hearing.pcm(Hearing.sine(1_000), 1_000), { gain: 0.5 })
      yield* voice.awaitEnd
      yield* Effect.sleep("3 seconds")
      const [first, ...others] = yield* Effect.forEach(all, ({ guest }) => Effect.map(guest.heard, audio))
      assert.isAtLeast(first?.length ?? 0, 150)
      for (const other of others) assert.deepStrictEqual(other, first)
      const sound = yield* Hearing.decode((first ?? []).map((payload, i) => ({ payload, timestamp: i * 960 })))
      assert.closeTo(Hearing.levelOf(sound.left, 440, 960 * 20, 960 * 20), 0.3, 0.01)
      assert.closeTo(Hearing.levelOf(sound.left, 1_000, 960 * 20, 960 * 20), 0.15, 0.01)
    })).pipe(Effect.provide(world)))

  it.effect("lets music continue when a voice is cut", () =>
    Rig.run(Effect.gen(function*() {
      const station = yield* Station.make()
      const { guest, session } = yield* audience("lobby")
      yield* session.play(station.source, patient)
      const music = yield* station.play(Hearing.pcm(Hearing.sine(440), 3_000))
      const voice = yield* station.play(Hearing.pcm(Hearing.sine(1_000), 10_000))
      yield* Effect.sleep("1 second")
      const last = (yield* music.position) / 20 + 1
      const [cut] = yield* station.cut([voice])
      assert.strictEqual(cut?.track, voice)
      assert.closeTo(cut?.positionMs ?? 0, 960, 60)
      assert.deepStrictEqual(yield* music.awaitEnd, { _tag: "Finished" })
      yield* Effect.sleep("1 second")
      const frames = audio(yield* guest.heard)
      const sound = yield* Hearing.decode(frames.map((payload, i) => ({ payload, timestamp: i * 960 })))
      assert.lengthOf(frames, 150)
      for (let at = last; at < 148; at++) {
        assert.isAbove(Hearing.ratio(sound.left, Hearing.sine(440), at * 960, 960), 22, `frame ${at}`)
      }
    })).pipe(Effect.provide(world)))

  it.effect("lets late listeners in, drops only what a paused listener misses, and ends for all", () =>
    Rig.run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const station = yield* Station.make({ buffer: "1 second" }).pipe(Scope.provide(scope))
      const [early, late] = [yield* audience("lobby"), yield* audience("garden")]
      const first = yield* early.session.play(station.source, patient)
      const frames = Rig.frames(500)
      yield* station.play(AudioSource.fromFrames(frames))
      yield* Effect.sleep("2 seconds")
      const second = yield* late.session.play(station.source, patient)
      yield* Effect.sleep("2 seconds")
      yield* second.pause
      yield* Effect.sleep("5 seconds")
      assert.isAbove(station.dropped(), 0)
      yield* second.resume
      yield* Effect.sleep("3 seconds")
      assert.deepStrictEqual(audio(yield* early.guest.heard), Rig.payloads(frames))
      const numbers = audio(yield* late.guest.heard).map((payload) => ((payload[1] ?? 0) << 8) | (payload[2] ?? 0))
      assert.isAtLeast(numbers[0] ?? 0, 90)
      assert.isBelow(numbers.length, 350)
      for (const [i, number] of numbers.entries()) if (i > 0) assert.isAbove(number, numbers[i - 1] ?? 0)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* first.awaitEnd)._tag, "Finished")
      assert.strictEqual((yield* second.awaitEnd)._tag, "Finished")
      assert.strictEqual(station.listeners(), 0)
      const after = yield* early.session.play(station.source)
      assert.strictEqual((yield* after.awaitEnd)._tag, "Finished")
    })).pipe(Effect.provide(world)))

  it.effect("tells its listeners what is on air, including late ones", () =>
    Rig.run(Effect.gen(function*() {
      const station = yield* Station.make()
      const [early, late] = [yield* audience("lobby"), yield* audience("garden")]
      const titled = (
        name: string,
        ms: number,
        changes?: Stream.Stream<AudioSource.Tags>
      ): AudioSource.AudioSource => ({
        name,
        open: Effect.map(Hearing.pcm(Hearing.sine(440), ms).open, (opened) => ({
          ...opened,
          tags: { title: name },
          ...(changes === undefined ? {} : { tagChanges: changes })
        }))
      })
      const titlesOf = (track: Track.Track) =>
        track.events.pipe(
          Stream.filter(({ _tag }) => _tag === "Tagged"),
          Stream.map((event) => event._tag === "Tagged" ? event.tags["title"] : undefined),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
      const first = yield* early.session.play(station.source, patient)
      const titles = yield* titlesOf(first)
      assert.deepStrictEqual(first.tags, {})
      const later = Stream.fromEffect(Effect.delay(Effect.succeed({ title: "B2" }), "1500 millis"))
      const a = yield* station.play(titled("A", 2_000))
      const b = yield* station.play(titled("B", 3_000, later), { after: a })
      yield* Effect.sleep("1 second")
      const second = yield* late.session.play(station.source, patient)
      assert.deepStrictEqual(second.tags, { title: "A" })
      const lateTitles = yield* titlesOf(second)
      // none of these says anything about what is on air
      yield* station.play(Hearing.pcm(Hearing.sine(1_000), 500))
      const effect = Hearing.pcm(Hearing.sine(2_000), 500)
      const ofFfmpeg = Effect.map(effect.open, (opened) => ({ ...opened, tags: { encoder: "Lavf58.24.100" } }))
      yield* station.play({ ...effect, open: ofFfmpeg })
      yield* station.play(titled("never heard", 500), { paused: true })
      yield* b.awaitEnd
      yield* Effect.sleep("1 second")
      const c = yield* station.play(titled("C", 2_000))
      yield* Effect.sleep("500 millis")
      const over = yield* station.play(titled("over C", 500))
      yield* over.awaitEnd
      yield* c.awaitEnd
      yield* Effect.sleep("1 second")
      yield* first.stop
      yield* second.stop
      assert.deepStrictEqual(yield* Fiber.join(titles), ["A", "B2", undefined, "C", "over C", "C", undefined])
      assert.deepStrictEqual(yield* Fiber.join(lateTitles), ["A", "B2", undefined, "C", "over C", "C", undefined])
    })).pipe(Effect.provide(world)))

  it.effect("refuses a buffer that is invalid or too long", () =>
    Effect.gen(function*() {
      for (const buffer of [NaN, Infinity, -1, "11 minutes"] as const) {
        const { reason } = yield* Effect.flip(Station.make({ buffer }))
        assert.strictEqual(reason._tag, "Unsupported")
        assert.include(reason.message, "A buffer of")
      }
    }).pipe(Effect.scoped, Effect.provide(world)))

  it.effect("keeps as much as its buffer for a slow listener, and counts the rest as dropped", () =>
    Rig.run(Effect.gen(function*() {
      for (const [buffer, kept] of [["310 millis", 16], [0, 10]] as const) {
        const station = yield* Station.make({ buffer })
        const opened = yield* Effect.orDie(station.source.open)
        assert(opened.format === "opus")
        const frames = Rig.frames(100)
        yield* station.play(AudioSource.fromFrames(frames))
        yield* Effect.sleep("4 seconds")
        const got = yield* Effect.orDie(opened.pull)
        // five frames of silence close it
        const expected = [...Rig.payloads(frames), ...Array.from({ length: 5 }, () => Rig.silence)].slice(-kept)
        assert.deepStrictEqual(got.map(({ data }) => data), expected)
        assert.strictEqual(station.dropped(), 105 - kept)
      }
    })).pipe(Effect.provide(world)))
})
