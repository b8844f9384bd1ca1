import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.long.test.ts"],
    testTimeout: 60 * 60_000,
    // each test as it ends: a file takes half an hour
    reporters: ["verbose"]
  }
})
