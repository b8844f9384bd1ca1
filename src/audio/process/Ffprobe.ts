/**
 * Asks ffprobe, which comes with ffmpeg, about a file or a URL: how long it is, and its tags. It runs while ffmpeg starts.
 * What it does not say is unknown; nothing fails because of it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs/promises"
import type { VoiceError } from "../../VoiceError.ts"
import * as Tags from "../format/Tags.ts"
import type { OpenPcm, Tags as SourceTags } from "../OpenSource.ts"
import * as ChildProcess from "./ChildProcess.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Facts {
  readonly durationMs: number | undefined
  readonly tags: SourceTags
}

/**
 * What to ask: the program, its input, and how to read that.
 *
 * @category models
 * @since 0.1.0
 */
export interface Question {
  readonly command: string
  readonly inputArgs: ReadonlyArray<string>
  readonly input: string
  /** The environment. Default: the variables of this process. */
  readonly env?: ChildProcess.Command["env"]
}

/**
 * One question, which is answered once for all openings of a source.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inquiry {
  readonly known: () => Facts | undefined
  readonly ask: Effect.Effect<Facts>
}

/** It reads no more of the input than necessary, but a server may keep it waiting. */
const timeoutMs = 10_000

/** How long the first sound waits for the answer, in milliseconds: both arrive at about the same time. */
const graceMs = 250

/** How long to wait if there is no sound either. */
const patienceMs = 2_000

const maxAnswer = 256 * 1024

const nothing: Facts = { durationMs: undefined, tags: {} }

const Part = Schema.Struct({
  duration: Schema.optionalKey(Schema.String),
  tags: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
})

const Answer = Schema.Struct({
  streams: Schema.optionalKey(Schema.Array(Part)),
  format: Schema.optionalKey(Part)
})

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Answer))

/** Tag names in ffmpeg that differ from those of Vorbis comments, and tags that describe the container. */
const names: { readonly [name: string]: string | undefined } = {
  album_artist: "albumartist",
  track: "tracknumber",
  disc: "discnumber",
  major_brand: undefined,
  minor_version: undefined,
  compatible_brands: undefined,
  handler_name: undefined,
  vendor_id: undefined,
  duration: undefined
}

const addTags = (into: Tags.MutableTags, tags: Readonly<Record<string, unknown>> = {}): void => {
  for (const [key, value] of Object.entries(tags)) {
    const name = key.toLowerCase()
    const known = Object.hasOwn(names, name) ? names[name] : name
    // "und" is an unspecified language
    if (known !== undefined && typeof value === "string" && value !== "und") Tags.add(into, known, value)
  }
}

const millis = (seconds: string | undefined): number | undefined => {
  const ms = Math.round(Number(seconds ?? "NaN") * 1_000_000) / 1000
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}

/**
 * Reads an answer; empty if it is invalid.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (json: string): Facts =>
  Option.match(decode(json), {
    onNone: () => nothing,
    onSome: ({ format, streams }) => {
      const tags: Tags.MutableTags = {}
      addTags(tags, format?.tags)
      addTags(tags, streams?.[0]?.tags)
      return { durationMs: millis(streams?.[0]?.duration) ?? millis(format?.duration), tags }
    }
  })

/** Whether an input is a file that can be read twice, or a URL: a device or a pipe has one reader. */
const isReadable = (input: string): Effect.Effect<boolean> =>
  /^https?:\/\//i.test(input)
    ? Effect.succeed(true)
    : Effect.promise(() => Fs.stat(input).then((stats) => stats.isFile(), () => false))

const answer = ({ command, env, input, inputArgs }: Question): Effect.Effect<Facts, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    if (!(yield* isReadable(input))) return nothing
    const args = [
      "-hide_banner",
      "-v",
      "warning",
      "-show_format",
      "-show_streams",
      "-select_streams",
      "a:0",
      "-of",
      "json",
      // it says nothing about the sound, and ffprobe does not know it; other options that it refuses change what is heard
      ...inputArgs.filter((arg) => arg !== "-re"),
      "-i",
      input
    ]
    let said = ""
    const bytes = yield* ChildProcess.open({ command, args, env, killAfterMs: 500 }, "ffprobe", {
      onSaid: (text) => {
        said = text
      }
    })
    const parts: Array<Uint8Array> = []
    let size = 0
    for (let part = yield* bytes.next; part !== undefined; part = yield* bytes.next) {
      parts.push(part)
      size += part.length
      if (size > maxAnswer) return nothing
    }
    const facts = read(new TextDecoder().decode(Buffer.concat(parts)))
    return /estimating duration/i.test(said) ? { ...facts, durationMs: undefined } : facts
  })

/**
 * Asks at the first opening, and not again once there was an answer, or none was available. `undefined` asks nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (question: Question | undefined): Inquiry => {
  let facts: Facts | undefined = question === undefined ? nothing : undefined
  const ask = question === undefined ?
    Effect.succeed(nothing) :
    Effect.suspend(() =>
      facts !== undefined ? Effect.succeed(facts) : Effect.scoped(answer(question)).pipe(
        Effect.orElseSucceed(() => nothing),
        Effect.tap((found) =>
          Effect.sync(() => {
            facts = found
          })
        ),
        Effect.timeoutOrElse({ duration: timeoutMs, orElse: () => Effect.succeed(nothing) })
      )
    )
  return { known: () => facts, ask }
}

/**
 * The same inquiry without the duration, for a source whose length is changed.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withoutDuration = ({ ask, known }: Inquiry): Inquiry => {
  const without = (facts: Facts): Facts => ({ ...facts, durationMs: undefined })
  return {
    known: () => {
      const facts = known()
      return facts === undefined ? undefined : without(facts)
    },
    ask: Effect.map(ask, without)
  }
}

/**
 * Opens a source while the question is asked, and adds the answer if it arrives by its first sound, or a moment later.
 *
 * @category combinators
 * @since 0.1.0
 */
export const told = (
  opening: Effect.Effect<OpenPcm, VoiceError, Scope.Scope>,
  { ask, known }: Inquiry
): Effect.Effect<OpenPcm, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const before = known()
    if (before !== undefined) return { ...(yield* opening), ...before }
    const asking = yield* Effect.forkScoped(ask, { startImmediately: true })
    const opened = yield* opening
    let first: Fiber.Fiber<Effect.Success<OpenPcm["pull"]>, Effect.Error<OpenPcm["pull"]>> | undefined = yield* Effect
      .forkScoped(opened.pull, { startImmediately: true })
    const sounding = Fiber.await(first).pipe(Effect.andThen(Effect.sleep(graceMs)), Effect.as(nothing))
    const facts = yield* Effect.raceFirst(Fiber.join(asking), sounding).pipe(
      Effect.timeoutOrElse({ duration: patienceMs, orElse: () => Effect.succeed(nothing) })
    )
    const { pull, seek } = opened
    return {
      ...opened,
      ...facts,
      pull: Effect.suspend(() => {
        if (first === undefined) return pull
        return Effect.tap(Fiber.join(first), () =>
          Effect.sync(() => {
            first = undefined
          }))
      }),
      seek: seek === undefined ? undefined : (positionMs: number) =>
        Effect.suspend(() => {
          const reading = first
          first = undefined
          return Effect.andThen(reading === undefined ? Effect.void : Fiber.interrupt(reading), seek(positionMs))
        })
    }
  })
