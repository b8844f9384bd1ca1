import { assert, describe, it } from "@effect/vitest"
import { path as realFfmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect, Stream } from "effect"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as Ffprobe from "../../../src/audio/process/Ffprobe.ts"
import { collect } from "../listen.ts"
import { site } from "../sites.ts"

const path = (name: string) => fileURLToPath(new URL(`../files/${name}`, import.meta.url))

const alac = path("chirp.alac.m4a")

const answer = {
  streams: [{
    index: 0,
    codec_type: "audio",
    duration: "0.500000",
    tags: { language: "und", vendor_id: "x", ARTIST: "B" }
  }],
  format: {
    duration: "0.750000",
    tags: {
      major_brand: "M4A ",
      title: "A Chirp",
      artist: "The Tests",
      album_artist: "All",
      track: "1/2",
      "my tag": "x"
    }
  }
}

const facts = {
  durationMs: 500,
  tags: {
    title: "A Chirp",
    artist: "The Tests",
    albumartist: "All",
    tracknumber: "1/2",
    "my tag": "x"
  }
}

/** An ffmpeg with an ffprobe next to it that runs a shell script. `asked` returns the arguments of each run. */
const programs = (script: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "ffprobe-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      const log = join(folder, "log")
      const command = join(folder, "ffmpeg")
      const probe = join(folder, "ffprobe")
      writeFileSync(command, `#!/bin/sh\nexec "${realFfmpeg}" "$@"\n`)
      // a shell starts as fast as the real ffprobe
      writeFileSync(join(folder, "answer"), JSON.stringify(answer))
      const note = `for arg in "$@"; do printf '%s\\0' "$arg" >> "${log}"; done; printf '\\001\\0' >> "${log}"`
      writeFileSync(probe, `#!/bin/sh\n${note}\nanswer="${folder}/answer"\n${script}\n`)
      for (const program of [command, probe]) chmodSync(program, 0o755)
      const asked = (): ReadonlyArray<ReadonlyArray<string>> =>
        existsSync(log)
          ? readFileSync(log, "utf8").split("\x01\0").slice(0, -1).map((line) => line.split("\0").slice(0, -1))
          : []
      return { command, probe, asked }
    }
  )

const says = "cat \"$answer\""

const told = (
  { durationMs, end, tags }: { readonly durationMs: unknown; readonly end: string; readonly tags: unknown }
) => ({
  end,
  durationMs,
  tags
})

const unknown = { end: "Done", durationMs: undefined, tags: {} }

