/**
 * The bytes of an HTTP or HTTPS URL. A connection that breaks or stalls is replaced according to a schedule, and continues at
 * the same byte: with a range if the server supports those, and otherwise by reading again up to there. The content is
 * checked to be the same.
 *
 * If the server supports ranges and says how long the content is, any position can be read, so that a seek takes just one
 * more request.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { VoiceError } from "../../VoiceError.ts"
import * as Bounds from "../Bounds.ts"
import * as ByteSource from "../ByteSource.ts"
import type { Tags } from "../OpenSource.ts"
import * as TagChanges from "../TagChanges.ts"
import * as HttpAddress from "./HttpAddress.ts"
import { type Answer, answerOf } from "./HttpAnswer.ts"
import { type FetchReader, headersOf } from "./HttpFetch.ts"
import type { Trouble } from "./HttpTrouble.ts"
import * as HttpTrouble from "./HttpTrouble.ts"
import * as HttpUrl from "./HttpUrl.ts"
import type { UrlOptions } from "./UrlOptions.ts"

export type { UrlOptions } from "./UrlOptions.ts"

/**
 * The bytes of a URL, with the URL that they came from after all redirects, and the type that the server reports.
 *
 * @category models
 * @since 0.1.0
 */
export interface HttpBytes extends ByteSource.ByteSource {
  readonly url: URL
  readonly contentType: string | undefined
  /** The tags that a station sends in its answer, and those that it sends while it plays. */
  readonly tags: Tags
  readonly tagChanges: Stream.Stream<Tags> | undefined
}

const hasFailed = "the connection failed"

const wasCut = "the connection was cut"

const noRule =
  "the option `addresses` does not apply to your own `fetch`: refuse addresses in that function, and leave the option out"

/**
 * A part of fewer bytes than this is short, unless no more was requested; the second number is how many short parts in a row
 * are too many for playback.
 */
const [shortBytes, mostShort] = [256, 100]

const isCrumbled = "the server sends only a few bytes at a time"

const isAnotherPart = "the server sent a different part than the one requested"

/**
 * The name of a source of this URL.
 *
 * @category combinators
 * @since 0.1.0
 */
export const name = (url: string | URL, options?: UrlOptions): string => {
  const parsed = HttpUrl.parse(url)
  return options?.name ?? (parsed === undefined ? "url" : HttpUrl.nameOf(parsed))
}

