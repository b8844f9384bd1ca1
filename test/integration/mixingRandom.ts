import { assert } from "@effect/vitest"
import { Clock, Effect, Fiber, Random } from "effect"
import { vi } from "vitest"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import type * as Track from "../../src/audio/Track.ts"
import { codec } from "../../src/codec/FloatCodec.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import type * as SoundEffect from "../../src/SoundEffect.ts"
import type * as VoiceError from "../../src/VoiceError.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

/** Counts the codecs that are made and freed while a program runs. */
const counted = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const open = { encoder: 0, decoder: 0, made: 0 }
      const { decoder, encoder } = codec
      const spies = [
        vi.spyOn(codec, "encoder").mockImplementation(async (options) => {
          const made = await encoder(options)
          open.encoder++
          open.made++
          return {
            ...made,
            free: () => {
              open.encoder--
              made.free()
            }
          }
        }),
        vi.spyOn(codec, "decoder").mockImplementation(async () => {
          const made = await decoder()
          open.decoder++
          return {
            ...made,
            free: () => {
              open.decoder--
              made.free()
            }
          }
        })
      ]
      return { open, restore: () => spies.forEach((spy) => spy.mockRestore()) }
    }),
    ({ open }) => Effect.map(program, () => open),
    ({ restore }) => Effect.sync(restore)
  )

/** Keeps track of which sources are open. */
const counting = (source: AudioSource.AudioSource, open: Set<symbol>): AudioSource.AudioSource => ({
  name: source.name,
  open: Effect.andThen(
    Effect.acquireRelease(
      Effect.sync(() => {
        const name = Symbol("open")
        open.add(name)
        return name
      }),
      (name) => Effect.sync(() => open.delete(name))
    ),
    source.open
  )
})

/**
 * Plays, stops, seeks, fades, waits and interrupts at random, with some of these effects, and checks that nothing is
 * left.
 */
export const randomPlays = (
  count: number,
  seed: number,
  effects: ReadonlyArray<ReadonlyArray<SoundEffect.SoundEffect>> = []
) =>
  Effect.gen(function*() {
    const sources = new Set<symbol>()
    const frames = yield* Hearing.encode(Hearing.music, 2_000)
    const opus = counting(AudioSource.fromFrames(frames), sources)
    const pcm = counting(Hearing.pcm(Hearing.sine(700), 1_700), sources)
    const endless: AudioSource.AudioSource = {
      name: "endless",
      open: Effect.map(pcm.open, (opened) => opened.format === "pcm" ? { ...opened, pull: Effect.never } : opened)
    }
    const open = yield* counted(Rig.run(
      Effect.gen(function*() {
        yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        const tracks: Array<Track.Track> = []
        const any = Effect.map(Random.nextIntBetween(0, Math.max(1, tracks.length)), (i) => tracks[i])
        const someEffects = effects.length === 0
          ? Effect.succeed([])
          : Effect.map(Random.nextIntBetween(0, effects.length), (i) => effects[i] ?? [])
        for (let i = 0; i < count; i++) {
          const source = [opus, opus, pcm, pcm, endless][yield* Random.nextIntBetween(0, 5)] ?? pcm
          const other = yield* Effect.suspend(() => any)
          const track = yield* session.play(source, {
            gain: (yield* Random.nextBoolean) ? 1 : 0.5,
            fadeIn: (yield* Random.nextBoolean) ? 0 : 100,
            paused: (yield* Random.nextIntBetween(0, 6)) === 0,
            loop: yield* Random.nextIntBetween(0, 2),
            duck: yield* Random.nextBoolean,
            after: (yield* Random.nextIntBetween(0, 4)) === 0 ? other : undefined,
            crossfade: (yield* Random.nextBoolean) ? 0 : 300,
            starveTimeout: "1 second",
            effects: yield* someEffects
          })
          tracks.push(track)
          yield* Effect.sleep(yield* Random.nextIntBetween(0, 700))
          if (effects.length > 0) yield* (other ?? track).setEffects(yield* someEffects)
          switch (yield* Random.nextIntBetween(0, 8)) {
            case 0:
              yield* session.interrupt
              assert.deepStrictEqual(yield* session.tracks, [])
              break
            case 1:
              yield* track.stop
              break
            case 2:
              yield* track.volume(yield* Random.nextBetween(0, 1))
              break
            case 3:
              yield* track.fade(1, "50 millis")
              break
            case 4:
              yield* Effect.ignore(track.seek("500 millis"))
              break
            case 5:
              yield* (other ?? track).pause
              yield* Effect.sleep("100 millis")
              yield* (other ?? track).resume
              break
            case 6:
              yield* (other ?? track).stop
              break
            case 7:
              yield* session.cut([track, other ?? track])
              break
          }
        }
        // everything that waits ends eventually
        for (const track of tracks) yield* track.resume
        for (const track of tracks) yield* track.awaitEnd
        assert.deepStrictEqual(yield* session.tracks, [])
        yield* Effect.sleep("1 second")
        // it is passed through again when alone
        const last = yield* session.play(opus)
        assert.deepStrictEqual(yield* last.awaitEnd, { _tag: "Finished" })
        yield* Effect.sleep("1 second")
        assert.strictEqual(sources.size, 0)
      }),
      3_600_000
    ))
    assert.isAbove(open.made, count / 20)
    assert.deepStrictEqual([open.encoder, open.decoder], [0, 0])
    yield* Rig.blameless
  }).pipe(Random.withSeed(seed), Effect.provide(Rig.memory()))

