import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect, Schedule } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as HttpRelay from "../../../src/audio/http/HttpRelay.ts"
import { collect } from "../listen.ts"
import { type Page, site } from "../sites.ts"

const options = { ffmpeg: { command: ffmpeg }, reconnect: Schedule.recurs(1) } as const

const portOf = (url: string) => Number(new URL(url).port)

const only = (url: string) => (_: string, port: number) => port === portOf(url)

/** The song as HLS, made by ffmpeg, with a key or as parts of an MP4. */
const pieces = (...args: ReadonlyArray<string>): Record<string, Page> => {
  const folder = mkdtempSync(join(tmpdir(), "hls-"))
  const song = fileURLToPath(new URL("../files/chirp.flac", import.meta.url))
  writeFileSync(join(folder, "key"), "0123456789abcdef")
  writeFileSync(join(folder, "keys"), `key\n${join(folder, "key")}\n`)
  const { status, stderr } = spawnSync(
    ffmpeg,
    [
      "-v",
      "error",
      "-i",
      song,
      "-c:a",
      "aac",
      "-f",
      "hls",
      "-hls_time",
      "0.4",
      "-hls_list_size",
      "0",
      ...args,
      "song.m3u8"
    ],
    { cwd: folder }
  )
  assert.strictEqual(status, 0, stderr.toString())
  const pages = Object.fromEntries(
    readdirSync(folder).map((name) => [`/${name}`, { body: new Uint8Array(readFileSync(join(folder, name))) }])
  )
  rmSync(folder, { recursive: true })
  return pages
}

const list = (...lines: ReadonlyArray<string>) =>
  ["#EXTM3U", "#EXT-X-TARGETDURATION:3", ...lines, "#EXT-X-ENDLIST", ""].join("\n")

