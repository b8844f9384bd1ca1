import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Queue, Result, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import { generate } from "selfsigned"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as HttpSource from "../../../src/audio/http/HttpSource.ts"
import * as HttpTrouble from "../../../src/audio/http/HttpTrouble.ts"
import type { VoiceError } from "../../../src/VoiceError.ts"
import { serve, song } from "../httpServer.ts"
import { collect } from "../listen.ts"
import { listen } from "../listening.ts"
import { site } from "../sites.ts"

const mp3 = readFileSync(new URL("../files/chirp.mp3", import.meta.url))
const m4a = readFileSync(new URL("../files/chirp.m4a", import.meta.url))

const quick = {
  reconnect: Schedule.spaced("5 millis").pipe(Schedule.upTo({ times: 4 })),
  stallTimeout: "5 seconds"
} as const

/** For servers that stall. */
const hasty = { ...quick, stallTimeout: "200 millis" } as const

const whole = Effect.map(collect(AudioSource.fromBytes(song)), ({ frames }) => frames)

describe("fromUrl", () => {
  it.live("plays, knows its duration and tags, and has a name without secrets", () =>
    Effect.gen(function*() {
      const server = yield* serve({})
      const source = AudioSource.fromUrl(server.url)
      assert.strictEqual(source.name, "a song.ogg")
      const played = yield* collect(source)
      assert.strictEqual(played.end, "Done", played.message)
      assert.deepStrictEqual(played.frames, yield* whole)
      assert.strictEqual(played.durationMs, 3000)
      assert.deepInclude(played.tags, { title: "A Chirp" })
    }))

  it.live("refuses an invalid stall timeout instead of blaming the server", () =>
    Effect.gen(function*() {
      const server = yield* serve({})
      for (const stallTimeout of [NaN, -1, 0]) {
        const { end, message } = yield* collect(AudioSource.fromUrl(server.url, { ...quick, stallTimeout }))
        assert.strictEqual(end, "Unsupported")
        assert.match(message, /A stall timeout of/)
      }
      const { end } = yield* collect(AudioSource.fromUrl(server.url, { ...quick, stallTimeout: Infinity }))
      assert.strictEqual(end, "Done")
    }))

  it.live("seeks with range requests, in Ogg and in an MP4 with its index at the end", () =>
    Effect.gen(function*() {
      const server = yield* serve({})
      const played = yield* collect(AudioSource.fromUrl(server.url, quick), { seekMs: 2010 })
      assert.deepStrictEqual([played.end, played.soughtMs], ["Done", 2000])
      assert.deepStrictEqual(played.frames, (yield* whole).slice(100))
      const other = yield* serve({ body: m4a })
      const decoded = yield* collect(AudioSource.fromUrl(other.url, quick), { seekMs: 1000 })
      assert.deepStrictEqual([decoded.end, decoded.soughtMs, decoded.pcm.length], ["Done", 1000, 2 * 96_000])
    }))

  for (const ranges of [true, false]) {
    it.live(`resumes where it was when the connection drops, ${ranges ? "with a range" : "by rereading without ranges"}`, () =>
      Effect.gen(function*() {
        const server = yield* serve({ ranges, cuts: [20_000, 33_000] })
        const played = yield* collect(AudioSource.fromUrl(server.url, quick))
        assert.strictEqual(played.end, "Done", played.message)
        assert.deepStrictEqual(played.frames, yield* whole)
        assert.strictEqual(played.seekable, ranges)
        if (ranges) assert.include(server.asked, "bytes=20000-")
      }))
  }

  for (const ranges of [true, false]) {
    it.live(`plays a response that is compressed against its request, from a server ${ranges ? "with" : "without"} ranges`, () =>
      Effect.gen(function*() {
        // at this level, the compressed form is longer than the content
        const body = gzipSync(song, { level: 0 })
        const server = yield* serve({ body, ranges, headers: { "content-encoding": "gzip" }, cuts: [20_000] })
        const played = yield* collect(AudioSource.fromUrl(server.url, quick))
        assert.strictEqual(played.end, "Done", played.message)
        assert.deepStrictEqual(played.frames, yield* whole)
        assert.isFalse(played.seekable)
        assert.deepStrictEqual(server.asked, ["bytes=0-", "bytes=0-"])
      }))
  }

  it.live("replaces a connection that stalls", () =>
    Effect.gen(function*() {
      const server = yield* serve({ cuts: [10_000], atCut: "stall", ranges: false })
      const played = yield* collect(AudioSource.fromUrl(server.url, hasty))
      assert.strictEqual(played.end, "Done", played.message)
      assert.deepStrictEqual(played.frames, yield* whole)
    }))

  it.live("gives up when the schedule ends, says why, and plays what came before", () =>
    Effect.gen(function*() {
      const dropping = yield* serve({ ranges: false, cuts: Array.from({ length: 50 }, () => 30_000) })
      const dropped = yield* collect(AudioSource.fromUrl(dropping.url, quick))
      assert.strictEqual(dropped.end, "Failed")
      assert.match(dropped.message, /cut at byte 30000 of 60847|cut/)
      assert.isAbove(dropped.frames.length, 50)
      assert.strictEqual(dropping.asked.length, 5)
      const stalling = yield* serve({ ranges: false, cuts: Array.from({ length: 50 }, () => 30_000), atCut: "stall" })
      const stalled = yield* collect(AudioSource.fromUrl(stalling.url, hasty))
      assert.match(stalled.message, /sent nothing for 0\.\d s/)
    }))

  it.live("does not continue in different content", () =>
    Effect.gen(function*() {
      for (const ranges of [true, false]) {
        const server = yield* serve({ ranges, cuts: [20_000] })
        const source = AudioSource.fromUrl(server.url, quick)
        const opening = Effect.map(source.open, (opened) => {
          server.conduct.etag = "\"two\""
          server.conduct.body = Buffer.concat([song.subarray(0, 50_000), mp3])
          return opened
        })
        const played = yield* collect({ name: "it", open: opening })
        assert.deepStrictEqual([played.end, played.frames.length > 20], ["Failed", true])
        assert.match(played.message, /changed on the server/)
      }
    }))

  describe("tries an address that delivers nothing", () => {
    /** The address of a server that was there a moment ago. */
    const nowhere = Effect.map(Effect.scoped(serve({})), ({ url }) => url)

    /** Counts the attempts until it fails. Each delay is skipped. */
    const triesOf = Effect.fnUntraced(function*(url: string, options: HttpSource.UrlOptions, why: RegExp) {
      const failures: Array<VoiceError> = []
      const failed = yield* Queue.unbounded<void>()
      const reading = Effect.gen(function*() {
        const { next } = yield* HttpSource.open(url, options)
        while ((yield* next) !== undefined) yield* Effect.void
        return assert.fail("it was read to its end")
      })
      const opening = yield* reading.pipe(
        Effect.provideService(HttpTrouble.Witness, (error) => {
          failures.push(error)
          Queue.offerUnsafe(failed, undefined)
        }),
        Effect.flip,
        Effect.forkScoped({ startImmediately: true })
      )
      const passTime = Effect.forever(Effect.andThen(Queue.take(failed), TestClock.adjust("5 seconds")))
      const { message } = yield* Effect.raceFirst(Fiber.join(opening), passTime)
      assert.match(message, why)
      return failures.length
    })

    it.effect("four times by default, which takes a second and a half", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* triesOf(yield* nowhere, {}, /ECONNREFUSED/), 4)
        const broken = yield* serve({ status: Array.from({ length: 20 }, () => 500) })
        assert.strictEqual(yield* triesOf(broken.url, {}, /answered 500/), 4)
      }))

    it.effect("nine times if something came before, or if the network is down", () =>
      Effect.gen(function*() {
        const answers = [new Response(new ReadableStream({ pull: (body) => body.error(new Error("gone")) }))]
        const fetch: AudioSource.Fetch = async () => answers.pop() ?? new Response("", { status: 500 })
        assert.strictEqual(yield* triesOf("http://a.invalid/", { fetch }, /answered 500/), 9)
        const away: AudioSource.Fetch = async () => {
          throw new TypeError("fetch failed", { cause: Object.assign(new Error("no"), { code: "ENETUNREACH" }) })
        }
        assert.strictEqual(yield* triesOf("http://a.invalid/", { fetch: away }, /no/), 9)
      }))

    it.effect("only once if fetch blocks its port", () =>
      Effect.gen(function*() {
        let tries = 0
        const { message } = yield* HttpSource.open("http://127.0.0.1:9/song.mp3", {}).pipe(
          Effect.provideService(HttpTrouble.Witness, () => {
            tries++
          }),
          Effect.flip,
          Effect.scoped
        )
        assert.include(message, "bad port")
        assert.strictEqual(tries, 1)
      }))

    it.effect("as often as the given schedule says", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* triesOf(yield* nowhere, { reconnect: Schedule.recurs(6) }, /ECONNREFUSED/), 7)
      }))
  })

  describe("waits for as long as `retry-after` says", () => {
    /**
     * When it asks, in seconds, until it is open or has failed, and the outcome. Each request gets the next of these
     * responses.
     */
    const askedBy = (answers: ReadonlyArray<Response | "song">, options: HttpSource.UrlOptions = {}) =>
      Effect.gen(function*() {
        const clock = yield* Clock.Clock
        const beganMs = clock.currentTimeMillisUnsafe()
        const asked: Array<number> = []
        const fetch: AudioSource.Fetch = async () => {
          asked.push(Math.round((clock.currentTimeMillisUnsafe() - beganMs) / 100) / 10)
          const answer = answers[asked.length - 1] ?? "song"
          return answer === "song" ? new Response(song) : answer
        }
        const opening = yield* HttpSource.open("http://a.invalid/", { fetch, ...options }).pipe(
          Effect.result,
          Effect.scoped,
          Effect.forkScoped({ startImmediately: true })
        )
        for (let ms = 0; ms < 60_000 && opening.pollUnsafe() === undefined; ms += 100) {
          yield* Effect.promise(() => new Promise(setImmediate))
          yield* TestClock.adjust("100 millis")
        }
        const result = yield* Fiber.join(opening)
        return { asked, end: Result.isSuccess(result) ? "open" : result.failure.message }
      })

    const busy = (status: number, after: string) => new Response("", { status, headers: { "retry-after": after } })

    it.effect("in seconds, or up to a date", () =>
      Effect.gen(function*() {
        const date = "Thu, 01 Jan 1970 00:00:12 GMT"
        const { asked, end } = yield* askedBy([busy(503, "5"), busy(429, date)])
        assert.deepStrictEqual([end, asked], ["open", [0, 5, 12]])
      }))

    it.effect("but not for less than the schedule says, and ignores invalid times", () =>
      Effect.gen(function*() {
        const options = { reconnect: Schedule.spaced("2 seconds") }
        const times = ["1", "0", "soon", "-1", "Wed, 31 Dec 1969 23:59:59 GMT"]
        const { asked, end } = yield* askedBy(times.map((time) => busy(503, time)), options)
        assert.deepStrictEqual([end, asked], ["open", [0, 2, 4, 6, 8, 10]])
      }))

    it.effect("but does not ask again if that is longer than the patience of its caller", () =>
      Effect.gen(function*() {
        for (const [after, patienceMs] of [["31", 30_000], ["9".repeat(400), 30_000], ["6", 5_000]] as const) {
          const { asked, end } = yield* askedBy([busy(503, after)]).pipe(
            Effect.provideService(HttpTrouble.Patience, patienceMs)
          )
          assert.lengthOf(asked, 1)
          assert.match(end, /answered 503.* asked not to be contacted again/)
        }
        const { asked, end } = yield* askedBy([busy(503, "40")]).pipe(
          Effect.provideService(HttpTrouble.Patience, 60_000)
        )
        assert.deepStrictEqual([end, asked], ["open", [0, 40]])
      }))
  })

  it.live("fails with a kind that fits the status, and retries only if that can help", () =>
    Effect.gen(function*() {
      const cases = [[404, "NotFound"], [410, "NotFound"], [401, "Unreadable"], [403, "Unreadable"], [
        418,
        "Failed"
      ]] as const
      for (const [status, kind] of cases) {
        const server = yield* serve({ status: [status] })
        const played = yield* collect(AudioSource.fromUrl(server.url, quick))
        assert.strictEqual(played.end, kind)
        assert.match(played.message, new RegExp(`answered ${status}`))
        assert.notMatch(played.message, /secret/)
        assert.strictEqual(server.asked.length, 1)
      }
      const busy = yield* serve({ status: [503, 429, 500] })
      assert.strictEqual((yield* collect(AudioSource.fromUrl(busy.url, quick))).end, "Done")
      const refused = yield* collect(AudioSource.fromUrl("http://127.0.0.1:9/x.mp3", quick))
      assert.strictEqual(refused.end, "Failed")
      assert.match(refused.message, /connection failed/)
      for (const url of ["file:///etc/passwd", "not a url", "ftp://x/y"]) {
        assert.strictEqual((yield* collect(AudioSource.fromUrl(url))).end, "Unsupported")
      }
      const empty = yield* serve({ body: Buffer.alloc(0) })
      assert.strictEqual((yield* collect(AudioSource.fromUrl(empty.url, quick))).end, "Empty")
    }))

  it.live("treats a station as live and not seekable, and ends with it", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        body: mp3,
        ranges: false,
        lengths: false,
        headers: { "icy-name": "a station" },
        cuts: [30_000]
      })
      const once = { ...quick, reconnect: Schedule.recurs(0) }
      const played = yield* collect(AudioSource.fromUrl(server.url, once))
      assert.deepStrictEqual([played.live, played.seekable, played.end], [true, false, "Failed"])
      assert.match(played.message, /connection was cut/)
      assert.isAbove(played.pcm.length, 96 * 1500)
    }))

  it.live("reports no duration for a station, even if its first bytes state one", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        body: mp3,
        ranges: false,
        lengths: false,
        headers: { "icy-name": "a station" }
      })
      const played = yield* collect(AudioSource.fromUrl(server.url, { ...quick, reconnect: Schedule.recurs(0) }))
      assert.isUndefined(played.durationMs)
      assert.lengthOf(played.pcm, 96 * 3_000)
    }))

  it.live("reconnects to a station after a cut, an end or a brief outage", () =>
    Effect.gen(function*() {
      for (const body of [mp3, song]) {
        const server = yield* serve({
          body,
          ranges: false,
          lengths: false,
          headers: { "icy-name": "a station" },
          // the second connection is ended by the station, and the third one is refused twice
          cuts: [30_000],
          status: [200, 200, 404, 503]
        })
        const played = yield* collect(AudioSource.fromUrl(server.url, quick), { limitMs: 7_000 })
        assert.strictEqual(played.end, "Done", played.message)
        const heardMs = played.pcm.length / 96 + played.frames.reduce((sum, { samples }) => sum + samples / 48, 0)
        assert.isAtLeast(heardMs, 7_000)
        assert.isAtLeast(server.asked.length, 5)
        while (server.open() > 0) yield* Effect.sleep("10 millis")
      }
    }))

  it.live("reconnects to a station that sends a page, junk or nothing meanwhile, with one request per attempt", () =>
    Effect.gen(function*() {
      const page = Buffer.from("<html>We are back soon</html>".repeat(500))
      const server = yield* serve({
        body: mp3,
        bodies: [mp3, page, Buffer.alloc(80_000, 0x5a), Buffer.alloc(0)],
        ranges: false,
        lengths: false,
        headers: { "icy-name": "a station" },
        cuts: [30_000]
      })
      // as far as the first two connections with sound go
      const played = yield* collect(AudioSource.fromUrl(server.url, quick), { limitMs: 2_500 })
      assert.strictEqual(played.end, "Done", played.message)
      assert.strictEqual(server.asked.length, 5)

      const down = yield* serve({
        body: mp3,
        ranges: false,
        lengths: false,
        headers: { "icy-name": "a station" },
        cuts: [30_000],
        status: [200, ...Array.from({ length: 50 }, () => 503)]
      })
      const ended = yield* collect(AudioSource.fromUrl(down.url, quick))
      assert.strictEqual(ended.end, "Failed")
      assert.match(ended.message, /503/)
      assert.strictEqual(down.asked.length, 1 + 4)
    }))

  it.live("gives up on a station when the schedule ends, and at once if a retry cannot help", () =>
    Effect.gen(function*() {
      const station = { body: mp3, ranges: false, lengths: false, headers: { "icy-name": "a station" } }
      const gone = yield* serve({ ...station, status: [200, 404, 404, 404, 404, 404] })
      const twice = { ...quick, reconnect: Schedule.spaced("10 millis").pipe(Schedule.upTo({ times: 2 })) }
      assert.strictEqual((yield* collect(AudioSource.fromUrl(gone.url, twice))).end, "NotFound")
      assert.strictEqual(gone.asked.length, 3)
      const closed = yield* serve({ ...station, status: [200, 403] })
      assert.strictEqual((yield* collect(AudioSource.fromUrl(closed.url, quick))).end, "Unreadable")
      assert.strictEqual(closed.asked.length, 2)
    }))

  it.live("leaves no connection open", () =>
    Effect.gen(function*() {
      const server = yield* serve({ body: Buffer.concat([song, Buffer.alloc(8_000_000)]) })
      yield* collect(AudioSource.fromUrl(server.url, quick), { limitMs: 100 })
      yield* collect(AudioSource.fromUrl(server.url, quick), { seekMs: 500, limitMs: 100 })
      while (server.open() > 0) yield* Effect.sleep("10 millis")
    }))

  it.live("sends user and password to the server, and keeps them out of error messages", () =>
    Effect.gen(function*() {
      const server = yield* serve({})
      const secret = server.url.replace("http://", "http://bob:hunter%202@")
      const played = yield* collect(AudioSource.fromUrl(secret, quick))
      assert.strictEqual(played.end, "Done")
      assert.deepStrictEqual(new Set(server.authorizations), new Set([`Basic ${btoa("bob:hunter 2")}`]))
      const own = { ...quick, headers: { authorization: "Bearer mine" } }
      yield* collect(AudioSource.fromUrl(secret, own))
      assert.strictEqual(server.authorizations.at(-1), "Bearer mine")
      server.conduct.status = [401]
      const { message } = yield* Effect.flip(Effect.scoped(AudioSource.fromUrl(secret, quick).open))
      for (const part of ["bob", "hunter", "token", "secret"]) assert.notInclude(message, part)
    }))

  it.live("does not retry with an invalid header, or against SHOUTcast without HTTP", () =>
    Effect.gen(function*() {
      const server = yield* serve({})
      const patient = { reconnect: Schedule.spaced("1 hour") }
      const wrong = { ...patient, headers: { "x-odd": "line\nbreak" } }
      const { reason } = yield* Effect.flip(Effect.scoped(AudioSource.fromUrl(server.url, wrong).open))
      assert.strictEqual(reason._tag, "SourceFailed")
      const sockets = new Set<Net.Socket>()
      const old = yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const server = Net.createServer((socket) => {
            sockets.add(socket)
            socket.write("ICY 200 OK\r\nicy-name: x\r\n\r\nabc")
          })
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) =>
          Effect.callback<void>((resume) => {
            for (const socket of sockets) socket.destroy()
            server.close(() => resume(Effect.void))
          })
      )
      // a server that listens on TCP has an address of this kind
      const { port } = old.address() as AddressInfo
      const { message } = yield* Effect.flip(
        Effect.scoped(AudioSource.fromUrl(`http://127.0.0.1:${port}/`, patient).open)
      )
      assert.include(message, "SHOUTcast")
    }))

  it.live("does not retry broken redirects, untrusted certificates, or servers without TLS", () =>
    Effect.gen(function*() {
      const certificate = yield* Effect.promise(() => generate([{ name: "commonName", value: "elsewhere" }]))
      const tls = yield* listen(Https.createServer({ key: certificate.private, cert: certificate.cert }))
      const plain = yield* serve({})
      const places: Record<string, string> = {
        "/again": "/again",
        "/files": "file:///etc/hostname",
        "/nowhere": "http://["
      }
      const redirecting = yield* listen(
        Http.createServer(({ url = "" }, response) => response.writeHead(302, { location: places[url] }).end())
      )
      const addresses: ReadonlyArray<readonly [url: string, says: string]> = [
        ...Object.keys(places).map((path) => [`${redirecting}${path}`, "redirect"] as const),
        [tls.replace("http:", "https:"), "certificate"],
        [plain.url.replace("http:", "https:"), "not TLS"]
      ]
      for (const [url, says] of addresses) {
        const source = AudioSource.fromUrl(url, { reconnect: Schedule.spaced("1 hour") })
        const { message } = yield* Effect.flip(Effect.scoped(source.open))
        assert.include(message, says)
        assert.notInclude(message, "\n")
      }
    }))

  it.live("accepts parts that are shorter than requested, and asks for the rest at once", () =>
    Effect.gen(function*() {
      for (const most of [1_000, 20_000]) {
        const server = yield* serve({ most })
        const never = { ...quick, reconnect: Schedule.spaced("1 hour") }
        const played = yield* collect(AudioSource.fromUrl(server.url, never))
        assert.deepStrictEqual([played.end, played.frames], ["Done", yield* whole])
        const other = yield* serve({ body: m4a, most })
        assert.strictEqual((yield* collect(AudioSource.fromUrl(other.url, never))).end, "Done")
      }
    }))

  it.live("gives up on a server that sends a few bytes at a time", () =>
    Effect.gen(function*() {
      for (const sizes of [true, false]) {
        const server = yield* serve({ most: 1, sizes })
        const { end, message } = yield* collect(AudioSource.fromUrl(server.url, quick))
        assert.strictEqual(end, "Failed")
        assert.match(message, /a few bytes at a time/)
        assert.isAtMost(server.asked.length, 110)
      }
      const server = yield* serve({})
      const { random } = yield* HttpSource.open(server.url, quick)
      // it is no fault of the server if no more was requested
      for (let at = 0; at < 200; at++) yield* random?.read(at, at + 1) ?? assert.fail("it has ranges")
      server.conduct.most = 2
      const { message } = yield* Effect.flip(random?.read(0, 1_000) ?? assert.fail("it has ranges"))
      assert.match(message, /a few bytes at a time/)
      assert.isAtMost(server.asked.length, 310)
    }))

  it.live("keeps asking if the server sends parts without a total size", () =>
    Effect.gen(function*() {
      const server = yield* serve({ most: 10_000, sizes: false, cuts: [10_000, 4_000] })
      const played = yield* collect(AudioSource.fromUrl(server.url, quick))
      assert.deepStrictEqual([played.end, played.frames], ["Done", yield* whole])
      assert.strictEqual(server.asked.at(-1), `bytes=${song.length}-`)
    }))

  it.live("does not keep asking for what a server has already sent", () =>
    Effect.gen(function*() {
      for (const size of ["*", `${mp3.length}`]) {
        const headers = { "content-range": `bytes 0-7999/${size}` }
        const part = { status: 206, headers, body: mp3.subarray(0, 8_000) }
        const { asked, url } = yield* site(() => ({ "/song": [part, part, part, part, { status: 403 }] }))
        const { end, message } = yield* collect(AudioSource.fromUrl(`${url}/song`, quick))
        assert.deepStrictEqual([end, asked.length], ["Failed", 2], message)
        assert.match(message, /a different part/)
      }
    }))

  it.live("accepts a part without a validator as the same content", () =>
    Effect.gen(function*() {
      const server = yield* serve({ isRepeated: false, cuts: [9_000, 9_000] })
      const played = yield* collect(AudioSource.fromUrl(server.url, quick))
      assert.deepStrictEqual([played.end, played.frames], ["Done", yield* whole])
    }))

  it.live("reads any range, seeks to any position, and only makes a request if it is not there already", () =>
    Effect.gen(function*() {
      const body = Buffer.from(Uint8Array.from({ length: 2_000_000 }, (_, i) => i % 251))
      const { length } = body
      for (const most of [Infinity, 7_000]) {
        const server = yield* serve({ body, most })
        const source = yield* HttpSource.open(server.url, quick)
        const { next, random, seek } = source
        assert(random !== undefined && seek !== undefined)
        assert.strictEqual(random.size, length)
        const parts = [[0, 1], [9_000, 20_000], [length - 5, length], [length - 5, length + 5], [-3, 4], [
          5,
          5
        ]] as const
        for (const [start, end] of parts) {
          const part = yield* random.read(start, end)
          assert.deepStrictEqual([...part], [...body.subarray(Math.max(0, start), end)], `${start} to ${end}`)
        }
        let at = 0
        for (const place of [0, 1_000, length - 10, 20_000]) {
          yield* seek(place)
          at = place
          const bytes = (yield* next) ?? new Uint8Array()
          assert.isAbove(bytes.length, 0)
          assert.deepStrictEqual([...bytes], [...body.subarray(at, at + bytes.length)])
          at += bytes.length
        }
        const { length: asked } = server.asked
        yield* seek(at)
        assert.deepStrictEqual((yield* next)?.slice(0, 1), new Uint8Array(body.subarray(at, at + 1)))
        // it is already positioned there
        if (most === Infinity) assert.strictEqual(server.asked.length, asked)
        yield* seek(length)
        assert.isUndefined(yield* next)
        assert.isUndefined(yield* next)
        yield* seek(length - 1)
        assert.deepStrictEqual(yield* next, new Uint8Array(body.subarray(-1)))
      }
    }).pipe(Effect.scoped))

  it.live("does not reconnect to a station by itself after a cut", () =>
    Effect.gen(function*() {
      const server = yield* serve({ body: mp3, ranges: false, lengths: false, cuts: [30_000] })
      const source = yield* HttpSource.open(server.url, { ...quick, live: true })
      assert.deepStrictEqual([source.live, source.random, source.seek], [true, undefined, undefined])
      const all = Effect.gen(function*() {
        while ((yield* source.next) !== undefined) { /* read to the end */ }
      })
      assert.match((yield* Effect.flip(all)).message, /the connection was cut/)
      assert.strictEqual(server.asked.length, 1)
    }).pipe(Effect.scoped))
})
