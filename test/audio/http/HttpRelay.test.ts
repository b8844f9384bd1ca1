import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect, Schedule } from "effect"
import { spawnSync } from "node:child_process"
import { createCipheriv } from "node:crypto"
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

/** The song as HLS, made by ffmpeg, for example with a key or as fragmented MP4. */
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

const dataOf = (text: string) => `data:application/vnd.apple.mpegurl;base64,${Buffer.from(text).toString("base64")}`

/** The text after an ID3v2 tag, which ffmpeg skips before it detects a format. */
const tagged = (text: string) =>
  Buffer.concat([Buffer.from("ID3\u0003\0\0\0\0\0\u0014"), Buffer.alloc(20), Buffer.from(text)])

const key = Buffer.from("0123456789abcdef")

const locked = (bytes: Uint8Array) => {
  const cipher = createCipheriv("aes-128-cbc", key, Buffer.alloc(16))
  return Buffer.concat([cipher.update(bytes), cipher.final()])
}

describe("HLS with an `addresses` rule", () => {
  it.live(
    "plays plain and encrypted segments, fragmented MP4 and variants, and seeks",
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
            // the server of this test does not support ranges
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

  it.live("sends secrets only to the origin of the playlist", () =>
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

  it.live("reconnects to a station that was heard, even if it refers to a refused address", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "hls-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      // fetches all segments, outputs a fifth of a second, and fails
      const command = join(folder, "program")
      writeFileSync(
        command,
        `#!${process.execPath}
const url = process.argv[process.argv.indexOf("-i") + 1]
const answer = await (await fetch(url)).text()
for (const line of answer.split("\\n")) if (line.startsWith("http")) await fetch(line)
process.stdout.write(Buffer.alloc(76_800), () => process.exit(1))
`,
        { mode: 0o755 }
      )
      const station = { body: "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://10.0.0.1/advertisement.ts\n" }
      // each attempt asks for it twice, once from the library and once from the program
      const server = yield* site(() => ({ "/a.m3u8": [station, station, station, station, { status: 404 }] }))
      const { end, pcm } = yield* collect(
        AudioSource.fromUrl(`${server.url}/a.m3u8`, {
          ffmpeg: { command },
          reconnect: Schedule.recurs(1),
          addresses: only(server.url)
        })
      )
      assert.deepStrictEqual([end, pcm.length], ["NotFound", 2 * 19_200])
    }).pipe(Effect.scoped))

  it.live("reveals no secret of an address in its error, not even encoded", () =>
    Effect.gen(function*() {
      const secret = "aVerySecretThing"
      const server = yield* site(() => ({
        [`/song.m3u8?ticket=${secret}`]: { body: list("#EXTINF:1,", `none.ts?ticket=${secret}`) }
      }))
      const url = `${server.url.replace("http://", `http://me:${secret}@`)}/song.m3u8?ticket=${secret}`
      const { end, message } = yield* collect(AudioSource.fromUrl(url, { ...options, addresses: () => true }))
      assert.strictEqual(end, "Failed")
      const said = (message ?? "").split(/[/\s':]+/).flatMap((
        word
      ) => [word, Buffer.from(word, "base64url").toString()])
      assert.notInclude(said.join(), secret)
    }))

  it.live("opens no refused address, whatever refers to it, and no local file", () =>
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
      /** A playlist that makes ffmpeg open something other than HTTP. */
      const behind = `#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXT-X-STREAM-INF:BANDWIDTH=1\ntcp://${inside}\n`
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
        zero: list("#EXTINF:1,", `a\0\nhttp://${inside}/a.ts`),
        data: `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${dataOf(behind)}\n`,
        dataPiece: list("#EXTINF:1,", dataOf(behind)),
        tag: list("#EXTINF:1,", "/tagged.ts"),
        tagged: list("#EXTINF:1,", "/tagged.m3u8x"),
        locked: list(`#EXT-X-KEY:METHOD=AES-128,URI="/key",IV=0x${"00".repeat(16)}`, "#EXTINF:1,", "/locked.ts"),
        lockedTag: list(`#EXT-X-KEY:METHOD=AES-128,URI="/key",IV=0x${"00".repeat(16)}`, "#EXTINF:1,", "/lockedTag.ts")
      }
      const server = yield* site(() => ({
        ...all,
        ...Object.fromEntries(Object.entries(lists).map(([name, body]) => [`/${name}.m3u8`, { body }])),
        "/key": { body: key },
        "/tagged.ts": { body: tagged(behind) },
        "/tagged.m3u8x": { body: tagged(behind) },
        "/locked.ts": { body: locked(Buffer.from(behind)) },
        "/lockedTag.ts": { body: locked(tagged(behind)) },
        "/redirect.ts": { status: 302, headers: { location: `http://${inside}/a.ts` } },
        // the second response is different
        "/second.m3u8": [{ body: list("#EXTINF:1,", "song0.ts") }, {
          body: `ffconcat version 1.0\nfile http://${inside}/a.ts\n`
        }]
      }))
      const refused: Array<string> = []
      for (const name of [...Object.keys(lists), "second"]) {
        const source = AudioSource.fromUrl(`${server.url}/${name}.m3u8`, { ...options, addresses: only(server.url) })
        const played = yield* collect(source)
        if (played.end === "AddressRefused") refused.push(name)
        // without a key or a map, the segments are still there
        if (name !== "bare" && name !== "map") assert.strictEqual(played.pcm.length, 0, name)
      }
      assert.deepStrictEqual(connections, [])
      assert.includeMembers(refused, ["piece", "secure", "key", "variant", "media", "redirect"])
    }), 120_000)

  it.live("passes on no playlist that is not rewritten, wherever it is hidden", () =>
    Effect.gen(function*() {
      const tcp = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXT-X-STREAM-INF:BANDWIDTH=1\ntcp://10.0.0.1:22\n"
      const server = yield* site(() => ({
        "/data.m3u8": { body: `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${dataOf(tcp)}\n` },
        "/tagged.m3u8": { body: tagged(tcp) }
      }))
      const ask = (path: string) =>
        Effect.gen(function*() {
          const relay = yield* HttpRelay.open(new URL(`${server.url}${path}`), "a", {
            ask: fetch,
            headersTo: () => undefined
          })
          const text = (url: string | URL) =>
            Effect.promise(() => fetch(url).then((answer) => answer.text()).catch(() => "cut off"))
          const first = yield* text(relay.url)
          const inner = first.split("\n").filter((line) => line.startsWith("http"))
          return [first, ...yield* Effect.forEach(inner, text)]
        }).pipe(Effect.scoped)
      assert.deepStrictEqual(yield* ask("/tagged.m3u8"), ["cut off"])
      const [master, variant] = yield* ask("/data.m3u8")
      assert.notInclude(master, "data:")
      assert.match(variant ?? "", /^#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp:.*\/none\n$/)
    }))

  it.live("plays with a key that is embedded in the playlist", () =>
    Effect.gen(function*() {
      const uri = `data:application/octet-stream;base64,${key.toString("base64")}`
      const server = yield* site(() => {
        const all = pieces("-hls_key_info_file", "keys")
        const list = new TextDecoder().decode(all["/song.m3u8"]?.body as Uint8Array)
        return { ...all, "/song.m3u8": { body: list.replace(/URI="[^"]*"/, `URI="${uri}"`) } }
      })
      const played = yield* collect(
        AudioSource.fromUrl(`${server.url}/song.m3u8`, { ...options, addresses: only(server.url) })
      )
      assert.strictEqual(played.end, "Done", played.message)
      assert.closeTo(played.pcm.length / 96, 1_000, 60)
      assert.notInclude(server.asked, "/key")
    }))

  it.live("answers only its own URLs, and is closed with the source", () =>
    Effect.gen(function*() {
      const server = yield* site(() => ({ "/a": { body: "a" } }))
      const url = yield* Effect.gen(function*() {
        const relay = yield* HttpRelay.open(new URL(`${server.url}/a`), "a", { ask: fetch, headersTo: () => undefined })
        const status = (path: string | URL, init?: RequestInit) =>
          Effect.promise(() => fetch(new URL(path, relay.url), init).then((answer) => answer.status))
        assert.strictEqual(yield* status(relay.url), 200)
        const sealed = relay.url.pathname.split("/")[1] ?? ""
        const plain = Buffer.from(`${server.url}/a`).toString("base64url")
        for (const path of ["/", "/a", `/a/${sealed}/a`, `/${plain}/a`, `/${sealed.slice(0, -8)}AAAAAAAA/a`]) {
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

describe("an endless playlist", () => {
  it.live("is cut off after 16 MiB", () =>
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
  it("replaces or drops every address", () => {
    const to = (location: string) => `<${location}>`
    const text =
      "#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI=\"k,1\",IV=0x1\n\n  a.ts  \n#EXT-X-MAP:URI=m\n#EXT-X-MEDIA:X-URI=\"x\", URI=\"y\"\n"
    assert.strictEqual(
      HttpRelay.rewrite(text, to),
      "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"<k,1>\",IV=0x1\n<a.ts>\n#EXT-X-MEDIA:X-URI=\"<x>\", URI=\"<y>\"\n"
    )
  })
})
