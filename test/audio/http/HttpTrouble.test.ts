import { assert, describe, it } from "@effect/vitest"
import * as HttpTrouble from "../../../src/audio/http/HttpTrouble.ts"

describe("a redirect to an invalid URL", () => {
  it("is reported without that URL and not retried, with the messages of both Node and Deno", () => {
    for (const said of ["Invalid URL", "Invalid URL: 'http://[secret' with base 'http://127.0.0.1/?secret'"]) {
      const cause = new TypeError("fetch failed", { cause: new TypeError(said) })
      assert.strictEqual(HttpTrouble.reasonOf(cause), "it redirects to something other than an http or https URL")
      assert.isTrue(HttpTrouble.isOfServer(cause))
    }
  })
})
