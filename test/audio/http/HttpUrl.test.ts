import { assert, describe, it } from "@effect/vitest"
import * as HttpUrl from "../../../src/audio/http/HttpUrl.ts"

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`

describe("HttpUrl", () => {
  it("moves user and password, or one of them, from the URL to a header", () => {
    for (
      const [url, authorization] of [
        ["http://a.example/b", undefined],
        ["http://me:se%20cret@a.example/b", basic("me:se cret")],
        ["http://me@a.example/b", basic("me:")],
        ["http://:secret@a.example/b", basic(":secret")]
      ] as const
    ) {
      const asked = new URL(url)
      const split = HttpUrl.split(asked)
      assert.deepStrictEqual([split.target.href, split.authorization], ["http://a.example/b", authorization])
      assert.strictEqual(asked.href, url, "as it was")
    }
  })

  it("keeps the user for a response from the same origin only", () => {
    const asked = new URL("http://me:secret@a.example/b")
    assert.strictEqual(HttpUrl.reached(asked, "http://a.example/c").href, "http://me:secret@a.example/c")
    for (const other of ["http://a.example:81/c", "https://a.example/c", "http://b.example/c"]) {
      assert.strictEqual(HttpUrl.reached(asked, other).href, other)
    }
    assert.strictEqual(HttpUrl.reached(asked, "").href, asked.href)
  })

  it("sends secret headers to no other origin", () => {
    const headers = { Cookie: "a=b", Authorization: "x", Host: "a", "Proxy-Authorization": "y", "x-player": "me" }
    const from = new URL("http://a.example/b")
    assert.deepStrictEqual(HttpUrl.headersFor(from, new URL("http://a.example/c"), headers), headers)
    assert.deepStrictEqual(HttpUrl.headersFor(from, new URL("http://a.example:81/c"), headers), { "x-player": "me" })
    assert.isUndefined(HttpUrl.headersFor(from, new URL("http://b.example/c"), undefined))
  })
})
