/**
 * Converts ticks to PCM: each participant's part is exactly 20 ms. Decoders are created for those who speak.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { channelsProblem, rateProblem } from "../codec/limits.ts"
import { type Decoder, OpusDecoder } from "../OpusDecoder.ts"
import type { UserId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Pcm from "./Pcm.ts"
import type { PcmOptions, PcmPart, PcmTick, Tick, TickPart } from "./ReceivedFrame.ts"
import * as Undecodable from "./Undecodable.ts"

const tickSamples = 960

/** After this many ticks of silence a user's decoder is freed: 10 seconds. */
const idleTicks = 500

const nothing: TickPart = { kind: "silence", frames: [], aheadSamples: 0 }

/** The maximum number of frames of a tick that are decoded: long gaps are silence by then. */
const maxChunks = 64

interface Voice {
  readonly decoder: Decoder
  readonly pcm: Pcm.PcmDecoder
  readonly scope: Scope.Closeable
  /** Decoded but not given out yet. */
  rest: Int16Array
  /** Whether something was heard in the last tick. */
  isSounding: boolean
  lastTick: number
}

const joined = (chunks: ReadonlyArray<Int16Array>): Int16Array => {
  const [only] = chunks
  if (chunks.length === 1 && only !== undefined) return only
  const out = new Int16Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += chunk.length
  }
  return out
}

/**
 * Makes a function that converts one tick after another to PCM. It belongs to the scope. Fails with `Unsupported` for a rate or
 * channels that no decoder supports, which would otherwise appear only when somebody speaks. A user for whom no decoder can be
 * created is silent; others are heard.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: PcmOptions = {},
  undecodable: Undecodable.Undecodable = Undecodable.make()
): Effect.fn.Return<
  (tick: Tick) => Effect.Effect<PcmTick>,
  VoiceError.VoiceError,
  OpusDecoder | Scope.Scope
> {
  const decoders = yield* OpusDecoder
  const outer = yield* Effect.scope
  const channels = options.channels ?? 2
  const rate = options.rate ?? 48_000
  const problem = rateProblem(rate) ?? channelsProblem(channels)
  if (problem !== undefined) {
    return yield* VoiceError.fail(new VoiceError.Unsupported({ feature: "this format for ticks", detail: problem }))
  }
  const length = tickSamples * rate / 48_000 * channels
  const voices = new Map<UserId, Voice>()
  const silent: PcmPart = { kind: "silence", pcm: new Int16Array(length) }
  const unheard: PcmPart = { ...silent, kind: "concealed" }

  const voiceOf = Effect.fnUntraced(function*(userId: UserId) {
    const known = voices.get(userId)
    if (known !== undefined) return known
    const scope = yield* Scope.fork(outer)
    const decoder = yield* decoders.make({ channels, rate }).pipe(
      Scope.provide(scope),
      Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)
    )
    const voice: Voice = {
      decoder,
      pcm: Pcm.make(decoder, undecodable.count),
      scope,
      rest: new Int16Array(0),
      isSounding: false,
      lastTick: 0
    }
    voices.set(userId, voice)
    return voice
  })

  const partOf = Effect.fnUntraced(function*(userId: UserId, part: TickPart, index: number) {
    const voice = yield* undecodable.unless(userId, voiceOf(userId))
    if (voice === undefined) {
      for (const { kind } of part.frames) if (kind === "audio") undecodable.count()
      return part.kind === "silence" ? silent : unheard
    }
    if (part.kind !== "silence" || part.frames.length > 0) voice.lastTick = index
    voice.isSounding = part.kind !== "silence"
    const chunks: Array<Int16Array> = [voice.rest]
    let concealed = part.kind === "missing"
    for (const frame of part.frames) {
      for (const { kind, pcm } of yield* voice.pcm.decode(frame)) {
        if (kind === "concealed" || kind === "recovered") concealed = true
        chunks.push(pcm)
        if (chunks.length > maxChunks) break
      }
    }
    let pcm = joined(chunks)
    // what came too late makes room for what is on time
    const kept = length + Math.round(part.aheadSamples * rate / 48_000) * channels
    if (pcm.length > kept) {
      pcm = pcm.subarray(pcm.length - kept)
      concealed = true
    }
    voice.rest = pcm.slice(length)
    if (pcm.length >= length) return { kind: concealed ? "concealed" : part.kind, pcm: pcm.slice(0, length) } as const
    const filled = new Int16Array(length)
    filled.set(pcm)
    if (part.kind === "silence") {
      const trail = yield* voice.pcm.trail(tickSamples)
      if (trail !== undefined) filled.set(trail.subarray(0, length - pcm.length), pcm.length)
      return { kind: pcm.length === 0 ? "silence" : "audio", pcm: filled } as const
    }
    const more = yield* Effect.option(voice.decoder.conceal(tickSamples))
    if (more._tag === "Some") filled.set(more.value.subarray(0, length - pcm.length), pcm.length)
    return { kind: "concealed", pcm: filled } as const
  })

  const release = Effect.fnUntraced(function*(index: number, participants: Tick["participants"]) {
    for (const [userId, voice] of voices) {
      if (participants.has(userId) && index - voice.lastTick < idleTicks) continue
      voices.delete(userId)
      yield* Scope.close(voice.scope, Exit.void)
    }
  })

  const heardOf = (userId: UserId, part: TickPart, index: number): Effect.Effect<PcmPart> =>
    Effect.map(
      partOf(userId, part, index),
      ({ kind, pcm }) => ({ kind: kind === "missing" ? "concealed" : kind, pcm })
    )

  return Effect.fnUntraced(function*(tick: Tick) {
    const parts = new Map<UserId, PcmPart>()
    for (const [userId, part] of tick.participants) {
      const voice = voices.get(userId)
      const isSilent = part.kind === "silence" && part.frames.length === 0 &&
        (voice === undefined || (voice.rest.length === 0 && !voice.isSounding))
      parts.set(userId, isSilent ? silent : yield* heardOf(userId, part, tick.index))
    }
    // a user who has left is not cut off either
    for (const [userId, { isSounding }] of voices) {
      if (isSounding && !parts.has(userId)) parts.set(userId, yield* heardOf(userId, nothing, tick.index))
    }
    yield* release(tick.index, tick.participants)
    return { ...tick, participants: parts }
  })
})
