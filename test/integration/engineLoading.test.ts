import { assert, describe, it } from "@effect/vitest"
import { Module } from "node:module"
import { vi } from "vitest"
import * as Davey from "../../src/dave/Davey.ts"
import { ChannelId, UserId } from "../../src/protocol/Identifier.ts"

describe("the engine of end-to-end encryption", () => {
  it("is loaded for a later group if it could not be for an earlier one", () => {
    const make = () => Davey.make(UserId.make("1001"), ChannelId.make("3001"))
    const loading = vi.spyOn(Module.prototype, "require").mockImplementation(() => {
      throw new Error("Cannot read package config: too many open files")
    })
    try {
      assert.deepStrictEqual(make(), {
        failure: "@snazzah/davey cannot be loaded: Cannot read package config: too many open files"
      })
    } finally {
      loading.mockRestore()
    }
    assert.notProperty(make(), "failure")
  })
})
