import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, Schema, Stream } from "effect"
import { readFileSync } from "node:fs"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as Icy from "../../../src/audio/http/Icy.ts"
import * as FakeConnection from "../FakeConnection.ts"
import { collect } from "../listen.ts"
import { play, sourceOf } from "../numbers.ts"
import { ascii, concat, mixed, noise, ogg, shown } from "../samples.ts"
import { type Page, site } from "../sites.ts"

const mp3 = new Uint8Array(readFileSync(new URL("../files/chirp.mp3", import.meta.url)))

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A metadata block as a server writes it. */
const block = (text: string | Uint8Array): Uint8Array => {
  const bytes = typeof text === "string" ? utf8(text) : text
  const units = Math.ceil(bytes.length / 16)
  return concat(Uint8Array.of(units), bytes, new Uint8Array(16 * units - bytes.length))
}

/** Sound with a metadata block after every `interval` bytes. The blocks after the last text are empty. */
const interleaved = (sound: Uint8Array, interval: number, texts: ReadonlyArray<string | Uint8Array>): Uint8Array => {
  const parts: Array<Uint8Array> = []
  for (let at = 0; at < sound.length; at += interval) {
    const part = sound.subarray(at, at + interval)
    parts.push(part)
    if (part.length === interval) parts.push(block(texts[at / interval] ?? ""))
  }
  return concat(...parts)
}

const told = (bytes: Uint8Array, interval: number, chunk = bytes.length) => {
  const tags: Array<AudioSource.Tags> = []
  const take = Icy.splitter(interval, (one) => tags.push(one))
  const parts: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += chunk) parts.push(take(bytes.slice(at, at + chunk)))
  return { sound: concat(...parts), tags }
}

/** The comment header of an Opus stream. */
const comments = (title: string): Uint8Array => {
  const text = ascii(`TITLE=${title}`)
  return concat(ascii("OpusTags"), new Uint8Array(4), Uint8Array.of(1, 0, 0, 0, text.length, 0, 0, 0), text)
}

const once = { reconnect: Schedule.recurs(0) }

/**
 * The titles that a source reports while it is read to its end, up to a last title. A new subscriber gets none of the
 * titles before the latest.
 */
const titlesOf = (source: AudioSource.AudioSource, last: string) =>
  Effect.scoped(Effect.gen(function*() {
    const opened = yield* source.open
    const changes = opened.tagChanges ?? Stream.empty
    const titles = yield* changes.pipe(
      Stream.takeUntil(({ title }) => title === last),
      Stream.runCollect,
      Effect.forkScoped({ startImmediately: true })
    )
    const pull: Effect.Effect<unknown, unknown> = opened.pull
    yield* Effect.ignore(Effect.forever(pull))
    return { opened, titles: yield* Fiber.join(titles) }
  }))

const Chunk = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 400 })))

