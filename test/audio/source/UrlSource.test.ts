import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Clock, Effect, Fiber, Queue, Schedule, Stream } from "effect"
import { TestClock } from "effect/testing"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as HttpTrouble from "../../../src/audio/http/HttpTrouble.ts"
import { collect } from "../listen.ts"
import { type Page, site } from "../sites.ts"

const file = (name: string) => readFileSync(new URL(`../files/${name}`, import.meta.url))

const song = file("chirp.opus.ogg")
const mp3 = file("chirp.mp3")

const quick = { reconnect: Schedule.spaced("5 millis").pipe(Schedule.upTo({ times: 4 })), ffmpeg: false } as const

const station: Page = { body: mp3, headers: { "icy-name": "a station" } }

describe("fromUrl of a playlist", () => {
  describe("with entries that deliver nothing", () => {
    /** The paths that are requested until it fails. Each delay is skipped. */
    const askedOf = Effect.fnUntraced(function*(
      entries: ReadonlyArray<string>,
      options: Parameters<typeof AudioSource.fromUrl>[1] = {}
    ) {
      const asked: Array<string> = []
      const failed = yield* Queue.unbounded<void>()
      const fetch: AudioSource.Fetch = async (url) => {
        asked.push(url.slice("http://a.invalid/".length))
        if (url.endsWith(".m3u")) return new Response(["#EXTM3U", ...entries].join("\n"))
        if (url.endsWith("busy")) return new Response("", { status: 503 })
        if (url.endsWith("away")) throw new TypeError("fetch failed", { cause: new Error("the network is away") })
        if (url.endsWith("missing")) return new Response("", { status: 404 })
        throw new TypeError("fetch failed", { cause: Object.assign(new Error("no"), { code: "ECONNREFUSED" }) })
      }
      const source = AudioSource.fromUrl("http://a.invalid/list.m3u", { fetch, ffmpeg: false, ...options })
      const opening = yield* source.open.pipe(
        Effect.provideService(HttpTrouble.Witness, () => void Queue.offerUnsafe(failed, undefined)),
        Effect.flip,
        Effect.forkScoped({ startImmediately: true })
      )
      const passTime = Effect.forever(Effect.andThen(Queue.take(failed), TestClock.adjust("5 seconds")))
      yield* Effect.raceFirst(Fiber.join(opening), passTime)
      return asked
    })

    it.effect("tries them four times by default, like a single address", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* askedOf(["dead"]), ["list.m3u", "dead", "dead", "dead", "dead"])
        const round = ["dead", "missing", "busy"]
        assert.deepStrictEqual(yield* askedOf(round), ["list.m3u", ...round, ...round, ...round, ...round])
      }))

    it.effect("tries them nine times if the network is down for one of them, or as often as the schedule says", () =>
      Effect.gen(function*() {
        const away = yield* askedOf(["dead", "away"])
        assert.strictEqual(away.filter((one) => one === "dead").length, 9)
        const told = yield* askedOf(["dead"], { reconnect: Schedule.recurs(6) })
        assert.strictEqual(told.filter((one) => one === "dead").length, 7)
      }))
  })

  it.live("plays its first entry, from M3U and PLS, with an absolute or a relative address", () =>
    Effect.gen(function*() {
      const server = yield* site((url) => ({
        "/radio/full.m3u": { body: `#EXTM3U\n#EXTINF:-1,The Radio\n${url}/song.ogg?q=1\n` },
        "/radio/relative.pls": { body: "[playlist]\nNumberOfEntries=1\nFile1=../plain\nTitle1=The Radio\n" },
        "/radio/bare": { body: "plain\n", headers: { "content-type": "audio/x-mpegurl" } },
        "/elsewhere": { status: 302, headers: { location: "/radio/bare" } },
        "/song.ogg?q=1": { body: song },
        "/plain": { body: mp3 },
        "/radio/plain": { body: mp3 }
      }))
      const full = yield* collect(AudioSource.fromUrl(`${server.url}/radio/full.m3u`, quick))
      assert.deepStrictEqual([full.end, full.frames.length, full.live], ["Done", 151, false], full.message)
      // the tags of the sound itself take precedence
      assert.deepInclude(full.tags, { title: "A Chirp" })
      const relative = AudioSource.fromUrl(`${server.url}/radio/relative.pls`, quick)
      assert.strictEqual(relative.name, "relative.pls")
      assert.deepInclude(yield* collect(relative), {
        end: "Done",
        pcm: (yield* collect(AudioSource.fromBytes(mp3))).pcm
      })
      // a redirect changes the base of relative addresses
      const moved = yield* collect(AudioSource.fromUrl(`${server.url}/elsewhere`, quick))
      assert.deepStrictEqual([moved.end, server.asked.at(-1)], ["Done", "/radio/plain"])
    }))

  it.live("plays entries of plain text lists, recognized by file name, and of XML lists", () =>
    Effect.gen(function*() {
      const track = `<track><title>${"T".repeat(600)}</title><location>song.ogg</location></track>`
      const server = yield* site(() => ({
        "/list.m3u?a=1": { body: "song.ogg\n", headers: { "content-type": "text/plain" } },
        "/list.xspf": { body: `<?xml version="1.0"?>\n<playlist>\n<trackList>${track}</trackList></playlist>` },
        "/list.asx": { body: `<asx><entry><ref href="/song.ogg"/></entry></asx>` },
        "/none.asx": { body: `<asx><entry><ref href="mms://a/b"/></entry></asx>` },
        "/song.ogg": { body: song }
      }))
      for (const path of ["/list.m3u?a=1", "/list.xspf", "/list.asx"]) {
        const { end, message } = yield* collect(AudioSource.fromUrl(`${server.url}${path}`, quick))
        assert.strictEqual(end, "Done", `${path}: ${message}`)
      }
      const none = yield* collect(AudioSource.fromUrl(`${server.url}/none.asx`, quick))
      assert.match(none.message, /it is a playlist \(ASX\) without http or https entries/)
    }))

  it.live("takes the entry's title if the sound has none", () =>
    Effect.gen(function*() {
      const server = yield* site(() => ({
        "/list": { body: "#EXTM3U\n#EXTINF:-1,The Radio\nwav" },
        "/wav": { body: file("chirp.aac") }
      }))
      const opened = yield* AudioSource.fromUrl(`${server.url}/list`, quick).open
      assert.deepInclude(opened.tags, { title: "The Radio" })
    }).pipe(Effect.scoped))

  it.live("skips entries that fail, is not seekable without ranges, and leaves no connection open", () =>
    Effect.gen(function*() {
      const server = yield* site(() => ({
        "/list": { body: "http://127.0.0.1:1/x\nfile:///etc/passwd\nsong\n" },
        "/song": { body: song, headers: { "content-length": `${song.length}` } }
      }))
      // the server does not support ranges
      const played = yield* collect(AudioSource.fromUrl(`${server.url}/list`, quick), { limitMs: 500 })
      assert.deepStrictEqual([played.end, played.seekable], ["Done", false], played.message)
      while (server.open() > 0) yield* Effect.sleep("10 millis")
    }))

  it.live("moves on to the next entry if one cannot be opened, and ignores entries that are not HTTP", () =>
    Effect.gen(function*() {
      const server = yield* site((url) => ({
        "/list.m3u": {
          body: `#EXTM3U\nfile:///etc/passwd\n/missing\n/page\n/empty\n/busy\nrtsp://127.0.0.1/x\n${url}/song\n/after\n`
        },
        "/page": { body: "<html>off the air</html>" },
        "/empty": { body: "" },
        "/busy": { status: 503 },
        "/song": { body: song },
        "/after": { body: mp3 }
      }))
      const played = yield* collect(AudioSource.fromUrl(`${server.url}/list.m3u`, quick))
      assert.strictEqual(played.end, "Done", played.message)
      assert.deepStrictEqual(server.asked, ["/list.m3u", "/missing", "/page", "/empty", "/busy", "/song"])
    }))

  it.live("retries all of its entries by the schedule, if that can help", () =>
    Effect.gen(function*() {
      const server = yield* site(() => ({
        "/list": { body: "#EXTM3U\na\nb\n" },
        "/a": { status: 404 },
        "/b": [{ status: 503 }, { status: 503 }, { body: song }]
      }))
      assert.strictEqual((yield* collect(AudioSource.fromUrl(`${server.url}/list`, quick))).end, "Done")
      assert.deepStrictEqual(server.asked, ["/list", "/a", "/b", "/a", "/b", "/a", "/b"])

      const down = yield* site(() => ({ "/list": { body: "#EXTM3U\na\nb\n" }, "/a": { status: 503 } }))
      const failed = yield* collect(AudioSource.fromUrl(`${down.url}/list?token=secret`, quick))
      const path = yield* collect(AudioSource.fromUrl(`${down.url}/list`, quick))
      assert.strictEqual(failed.end, "NotFound")
      assert.strictEqual(path.end, "Failed")
      assert.match(
        path.message,
        /none of the 2 entries that were tried can be opened, for example a: the server answered 503/
      )
      assert.strictEqual(down.asked.length, 1 + 1 + 2 * 5)
      assert.notInclude(failed.message, "secret")
    }))

  it.effect("tries again when the earliest `retry-after` of its entries is over", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const asked: Array<readonly [string, number]> = []
      const fetch: AudioSource.Fetch = async (url) => {
        const path = url.slice("http://a.invalid/".length)
        if (path === "list.m3u") return new Response("#EXTM3U\n5\n9\nmissing")
        asked.push([path, Math.round(clock.currentTimeMillisUnsafe() / 1_000)])
        if (path === "missing") return new Response("", { status: 404 })
        return asked.length > 5
          ? new Response(song)
          : new Response("", { status: 503, headers: { "retry-after": path } })
      }
      const opening = yield* AudioSource.fromUrl("http://a.invalid/list.m3u", { fetch, ffmpeg: false }).open.pipe(
        Effect.forkScoped({ startImmediately: true })
      )
      for (let ms = 0; ms < 30_000 && opening.pollUnsafe() === undefined; ms += 100) {
        yield* Effect.promise(() => new Promise(setImmediate))
        yield* TestClock.adjust("100 millis")
      }
      assert.strictEqual((yield* Fiber.join(opening)).format, "opus")
      const rounds = [0, 5].flatMap((at) => ["5", "9", "missing"].map((path) => [path, at] as const))
      assert.deepStrictEqual(asked, [...rounds, ["5", 10]])
    }))

  it.live("says what it is if it has no playable entry", () =>
    Effect.gen(function*() {
      const server = yield* site(() => ({
        "/empty": { body: "#EXTM3U\n" },
        "/files": { body: "#EXTM3U\nfile:///etc/passwd\nC:\\song.mp3\n" },
        "/one": { body: "#EXTM3U\nmissing\n" },
        "/self": { body: "#EXTM3U\nself\n" },
        "/many": { body: `#EXTM3U\n${"missing\n".repeat(100)}` },
        "/tree": { body: `#EXTM3U\n${"tree\n".repeat(100)}` }
      }))
      const failure = (path: string) => collect(AudioSource.fromUrl(`${server.url}${path}`, quick))
      const cases = [
        ["/empty", "Empty", /it is a playlist \(M3U\) without entries/],
        ["/files", "Unsupported", /it is a playlist \(M3U\) without http or https entries/],
        ["/one", "NotFound", /the entry missing: the server answered 404/],
        ["/self", "Unsupported", /it is a playlist \(M3U\), nested more than 3 levels deep/],
        ["/many", "NotFound", /none of the 16 entries/],
        ["/tree", "Unsupported", /nested more than 3 levels deep/]
      ] as const
      for (const [path, end, message] of cases) {
        const before = server.asked.length
        const played = yield* failure(path)
        assert.strictEqual(played.end, end, path)
        assert.match(played.message, message)
        assert.isAtMost(server.asked.length - before, 17, path)
      }
      const nested = yield* site(() => ({
        "/1": { body: "#EXTM3U\n2" },
        "/2": { body: "[playlist]\nFile1=3" },
        "/3": { body: "http://[broken\n4" },
        "/4": { body: song }
      }))
      assert.strictEqual((yield* collect(AudioSource.fromUrl(`${nested.url}/1`, quick))).end, "Done")
    }))

  it.live("reads at most 64 KiB of it", () =>
    Effect.gen(function*() {
      const server = yield* site(() => ({
        "/list": { body: `#EXTM3U\nsong\n${"# and so on\n".repeat(10_000)}`, isEndless: true },
        "/song": { body: song }
      }))
      yield* AudioSource.fromUrl(`${server.url}/list`, quick).open
      // the playlist's connection is not kept while its entry plays
      while (server.open() > 0) yield* Effect.sleep("10 millis")
    }).pipe(Effect.scoped))

  it.live("reconnects to a station through the playlist, which may name another address by then", () =>
    Effect.gen(function*() {
      const server = yield* site(() => ({
        "/list": [{ body: "#EXTM3U\none" }, { status: 503 }, { body: "#EXTM3U\ntwo" }],
        "/one": station,
        "/two": station
      }))
      const played = yield* collect(AudioSource.fromUrl(`${server.url}/list`, quick), { limitMs: 5_000 })
      assert.deepStrictEqual([played.end, played.live], ["Done", true], played.message)
      assert.deepStrictEqual(server.asked, ["/list", "/one", "/list", "/list", "/two"])
      const plain = yield* site(() => ({ "/list": { body: "#EXTM3U\none" }, "/one": { body: mp3 } }))
      const live = yield* collect(AudioSource.fromUrl(`${plain.url}/list`, { ...quick, live: true }), {
        limitMs: 5_000
      })
      assert.deepStrictEqual([live.end, live.live], ["Done", true])
    }))

  it.live("sends headers, user and password to the same origin only", () =>
    Effect.gen(function*() {
      const other = yield* site(() => ({ "/song": { body: song }, "/list": { body: "#EXTM3U\nsong" } }))
      const server = yield* site((url) => ({
        "/list": { body: "here\n", headers: { "content-type": "audio/mpegurl" } },
        "/away": { body: `#EXTM3U\n${other.url}/song` },
        "/full": { body: `#EXTM3U\n${url}/here` },
        "/moved": { status: 302, headers: { location: `${other.url}/list` } },
        "/here": { body: song }
      }))
      const headers = { "authorization": "Bearer mine", "Cookie": "a=b", "x-player": "me" }
      for (const path of ["/list", "/away", "/full"]) {
        const source = AudioSource.fromUrl(`${server.url}${path}`, { ...quick, headers })
        assert.strictEqual((yield* collect(source)).end, "Done")
      }
      for (const said of server.headers) {
        assert.deepInclude(said, { "authorization": "Bearer mine", "cookie": "a=b", "x-player": "me" })
      }
      assert.deepStrictEqual(
        other.headers.map((said) => [said.authorization, said.cookie, said["x-player"]]),
        [[undefined, undefined, "me"]]
      )
      const secret = server.url.replace("http://", "http://bob:hunter2@")
      yield* collect(AudioSource.fromUrl(`${secret}/list`, quick))
      assert.strictEqual(server.headers.at(-1)?.authorization, `Basic ${btoa("bob:hunter2")}`)
      yield* collect(AudioSource.fromUrl(`${secret}/away`, quick))
      assert.strictEqual((yield* collect(AudioSource.fromUrl(`${secret}/moved`, quick))).end, "Done")
      assert.deepStrictEqual(other.asked, ["/song", "/song", "/list", "/song"])
      assert.isTrue(other.headers.every(({ authorization }) => authorization === undefined))
    }))

  it.live("recognizes audio, whatever its content type says", () =>
    Effect.gen(function*() {
      const server = yield* site(() => ({ "/song": { body: song, headers: { "content-type": "audio/x-mpegurl" } } }))
      assert.strictEqual((yield* collect(AudioSource.fromUrl(`${server.url}/song`, quick))).end, "Done")
    }))
})

