import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { sampleAt, signal, wav16 } from "../audio/signal.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

const file = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../audio/files/${name}`, import.meta.url)))

/** Name, bytes and seconds. */
const formats: ReadonlyArray<readonly [name: string, bytes: Uint8Array, seconds: number]> = [
  ["WAV, 44.1 kHz", wav16(signal(44_100, 1), 44_100), 1],
  ["FLAC, 44.1 kHz", file("chirp.flac"), 1],
  ["MP3, 44.1 kHz", file("chirp.mp3"), 3],
  ["AAC in MP4, 44.1 kHz", file("chirp.m4a"), 3],
  ["Vorbis in Ogg, 44.1 kHz", file("chirp.vorbis.ogg"), 3]
]

const heardOf = (source: AudioSource.AudioSource) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby")
    const track = yield* session.play(source)
    const end = yield* track.awaitEnd
    const positionMs = yield* track.position
    yield* Effect.sleep("1 second")
    const heard = yield* guest.heard
    yield* Rig.blameless
    return { end, positionMs, heard, sound: yield* Hearing.decode(heard) }
  })).pipe(Effect.provide(Rig.memory()))

describe("a listener hears", () => {
  it.effect.each(formats)(
    "%s: completely, in its place, without a gap",
    ([name, bytes, seconds]) =>
      Effect.gen(function*() {
        const { end, positionMs, sound } = yield* heardOf(AudioSource.fromBytes(bytes, { name, ffmpeg: false }))
        assert.deepStrictEqual(end, { _tag: "Finished" })
        assert.isAtMost(Math.abs(positionMs - 1000 * seconds), 20)
        assert.deepStrictEqual(sound.gaps, [])
        const wanted = (sample: number) => sampleAt(sample / 48_000, seconds)[0]
        assert.isAbove(Hearing.ratio(sound.left, wanted, 1920, 48_000 * seconds - 3 * 1920), 15)
      })
  )

  it.effect.each([["Ogg", "chirp.opus.ogg"], ["WebM", "chirp.opus.webm"], ["MP4", "chirp.opus.mp4"]] as const)(
    "Opus in %s, bit for bit",
    ([name, path]) =>
      Effect.gen(function*() {
        const { end, heard } = yield* heardOf(AudioSource.fromBytes(file(path), { name }))
        assert.deepStrictEqual(end, { _tag: "Finished" })
        const opened = yield* AudioSource.fromBytes(file("chirp.opus.ogg")).open
        assert(opened.format === "opus")
        const first = yield* opened.pull
        assert.deepStrictEqual(
          heard.slice(0, first.length).map(({ payload }) => payload),
          first.map(({ data }) => data)
        )
      })
  )
})
