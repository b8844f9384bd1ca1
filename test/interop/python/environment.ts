import { fileURLToPath } from "node:url"
import type * as Foreign from "../Foreign.ts"

/** Where a library from `requirements.*.txt` is installed. */
export const environmentOf = (library: string) =>
  fileURLToPath(new URL(`../../../node_modules/.cache/python/${library}`, import.meta.url))

/** The Python that has the library. */
export const interpreterOf = (library: string) => `${environmentOf(library)}/bin/python`

/** A script in this folder. discord.py and py-cord need up to 30 seconds to come back, see `Visit.ts`. */
export const scriptOf = (library: string, script: string): Foreign.Script => ({
  script: `python/${script}`,
  interpreter: interpreterOf(library),
  patienceMs: 45_000
})
