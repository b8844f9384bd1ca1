/**
 * The command `emulator`: runs the emulator on loopback until it is interrupted, reports where it listens and what happens
 * there, and executes orders, for a person or, with `--json`, for a program in any language.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import { Command } from "effect/cli"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Emulator from "../emulator/Emulator.ts"
import { flags } from "./emulator/Flags.ts"
import * as Guests from "./emulator/Guests.ts"
import * as Habits from "./emulator/Habits.ts"
import * as Order from "./emulator/Order.ts"
import * as Performer from "./emulator/Performer.ts"
import * as Report from "./emulator/Report.ts"
import * as Speech from "./emulator/Speech.ts"
import * as ExitCode from "./ExitCode.ts"
import * as Outputs from "./Outputs.ts"
import * as Usage from "./Usage.ts"

/**
 * The emulator could not start, or with `--strict` there were violations. The details have been printed.
 *
 * @category errors
 * @since 0.1.0
 */
export class EmulatorFailed extends Schema.TaggedError<EmulatorFailed>("effect-discord-voice/cli/EmulatorFailed")(
  "EmulatorFailed",
  { detail: Schema.String }
) {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
  override get message(): string {
    return this.detail
  }
}

const summary = (o: {
  readonly urls: Emulator.Urls
  readonly certFile: string | undefined
  readonly guild: string
  readonly channel: string
  readonly user: string
  readonly token: string
}): string => {
  const lines = [
    "The emulator is running. Press Ctrl+C to stop it.",
    "",
    `  gateway  ${o.urls.gateway}`,
    `  rest     ${o.urls.rest}`,
    ...o.urls.voice.map(({ endpoint, region, udp }) =>
      `  voice    ${endpoint}  udp ${udp.address}:${udp.port}  region ${region}`
    ),
    "",
    `  guild    ${o.guild}`,
    `  channel  ${o.channel}`,
    `  bot      ${o.user}`,
    `  token    ${o.token}`
  ]
  if (o.certFile !== undefined) lines.push("", `  cert     ${o.certFile}`)
  else if (o.urls.cert !== undefined) lines.push("", "Certificate to trust:", o.urls.cert.trimEnd())
  return lines.join("\n")
}

/** Prints a line in the requested format. */
type Say = (line: Report.Line) => Effect.Effect<void>

const listening = Effect.fnUntraced(function*(json: boolean, certFile: string | undefined) {
  const discord = yield* Emulator.Emulator
  const { urls } = discord
  if (certFile !== undefined && urls.cert !== undefined) {
    yield* Outputs.write(certFile, new TextEncoder().encode(urls.cert))
  }
  const guild = yield* discord.guild("guild")
  const channel = yield* discord.channel("lobby")
  const bot = yield* discord.user("bot")
  const token = Redacted.value(bot.token)
  yield* Console.log(
    json
      ? JSON.stringify({
        event: "listening",
        gateway: urls.gateway,
        rest: urls.rest,
        voice: urls.voice.map(({ endpoint, udp }) => ({ endpoint, udp: `${udp.address}:${udp.port}` })),
        cert: urls.cert ?? null,
        guild,
        channel,
        token,
        user: bot.id
      })
      : summary({ urls, certFile, guild, channel, user: bot.id, token })
  )
})

/** Ends the command with the defect of another fiber, which nothing would notice otherwise. */
type Break = (cause: Cause.Cause<never>) => Effect.Effect<unknown>

/** Reports what happens, until the scope closes. */
const report = Effect.fnUntraced(function*(say: Say, startMs: number, onDefect: Break) {
  const discord = yield* Emulator.Emulator
  const names = Report.makeNames()
  names.learn(yield* discord.snapshot)
  yield* discord.happenings.pipe(
    Stream.runForEach(Effect.fnUntraced(function*(happening) {
      names.learn(yield* discord.snapshot)
      // it may already be gone again
      if (happening._tag === "ChannelCreated") {
        names.learn({ channels: [{ id: happening.channelId, name: happening.name }], users: [] })
      }
      yield* say(Report.line(happening, names, startMs))
    })),
    Effect.catchCause(onDefect),
    Effect.forkScoped({ startImmediately: true })
  )
})

/** The answer to an order that is not done when everything ends. */
const stopping = "The emulator stops."