/** The song as HLS, made by ffmpeg. */
const pieces = (): Record<string, Page> => {
  const folder = mkdtempSync(join(tmpdir(), "hls-"))
  const { status, stderr } = spawnSync(ffmpeg, [
    "-v",
    "error",
    "-i",
    fileURLToPath(new URL("../files/chirp.flac", import.meta.url)),
    "-c:a",
    "aac",
    "-f",
    "hls",
    "-hls_time",
    "0.4",
    "-hls_list_size",
    "0",
    join(folder, "song.m3u8")
  ])
  assert.strictEqual(status, 0, stderr.toString())
  const pages = Object.fromEntries(
    readdirSync(folder).map((name) => [`/${name}`, { body: new Uint8Array(readFileSync(join(folder, name))) }])
  )
  rmSync(folder, { recursive: true })
  return pages
}

describe("fromUrl of HLS", () => {
  const withFfmpeg = { ...quick, ffmpeg: { command: ffmpeg } }

  it.live("plays through ffmpeg, with the headers, and seeks", () =>
    Effect.gen(function*() {
      const server = yield* site(() => ({
        ...pieces(),
        "/master.m3u8": { body: "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=128000\nsong.m3u8\n" },
        "/list.m3u": { body: "#EXTM3U\nsong.m3u8\n" }
      }))
      for (const path of ["/song.m3u8", "/master.m3u8", "/list.m3u"]) {
        const source = AudioSource.fromUrl(`${server.url}${path}`, { ...withFfmpeg, headers: { "x-player": "me" } })
        const played = yield* collect(source)
        assert.deepStrictEqual([played.end, played.live, played.seekable], ["Done", false, true], played.message)
        assert.closeTo(played.pcm.length / 96, 1_000, 60)
      }
      assert.isTrue(server.headers.every((said) => said["x-player"] === "me"))
      const sought = yield* collect(AudioSource.fromUrl(`${server.url}/song.m3u8`, withFfmpeg), { seekMs: 500 })
      assert.closeTo(sought.pcm.length / 96, 500, 120)
    }))

  it.live(
    "is live if its end is not marked, also behind variants, and is reconnected",
    () =>
      Effect.gen(function*() {
        const server = yield* site(() => {
          const all = pieces()
          const body = Buffer.from(all["/song.m3u8"]?.body ?? "").toString()
          const live = { body: body.replace("#EXT-X-ENDLIST", "") }
          return {
            ...all,
            "/live.m3u8": live,
            "/master.m3u8": { body: "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=128000\nlive.m3u8\n" }
          }
        })
        for (const path of ["/live.m3u8", "/master.m3u8"]) {
          const played = yield* collect(AudioSource.fromUrl(`${server.url}${path}`, withFfmpeg), { limitMs: 300 })
          assert.deepStrictEqual(
            [played.end, played.live, played.seekable, played.durationMs],
            ["Done", true, false, undefined],
            played.message
          )
        }
        const source = AudioSource.fromUrl(`${server.url}/song.m3u8`, { ...withFfmpeg, live: true })
        const again = yield* collect(source, { limitMs: 1_500 })
        assert.deepStrictEqual([again.end, again.live], ["Done", true], again.message)
      })
  )

  it.live("opens no local files", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "hls-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
      )
      writeFileSync(join(folder, "song.aac"), file("chirp.aac"))
      const server = yield* site(() => ({
        "/evil.m3u8": {
          body: `#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://${folder}/song.aac\n#EXT-X-ENDLIST\n`
        }
      }))
      const played = yield* collect(AudioSource.fromUrl(`${server.url}/evil.m3u8`, withFfmpeg))
      assert.strictEqual(played.pcm.length, 0)
      assert.strictEqual(played.end, "Failed")
    }).pipe(Effect.scoped))

  it.live("says that ffmpeg is needed if it is missing, and moves on to the next entry", () =>
    Effect.gen(function*() {
      const hls = { body: "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\na.ts\n" }
      const server = yield* site(() => ({
        "/song.m3u8": hls,
        "/list": { body: "#EXTM3U\nsong.m3u8\nsong" },
        "/song": { body: song }
      }))
      const missing = { ...quick, ffmpeg: { command: "no-such-ffmpeg" } }
      const played = yield* collect(AudioSource.fromUrl(`${server.url}/song.m3u8`, missing))
      assert.strictEqual(
        played.message,
        "The audio source song.m3u8 failed (Unsupported): it is a playlist (HLS), which requires ffmpeg: " +
          "no-such-ffmpeg was not found on the PATH."
      )
      const off = yield* collect(AudioSource.fromUrl(`${server.url}/song.m3u8`, quick))
      assert.strictEqual(off.end, "Unsupported")
      assert.match(off.message, /which requires ffmpeg, but the option `ffmpeg` turns that off/)
      for (const options of [quick, missing]) {
        assert.strictEqual((yield* collect(AudioSource.fromUrl(`${server.url}/list`, options))).end, "Done")
      }
    }))
})

