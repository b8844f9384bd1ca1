/**
 * A log of everything that passes between a program and Discord for its voice connections, for finding out what happened: the
 * messages of the voice gateways, the messages of the main gateway that concern voice, and how many datagrams were sent and
 * received.
 *
 * The log can be shared. Tokens, keys, session ids and this machine's address are replaced by names, equal ones by the same
 * name. It contains no audio, no names of people and nothing that they write. It does contain ids of users, channels and
 * guilds, and the addresses of voice servers.
 *
 * ```ts
 * import { Voice, WireLog } from "effect-discord-voice"
 * import { Layer } from "effect"
 *
 * // beneath the layers of voice and of the main gateway, which are built within it
 * const Live = Layer.merge(Voice.layer, GatewayLive).pipe(Layer.provide(WireLog.layerFile("call.wire.jsonl")))
 * ```
 *
 * `effect-discord-voice wire call.wire.jsonl` prints a log, and points out what this library does not know. Logging also
 * works with `Voice.layerThread`, and with the emulator in memory. With the main gateway of another library
 * (`Gateway.layerAdapter` and the like), the log has only the voice connections.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { printable } from "./protocol/internal/printable.ts"
import * as LoggedEntry from "./transport/wire/Entry.ts"
import { LogFile, outputTo } from "./transport/wire/File.ts"
import { CurrentLog, type Datagrams, Log } from "./transport/wire/Log.ts"

export { DatagramKind, Entry } from "./transport/wire/Entry.ts"

/**
 * The options of a log.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * "counted": the number of datagrams of each kind, about once a second while there are any. "each": in addition, the size
   * and the header of every datagram, which is 100 lines a second while one user speaks and the bot does, too. Default
   * "counted".
   */
  readonly datagrams?: Datagrams | undefined
}

/**
 * The options of {@link layerFile}.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileOptions extends Options {
  /** The size in bytes after which the log ends, with an entry `full`. Default 64 MiB. */
  readonly maxBytes?: number | undefined
}

const defaultMaxBytes = 64 * 1024 * 1024

const warning = (detail: string, error: unknown) =>
  Effect.logWarning(`The wire log has stopped: ${detail} (${error instanceof Error ? error.message : String(error)}).`)

const makeLog = Effect.fnUntraced(function*(options: Options, write: (entry: LoggedEntry.Entry) => void) {
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const nowNanos = () => clock.monotonicTimeNanosUnsafe()
  const log = new Log({
    write,
    onFailed: (error) => void fork(warning("its `write` function threw", error)),
    datagrams: options.datagrams ?? "counted",
    nowNanos,
    originNanos: nowNanos(),
    prefix: ""
  })
  log.write({
    kind: "begin",
    at: 0,
    format: 1,
    time: new Date(clock.currentTimeMillisUnsafe()).toISOString(),
    node: process.versions.node,
    system: `${process.platform} ${process.arch}`
  })
  return log
})

/**
 * Passes each entry to `write`. It is called in the middle of a connection's work and has to return quickly. If it throws, a
 * warning is logged, and the program continues without a log.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (
  options: Options & { readonly write: (entry: LoggedEntry.Entry) => void }
): Layer.Layer<never> => Layer.effect(CurrentLog, makeLog(options, options.write))

/**
 * Writes to a file, one JSON object a line, replacing its contents. Lines are written soon after what they report, and when
 * the scope closes. It never fails: if the file cannot be written, a warning is logged, and the program continues without a
 * log.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFile = (path: string, options: FileOptions = {}): Layer.Layer<never> =>
  Layer.effect(
    CurrentLog,
    Effect.gen(function*() {
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      const warn = (error: unknown) => warning(`${printable(path)} cannot be written`, error)
      const opened = Result.try(() =>
        new LogFile(outputTo(path), options.maxBytes ?? defaultMaxBytes, (error) => void fork(warn(error)))
      )
      if (Result.isFailure(opened)) {
        yield* warn(opened.failure)
        return undefined
      }
      const file = opened.success
      yield* Scope.addFinalizer(yield* Effect.scope, Effect.sync(() => file.close()))
      return yield* makeLog(options, (entry) => file.write(entry))
    })
  )

const fromJson = Schema.decodeUnknownResult(Schema.fromJsonString(LoggedEntry.Entry))

/**
 * Reads a line of a log. Fails with a sentence that says what is wrong with it.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeLine = (line: string): Result.Result<LoggedEntry.Entry, string> =>
  Result.mapError(fromJson(line), ({ message }) => message)
