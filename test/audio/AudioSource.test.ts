import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber, Queue, Stream } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import type * as VoiceError from "../../src/VoiceError.ts"
import { ascii, concat, mixed, ogg, opusHead, type Packet, packet, segment, shown, webm } from "./samples.ts"

interface Played {
  readonly channels: number
  readonly durationMs: number | undefined
  readonly frames: Array<string>
  /** The kind of the failure, or "Done". */
  readonly end: string
  readonly positionMs: number
}

const kindOf = (error: VoiceError.VoiceError): string =>
  error.reason._tag === "SourceFailed" ? error.reason.kind : error.reason._tag

const openOpus = <R>(source: AudioSource.AudioSource<R>) =>
  Effect.map(source.open, (opened) => opened.format === "opus" ? opened : assert.fail("it is not Opus"))

const play = <R>(source: AudioSource.AudioSource<R>) =>
  Effect.gen(function*() {
    const { channels, durationMs, pull } = yield* openOpus(source)
    const packets: Array<Packet> = []
    const collect = Effect.map(pull, (frames) => {
      assert.isAbove(frames.length, 0)
      packets.push(...frames)
    })
    const error = yield* Effect.flip(Effect.forever(collect))
    // Pulling again gives the same end.
    const again = yield* Effect.flip(pull)
    assert.deepStrictEqual(Cause.isDone(again), Cause.isDone(error))
    const reason = Cause.isDone(error) ? undefined : error.reason
    const played: Played = {
      channels,
      durationMs,
      frames: shown(packets),
      end: Cause.isDone(error) ? "Done" : kindOf(error),
      positionMs: reason?._tag === "SourceFailed" ? reason.positionMs : 0
    }
    return played
  }).pipe(Effect.scoped)

const failureOf = <R>(source: AudioSource.AudioSource<R>) =>
  source.open.pipe(Effect.scoped, Effect.flip, Effect.map((error) => [kindOf(error), error.message] as const))

const directory = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "audio-source-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

const fileOf = (bytes: Uint8Array, name = "song.ogg") =>
  Effect.map(directory, (path) => {
    const file = Path.join(path, name)
    Fs.writeFileSync(file, bytes)
    return file
  })

const openDescriptors = (path: string): number =>
  Fs.readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return Fs.readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false
    }
  }).length

