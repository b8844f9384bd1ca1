import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    // the examples import the package by its name, as its users do; here that means the sources
    alias: [
      { find: /^effect-discord-voice$/, replacement: src("index.ts") },
      { find: /^effect-discord-voice\/(emulator|testing|protocol)$/, replacement: src("$1/index.ts") }
    ]
  },
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["**/node_modules/**", "test/**/*.long.test.ts"],
    // a third of the time goes into tests that wait for sockets and other processes
    maxWorkers: Math.max(3, availableParallelism()),
    testTimeout: 30_000
  }
})
