/**
 * Joins a station again when its connection ends, according to a schedule, and continues with what it sends then. It is not
 * possible to go back, and what it sent in the meantime is gone.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { OpenSource, Tags } from "../OpenSource.ts"
import * as TagChanges from "../TagChanges.ts"
import * as HttpTrouble from "./HttpTrouble.ts"

/** An open source, and what closes it. */
interface Connection {
  readonly opened: OpenSource
  readonly scope: Scope.Closeable
}

/**
 * Failures that may pass: a station that is briefly off the air is not found, or a page says so in its place. A listener
 * without permission is told so, and does not ask again.
 */
const passing: ReadonlySet<string> = new Set([
  "Failed",
  "Truncated",
  "Corrupt",
  "NotFound",
  "Empty",
  "UnknownFormat",
  "Unsupported"
])

const isPassing = ({ reason }: VoiceError): boolean => reason._tag === "SourceFailed" && passing.has(reason.kind)

const isPart = (tags: Tags, of: Tags): boolean => Object.entries(tags).every(([name, value]) => of[name] === value)

const stepOf = (schedule: Schedule.Schedule<unknown, VoiceError>) => Schedule.toStep(schedule)

/**
 * How a source is opened the first time, and each time after that.
 *
 * @category models
 * @since 0.1.0
 */
export interface Openings {
  readonly first: Effect.Effect<OpenSource, VoiceError, Scope.Scope>
  readonly again: Effect.Effect<OpenSource, VoiceError, Scope.Scope>
}

/**
 * Opens a source. If it is live, another connection replaces it when it ends or fails, after the delays of the schedule,
 * which starts over once sound has arrived. When the schedule is over, it fails with the last reason. A source that is not
 * live is returned as it is.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (
  name: string,
  openings: Openings,
  schedule: Schedule.Schedule<unknown, VoiceError>
): Effect.Effect<OpenSource, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const outer = yield* Effect.scope
    const changes = TagChanges.make()
    let isTold = false
    /** The tags of the first connection, which are reported once there is another one. */
    let known: Tags | undefined
    const connect = (opening: Openings["first"]): Effect.Effect<Connection, VoiceError> =>
      Effect.gen(function*() {
        const scope = yield* Scope.fork(outer)
        const opened = yield* opening.pipe(
          Scope.provide(scope),
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
        )
        if (opened.live === true && opened.tagChanges !== undefined) {
          const publish = (tags: Tags) =>
            Effect.sync(() => {
              if (!isTold && known !== undefined && isPart(tags, known)) return
              isTold = true
              changes.publish(tags)
            })
          yield* Effect.forkIn(Stream.runForEach(opened.tagChanges, publish), scope, { startImmediately: true })
        }
        return { opened, scope }
      })
    let current = yield* connect(openings.first)
    const first = current.opened
    if (first.live !== true) return first

    const cut = ByteSource.failure(name, "Failed", "the connection to the station ended")
    /** The delays of the attempts since sound last arrived. */
    let step: Effect.Success<ReturnType<typeof stepOf>> | undefined

    const delayAfter = (error: VoiceError) =>
      Effect.gen(function*() {
        if (!isPassing(error) || HttpTrouble.pauseMs(error) > (yield* HttpTrouble.Patience)) return undefined
        const next = step ??= yield* stepOf(HttpTrouble.heeding(schedule, (failure: VoiceError) => failure))
        return yield* Pull.matchEffect(next(yield* Clock.currentTimeMillis, error), {
          onSuccess: ([, delay]) => Effect.succeed(delay),
          onFailure: Effect.failCause,
          onDone: () => Effect.undefined
        })
      })

    const rejoin = (why: VoiceError): Effect.Effect<void, VoiceError> =>
      Effect.gen(function*() {
        yield* Scope.close(current.scope, Exit.void)
        known = first.tags
        let error = why
        while (true) {
          const delay = yield* delayAfter(error)
          if (delay === undefined) return yield* error
          yield* Effect.logDebug(`Reconnecting to a station in ${Duration.format(delay)}: ${error.message}`)
          yield* Effect.sleep(delay)
          const next = yield* Effect.catch(connect(openings.again), (failure) =>
            Effect.sync(() => {
              error = failure
              return undefined
            }))
          if (next === undefined) continue
          current = next
          return
        }
      })

    const follow = <A>(
      pull: (opened: OpenSource) => Effect.Effect<A, VoiceError | Cause.Done>
    ): Effect.Effect<A, VoiceError> =>
      Effect.suspend(() => pull(current.opened)).pipe(
        Effect.tap(() =>
          Effect.sync(() => {
            step = undefined
          })
        ),
        Effect.catch((end) => Effect.andThen(rejoin(Cause.isDone(end) ? cut : end), follow(pull)))
      )

    const another = (format: OpenSource["format"]) =>
      ByteSource.failure(name, "Unsupported", `it was ${first.format} before and is now ${format}`)

    const tagChanges = first.tagChanges === undefined ? undefined : changes.stream
    // its first connection may declare a length, as an announcement from a file does
    const durationMs = undefined
    return first.format === "opus"
      ? {
        ...first,
        durationMs,
        tagChanges,
        pull: follow((opened) => opened.format === "opus" ? opened.pull : Effect.fail(another(opened.format)))
      }
      : {
        ...first,
        durationMs,
        tagChanges,
        pull: follow((opened) => opened.format === "pcm" ? opened.pull : Effect.fail(another(opened.format)))
      }
  })