describe("the metadata of a station", () => {
  it.prop("is removed from the sound, however the bytes are chunked", [Chunk, Chunk], ([interval, chunk]) => {
    const sound = noise(interval, 2_000)
    const texts = ["StreamTitle='A';", "", "StreamTitle='B';StreamUrl='http://c';", "x".repeat(255 * 16)]
    const { sound: heard, tags } = told(interleaved(sound, interval, texts), interval, chunk)
    assert.deepStrictEqual(Buffer.compare(heard, sound), 0)
    const whole = Math.floor(sound.length / interval)
    const all = [[0, { title: "A" }], [2, { title: "B", url: "http://c" }]] as const
    assert.deepStrictEqual(tags, all.filter(([at]) => at < whole).map(([, one]) => one))
  })

  it("is parsed with quotes in it, as UTF-8 or Latin-1, and without its malformed parts", () => {
    const cases = [
      ["StreamTitle='Artist - Song';", { title: "Artist - Song" }],
      ["StreamTitle='Don't Stop';StreamUrl='';", { title: "Don't Stop" }],
      ["StreamTitle='It's; so';x='1';", { title: "It's; so", x: "1" }],
      ["StreamTitle='a';'b';StreamUrl='u'", { title: "a';'b", url: "u" }],
      ["StreamTitle='';", {}],
      ["StreamTitle='Größe';", { title: "Größe" }],
      [new Uint8Array(Buffer.from("StreamTitle='Größe';", "latin1")), { title: "Größe" }],
      ["streamtitle='a'; adw_ad='true';durationMilliseconds='5';", {
        title: "a",
        adw_ad: "true",
        durationmilliseconds: "5"
      }],
      ["constructor='a';__proto__='b';", JSON.parse("{\"constructor\":\"a\",\"__proto__\":\"b\"}")],
      ["StreamTitle='a", undefined],
      ["StreamTitle", undefined],
      ["", undefined]
    ] as const
    for (const [text, tags] of cases) {
      assert.deepStrictEqual(Icy.parse(typeof text === "string" ? utf8(text) : text), tags)
    }
    assert.deepStrictEqual(Icy.parse(utf8("StreamTitle='a';\0\0StreamUrl='b';")), { title: "a" })
  })

  it("comes at the interval that the server states, if that is a valid number", () => {
    for (const [said, interval] of [["16000", 16_000], [" 8192 ", 8_192], ["1", 1]] as const) {
      assert.strictEqual(Icy.intervalOf(new Headers({ "icy-metaint": said })), interval)
    }
    for (const said of ["0", "-1", "1.5", "x", "", "1e3", "99999999999"]) {
      assert.isUndefined(Icy.intervalOf(new Headers({ "icy-metaint": said })), said)
    }
    assert.isUndefined(Icy.intervalOf(new Headers()))
  })

  it.live("is requested, removed from the sound, and reported", () =>
    Effect.gen(function*() {
      const texts = ["StreamTitle='First';", "", "StreamTitle='First';", "StreamTitle='Second';StreamUrl='u';"]
      const { headers, url } = yield* site(() => ({
        "/radio": {
          body: interleaved(mp3, 4_000, texts),
          headers: { "icy-metaint": "4000", "icy-name": "A station", "icy-genre": "Chirps", "icy-br": "128" }
        }
      }))
      const source = AudioSource.fromUrl(`${url}/radio`, once)
      const plain = yield* collect(AudioSource.fromBytes(mp3))
      const heard = yield* collect(source)
      assert.deepStrictEqual([heard.live, heard.pcm.length], [true, plain.pcm.length])
      assert.deepStrictEqual(Buffer.compare(Buffer.from(heard.pcm.buffer), Buffer.from(plain.pcm.buffer)), 0)
      assert.deepInclude(heard.tags, {
        "icy-name": "A station",
        "icy-genre": "Chirps",
        "icy-br": "128",
        title: "A Chirp"
      })
      assert.strictEqual(headers[0]?.["icy-metadata"], "1")
      const { titles } = yield* titlesOf(source, "Second")
      assert.deepStrictEqual(titles.at(-1), { title: "Second", url: "u" })
    }))

  it.live("is removed if the program requested it itself, and not requested if there is no station", () =>
    Effect.gen(function*() {
      const body = interleaved(mp3, 1_000, ["StreamTitle='First';"])
      const { headers, url } = yield* site(() => ({
        "/radio": { body, headers: { "icy-metaint": "1000" } },
        "/quiet": { body: mp3, headers: { "icy-name": "A station" } },
        "/file": { body: mp3 }
      }))
      const plain = yield* collect(AudioSource.fromBytes(mp3))
      const own = { ...once, live: false, headers: { "Icy-MetaData": "1" } }
      const heard = yield* collect(AudioSource.fromUrl(`${url}/radio`, own))
      assert.deepStrictEqual([heard.end, heard.live, heard.pcm.length], ["Done", false, plain.pcm.length])
      assert.strictEqual(headers[0]?.["icy-metadata"], "1")
      yield* collect(AudioSource.fromUrl(`${url}/quiet`, { ...once, headers: { "Icy-MetaData": "0" } }))
      assert.strictEqual(headers[1]?.["icy-metadata"], "0")
      yield* collect(AudioSource.fromUrl(`${url}/file`, { ...once, live: false }))
      assert.isUndefined(headers[2]?.["icy-metadata"])
      const { opened } = yield* titlesOf(AudioSource.fromUrl(`${url}/file`, once), "")
      assert.isUndefined(opened.tagChanges)
    }))

  it.live("is still reported after a reconnect, without repeating what was already reported", () =>
    Effect.gen(function*() {
      const answer = (...texts: ReadonlyArray<string>): Page => ({
        body: interleaved(mp3, 4_000, texts),
        headers: { "icy-metaint": "4000" }
      })
      const { url } = yield* site(() => ({
        "/radio": [
          answer("StreamTitle='First';"),
          answer("StreamTitle='First';", "StreamTitle='Second';"),
          { status: 403 }
        ]
      }))
      const { titles } = yield* titlesOf(
        AudioSource.fromUrl(`${url}/radio`, { reconnect: Schedule.spaced("1 millis") }),
        "Second"
      )
      assert.deepStrictEqual(titles, [{ title: "First" }, { title: "Second" }])
    }))

  it.live("is reported as empty if the station has no title after a reconnect", () =>
    Effect.gen(function*() {
      const answer = (text: string): Page => ({
        body: interleaved(mp3.subarray(0, 9_000), 4_000, [text]),
        headers: { "icy-metaint": "4000" }
      })
      const { url } = yield* site(() => ({
        "/radio": ["StreamTitle='First';", "StreamTitle='';", "StreamTitle='Last';"].map(answer).concat({ status: 403 })
      }))
      const source = AudioSource.fromUrl(`${url}/radio`, { reconnect: Schedule.spaced("1 millis") })
      const { titles } = yield* titlesOf(source, "Last")
      assert.deepStrictEqual(titles, [{ title: "First" }, {}, { title: "Last" }])
    }))

  it.live("is taken from the comments of the stream after an Ogg station is rejoined", () =>
    Effect.gen(function*() {
      const answer = (title: string): Page => ({
        body: ogg(mixed(1, 20), { tags: comments(title) }),
        headers: { "icy-name": "A station" }
      })
      const titled = ["First", "First", "Second", "Second", "First"]
      const { url } = yield* site(() => ({ "/radio": [...titled.map(answer), { status: 403 }] }))
      const source = AudioSource.fromUrl(`${url}/radio`, { reconnect: Schedule.spaced("1 millis") })
      const { opened, titles } = yield* titlesOf(source, "First")
      assert.deepStrictEqual([opened.tags["title"], titles], ["First", [{ title: "Second" }, { title: "First" }]])
    }))

  it.live("is taken from the comments of each stream of an Ogg station", () =>
    Effect.gen(function*() {
      const [first, second] = [mixed(1, 200), mixed(2, 20)]
      const body = concat(ogg(first, { tags: comments("First") }), ogg(second, { tags: comments("Second") }))
      const { url } = yield* site(() => ({ "/radio": { body, headers: { "icy-name": "Zwölf" } } }))
      const source = AudioSource.fromUrl(`${url}/radio`, once)
      const { opened, titles } = yield* titlesOf(source, "Second")
      assert.deepStrictEqual([opened.tags["title"], titles], ["First", [{ title: "Second" }]])
      assert.deepStrictEqual(shown((yield* collect(source)).frames), shown([...first, ...second]))
    }))

  it.effect("becomes an event of the track, whose own tags stay as they were", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const inner = sourceOf(100)
      const titles = ["First", "Second"]
      const source: AudioSource.AudioSource = {
        name: "radio",
        open: Effect.map(inner.open, (opened) => ({
          ...opened,
          tags: { station: "A" },
          tagChanges: Stream.fromIterable(titles.map((title) => ({ title })))
        }))
      }
      const track = yield* fake.play(source)
      const events = yield* track.events.pipe(
        Stream.runCollect,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* play(fake, 110)
      yield* track.awaitEnd
      assert.deepStrictEqual(
        (yield* Fiber.join(events)).filter(({ _tag }) => _tag === "Tagged"),
        titles.map((title) => ({ _tag: "Tagged" as const, tags: { title }, positionMs: 0 }))
      )
      assert.deepStrictEqual(track.tags, { station: "A" })
    }))
})
