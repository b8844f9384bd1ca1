/**
 * A log of all that passes between a program and Discord for its voice connections, for whoever has to find out what happened:
 * the messages of the voice gateways, those of the main gateway that voice is made of, and how many datagrams went and came.
 *
 * It can be handed on. Tokens, keys, session ids and this machine's address are replaced by names, equal ones by the same name; there is
 * no audio in it, nor what people are called and write. Ids of users, channels and guilds are in it, and the addresses of voice servers.
 *
 * ```ts
 * import { Voice, WireLog } from "effect-discord-voice"
 * import { Layer } from "effect"
 *
 * // beneath the layers of voice and of the main gateway, which are built within it
 * const Live = Layer.merge(Voice.layer, GatewayLive).pipe(Layer.provide(WireLog.layerFile("call.wire.jsonl")))
 * ```
 *
 * `effect-discord-voice wire call.wire.jsonl` shows it, with what in it is unknown here. It is also of `Voice.layerThread`, and of the
 * emulator in memory. On somebody else's main gateway (`Gateway.layerAdapter` and the like) it has the voice connections alone.
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
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * "counted": how many datagrams of each kind there were, about once a second while there are any. "each": the size and the header of
   * every one, too, which are 100 lines a second for somebody who speaks and is heard. Default "counted".
   */
  readonly datagrams?: Datagrams | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface FileOptions extends Options {
  /** Beyond so many bytes the log ends, with an entry `full`. Default 64 MiB. */
  readonly maxBytes?: number | undefined
}

const defaultMaxBytes = 64 * 1024 * 1024

const warning = (detail: string, error: unknown) =>
  Effect.logWarning(`The wire is not logged: ${detail} (${error instanceof Error ? error.message : String(error)}).`)

const makeLog = Effect.fnUntraced(function*(options: Options, write: (entry: LoggedEntry.Entry) => void) {
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const nowNanos = () => clock.monotonicTimeNanosUnsafe()
  const log = new Log({
    write,
    onFailed: (error) => void fork(warning("what it is handed to has failed", error)),
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
 * Hands each entry to `write`, which is called in the middle of the work of a connection: it has to return soon. Where it throws, a
 * warning is logged, and the program goes on without a log.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (
  options: Options & { readonly write: (entry: LoggedEntry.Entry) => void }
): Layer.Layer<never> => Layer.effect(CurrentLog, makeLog(options, options.write))

/**
 * Writes to a file, one JSON object a line, in place of what is there. Lines are written soon behind what they tell of, and when the
 * scope closes. It never fails: where the file cannot be written, a warning is logged, and the program goes on without.
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
 * Reads a line of a log. Fails with a sentence on what is wrong with it.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeLine = (line: string): Result.Result<LoggedEntry.Entry, string> =>
  Result.mapError(fromJson(line), ({ message }) => message)
