import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { modes } from "../src/protocol/EncryptionMode.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Without the section on clients that were tried by hand, which no test covers. */
const tested = (text: string): string => text.split("\n## Clients in other languages, tried by hand\n", 1)[0] ?? text

const read = (path: string) => tested(readFileSync(join(root, path), "utf8"))

const page = "docs/compatibility.md"

interface Claim {
  readonly line: string
  readonly file: string
  readonly test: string
}

/** A test file, which is not packed and therefore not a link, followed by the name of a test in quotes. */
const claimsOf = (text: string): ReadonlyArray<Claim> =>
  [...text.matchAll(/^.*`(test\/[^`]+\.test\.ts)` "([^"]+)".*$/gm)].map(([line, file = "", test = ""]) => ({
    line,
    file,
    test
  }))

/** The names of the tests in a file as they are written, with the variables of a template. */
const testsOf = (file: string): ReadonlyArray<string> =>
  [...read(file).matchAll(/\bit(?:\.\w+)?\(\s*(["`])(.+?)\1/g)].map(([, , name = ""]) => name)

/**
 * The names that a template can produce. Only modes are filled in: other variables appear in the page as in the file.
 */
const namesOf = (template: string): ReadonlyArray<string> =>
  template.includes("${mode}") ? modes.map((mode) => template.replace("${mode}", mode)) : [template]

const claims = claimsOf(read(page))
const files = [...new Set(claims.map(({ file }) => file))]

describe(page, () => {
  it("makes claims, one in each row", () => {
    assert.isAbove(claims.length, 0)
    const rows = [...read(page).matchAll(/^\| (?!client|---).*$/gm)].map(([line]) => line)
    assert.deepStrictEqual(rows.filter((row) => !claims.some(({ line }) => line === row)), [])
  })

  it("names only tests that exist", () => {
    const missing = claims.filter(({ file, test }) => !testsOf(file).flatMap(namesOf).includes(test))
    assert.deepStrictEqual(missing.map(({ file, test }) => `${file}: ${test}`), [])
  })

  for (const file of files) {
    it(`names every test of ${file}`, () => {
      const named = new Set(claims.filter((claim) => claim.file === file).map(({ test }) => test))
      assert.deepStrictEqual(testsOf(file).filter((template) => !namesOf(template).some((name) => named.has(name))), [])
    })
  }

  it("states the installed versions of the libraries", () => {
    const { devDependencies } = JSON.parse(read("package.json"))
    // dfx is installed separately, with the Effect that it was made for
    const { dependencies } = JSON.parse(read("test/interop/dfx/package.json"))
    const installed = Object.entries({ ...devDependencies, ...dependencies }).map(([name, range]) =>
      /^npm:(.+)@([^@]+)$/.exec(String(range))?.slice(1) ?? [name, String(range)]
    )
    const python = "test/interop/python"
    const required = readdirSync(join(root, python)).filter((file) => /^requirements\..+\.txt$/.test(file)).flatMap((
      file
    ) => [...read(`${python}/${file}`).matchAll(/^(\S+)==(\S+)$/gm)].map(([, name, version]) => [name, version]))
    const stated = new Set(
      [...read(page).matchAll(/^\| `([^`]+)` (\S+) \|/gm)].map(([, name, version]) => `${name} ${version}`)
    )
    assert.isAbove(stated.size, 0)
    const known = new Set(
      [...installed, ...required].map(([name, range = ""]) => `${name} ${range.replace(/^[\^~]/, "")}`)
    )
    assert.deepStrictEqual([...stated].filter((one) => !known.has(one)), [])
  })
})