describe("a playlist that is not opened by URL", () => {
  it.live("says what it is and what plays it, with or without ffmpeg", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "list-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
      )
      const cases = [
        ["M3U", "#EXTM3U\nhttp://a/b"],
        ["M3U", "http://a/b\n"],
        ["PLS", "[playlist]\nFile1=http://a/b"],
        ["HLS", "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\na.ts"],
        ["XSPF", "<?xml version=\"1.0\"?>\n<playlist><trackList></trackList></playlist>"],
        ["ASX", "<asx version=\"3.0\"></asx>"]
      ] as const
      for (const [kind, text] of cases) {
        const path = join(folder, "list")
        writeFileSync(path, text)
        const bytes = new TextEncoder().encode(text)
        for (const options of [{ ffmpeg: false as const }, { ffmpeg: { command: ffmpeg } }]) {
          for (
            const source of [
              AudioSource.fromFile(path, options),
              AudioSource.fromBytes(bytes, { ...options, name: "list" }),
              AudioSource.fromStream(Stream.make(bytes.slice(0, 3), bytes.slice(3)), { ...options, name: "list" })
            ]
          ) {
            const { message } = yield* collect(source)
            assert.strictEqual(
              message,
              `The audio source list failed (Unsupported): it is a playlist (${kind}), not audio: ` +
                "use AudioSource.fromUrl with the URL of the playlist."
            )
          }
        }
      }
    }).pipe(Effect.scoped))
})