describe("HLS of public addresses", () => {
  it.live(
    "plays pieces, encrypted ones, parts of an MP4, and variants, and is sought in",
    () =>
      Effect.gen(function*() {
        for (
          const args of [[], ["-hls_key_info_file", "keys"], ["-hls_segment_type", "fmp4"], [
            "-hls_flags",
            "single_file"
          ]]
        ) {
          const server = yield* site(() => ({
            ...pieces(...args),
            "/master.m3u8": { body: "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=128000\n/song.m3u8?token=1\n" },
            ...Object.fromEntries(Object.entries(pieces(...args)).map(([path, page]) => [`${path}?token=1`, page]))
          }))
          const addresses = only(server.url)
          for (const path of ["/song.m3u8", "/master.m3u8"]) {
            const source = AudioSource.fromUrl(`${server.url}${path}`, {
              ...options,
              addresses,
              headers: { "x-player": "me" }
            })
            const played = yield* collect(source)
            assert.deepStrictEqual([played.end, played.live, played.seekable], ["Done", false, true], played.message)
            // a server of this test has no ranges
            if (!args.includes("single_file")) assert.closeTo(played.pcm.length / 96, 1_000, 60, args.join())
          }
          assert.isTrue(server.headers.every((said) => said["x-player"] === "me"))
          assert.strictEqual(server.open(), 0)
          if (args.length > 0) continue
          const sought = yield* collect(AudioSource.fromUrl(`${server.url}/song.m3u8`, { ...options, addresses }), {
            seekMs: 500
          })
          assert.closeTo(sought.pcm.length / 96, 500, 120)
        }
      }),
    120_000
  )

  it.live("says secrets to the place of the playlist only", () =>
    Effect.gen(function*() {
      const other = yield* site(() => pieces())
      const server = yield* site(() => ({
        ...pieces(),
        "/song.m3u8": { body: list("#EXTINF:1,", `${other.url}/song0.ts`, "#EXTINF:1,", "/song1.ts") }
      }))
      const url = server.url.replace("http://", "http://me:secret@")
      const played = yield* collect(AudioSource.fromUrl(`${url}/song.m3u8`, {
        ...options,
        addresses: () => true,
        headers: { cookie: "a=b", "x-player": "me" }
      }))
      assert.isAbove(played.pcm.length, 0, played.message)
      assert.deepStrictEqual(other.headers.map(({ authorization, cookie }) => [authorization, cookie]), [[
        undefined,
        undefined
      ]])
      assert.isTrue(
        server.headers.every(({ authorization, cookie }) => cookie === "a=b" && authorization !== undefined)
      )
      assert.isTrue(other.headers.every((said) => said["x-player"] === "me"))
    }))

  it.live("opens no other address, whatever names it, and nothing of this machine", () =>
    Effect.gen(function*() {
      const connections: Array<string> = []
      const raw = Net.createServer((socket) => {
        socket.on("error", () => undefined)
        socket.on("data", (bytes) => connections.push(bytes.toString()))
        connections.push("")
        socket.end()
      })
      const port = yield* Effect.acquireRelease(
        Effect.callback<number>((resume) => {
          raw.listen(0, "127.0.0.1", () => resume(Effect.succeed((raw.address() as Net.AddressInfo).port)))
        }),
        () => Effect.callback<void>((resume) => void raw.close(() => resume(Effect.void)))
      )
      const inside = `127.0.0.1:${port}`
      const all = pieces()
      const song = `${process.cwd()}/test/audio/files/chirp.aac`
      const lists: Record<string, string> = {
        piece: list("#EXTINF:1,", `http://${inside}/a.ts`),
        secure: list("#EXTINF:1,", `https://${inside}/a.ts`),
        key: list(`#EXT-X-KEY:METHOD=AES-128,URI="http://${inside}/key"`, "#EXTINF:1,", "song0.ts"),
        map: list(`#EXT-X-MAP:URI="http://${inside}/a.mp4"`, "#EXTINF:1,", "song0.ts"),
        bare: list(`#EXT-X-KEY:METHOD=AES-128,URI=http://${inside}/key`, "#EXTINF:1,", "song0.ts"),
        variant: `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://${inside}/a.m3u8\n`,
        media: `#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="http://${inside}/a.m3u8"\n` +
          `#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\n/piece.m3u8\n`,
        redirect: list("#EXTINF:1,", "/redirect.ts"),
        tcp: list("#EXTINF:1,", `tcp://${inside}`),
        proxy: list("#EXTINF:1,", `httpproxy://${inside}/a:80`),
        crypto: list("#EXTINF:1,", `crypto+http://${inside}/a.ts`),
        cache: list("#EXTINF:1,", `cache:http://${inside}/a.ts`),
        file: list("#EXTINF:1,", `file://${song}`),
        path: list("#EXTINF:1,", song),
        concat: list("#EXTINF:1,", `concat:${song}|${song}`),
        subfile: list("#EXTINF:1,", `subfile,,start,0,end,0,,:${song}`),
        nested: list("#EXTINF:1,", "/piece.m3u8"),
        zero: list("#EXTINF:1,", `a\0\nhttp://${inside}/a.ts`)
      }
      const server = yield* site(() => ({
        ...all,
        ...Object.fromEntries(Object.entries(lists).map(([name, body]) => [`/${name}.m3u8`, { body }])),
        "/redirect.ts": { status: 302, headers: { location: `http://${inside}/a.ts` } },
        // it is another thing when it is asked for again
        "/second.m3u8": [{ body: list("#EXTINF:1,", "song0.ts") }, {
          body: `ffconcat version 1.0\nfile http://${inside}/a.ts\n`
        }]
      }))
      const refused: Array<string> = []
      for (const name of [...Object.keys(lists), "second"]) {
        const source = AudioSource.fromUrl(`${server.url}/${name}.m3u8`, { ...options, addresses: only(server.url) })
        const played = yield* collect(source)
        if (played.end === "AddressRefused") refused.push(name)
        // a key that is left out leaves what it was for
        if (name !== "bare" && name !== "map") assert.strictEqual(played.pcm.length, 0, name)
      }
      assert.deepStrictEqual(connections, [])
      assert.includeMembers(refused, ["piece", "secure", "key", "variant", "media", "redirect"])
    }), 120_000)

  it.live("leaves in a playlist what has all in it, and nothing else that it cannot ask for", () =>
    Effect.gen(function*() {
      const map = "data:video/mp4;base64,AAAA"
      const server = yield* site(() => ({
        "/song.m3u8": { body: list(`#EXT-X-MAP:URI="${map}"`, "#EXTINF:1,", "mailto:a", "#EXTINF:1,", "song1.ts") }
      }))
      const options = { ask: fetch, headersTo: () => undefined }
      const relay = yield* HttpRelay.open(new URL(`${server.url}/song.m3u8`), "a", options)
      const text = yield* Effect.promise(() => fetch(relay.url).then((answer) => answer.text()))
      const { origin, pathname } = relay.url
      const [, secret] = pathname.split("/")
      const piece = Buffer.from(`${server.url}/song1.ts`).toString("base64url")
      assert.deepStrictEqual(text.split("\n"), [
        "#EXTM3U",
        "#EXT-X-TARGETDURATION:3",
        `#EXT-X-MAP:URI="${map}"`,
        "#EXTINF:1,",
        `${origin}/${secret}/none`,
        "#EXTINF:1,",
        `${origin}/${secret}/${piece}/song1.ts`,
        "#EXT-X-ENDLIST",
        ""
      ])
    }))

  it.live("is asked by nobody else, and is gone with the source", () =>
    Effect.gen(function*() {
      const server = yield* site(() => ({ "/a": { body: "a" } }))
      const url = yield* Effect.gen(function*() {
        const relay = yield* HttpRelay.open(new URL(`${server.url}/a`), "a", { ask: fetch, headersTo: () => undefined })
        const status = (path: string | URL, init?: RequestInit) =>
          Effect.promise(() => fetch(new URL(path, relay.url), init).then((answer) => answer.status))
        assert.strictEqual(yield* status(relay.url), 200)
        const encoded = relay.url.pathname.split("/")[2]
        for (const path of ["/", "/a", `/a/${encoded}/a`]) {
          assert.strictEqual(yield* status(path), 403, path)
        }
        assert.strictEqual(yield* status(relay.url, { method: "POST" }), 403)
        assert.isFalse(relay.hasRefused(), "no address was")
        return relay.url
      }).pipe(Effect.scoped)
      assert.strictEqual(yield* Effect.promise(() => fetch(url).then(() => "there", () => "gone")), "gone")
      assert.deepStrictEqual(server.asked, ["/a"])
    }))
})

