import { assert, describe, it } from "@effect/vitest"
import { printable } from "../../src/protocol/internal/printable.ts"

describe("printable", () => {
  it("leaves visible text as it is", () => {
    for (const text of ["", "Session is no longer valid.", "Unbekannter Kanal „Café“ 日本 🎵", "a".repeat(200)]) {
      assert.strictEqual(printable(text), text)
    }
  })

  it("escapes what a terminal obeys, and what ends a line of a log", () => {
    assert.strictEqual(printable("\u001b[31mred\r\nnext\0\u009b2J"), "\\u{1b}[31mred\\u{d}\\u{a}next\\u{0}\\u{9b}2J")
    assert.strictEqual(
      printable("a\u202eb\u2028c\u2029d\u2066e\ufefff"),
      "a\\u{202e}b\\u{2028}c\\u{2029}d\\u{2066}e\\u{feff}f"
    )
  })

  it("cuts text after 200 characters, even between two halves of one", () => {
    assert.strictEqual(printable("x".repeat(10_000_000)), `${"x".repeat(200)}…`)
    assert.strictEqual(printable(`${"x".repeat(199)}🎵`), `${"x".repeat(199)}\\u{d83c}…`)
  })
})
