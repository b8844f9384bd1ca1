/**
 * Reads the beginning of bytes, as much of it as is needed to recognize their format.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import * as Playlist from "../format/Playlist.ts"
import * as Probe from "../format/Probe.ts"

/**
 * Reads at least as much as `Probe.probe` and `Playlist.isPlaylist` need, if there is that much, and returns a source that
 * still has all bytes.
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
