/**
 * What is installed: Node and packages, and whether their versions are compatible.
 *
 * @since 0.1.0
 */
import { existsSync, readFileSync, realpathSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import * as Location from "../transport/Location.ts"
import * as Check from "./Check.ts"

const self = "effect-discord-voice"

/**
 * A package at the place where Node finds it.
 *
 * @internal
 */
export interface Installed {
  readonly version: string
  /** Its package.json, with links resolved. */
  readonly path: string
}

const read = (path: string | URL): { readonly name: string; readonly version: string } => {
  const json: unknown = JSON.parse(readFileSync(path, "utf8"))
  return typeof json === "object" && json !== null && "name" in json && "version" in json
    ? { name: String(json.name), version: String(json.version) }
    : { name: "", version: "unknown" }
}

/**
 * Finds the package of that name as the module at `from` would import it, by default this library. Does not find a package that
 * is part of a bundle.
 *
 * @internal
 */
export const find = (name: string, from: string = Location.of(import.meta.url)): Installed | undefined => {
  for (const folder of createRequire(from).resolve.paths(name) ?? []) {
    const path = join(folder, name, "package.json")
    try {
      if (existsSync(path)) return { version: read(path).version, path: realpathSync(path) }
    } catch (cause) {
      return { version: `unreadable (${cause instanceof Error ? cause.message : cause})`, path }
    }
  }
  return undefined
}

/**
 * The version of this package; `undefined` in a bundle.
 *
 * @internal
 */
export const ownVersion = (): string | undefined => {
  try {
    // package.json is two folders above the module, whether that is in `src/doctor` or in `dist/lib`
    const { name, version } = read(new URL("../../package.json", Location.of(import.meta.url)))
    return name === self ? version : undefined
  } catch {
    // a bundle may be anywhere, without a package.json
    return undefined
  }
}

type Numbers = readonly [major: number, minor: number, patch: number]

const numbersOf = (version: string): Numbers => {
  const [major = 0, minor = 0, patch = 0] = version.replace(/[-+].*$/, "").split(".").map((part) => Number(part) || 0)
  return [major, minor, patch]
}

/** Whether a version is at least another one. */
const isAtLeast = (version: string, least: string): boolean => {
  const [a, b] = [numbersOf(version), numbersOf(least)]
  const at = a.findIndex((part, index) => part !== b[index])
  return at === -1 || (a[at] ?? 0) > (b[at] ?? 0)
}

/**
 * Whether a version is in npm's range `^least`. Prereleases (`-beta.1`) count as the release.
 *
 * @internal
 */
export const isCompatible = (version: string, least: string): boolean => {
  const [[major, minor], [leastMajor, leastMinor]] = [numbersOf(version), numbersOf(least)]
  return major === leastMajor && (major > 0 || minor === leastMinor) && isAtLeast(version, least)
}

/**
 * The minimum version of Node. The field `engines` of package.json says the same.
 *
 * @internal
 */
export const leastNode = "22.19.0"

/**
 * Other runtimes with which the examples were run, and their minimum versions (docs/compatibility.md, Bun and Deno).
 *
 * @internal
 */
export const others = [{ name: "bun", least: "1.4.5" }, { name: "deno", least: "2.9.6" }]

/** In these versions `createCipheriv` with a key in a Buffer costs several times as much: see bench/README.md. */
const isDearInGcm = (version: string): boolean => isAtLeast(version, "24.18.0") && !isAtLeast(version, "24.22.0")

/**
 * Checks the runtime, Node or another one, by `process.versions`.
 *
 * @internal
 */
export const runtime = (versions: Readonly<Record<string, string | undefined>>): Check.Check => {
  const subject: Check.Subject = { group: "runtime", name: "node", isRequired: true }
  const version = versions["node"] ?? "0"
  const facts = { version, platform: process.platform, arch: process.arch }
  const detail = `${version} on ${process.platform} ${process.arch}`
  const other = others.find(({ name }) => versions[name] !== undefined)
  if (other !== undefined) {
    const own = versions[other.name] ?? "0"
    return Check.found(subject, {
      detail: `${other.name} ${own} on ${process.platform} ${process.arch}, which reports itself as Node ${version}`,
      facts: { ...facts, [other.name]: own },
      remedy: isAtLeast(own, other.least)
        ? undefined
        : `this version was never tried: install ${other.name} ${other.least} or later`
    })
  }
  if (!isAtLeast(version, leastNode)) {
    return Check.missing(subject, detail, `install Node ${leastNode} or later`, facts)
  }
  return Check.found(subject, {
    detail: isDearInGcm(version)
      ? `${detail}; AES-GCM is slow in 24.18 to 24.21 in other voice libraries, but not in this one`
      : detail,
    facts
  })
}

/**
 * The packages that a program has to provide, and what is impossible without an optional one. The field `peerDependencies` of
 * package.json has the same names and versions.
 *
 * @internal
 */
export const peers: ReadonlyArray<{
  readonly name: string
  readonly least: string
  /** `undefined` if nothing works without it. */
  readonly purpose: string | undefined
}> = [
  { name: "effect", least: "4.1.0", purpose: undefined },
  { name: "@effect/platform-node", least: "4.1.0", purpose: "the command line, and for NodeRuntime.runMain" },
  { name: "@audio/decode-aac", least: "1.6.0", purpose: "AAC without ffmpeg" },
  { name: "@echogarden/fvad-wasm", least: "0.2.0", purpose: "VoiceActivity.layerWebRtc" }
]

/**
 * Checks a peer. A `twin` is another copy, which the program would import.
 *
 * @internal
 */
export const peer = (
  { least, name, purpose }: (typeof peers)[number],
  installed: Installed | undefined,
  twin: Installed | undefined
): Check.Check => {
  const subject: Check.Subject = { group: "package", name, isRequired: purpose === undefined }
  if (installed === undefined) {
    // the running code includes it
    if (purpose === undefined) return Check.found(subject, { detail: "in a bundle" })
    return Check.missing(subject, "not found", `npm install ${name}, for ${purpose}; nothing to do in a bundle`)
  }
  const facts = { version: installed.version }
  if (!isCompatible(installed.version, least)) {
    return Check.found(subject, {
      detail: `${installed.version} does not work with this package, which requires ^${least}`,
      facts,
      remedy: `npm install ${name}@^${least}`
    })
  }
  if (twin !== undefined && twin.path !== installed.path) {
    return Check.found(subject, {
      detail:
        `${installed.version}, but the working directory has another copy (${twin.version}), and the two do not work together`,
      facts,
      remedy: `run npm dedupe, or remove one of ${twin.path} and ${installed.path}`
    })
  }
  return Check.found(subject, { detail: installed.version, facts })
}

/**
 * The purposes of the packages that are installed with this one. The field `dependencies` of package.json has the same names.
 *
 * @internal
 */
export const purposes: { readonly [name: string]: { readonly purpose: string; readonly isRequired: boolean } } = {
  "@snazzah/davey": { purpose: "end-to-end encryption", isRequired: true },
  "@wasm-audio-decoders/flac": { purpose: "FLAC without ffmpeg", isRequired: false },
  "@wasm-audio-decoders/ogg-vorbis": { purpose: "Vorbis without ffmpeg", isRequired: false },
  "codec-parser": { purpose: "Vorbis without ffmpeg", isRequired: false },
  "libopus-wasm": { purpose: "mixing, encoding and decoding Opus", isRequired: true },
  "libsodium": { purpose: "the encryption mode aead_xchacha20_poly1305_rtpsize", isRequired: true },
  "mediabunny": { purpose: "MP4 without ffmpeg", isRequired: false },
  "mpg123-decoder": { purpose: "MP3 without ffmpeg", isRequired: false },
  "opusscript": { purpose: "OpusEncoder.layerOpusScript and OpusDecoder.layerOpusScript", isRequired: false },
  "selfsigned": { purpose: "the emulator's certificate", isRequired: false },
  "tweetnacl": { purpose: "older encryption modes, and the emulator", isRequired: true },
  "undici": { purpose: "URLs with a rule for addresses", isRequired: false },
  "ws": { purpose: "the WebSockets of all gateways", isRequired: true }
}

/**
 * Node, this package, its peers and its dependencies: what can be checked even if those cannot be loaded.
 *
 * @internal
 */
export const inventory = (): ReadonlyArray<Check.Check> => [
  ...checks(),
  ...Object.entries(purposes).map(([name, { isRequired, purpose }]) => {
    const subject: Check.Subject = { group: "package", name, isRequired }
    const installed = find(name)
    return installed === undefined
      ? Check.missing(subject, `not found; it is for ${purpose}`, Check.reinstall)
      : Check.found(subject, { detail: installed.version, facts: { version: installed.version } })
  })
]

/**
 * Node, this package and its peers.
 *
 * @internal
 */
export const checks = (): ReadonlyArray<Check.Check> => {
  const version = ownVersion()
  const own: Check.Subject = { group: "package", name: self, isRequired: true }
  const program = pathToFileURL(`${process.cwd()}/`).href
  return [
    runtime(process.versions),
    Check.found(own, {
      detail: version ?? "in a bundle",
      ...(version === undefined ? {} : { facts: { version } })
    }),
    ...peers.map((one) => peer(one, find(one.name), one.name === "effect" ? find(one.name, program) : undefined))
  ]
}
