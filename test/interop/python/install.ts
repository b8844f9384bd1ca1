/** Installs each Python library into its own environment, with the versions in its requirements file. */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { environmentOf, interpreterOf } from "./environment.ts"

const folder = fileURLToPath(new URL(".", import.meta.url))

const run = (program: string, args: ReadonlyArray<string>) => {
  const { error, status } = spawnSync(program, args, { stdio: "inherit" })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}`)
}

const install = (library: string, requirements: string) => {
  const environment = environmentOf(library)
  const stamp = `${environment}/installed.txt`
  const wanted = readFileSync(requirements, "utf8")
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return
  rmSync(environment, { recursive: true, force: true })
  run(process.env["PYTHON"] ?? "python3", ["-m", "venv", environment])
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
  run(interpreterOf(library), [...pip, "--requirement", requirements])
  writeFileSync(stamp, wanted)
}

export default () => {
  for (const file of readdirSync(folder)) {
    const [, library] = /^requirements\.(.+)\.txt$/.exec(file) ?? []
    if (library !== undefined) install(library, `${folder}/${file}`)
  }
}
