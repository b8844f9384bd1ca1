/**
 * The scripts that benches run, bundled as the published package is, with the threads that it starts.
 */
import { globSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "rolldown"

const cwd = fileURLToPath(new URL("..", import.meta.url))

const scripts = globSync("bench/*/*.ts", { cwd }).map((file) => [file.replaceAll("\\", "/").replace(/\.ts$/, ""), file])

export default defineConfig({
  cwd,
  input: {
    ...Object.fromEntries(scripts),
    daveWorker: "src/dave/daveWorker.ts",
    mixerWorker: "src/mixer/mixerWorker.ts",
    driverWorker: "src/driver/driverWorker.ts"
  },
  platform: "node",
  external: /^[^./]/,
  output: {
    dir: "node_modules/.cache/effect-discord-voice-bench",
    cleanDir: true,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js"
  }
})
