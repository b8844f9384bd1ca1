/**
 * The state of a session, as data that holds what is valid in that state.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ChannelId } from "../protocol/Identifier.ts"
import { VoiceError } from "../VoiceError.ts"

/**
 * The state of a session.
 *
 * - `Joining`: the main gateway was asked for a place in the channel.
 * - `Connecting`: the voice server is known and the handshake is under way.
 * - `Ready`: audio flows.
 * - `Resuming`: the WebSocket was lost and is being resumed; audio still flows.
 * - `Reconnecting`: the connection is lost, and the session asks for a place again in `delayMs`; what plays is held.
 * - `AwaitingServer`: the session waits for the main gateway, or for another voice server; what plays is held.
 * - `Closed`: the session is over; there is no error if it left.
 *
 * @category schemas
 * @since 0.1.0
 */
export const State = Schema.TaggedUnion({
  Joining: { channelId: ChannelId },
  Connecting: { endpoint: Schema.String, channelId: ChannelId },
  Ready: {
    endpoint: Schema.String,
    channelId: ChannelId,
    ssrc: Schema.Int,
    mode: Schema.String,
    version: Schema.Int
  },
  Resuming: { endpoint: Schema.String, channelId: ChannelId, error: VoiceError },
  Reconnecting: { attempt: Schema.Int, delayMs: Schema.Finite, error: VoiceError },
  AwaitingServer: {},
  Closed: { error: Schema.optionalKey(VoiceError) }
})

/**
 * @category models
 * @since 0.1.0
 */
export type State = typeof State.Type
