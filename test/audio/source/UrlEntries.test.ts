import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import * as AudioSource from "../../../src/audio/AudioSource.ts"

const song = readFileSync(new URL("../files/chirp.opus.ogg", import.meta.url))

const answers: Record<string, () => Response> = {
  "/lists/album.m3u": () =>
    new Response("#EXTM3U\n#EXTINF:3,First\n1.ogg\nfile:///etc/hostname\n../2.ogg\nhttps://b.invalid/3.ogg?a=1\n"),
  "/stations.pls": () => new Response("[playlist]\nFile2=/two\nTitle2=Two\nFile1=/one\n"),
  "/bare": () => new Response("one\ntwo\n", { headers: { "content-type": "audio/x-mpegurl" } }),
  "/radio.xspf": () =>
    new Response("<playlist>\n<trackList><track><location>/x</location></track></trackList></playlist>"),
  "/plain.m3u": () => new Response("one\n", { headers: { "content-type": "text/plain" } }),
  "/none.m3u": () => new Response("#EXTM3U\n"),
  "/song.ogg": () => new Response(song),
  "/stream.m3u8": () => new Response("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n1.ts\n#EXT-X-ENDLIST\n"),
  "/page": () => new Response("<!doctype html>\n<a href=song.ogg>", { headers: { "content-type": "text/html" } })
}

/** The entries of a playlist. Checks that its request was aborted afterwards. */
const entriesOf = Effect.fnUntraced(function*(path: string, origin = "http://a.invalid") {
  const signals: Array<AbortSignal> = []
  const fetch: AudioSource.Fetch = async (url, { signal }) => {
    signals.push(signal)
    return answers[new URL(url).pathname]?.() ?? new Response("", { status: 404 })
  }
  const entries = yield* AudioSource.entriesOf(`${origin}${path}`, { fetch })
  assert.deepStrictEqual(signals.map(({ aborted }) => aborted), [true])
  return entries
})

describe("entriesOf", () => {
  it.effect("returns all HTTP and HTTPS entries of a playlist, in its order", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* entriesOf("/lists/album.m3u"), [
        { url: "http://a.invalid/lists/1.ogg", title: "First" },
        { url: "http://a.invalid/2.ogg", title: undefined },
        { url: "https://b.invalid/3.ogg?a=1", title: undefined }
      ])
      assert.deepStrictEqual(yield* entriesOf("/stations.pls"), [
        { url: "http://a.invalid/one", title: undefined },
        { url: "http://a.invalid/two", title: "Two" }
      ])
      assert.strictEqual((yield* entriesOf("/bare"))?.length, 2)
      assert.deepStrictEqual(yield* entriesOf("/radio.xspf"), [{ url: "http://a.invalid/x", title: undefined }])
      assert.deepStrictEqual(yield* entriesOf("/plain.m3u"), [{ url: "http://a.invalid/one", title: undefined }])
      assert.deepStrictEqual(yield* entriesOf("/none.m3u"), [])
    }))

  it.effect("returns undefined for audio, HLS streams and pages", () =>
    Effect.gen(function*() {
      for (const path of ["/song.ogg", "/stream.m3u8", "/page"]) assert.isUndefined(yield* entriesOf(path), path)
    }))

  it.effect("keeps the user and password of the playlist for entries of the same origin only", () =>
    Effect.gen(function*() {
      const entries = yield* entriesOf("/lists/album.m3u", "http://me:secret@a.invalid")
      assert.deepStrictEqual(entries?.map(({ url }) => url), [
        "http://me:secret@a.invalid/lists/1.ogg",
        "http://me:secret@a.invalid/2.ogg",
        "https://b.invalid/3.ogg?a=1"
      ])
    }))

  it.effect("fails as fromUrl does", () =>
    Effect.gen(function*() {
      const fetch: AudioSource.Fetch = async () => new Response("", { status: 404 })
      const { reason } = yield* Effect.flip(AudioSource.entriesOf("http://a.invalid/", { fetch }))
      assert.deepInclude(reason, { _tag: "SourceFailed", kind: "NotFound" })
    }))

  it.effect("waits half a minute for a playlist that trickles in", () =>
    Effect.gen(function*() {
      const wanted = yield* Queue.unbounded<() => void>()
      const fetch: AudioSource.Fetch = async () =>
        new Response(
          new ReadableStream({
            pull: (controller) =>
              new Promise<void>((resolve) =>
                void Queue.offerUnsafe(wanted, () => {
                  controller.enqueue(new TextEncoder().encode("#EXTM3U\nhttp://a.invalid/a\n"))
                  resolve()
                })
              )
          })
        )
      const reading = yield* Effect.flip(AudioSource.entriesOf("http://a.invalid/a.m3u", { fetch })).pipe(
        Effect.forkScoped({ startImmediately: true })
      )
      let seconds = 0
      const trickle = Effect.gen(function*() {
        while (seconds < 600) {
          const give = yield* Queue.take(wanted)
          yield* Effect.sync(give)
          seconds += 9
          yield* TestClock.adjust("9 seconds")
        }
        return undefined
      })
      const error = yield* Effect.raceFirst(Fiber.join(reading), trickle)
      assert.deepInclude(error?.reason, { _tag: "SourceFailed", kind: "Failed" })
      assert.include(error?.message, "its playlist did not arrive within 30 s")
      assert.isAtMost(seconds, 36)
    }).pipe(Effect.scoped))
})