/** Orders that wait until something is said, heard or answered. They do not delay other orders. */
const patient: ReadonlySet<Order.Order["do"]> = new Set([
  "speak",
  "heard",
  "command",
  "menu",
  "press",
  "suggest",
  "submit",
  "replies",
  "messages"
])

/**
 * Reads orders and answers each when it is done, or when the scope closes. `stop` is run when the order of that name, and the
 * orders that came together with it, have been answered; `gone` is run when no more orders can come.
 */
const obey = Effect.fnUntraced(function*(
  performer: Performer.Performer,
  { gone, onDefect, say, stop }: {
    readonly stop: Effect.Effect<void>
    readonly gone: Effect.Effect<void>
    readonly onDefect: Break
    readonly say: Say
  }
) {
  const { stdin } = yield* Stdio.Stdio
  const answer = (id: unknown, fields: { readonly [name: string]: unknown }) =>
    say({ event: "answer", ...(id === undefined ? {} : { id }), ...fields })
  let isStopping = false
  const onLine = (line: string) => {
    const order = Order.read(line)
    if (Result.isFailure(order)) return answer(order.failure.id, { ok: false, message: order.failure.message })
    const { success } = order
    if (isStopping) return answer(success.id, { ok: false, message: stopping })
    isStopping = success.do === "stop"
    const answered = Effect.uninterruptibleMask((restore) =>
      restore(performer.perform(success)).pipe(
        Effect.onInterrupt(() => answer(success.id, { ok: false, message: stopping })),
        Effect.matchEffect({
          onSuccess: (fields) => answer(success.id, { ok: true, ...fields }),
          onFailure: ({ message }) => answer(success.id, { ok: false, message })
        })
      )
    )
    return patient.has(success.do)
      // started immediately, so that it has an answer whatever comes next
      ? Effect.asVoid(Effect.forkScoped(Effect.catchCause(answered, onDefect), { startImmediately: true }))
      : answered
  }
  yield* stdin.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.filter((line) => line.trim() !== ""),
    Stream.runForEachArray((lines) =>
      Effect.forEach(lines, onLine, { discard: true }).pipe(
        Effect.andThen(Effect.suspend(() => isStopping ? stop : Effect.void))
      )
    ),
    Effect.catch(({ message }) => answer(undefined, { ok: false, message: `No more orders are read: ${message}` })),
    Effect.andThen(gone),
    Effect.catchCause(onDefect),
    Effect.forkScoped
  )
})

interface Options {
  readonly json: boolean
  readonly attached: boolean
  readonly strict: boolean
  readonly users: ReadonlyArray<string>
  readonly play: string | undefined
  readonly certFile: string | undefined
}

const run = Effect.fnUntraced(function*(options: Options, say: Say) {
  const discord = yield* Emulator.Emulator
  const whenInterrupted = yield* ExitCode.WhenInterrupted
  const stopped = yield* Deferred.make<void>()
  const guests = yield* Guests.make()
  // a program elsewhere does not know the clock of this process
  const startMs = (yield* discord.snapshot).nowMs
  const performer = yield* Performer.make(guests, startMs)
  const end = Effect.gen(function*() {
    const violations = (yield* discord.violations).length
    const advice = (yield* discord.advice).length
    if (options.strict) whenInterrupted.code = violations === 0 ? 0 : 1
    yield* say({ event: "end", violations, advice })
    return violations
  })
  const music = options.play === undefined
    ? undefined
    : yield* Speech.read(options.play)
  yield* listening(options.json, options.certFile)
  const onDefect: Break = (cause) => Deferred.failCause(stopped, cause)
  yield* report(say, startMs, onDefect)
  const work = Effect.gen(function*() {
    for (const user of options.users) yield* guests.join({ user, channel: "lobby" })
    if (music !== undefined) yield* (yield* guests.join({ user: "player", channel: "lobby" })).loop(music)
    if (options.json && !(yield* (yield* Stdio.Stdio).stdinIsTerminal)) {
      const stop = Effect.asVoid(Deferred.succeed(stopped, undefined))
      yield* obey(performer, { stop, gone: options.attached ? stop : Effect.void, onDefect, say })
    }
    yield* Deferred.await(stopped)
  }).pipe(Effect.scoped)
  yield* Effect.onInterrupt(work, () => end)
  const violations = yield* end
  if (options.strict && violations > 0) {
    return yield* new EmulatorFailed({ detail: `There were ${violations} violations.` })
  }
}, Effect.scoped)

