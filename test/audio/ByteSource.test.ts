import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Redacted, Stream } from "effect"
import * as ByteSource from "../../src/audio/ByteSource.ts"

class TtsFailed extends Data.TaggedError("TtsFailed")<{
  readonly status: number
  readonly said?: string
  readonly key?: Redacted.Redacted
  readonly body?: object
  readonly cause?: unknown
}> {}

class Told extends Data.TaggedError("Told")<{ readonly message: string; readonly status: number }> {}

const detailOf = (failure: unknown) =>
  Effect.gen(function*() {
    const source = yield* ByteSource.stream(Stream.fail(failure), "speech")
    const error = yield* Effect.flip(source.next)
    assert(error.reason._tag === "SourceFailed")
    return error.reason.detail
  }).pipe(Effect.scoped)

describe("the error that a caller's stream fails with", () => {
  it.effect("is described on one line by all of its fields, with redacted values kept hidden", () =>
    Effect.gen(function*() {
      const failed = new TtsFailed({
        status: 503,
        said: "come\nback later",
        key: Redacted.make("secret"),
        body: { deep: { deeper: "secret" } },
        cause: new Error("the socket was closed")
      })
      const detail = yield* detailOf(failed)
      assert.match(detail, /^TtsFailed \(.*status: 503, said: "come\\nback later"/)
      assert.include(detail, "body: {...}")
      assert.notInclude(detail, "secret")
      assert.notInclude(detail, "\n")
      assert.strictEqual(yield* detailOf(new TtsFailed({ status: 503 })), "TtsFailed (status: 503)")
      assert.strictEqual(yield* detailOf({ code: 7, why: null, parts: [1] }), "code: 7, why: null, parts: [...]")
      assert.strictEqual(yield* detailOf({ _tag: "Gone" }), "Gone")
    }))

  it.effect("is unwrapped from the errors that Effect puts around it", () =>
    Effect.gen(function*() {
      const thrown = (cause: unknown) => Effect.flip(Effect.tryPromise(() => Promise.reject(cause)))
      assert.strictEqual(yield* detailOf(yield* thrown(new Error("spawn ENOENT"))), "spawn ENOENT")
      assert.strictEqual(yield* detailOf(yield* thrown({ status: 503 })), "status: 503")
      const nested = new Cause.UnknownError(new Cause.UnknownError("cut"))
      assert.strictEqual(yield* detailOf(nested), "cut")
      assert.strictEqual(yield* detailOf(new Cause.UnknownError(undefined, "no luck")), "no luck")
    }))

  it.effect("is described by its message if it has one, and cut off if it is too long", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* detailOf(new Told({ message: "no voice of that name", status: 404 })),
        "no voice of that name"
      )
      assert.strictEqual(yield* detailOf("cut"), "cut")
      assert.strictEqual(yield* detailOf(new RangeError()), "RangeError")
      assert.strictEqual(yield* detailOf(7), "7")
      assert.strictEqual(yield* detailOf(undefined), "undefined")
      assert.strictEqual(yield* detailOf({}), "an error without details")
      assert.strictEqual(yield* detailOf(new URL("https://example.com/")), "https://example.com/")
      const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`field${i}`, "x".repeat(10_000)]))
      const detail = yield* detailOf(many)
      assert.isBelow(detail.length, 1_000)
      assert.match(detail, /, \.\.\.$/)
    }))
})

describe("the bytes of a stream", () => {
  const pieces = [[], [1, 2], [], [], [3], []].map((piece) => Uint8Array.from(piece))
  const readAll = Effect.fnUntraced(function*({ next }: ByteSource.ByteSource) {
    const found: Array<ReadonlyArray<number>> = []
    for (let bytes = yield* next; bytes !== undefined; bytes = yield* next) found.push([...bytes])
    return found
  })

  it.effect("arrive in pieces without empty ones, and are still there after a peek", () =>
    Effect.gen(function*() {
      const bytes = Stream.fromIterable(pieces)
      assert.deepStrictEqual(yield* readAll(yield* ByteSource.stream(bytes, "it")), [[1, 2], [3]])
      const [first, again] = yield* ByteSource.peek(yield* ByteSource.stream(bytes, "it"), 1)
      assert.deepStrictEqual([...first], [1, 2])
      assert.deepStrictEqual(yield* readAll(again), [[1, 2], [3]])
    }).pipe(Effect.scoped))

  it.effect("end at once if the stream is empty, even after a peek", () =>
    Effect.gen(function*() {
      for (const bytes of [Stream.empty, Stream.succeed(new Uint8Array(0))]) {
        const [first, again] = yield* ByteSource.peek(yield* ByteSource.stream(bytes, "it"), 10)
        assert.lengthOf(first, 0)
        assert.isUndefined(yield* again.next)
      }
    }).pipe(Effect.scoped))
})

describe("a seek before the first read", () => {
  const bytes = Uint8Array.from({ length: 20 }, (_, i) => i)
  const source = () => ByteSource.memory(bytes, "it")

  it.effect("discards the peeked bytes, and counts positions from the end of a skipped beginning", () =>
    Effect.gen(function*() {
      const [, peeked] = yield* ByteSource.peek(source(), 4)
      yield* peeked.seek?.(15) ?? Effect.void
      assert.deepStrictEqual([...(yield* peeked.next) ?? []], [15, 16, 17, 18, 19])
      const behind = ByteSource.behind(source(), 3)
      yield* behind.seek?.(12) ?? Effect.void
      assert.deepStrictEqual([...(yield* behind.next) ?? []], [15, 16, 17, 18, 19])
    }))
})

describe("a text without secrets", () => {
  it("keeps its URLs without user, password, query and fragment, whatever characters those contain", () => {
    const cases = [
      ["http://user:pass@host/a?token=b#c", "http://host/a"],
      ["no luck with https://user:p@ss@host/a?x=y, sorry", "no luck with https://host/a sorry"],
      ["'https://o'neil:pass@host/a?x=y'", "'https://host/a'"],
      ["(see 2http://user:pass@host/)", "(see 2http://host/)"],
      ["me@host said: http://host/me@host", "me@host said: http://host/me@host"]
    ] as const
    for (const [text, shown] of cases) assert.strictEqual(ByteSource.withoutSecrets(text), shown)
  })

  it("leaves a word of 4 million characters unchanged", () => {
    const word = "ab".repeat(2_000_000)
    assert.strictEqual(ByteSource.withoutSecrets(word), word)
  })
})

describe("recorded bytes", () => {
  it.effect("can be read again from the first one, up to the size limit", () =>
    Effect.gen(function*() {
      for (const [maxBytes, isKept] of [[6, true], [5, false]] as const) {
        const pieces = Stream.make(Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6), Uint8Array.of(7))
        const recording = ByteSource.record(yield* ByteSource.stream(pieces, "a stream"), maxBytes)
        yield* recording.source.next
        yield* recording.source.next
        const again = yield* recording.replay
        assert.strictEqual(again !== undefined, isKept)
        if (again === undefined) continue
        const [all] = yield* ByteSource.peek(again, 100)
        assert.deepStrictEqual([...all], [1, 2, 3, 4, 5, 6, 7])
      }
    }).pipe(Effect.scoped))
})
