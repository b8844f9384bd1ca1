import { assert, describe, it } from "@effect/vitest"
import { path as command } from "@ffmpeg-installer/ffmpeg"
import { Effect, Schedule } from "effect"
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import { collect } from "../listen.ts"
import { site } from "../sites.ts"

const options = {
  ffmpeg: { command },
  reconnect: Schedule.spaced("5 millis").pipe(Schedule.upTo({ times: 1 }))
} as const

/** A folder with songs that belong to the operator of the bot. */
const folderOf = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "strangers-"))
    for (const name of ["chirp.mp3", "chirp.m4a"]) {
      copyFileSync(fileURLToPath(new URL(`../files/${name}`, import.meta.url)), join(folder, name))
    }
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** An empty tag, which ffmpeg skips before it detects a format. */
const tag = Buffer.concat([Buffer.from("ID3\x03\0\0\0\0\0\x0a", "latin1"), Buffer.alloc(10)])

const hls = (place: string) => `#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n${place}\n#EXT-X-ENDLIST\n`

const dash = (place: string) =>
  `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static"
  mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1000"
  audioSamplingRate="48000"><BaseURL>${place}</BaseURL></Representation></AdaptationSet></Period></MPD>`

/** Files that refer to other places, and that ffmpeg would follow if allowed to. */
const lists = (mp3: string, m4a: string): Readonly<Record<string, Uint8Array>> => ({
  "HLS behind a tag": Buffer.concat([tag, Buffer.from(hls(mp3))]),
  ffconcat: Buffer.from("ffconcat version 1.0\nfile chirp.mp3\n"),
  "ffconcat behind a tag": Buffer.concat([tag, Buffer.from("ffconcat version 1.0\nfile chirp.mp3\n")]),
  DASH: Buffer.from(`<?xml version="1.0"?>${dash(m4a)}`),
  "DASH behind a tag": Buffer.concat([tag, Buffer.from(dash(m4a))]),
  "DASH that looks like an MP4": Buffer.from(`<!--free -->${dash(m4a)}`)
})

describe("a file given to ffmpeg", () => {
  it.live("makes it open nothing else, local or remote, whichever way it came in", () =>
    Effect.gen(function*() {
      const folder = yield* folderOf
      const inside = yield* site(() => ({
        "/chirp.mp3": { body: readFileSync(join(folder, "chirp.mp3")) },
        "/chirp.m4a": { body: readFileSync(join(folder, "chirp.m4a")) }
      }))
      const heard: Array<string> = []
      for (
        const [mp3, m4a] of [
          [`file://${folder}/chirp.mp3`, `file://${folder}/chirp.m4a`],
          [`${inside.url}/chirp.mp3`, `${inside.url}/chirp.m4a`]
        ] as const
      ) {
        for (const [name, bytes] of Object.entries(lists(mp3, m4a))) {
          const path = join(folder, "upload")
          writeFileSync(path, bytes)
          const outside = yield* site(() => ({ "/upload": { body: bytes } }))
          const sources = {
            fromFile: AudioSource.fromFile(path, options),
            fromBytes: AudioSource.fromBytes(bytes, options),
            fromNodeStream: AudioSource.fromNodeStream(() => Readable.from([bytes]), options),
            fromUrl: AudioSource.fromUrl(`${outside.url}/upload`, options)
          }
          for (const [way, source] of Object.entries(sources)) {
            const { end, pcm } = yield* collect(source)
            if (pcm.length > 0 || end === "Done") heard.push(`${name} by ${way}: ${mp3}`)
          }
        }
      }
      assert.deepStrictEqual(heard, [])
      assert.deepStrictEqual(inside.asked, [])
    }).pipe(Effect.scoped), 120_000)

  it.live("must be an audio format, unless the program names its format", () =>
    Effect.gen(function*() {
      const aiff = fileURLToPath(new URL("../files/chirp.alac.m4a", import.meta.url))
      const played = yield* collect(AudioSource.fromFile(aiff, options))
      assert.deepStrictEqual([played.end, played.seekable], ["Done", true], played.message)
      const raw = AudioSource.fromBytes(new Uint8Array(96_000).fill(64), {
        ffmpeg: { command, inputArgs: ["-f", "s16le", "-ar", "48000", "-ac", "1"] }
      })
      assert.strictEqual((yield* collect(raw)).pcm.length, 96_000)
    }))

  it.live("must still be HLS when it is fetched again", () =>
    Effect.gen(function*() {
      const folder = yield* folderOf
      const outside = yield* site(() => ({
        "/a.m3u8": [{ body: hls("a.ts") }, { body: dash(`file://${folder}/chirp.m4a`) }],
        "/b.m3u8": { body: hls("b.mp3") },
        "/b.mp3": { body: dash(`file://${folder}/chirp.m4a`) }
      }))
      for (const path of ["/a.m3u8", "/b.m3u8"]) {
        assert.strictEqual((yield* collect(AudioSource.fromUrl(`${outside.url}${path}`, options))).pcm.length, 0, path)
      }
    }).pipe(Effect.scoped))
})
