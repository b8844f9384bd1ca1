import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../src", import.meta.url))

const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
  .map((file) => file.replaceAll("\\", "/"))

interface Import {
  readonly specifier: string
  readonly typeOnly: boolean
}

const importsOf = (file: string): ReadonlyArray<Import> => {
  const text = readFileSync(join(root, file), "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "")
  const found: Array<Import> = []
  const statement = /^(?:import|export)\s+(type\s)?(?:[^"']*?\sfrom\s)?"([^"]+)"/gms
  for (const match of text.matchAll(statement)) {
    found.push({ specifier: match[2] ?? "", typeOnly: match[1] !== undefined })
  }
  for (const match of text.matchAll(/import\("([^"]+)"\)/g)) found.push({ specifier: match[1] ?? "", typeOnly: false })
  return found
}

const target = (file: string, specifier: string) =>
  relative(root, join(root, dirname(file), specifier)).replaceAll("\\", "/")

/** The files that are loaded with a file, with what each of them imports. */
const loadedBy = (file: string, loaded = new Map<string, ReadonlyArray<string>>()): typeof loaded => {
  if (loaded.has(file)) return loaded
  const specifiers = importsOf(file).filter(({ typeOnly }) => !typeOnly).map(({ specifier }) => specifier)
  loaded.set(file, specifiers)
  for (const specifier of specifiers.filter((specifier) => specifier.startsWith("."))) {
    loadedBy(target(file, specifier), loaded)
  }
  return loaded
}

/** The rooms from the ground up. A room may know only rooms at its own height or below. */
const floors: ReadonlyArray<ReadonlyArray<RegExp>> = [
  [/^protocol\//],
  [/^VoiceError\.ts$/, /^reason\//, /^voiceClose\.ts$/],
  [/^Transport\.ts$/, /^transport\//, /^AudioClock\.ts$/, /^clock\//, /^ring\//, /^(NewSpace|WireLog)\.ts$/],
  [
    /^(Gateway|VoiceSocket|VoiceUdp|VoiceCrypto|OpusEncoder|OpusDecoder|Dave)\.ts$/,
    /^gateway\//,
    /^udp\//,
    /^crypto\//,
    /^codec\//,
    /^dave\//
  ],
  [/^driver\//, /^VoiceDriver\.ts$/],
  [/^mixer\//, /^(Mixer|SoundEffect)\.ts$/],
  [/^audio\//, /^receive\//],
  [/^VoiceSessions?\.ts$/, /^Station\.ts$/, /^session\//],
  [/^Voice\.ts$/, /^Metrics\.ts$/, /^metrics\//, /^Doctor\.ts$/, /^doctor\//],
  [/^index\.ts$/, /^cli\//, /^testing\//, /^emulator\/(Emulator|Options|index)\.ts$/]
]

const floorOf = (file: string) => floors.findIndex((rooms) => rooms.some((room) => room.test(file)))

const isCore = (file: string) => file.startsWith("emulator/core/")
const isShell = (file: string) => file.startsWith("emulator/shell/")

describe("architecture", () => {
  it("finds imports", () => {
    const seen = importsOf("session/VoiceSession.ts")
    assert.deepInclude(seen, { specifier: "../receive/Receive.ts", typeOnly: false })
    assert.deepInclude(seen, { specifier: "../audio/AudioSource.ts", typeOnly: true })
  })

  it("assigns every file to a room", () => {
    assert.deepStrictEqual(files.filter((file) => floorOf(file) === -1 && !isCore(file) && !isShell(file)), [])
  })

  it("lets a room know only rooms at its own height or below", () => {
    const offences: Array<string> = []
    for (const file of files) {
      if (isCore(file) || isShell(file)) continue
      for (const { specifier } of importsOf(file).filter(({ specifier }) => specifier.startsWith("."))) {
        const to = target(file, specifier)
        const emulator = isCore(to) || isShell(to)
        const allowed = emulator ? floorOf(file) === floors.length - 1 : floorOf(to) <= floorOf(file)
        if (!allowed) offences.push(`${file} -> ${to}`)
      }
    }
    assert.deepStrictEqual(offences, [])
  })

  it("lets the emulator's core know only itself and the protocol", () => {
    const offences = files.filter(isCore).flatMap((file) =>
      importsOf(file)
        .filter(({ specifier }) => specifier.startsWith("."))
        .map(({ specifier }) => target(file, specifier))
        .filter((to) => !isCore(to) && !to.startsWith("protocol/"))
        .map((to) => `${file} -> ${to}`)
    )
    assert.deepStrictEqual(offences, [])
  })

  it("lets the emulator's shells know only the tags and types of the transports and the gateway", () => {
    const allowed = new Set(["Transport.ts", "Gateway.ts", "VoiceError.ts"])
    const offences = files.filter(isShell).flatMap((file) =>
      importsOf(file)
        .filter(({ specifier }) => specifier.startsWith("."))
        .map(({ specifier }) => target(file, specifier))
        .filter((to) => !isCore(to) && !isShell(to) && !to.startsWith("protocol/") && !allowed.has(to))
        .map((to) => `${file} -> ${to}`)
    )
    assert.deepStrictEqual(offences, [])
    for (const file of files.filter(isShell)) {
      const text = readFileSync(join(root, file), "utf8")
      assert.notMatch(text, /\b(Transport|Gateway)\.layer/, `${file} uses a live layer`)
    }
  })

  it("keeps node and the clock out of the protocol, and sockets and time out of the emulator's core", () => {
    for (const file of files.filter((file) => file.startsWith("protocol/"))) {
      assert.deepStrictEqual(importsOf(file).filter(({ specifier }) => specifier.startsWith("node:")), [], file)
    }
    for (const file of files.filter((file) => file.startsWith("protocol/") || isCore(file))) {
      const text = readFileSync(join(root, file), "utf8")
      assert.notMatch(text, /Date\.now\(|performance\.now\(|Math\.random\(|setTimeout\(|setInterval\(/, file)
      assert.notMatch(text, /from "node:(net|dgram|http|https|tls)"/, file)
    }
  })

  it("imports only stable modules of effect below the command line", () => {
    const unstable = /^effect\/(socket|http|rpc|cluster|cli|process|workers|observability|net|crypto|schema|sql)\b/
    const offences = files.filter((file) => !file.startsWith("cli/")).flatMap((file) =>
      importsOf(file)
        .filter(({ specifier }) =>
          specifier === "effect" || unstable.test(specifier) || specifier.startsWith("@effect/")
        )
        .map(({ specifier }) => `${file} -> ${specifier}`)
    )
    assert.deepStrictEqual(offences, [])
  })

  it("loads nothing of effect in the threads of groups and mixes", () => {
    for (const thread of ["dave/daveWorker.ts", "mixer/mixerWorker.ts"]) {
      const loaded = loadedBy(thread)
      assert.isAbove(loaded.size, 5, thread)
      const offences = Array.from(loaded).flatMap(([file, specifiers]) =>
        specifiers.filter((specifier) => /^effect\b/.test(specifier)).map((specifier) => `${file} -> ${specifier}`)
      )
      assert.deepStrictEqual(offences, [], thread)
    }
  })

  it("does not import node:http, which loads all of Node's undici", () => {
    for (const entry of ["index.ts", "testing/index.ts", "emulator/index.ts"]) {
      const importers = Array.from(loadedBy(entry)).filter(([, specifiers]) => specifiers.includes("node:http"))
      assert.deepStrictEqual(importers.map(([file]) => file), [], entry)
    }
  })

  it("has no cycles between the folders of a room", () => {
    for (const room of ["audio", "driver", "receive", "mixer", "emulator/core"]) {
      // a voice server and its groups are two halves of one thing
      const folderOf = (file: string) => {
        const [folder, rest] = file.startsWith(`${room}/`) ? file.slice(room.length + 1).split("/") : []
        return rest === undefined || folder === undefined ? undefined : folder.replace(/^dave$/, "voice")
      }
      const known = new Map<string, Set<string>>()
      for (const file of files) {
        const from = folderOf(file)
        if (from === undefined) continue
        const to = known.get(from) ?? new Set()
        known.set(from, to)
        for (const { specifier } of importsOf(file).filter(({ specifier }) => specifier.startsWith("."))) {
          const folder = folderOf(target(file, specifier))
          if (folder !== undefined && folder !== from) to.add(folder)
        }
      }
      assert.isAbove(known.size, 0, room)
      // folders that know no other are removed until none is left
      while (known.size > 0) {
        const ground = Array.from(known).find(([, to]) => to.size === 0)?.[0]
        if (ground === undefined) {
          assert.fail(`folders of ${room}/ know each other: ${Array.from(known.keys()).join(", ")}`)
        }
        known.delete(ground)
        for (const to of known.values()) to.delete(ground)
      }
    }
  })

  it("has no cycles between modules, not even of types", () => {
    const graph = new Map(files.map((file) => [
      file,
      importsOf(file)
        .filter(({ specifier }) => specifier.startsWith("."))
        .map(({ specifier }) => target(file, specifier))
    ]))
    const state = new Map<string, "open" | "done">()
    const circles: Array<string> = []
    const visit = (file: string, path: ReadonlyArray<string>): void => {
      if (state.get(file) === "done") return
      if (state.get(file) === "open") {
        circles.push([...path.slice(path.indexOf(file)), file].join(" -> "))
        return
      }
      state.set(file, "open")
      for (const next of graph.get(file) ?? []) visit(next, [...path, file])
      state.set(file, "done")
    }
    for (const file of files) visit(file, [])
    assert.deepStrictEqual(circles, [])
  })
})