/**
 * Connects, according to the schedule `opening` if that differs from `reconnect`; the scope closes what is open.
 *
 * Fails with `Unsupported` for another scheme and for invalid options, with `AddressRefused` because of the option
 * `addresses`, with `NotFound` for 404 and 410, with `Unreadable` for 401 and 403, and with `Failed` for other answers, when
 * the schedule has ended, and when the content has changed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (
  url: string | URL,
  options: UrlOptions = {},
  opening?: Schedule.Schedule<unknown, unknown>
): Effect.Effect<HttpBytes, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const source = name(url, options)
    const parsed = HttpUrl.parse(url)
    if (parsed === undefined) {
      return yield* ByteSource.failure(source, "Unsupported", "it is not an http or https URL")
    }
    const { addresses, fetch: own } = options
    if (own !== undefined && HttpAddress.isRule(addresses)) {
      return yield* ByteSource.failure(source, "Unsupported", noRule)
    }
    const ask = own ?? HttpAddress.fetchOf(addresses)
    const { authorization, target } = HttpUrl.split(parsed)
    const stallMs = yield* Bounds.positive(
      yield* Bounds.patience(options.stallTimeout ?? "10 seconds", "a stall timeout"),
      "a stall timeout"
    )
    const schedule = options.reconnect ?? HttpTrouble.defaultReconnect
    const failed = (retry: boolean) => (detail: string, cause?: unknown): Trouble => ({
      retry,
      error: ByteSource.failure(source, "Failed", detail, { cause })
    })
    const [trouble, fatal] = [failed(true), failed(false)]
    const refused: Trouble = {
      retry: false,
      error: ByteSource.failure(source, "AddressRefused", HttpAddress.refusal)
    }

    // another connection to the station may have reported a title that is over
    const changes = TagChanges.make("unknown")
    let known: Answer | undefined
    let current: Answer | undefined
    let position = 0
    let ended = false
    let isLive = false
    /** The number of successive short parts. */
    let short = 0
    const isEnoughOf = (isShort: boolean): boolean => (short = isShort ? short + 1 : 0) > mostShort
    /** The rest of a piece of which a part was read before. */
    let leftover: Uint8Array | undefined

    const isInVain = (cause: unknown): boolean =>
      HttpTrouble.isOfRequest(cause) || (known === undefined && HttpTrouble.isOfServer(cause))

    /** Limits an effect to the time that an answer or the next bytes may take. */
    const patiently = <A>(
      run: (signal: AbortSignal) => Promise<A>,
      what: string
    ): Effect.Effect<A, Trouble> =>
      Effect.tryPromise({
        try: run,
        catch: (cause): Trouble =>
          HttpAddress.isRefused(cause) ? refused : ({
            ...(options.fetch === undefined && isInVain(cause) ? fatal : trouble)(
              `${what}: ${HttpTrouble.reasonOf(cause)}`,
              HttpTrouble.causeOf(cause)
            ),
            isRefusal: HttpTrouble.isNobody(cause)
          })
      }).pipe(
        Effect.timeoutOrElse({
          duration: stallMs,
          orElse: () => Effect.fail(trouble(`the server has sent nothing for ${(stallMs / 1000).toFixed(1)} s`))
        })
      )

    const request = (start: number, end: number | undefined): Effect.Effect<Answer, Trouble> =>
      Effect.gen(function*() {
        const controller = new AbortController()
        // only stations have metadata, and the first answer says whether this is one
        const metadata = options.live !== false && (known === undefined || known.sound !== undefined)
        const wanted = { headers: options.headers, authorization, start, end, metadata, validator: known?.validator }
        const headers = yield* Effect.try({
          try: () => headersOf(wanted),
          catch: (cause) => fatal(`${hasFailed}: ${HttpTrouble.reasonOf(cause)}`)
        })
        const response = yield* patiently((signal) => {
          signal.addEventListener("abort", () => controller.abort(), { once: true })
          return ask(target.href, { headers, signal: controller.signal, redirect: "follow" })
        }, hasFailed)
        // a body that someone else reads already, or that does not follow the Fetch Standard, would fail in the same way next
        // time
        const body = yield* Effect.try({
          try: (): FetchReader | undefined => response.body?.getReader(),
          catch: (cause) => fatal(`its response cannot be read: ${HttpTrouble.reasonOf(cause)}`)
        })
        const abort = () => {
          controller.abort()
          // a rejection of an aborted body means nothing
          body?.cancel().catch(() => undefined)
        }
        if (response.status !== 200 && response.status !== 206 && response.status !== 416) {
          abort()
          const [nowMs, patienceMs] = [yield* Clock.currentTimeMillis, yield* HttpTrouble.Patience]
          return yield* Effect.fail(HttpTrouble.statusFailure(source, response, nowMs, patienceMs))
        }
        const answer = answerOf(response, { body, abort, onTags: changes.publish })
        if (answer !== undefined) return answer
        abort()
        return yield* Effect.fail(fatal("the server answered 206 without saying which part it sent"))
      })

    /** Says what makes an answer different from the one before. */
    const changed = (answer: Answer): string | undefined => {
      if (known === undefined) return undefined
      // a part that was sent because the validator matches need not repeat it (RFC 9110, 15.3.7)
      const isVouched = answer.status === 206 && answer.start > 0 && answer.validator === undefined
      if (
        known.validator !== undefined && answer.validator !== known.validator && !isVouched
      ) return "the content has changed on the server"
      if (known.size !== undefined && answer.size !== undefined && answer.size !== known.size) {
        return `the content has changed on the server: it now has ${answer.size} bytes instead of ${known.size}`
      }
      return undefined
    }

    const read = (answer: Answer): Effect.Effect<Uint8Array | undefined, Trouble> =>
      answer.body === undefined
        ? Effect.undefined
        : Effect.map(
          patiently(() => answer.body?.read() ?? Promise.reject(new Error("no body")), wasCut),
          (result) => result.done ? undefined : answer.sound?.(result.value) ?? result.value
        )

    const close = (): void => {
      current?.abort()
      current = undefined
    }

    /** Reads up to a position in an answer that begins before it, as without ranges, and returns the bytes after it. */
    const skipTo = (answer: Answer, place: number): Effect.Effect<Uint8Array | undefined, Trouble> =>
      Effect.gen(function*() {
        for (let skip = place - answer.start; skip > 0;) {
          const bytes = yield* read(answer)
          if (bytes === undefined) return yield* Effect.fail(trouble(wasCut))
          if (bytes.length > skip) return bytes.subarray(skip)
          skip -= bytes.length
        }
        return undefined
      })

    /** Connects so that the next bytes are those at `position`. */
    const connect: Effect.Effect<Answer, Trouble> = Effect.gen(function*() {
      const answer = yield* request(known?.isEncoded === true ? 0 : position, undefined)
      current = answer
      if (answer.status === 416) {
        // there is nothing after the last byte, and empty content has no first byte
        if (known?.size === undefined || position >= known.size) return answer
        return yield* Effect.fail(fatal("the server no longer has the remaining bytes"))
      }
      const why = changed(answer)
      if (why !== undefined) return yield* Effect.fail(fatal(why))
      const isOver = known?.size !== undefined && position >= known.size
      // a part that ends before that would be requested over and over again
      if (answer.start > position || (answer.end !== undefined && answer.end <= position && !isOver)) {
        return yield* Effect.fail(fatal(isAnotherPart))
      }
      leftover = yield* skipTo(answer, position)
      return answer
    })

    /** Reads the next bytes of the current connection, or of a new one. */
    const attempt: Effect.Effect<Uint8Array | undefined, Trouble> = Effect.gen(
      function*(): Effect.fn.Return<Uint8Array | undefined, Trouble> {
        const answer = current ?? (yield* connect)
        if (leftover !== undefined) {
          const bytes = leftover
          leftover = undefined
          return bytes
        }
        if (answer.status === 416) return undefined
        const bytes = yield* read(answer)
        if (bytes !== undefined) return bytes
        const size = known?.size
        const isMissing = size !== undefined && position < size
        // a server may send less than requested, and say so; it need not say how much it has
        if (position === answer.end && answer.end > answer.start && (isMissing || size === undefined)) {
          close()
          if (isEnoughOf(answer.end - answer.start < shortBytes)) return yield* Effect.fail(fatal(isCrumbled))
          return yield* attempt
        }
        return isMissing
          ? yield* Effect.fail(trouble(`the connection was cut at byte ${position} of ${size}`))
          : undefined
      }
    ).pipe(Effect.tapError(() => Effect.sync(close)))

    const tell = Effect.fnUntraced(function*({ error }: Trouble) {
      const witness = yield* HttpTrouble.Witness
      witness(error)
    })

    const isEnough = HttpTrouble.patience()
    const isVain = ({ isRefusal }: Trouble): boolean => isRefusal === true && known === undefined

    const patient = <A>(effect: Effect.Effect<A, Trouble>, by = schedule): Effect.Effect<A, VoiceError> =>
      Effect.tapError(effect, tell).pipe(
        Effect.retry({
          schedule: HttpTrouble.heeding(by, ({ error }: Trouble) => error),
          // what a station sent in the meantime is gone: its caller opens it again to hear what it sends now
          while: (failure: Trouble) =>
            failure.retry && !isLive && !(by === HttpTrouble.defaultReconnect && isEnough(isVain(failure)))
        }),
        Effect.mapError((failure) => {
          if (failure.retry) HttpTrouble.passing.add(failure.error)
          if (isVain(failure)) HttpTrouble.vain.add(failure.error)
          return failure.error
        })
      )

    yield* Effect.addFinalizer(() => Effect.sync(close))

    const firstAnswer = yield* patient(connect.pipe(Effect.tapError(() => Effect.sync(close))), opening)
    isLive = options.live ?? firstAnswer.live
    known = firstAnswer

    const next: ByteSource.ByteSource["next"] = Effect.gen(function*() {
      if (ended) return undefined
      while (true) {
        const bytes = yield* patient(attempt)
        if (bytes === undefined) {
          ended = true
          return undefined
        }
        position += bytes.length
        if (bytes.length > 0) return bytes
      }
    })

    const seek = (offset: number): Effect.Effect<void> =>
      Effect.sync(() => {
        if (offset === position && !ended) return
        close()
        leftover = undefined
        position = offset
        ended = known?.size !== undefined && offset >= known.size
      })

    /** Reads the beginning of a part with a request of its own: as much as arrives, or nothing at the end. */
    const readPiece = (start: number, end: number): Effect.Effect<ReadonlyArray<Uint8Array>, Trouble> =>
      Effect.gen(function*() {
        const answer = yield* request(start, end)
        const parts: Array<Uint8Array> = []
        let size = 0
        const gather = Effect.gen(function*() {
          if (answer.status === 416) return
          const why = changed(answer)
          if (why !== undefined) return yield* Effect.fail(fatal(why))
          if (answer.start > start) {
            return yield* Effect.fail(fatal(isAnotherPart))
          }
          const rest = yield* skipTo(answer, start)
          if (rest !== undefined) parts.push(rest)
          size = rest?.length ?? 0
          while (size < end - start) {
            const bytes = yield* Effect.catch(
              read(answer),
              (failure) => size === 0 ? Effect.fail(failure) : Effect.undefined
            )
            if (bytes === undefined) {
              break
            }
            parts.push(bytes)
            size += bytes.length
          }
          if (size === 0) {
            return yield* Effect.fail(trouble(wasCut))
          }
          if (isEnoughOf(size < Math.min(shortBytes, end - start))) return yield* Effect.fail(fatal(isCrumbled))
        })
        yield* Effect.ensuring(gather, Effect.sync(answer.abort))
        return parts
      })

    /** Reads one part, with as many requests as the server needs. */
    const readPart = (start: number, end: number): Effect.Effect<Uint8Array, VoiceError> =>
      Effect.gen(function*() {
        const parts: Array<Uint8Array> = []
        let at = start
        while (at < end) {
          const pieces = yield* patient(readPiece(at, end))
          if (pieces.length === 0) {
            break
          }
          parts.push(...pieces)
          at += pieces.reduce((sum, { length }) => sum + length, 0)
        }
        return new Uint8Array(Buffer.concat(parts)).subarray(0, Math.max(0, end - start))
      })

    const { ranges, size } = firstAnswer
    const random = ranges && size !== undefined && !isLive
      ? { size, read: (start: number, end: number) => readPart(Math.max(0, start), Math.min(size, end)) }
      : undefined
    return {
      name: source,
      next,
      random,
      seek: random === undefined ? undefined : seek,
      live: isLive,
      url: HttpUrl.reached(parsed, firstAnswer.from),
      contentType: firstAnswer.type,
      tags: firstAnswer.tags,
      tagChanges: firstAnswer.sound === undefined ? undefined : changes.stream
    }
  })
