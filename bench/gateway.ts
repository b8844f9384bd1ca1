/**
 * A main gateway that says yes to everything, in the same turn: what is measured is behind it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as Gateway from "../src/Gateway.ts"
import type { UserId } from "../src/protocol/Identifier.ts"

export const layer = ({ endpoint, userId }: { readonly endpoint: string; readonly userId: UserId }) =>
  Layer.effect(
    Gateway.Gateway,
    Effect.gen(function*() {
      const events = yield* PubSub.unbounded<Gateway.GatewayEvent>()
      return Gateway.Gateway.of({
        userId: Effect.succeed(userId),
        updateVoiceState: ({ channel_id, guild_id, self_deaf, self_mute }) =>
          Effect.sync(() => {
            PubSub.publishUnsafe(events, {
              _tag: "VoiceState",
              state: {
                guild_id,
                channel_id,
                user_id: userId,
                session_id: "session",
                deaf: false,
                mute: false,
                self_deaf,
                self_mute,
                self_video: false,
                suppress: false,
                request_to_speak_timestamp: null
              }
            })
            if (channel_id !== null) {
              PubSub.publishUnsafe(events, { _tag: "VoiceServer", server: { guild_id, token: "token", endpoint } })
            }
          }),
        subscribe: Effect.map(PubSub.subscribe(events), Stream.fromSubscription),
        lifecycle: Option.none(),
        initialVoiceState: Option.none()
      })
    })
  )