/** How late a track may seem at its end, in milliseconds: it is checked once per frame. */
const lateMs = 65

/** Plays overlapping tracks at random and checks that nothing stalls: each has to end on time. */
export const randomOverlaps = (count: number, seed: number) =>
  Effect.gen(function*() {
    const lengths = { opus: 1_200, pcm: 2_500 }
    const frames = yield* Hearing.encode(Hearing.music, lengths.opus)
    const sources = {
      opus: AudioSource.fromFrames(frames),
      pcm: Hearing.pcm(Hearing.sine(700), lengths.pcm)
    }
    const found = yield* Rig.run(
      Effect.gen(function*() {
        yield* Rig.guest()
        const session = yield* Rig.join("lobby", { encoder: { complexity: 0 } })
        const playing: Array<Fiber.Fiber<number>> = []
        for (let i = 0; i < count; i++) {
          const kind = (yield* Random.nextBoolean) ? "opus" : "pcm"
          const track = yield* session.play(sources[kind], {
            gain: (yield* Random.nextIntBetween(0, 4)) === 0 ? 0.5 : 1,
            duck: (yield* Random.nextIntBetween(0, 3)) === 0
          })
          playing.push(
            yield* Effect.forkChild(
              Effect.gen(function*() {
                while ((yield* track.position) === 0) yield* Effect.sleep("20 millis")
                const atMs = (yield* Clock.currentTimeMillis) - (yield* track.position)
                assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
                return (yield* Clock.currentTimeMillis) - atMs - lengths[kind]
              }),
              { startImmediately: true }
            )
          )
          yield* Effect.sleep(yield* Random.nextIntBetween(0, 2_000))
        }
        return yield* Effect.forEach(playing, Fiber.join)
      }),
      3_600_000
    )
    for (const [i, overMs] of found.entries()) {
      assert.isAtLeast(overMs, -lateMs, `play ${i} of seed ${seed} is cut`)
      assert.isAtMost(overMs, lateMs, `play ${i} of seed ${seed} stood still`)
    }
    yield* Rig.blameless
  }).pipe(Random.withSeed(seed), Effect.provide(Rig.memory()))

