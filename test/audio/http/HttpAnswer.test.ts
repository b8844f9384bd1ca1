import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import type { FetchRequest } from "../../../src/audio/http/HttpFetch.ts"
import * as HttpSource from "../../../src/audio/http/HttpSource.ts"

const body = Uint8Array.from({ length: 100 }, (_, i) => i)

/** The part `bytes[start, end)`, with the total size that the server states. */
const part = (start: number, end: number, size: number | "*" = 100, headers: Record<string, string> = {}) =>
  new Response(body.slice(start, end), {
    status: 206,
    headers: { "content-range": `bytes ${start}-${end - 1}/${size}`, ...headers }
  })

/** The same part, but the connection breaks after its last byte. */
const broken = (start: number, end: number) => {
  const { headers } = part(start, end)
  let isGiven = false
  const bytes = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (isGiven) controller.error(new Error("broken"))
      else controller.enqueue(body.slice(start, end))
      isGiven = true
    }
  }, { highWaterMark: 0 })
  return new Response(bytes, { status: 206, headers })
}

/** A source whose requests receive these responses in turn. */
const opened = (...answers: ReadonlyArray<Response>) => {
  const asked: Array<FetchRequest["headers"]> = []
  const signals: Array<AbortSignal> = []
  const left = [...answers]
  return Effect.map(
    HttpSource.open("http://radio.invalid/song", {
      reconnect: Schedule.recurs(2),
      fetch: async (_, { headers, signal }) => {
        asked.push(headers)
        signals.push(signal)
        return left.shift() ?? new Response("", { status: 404 })
      }
    }),
    (source) => ({ asked, signals, source })
  )
}

/** Reads all bytes to the end. */
const readAll = Effect.fnUntraced(function*({ next }: HttpSource.HttpBytes) {
  const bytes: Array<number> = []
  while (true) {
    const more = yield* next
    if (more === undefined) return bytes
    bytes.push(...more)
  }
})

/** The failure that these responses cause when the source is read to the end. */
const problemOf = (...answers: ReadonlyArray<Response>) =>
  Effect.scoped(Effect.gen(function*() {
    const { source } = yield* opened(...answers)
    const { reason } = yield* Effect.flip(readAll(source))
    return reason._tag === "SourceFailed" ? `${reason.kind}: ${reason.detail}` : reason._tag
  }))

