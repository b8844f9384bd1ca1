import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import type * as Doctor from "../src/Doctor.ts"
import { SourceStatistics, Statistics } from "../src/driver/Line.ts"
import * as FaultSchedule from "../src/emulator/core/faults/FaultSchedule.ts"
import * as Emulator from "../src/emulator/Emulator.ts"
import * as Library from "../src/index.ts"
import * as Metrics from "../src/Metrics.ts"
import * as CloseCode from "../src/protocol/CloseCode.ts"
import type * as Event from "../src/session/Event.ts"
import * as VoiceError from "../src/VoiceError.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

const read = (path: string) => readFileSync(join(root, path), "utf8")

const documents = [
  "README.md",
  "ARCHITECTURE.md",
  "bench/README.md",
  ...readdirSync(join(root, "docs")).filter((file) => file.endsWith(".md")).map((file) => `docs/${file}`)
]

const languages = ["ts", "py"]

const examples = readdirSync(join(root, "examples")).filter((file) => languages.some((one) => file.endsWith(`.${one}`)))

/** Removes the indentation that all lines share, and blank lines at both ends. */
const dedent = (lines: ReadonlyArray<string>): string => {
  const indents = lines.filter((line) => line.trim() !== "").map((line) => line.length - line.trimStart().length)
  const common = Math.min(...indents)
  return lines.map((line) => line.slice(common).trimEnd()).join("\n").replace(/^\n+|\n+$/g, "")
}

/** A word, or the first key of each object in a union. */
type NameOf<A> = A extends string ? A : A extends unknown ? RequiredKeys<A> : never
type RequiredKeys<A> = { [key in keyof A]-?: object extends Pick<A, key> ? never : key }[keyof A]

interface Fence {
  readonly language: string
  readonly line: number
  readonly code: string
}