/**
 * `emulator [--port N] [--tls] [--cert FILE] [--json] [--attached] [--strict] [--moderator] [--user NAME]... [--play FILE]
 * [--profile today|2022] [--habit NAME=VALUE]... [--token T] [--guild ID] [--channel ID] [--seed N]`.
 *
 * With `--json` every line on standard output is an object with an `event`. The first is `listening`: `gateway`, `rest`,
 * `voice` (a list of `endpoint` and `udp`, the latter as `address:port`), `cert` (PEM or null), `guild`, `channel`, `token` and
 * `user`; or `failed`, with a `message`. It is followed by those of {@link Report.line}, by an `answer` for each order on
 * standard input ({@link Order.Order}), and finally by `end`. Logs go to standard error.
 *
 * @category commands
 * @since 0.1.0
 */
export const emulatorCommand = Command.make(
  "emulator",
  flags,
  Effect.fnUntraced(function*(options) {
    const certFile = Option.getOrUndefined(options.cert)
    const say: Say = (line) => Console.log(options.json ? JSON.stringify(line) : Report.text(line))
    const fail = Effect.fnUntraced(function*(message: string) {
      if (options.json) yield* Console.log(Usage.failed(message))
      yield* Console.error(message)
      return yield* new EmulatorFailed({ detail: message })
    })
    if (options.attached && !options.json) {
      return yield* fail("--attached needs --json: without it, standard input is not read.")
    }
    if (certFile !== undefined && !options.tls) {
      return yield* fail("--cert needs --tls: without it, there is no certificate.")
    }
    const twice = options.users.find((name, i) => options.users.indexOf(name) !== i)
    if (twice !== undefined) return yield* fail(`--user ${twice} is given twice: give each guest a different name.`)
    if (Option.isSome(options.play) && options.users.includes("player")) {
      return yield* fail("--user player is the name of the guest of --play: choose another name.")
    }
    const habits = Habits.read(options.habits)
    if (Result.isFailure(habits)) return yield* fail(habits.failure)
    const world: Emulator.WorldOptions = {
      guilds: [{ name: "guild", id: Option.getOrUndefined(options.guild) }],
      channels: [{ name: "lobby", id: Option.getOrUndefined(options.channel) }],
      users: [{
        name: "bot",
        bot: true,
        moderator: options.moderator,
        token: Option.getOrUndefined(Option.map(options.token, Redacted.value))
      }]
    }
    const { jitter: jitterMs, latency: latencyMs, loss } = options
    const layer = Emulator.layer({
      profile: { ...Habits.usual(options.profile), ...habits.success },
      seed: options.seed,
      tls: options.tls,
      ports: { gateway: options.port },
      network: latencyMs + jitterMs + loss > 0 ? { latencyMs, jitterMs, loss } : undefined,
      world
    })
    const { attached, json, strict, users } = options
    yield* run({ json, attached, strict, users, play: Option.getOrUndefined(options.play), certFile }, say).pipe(
      Effect.provide(layer),
      Effect.catchIf((error) => error._tag !== "EmulatorFailed", ({ message }) => fail(message)),
      Effect.catchDefect((defect) =>
        fail(`The emulator is broken: ${defect instanceof Error ? defect.message : defect}`)
      ),
      Effect.provide(Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]))
    )
  })
).pipe(
  Command.withDescription("Run an emulator of Discord on this machine"),
  Command.withExamples([
    {
      command: "effect-discord-voice emulator",
      description: "Listen on free ports, print where, and report what happens"
    },
    {
      command: "effect-discord-voice emulator --tls --cert ca.pem --user guest --play song.ogg",
      description: "Use TLS, with one guest that listens and one that plays"
    },
    {
      command: "effect-discord-voice emulator --habit channelE2ee=optional",
      description: "Admit clients that cannot encrypt end to end"
    },
    {
      command: "effect-discord-voice emulator --latency 60 --jitter 40 --loss 0.05",
      description: "Simulate a bad network"
    },
    {
      command: "effect-discord-voice emulator --json --strict",
      description: "Let a program read events from stdout and write orders to stdin"
    }
  ])
)
