import { assert, describe, it } from "@effect/vitest"
import * as Playlist from "../../../src/audio/format/Playlist.ts"

const bytes = (text: string, encoding: BufferEncoding = "utf8") => new Uint8Array(Buffer.from(text, encoding))

const parsed = (text: string, encoding?: BufferEncoding) => Playlist.parse(bytes(text, encoding))

const places = (text: string) => parsed(text).entries.map(({ location }) => location)

describe("a playlist", () => {
  it("of plain lines is M3U, with comments, blank lines and any kind of line ending", () => {
    const text = "\uFEFF#EXTM3U\r\n# mine\r\n\r\n  http://a/1 \rsongs/two.mp3\n\n#EXTGRP:x\n\tC:\\three.mp3"
    assert.deepStrictEqual(parsed(text), {
      kind: "M3U",
      entries: ["http://a/1", "songs/two.mp3", "C:\\three.mp3"].map((location) => ({ location, title: undefined }))
    })
    assert.deepStrictEqual(places("http://a/1"), ["http://a/1"])
    assert.deepStrictEqual(parsed(""), { kind: "M3U", entries: [] })
  })

  it("has the titles of extended M3U, whatever attributes precede them", () => {
    const text =
      "#EXTM3U\n#EXTINF:123,A, B - C\none\n#EXTINF:-1 logo=\"x,y\" group=\"\",Radio\n#EXTVLCOPT:z\ntwo\nthree\n" +
      "#EXTINF:1\nfour\n#EXTINF:2, \nfive\n#EXTINF:3,\"open\nsix"
    assert.deepStrictEqual(parsed(text).entries.map(({ title }) => title), [
      "A, B - C",
      "Radio",
      undefined,
      undefined,
      undefined,
      "\"open"
    ])
  })

  it("in PLS is sorted by its numbers, whatever the order of its lines", () => {
    const text =
      "\n[Playlist]\nNumberOfEntries=9\nfile10=ten\nTitle2=Two\nFILE2 = two\nFile2=again\nLength2=-1\nFile1=\n" +
      "Filex=no\nFile=no\nTitle3=nothing\nVersion=2"
    assert.deepStrictEqual(parsed(text), {
      kind: "PLS",
      entries: [{ location: "two", title: "Two" }, { location: "ten", title: undefined }]
    })
  })

  it("in HLS is recognized by its tags, as live, complete, or a list of variants", () => {
    const media = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n"
    const entries = [{ location: "a.ts", title: undefined }]
    assert.deepStrictEqual(parsed(media), { kind: "HLS", entries, hasVariants: false, isEnded: false })
    for (const end of ["#EXT-X-ENDLIST", "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-PLAYLIST-TYPE: VOD"]) {
      assert.deepStrictEqual(parsed(media + end), { kind: "HLS", entries, hasVariants: false, isEnded: true })
    }
    assert.deepInclude(parsed(`${media}#EXT-X-PLAYLIST-TYPE:EVENT`), { isEnded: false })
    assert.deepInclude(parsed("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8"), { kind: "HLS", hasVariants: true })
    assert.deepInclude(parsed(`${media}${"#EXTINF:4,\nb.ts\n".repeat(10_000)}`), { kind: "HLS", isEnded: true })
  })

  it("in XSPF has the first location of each track, and its title", () => {
    const text = `<?xml version="1.0" encoding="UTF-8"?>
      <playlist version="1" xmlns="http://xspf.org/ns/0/"><title>Mine</title><location>http://a/self</location>
      <trackList>
        <track><title>A &amp; B&#33;&#x21;</title><location> http://a/1?x=1&amp;y=2 </location><location>http://b/1</location></track>
        <track><title>no place</title></track>
        <TRACK id="3"><location>songs/3.ogg</location><title><![CDATA[C <3]]></title></TRACK>
        <track><location>four&#9999999;</location></track>
      </trackList></playlist>`
    assert.deepStrictEqual(parsed(text), {
      kind: "XSPF",
      entries: [
        { location: "http://a/1?x=1&y=2", title: "A & B!!" },
        { location: "songs/3.ogg", title: "C <3" },
        { location: "four&#9999999;", title: undefined }
      ]
    })
  })

  it("in ASX has the first reference of each entry, and its title", () => {
    const text = `<ASX version="3.0"><Title>Mine</Title><ref href="http://a/self"/>
      <Entry><Title>One</Title><Param name="x" value="y"/><REF HREF="http://a/1?x=1&amp;y=2" /><ref href='http://b/1'/></Entry>
      <entry><ref
        href = 'mms://a/2'></entry></ASX>`
    assert.deepStrictEqual(parsed(text), {
      kind: "ASX",
      entries: [{ location: "http://a/1?x=1&y=2", title: "One" }, { location: "mms://a/2", title: undefined }]
    })
  })

  it("in XML may contain brackets and quotes in locations and titles", () => {
    const xspf = `<playlist><track><location><![CDATA[http://[::1]:8000/a]]></location>
      <title><![CDATA[One [live] ]]] two]]></title></track></playlist>`
    assert.deepStrictEqual(parsed(xspf).entries, [{ location: "http://[::1]:8000/a", title: "One [live] ]]] two" }])
    const asx = `<asx><entry><ref href="http://a/it's"/></entry><entry><ref href='http://a/"two"'/></entry></asx>`
    assert.deepStrictEqual(parsed(asx).entries.map(({ location }) => location), ["http://a/it's", `http://a/"two"`])
  })

  it("in XML ignores comments", () => {
    const xspf = `<playlist><!-- <track><location>http://a/0</location></track> -->
      <track><!-- <location>http://a/former</location> --><location>http://a/<!-- here -->1</location>
      <title><![CDATA[<!-- 1 -->]]></title></track><!-- > <track><location>http://a/2</location></track>
      --><track><location>http://a/3</location></track><!-- <track><location>http://a/4</location></track></playlist>`
    assert.deepStrictEqual(parsed(xspf).entries, [
      { location: "http://a/1", title: "<!-- 1 -->" },
      { location: "http://a/3", title: undefined }
    ])
    const asx =
      `<!-- no <playlist> --><asx><!--<entry><ref href="http://a/1"/></entry>--><entry><ref href="http://a/2"/></entry></asx>`
    assert.deepStrictEqual(parsed(asx), { kind: "ASX", entries: [{ location: "http://a/2", title: undefined }] })
    assert.isFalse(Playlist.isPlaylist(bytes("<!-- a <playlist> --><!doctype html>")))
  })

  it("in XML that is too long is read up to its last whole element, even on one line", () => {
    const track = `<track><location>http://a/${"é".repeat(100)}</location><title>é</title></track>`
    for (const end of ["", "\n"]) {
      const { entries, kind } = parsed(`<playlist>${`${track}${end}`.repeat(1_000)}</playlist>`)
      assert.strictEqual(kind, "XSPF")
      const whole = Math.floor((Playlist.maxBytes - 10) / Buffer.byteLength(`${track}${end}`))
      assert.include([whole, whole + 1], entries.length)
      assert.isTrue(entries.every(({ location }) => location === `http://a/${"é".repeat(100)}`))
    }
  })

  it("is decoded as UTF-8, or else as Latin-1", () => {
    const text = "#EXTM3U\n#EXTINF:1,Mötley\nhttp://a/ü"
    assert.deepStrictEqual(parsed(text, "utf8").entries, [{ location: "http://a/ü", title: "Mötley" }])
    assert.deepStrictEqual(parsed(text, "latin1").entries, [{ location: "http://a/ü", title: "Mötley" }])
  })

  it("that is too long is read up to its last whole line", () => {
    const line = `http://a/${"é".repeat(100)}`
    const whole = `${line}\n`.repeat(1_000)
    const { entries } = parsed(whole)
    assert.strictEqual(entries.length, Math.floor(Playlist.maxBytes / Buffer.byteLength(`${line}\n`)))
    assert.isTrue(entries.every(({ location }) => location === line))
    assert.deepStrictEqual(parsed("x".repeat(Playlist.maxBytes + 1)).entries, [])
    assert.strictEqual(places("x\n".repeat(2_000)).length, 1_000)
    // no address is that long
    assert.deepStrictEqual(places(`${"x".repeat(5_000)}\ny`), ["y"])
  })

  it("is recognized by its beginning, or by its content type if it is text", () => {
    for (
      const text of [
        "#EXTM3U",
        "\uFEFF#EXTM3U8",
        "\r\n [playlist]",
        "[Playlist]",
        "https://a",
        "#EXTINF:1,x",
        "#EXT-X-"
      ]
    ) {
      assert.isTrue(Playlist.isPlaylist(bytes(text)), text)
    }
    for (const text of ["song.mp3\n", "# mine\nsong.mp3", "[other]", ""]) {
      assert.isFalse(Playlist.isPlaylist(bytes(text)), text)
      assert.strictEqual(Playlist.isPlaylist(bytes(text), "audio/x-mpegurl; charset=utf-8"), text !== "", text)
      assert.isFalse(Playlist.isPlaylist(bytes(text), "audio/mpeg"), text)
    }
    const types = [
      "audio/mpegurl",
      "application/vnd.apple.mpegurl",
      "Application/X-MPEGURL",
      "audio/x-scpls",
      "audio/scpls"
    ]
    for (const type of types) assert.isTrue(Playlist.isPlaylist(bytes("song.mp3"), type), type)
    // servers also send these types for audio and for pages
    for (const text of ["ID3\x03\0\0\0", "OggS\0\x02", "<html>", "\xff\xfb\x90\x44"]) {
      assert.isFalse(Playlist.isPlaylist(bytes(text, "latin1"), "audio/mpegurl"), text)
    }
  })

  it("is recognized by its file name if it is text and its content type says nothing else", () => {
    const song = bytes("song.mp3\n")
    for (const path of ["/radio/list.m3u", "/LIST.M3U8"]) {
      for (const type of [undefined, "text/plain", "text/plain; charset=utf-8", "application/octet-stream"]) {
        assert.isTrue(Playlist.isPlaylist(song, type, path), `${path} ${type}`)
        assert.isFalse(Playlist.isPlaylist(bytes("<html>"), type, path))
        assert.isFalse(Playlist.isPlaylist(bytes("\xff\xfb\x90\x44", "latin1"), type, path))
      }
      assert.isFalse(Playlist.isPlaylist(song, "audio/mpeg", path))
    }
    assert.isFalse(Playlist.isPlaylist(song, "text/plain", "/list.txt"))
  })

  it("in XML is recognized by its root element", () => {
    const lists = [
      "<asx version=\"3.0\">",
      "\uFEFF<ASX>",
      "<?xml version=\"1.0\"?>\n<!-- mine -->\n<playlist version=\"1\">",
      "<playlist>"
    ]
    for (const text of lists) {
      assert.isTrue(Playlist.isPlaylist(bytes(text)), text)
      assert.strictEqual(Playlist.headBytes(bytes(text).subarray(0, 16)), 512, text)
    }
    for (const text of ["<?xml version=\"1.0\"?><rss>", "<!doctype html><playlist>", "<html><asx>", "<playlists>"]) {
      assert.isFalse(Playlist.isPlaylist(bytes(text)), text)
    }
    assert.strictEqual(Playlist.headBytes(bytes("OggS")), 16)
  })

  it("resolves only HTTP locations, and relative ones against its own address", () => {
    const base = new URL("https://user:word@host/radio/list.m3u?token=1")
    const at = (location: string) => Playlist.resolve({ location, title: undefined }, base)?.href
    assert.strictEqual(at("http://other/a b"), "http://other/a%20b")
    assert.strictEqual(at("HTTP://other/"), "http://other/")
    assert.strictEqual(at("song.mp3?x=1"), "https://user:word@host/radio/song.mp3?x=1")
    assert.strictEqual(at("/song.mp3"), "https://user:word@host/song.mp3")
    assert.strictEqual(at("//other/song.mp3"), "https://other/song.mp3")
    for (
      const location of [
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "C:\\music\\song.mp3",
        "c:/music/song.mp3",
        "\\\\server\\share\\song.mp3",
        "ftp://host/x",
        "rtsp://host/x",
        "data:audio/mpeg;base64,AAAA",
        "concat:a|b",
        "javascript:alert(1)",
        "http://[broken"
      ]
    ) assert.isUndefined(at(location), location)
  })
})