describe("a response that follows another one", () => {
  it.effect("continues where the previous one ended", () =>
    Effect.gen(function*() {
      const { asked, source } = yield* opened(part(0, 40), part(40, 100))
      assert.deepStrictEqual(yield* readAll(source), [...body])
      assert.deepStrictEqual(asked.map((headers) => headers["range"]), ["bytes=0-", "bytes=40-"])
      // only a station has metadata, and the first response was not from a station
      assert.deepStrictEqual(asked.map((headers) => headers["icy-metadata"]), ["1", undefined])
    }).pipe(Effect.scoped))

  it.effect("is rejected if its validator or size differs, or if it is complete but lacks the part's validator", () =>
    Effect.gen(function*() {
      const tagged = () => part(0, 40, 100, { etag: "\"one\"" })
      const changed = "Failed: the content has changed on the server"
      assert.strictEqual(yield* problemOf(tagged(), part(40, 100, 100, { etag: "\"two\"" })), changed)
      assert.strictEqual(yield* problemOf(tagged(), new Response(body)), changed)
      assert.strictEqual(
        yield* problemOf(part(0, 40), part(40, 90, 90)),
        `${changed}: it now has 90 bytes instead of 100`
      )
    }))

  it.effect("is accepted if only a weak tag differs, which says nothing about the bytes", () =>
    Effect.gen(function*() {
      const date = "Mon, 30 Nov 2026 20:00:00 GMT"
      const weak = (tag: string) => ({ etag: `W/"${tag}"`, "last-modified": date })
      const { asked, source } = yield* opened(part(0, 40, 100, weak("one")), part(40, 100, 100, weak("two")))
      assert.deepStrictEqual(yield* readAll(source), [...body])
      assert.deepStrictEqual(asked.map((headers) => headers["if-range"]), [undefined, date])
    }).pipe(Effect.scoped))

  it.effect("is rejected if it is not the part that was asked for", () =>
    Effect.gen(function*() {
      const another = "Failed: the server sent a different part than the one requested"
      assert.strictEqual(yield* problemOf(part(0, 40), part(50, 100)), another)
      assert.strictEqual(yield* problemOf(part(0, 40), part(10, 40)), another)
      const { source } = yield* opened(part(0, 40), part(25, 30), part(10, 30), part(20, 60))
      const { random } = source
      if (random === undefined) return assert.fail("any place can be read")
      const { reason } = yield* Effect.flip(random.read(20, 30))
      assert.strictEqual(reason._tag === "SourceFailed" && `${reason.kind}: ${reason.detail}`, another)
      // the bytes that it sends before and after the part are left out
      for (let i = 0; i < 2; i++) assert.deepStrictEqual(yield* random.read(20, 30), body.slice(20, 30))
    }).pipe(Effect.scoped))

  it.effect("may report the end with a 416 only if no bytes are known to be missing", () =>
    Effect.gen(function*() {
      const nothing = () => new Response("", { status: 416 })
      assert.strictEqual(
        yield* problemOf(part(0, 40), nothing()),
        "Failed: the server no longer has the remaining bytes"
      )
      const { source } = yield* opened(part(0, 40, "*"), nothing())
      assert.deepStrictEqual(yield* readAll(source), [...body.subarray(0, 40)])
    }).pipe(Effect.scoped))

  it.effect("may repeat everything, or be a 416, if only the end of the connection was missing", () =>
    Effect.gen(function*() {
      for (const answer of [part(0, 100), new Response("", { status: 416 })]) {
        const { asked, source } = yield* opened(broken(0, 100), answer)
        assert.deepStrictEqual(yield* readAll(source), [...body])
        assert.deepStrictEqual(asked.map((headers) => headers["range"]), ["bytes=0-", "bytes=100-"])
      }
    }).pipe(Effect.scoped))

  it.effect("may break off: its bytes are kept, and only the rest is requested again", () =>
    Effect.gen(function*() {
      const { asked, source } = yield* opened(part(0, 40), broken(20, 30), part(30, 50))
      assert.deepStrictEqual(yield* source.random?.read(20, 50) ?? Effect.undefined, body.slice(20, 50))
      assert.deepStrictEqual(asked.map((headers) => headers["range"]), ["bytes=0-", "bytes=20-49", "bytes=30-49"])
    }).pipe(Effect.scoped))

  it.effect("fails a random read if its validator differs", () =>
    Effect.gen(function*() {
      const { source } = yield* opened(part(0, 40, 100, { etag: "\"one\"" }), part(20, 30, 100, { etag: "\"two\"" }))
      const { reason } = yield* Effect.flip(source.random?.read(20, 30) ?? Effect.die("any place can be read"))
      assert.deepInclude(reason, { _tag: "SourceFailed", detail: "the content has changed on the server" })
    }).pipe(Effect.scoped))

  it.effect("is requested again if it is empty", () =>
    Effect.gen(function*() {
      const { headers } = part(20, 30)
      const { asked, source } = yield* opened(part(0, 40), new Response("", { status: 206, headers }), part(20, 30))
      assert.deepStrictEqual(yield* source.random?.read(20, 30) ?? Effect.undefined, body.slice(20, 30))
      assert.strictEqual(asked.length, 3)
    }).pipe(Effect.scoped))

  it.effect("is not requested for a position at or beyond the end", () =>
    Effect.gen(function*() {
      const { asked, source } = yield* opened(part(0, 100), part(99, 100))
      for (const place of [100, 1_000]) {
        yield* source.seek?.(place) ?? Effect.void
        assert.isUndefined(yield* source.next)
      }
      assert.strictEqual(asked.length, 1)
      yield* source.seek?.(99) ?? Effect.void
      assert.deepStrictEqual(yield* readAll(source), [99])
    }).pipe(Effect.scoped))

  it.effect("is requested only up to the end, even if a read goes beyond it", () =>
    Effect.gen(function*() {
      const { asked, source } = yield* opened(part(0, 40), part(90, 100))
      assert.deepStrictEqual(yield* source.random?.read(90, 200) ?? Effect.undefined, body.slice(90, 100))
      assert.deepStrictEqual(asked.map((headers) => headers["range"]), ["bytes=0-", "bytes=90-99"])
    }).pipe(Effect.scoped))

  it.effect("is aborted once all requested bytes are there, or if it is another part", () =>
    Effect.gen(function*() {
      const { signals, source } = yield* opened(part(0, 40), part(20, 100), part(50, 60))
      yield* source.random?.read(20, 30) ?? Effect.undefined
      assert.deepStrictEqual(signals.map(({ aborted }) => aborted), [false, true])
      // also if it is another part
      yield* Effect.ignore(source.random?.read(40, 50) ?? Effect.undefined)
      assert.deepStrictEqual(signals.map(({ aborted }) => aborted), [false, true, true])
    }).pipe(Effect.scoped))
})

describe("a rejected first response", () => {
  it.effect("is aborted, whether it is another part or does not say which part it is", () =>
    Effect.gen(function*() {
      const cases = [
        [part(10, 100), "the server sent a different part than the one requested"],
        [new Response(body, { status: 206 }), "the server answered 206 without saying which part it sent"]
      ] as const
      for (const [answer, detail] of cases) {
        const signals: Array<AbortSignal> = []
        const fetch = async (_: string, { signal }: FetchRequest) => {
          signals.push(signal)
          return answer
        }
        const { reason } = yield* Effect.flip(HttpSource.open("http://radio.invalid/song", { fetch }))
        assert.deepInclude(reason, { _tag: "SourceFailed", kind: "Failed", detail })
        assert.deepStrictEqual(signals.map(({ aborted }) => aborted), [true])
      }
    }).pipe(Effect.scoped))
})

describe("a response with metadata within its sound", () => {
  const headers = { "icy-metaint": "60" }

  it.effect("ends with its last byte, although it has fewer bytes of sound than its length", () =>
    Effect.gen(function*() {
      const metadata = new Uint8Array(17)
      metadata.set([1, ...Buffer.from("StreamTitle='a';")])
      const bytes = new Uint8Array(Buffer.concat([body.subarray(0, 60), metadata, body.subarray(60)]))
      const { asked, source } = yield* opened(new Response(bytes, { headers: { ...headers, "content-length": "117" } }))
      assert.deepStrictEqual(yield* readAll(source), [...body])
      assert.strictEqual(asked.length, 1)
    }).pipe(Effect.scoped))

  it.effect("offers neither random access nor seeking, even if it is not live and the server has ranges", () =>
    Effect.gen(function*() {
      const fetch = async () => part(0, 40, 100, headers)
      const source = yield* HttpSource.open("http://radio.invalid/song", { live: false, fetch })
      assert.deepStrictEqual([source.random, source.seek], [undefined, undefined])
    }).pipe(Effect.scoped))
})
