import { defineConfig } from "vitest/config"

/** Needs a Python 3.11 or newer on the machine, which gets its libraries with pip: no part of the usual tests. */
export default defineConfig({
  test: {
    include: ["test/interop/python/*.python.test.ts"],
    globalSetup: "test/interop/python/install.ts",
    maxWorkers: 2,
    testTimeout: 240_000
  }
})
