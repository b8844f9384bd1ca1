/**
 * Decodes what users said, in the order in which it was placed, for the files of a recording that do not contain the received
 * Opus.
 *
 * All times are in samples at 48 kHz after the start of the recording.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Decoder, OpusDecoder } from "../../OpusDecoder.ts"
import type { UserId } from "../../protocol/Identifier.ts"
import type { Placed } from "./Book.ts"
import { preSkip } from "./UserFile.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Decoding {
  readonly place: (placed: Placed) => void
  /** Decodes what was placed. Frees the decoders of users who have said nothing for a while before `settled`. */
  readonly advance: (settled: number) => Effect.Effect<void>
  /** The packets that no decoder accepted. */
  readonly undecodable: () => number
}

/** How long the decoder of a silent user is kept. */
const idle = 10 * 48_000

interface Voice {
  readonly decoder: Decoder
  readonly scope: Scope.Closeable
  /** The end of what was decoded last. */
  until: number
}

/**
 * Decoders belong to the scope. `onSound` is called with interleaved stereo and its place.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  decoders: OpusDecoder["Service"],
  onSound: (userId: UserId, pcm: Int16Array, at: number) => void
): Effect.fn.Return<Decoding, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const voices = new Map<UserId, Voice>()
  /** Users whose decoder has not been given the silence after the sound, which fades it out. */
  const sounding = new Set<UserId>()
  let placed: Array<Placed> = []
  let undecodable = 0

  const voiceOf = Effect.fnUntraced(function*(userId: UserId) {
    const known = voices.get(userId)
    if (known !== undefined) return known
    const own = yield* Scope.fork(scope)
    const decoder = yield* decoders.make({ channels: 2 }).pipe(
      Scope.provide(own),
      Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void)
    )
    const voice: Voice = { decoder, scope: own, until: 0 }
    voices.set(userId, voice)
    return voice
  })

  /** A long recording may have more users than there can be decoders. */
  const freeIdle = (settled: number) =>
    Effect.suspend(() => {
      const gone: Array<Scope.Closeable> = []
      for (const [userId, { scope: own, until }] of voices) {
        if (settled - until <= idle) continue
        voices.delete(userId)
        gone.push(own)
      }
      return Effect.forEach(gone, (own) => Scope.close(own, Exit.void), { discard: true })
    })

  const add = Effect.fnUntraced(function*({ at, data, samples, userId }: Placed) {
    // a user for whom no decoder can be created is missing here, but not in an Opus file
    const voice = yield* Effect.option(voiceOf(userId))
    if (voice._tag === "None") {
      undecodable++
      return
    }
    voice.value.until = at + samples
    const pcm = yield* Effect.option(voice.value.decoder.decode(data))
    // a decoder delays sound by its look-ahead, which the files skip
    if (pcm._tag === "Some") onSound(userId, pcm.value, at - preSkip)
    else undecodable++
  })

  const addAll = Effect.suspend(() => {
    const all = placed
    placed = []
    return Effect.forEach(all, add, { discard: true })
  })

  return {
    place: (packet) => {
      if (packet.sound) sounding.add(packet.userId)
      else if (!sounding.delete(packet.userId)) return
      placed.push(packet)
    },
    advance: (settled) => Effect.andThen(addAll, freeIdle(settled)),
    undecodable: () => undecodable
  }
})
