/**
 * The beginning of bytes, as much of it as it takes to say what they are.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import * as Playlist from "../format/Playlist.ts"
import * as Probe from "../format/Probe.ts"

/**
 * At least as much as `Probe.probe` and `Playlist.isPlaylist` want to see, if there is that much, and all of the bytes again.
 *
 * @category combinators
 * @since 0.1.0
 */
export const peek = (
  bytes: ByteSource.ByteSource
): Effect.Effect<readonly [first: Uint8Array, source: ByteSource.ByteSource], VoiceError> =>
  Effect.flatMap(ByteSource.peek(bytes, Probe.probeBytes), ([first, source]) => {
    const wanted = Playlist.headBytes(first)
    return first.length < wanted ? ByteSource.peek(source, wanted) : Effect.succeed([first, source] as const)
  })
