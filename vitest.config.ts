import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

/** What needs a process of its own to itself: it counts handles and memory, starts processes, or blocks its thread. */
const alone = ["test/{integration,interop,cli,fuzz}/**/*.test.ts", "test/cli*.test.ts", "examples/**/*.test.ts"]
const never = ["**/node_modules/**", "test/**/*.{long,python}.test.ts"]

/** What takes minutes: begun last, it would keep one processor busy while the others wait. */
const longest = ["faultTable", "model", "e2eeSchedules", "discordjs-voice-e2ee", "dysnomia-e2ee", "recovery"]

class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`))
      return place === -1 ? longest.length : place
    }
    const usual = super.sort.bind(this)
    return (await usual(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  resolve: {
    // the examples import the package by its name, as its users do; here that means the sources
    alias: [
      { find: /^effect-discord-voice$/, replacement: src("index.ts") },
      { find: /^effect-discord-voice\/(emulator|testing|protocol)$/, replacement: src("$1/index.ts") }
    ]
  },
  test: {
    // a third of the time goes into tests that wait for sockets and other processes
    maxWorkers: Math.max(3, availableParallelism()),
    // for what hangs: of a machine that is busy, a test may get a tenth
    testTimeout: 120_000,
    hookTimeout: 120_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: "alone", include: alone, exclude: never } },
      // to load the modules anew for each file takes half of the time of these
      {
        extends: true,
        test: { name: "rooms", include: ["test/**/*.test.ts"], exclude: [...never, ...alone], isolate: false }
      }
    ]
  }
})
