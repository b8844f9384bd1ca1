import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, Stream } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import { song } from "../httpServer.ts"
import { collect } from "../listen.ts"

const quick = { reconnect: Schedule.spaced("5 millis").pipe(Schedule.upTo({ times: 4 })) } as const

type Asked = AudioSource.FetchRequest & { readonly url: string }

/** A simulated network that records each request. */
const network = (answer: (asked: Asked, turn: number) => Response | Promise<Response>) => {
  const asked: Array<Asked> = []
  const fetch: AudioSource.Fetch = async (url, request) => {
    asked.push({ ...request, url })
    return answer({ ...request, url }, asked.length - 1)
  }
  return { asked, fetch }
}

const at = (response: Response, url: string) => Object.defineProperty(response, "url", { value: url })

/** A part of a file, or all of it. */
const partOf = (body: Uint8Array, { headers }: Asked, cut = Infinity) => {
  const [, start = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers["range"] ?? "") ?? []
  const end = last === "" ? body.length : Number(last) + 1
  return new Response(body.slice(Number(start), Math.min(end, Number(start) + cut)), {
    status: 206,
    headers: { "content-range": `bytes ${start}-${end - 1}/${body.length}`, etag: "\"one\"" }
  })
}

const whole = Effect.map(collect(AudioSource.fromBytes(song)), ({ frames }) => frames)

