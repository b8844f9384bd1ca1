/**
 * Writes `dist`: the declarations, module by module, and the code in `dist/lib`. The code is bundled, because a process that
 * imports the package then reads some thirty files instead of four hundred, which takes about half the time. What several entry
 * points share is in chunks next to them. Packages stay packages, and source maps lead to `src`.
 */
import { execFileSync } from "node:child_process"
import { cpSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { build } from "rolldown"

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

rmSync(at("dist"), { recursive: true, force: true })
execFileSync(process.execPath, [at("node_modules/typescript/bin/tsc"), "--project", at("tsconfig.build.json")], {
  stdio: "inherit"
})
await build({
  cwd: at("."),
  input: {
    index: "src/index.ts",
    emulator: "src/emulator/index.ts",
    testing: "src/testing/index.ts",
    protocol: "src/protocol/index.ts",
    bin: "src/cli/bin.ts",
    // found by their names, next to the code that starts them
    daveWorker: "src/dave/daveWorker.ts",
    mixerWorker: "src/mixer/mixerWorker.ts",
    driverWorker: "src/driver/driverWorker.ts"
  },
  platform: "node",
  external: /^[^./]/,
  output: {
    dir: "dist/lib",
    format: "esm",
    // a `require` has to stay where other bundlers find it (`src/dave/Davey.ts`)
    polyfillRequire: false,
    sourcemap: true,
    sourcemapExcludeSources: true,
    // the declarations have them
    comments: { legal: true, annotation: true, jsdoc: false },
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js"
  }
})
cpSync(at("src/cli/assets"), at("dist/cli/assets"), { recursive: true })
