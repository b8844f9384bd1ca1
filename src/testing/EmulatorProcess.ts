/**
 * Runs the command `effect-discord-voice emulator` in a process of its own, for tests that are not written with Effect. Its
 * JSON lines, in both directions, are values and promises here. The process ends with the one that started it, even if that is
 * killed, and does not keep it alive unless something is awaited.
 *
 * ```ts
 * import { EmulatorProcess } from "effect-discord-voice/testing"
 *
 * await using emulator = await EmulatorProcess.start({ flags: ["--user", "guest"] })
 * const { channel, gateway, token } = emulator.listening
 * await emulator.tell({ do: "heard", user: "guest", frames: 150 })
 * ```
 *
 * @since 0.1.0
 */
import { ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process"
import { once } from "node:events"
import { Socket } from "node:net"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import type * as Orders from "../cli/emulator/Order.ts"
import type * as Report from "../cli/emulator/Report.ts"
import type { Typed } from "../cli/emulator/Typist.ts"
import type { ChatMessage, Choice, Verdict } from "../emulator/Emulator.ts"
import * as Location from "../transport/Location.ts"

/**
 * A line of output of the emulator. `event` is its kind: `login`, `join`, `violation`, `answer` and so on.
 *
 * @category models
 * @since 0.1.0
 */
export type Line = Report.Line

/**
 * The first line: the addresses of the emulator, the ids of what it contains, and the bot.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listening extends Line {
  readonly event: "listening"
  /** The URL of the main gateway. */
  readonly gateway: string
  /** The URL of the REST API, including the version. */
  readonly rest: string
  readonly voice: ReadonlyArray<{ readonly endpoint: string; readonly udp: string }>
  /** The certificate in PEM, with `--tls`. */
  readonly cert: string | null
  readonly guild: string
  /** The id of the voice channel "lobby". */
  readonly channel: string
  /** The bot's token. */
  readonly token: string
  /** The bot's id. */
  readonly user: string
}

/**
 * An order to the emulator, without an `id`. All orders are described in docs/emulator.md.
 *
 * @category models
 * @since 0.1.0
 */
export type Order = Without<typeof Orders.Order.Encoded, "id">

/** Omits a key from each member of a union. */
type Without<Of, Key extends string> = Of extends unknown ? Omit<Of, Key> : never

/**
 * The answers to orders that have one, by the name of the order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answers {
  readonly heard: Heard
  readonly record: { readonly frames: number }
  readonly speak: { readonly frames: number }
  readonly e2ee: { readonly group: Group | null }
  readonly command: Typed
  readonly menu: Typed
  readonly press: Typed
  readonly submit: Typed
  readonly replies: Typed
  readonly suggest: { readonly choices: ReadonlyArray<Choice> }
  /** The id of the message. */
  readonly write: { readonly message: string }
  readonly messages: { readonly messages: ReadonlyArray<ChatMessage> }
  readonly createUser: { readonly user: string; readonly token: string }
  readonly createRole: { readonly role: string }
  /** The id of the sound. */
  readonly createSound: { readonly sound: string }
  readonly createChannel: { readonly channel: string; readonly guild: string }
  /** `atMs` counts from the start. */
  readonly verdicts: { readonly violations: ReadonlyArray<Verdict>; readonly advice: ReadonlyArray<Verdict> }
  readonly counters: { readonly counters: Readonly<Record<string, number>> }
}

/**
 * The frames that a guest has heard. `file` is present if a file was given to compare with, and `levelDb` if it was requested:
 * in dBFS, null if there are no frames.
 *
 * @category models
 * @since 0.1.0
 */
export interface Heard {
  readonly frames: number
  readonly silence: number
  readonly encrypted: number
  readonly levelDb?: number | null
  readonly file?: {
    /** The number of frames in the file. */
    readonly frames: number
    /** Frames of the file that were heard, unchanged and in order. */
    readonly heard: number
    /** Frames that are neither of the file nor silence. */
    readonly foreign: number
    /** Frames that were heard more than once. */
    readonly repeated: number
    /** Whether the whole file was heard, once, and nothing else but silence. */
    readonly intact: boolean
    /** The longest time between two frames of the file, in milliseconds. */
    readonly largestGapMs: number
  }
}