describe("a custom fetch", () => {
  it.live("receives every request, with a range, also after a cut and for a seek", () =>
    Effect.gen(function*() {
      const { asked, fetch } = network((one, turn) => partOf(song, one, turn === 0 ? 20_000 : Infinity))
      const url = "http://me:secret@radio.invalid/song.ogg?key=1"
      const source = AudioSource.fromUrl(url, { ...quick, fetch, headers: { "X-Own": "yes" } })
      const played = yield* collect(source)
      assert.strictEqual(played.end, "Done", played.message)
      assert.deepStrictEqual(played.frames, yield* whole)
      assert.strictEqual((yield* collect(source, { seekMs: 2_010 })).soughtMs, 2_000)
      const [first] = asked
      assert.strictEqual(first?.url, "http://radio.invalid/song.ogg?key=1")
      assert.deepInclude(first?.headers, {
        "accept-encoding": "identity",
        authorization: `Basic ${Buffer.from("me:secret").toString("base64")}`,
        range: "bytes=0-",
        "x-own": "yes"
      })
      assert.strictEqual(first?.redirect, "follow")
      const again = asked.find(({ headers }) => headers["range"] === "bytes=20000-")
      assert.strictEqual(again?.headers["if-range"], "\"one\"")
    }))

  it.live("is used for playlists, redirects and the reconnects to a station", () =>
    Effect.gen(function*() {
      const { asked, fetch } = network(({ url }, turn) => {
        if (url.endsWith("/radio")) {
          return at(new Response("#EXTM3U\nstreams/one.pls\n"), "http://other.invalid/lists/radio.m3u")
        }
        if (url.endsWith(".pls")) {
          return new Response("[playlist]\nFile1=http://third.invalid/live\n")
        }
        return turn > 2 && turn < 5
          ? new Response("", { status: 503 })
          : new Response(song.slice(0, 30_000), { headers: { "icy-name": "Radio" } })
      })
      const source = AudioSource.fromUrl("http://radio.invalid/radio", { ...quick, fetch })
      const played = yield* collect(source, { limitMs: 4_500 })
      assert.strictEqual(played.end, "Done", played.message)
      assert.deepInclude(played.tags, { "icy-name": "Radio" })
      assert.isTrue(played.live)
      assert.deepStrictEqual(asked.slice(0, 3).map(({ url }) => url), [
        "http://radio.invalid/radio",
        "http://other.invalid/lists/streams/one.pls",
        "http://third.invalid/live"
      ])
      assert.isAbove(asked.filter(({ url }) => url === "http://radio.invalid/radio").length, 1)
    }))

  it.live("is called again if it throws or rejects, as after a failed connection", () =>
    Effect.gen(function*() {
      const { asked, fetch } = network((one, turn) => {
        if (turn === 0) throw new TypeError("fetch failed")
        return turn === 1 ? Promise.reject(new Error("the proxy is away")) : partOf(song, one)
      })
      const played = yield* collect(AudioSource.fromUrl("http://radio.invalid/a", { ...quick, fetch }))
      assert.strictEqual(played.end, "Done", played.message)
      assert.isAtLeast(asked.length, 3)
      const away = network(() => Promise.reject(new Error("http://proxy.invalid/?key=1 is away")))
      const failed = yield* collect(AudioSource.fromUrl("http://radio.invalid/a", { ...quick, fetch: away.fetch }))
      assert.strictEqual(failed.end, "Failed")
      assert.include(failed.message, "the connection failed: http://proxy.invalid/ is away")
      assert.lengthOf(away.asked, 5)
    }))

  it.live("may reject with an error that is its own cause", () =>
    Effect.gen(function*() {
      const error = new Error("a proxy of ours")
      error.cause = error
      const { fetch } = network(() => Promise.reject(error))
      const failed = yield* Effect.scoped(AudioSource.fromUrl("http://radio.invalid/a", { ...quick, fetch }).open).pipe(
        Effect.flip
      )
      assert.include(failed.message, "a proxy of ours")
    }))

  it.live("fails without a retry if its response cannot be read", () =>
    Effect.gen(function*() {
      const read = new Response(Uint8Array.from(song))
      read.body?.getReader()
      // as plain JavaScript might return
      const odd: ReadonlyArray<unknown> = [read, undefined, { status: 200, body: {} }]
      for (const answer of odd) {
        let asked = 0
        const fetch: AudioSource.Fetch = () => {
          asked++
          return Promise.resolve(answer as Response)
        }
        const { end, message } = yield* collect(AudioSource.fromUrl("http://radio.invalid/a", { ...quick, fetch }))
        assert.strictEqual(end, "Failed")
        assert.include(message, "its response cannot be read")
        assert.strictEqual(asked, 1)
      }
    }))

  it.live("is not called with an invalid header", () =>
    Effect.gen(function*() {
      const { asked, fetch } = network((one) => partOf(song, one))
      const headers = { "x-odd": "line\nbreak" }
      const { end } = yield* collect(AudioSource.fromUrl("http://radio.invalid/a", { ...quick, fetch, headers }))
      assert.strictEqual(end, "Failed")
      assert.lengthOf(asked, 0)
    }))

  it.live("is aborted through its signal when its response is no longer wanted", () =>
    Effect.gen(function*() {
      const { asked, fetch } = network(() =>
        new Response(
          new ReadableStream({ start: (controller) => controller.enqueue(Uint8Array.from(song.subarray(0, 20_000))) })
        )
      )
      yield* Effect.scoped(AudioSource.fromUrl("http://radio.invalid/a", { ...quick, fetch }).open)
      assert.isTrue(asked[0]?.signal.aborted)
      const silent = network(({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")))
        })
      )
      const source = AudioSource.fromUrl("http://radio.invalid/a", {
        reconnect: Schedule.recurs(0),
        stallTimeout: "20 millis",
        fetch: silent.fetch
      })
      const { message } = yield* collect(source)
      assert.include(message, "the server has sent nothing for")
      assert.isTrue(silent.asked[0]?.signal.aborted)
    }))

  it.live("delivers the titles on air like the built-in one", () =>
    Effect.gen(function*() {
      const title = Buffer.from("StreamTitle='A Song';".padEnd(32, "\0"))
      const body = Buffer.concat([song.subarray(0, 4_000), Buffer.of(2), title, song.subarray(4_000)])
      const { fetch } = network(() => new Response(Uint8Array.from(body), { headers: { "icy-metaint": "4000" } }))
      const opened = yield* AudioSource.fromUrl("http://radio.invalid/a", { reconnect: Schedule.recurs(0), fetch }).open
      const told = yield* Stream.runCollect(Stream.take(opened.tagChanges ?? Stream.empty, 1))
      assert.deepInclude(told[0], { title: "A Song" })
    }).pipe(Effect.scoped))
})
