/**
 * The command `wire`: shows a wire log (`WireLog`), and what is unknown in it.
 *
 * @since 0.1.0
 */
import { Argument, Command, Flag } from "effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { escaped } from "../protocol/internal/printable.ts"
import * as WireLog from "../WireLog.ts"
import * as Usage from "./Usage.ts"
import { type Line, Reader } from "./wire/Reading.ts"
import * as Sockets from "./wire/Sockets.ts"
import * as Text from "./wire/Text.ts"

/**
 * The file is not a wire log, or cannot be read.
 *
 * @category errors
 * @since 0.1.0
 */
export class WireFailed extends Schema.TaggedError<WireFailed>("effect-discord-voice/cli/WireFailed")("WireFailed", {
  detail: Schema.String
}) {
  override readonly [Runtime.errorReported] = false
  override get message(): string {
    return this.detail
  }
}

const flags = {
  file: Argument.String("file").pipe(
    Argument.withDescription("A log written by WireLog.layerFile; - reads standard input")
  ),
  socket: Flag.String("socket").pipe(
    Flag.optional,
    Flag.withDescription(
      "Show only this socket, such as \"voice 1\", or all sockets of one kind: gateway, voice, udp"
    )
  ),
  findings: Flag.Boolean("findings").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Show only entries that are unknown to this library or point to a fault")
  ),
  full: Flag.Boolean("full").pipe(Flag.withDefault(false), Flag.withDescription("Do not shorten long lines")),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription(
      "Print JSON, one object per line: each entry with its findings, and a summary at the end"
    )
  )
}

const shortWidth = 160

const fail = (json: boolean, detail: string) =>
  Effect.gen(function*() {
    yield* json ? Console.log(Usage.failed(detail)) : Effect.void
    yield* Console.error(detail)
    return yield* new WireFailed({ detail })
  })

/** Whether the socket of this name is the requested one, or of the requested kind. */
const isOf = (name: string, asked: string): boolean => name === asked || name.startsWith(`${asked} `)

const endOf = (
  { entries, found, sockets, unreadable, width }: {
    readonly entries: number
    readonly unreadable: number
    readonly found: ReadonlyMap<string, number>
    readonly sockets: ReadonlyArray<Sockets.Socket>
    readonly width: number
  }
): string => {
  const head = `${entries} entries${unreadable === 0 ? "" : `, and ${unreadable} lines that are not entries`}.`
  const findings = Array.from(found, ([finding, times]) => `${times} x ${finding}`)
  return [
    "",
    ...sockets.map((socket) => Text.fit(escaped(Sockets.text(socket)), width)),
    "",
    ...(findings.length === 0 ? [`${head} Nothing in them is unknown.`] : [`${head} Found:`]),
    ...findings.map((finding) => Text.fit(`  ${escaped(finding)}`, width))
  ].join("\n")
}

/**
 * `wire FILE [--socket NAME] [--findings] [--full] [--json]`. The exit code is 1 if the file is not a log, or has no such
 * socket.
 *
 * With `--json` every line on standard output is an object with an `event`: an `entry` for each entry that is shown (`title`,
 * `findings`, `entry`), and finally `end` with the number of `entries` and `unreadable` lines, `findings` with the count of
 * each, and what became of each of the `sockets`.
 *
 * @category commands
 * @since 0.1.0
 */
export const wireCommand = Command.make(
  "wire",
  flags,
  Effect.fnUntraced(function*({ file: path, findings: isOnlyFindings, full, json, socket }) {
    const files = yield* FileSystem.FileSystem
    const { stdin } = yield* Stdio.Stdio
    const file = path === "-" ? "Standard input" : path
    const reader = new Reader()
    const sockets = new Sockets.Sockets()
    const width = full ? Infinity : shortWidth
    const found = new Map<string, number>()
    const names = new Set<string>()
    let entries = 0
    let unreadable = 0

    const isShown = ({ entry, findings }: Line) =>
      (!isOnlyFindings || findings.length > 0) &&
      (Option.isNone(socket) || ("socket" in entry && isOf(entry.socket, socket.value)))

    /** Throws for entries that are too deep, which none of our logs has. */
    const shown = (line: Line) => ({
      line,
      output: json ? Text.json(line) : Text.text(line, width)
    })

    const onLine = Effect.fnUntraced(function*(text: string) {
      if (text === "") return
      const read = Result.flatMap(WireLog.decodeLine(text), (entry) => Result.try(() => shown(reader.read(entry))))
      if (Result.isFailure(read)) {
        if (entries === 0) return yield* fail(json, `${file} is not a log of WireLog: its first line is not an entry.`)
        unreadable++
        return
      }
      entries++
      const { line, output } = read.success
      sockets.add(line.entry)
      if ("socket" in line.entry) names.add(line.entry.socket)
      for (const finding of line.findings) found.set(finding, (found.get(finding) ?? 0) + 1)
      if (isShown(line)) yield* Console.log(output)
    })

    const read = (bytes: Stream.Stream<Uint8Array, PlatformError>) =>
      bytes.pipe(Stream.decodeText, Stream.splitLines, Stream.runForEach(onLine))
    const readFile = Effect.flatMap(
      files.stat(path),
      ({ type }) =>
        type === "Directory" ? fail(json, `${file} cannot be read: it is a folder.`) : read(files.stream(path))
    )
    yield* (path === "-" ? read(stdin) : readFile).pipe(
      Effect.catchTag("PlatformError", ({ message }) => fail(json, `${file} cannot be read: ${message}`))
    )
    if (entries === 0) return yield* fail(json, `${file} is not a log of WireLog: it is empty.`)
    if (Option.isSome(socket) && !Array.from(names).some((name) => isOf(name, socket.value))) {
      const there = Array.from(names, (name) => escaped(name)).join(", ") || "none"
      return yield* fail(json, `${file} has no socket "${socket.value}": it has ${there}.`)
    }
    yield* Console.log(
      json
        ? JSON.stringify({
          event: "end",
          entries,
          unreadable,
          findings: Object.fromEntries(found),
          sockets: sockets.all()
        })
        : endOf({ entries, unreadable, found, sockets: sockets.all(), width })
    )
  })
).pipe(
  Command.withDescription("Show a log written by WireLog.layerFile, and what in it is unknown to this library"),
  Command.withExamples([
    { command: "effect-discord-voice wire call.wire.jsonl", description: "Show everything in order" },
    {
      command: "effect-discord-voice wire call.wire.jsonl --findings",
      description: "Show what is unknown or points to a fault"
    },
    { command: "effect-discord-voice wire call.wire.jsonl --socket voice", description: "Show only the voice gateways" }
  ])
)