// on a clock that stands still, the sound waits for the answer however long the programs take
describe("ffprobe", () => {
  it("is read by its schema: the stream's values take precedence, and invalid ones are unknown", () => {
    const read = (value: unknown) => Ffprobe.read(JSON.stringify(value))
    assert.deepStrictEqual(read(answer), facts)
    assert.deepStrictEqual(read({ format: { duration: "1.5" }, streams: [{}] }), { durationMs: 1_500, tags: {} })
    assert.deepStrictEqual(read({ format: { tags: { a: 1, b: null, title: "x" } } }), {
      durationMs: undefined,
      tags: { title: "x" }
    })
    for (const duration of ["N/A", "", "-1", "0", "Infinity", "1e999"]) {
      assert.isUndefined(read({ format: { duration } }).durationMs, duration)
    }
    for (
      const json of ["", "{", "null", "[]", "7", "{\"format\":7}", "{\"streams\":{}}", "{\"format\":{\"duration\":7}}"]
    ) {
      assert.deepStrictEqual(Ffprobe.read(json), { durationMs: undefined, tags: {} }, json)
    }
    assert.deepStrictEqual(read({ format: { tags: { constructor: "x", toString: "y" } } }).tags, {
      ["constructor"]: "x",
      tostring: "y"
    })
  })

  it.effect("tells the duration and tags of what ffmpeg plays, and runs once for all openings", () =>
    Effect.gen(function*() {
      const { asked, command } = yield* programs(says)
      for (
        const source of [
          AudioSource.fromFile(alac, { ffmpeg: { command } }),
          AudioSource.fromFfmpeg(alac, { command, inputArgs: ["-re"] })
        ]
      ) {
        const before = asked().length
        for (let i = 0; i < 3; i++) {
          const played = yield* collect(source, i === 2 ? { seekMs: 250 } : {})
          assert.deepStrictEqual(told(played), { end: "Done", ...facts })
          assert.closeTo(played.pcm.length / 96, i === 2 ? 250 : 500, 5)
        }
        assert.strictEqual(asked().length, before + 1)
        assert.deepStrictEqual(asked()[before]?.slice(-2), ["-i", alac])
        assert.notInclude([...(asked()[before] ?? [])], "-re")
      }
      // an MP4 from a stream is put into a file for ffmpeg, too
      const bytes = new Uint8Array(readFileSync(alac))
      const streamed = yield* collect(AudioSource.fromStream(Stream.make(bytes), { ffmpeg: { command } }))
      assert.deepStrictEqual(told(streamed), { end: "Done", ...facts })
    }).pipe(Effect.scoped))

  it.effect("receives the input options along with a URL", () =>
    Effect.gen(function*() {
      const { asked, command } = yield* programs(says)
      const server = yield* site(() => ({ "/song": { body: readFileSync(path("chirp.flac")) } }))
      const inputArgs = ["-headers", "x-player: me\r\n"]
      const played = yield* collect(AudioSource.fromFfmpeg(`${server.url}/song`, { command, inputArgs }))
      assert.deepStrictEqual(told(played), { end: "Done", ...facts })
      assert.includeMembers([...(asked()[0] ?? [])], inputArgs)
    }).pipe(Effect.scoped))

  it.effect("does not run for a device, next to an ffmpeg of another name, or if it is turned off", () =>
    Effect.gen(function*() {
      const { asked, command, probe } = yield* programs(says)
      const device = { command, inputArgs: ["-f", "lavfi"] }
      assert.strictEqual((yield* collect(AudioSource.fromFfmpeg("sine=duration=0.1", device))).end, "Done")
      for (const options of [{ command, ffprobe: false as const }, { command: realFfmpeg }]) {
        assert.deepStrictEqual(told(yield* collect(AudioSource.fromFfmpeg(alac, options))), unknown)
      }
      assert.deepStrictEqual(asked(), [])
      const named = yield* collect(AudioSource.fromFfmpeg(alac, { command: realFfmpeg, ffprobe: probe }))
      assert.deepStrictEqual(told(named), { end: "Done", ...facts })
    }).pipe(Effect.scoped))

  it.effect("causes no failure: errors, invalid or huge output, and estimates count as unknown", () =>
    Effect.gen(function*() {
      const scripts = [
        "echo Option not found >&2; exit 1",
        "echo '<html>'",
        "cat \"$answer\"; head -c 2000000 /dev/zero | tr '\\0' ' '",
        "kill -9 $$"
      ]
      for (const script of scripts) {
        const { asked, command } = yield* programs(script)
        const played = yield* collect(AudioSource.fromFile(alac, { ffmpeg: { command } }))
        assert.deepStrictEqual(told(played), unknown, script)
        assert.closeTo(played.pcm.length / 96, 500, 5)
        assert.strictEqual(asked().length, 1)
      }
      const { command } = yield* programs(
        `echo "[aac @ 0x1] Estimating duration from bitrate, this may be inaccurate" >&2; ${says}`
      )
      const guessed = yield* collect(AudioSource.fromFfmpeg(alac, { command }))
      assert.deepStrictEqual(told(guessed), { end: "Done", durationMs: undefined, tags: facts.tags })
    }).pipe(Effect.scoped))

  it.live("causes no delay: sound does not wait if it hangs, and it is ended with the source", () =>
    Effect.gen(function*() {
      const { asked, command, probe } = yield* programs(`trap '' TERM; echo $$ > "$answer.pid"; exec sleep 1000`)
      const pid = join(dirname(probe), "answer.pid")
      const source = AudioSource.fromFile(alac, { ffmpeg: { command } })
      const opened = yield* Effect.scoped(Effect.gen(function*() {
        const { durationMs, pull } = yield* source.open
        while (!existsSync(pid) || readFileSync(pid, "utf8") === "") yield* Effect.sleep("5 millis")
        // it is still running
        assert.isTrue(process.kill(Number(readFileSync(pid, "utf8")), 0))
        assert.isUndefined(durationMs)
        return yield* pull
      }))
      assert.isAbove(opened.length, 0)
      // it gave no answer, so it runs again
      assert.deepStrictEqual(told(yield* collect(source)), unknown)
      assert.isAtMost(asked().length, 2)
    }).pipe(Effect.scoped))

  it.effect("states no duration if other options may change it, unless `speed` is given", () =>
    Effect.gen(function*() {
      const { command } = yield* programs(says)
      const args = ["-af", "atempo=2"]
      const plain = yield* collect(AudioSource.fromFfmpeg(alac, { command, args }))
      assert.deepStrictEqual(told(plain), { end: "Done", durationMs: undefined, tags: facts.tags })
      const source = AudioSource.fromFfmpeg(alac, { command, args, speed: 2 })
      const twice = yield* collect(source)
      assert.deepStrictEqual(told(twice), { end: "Done", ...facts })
      assert.closeTo(twice.pcm.length / 96, 250, 30)
      assert.strictEqual((yield* source.open).speed, 2)
      const { reason } = yield* Effect.flip(AudioSource.fromFfmpeg(alac, { command, speed: 0 }).open)
      assert.strictEqual(reason._tag, "Unsupported")
    }).pipe(Effect.scoped))
})