const fencesOf = (text: string): ReadonlyArray<Fence> => {
  const fences: Array<Fence> = []
  let open: { readonly language: string; readonly line: number; readonly lines: Array<string> } | undefined
  for (const [index, line] of text.split("\n").entries()) {
    const mark = /^\s*```(\w*)/.exec(line)
    if (mark === null) open?.lines.push(line)
    else if (open === undefined) open = { language: mark[1] ?? "", line: index + 1, lines: [] }
    else {
      fences.push({ language: open.language, line: open.line, code: dedent(open.lines) })
      open = undefined
    }
  }
  return fences
}

/** Whether consecutive lines of a file are this code at another indentation. */
const contains = (file: string, code: string): boolean => {
  const lines = file.split("\n")
  const length = code.split("\n").length
  for (let at = 0; at + length <= lines.length; at++) {
    if (dedent(lines.slice(at, at + length)) === code) return true
  }
  return false
}

/** What `npm pack` includes from the repository. */
const packed = new Set([
  "package.json",
  "README.md",
  "LICENSE",
  ...globSync(JSON.parse(read("package.json")).files, { cwd: root })
])

/** The files of this package that a document links to, with their anchors. */
const linksOf = (document: string): ReadonlyArray<{ readonly file: string; readonly fragment: string | undefined }> =>
  [...read(document).replaceAll(/```[\s\S]*?```/g, "").matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = "", fragment] = target.split("#")
      return { file: path === "" ? document : relative(root, join(root, dirname(document), path)), fragment }
    })

/** The anchor that GitHub gives a heading. */
const anchor = (heading: string) =>
  heading.trim().toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-")

const anchorsOf = (text: string) => [...text.matchAll(/^#+ (.*)$/gm)].map((match) => anchor(match[1] ?? ""))

/** A section of a document, from its heading to the next one. */
const section = (text: string, heading: string): string => {
  const [, body = ""] = text.split(new RegExp(`^#+ ${heading}$`, "m"))
  return body.split(/^#+ /m)[0] ?? ""
}

/** The first column of the tables in a document, where it is code. */
const rowsOf = (text: string) => [...text.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1] ?? "")

describe("documents", () => {
  it("finds code at another indentation, and nothing else", () => {
    assert.isTrue(contains("a\n  if (b) {\n    c()\n  }\n", "if (b) {\n  c()\n}"))
    assert.isFalse(contains("a\n  if (b) {\n    c()\n  }\n", "if (b) {\n  d()\n}"))
    assert.isFalse(contains("a\n  if (b) {\n    c()\n  }\n", "if (b) {\nc()\n}"))
  })

  for (const document of documents) {
    it(`${document} shows only code that runs`, () => {
      const sources = examples.map((file) => read(`examples/${file}`))
      const strange = fencesOf(read(document))
        .filter(({ code, language }) =>
          languages.includes(language) && !sources.some((source) => contains(source, code))
        )
        .map(({ code, line }) => `${document}:${line}\n${code}`)
      assert.deepStrictEqual(strange, [])
    })

    it(`${document} has no dead links`, () => {
      const dead = linksOf(document).filter(({ file, fragment }) =>
        !existsSync(join(root, file)) || (fragment !== undefined && !anchorsOf(read(file)).includes(fragment))
      )
      assert.deepStrictEqual(dead, [])
    })

    it(`${document} links only to files that are packed, if it is packed itself`, () => {
      const links = packed.has(document) ? linksOf(document) : []
      const isPacked = ({ file }: { readonly file: string }) =>
        packed.has(file) || [...packed].some((one) => one.startsWith(`${file}/`))
      assert.deepStrictEqual(links.filter((link) => !isPacked(link)), [])
    })

    it(`${document} names only scripts that exist`, () => {
      const { scripts } = JSON.parse(read("package.json"))
      const names = [...read(document).matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map((match) => match[1] ?? "")
      assert.deepStrictEqual(names.filter((name) => !(name in scripts)), [])
    })
  }

  it("use no syntax that the oldest supported Node cannot read", () => {
    // 22 does not have `using`, which the compiler accepts, and which stays if only types are stripped
    const using = examples.filter((file) => /^\s*(?:await )?using \w+ =/m.test(read(`examples/${file}`)))
    assert.deepStrictEqual(using, [])
  })

  it("list every reason of VoiceError, and no other", () => {
    const reasons = VoiceError.Reason.members.map((member) => member.fields._tag.schema.literal)
    assert.sameMembers(rowsOf(read("docs/errors.md")), reasons)
  })

  it("name every value that makes a reason more specific", () => {
    const text = read("docs/errors.md")
    const words = VoiceError.Reason.members.flatMap(({ fields }) =>
      Object.values(fields).flatMap((field) =>
        "literals" in field && Array.isArray(field.literals) ? field.literals.map(String) : []
      )
    )
    assert.isAbove(words.length, 30)
    assert.deepStrictEqual(words.filter((word) => !new RegExp(`\\b${word}\\b`).test(text)), [])
  })

  it("give each close code its name from the table", () => {
    const rows = [...read("docs/errors.md").matchAll(/^\| `(\w+)` \| (\d{4}) \|/gm)]
    assert.deepStrictEqual(
      rows.map(([, name, code]) => ({ code, name })),
      CloseCode.voiceTable.map(({ code, name }) => ({ code: String(code), name }))
    )
  })

  it.effect("list every fault, and no other", () =>
    Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      assert.sameMembers(rowsOf(section(read("docs/emulator.md"), "By name")), Object.keys(faults))
    }).pipe(Effect.provide(Emulator.layerMemory())))

  it("list everything that a rule can do, and every incident", () => {
    const text = read("docs/emulator.md")
    assert.sameMembers(
      rowsOf(section(text, "By rule")).map((row) => row.replaceAll(/[{}"?]/g, "").trim().split(", ")[0] ?? ""),
      // The compiler checks this against the type.
      Object.keys(
        {
          drop: "drop",
          corrupt: "corrupt",
          delayMs: { delayMs: 1 },
          duplicate: { duplicate: 1 },
          holdBehind: { holdBehind: 1 },
          replaceWith: { replaceWith: "" },
          cut: { cut: "before" },
          status: { status: 429 },
          close: { close: 4000 }
        } satisfies { readonly [name in NameOf<Emulator.What>]: Emulator.What }
      )
    )
    assert.sameMembers(rowsOf(section(text, "By chance")), [...FaultSchedule.kinds])
  })

  it("list every event of a session, and no other", () => {
    const rows = [...section(read("docs/sessions.md"), "Events").matchAll(/^\| (`.*?`) \|/gm)]
    assert.sameMembers(
      rows.flatMap(([, names = ""]) => names.replaceAll("`", "").split(", ")),
      // The compiler checks this against the type.
      Object.keys(
        {
          Moved: "Moved",
          Restricted: "Restricted",
          MemberChanged: "MemberChanged",
          UsersConnected: "UsersConnected",
          UserDisconnected: "UserDisconnected",
          Speaking: "Speaking",
          Announced: "Announced",
          Described: "Described",
          E2eeChanged: "E2eeChanged",
          Heartbeat: "Heartbeat",
          Resuming: "Resuming",
          Resumed: "Resumed",
          TrackStarted: "TrackStarted",
          TrackStarving: "TrackStarving",
          TrackRecovered: "TrackRecovered",
          TrackDrained: "TrackDrained",
          Ended: "Ended"
        } satisfies { readonly [tag in Event.Event["_tag"]]: tag }
      )
    )
  })

  it("list every field of the statistics, and no other", () => {
    const text = read("docs/statistics.md")
    assert.sameMembers(rowsOf(section(text, "Statistics")), Object.keys(Statistics.fields))
    assert.includeMembers(
      [...section(text, "Statistics").matchAll(/^\| ([\w, ]+) \|/gm)].flatMap(([, names = ""]) => names.split(", ")),
      Object.keys(SourceStatistics.fields)
    )
  })

  it("list every metric, and no other", () => {
    assert.sameMembers(rowsOf(section(read("docs/statistics.md"), "Metrics")), [...Metrics.names])
  })

  it("size a machine with figures that were measured", () => {
    const figures = [...section(read("docs/deployment.md"), "Sizing").matchAll(/([\d.]+) (?:us|ms|KiB|MiB)\b/g)]
    const measured = new Set(`${read("README.md")} ${read("bench/README.md")}`.match(/\d+(?:\.\d+)?/g))
    assert.isAbove(figures.length, 15)
    assert.deepStrictEqual(figures.filter(([, number = ""]) => !measured.has(number)).map(([text]) => text), [])
  })

  it("list everything that the doctor tries, and nothing else", () => {
    assert.sameMembers(
      rowsOf(section(read("docs/troubleshooting.md"), "The doctor")),
      // The compiler checks this against the type.
      Object.keys(
        {
          runtime: "runtime",
          package: "package",
          opus: "opus",
          decoder: "decoder",
          cipher: "cipher",
          e2ee: "e2ee",
          thread: "thread",
          program: "program",
          udp: "udp",
          clock: "clock",
          limit: "limit"
        } satisfies { readonly [group in Doctor.Group]: group }
      )
    )
  })

  it.effect("name only members that the library has", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const session = yield* Library.VoiceSession.join({
        guildId: yield* discord.guild("guild"),
        channelId: yield* discord.channel("lobby")
      }).pipe(Effect.provide(discord.layerVoice("bot")))
      const track = yield* session.play(Library.AudioSource.silence("20 millis"))
      const queue = yield* Library.TrackQueue.make(session)
      const known: { readonly [name: string]: object } = { ...Library, session, track, queue, receive: session.receive }
      const pages = ["docs/troubleshooting.md", "docs/migrating.md"]
      const strange = pages.flatMap((page) => {
        const text = read(page).replaceAll(/```[\s\S]*?```/g, "")
        // statements about other libraries are in front of the last column
        const ours = page === "docs/migrating.md" ? text.replaceAll(/^\|.*\|(?=[^|]*\|$)/gm, "") : text
        const spans = [...ours.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code)
        return spans.flatMap((code) =>
          [...code.matchAll(/(?<![\w."/-])(\w+)\.(\w+)/g)]
            .filter(([, owner = "", member = ""]) => owner in known && !(member in (known[owner] ?? {})))
            .map(([text]) => `${page}: ${text}`)
        )
      })
      assert.deepStrictEqual(strange, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
})