/**
 * The encrypted group of a call.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group {
  readonly version: number
  readonly epoch: number
  readonly privacyCode: string
  readonly members: ReadonlyArray<string>
}

/**
 * The answer to an order, in addition to `ok`. `{}` for orders without an answer.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer<Name extends Order["do"] = Order["do"]> =
  & Line
  & { readonly event: "answer"; readonly ok: true }
  & (Name extends keyof Answers ? Answers[Name] : unknown)

/**
 * An order failed. The message says why; for `heard`, it also says what stood in the way.
 *
 * @category errors
 * @since 0.1.0
 */
export class OrderRefused extends Error {
  override readonly name = "OrderRefused"
  readonly order: Order
  constructor(order: Order, message: string) {
    super(message)
    this.order = order
  }
}

/**
 * The emulator has ended, or has not started. The message contains its last line.
 *
 * @category errors
 * @since 0.1.0
 */
export class EmulatorEnded extends Error {
  override readonly name = "EmulatorEnded"
}

/**
 * The emulator did not say in time what the program waited for. The message contains the last lines that it said instead.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotSaid extends Error {
  override readonly name = "NotSaid"
}

/**
 * The options of `until`.
 *
 * @category models
 * @since 0.1.0
 */
export interface UntilOptions {
  /** The index in `said` of the first line that counts. To wait for what is still to come, pass `said.length`. Default 0. */
  readonly from?: number | undefined
  /** How long to wait. By default without a limit. */
  readonly timeoutMs?: number | undefined
}

/**
 * A running emulator process.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmulatorProcess extends AsyncDisposable {
  readonly listening: Listening
  /** All lines so far, in order. */
  readonly said: ReadonlyArray<Line>
  /**
   * Sends an order and resolves with the answer when it is done. Rejects with `OrderRefused` if the order fails, and with
   * `EmulatorEnded`.
   */
  readonly tell: <Name extends Order["do"]>(order: Extract<Order, { readonly do: Name }>) => Promise<Answer<Name>>
  /**
   * Resolves with the first line for which `find` returns true, among past and future lines; with `from`, among those from that
   * index in `said` on. Rejects with `NotSaid` after `timeoutMs`, with `EmulatorEnded`, and with what `find` throws.
   */
  readonly until: (find: (line: Line) => boolean, options?: UntilOptions) => Promise<Line>
  /** Stops the process, if it is running, and resolves with its exit code. With `--strict` that is 1 if there were violations. */
  readonly stop: () => Promise<number>
}

/**
 * The options of {@link start}.
 *
 * @category models
 * @since 0.1.0
 */
export interface StartOptions {
  /** Flags of the command, such as `["--tls", "--strict", "--user", "guest"]`. `--json` and `--attached` are always set. */
  readonly flags?: ReadonlyArray<string> | undefined
  /** Where its log goes. Default: "inherit", that is, to standard error. */
  readonly log?: "inherit" | "ignore" | undefined
  /** Called for each line. */
  readonly onLine?: ((line: Line) => void) | undefined
}

const here = Location.of(import.meta.url)

/** The command line: in a repository the TypeScript source is run directly, and the compiled code is all in one folder. */
const command = fileURLToPath(new URL(here.endsWith(".ts") ? "../cli/bin.ts" : "./bin.js", here))

const isObject = (value: unknown): value is { readonly [field: string]: unknown } =>
  typeof value === "object" && value !== null

const isLine = (value: unknown): value is Line => isObject(value) && typeof value["event"] === "string"

const isListening = (line: Line): line is Listening => line.event === "listening"

/** The rest of the line is what {@link Answers} says about the order, since the command has the same version. */
const isDone = <Name extends Order["do"]>(line: Line): line is Answer<Name> => line["ok"] === true