describe("AudioSource", () => {
  describe("fromFile", () => {
    it.effect("plays Ogg and WebM", () =>
      Effect.gen(function*() {
        const packets = mixed(1, 200)
        const samples = packets.reduce((sum, { samples }) => sum + samples, 0)
        const song = AudioSource.fromFile(yield* fileOf(ogg(packets, { segments: 100 })))
        assert.strictEqual(song.name, "song.ogg")
        const expected = { channels: 2, frames: shown(packets), end: "Done", positionMs: 0 }
        assert.deepStrictEqual(yield* play(song), { ...expected, durationMs: (samples - 312) / 48 })
        const clip = AudioSource.fromFile(pathToFileURL(yield* fileOf(webm(packets), "a clip.webm")))
        assert.strictEqual(clip.name, "a clip.webm")
        assert.deepStrictEqual(yield* play(clip), { ...expected, durationMs: 1234 })
      }))

    it.effect("can be opened many times, even at the same time", () =>
      Effect.gen(function*() {
        const packets = mixed(1, 100)
        const source = AudioSource.fromFile(yield* fileOf(ogg(packets)))
        const plays = yield* Effect.all([play(source), play(source), play(source)], { concurrency: "unbounded" })
        for (const { frames } of plays) assert.deepStrictEqual(frames, shown(packets))
      }))

    it.effect("reads a file in pieces, and closes it with the scope", () =>
      Effect.gen(function*() {
        const packets = Array.from({ length: 2000 }, (_, i) => packet(i, 3, 200))
        const path = yield* fileOf(ogg(packets))
        yield* Effect.scoped(Effect.gen(function*() {
          const { pull } = yield* AudioSource.fromFile(path).open
          assert.strictEqual(openDescriptors(path), 1)
          const frames = yield* pull
          assert.isBelow(frames.length, 200)
        }))
        assert.strictEqual(openDescriptors(path), 0)
        yield* failureOf(AudioSource.fromFile(yield* fileOf(ascii("garbage garbage"))))
        assert.strictEqual(openDescriptors(path), 0)
      }))

    it.effect("fails with a kind and a message that say what is wrong with the file", () =>
      Effect.gen(function*() {
        const path = yield* directory
        const kind = (source: AudioSource.AudioSource) => Effect.map(failureOf(source), ([kind]) => kind)
        assert.strictEqual(yield* kind(AudioSource.fromFile(Path.join(path, "nothing.ogg"))), "NotFound")
        assert.strictEqual(yield* kind(AudioSource.fromFile(Path.join(path, "no", "where.ogg"))), "NotFound")
        assert.strictEqual(yield* kind(AudioSource.fromFile(path)), "Unreadable")
        assert.strictEqual(yield* kind(AudioSource.fromFile("/dev/null")), "Unreadable")
        assert.strictEqual(yield* kind(AudioSource.fromFile("\0")), "Unreadable")
        assert.strictEqual(yield* kind(AudioSource.fromFile(yield* fileOf(new Uint8Array(0)))), "Empty")
        const [, message] = yield* failureOf(AudioSource.fromFile(Path.join(path, "nothing.ogg")))
        assert.match(message, /nothing\.ogg.*NotFound.*this file does not exist: \//)
        const [none, said] = yield* failureOf(AudioSource.fromFile(""))
        assert.deepStrictEqual([none, said], [
          "NotFound",
          "The audio source file failed (NotFound): its path is empty."
        ])
        for (
          const url of ["https://example.com/a.mp3?token=secret", new URL("https://example.com/a.mp3?token=secret")]
        ) {
          const [kind, message] = yield* failureOf(AudioSource.fromFile(url))
          assert.strictEqual(kind, "NotFound")
          assert.match(message, /fromUrl/)
          assert.notInclude(message, "secret")
        }
        const song = yield* fileOf(ogg([packet(1)]), "a song.ogg")
        assert.strictEqual((yield* play(AudioSource.fromFile(pathToFileURL(song).href))).end, "Done")
      }))
  })

  describe("fromFfmpeg", () => {
    it("shows no credentials or query in its name", () => {
      const names = [
        "songs/a song.mp3",
        "https://user:secret@example.com/radio.mp3?token=secret",
        "rtsp://user:secret@camera",
        "rtsp://user:secret@camera/#secret",
        "why?.flac"
      ].map((input) => AudioSource.fromFfmpeg(input).name)
      assert.deepStrictEqual(names, ["a song.mp3", "radio.mp3", "camera", "camera", "why?.flac"])
    })
  })

  describe("fromBytes", () => {
    it.effect("delivers all readable frames before it reports how the data ended", () =>
      Effect.gen(function*() {
        const packets = Array.from({ length: 100 }, (_, i) => packet(i))
        const file = ogg(packets, { segments: 10 })
        assert.deepStrictEqual((yield* play(AudioSource.fromBytes(file))).frames, shown(packets))
        const cut = yield* play(AudioSource.fromBytes(file.slice(0, -1)))
        assert.deepStrictEqual([cut.end, cut.frames.length, cut.positionMs], ["Truncated", 90, 1800])
        file[file.length - 1] = (file.at(-1) ?? 0) ^ 1
        const damaged = yield* play(AudioSource.fromBytes(file))
        assert.deepStrictEqual([damaged.end, damaged.frames.length, damaged.positionMs], ["Corrupt", 90, 1800])
        const joined = yield* play(
          AudioSource.fromBytes(concat(ogg(packets), ogg([], { head: opusHead({ family: 2 }) })))
        )
        assert.deepStrictEqual([joined.end, joined.positionMs], ["Unsupported", 2000])
      }))

    it.effect("names the format or defect that keeps the bytes from being played", () =>
      Effect.gen(function*() {
        const rest = new Uint8Array(100)
        const cases = [
          [concat(ascii("RIFF\0\0\0\0WAVEfmt "), rest), "Corrupt", /too short/],
          [
            concat(ascii("RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x06\0"), rest),
            "Unsupported",
            /WAV with the unsupported encoding 6/
          ],
          [concat(ascii("FORM\0\0\0\0AIFF"), rest), "Unsupported", /AIFF/],
          [concat(ascii("fLaC"), rest), "Corrupt", /FLAC/],
          [concat(ascii("\0\0\0\x20ftypM4A "), rest), "Truncated", /MP4/],
          [concat(ascii("ID3\x04"), rest), "UnknownFormat", /MP3/],
          [concat(Uint8Array.of(0xff, 0xfb, 0x90, 0x64), rest), "UnknownFormat", /MP3/],
          [concat(Uint8Array.of(0xff, 0xf1, 0x50, 0x80), rest), "UnknownFormat", /AAC/],
          [concat(Uint8Array.of(0xff, 0xff, 0xff, 0xff), rest), "UnknownFormat", /it is not Ogg/],
          [ogg([], { head: concat(ascii("\x01vorbis"), rest) }), "Corrupt", /Vorbis/],
          [ascii("what is this?"), "UnknownFormat", /it is not Ogg/],
          [ascii("Og"), "UnknownFormat", /it is not Ogg/],
          [ascii("OggS"), "Truncated", /headers|page/],
          [segment([]), "UnknownFormat", /it is not Ogg/],
          [new Uint8Array(0), "Empty", /it is empty/]
        ] as const
        for (const [bytes, kind, detail] of cases) {
          const [actual, message] = yield* failureOf(AudioSource.fromBytes(bytes, { name: "it", ffmpeg: false }))
          assert.strictEqual(actual, kind, message)
          assert.match(message, detail)
          assert.match(message, /source it failed/)
        }
      }))
  })

  describe("fromStream", () => {
    it.effect("plays chunks of any size, including empty ones", () =>
      Effect.gen(function*() {
        const packets = mixed(3, 50)
        for (const file of [ogg(packets), webm(packets)]) {
          const pieces: Array<Uint8Array> = []
          for (let i = 0; i < file.length; i += 333) pieces.push(file.slice(i, i + 333), new Uint8Array(0))
          const source = AudioSource.fromStream(Stream.fromIterable(pieces))
          assert.strictEqual(source.name, "stream")
          const { end, frames } = yield* play(source)
          assert.deepStrictEqual([end, frames], ["Done", shown(packets)])
          assert.deepStrictEqual((yield* play(source)).frames, frames)
        }
      }))

    it.effect("delivers packets as soon as their bytes have arrived", () =>
      Effect.gen(function*() {
        const queue = yield* Queue.make<Uint8Array, Cause.Done>({ capacity: 100 })
        const pages = ogg([packet(1), packet(2), packet(3)], { segments: 1 })
        const half = Buffer.from(pages).lastIndexOf("OggS")
        yield* Queue.offer(queue, pages.slice(0, half))
        const { pull } = yield* openOpus(AudioSource.fromStream(Stream.fromQueue(queue)))
        assert.deepStrictEqual(shown(yield* pull), shown([packet(1), packet(2)]))
        const waiting = yield* Effect.forkChild(pull, { startImmediately: true })
        yield* Queue.offer(queue, pages.slice(half))
        assert.deepStrictEqual(shown(yield* Fiber.join(waiting)), shown([packet(3)]))
      }))

    it.effect("fails with the stream's error, after the packets that came before it", () =>
      Effect.gen(function*() {
        const file = ogg([packet(1), packet(2)], { segments: 1 })
        const source = AudioSource.fromStream(
          Stream.concat(Stream.make(file.slice(0, -5)), Stream.fail(new Error("the line is dead")))
        )
        const { pull } = yield* openOpus(source)
        assert.deepStrictEqual(shown(yield* pull), shown([packet(1)]))
        const error = yield* Effect.flip(pull)
        assert.isFalse(Cause.isDone(error))
        if (!Cause.isDone(error)) assert.match(error.message, /Failed.*the line is dead/)
        const [kind] = yield* failureOf(AudioSource.fromStream(Stream.fail("no line")))
        assert.strictEqual(kind, "Failed")
        assert.strictEqual((yield* failureOf(AudioSource.fromStream(Stream.empty)))[0], "Empty")
      }))

    it.effect("ends the stream when the scope closes", () =>
      Effect.gen(function*() {
        let closed = false
        const bytes = Stream.concat(Stream.make(ogg([packet(1)])), Stream.never).pipe(
          Stream.ensuring(Effect.sync(() => closed = true))
        )
        yield* Effect.scoped(AudioSource.fromStream(bytes).open)
        assert.isTrue(closed)
      }))
  })

  describe("fromFrames", () => {
    it.effect("plays arrays, generators and streams", () =>
      Effect.gen(function*() {
        const packets = mixed(2, 120)
        const generate = {
          *[Symbol.iterator]() {
            yield* packets
          }
        }
        for (const source of [AudioSource.fromFrames(packets), AudioSource.fromFrames(generate)]) {
          assert.deepStrictEqual((yield* play(source)).frames, shown(packets))
          assert.deepStrictEqual((yield* play(source)).frames, shown(packets))
        }
        const streamed = yield* play(AudioSource.fromFrames(Stream.fromIterable(packets), { channels: 1 }))
        assert.deepStrictEqual([streamed.frames, streamed.channels, streamed.end], [shown(packets), 1, "Done"])
        assert.strictEqual((yield* play(AudioSource.fromFrames([packet(1), packet(2, 0)]))).durationMs, 22.5)
        assert.strictEqual((yield* play(AudioSource.fromFrames([]))).end, "Done")
      }))

    it.effect("pulls from an endless generator piece by piece", () =>
      Effect.gen(function*() {
        const endless = function*() {
          while (true) yield packet(1)
        }
        const { pull } = yield* AudioSource.fromFrames(endless()).open
        assert.isAtMost((yield* pull).length, 50)
        yield* pull
      }))

    it.effect("fails with Corrupt at an invalid frame, and with Failed if the iterator throws", () =>
      Effect.gen(function*() {
        for (const bad of [{ data: packet(1).data, samples: 480 }, { data: new Uint8Array(0), samples: 960 }]) {
          const result = yield* play(AudioSource.fromFrames([packet(1), packet(2), bad, packet(3)]))
          assert.deepStrictEqual([result.end, result.positionMs, result.frames.length], ["Corrupt", 40, 2])
        }
        const throwing = {
          *[Symbol.iterator](): Generator<Packet> {
            throw new Error("no more tape")
          }
        }
        const { pull } = yield* openOpus(AudioSource.fromFrames(throwing))
        const error = yield* Effect.flip(pull)
        assert.isFalse(Cause.isDone(error))
        if (!Cause.isDone(error)) assert.match(error.message, /Failed.*no more tape/)
      }))
  })
})