/** Lets encoders take up to 250 ms of virtual time, drawn at random. */
const slowEncoders = Effect.gen(function*() {
  const { encoder } = codec
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const spy = vi.spyOn(codec, "encoder").mockImplementation(async (options) => {
    await new Promise<void>((resolve) => {
      fork(Effect.flatMap(
        Random.nextIntBetween(-100, 250),
        (ms) => Effect.andThen(ms > 0 ? Effect.sleep(ms) : Effect.void, Effect.sync(resolve))
      ))
    })
    return encoder(options)
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => spy.mockRestore()))
})

/**
 * Makes requests of any kind at any time, even while others are still being carried out: a paused track must not be
 * heard, a resumed one must continue at its pace, and an ended one must be silent.
 */
export const randomRaces = (count: number, seed: number) =>
  Rig.run(
    Effect.gen(function*() {
      yield* slowEncoders
      const opus = AudioSource.fromFrames(yield* Hearing.encode(Hearing.sine(440), 20_000))
      const pcm = Hearing.pcm(Hearing.sine(700), 20_000)
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby", { encoder: { complexity: 0 } })
      const voiced = Effect.map(
        guest.heard,
        (heard) => heard.filter(({ payload }) => !OpusPacket.isSilence(payload)).length
      )
      const pick = <A>(all: ReadonlyArray<A>) =>
        Effect.map(Random.nextIntBetween(0, all.length, { halfOpen: true }), (i) => all[i])
      const asks: ReadonlyArray<(track: Track.Track) => Effect.Effect<unknown, VoiceError.VoiceError>> = [
        ({ pause }) => pause,
        ({ resume }) => resume,
        ({ stop }) => stop,
        (track) => track.volume(0.5),
        (track) => track.volume(1),
        (track) => Effect.ignore(track.seek("3 seconds")),
        (track) => session.cut([track])
      ]
      const ends: ReadonlyArray<Effect.Effect<unknown>> = [
        session.interrupt,
        Effect.flatMap(session.tracks, session.cut),
        Effect.flatMap(session.tracks, (tracks) => Effect.forEach(tracks, ({ stop }) => stop))
      ]
      for (let round = 0; round < count; round++) {
        const where = `round ${round} of seed ${seed}`
        const all: Array<Track.Track> = []
        const asked: Array<Fiber.Fiber<unknown, VoiceError.VoiceError>> = []
        for (let i = yield* Random.nextIntBetween(3, 12); i > 0; i--) {
          const track = yield* pick(all)
          const ask = yield* pick([...asks, undefined, undefined])
          if (track === undefined || ask === undefined) {
            const options = { gain: yield* pick([1, 1, 0.5]), paused: (yield* Random.nextIntBetween(0, 3)) === 0 }
            all.push(yield* session.play((yield* pick([opus, opus, pcm])) ?? pcm, options))
          } else asked.push(yield* Effect.forkChild(ask(track), { startImmediately: true }))
          yield* Effect.sleep((yield* pick([0, 0, 0, 20, 50, 130, 400])) ?? 0)
        }
        yield* Fiber.joinAll(asked)
        const tracks = yield* session.tracks
        if (yield* Random.nextBoolean) {
          for (const { pause } of tracks) yield* pause
          yield* Effect.sleep("700 millis")
          const before = yield* voiced
          yield* Effect.sleep("500 millis")
          assert.strictEqual(yield* voiced, before, `something paused is heard in ${where}`)
        }
        for (const { resume } of tracks) yield* resume
        yield* Effect.sleep("1 second")
        const places = yield* Effect.forEach(tracks, ({ position }) => position)
        yield* Effect.sleep("1 second")
        for (const [i, { position }] of tracks.entries()) {
          assert.closeTo((yield* position) - (places[i] ?? NaN), 1_000, 45, `something stands still in ${where}`)
        }
        const before = yield* voiced
        yield* (yield* pick(ends)) ?? session.interrupt
        yield* Effect.sleep("600 millis")
        assert.closeTo(yield* voiced, before, 3, `something is heard behind its end in ${where}`)
      }
      yield* Rig.blameless
    }),
    3_600_000
  ).pipe(Random.withSeed(seed), Effect.provide(Rig.memory()))
