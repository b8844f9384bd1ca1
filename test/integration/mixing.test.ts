import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Hearing from "../mixer/hearing.ts"
import { isVoiced, playing } from "./playingTo.ts"
import * as Rig from "./rig.ts"

const frame = 960

const startOf = (sound: Hearing.Sound, level = 0.01): number => sound.left.findIndex((value) => Math.abs(value) > level)

describe("mixing", () => {
  it.effect("plays PCM completely and in its place", () =>
    Effect.gen(function*() {
      const { heard, sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const track = yield* session.play(Hearing.pcm(Hearing.music, 2_000))
          const end = yield* track.awaitEnd
          return { end, positionMs: yield* track.position, metrics: yield* track.metrics }
        })
      )
      assert.deepStrictEqual(value, {
        end: { _tag: "Finished" },
        positionMs: 2_000,
        metrics: { sent: 100, late: 0, missed: 0, concealed: 0 }
      })
      assert.deepStrictEqual(sound.gaps, [])
      assert.lengthOf(heard.filter(isVoiced), 100)
      assert.isAbove(Hearing.ratio(sound.left, Hearing.music, frame, frame * 98), 30)
    }))

  it.effect("passes one Opus track through, mixes it with a second one, and returns to passthrough", () =>
    Effect.gen(function*() {
      const frames = yield* Hearing.encode(Hearing.music, 4_000)
      const alone = yield* Hearing.decode(frames.map(({ data }, i) => ({ payload: data, timestamp: i * frame })))
      const { heard, sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const track = yield* session.play(AudioSource.fromFrames(frames))
          yield* Effect.sleep("1 second")
          const second = yield* session.play(Hearing.pcm(() => 0, 1_000))
          yield* second.awaitEnd
          yield* track.awaitEnd
          return yield* Effect.all([track.position, track.metrics])
        })
      )
      assert.deepStrictEqual(value, [4_000, { sent: 200, late: 0, missed: 0, concealed: 0 }])
      assert.deepStrictEqual(sound.gaps, [])
      const same = frames.map(({ data }, i) => Buffer.from(heard[i]?.payload ?? []).equals(data))
      const first = same.indexOf(false)
      const last = same.lastIndexOf(false)
      assert.isAtLeast(first, 50)
      assert.isAtMost(first, 60)
      assert.isAtLeast(last - first, 50)
      assert.isAtMost(last - first, 70)
      assert.isFalse(same.slice(first, last).includes(true))
      // no click and no shift, at either end
      for (let at = 2; at < 198; at++) {
        assert.isAbove(Hearing.ratio(sound.left, (i) => alone.left[i] ?? 0, at * frame, frame), 22, `frame ${at}`)
      }
      assert.isAtMost(Hearing.steepest(sound.left, frame, frame * 198), Hearing.steepest(alone.left) * 1.02)
    }))

  for (const ms of [2.5, 10, 60] as const) {
    it.effect(`switches to a mix and back between frames of ${ms} ms`, () =>
      Effect.gen(function*() {
        const wave = Hearing.sine(440)
        const frames = yield* Hearing.encodeIn(wave, 3_000, ms)
        const { heard, sound, value } = yield* playing((session) =>
          Effect.gen(function*() {
            const track = yield* session.play(AudioSource.fromFrames(frames))
            yield* Effect.sleep("510 millis")
            const second = yield* session.play(Hearing.pcm(() => 0, 500))
            yield* second.awaitEnd
            yield* track.awaitEnd
            return yield* track.position
          })
        )
        assert.strictEqual(value, 3_000)
        assert.deepStrictEqual(sound.gaps, [])
        const theirs = new Set(frames.map(({ data }) => Buffer.from(data).toString("hex")))
        const same = heard.filter(isVoiced).map(({ payload }) => theirs.has(Buffer.from(payload).toString("hex")))
        const first = same.indexOf(false)
        const last = same.lastIndexOf(false)
        assert.isAbove(first, 500 / ms)
        assert.isAtLeast(last - first, 25)
        assert.isAtMost(last - first, 60)
        assert.isTrue(same.slice(last + 1).length * ms > 1_000)
        assert.isAbove(Hearing.ratio(sound.left, (i) => wave(i - 312), frame * 5, frame * 140), 25)
      }))
  }

  it.effect("continues PCM without a gap each time that Opus joins it", () =>
    Effect.gen(function*() {
      const frames = yield* Hearing.encode(Hearing.sine(1_000), 400)
      const { heard, sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const music = yield* session.play(Hearing.pcm(Hearing.sine(440), 4_000))
          for (let i = 0; i < 3; i++) {
            yield* Effect.sleep("700 millis")
            const speech = yield* session.play(AudioSource.fromFrames(frames))
            assert.deepStrictEqual(yield* speech.awaitEnd, { _tag: "Finished" })
          }
          yield* music.awaitEnd
          return yield* Effect.all([music.position, music.metrics])
        })
      )
      assert.deepStrictEqual(value, [4_000, { sent: 200, late: 0, missed: 0, concealed: 0 }])
      assert.deepStrictEqual(sound.gaps, [])
      assert.lengthOf(heard.filter(isVoiced), 200)
      const from = startOf(sound) + frame
      for (let i = 0; i < 196; i++) {
        assert.isAbove(Hearing.levelOf(sound.left, 440, from + i * frame, frame), 0.25, `frame ${i}`)
      }
      const spoken = Array.from({ length: 196 }, (_, i) => Hearing.levelOf(sound.left, 1_000, from + i * frame, frame))
      assert.isAtLeast(spoken.filter((level) => level > 0.25).length, 3 * 18)
    }))

  it.effect("mixes two tones, each at its own level", () =>
    Effect.gen(function*() {
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const low = yield* session.play(Hearing.pcm(Hearing.sine(440), 2_000))
          const high = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 1_000), { gain: 0.5 })
          yield* high.awaitEnd
          yield* low.awaitEnd
        })
      )
      const from = startOf(sound) + frame * 20
      assert.closeTo(Hearing.levelOf(sound.left, 440, from, frame * 20), 0.3, 0.01)
      assert.closeTo(Hearing.levelOf(sound.left, 1_000, from, frame * 20), 0.15, 0.01)
    }))

  it.effect("changes a level linearly, without a click", () =>
    Effect.gen(function*() {
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const track = yield* session.play(Hearing.pcm(Hearing.sine(440), 3_000))
          yield* Effect.sleep("480 millis")
          yield* track.fade(0.2, "1 second")
          yield* Effect.sleep("1500 millis")
          yield* track.volume(1, { ramp: "100 millis" })
          yield* track.awaitEnd
        })
      )
      const levels = Array.from({ length: 140 }, (_, i) => Hearing.levelOf(sound.left, 440, i * frame, frame * 2))
      const full = levels.findIndex((level) => level > 0.29)
      const down = levels.findIndex((level, i) => i > full && level < 0.28)
      // heard later by as much as is mixed ahead
      assert.isAtLeast(down, 24)
      assert.isAtMost(down, 36)
      for (let i = 0; i < 44; i++) {
        assert.closeTo(levels[down + i] ?? 0, (levels[down] ?? 0) - (0.24 * i) / 50, 0.01, `frame ${i} of the fade`)
      }
      assert.closeTo(levels[down + 60] ?? 0, 0.06, 0.005)
      assert.closeTo(levels[135] ?? 0, 0.3, 0.01)
      assert.isBelow(Hearing.steepest(sound.left, frame, frame * 145), (0.3 * 2 * Math.PI * 440 * 1.05) / 48_000)
    }))

  it.effect("takes Opus out of passthrough to change its level, and returns at its own level", () =>
    Effect.gen(function*() {
      const frames = yield* Hearing.encode(Hearing.sine(440), 5_000)
      const { heard, sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const track = yield* session.play(AudioSource.fromFrames(frames))
          yield* Effect.sleep("1 second")
          yield* track.volume(0.5)
          yield* Effect.sleep("1 second")
          yield* track.volume(1)
          yield* track.awaitEnd
        })
      )
      assert.deepStrictEqual(sound.gaps, [])
      assert.closeTo(Hearing.levelOf(sound.left, 440, frame * 70, frame * 20), 0.15, 0.01)
      const same = frames.map(({ data }, i) => Buffer.from(heard[i]?.payload ?? []).equals(data))
      assert.isAbove(same.filter((is) => is).length, 160)
      assert.isTrue(same.slice(140).every((is) => is))
      assert.isBelow(Hearing.steepest(sound.left, frame, frame * 248), (0.3 * 2 * Math.PI * 440 * 1.1) / 48_000)
    }))

  it.effect("pauses one of two tracks, and resumes it where it was", () =>
    Effect.gen(function*() {
      const { sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const low = yield* session.play(Hearing.pcm(Hearing.sine(440), 3_000))
          const high = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 3_000))
          yield* Effect.sleep("1 second")
          yield* high.pause
          yield* Effect.sleep("500 millis")
          const at = yield* high.position
          yield* Effect.sleep("500 millis")
          const later = yield* high.position
          yield* high.resume
          yield* high.awaitEnd
          return { at, later, low: yield* low.position, high: yield* high.position }
        })
      )
      assert.strictEqual(value.at, value.later)
      assert.isAtLeast(value.at, 960)
      assert.isAtMost(value.at, 1_160)
      assert.strictEqual(value.high, 3_000)
      assert.isBelow(Hearing.levelOf(sound.left, 1_000, frame * 65, frame * 20), 0.001)
      assert.closeTo(Hearing.levelOf(sound.left, 440, frame * 65, frame * 20), 0.3, 0.01)
      assert.isBelow(
        Hearing.steepest(sound.left, frame, frame * 190),
        (0.3 * 2 * Math.PI * (440 + 1_000) * 1.1) / 48_000
      )
    }))

  it.effect("sends nothing while the only track is paused, and time goes on", () =>
    Effect.gen(function*() {
      const { sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const track = yield* session.play(Hearing.pcm(Hearing.sine(440), 2_000))
          yield* Effect.sleep("1 second")
          yield* track.pause
          yield* Effect.sleep("2 seconds")
          const at = yield* track.position
          yield* track.resume
          yield* track.awaitEnd
          return at
        })
      )
      assert.isAtMost(value, 1_160)
      assert.lengthOf(sound.gaps, 1)
      // by the clock, except for what was mixed ahead and the closing silence
      assert.closeTo((sound.gaps[0]?.samples ?? 0) / 48, 2_000 - 120 - 100, 60)
      assert.isBelow(Hearing.steepest(sound.left), (0.3 * 2 * Math.PI * 440 * 1.2) / 48_000)
      // it has faded out before the silence that closes it
      const last = (sound.gaps[0]?.at ?? 0) - 5 * frame
      assert.closeTo(Hearing.levelOf(sound.left, 440, last - frame * 2, frame), 0.3, 0.02)
      for (let i = last - 24; i < last; i++) assert.isBelow(Math.abs(sound.left[i] ?? 1), 0.08)
    }))

  it.effect("ducks music while a voice speaks, and restores it afterward", () =>
    Effect.gen(function*() {
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const music = yield* session.play(Hearing.pcm(Hearing.sine(440), 5_000))
          yield* Effect.sleep("1 second")
          const voice = yield* session.play(Hearing.pcm(Hearing.sine(1_000, 0.2), 1_000), { duck: true })
          yield* voice.awaitEnd
          yield* music.awaitEnd
        })
      )
      const voiceFrom = Array.from({ length: 240 }, (_, i) => Hearing.levelOf(sound.left, 1_000, i * frame, frame * 2))
        .findIndex((level) => level > 0.1)
      const at = (frames: number) => Hearing.levelOf(sound.left, 440, (voiceFrom + frames) * frame, frame * 4)
      assert.closeTo(at(-10), 0.3, 0.01)
      assert.closeTo(at(10), 0.075, 0.01)
      assert.closeTo(at(40), 0.075, 0.01)
      // held for 300 ms, then back within 400 ms
      assert.closeTo(at(60), 0.075, 0.01)
      assert.closeTo(at(76), 0.19, 0.06)
      assert.closeTo(at(100), 0.3, 0.01)
    }))

  it.effect("crossfades two tracks at equal power", () =>
    Effect.gen(function*() {
      const { sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const first = yield* session.play(Hearing.pcm(Hearing.sine(440), 3_000))
          const second = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 3_000), {
            after: first,
            crossfade: "1 second"
          })
          const end = yield* first.awaitEnd
          return [end, yield* second.awaitEnd]
        })
      )
      assert.deepStrictEqual(value, [{ _tag: "Finished" }, { _tag: "Finished" }])
      assert.deepStrictEqual(sound.gaps, [])
      // 3 s and 3 s that have 1 s in common
      const voiced = sound.left.length / 48 - 100
      assert.closeTo(voiced, 5_000, 100)
      const levels = (at: number) =>
        [440, 1_000].map((hz) => Hearing.levelOf(sound.left, hz, at * frame, frame * 2)) as [number, number]
      for (let at = 95; at < 155; at += 4) {
        const [low, high] = levels(at)
        assert.closeTo(Math.hypot(low, high), 0.3, 0.03, `frame ${at}`)
      }
      assert.isBelow(levels(160)[0], 0.01)
      assert.isBelow(levels(90)[1], 0.01)
    }))

  it.effect("plays PCM tracks one after another without a gap, to the sample", () =>
    Effect.gen(function*() {
      const wave = Hearing.sine(440)
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          // 1010 ms: the second begins in the middle of a frame
          const first = yield* session.play(Hearing.pcm(wave, 1_010))
          const second = yield* session.play(
            Hearing.pcm((sample) => wave(sample + 1_010 * 48), 1_000),
            { after: first }
          )
          yield* second.awaitEnd
        })
      )
      assert.deepStrictEqual(sound.gaps, [])
      assert.isAbove(Hearing.ratio(sound.left, wave, frame * 4, frame * 94), 30)
      assert.isAbove(Hearing.ratio(sound.left, wave, frame * 49, frame * 3), 25)
    }))

  it.effect("plays Opus tracks one after another without a gap, bit for bit", () =>
    Effect.gen(function*() {
      const frames = yield* Hearing.encode(Hearing.music, 2_000)
      const { heard, sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const first = yield* session.play(AudioSource.fromFrames(frames.slice(0, 50)))
          const second = yield* session.play(AudioSource.fromFrames(frames.slice(50)), { after: first })
          assert.strictEqual((yield* second.state)._tag, "Buffering")
          assert.strictEqual(yield* second.position, 0)
          assert.deepStrictEqual(yield* first.awaitEnd, { _tag: "Finished" })
          yield* Effect.sleep("400 millis")
          assert.strictEqual((yield* second.state)._tag, "Playing")
          assert.strictEqual(yield* second.position, 400)
          assert.strictEqual((yield* second.metrics).sent, 20)
          yield* second.awaitEnd
          for (const { metrics } of [first, second]) {
            assert.deepStrictEqual(yield* metrics, { sent: 50, late: 0, missed: 0, concealed: 0 })
          }
        })
      )
      assert.deepStrictEqual(sound.gaps, [])
      assert.deepStrictEqual(heard.slice(0, 100).map(({ payload }) => payload), Rig.payloads(frames))
    }))

  it.effect("plays PCM after Opus, and Opus after PCM, without a gap", () =>
    Effect.gen(function*() {
      const wave = Hearing.sine(440)
      const frames = yield* Hearing.encode(wave, 3_000)
      // what a decoder makes of the frames is some samples late
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const first = yield* session.play(AudioSource.fromFrames(frames.slice(0, 50)))
          const second = yield* session.play(
            Hearing.pcm((sample) => wave(sample + 1_000 * 48 - 312), 1_000),
            { after: first }
          )
          const third = yield* session.play(AudioSource.fromFrames(frames.slice(100)), { after: second })
          yield* third.awaitEnd
        })
      )
      assert.deepStrictEqual(sound.gaps, [])
      for (let at = 4; at < 148; at++) {
        // a decoder needs a while for the third one, which begins in the middle of its stream
        if (at >= 98 && at < 104) continue
        assert.isAbove(Hearing.ratio(sound.left, (i) => wave(i - 312), at * frame, frame), 18, `frame ${at}`)
      }
    }))

  it.effect("seeks with the source's help or by reading on", () =>
    Effect.gen(function*() {
      const chirp = (sample: number) => 0.3 * Math.sin(2 * Math.PI * (200 + sample / 960) * (sample / 48_000))
      for (const seekable of [true, false]) {
        let pulls = 0
        const { sound, value } = yield* playing((session) =>
          Effect.gen(function*() {
            const track = yield* session.play(Hearing.pcm(chirp, 20_000, { seekable, onPull: () => pulls++ }))
            yield* Effect.sleep("500 millis")
            yield* track.seek("18 seconds")
            yield* Effect.sleep("500 millis")
            const at = yield* track.position
            yield* track.awaitEnd
            return at
          })
        )
        assert.isAtLeast(value, 18_300)
        assert.isAtMost(value, 18_500)
        assert.strictEqual(pulls < 60, seekable)
        // the sought position lies 2 s before the end of what was heard
        const end = sound.left.length - 5 * frame
        const from = end - 2_000 * 48
        assert.isAbove(
          Hearing.ratio(sound.left, (i) => chirp(i - from + 18_000 * 48), from + frame * 5, frame * 90),
          18
        )
      }
    }))

  it.effect("loops without a gap", () =>
    Effect.gen(function*() {
      const wave = Hearing.sine(400)
      const { sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          // 1010 ms are 404 whole waves
          const track = yield* session.play(Hearing.pcm(wave, 1_010), { loop: 2 })
          const end = yield* track.awaitEnd
          const events = yield* track.events.pipe(Stream.runCollect)
          return { end, looped: events.filter(({ _tag }) => _tag === "Looped").length, at: yield* track.position }
        })
      )
      assert.deepStrictEqual(value, { end: { _tag: "Finished" }, looped: 2, at: 1_010 })
      assert.deepStrictEqual(sound.gaps, [])
      assert.isAbove(Hearing.ratio(sound.left, wave, frame * 4, frame * 146), 30)
    }))

  it.effect("crossfades into the next track at the end of the last pass, not of an earlier one", () =>
    Effect.gen(function*() {
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const first = yield* session.play(Hearing.pcm(Hearing.sine(440), 2_000), { loop: 1 })
          const next = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 2_000), {
            after: first,
            crossfade: "500 millis"
          })
          yield* next.awaitEnd
        })
      )
      const level = (hz: number, fromMs: number) => Hearing.levelOf(sound.left, hz, fromMs * 48, 4_800)
      assert.closeTo(level(440, 3_300), 0.3, 0.03)
      assert.isBelow(level(1_000, 3_300), 0.02)
      assert.closeTo(level(1_000, 4_100), 0.3, 0.03)
    }))

  it.effect("has no tracks after its session has ended", () =>
    Effect.gen(function*() {
      const left = yield* Rig.run(Effect.gen(function*() {
        const session = yield* Effect.scoped(
          Rig.join("lobby").pipe(
            Effect.tap((session) => session.play(Hearing.pcm(Hearing.music, 10_000))),
            Effect.tap(Effect.sleep("500 millis"))
          )
        )
        return [...(yield* session.tracks), ...(yield* session.interrupt)]
      })).pipe(Effect.provide(Rig.memory()))
      assert.lengthOf(left, 0)
    }))

  it.effect("refuses invalid duck levels and durations with Unsupported", () =>
    playing((session) =>
      Effect.gen(function*() {
        const wrong: ReadonlyArray<VoiceSession.PlayOptions> = [
          ...[{ gain: NaN }, { gain: -1 }, { gain: 2 }, { threshold: NaN }].map((duck) => ({ duck })),
          ...[{ attack: -1 }, { hold: NaN }, { release: Infinity }].map((duck) => ({ duck })),
          { fadeIn: -1 },
          { fadeIn: NaN },
          { crossfade: Infinity }
        ]
        for (const options of wrong) {
          const error = yield* Effect.flip(session.play(Hearing.pcm(Hearing.music, 100), options))
          assert.strictEqual(error.reason._tag, "Unsupported")
        }
        assert.lengthOf(yield* session.tracks, 0)
      })
    ))

  it.effect("stops within a frame when interrupted, and reports how much of each track was heard", () =>
    Effect.gen(function*() {
      const { heard, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const music = yield* session.play(Hearing.pcm(Hearing.music, 10_000))
          yield* Effect.sleep("500 millis")
          const voice = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 10_000))
          const waiting = yield* session.play(Hearing.pcm(Hearing.music, 10_000), { after: voice })
          yield* Effect.sleep("1 second")
          const interrupted = yield* session.interrupt
          assert.deepStrictEqual(interrupted.map(({ track }) => track), [music, voice, waiting])
          assert.deepStrictEqual(yield* session.tracks, [])
          yield* Effect.sleep("5 seconds")
          return {
            positions: interrupted.map(({ positionMs }) => positionMs),
            ends: yield* Effect.all([music.awaitEnd, voice.awaitEnd, waiting.awaitEnd]),
            again: yield* session.interrupt
          }
        })
      )
      const sent = heard.filter(isVoiced).length
      const [music = 0, voice = 0, waiting] = value.positions
      assert.strictEqual(music, sent * 20)
      assert.closeTo(music, 1_500, 40)
      assert.closeTo(voice, 1_000 - 120, 60)
      assert.strictEqual(waiting, 0)
      assert.deepStrictEqual(value.ends.map(({ _tag }) => _tag), ["Stopped", "Stopped", "Stopped"])
      assert.deepStrictEqual(value.again, [])
    }))

  it.effect("does not exceed full scale", () =>
    Effect.gen(function*() {
      const { sound } = yield* playing((session) =>
        Effect.forEach(
          [300, 310, 320],
          (hz) => session.play(Hearing.pcm(Hearing.sine(hz, 0.8), 1_000))
        ).pipe(Effect.flatMap((tracks) => Effect.forEach(tracks, (track) => track.awaitEnd)))
      )
      assert.isAtMost(sound.left.reduce((most, value) => Math.max(most, Math.abs(value)), 0), 1.1)
    }))

  it.effect("fails without a codec, except for Opus that can be passed through", () =>
    Effect.gen(function*() {
      const { value } = yield* Rig.run(Effect.gen(function*() {
        yield* Rig.guest()
        const session = yield* Rig.withoutCodec(Rig.join("lobby"))
        const track = yield* session.play(Hearing.pcm(Hearing.music, 1_000))
        const opus = yield* session.play(AudioSource.fromFrames(yield* Hearing.encode(Hearing.music, 1_000)))
        const error = yield* Effect.flip(opus.volume(0.5))
        return { value: [yield* track.awaitEnd, error.reason._tag, yield* opus.awaitEnd] as const }
      })).pipe(Effect.provide(Rig.memory()))
      const [first, reason, second] = value
      assert(first._tag === "Failed")
      assert.strictEqual(first.error.reason._tag, "CodecUnavailable")
      assert.strictEqual(reason, "CodecUnavailable")
      assert.strictEqual(second._tag, "Finished")
    }))
})
