import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import type * as VoiceError from "../../src/VoiceError.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

type Session = Effect.Success<ReturnType<typeof Rig.join>>

const isVoiced = ({ payload }: { readonly payload: Uint8Array }) => !OpusPacket.isSilence(payload)

/** What the program returned, and what a guest heard of it. */
const playing = <A>(program: (session: Session) => Effect.Effect<A, VoiceError.VoiceError>) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby")
    const value = yield* program(session)
    yield* Effect.sleep("1 second")
    assert.deepStrictEqual(yield* session.tracks, [])
    const heard = yield* guest.heard
    yield* Rig.blameless
    return { value, heard, voiced: heard.filter(isVoiced).length, sound: yield* Hearing.decode(heard) }
  })).pipe(Effect.provide(Rig.memory()))

const tone = (hz: number, ms: number) => Hearing.pcm(Hearing.sine(hz), ms)

const level = (sound: Hearing.Sound, hz: number, fromMs: number) =>
  Hearing.levelOf(sound.left, hz, Math.round(fromMs * 48), 1_920)

describe("unusual requests", () => {
  for (
    const [what, source] of [
      ["PCM", tone(440, 2_000)],
      ["PCM without seek", Hearing.pcm(Hearing.sine(440), 2_000, { seekable: false })],
      ["Opus", Rig.source(100)]
    ] as const
  ) {
    it.effect(`a seek beyond the end of ${what} ends the track there`, () =>
      Effect.gen(function*() {
        const { value } = yield* playing((session) =>
          Effect.gen(function*() {
            const track = yield* session.play(source)
            yield* Effect.sleep("500 millis")
            yield* track.seek("1 hour")
            const end = yield* track.awaitEnd
            const sought = (yield* Stream.runCollect(track.events)).find(({ _tag }) => _tag === "Sought")
            assert.isDefined(sought)
            return [end, yield* track.position]
          })
        )
        assert.deepStrictEqual(value, [{ _tag: "Finished" }, 2_000])
      }))
  }

  it.effect("an empty source ends at once, even if it is looped forever, paused or followed by a track", () =>
    Effect.gen(function*() {
      const { voiced } = yield* playing((session) =>
        Effect.gen(function*() {
          for (const source of [AudioSource.fromFrames([]), Hearing.pcm(() => 0, 0)]) {
            for (const options of [{}, { loop: "forever" }, { paused: true }, { gain: 0.5 }] as const) {
              const track = yield* session.play(source, options)
              const next = yield* session.play(Rig.source(5), { after: track, crossfade: "1 second" })
              assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
              assert.deepStrictEqual(yield* next.awaitEnd, { _tag: "Finished" })
            }
          }
        })
      )
      // a mix may close with a frame of silence
      assert.closeTo(voiced, 8 * 5, 6)
    }))

  it.effect("crossfades longer than the tracks and fades of zero length leave nothing out", () =>
    Effect.gen(function*() {
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const first = yield* session.play(tone(440, 400), { fadeIn: 0 })
          const second = yield* session.play(tone(1_000, 300), { after: first, crossfade: "10 seconds" })
          const third = yield* session.play(tone(2_000, 1_000), { after: second, crossfade: 0 })
          yield* third.fade(0.5, 0)
          for (const track of [first, second, third]) {
            assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
          }
        })
      )
      assert.isAbove(level(sound, 440, 20), 0.1)
      const ms = sound.left.length / 48
      assert.closeTo(level(sound, 2_000, ms - 300), 0.15, 0.02)
    }))

  it.effect("tracks wait for one another in a chain, but not for one that has ended", () =>
    Effect.gen(function*() {
      const { value } = yield* playing((session) =>
        Effect.gen(function*() {
          const lists = [1, 2, 3, 4].map((seed) => Rig.frames(50, seed))
          const [one, two, three, four] = lists.map((list) => AudioSource.fromFrames(list))
          assert(one !== undefined && two !== undefined && three !== undefined && four !== undefined)
          const first = yield* session.play(one)
          const second = yield* session.play(two, { after: first })
          const third = yield* session.play(three, { after: second })
          yield* first.awaitEnd
          yield* second.awaitEnd
          yield* third.awaitEnd
          const late = yield* session.play(four, { after: first })
          yield* late.awaitEnd
          return Rig.payloads(lists.flat())
        })
      ).pipe(Effect.map(({ heard, value }) => ({
        value: [heard.filter(isVoiced).map(({ payload }) => payload), value] as const
      })))
      assert.deepStrictEqual(...value)
    }))

  it.effect("a second track plays next to a paused one, which later continues where it was", () =>
    Effect.gen(function*() {
      const opus = AudioSource.fromFrames(yield* Hearing.encode(Hearing.sine(440), 2_000))
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const first = yield* session.play(opus)
          yield* Effect.sleep("1 second")
          yield* first.pause
          const positionMs = yield* first.position
          yield* Effect.sleep("500 millis")
          const second = yield* session.play(tone(1_000, 1_000))
          assert.deepStrictEqual(yield* second.awaitEnd, { _tag: "Finished" })
          assert.strictEqual(yield* first.position, positionMs)
          assert.strictEqual((yield* first.state)._tag, "Paused")
          yield* Effect.sleep("500 millis")
          yield* first.resume
          assert.deepStrictEqual(yield* first.awaitEnd, { _tag: "Finished" })
          assert.strictEqual(yield* first.position, 2_000)
        })
      )
      const at = sound.gaps.length
      assert.isAtLeast(at, 2)
      const both = sound.left.findIndex((_, i) => i % 960 === 0 && level(sound, 1_000, i / 48) > 0.2)
      assert.isAbove(both, 0)
      assert.isBelow(level(sound, 440, both / 48 + 200), 0.02)
    }))

  it.effect("a track that ends while others continue was heard to its end", () =>
    Effect.gen(function*() {
      const opus = AudioSource.fromFrames(yield* Hearing.encode(Hearing.sine(440), 700))
      const { value } = yield* playing((session) =>
        Effect.gen(function*() {
          const all = yield* Effect.forEach(
            [tone(440, 1_500), tone(1_000, 500), opus],
            (source) => session.play(source)
          )
          yield* Effect.forEach(all, (track) => track.awaitEnd)
          return yield* Effect.forEach(all, (track) => track.position)
        })
      )
      assert.deepStrictEqual(value, [1_500, 500, 700])
    }))

  it.effect("an interruption in the middle of a changeover ends all tracks, with and without a mix", () =>
    Effect.gen(function*() {
      const opus = AudioSource.fromFrames(yield* Hearing.encode(Hearing.sine(440), 4_000))
      // the moments: passed through, taking over, mixed, handing back, passed through again
      for (const ms of [900, 1_020, 1_170, 1_750]) {
        const { heard } = yield* playing((session) =>
          Effect.gen(function*() {
            const guest = yield* session.play(opus)
            const follower = yield* session.play(opus, { after: guest })
            yield* Effect.sleep("1 second")
            if (ms > 1_000) {
              yield* session.play(tone(1_000, 400))
              yield* Effect.sleep(ms - 1_000)
            }
            const all = yield* session.tracks
            assert.lengthOf(yield* session.interrupt, all.length)
            for (const track of all) assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Stopped" })
            assert.strictEqual(yield* follower.position, 0)
            const next = yield* session.play(Rig.source(10, 7))
            assert.deepStrictEqual(yield* next.awaitEnd, { _tag: "Finished" })
          })
        )
        assert.deepStrictEqual(
          heard.filter(isVoiced).slice(-10).map(({ payload }) => payload),
          Rig.payloads(Rig.frames(10, 7)),
          `${ms} ms`
        )
      }
    }))

  it.effect("a seek in a track that is fading out does not leave it behind, unheard", () =>
    Effect.gen(function*() {
      const { value } = yield* playing((session) =>
        Effect.gen(function*() {
          const first = yield* session.play(tone(440, 3_000))
          const second = yield* session.play(tone(1_000, 1_000), { after: first, crossfade: "500 millis" })
          yield* Effect.sleep("2700 millis")
          yield* first.seek("200 millis")
          yield* second.awaitEnd
          return (yield* first.state)._tag
        })
      )
      assert.strictEqual(value, "Ended")
    }))

  for (
    const [what, source] of [["PCM", tone(440, 500)], ["Opus", Rig.source(25)]] as const
  ) {
    it.effect(`${what} that was already read to its end is still repeated if a loop is requested late`, () =>
      Effect.gen(function*() {
        const { value, voiced } = yield* playing((session) =>
          Effect.gen(function*() {
            const track = yield* session.play(source)
            yield* Effect.sleep("300 millis")
            yield* track.loop(2)
            assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
            return (yield* Stream.runCollect(track.events)).map(({ _tag }) => _tag)
          })
        )
        assert.closeTo(voiced, 75, 3)
        assert.deepStrictEqual(value, ["Started", "Looped", "Looped", "Ended"])
      }))
  }
})
