/**
 * The bot's part in a stage (Discord docs, Voice Resource, Modify Current User Voice State).
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { printable } from "../protocol/internal/printable.ts"
import * as VoiceError from "../VoiceError.ts"
import type * as Rest from "./Rest.ts"
import type { StageRequest } from "./Service.ts"

const failed = (detail: string) => VoiceError.make(new VoiceError.GatewayFailed({ detail }))

const reasonIn = (body: unknown) =>
  Predicate.hasProperty(body, "message") && typeof body.message === "string" ? `: ${printable(body.message)}` : ""

/**
 * Asks Discord for a part in a stage. Fails with `GatewayFailed` in Discord's words, or if the request could not be sent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const set = Effect.fnUntraced(function*(options: {
  readonly patch: (path: string, body: unknown) => Effect.Effect<Rest.Answer, string>
  readonly request: StageRequest
}): Effect.fn.Return<void, VoiceError.VoiceError> {
  const { patch, request: { channelId, guildId, part } } = options
  // a bot that speaks, or is moved to the audience, no longer asks to speak
  const asksAt = part === "request" ? DateTime.formatIso(yield* DateTime.now) : null
  const { body, status } = yield* Effect.mapError(
    patch(`/guilds/${guildId}/voice-states/@me`, {
      channel_id: channelId,
      ...(part === "request" ? {} : { suppress: part === "audience" }),
      request_to_speak_timestamp: asksAt
    }),
    (detail) => failed(`the request to change the bot's part in the stage could not be sent: ${detail}`)
  )
  if (status >= 300) {
    return yield* failed(`Discord refused to change the bot's part in the stage (${status})${reasonIn(body)}`)
  }
})