/** Text that is not JSON is not a line of the emulator. */
const lineOf = (text: string): Line | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return isLine(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The last lines, without the first one of all, which has the certificate and the token. */
const told = (lines: ReadonlyArray<Line>): string => {
  const last = lines.filter((line) => !isListening(line)).slice(-20)
  if (last.length === 0) return "It said nothing."
  return `It said last:\n${last.map((line) => JSON.stringify(line).slice(0, 300)).join("\n")}`
}

interface Waiting {
  readonly find: (line: Line) => boolean
  readonly resolve: (line: Line) => void
  readonly reject: (error: unknown) => void
}

class Running implements EmulatorProcess {
  readonly said: Array<Line> = []
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #closed: Promise<number>
  #waiting: ReadonlyArray<Waiting> = []
  #ended: EmulatorEnded | undefined
  #listening: Listening | undefined
  #orders = 0
  #isStopping = false

  constructor({ flags = [], log = "inherit", onLine }: StartOptions) {
    const child = spawn(process.execPath, [command, "emulator", "--json", "--attached", ...flags], {
      stdio: ["pipe", "pipe", log]
    })
    this.#child = child
    this.#keep(true)
    // it may be gone when an order is written; its end reports that
    child.stdin.on("error", () => {})
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line = lineOf(text)
      if (line === undefined) return
      this.#onLine(line)
      onLine?.(line)
    })
    this.#closed = once(child, "close").then(
      ([code]) => this.#onEnd(typeof code === "number" ? code : 1, ""),
      (error) => this.#onEnd(1, `: ${String(error)}`)
    )
  }

  get listening(): Listening {
    // the process is handed out only after that line
    if (this.#listening === undefined) throw new EmulatorEnded("The emulator has not started.")
    return this.#listening
  }

  async up(): Promise<this> {
    const line = await this.until(({ event }) => event === "listening" || event === "failed")
    if (isListening(line)) {
      this.#listening = line
      return this
    }
    await this.stop()
    throw new EmulatorEnded(`The emulator did not start: ${String(line["message"])}`)
  }

  async until(find: (line: Line) => boolean, { from = 0, timeoutMs }: UntilOptions = {}): Promise<Line> {
    const line = this.said.slice(from).find(find)
    if (line !== undefined) return line
    if (this.#ended !== undefined) throw this.#ended
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<Line>((resolve, reject) => {
        const waiting = { find, resolve, reject }
        this.#waiting = [...this.#waiting, waiting]
        this.#keep(true)
        if (timeoutMs === undefined) return
        timer = setTimeout(() => {
          this.#waiting = this.#waiting.filter((other) => other !== waiting)
          this.#keep(this.#waiting.length > 0 || this.#isStopping)
          reject(new NotSaid(`The emulator did not say it within ${timeoutMs} ms. ${told(this.said.slice(from))}`))
        }, timeoutMs)
      })
    } finally {
      clearTimeout(timer)
    }
  }

  async tell<Name extends Order["do"]>(order: Extract<Order, { readonly do: Name }>): Promise<Answer<Name>> {
    const id = ++this.#orders
    this.#child.stdin.write(`${JSON.stringify({ ...order, id })}\n`)
    const line = await this.until((line) => line.event === "answer" && line["id"] === id)
    if (isDone<Name>(line)) return line
    throw new OrderRefused(order, String(line["message"]))
  }

  stop(): Promise<number> {
    this.#isStopping = true
    this.#keep(true)
    // it ends when its input ends
    this.#child.stdin.end()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #onLine(line: Line): void {
    this.said.push(line)
    this.#waiting = this.#waiting.filter(({ find, reject, resolve }) => {
      try {
        if (!find(line)) return true
        resolve(line)
      } catch (error) {
        reject(error)
      }
      return false
    })
    this.#keep(this.#waiting.length > 0 || this.#isStopping)
  }

  /** Sets whether this process stays alive for the other one. */
  #keep(isKept: boolean): void {
    const { stdin, stdout } = this.#child
    for (const handle of [this.#child, stdin, stdout]) {
      // the pipes of a process are sockets, which their types do not show
      if (handle instanceof Socket || handle instanceof ChildProcess) handle[isKept ? "ref" : "unref"]()
    }
  }

  #onEnd(code: number, why: string): number {
    const last = this.said.at(-1)
    const ended = new EmulatorEnded(
      `The emulator exited with code ${code}${why}${last === undefined ? "" : `: ${JSON.stringify(last)}`}`
    )
    this.#ended = ended
    for (const { reject } of this.#waiting) reject(ended)
    this.#waiting = []
    return code
  }
}

/**
 * Starts an emulator and waits until it listens. Rejects with `EmulatorEnded` if it does not start, for example because of an
 * unknown flag.
 *
 * @category constructors
 * @since 0.1.0
 */
export const start = (options: StartOptions = {}): Promise<EmulatorProcess> => new Running(options).up()