describe("a playlist without end", () => {
  it.live("is cut off beyond 16 MiB", () =>
    Effect.gen(function*() {
      let given = 0
      const piece = new TextEncoder().encode(`#EXTM3U\n${"#\n".repeat(500_000)}`)
      const ask: AudioSource.Fetch = async () =>
        new Response(
          new ReadableStream({
            pull: (controller) => {
              given += piece.length
              if (given > 64 * 1024 * 1024) controller.close()
              else controller.enqueue(piece)
            }
          })
        )
      const relay = yield* HttpRelay.open(new URL("http://a.invalid/"), "a", { ask, headersTo: () => undefined })
      assert.strictEqual(yield* Effect.promise(() => fetch(relay.url).then(() => "given", () => "cut off")), "cut off")
      assert.isBelow(given, 20 * 1024 * 1024)
    }).pipe(Effect.scoped))
})

describe("rewrite", () => {
  it("leaves no address as it is", () => {
    const to = (location: string) => `<${location}>`
    const text =
      "#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI=\"k,1\",IV=0x1\n\n  a.ts  \n#EXT-X-MAP:URI=m\n#EXT-X-MEDIA:X-URI=\"x\", URI=\"y\"\n"
    assert.strictEqual(
      HttpRelay.rewrite(text, to),
      "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"<k,1>\",IV=0x1\n<a.ts>\n#EXT-X-MEDIA:X-URI=\"<x>\", URI=\"<y>\"\n"
    )
  })
})
