import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { readFileSync } from "node:fs"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import { song } from "../httpServer.ts"
import { collect } from "../listen.ts"
import { type Page, site } from "../sites.ts"

const mp3 = readFileSync(new URL("../files/chirp.mp3", import.meta.url))

const options = { ffmpeg: false, reconnect: Schedule.recurs(3) } as const

const portOf = (url: string) => Number(new URL(url).port)

/**
 * Two servers, of which only the outside one may be connected to. `asked` records the addresses and ports that were
 * checked.
 */
const sites = Effect.fnUntraced(function*(pages: (outside: string, inside: string) => Record<string, Page>) {
  const inside = yield* site(() => ({ "/": { body: song }, "/song.ogg": { body: song } }))
  const outside = yield* site((url) => pages(url, inside.url))
  const asked: Array<string> = []
  const addresses = (address: string, port: number) => {
    asked.push(`${address}:${port}`)
    return address === "127.0.0.1" && port === portOf(outside.url)
  }
  return { inside, outside, asked, options: { ...options, addresses } }
})

describe("isPublicAddress", () => {
  it("is true for internet addresses, and false for those that IANA reserves and for malformed ones", () => {
    for (
      const address of ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.0", "192.0.1.1", "223.255.255.255"]
    ) {
      assert.isTrue(AudioSource.isPublicAddress(address), address)
    }
    for (const address of ["2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "64:ff9b::808:808"]) {
      assert.isTrue(AudioSource.isPublicAddress(address), address)
    }
    const special = [
      "0.0.0.0",
      "0.1.2.3",
      "10.0.0.1",
      "100.64.0.1",
      "100.127.255.255",
      "100.100.100.200",
      "127.0.0.1",
      "127.255.0.1",
      "169.254.169.254",
      "168.63.129.16",
      "172.16.0.1",
      "172.31.255.255",
      "192.0.0.192",
      "192.0.2.1",
      "192.88.99.1",
      "192.168.1.1",
      "198.18.0.1",
      "198.19.255.255",
      "198.51.100.7",
      "203.0.113.7",
      "224.0.0.1",
      "239.255.255.255",
      "240.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "::ffff:127.0.0.1",
      "::ffff:7f00:1",
      "::ffff:8.8.8.8",
      "::127.0.0.1",
      "64:ff9b::7f00:1",
      "64:ff9b::a9fe:a9fe",
      "64:ff9b::10.0.0.1",
      "64:ff9b:1::1",
      "100::1",
      "2001::1",
      "2001:2::1",
      "2001:20::1",
      "2001:db8::1",
      "2002:7f00:1::1",
      "3fff::1",
      "4000::1",
      "5f00::1",
      "fc00::1",
      "fd00:ec2::254",
      "fe80::1",
      "fe80::1%eth0",
      "fec0::1",
      "ff02::1"
    ]
    for (const address of [...special, "", "localhost", "1.1.1", "0x7f.1", "2130706433", "[::1]"]) {
      assert.isFalse(AudioSource.isPublicAddress(address), address)
    }
  })
})

describe("fromUrl with an `addresses` rule", () => {
  it.live("refuses loopback, private and cloud metadata addresses in any notation, without a connection", () =>
    Effect.gen(function*() {
      const inside = yield* site(() => ({ "/": { body: song } }))
      const port = portOf(inside.url)
      const hosts = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST",

        "127.0.0.1.",
        "１２７.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "192.168.0.1",
        "100.100.100.200"
      ]
      for (const host of hosts) {
        const source = AudioSource.fromUrl(`http://${host}:${port}/`, { ...options, addresses: "public" })
        const played = yield* collect(source)
        assert.strictEqual(played.end, "AddressRefused", host)
        assert.match(played.message, /: it leads to an address that the option `addresses` does not allow\.$/)
      }
      const secure = yield* collect(
        AudioSource.fromUrl(`https://localhost:${port}/`, { ...options, addresses: "public" })
      )
      assert.strictEqual(secure.end, "AddressRefused")
      assert.deepStrictEqual(inside.asked, [])
      const entries = yield* Effect.flip(AudioSource.entriesOf(inside.url, { addresses: "public" }))
      assert.include(entries.message, "AddressRefused")
      assert.deepStrictEqual(inside.asked, [])
      // the default allows any address
      assert.strictEqual(
        (yield* collect(AudioSource.fromUrl(inside.url, { ...options, addresses: "any" }))).end,
        "Done"
      )
    }))

  it.live("applies the rule to every step of a redirect", () =>
    Effect.gen(function*() {
      const { asked, inside, options, outside } = yield* sites((url, inside) => ({
        "/song.ogg": { body: song },
        "/fine": { status: 302, headers: { location: "/song.ogg" } },
        "/bad": { status: 302, headers: { location: `${inside}/song.ogg` } },
        "/worse": { status: 307, headers: { location: `${url}/bad` } }
      }))
      assert.strictEqual((yield* collect(AudioSource.fromUrl(`${outside.url}/fine`, options))).end, "Done")
      for (const path of ["/bad", "/worse"]) {
        assert.strictEqual(
          (yield* collect(AudioSource.fromUrl(`${outside.url}${path}`, options))).end,
          "AddressRefused"
        )
      }
      assert.deepStrictEqual(inside.asked, [])
      // not tried again
      assert.deepStrictEqual(outside.asked, ["/fine", "/song.ogg", "/bad", "/worse", "/bad"])
      assert.include(asked, `127.0.0.1:${portOf(inside.url)}`)
    }))

  it.live("applies the rule to the actual address of each connection, whatever the name resolved to before", () =>
    Effect.gen(function*() {
      const server = yield* site(() => ({ "/a": { body: song, headers: { connection: "close" } } }))
      let isInside = false
      const asked: Array<string> = []
      const addresses = (address: string) => {
        asked.push(address)
        return address === "127.0.0.1" && !isInside
      }
      const url = `http://localhost:${portOf(server.url)}/a`
      const play = collect(AudioSource.fromUrl(url, { ...options, addresses }))
      assert.strictEqual((yield* play).end, "Done")
      isInside = true
      assert.strictEqual((yield* play).end, "AddressRefused")
      assert.deepStrictEqual(server.asked, ["/a"])
      // localhost may have an IPv6 address as well
      assert.isTrue(asked.every((address) => address === "127.0.0.1" || address === "::1"))
    }))

  it.live("applies the rule when a connection is replaced", () =>
    Effect.gen(function*() {
      let redirects = 0
      const inside = yield* site(() => ({ "/song.ogg": { body: song } }))
      const outside = yield* site(() => ({
        "/song.ogg": [
          // the header announces more than is sent, so the rest is requested
          { status: 206, body: song.subarray(0, 1_000), headers: { "content-range": `bytes 0-999/${song.length}` } },
          { status: 302, headers: { location: `${inside.url}/song.ogg` } }
        ]
      }))
      const addresses = (_: string, port: number) => {
        if (port !== portOf(outside.url)) redirects++
        return port === portOf(outside.url)
      }
      const played = yield* collect(AudioSource.fromUrl(`${outside.url}/song.ogg`, { ...options, addresses }))
      assert.strictEqual(played.end, "AddressRefused")
      assert.strictEqual(redirects, 1)
      assert.deepStrictEqual(inside.asked, [])
    }))

  it.live("applies the rule to the entries of playlists, and moves on to the next entry", () =>
    Effect.gen(function*() {
      const { inside, options, outside } = yield* sites((url, inside) => ({
        "/song.ogg": { body: song },
        "/bad.m3u": { body: `#EXTM3U\n${inside}/song.ogg\n` },
        "/both.m3u": { body: `#EXTM3U\n${inside}/song.ogg\n${url}/song.ogg\n` },
        "/deep.pls": { body: `[playlist]\nFile1=${url}/bad.m3u\n` },
        "/other.m3u": {
          body: "#EXTM3U\nfile:///etc/hostname\nconcat:/etc/hostname\ndata:audio/ogg;base64,AAAA\n/dev/null\n"
        }
      }))
      const play = (path: string) => collect(AudioSource.fromUrl(`${outside.url}${path}`, options))
      assert.strictEqual((yield* play("/bad.m3u")).end, "AddressRefused")
      assert.strictEqual((yield* play("/deep.pls")).end, "AddressRefused")
      assert.strictEqual((yield* play("/both.m3u")).end, "Done")
      // the last entry is a path on the server
      assert.strictEqual((yield* play("/other.m3u")).end, "NotFound")
      assert.deepStrictEqual(inside.asked, [])
      // the entries are listed, but not opened
      assert.strictEqual((yield* AudioSource.entriesOf(`${outside.url}/both.m3u`, options))?.length, 2)
    }))

  it.live("ends a station that redirects to a refused address on a reconnect", () =>
    Effect.gen(function*() {
      const inside = yield* site(() => ({ "/song.ogg": { body: song } }))
      const outside = yield* site(() => ({
        "/radio": [
          { body: mp3, headers: { "icy-name": "a station" } },
          { status: 302, headers: { location: `${inside.url}/song.ogg` } }
        ]
      }))
      const addresses = (_: string, port: number) => port === portOf(outside.url)
      const reconnect = Schedule.spaced("1 millis").pipe(Schedule.upTo({ times: 3 }))
      const played = yield* collect(
        AudioSource.fromUrl(`${outside.url}/radio`, { ffmpeg: false, addresses, reconnect })
      )
      assert.strictEqual(played.end, "AddressRefused")
      assert.isAbove(played.pcm.length, 0)
      assert.deepStrictEqual(inside.asked, [])
      assert.deepStrictEqual(outside.asked, ["/radio", "/radio"])
    }))

  it.live("is Unsupported with a custom fetch, and Failed if the rule throws", () =>
    Effect.gen(function*() {
      const own = { ...options, fetch: async () => new Response(song) }
      const both = yield* collect(AudioSource.fromUrl("http://a.invalid/", { ...own, addresses: "public" }))
      assert.strictEqual(both.end, "Unsupported")
      assert.include(both.message, "the option `addresses` does not apply to your own `fetch`")
      assert.strictEqual(
        (yield* collect(AudioSource.fromUrl("http://a.invalid/", { ...own, addresses: "any" }))).end,
        "Done"
      )
      const server = yield* site(() => ({ "/": { body: song } }))
      for (const url of [server.url, server.url.replace("127.0.0.1", "localhost")]) {
        const addresses = () => {
          throw new Error("the rule is broken")
        }
        const broken = yield* collect(
          AudioSource.fromUrl(url, { ...options, addresses, reconnect: Schedule.recurs(0) })
        )
        assert.deepStrictEqual([broken.end, /the rule is broken/.test(broken.message)], ["Failed", true])
      }
      assert.deepStrictEqual(server.asked, [])
    }))
})
